"""The verdict stage as a whole: which measurements decide which claim, and what is said of them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from claim_documents import comparisons, entry, estimate, graded, own, pair, statuses, system, tokens
from tests.unit.weights.descriptions import description

from medeval.errors import MedevalError
from medeval.verdicts.run import decide_claims

SUBJECTS = {"paper": "m/f16", "paper-q4": "m/q4", "rival": "r/f16"}
TOTALS = {"medqa": 100, "pubmedqa": 100, "extra": 100}


def claim(kind: str, metric: str, a: str = "paper-q4", b: str | None = "paper", **more: Any) -> dict[str, Any]:
    part = {"metric": metric, "a": a, "b": b} | {key: value for key, value in more.items() if key != "margin"}
    margin = {"margin": more["margin"]} if "margin" in more else {}
    document = {"id": "c1", "type": kind, "sentence": "It holds.", "comparisons": [part], "source": ["s"]}
    return document | margin | {"status": "derived"}


class Stage:
    """Writes the inputs of the stage and runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.over = ["medqa", "pubmedqa"]

    def publication(self, claims: list[dict[str, Any]]) -> Path:
        names = ("medqa", "pubmedqa", "extra")
        document = {
            "title": "A paper",
            "decimals": 2,
            "sources": [{"key": "s", "what": "a test", "kind": "derived"}],
            "evaluation": {"runs": 1, "spread_published": False, "source": ["s"], "status": "derived"},
            "benchmarks": [
                *({"id": name, "label": name} for name in names),
                {"id": "healthbench", "label": "HealthBench", "kind": "rubric"},
            ],
            "average": {"label": "Average", "over": self.over},
            "models": [
                {"id": "paper", "label": "Paper", "role": "audited"},
                {"id": "rival", "label": "Rival", "role": "comparator"},
            ],
            "weights": [
                {"id": "paper-q4", "model": "paper", "quantization": "Q4_K_M", "source": ["s"], "status": "derived"}
            ],
            "claims": claims,
        }
        path = self.folder / "claims.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def weights(self, **types: str) -> list[Path]:
        """Describe weights files, `f16="F16"` and so on, of model m."""
        paths = []
        for index, (variant, kind) in enumerate(types.items()):
            path = self.folder / "m" / f"{variant}.gguf.json"
            described = description({"F32": 30, kind: 900 - 600 * index}, {"F32": 3, kind: 20}, 1000 - 600 * index)
            described.write(path)
            paths.append(path)
        return paths

    def document(self, **changes: Any) -> Path:
        content = {"items_total": TOTALS, "scores": [own("m/f16", "medqa", 0.6)]} | changes
        path = self.folder / "comparisons.json"
        path.write_text(json.dumps(comparisons(**content)))
        return path

    def decide(self, *claims: dict[str, Any], weights: list[Path] | None = None, **changes: Any) -> dict[str, Any]:
        options = {key: changes.pop(key) for key in ("target", "credible_judge") if key in changes}
        options.setdefault("credible_judge", True)
        inputs = (self.publication(list(claims)), self.document(**changes), weights or [], SUBJECTS)
        decide_claims(*inputs, self.folder / "verdicts.json", **options)
        document: dict[str, Any] = json.loads((self.folder / "verdicts.json").read_text())
        return document

    def only(self, one: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Decide one claim."""
        [verdict] = self.decide(one, **changes)["verdicts"]
        return dict(verdict)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


LOSS = claim("T3", "medqa", margin=1.0)


def on_two_targets() -> dict[str, Any]:
    """F16 minus Q4: 0 points on the CPU, 5 on the other device."""
    return {
        "scores": [own("m/f16", "medqa", 0.6, target) for target in ("cpu", "vulkan")],
        "comparisons": [
            pair("m/f16", "m/q4", entry("medqa", 0.0, 0.001), target="cpu"),
            pair("m/f16", "m/q4", entry("medqa", 0.05, 0.001), target="vulkan"),
            # The same weights on two targets say nothing of a claim.
            pair("m/f16", "m/f16", entry("medqa", 0.05, 0.001), b=system("m/f16", "vulkan")),
        ],
    }


def test_a_claim_on_several_targets_has_a_part_for_each_and_must_hold_on_all(stage: Stage) -> None:
    verdict = stage.only(LOSS, **on_two_targets())
    assert [(part["target"], part["verdict"]) for part in verdict["parts"]] == [
        ("cpu", "REPRODUCED"),
        ("vulkan", "NOT_REPRODUCED"),
    ]
    assert verdict["verdict"] == "NOT_REPRODUCED"
    assert "on medqa" in verdict["plain"]
    assert " on cpu," in verdict["plain"]
    assert " on vulkan," in verdict["plain"]


def test_a_named_target_alone_decides(stage: Stage) -> None:
    document = stage.decide(LOSS, target="vulkan", **on_two_targets())
    assert document["targets"] == ["vulkan"]
    [part] = document["verdicts"][0]["parts"]
    assert (part["target"], part["estimate"]) == ("vulkan", pytest.approx(-5.0))


def test_one_target_is_named_in_the_part_and_not_in_the_sentence(stage: Stage) -> None:
    verdict = stage.only(LOSS, comparisons=[pair("m/f16", "m/q4", entry("medqa", 0.0, 0.001))])
    assert verdict["parts"][0]["target"] == "cpu"
    assert "cpu" not in verdict["plain"]


def test_a_target_without_measurements_is_refused(stage: Stage) -> None:
    with pytest.raises(MedevalError, match="nothing was measured on target 'metal'; there are: cpu, vulkan"):
        stage.decide(LOSS, target="metal", **on_two_targets())


def test_a_value_is_set_against_the_score_on_each_target(stage: Stage) -> None:
    scores = [own("m/f16", "medqa", 0.62, "cpu"), own("m/f16", "medqa", 0.50, "vulkan")]
    verdict = stage.only(claim("T1", "medqa", "paper", None, stated_a=62.0), scores=scores)
    assert [part["verdict"] for part in verdict["parts"]] == ["REPRODUCED", "NOT_REPRODUCED"]


AHEAD = claim("T2", "average", "paper", "rival")


def test_an_average_is_over_the_benchmarks_of_the_claim_and_no_others(stage: Stage) -> None:
    # On the claim's two benchmarks the difference is -1 and -3 points; a third one would turn the average round.
    entries = [entry("medqa", -0.01, 0.003), entry("pubmedqa", -0.03, 0.004), entry("extra", 0.2)]
    verdict = stage.only(AHEAD, comparisons=[pair("m/f16", "r/f16", *entries)])
    [part] = verdict["parts"]
    assert part["estimate"] == pytest.approx(-2.0)
    assert part["se"] == pytest.approx(100 * math.sqrt(0.003**2 + 0.004**2) / 2)  # 0.25 points
    assert (part["low"], part["high"]) == pytest.approx((-2.0 - 1.959964 * 0.25, -2.0 + 1.959964 * 0.25))
    assert part["p_value"] == pytest.approx(1.2441921148543568e-15, rel=1e-6)  # two-sided normal, z = -8
    assert (part["items"], part["items_total"]) == (200, 200)
    assert "mean of 2 benchmarks" in part["method"]
    assert verdict["verdict"] == "NOT_REPRODUCED"
    assert any("not over all that were run" in reason for reason in part["reasons"])
    assert "FRAGILE" not in verdict["flags"]  # both benchmarks agree; the third would not


def test_an_average_over_just_the_benchmarks_that_were_run_keeps_its_own_error(stage: Stage) -> None:
    entries = [entry("medqa", -0.01), entry("pubmedqa", -0.03)]
    [part] = stage.only(AHEAD, comparisons=[pair("m/f16", "r/f16", *entries)])["parts"]
    assert part["se"] == pytest.approx(0.5)
    assert part["method"] == "test"


def test_turning_a_pair_round_turns_its_difference_and_interval(stage: Stage) -> None:
    compared = [pair("m/f16", "r/f16", entry("medqa", 0.05))]
    forward, backward = (
        stage.only(claim("T2", "medqa", *sides), comparisons=compared)["parts"][0]
        for sides in (("paper", "rival"), ("rival", "paper"))
    )
    assert (forward["estimate"], forward["low"], forward["high"]) == pytest.approx((5.0, 3.04, 6.96))
    assert (backward["estimate"], backward["low"], backward["high"]) == pytest.approx((-5.0, -6.96, -3.04))


def test_a_stated_average_is_set_against_the_average_of_the_same_benchmarks(stage: Stage) -> None:
    scores = [own("m/f16", name, value) for name, value in (("medqa", 0.6), ("pubmedqa", 0.7), ("extra", 0.1))]
    [part] = stage.only(claim("T1", "average", "paper", None, stated_a=65.0), scores=scores)["parts"]
    assert part["estimate"] == pytest.approx(0.0)
    # Twice over, each benchmark with an error of 0.2 points; the printed value is rounded by 0.005 at most.
    assert part["se"] == pytest.approx(math.sqrt(2 * (2 * 0.2**2) / 4 + 0.005**2 / 3))
    assert "mean of 2 benchmarks" in part["method"]


def test_an_average_over_fewer_benchmarks_names_those_missing(stage: Stage) -> None:
    verdict = stage.only(AHEAD, comparisons=[pair("m/f16", "r/f16", entry("medqa", 0.05))])
    assert "benchmarks not measured: pubmedqa" in verdict["parts"][0]["reasons"]
    assert "PARTIAL_COVERAGE" in verdict["flags"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"items_only_in_one": 5}, "5 items were answered by one side only"),
        ({"items": 95}, "items measured of those that exist: medqa 95 of 100"),
    ],
)
def test_a_benchmark_that_is_not_whole_is_partial_coverage(stage: Stage, changes: dict[str, int], reason: str) -> None:
    verdict = stage.only(LOSS, comparisons=[pair("m/f16", "m/q4", entry("medqa", 0.0, 0.001, **changes))])
    assert "PARTIAL_COVERAGE" in verdict["flags"]
    assert reason in verdict["parts"][0]["reasons"]


def test_every_part_says_how_many_items_there_are(stage: Stage) -> None:
    [part] = stage.only(LOSS, comparisons=[pair("m/f16", "m/q4", entry("medqa", 0.0, 0.001, items=95))])["parts"]
    assert (part["items"], part["items_total"]) == (95, 100)


FEWER = claim("T4", "tokens", "paper", "rival", stated_ratio=2.0)


def test_a_ratio_of_tokens_is_turned_round_with_its_pair(stage: Stage) -> None:
    # The document has rival over paper as 2 (1.6 to 2.5); the pair that stands the other way has 0.5 (0.4 to 0.625).
    for a, b, ratio in (("m/f16", "r/f16", (2.0, 1.6, 2.5)), ("r/f16", "m/f16", (0.5, 0.4, 0.625))):
        compared = pair(a, b, entry("medqa", 0.0), mode="generate", tokens=tokens(*ratio))
        [part] = stage.only(FEWER, comparisons=[compared])["parts"]
        assert part["verdict"] == "REPRODUCED"
        assert (part["estimate"], part["low"], part["high"]) == pytest.approx((2.0, 1.6, 2.5))
    assert part["se"] == pytest.approx(0.1 / 0.5**2)  # delta method: the derivative of 1/x


def test_failed_replies_left_out_of_a_ratio_are_said(stage: Stage) -> None:
    compared = pair("m/f16", "r/f16", entry("medqa", 0.0), mode="generate", tokens=tokens(2.0, 1.6, 2.5, 3))
    verdict = stage.only(FEWER, comparisons=[compared])
    assert "PARTIAL_COVERAGE" in verdict["flags"]
    assert "3 items with a failed reply are left out" in verdict["parts"][0]["reasons"]


def test_only_the_truncated_replies_of_the_target_count(stage: Stage) -> None:
    cut = own("m/f16", "medqa", 0.6, "vulkan", mode="generate", statuses=statuses(50, 50))
    compared = pair("m/f16", "r/f16", entry("medqa", 0.0), mode="generate", tokens=tokens(2.0, 1.6, 2.5))
    whole = own("m/f16", "medqa", 0.6, mode="generate")
    verdict = stage.only(FEWER, comparisons=[compared], scores=[whole, cut], target="cpu")
    assert verdict["verdict"] == "REPRODUCED"


def test_a_ratio_of_anything_but_size_and_tokens_is_not_testable(stage: Stage) -> None:
    compared = [pair("m/f16", "r/f16", entry("medqa", 0.05))]
    verdict = stage.only(claim("T4", "medqa", "paper", "rival", stated_ratio=2.0), comparisons=compared)
    assert verdict["verdict"] == "NOT_TESTABLE"
    assert verdict["parts"][0]["reasons"] == ["a ratio is decided for size and tokens only, not for medqa"]


def test_a_stated_healthbench_score_is_set_against_the_graded_conversations(stage: Stage) -> None:
    stated = claim("T1", "healthbench", "paper", None, stated_a=50.0)
    changes: dict[str, Any] = {
        "conversations": [graded("m/f16", estimate(0.3, 0.01))],
        "conversations_total": {"main": 60},
    }
    verdict = stage.only(stated, **changes)
    assert verdict["verdict"] == "NOT_REPRODUCED"
    assert verdict["parts"][0]["estimate"] == pytest.approx(-20.0)
    assert (verdict["parts"][0]["items"], verdict["parts"][0]["items_total"]) == (50, 60)
    assert "PARTIAL_COVERAGE" in verdict["flags"]
    withheld = stage.only(stated, credible_judge=False, **changes)
    assert (withheld["verdict"], withheld["flags"].count("JUDGE_NOT_CREDIBLE")) == ("INCONCLUSIVE", 1)


def test_a_score_below_zero_is_clipped_as_the_published_ones_are(stage: Stage) -> None:
    stated = claim("T1", "healthbench", "paper", None, stated_a=0.0)
    [part] = stage.only(stated, conversations=[graded("m/f16", estimate(-0.1, 0.001))])["parts"]
    assert part["estimate"] == 0.0


def test_conversations_without_any_score_are_not_testable(stage: Stage) -> None:
    stated = claim("T1", "healthbench", "paper", None, stated_a=50.0)
    [part] = stage.only(stated, conversations=[graded("m/f16", None)])["parts"]
    assert part["reasons"] == ["no conversation of m/f16 has all its verdicts"]


def test_conversations_that_no_two_share_are_not_testable(stage: Stage) -> None:
    compared = {"a": system("m/f16", "cpu"), "b": system("r/f16", "cpu"), "subset": "main", "difference": None}
    compared |= {"items": 0, "missing": 4, "items_only_in_one": 8, "judge": "judge@1"}
    compared |= {"minimum_detectable_effect": None}
    verdict = stage.only(claim("T2", "healthbench", "paper", "rival"), conversation_comparisons=[compared])
    assert verdict["verdict"] == "NOT_TESTABLE"
    assert verdict["parts"][0]["reasons"] == ["no conversation has a score for both m/f16 and r/f16"]


def test_what_could_not_be_compared_keeps_its_reason(stage: Stage) -> None:
    left_out = {"a": system("m/f16", "cpu"), "b": system("m/q4", "cpu"), "mode": "cloze", "benchmark": "medqa"}
    [part] = stage.only(LOSS, not_compared=[left_out | {"reason": "the two share no item"}])["parts"]
    assert part["verdict"] == "NOT_TESTABLE"
    assert part["reasons"][0].endswith("could not be compared in mode cloze on medqa: the two share no item")


def test_a_quantized_file_that_stands_for_a_model_is_flagged_with_the_reason(stage: Stage) -> None:
    compared = [pair("m/f16", "r/f16", entry("medqa", 0.05))]
    verdict = stage.only(
        claim("T2", "medqa", "paper", "rival"), comparisons=compared, weights=stage.weights(f16="Q4_K")
    )
    assert "COMPARATOR_MISMATCH" in verdict["flags"]
    reasons = verdict["parts"][0]["reasons"]
    assert "the model paper is represented by a quantized file, m/f16 (tensors of Q4_K)" in reasons


def test_a_published_weights_file_may_be_quantized(stage: Stage) -> None:
    compared = [pair("m/f16", "m/q4", entry("medqa", 0.0, 0.001))]
    verdict = stage.only(LOSS, comparisons=compared, weights=stage.weights(f16="BF16", q4="Q4_K"))
    assert "COMPARATOR_MISMATCH" not in verdict["flags"]


def test_sizes_need_no_target(stage: Stage) -> None:
    size = claim("T4", "size", stated_reduction=60)
    [part] = stage.only(size, weights=stage.weights(f16="F16", q4="Q4_K"), **on_two_targets())["parts"]
    assert (part["verdict"], part["target"]) == ("REPRODUCED", None)


def test_a_loss_of_every_item_is_decided_although_there_is_no_spread(stage: Stage) -> None:
    lost = entry("medqa", 1.0, 0.0, constant=True)
    verdict = stage.only(LOSS, comparisons=[pair("m/f16", "m/q4", lost)])
    assert verdict["verdict"] == "NOT_REPRODUCED"


def test_an_average_without_any_discordance_is_bounded_by_its_smallest_benchmark(stage: Stage) -> None:
    # Two benchmarks of 100 draws or more are worth at least 200: 1 - 0.05^(1/200) = 1.487 %.
    alike = [entry("medqa", 0.0, 0.0, constant=True), entry("pubmedqa", 0.0, 0.0, constant=True, draws=900)]
    for margin, outcome in ((1.48, "INCONCLUSIVE"), (1.49, "REPRODUCED")):
        bounded = claim("T3", "average", margin=margin)
        assert stage.only(bounded, comparisons=[pair("m/f16", "m/q4", *alike)])["verdict"] == outcome


def test_another_document_is_refused_by_name(stage: Stage) -> None:
    other = stage.folder / "other.json"
    other.write_text('{"schema": "verdicts.v5"}')
    for path, found in ((other, "verdicts.v5"), (stage.folder / "list.json", None)):
        if found is None:
            path.write_text("[]")
        with pytest.raises(MedevalError, match=rf"{path.name}: expected a document of schema 'comparisons.v3', found"):
            decide_claims(stage.publication([LOSS]), path, [], SUBJECTS, stage.folder / "v.json", credible_judge=True)


def test_a_description_that_is_none_is_refused_by_name(stage: Stage) -> None:
    stray = stage.folder / "m.gguf.json"
    stray.write_text("{}")
    with pytest.raises(MedevalError, match=r"m.gguf.json: expected a document of schema 'weights.v1', found None"):
        stage.decide(LOSS, weights=[stray])
