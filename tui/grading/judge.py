"""What the judging model answered: a judgement, or why there is none."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from tui.base.text import plain
from tui.model import TIE, Judgement

MAX_ANSWER_CHARS = 20_000
"""A judgement is a few sentences; an answer longer than this is none."""

_REASON_CHARS = 500
_FAILED_CHARS = 400
_SHOWN_CHARS = 60
_FIELDS = frozenset({"first", "second", "better", "reason"})


def in_random_order(one: str, other: str, rng: random.Random) -> tuple[str, str]:
    """The two in the order in which they are shown, each first half of the time.

    That which stands first is chance keeps a judge with a preference for a place fair to both versions, and it
    is what the test for such a preference rests on.
    """
    return (one, other) if rng.random() < 0.5 else (other, one)


def read_judgement(
    text: str | None, first: str, second: str, at: datetime, cost_usd: float | None
) -> Judgement:
    """The judgement in an answer of the judging model; ``first`` and ``second`` are deployments as shown.

    The answer is one JSON object with exactly ``first`` and ``second`` (whole numbers 1 to 5, not 4.0, not
    true), ``better`` (``first``, ``second`` or ``tie``) and ``reason`` (text). It contradicts itself where
    ``better`` names the answer with the lower score, or says tie to different scores; with equal scores either
    may be better, since whole numbers are coarse. Whatever breaks these rules has no score and no winner, and
    ``failed`` says why: a score that was not given is never guessed. No text raises.
    """
    try:
        scores, better, reason = _read(text)
    except _NoJudgement as why:
        return failed_judgement(str(why), first, at, cost_usd)
    names = {"first": first, "second": second, "tie": TIE}
    return Judgement(
        at=at,
        first=first,
        scores={first: float(scores[0]), second: float(scores[1])},
        better=names[better],
        reason=plain(reason, _REASON_CHARS),
        cost_usd=cost_usd,
    )


def failed_judgement(why: str, first: str, at: datetime, cost_usd: float | None) -> Judgement:
    """A judgement without scores, for a reason of one line. It costs what it costs all the same."""
    return Judgement(at=at, first=first, failed=plain(why, _FAILED_CHARS), cost_usd=cost_usd)


class _NoJudgement(ValueError):
    """Why an answer is no judgement, in words."""


def _read(text: str | None) -> tuple[tuple[int, int], str, str]:
    if text is None or not text.strip():
        raise _NoJudgement("the judge answered without text")
    if len(text) > MAX_ANSWER_CHARS:
        raise _NoJudgement(f"the judge answered with {len(text):,} characters, not with a judgement")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_not_json)
    except _NoJudgement:
        raise
    except (ValueError, RecursionError) as error:
        raise _NoJudgement(f"the judge did not answer with JSON: {_shown(text)}") from error
    if not isinstance(found, dict):
        raise _NoJudgement(f"the judge answered with JSON that is no object: {_shown(text)}")
    if found.keys() != _FIELDS:
        raise _NoJudgement(_wrong_fields(found))
    first, second = _score(found["first"], "first"), _score(found["second"], "second")
    better, reason = found["better"], found["reason"]
    if better not in ("first", "second", "tie"):
        raise _NoJudgement(f"the judge's better is {_shown(better)}, not first, second or tie")
    if not isinstance(reason, str):
        raise _NoJudgement(f"the judge's reason is {_shown(reason)}, not text")
    if (
        (better == "tie" and first != second)
        or (better == "first" and first < second)
        or (better == "second" and second < first)
    ):
        raise _NoJudgement(f"the judge contradicts itself: scores {first} and {second}, better {better}")
    return (first, second), better, reason


def _score(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 5:
        raise _NoJudgement(f"the judge's score of {name} is {_shown(value)}, not a whole number 1 to 5")
    return value


def _wrong_fields(found: Mapping[str, Any]) -> str:
    missing = [name for name in sorted(_FIELDS) if name not in found]
    if missing:
        return f"the judge's answer has no {', '.join(missing)}"
    return (
        f"the judge's answer has an unknown field {_shown(next(name for name in found if name not in _FIELDS))}"
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that says a field twice says two things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NoJudgement("the judge's answer has a field twice")
    return found


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _shown(value: object) -> str:
    return plain(value if isinstance(value, str) else repr(value), _SHOWN_CHARS)
