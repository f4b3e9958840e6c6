"""Whether those that are compared were asked the same: the balance of prompt sizes on either side.

A quota of tokens rejects the large prompts, so the answered of the side that is throttled are the small ones,
and small prompts are answered sooner. The test is that of ``neighbours``, with "a large prompt" for "bad".
"""

from __future__ import annotations

import math
from typing import Any

from tui.evaluation.neighbours import Evidence

SIZES = ("size_p50", "size_p90")
"""What counts as large: beyond the P50, and beyond the P90 of the baseline's prompts."""

_STANDS = math.log(80)
_LOWEST = -math.log(10_000)
"""How far it may speak for balance: a quota can begin to reject late in a run."""


class SizeBalance:
    """Evidence that the sizes differ, in both directions, for each of ``SIZES``."""

    def __init__(self) -> None:
        self._tests = {name: Evidence() for name in SIZES}
        self.stands = False
        """Whether it is shown now that the answered were not asked the same."""

    def update(self, name: str, own: int, others: int, large: int, own_large: int) -> None:
        """Take in a group: ``large`` of its labelled requests had large prompts, ``own_large`` the canary's."""
        test = self._tests[name]
        test.update(own, others, large, own_large)
        test.keep_between(_LOWEST, 2 * _STANDS)
        self.stands = any(test.reaches(_STANDS) for test in self._tests.values())

    @property
    def smaller(self) -> bool:
        """Whether the canary's answered prompts are the smaller ones."""
        tests = self._tests.values()
        return max(test.log_fewer for test in tests) > max(test.log_more for test in tests)

    def as_json(self) -> dict[str, Any]:
        return {name: test.as_json() for name, test in self._tests.items()}

    def from_json(self, saved: Any) -> None:
        """Raises KeyError, TypeError or ValueError where it is not what ``as_json`` gave."""
        for name, test in self._tests.items():
            test.from_json(saved[name])
        self.stands = any(test.reaches(_STANDS) for test in self._tests.values())
