"""Handler of a deployment: from a call to its answer, with the quota in between (azure.md A7, C1)."""

from __future__ import annotations

import math
import random
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from tui.model import ANSWERED, OutcomeKind
from tui.simulator import refusals
from tui.simulator.answer import Answer, blocking_prompt_results
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.call import Call
from tui.simulator.content import Content, Reply
from tui.simulator.delivery import Delivery
from tui.simulator.draw import Drawn, draw
from tui.simulator.refusals import Refusal
from tui.simulator.truth import ServedOutcome

ASSUMED_ANSWER_TOKENS = 256
"""Stands for the answer of a request without a limit of its own; what the service assumes is not published."""

_MINUTE_S = 60.0
_BURST_S = 10.0


class QuotaMeter:
    """Sliding accounts of what was let through: the requests of 10 s, and the estimated tokens of 60 s.

    Requests are enforced over 10 s (a sixth of the minute's, rounded up) and tokens over the minute. What was
    let through counts however it ends; what was refused does not, so that whoever waits as told gets through.
    """

    def __init__(self) -> None:
        self._passed: deque[tuple[float, int]] = deque()
        self._recent: deque[float] = deque()
        self._tokens = 0

    def wait_s(
        self, now_s: float, tokens: int, requests_per_min: int | None, tokens_per_min: int | None
    ) -> float:
        """Let a request of about ``tokens`` through and return 0.0, or return the seconds to wait."""
        self._forget(now_s)
        wait_s = 0.0
        if requests_per_min is not None:
            over = len(self._recent) - _burst(requests_per_min) + 1
            if over > 0:
                wait_s = self._recent[over - 1] + _BURST_S - now_s
        if tokens_per_min is not None:
            wait_s = max(wait_s, self._wait_for_tokens(now_s, tokens, tokens_per_min))
        if wait_s <= 0:
            self._passed.append((now_s, tokens))
            self._recent.append(now_s)
            self._tokens += tokens
            return 0.0
        return wait_s

    def headers(self, now_s: float, requests_per_min: int | None, tokens_per_min: int | None) -> dict[str, str]:
        """The ``x-ratelimit-*`` headers: -1 where there is no quota, times in milliseconds."""
        self._forget(now_s)
        headers: dict[str, str] = {}
        for what, limit, used in (
            ("requests", requests_per_min, len(self._passed)),
            ("tokens", tokens_per_min, self._tokens),
        ):
            oldest_s = self._passed[0][0] if self._passed else now_s - _MINUTE_S
            reset_ms = math.ceil((oldest_s + _MINUTE_S - now_s) * 1000)
            headers[f"x-ratelimit-limit-{what}"] = str(-1 if limit is None else limit)
            headers[f"x-ratelimit-remaining-{what}"] = str(-1 if limit is None else max(0, limit - used))
            headers[f"x-ratelimit-reset-{what}"] = str(-1 if limit is None else reset_ms)
        return headers

    def _wait_for_tokens(self, now_s: float, tokens: int, limit: int) -> float:
        left = self._tokens
        if left + tokens <= limit:
            return 0.0
        for at_s, spent in self._passed:
            left -= spent
            if left + tokens <= limit:
                return at_s + _MINUTE_S - now_s
        return _MINUTE_S

    def _forget(self, now_s: float) -> None:
        while self._passed and self._passed[0][0] <= now_s - _MINUTE_S:
            self._tokens -= self._passed.popleft()[1]
        while self._recent and self._recent[0] <= now_s - _BURST_S:
            self._recent.popleft()


def _burst(requests_per_min: int) -> int:
    return math.ceil(requests_per_min * _BURST_S / _MINUTE_S)


NO_QUOTA_HEADERS = QuotaMeter().headers(0.0, None, None)
"""What the service says where it tells no quota: -1 throughout."""


_PROMPT_CHECK_SHARE = 0.3
"""Of the time to the first token, how long the filter takes to block a prompt."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request with its call. ``received_s`` is by the handler's clock; ``headers`` go with every answer."""

    request: web.BaseRequest
    call: Call
    received_s: float
    headers: Mapping[str, str]
    objection: Refusal | None


