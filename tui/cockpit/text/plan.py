"""The plan in words: one tag for the banner, and the ladder with the rung it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.line import Line, Tone, hanging
from tui.model import PlanState, PlanStep, PlanView

NO_PLAN: Final = "this rollout has no plan: the rollout file says none"

_GLYPHS: Final[Mapping[PlanState, str]] = MappingProxyType(
    {
        PlanState.CLIMBING: "▶",
        PlanState.HELD: "❚❚",
        PlanState.GATE: "◇",
        PlanState.STOPPED: "■",
        PlanState.WATCHING: "◉",
        PlanState.DONE: "✓",
    }
)
_BAR: Final = 20
_REASON: Final = 600
_HEAD: Final = 12


def plan_tag(plan: PlanView, since_s: float = 0.0) -> str:
    """``▶ RAMPING 10→25 in 00:40``, ``❚❚ PLAN HELD``, ``◇ GATE 10→25``: ``since_s`` is the age of the plan."""
    glyph = _GLYPHS[plan.state]
    if plan.state in (PlanState.CLIMBING, PlanState.GATE):
        word = "RAMPING" if plan.state is PlanState.CLIMBING else "GATE"
        left_s = _left_s(plan, since_s)
        when = f" in {fmt.duration(left_s)}" if plan.state is PlanState.CLIMBING and left_s > 0 else ""
        return f"{glyph} {word} {_between(plan)}{when}".rstrip()
    if plan.state is PlanState.WATCHING:
        return f"{glyph} WATCHING {fmt.weight(_now(plan).weight_pct)}%" if plan.steps else f"{glyph} WATCHING"
    return f"{glyph} PLAN {plan.state.value.upper()}"


def plan_lines(
    plan: PlanView, canary: str, keys: Mapping[str, str], width: int, since_s: float = 0.0
) -> tuple[Line, ...]:
    """The ladder, the lowest rung first: weight, what it must hold for, where the plan is and what it waits
    for. ``canary`` is the name to show, ``keys`` action id -> key."""
    tone: Tone = "alert" if plan.state is PlanState.STOPPED else "title"
    of_task = f"   task {plain(plan.task, 40)}" if plan.task else ""
    lines = [Line(f"PLAN  {plan_tag(plan, since_s)}   canary {canary}{of_task}", tone)]
    for i, step in enumerate(plan.steps):
        lines.append(_rung(plan, i, step, since_s))
    if plan.waiting_for:
        lines += hanging(f"{'waits for':<{_HEAD}}", plain(plan.waiting_for, _REASON), width)
    if plan.reason:
        said = "why" if plan.state in (PlanState.STOPPED, PlanState.HELD) else "said"
        stopped = plan.state is PlanState.STOPPED
        lines += hanging(f"{said:<{_HEAD}}", plain(plan.reason, _REASON), width, "alert" if stopped else "")
    lines.append(Line(_keys(keys), "dim"))
    return tuple(lines)


def _rung(plan: PlanView, i: int, step: PlanStep, since_s: float) -> Line:
    filled = round(_BAR * min(max(step.weight_pct, 0.0), 100.0) / 100)
    rail = "█" * max(filled, 1) + "·" * (_BAR - max(filled, 1))
    here = i == plan.index
    passed = i < plan.index or plan.state is PlanState.DONE
    sign = _GLYPHS[plan.state] if here else "✓" if passed else "·"
    needs = [f"bake {fmt.duration(step.bake_s)}"]
    if step.min_requests:
        needs.append(f"{step.min_requests:,} requests")
    if step.gate:
        needs.append("gate")
    if here and plan.state is not PlanState.DONE:
        in_step = plan.in_step_s + (since_s if plan.state is PlanState.CLIMBING else 0.0)
        needs = [f"{fmt.duration(in_step)} of {fmt.duration(step.bake_s)}"]
        least = f" of {step.min_requests:,}" if step.min_requests else ""
        needs.append(f"{plan.step_requests:,}{least} requests")
        if step.gate:
            needs.append("gate")
    text = f"{fmt.fit(sign, 3)}{fmt.weight(step.weight_pct):>5}%  ├{rail}┤  {'   '.join(needs)}"
    return Line(text, "title" if here else "dim" if passed else "")


def _keys(keys: Mapping[str, str]) -> str:
    said = (("hold_plan", "hold"), ("resume_plan", "resume or open the gate"), ("skip_step", "skip this rung"),
            ("retry_step", "begin it again"))  # fmt: skip
    return "  ".join(f"{keys[name]} {what}" for name, what in said)


def _now(plan: PlanView) -> PlanStep:
    return plan.steps[min(max(plan.index, 0), len(plan.steps) - 1)]


def _between(plan: PlanView) -> str:
    if not plan.steps:
        return ""
    now = fmt.weight(_now(plan).weight_pct)
    if plan.index + 1 < len(plan.steps):
        return f"{now}→{fmt.weight(plan.steps[plan.index + 1].weight_pct)}"
    return f"at {now}%"


def _left_s(plan: PlanView, since_s: float) -> float:
    """How much of the bake is left; what else the step waits for may take longer."""
    return _now(plan).bake_s - plan.in_step_s - since_s if plan.steps else 0.0
