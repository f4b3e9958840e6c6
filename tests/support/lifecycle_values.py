"""Deployments, models and words of ARM for the tests of what lies ahead of a version; and hostile ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from icalendar import Calendar, Component

from tests.support.rollout_files import load
from tui.lifecycle.report import DeploymentReport, LifecycleReport
from tui.lifecycle.table import load_lifecycle
from tui.model import Deployment, Lifecycle, ManagedDeployment, ModelSku, OfferedModel, Phase, Replacement
from tui.rollout import Rollout

BUNDLED = load_lifecycle()
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
RETIRES = date(2027, 4, 14)
SOL = Replacement("gpt-5.6-sol", "2026-07-09")
HOSTILE = '\x1b[31m<script>|`x`\r\nBEGIN:VEVENT;,"世界' + "é" * 300

AUTO = "OnceNewDefaultVersionAvailable"
AT_THE_END = "OnceCurrentVersionExpired"
NEVER = "NoAutoUpgrade"


def deployment(**changes: Any) -> Deployment:
    return Deployment(
        **{
            "name": "gpt4o-prod-v1120",
            "endpoint": "main",
            "model": "gpt-4o",
            "version": "2024-11-20",
            **changes,
        }
    )


def managed(option: str | None = NEVER, **changes: Any) -> ManagedDeployment:
    return ManagedDeployment(
        **{
            "name": "gpt4o-prod-v1120",
            "model": "gpt-4o",
            "version": "2024-11-20",
            "sku": "GlobalStandard",
            "upgrade_option": option,
            **changes,
        }
    )


def offered(
    status: str | None = "GenerallyAvailable",
    retires: date | None = RETIRES,
    skus: Sequence[ModelSku] = (),
    **more: Any,
) -> OfferedModel:
    return OfferedModel(
        **{
            "model": "gpt-4o",
            "version": "2024-11-20",
            "status": status,
            "retires": retires,
            "skus": tuple(skus),
            **more,
        }
    )


def lifecycle(**changes: Any) -> Lifecycle:
    return Lifecycle(
        **{
            "model": "gpt-4o",
            "version": "2024-11-20",
            "phase": Phase.LEGACY,
            "retires": RETIRES,
            "tentative": None,
            "replacement": SOL,
            "source": "ARM",
            "as_of": TODAY,
            **changes,
        }
    )


dates = st.dates()
maybe_dates = st.none() | dates
words = st.text(max_size=400)
maybe_words = st.none() | words | st.sampled_from([AUTO, AT_THE_END, NEVER])
phases = st.sampled_from(Phase)
replacements = st.none() | st.builds(Replacement, words, words, maybe_dates, st.integers(-(10**9), 10**9))
lifecycles = st.builds(
    Lifecycle, words, words, phases, maybe_dates, st.none() | st.booleans(), replacements, words, maybe_dates
)
offered_models = st.builds(
    OfferedModel,
    model=words,
    version=words,
    status=maybe_words | st.sampled_from(["Deprecated", "Deprecating", "Stable", "Preview", "Legacy"]),
    retires=maybe_dates,
    tentative=st.none() | st.booleans(),
    replacement=replacements,
    skus=st.lists(st.builds(ModelSku, words | st.just("GlobalStandard"), retires=maybe_dates), max_size=3).map(
        tuple
    ),
)
managed_deployments = st.builds(
    ManagedDeployment,
    name=words,
    model=words | st.just("gpt-4o"),
    version=maybe_words | st.just("2024-11-20"),
    sku=st.none() | words | st.sampled_from(["GlobalStandard", "ProvisionedManaged", "GlobalBatch"]),
    upgrade_option=maybe_words,
)


# --- a rollout that has one of each -------------------------------------------------------------------------

OLD, NEXT, REASONING, PTU, OWN = (
    "gpt4o-prod-v0513",
    "gpt51-prod-v1113",
    "o3mini-prod-v0131",
    "gpt41-ptu",
    "own-model",
)
PLAN = {
    "canary": NEXT,
    "steps": [
        {"weight": 5, "bake": "10m", "requests": 200, "gate": True},
        {"weight": 50, "bake": "1h"},
        {"weight": 100},
    ],
    "watch": "2h",
}


def of(model: str, version: str, **more: Any) -> dict[str, Any]:
    return {"endpoint": "main", "model": model, "version": version, **more}


DEPLOYMENTS = {
    OWN: of("our-own", "1"),
    NEXT: of("gpt-5.1", "2025-11-13"),
    OLD: of("gpt-4o", "2024-05-13"),
    REASONING: of("o3-mini", "2025-01-31"),
    PTU: of("gpt-4.1", "2025-04-14", provisioned=True),
}


def rollout(folder: Path, changes: Mapping[str, Any] | None = None) -> Rollout:
    usual = {"rollout/baseline": OLD, "deployments": DEPLOYMENTS, "weights/default": {OLD: 100}, "plan": PLAN}
    merged = {**usual, **(changes or {})}
    return load(folder, {key: value for key, value in merged.items() if value is not None})


def by_name(report: LifecycleReport) -> dict[str, DeploymentReport]:
    return {one.deployment.name: one for one in report.deployments}


def arm_of(name: str, model: str, version: str, option: str | None, **more: Any) -> ManagedDeployment:
    return ManagedDeployment(
        name, model, version, **{"sku": "GlobalStandard", "upgrade_option": option, **more}
    )


def events_of(text: str) -> list[Component]:
    """The events of an iCalendar file, read by a parser."""
    return list(Calendar.from_ical(text).walk("VEVENT"))
