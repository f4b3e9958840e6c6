"""A run without a screen: started, followed to its end, closed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from tui.cli.ending import Ending
from tui.cli.ends import tell
from tui.cli.rehearsal import service
from tui.cli.wiring import RunOptions, running
from tui.headless.run import check_endpoints, finish, follow
from tui.model import Snapshot
from tui.rollout import Rollout


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run without a screen ended. ``lost`` requests have no outcome: 0 unless something broke."""

    snapshot: Snapshot
    seed: int
    lost: int
    interrupted: bool


def run_headless(
    rollout: Rollout, options: RunOptions, *, for_s: float | None, rate: float | None
) -> RunResult:
    """Run without a screen until ``for_s`` seconds have passed, the traffic ends, or a signal or a viewer ends
    it.

    Raises:
        CouldNotRun: An endpoint is unreachable or refuses us.
        EngineFailed: The engine broke.
        SimulatorFailed: The embedded simulator did not start.
        UnreadableRecord: The run to resume, or to calibrate from, cannot be read or used.
    """
    if rate is not None:
        rollout = replace(rollout, traffic=replace(rollout.traffic, rate=rate))
    ending = Ending()
    asked = ending.asked
    with ExitStack() as stack:
        stack.enter_context(ending.on_signals())
        usable = stack.enter_context(service(rollout, scenario=options.scenario, seed=options.seed or 0))
        run = stack.enter_context(running(usable, options, must_answer=True))
        ending.of(run)
        for text in (*run.begins, *(f"WARNING {problem}" for problem in run.warnings)):
            tell(text)
        check_endpoints(run.engine, asked)
        # Whoever had hang-ups ignored (``nohup``) wants it to go on without its terminal.
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        terminal_lost: Callable[[], None] = (lambda: None) if nohup else ending.hang_up
        follow(run.engine, for_s=for_s, out=sys.stderr, asked=asked, terminal_lost=terminal_lost)
        lost = finish(run.engine, drain_s=usable.traffic.timeout_s + 1, asked=asked)
        ending.left()
        snapshot = run.engine.snapshot()
    return RunResult(replace(snapshot, record=run.record.view()), run.seed, lost, asked.is_set())
