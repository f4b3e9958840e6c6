"""What a pipeline is told: the exit code of a run, its reason, and both where nobody listens."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import environment, rollout_at, said, typed
from tests.measure.test_business import migration
from tests.support.cockpit_fakes import BASELINE, CANARY, event, figures, made_snapshot, windows
from tests.support.engine_runs import NEW, OLD, beside, pretend, simulator
from tests.support.made_verdicts import OK_P95, WORSE_P95, verdict
from tests.support.places import ROOT
from tests.support.rollout_files import KEY
from tui.cli.ends import deliver, write_whole
from tui.engine.events import EventLog
from tui.headless.exit import exit_of
from tui.headless.result import result
from tui.headless.run import table
from tui.model import (
    DEFAULT_TASK,
    Ability,
    Event,
    EventKind,
    Figures,
    GuardView,
    OutcomeKind,
    PlanStep,
    Snapshot,
    SourceView,
)
from tui.rollout import PlanSpec

NOTHING = figures(0)


def with_figures(snapshot: Snapshot, **of: Any) -> Snapshot:
    views = {
        name: replace(view, figures=windows(of[role])) if (role := view.role) in of else view
        for name, view in snapshot.deployments.items()
    }
    return replace(snapshot, deployments=views)


def failed(requests: int) -> Any:
    return figures(requests, kinds={OutcomeKind.SERVER_ERROR: requests})


def unsent(requests: int) -> Any:
    return figures(requests, kinds={OutcomeKind.CLIENT_SATURATED: requests})


def back(actor: str, reason: str, kind: EventKind = EventKind.ROLLED_BACK, text: str = "v2 10 → 0%") -> Event:
    return replace(event(1, kind, text, 292.0), actor=actor, reason=reason)


HEALTHY = made_snapshot()
ANSWERED = "9,800 requests were answered, nothing is WORSE"
WORSE = made_snapshot(verdicts={CANARY: (WORSE_P95,)})
UNSENT = with_figures(HEALTHY, baseline=NOTHING, canary=NOTHING)
ALL_BACK = {DEFAULT_TASK: {BASELINE: 100.0, CANARY: 0.0}}
BY_GUARD = (back("guard", "P95 655 ms vs 402 ms"),)
KEPT_FROM = (
    back("guard", "", EventKind.NOT_ROLLED_BACK, "not rolled back: v2 is WORSE; v1 has failed: weights stay"),
)


@pytest.mark.parametrize(
    ("snapshot", "code", "why"),
    [
        (HEALTHY, 0, ANSWERED),
        (made_snapshot(verdicts={CANARY: (OK_P95,)}), 0, ANSWERED),
        (WORSE, 1, f"{CANARY} is WORSE: P95"),
        (made_snapshot(verdicts={CANARY: (replace(WORSE_P95, advisory=True),)}), 0, ANSWERED),
        (made_snapshot(guard=GuardView("armed", said="rolled back v2: tripwire", acted=1)), 1,
         "the guard acted: rolled back v2: tripwire"),
        (replace(WORSE, guard=GuardView("armed", acted=1), roll_backs=BY_GUARD), 1,
         "the guard rolled back after 4 min 52 s: P95 655 ms vs 402 ms"),
        # It acted, and a new version or a restart took the verdict away since.
        (made_snapshot(guard=GuardView("off", acted=1), roll_backs=BY_GUARD), 1,
         "the guard rolled back after 4 min 52 s: P95 655 ms vs 402 ms"),
        (made_snapshot(roll_backs=KEPT_FROM), 1,
         "the guard could not roll back after 4 min 52 s: v2 is WORSE; v1 has failed: weights stay"),
        (made_snapshot(roll_backs=(back("ann", "by key"),)), 0, ANSWERED),
        (made_snapshot(guard=GuardView("dry_run", said="would have rolled back v2")), 0, ANSWERED),
        (UNSENT, 3, "no request was sent"),
        (with_figures(HEALTHY, baseline=unsent(9), canary=unsent(1)), 3, "no request was sent"),
        (with_figures(HEALTHY, canary=NOTHING), 3,
         f"no canary with weight got a request ({CANARY}): run longer, or at a higher rate"),
        (with_figures(HEALTHY, canary=unsent(7)), 3,
         f"no canary with weight got a request ({CANARY}): run longer, or at a higher rate"),
        (with_figures(made_snapshot(weights=ALL_BACK), canary=NOTHING), 0,
         "8,820 requests were answered, nothing is WORSE"),
        (with_figures(HEALTHY, canary=failed(5)), 3, f"{CANARY} was sent 5 requests and answered none"),
        (with_figures(HEALTHY, canary=failed(4)), 0, "8,820 requests were answered, nothing is WORSE"),
        (with_figures(HEALTHY, baseline=failed(4), canary=failed(4)), 3, "no request was answered, of 8"),
        (with_figures(HEALTHY, baseline=failed(9)), 3, f"{BASELINE} was sent 9 requests and answered none"),
        (with_figures(made_snapshot(weights={DEFAULT_TASK: {BASELINE: 0.0, CANARY: 100.0}}), baseline=NOTHING),
         0, "980 requests were answered, nothing is WORSE"),
        (with_figures(HEALTHY, canary=figures(9, kinds={OutcomeKind.PROMPT_FILTERED: 9})), 0,
         "8,829 requests were answered, nothing is WORSE"),
        (with_figures(HEALTHY, canary=figures(9, kinds={OutcomeKind.CANCELLED: 9})), 0,
         "8,820 requests were answered, nothing is WORSE"),
        (replace(UNSENT, verdicts={CANARY: (WORSE_P95,)}), 1, f"{CANARY} is WORSE: P95"),
    ],
)  # fmt: skip
def test_the_first_of_130_1_3_0_that_holds(snapshot: Snapshot, code: int, why: str) -> None:
    ends = exit_of(snapshot)
    assert (ends.code, ends.why.partition(": HTTP")[0]) == (code, why)
    assert table(snapshot, ends).splitlines()[-1] == f"exit {code}: {ends.why}"
    assert result(snapshot, seed=1, lost=0, ends=ends)["exit"]["code"] == code
    stopped = exit_of(snapshot, interrupted=True)
    assert (stopped.code, stopped.why) == (130, "interrupted before its end")
    assert ends.why in (*stopped.also, ANSWERED) or code == 0


def test_what_holds_besides_is_said_before_the_reason() -> None:
    ends = exit_of(replace(UNSENT, verdicts={CANARY: (WORSE_P95,)}))
    assert table(UNSENT, ends).splitlines()[-2:] == [
        "also: no request was sent", f"exit 1: {CANARY} is WORSE: P95"
    ]  # fmt: skip


def test_a_guard_that_acted_is_said_once() -> None:
    acted = made_snapshot(
        guard=GuardView("armed", said="rolled back", acted=1), roll_backs=(*BY_GUARD, *KEPT_FROM)
    )
    [besides] = exit_of(acted).also
    assert besides.startswith("the guard could not roll back after 4 min 52 s")


def test_a_source_that_gave_nothing_says_why() -> None:
    lines = SourceView("mail.jsonl", "sampled", bad_lines=2, last_bad="line 2: not JSON")
    why = exit_of(replace(UNSENT, sources=(lines, SourceView("made", "synthetic")))).why
    assert why == "no request was sent: mail.jsonl gave none: line 2: not JSON; made gave none"


def test_one_canary_of_several_is_enough_to_have_run() -> None:
    views = {**HEALTHY.deployments, "v3": replace(HEALTHY.deployments[CANARY], figures=windows(NOTHING))}
    several = replace(
        HEALTHY, deployments=views, weights={DEFAULT_TASK: {BASELINE: 80.0, CANARY: 10.0, "v3": 10.0}}
    )
    assert exit_of(several).code == 0
    # The plan is that of one; for the other the usual ones must be OK.
    ends = exit_of(several, require_ok={DEFAULT_TASK: plan("latency_p95")})
    assert [what.partition(":")[0] for what in ends.not_ok] == [CANARY, "v3", "v3", "v3"]
    assert ends.why.endswith("; and 1 more")
    assert "must_be_ok is not set" in ends.also[0]


def test_no_flood_of_events_hides_a_roll_back() -> None:
    log = EventLog(clock=lambda: 1.0, now=lambda: datetime(2026, 12, 1, tzinfo=UTC))
    log(EventKind.ROLLED_BACK, "guard", "v2 10 → 0%", reason="errors")
    log(EventKind.NOT_ROLLED_BACK, "guard", "not rolled back")
    for _ in range(1500):
        log(EventKind.THROTTLED, "canarytop", "v1 asks for a pause")
    assert EventKind.ROLLED_BACK not in {e.kind for e in log.newest()}
    assert [e.kind for e in log.roll_backs()] == [EventKind.ROLLED_BACK, EventKind.NOT_ROLLED_BACK]


ERRORS_OK = replace(OK_P95, criterion="errors", label="errors")
FILTER_OK = replace(OK_P95, criterion="completion_filter", label="filtered")
COST = verdict("cost", label="cost")


def plan(*must_be_ok: str, canary: str = CANARY) -> PlanSpec:
    return PlanSpec(canary, (PlanStep(5.0, 0.0), PlanStep(100.0, 0.0)), must_be_ok)


@pytest.mark.parametrize(
    ("verdicts", "of", "wanted"),
    [
        ((OK_P95, ERRORS_OK, COST), plan("latency_p95", "errors"), []),
        ((OK_P95, verdict("errors", label="errors")), plan("latency_p95", "errors"),
         ["OK for errors (11-19 min)"]),
        ((OK_P95,), plan("latency_p95", "errors"), ["OK for errors, which is not judged here"]),
        ((OK_P95, ERRORS_OK, FILTER_OK, COST), None, []),
        ((OK_P95, FILTER_OK), None,
         ["OK for errors, which is not judged"]),
        # Another canary's plan waits for nothing of this one.
        ((OK_P95, FILTER_OK), plan("latency_p95", canary="v3"), ["OK for errors"]),
        ((WORSE_P95,), plan("latency_p95"), ["OK for P95, which is WORSE and stays so"]),
    ],
)  # fmt: skip
def test_what_is_required_is_what_a_plan_waits_for(
    verdicts: Any, of: PlanSpec | None, wanted: list[str]
) -> None:
    made = made_snapshot(verdicts={CANARY: verdicts})
    ends = exit_of(made, require_ok={DEFAULT_TASK: of})
    assert ends.code == (1 if wanted else 0)
    assert len(ends.not_ok) == len(wanted)
    assert all(want in said for want, said in zip(wanted, ends.not_ok, strict=True))
    lines = table(made, ends).splitlines()
    assert [line for line in lines if line.startswith("not OK yet: ")] == [
        f"not OK yet: {what}" for what in ends.not_ok
    ]
    by_default = "must_be_ok is not set, so P95, errors and filtered must be OK"
    assert (by_default in ends.also) == bool(wanted and (of is None or of.canary != CANARY))


def test_required_is_every_task_in_which_a_canary_has_weight() -> None:
    snapshot = made_snapshot(verdicts={CANARY: (replace(OK_P95, task="mail"),)})
    weights = {"mail": {BASELINE: 50.0, CANARY: 50.0}, "deeds": {BASELINE: 100.0, CANARY: 0.0}}
    must = {"mail": plan("latency_p95"), "deeds": plan("latency_p95")}
    assert exit_of(replace(snapshot, weights=weights), require_ok=must).code == 0
    weights["deeds"] = {BASELINE: 90.0, CANARY: 10.0}
    assert f"{CANARY} in deeds: OK for P95" in exit_of(replace(snapshot, weights=weights), require_ok=must).why
    nobody = replace(snapshot, weights=ALL_BACK)
    ends = exit_of(nobody, require_ok={DEFAULT_TASK: None})
    assert (ends.code, ends.why) == (1, "not OK yet: no canary has weight, so nothing can be OK")
    # It could not run, and so nothing is OK: the order puts 1 first, and says the other.
    ends = exit_of(UNSENT, require_ok={DEFAULT_TASK: None})
    assert (ends.code, ends.also[-1]) == (1, "no request was sent")


def test_the_table_says_what_the_guard_did_and_who_rolled_back() -> None:
    dead = Ability("unable", "left 99 % of 212 requests unanswered in 30 s", 270.0)
    one, two = {BASELINE: 90.0, CANARY: 10.0}, {BASELINE: 100.0, CANARY: 0.0}
    in_mail = replace(back("ann", ""), before={"mail": one, "deeds": one}, after={"mail": two, "deeds": one})
    advisory = replace(WORSE_P95, criterion="throttled", label="throttled", advisory=True)
    made = made_snapshot(
        weights={"mail": two, "deeds": one},
        roll_backs=(*BY_GUARD, in_mail, *KEPT_FROM),
        verdicts={CANARY: (WORSE_P95, ERRORS_OK, advisory, COST, verdict("ttft_p50", never=True))},
        guard=GuardView("dry_run", said="would have rolled back"),
    )
    views = {**made.deployments, BASELINE: replace(made.deployments[BASELINE], ability=dead)}
    lines = table(replace(made, deployments=views)).splitlines()
    when = f"after 4 min 52 s ({in_mail.at:%H:%M:%S}Z)"
    assert [line for line in lines if "olled back" in line] == [
        "guard dry run: would have rolled back",
        f"rolled back by guard {when}: v2 10 → 0%: P95 655 ms vs 402 ms",
        f"rolled back by ann {when} in mail: v2 10 → 0%",
        f"NOT rolled back by guard {when}: v2 is WORSE; v1 has failed: weights stay",
    ]
    assert f"BASELINE DEAD: {BASELINE} {dead.why}" in lines
    assert f"{CANARY}: WORSE for P95, throttled (advisory); OK for errors; NOT YET for cost" in lines
    assert "guard off" in table(HEALTHY).splitlines()
    assert "guard armed: did nothing" in table(made_snapshot(guard=GuardView("armed"))).splitlines()


@pytest.mark.parametrize("role", ["baseline", "canary"])
def test_there_is_no_business_line_where_most_requests_of_either_failed(role: str) -> None:
    whole = migration()
    assert "business: " in table(whole)

    def with_failures(share: float) -> Snapshot:
        def broken(of: Figures) -> Figures:
            bad = round(share * of.requests)
            return replace(of, kinds={OutcomeKind.SERVER_ERROR: bad, OutcomeKind.OK: of.requests - bad})

        views = {
            name: view if view.role != role else replace(
                view, figures={w: {t: broken(f) for t, f in of.items()} for w, of in view.figures.items()}
            )
            for name, view in whole.deployments.items()
        }  # fmt: skip
        return replace(whole, deployments=views)

    assert "business: " not in table(with_failures(0.6))
    assert "business: " in table(with_failures(0.5))


# --- real processes -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with beside(simulator(pretend(OLD, NEW))) as address:
        yield address


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of it; ``canarytop`` is the one under test."""
    command = command.replace("canarytop", f"{sys.executable} -m tui", 1)
    env = environment(folder, AZURE_OPENAI_API_KEY=KEY)
    return subprocess.run(command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True)


