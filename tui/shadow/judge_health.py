"""Whether the judging model can be believed: does it answer, look at the answers, and stay the same.

Two of these are tests that may be looked at after every judgement. Each keeps evidence E with mean at most 1
while there is nothing to find, so that E ever reaches 1/alpha with probability at most alpha (Ville's
inequality).

Place. Which answer stands first is chance, so a judge that looks at the answers alone finds the better one in
either place half of the time, whatever the versions are worth. Against that stand preferences of any strength
for either place, spread evenly: E = 2^n B(f + 1, s + 1) for f wins of the first and s of the second answer,
n = f + s (Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
Statistics 41, 1970). Scores of a judge with such a preference are noisier, but fair to both versions.

Drift. Anchors are pairs whose answers never change; the judge scores them again and again. While it stays the
same, the judgements of one anchor come in no particular order, so the rank of the newest among all of that
anchor, ties broken by chance, is spread evenly and tells nothing of the next (Vovk, Nouretdinov and Gammerman,
"Testing Exchangeability On-Line", ICML 2003). That is exact for any spread of its scores. The difference from
one first score is not: that score has luck of its own, which never averages out. Ranks become standard normal
z; the alternatives are shifts of z by ``_SHIFTS`` that began with any one judgement, the i-th with the weight
w = k / ((k + i - 1) (k + i)): R <- (R + w) exp(shift z - shift^2 / 2) for each and E = mean R + k / (k + n),
which is the Shiryaev-Roberts recursion with weights that sum to 1. A preference for a place adds the same to an
anchor in either order and does not look like a drift.
"""

from __future__ import annotations

import math
import random
from collections import deque
from statistics import NormalDist

from tui.model import TIE, AnchorView, Judgement, JudgeView, PositionView

ALPHA = 0.01
"""Probability at most of ever calling a judge without a preference for a place biased; the same of drifted."""

RECENT = 50
"""Latest judgements among which failures are counted."""

LATEST = 20
"""Latest judgements of anchors whose mean difference is shown."""

FAILING_PCT = 20.0
FAILING_IN_A_ROW = 5
"""A judge is failing with so many failures in a row, or with ``FAILING_PCT`` of at least ``_FEW`` recent ones.
That is a rule, not statistics: without scores there is no verdict on quality, for whatever reason."""

_FEW = 20
_SPREAD = 20
"""The k of the weights: a drift among the first judgements of anchors is not more likely than one later."""

_SHIFTS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)
_MOST_ANCHORS = 1_000
_NORMAL = NormalDist()
_LEAST = 1e-12
_LARGEST = 1e300


class JudgeHealth:
    """Fed with every judgement of one judging model; its size does not grow with them.

    ``rng`` breaks ties between equal ranks. When another model or version takes over the judging, begin with a
    new one.
    """

    def __init__(self, rng: random.Random, alpha: float = ALPHA) -> None:
        self._target = math.log(1 / alpha)
        self._rng = rng
        self._asked = self._failed = self._in_a_row = 0
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._last_failure = ""
        self._place = _Place(self._target)
        self._anchors = _Anchors(self._target)

    def add(self, judgement: Judgement) -> None:
        """Take one judgement in."""
        failed = bool(judgement.failed)
        self._asked += 1
        self._recent.append(failed)
        if failed:
            self._failed += 1
            self._in_a_row += 1
            self._last_failure = judgement.failed
            return
        self._in_a_row = 0
        if judgement.better != TIE:
            self._place.add(judgement.better == judgement.first)

    def add_anchor(self, anchor: str, judgement: Judgement) -> None:
        """Take in one judgement of the pair named ``anchor``.

        Later judgements are held against the earlier ones, so a drift is seen well once each anchor was judged
        three times or more. Of more than 1,000 anchors the others count as any judgement does.
        """
        self.add(judgement)
        if judgement.scores:
            self._anchors.add(anchor, math.fsum(judgement.scores.values()) / len(judgement.scores), self._rng)

    def view(self) -> JudgeView:
        recent = len(self._recent)
        recent_failed = sum(self._recent)
        failed_pct = 100 * recent_failed / recent if recent else None
        failing = self._in_a_row >= FAILING_IN_A_ROW or (
            failed_pct is not None and recent >= _FEW and failed_pct >= FAILING_PCT
        )
        return JudgeView(
            asked=self._asked,
            failed=self._failed,
            recent=recent,
            recent_failed_pct=failed_pct,
            failing=failing,
            last_failure=self._last_failure,
            text=self._text(failing, recent, recent_failed),
            position=self._place.view(),
            anchors=self._anchors.view(),
        )

    def _text(self, failing: bool, recent: int, recent_failed: int) -> str:
        if not self._asked:
            return ""
        if not self._failed:
            return f"answered all {self._asked:,}"
        if self._in_a_row >= FAILING_IN_A_ROW:
            return f"FAILING: no score {self._in_a_row:,} times in a row; last: {self._last_failure}"
        word = "FAILING: " if failing else ""
        return f"{word}no score for {recent_failed} of the last {recent}; last: {self._last_failure}"


