"""Documents between stages are typed: what one side writes and the other does not know is an error, never a gap."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from tests.unit.contamination.contamination_files import corpus, items
from tests.unit.responses.run_records import identity_of, record_of
from tests.unit.verdicts.audit.audit_runs import Fake, by_number, conducted, run_config, site_of
from tests.unit.verdicts.claim_tables import publication, write_tables
from tests.unit.weights.gguf_makers import write_gguf

from medeval.cli.app import main
from medeval.cli.documentation import DOCUMENTS
from medeval.errors import MedevalError
from medeval.records import tables
from medeval.records.documents import Document, as_json
from medeval.run.model import Reasoning
from medeval.verdicts.basis import SizeBasis
from medeval.verdicts.document import Verdicts

# Mappings with keys of their own, and the version.
FREE = {"numbers", "inputs", "packages", "items_total", "conversations_total", "alternatives", "protocols", "schema"}
FREE |= {"engine", "templates", "template_options", "accuracy", "shards", "units", "items"}
FREE |= {"tensors_by_type", "bytes_by_type", "flags", "importance_matrix"}
# The same, whose values are typed.
NAMED = {"special_tokens", "benchmarks"}
# What is written only where there is something to say.
LEFT_OUT = {("audit-order.v1", "terms")}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """A document of each kind by the name of its schema, as its stage wrote it."""
    folder = tmp_path_factory.mktemp("run")
    claims, out = str(publication(folder)), folder / "verdicts.json"
    write_tables(folder / "scores")
    run("verdict", "--claims", claims, "--scores", str(folder / "scores"), "--out", str(out))
    compared = json.loads((folder / "verdicts.comparisons.json").read_text())
    asked, overlap = folder / "items.parquet", folder / "overlap.json"
    question = "which gland of the brain secretes the hormone melatonin at night"
    tables.write(asked, items([question]), tables.ITEMS, command="test")
    run("overlap", "--items", str(asked), "--corpus", str(corpus(folder, question)), "--out", str(overlap))
    described = json.loads(run("inspect", str(write_gguf(folder / "x.gguf", {"token_embd.weight": np.ones((6, 32))}))))
    described["quantization"]["split"] = {"number": 0, "count": 2}
    thinks = identity_of(reasoning=Reasoning(open="<think>", close="</think>"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        site = site_of(run_config(max_items=11, claims=["lead", "size"]))
        status, _ = conducted(site, Fake(by_number), patch)
        order = json.loads(site.order.read_text())
    documents = [compared, *(json.loads(path.read_text()) for path in (out, overlap))]
    documents += [json.loads(run("desk-audit", claims, "--json"))]
    documents += [described, json.loads(json.dumps(status)), order, record_of(thinks).as_json()]
    return {document["schema"]: document for document in documents}


def keys(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every typed key of a document with the place of its object: one entry of each list stands for its like."""
    if isinstance(value, list):
        alike = {tuple(entry) if isinstance(entry, dict) else (): index for index, entry in enumerate(value)}
        for index in alike.values():
            yield from keys(value[index], (*place, index))
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not NAMED & set(place[-1:]):
                yield place, key
            if key not in FREE or isinstance(inner, list):
                yield from keys(inner, (*place, key))


def renamed(document: dict[str, Any], place: tuple[str | int, ...], key: str, *, keep: bool) -> dict[str, Any]:
    """Return a copy with one key under another name, or without it."""
    copy: Any = json.loads(json.dumps(document))
    owner = copy
    for step in place:
        owner = owner[step]
    value = owner.pop(key)
    if keep:
        owner[f"{key}_renamed"] = value
    return dict(copy)


def test_every_kind_of_document_is_here(written: dict[str, dict[str, Any]]) -> None:
    assert written.keys() == {kind.SCHEMA for kind in DOCUMENTS}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_was_written_is_read_and_written_again_alike(
    tmp_path: Path, written: dict[str, dict[str, Any]], kind: type[Document]
) -> None:
    document = written[kind.SCHEMA]
    (tmp_path / "a.json").write_text(json.dumps(document))
    kind.read(tmp_path / "a.json").write(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == document
    jsonschema.validate(document, kind.json_schema())


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_renamed_or_missing_key_anywhere_is_refused_by_name_with_the_command_that_writes_it_again(
    tmp_path: Path, written: dict[str, dict[str, Any]], kind: type[Document]
) -> None:
    document = written[kind.SCHEMA]
    found = [(place, key) for place, key in keys(document) if key != "schema"]
    assert len(found) >= 12
    assert_refused(kind, document, found, tmp_path / "a.json")


@pytest.mark.parametrize("rule", ["order", "loss", "equality", "value", "tokens", "size"])
def test_a_renamed_or_missing_key_of_what_a_rule_was_applied_to_is_refused_by_name(
    tmp_path: Path, written: dict[str, dict[str, Any]], rule: str
) -> None:
    document = json.loads(json.dumps(written[Verdicts.SCHEMA]))
    parts = {entry["parts"][0]["basis"]["rule"]: index for index, entry in enumerate(document["verdicts"])}
    if rule == "size":  # a file's size is in no table of scores
        parts["size"] = 0
        document["verdicts"][0]["parts"][0]["basis"] = as_json(SizeBasis(bytes_a=1, bytes_b=2, stated_reduction=50.0))
    place = ("verdicts", parts[rule], "parts", 0, "basis")
    found = list(keys(document["verdicts"][parts[rule]]["parts"][0]["basis"], place))
    assert_refused(Verdicts, document, found, tmp_path / "a.json")


def assert_refused(
    kind: type[Document], document: dict[str, Any], found: Sequence[tuple[tuple[str | int, ...], str]], path: Path
) -> None:
    """Check that a document is refused with any of some keys under another name, or without it."""
    for place, key in found:
        for keep in (True, False) if (kind.SCHEMA, key) not in LEFT_OUT else (True,):
            path.write_text(json.dumps(renamed(document, place, key, keep=keep)))
            with pytest.raises(MedevalError) as error:
                kind.read(path)
            assert str(path) in error.value.problem
            assert key in error.value.problem
            assert kind.WRITER in error.value.remedy


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_another_version_is_refused(tmp_path: Path, written: dict[str, dict[str, Any]], kind: type[Document]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(written[kind.SCHEMA] | {"schema": "other.v1"}))
    with pytest.raises(MedevalError, match=rf"expected a document of schema '{kind.SCHEMA}', found 'other.v1'"):
        kind.read(tmp_path / "a.json")
