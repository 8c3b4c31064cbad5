"""What an audit will take, said beforehand; and simulated audits in general."""

from pathlib import Path

import numpy as np
import pytest
from audit_rows import plain_units, question, unit

from medeval.publication.publication import Publication, load_publication
from medeval.records.yaml_files import validate
from medeval.run.forecast import Forecast, Speed, Work
from medeval.statistics.sequential.looks import INSIDE, OPEN, OUTSIDE
from medeval.verdicts.audit.cost import costs
from medeval.verdicts.audit.figures import assumptions
from medeval.verdicts.audit.plan import NoProspect, Prospect, prospects
from medeval.verdicts.audit.questions import NoQuestion, Question, part_risk, questions
from medeval.verdicts.audit.show import prospect_lines
from medeval.verdicts.audit.simulate import Assumed, replay, simulate

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def medpsy() -> Publication:
    return load_publication(ROOT / "config/claims/medpsy.yaml")


def publication(claims: list[dict[str, object]], **changes: object) -> Publication:
    sourced = {"source": ["s"], "status": "exact"}
    document = {
        "title": "t",
        "decimals": 2,
        "sources": [{"key": "s", "what": "w", "kind": "primary"}],
        "evaluation": {"spread_published": False, **sourced},
        "benchmarks": [
            {"id": "medqa", "label": "MedQA", "candidates": [{"n": 300, "reason": "r"}]},
            {"id": "pubmedqa", "label": "PubMedQA", "candidates": [{"n": 100, "reason": "r"}]},
            {"id": "healthbench", "label": "HB", "kind": "rubric", "candidates": [{"n": 200, "reason": "r"}]},
        ],
        "average": {"label": "Average", "over": ["medqa", "pubmedqa"]},
        "models": [
            {
                "id": "A",
                "label": "A",
                "role": "audited",
                "choice": {"values": {"medqa": 80, "pubmedqa": 70}, **sourced},
            },
            {
                "id": "B",
                "label": "B",
                "role": "comparator",
                "choice": {"values": {"medqa": 60, "pubmedqa": 50}, **sourced},
            },
            {"id": "C", "label": "C", "role": "comparator"},
        ],
        "weights": [{"id": f"A-{name}", "model": "A", "quantization": name, **sourced} for name in ("BF16", "Q4_K_M")],
        "claims": [{"id": f"c{i}", "sentence": "x", **sourced, **claim} for i, claim in enumerate(claims)],
    }
    return validate(Publication, {**document, **changes}, Path("test"))


def claim(kind: str, metric: str = "average", b: str | None = "B", margin: float | None = None, **part: object) -> dict:
    return {"type": kind, "margin": margin, "comparisons": [{"metric": metric, "a": "A", "b": b, **part}]}


@pytest.mark.parametrize(
    ("given", "limits", "stated"),
    [
        (claim("T2", "medqa"), (0.0, None), 0.2),
        (claim("T2", stated_difference=15.0, margin=2.0), (0.13, None), 0.15),
        (claim("T3", margin=1.0), (-0.01, None), None),
        (claim("T5"), (-0.01, 0.01), None),
        (claim("T5", margin=2.5, stated_a=70.0, stated_b=71.0), (-0.025, 0.025), -0.01),
        (claim("T1", b=None, stated_a=75.0), (0.73, 0.77), 0.75),  # fewer than five benchmarks drift as one does
        (claim("T1", "medqa", b=None, stated_a=80.0), (0.78, 0.82), 0.8),
        (claim("T1", b=None, stated_a=75.0, margin=3.0), (0.72, 0.78), 0.75),
    ],
)
def test_each_type_of_claim_is_a_question_of_limits(
    given: dict, limits: tuple[float | None, float | None], stated: float | None
) -> None:
    (found,) = questions(publication([given]))
    assert isinstance(found, Question)
    assert found.limits == pytest.approx(limits)
    assert found.stated == pytest.approx(stated)
    assert found.benchmarks == (("medqa",) if found.metric == "medqa" else ("medqa", "pubmedqa"))


