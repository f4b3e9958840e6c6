"""The lifecycle report of a rollout, and how it is shown as text, Markdown and JSON."""

from __future__ import annotations

import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.lifecycle_values import (
    AT_THE_END,
    AUTO,
    BUNDLED,
    DEPLOYMENTS,
    HOSTILE,
    NEVER,
    NEXT,
    NOW,
    OLD,
    OWN,
    PTU,
    REASONING,
    TODAY,
    arm_of,
    by_name,
    events_of,
    managed_deployments,
    of,
    offered_models,
    rollout,
    words,
)
from tui.base.text import span
from tui.lifecycle.calendar import rollout_calendar
from tui.lifecycle.migration import MigrationState
from tui.lifecycle.report import LifecycleReport, lifecycle_report, table_report
from tui.lifecycle.report_pages import rollout_json, rollout_markdown, table_json, table_markdown
from tui.lifecycle.report_text import rollout_text, table_text
from tui.lifecycle.report_words import ARM_NOT_ASKED
from tui.model import ModelSku, OfferedModel, Phase, PinState, Replacement
from tui.rollout import Rollout


@pytest.fixture
def report(tmp_path: Path) -> LifecycleReport:
    return lifecycle_report(rollout(tmp_path), BUNDLED, TODAY)


# --- the report itself -----------------------------------------------------------------------------------


def test_the_version_that_ends_first_is_at_the_head(report: LifecycleReport) -> None:
    assert [one.deployment.name for one in report.deployments] == [REASONING, OLD, PTU, NEXT, OWN]
    assert not report.arm_known


def test_without_arm_the_pins_are_unknown_and_all_three_options_are_told(report: LifecycleReport) -> None:
    old = by_name(report)[OLD]
    assert old.pin.state is PinState.UNKNOWN
    for option in (NEVER, AT_THE_END, AUTO):
        assert option in old.at_the_date
    assert "never upgraded" in by_name(report)[PTU].at_the_date


def test_the_canary_of_the_plan_is_where_the_baseline_goes(report: LifecycleReport) -> None:
    found = by_name(report)
    assert found[OLD].migration.deployed == NEXT
    assert found[PTU].migration.deployed is None
    assert found[NEXT].migration.deployed is None
    warning = found[OLD].warning
    assert warning is not None
    assert NEXT in warning.text


def test_the_only_other_deployment_is_where_a_baseline_without_a_plan_goes(tmp_path: Path) -> None:
    changes = {"plan": None, "deployments": {name: DEPLOYMENTS[name] for name in (OLD, NEXT)}}
    old = by_name(lifecycle_report(rollout(tmp_path, changes), BUNDLED, TODAY))[OLD].migration
    assert (old.deployed, old.usual) == (NEXT, True)
    assert old.replacement == Replacement("gpt-5.6-sol", "2026-07-09")
    several = by_name(lifecycle_report(rollout(tmp_path, {"plan": None}), BUNDLED, TODAY))[OLD].migration
    assert several.deployed is None


def test_the_named_replacement_goes_before_the_canary_of_the_plan(tmp_path: Path) -> None:
    changes = {"deployments": {**DEPLOYMENTS, "sol": of("gpt-5.6-sol", "2026-07-09")}}
    assert (
        by_name(lifecycle_report(rollout(tmp_path, changes), BUNDLED, TODAY))[OLD].migration.deployed == "sol"
    )


def test_a_canary_that_ends_no_later_is_no_way_out(tmp_path: Path) -> None:
    changes = {"deployments": {**DEPLOYMENTS, NEXT: of("gpt-4o", "2024-05-13")}}
    assert by_name(lifecycle_report(rollout(tmp_path, changes), BUNDLED, TODAY))[OLD].migration.deployed is None


def test_nobody_is_sent_to_a_replacement_that_is_retired_itself(report: LifecycleReport) -> None:
    reasoning = by_name(report)[REASONING]
    assert reasoning.migration.state is MigrationState.GONE
    assert reasoning.migration.replacement is None
    assert any("o4-mini 2025-04-16, retires on 2026-11-19 itself" in note for note in reasoning.notes)
    assert reasoning.warning is not None
    assert "deploy the replacement now" in reasoning.warning.text
    assert "o4-mini" not in reasoning.warning.text


def test_a_deployment_of_which_nothing_is_known_is_shown_so(report: LifecycleReport) -> None:
    own = by_name(report)[OWN]
    assert (own.lifecycle.phase, own.migration.state) == (Phase.UNKNOWN, MigrationState.NO_DATE)
    assert own.warning is None


