"""An audit that asks: what it asks, when it ends, and that nothing is asked twice wherever it is killed."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from audit_runs import Fake, Killed, by_number, conducted, run_config, site_of, verdicts

from medeval.errors import MedevalError
from medeval.records.files import write_json
from medeval.records.shards import record_path
from medeval.run.plan import Plan
from medeval.verdicts.audit.batches import Batch, held
from medeval.verdicts.audit.conduct import Site, state_of
from medeval.verdicts.audit.terms import needed_files


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
    assert set(verdicts(document)) == {"lead", "equal", "score", "talk", "size"}
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
                record["identity"]["engine"]["build"] = next(numbers) // 4  # four batches in the first look
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
