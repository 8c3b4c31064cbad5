"""Scores that are no headline, and strata too small to be shown."""

from pathlib import Path
from typing import Any

import report_documents as documents

from medeval.report.page import write_report


def page(folder: Path, scores: list[dict[str, Any]]) -> str:
    compared, decided = documents.write_run(folder, documents.comparisons(scores=scores), None)
    write_report(documents.config(), compared, decided, (), folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


def test_a_score_with_many_truncated_replies_is_no_headline_and_neither_is_its_average(tmp_path: Path) -> None:
    scores = documents.comparisons()["scores"]
    reason = "12.5 % of the responses were cut by the token limit, more than 2 %"
    assert "no headline" not in page(tmp_path, scores)
    withheld = [entry | {"no_headline": reason} if entry is scores[1] else entry for entry in scores]
    html = page(tmp_path, withheld)
    assert html.count(f"no headline: {reason}") == 1
    assert html.count("; no headline: truncated on MedQA") == 1


def test_a_stratum_of_too_few_items_has_no_accuracy(tmp_path: Path) -> None:
    strata = [documents.stratum("Heart", 31, 0.4), documents.stratum("Lung", 9, 0.777, "suppressed")]
    html = page(tmp_path, [entry | {"strata": strata} for entry in documents.comparisons()["scores"]])
    assert "too few items" in html
    assert "77.7" not in html
