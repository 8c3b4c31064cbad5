"""Progress of one download: a bar on a terminal, a line now and then in a log."""

import logging
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 10.0


class Transfer:
    """Counts bytes and estimates the time left from this run's own rate.

    Args:
        name: Name of the file.
        total: Size of the whole file in bytes; None when unknown.
        done: Bytes that an earlier run brought; they do not enter the rate.
        clock: Returns seconds.
        console: Where a bar is shown if it is a terminal.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        console: Console | None = None,
    ) -> None:
        self._name, self._total, self._done, self._earlier, self._clock = name, total, done, done, clock
        self._began = self._last_line = clock()
        console = console or Console(stderr=True)
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
            self._task = self._bar.add_task(name, total=total, completed=done)

    def __enter__(self) -> Self:
        if self._earlier:
            log.info("%s: resuming after %s", self._name, _size(self._earlier))
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
        log.info("%s: %s", self._name, self._state())

    def advance(self, count: int) -> None:
        """Count more bytes."""
        self._done += count
        now = self._clock()
        if self._bar:
            self._bar.update(self._task, completed=self._done)
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            log.info("%s: %s, %s", self._name, self._state(), self._left())

    def restart(self) -> None:
        """Count from zero: the bytes so far are of no use."""
        self._done = self._earlier = 0
        self._began = self._clock()

    def _state(self) -> str:
        whole = f" of {_size(self._total)} ({100 * self._done / self._total:.0f} %)" if self._total else ""
        return f"{_size(self._done)}{whole} at {_size(self._rate())}/s"

    def _left(self) -> str:
        rate = self._rate()
        if not self._total or not rate:
            return "time left unknown"
        minutes, seconds = divmod(round((self._total - self._done) / rate), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left"

    def _rate(self) -> float:
        return (self._done - self._earlier) / max(self._clock() - self._began, 1e-3)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
