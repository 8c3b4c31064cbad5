"""What the desk audit must find in the MedPsy publication, and how it is shown."""

import json
from pathlib import Path

import pytest

from medeval.publication.desk_audit.arithmetic import check_themes, recompute_averages
from medeval.publication.desk_audit.audit import desk_audit
from medeval.publication.desk_audit.command import run
from medeval.publication.desk_audit.comparator import gaps, substituted_average
from medeval.publication.desk_audit.digits import Digits, audit_digits
from medeval.publication.desk_audit.evidence import gather
from medeval.publication.desk_audit.findings import (
    CheckOutcome,
    ClaimAudit,
    Conclusion,
    DeskAudit,
    DeskFinding,
    Reservation,
)
from medeval.publication.publication import Publication, load_publication

PATH = Path(__file__).resolve().parents[4] / "config" / "claims" / "medpsy.yaml"


@pytest.fixture(scope="module")
def publication() -> Publication:
    return load_publication(PATH)


@pytest.fixture(scope="module")
def audit(publication: Publication) -> DeskAudit:
    return desk_audit(publication)


def _claim(audit: DeskAudit, claim_id: str) -> ClaimAudit:
    return next(claim for claim in audit.claims if claim.id == claim_id)


def _finding(claim: ClaimAudit, check: str) -> DeskFinding:
    return next(finding for finding in claim.findings if finding.check == check)


def _number(finding: DeskFinding, key: str) -> float:
    value = finding.numbers[key]
    assert isinstance(value, int | float)
    return float(value)


def _digits(publication: Publication, benchmark: str) -> Digits:
    digits = audit_digits(publication, publication.benchmark(benchmark))
    assert digits is not None
    return digits


def test_all_seven_averages_recompute(publication: Publication) -> None:
    """Oracle: the means of the cards' rows."""
    checks = recompute_averages(publication)
    expected = [70.5429, 62.6214, 69.9514, 51.1971, 63.0971, 49.9543, 44.1514]
    assert [check.recomputed for check in checks] == pytest.approx(expected, abs=5e-5)
    assert all(check.holds for check in checks)


def test_the_headline_average_is_not_resolved_and_turns_three_ways(audit: DeskAudit) -> None:
    claim = _claim(audit, "c01")
    resolution, robustness, comparator = (_finding(claim, name) for name in ("resolution", "robustness", "comparator"))
    assert claim.conclusion is Conclusion.NOT_RESOLVED
    assert set(claim.flags) == {
        Reservation.FRAGILE,
        Reservation.COMPARATOR_MISMATCH,
        Reservation.UNDERPOWERED,
        Reservation.PROTOCOL_MISMATCH,
    }
    assert 0.63 <= _number(resolution, "standard_error") <= 0.65
    assert _number(resolution, "z") == pytest.approx(0.92, abs=0.005)
    assert _number(resolution, "best_z") == pytest.approx(1.68, abs=0.01)
    assert _number(robustness, "without.medxpertqa") == pytest.approx(77.20 - 77.41, abs=0.01)
    assert robustness.outcome is CheckOutcome.CAUTION
    assert _number(comparator, "substituted") == pytest.approx(71.70, abs=0.005)
    assert _number(comparator, "substituted_wider") == pytest.approx(71.20, abs=0.005)
    assert comparator.outcome is CheckOutcome.FAILS
    assert "REVERSES" in comparator.sentence


def test_the_small_models_lead_is_resolved(audit: DeskAudit) -> None:
    claim = _claim(audit, "c04")
    assert claim.conclusion is Conclusion.RESOLVED
    assert Reservation.FRAGILE not in claim.flags
    assert _number(_finding(claim, "resolution"), "z") == pytest.approx(15.8, abs=0.05)
    assert _number(_finding(claim, "robustness"), "wins") == 7
    comparator = _finding(claim, "comparator")
    assert _number(comparator, "difference_wider") == pytest.approx(7.65, abs=0.005)
    assert comparator.outcome is CheckOutcome.HOLDS


