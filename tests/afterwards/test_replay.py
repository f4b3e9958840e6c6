"""A recorded run again: in order, with its weights, evaluated anew, played at any speed, counted for alarms."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.recordings import (
    ALL_OLD,
    AT_10,
    AT_50,
    NEW,
    OLD,
    STARTED,
    CountingEvaluator,
    made_run,
)
from tui.afterwards.calibrate import PRETENDED, calibrate, calibration_json, calibration_text
from tui.afterwards.playback import Playback
from tui.afterwards.player import Player
from tui.afterwards.recording import Recording, find_recording
from tui.afterwards.replay import replay, replay_text
from tui.afterwards.report import report
from tui.cli import afterwards as cli_afterwards
from tui.evaluation.guard import Guard
from tui.model import ALL_TASKS, Ability, Assignment, Event, Outcome, Snapshot, TrafficState, able_again
from tui.model.commands import RollBack, Shift
from tui.record.reader import UnreadableRecord, read_head, read_outcomes, read_seconds
from tui.rollout import GuardSpec
from tui.routing.controller import CommandRefused


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording.open(made_run(tmp_path / "run.sqlite"))


def _evaluator(recording: Recording) -> CountingEvaluator:
    return CountingEvaluator(OLD, recording.canaries, recording.rollout.criteria)


def _damaged(path: Path, statement: str) -> Path:
    conn = sqlite3.connect(path)
    with conn:
        conn.execute(statement)
    conn.close()
    return path


# --- reading ---


def test_what_was_written_is_read_again(recording: Recording) -> None:
    outcomes = list(read_outcomes(recording.path))
    assert len(outcomes) == 170
    assert (outcomes[0].latency_ms, outcomes[0].cost_usd, outcomes[0].deployment) == (250.0, 0.001, OLD)
    assert outcomes[0].usage is not None
    assert outcomes[0].usage.completion_tokens == 20
    seconds = list(read_seconds(recording.path))
    assert [s.at_s for s in seconds] == [float(n) for n in range(1, 61)]
    assert (seconds[0].figures[NEW].p99_ms, seconds[0].figures[NEW].share_pct) == (300.0, None)
    assert read_head(recording.path).meta == {"environment": "test"}
    assert recording.duration_s == 60.0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outcomes SET kind = 'exploded' WHERE seq = 1",
        "UPDATE outcomes SET latency_ms = 'slow' WHERE seq = 1",
        "UPDATE outcomes SET filters = '[1' WHERE seq = 1",
        "DROP TABLE outcomes",
    ],
)
def test_a_damaged_record_is_refused_by_name(tmp_path: Path, statement: str) -> None:
    path = _damaged(made_run(tmp_path / "run.sqlite"), statement)
    with pytest.raises(UnreadableRecord, match=r"run\.sqlite"):
        list(read_outcomes(path))


def test_a_record_from_before_throttled_was_kept_is_read_without_it(tmp_path: Path) -> None:
    path = _damaged(made_run(tmp_path / "old.sqlite"), "ALTER TABLE seconds DROP COLUMN throttled_pct")
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA user_version = 3")
    recording = Recording.open(path)
    seconds = list(recording.seconds())
    first = seconds[0].figures[OLD]
    assert (len(seconds), first.error_pct, first.throttled_pct) == (60, 0.0, None)
    assert "throttled" not in report(recording, "md")["report-failures.svg"]


def test_what_was_throttled_is_seen_again(tmp_path: Path) -> None:
    path = _damaged(
        made_run(tmp_path / "run.sqlite"),
        f"UPDATE outcomes SET kind = 'rate_limited', error = 'HTTP 429' WHERE kind = 'server_error'"
        f" AND deployment = '{NEW}'",
    )
    playback = Playback(Recording.open(path))
    playback.advance(60.0)
    seen = playback.snapshot().deployments[NEW]
    figures = seen.figures["run"][ALL_TASKS]
    assert (figures.error_pct, figures.throttled_pct, seen.last_error) == (0.0, 60.0, "HTTP 429")


def test_a_baseline_that_was_dead_is_dead_again_until_it_was_able(tmp_path: Path) -> None:
    path = made_run(tmp_path / "run.sqlite")
    with closing(sqlite3.connect(path)) as conn, conn:
        for at_s, kind, text in ((30, "baseline_dead", f"{OLD} failed its last 9 requests"),
                                 (50, "reachable", able_again(OLD))):  # fmt: skip
            conn.execute("UPDATE events SET kind = ?, text = ? WHERE at_s = ?", (kind, text, at_s))
    playback, seen = Playback(Recording.open(path)), []
    for to_s in (29.0, 31.0, 49.0, 51.0):
        playback.advance(to_s)
        seen.append(playback.snapshot().deployments[OLD].ability)
    dead = Ability("unable", "failed its last 9 requests", 30.0)
    assert seen == [Ability(), dead, dead, Ability()]


def test_foreign_and_newer_files_and_broken_rollouts_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    sqlite3.connect(other).execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(UnreadableRecord, match="not a run record"):
        Recording.open(other)
    newer = _damaged(made_run(tmp_path / "newer.sqlite"), "PRAGMA user_version = 99")
    with pytest.raises(UnreadableRecord, match="newer canarytop"):
        Recording.open(newer)
    for number, text in enumerate(("", "not toml [", '[rollout]\nname = "x"\nbaseline = "y"\n')):
        with pytest.raises(UnreadableRecord, match="mistakes"):
            Recording.open(made_run(tmp_path / f"{number}.sqlite", rollout=text))


def test_a_run_is_found_by_path_or_by_the_start_of_its_id(tmp_path: Path) -> None:
    path = made_run(tmp_path / "a.sqlite")
    assert find_recording(str(path), tmp_path) == path
    assert find_recording("abc", tmp_path) == path
    for name, says in (("zzz", "canarytop runs"), ("", "canarytop runs")):
        with pytest.raises(UnreadableRecord, match=says):
            find_recording(name, tmp_path)
    made_run(tmp_path / "b.sqlite")
    with pytest.raises(UnreadableRecord, match="2 runs"):
        find_recording("abc", tmp_path)


def test_happenings_come_in_order_with_the_weights_of_their_draw(recording: Recording) -> None:
    happenings = list(recording.happenings())
    assert [at_s for at_s, _ in happenings] == sorted(at_s for at_s, _ in happenings)
    kinds = [type(h) for _, h in happenings]
    assert (kinds.count(Event), kinds.count(Assignment), kinds.count(Outcome)) == (3, 170, 170)
    drawn = {h.request_id: at_s for at_s, h in happenings if isinstance(h, Assignment)}
    for at_s, h in happenings:
        if isinstance(h, Outcome):
            table = AT_10 if h.sent_s < 30 else AT_50 if h.sent_s < 50 else ALL_OLD
            assert h.shares == table["default"]
            assert drawn[h.request_id] == h.sent_s < at_s


def test_a_draw_just_before_a_change_keeps_its_own_weights(tmp_path: Path) -> None:
    path = _damaged(
        made_run(tmp_path / "run.sqlite"),
        f"UPDATE outcomes SET weight_pct = 10 WHERE deployment = '{NEW}' AND sent_s = 30.2",
    )
    late = [o for o in Recording.open(path).outcomes() if o.deployment == NEW and o.sent_s == 30.2]
    assert [o.shares for o in late] == [AT_10["default"]]
    _damaged(path, "UPDATE outcomes SET weight_pct = 33 WHERE seq = 1")
    assert next(Recording.open(path).outcomes()).shares == {}


# --- evaluating again ---


def test_replay_says_when_the_guard_would_have_acted(recording: Recording) -> None:
    result = replay(recording, _evaluator(recording), Guard(GuardSpec("dry_run")))
    assert [(c.canary, round(c.at_s, 2)) for c in result.calls] == [(NEW, 22.45)]
    [action] = result.actions
    assert f"{action.at:%H:%M:%S}" == "14:00:22"
    assert result.requests == 170
    said = replay_text(result)
    assert "the guard would have rolled back at 14:00:22Z: new-v2" in said
    assert "in the run ana rolled back at 14:00:50Z" in said


def test_a_guard_that_is_off_would_have_done_nothing(recording: Recording) -> None:
    result = replay(recording, _evaluator(recording), Guard(GuardSpec("off")))
    assert result.actions == ()
    assert "would not have rolled back" in replay_text(result)


# --- playing ---


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _requests(player: Player) -> dict[str, int]:
    return {n: v.figures["run"]["*"].requests for n, v in player.snapshot().deployments.items()}


def test_the_player_goes_at_its_speed_seeks_and_pauses(recording: Recording) -> None:
    clock = _Clock()
    player = Player(recording, lambda: _evaluator(recording), speed=10.0, clock=clock)
    seen: list[Snapshot] = []
    player.subscribe(seen.append)
    clock.now_s = 1.0
    player.step()
    assert player.snapshot().at_s == 10.0
    assert player.snapshot().at == STARTED.replace(second=10)
    assert _requests(player) == {OLD: 20, NEW: 10}
    player.pause()
    clock.now_s = 2.0
    player.step()
    assert player.snapshot().at_s == 10.0
    player.seek(40.0)
    player.step()
    assert player.snapshot().weights == AT_50
    assert player.snapshot().verdicts[NEW][0].since_s == pytest.approx(22.45)
    assert player.snapshot().history[9].figures[NEW].weight_pct == 10.0
    assert player.snapshot().history[-1].figures[NEW].weight_pct == 50.0
    player.seek(10.0)
    player.step()
    assert _requests(player) == {OLD: 20, NEW: 10}
    assert player.snapshot().verdicts[NEW][0].since_s is None
    player.proceed()
    player.set_speed(1000.0)
    clock.now_s = 3.0
    player.step()
    last = player.snapshot()
    assert (last.at_s, last.state, last.weights) == (60.0, TrafficState.STOPPED, ALL_OLD)
    assert _requests(player) == {OLD: 120, NEW: 50}
    assert last.deployments[NEW].in_flight == 0
    assert seen[-1] is last
    player.close()


def test_the_player_takes_no_command(recording: Recording) -> None:
    player = Player(recording)
    for future in (
        player.send(RollBack(), actor="ana"),
        player.send(Shift(NEW, 50.0), actor="ana"),
        player.profiles(),
    ):
        with pytest.raises(CommandRefused, match="recording"):
            future.result()
    assert player.snapshot().verdicts == {}
    for speed in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="speed"):
            player.set_speed(speed)
    player.close()


# --- false alarms ---


def test_a_run_of_the_same_version_is_one_trial(tmp_path: Path) -> None:
    same = Recording.open(made_run(tmp_path / "same.sqlite", version="v1"))
    result = calibrate([same], CountingEvaluator)
    assert (result.trials, result.same_versions, result.any_alarm, result.alarms) == (
        1,
        1,
        1,
        {"errors": 1},
    )
    healthy = Recording.open(made_run(tmp_path / "healthy.sqlite", version="v1", failing_from_s=99.0))
    both = calibration_json(calibrate([same, healthy], CountingEvaluator))
    assert both["any"] == {"false_alarms": 1, "pct": 50.0}
    assert "50.0" in calibration_text(calibrate([same, healthy], CountingEvaluator))


def test_of_other_runs_only_the_baseline_is_split(recording: Recording) -> None:
    made: list[CountingEvaluator] = []

    def make(*of: object) -> CountingEvaluator:
        made.append(CountingEvaluator(*of))  # type: ignore[arg-type]
        return made[-1]

    result = calibrate([recording], make, draws=4, split_pct=40.0)
    assert (result.trials, result.any_alarm, result.requests) == (4, 0, 120)
    for evaluator in made:
        outcomes = [t for _, t in evaluator.told if isinstance(t, Outcome)]
        assert {o.deployment for o in outcomes} == {OLD, PRETENDED}
        assert {o.weight_pct for o in outcomes if o.deployment == PRETENDED} == {40.0}
    drawn = [[t.deployment for _, t in evaluator.told] for evaluator in made]
    assert drawn[0] != drawn[1]
    first = drawn[:]
    made.clear()
    calibrate([recording], make, draws=4, split_pct=40.0)
    assert [[t.deployment for _, t in evaluator.told] for evaluator in made] == first
    with pytest.raises(ValueError, match="draw"):
        calibrate([recording], make, draws=0)


# --- the commands ---


def _command(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    monkeypatch.setattr("tui.evaluation.evaluators.Evaluators", CountingEvaluator)
    done = CliRunner().invoke(cli_afterwards.app, list(words))
    return done.exit_code, done.output


def test_the_commands_say_write_and_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = str(made_run(tmp_path / "run.sqlite"))
    code, said = _command(monkeypatch, "replay", run, "--headless")
    assert (code, "would have rolled back at 14:00:22Z" in said) == (0, True)
    counts = tmp_path / "counts.json"
    code, said = _command(monkeypatch, "calibrate", run, "--draws", "2", "--json", str(counts))
    assert (code, json.loads(counts.read_text())["trials"]) == (0, 2)
    assert "2 trials" in said
    out = tmp_path / "handover.md"
    assert _command(monkeypatch, "report", run, "--out", str(out))[0] == 0
    assert "handover-latency.svg" in out.read_text()
    assert (tmp_path / "handover-latency.svg").is_file()
    code, said = _command(monkeypatch, "report", run, "--format", "json")
    assert (code, json.loads(said)["baseline"]) == (0, OLD)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    code, said = _command(monkeypatch, "report", "nothing")
    assert (code, "canarytop runs" in said) == (3, True)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[rollout]\n")
    assert _command(monkeypatch, "replay", run, "--rollout", str(wrong))[0] == 2
    assert _command(monkeypatch, "report", run, "--out", str(tmp_path / "no" / "x.md"))[0] == 3


def test_keys_that_a_replay_cannot_have_are_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read_head(made_run(tmp_path / "run.sqlite")).rollout_text
    text = plain.replace('"sampled"\npath = "gone/since/then.jsonl"', '"synthetic"')
    clash = tmp_path / "clash.toml"
    clash.write_text(f"{text}[cockpit.keys]\nfreeze = ']'\n")
    kept = str(made_run(tmp_path / "kept.sqlite", rollout=clash.read_text()))
    assert _command(monkeypatch, "replay", kept)[0] == 0
    monkeypatch.setattr(cli_afterwards, "_on_a_terminal", lambda: True)
    clashes = "ERROR cockpit.keys: ] is given to both faster and freeze"
    remedy = "; the recorded rollout file says so: give one with other keys by --rollout"
    assert _command(monkeypatch, "replay", kept) == (2, f"{clashes}{remedy}\n")
    assert _command(monkeypatch, "replay", kept, "--rollout", str(clash)) == (2, f"{clashes}\n")
