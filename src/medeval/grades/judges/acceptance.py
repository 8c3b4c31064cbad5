"""When a judge may be called credible: the rule, applied to a meta-evaluation document.

The published rows are fixed, and the limits are figures on exactly these rows; so point estimates are held against
them, and intervals say how far another set of prompts might move them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

# GPT-4.1, the benchmark's own grader, on the published rows (arXiv 2505.08775).
REFERENCE_MACRO_F1 = 0.709
LEAST_MACRO_F1 = 0.66
LARGEST_DEFICIT = 0.05  # to GPT-4.1, and in each theme to the physicians' mean
LARGEST_UNUSABLE_SHARE = 0.005


class Credibility(StrEnum):
    """Whether a judge is credible; not known without all of the published rows."""

    CREDIBLE = "CREDIBLE"
    NOT_CREDIBLE = "NOT_CREDIBLE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Condition:
    """One condition of the rule.

    Attributes:
        name: What is asked.
        limit: The limit in words.
        found: The figure; None when there is none.
        holds: Whether the condition holds; None when it cannot be said.
    """

    name: str
    limit: str
    found: float | None
    holds: bool | None


def accept(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return `verdict`, `reasons` and `conditions` for a meta-evaluation document without them."""
    conditions = list(_conditions(document))
    doubts = list(_doubts(document, conditions))
    failed = [
        f"{condition.name} is {condition.found:.4g}, the rule asks for {condition.limit}"
        for condition in conditions
        if condition.holds is False
    ]
    if doubts:
        credibility, reasons = Credibility.UNKNOWN, doubts + [f"so far {reason}" for reason in failed]
    elif failed:
        credibility, reasons = Credibility.NOT_CREDIBLE, failed
    else:
        credibility = Credibility.CREDIBLE
        reasons = [f"all {len(conditions)} conditions hold on all of the published rows"]
    return {
        "verdict": str(credibility),
        "reasons": reasons,
        "conditions": [asdict(condition) for condition in conditions],
    }


def _conditions(document: Mapping[str, Any]) -> Iterator[Condition]:
    macro = _value(document["overall"]["macro_f1"])
    for name, least in (
        ("macro-F1", LEAST_MACRO_F1),
        (f"macro-F1 beside GPT-4.1's {REFERENCE_MACRO_F1}", REFERENCE_MACRO_F1 - LARGEST_DEFICIT),
    ):
        yield Condition(name, f"at least {least:.3g}", macro, None if macro is None else macro >= least - 1e-12)
    physicians = document["physicians"]["themes"]
    for theme in document["themes"]:
        mean, judge = physicians.get(theme["theme"], {}).get("mean"), _value(theme["macro_f1"])
        known = None not in (mean, judge)
        gap = judge - mean if known else None
        yield Condition(
            f"{theme['theme']}: macro-F1 minus the physicians' mean",
            f"at least -{LARGEST_DEFICIT}",
            gap,
            gap >= -LARGEST_DEFICIT - 1e-12 if gap is not None else None,
        )
    share = _value(document["unusable"])
    yield Condition(
        "share of unusable replies",
        f"below {LARGEST_UNUSABLE_SHARE}",
        share,
        None if share is None else share < LARGEST_UNUSABLE_SHARE,
    )


def _doubts(document: Mapping[str, Any], conditions: list[Condition]) -> Iterator[str]:
    rows = document["rows"]
    if not rows["whole"]:
        yield (
            f"these are {rows['rows']:,} rows with {rows['judgements']:,} judgements, not the published "
            f"{rows['rows_published']:,} with {rows['judgements_published']:,}"
        )
    if missing := document["replies_missing"]:
        yield f"{missing:,} of {rows['rows'] * document['samples']:,} replies are missing"
    if unknown := [condition.name for condition in conditions if condition.holds is None]:
        yield f"{len(unknown)} of {len(conditions)} conditions cannot be computed, such as {unknown[0]}"


def _value(entry: Mapping[str, Any] | None) -> float | None:
    return None if entry is None else entry["value"]
