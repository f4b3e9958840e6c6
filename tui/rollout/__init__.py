"""Rollout file: hand-written TOML in, a frozen ``Rollout`` or every mistake at once out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.base.problems import Problem, format_problems, quoted
from tui.base.toml_files import TomlFileError, parse_toml, read_toml
from tui.rollout.checks import check
from tui.rollout.mistakes import Findings, Place, parse
from tui.rollout.rollout import DEFAULT_SCOPE, SIMULATOR, Rollout, rollout_of
from tui.rollout.values import (
    CockpitSettings,
    ControlPlane,
    Criteria,
    FormatName,
    GuardSpec,
    JudgeSpec,
    KnownAnswers,
    NotifySpec,
    Occasion,
    PlanSpec,
    QualitySpec,
    SourceSpec,
    TaskSpec,
    TraceUnit,
    Traffic,
)

__all__ = [
    "DEFAULT_SCOPE",
    "SIMULATOR",
    "CockpitSettings",
    "ControlPlane",
    "Criteria",
    "FormatName",
    "GuardSpec",
    "JudgeSpec",
    "KnownAnswers",
    "NotifySpec",
    "Occasion",
    "PlanSpec",
    "QualitySpec",
    "Rollout",
    "RolloutError",
    "SourceSpec",
    "TaskSpec",
    "TraceUnit",
    "Traffic",
    "check_rollout",
    "load_rollout",
    "recorded_rollout",
]

_MAX_BYTES = 1024 * 1024
_IDLE_CRITERIA = ("filter_rate", "error_rate")


class RolloutError(Exception):
    """A rollout file with mistakes: ``problems`` has all of them, errors and warnings."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        super().__init__(format_problems(problems, path))
        self.path = path
        self.problems = problems


def load_rollout(path: Path, *, env: Mapping[str, str]) -> Rollout:
    """The rollout that a file describes. ``env`` is where the key variables are looked up.

    Raises:
        RolloutError: The file cannot be read or holds a mistake.
    """
    rollout, problems = check_rollout(path, env)
    if rollout is None:
        raise RolloutError(path, problems)
    return rollout


def check_rollout(path: Path, env: Mapping[str, str]) -> tuple[Rollout | None, tuple[Problem, ...]]:
    """The rollout, None when there is any error, with everything there is to say about the file."""
    path = path.absolute()
    try:
        text, document = read_toml(path, _MAX_BYTES)
    except TomlFileError as error:
        return None, (Problem("", "", str(error), line=error.line),)
    return _checked(text, document, path, env)


def recorded_rollout(text: str, path: Path) -> Rollout:
    """The rollout whose file a run record keeps as ``text``, to look back at the run: without its traffic, and
    with endpoints that lead nowhere, so that neither files nor keys of that day are needed. ``path`` is where
    the text comes from.

    Raises:
        RolloutError: It holds a mistake.
    """
    try:
        document = parse_toml(text)
    except TomlFileError as error:
        raise RolloutError(path, (Problem("", "", str(error), line=error.line),)) from None
    document.pop("traffic", None)
    document.pop("notify", None)
    endpoints = document.get("endpoints")
    if isinstance(endpoints, dict):
        document["endpoints"] = {name: {"url": SIMULATOR} for name in endpoints}
    rollout, problems = _checked(text, document, path, {}, on_disk=False)
    if rollout is None:
        raise RolloutError(path, problems)
    return rollout


def _checked(
    text: str, document: dict[str, Any], path: Path, env: Mapping[str, str], *, on_disk: bool = True
) -> tuple[Rollout | None, tuple[Problem, ...]]:
    findings = Findings(document, text)
    for idle in _idle_criteria(document):
        if on_disk:
            findings.warning(*idle, "it changes nothing, the rates are always judged so: take it out")
    deployments = document.get("deployments")
    names = list(deployments) if isinstance(deployments, dict) else []
    file = parse(findings, path.parent)
    check(file, names, path.parent, env, findings, on_disk=on_disk)
    problems = findings.problems()
    if findings.any_error:
        return None, problems
    return rollout_of(file, document, path, problems), problems


def _idle_criteria(document: dict[str, Any]) -> list[tuple[Place, str]]:
    """Keys of earlier versions, which had one value and no effect, taken out: files and records may have them
    still."""
    criteria = document.get("criteria")
    if not isinstance(criteria, dict):
        return []
    return [(("criteria", key), quoted(criteria.pop(key))) for key in _IDLE_CRITERIA if key in criteria]
