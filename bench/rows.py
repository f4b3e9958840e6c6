"""The rows of the table: what is measured, the target, and what came out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.cpu import cost, one_core
from bench.evidence import checked
from bench.guard import guard_acts_ms
from bench.listed import painted_ms
from bench.load import Load, in_child
from bench.memory import EARLY, LATE, growth_mb
from bench.samples import SAMPLES, key_times_ms
from bench.screen import cockpit, command_to_last_ms, key_to_last_ms, no_cockpit
from bench.service import Services
from bench.stall import RATE, SERVICE_MS, SPAN_S, STALL_S, implied_p95_ms, stall
from bench.startup import first_plot_s, first_request_s

_MEASURE_S = 5.0
_SCREEN_S = 10.0
_TRIES = 50
_CAP = 200
_LONG_RATE = 500.0
_DEPLOYMENTS = 500
_OPENED = 20
_EVIDENCE_RUNS = 2


@dataclass(frozen=True)
class Row:
    """One line of the table. ``met`` is None where there is no target."""

    what: str
    target: str
    measured: str
    met: bool | None = None


def cpu_rows(services: Services) -> Iterator[Row]:
    """The whole engine in one process, at 50 and at 500 in flight: rate = in flight / service time."""
    for stream, rate, chunk_ms, target_ms in ((False, 200.0, 0, 2.0), (True, 100.0, 10, 4.0)):
        for in_flight in (50, 500):
            service_ms = 1000 * in_flight / rate
            # The first of the 50 events of a stream comes after the delay, then 49 intervals follow.
            delay_ms = round(service_ms - 49 * chunk_ms)
            with services.one() as service:
                load = Load(service.url(delay_ms, chunk_ms), rate, stream)
                seen = in_child(cost, load, service_ms / 1000, _MEASURE_S)
            kind = "50-chunk stream" if stream else "non-streamed"
            yield Row(
                f"CPU per request, {kind}, {seen['in_flight']} in flight",
                f"<= {target_ms:.1f} ms",
                f"{seen['cpu_ms']:.2f} ms at {seen['rps']:.0f}/s",
                seen["cpu_ms"] <= target_ms,
            )


def core_rows(services: Services) -> Iterator[Row]:
    """One core for the engine, the service on another: a steady rate, then more than can be sent."""
    core, *others = sorted(os.sched_getaffinity(0))

    def at(rate: float) -> dict[str, float]:
        with services.one(cores=set(others) or None) as service:
            load = Load(service.url(50), rate, max_in_flight=_CAP)
            seen: dict[str, float] = in_child(one_core, load, core, service, _MEASURE_S)
            return seen

    steady = at(300.0)
    unsaturated = not steady["saturated"] and not steady["skipped"]
    yield Row(
        "sustained on one core, non-streamed",
        ">= 300/s, not saturated",
        f"{steady['rps']:.0f}/s, {'not ' * unsaturated}saturated, late P99 {steady['late_p99_ms']:.1f} ms",
        unsaturated and steady["rps"] > 295,
    )
    rates = (600.0, 900.0, 1200.0)
    best = max(at(rate)["rps"] for rate in rates)
    flood = at(2 * best)
    ratio = flood["rps"] / max(best, flood["rps"])
    yield Row(
        f"offered {2 * best:.0f}/s, twice the best of {best:.0f}/s",
        "goodput >= 0.8 of the best",
        f"{ratio:.2f} ({flood['rps']:.0f}/s; {flood['skipped']:.0f} skipped)",
        ratio >= 0.8,
    )
    yield Row("  sockets then", f"<= {_CAP} + 16", f"{flood['sockets']:.0f}", flood["sockets"] <= _CAP + 16)
    yield Row(
        "  saturation shown, figures marked",
        "yes",
        f"{'yes' if flood['saturated'] else 'NO'}, {flood['marked_pct']:.0f} % of the outcomes",
        bool(flood["saturated"]) and flood["marked_pct"] > 0,
    )


def stall_rows(services: Services) -> Iterator[Row]:
    """A service that stands still in the middle of the traffic."""
    with services.one() as service:
        seen = in_child(stall, service)
    implied = implied_p95_ms()
    yield Row(
        f"P95 over {SPAN_S:.0f} s at {RATE:.0f}/s with a stall of {STALL_S:.0f} s, service {SERVICE_MS} ms",
        f"the schedule's {implied:.0f} ms",
        f"{seen['p95_ms']:.0f} ms of {seen['requests']} requests",
        abs(seen["p95_ms"] / implied - 1) < 0.1,
    )


def screen_rows(services: Services) -> Iterator[Row]:
    """The cockpit in a real terminal at 200 requests/s; the same traffic without it, for the difference."""
    with services.one() as service:
        load = Load(service.url(50), 200.0)
        bare, shown = no_cockpit(load, _SCREEN_S), cockpit(load, _SCREEN_S)
    p50, p99 = (_quantile(shown["errors_ms"], q) for q in (0.5, 0.99))
    bare50, bare99 = (_quantile(bare["errors_ms"], q) for q in (0.5, 0.99))
    yield Row(
        "measured minus true latency, cockpit 120x36, P50 / P99",
        "<= 1 / 5 ms",
        f"{p50:.2f} / {p99:.2f} ms (no screen: {bare50:.2f} / {bare99:.2f})",
        p50 <= 1 and p99 <= 5,
    )
    own_pct, more_pct = shown["thread_cpu_pct"], shown["cpu_pct"] - bare["cpu_pct"]
    yield Row(
        "CPU of the cockpit at 1 Hz, share of a core",
        "<= 8 %",
        f"{more_pct:.1f} % more (UI thread {own_pct:.1f} %), plot process {shown['plots_cpu_pct']:.1f} %",
        max(own_pct, more_pct) <= 8,
    )
    stall_ms = _quantile(shown["stalls_ms"], 0.99)
    yield Row(
        "stalls of the cockpit's loop, P99",
        "<= 30 ms",
        f"{stall_ms:.1f} ms (longest {max(shown['stalls_ms']):.1f})",
        stall_ms <= 30,
    )
    yield Row(
        "resident memory with the plot process",
        "<= 120 MB",
        f"{shown['rss_mb']:.0f} MB",
        shown["rss_mb"] <= 120,
    )


def key_rows(services: Services) -> Iterator[Row]:
    """How long requests still go to the canary after a rollback is asked for."""
    with services.one() as service:
        load = Load(service.url(50), 200.0, canary_pct=50.0)
        typed = key_to_last_ms(cockpit(load, 0.3 * _TRIES, keys=_TRIES))
        called = in_child(command_to_last_ms, load, _TRIES)
    for what, delays in (("key r in a terminal", typed), ("engine.roll_back", called)):
        p99 = _quantile(delays, 0.99)
        yield Row(
            f"{what} -> last assignment, P99 of {len(delays)} at 200/s", "< 50 ms", f"{p99:.1f} ms", p99 < 50
        )


def guard_rows(services: Services) -> Iterator[Row]:
    """How long requests still go to the canary after the outcome on which an armed guard acts."""
    for scenario, tries in (("outage", 5), ("slow-canary", 2)):
        seen = [in_child(guard_acts_ms, scenario) for _ in range(tries)]
        acted_ms, last_ms = (max(values) for values in zip(*seen, strict=True))
        yield Row(
            f"guard, {scenario}: outcome -> last assignment, worst of {tries}",
            "< 5 ms",
            f"{max(last_ms, 0):.1f} ms (weights changed after {acted_ms:.1f})",
            last_ms < 5,
        )


def startup_rows(services: Services) -> Iterator[Row]:
    """From the command to the first request, and to the first curve."""
    waits = []
    for _ in range(3):
        with services.one() as service:
            waits.append(first_request_s(service))
    yield Row(
        "canarytop run -> first request, worst of 3", "<= 1.5 s", f"{max(waits):.2f} s", max(waits) <= 1.5
    )
    plot_s = first_plot_s()
    yield Row("canarytop demo -> first curve on the terminal", "<= 10 s", f"{plot_s:.2f} s", plot_s <= 10)


def list_rows(_: Services) -> Iterator[Row]:
    """The deployments screen of an account with many deployments, from the key to the last line painted."""
    opened, moved = painted_ms(_DEPLOYMENTS, _OPENED)
    for what, took_ms in (("d lists them", opened), ("j moves the cursor", moved)):
        p50, p95 = _quantile(took_ms, 0.5), _quantile(took_ms, 0.95)
        yield Row(
            f"{_DEPLOYMENTS} deployments in one account: {what}, P50 / P95 of {len(took_ms)}",
            "P95 < 200 ms",
            f"{p50:.0f} / {p95:.0f} ms",
            p95 < 200,
        )


def sample_rows(services: Services) -> Iterator[Row]:
    """Keys of the samples screens over many samples, from the key to the picture after it."""
    keys, slices = in_child(key_times_ms, SAMPLES)
    for what, waits in keys.items():
        slowest = max(waits, key=lambda name: waits[name])
        yield Row(
            f"{what}, the slowest of {len(waits)} keys",
            "< 100 ms",
            f"{waits[slowest]:.0f} ms ({slowest}); median {_quantile(list(waits.values()), 0.5):.0f} ms",
            waits[slowest] < 100,
        )
    yield Row("  a key while 1 MB answers are laid out", "< 100 ms", f"{slices:.0f} ms", slices < 100)


def memory_rows(services: Services) -> Iterator[Row]:
    """What a long run adds; takes ``LATE / _LONG_RATE`` seconds."""
    with services.one() as service:
        seen = growth_mb(service, _LONG_RATE)
    growth = seen["late_mb"] - seen["early_mb"]
    yield Row(
        f"memory growth from request {EARLY:,} to {LATE:,}",
        "<= 10 MB",
        f"{growth:.1f} MB ({seen['early_mb']:.0f} -> {seen['late_mb']:.0f}; own {seen['own_growth_mb']:.1f})",
        growth <= 10,
    )


def evidence_rows(_: Services) -> Iterator[Row]:
    """What the verdicts are worth, with few runs: ``make bench-evidence`` has more."""
    for line in checked(_EVIDENCE_RUNS, os.cpu_count()):
        yield Row(f"{line.world}: {line.what}", line.wanted, line.measured, line.met)


def _quantile(values: Sequence[float], q: float) -> float:
    """Nearest rank; NaN, which meets no target, where nothing was measured."""
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


SHORT: tuple[Callable[[Services], Iterator[Row]], ...] = (
    cpu_rows,
    core_rows,
    screen_rows,
    key_rows,
    guard_rows,
    startup_rows,
    stall_rows,
    list_rows,
    sample_rows,
    evidence_rows,
)
LONG = (memory_rows,)