def test_ratios_are_no_questions() -> None:
    found = list(questions(publication([claim("T4", "tokens", stated_ratio=2.0), claim("T3", "size", margin=1.0)])))
    assert [type(entry) for entry in found] == [NoQuestion, NoQuestion]


def test_the_parts_of_a_claim_share_its_risk() -> None:
    two = {
        "type": "T2",
        "comparisons": [{"metric": name, "a": "A", "b": "B"} for name in ("medqa", "pubmedqa", "size")],
    }
    asked = list(questions(publication([two, claim("T2")])))
    risks = [part_risk(0.05, asked, entry) for entry in asked if isinstance(entry, Question)]
    assert risks == pytest.approx([0.025, 0.025, 0.05])


def test_the_distance_is_to_the_nearest_limit() -> None:
    assert question(["medqa"], -0.01, 0.01, stated=-0.0048).distance == pytest.approx(0.0052)
    assert question(["medqa"], 0.0, None, stated=None).distance is None


# The three claims whose cost was promised, at fewer simulated audits than `make simulate` takes.


def test_a_clear_lead_on_the_average_takes_two_percent_of_the_items(medpsy: Publication) -> None:
    (found,) = prospects(medpsy, {}, risk=0.05, claims=["c04"], budget=450, audits=300)
    assert isinstance(found, Prospect)
    assert found.items_total == 14_223
    assert found.median <= 300
    assert found.ninth_decile <= 450
    assert found.holds == 1.0
    assert found.within_budget is not None
    assert found.within_budget > 0.9
    assert found.decidable
    assert sum(found.items_of.values()) == pytest.approx(found.mean)


def test_a_clear_lead_on_healthbench_takes_250_conversations(medpsy: Publication) -> None:
    (found,) = prospects(medpsy, {}, risk=0.05, claims=["c02"], audits=200)
    assert isinstance(found, Prospect)
    assert found.items_total == 5_000
    assert found.ninth_decile <= 300
    assert found.median <= 250


def test_a_lead_within_the_noise_is_reported_as_not_decidable(medpsy: Publication) -> None:
    (found,) = prospects(medpsy, {}, risk=0.05, claims=["c01"], audits=40)
    assert isinstance(found, Prospect)
    assert not found.decidable
    assert found.resolution > 0.01
    assert found.median > 0.5 * found.items_total
    assert any("NOT DECIDABLE within the test sets" in line for line in prospect_lines([found], 0.05, {}))


def test_what_has_no_figures_is_not_planned(medpsy: Publication) -> None:
    found = prospects(medpsy, {}, risk=0.05, claims=["c11", "c07"], audits=2)
    assert [type(entry) for entry in found] == [NoProspect] * 3
    assert "no figure of healthbench_hard is published for medpsy-4b-iq3_m" in [entry.reason for entry in found]


def test_a_weights_file_without_figures_has_its_model_s_changed_as_stated() -> None:
    given = {"type": "T3", "margin": 1.0, "comparisons": [{"metric": "average", "a": "A-Q4_K_M", "b": "A-BF16"}]}
    given["comparisons"][0]["stated_difference"] = -0.5  # type: ignore[index]
    source = publication([given])
    (asked,) = questions(source)
    assert isinstance(asked, Question)
    found = assumptions(asked, source, {})
    assert not isinstance(found, str)
    assert [(part.mean_a, part.mean_b) for part in found.benchmarks] == [
        pytest.approx((0.795, 0.8)),
        pytest.approx((0.695, 0.7)),
    ]
    assert found.correlation == 0.95


def test_items_at_hand_replace_the_published_counts() -> None:
    source = publication([claim("T2")])
    (asked,) = questions(source)
    assert isinstance(asked, Question)
    found = assumptions(asked, source, {"medqa": plain_units("q", 40)})
    assert not isinstance(found, str)
    assert [part.shares.size for part in found.benchmarks] == [40, 100]
    assert found.correlation == 0.5


def test_a_spread_that_no_score_can_have_is_not_simulated() -> None:
    models = [
        {
            "id": name,
            "label": name,
            "role": "audited",
            "rubric": [{"benchmark": "healthbench", "overall": value} | rest],
        }
        for name, value in (("A", 97), ("B", 50))
        for rest in [{"source": ["s"], "status": "exact"}]
    ]
    source = publication([claim("T2", "healthbench")], models=models, weights=[])
    (asked,) = questions(source)
    assert isinstance(asked, Question)
    assert "no scores from 0 to 1 have this mean" in str(assumptions(asked, source, {}))


