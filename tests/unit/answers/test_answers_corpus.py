"""The extractor against the golden corpus: every hand label; a changed reading is a new version."""

from collections import Counter

import pytest
from answers_golden import FOLDER, REMEDY, Row, corpus, current_readings, digest, label, moved, reading, recorded

from medeval.answers.reading import EXTRACTOR
from medeval.text.reasoning import split_reasoning

KEYS = {"id", "form", "style", "options", "text", "choice", "status", "stage"}
MAY = {"note", "reasoning", "finish_reason", "labels_shown"}


@pytest.mark.parametrize("row", corpus(), ids=lambda row: row["id"])
def test_reading_is_the_hand_label(row: Row) -> None:
    assert reading(row) == label(row), row.get("note", row["form"])


def test_a_changed_reading_is_a_new_version() -> None:
    changed = moved(current_readings(), recorded())
    assert not changed, "\n".join([f"{EXTRACTOR} no longer reads what is on record for it.", *changed, REMEDY])


def test_every_row_is_on_record_for_this_version() -> None:
    missing = [row["id"] for row in corpus() if (row["id"], digest(row)) not in recorded()]
    assert not missing, f"not on record for {EXTRACTOR}: {missing}. {REMEDY.partition(', then ')[2]}"


def test_a_moved_reading_is_noticed() -> None:
    assert moved({("one", "k"): "B strict"}, {("one", "k"): "A strict"}) == ["one: A strict -> B strict"]
    assert moved({("one", "new"): "B strict"}, {("one", "old"): "A strict"}) == []


def test_corpus_is_well_formed() -> None:
    rows = corpus()
    assert len(rows) >= 450
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert max(Counter(digest(row) for row in rows).values()) == 1
    for row in rows:
        assert KEYS <= set(row) <= KEYS | MAY, row["id"]
        assert (row["choice"] is None) == (row["status"] != "answered"), row["id"]
        assert row["choice"] is None or row["choice"] < len(row["options"]), row["id"]
        assert (row["stage"] == "none") == (row["status"] in ("no_answer", "truncated", "refused")), row["id"]


def test_corpus_has_every_outcome_at_every_stage_it_can_have() -> None:
    outcomes = Counter((row["status"], row["stage"]) for row in corpus())
    assert set(outcomes) == {
        *(("answered", stage) for stage in ("strict", "lenient", "content")),
        *(("ambiguous", stage) for stage in ("strict", "lenient", "content")),
        *((status, "none") for status in ("no_answer", "truncated", "refused")),
    }
    assert min(outcomes[("answered", stage)] for stage in ("strict", "lenient", "content")) >= 20


def test_documentation_names_the_size_of_the_corpus() -> None:
    page = (FOLDER.parents[2] / "docs" / "read" / "answers.md").read_text(encoding="utf-8")
    statuses = Counter(row["status"] for row in corpus())
    assert f"holds {len(corpus()):,} replies" in page
    assert f"{statuses['answered']} answered" in page


def test_rows_with_reasoning_would_read_otherwise_without_its_removal() -> None:
    """Otherwise they would not show that what stands before the end of the reasoning is left alone."""
    rows = [row for row in corpus() if "reasoning" in row]
    told = [row for row in rows if reading({"text": _thoughts(row), "options": row["options"]}) != label(row)]
    assert len(told) > len(rows) / 2


def _thoughts(row: Row) -> str:
    return split_reasoning(row["text"], *row["reasoning"])[0] or ""
