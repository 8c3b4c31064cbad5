"""Chat completions of an OpenAI-compatible server: many at once, patient with what passes, honest about what does not.

One event loop per stream of requests: leaving the stream cancels what is in flight, which closes the
connections, so that a server that notices (llama.cpp, vLLM) stops generating what nobody will read.
"""

import asyncio
import json
import logging
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import httpx2
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential

from medeval.errors import MedevalError
from medeval.responses.engines.openai_endpoint import address_of, key_of, remedy_for, require_usable
from medeval.responses.engines.openai_reply import ServerReply, read_reply, words
from medeval.responses.engines.pacing import Pace, Shares, retry_after
from medeval.run.targets import Served

log = logging.getLogger(__name__)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it reports every request
T = TypeVar("T")

# Conflicts and limits that pass, and all that servers and proxies answer while overloaded or restarted (5xx).
_PASSING_STATUS = frozenset({408, 409, 425, 429})
# Wrong address, key, permission or model: every other request would fare the same.
_STOPPING_STATUS = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})
# What a single conversation can cause: it is too long, or holds what the server does not take.
_STATUS_OF_ONE_ITEM = frozenset({200, 400, 413, 422})

_LONGEST_DELAY = 60.0  # seconds between two attempts, unless the server asks for more
_LONGEST_REQUESTED_DELAY = 900.0  # seconds; beyond this the run stops and says so
_SECONDS_TO_CONNECT = 30.0
_BYTES_PER_TOKEN = 4.0  # of a request, to keep a limit of tokens; what a reply really took is known afterwards
SIMPLE_QUESTION = [{"role": "user", "content": "Say yes."}]


@dataclass(frozen=True)
class Refusal:
    """A request that brought no reply: what the server said, or how the connection failed."""

    error: str


