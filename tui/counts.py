"""Sparse vectors of whole numbers: what a window adds when a second enters and subtracts when it leaves.

Everything that is measured is kept as such a vector, so that subtracting undoes adding exactly, without drift.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TypeVar

K = TypeVar("K")


def add_counts(into: MutableMapping[K, int], other: Mapping[K, int]) -> None:
    """Add every count of ``other``."""
    get = into.get
    for key, n in other.items():
        into[key] = get(key, 0) + n


def subtract_counts(into: MutableMapping[K, int], other: Mapping[K, int]) -> None:
    """Take every count of ``other`` away again; keys that reach zero disappear.

    Raises ValueError, with ``into`` partly changed, when ``other`` was never added.
    """
    for key, n in other.items():
        left = into.get(key, 0) - n
        if left:
            if left < 0 < n:
                raise ValueError(f"cannot subtract {n} of {key!r}: only {left + n} were added")
            into[key] = left
        else:
            into.pop(key, None)
