"""Verdicts on a canary, and the views of guard and plan, which act on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class VerdictState(StrEnum):
    WORSE = "worse"
    OK = "ok"
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True)
class Eta:
    """How long until a verdict at a weight, if all stays as it is: between ``seconds`` and ``seconds_high``,
    10 to 90 % of the time. None where it cannot be said, or for the end where it may never come."""

    weight_pct: float
    seconds: float | None
    canary_requests: int | None
    """Of the canary until the middle of that range."""
    seconds_high: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything can be said."""
        return self.seconds is not None and math.isfinite(self.seconds)


def eta_at(etas: Iterable[Eta], weight_pct: float) -> Eta | None:
    """The known one at the weight nearest to this, None where nothing is known."""
    known = (eta for eta in etas if eta.is_known)
    return min(known, key=lambda eta: abs(eta.weight_pct - weight_pct), default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One criterion of one canary against the baseline, valid however often it is looked at.

    ``worse_progress`` and ``ok_progress`` are how far the evidence is on its way to either verdict, 0 to 1
    (ln E over ln of the threshold). Values carry ``unit``; differences are percent of the baseline, None where
    they are not known or not finite yet. ``advisory`` verdicts are shown but move nothing.
    """

    criterion: str
    label: str
    unit: str
    state: VerdictState
    limit: str
    baseline_value: float | None = None
    canary_value: float | None = None
    difference_pct: float | None = None
    difference_low_pct: float | None = None
    difference_high_pct: float | None = None
    worse_progress: float = 0.0
    ok_progress: float = 0.0
    baseline_requests: int = 0
    canary_requests: int = 0
    events: int = 0
    etas: tuple[Eta, ...] = ()
    advisory: bool = False
    never: bool = False
    """What it goes by does not come: waiting decides nothing."""
    note: str = ""
    explained: str = ""
    """What it rests on, in a sentence of plain words."""
    since_s: float | None = None
    """When this state was reached; WORSE is latched."""
    task: str = ""
    """Where tasks are evaluated apart, which one."""


@dataclass(frozen=True, slots=True)
class GuardView:
    """Guard as it is shown."""

    mode: Literal["off", "armed", "dry_run"] = "off"
    criteria: tuple[str, ...] = ()
    said: str = ""
    """What it did, or would have done, last."""
    acted: int = 0
    """How often it rolled back in this run, over all tasks."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One rung: the canary's weight, how long and on how many of its requests it must hold, and whether a
    person has to open the gate to the next."""

    weight_pct: float
    bake_s: float
    min_requests: int = 0
    gate: bool = False


class PlanState(StrEnum):
    CLIMBING = "climbing"
    HELD = "held"
    GATE = "gate"
    STOPPED = "stopped"
    WATCHING = "watching"
    """At 100 %, the watch window still open."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PlanView:
    """Where the plan stands. ``waiting_for`` says in words what the next step still needs."""

    canary: str
    steps: tuple[PlanStep, ...]
    index: int
    state: PlanState
    in_step_s: float
    step_requests: int
    waiting_for: str = ""
    reason: str = ""
    task: str = ""
    """Where tasks climb apart, which one."""
