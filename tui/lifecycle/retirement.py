"""Retirement of a version: what it does to a deployment, what is due until then, and when to warn.

Source of the rules: Microsoft, working with models (2026-02) and model retirements (2026-10-05).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from tui.base.text import plain
from tui.lifecycle.dates import named
from tui.model import Lifecycle, ManagedDeployment, Phase

NOTE_DAYS, WARN_DAYS, ALARM_DAYS = 90, 30, 7
"""So many days before the date a warning begins, and becomes more urgent."""

CALLS_FAIL = "API calls will fail"
DEPLOY_NOW = "deploy the replacement now"

_UNLESS = ", unless its upgrade option moves it to another version"
_LONGEST_LEAD_DAYS = 365
_DUE = {
    Phase.PREVIEW: "Keep users off it: a preview is upgraded or ended at 30 days' notice, whatever its upgrade"
    " option.",
    Phase.GENERALLY_AVAILABLE: "Nothing yet: a replacement is named 90 to 120 days before the date.",
    Phase.LEGACY: "Plan the move: new deployments are still possible, newer models are meant for new work.",
    Phase.DEPRECATED: "Move before the date, and keep what you have: only subscriptions that used this version"
    " may deploy it, and a deployment that is removed may be impossible to make again.",
    Phase.RETIRED: "Move now: it can no longer be deployed, and calls are answered with 410 Gone.",
    Phase.UNKNOWN: "Find out: look at the model in ARM, or at Microsoft's page of model retirements.",
}


class VersionEnd(StrEnum):
    """What ends a deployment's version, by what ARM says of it."""

    STOPS = "stops"
    """``NoAutoUpgrade``."""
    PROVISIONED = "provisioned"
    """Never upgraded, whatever the option: stops."""
    BATCH = "batch"
    """Not upgraded in place: stops."""
    MOVES = "moves"
    """``OnceCurrentVersionExpired``."""
    FOLLOWS = "follows"
    """``OnceNewDefaultVersionAvailable``."""
    UNSET = "unset"
    """No option: said to move at the date, but sources disagree."""
    FORCED = "forced"
    """A preview version, whatever the option."""
    UNKNOWN = "unknown"
    """ARM was not asked, or named an option that is not known here."""


STOPPING = frozenset({VersionEnd.STOPS, VersionEnd.PROVISIONED, VersionEnd.BATCH})

_OPTIONS = {
    "noautoupgrade": VersionEnd.STOPS,
    "oncecurrentversionexpired": VersionEnd.MOVES,
    "oncenewdefaultversionavailable": VersionEnd.FOLLOWS,
}

_LEAST_DAYS: tuple[tuple[int, Literal["alarm", "warn", "note"]], ...] = (
    (ALARM_DAYS, "alarm"),
    (WARN_DAYS, "warn"),
    (NOTE_DAYS, "note"),
)


@dataclass(frozen=True, slots=True)
class RetirementWarning:
    """``days_left`` is negative after the date, None where a version is retired and no date is known."""

    severity: Literal["note", "warn", "alarm"]
    days_left: int | None
    text: str


def version_end_of(managed: ManagedDeployment | None, phase: Phase, *, provisioned: bool = False) -> VersionEnd:
    """What ends the version of a deployment; ``managed`` None where ARM was not asked or does not have it.

    ``provisioned`` is what the rollout file says; the SKU of ARM wins over it.
    """
    sku = (managed.sku or "").casefold() if managed is not None else ""
    if "provisioned" in sku or (provisioned and not sku):
        return VersionEnd.PROVISIONED
    if sku.endswith("batch"):
        return VersionEnd.BATCH
    if phase is Phase.PREVIEW:
        return VersionEnd.FORCED
    if managed is None:
        return VersionEnd.UNKNOWN
    if not managed.upgrade_option:
        return VersionEnd.UNSET
    return _OPTIONS.get(managed.upgrade_option.casefold(), VersionEnd.UNKNOWN)


