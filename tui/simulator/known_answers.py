"""Answers to known items: the right one, plausible wrong ones, and the words around them.

They are worded as models do, and such that nobody hesitates over what is meant.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tui.simulator.known import KnownItem

_LETTER = re.compile(r"[A-Za-z]")
_NUMBER = re.compile(r"(-?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\d/])")
_YES = ("yes", "yeah", "yep", "yup", "true", "affirmative")
_NO_NUMBER = "1000003"


def right_answer(item: KnownItem) -> str | None:
    """The answer as a model would give it, None where no answer is right or wrong."""
    if item.kind not in _WRONG:
        return None
    if item.kind == "choice":
        letter = _LETTER.search(item.expected)
        return letter[0].upper() if letter else None
    if item.kind == "yesno":
        return "Yes" if _says_yes(item) else "No"
    return item.expected.strip()


def wrong_answer(item: KnownItem, rng: random.Random) -> str | None:
    """Another answer of the same kind, None where no answer is right or wrong."""
    make = _WRONG.get(item.kind)
    return make(item, rng) if make is not None else None


def _number(item: KnownItem, rng: random.Random) -> str:
    found = _NUMBER.search(item.expected)
    if found is None:
        return _NO_NUMBER
    sign, whole, part = found[1], found[2].replace(",", ""), found[3] or ""
    off = rng.choice((1, 2, 3, 5, 10))
    digits = int(whole + part[1:])
    other = digits - off if digits > off and rng.random() < 0.5 else digits + off
    if not part:
        return f"{sign}{other}"
    padded = f"{other:0{len(part)}d}"
    return f"{sign}{padded[: -len(part) + 1]}.{padded[-len(part) + 1 :]}"


def _choice(item: KnownItem, rng: random.Random) -> str:
    right = right_answer(item) or ""
    same = _words(item.options.get(right, ""))
    letters = [
        letter
        for letter in (item.options or "ABCD")
        if letter != right and not (same and _words(item.options[letter]) == same)
    ]
    return rng.choice(letters or ["Z"])


def _yesno(item: KnownItem, rng: random.Random) -> str:
    return "No" if _says_yes(item) else "Yes"


def _label(item: KnownItem, rng: random.Random) -> str:
    right = _words(item.expected)
    others = [label for label in item.labels if _words(label) != right]
    return rng.choice(others or ["none of them"])


def _exact(item: KnownItem, rng: random.Random) -> str:
    words = item.expected.split()
    return rng.choice((f"{item.expected.strip()} and more", "unknown", " ".join([*words[1:], "other"])))


def _pattern(item: KnownItem, rng: random.Random) -> str:
    others = ("unknown", "none of them", "not in the text")
    return rng.choice([other for other in others if item.expected.lower() not in other] or ["-"])


def _json(item: KnownItem, rng: random.Random) -> str:
    return json.dumps(_changed(json.loads(item.expected), rng), ensure_ascii=False)


def _changed(value: Any, rng: random.Random) -> Any:
    """Another value of the same shape: one leaf is different."""
    if isinstance(value, dict):
        if not value:
            return {"other": True}
        key = rng.choice(list(value))
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list):
        if not value:
            return ["other"]
        at = rng.randrange(len(value))
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((1, 2, 10))
    return f"{value} (other)" if isinstance(value, str) else "other"


def _says_yes(item: KnownItem) -> bool:
    return item.expected.strip(" .").lower() in _YES


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


_WRONG: Mapping[str, Callable[[KnownItem, random.Random], str]] = MappingProxyType(
    {
        "number": _number,
        "choice": _choice,
        "yesno": _yesno,
        "label": _label,
        "exact": _exact,
        "regex": _pattern,
        "json": _json,
    }
)

ANSWER_TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "number": (
            "{a}",
            "The answer is {a}.",
            "**{a}**",
            "Answer: {a}",
            "I worked it through one step at a time and checked the result.\n\n#### {a}",
        ),
        "choice": (
            "{a}",
            "({a})",
            "The correct answer is {a}.",
            "Answer: {a}",
            "**{a}**",
            "I went through the options and left out those that do not hold.\n\nAnswer: {a}",
        ),
        "yesno": (
            "{a}",
            "{a}.",
            "**{a}**",
            "Answer: {a}",
            "The answer is {a}.",
            "{a}. That follows from the wording of the text.",
        ),
        "label": ("{a}", "Label: {a}", "The answer is: {a}", "**{a}**", "Answer: {a}"),
        "exact": ("{a}", "Answer: {a}"),
        "regex": ("{a}",),
        "json": ("{a}", "```json\n{a}\n```"),
    }
)
"""Kind -> templates."""


def phrased(item: KnownItem, answer: str, rng: random.Random) -> str:
    """The answer in one of the wordings of its kind."""
    return rng.choice(ANSWER_TEMPLATES[item.kind]).replace("{a}", answer)
