"""Patience with a hub: which failures pass, how long to wait, and when to give up."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2  # huggingface_hub's own HTTP library, whose failures reach its callers
from huggingface_hub.errors import HfHubHTTPError

from medeval.errors import MedevalError
from medeval.hub.redaction import redact

log = logging.getLogger(__name__)
T = TypeVar("T")

# Too many requests, and what proxies and servers answer while they are overloaded or restarted.
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """How failures are met.

    Args:
        attempts: Requests in a row that may bring nothing before the command gives up.
        first_delay: Seconds before the second request; every further one waits twice as long.
        longest_delay: Most seconds between two requests, unless the hub itself asks for more.
        longest_request: Most seconds that the hub may ask for; beyond it the command stops and says so.
        sleep: Waits for a number of seconds.
    """

    attempts: int = 6
    first_delay: float = 1.0
    longest_delay: float = 60.0
    longest_request: float = 900.0
    sleep: Callable[[float], None] = field(default=time.sleep)


PATIENCE = Patience()


class Attempts:
    """Counts the failures in a row of one file, waits after each, and gives up after too many.

    Args:
        what: The file, as messages name it.
        patience: How failures are met.
    """

    def __init__(self, what: str, patience: Patience) -> None:
        self._what, self._patience, self._failures = what, patience, 0

    def progressed(self) -> None:
        """Start counting again: bytes have arrived."""
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """Wait as long as the hub asks, or twice as long as after the failure before.

        Raises:
            MedevalError: There were too many failures in a row, or the hub asks for too long a wait.
        """
        self._failures += 1
        reason = redact(_reason(error))
        if self._failures >= self._patience.attempts:
            raise MedevalError(
                f"{self._what}: gave up after {self._failures} attempts that brought nothing; the last: {reason}",
                "Check the network and the hub's status page, then run the same command again;"
                " it resumes where it stopped.",
            )
        asked = retry_after(error)
        if asked is not None and asked > self._patience.longest_request:
            raise MedevalError(
                f"{self._what}: {reason}, and the hub asks to wait {asked:,.0f} s",
                "Run the same command again after that time; it resumes where it stopped.",
            )
        delay = min(self._patience.longest_delay, self._patience.first_delay * 2 ** (self._failures - 1))
        delay = delay if asked is None else max(asked, 0.0)
        log.warning(
            "%s: %s; trying again in %.0f s (%d of %d)",
            self._what, reason, delay, self._failures, self._patience.attempts,
        )  # fmt: skip
        self._patience.sleep(delay)

    def until_answered(self, request: Callable[[], T]) -> T:
        """Return what a request returns, after as many passing failures as patience allows."""
        while True:
            try:
                return request()
            except (HfHubHTTPError, httpx2.TransportError) as error:
                if not passes(error):
                    raise
                self.failed(error)


def passes(error: Exception) -> bool:
    """Return whether the same request may succeed later: the network failed, or the hub is overloaded."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _PASSING_STATUS
    # A proxy that refuses, or an address of an unknown kind, stays as it is.
    return isinstance(error, httpx2.TransportError) and not isinstance(
        error, (httpx2.ProxyError, httpx2.UnsupportedProtocol)
    )


def retry_after(error: Exception) -> float | None:
    """Return the seconds that a reply's Retry-After asks to wait, given as a number or as a date; None if it is silent.

    Source: RFC 9110, section 10.2.3.
    """
    value = error.response.headers.get("Retry-After", "") if isinstance(error, HfHubHTTPError) else ""
    if value.strip().isdigit():
        return float(value)
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, HfHubHTTPError):
        response = error.response
        return f"the hub answered {response.status_code} {response.reason_phrase}".rstrip()
    if isinstance(error, httpx2.TimeoutException):
        return "the connection stalled"
    return f"the connection failed ({error})" if str(error) else "the connection was cut"
