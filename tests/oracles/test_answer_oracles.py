"""The extractor beside what others published: MedAgentsBench's letters and Liévin's marks. Prints the tables.

Run by `make check-oracles`. The replies are other people's data and not part of the project.
"""

from collections import Counter
from collections.abc import Iterable

import pytest
from statsmodels.stats.proportion import proportion_confint
from tests.oracles.answer_oracles import (
    LIEVIN,
    LIEVIN_SETS,
    MEDAGENTS,
    Judged,
    accuracy,
    medagents_files,
    medagents_rows,
    published_accuracy,
    read_lievin,
    read_medagents,
)

needs_medagents = pytest.mark.skipif(
    not (MEDAGENTS / "PUBLISHED.json").exists(),
    reason=f"LETTERS OF MEDAGENTSBENCH NOT CHECKED: no {MEDAGENTS}; set MEDEVAL_SHARED",
)
needs_lievin = pytest.mark.skipif(
    not (LIEVIN / "PUBLISHED.json").exists(), reason=f"LIEVIN'S MARKS NOT CHECKED: no {LIEVIN}; set MEDEVAL_SHARED"
)
EXAMPLES = 4


@needs_medagents
def test_medagentsbench_accuracies_are_the_published_ones_to_the_digit() -> None:
    _say("\nMedAgentsBench: accuracy by the authors' rule, and as they print it")
    compared = 0
    for path in medagents_files():
        found, published = accuracy(medagents_rows(path)), published_accuracy(path)
        _say(f"  {path.name.removesuffix('.json.gz'):62s} {found:>5s}  {published or 'not printed for this model'}")
        assert published in (None, found), path.name
        compared += published is not None
    assert compared >= 30


@needs_medagents
def test_letters_of_medagentsbench() -> None:
    judged = {path: list(read_medagents(path)) for path in medagents_files()}
    _say("\nMedAgentsBench: replies read here, and the letter that the authors read in them")
    for path, rows in judged.items():
        if rows:
            _print_agreement(path.name.removesuffix(".json.gz"), [row for row in rows if row.read.choice is not None])
    everything = [row for rows in judged.values() for row in rows]
    answered = [row for row in everything if row.read.choice is not None]
    _print_agreement("all replies with an answer", answered)
    _print_kinds(everything)
    assert not [row.name for row in everything if row.kind == "other"]
    others = [row for row in answered if not row.kind.startswith("the reply says I")]
    _print_agreement("the same without those whose I became A", others)
    assert _share(others) >= 0.995


@needs_lievin
@pytest.mark.parametrize("name", LIEVIN_SETS)
def test_lievin_marks(name: str) -> None:
    judged = list(read_lievin(name))
    known = [row for row in judged if row.agrees is not None]
    _say(f"\nLievin and others, {name}: {len(judged)} replies, {len(judged) - len(known)} without a key")
    _say(f"  read as: {dict(Counter(f'{row.read.status} {row.read.stage}' for row in known).most_common())}")
    _print_agreement("all replies with a key", known)
    stated = [row for row in known if row.states_letter]
    _print_agreement("those that state one letter", stated)
    _print_kinds(known)
    assert _share(stated) >= 0.98
    assert _share(known) >= 0.98
    assert not [row.name for row in known if row.kind == "other letter"]


def _say(line: str) -> None:
    print(line)  # noqa: T201


def _share(rows: Iterable[Judged]) -> float:
    agreed = [bool(row.agrees) for row in rows]
    return sum(agreed) / len(agreed)


def _print_agreement(name: str, rows: list[Judged]) -> None:
    agreed = sum(bool(row.agrees) for row in rows)
    low, high = proportion_confint(agreed, len(rows), method="wilson")
    share = f"{100 * agreed / len(rows):6.2f} % [{100 * low:.2f}, {100 * high:.2f}]"
    _say(f"  {name:50s} {agreed:5d} of {len(rows):5d} = {share}")


def _print_kinds(rows: list[Judged]) -> None:
    for kind, count in Counter(row.kind for row in rows if row.kind).most_common():
        names = [row.name for row in rows if row.kind == kind]
        _say(f"    {count:4d}  {kind}\n          {', '.join(names[:EXAMPLES])}{' ...' if count > EXAMPLES else ''}")
