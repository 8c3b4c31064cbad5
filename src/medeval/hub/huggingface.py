"""What a hub says of a file: commit, size, hash and address. The only door to huggingface_hub's requests."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # exported lazily

from medeval import __version__
from medeval.errors import MedevalError
from medeval.hub import retry
from medeval.hub.redaction import Redacting, redact
from medeval.hub.refusals import page, refusal
from medeval.hub.retry import Attempts, Patience
from medeval.hub.verify import Facts
from medeval.run.sources import HubSource, describe

_ETAG = re.compile(r"[0-9A-Za-z_-]{8,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

# These log addresses, and a CDN's address carries a signature; huggingface_hub does so with HF_DEBUG only.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)
for _name in ("huggingface_hub.utils._http", "huggingface_hub.file_download"):
    logging.getLogger(_name).addFilter(Redacting())


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Args:
        facts: Commit, size and SHA-256; the last is known for the large files (LFS) of a hub.
        etag: Name of its bytes in the cache: SHA-256 of a large file, git hash of a small one.
        url: Address that serves its bytes.
        headers: Headers of a request for them, with the access token if there is one.
    """

    facts: Facts
    etag: str
    url: str
    headers: Mapping[str, str]

    @property
    def authorized(self) -> bool:
        """Whether an access token goes with the request."""
        return "authorization" in {name.lower() for name in self.headers}


def look_up(
    source: HubSource, *, endpoint: str | None = None, patience: Patience | None = None, moving: str | None = None
) -> Remote:
    """Ask a hub what it says of a file, without downloading it.

    Args:
        source: The file.
        endpoint: A hub other than the one that HF_ENDPOINT or the default names; it is sent no access token.
        patience: How failures are met.
        moving: A branch to read at its present commit, instead of the source's revision; for `medeval lock`.

    Raises:
        MedevalError: The hub refuses, has no such file, or cannot be reached.
    """
    url = hf_hub_url(
        source.repo, source.file, repo_type=source.kind, revision=moving or source.revision, endpoint=endpoint
    )
    headers = build_hf_headers(
        token=False if endpoint else None, library_name="medeval", library_version=__version__
    ) | {"Accept-Encoding": "identity"}
    authorized = "authorization" in headers
    attempts = Attempts(describe(source), patience or retry.PATIENCE)
    with answers(source, token=authorized):
        # Without `headers` the client would send the machine's own token to a mirror too.
        metadata = attempts.until_answered(
            lambda: get_hf_file_metadata(url, token=False, headers=headers, endpoint=endpoint)
        )
    if metadata.commit_hash is None or metadata.etag is None or not _ETAG.fullmatch(metadata.etag):
        raise MedevalError(
            f"{describe(source)}: {url} answers without a commit or an ETag, so it is no hub",
            "Correct HF_ENDPOINT or `hub.mirror`; a proxy between here and the hub may also remove headers.",
        )
    sha256 = metadata.etag if _SHA256.fullmatch(metadata.etag) else None
    return Remote(Facts(metadata.commit_hash, metadata.size, sha256), metadata.etag, url, headers)


@contextmanager
def answers(source: HubSource, *, token: bool) -> Iterator[None]:
    """Turn what huggingface_hub raises into errors that a user can act on, free of tokens and addresses.

    Raises:
        MedevalError: The hub refused, or cannot be reached.
    """
    try:
        yield
    except HfHubHTTPError as error:
        raise refusal(error, source, token=token) from None  # the cause would print signed addresses
    except OfflineModeIsEnabled:
        raise MedevalError(
            f"{describe(source)}: huggingface_hub is set to offline mode and the file is not in its cache",
            "Unset HF_HUB_OFFLINE, or read from a mirror (docs/run/air-gapped.md).",
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise MedevalError(
            f"{describe(source)}: the request failed: {redact(str(error)) or type(error).__name__}",
            f"Check the network and proxy settings and look at {page(source)}, then run the same command again.",
        ) from None
