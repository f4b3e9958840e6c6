"""How answers to known items are worded: as models do, and such that nobody hesitates over what is meant."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType

from tui.simulator.known import KnownItem

WORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
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


def worded(item: KnownItem, answer: str, rng: random.Random) -> str:
    """The answer in one of the wordings of its kind."""
    return rng.choice(WORDINGS[item.kind]).replace("{a}", answer)
