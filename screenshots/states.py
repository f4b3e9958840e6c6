"""Every screen and state of the cockpit: which moment, which keys, and the words that must stand there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from screenshots.frames import CANARY, frame
from screenshots.managed import ahead
from tests.support.cockpit_driver import Cockpit
from tests.support.cockpit_fakes import START
from tests.support.sample_fakes import many, with_canary
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.model import DEFAULT_TASK
from tui.weight_profiles import BrokenProfile, WeightProfile

Size = tuple[int, int]
Act = Callable[[Cockpit], Awaitable[None]]

SMALL, USUAL, HUGE = (80, 24), (120, 36), (200, 60)


async def _nothing(cockpit: Cockpit) -> None:
    """The picture is of the moment itself."""


def _keys(*keys: str) -> Act:
    async def press(cockpit: Cockpit) -> None:
        await cockpit.press(*keys)

    return press


@dataclass(frozen=True)
class State:
    """``says`` are words that stand there at every size. ``monochrome`` sets NO_COLOR."""

    name: str
    moment: str
    says: tuple[str, ...]
    act: Act = _nothing
    sizes: tuple[Size, ...] = (SMALL, USUAL)
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    monochrome: bool = False


async def _silence(cockpit: Cockpit) -> None:
    cockpit.controls.clock.pass_s(12)
    cockpit.app.tick()


async def _freeze_and_read(cockpit: Cockpit) -> None:
    await cockpit.press("space")
    later = frame("meanwhile")
    cockpit.controls.clock.now_s = later.at_s
    cockpit.controls.publish(at=later.at, at_s=later.at_s, events=later.events, history=later.history)
    await cockpit.settle()
    await cockpit.press("h")
    assert isinstance(cockpit.app.screen, CockpitScreen)
    cockpit.app.screen.action_crosshair_back(24)


async def _list_profiles(cockpit: Cockpit) -> None:
    baseline = cockpit.controls.current.baseline
    saved = (
        ("calm", 5.0, "after hours: nobody watches"),
        ("all-old", 0.0, ""),
        ("half", 50.0, "agreed with the mail team for the second week"),
    )
    cockpit.controls.saved = [
        WeightProfile(
            name,
            "summarise",
            {DEFAULT_TASK: {baseline: 100 - pct, CANARY: pct}},
            START - timedelta(days=3 - i),
            "ana",
            note,
        )
        for i, (name, pct, note) in enumerate(saved)
    ]
    path = Path("summarise.weights") / "friday.toml"
    cockpit.controls.saved.append(BrokenProfile(path, f"{path}: line 6, column 12: expected a value after '='"))
    await cockpit.press("p", "j", "j")


def _samples(*keys: str) -> Act:
    async def look(cockpit: Cockpit) -> None:
        cockpit.controls.sampled = tuple(with_canary(sample, CANARY) for sample in many(200))
        await cockpit.press("i", *keys)

    return look


_MINUTE = MappingProxyType({"settings": {"window": "1m"}})

STATES: tuple[State, ...] = (
    State("cockpit", "breach", ("ana", "MARK", "v1113"), sizes=(SMALL, USUAL, HUGE, (60, 16))),
    State("rolled-back", "rolled-back", ("ROLLED BACK", "twice"), sizes=(SMALL, USUAL, HUGE)),
    State("starting", "starting", ("STARTING",)),
    State("no-data", "no-data", ("NO DATA YET",)),
    State("steady", "steady", ("RUNNING",)),
    State("stale", "breach", ("STALE 12s",), _silence),
    State("frozen", "frozen", ("FROZEN 00:42", "-00:24"), _freeze_and_read),
    State("throttled", "throttled", ("THROTTLED",), options=_MINUTE),
    State("saturated", "saturated", ("CLIENT SATURATED",), options=_MINUTE),
    State("unreachable", "unreachable", ("UNREACHABLE",), options=_MINUTE),
    State("baseline-dead", "baseline-dead", ("BASELINE DEAD", "r again"), _keys("r"), options=_MINUTE),
    State("budget-spent", "budget-spent", ("BUDGET SPENT",), options=_MINUTE),
    State("traffic-paused", "traffic-paused", ("TRAFFIC PAUSED",), options=_MINUTE),
    State("record-error", "record-error", ("RECORD ERROR",)),
    State("read-only", "steady", ("READ-ONLY",), options={"read_only": True}),
    State("zoomed", "breach", ("latency ms",), _keys("z")),
    State("details", "breach", ("asked for", "latency P95"), _keys("enter")),
    State("help", "breach", ("ROLL BACK", "friction"), _keys("question_mark")),
    State("profiles", "steady", ("friday.toml", "half"), _list_profiles),
    State("promote", "steady", ("Cancel", CANARY), _keys("P")),
    State("weight-prompt", "steady", ("→", "weight of"), _keys("w", "2", "0")),
    State("save-profile", "steady", ("save the current weights", "friday"), _keys("s", *"friday")),
    State("palette", "steady", ("command", "ROLL BACK"), _keys("colon")),
    State("filter-prompt", "breach", ("show events with", "v1113"), _keys("slash", *"v1113")),
    State("worse", "worse", ("✗ WORSE", "VERDICT", "to send 100%"), sizes=(SMALL, USUAL, HUGE)),
    State("ok", "ok", ("✓ OK", "RAMPING")),
    State("not-yet", "not-yet", ("NOT YET", "VERDICT")),
    State("verdicts", "worse", ("CRITERION", "→WORSE", "P99"), _keys("v"), sizes=(SMALL, USUAL, HUGE)),
    State("plan", "gate", ("GATE", "├", "CRITERION"), _keys("L"), sizes=(SMALL, USUAL)),
    State("replay", "replay", ("REPLAY 4x", "of 31:05", "✗ WORSE", "Pause"), sizes=(SMALL, USUAL, HUGE)),
    State(
        "replay-seek", "replay-sought", ("SEEKING", "→ 12:30", "45% read", "14:03:12"), _keys("s", *"14:03:12")
    ),
    State(
        "deployments",
        "breach",
        ("not part of this rollout", "HARD STOP"),
        _keys("d"),
        sizes=(SMALL, USUAL, HUGE),
    ),
    State("create-canary", "breach", ("gpt56sol-prod-v0709", "pinned"), _keys("d", "c")),
    State("remove-deployment", "rolled-back", ("will be deleted", "type its name"), _keys("d", "j", "X")),
    State(
        "lifecycle",
        "breach",
        ("TIME LINE", "legacy (ARM)"),
        _keys("d", "d"),
        options={"lifecycle": ahead},
    ),
    State(
        "samples",
        "steady",
        ("200 of 200 samples", "PROMPT", "wrong"),
        _samples("j", "j"),
        sizes=(SMALL, USUAL, HUGE),
    ),
    State("sample-filter", "steady", ("judge disagrees", "unscored"), _samples("f", "u", "w")),
    State(
        "sample-blind", "steady", ("BLIND", "answer A", "hidden until"), _samples("f", "u", "f", "enter", "4")
    ),
    State(
        "sample",
        "steady",
        ("v1113", "judge", "tokens"),
        _samples("f", "d", "f", "enter", "b", "l"),
        sizes=(SMALL, USUAL, HUGE),
    ),
    State("no-color", "breach", ("v1113",), sizes=(USUAL,), monochrome=True),
    State("ascii", "breach", ("v1113",), sizes=(SMALL,), options={"settings": {"marker": "ascii"}}),
)
