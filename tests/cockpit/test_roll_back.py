"""Rolling back where the baseline is not able to serve: two presses, and what the banner offers instead."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Static

from tests.cockpit.test_tasks import DEEDS, MAIL, two_tasks
from tests.support.cockpit_driver import Cockpit, cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY, FakeControls, event, made_snapshot
from tests.support.made_verdicts import OK_P95, WORSE_P95
from tui.cockpit.text.banner import Banner, banner
from tui.cockpit.text.format import short_names
from tui.cockpit.text.verdicts import verdict_lines
from tui.cockpit.ui_state import UiState, View
from tui.model import DEFAULT_TASK, Ability, Event, EventKind, GuardView, Snapshot, of_task
from tui.model.commands import Promote, RollBack

WHY = "has failed 99 % of 212 requests in 30 s"
DEAD = Ability("unable", WHY, 360.0)
ASKED = f"v1120 {WHY}: r again to do it anyway"


def dead(snapshot: Snapshot | None = None, **canary: Any) -> Snapshot:
    """The baseline is not able to serve; ``canary`` are fields of the canary."""
    made = snapshot or made_snapshot()
    views = made.deployments
    return replace(
        made,
        deployments={
            **views,
            BASELINE: replace(views[BASELINE], ability=DEAD),
            CANARY: replace(views[CANARY], **canary),
        },
    )


def said(snapshot: Snapshot, task: str | None = None, **ui: Any) -> Banner:
    shown = of_task(snapshot, task) if task else snapshot
    ui_state = replace(UiState(), task=task, **ui)
    return banner(View(shown, ui_state, short_names(list(snapshot.deployments)), (), snapshot))


def top(c: Cockpit) -> str:
    """The line of the dialog on top, where its notice stands."""
    return str(c.app.screen.query_one("#notice", Static).content)


async def test_the_first_press_says_it_and_only_a_calm_second_one_acts() -> None:
    async with cockpit(FakeControls(dead())) as c:
        await c.press("r")
        assert ASKED in c.banner
        assert c.controls.calls == []
        await c.press("r", "r")
        assert c.controls.calls == [], "a double tap"
        c.controls.clock.pass_s(0.4)
        await c.press("r")
        c.controls.clock.pass_s(0.4)
        await c.press("r")
        assert c.controls.calls == [], "a key that is held"
        c.controls.clock.pass_s(0.5)
        await c.press("r")
        assert c.controls.calls == ["roll_back"]
        assert c.controls.canary_pct == 0.0
        assert "again" not in c.banner


async def test_presses_that_waited_for_the_picture_confirm_nothing() -> None:
    async with cockpit(FakeControls(dead())) as c:
        await c.press_at_once("rrrr")
        assert c.controls.calls == []


async def test_the_question_ends_with_its_line_and_with_another_one() -> None:
    async with cockpit(FakeControls(dead())) as c:
        await c.press("r")
        c.controls.clock.pass_s(6.1)
        await c.press("r")
        assert c.controls.calls == []
        c.controls.clock.pass_s(1.0)
        await c.press("y", "r")
        assert c.controls.calls == [], "another line took its place"
        assert ASKED in c.banner


@pytest.mark.parametrize("state", ["able", "unknown"])
async def test_one_press_acts_where_the_baseline_may_be_able(state: Any) -> None:
    made = dead()
    views = {**made.deployments, BASELINE: replace(made.deployments[BASELINE], ability=Ability(state))}
    async with cockpit(FakeControls(replace(made, deployments=views))) as c:
        await c.press("r")
        assert c.controls.calls == ["roll_back"]


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
@pytest.mark.parametrize(
    ("opens", "key"), [("question_mark", "r"), ("P", "r"), ("colon", "ctrl+r"), ("p", "r")]
)
async def test_the_line_is_read_over_a_dialog_too(opens: str, key: str, size: tuple[int, int]) -> None:
    async with cockpit(FakeControls(dead()), size=size) as c:
        await c.press(opens, key)
        assert top(c) == ASKED.replace(": r ", f": {key} ")
        notice = c.app.screen.query_one("#notice")
        assert notice.display
        assert notice.region.height >= 1
        assert c.app.screen.region.contains_region(notice.region)
        c.controls.clock.pass_s(0.6)
        await c.press(key)
        assert c.controls.calls == ["roll_back"]


async def test_by_name_it_takes_the_second_press_too() -> None:
    async with cockpit(FakeControls(dead())) as c:
        await c.press("colon", *"roll back", "enter")
        assert ASKED in c.banner
        c.controls.clock.pass_s(0.6)
        await c.press("r")
        assert c.controls.calls == ["roll_back"]


async def test_the_key_of_one_task_asks_for_itself() -> None:
    async with cockpit(FakeControls(dead(two_tasks()))) as c:
        await c.press("tab", "R")
        assert f"v1120 {WHY}: R again to do it anyway" in c.banner
        c.controls.clock.pass_s(0.6)
        await c.press("r")
        assert c.controls.calls == [], "another question: all tasks"
        c.controls.clock.pass_s(0.6)
        await c.press("r")
        assert c.controls.calls == ["roll_back"]


async def test_a_roll_back_that_changes_nothing_says_so() -> None:
    rolled = made_snapshot(weights={DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}})
    for snapshot in (rolled, dead(rolled)):
        async with cockpit(FakeControls(snapshot)) as c:
            await c.press("r")
            assert "nothing to roll back: all traffic is on v1120" in c.banner
            assert "refused" not in c.banner


@pytest.mark.parametrize(
    ("snapshot", "key"),
    [
        (dead(), "press P to promote v0513"),
        (dead(replace(made_snapshot(), verdicts={CANARY: (OK_P95,)})), "press P to promote v0513"),
        (
            dead(replace(made_snapshot(), verdicts={CANARY: (WORSE_P95,)})),
            "press w: v0513 is WORSE, and answers",
        ),
        (dead(ability=DEAD), "press x to pause traffic"),
        (dead(failing="HTTP 500"), "press x to pause traffic"),
        (dead(made_snapshot(weights={DEFAULT_TASK: {BASELINE: 0.0, CANARY: 100.0}})), ""),
    ],
)
def test_a_dead_baseline_comes_first_and_no_key_leads_to_it(snapshot: Snapshot, key: str) -> None:
    shown = said(snapshot)
    assert (shown.state, shown.severity) == ("BASELINE DEAD", "alarm")
    assert shown.figure == f"v1120 {WHY}, for 00:40"
    assert shown.key == key
    assert "press r" not in shown.key


def test_a_worse_canary_is_named_behind_the_dead_baseline() -> None:
    shown = said(dead(made_snapshot(verdicts={CANARY: (WORSE_P95,)}, guard=GuardView("armed"))))
    assert shown.parts[0].startswith("✗ BASELINE DEAD  ✗ WORSE")
    assert shown.figure.endswith("; the guard keeps the weights")


def test_the_same_is_not_said_twice_of_it() -> None:
    made = dead()
    gone = replace(made.deployments[BASELINE], retired=True, failing="HTTP 410", unreachable="refused")
    tags = said(replace(made, deployments={**made.deployments, BASELINE: gone})).parts[0]
    assert tags == "✗ BASELINE DEAD"


async def test_verdict_screen_and_promotion_name_the_dead_baseline() -> None:
    made = dead(made_snapshot(verdicts={CANARY: (WORSE_P95,)}))
    lines = verdict_lines(View(made, UiState(), short_names(list(made.deployments))), 100)
    assert lines[0].text == f"BASELINE DEAD   v1120 {WHY}"
    async with cockpit(FakeControls(made)) as c:
        await c.press("P")
        texts = [str(widget.content) for widget in c.app.screen.query("#dialog Static").results(Static)]
        assert f"✗ BASELINE DEAD: v1120 {WHY}" in texts


def after_the_guard(actor: str = "guard") -> Snapshot:
    """The guard rolled the deeds back; mail goes on at 50 %."""
    before = two_tasks()
    after = {**before.weights, DEEDS: {BASELINE: 100.0, CANARY: 0.0}}
    rolled = event(
        1, EventKind.ROLLED_BACK, "x", 328.0, actor=actor, reason="quality 3.1 vs 4.0",
        before=before.weights, after=after,
    )  # fmt: skip
    return replace(before, weights=after, events=(rolled,), can_undo=before.weights)


def test_after_the_guard_has_acted_in_one_task_the_banner_is_calm_about_it() -> None:
    shown = said(after_the_guard())
    assert (shown.state, shown.severity) == ("ROLLED BACK", "note")
    assert shown.figure == f"{DEEDS} rolled back by guard 01:12 ago: quality 3.1 vs 4.0"
    assert shown.key == ""
    assert "WORSE" not in shown.parts[0]
    assert "press u twice" in said(after_the_guard("ann")).key
    assert said(after_the_guard(), MAIL).state != "ROLLED BACK"


def test_where_one_task_is_worse_its_own_key_is_offered() -> None:
    assert said(two_tasks()).key == f"press tab for {DEEDS}, then R"
    assert said(two_tasks(), DEEDS).key == f"press R to send {DEEDS} to v1120"
    both = two_tasks()
    worse = tuple(replace(WORSE_P95, task=task) for task in (MAIL, DEEDS))
    assert said(replace(both, verdicts={CANARY: worse})).key == "press r to send 100% to v1120"
    alone = {**both.weights, MAIL: {BASELINE: 100.0, CANARY: 0.0}}
    assert said(replace(both, weights=alone)).key == "press r to send 100% to v1120"


@pytest.mark.parametrize(
    ("snapshot", "first"),
    [
        (
            made_snapshot(verdicts={CANARY: (WORSE_P95,)}),
            "v0513 is WORSE for 00:40 (P95): u again in 5 s raises",
        ),
        (made_snapshot(), "undo raises: v1120 100 → 90%, v0513 0 → 10%. Press u again within 5 s"),
        (dead(ability=DEAD), f"v0513 {WHY}: u again in 5 s raises"),
    ],
)
async def test_an_undo_that_harms_says_how(snapshot: Snapshot, first: str) -> None:
    async with cockpit(FakeControls(snapshot)) as c:
        c.controls.send(RollBack(), actor="ann")
        await c.settle()
        await c.press("u")
        assert first in c.banner
        assert c.controls.calls == ["roll_back"]
        await c.press("u")
        assert c.controls.calls == ["roll_back", "undo"]


async def test_an_undo_onto_a_dead_baseline_asks_too() -> None:
    async with cockpit(FakeControls(made_snapshot())) as c:
        c.controls.send(Promote(CANARY), actor="ann")
        c.controls.publish(deployments=dead().deployments)
        await c.settle()
        await c.press("u")
        assert f"v1120 {WHY}: u again in 5 s raises" in c.banner
        assert c.controls.calls == ["promote"]


async def test_a_plan_that_is_held_by_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as c:
        held: Future[Event] = Future()
        held.set_result(event(1, EventKind.PLAN, "plan: hold", 400.0))
        monkeypatch.setattr(c.controls, "send", lambda *_, **__: held)
        await c.press("r")
        assert "nothing to roll back: all traffic is on v1120; the plan is held now" in c.banner
