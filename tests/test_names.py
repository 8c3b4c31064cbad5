"""A class has a name of its own: one word means one thing in all rooms."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src/medeval"


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for statement in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                places[statement.name].append(str(file.relative_to(PACKAGE)))
    assert len(places) > 100
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert not shared
