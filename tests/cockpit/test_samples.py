"""Which samples are listed, what hides their versions, and the task file that they become."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.cockpit_fakes import BASELINE, CANARY, made_snapshot
from tests.support.sample_fakes import answer, human, judged, many, pair, sample
from tui.cockpit.sample_files import write_task_file
from tui.cockpit.sample_filters import (
    SampleChoices,
    SampleFilter,
    disagreement,
    fits,
    has_text,
    message_text,
    p95_ms,
)
from tui.cockpit.sample_list import Listing
from tui.cockpit.scoring import Scored, Scoring, can_be_scored, in_blind_order
from tui.cockpit.text.format import short_names
from tui.cockpit.text.samples import answer_state, sample_row
from tui.cockpit.ui_state import UiState, View
from tui.grading import read_task_file
from tui.model import TIE, FilterHits, Grade, Mark, OutcomeKind, Sample

RIGHT, WRONG = Grade(Mark.RIGHT, "Yes", ""), Grade(Mark.WRONG, "No", "")
FOR_JUDGE = Grade(Mark.FOR_JUDGE, "", "")


def view_of(wanted: SampleFilter = SampleFilter(), task: str | None = None, **choices: Any) -> View:  # noqa: B008
    snapshot = made_snapshot()
    ui = UiState(samples=SampleChoices(wanted, **choices), task=task)
    return View(snapshot, ui, short_names(list(snapshot.deployments)))


def ids(samples: tuple[Sample, ...], scoring: Scoring | None = None, **wanted: Any) -> list[int]:
    listing = Listing(lambda: samples, scoring or Scoring())
    return [s.id for s in listing.listed(view_of(SampleFilter(**wanted))).rows]


FAILED = answer(kind=OutcomeKind.TIMEOUT, text="", latency_ms=None, error="no answer in 60 s")

LIMITED = answer(kind=OutcomeKind.RATE_LIMITED, text="", latency_ms=None, error="HTTP 429")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (OutcomeKind.RATE_LIMITED, "▲ rate limited"),
        (OutcomeKind.QUOTA_EXHAUSTED, "▲ quota exhausted"),
        (OutcomeKind.TIMEOUT, "✗ timeout"),
        (OutcomeKind.CLIENT_SATURATED, "– client saturated"),
        (OutcomeKind.CANCELLED, "– cancelled"),
    ],
)
def test_every_end_without_an_answer_has_its_word(kind: OutcomeKind, said: str) -> None:
    assert answer_state(answer(kind=kind, text=""))[1] == said


# --- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "inside", "outside"),
    [
        ({"error": True}, sample(1, FAILED), sample()),
        ({"throttled": True}, sample(1, LIMITED), sample(1, FAILED)),
        ({"throttled": True}, sample(1, answer(kind=OutcomeKind.QUOTA_EXHAUSTED, text="")), sample()),
        ({"error": True}, sample(1, FAILED), sample(1, LIMITED)),
        ({"filtered": True}, sample(1, answer(kind=OutcomeKind.PROMPT_FILTERED, text="")), sample(1, FAILED)),
        ({"filtered": True}, sample(1, answer(filters=FilterHits(("completion:hate",)))), sample()),
        ({"wrong": True}, sample(1, answer(grade=WRONG)), sample(1, answer(grade=RIGHT))),
        ({"wrong": True}, sample(1, answer(grade=Grade(Mark.UNGRADED, "", ""))), sample()),
        ({"wrong": True}, sample(1, answer(grade=WRONG)), sample(1, answer(grade=FOR_JUDGE))),
        ({"version": CANARY}, pair(), sample()),
        ({"version": CANARY, "error": True}, sample(1, answer(), replace(FAILED, deployment=CANARY)),
         sample(1, FAILED, answer(CANARY))),
        ({"disagrees": True}, pair(judged=judged(5, 2)), pair(judged=judged(5, 4))),
        ({"disagrees": True, "wrong": True}, pair(judged=judged(5, 2), answers=(answer(grade=WRONG),)),
         pair(judged=judged(5, 2))),
    ],
)  # fmt: skip
def test_all_that_is_asked_for_must_hold(wanted: dict[str, Any], inside: Sample, outside: Sample) -> None:
    assert fits(inside, SampleFilter(**wanted))
    assert not fits(outside, SampleFilter(**wanted))


def test_the_judge_is_contradicted_by_two_points_or_by_the_other_preference() -> None:
    both = {BASELINE: human(5), CANARY: human(2)}
    assert disagreement(pair(judged=judged(4, 4), human=both)) == (2, 2.0)
    assert disagreement(pair(judged=judged(4, 3), human={BASELINE: human(3), CANARY: human(4)})) == (2, 1.0)
    assert disagreement(pair(judged=judged(5, 2.5), human={BASELINE: human(5)})) == (1, 2.5)
    assert disagreement(pair(judged=judged(4, 3), human={BASELINE: human(4), CANARY: human(3)})) is None
    assert disagreement(pair(judged=judged(3, 3), human={BASELINE: human(4), CANARY: human(3)})) is None
    assert disagreement(pair(judged=judged(5, 1, failed="no JSON"), human=both)) is None
    assert disagreement(pair(human=both)) is None
    assert judged(3, 3).better == TIE


def test_where_the_judge_disagrees_the_worst_stands_first() -> None:
    samples = (
        pair(1, judged=judged(5, 2)),
        pair(2, judged=judged(4, 4), human={BASELINE: human(2)}),
        pair(3, judged=judged(5, 5), human={CANARY: human(1)}),
        pair(4, judged=judged(5, 1)),
        pair(5, judged=judged(4, 4)),
    )
    assert ids(samples, disagrees=True) == [3, 2, 4, 1]


def test_the_queue_has_judged_pairs_first_then_pairs_then_single_answers_and_the_newest_of_each() -> None:
    samples = (
        pair(1, judged=judged(4, 4)),
        pair(2),
        sample(3),
        pair(4, judged=judged(4, 4)),
        pair(5, human={BASELINE: human(4), CANARY: human(4)}),
        pair(6, human={BASELINE: human(4)}),
        sample(7, FAILED),
        pair(8, judged=judged(4, 4, failed="no JSON")),
    )
    assert ids(samples, unscored=True) == [4, 1, 8, 6, 2, 3]
    scoring = Scoring()
    scoring.begin(Scored(3, BASELINE), 4)
    assert 3 not in ids(samples, scoring, unscored=True)


def test_slow_is_above_the_p95_of_what_else_is_listed() -> None:
    samples = tuple(sample(i, answer(latency_ms=float(i))) for i in range(1, 101))
    assert p95_ms(samples, None) == 95.0
    assert ids(samples, slow=True) == [100, 99, 98, 97, 96]
    late = (*samples, pair(200), sample(201, answer(CANARY, latency_ms=5.0)))
    assert ids(late, slow=True, version=CANARY) == []
    assert ids((*late, sample(202, answer(CANARY, latency_ms=9000.0))), slow=True, error=True) == []


def test_text_is_found_in_prompt_and_answers_in_upper_and_lower_case() -> None:
    samples = (sample(1, answer(text="Die STRASSE ist gesperrt")), sample(2), pair(3, new="Crane Ä"))
    assert ids(samples, text="straße") == [1]
    assert ids(samples, text="BILBAO") == [3, 2, 1]
    assert ids(samples, text="crane ä") == [3]
    assert not has_text(sample(), "zeppelin")


def test_a_search_goes_on_where_it_has_stopped() -> None:
    now = iter(range(10**6))
    samples = tuple(sample(i, answer(text=f"x{i}")) for i in range(1, 51))
    listing = Listing(lambda: samples, Scoring(), clock=lambda: next(now) * 0.02)
    view = view_of(SampleFilter(text="x50"))
    assert listing.listed(view).unsearched > 0
    for _ in range(60):
        listing.search_on(view)
    assert [s.id for s in listing.listed(view).rows] == [50]
    assert listing.listed(view).unsearched == 0


def test_a_list_is_made_again_only_when_something_has_changed() -> None:
    samples = many(50)
    listing = Listing(lambda: samples, Scoring())
    assert listing.listed(view_of()) is listing.listed(view_of())
    assert listing.listed(view_of(task="contract_analysis")) is not listing.listed(view_of())
    assert {s.task for s in listing.listed(view_of(task="contract_analysis")).rows} == {"contract_analysis"}
    before = listing.listed(view_of())
    samples = (*samples, sample(99))
    assert listing.listed(view_of()) is not before
    assert listing.listed(view_of()).rows[0].id == 99
    assert listing.find(99) is samples[-1]
    assert listing.find(1000) is None


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "plain"}, "plain"),
        ({"content": [{"type": "text", "text": "one"}, {"type": "image_url"}, 7]}, "one\n[image_url]\n"),
        (
            {"content": None, "tool_calls": [{"function": {"name": "pay", "arguments": "{}"}}]},
            "[calls pay({})]",
        ),
        ({"content": 7, "tool_calls": [None, {"function": None}]}, ""),
        ({}, ""),
    ],
)
def test_every_message_has_a_text(message: dict[str, Any], text: str) -> None:
    assert message_text(message) == text


# --- blind --------------------------------------------------------------------------------------


def test_the_order_of_a_and_b_is_stable_and_tells_nothing_of_the_version() -> None:
    first = [in_blind_order(pair(i), "run-1")[0].deployment for i in range(400)]
    assert first == [in_blind_order(pair(i), "run-1")[0].deployment for i in range(400)]
    assert 160 < first.count(CANARY) < 240
    assert first != [in_blind_order(pair(i), "run-2")[0].deployment for i in range(400)]


def test_versions_are_hidden_until_everything_is_scored_or_they_were_seen() -> None:
    scoring = Scoring()

    def hidden(one: Sample, read_only: bool = False, **choices: Any) -> bool:
        return scoring.hidden(one, SampleChoices(**choices), read_only=read_only)

    assert hidden(pair())
    assert hidden(pair(human={BASELINE: human(3)}))
    assert not hidden(pair(human={BASELINE: human(3), CANARY: human(3)}))
    assert not hidden(pair(), blind=False)
    assert not hidden(pair(), read_only=True)
    assert not hidden(pair(), filter=SampleFilter(version=CANARY))
    assert not hidden(sample(2, FAILED))
    scoring.begin(Scored(1, BASELINE), 3)
    scoring.begin(Scored(1, CANARY), 3)
    assert not hidden(pair())
    scoring.end(Scored(1, BASELINE), 3)
    assert hidden(pair())
    scoring.show(pair())
    assert not hidden(pair())


def test_a_score_under_way_counts_until_the_engine_has_answered() -> None:
    scoring, one, scored = Scoring(), pair(human={CANARY: human(2)}), Scored(1, CANARY)
    assert (scoring.value(one, CANARY), scoring.value(one, BASELINE)) == (2, None)
    scoring.begin(scored, 5)
    scoring.begin(scored, 4)
    scoring.end(scored, 5)
    assert scoring.value(one, CANARY) == 4
    scoring.begin(scored, None)
    assert scoring.value(one, CANARY) is None
    scoring.end(scored, None)
    assert scoring.value(one, CANARY) == 2
    assert not can_be_scored(FAILED)
    assert not can_be_scored(answer(text=""))


@pytest.mark.parametrize("width", [60, 78, 118, 198])
def test_the_row_of_a_blind_pair_says_the_same_whichever_version_answered_what(width: int) -> None:
    one = pair(judged=judged(5, 1))
    old, new = one.answers
    swapped = replace(
        one,
        answers=(replace(new, deployment=BASELINE), replace(old, deployment=CANARY)),
        judged=judged(1, 5),
    )
    rows = [sample_row(s, view_of(), Scoring(), width, chosen=False).text for s in (one, swapped)]
    assert rows[0] == rows[1]
    shown = [sample_row(s, view_of(blind=False), Scoring(), width, chosen=False).text for s in (one, swapped)]
    assert width < 118 or shown[0] != shown[1]


def test_in_the_queue_a_single_answer_names_no_version() -> None:
    listed = sample_row(sample(), view_of(), Scoring(), 118, chosen=True).text
    queued = sample_row(sample(), view_of(SampleFilter(unscored=True)), Scoring(), 118, chosen=True).text
    assert "v1120" in listed
    assert "812" in listed
    assert "v1120" not in queued
    assert "812" not in queued


# --- the task file ------------------------------------------------------------------------------


def test_what_is_exported_is_a_task_file(tmp_path: Path) -> None:
    samples = (
        sample(1, answer(text="Yes."), expected="Yes", match="yesno"),
        pair(2, human={CANARY: human(2, note="loses the question")}, judged=judged(5, 2)),
    )
    written = write_task_file(tmp_path / "new", made_snapshot(), samples)
    assert written.path is not None
    assert (written.items, written.references, written.left_out) == (2, 1, {})
    assert written.path.stat().st_mode & 0o777 == 0o600
    read = read_task_file(written.path)
    assert read.bad_count == 0
    known, kept = read.items
    assert (known.id, known.task, known.expected, known.match) == (
        "run-1-1",
        "email_summarisation",
        "Yes",
        "yesno",
    )
    assert (kept.expected, kept.match) == (samples[1].answers[0].text, "reference")
    assert kept.messages == samples[1].messages
    assert kept.more["reference_of"] == BASELINE
    assert kept.more["answers"][CANARY]["text"] == samples[1].answers[1].text
    assert kept.more["scores"] == {
        CANARY: {"value": 2, "by": "user", "note": "loses the question", "blind": True}
    }


def test_no_file_is_overwritten_and_none_is_written_for_nothing(tmp_path: Path) -> None:
    paths = {write_task_file(tmp_path, made_snapshot(), (sample(),)).path for _ in range(3)}
    assert {path.name for path in paths if path} == {
        "run-1-samples-20261123T140640Z.jsonl",
        "run-1-samples-20261123T140640Z-2.jsonl",
        "run-1-samples-20261123T140640Z-3.jsonl",
    }
    written = write_task_file(tmp_path / "empty", made_snapshot(), (sample(1, answer(CANARY)),))
    assert written.path is None
    assert written.left_out == {"no expected answer is known, and none of the baseline's": 1}
    assert not (tmp_path / "empty").exists()


def test_what_a_task_file_cannot_hold_is_left_out_with_the_reason(tmp_path: Path) -> None:
    samples = (
        sample(1),
        sample(2, answer(text="half \ud800")),
        sample(3, messages=({"role": "user", "content": [{"type": "image_url"}]},)),
        sample(4, answer(text="x" * 1_100_000)),
        sample(5, answer(), answer(CANARY, "y" * 4_200_000)),
        sample(6, expected="maybe", match="yesno"),
        sample(7, messages=()),
    )
    written = write_task_file(tmp_path, made_snapshot(), samples)
    assert written.path is not None
    assert written.left_out is not None
    assert sum(written.left_out.values()) == 5
    read = read_task_file(written.path)
    assert [item.id for item in read.items] == ["run-1-1", "run-1-5"]
    assert "answers" not in read.items[1].more
    assert all(json.loads(line) for line in Path(written.path).read_text().splitlines())
