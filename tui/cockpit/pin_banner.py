"""What the banner says of versions: one that is retired, one that is not what was asked for, one that ends."""

from __future__ import annotations

from collections.abc import Iterator

from tui.base.text import plain
from tui.cockpit import format as fmt
from tui.cockpit.banner_state import State
from tui.cockpit.baseline_banner import help_key, is_dead
from tui.cockpit.ui_state import View
from tui.cockpit.weight_view import asked_pct
from tui.model import DeploymentView, PinState


def version_states(view: View) -> Iterator[State]:
    """The states of those that have traffic, or would get it all: worst first, one of each kind."""
    serving = {
        name: deployment
        for name, deployment in view.live.deployments.items()
        if name == view.live.baseline or asked_pct(view.live, name) > 0
    }
    yield from _first(
        _retired(view, name, d) for name, d in serving.items() if d.retired and not _said(view, name)
    )
    yield from _first(
        _mismatch(view, name, d)
        for name, d in serving.items()
        if d.status.pin.state is PinState.MISMATCH and not d.retired
    )
    soonest = sorted(serving, key=lambda n: _days(serving[n]))
    alarming = [n for n in soonest if serving[n].status.severity == "alarm" and not serving[n].retired]
    yield from _first(_ending(view, name, serving[name]) for name in alarming)


def ending_tag(view: View) -> str:
    """``RETIRES IN 28d``: the next end of a version that has traffic, from 90 days before it; empty where there
    is none, or where it is a state of its own."""
    known = [
        (d.status.days_left, name)
        for name, d in view.live.deployments.items()
        if d.status.warning and d.status.severity != "alarm" and d.status.days_left is not None
        if name == view.live.baseline or asked_pct(view.live, name) > 0
    ]
    if not known:
        return ""
    days, name = min(known)
    return f"◷ {view.short(name)} ENDS IN {days}d"


def _said(view: View, name: str) -> bool:
    """Whether the banner says already that it is dead, and why."""
    return name == view.live.baseline and is_dead(view)


def _first(states: Iterator[State]) -> Iterator[State]:
    state = next(states, None)
    if state is not None:
        yield state


def _retired(view: View, name: str, deployment: DeploymentView) -> State:
    lifecycle = deployment.status.lifecycle
    day = lifecycle.retires if lifecycle is not None else None
    since = f" on {day}" if day is not None else ""
    short = view.short(name)
    texts = (f"{short}: its version was retired{since}, calls are answered with 410", f"{short} retired{since}")
    return State("✗", "RETIRED", "alarm", texts[0], _away(view, name, deployment), texts)


def _mismatch(view: View, name: str, deployment: DeploymentView) -> State:
    short, change = view.short(name), deployment.changed
    asked = f"{plain(deployment.deployment.model, 40)} {plain(deployment.deployment.version, 20)}"
    if change is None:
        reason = plain(deployment.status.pin.reason, 160)
        return State("✗", "MISMATCH", "alarm", f"{short}: {reason}", _away(view, name, deployment),
                     (f"{short} is not {asked}",))  # fmt: skip
    since = f"since {change.at:%H:%M:%S}Z"
    after = plain(change.after, 60)
    texts = (f"{short} answers as {after} {since}, not as {asked}", f"{short} answers as {after} {since}",
             f"{short} answers as {after}")  # fmt: skip
    return State("✗", "VERSION CHANGED", "alarm", texts[0], _away(view, name, deployment), texts)


def _ending(view: View, name: str, deployment: DeploymentView) -> State:
    status = deployment.status
    left = status.days_left
    word = "RETIRED" if left is None else f"ENDS IN {left}d" if left > 0 else "ENDS TODAY"
    if left is not None and left < 0:
        word = f"ENDED {fmt.counted(-left, 'day')} AGO"
    warning = plain(status.warning, 200)
    texts = (f"{view.short(name)}: {warning}", f"{view.short(name)}: {warning.partition(':')[0]}")
    return State("✗", word, "alarm", texts[0], _away(view, name, deployment), texts)


def _away(view: View, name: str, deployment: DeploymentView) -> str:
    """The key that takes users off a deployment: back from a canary, from the baseline on to its successor, or
    to where one is made."""
    keys = view.ui.keys
    if name != view.live.baseline:
        return help_key(view)
    successor = deployment.status.successor
    if successor is not None and successor in view.live.deployments:
        return f"press {keys['set_weight']} to shift to {view.short(successor)}"
    return f"press {keys['deployments']}, {keys['create_canary']}: deploy the replacement"


def _days(deployment: DeploymentView) -> float:
    left = deployment.status.days_left
    return float("inf") if left is None else left
