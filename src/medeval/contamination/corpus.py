"""Stream the documents of a corpus: JSON lines with a text field, or plain text in paragraphs."""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO, cast

from medeval.errors import MedevalError

_JSON_LINES = (".jsonl", ".ndjson")
_PLAIN = (".txt", ".text", ".md")


def documents(corpus: Path, text_field: str = "text") -> Iterator[tuple[str, str]]:
    """Yield each document's name and text, reading the corpus once.

    Args:
        corpus: A ``.jsonl`` or ``.ndjson`` file, one document per line; a ``.txt``, ``.text`` or ``.md``
            file, whose documents are paragraphs set apart by blank lines; one of these with ``.gz`` behind;
            or a folder, of which all such files are read in alphabetical order.
        text_field: The field of a JSON line that holds its text.

    Yields:
        ``file:line`` (1-based, the first line of a paragraph) and the text.

    Raises:
        MedevalError: The file is missing, of another kind or not UTF-8, or a line has no text.
    """
    for path in _files(corpus):
        read = _json_lines if _kind(path) in _JSON_LINES else _paragraphs
        try:
            with _open(path) as stream:
                yield from read(stream, path, text_field)
        except UnicodeDecodeError as error:
            raise MedevalError(f"{path}: not UTF-8 ({error})", "Convert the file to UTF-8.") from error


def _files(corpus: Path) -> list[Path]:
    if not corpus.exists():
        raise MedevalError(f"{corpus}: no such file or folder", "Correct the path of the corpus.")
    candidates = sorted(path for path in corpus.rglob("*") if path.is_file()) if corpus.is_dir() else [corpus]
    found = [path for path in candidates if _kind(path) in (*_JSON_LINES, *_PLAIN)]
    if not found:
        raise MedevalError(
            f"{corpus}: expected {', '.join((*_JSON_LINES, *_PLAIN))}, each also with .gz",
            "Convert the corpus to JSON lines or plain text.",
        )
    return found


def _kind(path: Path) -> str:
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")


def _json_lines(lines: Iterable[str], path: Path, text_field: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise MedevalError(
                f"{path}: line {number} is not JSON ({error})", "Correct that line, or name the file .txt."
            ) from error
        if not isinstance(record, dict) or not isinstance(record.get(text_field), str):
            keys = ", ".join(record) if isinstance(record, dict) else type(record).__name__
            raise MedevalError(
                f"{path}: line {number} has no text in {text_field!r} (found: {keys})",
                f"Give every line a field {text_field!r}, or name the field that holds the text.",
            )
        yield f"{path.name}:{number}", record[text_field]


def _paragraphs(lines: Iterable[str], path: Path, _text_field: str) -> Iterator[tuple[str, str]]:
    held: list[str] = []
    first = 1
    for number, line in enumerate(lines, start=1):
        if line.strip():
            if not held:
                first = number
            held.append(line)
        elif held:
            yield f"{path.name}:{first}", "".join(held)
            held = []
    if held:
        yield f"{path.name}:{first}", "".join(held)
