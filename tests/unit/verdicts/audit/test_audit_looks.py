"""What an audit asks next, what it needs, and how its section of the configuration is read."""

from pathlib import Path
from typing import Any

import pytest
from audit_rows import plain_order, question
from audit_runs import run_config, site_of

from medeval.errors import MedevalError
from medeval.run.audit import Audit as Settings
from medeval.run.check import describe_run
from medeval.run.config import load_run
from medeval.run.plan import Plan
from medeval.verdicts.audit.asking import HeldSubject, answer, settings_of
from medeval.verdicts.audit.looks import Spent, next_look, rounds_after
from medeval.verdicts.audit.state import standing
from medeval.verdicts.audit.terms import audited_systems, needed_files

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


SYSTEMS = {"A": "m/a", "B": "m/b"}


def open_question(rounds: int, **changes: Any) -> Any:
    order = plain_order({"medqa": 40, "pubmedqa": 15})
    answers = {
        name: {b: {u.items[0]: 0.0 for u in units[:rounds]} for b, units in order.units.items()}
        for name in SYSTEMS.values()
    }
    return standing(question(["medqa", "pubmedqa"]), order, answers, SYSTEMS, 0.05), order


@pytest.mark.parametrize(("rounds", "expected"), [(0, 16), (16, 20), (20, 25), (3, 16)])
def test_looks_grow_by_a_quarter(rounds: int, expected: int) -> None:
    assert rounds_after(rounds, Settings(seed="1")) == expected


def test_a_schedule_without_growth_looks_after_every_round() -> None:
    assert [rounds_after(n, Settings(seed="1", first_rounds=1, growth=1)) for n in (0, 1, 7)] == [1, 2, 8]


def test_hours_end_an_audit_before_the_look_that_would_exceed_them() -> None:
    found, order = open_question(4)
    asked = {(system, b): {u.items[0] for u in order.units[b][:4]} for system in SYSTEMS.values() for b in order.units}
    spent = Spent(asked, {"m/a": 1800.0, "m/b": 900.0})
    settings = Settings(seed="1", max_hours=1.0, first_rounds=8)
    look = next_look([found], order, SYSTEMS, spent, settings)
    # 675 seconds a round, and 900 are left.
    assert {len(items) for items in look.items.values()} == {1}
    spent = Spent(asked, {"m/a": 2400.0, "m/b": 1200.0})
    assert next_look([found], order, SYSTEMS, spent, settings).ended == "max_hours"


def test_a_system_stays_loaded_between_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run_config())
    opened: list[str] = []

    class Engine:
        def close(self) -> None:
            opened.append("closed")

    def open_once(_: Any) -> tuple[Any, Any]:
        opened.append("opened")
        return Engine(), "chat"

    def evaluate(items: Path, out: Path, run: Any, *, command: str) -> None:
        engine, chat = run.subject.open()
        assert chat == "chat"
        engine.close()
        out.write_text("")

    monkeypatch.setattr("medeval.responses.subject.Subject.open", open_once)
    monkeypatch.setattr("medeval.verdicts.audit.asking.evaluate", evaluate)
    settings = settings_of(site.run, site.results, "m/good", "cpu")
    assert settings.protocol.modes == ["letter"]
    pairs = [(Path("i"), Path(f"r{i}")) for i in range(3)]
    pairs[0][1].write_text("there already")
    answer(settings, pairs, command="test")
    assert opened == ["opened", "closed"]
    assert pairs[0][1].read_text() == "there already"
    assert isinstance(settings.subject, HeldSubject)


def test_an_audit_needs_the_weights_of_its_systems_and_the_looks_at_the_device() -> None:
    run = run_config(claims=["score"])
    files = needed_files(Plan(run, Path("x")))
    assert files == ["x/weights/m/bad.gguf", "x/probes/m/bad/cpu.json"]
    judged = run_config(claims=["talk"])
    files = needed_files(Plan(judged, Path("x")))
    assert files.count("x/weights/m/good.gguf") == 1  # of a system, and of the judge
    assert audited_systems(run) == {"good": "m/good", "bad": "m/bad"}


@pytest.mark.parametrize(
    ("audit", "words"),
    [
        ({"target": "cuda"}, "audit.target"),
        ({"seed": ""}, "no text on one line"),
        ({"risk": 0.7}, "risk"),
        ({"seeds": "x"}, "unknown key"),
    ],
)
def test_a_wrong_audit_section_is_refused(audit: dict[str, Any], words: str) -> None:
    with pytest.raises(MedevalError, match=words):
        run_config(**audit)


def test_a_run_without_an_audit_section_says_what_to_add() -> None:
    run = run_config().model_copy(update={"audit": None})
    with pytest.raises(MedevalError, match="has no audit section"):
        needed_files(Plan(run, Path("results/r")))


def test_check_says_what_will_be_audited() -> None:
    Path("config").symlink_to(ROOT / "config")
    run = load_run(Path("config/demo.yaml"))
    assert "audit: d01, d02 at risk 0.05, no budget; seed 31415926" in describe_run(run)
    limited = run.model_copy(update={"audit": Settings(seed="7", max_items=450, max_hours=2.5)})
    assert "audit: every claim at risk 0.05, at most 450 items per system and at most 2.5 hours" in describe_run(
        limited
    )


def test_a_claim_that_is_not_published_is_refused() -> None:
    with pytest.raises(MedevalError, match="no claim c99"):
        site_of(run_config(claims=["c99"]))
