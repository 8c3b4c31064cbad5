"""The option a model finds most likely, as the second way of reading an answer."""

import math
from collections.abc import Sequence


def best_option(logprobs: Sequence[float], options: Sequence[str] | None = None) -> int | None:
    """Return the index of the most likely option, or None when two are tied or none has a number.

    Args:
        logprobs: Log-probability (nats) of each option's label or text.
        options: The option texts, to compare per UTF-8 byte (longer texts are less likely merely by
            being longer); None compares the sums, which is right for labels of one token.
    """
    if options is not None:
        logprobs = [
            value / len(option.strip().encode()) for value, option in zip(logprobs, options, strict=True)
        ]
    best = max(logprobs)
    if math.isinf(best) or math.isnan(best):
        return None
    winners = [index for index, value in enumerate(logprobs) if value == best]
    return winners[0] if len(winners) == 1 else None
