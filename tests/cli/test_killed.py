"""A run that is killed in the middle of a plan, and taken up again: real processes, as a person has them."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_cli import records, rollout_at, started, typed, wait_for_outcomes
from tests.support.engine_runs import NEW, OLD, beside, simulator
from tests.support.rollout_files import KEY
from tests.support.simulator_service import quick
from tui.model import Event, EventKind
from tui.record.reader import read_events
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.scenarios import Change, Scenario

FIRST_PCT, SECOND_PCT = 30.0, 50.0
WORSE, OK = f"{NEW} WORSE: errors ", f"{NEW} OK: tokens/answer "
TABLES = f"""
[guard]
mode = "dry_run"
criteria = ["errors"]
tripwire = false

[plan]
canary = "{NEW}"
steps = [{{ weight = {FIRST_PCT}, bake = "1s" }}, {{ weight = {SECOND_PCT}, bake = "1h" }}, {{ weight = 100 }}]
must_be_ok = ["tokens"]
stop_on = ["cost"]
start = "climbing"
"""
"""A plan that climbs once the canary is shown to be no chattier, which is quick however busy the machine is,
and a guard that sees when it fails."""

FAILS_FROM_S = 3600.0
"""Later than any wait: the clock is put forward when the plan has come so far."""
FAILS = Scenario(
    "fails", "the canary fails half of the time", (Change(FAILS_FROM_S, "canary", "error_pct", to=50.0),)
)
WAIT_S = 240.0
"""How long a busy machine may take: answers that it was late for are no evidence."""


class Hurried:
    """A monotonic clock that can be put forward."""

    by_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.by_s


def of_kind(events: tuple[Event, ...], kind: EventKind) -> list[Event]:
    return [event for event in events if event.kind is kind]


def wait_for(
    process: subprocess.Popen[str], record: Path, condition: Callable[[tuple[Event, ...]], object]
) -> None:
    """Until the events of the running process meet ``condition``."""
    gives_up_s = time.monotonic() + WAIT_S
    pause = threading.Event()
    while process.poll() is None and time.monotonic() < gives_up_s:
        if condition(read_events(record)):
            return
        # The service answers from this very process: who looks without a break keeps it from that.
        pause.wait(0.05)
    process.kill()
    raise AssertionError(f"it never came to that: {process.communicate()}")


def on_second_rung(events: tuple[Event, ...]) -> bool:
    return any(e.after is not None and e.after["default"][NEW] == SECOND_PCT for e in events)


def reached_s(events: tuple[Event, ...], text: str) -> list[float]:
    """When verdicts were logged that begin with ``text``, in seconds of the run."""
    said = (EventKind.VERDICT, EventKind.WORSE)
    return [e.at_s for e in events if e.kind in said and e.text.startswith(text)]


def test_a_plan_that_is_killed_goes_on_from_the_same_rung_with_the_same_verdicts(tmp_path: Path) -> None:
    deployments = [
        PretendDeployment(OLD, "gpt-4o", "2024-11-20", "baseline", quick(answer_tokens=40)),
        PretendDeployment(NEW, "gpt-4o", "2024-11-20", "canary", quick(answer_tokens=10)),
    ]
    clock = Hurried()
    with beside(simulator(deployments, scenario=FAILS, clock=clock)) as url:
        file = rollout_at(tmp_path, url, rate=100.0, stream=False)
        file.write_text(file.read_text() + TABLES)
        with started(tmp_path, "run", str(file), AZURE_OPENAI_API_KEY=KEY) as process:
            record = wait_for_outcomes(process, tmp_path).path
            wait_for(process, record, on_second_rung)
            clock.by_s = FAILS_FROM_S
            wait_for(process, record, lambda events: reached_s(events, WORSE))
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
        before = read_events(record)
        code, out, _ = typed(
            tmp_path, "run", str(file), "--for", "1s", "--resume", "--json", "-", AZURE_OPENAI_API_KEY=KEY
        )
    result = json.loads(out)
    assert code == 1, "errors are WORSE, and that is the exit code"
    assert result["weights"] == {"default": {OLD: 100 - SECOND_PCT, NEW: SECOND_PCT}}
    assert (result["plans"]["default"]["step"], result["plans"]["default"]["state"]) == (2, "climbing")
    [would] = of_kind(before, EventKind.GUARD)
    assert result["guard"] == {"mode": "dry_run", "said": f"{would.text}: {would.reason}", "acted": 0}
    taken_up = result["verdicts"][NEW]["default"]
    assert taken_up["errors"]["state"] == "worse"
    assert taken_up["tokens"]["state"] == "ok"
    # Each run has a clock of its own: what lay between two verdicts is the same by both.
    [worse_s], [ok_s] = reached_s(before, WORSE), reached_s(before, OK)
    between_s = taken_up["errors"]["since_s"] - taken_up["tokens"]["since_s"]
    assert between_s == pytest.approx(worse_s - ok_s, abs=0.5)
    # Nothing is decided or said a second time.
    assert not {"guard", "plan", "shifted", "rolled_back"} & {event["kind"] for event in result["events"]}
    assert not any(event["text"].startswith((WORSE, OK)) for event in result["events"])
    assert [run.ended_at is None for run in records(tmp_path)] == [False, True]
