"""What was measured about a pair of systems on one target, found in the comparisons document."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from medeval.claims.average import constant_of, fragility, mean_of
from medeval.claims.measured import POINTS, Difference, Missing, TokenRatio, in_points
from medeval.compare.document import inverse
from medeval.statistics.quantiles import two_sided


class Evidence:
    """The comparisons document of a run, seen on one target.

    Args:
        comparisons: The document that the compare stage wrote.
        target: The target; a pair of systems counts only where both ran on it.
    """

    def __init__(self, comparisons: Mapping[str, Any], target: str) -> None:
        self._comparisons, self.target = comparisons, target

    def average(self, a: str, b: str, over: Sequence[str]) -> Difference | Missing:
        """Return the measured difference of the averages over exactly the benchmarks `over`.

        `partial` names those of them that were not compared; others that were do not enter.
        """
        if not over:
            return Missing("the publication does not say what its average is taken over")
        pair, sign = self._pair(a, b)
        if isinstance(pair, Missing):
            return pair
        entries = [entry for entry in pair["benchmarks"] if entry["benchmark"] in over]
        if not entries:
            return Missing(f"no benchmark of the average was compared for {a} and {b}")
        average, extra = pair["average"], len(pair["benchmarks"]) - len(entries)
        chosen = average["bootstrap"] if average["normal"]["se"] is None else average["normal"]
        found = in_points(
            mean_of([entry["difference"] for entry in entries]) if extra else chosen,
            sign,
            items=sum(entry["items"] for entry in entries),
            items_total=self._total(over),
            fragile=fragility(entries),
            partial=(*_absent(over, entries), *self._shortages(entries)),
            constant=constant_of(entries, sign),
        )
        note = f"the average is over the claim's {len(over)} benchmarks, not over all that were run"
        return replace(found, notes=(note,)) if extra else found

    def benchmark(self, a: str, b: str, benchmark: str) -> Difference | Missing:
        """Return the measured difference on one benchmark."""
        pair, sign = self._pair(a, b, benchmark=benchmark)
        if isinstance(pair, Missing):
            return pair
        for entry in pair["benchmarks"]:
            if entry["benchmark"] == benchmark:
                return in_points(
                    entry["difference"],
                    sign,
                    items=entry["items"],
                    items_total=self._total([benchmark]),
                    partial=self._shortages([entry]),
                    constant=constant_of([entry], sign),
                )
        return self._not_compared(a, b, self._comparisons["headline"], benchmark)

    def conversations(self, a: str, b: str, subset: str) -> Difference | Missing:
        """Return the measured difference on a HealthBench subset."""
        for pair in self._comparisons["conversation_comparisons"]:
            sign = self._sign(pair, a, b) if pair["subset"] == subset else 0
            if sign and pair["difference"] is None:
                return Missing(f"no conversation has a score for both {a} and {b}")
            if sign:
                return in_points(
                    pair["difference"],
                    sign,
                    items=pair["items"],
                    items_total=self._comparisons["conversations_total"].get(subset),
                    partial=self._conversation_shortages(pair),
                )
        return Missing(f"graded conversations of {a} and {b} were not compared")

    def against_stated(self, a: str, metric: str, over: Sequence[str] | None, stated: float) -> Difference | Missing:
        """Return our value minus a stated one, with the error of a repetition (our own, twice over).

        Args:
            a: MODEL/VARIANT.
            metric: A benchmark; ignored when `over` is given.
            over: Benchmarks of an average.
            stated: The stated value in points.
        """
        if over is not None and not over:
            return Missing("the publication does not say what its average is taken over")
        wanted = [metric] if over is None else over
        mode = self._comparisons["headline"]
        entries = [e for e in self._of(a, "scores") if e["mode"] == mode and e["benchmark"] in wanted]
        if not entries:
            return Missing(f"{metric} of {a} was not measured in this run")
        estimate = entries[0]["accuracy"] if over is None else self._own_average(a, mode, entries)
        partial = (*_absent(wanted, entries), *self._shortages(entries))
        items = sum(entry["items"] for entry in entries)
        found = _repetition(estimate, stated, items=items, items_total=self._total(wanted))
        return replace(found, partial=partial)

    def conversations_against_stated(self, a: str, subset: str, stated: float) -> Difference | Missing:
        """Return our HealthBench score, clipped to 0 to 100 as the published ones are, minus a stated one."""
        for entry in self._of(a, "conversations"):
            if entry["subset"] == subset and entry["overall"] is not None:
                overall = entry["overall"]
                clipped = {**overall, "value": min(max(overall["value"], 0.0), 1.0)}
                total = self._comparisons["conversations_total"].get(subset)
                found = _repetition(clipped, stated, items=entry["items"], items_total=total)
                return replace(found, partial=self._conversation_shortages(entry))
            if entry["subset"] == subset:
                return Missing(f"no conversation of {a} has all its verdicts")
        return Missing(f"no conversation of {a} was graded in this run")

    def tokens(self, a: str, b: str) -> TokenRatio | Missing:
        """Return the ratio of generated tokens of B over A."""
        pair, sign = self._pair(a, b, mode="generate")
        if isinstance(pair, Missing):
            return pair
        if pair["tokens"] is None:
            return Missing(f"the tokens of {a} and {b} cannot be compared: {pair['tokens_missing']}")
        estimate, failed = pair["tokens"]["bootstrap"], pair["tokens"]["items_with_errors"]
        # The document has the second over the first, which is B over A unless the pair stands the other way.
        estimate = estimate if sign > 0 else inverse(estimate)
        partial = [f"{failed} items with a failed reply are left out"] if failed else []
        return TokenRatio(
            **{key: estimate[key] for key in ("value", "low", "high", "se", "method")},
            items=pair["tokens"]["n"],
            truncated=max(self._truncated_share(a), self._truncated_share(b)),
            partial=(*partial, *self._shortages(pair["benchmarks"])),
            items_total=self._total([entry["benchmark"] for entry in pair["benchmarks"]]),
        )

    def _truncated_share(self, a: str) -> float:
        entries = [entry for entry in self._of(a, "scores") if entry["mode"] == "generate"]
        return max((entry["statuses"].get("truncated", 0) / entry["responses"] for entry in entries), default=0.0)

    def _own_average(self, a: str, mode: str, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the average over some of a system's benchmarks: the document's own when these are all."""
        for average in self._of(a, "averages"):
            if average["mode"] == mode and len(average["benchmarks"]) == len(entries):
                normal: Mapping[str, Any] = average["normal"]
                return normal
        return mean_of([entry["accuracy"] for entry in entries])

    def _of(self, a: str, kind: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self._comparisons[kind] if self._name(entry) == a]

    def _name(self, system: Mapping[str, Any]) -> str | None:
        """Return MODEL/VARIANT of a system on this target; None for one on another."""
        return f"{system['model']}/{system['variant']}" if system["target"] == self.target else None

    def _sign(self, pair: Mapping[str, Any], a: str, b: str) -> int:
        """Return 1 when an entry is about A and B, -1 when it is about B and A, else 0."""
        names = (self._name(pair["a"]), self._name(pair["b"]))
        return 1 if names == (a, b) else -1 if names == (b, a) else 0

    def _pair(
        self, a: str, b: str, *, mode: str | None = None, benchmark: str | None = None
    ) -> tuple[Mapping[str, Any] | Missing, int]:
        """Find the comparison of two systems, and the sign that makes it A minus B."""
        wanted = mode or self._comparisons["headline"]
        for pair in self._comparisons["comparisons"]:
            if pair["mode"] == wanted and (sign := self._sign(pair, a, b)):
                return pair, sign
        return self._not_compared(a, b, wanted, benchmark), 1

    def _not_compared(self, a: str, b: str, mode: str, benchmark: str | None) -> Missing:
        where = f"in mode {mode}" if benchmark is None else f"in mode {mode} on {benchmark}"
        for entry in self._comparisons["not_compared"]:
            if entry["mode"] == mode and entry["benchmark"] == benchmark and self._sign(entry, a, b):
                return Missing(f"{a} and {b} could not be compared {where}: {entry['reason']}")
        return Missing(f"{a} and {b} were not compared {where}")

    def _total(self, benchmarks: Sequence[str]) -> int | None:
        """Return how many items some benchmarks have; None when that is not known of all."""
        known = [self._comparisons["items_total"].get(benchmark) for benchmark in benchmarks]
        return None if None in known else sum(known)

    def _shortages(self, entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        unshared = sum(entry.get("items_only_in_one", 0) for entry in entries)
        sizes = [(entry["benchmark"], entry["items"], self._total([entry["benchmark"]])) for entry in entries]
        short = [f"{name} {items:,} of {total:,}" for name, items, total in sizes if total and items < total]
        texts = [f"{unshared} items were answered by one side only"] if unshared else []
        return (*texts, *([f"items measured of those that exist: {', '.join(short)}"] if short else []))

    def _conversation_shortages(self, entry: Mapping[str, Any]) -> tuple[str, ...]:
        total = self._comparisons["conversations_total"].get(entry["subset"])
        texts = []
        if entry["missing"]:
            texts.append(f"missing verdicts leave out {entry['missing']} of the conversations")
        if only := entry.get("items_only_in_one", 0):
            texts.append(f"{only} conversations have a score on one side only")
        if total and entry["items"] < total:
            texts.append(f"conversations measured of those that exist: {entry['items']:,} of {total:,}")
        return tuple(texts)


def targets_of(comparisons: Mapping[str, Any]) -> list[str]:
    """Return the targets on which anything was measured, in the order of the document."""
    return list(dict.fromkeys(e["target"] for kind in ("scores", "conversations") for e in comparisons[kind]))


def _absent(over: Sequence[str], entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    missing = sorted(set(over) - {entry["benchmark"] for entry in entries})
    return (f"benchmarks not measured: {', '.join(missing)}",) if missing else ()


def _repetition(estimate: Mapping[str, Any], stated: float, *, items: int, items_total: int | None) -> Difference:
    value = POINTS * estimate["value"] - stated
    se = None if estimate["se"] is None else POINTS * math.sqrt(2.0) * estimate["se"]
    half = None if se is None else two_sided(0.95) * se
    low, high = (None, None) if half is None else (value - half, value + half)
    method = f"error of a repetition, from our own: {estimate['method']}"
    return Difference(value, se, low, high, None, items, method, items_total=items_total)