def test_what_arm_says_is_taken(tmp_path: Path) -> None:
    model = OfferedModel(
        "gpt-4o",
        "2024-05-13",
        status="Deprecating",
        retires=date(2027, 2, 1),
        replacement=Replacement("gpt-5.6-sol", "2026-07-09", date(2027, 1, 1), 10),
        skus=(ModelSku("GlobalStandard", retires=date(2027, 3, 1)),),
    )
    arm = {
        OLD: (arm_of(OLD, "gpt-4o", "2024-05-13", AT_THE_END), model),
        NEXT: (arm_of(NEXT, "gpt-5.1", "2025-11-13", NEVER), None),
        PTU: (None, None),
    }
    found = lifecycle_report(rollout(tmp_path), BUNDLED, TODAY, arm=arm, served={NEXT: "gpt-5.1-2025-11-13"})
    assert found.arm_known
    old, new = by_name(found)[OLD], by_name(found)[NEXT]
    assert (old.pin.state, old.pin.until) == (PinState.PINNED_UNTIL, date(2027, 2, 19))
    assert old.migration.ends == date(2027, 2, 19)
    assert any("2027-03-01 by ARM, 2026-12-09 by the snapshot" in note for note in old.notes)
    assert new.pin.state is PinState.HARD_STOP
    assert "missing" in by_name(found)[PTU].pin.remedy


def test_the_lifecycle_is_that_of_the_version_that_arm_runs(tmp_path: Path) -> None:
    arm = {OLD: (arm_of(OLD, "gpt-4o", "2024-11-20", NEVER), None)}
    old = by_name(lifecycle_report(rollout(tmp_path), BUNDLED, TODAY, arm=arm))[OLD]
    assert old.lifecycle.version == "2024-11-20"
    assert old.pin.state is PinState.MISMATCH


def test_a_trace_has_no_rate_to_count_requests_with(tmp_path: Path) -> None:
    (tmp_path / "arrivals.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,1\n")
    file = rollout(tmp_path, {"traffic": {"arrivals": "trace", "trace": "arrivals.csv"}})
    old = by_name(lifecycle_report(file, BUNDLED, TODAY))[OLD]
    assert old.migration.requests_not_counted


# --- text -------------------------------------------------------------------------------------------------


def block(text: str, name: str) -> str:
    """The lines of one deployment, in one."""
    [found] = [part for part in text.split("\n\n") if part.startswith(f"{name} is ")]
    return " ".join(found.split())


@pytest.mark.parametrize("width", [80, 120])
def test_the_text_fits_the_terminal_and_says_what_matters(report: LifecycleReport, width: int) -> None:
    text = rollout_text(report, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "9 days old" in text
    assert "ARM was not asked" in text
    old = block(text, OLD)
    for said in (
        "WARN",
        "in 14 days",
        "deprecated",
        "2026-12-09",
        f"to {NEXT}",
        "late",
        "at 5 %",
        "the version ends",
    ):
        assert said in old
    assert "ALARM" in block(text, REASONING)
    assert "no date is known" in block(text, OWN)


def test_a_plan_beyond_the_horizon_is_one_sentence(tmp_path: Path) -> None:
    early = rollout_text(lifecycle_report(rollout(tmp_path), BUNDLED, date(2026, 1, 15)))
    assert "nothing has to begin before" in block(early, NEXT)
    assert "START BY" not in block(early, NEXT)


def test_the_time_line_has_a_column_for_each_week(report: LifecycleReport) -> None:
    lines = rollout_text(report, 80).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("TIME LINE"))
    bars = {line.split()[0]: line[len(OLD) + 1 :].strip() for line in lines[start + 2 : start + 7]}
    weeks = (date(2026, 12, 9) - TODAY).days // 7
    assert bars[OLD] == "#" * weeks + "X"
    assert bars[REASONING].startswith("X")
    assert bars[OWN].startswith("?")
    assert bars[NEXT].startswith("=")
    assert bars[NEXT].index("X") == (date(2027, 5, 15) - TODAY).days // 7


