"""Which deployment of a rollout can take over from one whose version ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tui.lifecycle.dates import replacement_doubt
from tui.lifecycle.table import LifecycleTable
from tui.model import Lifecycle, Phase, Replacement


def advised(lifecycle: Lifecycle, table: LifecycleTable) -> Lifecycle:
    """The same, without a replacement that ends no later: nobody is told to move there."""
    return replace(lifecycle, replacement=None) if replacement_doubt(lifecycle, table) else lifecycle


def successor_of(
    name: str,
    lifecycles: Mapping[str, Lifecycle],
    replacement: Replacement | None,
    baseline: str,
    planned: str | None,
) -> str | None:
    """A deployment that runs the version named as the replacement. For the baseline else the canary of the plan
    (``planned``), or without a plan the only other deployment, where that version ends later."""
    others = [other for other in lifecycles if other != name]
    for other in others:
        if replacement is not None and _is(lifecycles[other], replacement):
            return other
    if name != baseline:
        return None
    heirs = others if planned is None else [planned]
    return heirs[0] if len(heirs) == 1 and _outlives(lifecycles[heirs[0]], lifecycles[name]) else None


def _outlives(one: Lifecycle, other: Lifecycle) -> bool:
    """Where one date is not known, nothing is."""
    if one.retires is None or other.retires is None or one.phase is Phase.RETIRED:
        return False
    return one.retires > other.retires


def _is(lifecycle: Lifecycle, replacement: Replacement) -> bool:
    same_model = lifecycle.model.casefold() == replacement.model.casefold()
    return same_model and replacement.version.casefold() in ("", lifecycle.version.casefold())
