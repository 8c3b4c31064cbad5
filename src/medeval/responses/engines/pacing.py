"""When requests to a server begin, and how the time they take is shared among them."""

from datetime import datetime
from email.utils import parsedate_to_datetime


class Pace:
    """Spaces out the beginnings of requests.

    Args:
        requests_per_minute: Most requests in a minute; None for no limit.
        tokens_per_minute: Most tokens in a minute; None for no limit.
    """

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None = None) -> None:
        self._per_request = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60.0 / tokens_per_minute if tokens_per_minute else 0.0
        self._next = self._held = float("-inf")

    def reserve(self, now: float, tokens: float = 0.0) -> float:
        """Take the next free place, and return the seconds from `now` until then.

        Args:
            now: The time, in seconds.
            tokens: The most tokens that the request will take.
        """
        start = max(now, self._next, self._held)
        self._next = start + max(self._per_request, tokens * self._per_token)
        return start - now

    def settle(self, reserved: float, used: float) -> None:
        """Give back what a request reserved and did not use, in tokens, but never the time between two requests."""
        before, after = (max(self._per_request, tokens * self._per_token) for tokens in (reserved, used))
        self._next -= before - after

    def hold(self, until: float) -> None:
        """Give no place before a time: the server asked to be left alone."""
        self._held = max(self._held, until)


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
