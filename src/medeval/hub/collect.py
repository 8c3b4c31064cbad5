"""Make a mirror: everything of a run that comes from the hub or the package index, in one folder."""

import logging
from functools import partial
from pathlib import Path

from medeval.hub.download import download, require_revision
from medeval.hub.huggingface import look_up
from medeval.hub.mirror import CHECKSUMS, mirrored_path, read_checksums
from medeval.hub.pypi import download_from_pypi
from medeval.hub.retry import Patience
from medeval.hub.verify import Facts, require_same
from medeval.records.files import atomic_path, sha256_file
from medeval.run.config import RunConfig
from medeval.run.sources import FileSource, HubSource, PypiSource, describe

log = logging.getLogger(__name__)


def collect(run: RunConfig, out: Path, patience: Patience | None = None) -> list[str]:
    """Bring every hub file of a run into `out`, laid out as the hub's own cache, and its packages' files beside them.

    Files that are there already are verified and kept, so that an interrupted command goes on and several
    runs may share one mirror. The checksum list covers all of them; `sha256sum --check` reads it.

    Returns:
        Lines that say what the mirror holds, and which files of the run lie elsewhere on this machine.

    Raises:
        MedevalError: A source is not pinned, differs from what is pinned, or cannot be had.
    """
    sources = list(dict.fromkeys(source for source in run.sources() if not isinstance(source, FileSource)))
    for source in sources:  # before the first of many gigabytes
        if isinstance(source, HubSource):
            require_revision(source)
    out.mkdir(parents=True, exist_ok=True)
    sums, total = read_checksums(out), 0
    for number, source in enumerate(sources, start=1):
        log.info("file %d of %d: %s", number, len(sources), describe(source))
        facts = _hub_file(source, out, patience) if isinstance(source, HubSource) else _package_file(source, out)
        sums[mirrored_path(source).as_posix()] = str(facts.sha256)
        total += facts.size or 0
        _write_checksums(out, sums)
    lines = [f"{out}: {len(sources)} files of {run.name}, {total:,} bytes, listed in {CHECKSUMS}"]
    local = [str(source.path) for source in run.sources() if isinstance(source, FileSource)]
    return [*lines, f"not in the mirror, since they are files of this machine: {', '.join(local)}"] if local else lines


def _hub_file(source: HubSource, out: Path, patience: Patience | None) -> Facts:
    return download(source, partial(look_up, patience=patience), cache=out, patience=patience).facts


def _package_file(source: PypiSource, out: Path) -> Facts:
    path = out / mirrored_path(source)
    if not path.is_file():
        with atomic_path(path) as temporary:
            download_from_pypi(source, temporary)
            require_same(source, Facts(sha256=sha256_file(temporary)))
    facts = Facts(size=path.stat().st_size, sha256=sha256_file(path))
    require_same(source, facts)
    return facts


def _write_checksums(out: Path, sums: dict[str, str]) -> None:
    with atomic_path(out / CHECKSUMS) as temporary:
        text = "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items()))
        temporary.write_text(text, encoding="utf-8")
