"""A mistake in a file, said so that it can be mended: where, what stands there, what is accepted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from tui.base.text import plain

Severity = Literal["error", "warning"]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""How rollouts, endpoints, deployments and tasks are named: safe on a screen, in a path and in a query."""
NAME_RULE = "a name starts with a letter or digit and has at most 64 letters, digits and . _ -"

_SHOWN = 60
_LISTED = 8
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake (``error``) or doubt (``warning``).

    ``field`` is written as in TOML, entries of a list counted from 1: ``traffic.sources[2].path``. ``value`` is
    what stands there, shortened and harmless to show, empty where nothing does or where it might be a secret.
    ``line`` counts from 1 and is None where it is not known.
    """

    field: str
    value: str
    remedy: str
    severity: Severity = "error"
    line: int | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.field, self.value, self.remedy) if part)


def format_problems(problems: Iterable[Problem], path: Path) -> str:
    """The problems of the file ``path`` as plain text, one block each, errors before warnings."""
    ordered = sorted(problems, key=lambda p: (p.severity != "error", p.line or math.inf))
    blocks = []
    for problem in ordered:
        where = plain(str(path), 4 * _SHOWN) + (f":{problem.line}" if problem.line else "")
        head = f"{problem.severity.upper()} {where}"
        said = ": ".join(part for part in (problem.field, problem.value) if part)
        blocks.append("\n".join([head, *([f"  {said}"] if said else []), f"  {problem.remedy}"]))
    errors = sum(p.severity == "error" for p in ordered)
    if not ordered:
        return f"{plain(str(path), 4 * _SHOWN)}: no mistakes"
    return "\n\n".join([*blocks, f"{_count(errors, 'error')}, {_count(len(ordered) - errors, 'warning')}"])


def quoted(value: object) -> str:
    """A value of a TOML file as it may be shown: at most about 60 characters, nothing invisible."""
    if isinstance(value, str):
        return f'"{plain(value, _SHOWN)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | date | time):
        return plain(str(value), _SHOWN)
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return ""


def field_name(parts: Sequence[str | int]) -> str:
    """The place in a file as TOML writes it; numbers are positions in a list, counted from 0 here only."""
    name = ""
    for part in parts:
        if isinstance(part, int):
            name += f"[{part + 1}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) and len(part) <= _SHOWN else quoted(part)
            name += f".{key}" if name else key
    return name


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, None when none is like it."""
    matches = get_close_matches(word[:_SHOWN], list(known), n=1)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question, else the list of what is known."""
    names = list(known)
    guess = nearest(word, names)
    if guess is not None:
        return f"did you mean {guess}?"
    if not names:
        return "none is defined"
    return "known: " + listed(names)


def listed(names: Sequence[str]) -> str:
    """Names with commas, the first few only."""
    return ", ".join([plain(n, _SHOWN) for n in names[:_LISTED]] + ["..."] * (len(names) > _LISTED))


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
