"""What was measured about a pair of systems, found in the comparisons document."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medeval.statistics.quantiles import two_sided

POINTS = 100.0


@dataclass(frozen=True)
class Difference:
    """A measured difference A minus B, in points, with what qualifies it.

    `partial` names what is missing against the whole of what the claim is about.
    """

    value: float
    se: float | None
    low: float | None
    high: float | None
    p_value: float | None
    items: int
    method: str
    fragile: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()


class Evidence:
    """The comparisons document of a run, the sizes of its weights files, and who stands for whom.

    Args:
        comparisons: The document that the compare stage wrote.
        weights: Description of each weights file by MODEL/VARIANT.
        subjects: Published name -> MODEL/VARIANT.
    """

    def __init__(
        self, comparisons: Mapping[str, Any], weights: Mapping[str, Mapping[str, Any]], subjects: Mapping[str, str]
    ) -> None:
        self._comparisons, self._weights, self._subjects = comparisons, weights, subjects

    def subject(self, published: str) -> str | None:
        """Return the MODEL/VARIANT that stands for a published name, or None when the run has none."""
        return self._subjects.get(published)

    def bytes_of(self, system: str) -> int | None:
        """Return the size of a weights file, or None when it is not part of the run."""
        document = self._weights.get(system)
        return None if document is None else int(document["bytes"])

    def average(self, a: str, b: str, over: list[str]) -> Difference | None:
        """Return the measured difference of the averages; `partial` names benchmarks that were not run."""
        found = self._pair("comparisons", a, b)
        if found is None:
            return None
        pair, sign = found
        average = pair["average"]
        chosen = average["bootstrap"] if average["normal"]["se"] is None else average["normal"]
        missing = sorted(set(over) - {entry["benchmark"] for entry in pair["benchmarks"]})
        unshared = sum(entry["items_only_in_one"] for entry in pair["benchmarks"])
        partial = [f"benchmarks not run: {', '.join(missing)}"] if missing else []
        partial += [f"{unshared} items were answered by one side only"] if unshared else []
        return _signed(chosen, sign, chosen["n"], tuple(_fragility(average, len(pair["benchmarks"]))), tuple(partial))

    def benchmark(self, a: str, b: str, benchmark: str) -> Difference | None:
        """Return the measured difference on one benchmark."""
        found = self._pair("comparisons", a, b)
        if found is None:
            return None
        pair, sign = found
        for entry in pair["benchmarks"]:
            if entry["benchmark"] == benchmark:
                return _signed(entry["difference"], sign, entry["items"])
        return None

    def conversations(self, a: str, b: str, subset: str) -> Difference | None:
        """Return the measured difference on a HealthBench subset."""
        found = self._pair("conversation_comparisons", a, b, subset=subset)
        if found is None:
            return None
        pair, sign = found
        missing = pair["missing"]
        partial = (f"missing verdicts leave out {missing} of the conversations",) if missing else ()
        return _signed(pair["difference"], sign, pair["items"], partial=partial)

    def against_stated(self, a: str, metric: str, over: list[str] | None, stated: float) -> Difference | None:
        """Return our value minus a stated one, with the error of a repetition (our own, twice over).

        Args:
            a: MODEL/VARIANT.
            metric: A benchmark; ignored when `over` is given.
            over: Benchmarks of an average.
            stated: The stated value in points.
        """
        mode = self._comparisons["headline"]
        entries = self._comparisons["averages" if over else "scores"]
        for entry in entries:
            if f"{entry['model']}/{entry['variant']}" != a or entry["mode"] != mode:
                continue
            if over is None and entry["benchmark"] != metric:
                continue
            estimate = entry["normal"] if over else entry["accuracy"]
            missing = sorted(set(over or []) - set(entry.get("benchmarks", [])))
            value = POINTS * estimate["value"] - stated
            se = None if estimate["se"] is None else POINTS * math.sqrt(2.0) * estimate["se"]
            half = None if se is None else two_sided(0.95) * se
            low, high = (None, None) if half is None else (value - half, value + half)
            partial = (f"benchmarks not run: {', '.join(missing)}",) if missing else ()
            return Difference(value, se, low, high, None, estimate["n"], "error of a repetition", partial=partial)
        return None

    def tokens(self, a: str, b: str) -> Mapping[str, Any] | None:
        """Return the ratio of generated tokens of B over A; None when it was not measured in that order."""
        found = self._pair("comparisons", a, b, mode="generate")
        if found is None or found[1] < 0:
            return None
        ratio: Mapping[str, Any] | None = found[0]["tokens"]
        return ratio

    def _pair(
        self, kind: str, a: str, b: str, *, mode: str | None = None, **match: str
    ) -> tuple[Mapping[str, Any], int] | None:
        """Find the comparison of two systems on one target, and the sign that makes it A minus B."""
        wanted = dict(match)
        if kind == "comparisons":
            wanted["mode"] = mode or self._comparisons["headline"]
        for entry in self._comparisons[kind]:
            if any(entry[key] != value for key, value in wanted.items()):
                continue
            one, two = (f"{entry[side]['model']}/{entry[side]['variant']}" for side in ("a", "b"))
            if (one, two) == (a, b):
                return entry, 1
            if (one, two) == (b, a):
                return entry, -1
        return None


def _signed(
    estimate: Mapping[str, Any],
    sign: int,
    items: int,
    fragile: tuple[str, ...] = (),
    partial: tuple[str, ...] = (),
) -> Difference:
    ends = [None if estimate[key] is None else sign * POINTS * estimate[key] for key in ("low", "high")]
    low, high = ends if sign > 0 else ends[::-1]
    se = estimate["se"]
    return Difference(
        value=sign * POINTS * estimate["value"],
        se=None if se is None else POINTS * se,
        low=low,
        high=high,
        p_value=estimate.get("p_value"),
        items=items,
        method=estimate["method"],
        fragile=fragile,
        partial=partial,
    )


def _fragility(average: Mapping[str, Any], benchmarks: int) -> list[str]:
    """Say what would turn the order: one benchmark left out, another weighting, or too few benchmarks ahead."""
    value, reasons = average["normal"]["value"], []
    left_out = average["leave_one_out"]
    if left_out is not None and left_out["sign_changes"]:
        reasons.append("leaving one benchmark out changes the sign")
    if value * average["micro"] < 0:
        reasons.append("weighting by items changes the sign")
    ahead = average["wins"] if value > 0 else benchmarks - average["wins"]
    if 3 * ahead < 2 * benchmarks:
        reasons.append(f"only {ahead} of {benchmarks} benchmarks agree in sign")
    return reasons
