"""An audit that asks: what it asks next, when it ends, and that nothing is asked twice wherever it is killed."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_rows import conversation_row, grade_row, item_rows, plain_order, question, score_row, write

from medeval import tables
from medeval.audit import conduct as module
from medeval.audit.asking import HeldSubject, answer, settings_of
from medeval.audit.batches import Batch, Ledger, held
from medeval.audit.conduct import Site, conduct, state_of
from medeval.audit.looks import Spent, next_look, rounds_after
from medeval.audit.order import draw_order, write_order
from medeval.audit.state import standing
from medeval.audit.terms import audited_systems, needed_files, terms_of
from medeval.audit.terms import settings_of as audit_of
from medeval.audit.units import read_units
from medeval.config.audit import Audit as Settings
from medeval.config.check import describe_run
from medeval.config.publication import load_publication
from medeval.config.run import RunConfig, from_mapping, load_run
from medeval.errors import MedevalError
from medeval.files import write_json
from medeval.plan import Plan
from medeval.shards import record_path

ROOT = Path(__file__).parents[3]
BENCHMARKS = {"medqa": 40, "pubmedqa": 15}
SEED = "2718"


def run_config(**audit: Any) -> RunConfig:
    """A run of two files of one model on two benchmarks and conversations, with three claims about them."""
    folder = Path.cwd()
    sourced = {"source": ["s"], "status": "exact"}
    weights = [{"id": name, "model": "M", "quantization": name, **sourced} for name in ("good", "bad")]
    claims = [
        {"id": "lead", "type": "T2", "comparisons": [{"metric": "average", "a": "good", "b": "bad"}]},
        {"id": "equal", "type": "T5", "margin": 1.0, "comparisons": [{"metric": "medqa", "a": "good", "b": "bad"}]},
        {
            "id": "score",
            "type": "T1",
            "margin": 5.0,
            "comparisons": [{"metric": "medqa", "a": "bad", "stated_a": 50.0}],
        },
        {"id": "talk", "type": "T2", "comparisons": [{"metric": "healthbench", "a": "good", "b": "bad"}]},
    ]
    publication = {
        "title": "t",
        "decimals": 2,
        "sources": [{"key": "s", "what": "w", "kind": "primary"}],
        "evaluation": {"spread_published": False, **sourced},
        "benchmarks": [
            {"id": "medqa", "label": "MedQA"},
            {"id": "pubmedqa", "label": "PubMedQA"},
            {"id": "healthbench", "label": "HB", "kind": "rubric"},
        ],
        "average": {"label": "Average", "over": ["medqa", "pubmedqa"]},
        "models": [{"id": "M", "label": "M", "role": "audited"}],
        "weights": weights,
        "claims": [{"sentence": "x", **sourced, **claim} for claim in claims],
    }
    (folder / "claims.yaml").write_text(yaml.safe_dump(publication))
    source = {"type": "file", "path": "x"}
    variants = {name: {"source": source, "published_as": name} for name in ("good", "bad")}
    model = {
        "id": "m",
        "title": "M",
        "licence": "x",
        "variants": variants,
        "reference": "good",
        "evaluate": ["good", "bad"],
    }
    document = {
        "name": "r",
        "title": "R",
        "models": [model],
        "benchmarks": [{"id": name, "licence": "x", "sources": [source]} for name in (*BENCHMARKS, "healthbench")],
        "protocol": {"modes": ["generate", "letter"], "headline": "letter"},
        "judge": {"type": "local", "model": "m", "variant": "good", "credible": True},
        "claims": "claims.yaml",
        "audit": {"seed": SEED, "claims": ["lead"], "first_rounds": 4, "growth": 1.5, **audit},
    }
    return from_mapping(document, Path("run.yaml"))


def site_of(run: RunConfig) -> Site:
    """The run's items, weights and order, where the workflow would have put them."""
    results = Path("results/r")
    items = results / "items"
    sources = [
        write(items / f"{name}.parquet", tables.ITEMS, item_rows(name, [f"{name}{i:02}" for i in range(n)]))
        for name, n in BENCHMARKS.items()
    ]
    rows = [conversation_row(f"p{i:02}", [5, 5, -5]) for i in range(30)]
    sources.append(write(items / "healthbench.parquet", tables.CONVERSATIONS, rows))
    for name in ("good", "bad"):
        path = results / f"weights/m/{name}.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    order = results / "audit/order.json"
    write_order(order, draw_order(read_units(sources), audit_of(run).seed), terms_of(run, load_publication(run.claims)))
    return Site(run, results, order, sources, "test")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Killed(Exception):
    """What stands for a process that is killed."""


