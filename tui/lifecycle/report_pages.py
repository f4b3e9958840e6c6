"""Lifecycle report as Markdown for a runbook and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from tui.base.text import markdown
from tui.lifecycle.dates import named
from tui.lifecycle.migration import HORIZON_DAYS, Migration, MigrationStep
from tui.lifecycle.report import DeploymentReport, LifecycleReport, ModelReport, TableReport
from tui.lifecycle.report_words import (
    COUNTED_WITH,
    arm_words,
    day_words,
    ends_words,
    plan_line,
    plan_words,
    remarks,
    rung_words,
    source_words,
    step_words,
    takes_words,
    target,
    title,
)
from tui.lifecycle.retirement import RetirementWarning
from tui.lifecycle.table import Source
from tui.model import Lifecycle, Replacement


def rollout_markdown(report: LifecycleReport) -> str:
    """The report of a rollout as a page, the steps of its plans to be ticked off."""
    today = report.today
    lines = [f"# Lifecycle of {markdown(title(report))}", "", f"- seen on {day_words(today)}"]
    lines += [f"- {markdown(source_words(source, today))}" for source in report.sources]
    lines += [f"- {markdown(note)}" for note in arm_words(report)]
    rows = [("deployment", "version", "phase", "ends", "pin")]
    rows += [
        (
            one.deployment.name,
            _version(one.lifecycle),
            one.lifecycle.phase.value,
            ends_words(one, today),
            one.pin.state.value.upper(),
        )
        for one in report.deployments
    ]
    lines += ["", *_table(rows)]
    for one in report.deployments:
        lines += ["", f"## {markdown(one.deployment.name)}", "", *_section(one, report)]
    return "\n".join([*lines, "", COUNTED_WITH, ""])


def table_markdown(report: TableReport) -> str:
    """The whole lifecycle table as a page."""
    today = report.today
    lines = ["# Lifecycle of models", "", f"- seen on {day_words(today)}"]
    lines += [f"- {markdown(source_words(source, today))}" for source in report.sources]
    head = ("retires", "days", "model", "version", "phase", "replacement", "notes")
    rows = [head, *(_model_cells(one, today) for one in report.models)]
    return "\n".join([*lines, "", *_table(rows), ""])


def rollout_json(report: LifecycleReport) -> str:
    """The report of a rollout; every plan is there, however far off."""
    document = {
        "rollout": report.rollout,
        "environment": report.environment,
        "today": report.today.isoformat(),
        "arm_known": report.arm_known,
        "arm_notes": list(report.arm_notes),
        "sources": _sources(report.sources, report.today),
        "deployments": [_deployment(one, report.today) for one in report.deployments],
    }
    return json.dumps(document, indent=1) + "\n"


def table_json(report: TableReport) -> str:
    """The whole lifecycle table."""
    document = {
        "today": report.today.isoformat(),
        "sources": _sources(report.sources, report.today),
        "models": [
            {
                **_lifecycle(one.lifecycle),
                "days_left": _days_left(one.lifecycle.retires, report.today),
                "warning": _warning(one.warning),
                "notes": list(one.notes),
            }
            for one in report.models
        ],
    }
    return json.dumps(document, indent=1) + "\n"


# --- Markdown ---------------------------------------------------------------------------------------------


def _section(one: DeploymentReport, report: LifecycleReport) -> Iterator[str]:
    today, lifecycle, migration = report.today, one.lifecycle, one.migration
    if one.warning is not None:
        yield f"**{one.warning.severity.upper()}** {markdown(one.warning.text)}\n"
    facts = [
        ("model", _version(lifecycle)),
        ("phase", f"{lifecycle.phase.value} ({lifecycle.source})"),
        ("ends", ends_words(one, today)),
        (
            "pin",
            "; ".join(part for part in (one.pin.state.value.upper(), one.pin.reason, one.pin.remedy) if part),
        ),
        ("at the end", one.at_the_date),
        ("due", one.due),
        *(("sources", note) for note in one.notes),
        ("plan", plan_line(migration, today)),
    ]
    yield from (f"- {label}: {markdown(text)}" for label, text in facts)
    if migration.ends is None or not migration.steps or not migration.within(HORIZON_DAYS, today):
        return
    yield from (f"- {markdown(remark)}" for remark in remarks(migration, today))
    yield f"\nSteps to {markdown(target(migration))}:\n"
    for step in migration.steps:
        yield f"- [{'x' if step.done else ' '}] {markdown(_step(step, one, today))}"
        yield from (
            f"  - by {day_words(rung.latest_start)} {markdown(rung_words(rung))}" for rung in step.rungs
        )
    yield f"- {day_words(migration.ends)}: the version ends"


def _step(step: MigrationStep, one: DeploymentReport, today: date) -> str:
    what = step_words(step, target(one.migration), one.deployment.name)
    if step.done:
        return what
    late = ", late" if step.latest_start < today else ""
    return f"by {day_words(step.latest_start)}{late}: {what} ({takes_words(step)})"


def _model_cells(one: ModelReport, today: date) -> tuple[str, ...]:
    lifecycle = one.lifecycle
    left = _days_left(lifecycle.retires, today)
    return (
        "not known" if lifecycle.retires is None else str(lifecycle.retires),
        "" if left is None else f"{left}{' (past)' if left < 0 else ''}",
        lifecycle.model,
        lifecycle.version,
        lifecycle.phase.value,
        "" if lifecycle.replacement is None else named(lifecycle.replacement),
        "; ".join(one.notes),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(markdown(cell) for cell in row)} |"
        if number == 0:
            yield "|---" * len(row) + "|"


def _version(lifecycle: Lifecycle) -> str:
    return f"{lifecycle.model} {lifecycle.version}"


# --- JSON -------------------------------------------------------------------------------------------------


def _sources(sources: Iterable[Source], today: date) -> list[dict[str, Any]]:
    return [
        {"text": source.text, "as_of": source.as_of.isoformat(), "age_days": source.age_days(today)}
        for source in sources
    ]


def _deployment(one: DeploymentReport, today: date) -> dict[str, Any]:
    return {
        "name": one.deployment.name,
        **_lifecycle(one.lifecycle),
        "ends": _iso(one.migration.ends),
        "days_left": _days_left(one.migration.ends, today),
        "pin": {
            "state": one.pin.state.value,
            "until": _iso(one.pin.until),
            "reason": one.pin.reason,
            "remedy": one.pin.remedy,
        },
        "fate": one.version_end.value,
        "at_the_date": one.at_the_date,
        "due": one.due,
        "warning": _warning(one.warning),
        "notes": list(one.notes),
        "migration": _migration(one, today),
    }


def _migration(one: DeploymentReport, today: date) -> dict[str, Any]:
    migration: Migration = one.migration
    return {
        "state": migration.state.value,
        "text": plan_words(migration, today),
        "begins": _iso(migration.begins),
        "late_days": migration.late_days,
        "over_on": _iso(migration.over_on),
        "to": _replacement(migration.replacement),
        "deployed": migration.deployed,
        "remarks": list(remarks(migration, today)),
        "steps": [
            {
                "step": step.kind.value,
                "text": step_words(step, target(migration), one.deployment.name),
                "latest_start": _iso(step.latest_start),
                "takes_s": step.takes_s,
                "working_days": step.working_days,
                "done": step.done,
                "rungs": [
                    {
                        "weight_pct": rung.weight_pct,
                        "latest_start": _iso(rung.latest_start),
                        "takes_s": rung.takes_s,
                        "for_requests": rung.for_requests,
                        "gate": rung.gate,
                    }
                    for rung in step.rungs
                ],
            }
            for step in migration.steps
        ],
    }


def _lifecycle(lifecycle: Lifecycle) -> dict[str, Any]:
    return {
        "model": lifecycle.model,
        "version": lifecycle.version,
        "phase": lifecycle.phase.value,
        "retires": _iso(lifecycle.retires),
        "tentative": lifecycle.tentative,
        "replacement": _replacement(lifecycle.replacement),
        "source": lifecycle.source,
        "as_of": _iso(lifecycle.as_of),
    }


def _replacement(replacement: Replacement | None) -> dict[str, Any] | None:
    if replacement is None:
        return None
    return {
        "model": replacement.model,
        "version": replacement.version or None,
        "starts": _iso(replacement.starts),
        "lead_days": replacement.lead_days,
    }


def _warning(warning: RetirementWarning | None) -> dict[str, Any] | None:
    if warning is None:
        return None
    return {"severity": warning.severity, "days_left": warning.days_left, "text": warning.text}


def _days_left(day: date | None, today: date) -> int | None:
    return None if day is None else (day - today).days


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
