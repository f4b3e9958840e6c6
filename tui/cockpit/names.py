"""Short labels for deployments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

LONGEST: Final = 12

_TOKENS: Final = re.compile(r"[^-_.:/\s]+")


def short_names(names: Sequence[str]) -> dict[str, str]:
    """A different label of at most 12 characters for each name: the shortest ending that tells them apart.

    ``gpt4o-prod-v1120`` and ``gpt4o-prod-v0513`` become ``v1120`` and ``v0513``. Where no ending of whole words
    does, the first 12 characters are taken, and where those agree, the last 11.
    """
    unique = list(dict.fromkeys(names))
    most = max((len(_TOKENS.findall(name)) for name in unique), default=0)
    ways: list[Callable[[str], str]] = [lambda name, k=k: _ending(name, k) for k in range(1, most + 1)]  # type: ignore[misc]
    ways += [lambda name: name[:LONGEST], lambda name: "…" + name[-(LONGEST - 1) :]]
    for way in ways:
        labels = {name: way(name) for name in unique}
        told_apart = len(set(labels.values())) == len(unique)
        # One letter of a longer name says too little.
        if told_apart and all(
            min(2, len(name) or 1) <= len(label) <= LONGEST for name, label in labels.items()
        ):
            return labels
    return {name: f"{name[: LONGEST - 3]}~{i}" for i, name in enumerate(unique, 1)}


def _ending(name: str, words: int) -> str:
    starts = [match.start() for match in _TOKENS.finditer(name)]
    return name[starts[-words] :] if words <= len(starts) else name