class DeploymentHandler:
    """Serves the requests of one deployment. ``wall_clock`` gives Unix time for the answers."""

    def __init__(
        self,
        deployment: PretendDeployment,
        seed: int,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        content: Content,
    ) -> None:
        self.in_flight = 0
        self._content = content
        self._seed = seed
        self._clock = clock
        self._wall_clock = wall_clock
        self.become(deployment)
        self.restart()

    def become(self, deployment: PretendDeployment) -> None:
        """Serve as ``deployment`` from the next request on; draws and quota go on as they were."""
        self.deployment = deployment
        digits = deployment.version.replace("-", "")
        self._session = f"d{zlib.crc32(deployment.name.encode()) % 1000:03d}-{digits}"
        self._fingerprint = f"fp_{zlib.crc32(deployment.served_model.encode()):08x}"

    def restart(self) -> None:
        """Draw from the first request again, with an unused quota."""
        self._drawn = 0
        self._meter = QuotaMeter()

    async def serve(
        self, received: Received, behaviour: Behaviour, outcome: ServedOutcome
    ) -> web.StreamResponse:
        """Answer, and say in ``outcome`` how it ended; cancelled when the client leaves first.

        The k-th request that is not refused always draws from the same generator.
        """
        outcome.served_model = self.deployment.served_model
        self.in_flight += 1
        try:
            refusal = received.objection or self._objection(received.call, behaviour)
            if refusal is None:
                return await self._answer(received, behaviour, outcome)
            delivery = self._delivery(received, behaviour, spilled=False)
            response = await delivery.refuse(refusal)
            outcome.kind = refusal.kind
            return response
        finally:
            self.in_flight -= 1

    async def _answer(
        self, received: Received, behaviour: Behaviour, outcome: ServedOutcome
    ) -> web.StreamResponse:
        call = received.call
        seed = f"{self._seed}/{self.deployment.name}/{self._drawn}"
        self._drawn += 1
        rng, words = random.Random(seed), random.Random(f"{seed}/words")
        reply = self._content.reply(call, behaviour, words)
        stands = len(reply.pieces) if reply is not None and reply.pieces else None
        drawn = draw(behaviour, rng, call.prompt_tokens, call.limit_tokens, stands)
        pieces: tuple[str, ...] = ()
        if reply is not None:
            pieces = self._content.write(reply, call.question, drawn.tokens, words)
            if reply.judged == "failed" and drawn.kind in ANSWERED:
                drawn = replace(drawn, kind=OutcomeKind.SERVER_ERROR, status=503)
        answer = Answer(
            drawn,
            f"chatcmpl-{rng.getrandbits(128):032x}",
            int(self._wall_clock()),
            self.deployment.served_model,
            self._fingerprint,
            call.include_usage,
            behaviour.async_filter,
            pieces,
        )
        if drawn.kind in (OutcomeKind.TIMEOUT, OutcomeKind.CONNECTION_LOST):
            outcome.kind = drawn.kind
        delivery = self._delivery(received, behaviour, spilled=drawn.spilled)
        response = await self._deliver(delivery, answer, behaviour, stream=call.stream)
        ended_s = self._clock()
        outcome.kind = drawn.kind
        if reply is not None:
            _tell(outcome, reply, drawn)
        if drawn.kind in ANSWERED:
            outcome.latency_ms = (ended_s - received.received_s) * 1000
            if delivery.first_content_s is not None:
                outcome.ttft_ms = (delivery.first_content_s - received.received_s) * 1000
            if call.include_usage or not call.stream:
                outcome.usage = drawn.usage
            outcome.annotated = drawn.annotated is not None
            outcome.spilled = drawn.spilled
        return response

    async def _deliver(
        self, delivery: Delivery, answer: Answer, behaviour: Behaviour, *, stream: bool
    ) -> web.StreamResponse:
        drawn = answer.drawn
        ttft_stretch, token_stretch = behaviour.stretch(self.in_flight)
        ms_per_token = drawn.ms_per_token * token_stretch
        ttft_ms = drawn.ttft_ms * ttft_stretch + drawn.usage.reasoning_tokens * ms_per_token
        if drawn.kind is OutcomeKind.TIMEOUT:
            return await delivery.never()
        if drawn.kind is OutcomeKind.SERVER_ERROR:
            return await delivery.refuse(refusals.server_error(drawn.status, empty=drawn.empty_error), ttft_ms)
        if drawn.kind is OutcomeKind.PROMPT_FILTERED:
            blocked = refusals.prompt_blocked(blocking_prompt_results(drawn))
            return await delivery.refuse(blocked, _PROMPT_CHECK_SHARE * ttft_ms)
        if stream:
            return await delivery.stream(answer, ttft_ms, ms_per_token)
        return await delivery.whole(answer, ttft_ms, ms_per_token)

    def _objection(self, call: Call, behaviour: Behaviour) -> Refusal | None:
        """Why a request with a good key is refused, in the order in which the service would find out."""
        if behaviour.forbidden:
            return refusals.FORBIDDEN
        if behaviour.missing:
            return refusals.NO_DEPLOYMENT
        if behaviour.retired:
            return refusals.RETIRED
        if behaviour.paused:
            return refusals.PAUSED
        if behaviour.no_credit:
            return refusals.NO_CREDIT
        if call.problem is not None:
            return call.problem
        tokens = call.prompt_tokens + (call.limit_tokens or ASSUMED_ANSWER_TOKENS)
        wait_s = self._meter.wait_s(self._clock(), tokens, behaviour.requests_per_min, behaviour.tokens_per_min)
        return refusals.too_many(self.deployment.name, wait_s) if wait_s > 0 else None

    def _delivery(self, received: Received, behaviour: Behaviour, *, spilled: bool) -> Delivery:
        name = self.deployment.name
        quota = NO_QUOTA_HEADERS
        if behaviour.report_quota:
            quota = self._meter.headers(self._clock(), behaviour.requests_per_min, behaviour.tokens_per_min)
        headers = {
            **received.headers,
            **quota,
            "azureml-model-session": self._session,
            "x-ms-rai-invoked": "true",
            "x-ms-deployment-name": f"{name}-spillover" if spilled else name,
            "x-ms-is-spilled-over": "true" if spilled else "false",
        }
        if spilled:
            headers |= {"x-ms-spillover-from-deployment": name, "x-ms-spillover-error": "429"}
        return Delivery(received.request, headers, self._clock)


def _tell(outcome: ServedOutcome, reply: Reply, drawn: Drawn) -> None:
    """Say what the reply was worth, of one that was sent whole; of a judgement, also where it failed."""
    if drawn.kind is OutcomeKind.OK and drawn.finish_reason == "stop":
        outcome.task, outcome.right, outcome.good = reply.task, reply.right, reply.good
    if drawn.kind is OutcomeKind.OK or reply.judged == "failed":
        outcome.judged = reply.judged
