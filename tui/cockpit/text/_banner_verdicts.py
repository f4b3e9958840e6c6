"""What the banner says of verdicts, guard and plan: phrases for either line, the longest first."""

from __future__ import annotations

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text._banner_deployments import help_key, is_dead
from tui.cockpit.text.plan import plan_tag
from tui.cockpit.text.verdict_words import (
    interval,
    label,
    limit,
    overall,
    share,
    signed_pct,
    value,
    wait_said,
    worse,
)
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View, canaries, tasks_of
from tui.model import PlanState, Verdict, VerdictState

_GUARD = {"off": "", "armed": "GUARD ARMED", "dry_run": "GUARD DRY RUN"}


def exposed_in(view: View, state: VerdictState) -> tuple[str, ...]:
    """The canaries with weight whose verdict as a whole is ``state``, of the tasks in which they have weight.
    Verdicts are live even while frozen."""
    live = view.live
    return tuple(
        name
        for name in canaries(live)
        if asked_pct(live, name) > 0 and overall(_where_exposed(view, name)) is state
    )


def _where_exposed(view: View, name: str) -> tuple[Verdict, ...]:
    """The verdicts of a canary that are about users of today: those of tasks in which it has weight."""
    weights = view.live.weights
    return tuple(
        verdict
        for verdict in view.live.verdicts.get(name, ())
        if verdict.task not in weights or weights[verdict.task].get(name, 0.0) > 0
    )


def worse_key(view: View, name: str) -> str:
    """The key that takes users off a canary that is WORSE: in one task where only one is meant."""
    keys, whole = view.ui.keys, view.all_tasks
    tasks = {verdict.task for verdict in worse(_where_exposed(view, name)) if verdict.task}
    chosen = view.ui.task or (tasks.pop() if len(tasks) == 1 else None)
    elsewhere = chosen is not None and any(
        shares.get(other, 0.0) > 0
        for task, shares in whole.weights.items()
        if task != chosen and task in tasks_of(whole)
        for other in canaries(whole)
    )
    if is_dead(view) or not elsewhere or chosen is None:
        return help_key(view)
    short, task = view.short(view.live.baseline), fmt.clip(plain(chosen, 24), 24)
    if view.ui.task is not None:
        return f"press {keys['roll_back_task']} to send {task} to {short}"
    return f"press {keys['next_task']} for {task}, then {keys['roll_back_task']}"


def all_ok(view: View) -> bool:
    """Whether some canary has weight, and each of those is OK on every criterion that counts."""
    live = view.live
    weighted = [name for name in canaries(live) if asked_pct(live, name) > 0]
    return bool(weighted) and len(exposed_in(view, VerdictState.OK)) == len(weighted)


def worse_said(view: View, name: str) -> tuple[str, ...]:
    """The worst criterion: values, difference, limit, n, evidence, and which other ones are WORSE too."""
    first, *others = worse(_where_exposed(view, name))
    short, said = view.short(name), label(first)
    unit = "" if first.unit in ("", "%") else f" {fmt.clip(first.unit, 12)}"
    percent = "%" if first.unit == "%" else ""
    own = f"{value(first.canary_value, first.unit)}{percent}"
    measured = f"{short} {said} {own} vs {value(first.baseline_value, first.unit)}{percent}{unit}"
    change, allowed = signed_pct(first.difference_pct), f"limit {limit(first)}"
    within = "" if interval(first) == fmt.NO_DATA else f" ({interval(first)})"
    n = f"n={fmt.count(first.canary_requests)}"
    evidence = f"evidence {100 * share(first.worse_progress):.0f}%"
    changed, brief = (f", {change}", change) if change != fmt.NO_DATA else ("", own)
    core = f"{measured}{changed}, {allowed}, {n}"
    also = f"; also {', '.join(label(v) for v in others[:3])}" if others else ""
    also += f" and {len(others) - 3} more" if len(others) > 3 else ""
    since = "" if first.since_s is None else f", for {_since(view, first)}"
    return (
        f"{measured}{changed}{within}, {allowed}, {n}, {evidence}{since}{also}",
        f"{measured}{changed}{within}, {allowed}, {n}, {evidence}",
        f"{core}, {evidence}",
        core,
        f"{measured}{changed}, {allowed}",
        f"{said} {brief}, {allowed}, {n}",
        f"{said} {brief}, {allowed}",
        f"{said} {brief}",
    )


def not_yet_said(view: View, comparison: str, brief: str) -> tuple[str, ...]:
    """Time to the next verdict and the price of waiting, beside the plain comparison where there is room; the
    comparison alone where nothing is judged."""
    waiting = exposed_in(view, VerdictState.NOT_YET)
    if not waiting:
        return (comparison, brief)
    name = waiting[0]
    said = wait_said(_where_exposed(view, name), asked_pct(view.live, name))
    which = f"{view.short(name)} " if len(waiting) > 1 else ""
    texts = [f"{which}NOT YET: {text}" for text in said]
    return (f"{texts[0]}  ·  {comparison}", f"{texts[0]}  ·  {brief}", *texts)


def ok_said(view: View, comparison: str, brief: str) -> tuple[str, ...]:
    """On how many criteria and requests every canary with traffic is OK."""
    name = exposed_in(view, VerdictState.OK)[0]
    judged = [v for v in _where_exposed(view, name) if not v.advisory]
    n = min(v.canary_requests for v in judged)
    said = f"{view.short(name)} OK on {_every(len(judged))}, n={fmt.count(n)} or more"
    return (f"{said}  ·  {comparison}", f"{said}  ·  {brief}", said, f"OK on {_every(len(judged))}")


def plan_said(view: View) -> str:
    """The tag of the plan; empty without one."""
    plan = view.live.plan
    return "" if plan is None else plan_tag(plan, view.ui.age_s if not view.ui.stale else 0.0)


def ramping(view: View) -> bool:
    """Whether the plan climbs: the banner then says that instead of plain running."""
    return view.live.plan is not None and view.live.plan.state is PlanState.CLIMBING


def gate_said(view: View) -> tuple[str, str] | None:
    """What waits at a gate for a person, and the key that opens it."""
    plan = view.live.plan
    if plan is None or plan.state is not PlanState.GATE:
        return None
    state = overall(view.live.verdicts.get(plan.canary, ()))
    judged = "" if state is None else f", verdict {state.value.replace('_', ' ').upper()}"
    for_s = fmt.duration(plan.in_step_s + view.ui.age_s)
    held = f"{view.short(plan.canary)} held {for_s} on {fmt.counted(plan.step_requests, 'request')}{judged}"
    return held, f"press {view.ui.keys['resume_plan']} to open the gate"


def guard_said(view: View) -> str:
    """``GUARD ARMED``, ``GUARD DRY RUN``, or nothing while it is off."""
    return _GUARD[view.live.guard.mode]


def _every(count: int) -> str:
    return "its one criterion" if count == 1 else f"all {count} criteria"


def _since(view: View, verdict: Verdict) -> str:
    return fmt.duration(view.live.at_s - (verdict.since_s or 0.0) + view.ui.age_s)
