"""What is asked of both versions beside the traffic: counted as money and as pairs, and as nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.engine_runs import NEW, OLD, kinds, left_by, total
from tests.support.quality_runs import JUDGE, POOR, STEADY, compared, items, mixed
from tests.support.rehearsal import Rehearsal, rehearse
from tui.engine.session import Session
from tui.model import (
    Event,
    EventKind,
    HumanScore,
    OutcomeKind,
    Sample,
    SampleKind,
    TrafficState,
    Verdict,
    VerdictState,
)
from tui.rollout import GuardSpec
from tui.routing.controller import CommandRefused
from tui.service.prices import price_for
from tui.shadow.known import known_items
from tui.shadow.samples import SampleStore
from tui.simulator.behaviour import EVERY_TASK, Behaviour, TaskQuality
from tui.simulator.scenarios import Change


def of_kind(run: Rehearsal, kind: SampleKind) -> list[Sample]:
    return [sample for sample in run.samples if sample.kind is kind]


def verdict(run: Rehearsal, criterion: str) -> Verdict:
    [found] = [v for v in run.last.verdicts[NEW] if v.criterion == criterion]
    return found


def said(run: Rehearsal, kind: EventKind) -> list[str]:
    return [event.text for event in run.events() if event.kind is kind]


def served(run: Rehearsal, name: str) -> int:
    return int(run.truth[name]["requests"])


# --- both versions are asked ------------------------------------------------------------------------


def test_a_second_answer_is_money_and_no_traffic(tmp_path: Path) -> None:
    of = compared(tmp_path, shadow_pct=50.0)
    # The last answers come before the end.
    pause = ((11.0, lambda session: session.traffic.pause("ann")),)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=20.0, behaviour=STEADY, hands=pause)
    pairs, outcomes = of_kind(run, SampleKind.PAIR), run.outcomes()
    assert 30 < len(pairs) < 90
    assert len(outcomes) == sum(total(run.last, name).requests for name in (OLD, NEW))
    assert served(run, OLD) + served(run, NEW) == len(outcomes) + len(pairs)
    live = {(outcome.request_id, outcome.deployment) for outcome in outcomes}
    assert len(live) == len(outcomes)
    for name in (OLD, NEW):
        figures = total(run.last, name)
        assert figures.latency_ms is not None
        assert figures.latency_ms.count == figures.requests == sum(o.deployment == name for o in outcomes)
    for pair in pairs:
        assert [answer.deployment for answer in pair.answers] == [OLD, NEW]
        assert all(answer.text and answer.kind is OutcomeKind.OK for answer in pair.answers)
    seen = run.last.quality
    assert seen.spent_usd > 0
    assert run.last.spent_usd == pytest.approx(seen.spent_usd + sum(o.cost_usd or 0.0 for o in outcomes))
    assert verdict(run, "split").canary_requests == sum(o.deployment == NEW for o in outcomes), (
        "no pair is a draw"
    )


def test_nothing_is_asked_twice_of_a_version_without_traffic(tmp_path: Path) -> None:
    of = compared(
        tmp_path, shadow_pct=100.0, known=items(tmp_path / "sums.jsonl"), weights={OLD: 100.0, NEW: 0.0}
    )
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=5.0, behaviour=STEADY)
    assert served(run, NEW) == 0
    assert (run.samples, run.pairs(), run.last.quality.known) == ((), (), {"default": 0})


def test_nothing_is_asked_beside_the_traffic_while_a_service_wants_a_pause(tmp_path: Path) -> None:
    of = compared(tmp_path, shadow_pct=100.0, known=items(tmp_path / "sums.jsonl"), known_per_s=10.0)
    limited = mixed(TaskQuality(EVERY_TASK), Change(0, "canary", "requests_per_min", to=6))
    run = rehearse(of, limited, tmp_path, seed=1, for_s=20.0, behaviour=STEADY)
    ends = run.truth[NEW]["outcomes"]
    assert run.last.deployments[NEW].held_back > 50
    # One pause of 10 s after another; what is refused was sent in the moment before each.
    assert 1 <= ends["rate_limited"] < 25
    assert served(run, OLD) < 2 * total(run.last, OLD).requests


def test_a_client_that_is_behind_compares_all_the_same(tmp_path: Path) -> None:
    of = compared(tmp_path, shadow_pct=100.0, rate=40.0, max_in_flight=4)
    slow = replace(STEADY, ttft_ms=2_000.0)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=8.0, behaviour=slow)
    assert run.last.sender.skipped > 50
    # Second answers are not timed: a slow machine learns of the quality too.
    assert len(of_kind(run, SampleKind.PAIR)) > 8


def test_known_answers_are_pairs_where_both_answered(tmp_path: Path) -> None:
    of = compared(tmp_path, known=items(tmp_path / "sums.jsonl"), known_per_s=10.0, rate=1.0)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=10.0, behaviour=replace(STEADY, error_pct=25.0))
    known, pairs = of_kind(run, SampleKind.KNOWN), run.pairs()
    both = [sample for sample in known if all(answer.kind is OutcomeKind.OK for answer in sample.answers)]
    assert 0 < len(both) < len(known)
    assert len(pairs) == len(both)
    right = [
        [int(answer.grade is not None and answer.grade.is_right is True) for answer in s.answers] for s in both
    ]
    assert sorted([pair.baseline, pair.own] for pair in pairs) == sorted(right)
    assert {(pair.criterion, pair.canary, pair.task) for pair in pairs} == {("accuracy", NEW, "default")}
    assert all(a.grade is None for s in known for a in s.answers if a.kind is not OutcomeKind.OK)
    found = verdict(run, "accuracy")
    assert found.canary_requests == len(pairs)
    assert found.canary_value == pytest.approx(100 * sum(pair.own for pair in pairs) / len(pairs))
    assert run.last.quality.known["default"] >= len(known)
    assert total(run.last, OLD).requests + total(run.last, NEW).requests == len(run.outcomes()) < 30


def test_lines_that_cannot_be_asked_are_said_and_the_others_asked(tmp_path: Path) -> None:
    path = items(tmp_path / "sums.jsonl")
    path.write_text(path.read_text() + "no JSON\n" + '{"id": 3}\n')
    run = rehearse(compared(tmp_path, known=path), POOR, tmp_path, seed=1, for_s=3.0, behaviour=STEADY)
    [text] = said(run, EventKind.SOURCE)
    assert text.startswith(f"known answers of default ({path}): 2 lines not used; line 21: ")
    assert run.last.quality.known["default"] > 0


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "not asked, [Errno 2] No such file"), ("", "no item in it, so nothing is asked")],
)
def test_a_file_of_no_use_is_said(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "sums.jsonl"
    if content is not None:
        path.write_text(content)
    said: list[str] = []

    def log(kind: EventKind, actor: str, text: str, **_: object) -> Event:
        said.append(text)
        return Event(1, datetime.now(UTC), 0.0, actor, kind, text)

    found = known_items(compared(tmp_path, known=path), log)
    assert found == {"default": ()}
    assert [why in text for text in said] == [True]


# --- what stops it ----------------------------------------------------------------------------------


def test_a_pause_stops_it_until_traffic_goes_on(tmp_path: Path) -> None:
    of = compared(tmp_path, shadow_pct=50.0, known=items(tmp_path / "sums.jsonl"))
    hands = (
        (3.0, lambda session: session.traffic.pause("ann")),
        (10.0, lambda session: session.traffic.proceed("ann")),
    )
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=14.0, behaviour=STEADY, hands=hands)
    asked = [sample.at_s for sample in run.samples]
    assert not [at_s for at_s in asked if 6.0 < at_s < 10.0]
    assert {
        kind: min(s.at_s for s in of_kind(run, kind)) < 3 for kind in (SampleKind.PAIR, SampleKind.KNOWN)
    } == {
        SampleKind.PAIR: True,
        SampleKind.KNOWN: True,
    }
    assert [at_s for at_s in asked if at_s > 10.0]
    assert run.last.quality.known["default"] == pytest.approx(2 * 7, abs=2)


def test_what_is_asked_twice_is_paid_by_the_budget_of_the_traffic_and_ends_with_it(tmp_path: Path) -> None:
    known = items(tmp_path / "sums.jsonl")
    of = compared(tmp_path, shadow_pct=100.0, known=known, known_per_s=20.0, budget_usd=0.05)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=12.0, behaviour=STEADY)
    [spent] = [event for event in run.events() if event.kind is EventKind.BUDGET_SPENT]
    assert spent.at_s is not None
    assert run.last.quality.spent_usd > 0.02
    assert 0.05 <= run.last.spent_usd < 0.055, "what is under way is reserved"
    assert max(sample.at_s for sample in run.samples) < spent.at_s + 3
    assert 0 < run.last.quality.known["default"] <= 20 * spent.at_s + 1, "none while costs are awaited"


def test_judgements_under_way_at_the_end_are_waited_for_and_paid(tmp_path: Path) -> None:
    slow = mixed(TaskQuality(EVERY_TASK), Change(0, "judge", "ttft_ms", to=30_000.0))
    of = compared(tmp_path, shadow_pct=100.0, judge=True)
    run = rehearse(of, slow, tmp_path, seed=1, for_s=5.0, behaviour=STEADY)
    seen = run.last.quality
    assert run.lost == 0
    assert run.last.state is TrafficState.STOPPED
    # Longer than a request of the traffic may take, and no new one is begun.
    assert 30 < run.last.at_s < 60
    assert seen.judge is not None
    assert served(run, JUDGE) == seen.judge.asked == 4
    assert (seen.judge.failed, seen.judge.unanswered) == (0, 0)
    assert seen.waiting > 0
    price, tokens = price_for("gpt-5", "2025-08-07"), run.truth[JUDGE]["tokens"]
    assert price is not None
    assert price.cached_input_usd is not None
    prompt = (tokens["prompt"] - tokens["cached"]) * price.input_usd + tokens["cached"] * price.cached_input_usd
    assert seen.judge_usd == pytest.approx((prompt + tokens["completion"] * price.output_usd) / 1e6) != 0
    assert len(run.pairs()) == sum(sample.judged is not None for sample in run.samples) == 4


def test_a_judgement_that_never_comes_holds_up_the_end_for_its_time_out_alone(tmp_path: Path) -> None:
    hanging = mixed(TaskQuality(EVERY_TASK), Change(0, "judge", "hang_pct", to=100.0))
    of = compared(tmp_path, shadow_pct=100.0, judge=True)
    run = rehearse(of, hanging, tmp_path, seed=1, for_s=5.0, behaviour=STEADY)
    assert run.lost == 0
    assert 120 < run.last.at_s < 130
    judge = run.last.quality.judge
    assert judge is not None
    assert (judge.asked, judge.failed, judge.unanswered) == (4, 4, 0)


def test_second_answers_under_way_at_the_end_are_waited_for_and_paid(tmp_path: Path) -> None:
    of = compared(tmp_path, shadow_pct=100.0, rate=5.0)
    slow = mixed(TaskQuality(EVERY_TASK), Change(0, "canary", "ttft_ms", to=3_000.0))
    run = rehearse(of, slow, tmp_path, seed=1, for_s=5.0, behaviour=STEADY)
    outcomes, pairs = run.outcomes(), of_kind(run, SampleKind.PAIR)
    assert len(pairs) == len(outcomes) > 20
    assert served(run, OLD) + served(run, NEW) == 2 * len(outcomes)
    assert run.last.spent_usd == pytest.approx(sum(a.cost_usd or 0.0 for pair in pairs for a in pair.answers))


def test_a_second_answer_that_never_comes_does_not_hold_up_the_end(tmp_path: Path) -> None:
    hanging = mixed(TaskQuality(EVERY_TASK), Change(0, "canary", "hang_pct", to=100.0))
    of = compared(tmp_path, shadow_pct=100.0, weights={OLD: 99.0, NEW: 1.0}, timeout_s=60.0, rate=5.0)
    cut = ((4.0, lambda session: session.cut()),)
    run = rehearse(of, hanging, tmp_path, seed=1, for_s=5.0, behaviour=STEADY, hands=cut)
    assert run.lost == 0
    # What was asked after the cut has its time-out.
    late = [answer.kind for pair in of_kind(run, SampleKind.PAIR) for answer in pair.answers[1:]]
    assert late == [OutcomeKind.TIMEOUT] * 5
    assert 64 < run.last.at_s < 67


def test_a_judge_whose_budget_is_spent_is_asked_no_more_and_that_is_said_once(tmp_path: Path) -> None:
    of = compared(tmp_path, shadow_pct=100.0, judge=True, judge_usd=0.02)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=12.0, behaviour=STEADY)
    assert said(run, EventKind.JUDGE) == ["judge's budget of 0.02 USD spent: no more scores"]
    seen = run.last.quality
    assert seen.judge is not None
    each_usd = seen.judge_usd / seen.judge.asked
    # Four are asked at a time.
    assert 0.02 <= seen.judge_usd < 0.02 + 5 * each_usd
    assert served(run, JUDGE) == seen.judge.asked
    scored = sum(sample.judged is not None for sample in run.samples)
    assert scored == len(run.pairs())
    assert seen.waiting == 0
    assert seen.not_judged == len(of_kind(run, SampleKind.PAIR)) - scored > 0
    assert run.last.state is TrafficState.STOPPED
    assert max(outcome.sent_s for outcome in run.outcomes()) > 11


# --- what is kept -----------------------------------------------------------------------------------


def test_no_more_samples_are_kept_than_asked_for(tmp_path: Path) -> None:
    of = compared(tmp_path, samples_per_s=2.0, rate=25.0)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=20.0, behaviour=STEADY)
    assert 25 <= len(run.samples) <= 50
    assert all(sample.kind is SampleKind.LIVE and sample.answers[0].text for sample in run.samples)
    assert run.last.quality.samples == len(run.samples)


def test_what_went_wrong_is_kept_without_its_text_once_a_second_at_most(tmp_path: Path) -> None:
    failing = Behaviour(error_pct=50.0)
    run = rehearse(compared(tmp_path), POOR, tmp_path, seed=1, for_s=8.0, behaviour=failing)
    assert 5 <= len(run.samples) <= 9
    for sample in run.samples:
        [answer] = sample.answers
        assert answer.kind is not OutcomeKind.OK
        assert (answer.text, bool(answer.error)) == ("", True)


def test_the_newest_samples_stay(tmp_path: Path) -> None:
    run = rehearse(compared(tmp_path, samples_per_s=5.0), POOR, tmp_path, seed=1, for_s=3.0, behaviour=STEADY)
    first, second, third = (replace(run.samples[0], id=i) for i in (1, 2, 3))
    store = SampleStore(most=2)
    for sample in (first, second, third):
        store.put(sample)
    assert (store.shown, store.get(1), len(store)) == ((), None, 2)
    store.publish()
    assert store.shown == (second, third)
    store.put(replace(second, source="again"))
    store.publish()
    assert [sample.source for sample in store.shown] == ["again", third.source]
    short = SampleStore(most_chars=1)
    short.put(first)
    short.put(second)
    assert (short.get(1), short.get(2)) == (None, second), "one is kept whatever its size"


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "not kept"])
def test_texts_are_on_disk_only_where_the_file_says_so(tmp_path: Path, keep: bool) -> None:
    of = compared(
        tmp_path,
        shadow_pct=50.0,
        samples_per_s=2.0,
        known=items(tmp_path / "sums.jsonl"),
        judge=True,
        keep_text=keep,
    )
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=4.0, behaviour=STEADY)
    texts = {answer.text for sample in run.samples for answer in sample.answers}
    assert len(texts) > 20
    with closing(sqlite3.connect(run.record)) as conn:
        dump = "\n".join(conn.iterdump())
    on_disk = {text for text in texts if text.replace("'", "''") in dump and len(text) > 20}
    assert ("Sum number" in dump) is keep
    assert on_disk == ({text for text in texts if len(text) > 20} if keep else set())


# --- scores of people -------------------------------------------------------------------------------


def score_all(session: Session) -> None:
    """The baseline's answers are worth 5, the canary's 1."""
    session.sampler.store.publish()
    for sample in session.sampler.store.shown:
        for deployment, value in ((OLD, 5), (NEW, 1)):
            session.sampler.scores.score(sample.id, deployment, value, "ann", "", True)


def test_what_people_think_is_weighed_and_moves_nothing(tmp_path: Path) -> None:
    of = replace(compared(tmp_path, shadow_pct=100.0), guard=GuardSpec("armed"))
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=6.0, behaviour=STEADY, hands=((5.0, score_all),))
    found = verdict(run, "quality")
    assert (found.state, found.advisory) == (VerdictState.WORSE, True)
    assert (found.baseline_value, found.canary_value) == (5.0, 1.0)
    assert found.canary_requests == len(run.pairs()) > 20
    assert EventKind.ROLLED_BACK not in kinds(run.events())
    assert run.last.weights["default"] == {OLD: 50.0, NEW: 50.0}
    scored = [event for event in run.events() if event.kind is EventKind.SCORED]
    assert len(scored) == 2 * len(run.pairs())
    assert (scored[0].actor, scored[0].text) == ("ann", f"sample 1: {OLD} 5 of 5 blind")


def test_a_score_is_kept_taken_back_and_weighed_once(tmp_path: Path) -> None:
    def act(session: Session) -> None:
        room = session.sampler.scores
        room.score(1, OLD, 4, "ann", "says " + "why " * 1000, False)
        assert session.automation.verdicts()[NEW][0].canary_requests == 0
        room.score(1, NEW, 2, "ann", "", True)
        room.unscore(1, NEW, "ann")
        room.score(1, NEW, 5, "bob", "", True)

    of = compared(tmp_path, shadow_pct=100.0)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=4.0, behaviour=STEADY, hands=((3.0, act),))
    assert [(pair.baseline, pair.own) for pair in run.pairs()] == [(4, 2)]
    human = run.samples[0].human
    assert {name: (score.value, score.by, score.blind) for name, score in human.items()} == {
        OLD: (4, "ann", False),
        NEW: (5, "bob", True),
    }
    assert len(human[OLD].note) == 500
    assert said(run, EventKind.SCORED) == [
        f"sample 1: {OLD} 4 of 5",
        f"sample 1: {NEW} 2 of 5 blind",
        f"sample 1: score of {NEW} taken back",
        f"sample 1: {NEW} 5 of 5 blind",
    ]


def test_what_cannot_be_scored_is_refused_with_the_reason(tmp_path: Path) -> None:
    refused: list[str] = []

    def act(session: Session) -> None:
        room = session.sampler.scores
        attempts: list[Callable[[], object]] = [
            lambda: room.score(99_999, OLD, 3, "ann", "", True),
            lambda: room.score(1, "nobody", 3, "ann", "", True),
            lambda: room.score(1, OLD, 0, "ann", "", True),
            lambda: room.score(1, OLD, 6, "ann", "", True),
            lambda: room.unscore(1, OLD, "ann"),
        ]
        for attempt in attempts:
            with pytest.raises(CommandRefused) as error:
                attempt()
            refused.append(str(error.value))

    of = compared(tmp_path, shadow_pct=100.0)
    run = rehearse(of, POOR, tmp_path, seed=1, for_s=3.0, behaviour=STEADY, hands=((2.0, act),))
    assert refused == [
        "sample 99999 is no longer kept: only the newest are",
        "sample 1 has no answer of nobody to score",
        "a score of 0: from 1 (useless) to 5 (as good as can be)",
        "a score of 6: from 1 (useless) to 5 (as good as can be)",
        f"sample 1: the answer of {OLD} has no score to take back",
    ]
    assert said(run, EventKind.SCORED) == []
    assert run.pairs() == ()


def test_people_are_held_against_the_judge_whoever_was_first(tmp_path: Path) -> None:
    def early(session: Session) -> None:
        """Before the judge has seen any."""
        for sample in range(1, 5):
            session.sampler.store.put(
                replace(
                    _kept(session, sample),
                    human={OLD: HumanScore(5, "ann", session.setup.now())},
                )
            )

    of = compared(tmp_path, shadow_pct=100.0, judge=True)
    slow = mixed(TaskQuality(EVERY_TASK, score_mean=2.0), Change(0, "judge", "ttft_ms", to=4_000.0))
    run = rehearse(of, slow, tmp_path, seed=1, for_s=9.0, behaviour=STEADY, hands=((2.5, early),))
    judged = [s for s in run.samples if s.human and s.judged is not None and s.judged.scores]
    assert len(judged) == 4
    assert run.last.quality.agreement.endswith("of 4 answers scored alike by judge and people") or (
        "of 4 answers within 1" in run.last.quality.agreement
    )


def _kept(session: Session, sample: int) -> Sample:
    kept = session.sampler.store.get(sample)
    assert kept is not None
    return kept


# --- what is taken up -------------------------------------------------------------------------------


def test_pairs_that_were_weighed_survive_a_restart(tmp_path: Path) -> None:
    known = items(tmp_path / "sums.jsonl")
    of = compared(tmp_path, shadow_pct=50.0, judge=True, known=known, known_per_s=4.0)
    nearly = mixed(TaskQuality(EVERY_TASK, accuracy_pct=97, score_mean=4.5))
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first = rehearse(of, nearly, folders[0], seed=1, for_s=6.0, behaviour=STEADY)
    past = left_by(first.record, of)
    second = rehearse(of, nearly, folders[1], seed=2, for_s=6.0, behaviour=STEADY, previous=past)
    for criterion in ("quality", "accuracy"):
        pairs = [pair for run in (first, second) for pair in run.pairs() if pair.criterion == criterion]
        found = verdict(second, criterion)
        assert found.canary_requests == len(pairs) > verdict(first, criterion).canary_requests > 0
        assert found.events == sum(pair.baseline != pair.own for pair in pairs)
        scale = 100 if criterion == "accuracy" else 1
        assert found.canary_value == pytest.approx(scale * sum(pair.own for pair in pairs) / len(pairs))


def test_answers_of_the_version_before_are_no_evidence_for_the_one_that_answers_now(tmp_path: Path) -> None:
    changes: list[float] = []

    def change(session: Session) -> None:
        changes.append(session.clock())
        session.sampler.scores.version_changed(NEW)

    slow = mixed(TaskQuality(EVERY_TASK), Change(0, "judge", "ttft_ms", to=3_000.0))
    of = compared(tmp_path, shadow_pct=100.0, judge=True)
    run = rehearse(of, slow, tmp_path, seed=1, for_s=14.0, behaviour=STEADY, hands=((6.0, change),))
    scored = [s for s in run.samples if s.judged is not None and s.judged.scores]
    before = [s for s in scored if s.at_s < changes[0] and s.judged is not None]
    late = [
        s for s in before if s.judged is not None and (s.judged.at - s.at).total_seconds() + s.at_s > changes[0]
    ]
    assert late
    assert len(run.pairs()) == len(scored) - len(late)
