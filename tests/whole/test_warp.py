"""Runs on a virtual clock: it jumps only when nothing else is left to do, and gives the same run every time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.engine_runs import NEW, OLD, rollout
from tests.support.rehearsal import Rehearsal, rehearse
from tests.support.typed import about
from tests.support.warp import warped
from tui.model import ANSWERED, EventKind, VerdictState
from tui.rollout import GuardSpec, Rollout
from tui.simulator.scenarios import Change, Scenario
from tui.simulator.truth import nearest_rank

EVEN = {OLD: 50.0, NEW: 50.0}
NOWHERE = "http://127.0.0.1:9"
"""Every endpoint of a rehearsal is replaced by the simulator."""


def at_rate(folder: Path, rate: float, *, stream: bool, mode: Literal["off", "armed"] = "off") -> Rollout:
    traffic: dict[str, Any] = {"rate": rate, "arrivals": "poisson", "stream": stream, "timeout_s": 60.0}
    return replace(rollout(folder, NOWHERE, weights=EVEN, **traffic), guard=GuardSpec(mode))


def test_timers_are_jumped_to_in_their_order() -> None:
    async def main() -> list[tuple[str, float]]:
        clock, rung = asyncio.get_running_loop().time, []

        async def ring(name: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            rung.append((name, clock()))

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(86_400):
                await asyncio.gather(ring("late", 3600.1), ring("early", 0.3), asyncio.Event().wait())
        return [*rung, ("end", clock())]

    assert warped(main) == [
        ("early", about(0.3, abs=1e-9)),
        ("late", about(3600.1, abs=1e-9)),
        ("end", about(86_400, abs=1e-9)),
    ]


def test_the_clock_stands_while_a_thread_works() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(5.0))

        def work() -> None:
            # Between two of these the loop has nothing to do but to wait, or, wrongly, to jump.
            for _ in range(10):
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

        await asyncio.to_thread(work)
        answered_s = loop.time()
        await loop.getaddrinfo("localhost", 80)
        looked_up_s = loop.time()
        await timer
        return answered_s, looked_up_s

    assert warped(main) == (0.0, 0.0)


def test_a_run_in_which_everything_waits_ends_with_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer is set"):
        warped(main)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_measured_is_true_to_the_last_digit(stream: bool, tmp_path: Path) -> None:
    run = rehearse(at_rate(tmp_path, 20.0, stream=stream), "healthy", tmp_path, seed=3, for_s=10.0)
    outcomes = run.outcomes()
    assert run.lost == 0
    assert max(o.late_ms for o in outcomes) < 1e-6
    for name in (OLD, NEW):
        answers = [o for o in outcomes if o.deployment == name and o.kind in ANSWERED]
        assert len(answers) > 50
        counted = run.truth[name]
        for what in ("latency_ms", "ttft_ms"):
            measured = sorted(ms for o in answers if (ms := getattr(o, what)) is not None)
            true = counted[what]
            assert [true[f"p{pct}"] for pct in (50, 95, 99)] == [
                pytest.approx(nearest_rank(measured, pct), abs=1e-6) for pct in (50, 95, 99)
            ]


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    rough = Scenario(
        "rough", "the canary fails, drops, hangs and slows down at once", (
            Change(1, "canary", "error_pct", to=40.0), Change(1, "canary", "drop_pct", to=10.0),
            Change(1, "canary", "hang_pct", to=5.0), Change(1, "canary", "ttft_ms", times=2.0, over_s=5),
        ),
    )  # fmt: skip

    def run(name: str, seed: int) -> Rehearsal:
        folder = tmp_path / name
        return rehearse(at_rate(folder, 20.0, stream=True), rough, folder, seed=seed, for_s=16.0)

    one, same, other = run("one", 1), run("same", 1), run("other", 2)
    assert EventKind.WORSE in [event.kind for event in one.events()]
    assert len({outcome.kind for outcome in one.outcomes()}) >= 4
    assert same.events() == one.events() != other.events()
    assert same.outcomes() == one.outcomes() != other.outcomes()
    shown = [(r.last.verdicts, r.last.deployments, r.last.history, r.truth) for r in (one, same, other)]
    assert shown[0] == shown[1] != shown[2]


def test_ten_minutes_of_a_slow_canary_under_an_armed_guard(tmp_path: Path) -> None:
    of = at_rate(tmp_path, 3.0, stream=False, mode="armed")
    run = rehearse(of, "slow-canary", tmp_path, seed=1, for_s=600.0)
    events, outcomes = run.events(), run.outcomes()
    worse = {v.criterion for v in run.last.verdicts[NEW] if v.state is VerdictState.WORSE}
    assert worse
    assert worse <= {"latency_p50", "latency_p95", "latency_p99"}
    [rolled_back] = [event for event in events if event.kind is EventKind.ROLLED_BACK]
    assert rolled_back.actor == "guard"
    assert rolled_back.at_s > 60
    # The look that decided, once a second, the roll back and the end of the canary's traffic are one instant.
    assert rolled_back.at_s == pytest.approx(round(rolled_back.at_s), abs=1e-6)
    [said, *_] = [event for event in events if event.kind is EventKind.WORSE]
    assert said.at_s == rolled_back.at_s
    assert max(o.sent_s for o in outcomes if o.deployment == NEW) <= rolled_back.at_s
    assert run.last.weights["default"] == {OLD: 100.0, NEW: 0.0}
    assert max(o.sent_s for o in outcomes) > 590
    assert run.lost == 0
    assert len(outcomes) == sum(counted["requests"] for counted in run.truth.values())


def test_an_outage_is_cut_off_within_the_outcome_that_decides(tmp_path: Path) -> None:
    down = Scenario("down", "the canary fails from 5 s on", (Change(5, "canary", "error_pct", to=100.0),))
    of = at_rate(tmp_path, 20.0, stream=False, mode="armed")
    run = rehearse(of, down, tmp_path, seed=1, for_s=10.0)
    [rolled_back] = [event for event in run.events() if event.kind is EventKind.ROLLED_BACK]
    assert rolled_back.reason.startswith("tripwire: 5 failures in a row")
    canary = [o for o in run.outcomes() if o.deployment == NEW]
    failed = [o.http_status is not None and o.http_status >= 500 for o in canary]
    deciding = next(i for i in range(len(canary)) if all(failed[i - 4 : i + 1]) and i >= 4)
    assert rolled_back.at_s == canary[deciding].ended_s
    assert max(o.sent_s for o in canary) <= rolled_back.at_s
