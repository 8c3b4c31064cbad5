"""An invented run with an audit, and a system that answers it without a model."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.responses.run_records import identity_of, record_of
from tests.unit.verdicts.audit.audit_rows import conversation_row, grade_row, item_rows, score_row, write

from medeval.publication.publication import load_publication
from medeval.records import tables
from medeval.records.shards import record_path
from medeval.run.audited import settings_of as audit_of
from medeval.run.config import RunConfig, from_mapping
from medeval.verdicts.audit import conduct as module
from medeval.verdicts.audit.asking import settings_of
from medeval.verdicts.audit.batches import Batch, Ledger
from medeval.verdicts.audit.conduct import Site, conduct
from medeval.verdicts.audit.order import draw_order, write_order
from medeval.verdicts.audit.status import AuditStatus
from medeval.verdicts.audit.terms import terms_of
from medeval.verdicts.audit.units import read_units

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
        {
            "id": "size",
            "type": "T4",
            "comparisons": [{"metric": "size", "a": "bad", "b": "good", "stated_reduction": 69}],
        },
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
        settings = settings_of(site.run, site.results, system, "cpu")
        identity = identity_of(
            weights_sha256=settings.subject.sha256(),
            protocol=settings.protocol,
            seed=settings.seed,
            items_sha256=str(len(batches)),
        )
        for batch in batches:
            self.step()
            assert not batch.responses.exists()
            self.asked.update((system, item) for item in batch.item_ids())
            record_of(identity).write(record_path(batch.responses))
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
    begin = Ledger.begin

    def begun(ledger: Ledger, system: str, benchmark: str, items: Any, *, command: str) -> Batch:
        fake.step()
        return begin(ledger, system, benchmark, items, command=command)

    monkeypatch.setattr(module, "score_files", fake.score)
    monkeypatch.setattr(Ledger, "begin", begun)
    try:
        return conducted_by(site, fake)
    finally:
        monkeypatch.setattr(Ledger, "begin", begin)


def conducted_by(site: Site, fake: Fake) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    said: list[AuditStatus] = []
    status = conduct(site, say=said.append, ask=fake.ask, grade=fake.grade)
    return status.as_json(), [state.as_json() for state in said]


def by_number(variant: str, item: str) -> bool:
    """`good` is right on four of five items, `bad` on two of five."""
    return int(item[-2:]) % 5 < (4 if variant == "good" else 2)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {claim["claim_id"]: str(claim["verdict"]) for claim in document["claims"]}
