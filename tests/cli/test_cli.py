"""The command as a person types it: a process, its words, its exit code and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from typer.testing import CliRunner

from tests.support.engine_runs import NEW, OLD, beside, pretend, simulator
from tests.support.places import ROOT
from tests.support.rollout_files import KEY, document, write
from tests.support.simulator_process import simulators
from tui.cli.commands import app
from tui.grading import literal as patterns
from tui.model import EventKind
from tui.record.kept_weights import KeptWeights, kept_path, read_kept, write_kept
from tui.record.record import RunInfo, list_runs, read_events
from tui.rollout import load_rollout

DEMO = ROOT / "profiles" / "demo.toml"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with beside(simulator(pretend(OLD, NEW))) as address:
        yield address


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE", "OPENAI"))}
    return {**kept, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), **more}


@contextmanager
def started(folder: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", *arguments],
        cwd=ROOT,
        env=environment(folder, **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def typed(folder: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with started(folder, *arguments, **env) as process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


def said(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, **env: str) -> tuple[int, str]:
    """The same in this process: exit code and all that was printed, in one line."""
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    for name, value in {"XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "120", **env}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, " ".join(done.output.replace("│", " ").split())


def records(folder: Path) -> list[RunInfo]:
    found = list_runs(folder / "state" / "canarytop" / "runs")
    assert all(isinstance(run, RunInfo) for run in found)
    return [run for run in found if isinstance(run, RunInfo)]


def rollout_at(folder: Path, url: str, **traffic: Any) -> Path:
    """A rollout file on the service at ``url``, 100 requests a second."""
    content = document(
        {
            "endpoints/main": {
                "url": url,
                "api": "azure",
                "api_version": "2024-10-21",
                "key_env": "AZURE_OPENAI_API_KEY",
            },
            "deployments": {
                name: {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"} for name in (OLD, NEW)
            },
            "weights/default": {OLD: 90, NEW: 10},
            "traffic": {"rate": 100.0, "timeout_s": 5, **traffic},
        }
    )
    return write(folder, content)


def wait_for_outcomes(process: subprocess.Popen[str], folder: Path) -> RunInfo:
    """The record of the running process, once there are outcomes in it."""
    while process.poll() is None:
        runs = list_runs(folder / "state" / "canarytop" / "runs")
        # A file may be looked at before its tables are made.
        if runs and isinstance(runs[0], RunInfo) and runs[0].requests:
            return runs[0]
    raise AssertionError(f"it ended early: {process.communicate()}")


def test_run_writes_the_result_as_json(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "run", str(DEMO), "--for", "1s", "--seed", "1", "--json", "-")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert {
        "rollout", "seconds", "seed", "saturated", "skipped", "lost", "deployments", "events"
    } <= result.keys()  # fmt: skip
    assert (result["rollout"], result["seed"], result["lost"], result["skipped"]) == ("demo", 1, 0, 0)
    assert result["saturated"] in (True, False)
    assert result["seconds"] >= 1
    baseline = result["deployments"]["gpt4o-prod-v1120"]
    assert {
        "weights", "requests", "ok", "errors", "latency_ms", "ttft_ms", "tokens", "cost_usd", "filters",
        "served_models",
    } <= baseline.keys()  # fmt: skip
    assert baseline["weights"] == {"default": 90}
    assert baseline["requests"] == baseline["ok"] + sum(baseline["errors"].values()) > 0
    assert set(baseline["latency_ms"]) >= {"p50", "p95", "p99"}
    assert set(baseline["tokens"]) >= {"prompt", "cached", "completion"}
    assert set(baseline["filters"]) >= {"prompt_blocked", "completion_blocked", "annotated"}
    assert set(baseline["served_models"]) == {"gpt-4o-2024-11-20"}
    assert result["deployments"]["gpt41mini-prod-v0414"]["requests"] == 0
    kinds = [event["kind"] for event in result["events"]]
    assert (kinds[0], kinds[-1]) == ("started", "stopped")
    [run] = records(tmp_path)
    assert run.ended_at is not None
    assert run.requests == sum(d["requests"] for d in result["deployments"].values())


def test_run_in_a_pipe_prints_a_plain_table_and_writes_the_file(tmp_path: Path, url: str) -> None:
    file, to = rollout_at(tmp_path, url, rate=1.0), tmp_path / "result.json"
    code, out, err = typed(
        tmp_path, "run", str(file), "--for", "1s", "--rate", "200", "--json", str(to),
        AZURE_OPENAI_API_KEY=KEY,
    )  # fmt: skip
    assert code == 0
    assert "\x1b" not in out + err
    assert OLD in out
    assert "requests sent" in out
    text = to.read_text()
    # The file asks for one a second; how many of the 200 a busy machine can send is not asked.
    assert 10 <= sum(d["requests"] for d in json.loads(text)["deployments"].values()) <= 400
    assert KEY not in text + out + err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--for", "soon"), "write a duration such as 90s, 5m or 1h"),
        (("--for", "0s"), "write a duration"),
        (("--for", "-1s"), "write a duration"),
        (("--rate", "0"), "greater than or equal to 0.001"),
        (("--rate", "many"), "--rate"),
        (("--rate", "inf"), "--rate"),
        (("--scenario", "calm"), "no scenario is called 'calm'; known: healthy, slow-canary"),
        (("--json", "/no/such/folder/x.json"), "cannot be written: name a file in a folder that exists"),
    ],
)
def test_bad_input_is_named_before_anything_runs(
    arguments: tuple[str, ...], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = said(tmp_path, monkeypatch, "run", str(DEMO), *arguments)
    assert code == 2
    assert text in output
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("command", ["run", "watch", "check"])
def test_a_bad_file_is_refused_with_every_mistake(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = document({"rollout/baseline": "nobody", "traffic/rate": -1})
    code, output = said(tmp_path, monkeypatch, command, str(write(tmp_path, content)))
    assert code == 2
    assert all(part in output for part in ("nobody", "traffic.rate", "AZURE_OPENAI_API_KEY", "3 errors"))
    code, output = said(tmp_path, monkeypatch, command, str(tmp_path / "none.toml"))
    assert code == 2
    assert "No such file" in output


def test_an_unknown_scenario_of_the_demo_and_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (("demo", "--scenario", "calm"), ("sim", "--scenario", "calm")):
        code, output = said(tmp_path, monkeypatch, *arguments)
        assert code == 2
        assert "known: healthy" in output
    code, output = said(tmp_path, monkeypatch, "sim", "--upgrade-option", "nobody=absent")
    assert (code, "no deployment is called 'nobody'" in output) == (2, True)
    code, output = said(tmp_path, monkeypatch, "sim", "--today", "soon")
    assert (code, "%Y-%m-%d" in output) == (2, True)
    code, output = said(tmp_path, monkeypatch, "sim", "--deployment", "nonsense")
    assert code == 2
    assert "NAME=MODEL@VERSION" in output


def test_patterns_that_cannot_be_searched_here_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = {"messages": [{"role": "user", "content": "Which order?"}], "match": "regex"}
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(json.dumps({"id": "1", "expected": r"AB-\d+", **question}) + "\n")
    more = {"tasks/orders/known_answers": str(tasks), "weights/orders": {OLD: 90, "gpt4o-prod-v0513": 10}}
    path = write(tmp_path, document(more))
    assert said(tmp_path, monkeypatch, "check", str(path), AZURE_OPENAI_API_KEY=KEY)[0] == 0
    monkeypatch.setattr(patterns, "re2", None)
    for command in ("check", "run"):
        code, output = said(tmp_path, monkeypatch, command, str(path), AZURE_OPENAI_API_KEY=KEY)
        assert code == 2
        assert "tasks.orders.known_answers" in output
        assert "line 1: patterns need RE2: pip install 'canarytop[patterns]'" in output


def test_check_says_what_is_right_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = said(tmp_path, monkeypatch, "check", str(DEMO))
    assert code == 0
    assert "gpt4o-prod-v1120: gpt-4o 2024-11-20, 2.5 in, 1.25 cached, 10 out USD per 1M tokens" in output


def test_sim_lists_its_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = said(tmp_path, monkeypatch, "sim", "--list")
    assert code == 0
    assert all(name in output for name in ("healthy", "slow-canary", "outage", "both-drift"))


def test_sim_says_that_a_port_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, output = said(tmp_path, monkeypatch, "sim", "--port", str(taken.getsockname()[1]))
    assert code == 3
    assert "choose another with --port" in output


def test_an_unreachable_service_and_a_refused_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = CliRunner().invoke(
        app, ["run", str(rollout_at(tmp_path, f"http://127.0.0.1:{port}")), "--for", "9s"]
    )
    assert done.exit_code == 3
    assert "endpoint main is unreachable" in done.output
    with beside(simulator(pretend(OLD, NEW), key="another")) as url:
        done = CliRunner().invoke(app, ["run", str(rollout_at(tmp_path, url)), "--for", "9s"])
    assert done.exit_code == 3
    assert "endpoint main is refused" in done.output
    assert KEY not in done.output
    assert all(run.ended_at is not None for run in records(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_with_everything_saved(number: signal.Signals, tmp_path: Path, url: str) -> None:
    file = rollout_at(tmp_path, url)
    with started(tmp_path, "run", str(file), "--json", "-", AZURE_OPENAI_API_KEY=KEY) as process:
        wait_for_outcomes(process, tmp_path)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert all(line.startswith("WARNING ") for line in err.splitlines()), err
    result = json.loads(out)
    [run] = records(tmp_path)
    assert run.ended_at is not None
    assert run.requests == sum(d["requests"] for d in result["deployments"].values()) > 0
    assert result["lost"] == 0
    assert read_events(run.path)[-1].kind is EventKind.STOPPED


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGHUP)])
def test_two_signals_cut_what_is_under_way_and_lose_none_of_it(
    numbers: tuple[signal.Signals, signal.Signals], tmp_path: Path
) -> None:
    old, new = pretend(OLD, NEW)
    silent = replace(new, behaviour=replace(new.behaviour, hang_pct=100.0))
    with simulators() as service:
        url = service.serve([old, silent], key=KEY)
        file = rollout_at(tmp_path, url, timeout_s=600)
        with started(tmp_path, "run", str(file), "--json", "-", AZURE_OPENAI_API_KEY=KEY) as process:
            while wait_for_outcomes(process, tmp_path).requests < 100:
                assert process.poll() is None
            for number in numbers:
                process.send_signal(number)
            out, _ = process.communicate(timeout=60)
            assert process.returncode == 130
    result = json.loads(out)
    [run] = records(tmp_path)
    assert run.ended_at is not None
    assert result["lost"] == 0
    assert run.requests == sum(d["requests"] for d in result["deployments"].values())
    assert result["deployments"][NEW]["requests"] > 0, "what was under way is counted"


def test_a_killed_run_is_listed_and_resumed(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = rollout_at(tmp_path, url)
    with started(tmp_path, "run", str(file), AZURE_OPENAI_API_KEY=KEY) as process:
        killed = wait_for_outcomes(process, tmp_path)
        listed = said(tmp_path, monkeypatch, "runs")[1]
        assert listed.startswith("live ")
        assert f"process {process.pid} viewers: none canarytop attach {killed.run_id} {killed.path}" in listed
        refused = typed(tmp_path, "run", str(file), "--resume", AZURE_OPENAI_API_KEY=KEY)
        assert refused[0] == 3
        assert "has not ended, so it cannot be resumed" in refused[2]
        beside = typed(tmp_path, "run", str(file), "--for", "300ms", AZURE_OPENAI_API_KEY=KEY)
        assert f"process {process.pid}) is live: both send" in beside[2].splitlines()[0]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    code, output = said(tmp_path, monkeypatch, "runs")
    assert code == 0
    assert f"interrupted {killed.started_at:%Y-%m-%d %H:%M:%S}Z" in output
    assert str(killed.path) in output
    assert read_events(killed.path)[0].kind is EventKind.STARTED
    resumed = ("run", str(file), "--for", "300ms", "--seed", "5", "--resume", "--json", "-")
    code, out, err = typed(tmp_path, *resumed, AZURE_OPENAI_API_KEY=KEY)
    assert code == 0
    assert err.splitlines()[0].startswith("the last run was left as it was set by ")
    assert "resumed" in [event["kind"] for event in json.loads(out)["events"]]
    assert said(tmp_path, monkeypatch, "runs")[1].startswith("ended")


def test_nothing_brings_a_canary_back_that_was_rolled_back(tmp_path: Path) -> None:
    """Not a termination, not an attempt that could not start; but a person does who edits the file."""
    old, new = pretend(OLD, NEW)
    failing = [old, replace(new, behaviour=replace(new.behaviour, error_pct=100.0))]
    guard = '\n[guard]\nmode = "armed"\n'
    with beside(simulator(failing)) as url:
        file = rollout_at(tmp_path, url)
        file.write_text(file.read_text() + guard)
        with started(tmp_path, "run", str(file), AZURE_OPENAI_API_KEY=KEY) as process:
            record = wait_for_outcomes(process, tmp_path)
            while EventKind.ROLLED_BACK not in [event.kind for event in read_events(record.path)]:
                assert process.poll() is None
            process.terminate()
            process.communicate(timeout=30)
        whole = file.read_text()
        file.write_text(whole.replace(url, "http://127.0.0.1:9"))
        assert typed(tmp_path, "run", str(file), AZURE_OPENAI_API_KEY=KEY)[0] == 3
        file.write_text(whole)
        resumed = ("run", str(file), "--for", "300ms", "--json", "-")
        for more, canary_pct, said_first in (
            (("--resume",), 0.0, "the last run was left rolled back by guard "),
            (("--resume",), 0.0, "the last run was left rolled back by guard "),
            (("--resume", "--from-file"), 10.0, "the weights of the file hold, as was asked"),
        ):
            _, out, err = typed(tmp_path, *resumed, *more, AZURE_OPENAI_API_KEY=KEY)
            assert said_first in err.splitlines()[0]
            began = next(e for e in json.loads(out)["events"] if e["kind"] == "started")
            assert began["after"]["default"][NEW] == canary_pct
        file.write_text(whole.replace(f"{OLD} = 90", f"{OLD} = 80").replace(f"{NEW} = 10", f"{NEW} = 20"))
        _, out, err = typed(tmp_path, *resumed, "--resume", AZURE_OPENAI_API_KEY=KEY)
        assert "the weights of the file were changed since then, and hold" in err.splitlines()[0]


def test_a_rehearsal_asks_for_no_key_and_touches_no_service(tmp_path: Path) -> None:
    file = write(tmp_path, tomli_w.dumps(document({"traffic": {"rate": 30.0}})))
    code, out, err = typed(
        tmp_path, "run", str(file), "--for", "2s", "--seed", "2", "--scenario", "flaky-canary", "--json", "-"
    )
    assert (code, err) == (0, "")
    assert sum(d["ok"] for d in json.loads(out)["deployments"].values()) > 0


@pytest.mark.parametrize("command", ["demo", "watch"])
def test_without_a_terminal_the_cockpit_is_a_run_with_a_table(
    command: str, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.commands._DEMO_S", 0.5)
    arguments = [str(rollout_at(tmp_path, url))] if command == "watch" else []
    code, output = said(tmp_path, monkeypatch, command, *arguments, AZURE_OPENAI_API_KEY=KEY)
    # In so short a time the canary may get no request.
    assert code in (0, 3)
    assert f"exit {code}: " in output
    assert "gpt4o-prod-v1120" in output
    assert "requests sent" in output


def test_a_cockpit_brings_back_no_canary_even_without_a_terminal(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.commands._DEMO_S", 0.5)
    file = rollout_at(tmp_path, url)
    of = load_rollout(file, env={"AZURE_OPENAI_API_KEY": KEY})
    at = datetime(2026, 12, 1, 3, 12, tzinfo=UTC)
    none = {"default": {OLD: 100.0, NEW: 0.0}}
    kept = KeptWeights(
        file.resolve(), OLD, none, of.weights, "run0", tmp_path / "gone.sqlite", 7, EventKind.ROLLED_BACK,
        "guard", "errors", at, ("default",),
    )  # fmt: skip
    place = kept_path(tmp_path / "state" / "canarytop", file)
    write_kept(place, kept)
    code, output = said(tmp_path, monkeypatch, "watch", str(file), AZURE_OPENAI_API_KEY=KEY)
    assert code == 0
    assert f"guard 2026-12-01 03:12Z (errors), and so this one begins: {OLD} 90 → 100%, {NEW} 10 → 0%" in output
    left = read_kept(place)
    assert left is not None
    assert (left.weights, left.rolled_back, left.actor) == (none, ("default",), "guard")
    assert left.run_id != "run0"
    for more in ("--scenario", "healthy", "--resume"), ("--from-file",):
        code, output = said(tmp_path, monkeypatch, "watch", str(file), *more, AZURE_OPENAI_API_KEY=KEY)
        assert ("a rehearsal keeps no weights" in output) is ("--resume" in more)
        assert (read_kept(place) == left) is ("--resume" in more)
    after = read_kept(place)
    assert after is not None
    assert (after.weights, after.rolled_back) == (of.weights, ())


def test_runs_of_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = said(tmp_path, monkeypatch, "runs")
    assert code == 0
    assert output.startswith("no runs in ")
