"""What a report is made of: documents told apart by the schema that they name, each read once."""

from pathlib import Path
from typing import Any

import pytest
import report_documents as documents

from medeval.errors import MedevalError
from medeval.records import files
from medeval.report import documents as module
from medeval.report.documents import read_detail, read_run


@pytest.mark.parametrize(
    ("detail", "found"),
    [
        (documents.weights("F16", 9) | {"schema": "weights.v0"}, "'weights.v0'"),
        ({key: value for key, value in documents.audit().items() if key != "schema"}, "None"),
        ({"schema": []}, r"\[\]"),
        ([], "None"),
    ],
)
def test_no_kind_is_guessed_from_keys(tmp_path: Path, detail: Any, found: str) -> None:
    path = documents.write_json(tmp_path / "x.json", detail)
    with pytest.raises(MedevalError, match=rf"x.json: neither a description .* its schema is {found}"):
        read_detail(path)


def test_every_detail_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Any:
        read.append(path)
        return files.read_json(path)

    monkeypatch.setattr(module, "read_json", counted)
    monkeypatch.setattr("medeval.records.documents.read_json", counted)
    details = documents.write_details(tmp_path)
    run = read_run(documents.config(), *documents.write_run(tmp_path), details)
    assert sorted(run.weights) == ["tiny/f16", "tiny/q4"]
    assert (len(run.audits), len(run.overlaps)) == (1, 1)
    assert all(read.count(path) == 1 for path in details)
