"""`canarytop lifecycle` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from icalendar import Calendar
from typer.testing import CliRunner

from tests.rollout_files import KEY, document, write
from tests.test_cli import ROOT, said, typed
from tui.cli import app

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
