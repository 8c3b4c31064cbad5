"""What a hub's refusals mean to a user: which page to visit and which command to run."""

import os

from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RemoteEntryNotFoundError, RevisionNotFoundError

from medeval.errors import MedevalError
from medeval.hub.redaction import redact
from medeval.run.sources import HubSource, describe


def refusal(error: HfHubHTTPError, source: HubSource, *, token: bool) -> MedevalError:
    """Return the error that a user sees for a reply that will not get better by asking again.

    Args:
        error: The hub's reply.
        source: The file that was asked for.
        token: Whether an access token went with the request.
    """
    status = error.response.status_code
    # A refused token comes first: it gives 401 whatever is asked for, and hides every other reason.
    if status == 401 and token:
        return _token_refused(source)
    if isinstance(error, GatedRepoError):
        return _not_accepted(error, source) if token else _no_token(source)
    if status == 403:
        return _no_permission(error, source)
    if isinstance(error, RevisionNotFoundError):
        return MedevalError(
            f"{describe(source)}: the revision differs: the repository has no such commit (any more)",
            f"Compare it with {page(source)}/commits/main; if the history was rewritten, review what changed"
            " and run `medeval lock CONFIG --update`.",
        )
    if isinstance(error, RemoteEntryNotFoundError):
        return MedevalError(
            f"{describe(source)}: this commit has no such file",
            f"Compare `file` with {page(source)}/tree/{source.revision or 'main'}.",
        )
    if status in (401, 404):
        return MedevalError(
            f"{describe(source)}: the hub has no such {source.kind} repository, or it is private",
            f"Compare `repo` and `kind` with {page(source)}; for a private one run `hf auth login` first.",
        )
    return MedevalError(
        f"{describe(source)}: the hub answered {status} {_said(error)}".rstrip(),
        f"Look at {page(source)}, then run the same command again.",
    )


def page(source: HubSource) -> str:
    """Return the address of the repository's page."""
    prefix = "datasets/" if source.kind == "dataset" else ""
    return f"{constants.ENDPOINT}/{prefix}{source.repo}"


def _no_token(source: HubSource) -> MedevalError:
    return MedevalError(
        f"{describe(source)}: the repository is gated, and this machine has no access token",
        f"Accept the terms on {page(source)}, make a token on {_tokens_page()}, run `hf auth login`,"
        " then run the same command again.",
    )


def _not_accepted(error: HfHubHTTPError, source: HubSource) -> MedevalError:
    return MedevalError(
        f"{describe(source)}: the repository is gated, and the account of this machine's token"
        f" has not been given access {_said(error)}".rstrip(),
        f"Accept the terms on {page(source)} with the account that `hf auth whoami` names,"
        " then run the same command again.",
    )


def _token_refused(source: HubSource) -> MedevalError:
    command = "run `hf auth login --force`"
    if os.environ.get("HF_TOKEN"):
        command = "run `unset HF_TOKEN` and `hf auth login`, or put the new token into HF_TOKEN"
    return MedevalError(
        f"{describe(source)}: the hub does not accept this machine's access token: it is invalid, expired or revoked",
        f"Make a new token on {_tokens_page()}, {command}, then run the same command again.",
    )


def _no_permission(error: HfHubHTTPError, source: HubSource) -> MedevalError:
    return MedevalError(
        f"{describe(source)}: the access token may not read this repository {_said(error)}".rstrip(),
        f"Allow the token to read it (for a fine-grained token: public gated repositories) on {_tokens_page()},"
        " then run the same command again.",
    )


def _said(error: HfHubHTTPError) -> str:
    message = error.response.headers.get("X-Error-Message")
    return f'("{redact(message)}")' if message else ""


def _tokens_page() -> str:
    return f"{constants.ENDPOINT}/settings/tokens"