class Fake:
    """A system that is right on what `right` says, and can be killed before any of its steps."""

    def __init__(self, right: Callable[[str, str], bool], dies_at: int | None = None) -> None:
        self.right, self.dies_at, self.steps = right, dies_at, 0
        self.asked: Counter[tuple[str, str]] = Counter()

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.dies_at:
            raise Killed

    def ask(self, site: Site, system: str, batches: Sequence[Batch]) -> None:
        identity = {
            "weights_sha256": settings_of(site.run, site.results, system, "cpu").subject.sha256(),
            "protocol": {**site.run.protocol.model_dump(mode="json"), "modes": ["letter"]},
            "seed": site.run.seed,
            "items_sha256": str(len(batches)),
            "engine": "e",
        }
        for batch in batches:
            self.step()
            assert not batch.responses.exists()
            self.asked.update((system, item) for item in batch.item_ids())
            write_json(record_path(batch.responses), {"identity": identity})
            self.step()
            batch.responses.write_text("")

    def score(self, items: Sequence[Path], responses: Path, out: Path, *, command: str) -> None:
        self.step()
        variant, benchmark = responses.parts[-4], responses.parts[-3]
        ids = tables.read(items[0], tables.ITEMS, ["item_id"])["item_id"].to_pylist()
        rows = [score_row(variant, benchmark, item, self.right(variant, item), mode="letter") for item in ids]
        write(out, tables.SCORES, rows)

    def grade(self, site: Site, system: str, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self.step()
            variant = system.split("/")[1]
            rows = [
                grade_row(variant, item, i, points, self.right(variant, item) and points > 0)
                for item in batch.item_ids()
                for i, points in enumerate([5, 5, -5])
            ]
            write(batch.scores, tables.GRADES, rows)


def conducted(site: Site, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    said: list[Any] = []
    begin = Ledger.begin

    def begun(ledger: Ledger, system: str, benchmark: str, items: Any, *, command: str) -> Batch:
        fake.step()
        return begin(ledger, system, benchmark, items, command=command)

    monkeypatch.setattr(module, "score_files", fake.score)
    monkeypatch.setattr(Ledger, "begin", begun)
    try:
        return conducted_by(site, fake, said)
    finally:
        monkeypatch.setattr(Ledger, "begin", begin)


def conducted_by(site: Site, fake: Fake, said: list[Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return conduct(site, say=said.append, ask=fake.ask, grade=fake.grade), said


def by_number(variant: str, item: str) -> bool:
    """`good` is right on four of five items, `bad` on two of five."""
    return int(item[-2:]) % 5 < (4 if variant == "good" else 2)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {claim["claim_id"]: str(claim["verdict"]) for claim in document["claims"]}


def test_an_audit_asks_until_the_claim_is_decided_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run_config())
    fake = Fake(by_number)
    document, said = conducted(site, fake, monkeypatch)
    assert verdicts(document) == {"lead": "REPRODUCED"}
    assert document["ended"] == "decided"
    rounds = [state["claims"][0]["parts"][0]["rounds"] for state in said]
    assert rounds == [0, 4, 6]
    assert document["claims"][0]["parts"][0]["verdict"] == "REPRODUCED"
    assert {str(state["claims"][0]["verdict"]) for state in said[:-1]} == {"INCONCLUSIVE"}
    assert set(fake.asked.values()) == {1}
    assert max(document["items"].values()) < 55
    assert document["items"]["m/good"] == document["items"]["m/bad"]
    # The first batch was taken in the committed order, and names it.
    record = json.loads(site.order.read_text())
    first = Batch(site.folder / "batches/m/good/medqa/0001", "m/good", "medqa")
    assert set(first.item_ids()) == {items[0] for items in record["units"]["medqa"][:4]}


def test_wherever_it_is_killed_the_next_call_continues_and_asks_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Fake(by_number)
    expected, _ = conducted(site_of(run_config()), whole, monkeypatch)
    for dies_at in (1, 3, 6, 7, 10, 18, whole.steps):
        folder = Path(f"again{dies_at}").resolve()
        folder.mkdir()
        monkeypatch.chdir(folder)
        site = site_of(run_config())
        first = Fake(by_number, dies_at)
        with pytest.raises(Killed):
            conducted(site, first, monkeypatch)
        second = Fake(by_number)
        document, _ = conducted(site, second, monkeypatch)
        assert {**document, "hours": 0} == {**expected, "hours": 0}
        # What was being answered when it was killed is answered again here; the journal of `evaluate` prevents that.
        finished = sum(b.responses.exists() for b in _batches(site))
        assert finished == len(_batches(site))
        twice = first.asked + second.asked - whole.asked
        assert sum(twice.values()) <= max(len(b.item_ids()) for b in _batches(site))
        monkeypatch.chdir(folder.parent)


def _batches(site: Site) -> list[Batch]:
    return [
        Batch(path.parent, path.parts[-5], path.parts[-3]) for path in site.folder.glob("batches/*/*/*/*/items.parquet")
    ]


def test_claims_and_systems_share_the_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(by_number)
    document, _ = conducted(site_of(run_config(claims=[])), fake, monkeypatch)
    assert set(verdicts(document)) == {"lead", "equal", "score", "talk"}
    assert verdicts(document)["talk"] == "REPRODUCED"
    assert set(fake.asked.values()) == {1}
    # A claim about one benchmark goes on alone once the average is decided.
    medqa = sum(item.startswith("medqa") for _, item in fake.asked)
    assert medqa > sum(item.startswith("pubmedqa") for _, item in fake.asked)


def test_a_budget_of_items_ends_the_audit_undecided_and_a_larger_one_continues_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document, _ = conducted(site_of(run_config(max_items=11)), Fake(by_number), monkeypatch)
    assert document["ended"] == "max_items"
    assert document["items"] == {"m/bad": 10, "m/good": 10}  # rounds of two items
    assert verdicts(document) == {"lead": "INCONCLUSIVE"}
    assert document["claims"][0]["parts"][0]["outlook"]["median"] > 10
    more = Fake(by_number)
    document, _ = conducted(site_of(run_config(max_items=60)), more, monkeypatch)
    assert verdicts(document) == {"lead": "REPRODUCED"}
    assert sum(more.asked.values()) == sum(document["items"].values()) - 20


def test_an_audit_that_used_every_item_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    document, _ = conducted(
        site_of(run_config(claims=["equal"])), Fake(lambda _, item: by_number("bad", item)), monkeypatch
    )
    (part,) = document["claims"][0]["parts"]
    assert document["ended"] == "decided"
    assert part["low"] == pytest.approx(0.0, abs=1e-6)
    assert str(part["verdict"]) == "REPRODUCED"


def test_nothing_is_asked_for_a_judge_that_is_not_credible(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_config(claims=["talk"])
    run = run.model_copy(update={"judge": run.judge.model_copy(update={"credible": False})})  # type: ignore[union-attr]
    fake = Fake(by_number)
    document, _ = conducted(site_of(run), fake, monkeypatch)
    assert not fake.asked
    assert verdicts(document) == {"talk": "INCONCLUSIVE"}
    assert needed_files(Plan(run, Path("results/r"))) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"risk": 0.1}, "terms"), ({"claims": ["lead", "equal"]}, "terms"), ({"seed": "3"}, "asked by another record")],
)
def test_terms_that_change_after_the_first_answer_are_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    site = site_of(run_config(max_items=11))
    conducted(site, Fake(by_number), monkeypatch)
    with pytest.raises(MedevalError, match=words):
        # The record as it was, or as the workflow would write it again.
        changed = run_config(**changes)
        here = Site(changed, site.results, site.order, site.sources, "test") if words == "terms" else site_of(changed)
        conducted(here, Fake(by_number), monkeypatch)
    with pytest.raises(MedevalError, match="asked by another record"):
        conducted(site_of(run_config(**changes)), Fake(by_number), monkeypatch)


