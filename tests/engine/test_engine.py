"""The engine in its thread, over real sockets: commands, the record, and figures against the server's truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.engine_runs import (
    NEW,
    OLD,
    WAIT_S,
    beside,
    done,
    engine_of,
    finished,
    kinds,
    left_by,
    pretend,
    recorded,
    rollout,
    running,
    simulator,
    total,
    until,
)
from tui.engine.thread import Engine, EngineFailed
from tui.model import EventKind, OutcomeKind, Snapshot, TrafficState
from tui.model.commands import (
    ApplyWeights,
    ContinueTraffic,
    Mark,
    Nudge,
    PauseTraffic,
    Promote,
    RollBack,
    SaveProfile,
    Shift,
    Undo,
)
from tui.record.record import read_events, read_run
from tui.rollout import SourceSpec
from tui.routing.controller import CommandRefused
from tui.traffic.sources import Sources
from tui.weight_profiles import WeightProfile


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with beside(simulator(pretend(OLD, NEW))) as address:
        yield address


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    of = rollout(tmp_path, url)
    with running(of, record=recorded(tmp_path, of)) as engine:
        yield engine


def shares(snapshot: Snapshot) -> tuple[float, float]:
    return snapshot.weights["default"][OLD], snapshot.weights["default"][NEW]


def outcomes(folder: Path) -> list[tuple[str, float, float]]:
    """Deployment, weight and instant of sending of every outcome in the record."""
    with closing(sqlite3.connect(folder / "run1.sqlite")) as conn:
        return conn.execute(
            "SELECT deployment, weight_pct, sent_s FROM outcomes ORDER BY request_id"
        ).fetchall()


def test_after_a_roll_back_no_request_goes_to_the_canary(engine: Engine, tmp_path: Path) -> None:
    until(engine, lambda s: total(s, NEW).requests > 5)
    event = engine.send(RollBack(reason="too slow"), actor="ann").result(WAIT_S)
    resolved_s = engine.clock()
    assert (event.kind, event.actor, event.reason) == (EventKind.ROLLED_BACK, "ann", "too slow")
    assert event.before == {"default": {OLD: 50.0, NEW: 50.0}}
    assert event.after == {"default": {OLD: 100.0, NEW: 0.0}}
    assert event.at_s <= resolved_s
    at_that_time = done(engine.snapshot())
    last = until(engine, lambda s: done(s) > at_that_time + 30)
    assert shares(last) == (100.0, 0.0)
    finished(engine)
    # What was assigned just before may be handed over a moment later, but no request carries the new weight.
    sent = outcomes(tmp_path) or pytest.fail("nothing was recorded")
    assert all(weight > 0 for name, weight, _ in sent if name == NEW)
    after = [name for name, _, sent_s in sent if sent_s > event.at_s + 0.005]
    assert len(after) > 25
    assert set(after) == {OLD}


def test_shift_nudge_promote_and_undo(engine: Engine) -> None:
    assert shares(engine.snapshot()) == (50.0, 50.0)
    engine.send(Shift(NEW, 12.5, reason="careful"), actor="ann").result(WAIT_S)
    assert shares(engine.snapshot()) == (87.5, 12.5)
    assert engine.snapshot().can_undo == {"default": {OLD: 50.0, NEW: 50.0}}
    engine.send(Nudge(NEW, 5), actor="bob").result(WAIT_S)
    assert shares(engine.snapshot()) == (82.5, 17.5)
    engine.send(Promote(NEW), actor="ann").result(WAIT_S)
    assert shares(engine.snapshot()) == (0.0, 100.0)
    undone = [engine.send(Undo(), actor="ann").result(WAIT_S) for _ in range(3)]
    assert kinds(undone) == [EventKind.UNDONE] * 3
    assert shares(engine.snapshot()) == (50.0, 50.0)
    assert engine.snapshot().can_undo is None


def test_what_is_refused_fails_the_future_and_is_logged(engine: Engine) -> None:
    refused = {
        "nothing to undo": engine.send(Undo(), actor="ann"),
        "no deployment is named nobody": engine.send(Shift("nobody", 5), actor="ann"),
        "traffic is running": engine.send(ContinueTraffic(), actor="ann"),
        "no task": engine.send(ApplyWeights({"nope": {OLD: 100}}, reason="", profile="p"), actor="ann"),
    }
    for text, future in refused.items():
        with pytest.raises(CommandRefused, match=text):
            future.result(WAIT_S)
    events = [e for e in engine.snapshot().events if e.kind is EventKind.REFUSED]
    assert [e.actor for e in events] == ["ann"] * 4
    assert all(text in e.text for text, e in zip(refused, events, strict=True))
    assert shares(engine.snapshot()) == (50.0, 50.0)


def test_an_unreachable_canary_may_be_lowered_but_not_raised(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW, drop_pct=100))) as url, running(rollout(tmp_path, url)) as engine:
        until(engine, lambda s: s.deployments[NEW].unreachable)
        with pytest.raises(CommandRefused, match="cannot be reached"):
            engine.send(Shift(NEW, 60), actor="ann").result(WAIT_S)
        engine.send(Shift(NEW, 40), actor="ann").result(WAIT_S)
        engine.send(Shift(NEW, 70, force=True), actor="ann").result(WAIT_S)
        assert shares(engine.snapshot()) == (30.0, 70.0)
        engine.send(RollBack(), actor="ann").result(WAIT_S)
        assert shares(engine.snapshot()) == (100.0, 0.0)


def test_a_pause_stops_the_sending_until_it_is_lifted(engine: Engine) -> None:
    until(engine, lambda s: s.sender.sent > 5)
    engine.send(PauseTraffic(), actor="ann").result(WAIT_S)
    quiet = until(engine, lambda s: s.sender.in_flight == 0)
    assert quiet.state is TrafficState.PAUSED
    later = until(engine, lambda s: s.at_s > quiet.at_s + 0.2)
    assert later.sender.sent == quiet.sender.sent
    engine.send(ContinueTraffic(), actor="ann").result(WAIT_S)
    going = until(engine, lambda s: s.sender.sent > quiet.sender.sent + 5)
    assert going.state is TrafficState.RUNNING
    assert going.sender.skipped == 0
    assert [k for k in kinds(going.events) if k in (EventKind.PAUSED, EventKind.CONTINUED)] == [
        EventKind.PAUSED,
        EventKind.CONTINUED,
    ]


def test_the_budget_stops_the_traffic(url: str, tmp_path: Path) -> None:
    with running(rollout(tmp_path, url, budget_usd=0.005)) as engine:
        spent = until(engine, lambda s: s.state is TrafficState.BUDGET_SPENT and s.sender.in_flight == 0)
        assert spent.spent_usd >= 0.005
        assert spent.spent_usd == pytest.approx(sum(total(spent, n).cost_usd or 0 for n in (OLD, NEW)))
        later = until(engine, lambda s: s.at_s > spent.at_s + 0.2)
        assert later.sender.sent == spent.sender.sent
        with pytest.raises(CommandRefused, match="budget is spent"):
            engine.send(ContinueTraffic(), actor="ann").result(WAIT_S)
        assert kinds(later.events).count(EventKind.BUDGET_SPENT) == 1


def test_profiles_are_saved_listed_and_applied(engine: Engine) -> None:
    engine.send(Shift(NEW, 20), actor="ann").result(WAIT_S)
    saved = engine.send(SaveProfile("twenty", "after lunch"), actor="ann").result(WAIT_S)
    assert (saved.kind, saved.actor, saved.reason) == (EventKind.PROFILE_SAVED, "ann", "after lunch")
    with pytest.raises(CommandRefused, match="twenty"):
        engine.send(SaveProfile("twenty", "again"), actor="ann").result(WAIT_S)
    [refused] = [event for event in engine.snapshot().events if event.kind is EventKind.REFUSED]
    assert refused.actor == "ann"
    engine.send(SaveProfile("twenty", "again", replace=True), actor="bob").result(WAIT_S)
    [profile] = engine.profiles().result(WAIT_S)
    assert isinstance(profile, WeightProfile)
    assert (profile.name, profile.weights) == ("twenty", {"default": {OLD: 80.0, NEW: 20.0}})
    engine.send(RollBack(), actor="ann").result(WAIT_S)
    applied = engine.send(ApplyWeights(profile.weights, reason="", profile="twenty"), actor="ann").result(
        WAIT_S
    )
    assert (applied.kind, applied.reason) == (EventKind.PROFILE_APPLIED, "profile twenty")
    assert shares(engine.snapshot()) == (80.0, 20.0)


def test_a_closed_record_has_every_event_outcome_and_second(url: str, tmp_path: Path) -> None:
    of = rollout(tmp_path, url)
    with running(of, record=recorded(tmp_path, of)) as engine:
        for pct in range(1, 40):
            engine.send(Shift(NEW, pct), actor="ann")
        engine.send(Mark("[b]here[/b] \x1b[31mred"), actor="bob").result(WAIT_S)
        until(engine, lambda s: len(s.history) >= 1)
        last = finished(engine)
        engine.stop()  # a second time is harmless
    path = tmp_path / "run1.sqlite"
    run, events = read_run(path), read_events(path)
    assert events == last.events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(a.at_s <= b.at_s for a, b in pairwise(events))
    assert [kind for kind in kinds(events) if kind is not EventKind.SATURATED] == [
        EventKind.STARTED,
        *[EventKind.SHIFTED] * 39,
        EventKind.MARKED,
        EventKind.STOPPED,
    ]
    assert not any("\x1b" in event.text for event in events)
    assert run.requests == done(last) == last.sender.sent
    assert run.ended_at is not None
    with closing(sqlite3.connect(path)) as conn:
        seconds = {at for (at,) in conn.execute("SELECT at_s FROM seconds")}
    assert seconds == {second.at_s for second in last.history}


def test_an_interrupted_run_is_taken_up_with_its_weights_and_history(url: str, tmp_path: Path) -> None:
    of = rollout(tmp_path, url)
    with running(of, record=recorded(tmp_path, of)) as engine:
        engine.send(Shift(NEW, 30), actor="ann").result(WAIT_S)
        engine.send(Shift(NEW, 5), actor="bob").result(WAIT_S)
    with running(of, previous=left_by(tmp_path / "run1.sqlite", of)) as engine:
        snapshot = until(engine, lambda s: total(s, OLD).requests > 20)
        assert shares(snapshot) == (95.0, 5.0)
        assert EventKind.RESUMED in kinds(snapshot.events)
        assert snapshot.can_undo == {"default": {OLD: 70.0, NEW: 30.0}}
        engine.send(Undo(), actor="ann").result(WAIT_S)
        engine.send(Undo(), actor="ann").result(WAIT_S)
        assert shares(engine.snapshot()) == (50.0, 50.0)


def test_the_same_seed_sends_the_same_requests_to_the_same_deployments(url: str, tmp_path: Path) -> None:
    drawn = []
    for run in ("a", "b"):
        of = rollout(tmp_path / run, url, rate=400.0)
        record = recorded(tmp_path / run, of)
        with running(of, record=record, seed=7) as engine:
            until(engine, lambda s: done(s) > 60)
            finished(engine)
        drawn.append([(name, weight) for name, weight, _ in outcomes(tmp_path / run)][:60])
    assert drawn[0] == drawn[1]


def test_it_ends_when_the_sources_do(url: str, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    line = '{"messages": [{"role": "user", "content": "hello"}]}\n'
    path.write_text(line * 2 + "{broken\n" + line)
    of = rollout(tmp_path, url, sources=(SourceSpec("sampled", path=path, loop=False),))
    with running(of) as engine:
        ended = until(engine, lambda s: s.state is TrafficState.ENDED)
        assert done(ended) == 3
        assert ended.sources[0].bad_lines == 1
        assert (ended.sources[0].last_bad or "").startswith("line 3: ")
        with pytest.raises(CommandRefused, match="ended"):
            engine.send(ContinueTraffic(), actor="ann").result(WAIT_S)


def test_an_engine_that_has_ended_refuses_commands(url: str, tmp_path: Path) -> None:
    engine = engine_of(rollout(tmp_path, url))
    with pytest.raises(EngineFailed, match="not been started"):
        engine.snapshot()
    engine.start()
    engine.stop()
    assert engine.ended.result(WAIT_S) == 0
    assert engine.snapshot().state is TrafficState.STOPPED
    for command in (engine.send(RollBack(), actor="ann"), engine.profiles()):
        with pytest.raises(CommandRefused, match="the run is over"):
            command.result(WAIT_S)


def test_what_cannot_be_put_together_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("a,b\n1,2\n")
    of = rollout(tmp_path, "http://127.0.0.1:9", arrivals="trace", trace=tmp_path / "trace.csv")
    engine = engine_of(of)
    with pytest.raises(EngineFailed, match=r"trace\.csv.*TIMESTAMP"):
        engine.start()


def test_a_run_of_a_trace_says_what_its_timestamps_count(url: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    rows = (f'{{"timestamp": {at}, "input_length": 1{tokens}, "output_length": 2}}' for at, tokens in
            ((0.5, 0), (0.6, 0.5), (0.625, 1)))  # fmt: skip
    path.write_text("\n".join(rows))
    of = rollout(tmp_path, url, arrivals="trace", trace=path)
    with running(of, record=recorded(tmp_path, of)) as engine:
        last = until(engine, lambda s: s.state is TrafficState.ENDED)
    assert done(last) == 2
    said = [event.text for event in read_events(tmp_path / "run1.sqlite")]
    assert said[0].startswith("run run1 of ")
    assert said[1] == (
        "trace trace.jsonl: timestamps are taken as seconds, as they have fractions: 8 requests/s; "
        'if they are milliseconds: trace_unit = "ms"'
    )
    assert said[2] == "trace line 2: not a trace row: input_length 10.5 is no whole number from 0 to 10,000,000"


def test_a_fault_of_the_program_ends_the_run_and_is_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(Sources, "next", broken)
    of = rollout(tmp_path, url)
    with running(of, record=recorded(tmp_path, of)) as engine, pytest.raises(EngineFailed, match="broken"):
        engine.ended.result(WAIT_S)
    assert kinds(read_events(tmp_path / "run1.sqlite"))[-1] is EventKind.STOPPED


def test_a_request_that_hangs_at_the_end_is_cancelled_not_lost(tmp_path: Path) -> None:
    with (
        beside(simulator(pretend(OLD, NEW, hang_pct=100))) as url,
        running(rollout(tmp_path, url, timeout_s=60.0)) as engine,
    ):
        until(engine, lambda s: s.sender.in_flight >= 5)
        engine.stop(drain_s=0.0)
        assert engine.ended.result(WAIT_S) == 0
        last = engine.snapshot()
        assert done(last) == last.sender.sent >= 5
        assert {k for n in (OLD, NEW) for k in total(last, n).kinds} == {OutcomeKind.CANCELLED}
        assert last.sender.in_flight == 0
