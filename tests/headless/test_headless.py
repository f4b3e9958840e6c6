"""Runs without a screen: what is reported, what is written, how they end."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cockpit.test_tasks import DEEDS, MAIL
from tests.measure.test_business import migration
from tests.support.cockpit_fakes import BASELINE, CANARY, figures, made_snapshot, windows
from tests.support.engine_runs import (
    NEW,
    OLD,
    beside,
    engine_of,
    finished,
    pretend,
    rollout,
    running,
    simulator,
    total,
    until,
)
from tests.support.made_verdicts import WORSE_P95, verdict
from tests.support.made_verdicts import plan as made_plan
from tui.engine.thread import EngineFailed
from tui.headless.result import result
from tui.headless.run import CouldNotRun, check_endpoints, finish, follow, table
from tui.model import (
    Deployment,
    JudgeView,
    OutcomeKind,
    PinState,
    PositionView,
    QualityView,
    Snapshot,
    TrafficState,
)
from tui.rollout import SourceSpec
from tui.traffic.sources import Sources


class Terminal(io.StringIO):
    """Where a person watches."""

    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    """A terminal that was closed: every write fails."""

    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self.tty = tty
        self.tried = 0

    def isatty(self) -> bool:
        return self.tty

    def write(self, _: str) -> int:
        self.tried += 1
        raise OSError(5, "Input/output error")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with beside(simulator(pretend(OLD, NEW))) as address:
        yield address


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A file of three requests and a line that is none."""
    path = tmp_path / "requests.jsonl"
    line = '{"messages": [{"role": "user", "content": "hello"}]}\n'
    path.write_text(line * 2 + "{broken\n" + line)
    return path


def test_a_terminal_sees_one_line_renewed(url: str, tmp_path: Path, few: Path) -> None:
    out = Terminal()
    sources = (SourceSpec("sampled", path=few, loop=False),)
    with running(rollout(tmp_path, url, rate=20.0, sources=sources)) as engine:
        follow(engine, for_s=60.0, out=out, asked=threading.Event())
        assert engine.snapshot().state is TrafficState.ENDED, "it waits for the traffic, not for the minute"
    said = out.getvalue()
    assert "\n" not in said
    assert "of 60 s  running" in said
    assert "weights 50 / 50" in said
    assert said.endswith("\r\x1b[K")


def test_a_short_run_in_a_pipe_says_nothing_until_its_end(url: str, tmp_path: Path) -> None:
    out = io.StringIO()
    with running(rollout(tmp_path, url)) as engine:
        follow(engine, for_s=0.3, out=out, asked=threading.Event())
        assert engine.clock() >= 0.3
    assert out.getvalue() == ""


