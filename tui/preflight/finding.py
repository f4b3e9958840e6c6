"""Finding of a check of a rollout against its services, and all of them as plain text."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from tui.base.text import plain

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


def region_key(region: str) -> str:
    """``East US 2`` and ``eastus2`` are one region."""
    return re.sub(r"[^a-z0-9]", "", region.casefold())


_GLYPHS = {"ok": "✓", "warn": "!", "wrong": "✗", "unknown": "?"}
_TEXT_CHARS = 700
_BELOW = "    "
_LEAST_WIDTH = 60


def findings_text(head: str, findings: Iterable[Finding], width: int | None = None) -> str:
    """One line a finding, its remedy below it where it is not ok; what belongs together in a block; a line of
    counts at the end. With a ``width`` in cells, lines that are longer go on below."""
    found = tuple(findings)
    what_width = max((len(finding.what) for finding in found), default=0)
    lines = [head]
    for where, block in groupby(found, key=lambda finding: finding.where):
        lines.append("")
        for finding in block:
            text = plain(finding.text, _TEXT_CHARS)
            line = f"{_GLYPHS[finding.verdict]} {finding.what:<{what_width}}  {where}  {text}"
            lines += _folded(line, width, " " * (what_width + 4))
            if finding.verdict == "ok":
                continue
            if finding.remedy:
                lines += _folded(_BELOW + plain(finding.remedy, _TEXT_CHARS), width, _BELOW)
            if finding.toml:
                # Whole, to be copied.
                lines.append(_BELOW + plain(finding.toml, _TEXT_CHARS))
    counts = Counter(finding.verdict for finding in found)
    return "\n".join([*lines, "", ", ".join(f"{counts[verdict]} {verdict}" for verdict in WORST_FIRST)])


def _folded(line: str, width: int | None, indent: str) -> list[str]:
    if width is None:
        return [line]
    return textwrap.wrap(
        line, max(width, _LEAST_WIDTH), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
