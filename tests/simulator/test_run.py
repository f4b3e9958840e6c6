"""The simulator as a process of its own: its first line, and its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.places import ROOT
from tui.simulator.run import run_simulator


@contextmanager
def child(arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running process, and the address on its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tui.simulator.run import run_simulator; run_simulator({arguments})"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        name, url = process.stdout.readline().split()
        assert name == "canarytop-sim"
        yield process, url
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_stops_when_told(number: signal.Signals) -> None:
    with child("scenario='slow-canary', seed=3") as (process, url):
        with urllib.request.urlopen(f"{url}/sim", timeout=10) as response:
            about = json.load(response)
        assert (about["scenario"], about["seed"]) == ("slow-canary", 3)
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout is not None
        assert "gpt4o-prod-v1120" in process.stdout.read()


def test_it_ends_with_its_parent_when_asked_to() -> None:
    with child("exit_with_parent=True") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0
        process.stdin = None


def test_a_taken_port_and_an_unknown_scenario_are_errors() -> None:
    with child("") as (_, url), pytest.raises(OSError, match="address already in use"):
        run_simulator(int(url.rpartition(":")[2]))
    with pytest.raises(ValueError, match="healthy"):
        run_simulator(scenario="calm")


def test_its_calendar_and_the_upgrade_options_are_given_on_the_command_line() -> None:
    options = ["--today", "2027-05-01", "--upgrade-option", "gpt4o-prod-v0806=absent"]
    command = [sys.executable, "-m", "tui", "sim", "--port", "0", *options, "--exit-with-parent"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        with urllib.request.urlopen(f"{url}/sim", timeout=10) as response:
            about = json.load(response)
    assert about["today"] == "2027-05-01"
    assert {name: d["model"] for name, d in about["deployments"].items()} == {
        "gpt4o-prod-v1120": "gpt-4o-2024-11-20",
        "gpt4o-prod-v0806": "gpt-5.1-2025-11-13",
    }


def test_it_imports_no_more_than_it_needs() -> None:
    unwanted = "{'openai', 'textual', 'plotext', 'pydantic', 'httpx'} & set(sys.modules)"
    code = f"import sys, tui.simulator.run; print(sorted({unwanted}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