def test_other_weights_or_settings_than_answered_before_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run_config(max_items=11))
    conducted(site, Fake(by_number), monkeypatch)
    (site.results / "weights/m/bad.gguf").write_text("others")
    with pytest.raises(MedevalError, match="m/bad: other weights_sha256"):
        conducted(site, Fake(by_number), monkeypatch)
    (site.results / "weights/m/bad.gguf").write_text("bad")
    seeded = Site(
        run_config(max_items=11).model_copy(update={"seed": 1}), site.results, site.order, site.sources, "test"
    )
    with pytest.raises(MedevalError, match="other seed"):
        conducted(seeded, Fake(by_number), monkeypatch)


def test_an_engine_that_changes_between_looks_stops_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run_config())
    numbers = itertools.count()

    class Changing(Fake):
        def ask(self, site: Site, system: str, batches: Sequence[Batch]) -> None:
            super().ask(site, system, batches)
            for batch in batches:
                record = json.loads(record_path(batch.responses).read_text())
                record["identity"]["engine"] = next(numbers) // 4  # four batches in the first look
                write_json(record_path(batch.responses), record)

    with pytest.raises(MedevalError, match="answered otherwise .* other engine"):
        conducted(site, Changing(by_number), monkeypatch)


def test_only_one_process_conducts_an_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run_config())
    with held(site.folder), pytest.raises(MedevalError, match="another process"):
        conducted(site, Fake(by_number), monkeypatch)


def test_the_state_of_an_audit_can_be_read_while_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run_config(max_items=11))
    conducted(site, Fake(by_number), monkeypatch)
    assert len(state_of(site).answers["m/good"]["medqa"]) == 5


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

    monkeypatch.setattr("medeval.subject.Subject.open", open_once)
    monkeypatch.setattr("medeval.audit.asking.evaluate", evaluate)
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
        Plan(run, Path("results/r")).audit_files()


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
