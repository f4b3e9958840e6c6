"""Health of the comparison: whether both versions get the traffic, the mix of prompts and the sizes of prompts
that were asked for.

The rows for mix and split move nothing. They say whether the comparison itself can be trusted, so they look
both
ways: WORSE is uneven in either direction.

The balance of sizes is not shown: a quota of tokens rejects the large prompts, so the answered of the side that
is throttled are the small ones, and small prompts are answered sooner. Its test is that of ``neighbours``, with
"a large prompt" for "bad".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tui.evaluation.neighbours import ABOVE, BELOW, Evidence, log_mean, progress_to
from tui.model import VerdictState

EVEN_WITHIN = 1.25
"""The split, or the mix of prompts, is OK when it is shown to be off by less than this factor either way."""


class _TwoSided:
    """Test in both directions, by two thresholds of ln of evidence."""

    def __init__(self, to_worse: float, to_ok: float) -> None:
        self._to_worse, self._to_ok = to_worse, to_ok

    def log_es(self) -> tuple[float, float]:
        """ln of the evidence for uneven and for even."""
        raise NotImplementedError

    @property
    def state(self) -> VerdictState:
        uneven, even = self.log_es()
        if uneven >= self._to_worse:
            return VerdictState.WORSE
        return VerdictState.OK if even >= self._to_ok else VerdictState.NOT_YET

    @property
    def progress(self) -> tuple[float, float]:
        uneven, even = self.log_es()
        return progress_to(uneven, self._to_worse), progress_to(even, self._to_ok)


class PromptMix(_TwoSided):
    """Mix of prompts: whether they are blocked alike on both sides, from blocks of neighbours."""

    def __init__(self, to_worse: float, to_ok: float) -> None:
        super().__init__(to_worse, to_ok)
        self._uneven, self._not_more = Evidence(), Evidence(EVEN_WITHIN)
        self._mirrored = Evidence(EVEN_WITHIN)
        self.own = self.others = self.own_bad = self.events = 0
        self.due = 0.0

    def update(self, own: int, others: int, bad: int, own_bad: int) -> None:
        """Take in a group: ``bad`` of ``others`` of the baseline and ``own_bad`` of ``own`` were blocked."""
        if own and others:
            self.own += own
            self.others += others
            self.own_bad += own_bad
            self.events += bad + own_bad
            self.due += own * bad / others
            both = bad + own_bad
            self._uneven.update(own, others, both, own_bad)
            self._not_more.update(own, others, both, own_bad)
            # "At least so many fewer" is "at least so many more" of the other side.
            self._mirrored.update(others, own, both, bad)

    def log_es(self) -> tuple[float, float]:
        uneven = log_mean((self._uneven.log_more, self._uneven.log_fewer))
        return uneven, min(self._not_more.log_fewer, self._mirrored.log_fewer)

    @property
    def shares(self) -> tuple[float | None, float | None]:
        """(canary's, baseline's) share of prompts that were blocked."""
        return (self.own_bad / self.own, self.due / self.own) if self.own else (None, None)

    def as_json(self) -> dict[str, Any]:
        tests = (self._uneven, self._not_more, self._mirrored)
        counts = [self.own, self.others, self.own_bad, self.events]
        return {"logs": [test.as_json() for test in tests], "counts": counts, "due": self.due}

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError or ValueError where it is not what ``as_json`` gave."""
        for test, logs in zip((self._uneven, self._not_more, self._mirrored), saved["logs"], strict=True):
            test.from_json(logs)
        self.own, self.others, self.own_bad, self.events = (int(n) for n in saved["counts"])
        self.due = float(saved["due"])


class SplitTest(_TwoSided):
    """Split of the traffic: whether the draws follow the weights."""

    def __init__(self, to_worse: float, to_ok: float) -> None:
        super().__init__(to_worse, to_ok)
        self._counts: dict[float, list[int]] = {}

    def add(self, share: float, *, is_canary: bool) -> None:
        """One assignment was drawn while the canary's share of the two was ``share``."""
        counts = self._counts.get(share)
        if counts is None:
            counts = self._counts[share] = [0, 0]
        counts[0 if is_canary else 1] += 1

    @property
    def _draws(self) -> Iterator[tuple[float, int, int]]:
        return ((share, own, others) for share, (own, others) in self._counts.items())

    @property
    def drawn(self) -> tuple[int, int]:
        """(Canary's, baseline's) assignments."""
        return sum(own for _, own, _ in self._draws), sum(others for _, _, others in self._draws)

    def log_es(self) -> tuple[float, float]:
        if not self._counts:
            return 0.0, 0.0
        below, above = self._within(EVEN_WITHIN, BELOW), self._within(1 / EVEN_WITHIN, ABOVE)
        return self._uneven(), min(below, above)

    def _uneven(self) -> float:
        """Per share s a mixture over Beta(100 s, 100 (1 - s)) against the binomial (Lindon and Malek, NeurIPS
        2022)."""
        total = 0.0
        for share, own, others in self._draws:
            a, b = 100 * share, 100 * (1 - share)
            total += _log_beta(a + own, b + others) - _log_beta(a, b)
            total -= own * math.log(share) + others * math.log(1 - share)
        return total

    def _within(self, odds: float, ratios: Sequence[float]) -> float:
        """Against "the odds are ``odds`` times those that were asked for", or further off."""
        logs = []
        for ratio in ratios:
            total = 0.0
            for share, own, others in self._draws:
                at, there = 1 - share + share * odds, 1 - share + share * odds * ratio
                total += own * math.log(ratio) - (own + others) * math.log(there / at)
            logs.append(total)
        return log_mean(logs)

    @property
    def shares(self) -> tuple[float | None, float | None]:
        """The canary's share of the assignments, and what was asked for, 0 to 1; None without any."""
        own, others = self.drawn
        total = own + others
        if not total:
            return None, None
        asked = math.fsum(share * (of_one + of_other) for share, of_one, of_other in self._draws)
        return own / total, asked / total

    def as_json(self) -> list[list[float]]:
        """[Share of the canary, its assignments, the baseline's] of each table of weights."""
        return [list(draw) for draw in self._draws]

    def from_json(self, saved: Any) -> None:
        """Raises TypeError or ValueError where it is not what ``as_json`` gave."""
        self._counts = {float(share): [int(own), int(others)] for share, own, others in saved}


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


SIZES = ("size_p50", "size_p90")
"""What counts as large: beyond the P50, and beyond the P90 of the baseline's prompts."""

_STANDS = math.log(80)
_LOWEST = -math.log(10_000)
"""How far it may speak for balance: a quota can begin to reject late in a run."""


class SizeBalance:
    """Balance of prompt sizes: evidence that they differ, in both directions, for each of ``SIZES``."""

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
