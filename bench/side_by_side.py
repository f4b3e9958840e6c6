"""Other methods on the same outcomes: Kayenta's judge, Flagger's counter, a z-test watched every minute,
shares of bad events, and the evaluator.

Each looks at latency, errors, filters and cost, in its own way. The first three see figures of minutes, the
last two every request.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from bench.world import BASE, CANARY, Version, World, always, happenings
from tui.evaluation.evaluator import Evaluator
from tui.evaluation.neighbours import log_mean
from tui.model import Assignment, Outcome, OutcomeKind, VerdictState
from tui.rollout import Criteria

MINUTES = 40
LATENCY, ERRORS, FILTER, COST = "latency", "errors", "filter", "cost"
_OURS = {"errors": ERRORS, "completion_filter": FILTER, "tokens": COST, "cost": COST, "long_answers": COST}
_BAD = frozenset({OutcomeKind.RATE_LIMITED, OutcomeKind.SERVER_ERROR})
_SECONDS = 60.0
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Compare:
    """A world, and what is wrong in it; nothing where the versions are equal."""

    what: str
    world: World
    wrong: str = ""


def _drift(now_s: float) -> float:
    return 1.0 if now_s < MINUTES * 30 else 1.3


_EVEN = World(prompt_price=0.0)
_RAMP = replace(
    _EVEN,
    canary_pct=lambda now_s: (5.0, 10.0, 25.0, 50.0)[min(int(now_s / (MINUTES * 15)), 3)],
    drift=_drift,
    more_bad=lambda now_s: 1.0 if now_s < MINUTES * 30 else 4.0,
)
COMPARES = (
    Compare("identical", _EVEN),
    Compare("identical, ramp 5-50 %, both drift", _RAMP),
    Compare("identical, baseline throttled 30 %", replace(_EVEN, base=Version(throttled=0.3))),
    Compare("x1.2 slower", replace(_EVEN, canaries=(Version(slower=1.2),)), LATENCY),
    Compare("5 % of the answers x3 slower", replace(_EVEN, canaries=(Version(tail=0.05),)), LATENCY),
    Compare("filters x2", replace(_EVEN, canaries=(Version(filtered=0.02),)), FILTER),
    Compare("+15 % cost", replace(_EVEN, canaries=(Version(longer=1.15),)), COST),
)


@dataclass(slots=True)
class Minute:
    """What one side did in a minute."""

    requests: int = 0
    bad: int = 0
    filtered: int = 0
    latencies: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def add(self, o: Outcome) -> None:
        self.requests += 1
        self.bad += o.kind in _BAD
        self.filtered += o.kind is OutcomeKind.COMPLETION_FILTERED
        if o.latency_ms is not None and o.cost_usd is not None:
            self.latencies.append(o.latency_ms)
            self.costs.append(o.cost_usd)

    def figures(self) -> dict[str, float]:
        """As a dashboard has them: ``latency P99`` in ms, rates, mean cost."""
        ordered, n = sorted(self.latencies), len(self.latencies)
        found = {f"{LATENCY} P{p}": ordered[min(n * p // 100, n - 1)] if n else _NAN for p in (50, 95, 99)}
        cost = statistics.fmean(self.costs) if n else _NAN
        rates = {ERRORS: self.bad / max(self.requests, 1), FILTER: self.filtered / max(self.requests, 1)}
        return found | rates | {COST: cost}


Minutes = Sequence[tuple[Minute, Minute]]
"""(Canary's, baseline's) so far."""


def kayenta(minutes: Minutes) -> Iterator[str]:
    """Netflix's judge at its defaults, each five minutes of a growing window: a metric is High where the 98 %
    interval of its shift (rank sums, Hodges and Lehmann) is above a quarter of the estimate."""
    if len(minutes) < 10 or len(minutes) % 5:
        return
    series = [(own.figures(), base.figures()) for own, base in minutes]
    for name in series[0][0]:
        own, base = ([s[side][name] for s in series if not math.isnan(s[side][name])] for side in (0, 1))
        if own == base or not own or not base:
            continue
        gaps = sorted(x - y for x in own for y in base)
        n, m = len(own), len(base)
        at = int(n * m / 2 - 2.326 * math.sqrt(n * m * (n + m + 1) / 12))
        low = gaps[max(at, 0)]
        if low > 0.25 * abs(statistics.median(gaps)):
            yield name.split()[0]


class Flagger:
    """A threshold counter: ten minutes in all in which a figure is above its limit, times the truth of the
    baseline."""

    _LIMITS: ClassVar = {f"{LATENCY} P99": 1.2, ERRORS: 2.0, FILTER: 2.0, COST: 1.1}

    def __init__(self, truth: Mapping[str, float]) -> None:
        self._truth = truth
        self._strikes = dict.fromkeys(self._LIMITS, 0)

    def __call__(self, minutes: Minutes) -> Iterator[str]:
        figures = minutes[-1][0].figures()
        for name, limit in self._LIMITS.items():
            self._strikes[name] += figures[name] > limit * self._truth[name]
            if self._strikes[name] >= 10:
                yield name.split()[0]


def z_test(minutes: Minutes) -> Iterator[str]:
    """One-sided at 5 %, of everything so far, looked at each minute."""
    sides = [[side[i] for side in minutes] for i in (0, 1)]
    for name, pick in ((LATENCY, "latencies"), (COST, "costs")):
        own, base = ([v for minute in side for v in getattr(minute, pick)] for side in sides)
        if min(len(own), len(base)) > 1:
            spread = statistics.variance(own) / len(own) + statistics.variance(base) / len(base)
            if statistics.fmean(own) - statistics.fmean(base) > 1.645 * math.sqrt(spread):
                yield name
    own_n, base_n = (sum(minute.requests for minute in side) for side in sides)
    for name, pick in ((ERRORS, "bad"), (FILTER, "filtered")):
        x, y = (sum(getattr(minute, pick) for minute in side) for side in sides)
        pooled = (x + y) / (own_n + base_n)
        spread = pooled * (1 - pooled) * (1 / own_n + 1 / base_n)
        if spread and x / own_n - y / base_n > 1.645 * math.sqrt(spread):
            yield name


class Shares:
    """Of every bad event it is asked whether it was the canary's, at its assigned share (Lindon and Malek
    2022).

    Bad are an error, a filter, an answer beyond a frozen limit. Costs go by an asymptotic confidence sequence
    of their logarithms.
    """

    _RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)

    def __init__(self, margin: float = 0.1, alpha: float = 0.05 / 11) -> None:
        self._margin, self._to = margin, math.log(1 / alpha)
        self._first: list[float] = []
        self._limits: dict[str, float] = {}
        self._logs: dict[str, list[float]] = {}
        self._costs: dict[tuple[float, bool], list[float]] = {}
        self._answers = 0

    def add(self, o: Outcome) -> Iterator[str]:
        rho, is_canary = o.shares[CANARY] / 100, o.deployment == CANARY
        if o.kind in _BAD:
            yield from self._event(ERRORS, rho, is_canary)
        elif o.kind is OutcomeKind.COMPLETION_FILTERED:
            yield from self._event(FILTER, rho, is_canary)
        if o.latency_ms is None or o.cost_usd is None:
            return
        if not self._limits and not is_canary:
            self._first.append(o.latency_ms)
            if len(self._first) == 300:
                ordered = sorted(self._first)
                self._limits = {f"{LATENCY} P{p}": ordered[3 * p - 1] for p in (50, 95, 99)}
        for name, limit in self._limits.items():
            if o.latency_ms > limit * (1 + self._margin * is_canary):
                yield from self._event(name, rho, is_canary)
        n, mean, m2 = self._costs.setdefault((rho, is_canary), [0.0, 0.0, 0.0])
        gap = math.log(o.cost_usd) - mean
        mean += gap / (n + 1)
        self._costs[rho, is_canary] = [n + 1, mean, m2 + gap * (math.log(o.cost_usd) - mean)]
        self._answers += is_canary
        if is_canary and self._answers >= 100 and self._answers % 20 == 0 and self._is_dear():
            yield COST

    def _event(self, name: str, rho: float, is_canary: bool) -> Iterator[str]:
        logs = self._logs.setdefault(name, [0.0] * len(self._RATIOS))
        for i, r in enumerate(self._RATIOS):
            logs[i] += math.log(r) * is_canary - math.log(1 - rho + rho * r)
        if log_mean(logs) >= self._to:
            yield name.split()[0]

    def _is_dear(self) -> bool:
        information = weighted = 0.0
        for rho in {rho for rho, _ in self._costs}:
            own, base = (self._costs.get((rho, side), (0.0, 0.0, 0.0)) for side in (True, False))
            if min(own[0], base[0]) > 1 and (own[2] or base[2]):
                i = 1 / sum(m2 / (n - 1) / n for n, _, m2 in (own, base))
                information += i
                weighted += i * (own[1] - base[1])
        tau = 400 / (2 * self._to + math.log(1 + 2 * self._to))
        wide = math.sqrt((information + tau) * (math.log1p(information / tau) + 2 * self._to))
        return bool(information) and weighted - wide > information * math.log1p(self._margin)


METHODS = ("Kayenta", "Flagger", "z each minute", "shares of events", "blocks")


def alarms(number: int, seed: int) -> dict[str, int | None]:
    """Method -> requests of the canary until its first alarm, of what is wrong (of anything where nothing
    is), in one run of ``COMPARES[number]``; None where there was none within 40 minutes."""
    compare = COMPARES[number]
    found: dict[str, int | None] = dict.fromkeys(METHODS)
    evaluator, shares = Evaluator(BASE, [CANARY], Criteria()), Shares()
    by_minute: dict[str, Callable[[Minutes], Iterator[str]]] = {
        "Kayenta": kayenta, "Flagger": Flagger(_truth()), "z each minute": z_test,
    }  # fmt: skip
    coin = random.Random(seed)
    equal: list[tuple[Minute, Minute]] = []
    minutes: list[tuple[Minute, Minute]] = [(Minute(), Minute())]
    own = 0

    def said(method: str, names: Iterator[str]) -> None:
        if found[method] is None and any(name == compare.wrong or not compare.wrong for name in names):
            found[method] = own

    thin = (Minute(), Minute())
    for now_s, event in happenings(compare.world, f"{compare.what}/{seed}"):
        if now_s >= _SECONDS * len(minutes):
            equal.append(thin)
            for method, look in by_minute.items():
                # Kayenta compares with a baseline of the canary's size.
                said(method, look(equal if method == "Kayenta" else minutes))
            if len(minutes) == MINUTES:
                return found
            thin = (Minute(), Minute())
            minutes.append((Minute(), Minute()))
        if isinstance(event, Assignment):
            own += event.deployment == CANARY
            if found["blocks"] is None:
                evaluator.assigned(event, now_s)
            continue
        is_canary = event.deployment == CANARY
        minutes[-1][0 if is_canary else 1].add(event)
        if is_canary or coin.random() < event.shares[CANARY] / event.shares[BASE]:
            thin[0 if is_canary else 1].add(event)
        if found["shares of events"] is None:
            said("shares of events", shares.add(event))
        if found["blocks"] is None:
            evaluator.add(event, now_s)
            worse = (v for _, v in evaluator.changes() if v.state is VerdictState.WORSE and not v.advisory)
            said("blocks", (_OURS.get(v.criterion, LATENCY) for v in worse))
    return found


def _truth() -> dict[str, float]:
    """The figures of the baseline as they are."""
    minute, plain = Minute(), replace(_EVEN, canary_pct=always(0.0))
    for number, (_, event) in enumerate(happenings(plain, "truth")):
        if isinstance(event, Outcome):
            minute.add(event)
        if number > 20_000:
            break
    return minute.figures()


def cells(found: Sequence[Mapping[str, int | None]]) -> list[str]:
    """For each method: share of runs with an alarm, median requests of the canary where most have one."""
    made = []
    for method in METHODS:
        taken = [math.inf if run[method] is None else float(run[method] or 0) for run in found]
        middle = statistics.median(taken)
        share = sum(n < math.inf for n in taken) / len(taken)
        made.append(f"{100 * share:.0f} %" + (f", {middle:,.0f}" if middle < math.inf else ""))
    return made
