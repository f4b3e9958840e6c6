"""Plan: a ladder of weights that the canary climbs by itself. It decides; the engine acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tui.evaluation.plan_state import (
    ACTIVE,
    Place,
    by_default,
    duration,
    ok_for,
    ok_wanted,
    place_of,
    state_of,
    waiting_for,
    why_not_there,
)
from tui.evaluation.verdict_text import acts, evidence_line, label
from tui.model import PlanState, PlanStep, PlanView, Verdict, VerdictState
from tui.rollout import PlanSpec

MUST_BE_OK = ("latency_p95", "errors", "completion_filter")
"""What must be OK to climb where the rollout file names nothing."""

LONGEST_GAP_S = 10.0
"""Of a longer time between two ticks (a machine that slept) only so much counts as bake time."""


class PlanRefused(Exception):
    """A command that makes no sense in this state; the text says why and what does."""


@dataclass(frozen=True, slots=True)
class PlanAction:
    """What happened to the plan. ``weight_pct`` is the weight the canary must have now, None to leave it."""

    kind: Literal["climb", "gate", "watch", "done", "hold", "stop", "resume", "skip", "retry", "promote"]
    reason: str
    weight_pct: float | None = None


class Plan:
    """One canary's way up. It stands on a rung until bake time, requests and verdicts allow the next.

    Bake time and requests count only while it climbs, at the weight of its rung, on fresh data. A change of
    the weight by hand holds it, a roll back stops it. A stop leaves the weights as they are.

    What ``must_be_ok`` names must be OK to leave a rung, advisory criteria too; ``MUST_BE_OK`` where it names
    none. The top rung needs none of them: there the baseline has no requests left to compare with. WORSE of
    ``stop_on`` stops it; where it names none, of every criterion that is not advisory.
    """

    def __init__(self, spec: PlanSpec) -> None:
        self.canary = spec.canary
        self._steps = spec.steps
        self._must_be_ok = spec.must_be_ok or MUST_BE_OK
        self._default = () if spec.must_be_ok else (by_default(MUST_BE_OK),)
        self._stop_on = spec.stop_on
        self._watch_s = spec.watch_s
        held = spec.start == "held"
        self._at = Place(PlanState.HELD if held else PlanState.CLIMBING, reason="not begun" if held else "")
        self._last_s: float | None = None
        self._last_requests: int | None = None
        self._fresh = True
        self._wanted = tuple(ok_for(name) for name in self._must_be_ok)
        self._kept_back = ""

    def tick(
        self,
        now_s: float,
        *,
        canary_requests: int,
        weight_pct: float,
        verdicts: Sequence[Verdict],
        fresh: bool,
        why_wait: Callable[[float], str] = lambda _: "",
    ) -> PlanAction | None:
        """What to do now, None when nothing changes. To be called about once a second.

        ``canary_requests`` is a running count of the canary's finished requests, ``weight_pct`` the weight it
        has in every task (the largest where they differ), ``fresh`` whether its outcomes keep coming in.
        ``why_wait(pct)`` says why a weight must not be set yet, empty where it may; it is asked only for one
        that would be set now.
        """
        at = self._at
        self._fresh, self._kept_back = fresh, ""
        if at.state in (PlanState.CLIMBING, PlanState.WATCHING) and fresh and at.is_at(weight_pct):
            seconds, requests = self._since(now_s, canary_requests)
            at.served_s += seconds
            at.requests += requests
        self._last_s, self._last_requests = now_s, canary_requests
        before_pct, at.weight_pct = at.weight_pct, weight_pct
        worse = [verdict for verdict in verdicts if acts(verdict, self._stop_on)]
        self._wanted = self._verdicts_wanted(verdicts, worse)
        if before_pct is not None and before_pct > 0 >= weight_pct and at.state is not PlanState.STOPPED:
            return self._stop("rolled back", worse)
        if at.state is PlanState.STOPPED:
            at.answered.update({verdict.criterion: verdict.since_s for verdict in worse})
        if at.state not in ACTIVE:
            return None
        if at.asked_pct is not None and not at.is_at(weight_pct):
            return self._hold(why_not_there(at.asked_pct, weight_pct, before_pct))
        new = [verdict for verdict in worse if not at.was_answered(verdict)]
        if new:
            return self._stop(evidence_line(new[0]), worse)
        if at.state is PlanState.CLIMBING:
            return self._climb(now_s, why_wait)
        if at.state is PlanState.WATCHING and at.served_s >= self._watch_s:
            return self._end(f"watched {duration(at.served_s)} at {at.asked_pct:g} %")
        return None

    # --- commands -----------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether it may act by itself, and can be held."""
        return self._at.state in ACTIVE

    def hold(self, reason: str) -> PlanAction:
        """Stands still until ``resume``; the weights stay.

        Raises:
            PlanRefused: It is held, stopped or done.
        """
        if not self.active:
            raise PlanRefused(f"nothing to hold: the plan is {self._at.state.value}")
        return self._hold(reason)

    def resume(self, now_s: float) -> PlanAction:
        """Begins, goes on where it was held, or opens the gate it waits at.

        Raises:
            PlanRefused: It is neither held nor at a gate.
        """
        at = self._at
        if at.state is PlanState.GATE:
            return self._next(now_s, "resume", f"gate at {self._step.weight_pct:g} % opened")
        if at.state is not PlanState.HELD:
            remedy = "; retry begins its step again" if at.state is PlanState.STOPPED else ""
            raise PlanRefused(f"nothing to resume: the plan is {at.state.value}{remedy}")
        if at.asked_pct is None:
            return self._enter(0, now_s, "resume", f"plan begun at {self._steps[0].weight_pct:g} %")
        at.state, at.reason = at.held_in, f"resumed at {at.asked_pct:g} %"
        self._count_from(now_s)
        return PlanAction("resume", at.reason, at.asked_pct)

    def skip(self, now_s: float) -> PlanAction:
        """To the next step, or to the end of the watch window, without waiting for more.

        Raises:
            PlanRefused: It has not begun, or is stopped or done.
        """
        at = self._at
        if at.state in (PlanState.STOPPED, PlanState.DONE):
            remedy = "; retry begins its step again" if at.state is PlanState.STOPPED else ""
            raise PlanRefused(f"nothing to skip: the plan is {at.state.value}{remedy}")
        if at.asked_pct is None:
            raise PlanRefused("nothing to skip: the plan has not begun; resume begins it")
        if PlanState.WATCHING in (at.state, at.held_in if at.state is PlanState.HELD else None):
            return self._end("watch window skipped")
        return self._next(now_s, "skip", f"rest of the step at {self._step.weight_pct:g} % skipped")

    def retry(self, now_s: float) -> PlanAction:
        """The step again from its beginning. Verdicts that stood do not stop it again; no step is left by
        itself while one of them is WORSE.

        Raises:
            PlanRefused: It is done, or held and not begun.
        """
        at = self._at
        if at.state is PlanState.DONE:
            raise PlanRefused("nothing to retry: the plan is done")
        if at.state is PlanState.HELD and at.asked_pct is None:
            raise PlanRefused("nothing to retry: the plan has not begun; resume begins it")
        return self._enter(at.index, now_s, "retry", f"step at {self._step.weight_pct:g} % begun again")

    def promote(self, now_s: float) -> PlanAction:
        """The canary to 100 %, past every step that is left; the watch window goes on from there.

        Raises:
            PlanRefused: It has everything already, or the plan is done.
        """
        at = self._at
        if at.state is PlanState.DONE or (at.state is PlanState.WATCHING and at.is_at(100.0)):
            raise PlanRefused(f"nothing to promote: the plan is {at.state.value}")
        self._enter(len(self._steps) - 1, now_s, "promote", "")
        at.asked_pct = 100.0
        return self._top_reached("promote", "promoted to 100 %", 100.0)

    # --- what is seen and kept ----------------------------------------------------------------------

    def view(self, now_s: float, canary_requests: int, task: str = "") -> PlanView:
        """What the screen shows, with time and requests counted up to now; ``task`` is whose plan it is."""
        at = self._at
        counting = (
            at.state in (PlanState.CLIMBING, PlanState.WATCHING) and self._fresh and at.is_at(at.weight_pct)
        )
        seconds, requests = self._since(now_s, canary_requests) if counting else (0.0, 0)
        served_s, served = at.served_s + seconds, at.requests + requests
        bake_s = self._watch_s if at.state is PlanState.WATCHING else self._step.bake_s
        waiting = self._kept_back or waiting_for(
            at,
            left_s=bake_s - served_s,
            left_requests=self._step.min_requests - served,
            wanted=self._wanted,
            fresh=self._fresh,
        )
        return PlanView(
            self.canary, self._steps, at.index, at.state, served_s, served, waiting, at.reason, task
        )

    def state(self) -> dict[str, Any]:
        """The plan's place, as JSON has it."""
        return state_of(self._at, self.canary, self._steps)

    def restore(self, state: Mapping[str, Any], offset_s: float = 0.0) -> None:
        """Takes up the place that ``state`` gave, ``offset_s`` added to its instants; bake time already served
        is kept, time between is not.

        Raises:
            ValueError: It is not such a state, or that of other steps; the plan is then as it was.
        """
        self._at = place_of(state, self.canary, self._steps, offset_s)
        self._last_s = self._last_requests = None

    # --- how it moves -------------------------------------------------------------------------------

    @property
    def _step(self) -> PlanStep:
        return self._steps[self._at.index]

    @property
    def _on_top(self) -> bool:
        return self._at.index == len(self._steps) - 1

    def _climb(self, now_s: float, why_wait: Callable[[float], str]) -> PlanAction | None:
        at, step = self._at, self._step
        if at.asked_pct is None:
            self._kept_back = why_wait(step.weight_pct)
            if self._kept_back:
                return None
            return self._enter(0, now_s, "climb", f"plan begun at {step.weight_pct:g} %")
        if not self._fresh or at.served_s < step.bake_s or at.requests < step.min_requests or self._wanted:
            return None
        served = f"{duration(at.served_s)} and {at.requests:,} canary requests at {step.weight_pct:g} %"
        if not step.gate:
            if not self._on_top and (wait := why_wait(self._steps[at.index + 1].weight_pct)):
                self._kept_back = wait
                return None
            return self._next(now_s, "climb", served)
        at.state, at.reason = PlanState.GATE, f"gate reached: {served}"
        return PlanAction("gate", at.reason)

    def _next(self, now_s: float, kind: Literal["climb", "resume", "skip"], reason: str) -> PlanAction:
        if not self._on_top:
            return self._enter(self._at.index + 1, now_s, kind, reason)
        pct = self._at.asked_pct
        self._at.served_s, self._at.requests = 0.0, 0
        self._count_from(now_s, kind)
        return self._top_reached("watch" if kind == "climb" else kind, reason, pct)

    def _enter(
        self,
        index: int,
        now_s: float,
        kind: Literal["climb", "resume", "skip", "retry", "promote"],
        reason: str,
    ) -> PlanAction:
        at = self._at
        at.state, at.index, at.reason = PlanState.CLIMBING, index, reason
        at.served_s, at.requests, at.asked_pct = 0.0, 0, self._step.weight_pct
        self._count_from(now_s, kind)
        return PlanAction(kind, reason, at.asked_pct)

    def _top_reached(
        self, kind: Literal["watch", "resume", "skip", "promote"], reason: str, pct: float | None
    ) -> PlanAction:
        self._at.state, self._at.reason = (PlanState.WATCHING if self._watch_s > 0 else PlanState.DONE), reason
        if kind == "watch" and self._at.state is PlanState.DONE:
            return PlanAction("done", reason)
        return PlanAction(kind, reason, pct)

    def _end(self, reason: str) -> PlanAction:
        self._at.state, self._at.reason = PlanState.DONE, reason
        return PlanAction("done", reason)

    def _hold(self, reason: str) -> PlanAction:
        at = self._at
        at.held_in, at.state, at.reason = at.state, PlanState.HELD, reason
        return PlanAction("hold", reason)

    def _stop(self, reason: str, worse: Sequence[Verdict]) -> PlanAction:
        at = self._at
        at.answered.update({verdict.criterion: verdict.since_s for verdict in worse})
        at.state, at.reason = PlanState.STOPPED, reason
        return PlanAction("stop", reason)

    # --- what it counts and waits for ---------------------------------------------------------------

    def _count_from(self, now_s: float, kind: str = "") -> None:
        """Time and requests count from now. A command comes between two ticks: its count is not known."""
        self._last_s = now_s
        if kind != "climb":
            self._last_requests = None

    def _since(self, now_s: float, canary_requests: int) -> tuple[float, int]:
        """Seconds and requests since the last tick; a count that starts again gives none."""
        seconds = 0.0 if self._last_s is None else min(max(now_s - self._last_s, 0.0), LONGEST_GAP_S)
        requests = 0 if self._last_requests is None else max(canary_requests - self._last_requests, 0)
        return seconds, requests

    def _verdicts_wanted(self, verdicts: Sequence[Verdict], worse: Sequence[Verdict]) -> tuple[str, ...]:
        if self._on_top:
            return ()
        known = {verdict.criterion: verdict for verdict in verdicts}
        wanted = [
            ok_wanted(name, known.get(name), self._at.weight_pct or 0.0)
            for name in self._must_be_ok
            if name not in known or known[name].state is not VerdictState.OK
        ]
        wanted += self._default if wanted else ()
        wanted += [f"{label(v)} not WORSE" for v in worse if v.criterion not in self._must_be_ok]
        return tuple(wanted)
