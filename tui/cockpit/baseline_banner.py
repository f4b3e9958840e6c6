"""What the banner says of a baseline that is not able to serve, and which key helps then."""

from __future__ import annotations

from collections.abc import Iterator

from tui.base.text import plain
from tui.cockpit import format as fmt
from tui.cockpit.banner_state import State
from tui.cockpit.ui_state import View, canaries
from tui.cockpit.verdict_words import overall
from tui.cockpit.weight_view import asked_pct
from tui.model import DeploymentView, VerdictState

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
