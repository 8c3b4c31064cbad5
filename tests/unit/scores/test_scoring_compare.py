"""Scores of anybody's replies on through `medeval compare`: what nobody counted stays unknown there."""

from pathlib import Path

import pytest
from scoring_rows import item, write_items, write_rows

from medeval.comparisons.document import Comparisons
from medeval.comparisons.run import compare
from medeval.scores.stream import score_files


@pytest.fixture
def document(tmp_path: Path) -> Comparisons:
    """Two systems that another program ran, without numbers of tokens; the first cut 1 of 20 replies."""
    items = write_items(
        tmp_path / "items.parquet", [item(f"i{n}", answers=[1, 2], stratum="ab"[n > 12]) for n in range(20)]
    )
    rows = [
        {
            "benchmark": "toy",
            "item_id": f"i{n}",
            "model": model,
            "text": f"Answer: {'BCA'[(n + shift) % 3]}" if n or shift else "So",
            "finish_reason": "stop" if n or shift else "length",
        }
        for shift, model in enumerate(("one", "two"))
        for n in range(20)
    ]
    score_files([items], write_rows(tmp_path / "r.parquet", rows), tmp_path / "s.parquet", command="")
    return compare(
        [tmp_path / "s.parquet", items],
        tmp_path / "c.json",
        references=["one/-", "two/-"],
        headline="generate",
        margin_points=1.0,
        seed=1,
    )


def test_tokens_that_nobody_counted_have_no_mean_and_no_ratio(document: Comparisons) -> None:
    assert [entry.mean_generated_tokens for entry in document.scores] == [None, None]
    (pair,) = document.comparisons
    assert pair.tokens is None
    assert "not known" in pair.tokens_missing


def test_a_score_with_five_percent_truncated_is_no_headline(document: Comparisons) -> None:
    one, two = document.scores
    assert one.no_headline == "5.0 % of the responses were cut by the token limit, more than 2 %"
    assert two.no_headline is None


def test_any_and_first_correct_option_stand_side_by_side(document: Comparisons) -> None:
    # two: B at n = 2, 5, ..., 17 (6), C at n = 0, 3, ..., 18 (7): B is first, C correct too
    two = document.scores[1]
    assert two.policies.wrong == pytest.approx(13 / 20)
    assert (two.accuracy_first, two.several_correct) == (pytest.approx(6 / 20), 20)


def test_strata_say_what_their_size_allows(document: Comparisons) -> None:
    strata = {entry.stratum: (entry.items, entry.rule) for entry in document.scores[0].strata}
    assert strata == {"a": (13, "exact, greyed"), "b": (7, "suppressed")}
