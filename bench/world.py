"""A pretend service for the evidence: requests of several versions as a stream of assignments and outcomes."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from tui.model import Assignment, Outcome, OutcomeKind, Usage, held_back

BASE, CANARY = "old", "new"

SPEED_MS = 300.0
"""Median of the time to the first token."""

MS_A_TOKEN = 0.4
"""Little, so that the spread of a latency is that of its first token."""

TOKENS = 80.0
"""Median of the output tokens."""

CHARS = 400.0
"""Median of the characters of a prompt, four a token."""

_CHARS_A_TOKEN = 4
_TOKEN_SIGMA = 0.3
_FAILS_AFTER_S = 0.03
_BUCKET_S = 10.0
_USD_A_TOKEN = 1e-5

By = Callable[[float], float]
"""A figure by the second of the run."""


def always(value: float) -> By:
    return lambda _: value


_ONE, _TEN = always(1.0), always(10.0)


@dataclass(frozen=True, slots=True)
class Version:
    """How one side answers. Factors are times the plain version; shares and rates are 0 to 1.

    ``tail`` answers are ``tail_factor`` times as slow, ``run_away`` ones ``run_away_factor`` times as long.
    ``length_sigma`` is the spread of the logarithm of a length, ``pareto`` the exponent of its tail instead.
    ``throttled`` requests get a 429; ``unanswered`` ones a 429, a 5xx or are held back, a third each.
    ``spilled`` ones are answered by another deployment, at the plain speed. ``cold`` answers are
    ``cold_factor`` times as slow at first. ``own_sd`` is the spread of the logarithm of its own slow noise,
    an AR(1) of ``own_rho`` a second. ``quota_share`` of its tokens fit through a bucket of 10 s of tokens:
    what does not fit is rejected. For ``pause_s`` after a 429 everything is held back. ``late_factor``: how
    much slower it seems while this machine is behind.
    """

    slower: float = 1.0
    tail: float = 0.0
    tail_factor: float = 3.0
    longer: float = 1.0
    length_sigma: float = 0.5
    pareto: float = 0.0
    run_away: float = 0.0
    run_away_factor: float = 12.0
    errors: float = 0.005
    filtered: float = 0.01
    throttled: float = 0.0
    unanswered: float = 0.0
    spilled: float = 0.0
    cold: int = 0
    cold_factor: float = 2.0
    own_sd: float = 0.0
    own_rho: float = 0.99
    quota_share: float = 1.0
    pause_s: float = 0.0
    late_factor: float = 1.0
    streams: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """Versions behind weights, at ``per_s`` requests a second.

    By the second: ``canary_pct`` of each canary, ``pace`` (times ``per_s``), ``drift`` (times every latency),
    ``more_bad`` (times every rate of errors and filters), ``sizes`` (times every prompt), and whether this
    machine is behind (``saturated``). ``sigma`` is the spread of the logarithm of a latency and
    ``prompt_sigma`` that of a prompt's size; ``explained`` is the correlation of the two. ``prompt_price`` is
    that of a prompt's token, times that of an output token. Requests end within ``timeout_s``.
    """

    base: Version = Version()
    canaries: tuple[Version, ...] = (Version(),)
    per_s: float = 20.0
    canary_pct: By = _TEN
    pace: By = _ONE
    drift: By = _ONE
    more_bad: By = _ONE
    sizes: By = _ONE
    saturated: Callable[[float], bool] = lambda now_s: False
    sigma: float = 0.6
    prompt_sigma: float = 0.8
    explained: float = 0.0
    prompt_price: float = 0.25
    timeout_s: float = math.inf

    @property
    def names(self) -> tuple[str, ...]:
        """Of the canaries."""
        return (CANARY, *(f"{CANARY}{n}" for n in range(2, len(self.canaries) + 1)))


class _Side:
    """What one version is at, in the middle of a run."""

    def __init__(self, version: Version, world: World) -> None:
        self.version = version
        self.answered = 0
        self.noise = self.noise_at_s = 0.0
        self.tokens = self.tokens_at_s = 0.0
        self.pause_until_s = -math.inf
        prompt = CHARS / _CHARS_A_TOKEN * math.exp(world.prompt_sigma**2 / 2)
        answer = TOKENS * version.longer * math.exp(version.length_sigma**2 / 2)
        self.quota_a_request = version.quota_share * (prompt + answer)
        """Tokens a second that it may use, for each request a second that it gets."""

    def own_noise(self, now_s: float, rng: random.Random) -> float:
        version = self.version
        kept = version.own_rho ** (now_s - self.noise_at_s)
        self.noise = kept * self.noise + version.own_sd * math.sqrt(1 - kept * kept) * rng.gauss(0, 1)
        self.noise_at_s = now_s
        return self.noise

    def fits(self, wanted: float, per_s: float, now_s: float) -> bool:
        """Whether so many tokens are left in the bucket; it is large prompts that do not fit."""
        tokens_per_s = per_s * self.quota_a_request
        filled = self.tokens + tokens_per_s * (now_s - self.tokens_at_s)
        self.tokens, self.tokens_at_s = min(filled, tokens_per_s * _BUCKET_S), now_s
        if wanted > self.tokens:
            return False
        self.tokens -= wanted
        return True


def happenings(world: World, seed: int | str) -> Iterator[tuple[float, Assignment | Outcome]]:
    """Assignments and outcomes in order of time, without end."""
    rng = random.Random(seed)
    names = world.names
    sides = {
        name: _Side(v, world) for name, v in zip((BASE, *names), (world.base, *world.canaries), strict=True)
    }
    tables: dict[float, Mapping[str, float]] = {}
    ended: list[tuple[float, int, Outcome]] = []
    now_s = 0.0
    for number in count():
        now_s += rng.expovariate(world.per_s * world.pace(now_s))
        while ended and ended[0][0] <= now_s:
            at_s, _, outcome = heapq.heappop(ended)
            yield at_s, outcome
        pct = world.canary_pct(now_s)
        shares = tables.get(pct)
        if shares is None:
            shares = tables[pct] = {BASE: 100 - pct * len(names), **dict.fromkeys(names, pct)}
        drawn = int(100 * rng.random() / pct) if pct else len(names)
        name = names[drawn] if drawn < len(names) else BASE
        size = int(CHARS * world.sizes(now_s) * math.exp(world.prompt_sigma * rng.gauss(0, 1)))
        a = Assignment(number, "default", name, shares[name], now_s, shares, size, world.saturated(now_s))
        yield now_s, a
        if now_s < sides[name].pause_until_s:
            yield now_s, held_back(a)
            continue
        outcome = _outcome(world, sides[name], a, rng)
        heapq.heappush(ended, (outcome.ended_s, number, outcome))


def _outcome(world: World, side: _Side, a: Assignment, rng: random.Random) -> Outcome:
    version, now_s, size = side.version, a.at_s, a.prompt_chars or 0
    tokens = _length(version, rng)
    prompt_tokens = max(size // _CHARS_A_TOKEN, 1)
    spilled = bool(version.spilled) and rng.random() < version.spilled
    kind = _kind(world, side, a, rng, prompt_tokens + tokens)
    if kind not in (OutcomeKind.OK, OutcomeKind.COMPLETION_FILTERED):
        if kind is OutcomeKind.RATE_LIMITED and version.pause_s:
            side.pause_until_s = now_s + version.pause_s
        return _end(a, kind, _FAILS_AFTER_S, spilled=spilled)
    slow = _slow(world, side, a, rng, spilled=spilled)
    side.answered += 1
    ttft_ms = SPEED_MS * slow * math.exp(world.sigma * _normal(world, size, rng))
    latency_ms = ttft_ms + MS_A_TOKEN * slow * math.exp(_TOKEN_SIGMA * rng.gauss(0, 1)) * (tokens - 1)
    if latency_ms > 1000 * world.timeout_s:
        return _end(a, OutcomeKind.TIMEOUT, world.timeout_s, spilled=spilled)
    return Outcome(
        a.request_id, a.task, a.deployment, a.weight_pct, kind, now_s, now_s, now_s + latency_ms / 1000, 0.0,
        latency_ms=latency_ms, ttft_ms=ttft_ms if version.streams else None, usage=Usage(prompt_tokens, tokens),
        cost_usd=(world.prompt_price * prompt_tokens + tokens) * _USD_A_TOKEN, saturated=a.saturated,
        prompt_chars=size, shares=a.shares, counts_for_version=not spilled,
    )  # fmt: skip


def _end(a: Assignment, kind: OutcomeKind, after_s: float, *, spilled: bool) -> Outcome:
    """A request without an answer."""
    return Outcome(
        a.request_id, a.task, a.deployment, a.weight_pct, kind, a.at_s, a.at_s, a.at_s + after_s, 0.0,
        saturated=a.saturated, prompt_chars=a.prompt_chars, shares=a.shares, counts_for_version=not spilled,
    )  # fmt: skip


def _length(version: Version, rng: random.Random) -> int:
    if version.pareto:
        factor = math.pow(1 - rng.random(), -1 / version.pareto)
    else:
        factor = math.exp(version.length_sigma * rng.gauss(0, 1))
    if version.run_away and rng.random() < version.run_away:
        factor *= version.run_away_factor
    return max(2, round(TOKENS * version.longer * factor))


def _kind(world: World, side: _Side, a: Assignment, rng: random.Random, tokens: int) -> OutcomeKind:
    version, draw = side.version, rng.random()
    if draw < version.throttled:
        return OutcomeKind.RATE_LIMITED
    if draw < version.throttled + version.unanswered:
        return rng.choice((OutcomeKind.RATE_LIMITED, OutcomeKind.SERVER_ERROR, OutcomeKind.HELD_BACK))
    if version.quota_share < 1 and not side.fits(tokens, world.per_s * a.weight_pct / 100, a.at_s):
        return OutcomeKind.RATE_LIMITED
    draw, more = rng.random(), world.more_bad(a.at_s)
    if draw < version.errors * more:
        return OutcomeKind.SERVER_ERROR
    return OutcomeKind.COMPLETION_FILTERED if 1 - draw < version.filtered * more else OutcomeKind.OK


def _slow(world: World, side: _Side, a: Assignment, rng: random.Random, *, spilled: bool) -> float:
    """How many times as slow as usual."""
    version, slow = side.version, world.drift(a.at_s)
    if spilled:
        return slow
    slow *= version.slower
    if version.own_sd:
        slow *= math.exp(side.own_noise(a.at_s, rng))
    if version.tail and rng.random() < version.tail:
        slow *= version.tail_factor
    if side.answered < version.cold:
        slow *= version.cold_factor
    return slow * version.late_factor if a.saturated else slow


def _normal(world: World, size: int, rng: random.Random) -> float:
    """Standard normal, as far as the size of the prompt does not explain it."""
    own = rng.gauss(0, 1)
    if not world.explained:
        return own
    by_size = math.log(max(size, 1) / CHARS) / world.prompt_sigma
    return world.explained * by_size + math.sqrt(1 - world.explained**2) * own
