"""What the calendar does to a deployment: nothing, a silent upgrade, or the end of its answers.

The rules are those of Microsoft's pages on model versions and retirements (2026-10-05): NoAutoUpgrade stops at
the date of retirement; no option, or OnceCurrentVersionExpired, moves to the replacement at the date or some
days before it; OnceNewDefaultVersionAvailable moves as soon as upgrades begin. Previews are upgraded whatever
the option, provisioned and batch deployments never.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tui.simulator.control.models import ModelTable, Offer, Target


@dataclass(frozen=True, slots=True)
class Standing:
    """What a deployment serves now; ``retired`` is one that answers 410."""

    model: str
    version: str
    retired: bool = False


def standing(
    table: ModelTable, model: str, version: str, sku: str, option: str | None, since: date, today: date
) -> Standing:
    """Where a deployment stands ``today`` that was set to that version on the day ``since``.

    Only days passed since then count: a version already retired when its deployment was set is served.
    """
    seen: set[tuple[str, str]] = set()
    while (model, version) not in seen:
        seen.add((model, version))
        offer = table.offer(model, version)
        retires = offer.retires_as(sku)
        target = table.target(offer)
        if target is not None and table.skus[sku].upgrades:
            moves = (day for day in _moving_days(offer, target, retires, option) if since < day <= today)
            moved = min(moves, default=None)
            if moved is not None:
                model, version, since = target.model, target.version, moved
                continue
        if retires is not None and since < retires <= today:
            return Standing(model, version, retired=True)
        break
    return Standing(model, version)


def _moving_days(offer: Offer, target: Target, retires: date | None, option: str | None) -> Iterator[date]:
    if option == "NoAutoUpgrade" and offer.status != "Preview":
        return
    if option == "OnceNewDefaultVersionAvailable" and target.starts is not None:
        yield target.starts
    if retires is not None:
        yield retires
        if option in (None, "OnceCurrentVersionExpired"):
            yield retires - timedelta(days=target.lead_days)
