"""How the interval of an audit closes in, and its drawing."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from audit_rows import plain_order, question

from medeval.errors import MedevalError
from medeval.report.audit_trace import svg, trace, write_drawing
from medeval.verdicts.audit.document import Audited, Part
from medeval.verdicts.audit.state import standing

SYSTEMS = {"A": "a/x", "B": "b/x"}
ORDER = plain_order({"medqa": 40, "pubmedqa": 15})
ASKED = question(["medqa", "pubmedqa"], words="A < B & C")


def answers(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    return {
        system: {
            name: {unit.items[0]: float(row % step > 0) for row, unit in enumerate(units[:rounds])}
            for name, units in ORDER.units.items()
        }
        for system, step in (("a/x", 5), ("b/x", 2))
    }


def test_the_interval_only_ever_closes_and_ends_where_the_status_says() -> None:
    points = trace(ASKED, ORDER, answers(30), SYSTEMS, 0.05)
    lows, highs = [p.low for p in points], [p.high for p in points]
    assert (points[0].items, points[0].low, points[0].high) == pytest.approx((0, -1.0, 1.0))
    assert (np.diff(lows) >= -1e-9).all()
    assert (np.diff(highs) <= 1e-9).all()
    found = standing(ASKED, ORDER, answers(30), SYSTEMS, 0.05)
    assert (points[-1].items, lows[-1], highs[-1]) == pytest.approx((found.items, found.low, found.high))


def test_the_drawing_is_valid_and_has_a_panel_per_question_and_a_line_per_limit() -> None:
    points = trace(ASKED, ORDER, answers(30), SYSTEMS, 0.05)
    two = question(["medqa"], -0.1, 0.1)
    root = ET.fromstring(svg([(ASKED, points), (two, points)]))  # noqa: S314 - our own text
    names = [element.get("class") for element in root.iter()]
    assert names.count("band") == 2
    assert names.count("limit") == 3
    assert "A < B & C" in "".join(root.itertext())


def test_nothing_is_drawn_before_the_first_answer(tmp_path: Path) -> None:
    empty: Any = standing(ASKED, ORDER, answers(0), SYSTEMS, 0.05)
    audit = Audited(None, ORDER, answers(0), SYSTEMS, 0.05, credible_judge=True)  # type: ignore[arg-type]
    with pytest.raises(MedevalError, match="no part of a claim has an answered round"):
        write_drawing(tmp_path / "x.svg", audit, {"c": [Part(ASKED, None, empty)]})  # type: ignore[arg-type]
    full = standing(ASKED, ORDER, answers(9), SYSTEMS, 0.05)
    later = Audited(None, ORDER, answers(9), SYSTEMS, 0.05, credible_judge=True)  # type: ignore[arg-type]
    assert write_drawing(tmp_path / "x.svg", later, {"c": [Part(ASKED, None, full)]}) == 1  # type: ignore[arg-type]
    assert (tmp_path / "x.svg").read_text().startswith("<svg")
