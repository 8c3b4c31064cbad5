"""The calibration document as text for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from medeval.grades.judges.layout import NONE, Entry, as_text, figure, number, run_name, table


def shown(document: Entry) -> str:
    """Return the document of `calibrate` as text: scores first, then what they rest on."""
    return as_text(_parts(document))


def _parts(document: Entry) -> Iterator[str | Table]:
    yield f"Judge: {document['judge']}"
    for note in document["notes"]:
        yield f"Note: {note}"
    yield table(
        "Mean example score, not clipped",
        ("system", "examples", "as judged", "corrected", "corrected - judged", "by error rates"),
        [_score(run) for run in document["runs"]],
    )
    yield from (f"{run_name(run)}: {run['reason']}" for run in document["runs"] if run["reason"])
    if document["differences"]:
        rows = [
            (
                f"{run_name(entry['a'])} - {run_name(entry['b'])}",
                str(entry["prompts"]),
                figure(entry["raw"], signed=True),
                figure(entry["corrected"], signed=True),
                figure(entry["by_error_rates"], signed=True),
            )
            for entry in document["differences"]
        ]
        columns = ("systems", "prompts", "as judged", "corrected", "by error rates")
        yield table("Differences on the prompts of both", columns, rows)
    yield table("Judge's errors in the meta-evaluation", _ERRORS, [_errors(entry) for entry in document["strata"]])
    for run in document["runs"]:
        title = f"Share of criteria met, {run_name(run)}: as judged {number(run['rate_judged'])}, corrected "
        yield title + figure(run["rate"])
        yield table("By stratum", ("stratum", "grades", "as judged", "corrected"), [_rate(e) for e in run["rates"]])
        yield from _powered(run["prediction_powered"])
    for assumption in document["assumptions"]:
        yield f"Assumed: {assumption}"


_ERRORS = ("stratum", "pairs", "sensitivity", "specificity", "their sum - 1", "met if judged met", "if judged not met")


def _score(run: Entry) -> tuple[str, ...]:
    left_out = f" ({run['missing']} missing)" if run["missing"] else ""
    return (
        run_name(run),
        f"{run['examples']:,}{left_out}",
        figure(run["raw"]),
        figure(run["corrected"]),
        figure(run["shift"], signed=True),
        figure(run["by_error_rates"]),
    )


def _errors(entry: Entry) -> tuple[str, ...]:
    note = "" if entry["identified"] else " (too low)"
    return (
        entry["stratum"],
        f"{entry['pairs']:,.0f}",
        *(number(entry[name], digits=2) for name in ("sensitivity", "specificity")),
        number(entry["informedness"], digits=2) + note,
        *(number(entry[name], digits=2) for name in ("met_after_met", "met_after_not_met")),
    )


def _rate(entry: Entry) -> tuple[str, ...]:
    share = entry["share"]
    corrected = f"not identified: {entry['reason']}" if entry["reason"] else figure(entry["interval"])
    return entry["stratum"], f"{entry['n']:,}", NONE if share is None else number(share["raw"]), corrected


def _powered(entry: Mapping[str, Any] | None) -> Iterator[str]:
    if entry is None:
        return
    for name, words in (("rate", "share of criteria met"), ("score", "mean example score")):
        found = entry[name]
        if found is None:
            yield f"PPI++, {words}: nothing to estimate from"
        else:
            yield (
                f"PPI++, {words}: {figure(found)}, grades weigh {found['power']:.2f}; {found['n']:,} labels alone: "
                f"{figure(found['classical'])}"
            )
    yield f"PPI++ assumes that {entry['assumption']}; left out: {entry['left_out']:,} criteria"
