"""Verdicts, guard and plan in the cockpit: column, banner, screen, marks, keys, prompts and files."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Static

from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY, FakeControls, event, made_snapshot
from tests.support.made_verdicts import (
    ADVISORY_COST,
    ALL_OK,
    ALL_WORSE,
    ARMED,
    NO_P99,
    OK_P50,
    OK_P95,
    OPEN,
    WORSE_P95,
    plan,
    verdict,
)
from tests.support.typed import present
from tui.cockpit.app import CanarytopApp
from tui.cockpit.export import state_json, verdicts_csv
from tui.cockpit.plots.drawing import rows as plot_rows
from tui.cockpit.plots.series import panels
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.screens.verdicts import VerdictsScreen
from tui.cockpit.text.banner import Banner, banner
from tui.cockpit.text.format import short_names
from tui.cockpit.text.table import VERDICT, rows
from tui.cockpit.text.verdict_rows import bar
from tui.cockpit.text.verdict_words import cell_texts, decision_said, overall, signed_pct, takes, wait_said
from tui.cockpit.text.verdicts import explained_lines, verdict_lines
from tui.cockpit.ui_state import UiState, View
from tui.cockpit.widgets.lines import Lines
from tui.cockpit.widgets.prompt import Prompt
from tui.model import (
    CRITERION_ROWS,
    DEFAULT_TASK,
    Eta,
    EventKind,
    GuardView,
    PlanState,
    Snapshot,
    Verdict,
    VerdictState,
)
from tui.model.criteria import CriterionRow

SIZES = [(80, 24), (120, 36), (200, 60)]


def judged(verdicts: tuple[Verdict, ...], **changes: Any) -> Snapshot:
    return made_snapshot(verdicts={CANARY: verdicts}, **changes)


def view_of(snapshot: Snapshot, **ui: Any) -> View:
    return View(snapshot, replace(UiState(), **ui), short_names(list(snapshot.deployments)))


def said(snapshot: Snapshot, **ui: Any) -> Banner:
    return banner(view_of(snapshot, **ui))


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ((), None),
        ((ADVISORY_COST,), None),
        (ALL_OK, VerdictState.OK),
        (ALL_WORSE, VerdictState.WORSE),
        (OPEN, VerdictState.NOT_YET),
    ],
)
def test_advisory_criteria_do_not_count_and_one_worse_is_worse(
    verdicts: tuple[Verdict, ...], state: VerdictState | None
) -> None:
    assert overall(verdicts) is state


def cell_of(verdicts: tuple[Verdict, ...], weight_pct: float) -> tuple[str, ...]:
    return present(cell_texts(verdicts, weight_pct))[0]


def test_the_cell_says_the_worst_criterion_the_wait_or_ok() -> None:
    assert cell_of(ALL_WORSE, 10.0)[0] == "✗ WORSE P95 +63%"
    assert cell_of(ALL_OK, 10.0) == ("✓ OK",)
    assert cell_of(OPEN, 10.0) == ("… NOT YET 11-19m at 10%", "… NOT YET 11-19m", "… NOT YET")
    assert cell_of((NO_P99,), 10.0) == ("… NOT YET",)


def test_the_wait_says_its_price_and_never_less_than_it_is() -> None:
    assert wait_said(OPEN, 10.0)[0] == (
        "P95 in 11-19 min at 10%, 4-7 min at 25%, over 3 min at 50%; ~1,500 users' requests on the canary"
        " by then"
    )
    assert decision_said(OPEN, 25.0) == "P95 verdict in 4-7m, ~1420 requests"
    assert decision_said(OPEN, 30.0) == "P95 verdict in 4-7m at 25%, ~1420 requests"
    assert decision_said(ALL_OK, 25.0) == ""


def test_where_no_time_can_be_said_stands_the_reason() -> None:
    closed = verdict(etas=(Eta(10.0, None, None),), note="calibrating 120/300")
    assert wait_said((closed,), 10.0) == ("no estimate yet, P95: calibrating 120/300", "no estimate yet")
    assert wait_said((verdict(etas=()),), 10.0) == ("no estimate yet",)
    # What may never come does not stand before what will.
    never = verdict("latency_p99", label="P99", etas=(Eta(10.0, 5.0, 9, None),))
    assert wait_said((never, verdict()), 10.0)[0].startswith("P95 in 11-19 min")


@pytest.mark.parametrize(
    ("low", "high", "short", "words"),
    [
        (1200, 7200, "20m-2h", "20 min - 2 h"),
        (1200, 3000, "20-50m", "20-50 min"),
        (1200, None, ">20m", "over 20 min"),
        (61, 62, "61-62s", "61-62 s"),
        (121, 150, "3m", "3 min"),
        (100, 5941, "2m-2h", "2 min - 2 h"),
        (72_000, 500_000, "20h-6d", "20 h - 6 days"),
        (5940, 8_553_600, "99m-99d", "99 min - 99 days"),
        (60, 1e9, ">60s", "over 60 s"),
        (1e12, math.nan, ">99d", "over 99 days"),
        (500, 400, "9m", "9 min"),
    ],
)
def test_a_time_to_decide_is_a_range_of_at_most_seven_cells(
    low: float, high: float | None, short: str, words: str
) -> None:
    """Neither end is ever less than it is."""
    eta = Eta(10.0, low, None, high)
    assert (takes(eta), takes(eta, words=True)) == (short, words)
    assert len(short) <= 7


@pytest.mark.parametrize("number", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_a_dash(number: float | None) -> None:
    assert signed_pct(number) == "–"
    assert takes(Eta(10.0, number, None)) == "–"
    assert cell_of((verdict(etas=(Eta(10.0, number, None),)),), 10.0) == ("… NOT YET",)


@pytest.mark.parametrize(
    ("progress", "drawn"),
    [(0.0, "····"), (0.5, "██··"), (1.0, "████"), (9.0, "████"), (-1.0, "····"), (math.nan, "····"),
     (0.999, "███▉")],
)  # fmt: skip
def test_a_bar_is_full_only_when_the_threshold_is_reached(progress: float, drawn: str) -> None:
    assert bar(progress, 4) == drawn


# --- table --------------------------------------------------------------------------------------


def last_cells(snapshot: Snapshot, **ui: Any) -> list[str]:
    return [row.cells[VERDICT].text for row in rows(view_of(snapshot, **ui))]


def test_the_column_is_a_difference_until_something_is_judged() -> None:
    assert last_cells(made_snapshot())[1] == "+63%"
    assert last_cells(judged(ALL_WORSE)) == ["baseline", "✗ WORSE"]
    assert last_cells(judged(OPEN)) == ["baseline", "… NOT YET"]


def test_trouble_comes_before_the_verdict_and_a_rolled_back_canary_keeps_its_own() -> None:
    made = judged(ALL_WORSE)
    broken = {**made.deployments, CANARY: replace(made.deployments[CANARY], unreachable="refused")}
    assert last_cells(replace(made, deployments=broken))[1] == "✗ no reach"
    assert last_cells(made, arrived_s=1.0, now_s=20.0)[1].startswith("?")
    back = {DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}}
    idle = {**made.deployments, CANARY: replace(made.deployments[CANARY], last_answer_s=100.0)}
    assert last_cells(replace(made, weights=back, deployments=idle))[1] == "✗ WORSE"
    assert last_cells(replace(judged(OPEN), weights=back, deployments=idle))[1] == "no traffic"


@pytest.mark.parametrize("size", SIZES)
async def test_the_verdict_stands_in_the_table_at_every_size(size: tuple[int, int]) -> None:
    async with cockpit(FakeControls(judged(ALL_WORSE)), size) as running:
        assert "VERDICT" in running.table[0]
        assert "✗ WORSE" in running.table[2]
        assert "WORSE" in running.banner
        assert "press r to send 100% to v1120" in running.banner
        assert "P95 655 vs 402 ms, +63%" in running.banner
        assert "limit +10%" in running.banner


# --- banner -------------------------------------------------------------------------------------


def test_worse_is_an_alarm_with_the_line_that_matters_most() -> None:
    shown = said(judged(ALL_WORSE))
    assert (shown.state, shown.severity) == ("WORSE", "alarm")
    for part in ("v0513 P95 655 vs 402 ms, +63% (+41…+88%)", "limit +10%", "n=980", "evidence 100%",
                 "for 00:40", "also filtered"):  # fmt: skip
        assert part in shown.figure
    assert shown.key == "press r to send 100% to v1120"


def test_worse_without_a_difference_leaves_it_out() -> None:
    rate = replace(WORSE_P95, label="errors", unit="%", difference_pct=None, difference_low_pct=None,
                   difference_high_pct=None)  # fmt: skip
    shown = said(judged((rate,)))
    for text in (shown.figure, *shown.shorter):
        assert "–" not in text
    assert shown.shorter[-1] == "errors 655%"


def test_worse_yields_only_to_stale_and_ends_with_the_traffic() -> None:
    assert said(judged(ALL_WORSE), arrived_s=0.0, now_s=20.0).parts[0].startswith("? STALE 20s  ✗ WORSE")
    back = {DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}}
    assert said(judged(ALL_WORSE, weights=back)).state == "RUNNING"


def test_ok_needs_every_criterion_of_every_canary_with_traffic() -> None:
    shown = said(judged(ALL_OK))
    assert (shown.state, shown.severity) == ("OK", "calm")
    assert shown.figure.startswith("v0513 OK on all 3 criteria, n=980 or more")
    assert said(judged(OPEN)).state == "RUNNING"
    assert said(judged((OK_P95, NO_P99))).state == "RUNNING"


def test_not_yet_says_how_long_beside_the_plain_comparison() -> None:
    shown = said(judged(OPEN))
    assert shown.state == "RUNNING"
    assert "NOT YET: P95 in 11-19 min at 10%, 4-7 min at 25%" in shown.figure
    assert "P95 655 ms vs 402 ms" in shown.figure
    assert shown.shorter[-1] == "NOT YET: 11-19 min at 10%"


@pytest.mark.parametrize(
    ("state", "tag"),
    [
        (PlanState.CLIMBING, "▶ RAMPING 10→25 in 00:40"),
        (PlanState.HELD, "❚❚ PLAN HELD"),
        (PlanState.GATE, "◇ GATE 10→25"),
        (PlanState.STOPPED, "■ PLAN STOPPED"),
        (PlanState.WATCHING, "◉ WATCHING 10%"),
        (PlanState.DONE, "✓ PLAN DONE"),
    ],
)
def test_the_plan_is_named_on_the_first_line(state: PlanState, tag: str) -> None:
    shown = said(made_snapshot(plans=(plan(CANARY, state=state),)))
    assert shown.parts[0].count(tag) == 1
    assert ("RUNNING" in shown.parts[0]) == (state not in (PlanState.CLIMBING, PlanState.GATE))


def test_a_gate_says_which_key_opens_it() -> None:
    shown = said(judged(ALL_OK, plans=(plan(CANARY, state=PlanState.GATE),)))
    assert shown.key == "press C to open the gate"
    assert "verdict OK" in shown.figure


def test_the_guard_stands_at_the_right_end_only_while_it_is_on() -> None:
    assert said(made_snapshot(guard=ARMED)).right[1] == "GUARD ARMED  production"
    assert said(made_snapshot(guard=GuardView("dry_run"))).right[1] == "GUARD DRY RUN  production"
    assert said(made_snapshot()).right == ("production/summarise 5m", "production")


# --- the screen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_verdict_screen_shows_every_criterion_live_and_esc_leaves(size: tuple[int, int]) -> None:
    controls = FakeControls(judged(OPEN, plans=(plan(CANARY),), guard=ARMED))
    async with cockpit(controls, size) as running:
        await running.press("v")
        screen = running.app.screen
        assert isinstance(screen, VerdictsScreen)
        text = screen.plain_text()
        for part in ("CRITERION", "→WORSE", "→OK", "P50 ms", "errors %", "cost $/1k USD*", "* advisory",
                     "+10%", "guard ARMED", "├", "frozen before"):  # fmt: skip
            assert part in " ".join(text.split()) or part in text
        assert all(len(line) <= size[0] for line in text.splitlines())
        controls.publish(verdicts={CANARY: ALL_WORSE})
        await running.settle()
        assert "✗ WORSE" in screen.plain_text()
        await running.press("j", "k", "G", "g", "escape")
        assert isinstance(running.app.screen, CockpitScreen)


EXPLAINED = (
    "of 412 neighbours that were slow, 96 were gpt4o-prod-v0513's where 41 were to be expected by chance; that"
    " happens to versions within +10% once in 12,000 runs"
)


@pytest.mark.parametrize("size", SIZES)
async def test_the_chosen_row_says_at_once_what_it_rests_on_and_enter_says_all_of_it(
    size: tuple[int, int],
) -> None:
    worse = replace(WORSE_P95, explained=EXPLAINED, note="evidence 1 in 12,000")
    thr = verdict("throttled", label="throttled", unit="%", advisory=True, explained="3 of 980 were throttled")
    async with cockpit(FakeControls(judged((OK_P50, worse, thr))), size) as running:
        await running.press("v")
        screen = running.app.screen
        assert isinstance(screen, VerdictsScreen)

        def strip() -> str:
            return " ".join(screen.query_one("#explained", Lines).plain_lines)

        # Nobody has chosen yet: what is WORSE comes first.
        assert strip().lstrip().startswith("P95  of 412 neighbours that were slow, 96 were v0513's where 41")
        height = screen.query_one("#explained", Lines).size.height
        assert height <= size[1] // 12
        await running.press("enter")
        whole = " ".join(strip().split())
        for part in ("once in 12,000 runs", "enter closes it", "evidence 1 in 12,000", "interval +41…+88%",
                     "limit +10%", "n 980/8820"):  # fmt: skip
            assert part in whole
        await running.press("down")
        assert "throttled … NOT YET" in strip()
        assert "to decide 11-19m at 10%, 4-7m at 25%, >3m at 50%" in " ".join(strip().split())
        await running.press("enter", "k", "up", "up", "up")
        assert strip().lstrip().startswith("P50")
        assert isinstance(running.app.screen, VerdictsScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_beyond_the_last_row_the_text_scrolls_and_comes_back(size: tuple[int, int]) -> None:
    rows = tuple(verdict(f"c{i}", label=f"c{i}") for i in range(30))
    async with cockpit(FakeControls(judged(rows)), size) as running:
        await running.press("v", *["j"] * 29)
        area = running.app.screen.query_one("#details")
        text = running.app.screen.query_one("#explained", Lines).plain_lines[0]
        assert text.lstrip().startswith("c29")
        at = area.scroll_offset.y
        await running.press("j", "j", "j")
        assert area.scroll_offset.y == min(at + 3, area.max_scroll_y)
        await running.press("g")
        assert running.app.screen.query_one("#explained", Lines).plain_lines[0].lstrip().startswith("c0")
        assert area.scroll_offset.y == 0


def test_a_row_without_evidence_says_why_and_a_long_sentence_ends_with_a_sign() -> None:
    dry = verdict(explained="", note="calibrating 120/300")
    assert [x.text for x in explained_lines(view_of(judged((dry,))), 77, None, 2, whole=False)] == [
        "P95  calibrating 120/300"
    ]
    long = verdict(explained="many words " * 40)
    lines = [x.text for x in explained_lines(view_of(judged((long,))), 77, None, 2, whole=False)]
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert all(len(line) <= 77 for line in lines)
    assert explained_lines(view_of(made_snapshot()), 77, None, 2, whole=True) == ()


def test_what_moves_nothing_paints_nothing_red() -> None:
    """An advisory WORSE is seen, but neither the row nor the canary is an alarm."""
    worse = replace(WORSE_P95, criterion="throttled", label="throttled", unit="%", advisory=True)
    lines = verdict_lines(view_of(judged((OK_P50, worse))), 117)
    assert [line.tone for line in lines if "WORSE" in line.text and "throttled" in line.text] == ["warn"]
    assert not any(line.tone == "alert" for line in lines)
    assert overall((OK_P50, worse)) is VerdictState.OK
    assert said(judged((OK_P50, worse))).state == "OK"


@pytest.mark.parametrize("row", CRITERION_ROWS)
@pytest.mark.parametrize("width", [77, 117, 197])
def test_every_criterion_has_its_whole_name_at_every_width(row: CriterionRow, width: int) -> None:
    shown = verdict(row.id, label=row.label, unit=row.unit, advisory=row.advisory)
    (line,) = [x.text for x in verdict_lines(view_of(judged((shown,))), width) if x.chosen]
    assert row.label + ("*" if row.advisory else "") in line or f"{row.label} {row.unit}*" in line
    assert "11-19m" in line
    assert "…" not in line.replace("… NOT YET", "").replace("-9…+19%", "")


def test_no_column_is_lost_on_a_small_terminal() -> None:
    narrow = "\n".join(line.text for line in verdict_lines(view_of(judged(ALL_WORSE)), 77))
    wide = "\n".join(line.text for line in verdict_lines(view_of(judged(ALL_WORSE)), 197))
    for part in ("+41…+88%", "+10%", "980/8820", "calibrating 640/1000", "431"):
        assert part in " ".join(narrow.split())
        assert part in wide


def shown_text(app: CanarytopApp) -> str:
    """The text of the screen that is shown, as it is copied."""
    screen = app.screen
    assert isinstance(screen, CockpitScreen | ScrollingScreen)
    return screen.plain_text()


def test_hostile_words_stay_on_one_harmless_line() -> None:
    bad = verdict(label="a\nb\x1b[31m" + "x" * 999, note="[@click=app.quit]" + "y" * 9999, limit="\n" * 50)
    lines = verdict_lines(view_of(judged((bad,))), 197)
    assert not any("\n" in line.text or "\x1b" in line.text for line in lines)
    assert all(len(line.text) <= 197 for line in lines)


async def test_the_ladder_opens_on_its_key_and_says_when_there_is_none() -> None:
    async with cockpit(FakeControls(made_snapshot(plans=(plan(CANARY),)))) as running:
        await running.press("L")
        assert shown_text(running.app).lstrip().startswith("PLAN  ▶ RAMPING 10→25")
    async with cockpit(FakeControls()) as running:
        await running.press("L", "H")
        assert "this rollout has no plan" in running.banner
        assert running.controls.calls == []


# --- plots, keys, prompts, files ----------------------------------------------------------------


def test_a_verdict_is_marked_on_every_plot_apart_from_shifts() -> None:
    snapshot = made_snapshot(
        events=(
            event(1, EventKind.SHIFTED, "x", 300.0),
            event(2, EventKind.VERDICT, "✓ OK", 340.0),
            event(3, EventKind.WORSE, "✗ WORSE", 350.0),
        )
    )
    for panel in panels(snapshot, "5m", (BASELINE, CANARY), 400.0).values():
        assert panel.spec.marks == ((-100.0, "shift"), (-50.0, "worse"))
        assert panel.spec.signs == ((-60.0, "✓"),)
        assert {"worse", "ok"} <= {entry.label for entry in panel.legend}
        drawn = "\n".join(plot_rows(panel.spec, 100, 12))
        assert "┃" in drawn
        assert drawn.count("✓") == 1


async def test_the_keys_of_guard_and_plan_give_their_commands() -> None:
    controls = FakeControls(judged(OPEN, plans=(plan(CANARY),)))
    async with cockpit(controls) as running:
        await running.press("a", "H", "C", "F", "H", "B")
        assert controls.calls == [
            "toggle_guard", "hold_plan", "resume_plan", "skip_step", "hold_plan", "retry_step",
        ]  # fmt: skip
        assert controls.current.guard.mode == "armed"
        assert (present(controls.current.plan).index, controls.canary_pct) == (2, 25.0)


async def test_climbing_on_while_worse_is_refused_with_the_reason() -> None:
    controls = FakeControls(judged(ALL_WORSE, plans=(plan(CANARY),)))
    controls.why_not_raise = "P95 is WORSE"
    async with cockpit(controls) as running:
        await running.press("F")
        assert "skip step refused: " in running.banner
        assert "P95 is WORSE" in running.banner
        assert controls.canary_pct == 10.0


async def test_read_only_leaves_looking_and_nothing_else() -> None:
    controls = FakeControls(judged(OPEN, plans=(plan(CANARY),)))
    async with cockpit(controls, read_only=True) as running:
        await running.press("a", "H", "C", "F", "B")
        assert controls.calls == []
        await running.press("v")
        assert isinstance(running.app.screen, VerdictsScreen)


async def test_prompt_and_dialog_say_the_time_to_decide() -> None:
    async with cockpit(FakeControls(judged(OPEN))) as running:
        await running.press("w", "2", "5")
        shown = running.app.screen.query_one(Prompt).query_one("#prompt-preview", Static).content
        assert "P95 verdict in 4-7m, ~1420 requests" in str(shown)
        await running.press("escape", "P")
        text = "\n".join(str(w.content) for w in running.app.screen.query(Static))
        assert "NOT YET: P95 in over 3 min at 50%" in text


def test_files_hold_the_verdicts() -> None:
    snapshot = judged((WORSE_P95, verdict(worse_progress=math.nan)))
    table = list(csv.DictReader(io.StringIO(verdicts_csv(snapshot))))
    assert [(r["deployment"], r["state"], r["difference_pct"]) for r in table] == [
        (CANARY, "worse", "63.0"), (CANARY, "not_yet", "4.7"),
    ]  # fmt: skip
    assert (table[1]["worse_progress"], table[1]["eta_s"], table[1]["eta_high_s"]) == ("", "660.0", "1140.0")
    assert json.loads(state_json(snapshot))["verdicts"][CANARY][0]["state"] == "worse"


async def test_details_name_the_verdicts() -> None:
    async with cockpit(FakeControls(judged(ALL_WORSE))) as running:
        await running.press("enter")
        assert "✗ WORSE   P95" in shown_text(running.app)
