"""The worlds in which the evidence is tried, and what must hold in each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from bench.evidence_runs import DEFAULTS, Case, Claim, gets_ok, gets_worse, never_worse, seldom_ok
from bench.world import MS_A_TOKEN, SPEED_MS, TOKENS, By, Version, World, always
from tui.model import VerdictState
from tui.rollout import Criteria

_PLAIN = Version()
_SLOW, _SLOWER = Version(slower=1.1), Version(slower=1.25)
"""Exactly at the margin of every latency; beyond it."""

_P99_MS = SPEED_MS * math.exp(0.6 * 2.326) + MS_A_TOKEN * TOKENS
_NEAR_S = 1.02 * _P99_MS / 1000
"""A time-out close to the P99."""

_QUOTA, _PAUSES = Version(quota_share=0.7), Version(quota_share=0.7, pause_s=5.0)
_LATENCIES = ("latency_p50", "latency_p95", "latency_p99")
_SPEEDS = ("ttft_p50", "ttft_p95", "token_p50", "token_p95")


def _pair(base: Version = _PLAIN, canary: Version = _PLAIN, pct: float = 10.0) -> World:
    return World(base, (canary,), canary_pct=always(pct))


def _steps(every_s: float, *values: float) -> By:
    """One value after the other, then the last one."""
    return lambda now_s: values[min(int(now_s / every_s), len(values) - 1)]


def _turns(every_s: float, *values: float) -> By:
    """The values in turn, over and over."""
    return lambda now_s: values[int(now_s / every_s) % len(values)]


def _burst(of_s: float, every_s: float, factor: float, else_factor: float = 1.0) -> By:
    return lambda now_s: factor if now_s % every_s > every_s - of_s else else_factor


def _margins(pct: float) -> Criteria:
    return Criteria(latency_p50_pct=pct, latency_p95_pct=pct, latency_p99_pct=pct)


_RAMP = _steps(250.0, 5.0, 10.0, 25.0, 50.0)
_DOWN = _steps(250.0, 50.0, 25.0, 10.0, 5.0)
_DRIFT = _steps(500.0, 1.0, 1.3)
_EXPLAINED = 0.7
"""Correlation of latency and prompt size where a quota rejects the large ones."""


def _alike() -> Iterator[Case]:
    """Equal versions: nobody is WORSE."""

    def case(
        what: str,
        world: World,
        *more: Claim,
        requests: int = 20_000,
        but: tuple[str, ...] = (),
        criteria: Criteria = DEFAULTS,
        resumed: int = 0,
    ) -> Case:
        return Case("alike", what, world, requests, (never_worse(*but), *more), criteria, resumed)

    ok = gets_ok("latency_p50")
    yield case(
        "all plain, 10 %",
        _pair(),
        gets_ok("latency_p50", 0.95, 484),
        gets_ok("latency_p95"),
        gets_ok("latency_p99"),
        gets_ok("ttft_p50"),
        gets_ok("token_p95"),
        gets_ok("errors"),
        gets_ok("completion_filter"),
        requests=40_000,
    )
    ramped = replace(_pair(), drift=_DRIFT, more_bad=_steps(500.0, 1.0, 4.0))
    yield case("ramp 5-50 %, latency +30 % and filter x4 for both", replace(ramped, canary_pct=_RAMP), ok)
    yield case("ramp 50-5 %, the same", replace(ramped, canary_pct=_DOWN), ok)
    in_step = replace(_pair(), canary_pct=_turns(20.0, 10.0, 40.0), drift=_turns(20.0, 1.0, 1.5))
    yield case("slow moments are those of a high weight", in_step, ok)
    heavy = Version(pareto=1.5)
    yield case("heavy tails: sigma 1.3, lengths Pareto 1.5", replace(_pair(heavy, heavy), sigma=1.3), ok)
    mix = replace(_pair(), sizes=_turns(60.0, 1.0, 3.0), explained=0.9)
    yield case("prompts three times as large every other minute", mix, ok)
    yield case("bursts of arrivals, x0.2 to x6", replace(_pair(), pace=_turns(7.0, 0.2, 0.2, 6.0, 1.0)), ok)
    yield case("0.1 %", _pair(pct=0.1), requests=60_000)
    yield case("1 %", _pair(pct=1.0), ok, requests=40_000)
    yield case("50 %", _pair(pct=50.0), ok, requests=10_000)
    yield case("three canaries at 10 %", World(canaries=(_PLAIN,) * 3), ok)
    yield case("three canaries at 25 %", World(canaries=(_PLAIN,) * 3, canary_pct=always(25.0)), ok)
    yield case("resumed in the middle", _pair(), ok, resumed=4_000)
    behind = replace(
        _pair(Version(late_factor=1.5), Version(late_factor=3.0)), saturated=lambda now_s: now_s % 60 > 30
    )
    yield case("this machine behind half of the time", behind, ok)
    yield case(
        "bursts of errors of both: x60 for 20 s in 5 min", replace(_pair(), more_bad=_burst(20, 300, 60))
    )
    yield case("time-out at 1.02 x P99", replace(_pair(), timeout_s=_NEAR_S), ok)
    promoted = replace(_pair(), canary_pct=_steps(400.0, 50.0, 100.0), drift=_steps(500.0, 1.0, 1.1))
    yield case("promoted, then the service drifts +10 %", promoted)
    yield case("baseline throttled 30 %", _pair(Version(throttled=0.3)), gets_ok("latency_p50", 1.0))
    paused = Version(throttled=0.3, pause_s=2.0)
    yield case("baseline throttled 30 %, pauses of 2 s kept", _pair(paused), requests=30_000)
    yield case("canary throttled 35 %, 25 %", _pair(canary=Version(throttled=0.35), pct=25), ok)
    yield case("baseline spills 40 %", _pair(Version(spilled=0.4)), ok)
    yield case("canary spills 40 %", _pair(canary=Version(spilled=0.4)), ok)
    for name, version in (("", _QUOTA), (", pauses of 5 s kept", _PAUSES)):
        for side, pair in (("baseline", _pair(version, pct=25)), ("canary", _pair(canary=version, pct=25))):
            yield case(f"{side}'s token quota at 70 %{name}", replace(pair, explained=_EXPLAINED))
    yield case("canary's quota: 5 % 429", _pair(canary=Version(throttled=0.05)), ok)
    cold = _pair(canary=Version(cold=100))
    yield case("cold start: 100 answers x2", cold)
    silent = _pair(canary=Version(streams=False))
    yield case("a canary that does not stream", silent, *seldom_ok(*_SPEEDS, most=0.0), requests=10_000)


def _margin() -> Iterator[Case]:
    """Exactly at the margin, or what must not pass: seldom OK."""

    def case(
        what: str, world: World, *ok: str, most: float = 0.05, requests: int = 20_000, at_end: bool = False
    ) -> Case:
        return Case("margin", what, world, requests, seldom_ok(*ok, most=most, at_end=at_end))

    for pct, requests in ((10.0, 25_000), (25.0, 15_000), (50.0, 10_000)):
        world = _pair(canary=_SLOW, pct=pct)
        yield case(f"x1.1 slower, {pct:g} %", world, *_LATENCIES, *_SPEEDS[:2], requests=requests)
    ramped = replace(_pair(canary=_SLOW), canary_pct=_RAMP, drift=_DRIFT)
    yield case("x1.1 slower, ramp and drift", ramped, *_LATENCIES)
    both = _pair(Version(errors=0.01, filtered=0.01), Version(errors=0.015, filtered=0.015))
    yield case("rates 1 % and x1.5", both, "errors", "completion_filter", requests=40_000)
    half = _pair(Version(errors=0.005, filtered=0.005), Version(errors=0.0075, filtered=0.0075), 25)
    yield case("rates 0.5 % and x1.5, 25 %", half, "errors", "completion_filter", requests=20_000)
    bursts = replace(
        _pair(Version(errors=0.0), Version(errors=0.0075), 25), more_bad=_burst(30, 300, 10.0, 0.0)
    )
    yield case("only the canary has errors, 0.75 % in bursts", bursts, "errors", requests=24_100, at_end=True)
    yield case(
        "canary throttled 35 %, x1.1, 25 %", _pair(canary=replace(_SLOW, throttled=0.35), pct=25), *_LATENCIES
    )
    yield case("baseline throttled 30 %, x1.1", _pair(Version(throttled=0.3), _SLOW), *_LATENCIES)
    yield case("canary spills 40 %, x1.1", _pair(canary=replace(_SLOW, spilled=0.4)), *_LATENCIES)
    for name, version, most in (("", _QUOTA, 0.12), (", pauses of 5 s kept", _PAUSES, 0.22)):
        world = replace(_pair(canary=replace(version, slower=1.1), pct=25), explained=_EXPLAINED)
        yield case(f"canary's token quota at 70 %{name}, x1.1", world, *_LATENCIES, most=most)
        worse = replace(_pair(canary=replace(version, slower=1.25), pct=25), explained=_EXPLAINED)
        yield case(f"canary's token quota at 70 %{name}, x1.25", worse, *_LATENCIES, most=0.1)
        world = replace(_pair(version, _SLOW, 25), explained=_EXPLAINED)
        yield case(f"baseline's token quota at 70 %{name}, x1.1", world, *_LATENCIES, most=most)
    yield case(
        "canary fails early in 11 %, x1.1", _pair(canary=replace(_SLOW, errors=0.11), pct=25), *_LATENCIES
    )
    yield case(
        "time-out at 1.02 x P99, x1.1", replace(_pair(canary=_SLOW, pct=25), timeout_s=_NEAR_S), *_LATENCIES
    )
    yield case(
        "canary 3 % errors, baseline 5 % 429", _pair(Version(throttled=0.05), Version(errors=0.03)), "errors"
    )


def _found() -> Iterator[Case]:
    """What is to be found, and how soon."""

    def case(what: str, world: World, *claims: Claim, requests: int = 25_000) -> Case:
        return Case("found", what, world, requests, claims)

    found_at = ((1.0, 270.0, 60_000), (10.0, 630.0, 25_000), (25.0, 575.0, 10_000), (50.0, 865.0, 6_000))
    for pct, median, requests in found_at:
        claims = [gets_worse("latency_p50", median=median)]
        if pct == 10:
            claims.append(gets_worse("latency_p95", median=1285))
        yield case(f"x1.25 slower, {pct:g} %", _pair(canary=_SLOWER, pct=pct), *claims, requests=requests)
    yield case("x1.5 slower, 10 %", _pair(canary=Version(slower=1.5)), gets_worse("latency_p99", median=450))
    rare = _pair(Version(errors=0.01, filtered=0.01), Version(errors=0.03, filtered=0.03))
    yield case(
        "rates 1 % x3", rare, gets_worse("errors", median=550), gets_worse("completion_filter", median=550)
    )
    same = Version(errors=0.01, filtered=0.01)
    rates_ok = (gets_ok("errors", median=2456), gets_ok("completion_filter", median=2456))
    yield case("rates 1 % of both", _pair(same, same), *rates_ok, requests=50_000)
    for name, version in (
        ("canary unanswered 35 % (429, 5xx, held back)", Version(unanswered=0.35)),
        ("canary throttled 35 %", Version(throttled=0.35)),
    ):
        slow = _pair(canary=replace(version, slower=1.25), pct=25)
        yield case(f"{name}, x1.25", slow, gets_worse("latency_p50", 0.95, 1143), *seldom_ok("latency_p50"))
    spilled = _pair(canary=Version(slower=1.25, spilled=0.4), pct=25)
    yield case("canary spills 40 %, x1.25", spilled, gets_worse("latency_p50", 0.95), *seldom_ok("latency_p50"))
    flawless = Version(errors=0.0, filtered=0.0)
    in_time = (
        Claim(VerdictState.OK, "errors", least=0.95, within_s=5400.0),
        Claim(VerdictState.OK, "completion_filter", least=0.95, within_s=5400.0),
    )
    pair = replace(_pair(flawless, flawless, 5), per_s=5.0)
    yield case("flawless pair, 5 %, 5/s: within 90 min", pair, *in_time, requests=27_500)


def _means() -> Iterator[Case]:
    """Bills, at 25 % up to 8,000 requests of the canary. Prompts cost nothing, so that cost goes by tokens."""

    def case(what: str, base: Version, canary: Version, *claims: Claim) -> Case:
        return Case("means", what, replace(_pair(base, canary, 25), prompt_price=0.0), 32_000, claims)

    def wider(sigma: float, mean: float) -> Version:
        """The same median, another mean."""
        return Version(length_sigma=math.sqrt(sigma**2 + 2 * math.log(mean)))

    even = Version(length_sigma=0.6)
    for name, version, median, least in (
        ("sigma .6", even, 480, 0.95),
        ("sigma 1.3", Version(length_sigma=1.3), 2_490, 0.85),
        ("Pareto 1.5", Version(pareto=1.5), None, 0.85),
    ):
        both = (gets_ok("tokens", least, median), gets_ok("cost", least, median))
        yield case(f"identical, {name}", version, version, never_worse(), *both)
    big = replace(_pair(even, even, 25), prompt_price=10.0, prompt_sigma=1.0)
    yield Case("means", "identical, prompts explain the bill", big, 16_000, (gets_ok("cost", 0.95, 300),))
    for sigma in (0.6, 1.3):
        more = Version(length_sigma=sigma, longer=1.1)
        yield case(f"+10 %, sigma {sigma}", Version(length_sigma=sigma), more, *seldom_ok("tokens", "cost"))
    yield case(
        "+24 % by a long tail", even, wider(0.6, 1.24), gets_worse("cost", 0.88, 3_940), *seldom_ok("cost")
    )
    found = gets_worse("tokens", 0.95, 1_440)
    yield case("+33 % by a long tail", even, wider(0.6, 1.33), found, *seldom_ok("tokens"))
    calm = Version(length_sigma=0.5, longer=0.92 * math.exp((0.9**2 - 0.5**2) / 2))
    yield case("8 % cheaper with less spread", Version(length_sigma=0.9), calm, never_worse())
    yield case(
        "2 % run-aways x12", even, replace(even, run_away=0.02), gets_worse("cost", 0.93), *seldom_ok("cost")
    )
    yield case("+15 % cost", even, replace(even, longer=1.15), gets_worse("cost"), *seldom_ok("cost"))


def _noise() -> Iterator[Case]:
    """Each version wanders by itself: no test cures that, a wider margin does."""
    for rho, sd, margin_pct, most in (
        (0.99, 0.1, 10, None),
        (0.99, 0.1, 25, 0.05),
        (0.99, 0.2, 10, None),
        (0.99, 0.2, 30, None),
        (0.99, 0.2, 60, 0.05),
        (0.999, 0.1, 10, None),
        (0.999, 0.1, 25, None),
        (0.999, 0.1, 50, None),
    ):
        noisy = Version(own_sd=sd, own_rho=rho)
        what = f"rho {rho}, sd {sd}, margin {margin_pct} %"
        alarms = (replace(never_worse(), most=most), Claim(VerdictState.WORSE, "latency_p50", most=most))
        yield Case("noise", f"{what}: equal", _pair(noisy, noisy), 40_000, alarms, _margins(margin_pct))
        slow = _pair(noisy, replace(noisy, slower=1.6))
        yield Case("noise", f"{what}: x1.6", slow, 40_000, (gets_worse("latency_p50"),), _margins(margin_pct))


CASES = tuple(case for group in (_alike, _margin, _found, _means, _noise) for case in group())