def test_a_pipe_gets_a_plain_line_every_ten_seconds(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.headless.run._REPORT_EVERY_S", 0.1)
    out, asked = io.StringIO(), threading.Event()
    with running(rollout(tmp_path, url)) as engine:
        engine.subscribe(lambda _: asked.set() if out.getvalue().count("\n") >= 2 else None)
        follow(engine, for_s=None, out=out, asked=asked)
        # At most so many as fit into the time of the run.
        assert len(out.getvalue().splitlines()) <= engine.clock() / 0.1
    lines = out.getvalue().splitlines()
    assert len(lines) >= 2
    assert all("running" in line and "\x1b" not in line for line in lines)


def test_a_version_that_is_not_the_one_asked_for_is_said_at_the_end(url: str, tmp_path: Path) -> None:
    deployments = {name: Deployment(name, "main", "gpt-4o", "2024-11-20") for name in (OLD, NEW)}
    deployments[NEW] = replace(deployments[NEW], version="2024-08-06")
    with running(rollout(tmp_path, url, deployments=deployments)) as engine:
        seen = until(engine, lambda s: s.deployments[NEW].status.pin.state is PinState.MISMATCH)
    [line] = [line for line in table(seen).splitlines() if "MISMATCH" in line]
    assert line.startswith(f"{NEW}: MISMATCH: ")
    assert "2024-08-06" in line
    assert "2024-11-20" in line
    pins = {name: one["pin"]["state"] for name, one in result(seen, seed=1, lost=0)["deployments"].items()}
    assert pins == {OLD: "unknown", NEW: "mismatch"}


@pytest.mark.parametrize("tty", [True, False])
def test_a_run_goes_on_when_nobody_can_read_its_progress(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tty: bool
) -> None:
    monkeypatch.setattr("tui.headless.run._REPORT_EVERY_S", 0.05)
    out, asked = Gone(tty=tty), threading.Event()
    after_it: list[Snapshot] = []

    def some_more(snapshot: Snapshot) -> None:
        if out.tried:
            after_it.append(snapshot)
        if len(after_it) > 5:
            asked.set()

    with running(rollout(tmp_path, url)) as engine:
        engine.subscribe(some_more)
        follow(engine, for_s=None, out=out, asked=asked)
        assert finished(engine).sender.sent > 0
    assert out.tried == 1


def test_it_stops_when_asked(url: str, tmp_path: Path) -> None:
    asked = threading.Event()
    with running(rollout(tmp_path, url)) as engine:
        engine.subscribe(lambda snapshot: asked.set() if snapshot.sender.sent > 3 else None)
        follow(engine, for_s=None, out=io.StringIO(), asked=asked)
        assert engine.snapshot().state is TrafficState.RUNNING


def test_it_does_not_wait_for_an_engine_that_broke(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(Sources, "next", broken)
    with running(rollout(tmp_path, url)) as engine:
        follow(engine, for_s=None, out=io.StringIO(), asked=threading.Event())
        with pytest.raises(EngineFailed, match="broken"):
            engine.ended.result()


def test_endpoints_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    engine = engine_of(rollout(tmp_path, "http://127.0.0.1:9"))
    engine.start()
    try:
        with pytest.raises(CouldNotRun, match="endpoint main is unreachable: ConnectionRefusedError"):
            check_endpoints(engine, threading.Event())
    finally:
        engine.stop()


def test_a_key_that_is_refused_is_not_shown(tmp_path: Path) -> None:
    with (
        beside(simulator(pretend(OLD, NEW), key="right")) as url,
        running(rollout(tmp_path, url), key="wrong-key-0123456789") as engine,
        pytest.raises(CouldNotRun, match="endpoint main is refused") as caught,
    ):
        check_endpoints(engine, threading.Event())
    assert "wrong-key" not in str(caught.value)


def ended_run(url: str, tmp_path: Path, few: Path) -> Snapshot:
    sources = (SourceSpec("sampled", path=few, loop=False),)
    with running(rollout(tmp_path, url, sources=sources)) as engine:
        until(engine, lambda s: s.state is TrafficState.ENDED)
        return finished(engine)


def test_the_result_and_the_table_tell_the_same(url: str, tmp_path: Path, few: Path) -> None:
    snapshot = ended_run(url, tmp_path, few)
    document = json.loads(json.dumps(result(snapshot, seed=4, lost=0), allow_nan=False))
    assert (document["rollout"], document["seed"], document["lost"]) == ("test", 4, 0)
    assert sum(d["requests"] for d in document["deployments"].values()) == 3
    assert document["events"][0]["kind"] == "started"
    assert document["events"][-1]["kind"] == "stopped"
    assert document["sources"][0]["bad_lines"] == 1
    text = table(snapshot)
    rows = {line.split()[0]: line.split() for line in text.splitlines()[1:3]}
    for name, one in document["deployments"].items():
        assert rows[name][1:4] == [f"{one['weights']['default']:g}%", str(one["requests"]), str(one["ok"])]
    assert "source requests.jsonl: 1 bad lines; line 3:" in text
    assert "3 requests sent" in text


def test_without_data_there_are_gaps_and_no_zeros(url: str, tmp_path: Path, few: Path) -> None:
    sources = (SourceSpec("sampled", path=few, loop=False),)
    of = rollout(tmp_path, url, weights={OLD: 100.0, NEW: 0.0}, sources=sources)
    with running(of) as engine:
        until(engine, lambda s: s.state is TrafficState.ENDED)
        snapshot = finished(engine)
    unused = result(snapshot, seed=1, lost=0)["deployments"][NEW]
    assert unused["latency_ms"] == {"p50": None, "p95": None, "p99": None, "n": 0}
    assert unused["cost_usd"] is None
    assert next(line for line in table(snapshot).splitlines() if line.startswith(NEW)).split()[4:8] == ["-"] * 4


def test_the_result_and_the_table_tell_throttled_from_errors_and_say_what_lasts() -> None:
    kinds = {OutcomeKind.OK: 60, OutcomeKind.RATE_LIMITED: 25, OutcomeKind.QUOTA_EXHAUSTED: 5,
             OutcomeKind.SERVER_ERROR: 10, OutcomeKind.CANCELLED: 20}  # fmt: skip
    made = made_snapshot()
    canary = replace(made.deployments[CANARY], figures=windows(figures(120, kinds=kinds)), held_back=7)
    words = "HTTP 429: You exceeded your current quota"

    def told(**changes: object) -> tuple[dict[str, object], str]:
        view = replace(canary, **changes)  # type: ignore[arg-type]
        snapshot = replace(made, deployments={**made.deployments, CANARY: view})
        return result(snapshot, seed=1, lost=0)["deployments"][CANARY], table(snapshot)

    document, text = told(quota_exhausted=words, last_error=words)
    assert document["kinds"] == {kind.value: n for kind, n in kinds.items()}
    assert (document["error_pct"], document["throttled_pct"]) == (10.0, 30.0)
    assert (document["quota_exhausted"], document["throttled_s"]) == (words, 0.0)
    row = next(line.split() for line in text.splitlines() if line.startswith(CANARY))
    assert row[-2:] == ["10.00", "30.00"]
    assert f"{CANARY}: QUOTA EXHAUSTED: {words}" in text
    assert text.count(words) == 1
    assert f"{CANARY}: 7 requests held back because its quota is exhausted" in text
    document, text = told(throttled_s=7_500.25)
    assert document["throttled_s"] == 7_500.25
    assert f"{CANARY}: THROTTLED: its service asks to wait 2 h 5 min more" in text
    assert f"{CANARY}: 7 requests held back because its service asked for a pause" in text


def test_what_a_version_without_answers_costs_is_no_riddle() -> None:
    made = made_snapshot()
    refused = figures(
        4, kinds={OutcomeKind.RATE_LIMITED: 4}, latency_ms=None, ttft_ms=None, cost_usd=None, priced=0
    )
    canary = replace(made.deployments[CANARY], figures=windows(replace(refused, answers_with_usage=0)))
    text = table(replace(made, deployments={**made.deployments, CANARY: canary}))
    row = next(line.split() for line in text.splitlines() if line.startswith(CANARY))
    assert row[8] == "-"


def test_the_result_and_the_table_say_what_it_costs_and_how_good_it_is() -> None:
    judge = JudgeView(asked=144, text="answered all 144", position=PositionView(text="no preference shown"))
    room = QualityView(
        samples=225, known={DEEDS: 49}, spent_usd=0.04, judge=judge, judge_name="gpt5-judge", judge_usd=0.19,
        judge_budget_usd=5.0, agreement="judge and people: weighted kappa 0.71",
    )  # fmt: skip
    snapshot = migration(quality=room)
    document = json.loads(json.dumps(result(snapshot, seed=1, lost=0), allow_nan=False))
    assert list(document["plans"]) == [MAIL]
    assert document["verdicts"][CANARY][DEEDS]["quality"]["state"] == "worse"
    mail = document["business"][CANARY][MAIL]
    assert mail["text"] == f"{MAIL}: -60% cost (saves $96.00/day at 40,000 requests/day), 4.2 vs 4.4, OK"
    assert (mail["requests_per_day"], mail["requests_per_day_from"]) == (40_000, "rollout file")
    assert (mail["usd_per_day"], mail["no_cost"]) == (pytest.approx(-96.0), "")
    assert mail["cost"]["interval_pct"] == [-63.0, -57.0]
    assert mail["graded"]["quality"] == {
        "state": "ok", "advisory": False, "unit": "of 5", "baseline": 4.4, "canary": 4.2, "pairs": 80
    }  # fmt: skip
    assert document["quality"]["known_answers_asked"] == {DEEDS: 49}
    judged = document["quality"]["judge"]
    assert (judged["deployment"], judged["sound"], judged["budget_usd"]) == ("gpt5-judge", True, 5.0)
    lines = table(snapshot).splitlines()
    assert f"business: {mail['text']}" in lines
    assert "judge gpt5-judge: answered all 144; no preference shown; $0.1900" in lines
    assert "judge and people: weighted kappa 0.71" in lines


def test_the_end_of_a_run_says_each_verdict_with_its_interval_and_what_it_rests_on() -> None:
    worse = replace(
        WORSE_P95, note="evidence 1 in 12,000", explained="of 412 neighbours that were slow, 96 ..."
    )
    throttled = replace(WORSE_P95, criterion="throttled", label="throttled", unit="%", advisory=True)
    never = verdict("ttft_p50", label="TTFT P50", never=True, canary_requests=0, baseline_requests=0, etas=(),
                    canary_value=None, difference_pct=None, difference_low_pct=None, difference_high_pct=None,
                    note="no time to the first token comes: are the answers streamed?")  # fmt: skip
    unasked = replace(never, criterion="cost", label="cost $/1k", never=False)
    shown = (worse, verdict("latency_p50", label="P50"), throttled, never, unasked)
    snapshot = made_snapshot(verdicts={CANARY: shown})
    lines = table(snapshot).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{CANARY} against {BASELINE}"))
    said = [" ".join(line.split()) for line in lines[at + 1 : at + 6]]
    assert said == [
        "P95 WORSE 402 ms 655 ms +63% between +41 and +88% +10% 980/8,820 evidence 1 in 12,000",
        "P50 NOT YET 402 ms 421 ms +5% between -9 and +19% +10% 980/8,820 to decide 11-19 min",
        "throttled* WORSE 402% 655% +63% between +41 and +88% +10% 980/8,820",
        "TTFT P50 NOT YET 402 ms – - - +10% 0/0 no time to the first token comes: are the answers streamed?",
        "* advisory: moves neither guard nor plan by itself",
    ]
    sentence = (
        f"{CANARY} is WORSE: P95 655 ms vs 402 ms (+63%, between +41 and +88%, limit +10%), evidence 1 in"
    )
    assert [line for line in lines if "is WORSE" in line] == [
        f"{sentence} 12,000, n=980; of 412 neighbours that were slow, 96 ..."
    ]
    document = json.loads(json.dumps(result(snapshot, seed=1, lost=0), allow_nan=False))
    told = document["verdicts"][CANARY]["default"]
    assert told["latency_p95"]["explained"] == worse.explained
    assert told["ttft_p50"]["never"]
    assert told["latency_p50"]["to_decide"] == [
        {"weight_pct": 10.0, "seconds_low": 660.0, "seconds_high": 1140.0, "canary_requests": 1500},
        {"weight_pct": 25.0, "seconds_low": 240.0, "seconds_high": 420.0, "canary_requests": 1420},
        {"weight_pct": 50.0, "seconds_low": 130.0, "seconds_high": None, "canary_requests": 1390},
    ]


def test_what_no_answer_reported_is_null_in_the_result_and_marked_in_the_table() -> None:
    made = made_snapshot(spent_usd=2.0, spent_estimated_usd=0.5)
    unreported = figures(
        1000, answers_with_usage=0, answers_without_usage=980, prompt_tokens=0, cached_tokens=0,
        completion_tokens=0, estimated_usd=0.18718,
    )  # fmt: skip
    view = replace(made.deployments[CANARY], figures=windows(unreported))
    snapshot = replace(made, deployments={**made.deployments, CANARY: view})
    document = json.loads(json.dumps(result(snapshot, seed=1, lost=0), allow_nan=False))
    one = document["deployments"][CANARY]
    assert one["tokens"] == {
        "prompt": None, "cached": None, "completion": None, "reasoning": None,
        "answers": {"reported": 0, "not_reported": 980},
    }  # fmt: skip
    assert (one["cost_usd"], one["cost_estimated_usd"]) == (pytest.approx(0.18718), 0.18718)
    assert (document["spent_usd"], document["spent_estimated_usd"]) == (2.0, 0.5)
    assert one["answer_ttft_ms"] == one["ttft_ms"]
    business = document["business"][CANARY]["default"]
    assert (business["cost"], business["usd_per_day"]) == (None, None)
    assert business["no_cost"] == f"980 of 980 answers of {CANARY} reported no usage"
    text = table(snapshot)
    assert next(line for line in text.splitlines() if line.startswith(CANARY)).split()[8] == "0.191~"
    assert "$2.0000 (~25% estimated)" in text
    assert f"{CANARY}: 980 of 980 answers reported no usage; what they cost is estimated" in text


def test_without_a_judge_and_without_a_plan_the_result_says_so() -> None:
    document = result(made_snapshot(), seed=1, lost=0)
    assert (document["plans"], document["quality"]["judge"]) == ({}, None)
    plan = result(made_snapshot(plans=(made_plan(CANARY),)), seed=1, lost=0)["plans"]["default"]
    assert (plan["canary"], plan["step"]) == (CANARY, 2)


def test_whoever_asks_for_the_end_does_not_wait_for_slow_answers(tmp_path: Path) -> None:
    with beside(simulator(pretend(OLD, NEW, hang_pct=100.0))) as url, running(rollout(tmp_path, url)) as engine:
        until(engine, lambda s: s.sender.in_flight > 3)
        asked = threading.Event()
        asking = threading.Timer(0.05, asked.set)
        asking.start()
        # Without being asked it would wait for an hour.
        assert finish(engine, drain_s=3600.0, asked=asked) == 0
        asking.join()
    kinds = {kind for name in (OLD, NEW) for kind in total(engine.snapshot(), name).kinds}
    assert kinds == {OutcomeKind.CANCELLED}


def test_the_end_may_be_asked_for_before_the_endpoints_have_answered(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(rollout(tmp_path, url)) as engine:
            asked = threading.Event()
            asked.set()
            check_endpoints(engine, asked)
            assert finish(engine, drain_s=3600.0, asked=asked) == 0
            assert engine.snapshot().sender.sent == 0