def leaves_on(lifecycle: Lifecycle, version_end: VersionEnd) -> date | None:
    """The first day on which the deployment may no longer answer with this version, None if it is not known.

    Those that wait for the end may be moved ``lead_days`` before it, those that follow new defaults when the
    replacement starts.
    """
    retires, replacement = lifecycle.retires, lifecycle.replacement
    if version_end in STOPPING or version_end is VersionEnd.FORCED or replacement is None:
        return retires
    lead_days = min(max(replacement.lead_days, 0), _LONGEST_LEAD_DAYS)
    earlier = retires and date.fromordinal(max(retires.toordinal() - lead_days, 1))
    if version_end is not VersionEnd.FOLLOWS or replacement.starts is None:
        return earlier
    return min(replacement.starts, earlier or replacement.starts)


def due_in(phase: Phase) -> str:
    """What a team has to do in this phase, in one sentence."""
    return _DUE[phase]


def what_happens(lifecycle: Lifecycle, version_end: VersionEnd, today: date, option: str | None = None) -> str:
    """What becomes of the deployment at the date, in words; ``option`` is the upgrade option ARM gave."""
    on = _on(lifecycle.retires, today)
    to = _target(lifecycle)
    past = lifecycle.phase is Phase.RETIRED
    stops = f"calls are answered with 410 Gone {'since' if past else 'from'} {_day(lifecycle.retires)}"
    match version_end:
        case VersionEnd.STOPS:
            return f"NoAutoUpgrade: it stops, {stops}."
        case VersionEnd.PROVISIONED:
            return f"Provisioned deployments are never upgraded: it stops, {stops}."
        case VersionEnd.BATCH:
            return f"Batch deployments are not upgraded in place: it stops, {stops}."
        case VersionEnd.MOVES:
            return f"OnceCurrentVersionExpired: the service moves it to {to} {on}{_lead(lifecycle)}."
        case VersionEnd.FOLLOWS:
            return (
                "OnceNewDefaultVersionAvailable: the service moves it within about 2 weeks of a new default"
                f" version{_starts(lifecycle)}, to {to} {on} at the latest."
            )
        case VersionEnd.UNSET:
            return (
                f"No upgrade option is set: by Microsoft's page the service moves it to {to} {on}"
                f"{_lead(lifecycle)}; reports say that it may also follow a new default version before."
            )
        case VersionEnd.FORCED:
            not_before = _day(lifecycle.retires)
            return f"A preview version is upgraded or ended whatever its option, not before {not_before}."
    unknown = (
        f'Its option "{plain(option, 60)}" is not known here.' if option else "Its upgrade option is not known."
    )
    return (
        f"{unknown} NoAutoUpgrade: 410 Gone {on}. OnceCurrentVersionExpired or none: moves to {to} {on}"
        f"{_lead(lifecycle)}. OnceNewDefaultVersionAvailable: moves within about 2 weeks of a new default."
    )


def warning_of(
    lifecycle: Lifecycle, version_end: VersionEnd, today: date, successor: str | None = None
) -> RetirementWarning | None:
    """What to warn of, from 90 days before the version may be gone; None where that is far off or unknown.

    ``successor`` is a deployment that can take over already: the traffic is then to be shifted to it.
    """
    day = leaves_on(lifecycle, version_end)
    left = None if day is None else (day - today).days
    if lifecycle.phase is Phase.RETIRED or (left is not None and left < 0):
        return RetirementWarning("alarm", left, _gone(lifecycle, version_end, day, today, successor))
    if left is None or day is None:
        return None
    for limit, severity in _LEAST_DAYS:
        if left <= limit:
            return RetirementWarning(
                severity, left, _coming(lifecycle, version_end, day, today, severity, successor)
            )
    return None


