"""One list of specialties for all benchmarks, and what each benchmark's own field says in its terms.

Both tables are data of this package. `specialties.tsv` is the list; `native_fields.tsv` says, for a value of a
benchmark's own field, which specialty it means and how well it fits: "exact", "broad" (the field covers more than
this specialty, or names something akin to it, as a body system or the theme of a conversation does), or "none"
with "-" for a value that names no specialty.
"""

import csv
import functools
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from medeval.errors import MedevalError

Fit = Literal["exact", "broad", "no_field", "not_a_specialty", "unknown_value"]


@dataclass(frozen=True)
class Specialty:
    """A stratum: its id, its name for readers, and "clinical" or "other"."""

    id: str
    label: str
    group: str


@dataclass(frozen=True)
class Assignment:
    """The specialty of an item, or None with the reason.

    Attributes:
        specialty: A specialty's id, or None.
        fit: "exact" or "broad" when there is one; else "no_field" (the source says nothing of the subject),
            "not_a_specialty" (what it says names none) or "unknown_value" (the table lacks the value).
    """

    specialty: str | None
    fit: Fit


@dataclass(frozen=True)
class _Rule:
    pattern: str
    specialty: str | None
    fit: Fit


@functools.cache
def specialties() -> tuple[Specialty, ...]:
    """Return the taxonomy in its order of display."""
    return tuple(Specialty(row["id"], row["label"], row["group"]) for row in _rows("specialties.tsv"))


def assign(benchmark: str, stratum: str) -> Assignment:
    """Return the specialty that a benchmark's own field stands for; the first matching row of the table decides.

    Args:
        benchmark: Benchmark id.
        stratum: The value of the field, as the items table has it; "" when the source names none.
    """
    if not stratum:
        return Assignment(None, "no_field")
    for rule in _rules().get(benchmark, ()):
        if fnmatchcase(_folded(stratum), rule.pattern):
            return Assignment(rule.specialty, rule.fit)
    return Assignment(None, "unknown_value")


@functools.cache
def _rules() -> Mapping[str, Sequence[_Rule]]:
    known = {specialty.id for specialty in specialties()}
    rules: dict[str, list[_Rule]] = {}
    for row in _rows("native_fields.tsv"):
        specialty = None if row["specialty"] == "-" else row["specialty"]
        fits: tuple[Fit, ...] = ("exact", "broad")
        fit: Fit = next((name for name in fits if name == row["fit"]), "not_a_specialty")
        if (specialty is not None and specialty not in known) or (specialty is None) != (fit == "not_a_specialty"):
            raise MedevalError(
                f"native_fields.tsv: {row['benchmark']} {row['value']!r} has specialty {row['specialty']!r} "
                f"with fit {row['fit']!r}",
                "Name an id of specialties.tsv with exact or broad, or - with none.",
            )
        rules.setdefault(row["benchmark"], []).append(_Rule(_folded(row["value"]), specialty, fit))
    return rules


def _folded(value: str) -> str:
    # The sources write one name with underscores in one file and with blanks in the next.
    return " ".join(value.replace("_", " ").casefold().split())


def _rows(name: str) -> list[dict[str, str]]:
    text = importlib.resources.files("medeval.items.coverage").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))
