"""The deployments screen as values: the accounts, a row a deployment, and what is known of the chosen one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.columns import fitted
from tui.cockpit.text.deployment_rows import DeploymentRow, RowKey, chosen_of, deployment_rows
from tui.cockpit.text.line import Line, Tone
from tui.cockpit.text.pins import days_left, phase_words, pin_short, pin_tone, said, served_lines, status_lines
from tui.cockpit.ui_state import View
from tui.model import AccountView, ManagedDeployment, QuotaUse

_TEXT: Final = 700
_COMMAND: Final = 2000


@dataclass(frozen=True, slots=True)
class Listing:
    """``head`` ends with the titles of the columns; ``at`` is which of ``rows`` is the chosen one."""

    head: tuple[Line, ...]
    rows: tuple[Line, ...]
    at: int
    details: tuple[Line, ...]


NOTHING_LISTED: Final = Listing((), (), 0, ())


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    rank: int
    text: Callable[[DeploymentRow, date], str]
    left: bool = False
    most: int = 0


class DeploymentTable:
    """Makes listings. A row that is as it was in the one before is not made anew: there may be hundreds."""

    def __init__(self) -> None:
        self._for: tuple[int, date] | None = None
        self._made: dict[RowKey, tuple[DeploymentRow, str, Tone]] = {}

    def listing(self, view: View, width: int) -> Listing:
        """``width`` cells wide."""
        rows, today = deployment_rows(view.live), view.live.at.date()
        if (width, today) != self._for:
            self._for, self._made = (width, today), {}
        chosen = chosen_of(rows, view.ui.deployment)
        shown, _ = fitted(_COLUMNS, width - 2)
        titles = " ".join(fmt.fit(c.title, w, right=not c.left) for c, w in shown.items())
        lines: list[Line] = []
        made: dict[RowKey, tuple[DeploymentRow, str, Tone]] = {}
        own, at = len(view.live.deployments), 0
        for i, row in enumerate(rows):
            before = self._made.get(row.key)
            if before is None or before[0] != row:
                before = (row, _cells(row, today, shown), _tone(row, today))
            made[row.key] = before
            here = row is chosen
            at = len(lines) if here else at
            # As wide as the screen: the cursor is a bar across it.
            text = f"❯ {before[1]:<{width - 2}}" if here else f"  {before[1]}"
            lines.append(Line(text, before[2], here))
            if i == own - 1 and len(rows) > own:
                lines.append(Line("  not part of this rollout:", "dim"))
        self._made = made
        if not rows:
            lines.append(Line("  no deployment is known", "dim"))
        head = (*_accounts(view, width), Line(""), Line(f"  {titles}", "dim"))
        details = tuple(detail_lines(view, chosen, width)) if chosen is not None else ()
        return Listing(head, tuple(lines), at, details)


def _accounts(view: View, width: int) -> Iterator[Line]:
    for account in view.live.accounts:
        yield from _account(view, account, width)
    if not view.live.accounts:
        yield Line(
            "the control plane is not asked: add [control_plane] and resource to the rollout file; pins are"
            " what the responses say",
            "warn",
        )


def _account(view: View, account: AccountView, width: int) -> Iterator[Line]:
    where = f"{plain(account.name, 64)}" + (f" ({plain(account.location, 40)})" if account.location else "")
    mode = "changes allowed" if account.may_write else "read only: write = true under [control_plane] allows it"
    if account.read_at is None:
        read = "not read yet"
    else:
        read = f"read {fmt.age((view.live.at - account.read_at).total_seconds() + view.ui.age_s)} ago"
    yield Line(f"account {where}   {read}   {mode}", "title")
    if account.error is not None:
        yield from _wrapped(f"✗ {plain(account.error, _TEXT)}", width, "alert")
    if account.doing:
        yield from _wrapped(f"… {plain(account.doing, _TEXT)}", width, "warn")
    elif (end := account.ended) is not None:
        said = f"{end.at:%H:%M:%S}Z {plain(end.text, _TEXT)}"
        yield from _wrapped(f"✓ {said}", width, "") if end.done else _wrapped(f"✗ {said}", width, "alert")
        if end.by_hand:
            yield from _wrapped(f"by hand: {plain(end.by_hand, _COMMAND)}", width, "dim")


def _wrapped(text: str, width: int, tone: Tone) -> Iterator[Line]:
    for i, piece in enumerate(textwrap.wrap(text, max(width - 4, 20), break_on_hyphens=False)):
        yield Line(f"  {piece}" if i == 0 else f"    {piece}", tone)


def _cells(row: DeploymentRow, today: date, shown: Mapping[_Column, int]) -> str:
    return " ".join(fmt.fit(c.text(row, today), w, right=not c.left) for c, w in shown.items()).rstrip()


def _tone(row: DeploymentRow, today: date) -> Tone:
    if row.managed is None and row.view is None:
        return "dim"
    tone = pin_tone(row.status.pin, today)
    return tone if tone != "" or row.view is not None else "dim"


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
    lifecycle = row.status.lifecycle
    if lifecycle is None or lifecycle.retires is None:
        return fmt.NO_DATA
    return days_left(lifecycle.retires, today)


def _state(row: DeploymentRow, _: date) -> str:
    if row.managed is None:
        gone = row.view is not None and row.view.removed is not None
        return "removed" if gone else "not in ARM" if row.asked else fmt.NO_DATA
    state = "paused" if row.managed.paused else plain(row.managed.state or fmt.NO_DATA, 20)
    return "ready" if state == "Succeeded" else state


_COLUMNS: Final = (
    _Column("DEPLOYMENT", 22, 0, _name, left=True, most=40),
    _Column("MODEL", 11, 2, lambda r, _: plain(r.model, 40), left=True, most=20),
    _Column("VERSION", 10, 1, lambda r, _: plain(r.version or fmt.NO_DATA, 20), left=True),
    _Column("SKU", 18, 5, _sku, left=True, most=26),
    _Column("PIN", 12, 1, lambda r, today: pin_short(r.status.pin, today), left=True),
    _Column("PHASE", 10, 3, lambda r, _: phase_words(r.status.lifecycle), left=True),
    _Column("DAYS", 5, 2, _days),
    _Column("QUOTA", 9, 6, _quota),
    _Column("WGT", 5, 1, lambda r, _: fmt.NO_DATA if r.weight_pct is None else f"{fmt.weight(r.weight_pct)}%"),
    _Column("STATE", 10, 4, _state, left=True),
)


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
