"""The coverage account as text for the terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from medeval.items.coverage.strata import reporting_rule

_SHOWN = 5
_REASONS = {
    "no_field": "the source names no subject",
    "not_a_specialty": "its own field names no specialty",
    "unknown_value": "the value is not in native_fields.tsv",
}
_MARK = {"interval": "", "exact, greyed": "~", "suppressed": "!", "empty": ""}


def render(account: dict[str, Any]) -> str:
    """Return the account of `report.coverage` as lines: strata, cross-table, empty cells, duplicates."""
    parts = [
        _benchmarks(account["benchmarks"]),
        _cross_table(account),
        _empty_cells(account),
        _duplicates(account["duplicates"], account["items"]),
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _benchmarks(benchmarks: Sequence[dict[str, Any]]) -> Iterable[str]:
    yield "Items, share without a specialty, effective strata, clusters of duplicates, separate items, floors"
    for entry in benchmarks:
        effective = entry["effective_strata"]
        yield (
            f"  {entry['benchmark']:<16}{entry['items']:>6} items, {entry['unmapped_share']:>6.1%} unmapped, "
            f"effective strata {'-' if effective is None else f'{effective:.1f}'}, "
            f"{entry['clusters']} clusters, n_eff {entry['n_eff']:.1f}{_floors(entry['baselines'])}"
        )
        for reason, count in entry["unmapped"].items():
            yield f"    {count} unmapped: {_REASONS[reason]}{_unknown(entry, reason)}"
        if entry["broad"]:
            yield f"    {entry['broad']} mapped by a field that covers more than the specialty"


def _floors(floors: dict[str, Any] | None) -> str:
    if floors is None:
        return ""
    several = f", {floors['several_golds']} with several golds" if floors["several_golds"] else ""
    return f"; chance {floors['chance']:.1%}, best constant letter {floors['best_constant']:.1%}{several}"


def _unknown(entry: dict[str, Any], reason: str) -> str:
    if reason != "unknown_value":
        return ""
    return ": " + ", ".join(f"{value!r} {count}" for value, count in entry["unknown_values"].items())


def _cross_table(account: dict[str, Any]) -> Iterable[str]:
    names = [entry["benchmark"] for entry in account["benchmarks"]]
    widths = [max(len(name), 6) + 2 for name in names]
    yield "Items by specialty; ~ 10 to 29: exact interval, greyed; ! under 10: suppressed; ? not known"
    yield " " * 36 + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    for specialty in account["specialties"]:
        row = account["cross_table"]["cells"][specialty["id"]]
        cells = [f"{_cell(row[name]):>{width}}" for name, width in zip(names, widths, strict=True)]
        yield f"  {specialty['label']:<34}" + "".join(cells)


def _cell(items: int | None) -> str:
    return "?" if items is None else f"{items}{_MARK[reporting_rule(items)]}" if items else "."


def _empty_cells(account: dict[str, Any]) -> Iterable[str]:
    labels = {specialty["id"]: specialty["label"] for specialty in account["specialties"]}
    table = account["cross_table"]
    by_benchmark: dict[str, list[str]] = {}
    for specialty, benchmark in table["empty"]:
        by_benchmark.setdefault(benchmark, []).append(labels[specialty])
    yield "Empty cells"
    for benchmark, missing in by_benchmark.items():
        yield f"  {benchmark}: no item of {'; '.join(missing)}"
    if table["unknown"]:
        yield f"  not known, as no item has a specialty: {', '.join(table['unknown'])}"


def _duplicates(duplicates: dict[str, Any], items: int) -> Iterable[str]:
    yield (
        f"Duplicates: {len(duplicates['pairs'])} pairs; {items} items in {duplicates['clusters']} clusters, "
        f"n_eff {duplicates['n_eff']:.1f}"
    )
    for entry in duplicates["counts"]:
        concerned = ", ".join(f"{count} of {name}" for name, count in entry["items"].items())
        yield (
            f"  {' / '.join(dict.fromkeys(entry['benchmarks']))}: {entry['same']} same, {entry['near']} near, "
            f"{entry['vignette']} vignette; items: {concerned}"
        )
        yield from _listed(_pairs_of(duplicates["pairs"], entry["benchmarks"]))
    yield f"Conflicting golds: {len(duplicates['conflicting_golds'])} pairs"
    yield from _listed(duplicates["conflicting_golds"])


def _pairs_of(pairs: Sequence[dict[str, Any]], benchmarks: Sequence[str]) -> list[dict[str, Any]]:
    return [pair for pair in pairs if sorted(item[0] for item in pair["items"]) == list(benchmarks)]


def _listed(pairs: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Name the first few pairs by item ids; the JSON form has all of them."""
    for pair in pairs[:_SHOWN]:
        kind = f"{pair['kind']}: " if "kind" in pair else ""
        yield "    " + kind + " = ".join(f"{benchmark} {item_id}" for benchmark, item_id in pair["items"])
    if len(pairs) > _SHOWN:
        yield f"    and {len(pairs) - _SHOWN} more; --json names all"
