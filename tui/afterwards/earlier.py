"""What an earlier run says of today's baseline: the limits that "slower" is measured against.

Answers that were sent while the client was saturated are marked, and give no limit.
"""

from __future__ import annotations

from tui.afterwards.recording import Recording
from tui.evaluation.calibration import limits_from
from tui.model import DEFAULT_TASK, Outcome
from tui.record.reader import UnreadableRecord
from tui.rollout import Rollout


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