def test_equality_on_the_average_hides_rows_that_differ(audit: DeskAudit) -> None:
    claim = _claim(audit, "c05")
    assert claim.conclusion is Conclusion.EQUALITY_NOT_SHOWN
    assert Reservation.FRAGILE in claim.flags
    robustness = _finding(claim, "robustness")
    assert _number(robustness, "difference.mmlu_pro_health") == pytest.approx(-6.36)
    assert _number(robustness, "difference.medxpertqa") == pytest.approx(4.59)


def test_pubmedqa_digits_point_to_500_items_and_three_runs(publication: Publication) -> None:
    digits = _digits(publication, "pubmedqa")
    assert digits.items == 500
    assert digits.other_runs == {1: 2, 2: 2, 4: 2, 5: 2}
    assert digits.accident is not None
    assert digits.accident[0] == 1000
    assert digits.accident[1] == pytest.approx(1 / 128)


def test_mmlu_health_cannot_be_pooled(publication: Publication) -> None:
    digits = _digits(publication, "mmlu_health")
    assert [(fit.n, fit.check.feasible, fit.outcome) for fit in digits.fits] == [(1089, 4, "rejected")]
    assert digits.nested is True
    assert digits.effective_n == pytest.approx(957.9, abs=0.05)
    assert digits.items == 1089


def test_digits_that_cannot_tell_keep_the_most_plausible_count(publication: Publication) -> None:
    digits = _digits(publication, "afrimedqa")
    assert digits.items == 3910
    outcomes = {fit.n: fit.outcome for fit in digits.fits}
    assert outcomes[3910] == outcomes[3000] == "untestable"
    assert outcomes[1000] == outcomes[174] == outcomes[25] == "rejected"


def test_healthbench_overalls_are_weighted_by_examples(publication: Publication) -> None:
    """Oracle: 73.85, 70.31, 64.84, 53.87, 63.15, 53.38, 48.62 weighted; 72.43 unweighted for the 4B."""
    checks = check_themes(publication, publication.benchmark("healthbench"))
    expected = [73.85, 70.31, 64.84, 53.87, 63.15, 53.38, 48.62]
    assert [check.weighted for check in checks] == pytest.approx(expected, abs=0.005)
    assert all(check.weighted_fits for check in checks)
    assert checks[0].unweighted == pytest.approx(72.43, abs=0.005)
    assert not checks[0].unweighted_fits
    assert check_themes(publication, publication.benchmark("healthbench_hard")) == []


def test_rubric_figures_are_thirds_of_whole_points(audit: DeskAudit) -> None:
    finding = next(finding for finding in audit.shared if finding.check == "rubric digits")
    assert (finding.numbers["figures"], finding.numbers["run_decimals"]) == (112, 0)


def test_comparator_gaps_and_their_errors(publication: Publication) -> None:
    """Oracle: MedGemma-1.5-4B MedMCQA gap 9.72 (SE 1.08), PubMedQA 9.47 (SE 3.03); all six replaced 55.20."""
    counts = gather(publication).counts
    small = {gap.benchmark: gap for gap in gaps(publication, "MedGemma-1.5-4B-it", counts)}
    assert small["medmcqa"].points == pytest.approx(9.72)
    assert small["medmcqa"].standard_error == pytest.approx(1.08, abs=0.005)
    assert small["pubmedqa"].points == pytest.approx(9.47)
    assert small["pubmedqa"].standard_error == pytest.approx(3.03, abs=0.005)
    assert {name for name, gap in small.items() if gap.mismatch} == {"medqa", "medmcqa", "pubmedqa"}
    assert not small["afrimedqa"].mismatch
    found = substituted_average(publication, "MedGemma-1.5-4B-it", {"same", "similar", "different"})
    assert found is not None
    assert found[0] == pytest.approx(55.20, abs=0.005)


def test_a_best_of_five_figure_never_stands_in(publication: Publication) -> None:
    found = substituted_average(publication, "MedGemma-27B-text-it", {"same", "similar", "different"})
    assert found is not None
    row = [87.0, 84.0, 72.94, 74.2, 87.7, 26.7, 76.8]
    assert found[0] == pytest.approx(sum(row) / 7)


