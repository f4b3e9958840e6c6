"""What a check of a rollout against its services found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FindingVerdict = Literal["ok", "warn", "wrong", "unknown"]

WORST_FIRST: tuple[FindingVerdict, ...] = ("wrong", "warn", "unknown", "ok")

REACH, CONTROL_PLANE = "reach", "control plane"
"""Of these ``unknown`` means that the service could not be asked at all."""


class CannotAsk(Exception):
    """Nothing could be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``what`` names it, ``where`` is ``endpoint NAME`` or a deployment's name.

    ``unknown`` is what could not be found out. ``text`` and ``remedy`` are for people; ``toml`` is what belongs
    to the remedy and goes into the rollout file as it is.
    """

    what: str
    where: str
    verdict: FindingVerdict
    text: str
    remedy: str = ""
    toml: str = ""


def worst(*verdicts: FindingVerdict) -> FindingVerdict:
    return min(verdicts, key=WORST_FIRST.index)


def exit_code(findings: Iterable[Finding]) -> int:
    """1 where something is wrong, else 3 where a service could not be asked at all, else 0."""
    found = tuple(findings)
    if any(finding.verdict == "wrong" for finding in found):
        return 1
    unasked = (f.what in (REACH, CONTROL_PLANE) and f.verdict == "unknown" for f in found)
    return 3 if any(unasked) else 0
