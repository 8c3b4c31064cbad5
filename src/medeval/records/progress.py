"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import logging
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 10.0


class Tracker:
    """Counts finished items and tokens, and estimates the time left from this run's own speed.

    Args:
        verb: What is going on, such as `generating`.
        total: Number of items.
        done: Items that an earlier run finished; they do not enter the estimate.
    """

    def __init__(self, verb: str, total: int, done: int = 0) -> None:
        self._verb, self._total, self._done, self._earlier, self._tokens = verb, total, done, done, 0
        console = Console(stderr=True)
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[speed]}"))
            self._bar = Progress(*columns, *times, console=console, transient=True)

    def __enter__(self) -> Self:
        self._began = self._last_line = time.monotonic()
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._verb, total=self._total, completed=self._done, speed="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
        log.info("%s: %d of %d items, %s", self._verb, self._done, self._total, self._speed())

    def advance(self, tokens: int = 0) -> None:
        """Count one more finished item and the tokens it took."""
        self._done += 1
        self._tokens += tokens
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._task, completed=self._done, speed=self._speed())
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            left = (self._total - self._done) * (now - self._began) / (self._done - self._earlier)
            log.info("%s: %d of %d items, %s, %.0f s left", self._verb, self._done, self._total, self._speed(), left)

    def _speed(self) -> str:
        elapsed = max(time.monotonic() - self._began, 1e-9)
        return f"{self._tokens / elapsed:,.0f} tokens/s"
