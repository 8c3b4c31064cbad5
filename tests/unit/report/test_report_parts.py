"""The small parts of the report: numbers, scales and tracks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.report.contamination import against_chance
from medeval.report.forest import flipped, track
from medeval.report.numbers import count, failure_cell, figure, p_value, percent, points
from medeval.report.quantization import _made, _width
from medeval.report.scale import Scale, accuracy_scale, scale_for
from medeval.run.model import Variant
from medeval.statistics.estimates import Estimate


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value, None, low, high, 40, "test")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (percent(0.31649), "31.6"),
        (percent(1.0), "100.0"),
        (points(0.0042), "+0.42"),
        (points(-0.0042), "−0.42"),
        (points(-0.00001), "0.00"),  # no minus before a zero
        (points(0.0), "0.00"),
        (count(1234567), "1,234,567"),
        (figure(-1234.5, 1, signed=True), "−1,234.5"),
        (p_value(0.0004), "< 0.001"),
        (p_value(0.0456), "0.046"),
        (percent(float("nan")), "not finite"),
    ],
)
def test_numbers_read_as_in_a_journal(number, text):
    assert number.text == text


def test_a_missing_number_is_its_reason_and_never_zero():
    assert percent(None, absent="no test").text == "no test"
    assert percent(None).value is None


@pytest.mark.parametrize(("failures", "tone"), [(0, "zero"), (1, "some"), (4, "some"), (5, "many"), (100, "many")])
def test_failures_of_five_percent_or_more_are_loud(failures, tone):
    assert failure_cell(failures, 100).tone == tone


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_a_scale_holds_all_its_values_and_zero_on_round_steps(values):
    scale = scale_for(values)
    assert scale.low <= min(0.0, *values) + 1e-9
    assert scale.high >= max(0.0, *values) - 1e-9
    assert 1 <= scale.steps <= 8
    assert scale.ticks[0].at == 0.0
    assert scale.ticks[-1].at == 100.0
    assert any(tick.text == "0" for tick in scale.ticks)


def test_values_that_hardly_differ_still_have_a_scale():
    assert scale_for([5e-324, None]).place(0.0) == 50.0


def test_places_are_percent_of_the_width():
    assert Scale(-0.1, 0.1, 0.05).place(0.05) == 75.0
    assert [tick.text for tick in Scale(-0.1, 0.1, 0.05).ticks] == ["−10", "−5", "0", "5", "10"]
    assert accuracy_scale().place(0.316) == 31.6


def test_an_interval_beyond_the_scale_is_cut_visibly():
    cut = track(estimate(0.02, -0.05, 0.09), accuracy_scale())
    assert (cut.left, cut.open_low, cut.open_high) == (0.0, True, False)
    assert (cut.dot, cut.width) == (2.0, 9.0)


def test_a_track_without_an_interval_is_a_bare_dot():
    bare = track(estimate(0.5, None, None), accuracy_scale())
    assert (bare.dot, bare.left, bare.width) == (50.0, None, None)


def test_a_difference_seen_from_the_other_side_swaps_its_ends():
    assert flipped(estimate(0.1, -0.2, 0.3)) == estimate(-0.1, -0.3, 0.2)
    assert flipped(estimate(0.1, None, None)).low is None


@pytest.mark.parametrize(
    ("low", "high", "chance", "words"),
    [
        (0.3, 0.5, 0.25, "above chance"),
        (0.1, 0.2, 0.25, "below chance"),
        (0.2, 0.3, 0.25, "around chance"),
        (0.2, 0.3, None, "cannot tell"),
        (None, None, 0.25, "no interval"),
    ],
)
def test_a_control_is_judged_by_its_interval(low, high, chance, words):
    assert against_chance(estimate(0.25, low, high), chance).text == words


def test_tensor_types_are_ordered_from_wide_to_narrow():
    kinds = ["Q4_K", "F32", "IQ3_S", "Q8_0", "BF16", "Q5_0", "Q6_K", "F16", "IQ4_XS"]
    assert sorted(kinds, key=_width) == ["F32", "BF16", "F16", "Q8_0", "Q6_K", "Q5_0", "IQ4_XS", "Q4_K", "IQ3_S"]


_HUB = {"type": "hub", "repo": "o/m", "revision": "0" * 40, "file": "model.safetensors"}


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ({"source": _HUB}, f"hub model o/m@{'0' * 40}:model.safetensors"),
        ({"checkpoint": [_HUB], "type": "BF16"}, "converted here to BF16 from 1 files, first hub model o/m@"),
        ({"quantize_from": "f16", "type": "Q4_K_M"}, "made here as Q4_K_M from f16"),
        (
            {"quantize_from": "f16", "type": "Q4_K_M", "imatrix": "medical"},
            "made here as Q4_K_M from f16, with the importance matrix medical",
        ),
    ],
)
def test_where_weights_come_from_is_said_of_every_kind(variant, words):
    assert _made(Variant.model_validate(variant).model_dump()).startswith(words)