def test_the_axis_of_the_time_line_names_the_months(report: LifecycleReport) -> None:
    axis = next(
        line for before, line in itertools.pairwise(rollout_text(report, 120).splitlines())
        if before.startswith("TIME LINE")
    )  # fmt: skip
    assert axis.split()[:4] == ["Dec", "'27", "Feb", "Mar"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_of_models_fits_and_marks_what_is_past(width: int) -> None:
    text = table_text(table_report(BUNDLED, TODAY), width)
    assert max(map(cell_len, text.splitlines())) <= width
    [past] = [line.split() for line in text.splitlines() if " 2025-01-31 " in line and "retired " in line]
    assert past[:6] == ["x", "2026-11-19", "-6", "o3-mini", "2025-01-31", "retired"]
    [future] = [line for line in text.splitlines() if " gpt-5.6-terra " in line]
    assert future.startswith("  ")
    assert future.split()[:2] == ["2028-01-11", "412"]
    assert "2026-12-17 by Microsoft Learn" in " ".join(text.split())


@given(
    st.dictionaries(
        st.sampled_from([OLD, NEXT, REASONING, PTU, OWN]),
        st.tuples(managed_deployments, st.none() | offered_models),
    ),
    st.dictionaries(st.sampled_from([OLD, NEXT]), words),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.integers(60, 160),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_arm_and_answers_say_every_form_stays_whole(
    tmp_path: Path, arm: dict[str, Any], served: dict[str, str], today: date, width: int
) -> None:
    report = lifecycle_report(_kept(tmp_path), BUNDLED, today, arm=arm, served=served)
    text = rollout_text(report, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert all(line.isprintable() for line in text.splitlines())
    assert len(json.loads(rollout_json(report))["deployments"]) == 5
    assert rollout_markdown(report).count("\n## ") == 5
    events = events_of(rollout_calendar(report, NOW))
    assert len({str(event["uid"]) for event in events}) == len(events)


_FILES: dict[Path, Rollout] = {}


def _kept(folder: Path) -> Rollout:
    """Reading a file for every example would take most of the time."""
    if folder not in _FILES:
        _FILES[folder] = rollout(folder)
    return _FILES[folder]


# --- Markdown and JSON ------------------------------------------------------------------------------------


def test_the_page_has_the_steps_to_tick_off(report: LifecycleReport) -> None:
    text = rollout_markdown(report)
    section = text.split(f"## {OLD}")[1].split("\n## ")[0]
    assert f"- [x] {NEXT} is deployed" in section
    assert section.count("- [ ] by ") == 4
    assert "by Tue 2026-11-17, late: " not in text.split(f"## {NEXT}")[1].split("\n## ")[0]
    assert "- Wed 2026-12-09: the version ends" in section


def test_no_markup_of_others_gets_into_the_page(tmp_path: Path) -> None:
    arm = {
        OLD: (
            arm_of(OLD, HOSTILE, HOSTILE, HOSTILE, sku=HOSTILE),
            OfferedModel(HOSTILE, HOSTILE, status=HOSTILE),
        )
    }
    text = rollout_markdown(lifecycle_report(rollout(tmp_path), BUNDLED, TODAY, arm=arm))
    assert "<script" not in text
    assert "`x`" not in text.replace("\\`", "")
    assert "\x1b" not in text


def test_why_arm_could_not_be_asked_is_said_in_every_form(tmp_path: Path) -> None:
    note = f"ARM could not be asked for endpoint main: {HOSTILE}"
    report = lifecycle_report(rollout(tmp_path), BUNDLED, TODAY, arm_notes=(note,))
    text, page = rollout_text(report, 80), rollout_markdown(report)
    assert "ARM could not be asked for endpoint main" in text
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "- ARM could not be asked for endpoint main" in page
    assert "<script" not in page
    assert json.loads(rollout_json(report))["arm_notes"] == [note]
    for form in (text, page):
        assert ARM_NOT_ASKED not in form


def test_the_list_as_a_page_has_a_row_for_every_entry() -> None:
    report = table_report(BUNDLED, TODAY)
    rows = [line for line in table_markdown(report).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(BUNDLED.entries)
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}


def test_json_has_every_plan_with_units_in_the_names(report: LifecycleReport) -> None:
    document = json.loads(rollout_json(report))
    assert (document["today"], document["arm_known"]) == ("2026-11-25", False)
    assert document["sources"][0]["age_days"] == 9
    found = {one["name"]: one for one in document["deployments"]}
    old = found[OLD]
    assert (old["phase"], old["ends"], old["days_left"]) == ("deprecated", "2026-12-09", 14)
    assert old["warning"]["severity"] == "warn"
    assert old["migration"]["state"] == "late"
    [ramp] = [step for step in old["migration"]["steps"] if step["step"] == "ramp"]
    assert [rung["weight_pct"] for rung in ramp["rungs"]] == [5, 50, 100]
    assert ramp["rungs"][0]["takes_s"] == pytest.approx(200 / (5.0 * 0.05))
    assert ramp["rungs"][0]["gate"]
    assert (found[OWN]["days_left"], found[OWN]["migration"]["steps"]) == (None, [])


def test_the_list_as_json() -> None:
    models = json.loads(table_json(table_report(BUNDLED, TODAY)))["models"]
    found = {(one["model"], one["version"]): one for one in models}
    assert found["o3-mini", "2025-01-31"]["days_left"] == -6
    assert found["gpt-4o", "2024-05-13"]["replacement"]["model"] == "gpt-5.6-sol"
    assert found["gpt-5-chat", "*"]["replacement"]["version"] is None
    assert found["gpt-6-sol", "2026-09-22"]["phase"] == "unknown"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "at once"), (0.2, "1 s"), (45, "45 s"), (800, "13 min 20 s"), (86400, "1 d"), (90061, "1 d 1 h")],
)
def test_spans_in_words(seconds: float, said: str) -> None:
    assert span(seconds) == said
