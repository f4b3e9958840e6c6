"""What the banner says of deployments: a dead baseline, a version that is retired, is another one, or ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.verdict_words import overall
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View, canaries
from tui.model import DeploymentView, PinState, VerdictState

Severity = Literal["calm", "note", "warn", "alarm"]


@dataclass(frozen=True, slots=True)
class State:
    """``figure`` and ``key`` are the second line when it is the worst one; where there is no room, the longest
    of ``shorter`` that fits takes the figure's place."""

    icon: str
    word: str
    severity: Severity
    figure: str
    key: str = ""
    shorter: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        return f"{self.icon} {self.word}"


_WHY = 160


def baseline_of(view: View) -> DeploymentView:
    """The baseline as it is now, whatever is frozen."""
    return view.live.deployments[view.live.baseline]


def is_dead(view: View) -> bool:
    """Whether the baseline is known not to be able to serve."""
    return baseline_of(view).ability.state == "unable"


def dead_said(view: View) -> str:
    """``v1120 has failed 99 % of 212 requests in 30 s``, empty where it is not so."""
    return (
        f"{view.short(view.live.baseline)} {plain(baseline_of(view).ability.why, _WHY)}"
        if is_dead(view)
        else ""
    )


def dead_state(view: View) -> Iterator[State]:
    """It outranks a WORSE: what is worse still answers."""
    if said := dead_said(view):
        since_s = baseline_of(view).ability.since_s
        for_s = "" if since_s is None else f", for {fmt.duration(view.live.at_s - since_s + view.ui.age_s)}"
        stay = "; the guard keeps the weights" if view.live.guard.mode == "armed" else ""
        yield State("✗", "BASELINE DEAD", "alarm", said + for_s + stay, help_key(view), (said + for_s, said))


def help_key(view: View) -> str:
    """The key that takes users off the canaries, or off a baseline that is dead; empty where none helps."""
    live, keys = view.live, view.ui.keys
    if not is_dead(view):
        exposed = any(asked_pct(live, name) > 0 for name in canaries(live))
        return f"press {keys['roll_back']} to send 100% to {view.short(live.baseline)}" if exposed else ""
    able = [name for name in canaries(live) if _answers(live.deployments[name])]
    well = [name for name in able if overall(live.verdicts.get(name, ())) is not VerdictState.WORSE]
    if not able:
        return f"press {keys['pause_traffic']} to pause traffic"
    if all(shares.get(live.baseline, 0.0) == 0 for shares in live.weights.values()):
        return ""
    if well:
        return f"press {keys['promote']} to promote {view.short(well[0])}"
    return f"press {keys['set_weight']}: {view.short(able[0])} is WORSE, and answers"


def _answers(deployment: DeploymentView) -> bool:
    down = deployment.unreachable or deployment.failing or deployment.removed
    return deployment.ability.state == "able" and not down


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
