"""`canarytop lifecycle` as a person types it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from typer.testing import CliRunner

from tests.cli.test_cli import said, typed
from tests.support.arm_service import ACCOUNT, TOKEN
from tests.support.engine_runs import OLD, beside, pretend, simulator
from tests.support.places import ROOT
from tests.support.rollout_files import KEY, document, write
from tui.cli.commands import app

DAY = ("--today", "2026-11-25")
MIGRATION = str(ROOT / "profiles" / "migration.toml")


def test_without_a_file_it_lists_the_snapshot(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "lifecycle", *DAY)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "snapshot of 2026-11-16, 9 days old" in out
    rows = [line for line in out.splitlines() if "gpt-4o  " in line]
    assert len(rows) == 3
    assert "2026-12-09   14" in rows[0]


def test_a_rollout_file_needs_no_key_and_gives_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = said(tmp_path, monkeypatch, "lifecycle", str(write(tmp_path, document({}))), *DAY)
    assert code == 0
    assert "ARM was not asked" in output
    assert "gpt4o-prod-v1120 is gpt-4o 2024-11-20" in output
    assert "START BY" in output
    assert KEY not in output


def test_the_width_is_that_of_the_terminal() -> None:
    for columns, most in (("80", 80), ("120", 120), ("300", 120), ("20", 80)):
        done = CliRunner().invoke(app, ["lifecycle", MIGRATION, *DAY], env={"COLUMNS": columns})
        assert done.exit_code == 0
        assert most - 20 < max(map(len, done.output.splitlines())) <= most


@pytest.mark.parametrize("file", [(), (MIGRATION,)])
def test_every_format_is_written_to_a_file(
    file: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for format_ in ("text", "md", "json", "ics"):
        to = tmp_path / f"lifecycle.{format_}"
        code, output = said(
            tmp_path, monkeypatch, "lifecycle", *file, *DAY, "--format", format_, "--out", str(to)
        )
        assert (code, output) == (0, str(to))
    assert (tmp_path / "lifecycle.md").read_text().startswith("# Lifecycle of ")
    assert json.loads((tmp_path / "lifecycle.json").read_text())["today"] == "2026-11-25"
    data = (tmp_path / "lifecycle.ics").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")
    assert len(Calendar.from_ical(data).walk("VEVENT")) >= 8


def test_a_calendar_comes_whole_through_a_pipe(tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "lifecycle", MIGRATION, "--format", "ics", "--out", "-")
    assert (code, err) == (0, "")
    assert len(Calendar.from_ical(out).walk("VEVENT")) >= 8


def test_a_snapshot_of_ones_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'source = "our account team"\nas_of = 2026-11-24\n'
        '[[version]]\nmodels = ["gpt-4o"]\nversions = ["2024-05-13"]\nretires = 2027-08-02\n'
    )
    code, output = said(tmp_path, monkeypatch, "lifecycle", MIGRATION, *DAY, "--snapshot", str(mine))
    assert code == 0
    assert "snapshot of 2026-11-24, 1 day old: our account team" in output
    assert "ends 2027-08-02, in 250 days" in output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nowhere.toml",), "cannot be read"),
        (("--snapshot", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("--format", "pdf"), "--format"),
        (("--today", "soon"), "--today"),
        (("--today", "1999-12-31"), "a day from 2000 to 2099"),
    ],
)
def test_bad_input_is_named(
    arguments: tuple[str, ...], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = said(tmp_path, monkeypatch, "lifecycle", *arguments)
    assert code == 2
    assert text in output


def test_a_rollout_file_with_mistakes_is_refused_with_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, document({"rollout/baseline": "nobody", "traffic": {"rate": -1}}))
    code, output = said(tmp_path, monkeypatch, "lifecycle", str(file))
    assert code == 2
    assert "rollout.baseline" in output
    assert "traffic.rate" in output


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = said(tmp_path, monkeypatch, "lifecycle", "--out", str(tmp_path / "no" / "such.txt"))
    assert code == 3
    assert "cannot be written" in output


GIVEN = {"AZURE_ARM_TOKEN": TOKEN}


def with_arm(folder: Path, url: str, **changes: Any) -> str:
    """A rollout file that gives access to the control plane at ``url``; a change to None leaves a key out."""
    content: dict[str, Any] = {
        "endpoints/main/resource": ACCOUNT,
        "control_plane": {"url": url, "token_env": "AZURE_ARM_TOKEN"},
        "deployments": {OLD: {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"}},
        "rollout/baseline": OLD,
        "weights/default": {OLD: 100},
        **changes,
    }
    return str(write(folder, document({path: value for path, value in content.items() if value is not None})))


@pytest.fixture(scope="module")
def arm() -> Iterator[str]:
    with beside(simulator(pretend(OLD), today=date(2026, 11, 25))) as url:
        yield url


class TestArm:
    def test_where_the_file_gives_access_arm_is_asked(
        self, arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code, output = said(tmp_path, monkeypatch, "lifecycle", with_arm(tmp_path, arm), *DAY, **GIVEN)
        assert code == 0
        assert "phase legacy (ARM)" in output
        assert "pin HARD STOP: NoAutoUpgrade: it stops (410) on 2027-04-14" in output
        assert "ARM was not asked" not in output
        assert TOKEN not in output

    def test_no_key_of_the_service_is_needed_for_it(
        self, arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = with_arm(tmp_path, arm, **{"endpoints/main/url": "http://127.0.0.1:1"})
        code, output = said(tmp_path, monkeypatch, "lifecycle", file, *DAY, **GIVEN)
        assert (code, "(ARM)" in output) == (0, True)

    @pytest.mark.parametrize(
        ("env", "where", "why"),
        [
            ({}, None, "no token in AZURE_ARM_TOKEN: set it"),
            (GIVEN, "http://127.0.0.1:1", "ARM cannot be reached"),
            (GIVEN, "http://127.0.0.1:1/x", "ARM cannot be reached"),
        ],
    )
    def test_one_that_cannot_be_asked_is_a_note_and_no_failure(
        self, env: dict[str, str], where: str | None, why: str, arm: str, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("tui.control_plane.http._RECONNECT_WAIT_S", 0.0)
        monkeypatch.delenv("AZURE_ARM_TOKEN", raising=False)
        file = with_arm(tmp_path, where or arm)
        for format_ in ("text", "md", "json", "ics"):
            code, output = said(tmp_path, monkeypatch, "lifecycle", file, *DAY, "--format", format_, **env)
            assert code == 0
            if format_ == "ics":
                continue
            assert "ARM could not be asked for endpoint main: " in output
            assert why in output.replace("\\_", "_")
            assert "snapshot of 2026-11-16" in output
        notes = json.loads(CliRunner().invoke(app, ["lifecycle", file, *DAY, "--format", "json"]).output)[
            "arm_notes"
        ]
        assert len(notes) == 1
        assert why in notes[0]

    def test_without_entra_installed_it_is_a_note_too(
        self, arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
        file = with_arm(tmp_path, arm, control_plane={"url": arm, "entra": True})
        code, output = said(tmp_path, monkeypatch, "lifecycle", file, *DAY)
        assert code == 0
        assert "ARM could not be asked: the control plane wants Entra ID: install it" in output

    def test_without_access_or_with_a_simulator_nothing_is_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("the network was used")

        monkeypatch.setattr("tui.engine.accounts.ResourceManager", refuse)
        for changes in (
            {"control_plane": None},
            {"endpoints/main/url": "simulator"},
            {"control_plane": {"url": "simulator"}},
        ):
            file = with_arm(tmp_path, "https://arm.example", **changes)
            code, output = said(tmp_path, monkeypatch, "lifecycle", file, *DAY, **GIVEN)
            assert code == 0, output
            assert "ARM was not asked" in output
