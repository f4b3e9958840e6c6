"""Draw for one request: what is to happen to it, drawn in full before it is served."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

from tui.model import OutcomeKind, Usage
from tui.simulator.behaviour import Behaviour

_LONGEST_ANSWER_TOKENS = 16_384
"""The output limit of gpt-4o."""

_CACHE_BLOCK_TOKENS = 128

_HARMS = ("hate", "self_harm", "sexual", "violence")


@dataclass(frozen=True, slots=True)
class Drawn:
    """``kind`` is how it ends unless the client leaves first; ``tokens`` go out visibly before that end.

    ``ttft_ms`` and ``ms_per_token`` are those of an idle deployment. ``status`` is the HTTP status; 0 tokens of
    a dropped request mean that not even its headers go out. ``harm`` is the category that blocks, or scores
    low. ``text_start`` is where in the stock of text the answer begins.
    """

    kind: OutcomeKind
    status: int
    ttft_ms: float
    ms_per_token: float
    tokens: int
    finish_reason: Literal["stop", "length", "content_filter"]
    usage: Usage
    harm: str
    annotated: Literal["prompt", "completion"] | None
    below_threshold: bool
    unfiltered: bool
    spilled: bool
    empty_error: bool
    text_start: int


def draw(
    behaviour: Behaviour,
    rng: random.Random,
    prompt_tokens: int,
    limit_tokens: int | None,
    answer_tokens: int | None = None,
) -> Drawn:
    """Draw the drawn of a request with a generator of its own.

    Every draw is made, in the same order, whatever the behaviour: so a changed rate changes only the requests
    that it should. ``answer_tokens`` is the length of an answer that stands already, else it is drawn.
    """
    chance, normal = rng.random, rng.gauss
    hangs = 100 * chance() < behaviour.hang_pct
    drops = 100 * chance() < behaviour.drop_pct
    fails = 100 * chance() < behaviour.error_pct
    prompt_blocked = 100 * chance() < behaviour.prompt_blocked_pct
    completion_blocked = 100 * chance() < behaviour.completion_blocked_pct
    annotates = 100 * chance() < behaviour.annotated_pct
    below_threshold = 100 * chance() < behaviour.below_threshold_pct
    unfiltered = 100 * chance() < behaviour.filter_outage_pct
    spilled = 100 * chance() < behaviour.spillover_pct
    in_tail = 100 * chance() < behaviour.ttft_tail_pct
    variant, cut, side, harm, text_start = (chance() for _ in range(5))
    median_ms = behaviour.ttft_ms + behaviour.ttft_ms_per_1k * prompt_tokens / 1000
    ttft_ms = _lognormal(median_ms, behaviour.ttft_sigma, normal(0, 1))
    ms_per_token = _lognormal(behaviour.ms_per_token, behaviour.ms_per_token_sigma, normal(0, 1))
    visible = max(1, round(_lognormal(behaviour.answer_tokens, behaviour.answer_sigma, normal(0, 1))))
    visible = visible if answer_tokens is None else answer_tokens
    thought = round(_lognormal(behaviour.reasoning_tokens, behaviour.answer_sigma, normal(0, 1)))

    allowed = min(_LONGEST_ANSWER_TOKENS, limit_tokens or _LONGEST_ANSWER_TOKENS)
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
    if thought + visible > allowed:
        finish_reason = "length"
        thought = min(thought, allowed)
        visible = allowed - thought

    kind, status = OutcomeKind.OK, 200
    if hangs:
        kind = OutcomeKind.TIMEOUT
    elif drops:
        kind = OutcomeKind.CONNECTION_LOST
        visible = 0 if variant < 0.5 else int(cut * visible)
    elif fails:
        kind, status = OutcomeKind.SERVER_ERROR, 500 if variant < 0.5 else 503
    elif prompt_blocked and not unfiltered:
        kind, status = OutcomeKind.PROMPT_FILTERED, 400
    elif completion_blocked and not unfiltered and visible:
        kind, finish_reason = OutcomeKind.COMPLETION_FILTERED, "content_filter"
        visible = max(1, int(cut * visible))
    answered = kind in (OutcomeKind.OK, OutcomeKind.COMPLETION_FILTERED)
    annotated: Literal["prompt", "completion"] | None = None
    if annotates and answered and not unfiltered:
        annotated = "completion" if side < 0.5 and visible else "prompt"
    return Drawn(
        kind=kind,
        status=status,
        ttft_ms=ttft_ms * (behaviour.ttft_tail_factor if in_tail else 1.0),
        ms_per_token=ms_per_token,
        tokens=visible,
        finish_reason=finish_reason,
        usage=Usage(prompt_tokens, thought + visible, _cached(behaviour, prompt_tokens), thought),
        harm=_HARMS[int(harm * len(_HARMS))],
        annotated=annotated,
        below_threshold=below_threshold and answered,
        unfiltered=unfiltered,
        spilled=spilled,
        empty_error=variant > 0.9,
        text_start=int(text_start * 1_000_000),
    )


def _lognormal(median: float, sigma: float, z: float) -> float:
    return median * math.exp(sigma * z)


def _cached(behaviour: Behaviour, prompt_tokens: int) -> int:
    if prompt_tokens < behaviour.cache_from_tokens:
        return 0
    cached = int(prompt_tokens * behaviour.cached_pct / 100)
    return cached - cached % _CACHE_BLOCK_TOKENS
