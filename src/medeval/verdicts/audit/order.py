"""The order of an audit: fixed by a public seed and the items alone, and committed before the first response.

Each unit has a number u in (0, 1): the SHA-256 of "SEED:BENCHMARK:ITEM" over 2^256. Units are drawn by rising
-ln(1 - u) / size, which makes every next unit of a benchmark a random one of those left, by size (Efraimidis and
Spirakis 2006). Where all units of a benchmark have the same size, that is the order of the hashes themselves.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, ClassVar

from medeval.errors import MedevalError
from medeval.records.documents import Document
from medeval.records.files import sha256_text
from medeval.verdicts.audit.units import Unit

RULE = (
    "Units of a benchmark in the order of -ln(1 - u) / size, u = (SHA-256 of 'SEED:BENCHMARK:ITEM' + 1/2) / 2^256, "
    "ITEM the first id of the unit; the commitment is the SHA-256 of the seed, then a line 'BENCHMARK ITEM,ITEM,...' "
    "per unit, benchmarks in alphabetical order, each line ended by a line feed."
)
# Decimal arithmetic gives the same digits on every machine, which the mathematical library of C does not.
_CONTEXT = Context(prec=50)
_HASHES = Decimal(2**256)


@dataclass(frozen=True)
class AskedPart:
    """A part of a claim that is asked.

    Attributes:
        claim: Id of the claim.
        part: Its part, from 0.
        metric: average, or a benchmark.
        words: The question in words.
        limits: Lower and upper limit as fractions; None for no limit.
    """

    claim: str
    part: int
    metric: str
    words: str
    limits: tuple[float | None, float | None]


@dataclass(frozen=True)
class Terms:
    """What an audit is about: the risk of each claim, and what is asked."""

    risk: float
    questions: tuple[AskedPart, ...]


class OrderRecord(Document):
    """The record that commits to an order before the first response.

    Attributes:
        seed: The public seed.
        rule: How seed and items give order and commitment, in words.
        commitment: SHA-256 of the seed and of every unit in its place.
        terms: What the audit is about; left out of the file when that is stated elsewhere.
        units: Ids of the items of each unit in its order, by benchmark.
    """

    SCHEMA: ClassVar[str] = "audit-order.v1"
    WRITER: ClassVar[str] = "medeval audit order"

    seed: str
    rule: str
    commitment: str
    terms: Terms | None
    units: dict[str, tuple[tuple[str, ...], ...]]

    @classmethod
    def _completed(cls, document: dict[str, Any]) -> dict[str, Any]:
        return {"terms": None} | document

    def as_json(self) -> dict[str, Any]:
        """Return the record as it is written and published."""
        return {key: value for key, value in super().as_json().items() if (key, value) != ("terms", None)}


@dataclass(frozen=True)
class Order:
    """The units of each benchmark in the order in which they are drawn.

    Attributes:
        seed: The public seed.
        units: Units by benchmark.
    """

    seed: str
    units: Mapping[str, tuple[Unit, ...]]

    @property
    def commitment(self) -> str:
        """SHA-256 of the seed and of every unit in its place."""
        lines = [f"{name} {','.join(unit.items)}" for name in sorted(self.units) for unit in self.units[name]]
        return sha256_text("".join(f"{line}\n" for line in (self.seed, *lines)))

    def leading(self, rounds: int) -> dict[str, list[str]]:
        """Return the ids of the items of the first rounds, by benchmark."""
        return {name: [item for unit in units[:rounds] for item in unit.items] for name, units in self.units.items()}


def draw_order(units: Mapping[str, Sequence[Unit]], seed: str) -> Order:
    """Put the units of each benchmark in the order that the seed gives them.

    Args:
        units: Units by benchmark, in any order.
        seed: Any text on one line, made public after the items were fixed.

    Raises:
        MedevalError: The seed is empty or has line breaks.
    """
    if not seed.strip() or len(seed.splitlines()) != 1:
        raise MedevalError(f"seed {seed!r}: expected a text on one line", "Take public digits, such as dice rolled.")
    return Order(seed, {name: tuple(sorted(part, key=_place(seed, name))) for name, part in sorted(units.items())})


def write_order(path: Path, order: Order, terms: Terms | None = None) -> None:
    """Write the record that commits to an order.

    Args:
        path: The file to write.
        order: The order.
        terms: What the audit is about, as `medeval.verdicts.audit.terms` puts it; None when that is stated elsewhere.
    """
    units = {name: tuple(unit.items for unit in units) for name, units in order.units.items()}
    OrderRecord(seed=order.seed, rule=RULE, commitment=order.commitment, terms=terms, units=units).write(path)


def read_order(path: Path, units: Mapping[str, Sequence[Unit]]) -> Order:
    """Read a record and verify it: the order is drawn again from its seed and the items at hand.

    Raises:
        MedevalError: The file is no such record, or its order or commitment is not what seed and items give.
    """
    record = OrderRecord.read(path)
    order = draw_order(units, record.seed)
    _compare(path, record, order)
    return order


def _compare(path: Path, record: OrderRecord, order: Order) -> None:
    listed = record.units
    if listed.keys() != order.units.keys():
        both = f"{', '.join(sorted(listed))} against {', '.join(sorted(order.units))}"
        raise MedevalError(f"{path}: other benchmarks than the items tables hold: {both}", "Give the same tables.")
    for name, units in order.units.items():
        drawn = tuple(unit.items for unit in units)
        if listed[name] != drawn:
            place = next((i for i, (a, b) in enumerate(zip(listed[name], drawn, strict=False)) if a != b), len(drawn))
            raise MedevalError(
                f"{path}: {name} is not in the order that its seed gives; the first difference is in round {place + 1}",
                "Do not use this record: other items, another order, or an edited file. Draw and publish a new one.",
            )
    if record.commitment != order.commitment:
        raise MedevalError(f"{path}: its commitment is not that of its order", "Do not use this record.")


def _place(seed: str, benchmark: str) -> Any:
    """Return the sort key of a benchmark's units: when each is drawn, and its hash."""

    def key(unit: Unit) -> tuple[Decimal, str]:
        digest = hashlib.sha256(f"{seed}:{benchmark}:{unit.items[0]}".encode()).hexdigest()
        share = _CONTEXT.divide(_CONTEXT.add(Decimal(int(digest, 16)), Decimal("0.5")), _HASHES)
        waited = _CONTEXT.ln(_CONTEXT.subtract(Decimal(1), share))
        return _CONTEXT.divide(_CONTEXT.minus(waited), Decimal(unit.size)), digest

    return key