LOST = "ERROR exit 3: the run ended with 0, but its result is lost"


@pytest.mark.parametrize(
    ("more", "code", "err"),
    [
        (">/dev/full", 3, "standard output cannot be written: No space left on device; send it"),
        ("--json - >&-", 3, "standard output cannot be written: it is closed; send it"),
        ("--json /dev/full", 3, "/dev/full cannot be written: No space left on device; name a file elsewhere"),
        # What was asked for is there.
        ("--json {}/result.json >&-", 0, "standard output cannot be written: it is closed; send it"),
        ("--json - 2>&-", 0, ""),
        ("--require-ok >&-", 1, "standard output cannot be written: it is closed; send it"),
    ],
)
def test_what_is_closed_or_full_is_said_and_changes_no_code_but_0(
    more: str, code: int, err: str, tmp_path: Path, url: str
) -> None:
    file = rollout_at(tmp_path, url)
    done = shell(tmp_path, f"canarytop run {file} --for 400ms --seed 5 {more.format(tmp_path)}")
    said = [line for line in done.stderr.splitlines() if not line.startswith("WARNING ")]
    assert (done.returncode, (LOST in said)) == (code, code == 3)
    assert [line.removeprefix("ERROR ").startswith(err) for line in said if line != LOST] == [True] * bool(err)
    if "/dev/full" in more.partition(">")[0]:
        # The table comes first.
        assert done.stdout.splitlines()[-1].startswith("exit 0: ")
        assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    if "json -" in more and code == 0:
        assert json.loads(done.stdout)["exit"]["code"] == 0
    if "result.json" in more:
        assert json.loads((tmp_path / "result.json").read_text())["exit"]["code"] == 0


