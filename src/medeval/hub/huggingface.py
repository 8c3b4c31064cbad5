"""The only place that calls huggingface_hub: it demands a commit."""

from pathlib import Path

from medeval.config.sources import HubSource, describe
from medeval.errors import MedevalError


def download_from_hub(source: HubSource) -> Path:
    """Download one file of a repository at its pinned commit and return its path in the hub's cache.

    huggingface_hub resumes interrupted downloads and shows their progress.

    Raises:
        MedevalError: The source has no commit, or the hub refuses or cannot be reached.
    """
    if source.revision is None:
        raise MedevalError(
            f"{describe(source)}: no revision is pinned",
            f"Set `revision` to a commit of {source.repo}; its page lists them under Files and versions.",
        )
    from huggingface_hub import hf_hub_download  # noqa: TID251 - this is the wrapper
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        path = hf_hub_download(source.repo, source.file, repo_type=source.kind, revision=source.revision)
    except GatedRepoError as error:
        raise MedevalError(
            f"{describe(source)}: the repository is gated and this machine has no access",
            f"Accept its terms on https://huggingface.co/{source.repo}, then run `hf auth login`.",
        ) from error
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        raise MedevalError(
            f"{describe(source)}: the hub has no such repository, revision or file",
            "Compare the repository, revision and file with the repository's page.",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise MedevalError(
            f"{describe(source)}: the download failed: {error}",
            "Check the network and run the same command again; it resumes where it stopped.",
        ) from error
    return Path(path)