class RequestError(Exception):
    """A request failed.

    Args:
        reason: What happened, in the server's words if it gave any.
        status: HTTP status of the answer; None when none came.
        delay: Seconds after which the server wants to be asked again; None when it does not say.
    """

    def __init__(self, reason: str, status: int | None, delay: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status, self.delay = reason, status, delay

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed later."""
        if self.status is None or self.status in _PASSING_STATUS:
            return True
        return self.status >= 500 and self.status != 501  # not implemented


class Client:
    """Asks one server.

    Args:
        served: The server and how it is asked.

    Raises:
        MedevalError: The address is none or holds a secret, or the environment variable with the key is not set.
    """

    def __init__(self, served: Served) -> None:
        require_usable(served)
        self.served = served
        self._key = key_of(served)

    def get(self, url: str) -> Any:
        """Return the JSON document at an address of this server.

        Raises:
            RequestError: It could not be had, or is no JSON.
        """
        with asyncio.Runner() as runner:
            line = _Line(self.served, self._key)
            try:
                return runner.run(line.get(url))
            finally:
                runner.run(line.close())

    def stream(self, bodies: Sequence[Mapping[str, Any]]) -> Generator[tuple[int, ServerReply | Refusal], None, None]:
        """Ask for a chat completion of each body, yielding (index, reply) as they arrive; exactly one per body.

        A body holds `messages` and settings; `model` and the server's `extra` are added. A request that
        fails for good is a refusal for its item only if the server answers something else. Close the
        generator to cancel what is in flight.

        Raises:
            MedevalError: Every further request would fail as well. Replies that had arrived were yielded before.
        """
        todo = iter(enumerate(bodies))
        waiting: dict[asyncio.Task[ServerReply | Refusal], int] = {}
        with asyncio.Runner() as runner:
            line = _Line(self.served, self._key)
            try:
                while True:
                    for index, body in islice(todo, self.served.concurrency - len(waiting)):
                        waiting[runner.get_loop().create_task(line.ask(body))] = index
                    if not waiting:
                        return
                    done = runner.run(_first_done(waiting))
                    failures = [error for task in done if (error := task.exception())]
                    for task in done:
                        index = waiting.pop(task)
                        if not task.exception():
                            yield index, task.result()
                    if failures:
                        raise failures[0]
            finally:
                for task in waiting:
                    task.cancel()
                runner.run(line.close(waiting))


class _Line:
    """The requests of one event loop to one server."""

    def __init__(self, served: Served, key: str | None) -> None:
        self._served, self._key = served, key
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(None, connect=_SECONDS_TO_CONNECT),  # the whole reply has its own limit
            limits=httpx2.Limits(max_connections=None),
        )
        self._pace, self._shares = Pace(served.requests_per_minute, served.tokens_per_minute), Shares()
        self._backoff = wait_exponential(multiplier=1, max=_LONGEST_DELAY)
        self._random = random.Random(0)  # noqa: S311 - spreads repeated requests in time, nothing else
        self._has_answered = False

    async def close(self, tasks: Sequence[asyncio.Task[Any]] | Mapping[asyncio.Task[Any], int] = ()) -> None:
        """Wait for cancelled tasks to end and close the connections."""
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    async def get(self, url: str) -> Any:
        response, _ = await self._request("GET", url)
        try:
            return response.json()
        except ValueError as error:
            raise self._error(f"{url} answered with what is no JSON: {words(response)}", 200) from error

    async def ask(self, body: Mapping[str, Any]) -> ServerReply | Refusal:
        """Complete one conversation; see `Client.stream`."""
        try:
            return await self._complete(body)
        except RequestError as error:
            if error.status in _STOPPING_STATUS:
                raise self._stop(error.reason, error.status) from error
            if not (error.status in _STATUS_OF_ONE_ITEM and self._has_answered):
                await self._prove_that_others_are_answered(body, error)
            return Refusal(error.reason)

    async def _prove_that_others_are_answered(self, body: Mapping[str, Any], failure: RequestError) -> None:
        """Ask something simple with the same settings: if that fails too, it is not the conversation's fault."""
        try:
            await self._complete({**body, "messages": SIMPLE_QUESTION})
        except RequestError as error:
            problem = f"{failure.reason}; a simple question with the same settings fails as well"
            if error.reason != failure.reason:
                problem += f": {error.reason}"
            raise self._stop(problem, error.status) from error

    async def _complete(self, body: Mapping[str, Any]) -> ServerReply:
        document = {"model": self._served.model, **self._served.extra, **body}
        # Escaped, since half of a surrogate pair has no UTF-8.
        content = json.dumps(document).encode("ascii")
        reserved = len(content) / _BYTES_PER_TOKEN + document.get("max_tokens", 0)
        response, seconds = await self._request("POST", address_of(self._served, "chat/completions"), content, reserved)
        try:
            reply = read_reply(response, seconds)
        except ValueError as error:
            raise self._error(f"{self._served.url} answered with {error}", 200) from error
        self._has_answered = True
        self._pace.settle(reserved, reply.prompt_tokens + reply.generated_tokens)
        return reply

    async def _request(
        self, method: str, url: str, content: bytes | None = None, tokens: float = 0.0
    ) -> tuple[httpx2.Response, float]:
        """Return the successful response to a request and its share of wall time in seconds."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, RequestError) and error.passes),
            stop=stop_after_attempt(self._served.attempts),
            wait=self._delay,
            before_sleep=self._report,
            sleep=asyncio.sleep,
            reraise=True,
        )
        return await retrying(self._request_once, method, url, content, tokens)

    async def _request_once(
        self, method: str, url: str, content: bytes | None, tokens: float
    ) -> tuple[httpx2.Response, float]:
        await asyncio.sleep(self._pace.reserve(_now(), tokens))
        reading = self._shares.begin(_now())
        try:
            async with asyncio.timeout(self._served.seconds_timeout):
                headers = {"Content-Type": "application/json"} if content else {}
                response = await self._http.request(method, url, content=content, headers=headers)
        except TimeoutError as error:
            reason = f"{url} gave no whole reply within {self._served.seconds_timeout:g} s"
            raise self._error(reason, None) from error
        except httpx2.HTTPError as error:
            reason = f"the connection to {url} failed ({str(error) or type(error).__name__})"
            raise self._error(reason, None) from error
        finally:
            seconds = self._shares.end(_now(), reading)
        if response.is_success:
            return response, seconds
        raise self._refused(response)

    def _refused(self, response: httpx2.Response) -> Exception:
        said = words(response)
        if target := response.headers.get("Location"):
            said = f"see {target}"
        reason = f"{response.url} answered {response.status_code} {response.reason_phrase}".rstrip() + f": {said}"
        delay = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
        error = self._error(reason, response.status_code, delay)
        if delay is not None and delay > _LONGEST_REQUESTED_DELAY:
            return MedevalError(
                f"{error.reason}; the server asks to wait {delay:,.0f} s",
                "Run the same command again after that time; it continues where it stopped.",
            )
        if delay is not None:
            self._pace.hold(_now() + delay)
        return error

    def _error(self, reason: str, status: int | None, delay: float | None = None) -> RequestError:
        """Return the failure of a request, without the key that a server may have repeated."""
        return RequestError(reason.replace(self._key, "<key>") if self._key else reason, status, delay)

    def _delay(self, state: RetryCallState) -> float:
        """Return the seconds before the next attempt: what the server asked for, or 1, 2, 4, ... less up to half."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RequestError) and error.delay is not None:
            return error.delay
        return self._backoff(state) * self._random.uniform(0.5, 1.0)

    def _report(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "%s; trying again in %.1f s (%d of %d)",
            error, state.upcoming_sleep, state.attempt_number, self._served.attempts,
        )  # fmt: skip

    def _stop(self, problem: str, status: int | None) -> MedevalError:
        return MedevalError(problem, remedy_for(self._served, status))


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _first_done(tasks: Mapping[asyncio.Task[T], int]) -> set[asyncio.Task[T]]:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done
