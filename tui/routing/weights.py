"""Arithmetic on weights: pure functions from one table to the next, each task summing to 100."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from tui.base.text import plain
from tui.base.weight_rules import SUM_TOLERANCE, weight_mistakes
from tui.model import DEFAULT_TASK, WeightTable

_DIGITS = 9


def frozen(table: WeightTable) -> WeightTable:
    """A read-only copy, so that a table that was handed out can never change."""
    return MappingProxyType({task: MappingProxyType(dict(shares)) for task, shares in table.items()})


def validate(table: WeightTable, deployments: Collection[str]) -> None:
    """Raises:
    ValueError: A share is negative, not finite, of an unknown deployment, or a task does not sum to 100.
    """
    for task, shares in table.items():
        for mistake in weight_mistakes(shares, deployments):
            where = f"weights of {task}" + (f", {mistake.deployment}" if mistake.deployment else "")
            raise ValueError(f"{where}: {mistake.value}: {mistake.remedy}")


def shares_of(table: WeightTable, task: str) -> Mapping[str, float]:
    """The shares in force for a task: its own, else those of ``default``."""
    return table[task] if task in table else table[DEFAULT_TASK]


def all_to(table: WeightTable, deployment: str, task: str | None = None) -> WeightTable:
    """100 to one deployment and 0 to every other, for one task or for all."""
    return _each_task(table, task, lambda shares: {name: 100.0 * (name == deployment) for name in shares})


def with_share(
    table: WeightTable, deployment: str, pct: float, *, baseline: str, task: str | None = None
) -> WeightTable:
    """``deployment`` at ``pct`` percent, for one task or for all.

    The baseline gives or takes the difference; what it cannot give, the others give in proportion. When the
    baseline itself is set, the others share the rest in proportion.

    Raises:
        ValueError: ``pct`` lies outside 0..100, or the baseline is lowered while no other has any weight.
    """
    if not (math.isfinite(pct) and 0 <= pct <= 100):
        raise ValueError(f"{pct:g}% is not between 0 and 100")

    def change(shares: Mapping[str, float]) -> dict[str, float]:
        rest = 100 - pct
        others = {name: w for name, w in shares.items() if name not in (deployment, baseline)}
        kept = math.fsum(others.values())
        if deployment == baseline:
            if kept == 0 and rest > 0:
                raise ValueError(f"no other deployment has weight to take {rest:g}%: raise that one instead")
            scale = rest / kept if kept else 0.0
        else:
            scale = rest / kept if kept > rest else 1.0
        new = {name: round(w * scale, _DIGITS) for name, w in others.items()}
        new[deployment] = pct
        # What rounding leaves over goes to the baseline, or where there is most of it.
        heir = baseline if deployment != baseline else max(new, key=lambda n: (n != baseline, new[n]))
        new[heir] = 0.0 if heir == baseline else new[heir]
        left = 100 - math.fsum(new.values())
        new[heir] = max(0.0, round(new[heir] + left, _DIGITS))
        return {name: new.get(name, 0.0) for name in shares}

    return _each_task(table, task, change)


def raised(before: WeightTable, after: WeightTable, baseline: str) -> dict[str, tuple[str, ...]]:
    """The deployments other than the baseline that get more traffic afterwards, and in which tasks."""
    found: dict[str, tuple[str, ...]] = {}
    for task in after:
        old, new = shares_of(before, task), after[task]
        for name, pct in new.items():
            if name != baseline and pct > old.get(name, 0.0) + SUM_TOLERANCE:
                found[name] = (*found.get(name, ()), task)
    return found


def describe(before: WeightTable, after: WeightTable, names: Mapping[str, str] | None = None) -> str:
    """What changed, as ``v2 5 → 10%``; tasks are named only where there are several. ``names`` are shorter
    names of deployments."""
    called = names or {}
    parts = []
    for task in after:
        old, new = shares_of(before, task), after[task]
        changes = [
            f"{called.get(name, name)} {old.get(name, 0.0):g} → {pct:g}%"
            for name, pct in new.items()
            if abs(pct - old.get(name, 0.0)) > SUM_TOLERANCE
        ]
        if changes:
            parts.append((f"{task}: " if len(after) > 1 else "") + ", ".join(changes))
    return "; ".join(parts) or "no change"


def _each_task(
    table: WeightTable, task: str | None, change: Callable[[Mapping[str, float]], Mapping[str, float]]
) -> WeightTable:
    if task is not None and task not in table:
        raise ValueError(f"no task is named {task}: {', '.join(table)}")
    return frozen({name: change(s) if task in (None, name) else s for name, s in table.items()})


def weights_said(weights: WeightTable) -> str:
    """``v1=90 v2=10``, by task where there are several."""
    tables = {
        task: " ".join(f"{plain(name, 64)}={pct:g}" for name, pct in shares.items())
        for task, shares in weights.items()
    }
    if len(tables) == 1:
        return next(iter(tables.values()))
    return "; ".join(f"{plain(task, 40)}: {text}" for task, text in tables.items())
