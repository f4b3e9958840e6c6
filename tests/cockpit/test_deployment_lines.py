"""The deployments screen as values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from tests.cockpit.test_values import view_of
from tests.support.cockpit_fakes import BASELINE, CANARY, made_snapshot
from tests.support.lifecycle_values import HOSTILE
from tests.support.statuses import (
    account,
    crowded_snapshot,
    managed,
    managed_snapshot,
    status,
    with_status,
)
from tui.cockpit.text.deployment_rows import chosen_row, deployment_rows
from tui.cockpit.text.deployments import DeploymentTable
from tui.cockpit.text.line import Line
from tui.model import ManagedDeployment, PinState, QuotaUse, RateLimit, Snapshot

OTHER = "elsewhere-prod"


def lines_of(snapshot: Snapshot, width: int = 118, **ui: object) -> tuple[Line, ...]:
    made = DeploymentTable().listing(view_of(snapshot, **ui), width)
    assert 0 <= made.at < len(made.rows)
    return (*made.head, *made.rows, *made.details)


def text_of(snapshot: Snapshot, width: int = 118, **ui: object) -> str:
    return "\n".join(line.text for line in lines_of(snapshot, width, **ui))


def row_of(name: str, snapshot: Snapshot, width: int = 198) -> list[str]:
    line = next(line for line in text_of(snapshot, width).splitlines() if f" {name} " in line[:44])
    return line.replace("❯", " ").split()


def test_the_rollouts_own_come_first_and_keep_their_order() -> None:
    rows = deployment_rows(managed_snapshot())
    assert [row.name for row in rows] == [BASELINE, CANARY, OTHER]
    assert [row.weight_pct for row in rows] == [90.0, 10.0, None]


def test_a_row_says_pin_phase_days_quota_weight_and_state() -> None:
    row = row_of(BASELINE, managed_snapshot())
    assert row == [
        "●", BASELINE, "gpt-4o", "2024-11-20", "GlobalStandard", "100", "◆", "stop", "142d", "legacy", "142d",
        "300/3000", "90%", "ready",
    ]  # fmt: skip


def test_what_is_not_part_of_the_rollout_stands_below_and_has_no_weight() -> None:
    text = text_of(managed_snapshot())
    assert text.index("not part of this rollout") < text.index(f"· {OTHER}")
    assert row_of(OTHER, managed_snapshot())[-2:] == ["–", "ready"]


def test_the_chosen_row_is_explained() -> None:
    text = text_of(managed_snapshot(), deployment=("main", CANARY))
    assert f"❯ ▲ {CANARY}" in text
    assert f"\n{CANARY}   gpt-4o 2025-05-13\n" in text
    assert "settings    upgrades NoAutoUpgrade, filter Strict" in text


def test_a_choice_that_is_gone_falls_back_to_the_first() -> None:
    row = chosen_row(view_of(managed_snapshot(), deployment=("main", "gone")))
    assert row is not None
    assert row.name == BASELINE


def test_arm_and_the_rollout_do_not_list_one_deployment_twice_for_its_case() -> None:
    shouting = managed_snapshot(deployments=(managed(BASELINE.upper()), managed(OTHER)))
    assert [row.name for row in deployment_rows(shouting)] == [BASELINE, CANARY, OTHER]


def test_a_deployment_that_arm_does_not_have_is_not_called_ready() -> None:
    missing = managed_snapshot(deployments=(managed(),))
    assert row_of(CANARY, missing)[-3:] == ["not", "in", "ARM"]


def test_where_nobody_was_asked_nothing_is_said_of_arm() -> None:
    text = text_of(made_snapshot())
    assert "the control plane is not asked: add [control_plane] and resource to the rollout file" in text
    assert "not in ARM" not in text


def test_an_account_that_was_not_read_yet_or_fails_says_so() -> None:
    silent = replace(made_snapshot(), accounts=(account(deployments=None, read_at=None),))
    assert "not read yet" in text_of(silent)
    failing = managed_snapshot(error="HTTP 403: no role; ask for Reader", may_write=False)
    text = text_of(failing)
    assert "✗ HTTP 403: no role; ask for Reader" in text
    assert "read only: write = true under [control_plane] allows it" in text
    assert row_of(BASELINE, failing)


def test_a_change_under_way_is_said_with_its_step() -> None:
    assert "… creating x: the service says Creating" in text_of(
        managed_snapshot(doing="creating x: the service says Creating")
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"upgrade_option": None}, "upgrades not set (the service moves it at the end)"),
        ({"spillover": "gpt4o-spill"}, "spills over to gpt4o-spill"),
        ({"paused": True}, "PAUSED"),
        ({"rate_limits": (RateLimit("token", 100_000, 60),)}, "100,000 tokens in 60 s"),
        ({"rai_policy": None}, "filter not told"),
    ],
)
def test_settings_that_matter_are_spelled_out(changes: dict[str, Any], said: str) -> None:
    assert said in text_of(managed_snapshot(deployments=(managed(**changes),)))


@pytest.mark.parametrize("quota", [(), (QuotaUse("OpenAI.GlobalStandard.gpt-4o", None, 3000),)])
def test_quota_that_is_not_told_is_a_dash(quota: tuple[QuotaUse, ...]) -> None:
    assert row_of(BASELINE, managed_snapshot(quota=quota))[-3] == "–"


def test_five_hundred_are_all_listed_and_what_is_not_known_of_them_is_a_dash() -> None:
    crowd = crowded_snapshot(500)
    text = text_of(crowd, 198, deployment=("main", "team-002-prod"))
    assert text.count(" · team-") == 498
    assert row_of("team-001-prod", crowd)[2:] == [
        *("gpt-4o", "–", "–", "?", "unknown", "–", "–", "–", "–", "–"),
    ]
    other = row_of("team-002-prod", crowd)
    assert other[2:] == [
        "pretend-chat",
        "3",
        "GlobalStandard",
        "100",
        "◆",
        "PINNED",
        "–",
        "–",
        "–",
        "–",
        "Moving",
    ]
    assert "team-002-prod   pretend-chat 3 (Pretend AI)" in text


def test_a_row_that_changes_is_made_anew_and_the_others_are_as_they_were() -> None:
    table, crowd = DeploymentTable(), crowded_snapshot(20)
    before = table.listing(view_of(crowd), 118)
    moving = tuple(replace(d, state="Moving") if d.name == "team-000-prod" else d for d in account_of(crowd))
    after = table.listing(
        view_of(replace(crowd, accounts=(replace(crowd.accounts[0], deployments=moving),))), 118
    )
    changed = [b.text for a, b in zip(before.rows, after.rows, strict=True) if a != b]
    assert [line.split()[1] for line in changed] == ["team-000-prod"]
    assert changed[0].endswith("Moving")
    wider = table.listing(view_of(crowd), 198)
    assert wider.rows == DeploymentTable().listing(view_of(crowd), 198).rows


def account_of(snapshot: Snapshot) -> tuple[ManagedDeployment, ...]:
    return snapshot.accounts[0].deployments or ()


def test_a_state_that_is_not_known_here_is_shown_as_it_is() -> None:
    shown = row_of(OTHER, managed_snapshot(deployments=(managed(OTHER, state="Canceled"),)))
    assert shown[-1] == "Canceled"


@pytest.mark.parametrize("width", [40, 78, 118, 198])
def test_no_text_of_a_service_breaks_a_line_or_the_table(width: int) -> None:
    nasty = managed(HOSTILE, model=HOSTILE, version=HOSTILE, sku=HOSTILE, state=HOSTILE, rai_policy=HOSTILE)
    snapshot = managed_snapshot(name=HOSTILE, location=HOSTILE, deployments=(nasty,), doing=HOSTILE)
    snapshot = with_status(CANARY, snapshot, status=status(PinState.MISMATCH, None, HOSTILE), served=HOSTILE)
    for chosen in (("main", HOSTILE.lower()), ("main", CANARY)):
        lines = lines_of(snapshot, width, deployment=chosen)
        assert all("\x1b" not in line.text and "\n" not in line.text for line in lines)
        table = [line.text for line in lines if line.text.startswith(("❯ ", "  ● ", "  ▲ ", "  · "))]
        assert table
        assert all(cell_len(line) <= width for line in table)
