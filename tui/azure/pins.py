"""Whether a deployment is pinned, and until when: from what ARM says of it and what its answers name.

Naming a version when a deployment is made does not stop its upgrades: the upgrade option does, until the
version retires (Microsoft, working with models, 2026-02).
"""

from __future__ import annotations

from datetime import date

from tui.azure.retirement import STOPPING, Fate, days_words, fate_of, leaves_on
from tui.model import Deployment, Lifecycle, ManagedDeployment, Phase, Pin, PinState
from tui.text import plain

_SHOWN = 60
_SET_OPTION = "set versionUpgradeOption to NoAutoUpgrade with a PUT (az rest), and read it back"
_MOVE = "move to the replacement before that day"
_WHY = {
    Fate.STOPS: "NoAutoUpgrade",
    Fate.PROVISIONED: "provisioned deployments are never upgraded",
    Fate.BATCH: "batch deployments are not upgraded in place",
}


def served_agrees(served: str, model: str, version: str, deployment: str = "") -> bool | None:
    """Whether a response's ``model`` is the version that was asked; None where it does not tell.

    Case and the prefix of a router (``azure/gpt-4o-2024-11-20``) do not matter. A bare family is no answer:
    older models return ``gpt-4`` for every version of it. Neither is the name of the deployment itself.
    """
    name = served.strip().casefold().rpartition("/")[2]
    family, asked = model.strip().casefold(), version.strip().casefold()
    if name == f"{family}-{asked}":
        return True
    if not name or name in (family, deployment.strip().casefold()):
        return None
    # A shorter family without a version: "gpt-4o" from a gpt-4o-mini is as empty as "gpt-4" from a gpt-4.
    if family.startswith(f"{name}-"):
        return None
    return False


def pin_of(
    deployment: Deployment,
    managed: ManagedDeployment | None,
    lifecycle: Lifecycle | None,
    served: str | None,
    *,
    arm_known: bool,
    today: date,
) -> Pin:
    """The pin of a deployment of the rollout file.

    Args:
        managed: The deployment as ARM has it; None where ARM has none of that name, or was not asked.
        lifecycle: Of the version that ARM names, else of the one in the file.
        served: ``model`` of its latest answer; None before the first.
        arm_known: Whether ARM was asked and answered.
    """
    asked = f"{deployment.model} {deployment.version}"
    agrees = (
        None if served is None else served_agrees(served, deployment.model, deployment.version, deployment.name)
    )
    if managed is not None and (other := _other_version(deployment, managed)):
        return Pin(
            PinState.MISMATCH,
            reason=f"the rollout file says {asked}, ARM has {other}",
            remedy="correct the file, or deploy the version that it names",
        )
    if agrees is False:
        return Pin(
            PinState.MISMATCH,
            reason=f"asked for {asked}, answered by {plain(served or '', _SHOWN)}",
            remedy="stop comparing: find out in ARM what moved it, roll back to a deployment that is right",
        )
    if managed is None:
        return _without_arm(asked, served, agrees, arm_known)
    if managed.version is None:
        return Pin(
            PinState.UNKNOWN,
            reason="ARM names no version of this deployment",
            remedy="deploy it again with an exact version",
        )
    return _by_option(managed, lifecycle, deployment, today)


def _other_version(deployment: Deployment, managed: ManagedDeployment) -> str | None:
    """What ARM has where that is not what the file says."""
    same_model = managed.model.strip().casefold() == deployment.model.strip().casefold()
    version = managed.version
    if same_model and (version is None or version.strip().casefold() == deployment.version.strip().casefold()):
        return None
    return plain(f"{managed.model} {version or ''}".strip(), _SHOWN)


def _without_arm(asked: str, served: str | None, agrees: bool | None, arm_known: bool) -> Pin:
    if arm_known:
        return Pin(
            PinState.UNKNOWN,
            reason="ARM has no deployment of this name",
            remedy="compare the name with those of the account; deploy it if it is missing",
        )
    if agrees:
        said = f"it answers as {asked} now, but its upgrade option is not known without ARM"
    elif served is None:
        said = "ARM was not asked, and no answer has been seen"
    else:
        said = f'ARM was not asked, and what is served ("{plain(served, _SHOWN)}") names no version'
    return Pin(PinState.UNKNOWN, reason=said, remedy="give access to ARM (Entra ID)")


def _by_option(
    managed: ManagedDeployment, lifecycle: Lifecycle | None, deployment: Deployment, today: date
) -> Pin:
    phase = lifecycle.phase if lifecycle is not None else Phase.UNKNOWN
    fate = fate_of(managed, phase, provisioned=deployment.provisioned)
    until = leaves_on(lifecycle, fate) if lifecycle is not None else None
    when = (
        "at its retirement, of which no date is known"
        if until is None
        else f"on {until}, {days_words(until, today)}"
    )
    may_move = " (the date may still move)" if lifecycle is not None and lifecycle.tentative else ""
    if fate in STOPPING and phase is Phase.RETIRED:
        return Pin(PinState.HARD_STOP, until, f"{_WHY[fate]}: retired, calls are answered with 410", "move now")
    if fate in STOPPING and until is None:
        reason = f"{_WHY[fate]}; no retirement date is known"
        return Pin(PinState.PINNED, None, reason, "look at the date from time to time")
    if fate in STOPPING:
        return Pin(PinState.HARD_STOP, until, f"{_WHY[fate]}: it stops (410) {when}{may_move}", _MOVE)
    if fate is Fate.MOVES and until is not None and until < today:
        reason = f"OnceCurrentVersionExpired, and that day is past ({when}): the service moves it at any moment"
        return Pin(PinState.NOT_PINNED, None, reason, "move now")
    if fate is Fate.MOVES:
        reason = f"OnceCurrentVersionExpired: the service moves it {when}{may_move}"
        return Pin(PinState.PINNED_UNTIL, until, reason, f"{_MOVE}, or {_SET_OPTION}")
    if fate is Fate.FOLLOWS:
        reason = "OnceNewDefaultVersionAvailable: the service moves it within about 2 weeks of a new default"
        return Pin(PinState.NOT_PINNED, None, reason, _SET_OPTION)
    if fate is Fate.UNSET:
        reason = f"no upgrade option is set: moved {when} at the latest, by some reports with a new default"
        return Pin(PinState.NOT_PINNED, None, reason, _SET_OPTION)
    if fate is Fate.FORCED:
        reason = "a preview version is upgraded or ended whatever its option"
        return Pin(PinState.NOT_PINNED, None, reason, "deploy a generally available version")
    option = plain(managed.upgrade_option or "", _SHOWN)
    return Pin(PinState.UNKNOWN, None, f'the upgrade option "{option}" is not known here', _SET_OPTION)
