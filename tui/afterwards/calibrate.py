"""Calibration of the settings that a service needs: measured on recorded runs in which nothing was worse, so
that every alarm is false.

A run whose deployments are all pinned to one model and version is evaluated as it was, and their own noise is
measured. Of any other run only the baseline's requests are taken, and each is given by a seeded draw to the
baseline or to a pretended canary: these share their noise, so nothing can be said of it.

What an earlier run says of today's baseline: the limits that "slower" is measured against.

Answers that were sent while the client was saturated are marked, and give no limit.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tui.afterwards.own_noise import Measured, OwnNoise, measured
from tui.afterwards.recording import MakeEvaluator, Recording, RunEvaluator, tell
from tui.base.text import plain
from tui.evaluation.calibration import limits_from
from tui.model import DEFAULT_TASK, Assignment, Event, Outcome, Pair, Verdict, VerdictState
from tui.record.reader import UnreadableRecord
from tui.rollout import Criteria, Rollout

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
                evaluator.add(
                    replace(happening, deployment=name, weight_pct=shares[name], shares=shares), now_s
                )
    return requests, now_s


def limits_of(recording: Recording, rollout: Rollout) -> dict[str, dict[str, float]]:
    """Task -> criterion -> its limit in ms, from the answers that the version of today's baseline gave in a
    recording. A task that it has too few answers of is left out: its limits come from this run.

    Raises:
        UnreadableRecord: The recording has no deployment of that version, too few answers of it, or breaks off.
    """
    now = rollout.deployments[rollout.baseline]
    same = {
        name
        for name, then in recording.rollout.deployments.items()
        if (then.model, then.version) == (now.model, now.version)
    }
    if not same:
        raise UnreadableRecord(
            f"{recording.path}: the baseline's version, {now.model} {now.version}, was not in that run;"
            " name another run, or leave --calibrate-from out"
        )
    # One deployment, not several of one version: they may have stood in different regions.
    name = now.name if now.name in same else sorted(same)[0]
    by_task: dict[str, list[Outcome]] = {task: [] for task in rollout.tasks}
    marked = 0
    for outcome in recording.outcomes():
        if outcome.deployment != name or not outcome.counts_for_version:
            continue
        if outcome.saturated:
            marked += 1
        else:
            by_task[outcome.task if outcome.task in by_task else DEFAULT_TASK].append(outcome)
    limits = {task: limits_from(found, rollout.tasks[task].criteria) for task, found in by_task.items()}
    known = {task: found for task, found in limits.items() if "latency_p50" in found}
    if not known:
        raise UnreadableRecord(
            f"{recording.path}: fewer than {rollout.criteria.calibration_requests} answers of {name}"
            + (f" ({marked} more were sent while the client was saturated)" if marked else "")
            + ": name a longer run, or leave --calibrate-from out"
        )
    return known
