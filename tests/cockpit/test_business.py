"""The business line and the quality room in the cockpit: verdict screen, matrix of tasks, promotion dialog."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Static

from tests.cockpit.test_tasks import DEEDS, MAIL
from tests.cockpit.test_values import view_of
from tests.measure.test_business import deployed, migration
from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import CANARY, FakeControls, made_snapshot
from tests.support.made_verdicts import OK_P95
from tui.cockpit.screens.verdicts import VerdictsScreen
from tui.cockpit.text.business import cost_cell, dialog_lines, lines_by_task
from tui.cockpit.text.tasks import task_rows
from tui.cockpit.text.verdicts import quality_lines, verdict_lines
from tui.cockpit.widgets.lines import TonedLines
from tui.cockpit.widgets.tables import TaskMatrix
from tui.model import (
    DEFAULT_TASK,
    AnchorView,
    JudgeView,
    PlayerView,
    PositionView,
    QualityView,
    Snapshot,
    VerdictState,
)

SOUND = JudgeView(
    asked=144, text="answered all 144", position=PositionView(48, 43, text="no preference shown"),
    anchors=AnchorView(20, 60, 0.0, text="no drift shown"),
)  # fmt: skip
ROOM = QualityView(
    samples=1225, waiting=12, known={DEEDS: 49}, spent_usd=0.04, judge=SOUND, judge_name="gpt5-judge",
    judge_usd=0.1938, judge_budget_usd=5.0,
    agreement="judge and people: weighted kappa 0.71, 18 of 20 within 1",
)  # fmt: skip


def text(snapshot: Snapshot, width: int = 118) -> str:
    return "\n".join(line.text for line in verdict_lines(view_of(snapshot), width))


def room(quality: QualityView, width: int = 118) -> list[tuple[str, str]]:
    return [(line.text, line.tone) for line in quality_lines(view_of(made_snapshot(quality=quality)), width)]


def test_the_verdict_screen_has_a_block_for_each_task_in_view() -> None:
    lines = text(migration()).splitlines()
    begins = lines.index("BUSINESS  all requests of a task on v0513, against v1120")
    mail = f"{MAIL}: -60% cost (saves $96.00/day at 40,000 requests/day), 4.2 vs 4.4, OK"
    evidence = "  $/1k 1.600 vs 4.000 (-63…-57%), 1204 answers of the canary, compared at the same weights"
    assert lines[begins + 1 : begins + 3] == [mail, f"{evidence}; quality 80 pairs"]
    assert lines[begins + 3].startswith(f"{DEEDS}: -60% cost (saves $691/day at the run's own 288,000")
    assert f"task {MAIL}   -60% cost (saves $96.00/day at 40,000 requests/day)" in lines


def test_a_poor_task_stands_out_and_a_good_one_does_not() -> None:
    tones = {line.text.split(":")[0]: line.tone for line in verdict_lines(view_of(migration()), 200)}
    assert (tones[MAIL], tones[DEEDS]) == ("", "alert")


def test_a_task_that_no_request_was_ever_of_is_not_judged_on_screen() -> None:
    made = migration()
    idle = tuple(
        replace(v, task=DEFAULT_TASK, canary_requests=0, baseline_requests=0, state=VerdictState.NOT_YET)
        for v in made.verdicts[CANARY]
    )
    assert f"task {DEFAULT_TASK}" not in text(replace(made, verdicts={CANARY: (*idle, *made.verdicts[CANARY])}))
    kept = tuple(replace(v, baseline_requests=5) for v in idle)
    assert f"task {DEFAULT_TASK}" in text(replace(made, verdicts={CANARY: kept}))


async def test_with_one_task_in_view_its_line_stands_above_the_criteria() -> None:
    async with cockpit(FakeControls(migration()), size=(80, 24)) as c:
        await c.press("tab", "v")
        lines = c.app.screen.query_one("#details-lines", TonedLines).plain_lines
        at = next(i for i, line in enumerate(lines) if "CRITERION" in line)
        assert lines[at - 1].strip() == f"{MAIL}: -60% cost (saves $96.00/day), 4.2 vs 4.4, OK"
    one_task = text(made_snapshot(verdicts={CANARY: (OK_P95,)}))
    assert one_task.count("quality not compared") == 1, "what nobody asked for takes no room at the top"


async def test_of_a_chosen_task_only_its_own_line_is_shown() -> None:
    async with cockpit(FakeControls(migration(quality=ROOM)), size=(80, 24)) as c:
        await c.press("tab", "v")
        screen = c.app.screen
        assert isinstance(screen, VerdictsScreen)
        shown = screen.plain_text()
        assert f"{MAIL}: -60% cost" in shown
        assert DEEDS not in shown.split("QUALITY")[0]
        assert "judge       gpt5-judge: answered all 144" in shown
        await c.press("tab")
        shown = screen.plain_text()
        assert f"{DEEDS}: -60% cost" in shown
        assert f"{MAIL}: " not in shown


@pytest.mark.parametrize("width", [60, 78, 117, 197])
def test_no_line_of_both_blocks_is_wider_than_the_screen(width: int) -> None:
    lines = text(migration(quality=ROOM), width).splitlines()
    begins, ends = (
        next(i for i, line in enumerate(lines) if line.startswith(word)) for word in ("BUSINESS", "PLAN")
    )
    assert max(map(len, lines[begins:ends])) <= width


def test_the_room_says_what_it_keeps_asks_and_costs() -> None:
    assert room(ROOM) == [
        ("QUALITY", "title"),
        ("samples     1,225 kept (i lists them), 12 wait for the judge", ""),
        (f"known       items with a known answer asked: {DEEDS} 49", ""),
        ("judge       gpt5-judge: answered all 144", ""),
        ("            no preference shown", "dim"),
        ("            no drift shown", "dim"),
        (
            "cost        judge $0.1938 of $5.00; $0.0400 for second and known answers, of the budget of the"
            " traffic",
            "",
        ),
        ("agreement   judge and people: weighted kappa 0.71, 18 of 20 within 1", ""),
    ]


def test_what_speaks_against_the_judge_stands_out() -> None:
    judge = JudgeView(
        failing=True, text="FAILING: no score 5 times in a row", asked=9,
        position=PositionView(biased=True, text="PREFERS the first answer"),
        anchors=AnchorView(drifted=True, text="DRIFTS"),
    )  # fmt: skip
    said = dict(room(replace(ROOM, judge=judge, judge_usd=5.01, not_judged=3)))
    assert said["judge       gpt5-judge: FAILING: no score 5 times in a row"] == "alert"
    assert said["            PREFERS the first answer"] == "warn"
    assert said["            DRIFTS"] == "warn"
    assert any("judge $5.0100 of $5.00, SPENT: no more scores;" in line for line in said)
    assert any("3 given up: it was too slow" in line for line in said)


def test_without_a_judge_people_score() -> None:
    assert room(QualityView(samples=3)) == [
        ("QUALITY", "title"),
        ("samples     3 kept (i lists them)", ""),
        ("judge       no judge: people score (i)", ""),
    ]


def test_a_judge_that_was_asked_nothing_says_so() -> None:
    said = [line for line, _ in room(QualityView(judge=JudgeView(), judge_name="gpt5-judge"))]
    assert "judge       gpt5-judge: nothing was asked yet" in said
    assert said[-1].startswith("cost        judge $0.0000 no budget; $0.0000 for second and known answers")


def test_a_recording_has_no_samples_and_says_where_the_scores_are() -> None:
    made = made_snapshot(player=PlayerView(60.0))
    said = [line.text for line in quality_lines(view_of(made), 118)]
    assert said == ["QUALITY", "samples     a recording has none: the report has its pairs and scores"]


@pytest.mark.parametrize(("size", "there"), [((80, 24), False), ((120, 36), True), ((200, 60), True)])
async def test_the_matrix_has_the_cost_where_there_is_room(size: tuple[int, int], there: bool) -> None:
    async with cockpit(FakeControls(migration()), size=size) as c:
        lines = c.app.screen.query_one(TaskMatrix).plain_lines
        assert ("COST" in lines[0]) is there
        assert ("-60% saves $96.00/day" in lines[2]) is there
        assert "$" not in lines[1]
        assert all(len(line) <= size[0] for line in lines)


def test_a_small_matrix_without_a_plan_has_room_for_the_cost() -> None:
    rows = task_rows(view_of(migration(plans=())), 78)
    assert rows[2].cells[-1].text == "-60% saves $96.00/day"


def test_of_several_canaries_the_cost_is_that_of_the_chosen_one() -> None:
    made = migration()
    second = replace(made.deployments[CANARY], figures={})
    weights = {task: {**shares, "b-v2": 1.0} for task, shares in made.weights.items()}
    both = replace(made, deployments={**made.deployments, "b-v2": second}, weights=weights)
    rows = task_rows(view_of(both), 198)
    assert "v0513" in rows[0].cells[-1].text
    assert rows[2].cells[-1].text == "-60% saves $96.00/day"
    rows = task_rows(view_of(both, selected="b-v2"), 198)
    assert "v2" in rows[0].cells[-1].text
    assert rows[2].cells[-1].text == ""


def test_a_cell_that_is_too_small_loses_the_percentage_first() -> None:
    line = lines_by_task(view_of(migration()), CANARY)[MAIL]
    said = [cost_cell(line, cells) for cells in (30, 20, 8, 3)]
    assert said == ["-60% saves $96.00/day", "saves $96.00/day", "-60%", ""]
    unknown = lines_by_task(view_of(deployed(migration(), CANARY, provisioned=True)), CANARY)[MAIL]
    assert cost_cell(unknown, 30) == ""


async def test_the_promotion_dialog_says_what_is_bought() -> None:
    async with cockpit(FakeControls(migration()), size=(80, 24)) as c:
        await c.press("tab", "P")
        said = [str(line.content) for line in c.app.screen.query(Static)]
        assert f"{MAIL}: -60% cost (saves $96.00/day at 40,000 requests/day), 4.2 vs 4.4, OK" in said
        assert not any(DEEDS in line and "cost" in line for line in said)
        assert c.app.screen.query_one("#cancel").region.bottom < 24


@pytest.mark.parametrize(("size", "tasks"), [((80, 24), 0), ((80, 24), 4), ((120, 36), 4), ((60, 16), 0)])
async def test_the_answers_of_the_dialog_stay_in_view(size: tuple[int, int], tasks: int) -> None:
    made = migration()
    more = {f"task_{i}": made.weights[MAIL] for i in range(tasks)}
    of = {
        name: replace(view, figures={w: {**f, **dict.fromkeys(more, f[MAIL])} for w, f in view.figures.items()})
        for name, view in made.deployments.items()
    }
    many = replace(made, weights={**made.weights, **more}, deployments=of)
    async with cockpit(FakeControls(many), size=size) as c:
        await c.press("P")
        frame, cancel = c.app.screen.query_one("#dialog").region, c.app.screen.query_one("#cancel").region
        assert cancel.bottom < frame.bottom


def test_of_many_tasks_the_dialog_has_the_first_ones() -> None:
    lines = dialog_lines(view_of(migration()), CANARY, 118, 1)
    assert (len(lines), lines[1]) == (2, "and 1 more task")
