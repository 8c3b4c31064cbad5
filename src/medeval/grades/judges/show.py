"""The meta-evaluation document as text for the terminal."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from medeval.grades.judges.layout import NONE, Entry, as_text, figure, number, table


def shown(document: Entry) -> str:
    """Return the document of `meta_evaluation` as text: credibility and reasons, then the figures."""
    return as_text(_parts(document))


def _parts(document: Entry) -> Iterator[str | Table]:
    yield f"{document['verdict']}: {document['judge']}"
    for reason in document["reasons"]:
        yield f"  {reason}"
    yield _counts(document)
    overall = document["overall"]
    yield f"Macro-F1: {figure(overall['macro_f1'])}, over {overall['pairs']:,.0f} pairs of grade and label"
    yield _classes(overall)
    yield _conditions(document["conditions"])
    yield _themes(document)
    yield _strata(document["strata"])
    physicians = document["physicians"]
    yield (
        f"Physicians against each other, macro-F1: {number(physicians['mean'])}, from {number(physicians['lowest'])} "
        f"to {number(physicians['highest'])} ({physicians['n']} of {physicians['physicians']} with at least "
        f"{physicians['least_pairs']} pairs)"
    )
    if physicians["judge_against_each"]:
        each = [entry["macro_f1"] for entry in physicians["judge_against_each"] if entry["macro_f1"] is not None]
        yield f"The judge against each of {len(each)} physicians: from {min(each):.3f} to {max(each):.3f}"
    yield from _stability(document["stability"])


def _counts(document: Entry) -> str:
    rows, unusable = document["rows"], document["unusable"]
    return (
        f"Rows judged: {document['judged_rows']:,} of {rows['rows']:,} ({rows['rows_published']:,} published), "
        f"{document['samples']} time(s); unusable replies: {unusable['count']:,} of {unusable['n']:,}; "
        f"prompts: {rows['prompts']:,}"
    )


def _classes(overall: Entry) -> Table:
    rows = [
        (name, *(number(overall[f"{measure}_{key}"]) for measure in ("precision", "recall", "f1")))
        for name, key in (("met", "met"), ("not met", "not_met"))
    ]
    return table("Agreement with physicians", ("grade", "precision", "recall", "F1"), rows)


def _conditions(conditions: list[dict[str, Any]]) -> Table:
    words = {True: "holds", False: "fails", None: "unknown"}
    rows = [(c["name"], c["limit"], number(c["found"], digits=4), words[c["holds"]]) for c in conditions]
    return table("The rule", ("condition", "limit", "found", ""), rows)


def _themes(document: Entry) -> Table:
    means = document["physicians"]["themes"]
    rows = [
        (
            entry["theme"],
            figure(entry["macro_f1"]),
            number(means.get(entry["theme"], {}).get("mean")),
            f"{entry['pairs']:,.0f}",
        )
        for entry in document["themes"]
    ]
    return table("Macro-F1 by theme: mean of its categories", ("theme", "judge", "physicians", "pairs"), rows)


def _strata(strata: Entry) -> Table:
    rows = [
        (
            entry["stratum"] if kind in ("all", "theme") else f"{kind}: {entry['stratum']}",
            figure(entry["sensitivity"], digits=2),
            figure(entry["specificity"], digits=2),
            f"{100 * entry['met_by_judge']:.1f}",
            f"{100 * entry['met_by_physicians']:.1f}",
            f"{100 * entry['overstated']['value']:+.1f}",
        )
        for kind, entries in strata.items()
        for entry in entries
    ]
    columns = ("stratum", "sensitivity", "specificity", "judge: met, %", "physicians", "overstated, points")
    return table("Errors", columns, rows)


def _stability(found: Entry | None) -> Iterator[str]:
    if found is None:
        yield "Not measured: whether the judge says the same again (--samples 2)"
        return
    samples = ", ".join(NONE if value is None else f"{value:.3f}" for value in found["macro_f1_by_sample"])
    yield f"Flips between samples: {figure(found['flip_rate'])} of {found['rows_compared']:,} rows; macro-F1 {samples}"
