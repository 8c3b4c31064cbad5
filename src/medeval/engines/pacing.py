"""When requests to a server begin, and how the time they take is shared among them."""

from datetime import datetime
from email.utils import parsedate_to_datetime


class Pace:
    """Spaces out the beginnings of requests.

    Args:
        per_minute: Most requests in a minute; None for no limit.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._next = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next free place, and return the seconds from `now` until then."""
        start = max(now, self._next)
        self._next = start + self._interval
        return start - now

    def hold(self, until: float) -> None:
        """Give no place before a time: the server asked to be left alone."""
        self._next = max(self._next, until)


class Shares:
    """Splits wall time evenly over what goes on at the same time."""

    def __init__(self) -> None:
        self._active, self._each, self._last = 0, 0.0, 0.0

    def begin(self, now: float) -> float:
        """Count one more; return the reading that `end` is given."""
        self._advance(now)
        self._active += 1
        return self._each

    def end(self, now: float, reading: float) -> float:
        """Count one less; return its share of the time since it began."""
        self._advance(now)
        self._active -= 1
        return self._each - reading

    def _advance(self, now: float) -> None:
        if self._active:
            self._each += (now - self._last) / self._active
        self._last = now


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks to wait, given as a number or as a date; None if it holds neither.

    Source: RFC 9110, section 10.2.3.
    """
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return None
