"""What an earlier run says of today's baseline: the limits that "slower" is measured against."""

from __future__ import annotations

from tui.afterwards.recording import Recording
from tui.record_reader import UnreadableRecord
from tui.rollout import Rollout
from tui.verdict.limits import limits_from


def limits_of(recording: Recording, rollout: Rollout) -> dict[str, float]:
    """Criterion -> its limit in ms, from the answers that the version of today's baseline gave in a recording.

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
    outcomes = (o for o in recording.outcomes() if o.deployment == name and o.counts_for_version)
    limits = limits_from(outcomes, rollout.criteria)
    if "latency_p50" not in limits:
        raise UnreadableRecord(
            f"{recording.path}: fewer than {rollout.criteria.calibration_requests} answers of {name}:"
            " name a longer run, or leave --calibrate-from out"
        )
    return limits