def test_the_file_is_whole_for_its_owner_and_where_a_link_leads(tmp_path: Path) -> None:
    result, link = tmp_path / "result.json", tmp_path / "link.json"
    link.symlink_to(result)
    result.write_text("old")
    assert write_whole(link, "new") == ""
    assert (result.read_text(), link.is_symlink()) == ("new", True)
    assert stat.S_IMODE(result.stat().st_mode) == 0o600
    assert "cannot be written: Is a directory; name a file elsewhere" in write_whole(tmp_path, "x")
    # No file: nothing takes its place, and its rights are not ours alone.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    with os.fdopen(os.open(pipe, os.O_RDWR | os.O_NONBLOCK), "rb", buffering=0) as reading:
        assert write_whole(pipe, "through a pipe") == ""
        assert reading.read(100) == b"through a pipe"
    assert pipe.stat().st_mode == stat.S_IFIFO | 0o644


def test_of_a_result_that_does_not_fit_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = tmp_path / "result.json"
    result.write_text("old")
    assert write_whole(result, "{}") == (
        f"{result} cannot be written: No space left on device; name a file elsewhere"
    )
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_reader_that_has_left_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        assert deliver("anything", out) == "Broken pipe"
        assert deliver("again", out) == "", "what is left goes nowhere"
    assert deliver("anything", None) == "it is closed"


