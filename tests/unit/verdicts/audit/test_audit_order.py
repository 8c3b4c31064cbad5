"""The order of an audit: what draws it, what commits to it, and who can tell that it was changed."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from audit_rows import (
    conversation_row,
    conversations_table,
    item_rows,
    items_table,
    plain_order,
    plain_units,
    unit,
    write,
)

from medeval.errors import MedevalError
from medeval.publication.publication import load_publication
from medeval.records import tables
from medeval.records.files import sha256_file
from medeval.run.config import load_run
from medeval.verdicts.audit.order import draw_order, read_order, write_order
from medeval.verdicts.audit.rounds import write_rounds
from medeval.verdicts.audit.terms import check_terms, terms_of
from medeval.verdicts.audit.units import Unit, conversation_units, item_units, read_units

ROOT = Path(__file__).parents[4]


def test_items_of_the_same_size_come_in_the_order_of_their_hashes() -> None:
    order = plain_order({"medqa": 200}, seed="31415926")
    names = [f"medqa{i:03}" for i in range(200)]
    expected = sorted(names, key=lambda name: hashlib.sha256(f"31415926:medqa:{name}".encode()).hexdigest())
    assert [u.items[0] for u in order.units["medqa"]] == expected


def test_the_commitment_can_be_computed_by_hand() -> None:
    order = plain_order({"pubmedqa": 3, "medqa": 2}, seed="s")
    lines = ["s", *(f"medqa {u.items[0]}" for u in order.units["medqa"])]
    lines += [f"pubmedqa {u.items[0]}" for u in order.units["pubmedqa"]]
    text = "".join(f"{line}\n" for line in lines)
    assert order.commitment == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_depends_on_the_seed_and_on_the_benchmark_but_not_on_the_order_of_the_rows() -> None:
    units = plain_units("x", 50)
    orders = {(name, seed): draw_order({name: units}, seed).units[name] for name in "ab" for seed in "12"}
    assert len(set(orders.values())) == 4
    assert draw_order({"a": units[::-1]}, "1").units["a"] == orders["a", "1"]


def test_a_larger_unit_is_drawn_first_as_often_as_its_size_says() -> None:
    units = [unit("big", 0.5, 1.0), unit("wide", 0.1, 3.0), unit("small", 0.2, 1.0)]  # sizes 0.5, 0.3, 0.2
    orders = [draw_order({"b": units}, str(seed)).units["b"] for seed in range(2000)]
    first = Counter(order[0].items[0] for order in orders)
    for name, share in (("big", 0.5), ("wide", 0.3), ("small", 0.2)):
        assert first[name] / 2000 == pytest.approx(share, abs=4 * (0.25 / 2000) ** 0.5)
    # ... and each next one of those left: after "big", "wide" against "small" is 3 to 2.
    second = Counter(order[1].items[0] for order in orders if order[0].items[0] == "big")
    assert second["wide"] / first["big"] == pytest.approx(0.6, abs=4 * (0.25 / first["big"]) ** 0.5)


def test_a_record_is_read_back_and_verified(tmp_path: Path) -> None:
    units = {"medqa": plain_units("q", 20)}
    order = draw_order(units, "5")
    write_order(tmp_path / "order.json", order)
    assert read_order(tmp_path / "order.json", units) == order


def test_a_record_is_the_same_to_the_byte_as_those_that_were_published(tmp_path: Path) -> None:
    order = draw_order({"medqa": plain_units("q", 20), "pubmedqa": plain_units("p", 5)}, "31415926")
    run = load_run(ROOT / "config/demo.yaml")
    terms = terms_of(run, load_publication(run.claims))
    for given, digest in ((None, "d8ee9f5d6a4dd0a8"), (terms, "f07bb834ebe0a5b1")):
        write_order(tmp_path / "order.json", order, given)
        assert sha256_file(tmp_path / "order.json").startswith(digest)
        check_terms(tmp_path / "order.json", run.audit.risk if run.audit else 0.0, given)


def swapped(record: dict[str, Any]) -> None:
    record["units"]["medqa"][3:5] = record["units"]["medqa"][3:5][::-1]


def shortened(record: dict[str, Any]) -> None:
    del record["units"]["medqa"][-1]


def reseeded(record: dict[str, Any]) -> None:
    record["seed"] = "6"


def recommitted(record: dict[str, Any]) -> None:
    record["commitment"] = "0" * 64


def renamed(record: dict[str, Any]) -> None:
    record["units"]["medmcqa"] = record["units"].pop("medqa")


def another_schema(record: dict[str, Any]) -> None:
    record["schema"] = "verdicts.v2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swapped, "first difference is in round 4"),
        (shortened, "not in the order"),
        (reseeded, "not in the order"),
        (recommitted, "commitment is not that of its order"),
        (renamed, "other benchmarks"),
        (another_schema, "expected a document of schema 'audit-order.v1', found 'verdicts.v2'"),
    ],
)
def test_a_record_that_was_changed_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    units, path = {"medqa": plain_units("q", 20)}, tmp_path / "order.json"
    write_order(path, draw_order(units, "5"))
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(MedevalError, match=words):
        read_order(path, units)


@pytest.mark.parametrize("seed", ["", "  ", "a\nb"])
def test_a_seed_is_a_text_on_one_line(seed: str) -> None:
    with pytest.raises(MedevalError, match="one line"):
        draw_order({"medqa": plain_units("q", 2)}, seed)


def test_items_of_one_cluster_are_drawn_together() -> None:
    rows = item_rows("medqa", ["a", "b", "c", "d"])
    rows[3]["cluster_id"] = "b"
    units = item_units(items_table(rows))["medqa"]
    assert sorted(u.items for u in units) == [("a",), ("b", "d"), ("c",)]
    assert {u.items: u.share for u in units}["b", "d"] == pytest.approx(0.5)
    assert sum(u.share for u in units) == pytest.approx(1.0)


def test_a_mean_of_subjects_gives_the_items_of_small_subjects_a_larger_share() -> None:
    rows = item_rows("mmlu_health", ["a", "b", "c"], stratum="anatomy") + item_rows(
        "mmlu_health", ["d"], stratum="medical_genetics"
    )
    shares = {u.items[0]: u.share for u in item_units(items_table(rows))["mmlu_health"]}
    assert shares == pytest.approx({"a": 1 / 6, "b": 1 / 6, "c": 1 / 6, "d": 1 / 2})


def test_the_range_of_an_example_follows_from_its_rubric() -> None:
    rows = [conversation_row("p", [5, -10, 3]), conversation_row("q", [4, 4])]
    (spans,) = [
        {u.items[0]: u.spans[0] for u in units} for units in conversation_units(conversations_table(rows)).values()
    ]
    assert spans == pytest.approx({"p": 1 + 10 / 8, "q": 1.0})


def test_subsets_of_healthbench_are_benchmarks_of_their_own() -> None:
    rows = [conversation_row("p", [5]), conversation_row("p", [5, -5], subset="hard")]
    found = conversation_units(conversations_table(rows))
    assert {name: units[0].size for name, units in found.items()} == {"healthbench": 1.0, "healthbench_hard": 2.0}


def test_a_rubric_without_positive_points_is_refused() -> None:
    with pytest.raises(MedevalError, match="no positive points"):
        conversation_units(conversations_table([conversation_row("p", [-5])]))


def test_units_are_read_from_items_and_conversations_but_from_nothing_else(tmp_path: Path) -> None:
    one = write(tmp_path / "a.parquet", tables.ITEMS, item_rows("medqa", ["a"]))
    two = write(tmp_path / "b.parquet", tables.CONVERSATIONS, [conversation_row("p", [5])])
    assert read_units([one, two]).keys() == {"medqa", "healthbench"}
    with pytest.raises(MedevalError, match="as another of the files does"):
        read_units([one, one])
    scores = write(tmp_path / "c.parquet", tables.SCORES, [])
    with pytest.raises(MedevalError, match="expected items or conversations, found scores"):
        read_units([scores])


def test_the_first_rounds_are_written_as_tables_that_name_the_record(tmp_path: Path) -> None:
    rows = item_rows("medqa", [f"q{i}" for i in range(9)])
    rows[8]["cluster_id"] = "q7"
    paths = [
        write(tmp_path / "medqa.parquet", tables.ITEMS, rows),
        write(tmp_path / "hb.parquet", tables.CONVERSATIONS, [conversation_row(f"p{i}", [5, -i]) for i in range(4)]),
    ]
    order, record = draw_order(read_units(paths), "1"), tmp_path / "order.json"
    write_order(record, order)
    written = dict(write_rounds(paths, order, record, 3, tmp_path / "first", command="test"))
    for path, name in zip(paths, ("medqa", "healthbench"), strict=True):
        part = tmp_path / "first" / path.name
        kind = tables.ITEMS if name == "medqa" else tables.CONVERSATIONS
        ids = tables.read(part, kind)["item_id"].to_pylist()
        assert set(ids) == {item for u in order.units[name][:3] for item in u.items}
        assert written[part] == len(ids)
        assert tables.read_record(part)["inputs"]["order"] == hashlib.sha256(record.read_bytes()).hexdigest()


def test_a_unit_is_as_large_as_the_difference_it_can_make() -> None:
    assert Unit(("a", "b"), (0.25, 0.25), (1.0, 3.0)).size == pytest.approx(1.0)
