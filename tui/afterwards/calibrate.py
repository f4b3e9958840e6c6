"""Calibration of the settings that a service needs: measured on recorded runs in which nothing was worse, so
that every alarm is false.

A run whose deployments are all pinned to one model and version is evaluated as it was, and their own noise is
measured. Of any other run only the baseline's requests are taken, and each is given by a seeded draw to the
baseline or to a pretended canary: these share their noise, so nothing can be said of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tui.afterwards.own_noise import (
    DEVIATIONS,
    LEAST_MIN,
    LEAST_MINUTES,
    Margin,
    Measured,
    OwnNoise,
    measured,
)
from tui.afterwards.recording import MakeEvaluator, Recording, RunEvaluator, tell
from tui.base.text import plain
from tui.model import CRITERION_ROWS, DEFAULT_TASK, Assignment, Event, Outcome, Pair, Verdict, VerdictState
from tui.model.criteria import default_of
from tui.rollout import Criteria

PRETENDED = "pretended-canary"
"""The name of the canary that is made of the baseline's own requests."""


@dataclass(slots=True)
class Calibration:
    """``alarms`` counts, by criterion, the trials in which it was called WORSE; ``any_alarm`` those in which
    one was that is not only advisory. Draws of one run share its requests: they are not independent.
    """

    runs: int = 0
    same_versions: int = 0
    trials: int = 0
    requests: int = 0
    any_alarm: int = 0
    own_noise: dict[str, Measured] = field(default_factory=dict)
    """By task; empty where no run was of equal versions."""
    damage: list[str] = field(default_factory=list)
    """What was left out of a record, by its path."""
    labels: dict[str, str] = field(default_factory=dict)
    alarms: dict[str, int] = field(default_factory=dict)

    def add(self, verdicts: Sequence[Verdict]) -> None:
        """Count one trial."""
        self.trials += 1
        worse = [v for v in verdicts if v.state is VerdictState.WORSE]
        self.any_alarm += any(not v.advisory for v in worse)
        for verdict in verdicts:
            self.labels[verdict.criterion] = verdict.label + (" (advisory)" if verdict.advisory else "")
            self.alarms.setdefault(verdict.criterion, 0)
        for verdict in worse:
            self.alarms[verdict.criterion] += 1


def calibrate(
    recordings: Sequence[Recording],
    make_evaluator: MakeEvaluator,
    *,
    criteria: Mapping[str, Criteria] | None = None,
    draws: int = 20,
    split_pct: float = 25.0,
    seed: int = 0,
) -> Calibration:
    """Evaluate every recording with ``criteria``, or with its own when None.

    ``draws`` is how often a run of different versions is split, ``split_pct`` what the pretended canary gets.
    Raises ValueError when either makes no sense, UnreadableRecord when a file breaks off.
    """
    if draws < 1 or not 0 < split_pct < 100:
        raise ValueError(f"{draws} draws of {split_pct:g} %: give at least one draw, and between 0 and 100 %")
    result = Calibration()
    noises: list[OwnNoise] = []
    tasks: dict[str, None] = {}
    for number, recording in enumerate(recordings):
        rollout = recording.rollout
        settings = criteria or rollout.criteria_by_task
        result.runs += 1
        if recording.damage:
            result.damage.append(f"{plain(str(recording.path), 200)} is damaged: {recording.damage}")
        if _all_the_same(recording):
            result.same_versions += 1
            evaluator = make_evaluator(rollout.baseline, recording.canaries, settings)
            noise = OwnNoise(rollout.baseline)
            for canary in recording.canaries:
                evaluator.listen(canary, partial(noise.listener, canary))
            answered, now_s = _as_it_was(recording, evaluator, noise, settings)
            noises.append(noise)
            tasks.update(dict.fromkeys(settings))
            result.requests += sum(answered.values())
            for canary, verdicts in evaluator.verdicts(now_s).items():
                if answered.get(canary):
                    result.add(verdicts)
        else:
            evaluators = [make_evaluator(rollout.baseline, (PRETENDED,), settings) for _ in range(draws)]
            requests, now_s = _split(recording, evaluators, split_pct, f"{seed}/{number}")
            result.requests += requests
            for evaluator in evaluators if requests else ():
                result.add(evaluator.verdicts(now_s).get(PRETENDED, ()))
    result.own_noise = {task: measured(noises, task) for task in tasks}
    return result


def _all_the_same(recording: Recording) -> bool:
    pinned = {(d.model, d.version) for d in recording.rollout.deployments.values()}
    return len(pinned) == 1 and bool(recording.canaries)


def _as_it_was(
    recording: Recording, evaluator: RunEvaluator, noise: OwnNoise, tasks: Collection[str]
) -> tuple[dict[str, int], float]:
    answered: dict[str, int] = {}
    now_s = 0.0
    for now_s, happening in recording.happenings():
        if isinstance(happening, Event | Pair):
            continue
        tell(evaluator, happening, now_s)
        if isinstance(happening, Outcome):
            answered[happening.deployment] = answered.get(happening.deployment, 0) + 1
            noise.add(happening, happening.task if happening.task in tasks else DEFAULT_TASK)
    return answered, now_s


def _split(
    recording: Recording, evaluators: Sequence[RunEvaluator], split_pct: float, seed: str
) -> tuple[int, float]:
    """Give each request of the baseline to one of two names, for every evaluator by a draw of its own."""
    baseline = recording.rollout.baseline
    shares = {baseline: 100.0 - split_pct, PRETENDED: split_pct}
    rngs = [random.Random(f"{seed}/{number}") for number in range(len(evaluators))]
    drawn: dict[int, list[str]] = {}
    requests, now_s = 0, 0.0
    for now_s, happening in recording.happenings():
        if isinstance(happening, Event | Pair) or happening.deployment != baseline:
            continue
        if isinstance(happening, Assignment):
            names = [PRETENDED if rng.random() * 100 < split_pct else baseline for rng in rngs]
            drawn[happening.request_id] = names
            for evaluator, name in zip(evaluators, names, strict=True):
                mine = replace(happening, deployment=name, weight_pct=shares[name], shares=shares)
                evaluator.assigned(mine, now_s)
        elif happening.request_id in drawn:
            requests += 1
            for evaluator, name in zip(evaluators, drawn.pop(happening.request_id), strict=True):
                own = replace(happening, deployment=name, weight_pct=shares[name], shares=shares)
                evaluator.add(own, now_s)
    return requests, now_s


# --- its text ---

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
        "dispersion": tempered and {"value": tempered.value, "criterion": tempered.of, "times": tempered.times},
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
        _table(task),
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
    value = f"{tempered.value:.3g}" if tempered.value < 100 else f"{tempered.value:.0f}"
    times = f"{tempered.times:.1f}" if tempered.times < 10 else f"{tempered.times:.0f}"
    return [
        "2. Or the dispersion to temper by, where that margin is too wide (off by",
        "default). The margins stay as they are, and verdicts on times come later:",
        f"they rest on more evidence, {_LABELS[tempered.of]} on {times} times as much.",
        _table(task),
        f"dispersion = {value}",
    ]


def _why_none(found: Measured) -> str:
    if found.minutes < LEAST_MIN:
        return f"the run is too short, {found.minutes} of {LEAST_MIN} minutes"
    return "the run has too few slow answers of both versions"


def _of(task: str) -> str:
    return "" if task == DEFAULT_TASK else f" of {plain(task, 40)}"


def _table(task: str) -> str:
    return f"[{'criteria' if task == DEFAULT_TASK else f'tasks.{json.dumps(task)}.criteria'}]"


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
