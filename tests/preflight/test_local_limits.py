"""What this machine lacks: said before the traffic, and never booked on a version."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.world import BASE, CANARY, World
from tests.cli.test_cli import DEMO, rollout_at, said, typed
from tests.cockpit.test_values import view_of, with_canary
from tests.support.cockpit_fakes import CANARY as CANARY_NAME
from tests.support.cockpit_fakes import figures, windows
from tests.support.engine_runs import finished, rollout, running, until
from tests.support.evidence import Asked, outcome_of, stream, tell
from tests.support.rollout_files import KEY
from tests.support.warp import WarpLoop
from tests.traffic.test_health import Patient
from tests.traffic.test_sender import Bench, at, virtual
from tui.base.problems import Problem
from tui.cli import before_run as open_files
from tui.cli.before_run import OTHER_FILES, make_room
from tui.cockpit.text.banner import _saturated
from tui.cockpit.text.details import details_lines
from tui.engine.events import SelfMonitor
from tui.evaluation.evaluator import Evaluator
from tui.headless.result import result
from tui.measure.tally import Tally, VersionNames
from tui.model import Assignment, Event, EventKind, Outcome, OutcomeKind, Request, SenderView, VerdictState
from tui.rollout import Criteria
from tui.traffic.health import STALE_AFTER_S

NO_LIMIT = resource.RLIM_INFINITY


class Limits:
    """The limits of a process that are not those of the tests."""

    RLIMIT_NOFILE, RLIM_INFINITY = resource.RLIMIT_NOFILE, NO_LIMIT

    def __init__(self, soft: int, hard: int, *, refuses: bool = False) -> None:
        self.now = (soft, hard)
        self._refuses = refuses

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if self._refuses:
            raise ValueError("not allowed")
        self.now = limits


@pytest.mark.parametrize(
    ("limits", "soft", "said"),
    [
        (Limits(1000 + OTHER_FILES, 4096), 1000 + OTHER_FILES, None),
        (Limits(NO_LIMIT, NO_LIMIT), NO_LIMIT, None),
        (Limits(256, 4096), 1100, "1,100 open files may be needed, the limit raised from 256 to 1,100"),
        (Limits(256, NO_LIMIT), 1100, "1,100 open files may be needed, the limit raised from 256 to 1,100"),
        (
            Limits(256, 512),
            512,
            "1,100 open files may be needed, the limit raised from 256 to 512: "
            "raise it (ulimit -Hn 1100), or lower max_in_flight",
        ),
        (
            Limits(256, NO_LIMIT, refuses=True),
            256,
            "1,100 open files may be needed, the limit is 256: "
            "raise it (ulimit -Hn 1100), or lower max_in_flight",
        ),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(
    limits: Limits, soft: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "resource", limits)
    files = make_room(1000)
    assert (files and str(files)) == said
    assert limits.now[0] == soft


def test_check_warns_of_a_limit_that_does_not_suffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = rollout_at(tmp_path, "http://127.0.0.1:1", max_in_flight=5000)
    monkeypatch.setattr(open_files, "resource", Limits(256, NO_LIMIT))
    code, out = said(tmp_path, monkeypatch, "check", str(file), AZURE_OPENAI_API_KEY=KEY)
    assert (code, "open files" in out) == (0, False)
    monkeypatch.setattr(open_files, "resource", Limits(256, 4096))
    code, out = said(tmp_path, monkeypatch, "check", str(file), AZURE_OPENAI_API_KEY=KEY)
    assert code == 0
    assert (
        "traffic.max_in_flight 5,116 open files may be needed, the limit raised from 256 to 4,096: raise" in out
    )


def test_a_run_says_what_it_doubts(tmp_path: Path) -> None:
    """The address is no other host: nothing is sent anywhere."""
    file = rollout_at(tmp_path, "http://service.invalid")
    code, _, err = typed(tmp_path, "run", str(file), "--for", "1s", AZURE_OPENAI_API_KEY=KEY, NO_PROXY="*")
    assert code == 3
    first, *_ = err.splitlines()
    assert first == (
        "WARNING endpoints.main.url: http://service.invalid: the credential travels unencrypted; use https"
    )
    assert KEY not in err


def test_the_first_command_works_behind_a_proxy(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:1"
    everywhere = {"http_proxy": nobody, "HTTPS_PROXY": nobody, "ALL_PROXY": "socks5://127.0.0.1:1"}
    code, out, err = typed(
        tmp_path, "run", str(DEMO), "--for", "1s", "--seed", "5", "--scenario", "healthy", **everywhere
    )
    assert (code, "WARNING" in err) == (0, False), err
    assert "requests sent" in out


def test_a_proxy_that_cannot_be_used_is_a_mistake_before_the_traffic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rollout_at(tmp_path, "https://service.invalid")
    proxies = {"HTTPS_PROXY": "socks5://user:hunter2@proxy.corp:1080", "AZURE_OPENAI_API_KEY": KEY}
    for command in (("check",), ("run",)):
        code, out = said(tmp_path, monkeypatch, *command, str(file), **proxies)
        assert code == 2
        assert "endpoints.main.url HTTPS_PROXY names a socks5:// proxy, which canarytop does not speak" in out
        assert "hunter2" not in out


def test_the_cockpit_has_the_doubts_in_its_log(tmp_path: Path) -> None:
    doubt = Problem("endpoints.main.url", "http://elsewhere", "the credential travels unencrypted", "warning")
    of = replace(rollout(tmp_path, "http://127.0.0.1:1"), warnings=(doubt,))
    with running(of) as engine:
        seen = until(engine, lambda s: any(event.kind is EventKind.WARNING for event in s.events))
        finished(engine)
    [event] = [event for event in seen.events if event.kind is EventKind.WARNING]
    assert event.text == str(doubt)


# --- what is not booked on a version ---


def test_health_stays_as_it_was() -> None:
    d = Patient()
    d.ask()
    for _ in range(20):
        assert d.ask(OutcomeKind.CLIENT_SATURATED) == []
        d.clock.now_s += STALE_AFTER_S
    assert (d.health.unreachable, d.health.failing, d.health.stale_s) == (None, None, None)
    assert d.health.last_error is None
    assert d.health.in_flight == 0


def test_it_is_no_evidence_and_moves_no_guard() -> None:
    evaluator = Evaluator(BASE, [CANARY], Criteria(), timeout_s=60.0)
    heard = stream(World(canary_pct=lambda _: 50.0), 3, 3000)
    run = Asked(evaluator, {BASE: 50.0, CANARY: 50.0})
    for i, happening in enumerate(heard):
        reached, now_s = tell(evaluator, [happening])
        assert not any(v.state is VerdictState.WORSE for v in reached)
        if i % 3 == 0:
            drawn = run.draw(CANARY, now_s, request_id=10**6 + i)
            run.end(drawn, now_s, kind=OutcomeKind.CLIENT_SATURATED, error="x")
    found = {v.criterion: v for v in evaluator.verdicts(now_s)[CANARY]}
    assert found["errors"].canary_value == pytest.approx(0.5, abs=0.5)
    assert 1200 < found["errors"].canary_requests < 1700
    assert evaluator.tripwire(CANARY) is None


def test_the_sender_says_why_it_is_saturated() -> None:
    why = "this process has too many open files"

    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(0, 0.1, 9.0, 11.0))
        inner = bench.complete

        async def complete(
            request: Request, assignment: Assignment, due_s: float, *, saturated: bool
        ) -> Outcome:
            outcome = await inner(request, assignment, due_s, saturated=saturated)
            starved = request.id == 1
            kind = OutcomeKind.CLIENT_SATURATED if starved else outcome.kind
            return replace(outcome, kind=kind, error=why if starved else None)

        bench.walk.steps["complete"] = complete
        seen: list[str] = []

        def on_outcome(outcome: Outcome) -> None:
            bench.outcomes.append(outcome)
            seen.append(bench.sender.view().no_socket)

        bench.walk.steps["on_outcome"] = on_outcome
        await bench.sender.run()
        await bench.sender.drain(1)
        assert seen == [why, why, why, ""]
        assert [o.saturated for o in bench.outcomes[:2]] == [False, True]

    virtual(test)


def test_it_is_said_with_its_reason() -> None:
    said: list[str] = []

    def log(kind: EventKind, actor: str, text: str, **_: object) -> Event:
        said.append(text)
        return Event(1, datetime.now(UTC), 0.0, actor, kind, text)

    why = "this process has too many open files: raise the limit (ulimit -n), or lower max_in_flight"
    sender = SenderView(3, 200, 10, 0, 1.0, True, no_socket=why)
    SelfMonitor(log).sender(sender)
    assert said == [f"client saturated: {why}; 0 skipped, 3 of 200 in flight, 1 ms late at P99"]
    assert why in str(_saturated(sender))


def test_a_request_that_was_sent_again_is_counted() -> None:
    tally, names = Tally(), VersionNames()
    shares = {BASE: 50.0, CANARY: 50.0}
    for reconnected in (True, False, True):
        tally.add(outcome_of(BASE, shares, reconnected=reconnected), names)
    tally.add(outcome_of(BASE, shares, kind=OutcomeKind.CLIENT_SATURATED, saturated=True), names)
    counted = tally.figures(1.0, 4)
    assert (counted.reconnected, counted.requests, counted.served, counted.saturated) == (2, 4, 3, 1)
    assert (counted.error_count, counted.error_pct) == (0, 0.0)


def test_the_details_and_the_result_tell_how_many_were_sent_again() -> None:
    for count, told in ((0, False), (1234, True)):
        made = with_canary(figures=windows(figures(2000, reconnected=count)))
        text = "\n".join(line.text for line in details_lines(view_of(made), CANARY_NAME, 100))
        assert ("reconnected, sent anew" in text and "1,234" in text) is told
        assert result(made, seed=1, lost=0)["deployments"][CANARY_NAME]["reconnected"] == count
