"""The deployments screen as values: the accounts, a row a deployment, and what is known of the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from tui.cockpit import format as fmt
from tui.cockpit.columns import fitted
from tui.cockpit.deployment_rows import DeploymentRow, chosen_row, deployment_rows
from tui.cockpit.line import Line, Tone
from tui.cockpit.pin_lines import said, served_lines, standing_lines
from tui.cockpit.pin_words import days_left, phase_words, pin_short, pin_tone
from tui.cockpit.ui_state import View
from tui.model import AccountView, ManagedDeployment, QuotaUse
from tui.text import plain

_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    rank: int
    text: Callable[[DeploymentRow, date], str]
    left: bool = False
    most: int = 0


def deployment_lines(view: View, width: int) -> tuple[tuple[Line, ...], int]:
    """All lines, ``width`` cells wide, and which of them is the chosen row."""
    rows, today = deployment_rows(view.live), view.live.at.date()
    chosen = chosen_row(view)
    head = [line for account in view.live.accounts for line in _account(view, account)]
    if not view.live.accounts:
        head.append(
            Line(
                "the control plane is not asked: add [control_plane] and resource to the rollout file; pins are"
                " what the responses say",
                "warn",
            )
        )
    shown, _ = fitted(_COLUMNS, width - 2)
    titles = " ".join(fmt.fit(c.title, w, right=not c.left) for c, w in shown.items())
    lines = [*head, Line(""), Line(f"  {titles}", "dim")]
    at = len(lines)
    for i, row in enumerate(rows):
        cells = (fmt.fit(c.text(row, today), w, right=not c.left) for c, w in shown.items())
        here = chosen is not None and row.key == chosen.key
        at = len(lines) if here else at
        lines.append(Line(f"{'❯' if here else ' '} {' '.join(cells)}".rstrip(), _tone(row, today), here))
        if view.live.deployments and i == len(view.live.deployments) - 1 and len(rows) > i + 1:
            lines.append(Line("  not part of this rollout:", "dim"))
    if not rows:
        lines.append(Line("  no deployment is known", "dim"))
    if chosen is not None:
        lines += [Line(""), *_details(view, chosen, width)]
    return tuple(lines), at


def _account(view: View, account: AccountView) -> Iterator[Line]:
    where = f"{plain(account.name, 64)}" + (f" ({plain(account.location, 40)})" if account.location else "")
    mode = "changes allowed" if account.may_write else "read only: write = true under [control_plane] allows it"
    if account.read_at is None:
        read = "not read yet"
    else:
        read = f"read {fmt.age((view.live.at - account.read_at).total_seconds() + view.ui.age_s)} ago"
    yield Line(f"account {where}   {read}   {mode}", "title")
    if account.doing:
        yield Line(f"  … {plain(account.doing, _TEXT)}", "warn")
    if account.error is not None:
        yield Line(f"  ✗ {plain(account.error, _TEXT)}", "alert")


def _tone(row: DeploymentRow, today: date) -> Tone:
    if row.managed is None and row.view is None:
        return "dim"
    tone = pin_tone(row.standing.pin, today)
    return tone if tone != "" or row.view is not None else "dim"


def _details(view: View, row: DeploymentRow, width: int) -> Iterator[Line]:
    standing, today = row.standing, view.live.at.date()
    yield Line(
        f"{plain(row.name, 80)}   {plain(row.model, 60)} {plain(row.version or 'no version', 40)}", "title"
    )
    yield from standing_lines(standing, today, width)
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


def _name(row: DeploymentRow, _: date) -> str:
    glyph = "·"
    if row.view is not None:
        glyph = "○" if not row.weight_pct else "●" if row.view.role == "baseline" else "▲"
    return f"{glyph} {plain(row.name, 64)}"


def _sku(row: DeploymentRow, _: date) -> str:
    managed = row.managed
    if managed is None or managed.sku is None:
        return fmt.NO_DATA
    return plain(managed.sku, 30) + (f" {managed.capacity}" if managed.capacity is not None else "")


def _quota(row: DeploymentRow, _: date) -> str:
    quota = row.quota
    if quota is None or quota.used is None or not quota.limit:
        return fmt.NO_DATA
    return f"{quota.used:g}/{quota.limit:g}"


def _days(row: DeploymentRow, today: date) -> str:
    lifecycle = row.standing.lifecycle
    if lifecycle is None or lifecycle.retires is None:
        return fmt.NO_DATA
    return days_left(lifecycle.retires, today)


def _state(row: DeploymentRow, _: date) -> str:
    if row.managed is None:
        return "not in ARM" if row.asked else fmt.NO_DATA
    state = "paused" if row.managed.paused else plain(row.managed.state or fmt.NO_DATA, 20)
    return "ready" if state == "Succeeded" else state


_COLUMNS: Final = (
    _Column("DEPLOYMENT", 22, 0, _name, left=True, most=40),
    _Column("MODEL", 11, 2, lambda r, _: plain(r.model, 40), left=True, most=20),
    _Column("VERSION", 10, 1, lambda r, _: plain(r.version or fmt.NO_DATA, 20), left=True),
    _Column("SKU", 18, 5, _sku, left=True, most=26),
    _Column("PIN", 12, 1, lambda r, today: pin_short(r.standing.pin, today), left=True),
    _Column("PHASE", 10, 3, lambda r, _: phase_words(r.standing.lifecycle), left=True),
    _Column("DAYS", 5, 2, _days),
    _Column("QUOTA", 9, 6, _quota),
    _Column("WGT", 5, 1, lambda r, _: fmt.NO_DATA if r.weight_pct is None else f"{fmt.weight(r.weight_pct)}%"),
    _Column("STATE", 10, 4, _state, left=True),
)