def retired_words(
    lifecycle: Lifecycle | None, today: date, successor: str | None, *, sure: bool = True
) -> tuple[str, str]:
    """Since when a version is retired that no longer answers, and by which source; and what to do about it.

    Not ``sure`` is a refusal that may mean something else: then only a date that is past makes it retired.
    """
    to_do = DEPLOY_NOW if lifecycle is None else _act_now(lifecycle, successor)
    day = None if lifecycle is None else lifecycle.retires
    head = "its version was retired" if sure else "it refuses as a retired version does"
    if lifecycle is None or day is None:
        return f"{head}, on a day that is not known" if sure else f"{head}, and no date is known", to_do
    source = f"({lifecycle.source})"
    if day > today:
        return f"{head}, though its date is {day} {source}", to_do
    return f"its version was retired on {day}, {days_words(day, today)} {source}", to_do


def days_words(day: date, today: date) -> str:
    """``in 14 days``, ``today`` or ``4 days ago``."""
    days = (day - today).days
    if days == 0:
        return "today"
    count = f"{abs(days):,} day{'' if abs(days) == 1 else 's'}"
    return f"in {count}" if days > 0 else f"{count} ago"


def _gone(
    lifecycle: Lifecycle, version_end: VersionEnd, day: date | None, today: date, successor: str | None
) -> str:
    if day is None:
        head = "retired"
    elif day >= today:
        head = f"retired, though its date is {day}"
    else:
        head = f"retired {days_words(day, today)} ({day})"
    if version_end not in STOPPING and version_end is not VersionEnd.UNKNOWN:
        return f"{head}. {_by_the_service(lifecycle, version_end)}: compare what is served with what was asked"
    unless = _UNLESS if version_end is VersionEnd.UNKNOWN else ""
    return f"{head}. {CALLS_FAIL}{unless}: {_act_now(lifecycle, successor)}"


def _coming(
    lifecycle: Lifecycle, version_end: VersionEnd, day: date, today: date, severity: str, successor: str | None
) -> str:
    when = f"{days_words(day, today)} ({day}{', may still move' if lifecycle.tentative else ''})"
    to = successor or (named(lifecycle.replacement) if lifecycle.replacement else "")
    if severity == "note":
        return f"this version ends {when}: plan the move{f' to {to}' if to else ''}"
    test = f"{to or 'the replacement'} must be in test by now"
    if version_end not in STOPPING and version_end is not VersionEnd.UNKNOWN:
        return f"{_by_the_service(lifecycle, version_end)} {when}: {test}"
    unless = _UNLESS if version_end is VersionEnd.UNKNOWN else ""
    return f"{CALLS_FAIL} {when}{unless}: {_act_now(lifecycle, successor) if severity == 'alarm' else test}"


def _act_now(lifecycle: Lifecycle, successor: str | None) -> str:
    if successor is not None:
        return f"shift its traffic to {successor} now"
    return DEPLOY_NOW + (f" ({named(lifecycle.replacement)})" if lifecycle.replacement else "")


def _by_the_service(lifecycle: Lifecycle, version_end: VersionEnd) -> str:
    if version_end is VersionEnd.FORCED:
        return "The service upgrades or ends it"
    return f"The service moves it to {_target(lifecycle)}"


def _target(lifecycle: Lifecycle) -> str:
    return named(lifecycle.replacement) if lifecycle.replacement else "the default version"


def _day(day: date | None) -> str:
    return "its retirement (no date known)" if day is None else str(day)


def _on(day: date | None, today: date) -> str:
    if day is None:
        return "at its retirement (no date known)"
    return f"from {day} on" if day < today else f"on {day}"


def _lead(lifecycle: Lifecycle) -> str:
    first = leaves_on(lifecycle, VersionEnd.MOVES)
    if first is None or first == lifecycle.retires:
        return ""
    return f", or from {first} on"


def _starts(lifecycle: Lifecycle) -> str:
    replacement = lifecycle.replacement
    return f" (from {replacement.starts})" if replacement is not None and replacement.starts else ""
