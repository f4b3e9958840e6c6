"""Text and JSON of a calibration: what own noise asks for, as lines to write into the rollout file, and the
false alarms."""

from __future__ import annotations

import json
from typing import Any

from tui.afterwards.calibrate import Calibration
from tui.afterwards.own_noise import (
    DEVIATIONS,
    LEAST_MIN,
    LEAST_MINUTES,
    Dispersion,
    Margin,
    Measured,
)
from tui.base.text import plain
from tui.model import CRITERION_ROWS, DEFAULT_TASK
from tui.model.criteria import default_of

_LABELS = {row.id: row.label for row in CRITERION_ROWS}


def noise_text(task: str, found: Measured) -> str:
    """In plain text for 80 columns: the margins first, then the dispersion."""
    return "\n".join((*_margin_lines(task, found), "", *_dispersion_lines(task, found)))


def noise_json(found: Measured) -> dict[str, Any]:
    """Margins and what they rest on by key and by criterion, and the dispersion; null where it is not known."""
    tempered = found.dispersion
    return {
        "margins": {
            margin.key: {"pct": margin.pct, "criterion": margin.of, "minutes": margin.minutes}
            for margin in found.margins
        },
        "wanders": {
            name: None if seen is None else {"margin_pct": seen.margin_pct, "minutes": seen.minutes}
            for name, seen in found.wanders.items()
        },
        "dispersion": None
        if tempered is None
        else {"value": tempered.value, "criterion": tempered.of, "times": tempered.times},
        "why_no_dispersion": _why_none(found) if tempered is None else None,
        "longest_run_min": found.minutes,
    }


def _margin_lines(task: str, found: Measured) -> list[str]:
    lines = [
        f"Own noise{_of(task)}: how far versions that are the same were apart in one",
        f"minute ({DEVIATIONS:g} standard deviations, without what so few answers differ by chance):",
        f"{'criterion':<14}{'apart':>7}{'minutes':>9}",
    ]
    for name, seen in found.wanders.items():
        apart = ("-", "-") if seen is None else (f"{seen.margin_pct:.0f}%", str(seen.minutes))
        lines.append(f"{_LABELS[name]:<14}{apart[0]:>7}{apart[1]:>9}")
    if None in found.wanders.values():
        lines.append(f"-: fewer than {LEAST_MINUTES} minutes with enough answers of both")
    lines += [
        "",
        "1. The margin to write. A canary that wanders within it is not called WORSE;",
        "one that is worse by less is not found:",
        *_table(task),
    ]
    return lines + [f"{margin.key} = {margin.pct:.0f}{_rests_on(margin)}" for margin in found.margins]


def _rests_on(margin: Margin) -> str:
    if margin.of is None:
        return "    # the default: not known"
    enough = "the default is enough: " if margin.pct <= default_of(margin.key) else ""
    return f"    # {enough}{_LABELS[margin.of]}, {margin.minutes} minutes"


def _dispersion_lines(task: str, found: Measured) -> list[str]:
    tempered = found.dispersion
    if tempered is None:
        return [f"2. No dispersion: {_why_none(found)}."]
    return [
        "2. Or the dispersion to temper by, where that margin is too wide (off by",
        "default). The margins stay as they are, and verdicts on times come later:",
        f"they rest on more evidence, {_LABELS[tempered.of]} on {_times(tempered)} times as much.",
        *_table(task),
        f"dispersion = {_number(tempered)}",
    ]


def _why_none(found: Measured) -> str:
    if found.minutes < LEAST_MIN:
        return f"the run is too short, {found.minutes} of {LEAST_MIN} minutes"
    return "the run has too few slow answers of both versions"


def _of(task: str) -> str:
    return "" if task == DEFAULT_TASK else f" of {plain(task, 40)}"


def _table(task: str) -> list[str]:
    return [f"[{'criteria' if task == DEFAULT_TASK else f'tasks.{json.dumps(task)}.criteria'}]"]


def _number(tempered: Dispersion) -> str:
    return f"{tempered.value:.3g}" if tempered.value < 100 else f"{tempered.value:.0f}"


def _times(tempered: Dispersion) -> str:
    return f"{tempered.times:.1f}" if tempered.times < 10 else f"{tempered.times:.0f}"


def calibration_json(result: Calibration) -> dict[str, Any]:
    """Counts, and percent of the trials (null without any); what was measured of own noise, by task."""
    return {
        "runs": result.runs,
        "runs_with_the_same_versions": result.same_versions,
        "requests": result.requests,
        "trials": result.trials,
        "any": {"false_alarms": result.any_alarm, "pct": _pct(result.any_alarm, result.trials)},
        "criteria": {
            name: {"label": result.labels[name], "false_alarms": n, "pct": _pct(n, result.trials)}
            for name, n in result.alarms.items()
        },
        "own_noise": {task: noise_json(found) for task, found in result.own_noise.items()},
        "damage": result.damage,
    }


def calibration_text(result: Calibration) -> str:
    """What to write into the rollout file, then the table of false alarms, in plain text."""
    parts = [noise_text(task, found) for task, found in result.own_noise.items()]
    if result.same_versions < result.runs:
        parts.append(_NO_NOISE)
    return "\n\n".join((*parts, *result.damage, _alarms_text(result)))


_NO_NOISE = """\
Runs of different versions are split by draws: both halves share the noise of
the baseline, so neither margin nor dispersion can be read from them. Record a
run of two deployments of one version for that."""


def _alarms_text(result: Calibration) -> str:
    rows = [(plain(result.labels[name], 40), n) for name, n in result.alarms.items()]
    rows.append(("any that is not advisory", result.any_alarm))
    width = max(len(label) for label, _ in rows)
    lines = [
        "False alarms with the settings as they are:",
        f"{_counted(result.runs, 'run')}, {result.requests:,} requests,"
        f" {_counted(result.trials, 'trial')} in which nothing was worse",
        f"{'criterion':<{width}}  false alarms      %",
    ]
    for label, n in rows:
        pct = _pct(n, result.trials)
        lines.append(f"{label:<{width}}  {n:>12}  {'-' if pct is None else f'{pct:.1f}':>5}")
    if result.same_versions < result.runs:
        lines.append("Draws that split one run share its requests: they are not independent.")
    return "\n".join(lines)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _pct(count: int, trials: int) -> float | None:
    return 100 * count / trials if trials else None
