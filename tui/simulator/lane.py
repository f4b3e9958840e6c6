"""One deployment at work: from a call to its answer, and what is counted of it."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from tui.model import ANSWERED, OutcomeKind
from tui.simulator import refusals
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.bodies import Answer
from tui.simulator.call import Call
from tui.simulator.delivery import Delivery
from tui.simulator.fate import Fate, draw
from tui.simulator.filters import blocking_prompt_results
from tui.simulator.quota import ASSUMED_ANSWER_TOKENS, NO_QUOTA_HEADERS, QuotaMeter
from tui.simulator.refusals import Refusal
from tui.simulator.speech import Reply, Speech
from tui.simulator.truth import ServedOutcome

_PROMPT_CHECK_SHARE = 0.3
"""Of the time to the first token, how long the filter takes to block a prompt."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request at the door. ``received_s`` is by the lane's clock; ``headers`` are those of every answer."""

    request: web.BaseRequest
    call: Call
    received_s: float
    headers: Mapping[str, str]
    objection: Refusal | None


class Lane:
    """Serves the requests of one deployment. ``wall_clock`` gives Unix time for the answers."""

    def __init__(
        self,
        deployment: PretendDeployment,
        seed: int,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        speech: Speech,
    ) -> None:
        self.in_flight = 0
        self._speech = speech
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
        reply = self._speech.reply(call, behaviour, words)
        stands = len(reply.pieces) if reply is not None and reply.pieces else None
        fate = draw(behaviour, rng, call.prompt_tokens, call.limit_tokens, stands)
        pieces: tuple[str, ...] = ()
        if reply is not None:
            pieces = self._speech.write(reply, call.question, fate.tokens, words)
            if reply.judged == "failed" and fate.kind in ANSWERED:
                fate = replace(fate, kind=OutcomeKind.SERVER_ERROR, status=503)
        answer = Answer(
            fate,
            f"chatcmpl-{rng.getrandbits(128):032x}",
            int(self._wall_clock()),
            self.deployment.served_model,
            self._fingerprint,
            call.include_usage,
            behaviour.async_filter,
            pieces,
        )
        if fate.kind in (OutcomeKind.TIMEOUT, OutcomeKind.CONNECTION_LOST):
            outcome.kind = fate.kind
        delivery = self._delivery(received, behaviour, spilled=fate.spilled)
        response = await self._deliver(delivery, answer, behaviour, stream=call.stream)
        ended_s = self._clock()
        outcome.kind = fate.kind
        if reply is not None:
            _tell(outcome, reply, fate)
        if fate.kind in ANSWERED:
            outcome.latency_ms = (ended_s - received.received_s) * 1000
            if delivery.first_content_s is not None:
                outcome.ttft_ms = (delivery.first_content_s - received.received_s) * 1000
            if call.include_usage or not call.stream:
                outcome.usage = fate.usage
            outcome.annotated = fate.annotated is not None
            outcome.spilled = fate.spilled
        return response

    async def _deliver(
        self, delivery: Delivery, answer: Answer, behaviour: Behaviour, *, stream: bool
    ) -> web.StreamResponse:
        fate = answer.fate
        ttft_stretch, token_stretch = behaviour.stretch(self.in_flight)
        ms_per_token = fate.ms_per_token * token_stretch
        ttft_ms = fate.ttft_ms * ttft_stretch + fate.usage.reasoning_tokens * ms_per_token
        if fate.kind is OutcomeKind.TIMEOUT:
            return await delivery.never()
        if fate.kind is OutcomeKind.SERVER_ERROR:
            return await delivery.refuse(refusals.server_error(fate.status, empty=fate.empty_error), ttft_ms)
        if fate.kind is OutcomeKind.PROMPT_FILTERED:
            blocked = refusals.prompt_blocked(blocking_prompt_results(fate))
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


def _tell(outcome: ServedOutcome, reply: Reply, fate: Fate) -> None:
    """Say what the reply was worth, of one that was sent whole; of a judgement, also where it failed."""
    if fate.kind is OutcomeKind.OK and fate.finish_reason == "stop":
        outcome.task, outcome.right, outcome.good = reply.task, reply.right, reply.good
    if fate.kind is OutcomeKind.OK or reply.judged == "failed":
        outcome.judged = reply.judged
