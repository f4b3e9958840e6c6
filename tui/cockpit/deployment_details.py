"""What is known of the chosen deployment, the least important last: where there is no room, that is cut off."""

from __future__ import annotations

from collections.abc import Iterator

from tui.base.text import plain
from tui.cockpit.deployment_rows import DeploymentRow
from tui.cockpit.line import Line
from tui.cockpit.pin_lines import said, served_lines, status_lines
from tui.cockpit.ui_state import View
from tui.model import ManagedDeployment, QuotaUse


def detail_lines(view: View, row: DeploymentRow, width: int) -> Iterator[Line]:
    """``width`` cells wide."""
    status, today = row.status, view.live.at.date()
    version = f"{plain(row.model, 60)} {plain(row.version or 'no version', 40)}"
    made_by = f" ({plain(row.managed.format, 40)})" if row.managed and row.managed.format != "OpenAI" else ""
    yield Line(f"{plain(row.name, 80)}   {version}{made_by}", "title")
    if row.view is not None and row.view.removed is not None:
        yield from said("no traffic", row.view.removed, width, "warn")
    yield from status_lines(status, today, width)
    if row.view is not None:
        yield from served_lines(row.view, width)
    if row.managed is not None:
        yield from _managed(row.managed, row.quota, width)
    yield Line(_keys(view), "dim")


def _managed(managed: ManagedDeployment, quota: QuotaUse | None, width: int) -> Iterator[Line]:
    option = managed.upgrade_option or "not set (the service moves it at the end)"
    settings = [f"upgrades {option}", f"filter {managed.rai_policy or 'not told'}"]
    if managed.spillover:
        settings.append(f"spills over to {managed.spillover}")
    if managed.paused:
        settings.append("PAUSED")
    settings += [f"{limit.count:,.0f} {limit.key}s in {limit.renewal_s:g} s" for limit in managed.rate_limits]
    yield from said("settings", ", ".join(settings), width)
    if quota is not None and quota.used is not None and quota.limit is not None:
        text = f"{quota.used:,g} of {quota.limit:,g} used of {quota.name}"
        yield from said("quota", text, width)
    if managed.modified_at is not None:
        yield from said("changed on", f"{managed.modified_at:%Y-%m-%d %H:%M}Z", width, "dim")


def _keys(view: View) -> str:
    keys = view.ui.keys
    here = (("create_canary", "create a canary"), ("add_deployment", "add it to the rollout"),
            ("remove_deployment", "remove it"), ("deployments", "time line of the ends"))  # fmt: skip
    return "  ".join(f"{keys[name]} {what}" for name, what in here)
