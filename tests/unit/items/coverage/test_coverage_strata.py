"""The taxonomy, its mapping tables, and what is counted with them."""

import math
from collections import Counter

import pytest
from coverage_rows import item, items

from medeval.items.benchmarks.mmlu_health import SUBJECTS
from medeval.items.coverage.baselines import baselines, chance_corrected
from medeval.items.coverage.report import cross_table
from medeval.items.coverage.strata import count_specialties, effective_number, reporting_rule
from medeval.items.coverage.taxonomy import assign, specialties

# The values of the published files.
MEDMCQA = [
    *("Anaesthesia", "Anatomy", "Biochemistry", "Dental", "ENT", "Forensic Medicine", "Gynaecology & Obstetrics"),
    *("Medicine", "Microbiology", "Ophthalmology", "Orthopaedics", "Pathology", "Pediatrics", "Pharmacology"),
    *("Physiology", "Psychiatry", "Radiology", "Skin", "Social & Preventive Medicine", "Surgery"),
]
BODY_SYSTEMS = [
    *("Cardiovascular", "Digestive", "Endocrine", "Integumentary", "Lymphatic", "Muscular", "Nervous"),
    *("Reproductive", "Respiratory", "Skeletal"),
]


def test_the_taxonomy_is_of_clinical_specialties_and_three_others() -> None:
    ids = [specialty.id for specialty in specialties()]
    assert len(set(ids)) == len(ids)
    assert Counter(specialty.group for specialty in specialties()) == {"clinical": 23, "other": 3}
    assert ids[-3:] == ["basic_science", "public_health", "ethics_communication"]


@pytest.mark.parametrize(
    ("benchmark", "values"),
    [
        ("medmcqa", MEDMCQA),
        ("mmlu_health", SUBJECTS),
        ("medxpertqa", [f"Diagnosis/{system}/Reasoning" for system in (*BODY_SYSTEMS, "Urinary")]),
        ("medxpertqa", [f"Basic Science/{system}/Understanding" for system in (*BODY_SYSTEMS, "Other / NA")]),
        ("afrimedqa", ["Obstetrics_and_Gynecology", "General_Surgery", "Pulmonary_Medicine", "Infectious_Disease"]),
    ],
)
def test_every_value_of_the_published_files_has_a_specialty(benchmark: str, values: list[str]) -> None:
    assert [value for value in values if assign(benchmark, value).specialty is None] == []


def test_a_value_may_be_known_to_name_no_specialty_or_be_unknown_or_absent() -> None:
    found = [assign(*pair).fit for pair in (("medmcqa", "Unknown"), ("medmcqa", "Astrology"), ("pubmedqa", ""))]
    assert found == ["not_a_specialty", "unknown_value", "no_field"]
    assert assign("medqa", "step1").fit == "not_a_specialty"
    assert assign("medxpertqa", "Treatment/Other / NA/Reasoning").fit == "not_a_specialty"


def test_spelling_with_underscores_blanks_or_capitals_is_one_value() -> None:
    names = ("General_Surgery", "general surgery", "GENERAL  SURGERY")
    assert {assign("afrimedqa", name).specialty for name in names} == {"surgery"}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([5], 1.0), ([7, 7, 7], 3.0), ([3, 0, 3], 2.0), ([1, 3], math.exp(0.25 * math.log(4) + 0.75 * math.log(4 / 3)))],
)
def test_the_effective_number_of_strata_is_the_exponential_of_the_entropy(counts: list[int], expected: float) -> None:
    assert effective_number(counts) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "rule"),
    [
        (0, "empty"),
        (1, "suppressed"),
        (9, "suppressed"),
        (10, "exact, greyed"),
        (29, "exact, greyed"),
        (30, "interval"),
    ],
)
def test_small_strata_are_set_back_or_suppressed(count: int, rule: str) -> None:
    assert reporting_rule(count) == rule


def test_items_without_a_specialty_are_counted_by_reason_and_never_spread_over_the_others() -> None:
    counts = count_specialties(
        "medmcqa", ["Surgery"] * 3 + ["Medicine"] * 2 + ["Unknown", "Astrology", "Astrology", ""]
    )
    assert counts.by_specialty == {"general_medicine": 2, "surgery": 3}
    assert (counts.items, counts.mapped, counts.broad) == (9, 5, 2)
    assert counts.unmapped == {"not_a_specialty": 1, "unknown_value": 2, "no_field": 1}
    assert counts.unknown_values == {"Astrology": 2}
    assert counts.unmapped_share == pytest.approx(4 / 9)


def test_a_benchmark_without_a_field_has_unknown_cells_not_empty_ones() -> None:
    counts = {"medmcqa": count_specialties("medmcqa", ["Surgery"]), "pubmedqa": count_specialties("pubmedqa", [""])}
    table = cross_table(counts)
    assert table["cells"]["surgery"] == {"medmcqa": 1, "pubmedqa": None}
    assert ["radiology", "medmcqa"] in table["empty"]
    assert table["unknown"] == ["pubmedqa"]
    assert counts["pubmedqa"].effective is None
    assert len(table["empty"]) == len(specialties()) - 1


def test_the_floors_are_those_of_guessing_and_of_one_letter_throughout() -> None:
    rows = [
        item("a", "first", ["w", "x", "y", "z"], 0),
        item("b", "second", ["w", "x"], 0),
        item("c", "third", ["w", "x", "y", "z"], 1, answers=[1, 3]),
    ]
    floors = baselines(items(rows))
    assert floors.chance == pytest.approx((1 / 4 + 1 / 2 + 2 / 4) / 3)
    assert (floors.option_counts, floors.gold_positions) == ({2: 1, 4: 2}, {"A": 2, "B": 1})
    assert (floors.best_constant, floors.several_golds) == (pytest.approx(2 / 3), 1)
    # (acc - 1/m) / (1 - 1/m)
    assert chance_corrected(0.1, 0.1) == 0
    assert chance_corrected(0.55, 0.1) == pytest.approx(0.5)
