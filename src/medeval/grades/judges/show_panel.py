"""The documents of panels, anchors and repeated gradings as text for the terminal."""

from collections.abc import Iterator

from rich.table import Table

from medeval.grades.judges.layout import NONE, Entry, as_text, figure, number, run_name, table


def shown(document: Entry) -> str:
    """Return the document of `panel` as text."""
    return as_text(_parts(document))


def shown_anchors(document: Entry) -> str:
    """Return the document of `anchors` as text."""
    return as_text(_anchor_parts(document))


def shown_retest(document: Entry) -> str:
    """Return the document of `retest` as text."""
    return as_text(_retest_parts(document))


def _parts(document: Entry) -> Iterator[str | Table]:
    judges = document["judges"]
    names = {entry["judge"]: f"J{number}" for number, entry in enumerate(judges, 1)}
    for entry in judges:
        yield f"{names[entry['judge']]}: {entry['judge']}"
    for note in document["notes"]:
        yield f"Note: {note}"
    yield table(
        f"{document['criteria']:,} criteria that all judges were asked about",
        ("judge", "family", "met, %", "missing", "asked of this judge only"),
        [
            (
                names[entry["judge"]],
                entry["family"] or NONE,
                NONE if entry["met"] is None else f"{100 * entry['met']:.1f}",
                f"{entry['missing']:,}",
                f"{entry['left_out']:,}",
            )
            for entry in judges
        ],
    )
    yield table(
        "Agreement of the judges on criteria",
        ("criteria", "n", "alpha", "AC1", "agreeing pairs"),
        [
            (
                entry["part"],
                f"{entry['units']:,}",
                *(figure(entry[name], digits=2) for name in ("alpha", "ac1", "percent")),
            )
            for entry in document["agreement"]
        ],
    )
    rows = [row for run in document["runs"] for row in _scores(run, names)]
    yield table("Mean example score, not clipped", ("system", "judge", "score"), rows)
    yield from _orderings(document, names)
    yield from _preferences(document, names)


def _scores(run: Entry, names: Entry) -> Iterator[tuple[str, str, str]]:
    for judge, score in run["by_judge"].items():
        yield run_name(run), names[judge], figure(score)
    yield run_name(run), "majority", figure(run["majority"])
    yield run_name(run), "mean, range", f"{number(run['mean'])}, {number(run['lowest'])} to {number(run['highest'])}"
    yield run_name(run), "mean without one judge", _range(run["mean_without_one"])


def _range(ends: list[float] | None) -> str:
    return NONE if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _orderings(document: Entry, names: Entry) -> Iterator[str | Table]:
    if not document["orderings"]:
        return
    rows = []
    for entry in document["orderings"]:
        pair = f"{run_name(entry['a'])} - {run_name(entry['b'])}"
        rows += [(pair, names[judge], figure(under, signed=True)) for judge, under in entry["under"].items()]
        sign = "same sign" if entry["same_sign"] else "sign depends on the judge"
        rows.append((pair, "all", f"{sign}; resolved: {len(entry['resolved_under'])} of {len(names)}"))
    yield table("Differences under every judge", ("systems", "judge", "difference"), rows)


def _preferences(document: Entry, names: Entry) -> Iterator[str | Table]:
    for entry in document["preferences"]:
        rows = [
            (names[one["judge"]], one["family"] or NONE, figure(one["preference"], signed=True), one["reason"] or "")
            for one in entry["judges"]
        ]
        title = f"Self-preference, {entry['subset']}: what a judge adds to its own family's scores"
        yield table(title, ("judge", "family", "score", ""), rows)
        if odds := entry["odds"]:
            yield (
                f"Odds of a favourable grade within a family: {odds['ratio']:.2f} times "
                f"({odds['low']:.2f} to {odds['high']:.2f}) those across families, p = {odds['p_value']:.3g}"
            )


def _anchor_parts(document: Entry) -> Iterator[str | Table]:
    yield f"Judge: {document['judge']}"
    yield table(
        "This judge minus the official one",
        ("stratum", "anchors", "offset", "spread of one system", ""),
        [
            (
                stratum,
                str(found["n"]),
                number(found["offset"], digits=4, signed=True),
                number(found["residual_sd"], digits=4),
                "" if found["enough"] else f"fewer than {document['least_anchors']}: at best INCONCLUSIVE",
            )
            for stratum, found in document["offsets"].items()
        ],
    )
    rows = [
        (run_name(run), stratum, number(s["raw"]), number(s["corrected"]), number(s["se"]), number(s["total_se"]))
        for run in document["runs"]
        for stratum, s in run["scores"].items()
    ]
    if rows:
        columns = ("system", "stratum", "as judged", "carried over", "error", "with the spread")
        yield table("Scores carried over to the official judge", columns, rows)
    for run in document["runs"]:
        if "verdict" in run:
            yield f"{run['verdict']}: {run_name(run)} against the published {run['published']:g}: {run['reason']}"


def _retest_parts(document: Entry) -> Iterator[str | Table]:
    yield f"Judge: {document['judge']}"
    yield (
        f"{document['criteria']:,} criteria in both gradings, {document['missing_in_one']:,} without a grade in one; "
        f"{document['only_in_one']:,} in one only"
    )
    yield table(
        "Grades that flip",
        ("criteria", "n", "share", "to not met", "to met"),
        [
            (entry["part"], f"{entry['n']:,}", figure(entry["rate"]), f"{entry['lost']:,}", f"{entry['gained']:,}")
            for entry in document["flips"]
        ],
    )
    rows = [
        (
            run_name(run),
            f"{run['examples']:,}",
            number(run["first"]),
            number(run["second"]),
            figure(run["change"], signed=True),
        )
        for run in document["runs"]
    ]
    yield table("Mean example score, not clipped", ("system", "examples", "first", "second", "change"), rows)
