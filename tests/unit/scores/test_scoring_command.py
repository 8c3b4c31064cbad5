"""The command line: score, import and export as a user types them."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from scoring_rows import OPTIONS, write_rows

from medeval.cli.app import main

QUESTIONS = [{"benchmark": "toy", "item_id": n, "options": OPTIONS, "answer": "B"} for n in range(3)]


def medeval(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "items.parquet", QUESTIONS)
    texts = ["Answer: B", "<think>Answer: B</think>Answer: A", "<think>Answer: B"]
    rows = [{"benchmark": "toy", "item_id": n, "text": text} for n, text in enumerate(texts)]
    write_rows(tmp_path / "replies.parquet", rows)
    return tmp_path


SCORE = ("score", "--items", "items.parquet", "--responses", "replies.parquet", "--out", "scores.parquet")


def test_scores_of_anybodys_tables_with_everything_that_was_assumed(folder: Path) -> None:
    result = medeval(*SCORE, "--model", "toy", "--account", "account.json")
    assert result.exit_code == 0, result.output
    assert pq.read_table("scores.parquet")["correct"].to_pylist() == [True, False, False]
    for told in ("read as letters", "is reasoning and was not read (2 rows)", "counts as truncated (1 rows)"):
        assert told in result.output
    assert "NO HEADLINE: 33.3 % of the responses were cut" in result.output
    account = json.loads((folder / "account.json").read_text())
    assert account["schema"] == "account.v1"
    assert account["scores"][0]["score"]["wrong"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["items.parquet", "replies.parquet"])
def test_scores_never_replace_the_tables_that_they_are_made_of(folder: Path, name: str) -> None:
    before = (folder / name).read_bytes()
    result = medeval(*SCORE[:-1], f"./{name}")
    assert result.exit_code == 2
    assert "would replace a file that is read" in result.output
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("name", ["items.parquet", "replies.parquet", "scores.parquet"])
def test_an_account_never_replaces_a_table(folder: Path, name: str) -> None:
    (folder / "scores.parquet").write_bytes(b"earlier")
    before = (folder / name).read_bytes()
    result = medeval(*SCORE, "--account", name)
    assert (result.exit_code, "would replace a file that is read" in result.output) == (2, True)
    assert (folder / name).read_bytes() == before


def test_texts_are_read_whole_when_asked(folder: Path) -> None:
    result = medeval(*SCORE, "--reasoning", "none")
    assert "2 answered" in result.output or "3 answered" in result.output
    assert "is reasoning" not in result.output


def test_stated_marks_are_json(folder: Path) -> None:
    assert medeval(*SCORE, "--reasoning", '{"open": "<think>", "close": "</think>"}').exit_code == 0
    result = medeval(*SCORE, "--reasoning", "think")
    assert (result.exit_code, "--reasoning" in result.output) == (2, True)


def test_a_refusal_is_one_message_with_its_remedy_and_no_file(folder: Path) -> None:
    write_rows(folder / "replies.parquet", [{"benchmark": "toy", "item_id": 9, "text": "B"}])
    result = medeval(*SCORE)
    assert result.exit_code == 2
    assert "replies.parquet: row 0 answers item '9'" in result.output
    assert "->" in result.output
    assert not (folder / "scores.parquet").exists()


def test_from_a_csv_to_a_file_for_others(folder: Path) -> None:
    (folder / "replies.csv").write_text("question,reply\n0,Answer: B\n1,Answer: C\n2,(B)\n")
    columns = ("--column", "item_id=question", "--column", "text=reply", "--model", "maker/toy")
    result = medeval("import", "csv", "--items", "items.parquet", "--out", "r.parquet", *columns, "replies.csv")
    assert (result.exit_code, "r.parquet: 3 responses" in result.output) == (0, True), result.output
    result = medeval("score", "--items", "items.parquet", "--responses", "r.parquet", "--out", "s.parquet")
    assert result.exit_code == 0, result.output
    publisher = ("--organization", "Us", "--relationship", "third_party")
    result = medeval(
        "export", "every-eval-ever", "--scores", "s.parquet", "--items", "items.parquet", "--out", "out", *publisher
    )
    assert result.exit_code == 0, result.output
    written = Path(result.output.strip().splitlines()[-1])
    document = json.loads(written.read_text())
    assert document["evaluation_results"][0]["score_details"]["score"] == pytest.approx(2 / 3)
    written.write_bytes((folder / "s.parquet").read_bytes())
    again = ("--scores", str(written), "--items", "items.parquet", "--out", "out", *publisher)
    refused = medeval("export", "every-eval-ever", *again)
    assert (refused.exit_code, "would replace a file that is read" in refused.output) == (2, True), refused.output


@pytest.mark.parametrize("name", ["items.parquet", "replies.csv"])
def test_imported_responses_never_replace_what_they_are_made_of(folder: Path, name: str) -> None:
    (folder / "replies.csv").write_text("item_id,text\n0,Answer: B\n")
    before = (folder / name).read_bytes()
    result = medeval("import", "csv", "--items", "items.parquet", "--out", name, "replies.csv")
    assert (result.exit_code, "would replace a file that is read" in result.output) == (2, True)
    assert (folder / name).read_bytes() == before
