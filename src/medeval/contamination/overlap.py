"""The overlap report of one items table with given texts, as a file."""

from collections.abc import Sequence
from pathlib import Path

from medeval.contamination.ngrams import overlap
from medeval.records import tables
from medeval.records.files import sha256_file, write_json


def overlap_files(items_path: Path, corpora: Sequence[Path], out: Path) -> str:
    """Search texts for the items of a table, write what was found, and return a line that sums it up.

    The file holds what :func:`medeval.contamination.ngrams.overlap` returns, and ``inputs``, the SHA-256 of
    the items table and of every text.

    Raises:
        MedevalError: As for :func:`medeval.contamination.ngrams.overlap`, or the items table is unusable.
    """
    found = overlap(tables.read(items_path, tables.ITEMS), corpora)
    inputs = {path.name: sha256_file(path) for path in (items_path, *corpora) if path.is_file()}
    write_json(out, {**found, "inputs": inputs})
    counts = [
        f"{benchmark}: {views['question']['gpt3']['dirty']} of {views['question']['items']} questions dirty"
        for benchmark, views in found["benchmarks"].items()
    ]
    return f"{out}: {'; '.join(counts)}"
