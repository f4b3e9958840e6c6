"""The samples screens, driven by real keys."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.cockpit_driver import Cockpit, cockpit
from tests.support.cockpit_fakes import BASELINE, CANARY, FakeControls
from tests.support.replay_fakes import FakePlayer
from tests.support.sample_fakes import MAIL, NEW, OLD, answer, human, judged, many, pair, sample
from tui.cockpit.scoring import in_blind_order
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.screens.sample import SampleScreen
from tui.cockpit.screens.sample_filter import SampleFilterScreen
from tui.cockpit.screens.samples import SamplesScreen
from tui.cockpit.widgets.lines import Lines
from tui.cockpit.widgets.prompt import Prompt
from tui.grading import read_task_file
from tui.model import FilterHits, OutcomeKind, Sample

RUN = "run-1"
FAILED = answer(kind=OutcomeKind.TIMEOUT, text="", latency_ms=None, error=f"no answer from {BASELINE} in 60 s")


def fake(*samples: Sample) -> FakeControls:
    controls = FakeControls()
    controls.sampled = samples
    return controls


def text(c: Cockpit) -> str:
    screen = c.app.screen_stack[-1]
    assert isinstance(screen, SamplesScreen | SampleScreen)
    return screen.plain_text()


def cursor(c: Cockpit) -> str:
    """The id of the row under the cursor."""
    rows = [line for line in text(c).splitlines() if "❯" in line]
    assert len(rows) == 1
    return rows[0].split()[1]


def letters(one: Sample) -> tuple[str, str]:
    """The deployments of A and B."""
    first, second = in_blind_order(one, RUN)
    return first.deployment, second.deployment


def new_sample(c: Cockpit, one: Sample) -> None:
    c.controls.sampled = (*c.controls.sampled, one)
    c.controls.publish()


# --- the list -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36), (200, 60)])
async def test_the_newest_sample_is_on_top_and_every_row_fits(size: tuple[int, int]) -> None:
    async with cockpit(fake(*many(200)), size) as c:
        await c.press("i")
        lines = text(c).splitlines()
        assert lines[0].strip() == "200 of 200 samples"
        assert cursor(c) == "#200"
        assert all(len(line) <= size[0] for line in lines)
        await c.press("G")
        assert cursor(c) == "#1"
        await c.press("k", "g", "j", "j")
        assert cursor(c) == "#198"
        await c.press("escape")
        assert isinstance(c.app.screen, CockpitScreen)


async def test_what_is_new_comes_on_top_until_somebody_moves_and_then_moves_no_row() -> None:
    async with cockpit(fake(*many(40))) as c:
        await c.press("i")
        new_sample(c, sample(41))
        await c.settle()
        assert cursor(c) == "#41"
        await c.press("j")
        before = text(c).splitlines()[2:]
        new_sample(c, sample(42))
        await c.settle()
        assert text(c).splitlines()[2:] == before
        assert "↑ 1 above" in text(c)
        await c.press("g")
        assert cursor(c) == "#42"


async def test_a_frozen_picture_gets_no_new_samples() -> None:
    async with cockpit(fake(sample(1))) as c:
        await c.press("i", "space")
        new_sample(c, sample(500))
        await c.settle()
        assert "#500" not in text(c)
        await c.press("space")
        assert "#500" in text(c)


async def test_keys_that_come_all_at_once_open_the_row_they_went_to() -> None:
    async with cockpit(fake(*many(40))) as c:
        await c.press_at_once("ijjj\n")
        assert "#37 " in text(c)


async def test_filters_are_combined_and_shown_in_one_line() -> None:
    samples = (
        sample(1),
        sample(2, FAILED),
        pair(3, judged=judged(5, 2)),
        sample(4, replace(FAILED, deployment=CANARY)),
        sample(5, answer(filters=FilterHits(("completion:hate",)))),
    )
    async with cockpit(fake(*samples)) as c:
        await c.press("i", "f")
        assert isinstance(c.app.screen, SampleFilterScreen)
        await c.press("e")
        assert (
            "2 of 5 samples  error" in c.app.screen_stack[-2].query_one("#samples-head", Lines).plain_lines[0]
        )
        await c.press("v", "v", "escape")
        assert "1 of 5 samples  version v0513  error" in text(c)
        assert cursor(c) == "#4"
        await c.press("f", "0", "b", "f")
        assert "1 of 5 samples  filtered" in text(c)
        await c.press("f", "b", "d", "escape")
        assert "1 of 5 samples  judge disagrees" in text(c)
        await c.press("f", "d", "j", "j", "space", "escape")
        assert "judge disagrees" not in text(c)
        await c.press("f", "0", "s", "escape")
        assert "0 of 5 samples  slow (P95 1204 ms)" in text(c)
        assert "no sample fits: f changes the filter, / the text" in text(c)


async def test_a_text_is_searched_and_escape_lists_all_again() -> None:
    async with cockpit(fake(sample(1, answer(text="Zeppelin")), sample(2))) as c:
        await c.press("i", "slash", *"zEPP", "enter")
        assert '1 of 2 samples  "zEPP"' in text(c)
        await c.press("slash", "escape")
        assert '"zEPP"' in text(c)
        await c.press("enter", "slash", *"ail", "enter")
        assert '0 of 2 samples  "zEPPail"' in text(c) or '"ail"' in text(c)
        await c.press("escape")
        assert text(c).splitlines()[0].strip() == "2 of 2 samples"
        assert isinstance(c.app.screen, SamplesScreen)


async def test_without_samples_the_reason_is_said() -> None:
    controls = fake()
    controls.note = "this rollout keeps no samples: add [samples]"
    async with cockpit(controls) as c:
        await c.press("i")
        assert "this rollout keeps no samples: add [samples]" in text(c)
        await c.press("enter", "e")
        assert isinstance(c.app.screen, SamplesScreen)
        controls.note = ""
        controls.publish()
        await c.settle()
        assert "no sample is kept yet" in text(c)


async def test_a_recording_says_that_it_has_none() -> None:
    player = FakePlayer()
    player.note = "a recording has no samples"
    async with cockpit(player, player=player) as c:
        await c.press("i")
        assert "a recording has no samples" in text(c)
        await c.press("f")
        assert "this is a recording: filter is for a live run" in c.banner


# --- one sample ---------------------------------------------------------------------------------


async def test_two_answers_stand_side_by_side_with_the_words_marked_that_differ() -> None:
    one = pair(7, old="sent on Monday to you", new="sent on Tuesday to you", judged=judged(5, 2))
    async with cockpit(fake(one)) as c:
        await c.press("i", "enter", "b")
        shown = text(c)
        assert "Summarise the e-mail" in shown
        assert "Monday to you" in shown
        [row] = [line for line in shown.splitlines() if "Monday" in line]
        assert "│" in row
        assert "Tuesday" in row
        area = c.app.screen.query_one("#sample-text", Lines)
        content = next(line for line in area._lines if "Monday" in line.plain)
        marked = {content.plain[s.start : s.end] for s in content.spans if "underline" in str(s.style)}
        assert marked == {"Monday", "Tuesday"}
        for said in ("812 ms", "1204 ms", "TTFT 210 ms", "250+70 tokens", "$0.000131", "finish stop",
                     "judge 5", "judge 2", "is better", "keeps the date"):  # fmt: skip
            assert said in shown


async def test_what_an_answer_did_not_report_is_unknown_and_its_cost_an_estimate() -> None:
    made = pair(7)
    old, new = made.answers
    new = replace(new, usage=None, cost_estimated=True, answer_ttft_ms=640.0)
    async with cockpit(fake(replace(made, answers=(old, new))), (120, 36)) as c:
        await c.press("i")
        [row] = [line for line in text(c).splitlines() if "#7" in line]
        await c.press("enter", "b")
        shown = text(c)
    assert "320" in row, "of a pair the greater one that is known"
    for said in (
        "TTFT 210 ms",
        "first of answer 640 ms",
        "? tokens",
        "~$0.000131",
        "250+70 tokens",
        "$0.001325",
    ):
        assert said in shown
    assert shown.count("first of answer") == shown.count("~$") == 1


async def test_on_a_narrow_screen_one_answer_is_below_the_other_and_the_cursor_brings_it_into_view() -> None:
    one = pair(7, old="old\n" * 100, new="new\n" * 100)
    async with cockpit(fake(one), (80, 24)) as c:
        await c.press("i", "enter")
        first, second = (a.text[:3] for a in in_blind_order(one, RUN))
        assert first in text(c)
        assert f"\n {second}" not in text(c)
        await c.press("l")
        assert "❯ answer B" in text(c)
        assert f"\n {second}" in text(c)
        await c.press("h", "G")
        assert f"\n {second}" in text(c)
        await c.press("g")
        assert "Summarise" in text(c)


async def test_a_prompt_is_folded_until_it_is_asked_for() -> None:
    turns = tuple({"role": "user", "content": f"turn {i}"} for i in range(30))
    long = sample(1, messages=(*turns, {"role": "user", "content": MAIL}))
    async with cockpit(fake(long), (120, 60)) as c:
        await c.press("i", "enter")
        assert "29 more messages" in text(c)
        assert "turn 4" not in text(c)
        await c.press("enter")
        assert "turn 4" in text(c)
        await c.press("G")
        assert OLD[:40] in text(c)


async def test_texts_of_models_are_shown_as_they_are_and_harmless() -> None:
    evil = "[b]\x1b[31mred[/b] \u202egnp.exe [@click=app.quit]x[/] \x07\u200b漢字\t|"
    one = sample(1, answer(text=evil), messages=({"role": "user", "content": evil},), task="[/x]\x1b")
    async with cockpit(fake(one)) as c:
        await c.press("i")
        assert "\\x1b[31mred[/b]" in text(c)
        await c.press("enter")
        assert (
            text(c).count("[b]\\x1b[31mred[/b] \\u202egnp.exe [@click=app.quit]x[/] \\x07\\u200b漢字    |") == 2
        )
        assert "\x1b" not in c.app.export_screenshot()


async def test_a_megabyte_is_laid_out_in_pieces_and_its_end_is_reached() -> None:
    words = " ".join(f"w{i}" for i in range(140_000))
    async with cockpit(fake(pair(1, old=words, new=words + " last"))) as c:
        await c.press("i", "enter")
        assert "words compared in the beginning only" in text(c)
        await c.press("G")
        for _ in range(5000):
            if " last" in text(c):
                break
            await c.settle()
        assert "w139999" in text(c)
        await c.press("g")
        assert "w0 w1" in text(c)


async def test_a_sample_that_is_no_longer_kept_stays_on_the_screen() -> None:
    async with cockpit(fake(sample(1), sample(2))) as c:
        await c.press("i", "enter")
        c.controls.sampled = c.controls.sampled[:1]
        c.controls.publish()
        await c.settle()
        assert "#2 " in text(c)
        assert "no longer kept" in text(c)
        await c.press("4")
        assert "score of #2 refused: sample 2 is no longer kept" in c.banner


# --- scoring ------------------------------------------------------------------------------------


async def test_scores_are_blind_and_lead_from_one_answer_to_the_next() -> None:
    two, one = pair(2, judged=judged(5, 2)), pair(1, judged=judged(4, 4))
    async with cockpit(fake(one, two)) as c:
        await c.press("i", "enter")
        for hidden in ("v1120", "v0513", "812", "1204", "judge 5", "keeps the date", "$0.00"):
            assert hidden not in text(c)
        assert "BLIND" in text(c)
        assert "❯ answer A" in text(c)
        await c.press("4")
        assert "❯ answer B" in text(c)
        assert "#2 answer A scored 4" in c.banner
        assert "v0513" not in text(c)
        await c.press("2")
        assert "#1 " in text(c)
        first, second = letters(two)
        assert c.controls.calls == [f"score 2 {first} 4", f"score 2 {second} 2"]
        scores = c.controls.sampled[1].human
        assert {name: (s.value, s.blind, s.by) for name, s in scores.items()} == {
            first: (4, True, "user"),
            second: (2, True, "user"),
        }
        await c.press("N")
        assert "812 ms" in text(c)
        assert BASELINE in text(c)
        await c.press("5")
        assert not c.controls.sampled[1].human[first].blind


async def test_scores_that_are_typed_ahead_go_where_they_would_have_gone() -> None:
    samples = (pair(1), pair(2))
    async with cockpit(fake(*samples)) as c:
        await c.press_at_once("i\n4235")
        two, one = letters(samples[1]), letters(samples[0])
        assert c.controls.calls == [
            f"score 2 {two[0]} 4", f"score 2 {two[1]} 2", f"score 1 {one[0]} 3", f"score 1 {one[1]} 5",
        ]  # fmt: skip
        assert "no other sample of the list is without a score" in c.banner


async def test_whoever_reveals_scores_no_longer_blind() -> None:
    async with cockpit(fake(pair(1), pair(2))) as c:
        await c.press("i", "enter", "b")
        assert "versions shown" in text(c)
        assert CANARY in text(c)
        await c.press("3", "b", "3")
        assert [s.blind for s in c.controls.sampled[1].human.values()] == [False, False]
        assert "BLIND" in text(c)
        await c.press("3")
        assert [s.blind for s in c.controls.sampled[0].human.values()] == [True]


async def test_a_single_answer_whose_version_the_list_has_shown_is_not_blind() -> None:
    async with cockpit(fake(sample(1), sample(2))) as c:
        await c.press("i", "enter", "3")
        assert not c.controls.sampled[1].human[BASELINE].blind
    async with cockpit(fake(sample(1))) as c:
        c.controls.sampled = tuple[Sample, ...]()
        await c.press("i", "f", "u", "escape")
        new_sample(c, sample(2))
        await c.settle()
        assert "v1120" not in text(c).splitlines()[2]
        await c.press("enter", "3")
        [shown] = c.controls.sampled
        assert shown.human[BASELINE].blind


async def test_a_score_is_taken_back_and_one_before_it_returns() -> None:
    one = pair(1)
    first, second = letters(one)
    async with cockpit(fake(one, sample(2, FAILED))) as c:
        await c.press("i", "j", "enter", "4", "2", "U")
        assert "❯ answer B" in text(c)
        assert set(c.controls.sampled[0].human) == {first}
        await c.press("h", "5", "U")
        assert c.controls.sampled[0].human[first].value == 4
        assert "your score before it, 4, is back" in c.banner
        await c.press("backspace", "U")
        assert c.controls.sampled[0].human == {}
        assert "nothing to take back" in c.banner
        assert c.controls.calls[-1] == f"unscore 1 {first}"
        assert second


async def test_the_score_of_somebody_else_is_not_given_in_ones_own_name() -> None:
    one = pair(1, human={name: human(2, by="ana") for name in (BASELINE, CANARY)})
    async with cockpit(fake(one)) as c:
        await c.press("i", "enter", "5", "U")
        assert c.controls.calls[-1].startswith("unscore 1")
        assert "the score of ana before it is not brought back" in c.banner


async def test_a_refused_score_is_said_and_nothing_is_left_to_take_back() -> None:
    controls = fake(pair(1))
    controls.why_not_score = "the run record cannot be written"
    async with cockpit(controls) as c:
        await c.press("i", "enter", "4")
        assert "score of #1 refused: the run record cannot be written" in c.banner
        assert "score 4" not in text(c)
        await c.press("U")
        assert "nothing to take back" in c.banner


async def test_a_note_goes_with_the_score_before_or_after_it() -> None:
    one = pair(1)
    first, second = letters(one)
    async with cockpit(fake(one)) as c:
        await c.press("i", "enter", "c", *"vague", "enter")
        assert "note for it: vague" in text(c)
        await c.press("3", "4")
        assert c.controls.sampled[0].human[first].note == "vague"
        await c.press("l", "c", *"4 of 5", "enter")
        noted = c.controls.sampled[0].human[second]
        assert (noted.value, noted.note, noted.blind) == (4, "4 of 5", True)
        await c.press("c")
        assert c.app.screen.query_one(Prompt).asking
        await c.press("5", "escape")
        assert c.controls.sampled[0].human[second].value == 4


async def test_skipping_goes_round_and_leaves_no_score() -> None:
    async with cockpit(fake(pair(1), sample(2, FAILED), pair(3))) as c:
        await c.press("i", "enter", "0")
        assert "#1 " in text(c)
        await c.press("0")
        assert "#3 " in text(c)
        await c.press("n")
        assert "#2 " in text(c)
        await c.press("4")
        assert "#2 has no text: there is nothing to score" in c.banner
        await c.press("n", "n")
        assert "this is the last sample of the list" in c.banner
        assert c.controls.calls == []


async def test_in_the_queue_what_is_scored_leaves_and_the_next_one_comes() -> None:
    async with cockpit(fake(*(pair(i) for i in range(1, 6)))) as c:
        await c.press("i", "f", "u", "escape", "enter", "4", "4", "3", "3")
        assert "#3 " in text(c)
        assert "1 of 3" in text(c)
        await c.press("escape")
        assert cursor(c) == "#3"


async def test_read_only_shows_everything_and_scores_nothing() -> None:
    async with cockpit(fake(pair(1)), read_only=True) as c:
        await c.press("i", "enter")
        assert BASELINE in text(c)
        assert "read-only: nothing is scored here" in text(c)
        await c.press("4")
        assert "read-only: score 4 is off; start without --read-only to score" in c.banner
        assert c.controls.calls == []


async def test_the_error_of_a_blind_sample_does_not_name_the_version() -> None:
    async with cockpit(fake(pair(1, answers=(FAILED, answer(CANARY, NEW))))) as c:
        await c.press("i", "enter")
        assert "✗ timeout" in text(c)
        assert BASELINE not in text(c)
        await c.press("b")
        assert "no answer from" in text(c)


async def test_rolling_back_acts_here_and_scores_do_not_elsewhere() -> None:
    async with cockpit(fake(pair(1))) as c:
        await c.press("i", "1", "r", "enter", "r", "escape", "escape", "5")
        assert c.controls.calls == ["roll_back", "roll_back"]


async def test_keys_of_the_samples_can_be_changed() -> None:
    async with cockpit(fake(pair(1)), settings={"keys": {"score_4": "f4", "samples": "I"}}) as c:
        await c.press("I", "enter", "4", "f4")
        assert [call[-1] for call in c.controls.calls] == ["4"]


# --- copying and keeping ------------------------------------------------------------------------


def copied(c: Cockpit) -> str:
    return c.app.clipboard


async def test_the_chosen_answer_and_the_prompt_are_copied() -> None:
    one = pair(1, old="old\x1b[0m", new="new")
    async with cockpit(fake(one)) as c:
        await c.press("i", "enter", "y")
        shown = {BASELINE: "old\\x1b[0m", CANARY: "new"}
        first, second = letters(one)
        assert copied(c) == shown[first]
        await c.press("l", "y")
        assert copied(c) == shown[second]
        assert f"copied #1 answer B, {len(shown[second])} characters" in c.banner
        await c.press("Y")
        assert copied(c) == f"system:\n{one.messages[0]['content']}\n\nuser:\n{MAIL}"
        await c.press("escape", "y")
        assert copied(c).startswith(" 1 of 1 sample")


async def test_no_more_is_copied_than_terminals_take() -> None:
    async with cockpit(fake(sample(1, answer(text="é" * 60_000)))) as c:
        await c.press("i", "enter", "y")
        assert len(base64.b64encode(copied(c).encode())) < 100_000
        assert "copied the first 37,000 of 60,000 characters" in c.banner


async def test_what_is_listed_becomes_a_task_file_after_a_warning(tmp_path: Path) -> None:
    samples = (sample(1), sample(2, FAILED), sample(3, answer(text="Yes"), expected="Yes", match="yesno"))
    async with cockpit(fake(*samples), export_folder=tmp_path) as c:
        await c.press("i", "slash", *"crane", "enter", "e")
        assert "export writes the texts of 3 samples to disk" in c.banner
        assert list(tmp_path.iterdir()) == []
        await c.press("e")
        await c.app.workers.wait_for_complete()
        await c.settle()
        [path] = tmp_path.iterdir()
        assert [item.match for item in read_task_file(path).items] == ["yesno", "reference"]
        assert f"exported 2 samples: {path}"[:60] in c.banner
        assert f"1 without a known answer refer to that of {BASELINE}" in c.log
        await c.press("escape", "e")
        await c.app.workers.wait_for_complete()
        await c.settle()
        assert len(list(tmp_path.iterdir())) == 2


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with cockpit(fake(sample(1)), export_folder=Path(tmp_path / "file")) as c:
        await c.press("i", "e", "e")
        await c.app.workers.wait_for_complete()
        await c.settle()
        assert "export failed" in c.banner
