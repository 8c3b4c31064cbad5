"""Do the same weights agree on two backends? Fixed limits, each decided by one-sided 95 % bounds.

A limit is kept (PASS) when the bound on its side lies within it, exceeded (FAIL) when the other bound lies beyond it,
and otherwise the responses are too few to tell (INCONCLUSIVE): agreement is shown, never assumed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from medeval.comparisons.agreement.compared import Compared
from medeval.comparisons.agreement.matching import BoolArray
from medeval.comparisons.agreement.responses import Responses
from medeval.errors import MedevalError
from medeval.run.targets import TARGETS
from medeval.statistics.agreement import share_of_items
from medeval.statistics.divergence import CLEAR_MARGIN, LetterAgreement
from medeval.statistics.estimates import Estimate
from medeval.statistics.paired import PairedDifference, paired_difference
from medeval.statistics.quantiles import two_sided

GateOutcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]

MEAN_KL = 1e-3  # nats
SAME_FIRST = 0.99
SAME_CLEAR_FIRST = 0.999
ACCURACY_CHANGE = 0.005
P_VALUE = 0.01

CONFIDENCE = 0.90  # of two-sided intervals: each end is a one-sided 95 % bound
# A mean of divergences hangs on its few largest items; a short list may not hold any of these.
FEWEST_FOR_MEAN = 100
# With fewer items even the most lopsided outcome has a p-value above the limit.
FEWEST_FOR_P_VALUE = math.ceil(1 - math.log2(P_VALUE))


@dataclass(frozen=True)
class Criterion:
    """One limit and how it was decided.

    Attributes:
        mode: The mode whose responses were used, over all benchmarks.
        name: What is limited, in words.
        limit: The limit, in words.
        verdict: The outcome, under the name that it has in the document.
        reason: The numbers behind the outcome, in words.
        value: What was found; None when nothing could be measured or it is infinite.
        low: Lower one-sided 95 % bound; None without one.
        high: Upper one-sided 95 % bound; None without one.
        n: Responses behind it.
    """

    mode: str
    name: str
    limit: str
    verdict: GateOutcome
    reason: str
    value: float | None
    low: float | None
    high: float | None
    n: int


def require_same_weights(a: Responses, b: Responses) -> None:
    """Refuse to judge different weights as backends.

    A checkpoint on vLLM and the GGUF made from it are the same variant in two files, and pass.

    Raises:
        MedevalError: Model or variant differ, or two files in the same format do where both are recorded.
    """
    names = [f"{side.system.model}/{side.system.variant}" for side in (a, b)]
    hashes = [side.weights_sha256 for side in (a, b)]
    targets = [TARGETS.get(side.system.target) for side in (a, b)]  # replies of others may have been given elsewhere
    formats = {target is not None and target.loads == "checkpoint" for target in targets}
    if names[0] != names[1]:
        found = f"{names[0]} and {names[1]}"
    elif None not in hashes and hashes[0] != hashes[1] and len(formats) == 1:
        found = f"two files called {names[0]}, SHA-256 {hashes[0]} and {hashes[1]}"
    else:
        return
    raise MedevalError(
        f"--gate is for the same weights on two backends, and these are responses of {found}",
        "Leave `--gate` out; whether a quantization loses too much is for `medeval compare` and `medeval verdict`.",
    )


def decide(compared: Compared) -> dict[str, Any]:
    """Decide every criterion in every mode, over all benchmarks; the worst outcome is that of the gate.

    Returns:
        `verdict` and `criteria`, as JSON values.
    """
    criteria = [
        criterion
        for mode in compared.modes
        if (chosen := compared.of_mode(mode)).any()
        for criterion in (*_option_criteria(compared, mode, chosen), *_accuracy_criteria(compared, mode, chosen))
    ]
    found = {criterion.verdict for criterion in criteria}
    outcome = next((word for word in ("FAIL", "INCONCLUSIVE") if word in found), "PASS" if found else "INCONCLUSIVE")
    return {"verdict": outcome, "criteria": [vars(criterion) for criterion in criteria]}


def _option_criteria(compared: Compared, mode: str, chosen: BoolArray) -> Iterator[Criterion]:
    agreement = compared.options.agreement(chosen, compared.clusters, confidence=CONFIDENCE, seed=compared.seed)
    if agreement is None:
        return
    clusters = len(np.unique(compared.clusters[compared.options.place[chosen[compared.options.place]]]))
    yield _mean_kl(mode, agreement, clusters)
    yield _same_option(mode, "same first option", agreement.top1, SAME_FIRST)
    name = f"same first option, where A's lead is above {CLEAR_MARGIN:g}"
    if agreement.clear_top1 is None:
        reason = "A's first option has no such lead on any item"
        limit = _at_least(SAME_CLEAR_FIRST)
        yield Criterion(mode, name, limit, "INCONCLUSIVE", reason, None, None, None, 0)
    else:
        yield _same_option(mode, name, agreement.clear_top1, SAME_CLEAR_FIRST)


def _mean_kl(mode: str, agreement: LetterAgreement, clusters: int) -> Criterion:
    kl = agreement.kl
    value = kl.value if math.isfinite(kl.value) else None
    outcome: GateOutcome = "INCONCLUSIVE"
    if value is None:
        outcome, reason = "FAIL", "infinite: B rules an option out that A does not"
    elif kl.low is not None and kl.low >= MEAN_KL:
        outcome, reason = "FAIL", f"{value:.2g}, lower bound {kl.low:.2g}"
    elif clusters < FEWEST_FOR_MEAN:
        reason = f"{value:.2g} on {clusters:,} separate items: a mean of divergences needs {FEWEST_FOR_MEAN}"
    elif kl.high is None:  # no spread, so that all are equal
        outcome, reason = ("PASS" if value < MEAN_KL else "FAIL"), f"{value:.2g} on every item"
    elif kl.high < MEAN_KL:
        outcome, reason = "PASS", f"{value:.2g}, upper bound {kl.high:.2g}"
    else:
        reason = f"{value:.2g}, bounds {max(0.0, kl.low or 0.0):.2g} and {kl.high:.2g}: too few items to tell"
    return Criterion(mode, "mean KL divergence", f"< {MEAN_KL:g}", outcome, reason, value, kl.low, kl.high, kl.n)


def _same_option(mode: str, name: str, share: Estimate, limit: float) -> Criterion:
    value, low, high = share.value, share.low, share.high
    outcome: GateOutcome = "INCONCLUSIVE"
    if low is not None and low >= limit:
        outcome, reason = "PASS", f"{value:.2%} of {share.n:,}, lower bound {low:.2%}"
    elif high is not None and high < limit:
        outcome, reason = "FAIL", f"{value:.2%} of {share.n:,}, upper bound {high:.2%}"
    else:
        bound = "no bound" if low is None else f"lower bound {low:.2%}"
        reason = (
            f"{value:.2%} of {share.n:,}, {bound}: too few items to tell ({_fewest(limit):,} would do if all agreed)"
        )
    return Criterion(mode, name, _at_least(limit), outcome, reason, value, low, high, share.n)


def _accuracy_criteria(compared: Compared, mode: str, chosen: BoolArray) -> Iterator[Criterion]:
    a, b = compared.outcomes_a.correct, compared.outcomes_b.correct
    rows = np.flatnonzero(chosen & ~np.isnan(a) & ~np.isnan(b))
    names = ("change of accuracy", f"< {100 * ACCURACY_CHANGE:g} points"), ("p-value of the change", f"> {P_VALUE:g}")
    if not len(rows):
        for name, limit in names:
            reason = "not measured: no item of these benchmarks was given (--items)"
            yield Criterion(mode, name, limit, "INCONCLUSIVE", reason, None, None, None, 0)
        return
    labels = compared.clusters[rows]
    change = paired_difference(b[rows], a[rows], labels, confidence=CONFIDENCE, seed=compared.seed)
    flipped = share_of_items(a[rows] != b[rows], labels, CONFIDENCE)
    yield _small_change(mode, *names[0], change, flipped)
    yield _not_significant(mode, *names[1], change)


def _small_change(mode: str, name: str, limit: str, change: PairedDifference, flipped: Estimate) -> Criterion:
    low, high = change.low, change.high
    if low is None and flipped.value == 0.0 and flipped.high is not None:
        low, high = -flipped.high, flipped.high  # accuracy cannot change by more than the share of items that flip
    outcome: GateOutcome = "INCONCLUSIVE"
    bounds = "no bounds" if low is None or high is None else f"bounds {100 * low:+.2f} and {100 * high:+.2f}"
    reason = f"{100 * change.value:+.2f} points on {change.n:,}, {bounds}"
    if low is not None and high is not None and low > -ACCURACY_CHANGE and high < ACCURACY_CHANGE:
        outcome = "PASS"
    elif low is not None and high is not None and (low >= ACCURACY_CHANGE or high <= -ACCURACY_CHANGE):
        outcome = "FAIL"
    else:
        reason += f": too few items to tell ({_fewest(1.0 - ACCURACY_CHANGE):,} would do without a flip)"
    return Criterion(mode, name, limit, outcome, reason, change.value, low, high, change.n)


def _not_significant(mode: str, name: str, limit: str, change: PairedDifference) -> Criterion:
    p_value = change.p_value
    outcome: GateOutcome = "INCONCLUSIVE"
    if p_value is None or change.clusters < FEWEST_FOR_P_VALUE:
        reason = f"{change.clusters} separate items: no outcome of so few is significant"
    else:
        outcome = "FAIL" if p_value <= P_VALUE else "PASS"
        reason = f"p = {p_value:.3g}, {change.test}"
    return Criterion(mode, name, limit, outcome, reason, p_value, None, None, change.n)


def _at_least(share: float) -> str:
    return f">= {100 * share:g} %"


def _fewest(share: float) -> int:
    """Return how many items, all alike, have a Wilson bound within the limit: `n / (n + z^2) >= share`."""
    return math.ceil(share / (1.0 - share) * two_sided(CONFIDENCE) ** 2)
