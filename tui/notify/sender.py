"""Sending messages to people: three tries each, everybody in a thread of their own, never in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from tui.base.text import plain
from tui.model import Event, WeightTable
from tui.notify.bodies import (
    PAGERDUTY_URL,
    Call,
    Message,
    Origin,
    about,
    occasion_of,
    own_json,
    pagerduty,
    slack,
    teams,
)
from tui.rollout import NotifySpec
from tui.rollout.endpoints import url_mistake
from tui.service.proxies import ProxyRefused, proxy_for

TRIES = 3
TRY_S = 5.0
"""How long one try may take, from the name of the host to the head of the answer."""
FOLD_S = 60.0
"""Messages that differ in nothing but figures and follow each other faster are folded into one."""

_PAUSES_S = (1.0, 3.0)
_LONGEST_PAUSE_S = 10.0


class CannotSend(Exception):
    """A message was not delivered; the text says why, and never where to."""


def call_of(spec: NotifySpec, message: Message, env: Mapping[str, str]) -> Call:
    """The request that tells somebody.

    Raises:
        CannotSend: A variable that it needs is not set, or holds no address.
    """
    url = _variable(spec.url_env, env) if spec.url_env else PAGERDUTY_URL
    if why := url_mistake(url):
        raise CannotSend(f"{spec.url_env}: {why}")
    if spec.kind == "pagerduty":
        return pagerduty(url, _variable(spec.key_env or "", env), message)
    return {"slack": slack, "teams": teams, "json": own_json}[spec.kind](url, message)


def _variable(name: str, env: Mapping[str, str]) -> str:
    if not (value := env.get(name, "").strip()):
        raise CannotSend(f"the variable {name} is not set")
    return value


def send(call: Call, sleep: Callable[[float], object] = time.sleep, try_s: float = TRY_S) -> None:
    """Post it, with up to three tries; a redirection is not followed, and no answer is read.

    Raises:
        CannotSend: No try was answered with a 2xx.
    """
    why = ""
    for number in range(TRIES):
        pause_s = _PAUSES_S[min(number, len(_PAUSES_S) - 1)]
        try:
            status, asked = _within(try_s, lambda: _posted(call, try_s))
        # The texts of errors may name the address, which is a secret: only those of our own are passed on.
        except NotInTime:
            why = f"no answer within {try_s:g} s"
        except httpx.HTTPError as error:
            why = f"no answer ({type(error).__name__})"
        except ProxyRefused as error:
            raise CannotSend(str(error)) from None
        except Exception as error:  # noqa: BLE001 - whoever else is to be told must be told
            raise CannotSend(f"the address is not one that can be sent to ({type(error).__name__})") from None
        else:
            if 200 <= status < 300:
                return
            why = f"HTTP {status}"
            if status != 429 and status < 500:
                raise CannotSend(why)
            pause_s = _retry_after_s(asked, pause_s)
        if number + 1 < TRIES:
            sleep(pause_s)
    raise CannotSend(f"{why}, {TRIES} tries")


def _within(seconds: float, work: Callable[[], tuple[int, str | None]]) -> tuple[int, str | None]:
    """What ``work`` gives in that time. The time-outs of a client begin anew with every byte, and the search
    for a host has none: a thread that is late is left behind, and keeps nobody from ending."""
    result: Future[tuple[int, str | None]] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
            result.set_exception(error)

    threading.Thread(target=run, name="notify try", daemon=True).start()
    return result.result(seconds)


def _posted(call: Call, timeout_s: float) -> tuple[int, str | None]:
    """The status of the answer, and its Retry-After. The proxy is that of all clients of the program."""
    proxy = proxy_for(call.url)
    via = None if proxy is None else httpx.Proxy(proxy.url, auth=proxy.login)
    headers = {"content-type": "application/json"}
    with (
        httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False, proxy=via) as client,
        client.stream("POST", call.url, content=call.content, headers=headers) as answer,
    ):
        return answer.status_code, answer.headers.get("retry-after")


def _retry_after_s(asked: str | None, otherwise_s: float) -> float:
    """Seconds, or the time until an HTTP date (RFC 9110, 10.2.3); at most 10 s."""
    if asked is None:
        return otherwise_s
    try:
        seconds = float(asked)
    except ValueError:
        try:
            until = parsedate_to_datetime(asked)
            seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return otherwise_s
    return min(max(seconds, 0.0), _LONGEST_PAUSE_S) if seconds == seconds else otherwise_s


class _Line:
    """One of those who are told. What waits is what differs in more than figures, which bounds it."""

    def __init__(
        self,
        spec: NotifySpec,
        env: Mapping[str, str],
        clock: Callable[[], float],
        fold_s: float,
        failed: Callable[[str], object],
    ) -> None:
        self._spec, self._env, self._clock, self._failed = spec, env, clock, failed
        self._fold_s = fold_s
        self._news = threading.Condition()
        self._waiting: dict[tuple[str, str], Message] = {}
        self._told_s: dict[tuple[str, str], float] = {}
        self._under_way: Message | None = None
        self._closing = False
        self._cut = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def hear(self, message: Message) -> None:
        """Tell of it, at once or together with what follows; returns at once."""
        if message.occasion not in self._spec.on:
            return
        key = message.occasion, message.about
        with self._news:
            before = self._waiting.get(key)
            self._waiting[key] = message if before is None else replace(message, more=before.more + 1)
            self._news.notify()

    def close_soon(self) -> None:
        """Send what waits, folded or not, and end."""
        with self._news:
            self._closing = True
            self._news.notify()

    def close(self, until_s: float) -> list[str]:
        """Wait until then, a reading of ``time.monotonic``; returns who was not told, a sentence each."""
        self._thread.join(max(until_s - time.monotonic(), 0.0))
        with self._news:
            # What is under way may end after all, and is said here.
            self._cut.set()
            left = [*([self._under_way] if self._under_way else []), *self._waiting.values()]
            self._waiting.clear()
        return [self._why_not(message, "the run ended before it was sent") for message in left]

    def _why_not(self, message: Message, why: str) -> str:
        return f"nobody was told by {self._spec.kind} ({self._spec.named_by}) of {message.occasion}: {why}"

    def _run(self) -> None:
        while (message := self._next()) is not None:
            why = ""
            try:
                send(call_of(self._spec, message, self._env), self._cut.wait)
            except CannotSend as error:
                why = str(error)
            with self._news:
                self._under_way = None
                said_already = self._cut.is_set()
            if why and not said_already:
                self._failed(self._why_not(message, why))

    def _next(self) -> Message | None:
        """The next message whose time has come, waiting for it; None when there is none and nothing comes."""
        with self._news:
            while True:
                now_s = self._clock()
                due_s = {key: self._told_s.get(key, float("-inf")) + self._fold_s for key in self._waiting}
                ready = [key for key in due_s if self._closing or due_s[key] <= now_s]
                if ready:
                    self._told_s[ready[0]] = now_s
                    self._under_way = self._waiting.pop(ready[0])
                    return self._under_way
                if self._closing:
                    return None
                self._news.wait(min(due_s.values()) - now_s if due_s else None)


class Notifier:
    """Hears every event of a run, and tells people of those that are worth it.

    ``failed(text)`` is called from another thread when somebody could not be told; what it does not take (it
    returns False) ``close`` returns. Nobody who does not answer keeps a message from another.
    """

    def __init__(
        self,
        specs: Sequence[NotifySpec],
        env: Mapping[str, str],
        origin: Origin,
        *,
        clock: Callable[[], float] = time.monotonic,
        fold_s: float = FOLD_S,
    ) -> None:
        self.failed: Callable[[str], bool] = lambda _: False
        self._origin = origin
        self._unsaid: list[str] = []
        self._lines = [_Line(spec, env, clock, fold_s, self._say) for spec in specs]

    def hear(self, event: Event, weights: WeightTable) -> None:
        """Tell of an event what is to be told; returns at once."""
        if (occasion := occasion_of(event)) is None:
            return
        message = Message(
            occasion=occasion,
            origin=self._origin,
            at=event.at,
            text=event.text,
            reason=event.reason,
            weights=weights,
            about=about(event),
        )
        for line in self._lines:
            line.hear(message)

    def close(self, timeout_s: float) -> tuple[str, ...]:
        """Send what waits, for at most so long in all. Returns who was not told and why, where nobody said it
        yet."""
        until_s = time.monotonic() + timeout_s
        for line in self._lines:
            line.close_soon()
        left = [text for line in self._lines for text in line.close(until_s)]
        unsaid, self._unsaid = self._unsaid, []
        return (*unsaid, *left)

    def _say(self, text: str) -> None:
        if not self.failed(text):
            self._unsaid.append(text)


def tried(
    specs: Sequence[NotifySpec], env: Mapping[str, str], message: Message
) -> list[tuple[NotifySpec, str]]:
    """Send a message to everybody, whatever they want to be told of. Why it did not arrive, by notifier; empty
    where it did."""
    found = []
    for spec in specs:
        try:
            send(call_of(spec, replace(message, test=True), env))
        except CannotSend as error:
            found.append((spec, plain(str(error), 200)))
        else:
            found.append((spec, ""))
    return found
