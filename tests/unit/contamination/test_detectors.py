"""The list of detectors: command, rule and plan follow it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.contamination.detectors import DETECTORS, Detector
from medeval.records.yaml_files import load_yaml
from medeval.run.config import from_mapping
from medeval.run.plan import Plan

ROOT = Path(__file__).parents[3]


def plan(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Plan:
    monkeypatch.chdir(ROOT)
    document = load_yaml(Path("config/demo.yaml")) | changes
    return Plan(from_mapping(document, Path("config/demo.yaml")), Path("results/demo"))


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_every_detector_has_a_command_and_what_it_needs_is_planned(
    monkeypatch: pytest.MonkeyPatch, detector: Detector
) -> None:
    shown = CliRunner().invoke(main, ["contamination", detector.name, "--help"]).output
    assert f"Example: medeval contamination {detector.name}" in " ".join(shown.split())
    for need in detector.needs:
        assert f"--{need}" in shown
        assert plan(monkeypatch).given(need, "medqa")


def test_a_detector_is_off_where_a_run_has_nothing_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = DETECTORS["overlap"].needs
    searched = plan(monkeypatch).findings("overlap", needs)
    assert searched[0] == "results/demo/contamination/overlap/medqa.json"
    assert plan(monkeypatch, contamination={"corpora": []}).findings("overlap", needs) == []