def test_token_ratios_and_sizes(audit: DeskAudit) -> None:
    """Oracle: 2953/909 = 3.2486, 1901/1110 = 1.7126; 2.72 and 2.13 of 8.83 GB."""
    assert _number(_finding(_claim(audit, "c07"), "ratio"), "ratio") == pytest.approx(3.2486, abs=5e-5)
    assert _number(_finding(_claim(audit, "c08"), "ratio"), "ratio") == pytest.approx(1.7126, abs=5e-5)
    assert _number(_finding(_claim(audit, "c10"), "size"), "reduction") == pytest.approx(69.2, abs=0.05)
    assert _number(_finding(_claim(audit, "c11"), "size"), "reduction") == pytest.approx(75.9, abs=0.05)
    assert _claim(audit, "c07").conclusion is Conclusion.ARITHMETIC_HOLDS


def test_the_second_output_head_is_seen(audit: DeskAudit) -> None:
    """Oracle: 151,936 x 2,560 weights of 2 bytes are 0.778 GB; 8.83 - 2 x 4.02 is 0.79."""
    finding = next(finding for finding in audit.shared if finding.check == "output head")
    assert _number(finding, "head") == pytest.approx(0.778, abs=5e-4)


def test_a_loss_below_the_margin_is_not_a_certified_loss(audit: DeskAudit) -> None:
    """Oracle: losses of 0.81 and 0.73 need errors of at most 0.116 and 0.164: 1.1 % and 2.2 % discordant."""
    claim = _claim(audit, "c10")
    losses = [finding for finding in claim.findings if finding.check == "loss"]
    assert claim.conclusion is Conclusion.NOT_CERTIFIED
    assert [_number(loss, "needed_se") for loss in losses] == pytest.approx([0.116, 0.164], abs=5e-4)
    assert [_number(loss, "discordance") for loss in losses] == pytest.approx([0.011, 0.022], abs=5e-4)
    assert [_number(loss, "bound") for loss in losses] == pytest.approx([1.25, 1.17], abs=0.01)
    assert any(finding.check == "loss scale" for finding in audit.shared)


def test_a_claim_without_figures_is_not_testable(audit: DeskAudit) -> None:
    assert _claim(audit, "c11").conclusion is Conclusion.NOT_TESTABLE


@pytest.mark.parametrize("claim_id", ["c02", "c03", "c06", "c09"])
def test_rubric_claims_are_resolved_but_judged_by_another(audit: DeskAudit, claim_id: str) -> None:
    claim = _claim(audit, claim_id)
    assert claim.conclusion is Conclusion.RESOLVED_FOR_JUDGE
    assert Reservation.PROTOCOL_MISMATCH in claim.flags
    assert _finding(claim, "judge").outcome is CheckOutcome.CAUTION


def test_shared_findings_name_suspicious_figures(audit: DeskAudit) -> None:
    sentences = {finding.check: finding.sentence for finding in audit.shared}
    assert "64.39" in sentences["checkpoint"]
    assert "64.4" in sentences["checkpoint"]
    assert "58.73" in sentences["constant answer"]
    assert "1,024" in sentences["token limit"]


def test_the_table_fits_100_columns_and_shows_every_claim() -> None:
    text = run(PATH, as_json=False)
    assert max(len(line) for line in text.splitlines()) <= 100
    for number in range(1, 12):
        assert f"c{number:02}" in text
    for part in ("NOT RESOLVED", "70.54 v 69.95", "71.70", "71.20", "REVERSES", "1 of 128", "\u001b"):
        assert (part in text) is (part != "\u001b")


def test_the_document_is_json_with_the_same_conclusions(audit: DeskAudit) -> None:
    document = json.loads(run(PATH, as_json=True))
    assert [claim["conclusion"] for claim in document["claims"]] == [claim.conclusion for claim in audit.claims]
    assert document["claims"][0]["findings"][0]["numbers"]["difference"] == pytest.approx(0.59)
