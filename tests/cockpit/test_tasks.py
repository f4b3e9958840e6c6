"""The matrix of tasks and canaries, and keys that act on the chosen task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cockpit.test_values import view_of
from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import BASELINE, FakeControls, figures, made_snapshot
from tests.support.cockpit_fakes import CANARY as SHOWN
from tests.support.made_verdicts import OK_P95, WORSE_P95
from tests.support.made_verdicts import plan as made_plan
from tests.support.typed import present
from tui.cockpit.text.tasks import task_rows
from tui.cockpit.text.verdicts import verdict_lines
from tui.cockpit.ui_state import tasks_of
from tui.cockpit.widgets.tables import TaskMatrix
from tui.model import ALL_TASKS, DEFAULT_TASK, Figures, Snapshot, of_task

MAIL, DEEDS = "email_summarisation", "contract_analysis"


def two_tasks(**changes: object) -> Snapshot:
    """Mail is OK at 50 %, deeds are WORSE at 5 %; there is no other request."""
    made = made_snapshot(**changes)
    weights = {
        DEFAULT_TASK: {BASELINE: 100.0, SHOWN: 0.0}, MAIL: {BASELINE: 50.0, SHOWN: 50.0},
        DEEDS: {BASELINE: 95.0, SHOWN: 5.0},
    }  # fmt: skip

    def windows(mail: int, deeds: int) -> dict[str, dict[str, Figures]]:
        of = {MAIL: figures(mail, 300.0), DEEDS: figures(deeds, 900.0), DEFAULT_TASK: figures(0)}
        return {
            window: {**of, ALL_TASKS: figures(mail + deeds, 500.0)}
            for window in ("1m", "5m", "15m", "60m", "run")
        }

    deployments = {
        BASELINE: replace(made.deployments[BASELINE], figures=windows(500, 950)),
        SHOWN: replace(made.deployments[SHOWN], figures=windows(500, 50)),
    }
    return replace(
        made, weights=weights, deployments=deployments,
        task_history={MAIL: made.history, DEEDS: made.history[-60:]},
        verdicts={SHOWN: (replace(OK_P95, task=MAIL), replace(WORSE_P95, task=DEEDS))},
        plans=(replace(made_plan(SHOWN), task=MAIL),),
    )  # fmt: skip


def test_a_snapshot_as_far_as_one_task_goes() -> None:
    whole = two_tasks()
    deeds = of_task(whole, DEEDS)
    assert deeds.weights == {DEEDS: whole.weights[DEEDS]}
    assert deeds.deployments[SHOWN].figures["5m"][ALL_TASKS].requests == 50
    assert [(v.criterion, v.task) for v in deeds.verdicts[SHOWN]] == [(WORSE_P95.criterion, "")]
    assert (deeds.plan, present(of_task(whole, MAIL).plan).task) == (None, "")
    assert len(deeds.history) == 60
    with pytest.raises(KeyError):
        of_task(whole, "made up")


def test_the_default_task_is_offered_once_a_request_was_of_it() -> None:
    whole = two_tasks()
    assert tasks_of(whole) == (MAIL, DEEDS)
    asked = {"run": {DEFAULT_TASK: figures(3, assigned=3), ALL_TASKS: figures(3)}}
    of_default = replace(whole.deployments[BASELINE], figures=asked)
    assert DEFAULT_TASK in tasks_of(replace(whole, deployments={BASELINE: of_default}))
    assert tasks_of(made_snapshot()) == ()


async def test_tab_goes_through_the_tasks_and_everything_follows() -> None:
    async with cockpit(FakeControls(two_tasks())) as c:
        matrix = c.app.screen.query_one(TaskMatrix)
        lines = [" ".join(line.split()) for line in matrix.plain_lines]
        assert lines[0] == "TASK v0513 PLAN COST"
        assert lines[1].startswith("❯ all tasks")
        assert "✗ WORSE" in lines[1]
        assert lines[2].startswith(f"{MAIL} 50% ✓ OK ▶ RAMPING")
        assert lines[3].startswith(f"{DEEDS} 5% ✗ WORSE")
        assert f"{DEEDS} P95" in c.banner
        await c.press("tab")
        assert f"task {MAIL}" in c.banner
        assert "canary v0513 50%" in c.banner
        assert "WORSE" not in c.banner
        assert "300" in c.table[2]
        await c.press("tab")
        assert f"task {DEEDS}" in c.banner
        assert "✗ WORSE" in c.banner
        await c.press("tab")
        assert "task " not in c.banner.splitlines()[0]
        await c.press("shift+tab")
        assert f"task {DEEDS}" in c.banner


async def test_keys_act_on_the_chosen_task_and_r_always_on_all() -> None:
    async with cockpit(FakeControls(two_tasks())) as c:

        def weights() -> dict[str, float]:
            return {task: shares[SHOWN] for task, shares in c.controls.current.weights.items()}

        await c.press("R")
        assert c.controls.calls == []
        assert "choose a task first (tab): r rolls all back" in c.banner
        await c.press("tab", "plus")
        assert (weights()[MAIL], weights()[DEEDS]) == (55.0, 5.0)
        await c.press("w", "3", "0", "enter")
        assert (weights()[MAIL], weights()[DEEDS]) == (30.0, 5.0)
        await c.press("w", *DEEDS, "equals_sign", "2", "enter")
        assert (weights()[MAIL], weights()[DEEDS]) == (30.0, 2.0)
        await c.press("R")
        assert (weights()[MAIL], weights()[DEEDS]) == (0.0, 2.0)
        await c.press("P", "y")
        assert (weights()[MAIL], weights()[DEEDS]) == (100.0, 2.0)
        await c.press("r")
        assert set(weights().values()) == {0.0}


async def test_with_one_task_the_second_roll_back_key_does_what_the_first_does() -> None:
    async with cockpit() as c:
        assert not c.app.screen.query_one(TaskMatrix).display
        await c.press("R")
        assert c.controls.calls == ["roll_back"]
        await c.press("tab")
        assert "this rollout has one task" in c.banner


async def test_undo_and_profiles_are_of_all_tasks_whatever_is_chosen() -> None:
    async with cockpit(FakeControls(two_tasks())) as c:
        await c.press("r", "tab", "u")
        assert (
            f"v0513 is WORSE for 00:40 ({DEEDS} P95): u again in 5 s raises {MAIL}: v1120 100 → 50%" in c.banner
        )
        assert f"{MAIL}: v1120 100 → 50%, v0513 0 → 50%" in c.app.ui.notice
        assert f"{DEEDS}: v1120 100 → 95%, v0513 0 → 5%" in c.app.ui.notice
        await c.press("u")
        assert c.controls.current.weights[DEEDS][SHOWN] == 5.0


async def test_a_frozen_picture_can_be_looked_at_task_by_task() -> None:
    async with cockpit(FakeControls(two_tasks())) as c:
        await c.press("space", "tab")
        assert "300" in c.table[2]
        c.controls.publish(weights={**two_tasks().weights, MAIL: {BASELINE: 20.0, SHOWN: 80.0}})
        await c.settle()
        assert "80%" in c.table[2]
        assert "300" in c.table[2]


async def test_pooled_figures_of_tasks_with_other_weights_are_not_compared() -> None:
    async with cockpit(FakeControls(replace(two_tasks(), verdicts={}, plans=()))) as c:
        assert "tasks have different weights: compare them one by one" in c.banner
        await c.press("tab")
        assert "P95 300 ms vs 300 ms" in c.banner


async def test_of_many_tasks_those_around_the_chosen_one_are_shown() -> None:
    made = two_tasks()
    names = [f"task_{i:02}" for i in range(30)]
    table = {DEFAULT_TASK: made.weights[DEFAULT_TASK], **dict.fromkeys(names, made.weights[MAIL])}
    views = {
        n: replace(v, figures={w: {**f, **dict.fromkeys(names, f[MAIL])} for w, f in v.figures.items()})
        for n, v in made.deployments.items()
    }
    controls = FakeControls(replace(made, weights=table, deployments=views, verdicts={}, plans=()))
    async with cockpit(controls, size=(80, 24)) as c:
        await c.press(*["tab"] * 20)
        shown = task_rows(c.app.view, 78)
        assert len(shown) == 8
        assert [row.task for row in shown if row.chosen] == ["task_19"]


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 16), (20, 5)])
async def test_the_matrix_fits_every_size(size: tuple[int, int]) -> None:
    async with cockpit(FakeControls(two_tasks()), size=size) as c:
        await c.press("tab")
        for line in c.app.screen.query_one(TaskMatrix).plain_lines:
            assert len(line) <= max(size[0], 46)
        assert c.app.is_running


def test_the_verdict_screen_groups_by_task() -> None:
    text = "\n".join(line.text for line in verdict_lines(view_of(two_tasks()), 118))
    assert text.index(f"task {MAIL}") < text.index("✓ OK") < text.index(f"task {DEEDS}")
    assert f"canary v0513   task {MAIL}" in text
