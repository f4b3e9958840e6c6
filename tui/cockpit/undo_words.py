"""What undo is warned of: a canary that is WORSE, or a deployment that cannot serve, would get more traffic."""

from __future__ import annotations

from tui.base.text import plain
from tui.base.weight_rules import SUM_TOLERANCE
from tui.cockpit import format as fmt
from tui.cockpit.ui_state import View
from tui.cockpit.verdict_words import label, worse
from tui.model import WeightTable
from tui.routing.weights import shares_of

_WHY = 120


def undo_warnings(view: View, target: WeightTable) -> tuple[str, ...]:
    """A phrase for each deployment that ``target`` raises and that is WORSE there, or not able to serve."""
    live = view.all_tasks
    found = []
    for name, deployment in live.deployments.items():
        tasks = [
            task
            for task, shares in target.items()
            if shares.get(name, 0.0) > shares_of(live.weights, task).get(name, 0.0) + SUM_TOLERANCE
        ]
        if not tasks:
            continue
        verdicts = worse(v for v in live.verdicts.get(name, ()) if v.task in ("", *tasks))
        if verdicts:
            first = verdicts[0]
            since = (
                "" if first.since_s is None
                else f" for {fmt.duration(live.at_s - first.since_s + view.ui.age_s)}"
            )  # fmt: skip
            found.append(f"{view.short(name)} is WORSE{since} ({label(first)})")
        if deployment.ability.state == "unable":
            found.append(f"{view.short(name)} {plain(deployment.ability.why, _WHY)}")
    return tuple(found)