@pytest.mark.parametrize(
    "command",
    [
        "sim --list >/dev/full",
        "check profiles/demo.toml >&-",
        "check profiles/demo.toml | true",
        "lifecycle --out /dev/full",
        "runs >&- 2>&- <&-",
    ],
)
def test_no_command_ends_well_or_badly_because_nobody_listens(command: str, tmp_path: Path) -> None:
    done = shell(tmp_path, f"canarytop {command}")
    if "|" not in command:
        assert done.returncode == 3
    errors = done.stderr.splitlines()
    assert len(errors) <= 1, "said once, and nothing more when the interpreter ends"
    assert all(line.startswith("ERROR ") and "cannot be written: " in line for line in errors)


def test_a_fault_of_the_program_is_3_and_shows_where_but_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Path:
        raise KeyError(KEY)

    monkeypatch.setattr("tui.record.record.runs_folder", broken)
    code, output = said(tmp_path, monkeypatch, "runs")
    assert code == 3
    assert output.startswith("ERROR canarytop itself failed: KeyError at ")
    assert KEY not in output


def test_a_record_that_cannot_be_kept_is_said_and_the_code_stays(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.wiring._CLOSE_S", 0.05)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "canarytop").touch()
    run = ("run", str(rollout_at(tmp_path, url)), "--for", "400ms", "--seed", "5")
    code, output = said(tmp_path, monkeypatch, *run, AZURE_OPENAI_API_KEY=KEY)
    assert code == 0
    assert "RECORD: cannot write the run record" in output
    assert "ERROR cannot write the run record" in output


def test_an_empty_source_is_no_run_and_doubts_of_the_file_are_said_once(tmp_path: Path, url: str) -> None:
    (tmp_path / "none.jsonl").touch()
    sources = [{"kind": "sampled", "path": "none.jsonl", "format": "chat", "loop": False}]
    file, to = rollout_at(tmp_path, url, sources=sources), tmp_path / "result.json"
    file.write_text(file.read_text() + '\n[criteria]\nerror_rate = "same or lower"\n')
    code, out, err = typed(tmp_path, "run", str(file), "--json", str(to), AZURE_OPENAI_API_KEY=KEY)
    why = "no request was sent: none.jsonl gave none: no usable request in the file: it is empty"
    assert (code, out.splitlines()[-1]) == (3, f"exit 3: {why}")
    doubt = (
        'criteria.error_rate: "same or lower": it changes nothing, the rates are always judged so: take it out'
    )
    assert err.splitlines().count(f"WARNING {doubt}") == 1
    document = json.loads(to.read_text())
    assert document["exit"] == {"code": 3, "why": why, "also": [], "not_ok": []}
    assert [e["text"] for e in document["events"] if e["kind"] == "warning"].count(doubt) == 1


def test_required_ok_that_does_not_come_is_1_and_says_what_it_waits_for(tmp_path: Path, url: str) -> None:
    run = ("run", str(rollout_at(tmp_path, url)), "--for", "400ms", "--seed", "5", "--require-ok")
    code, out, _ = typed(tmp_path, *run, AZURE_OPENAI_API_KEY=KEY)
    assert code == 1
    assert out.splitlines()[-1].startswith(f"exit 1: not OK yet: {NEW}: OK for P95")
    assert sum(line.startswith(f"not OK yet: {NEW}: OK for ") for line in out.splitlines()) == 3


# --- one style ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("run",), 2, "canarytop run: Missing argument 'FILE'; see canarytop run --help"),
        (("rnu",), 2, "canarytop: No such command 'rnu'. Did you mean 'run'?; see canarytop --help"),
        (("run", "x", "--fro", "3"), 2, "No such option: --fro"),
        (("run", "x", "--rate", "0"), 2, "canarytop run: Invalid value for '--rate': "),
        (
            ("run", "x", "--for", "\x1b[31msoon"),
            2,
            "--for \\x1b[31msoon: write a duration such as",
        ),
        (("run", "no.toml"), 2, "no.toml cannot be read: No such file or directory; check the path"),
        (("demo", "--scenario", "calm"), 2, "known: healthy"),
        (("sim", "--deployment", "x"), 2, "NAME=MODEL@VERSION"),
        (("sim", "--port", "70000"), 2, "--port"),
        (("replay", "nobody"), 3, "see `canarytop runs`"),
        (("report", "nobody"), 3, "see `canarytop runs`"),
        (("calibrate", "nobody"), 3, "see `canarytop runs`"),
        (("calibrate", "nobody", "--draws", "0"), 2, "see canarytop calibrate --help"),
        (("lifecycle", "no.toml"), 2, "no.toml"),
        (("lifecycle", "--snapshot", "no.toml"), 2, "no.toml"),
        (("lifecycle", "--out", "/no/such/x"), 3, "/no/such/x cannot be written: No such file or directory"),
        (("lifecycle", "--today", "1999-01-01"), 2, "a day from 2000 to 2099; see canarytop lifecycle --help"),
        (("check", "no.toml"), 2, "no.toml"),
        (("check", "x", "--today", "2026-01-01"), 2, "see canarytop check --help"),
    ],
)
def test_every_error_is_said_in_one_style(
    arguments: tuple[str, ...], code: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, output = said(tmp_path, monkeypatch, *arguments)
    assert (ended, output.startswith("ERROR ")) == (code, True), output
    assert text in output
    assert not any(mark in output for mark in ("╭", "Usage:", "Traceback", "\x1b"))