def test_simulated_populations_have_the_assumed_means_and_correlation() -> None:
    shares = np.full(4000, 1 / 4000)
    spans = np.resize([1.0, 1.5, 3.0], 4000)
    ones = np.ones(4000, dtype=np.int64)
    found = simulate([Assumed(shares, spans, ones, 0.74, 0.65, 0.3)], (0.0, None), 0.05, correlation=0.5, audits=30)
    assert found.truth.mean() == pytest.approx(0.09, abs=0.004)
    assert found.truth.std() == pytest.approx(0.3 / 4000**0.5, rel=0.35)  # 0.3 * sqrt(2 - 2 * 0.5), roughly
    assert np.sqrt(found.variance.mean()) == pytest.approx(0.3 / 4000**0.5, rel=0.1)
    score = simulate([Assumed(shares, spans, ones, 0.74, None, 0.3)], (0.7, 0.8), 0.05, correlation=0.0, audits=10)
    assert score.truth.mean() == pytest.approx(0.74, abs=0.006)
    assert (score.outcomes == INSIDE).all()


def test_simulated_audits_are_repeatable_and_mostly_right() -> None:
    part = Assumed(np.full(300, 1 / 300), np.ones(300), np.ones(300, dtype=np.int64), 0.7, 0.6)
    one, two = (simulate([part] * 2, (0.0, None), 0.05, correlation=0.5, audits=100, seed=4) for _ in range(2))
    assert (one.items == two.items).all()
    wrong = (one.outcomes == INSIDE) != (one.truth > 1e-9)
    assert wrong.mean() <= 0.05
    assert (one.outcomes != OPEN).all()


def test_a_known_population_is_audited_in_many_orders() -> None:
    values, sizes = [np.resize([1.0, 0.0, 0.0, -1.0, 1.0], 300)], [np.full(300, 1 / 300)]
    found = replay(values, sizes, (0.0, None), 0.05, audits=50, seed=1)
    assert found.truth == pytest.approx(0.2)
    assert (found.outcomes == INSIDE).mean() >= 0.95
    assert np.median(found.items) < 150
    assert len(set(found.items.tolist())) > 10
    assert (replay(values, sizes, (0.3, None), 0.05, audits=50, seed=1).outcomes == OUTSIDE).mean() >= 0.95


def test_clusters_cost_all_their_items() -> None:
    units = [unit(f"q{i}", 0.01) for i in range(60)]
    pairs = Assumed(np.full(60, 1 / 60), np.ones(60), np.full(60, 2, dtype=np.int64), 0.9, 0.3)
    found = simulate([pairs], (0.0, None), 0.05, correlation=0.5, audits=20)
    assert (found.items == 2 * found.rounds).all()
    assert found.items_total == 2 * len(units)


def test_costs_are_those_of_the_items_needed() -> None:
    work = (Work("medqa", 1000, 1000, 200_000.0, 1000, 900_000.0), Work("healthbench", 500, 500, 50_000.0, 500, 1e6))
    forecast = Forecast("m", "q4", "cpu", work, Speed(1000.0, 100.0, "measured"), 900.0, "as given")
    other = Forecast("n", "q4", "cpu", work, Speed(1.0, 1.0, "measured"), 900.0, "as given")
    (cost,) = costs(question(["medqa"], b=None), {"medqa": 30.0}, {"A": "m/q4", "B": "n/q4"}, [forecast, other])
    assert cost.system == "m/q4"
    assert cost.prompt_tokens == pytest.approx(6_000)
    assert cost.reply_tokens == pytest.approx(27_000)
    assert cost.seconds == pytest.approx(6.0 + 270.0)
    both = costs(
        question(["healthbench_hard"]), {"healthbench_hard": 50.0}, {"A": "m/q4", "B": "n/q4"}, [forecast, other]
    )
    assert [part.reply_tokens for part in both] == pytest.approx([1e5, 1e5])
