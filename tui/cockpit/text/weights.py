"""Weights beside the share seen in traffic, weights as people type them, and what undo is warned of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tui.base.text import plain
from tui.base.weight_rules import SUM_TOLERANCE
from tui.cockpit.text import format as fmt
from tui.cockpit.text.verdict_words import label, worse
from tui.cockpit.ui_state import View
from tui.model import DEFAULT_TASK, Snapshot, TrafficState, WeightTable
from tui.routing.weights import shares_of

_RECENT = "1m"
_SIGMAS = 3.0
_LEAST_POINTS = 1.0


def asked_pct(snapshot: Snapshot, deployment: str) -> float:
    """The weight asked for. Several tasks are averaged by how much traffic each had in the last minute."""
    traffic = _assigned_by_task(snapshot)
    asked = {task: shares.get(deployment, 0.0) for task, shares in snapshot.weights.items()}
    if not asked:
        return 0.0
    total = sum(traffic.get(task, 0) for task in asked)
    if total == 0:
        return math.fsum(asked.values()) / len(asked)
    return math.fsum(pct * traffic.get(task, 0) for task, pct in asked.items()) / total


def is_sent_to(snapshot: Snapshot, deployment: str) -> bool:
    """Whether requests are being sent to it: it has weight and traffic neither rests nor has ended."""
    running = snapshot.state in (TrafficState.STARTING, TrafficState.RUNNING)
    return running and asked_pct(snapshot, deployment) > 0


def tasks_differ(snapshot: Snapshot, deployment: str) -> bool:
    """Whether ``asked_pct`` is an average of different weights."""
    return len({shares.get(deployment, 0.0) for shares in snapshot.weights.values()}) > 1


def seen_pct(snapshot: Snapshot, deployment: str) -> float | None:
    """The share of what was assigned since the weights last changed, where chance does not explain that it
    differs from the weight.

    Of n assignments with weight p, the share scatters by sqrt(p (100 - p) / n) points. None while the share
    lies within three times that (and within one point), or while nothing was assigned.
    """
    counts = {task: sum(by_name.values()) for task, by_name in snapshot.assigned.items()}
    total = sum(counts.values())
    if total == 0:
        return None
    asked = (
        sum(shares_of(snapshot.weights, task).get(deployment, 0.0) * n for task, n in counts.items()) / total
    )
    seen = 100 * sum(by_name.get(deployment, 0) for by_name in snapshot.assigned.values()) / total
    noise = _SIGMAS * math.sqrt(max(asked * (100 - asked), 0.0) / total)
    return seen if abs(seen - asked) > max(_LEAST_POINTS, noise) else None


def _assigned_by_task(snapshot: Snapshot) -> dict[str, int]:
    traffic: dict[str, int] = {}
    for view in snapshot.deployments.values():
        for task, figures in view.figures.get(_RECENT, {}).items():
            traffic[task] = traffic.get(task, 0) + figures.assigned
    return traffic


@dataclass(frozen=True, slots=True)
class WeightWish:
    """A typed weight: percent for one deployment, in one task or all (None). ``force`` overrides a refusal."""

    deployment: str
    pct: float
    task: str | None = None
    force: bool = False


def parse_weight(text: str, snapshot: Snapshot, deployment: str) -> WeightWish:
    """``25``, ``12.5%`` or ``TASK=25``.

    Raises:
        ValueError: Not a weight between 0 and 100, or no such task; the text says what is accepted.
    """
    task, separator, number = text.rpartition("=")
    name = task.strip() if separator else None
    if name is not None and name not in snapshot.weights:
        raise ValueError(f"no task is named {name}: {', '.join(snapshot.weights)}")
    try:
        pct = float(number.strip().removesuffix("%").strip())
    except ValueError:
        raise ValueError(
            f"{number.strip() or 'nothing'} is not a weight: type a percentage, 0 to 100"
        ) from None
    if not (math.isfinite(pct) and 0 <= pct <= 100):
        raise ValueError(f"{number.strip()} is not between 0 and 100")
    return WeightWish(deployment, pct, name)


def parse_wish(text: str, snapshot: Snapshot, names: Mapping[str, str]) -> WeightWish:
    """``NAME=25`` or ``TASK/NAME=25``, with ``!`` at the end to override; short names count.

    Raises:
        ValueError: As ``parse_weight``, or no such deployment.
    """
    body = text.strip()
    force = body.endswith("!")
    target, separator, number = body.removesuffix("!").rpartition("=")
    task, _, name = target.strip().rpartition("/")
    if not separator:
        raise ValueError("weight NAME=25, or weight TASK/NAME=25; ! at the end overrides a refusal")
    full = [n for n in snapshot.deployments if name.strip() in (n, names.get(n))]
    if len(full) != 1:
        raise ValueError(f"no deployment is named {name.strip()}: {', '.join(snapshot.deployments)}")
    wish = parse_weight(f"{task.strip()}={number}" if task else number, snapshot, full[0])
    return WeightWish(wish.deployment, wish.pct, wish.task, force)


def current_pct(snapshot: Snapshot, deployment: str, task: str | None) -> float:
    """The weight in force for one task, or for the first task where all are meant."""
    if not snapshot.weights:
        return 0.0
    named = task if task in snapshot.weights else next(iter(snapshot.weights))
    return shares_of(snapshot.weights, named or DEFAULT_TASK).get(deployment, 0.0)


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