class _Place:
    """Counts of which place had the better answer, and the evidence that the place decides."""

    def __init__(self, target: float) -> None:
        self._target = target
        self._first = self._second = 0
        self._biased = False

    def add(self, is_first: bool) -> None:
        if is_first:
            self._first += 1
        else:
            self._second += 1
        self._biased = self._biased or self._log_e() >= self._target

    def _log_e(self) -> float:
        f, s = self._first, self._second
        return (f + s) * math.log(2) + math.lgamma(f + 1) + math.lgamma(s + 1) - math.lgamma(f + s + 2)

    def view(self) -> PositionView:
        wins = self._first + self._second
        return PositionView(
            self._first,
            self._second,
            self._biased,
            1.0 if self._biased else min(max(self._log_e() / self._target, 0.0), 1.0),
            self._text(wins) if wins else "",
        )

    def _text(self, wins: int) -> str:
        place, most = ("first", self._first) if self._first >= self._second else ("second", self._second)
        share = f"{100 * most / wins:.0f} % of {wins:,}"
        if self._biased:
            return f"PREFERS the {place} answer: {share}; the order is random, so it favours no version"
        return f"the {place} answer won {share}: no preference shown"


class _Anchors:
    """The scores of each anchor, counted by their value, and the evidence that they moved."""

    def __init__(self, target: float) -> None:
        self._target = target
        self._first: dict[str, float] = {}
        self._counts: dict[str, dict[float, int]] = {}
        self._latest: deque[float] = deque(maxlen=LATEST)
        self._judgements = 0
        self._r = [0.0] * len(_SHIFTS)
        self._drifted = False

    def add(self, anchor: str, score: float, rng: random.Random) -> None:
        counts = self._counts.get(anchor)
        if counts is None:
            if len(self._first) < _MOST_ANCHORS:
                self._first[anchor] = score
                self._counts[anchor] = {score: 1}
            return
        counts[score] = counts.get(score, 0) + 1
        self._latest.append(score - self._first[anchor])
        above = sum(n for value, n in counts.items() if value > score)
        rank = (above + rng.random() * counts[score]) / sum(counts.values())
        self._weigh(-_NORMAL.inv_cdf(min(max(rank, _LEAST), 1 - _LEAST)))

    def _weigh(self, z: float) -> None:
        self._judgements += 1
        begins = _SPREAD / ((_SPREAD + self._judgements - 1) * (_SPREAD + self._judgements))
        self._r = [
            min((r + begins) * math.exp(shift * z - shift * shift / 2), _LARGEST)
            for r, shift in zip(self._r, _SHIFTS, strict=True)
        ]
        self._drifted = self._drifted or self._log_e() >= self._target

    def _log_e(self) -> float:
        return math.log(math.fsum(self._r) / len(self._r) + _SPREAD / (_SPREAD + self._judgements))

    def view(self) -> AnchorView:
        difference = math.fsum(self._latest) / len(self._latest) if self._latest else None
        return AnchorView(
            len(self._first),
            self._judgements,
            difference,
            self._drifted,
            1.0 if self._drifted else min(max(self._log_e() / self._target, 0.0), 1.0),
            self._text(difference),
        )

    def _text(self, difference: float | None) -> str:
        if difference is None:
            return ""
        points = f"{abs(difference):.1f}"
        way = "as" if points == "0.0" else f"{points} points {'higher' if difference > 0 else 'lower'} than"
        moved = f"the last {len(self._latest)} re-judged anchors score {way} at first"
        return f"DRIFTS: {moved}" if self._drifted else f"{moved}: no drift shown"
