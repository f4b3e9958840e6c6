"""Own noise: how far two equal versions wander apart by themselves, measured from a run of both.

Neighbours are compared as draws, whatever the moment is like for both of them. A moment that is slow for one
side alone looks like a worse version: no test of single requests can tell the two apart. What can be done is to
ask for a difference that such moments do not reach (a wider margin), or for more evidence (a dispersion).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from tui.evaluation.canary_tests import Listener
from tui.evaluation.labels import values_of
from tui.evaluation.neighbours import variance
from tui.model import CRITERION_ROWS, Outcome
from tui.model.criteria import MEASURES, default_of

LEAST_MIN = 60
"""Minutes that a run must have lasted for a dispersion to be measured of it."""

LEAST_MINUTES = 20
"""Minutes with enough answers of both that a margin must rest on."""

DEVIATIONS = 3.0
"""Standard deviations of a minute's log ratio that a margin is wide: a watch for late drift sees the worst of
all minutes, and there are many."""

_MINUTE_S = 60.0
_LEAST_BEYOND = 5
"""Answers beyond a quantile, and below it, from which a minute's quantile is known."""

_BIN_S = 10.0
_PARTS = 20
_FEWEST_BATCHES = 10
_LEAST_VARIANCE = 1.0
_UPPER = 0.2

_LIMITED = tuple(row for row in CRITERION_ROWS if row.kind == "slower" and row.measure != "length")
_TIMES = frozenset(row.id for row in _LIMITED)


@dataclass(frozen=True, slots=True)
class Wander:
    """How far the quantiles of two equal versions are apart in one minute: the standard deviation of the log of
    their ratio, without what so few answers differ by chance. ``minutes`` had enough answers."""

    deviation: float
    minutes: int

    @property
    def margin_pct(self) -> float:
        """The margin that is so many deviations wide."""
        return 100 * math.expm1(DEVIATIONS * self.deviation)


@dataclass(frozen=True, slots=True)
class Margin:
    """What to write into ``[criteria]`` as ``key``. ``of`` is the criterion that it rests on, None where none
    is known and it is the default; ``minutes`` are that criterion's."""

    key: str
    pct: float
    of: str | None
    minutes: int


@dataclass(frozen=True, slots=True)
class Dispersion:
    """What to write into ``[criteria]`` as ``dispersion``: by how much the evidence of a second is too sure,
    for its information a second. ``of`` is the criterion that it rests on, which then needs ``times`` as much
    evidence at the information a second of that run."""

    value: float
    of: str
    times: float


class OwnNoise:
    """Hears of the answers of one run of equal versions, and of the groups in which they are weighed."""

    def __init__(self, baseline: str) -> None:
        self._baseline = baseline
        self._values: dict[tuple[str, str], dict[int, tuple[array[float], ...]]] = {}
        """(Task, deployment) -> minute -> the values of each measure."""
        self._groups: dict[tuple[str, str, str], dict[int, list[float]]] = {}
        """(Task, canary, criterion) -> number of a bin of time -> [sum of U, sum of V]."""
        self._began_s, self._ended_s = math.inf, -math.inf

    def add(self, outcome: Outcome, task: str) -> None:
        """Take in how long an answer of its version took; what is marked is left out."""
        self._began_s = min(self._began_s, outcome.sent_s)
        self._ended_s = max(self._ended_s, outcome.sent_s)
        if outcome.saturated or not outcome.counts_for_version:
            return
        minutes = self._values.setdefault((task, outcome.deployment), {})
        number = int(outcome.sent_s // _MINUTE_S)
        kept = minutes.get(number)
        if kept is None:
            kept = minutes[number] = tuple(array("d") for _ in MEASURES)
        for values, value in zip(kept, values_of(outcome), strict=True):
            if value is not None:
                values.append(value)

    def listener(self, canary: str, task: str) -> Listener:
        """What is to hear of the groups of a canary in a task."""

        def hear(criterion: str, at_s: float, own: int, others: int, bad_others: int, bad_own: int) -> None:
            n, bad = own + others, bad_own + bad_others
            if 0 < bad < n:
                bins = self._groups.setdefault((task, canary, criterion), {})
                sums = bins.setdefault(int(at_s // _BIN_S), [0.0, 0.0])
                sums[0] += bad_own - own * bad / n
                sums[1] += variance(own, others, bad)

        return hear

    @property
    def minutes(self) -> int:
        """How long the run lasted."""
        return round(max(self._ended_s - self._began_s, 0.0) / _MINUTE_S)

    def ratios(self, task: str, measure: str, share: float) -> Iterator[tuple[float, float]]:
        """(Log ratio of a quantile, its variance by chance) of each canary and minute in which it is known."""
        at = MEASURES.index(measure)
        base = self._values.get((task, self._baseline), {})
        for (of_task, name), minutes in self._values.items():
            if of_task != task or name == self._baseline:
                continue
            for number, kept in minutes.items():
                if number in base:
                    own, other = _quantile(kept[at], share), _quantile(base[number][at], share)
                    if own is not None and other is not None:
                        yield own[0] - other[0], own[1] + other[1]

    def dispersions(self, task: str) -> Iterator[Dispersion]:
        """Of each canary, criterion and length of the batches, where there is enough to tell."""
        for (of_task, _, criterion), bins in self._groups.items():
            if of_task == task and criterion in _TIMES:
                span_s = (max(bins) - min(bins) + 1) * _BIN_S
                for length_s in (_MINUTE_S, span_s / _PARTS):
                    found = _dispersion(bins, length_s)
                    if found is not None:
                        value, per_s = found
                        yield Dispersion(value, criterion, 1 + value * per_s)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a task in runs of equal versions. ``wanders`` has every criterion, None where too
    few minutes tell. ``dispersion`` is None where the longest run, of ``minutes``, was too short or told too
    little."""

    wanders: Mapping[str, Wander | None]
    margins: tuple[Margin, ...]
    dispersion: Dispersion | None
    minutes: int


def measured(noises: Sequence[OwnNoise], task: str) -> Measured:
    """What the runs say of a task."""
    wanders = {row.id: wander(noises, task, row.measure or "", row.percent) for row in _LIMITED}
    longest = max(noise.minutes for noise in noises)
    return Measured(wanders, margins(wanders), dispersion(noises, task), longest)


def wander(noises: Sequence[OwnNoise], task: str, measure: str, percent: int) -> Wander | None:
    """How far apart a quantile wanders in these runs, None where too few minutes have enough answers.

    Of equal versions the true log ratio has the mean 0, so the mean of its square is its variance.
    """
    found = [pair for noise in noises for pair in noise.ratios(task, measure, percent / 100)]
    if len(found) < LEAST_MINUTES:
        return None
    square = math.fsum(ratio * ratio - by_chance for ratio, by_chance in found) / len(found)
    return Wander(math.sqrt(max(square, 0.0)), len(found))


def margins(wanders: Mapping[str, Wander | None]) -> tuple[Margin, ...]:
    """The margin of every latency, never below the default, and never below that of a lower quantile: what
    makes the half of all answers slow makes the slow ones slower. So a quantile that too few answers a minute
    are beyond has the margin of the one before."""
    found: list[Margin] = []
    widest: tuple[Wander, str] | None = None
    for key in dict.fromkeys(row.margin_key for row in _LIMITED):
        for row in _LIMITED:
            seen = wanders[row.id] if row.margin_key == key else None
            if seen is not None and (widest is None or seen.deviation > widest[0].deviation):
                widest = seen, row.id
        least = default_of(key)
        if widest is None:
            found.append(Margin(key, least, None, 0))
        else:
            seen, of = widest
            found.append(Margin(key, max(float(math.ceil(seen.margin_pct)), least), of, seen.minutes))
    return tuple(found)


def dispersion(noises: Sequence[OwnNoise], task: str) -> Dispersion | None:
    """The largest that was measured; None where no run lasted long enough, or none told enough."""
    long = (noise for noise in noises if noise.minutes >= LEAST_MIN)
    found = (one for noise in long for one in noise.dispersions(task))
    return max(found, key=lambda one: one.value, default=None)


def _quantile(values: Sequence[float], share: float) -> tuple[float, float] | None:
    """(Log of a quantile, the variance of that by chance), None where there are too few values.

    The ranks that are one standard deviation of the binomial below and above say by how much it is off
    (Woodruff, "Confidence intervals for medians and other position measures", JASA 1952): no density is needed.
    """
    n = len(values)
    if n * min(share, 1 - share) < _LEAST_BEYOND:
        return None
    ordered, spread = sorted(values), math.sqrt(n * share * (1 - share))
    low, middle, high = (_at_rank(ordered, n * share + way * spread) for way in (-1, 0, 1))
    if not 0 < low <= high < math.inf:
        return None
    # The square of a sum of k spacings is (k + 1) / k times too large on average: they are nearly exponential.
    spacings = 2 * spread
    return math.log(middle), (math.log(high / low) / 2) ** 2 * spacings / (spacings + 1)


def _at_rank(ordered: Sequence[float], rank: float) -> float:
    """The value at a rank from 0 to n, between two of them in proportion."""
    place = min(max(rank - 0.5, 0.0), len(ordered) - 1.0)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _dispersion(bins: dict[int, list[float]], length_s: float) -> tuple[float, float] | None:
    """(Dispersion, information a second) from batches of a length, None where they tell too little.

    The sum U of a batch has the variance V by chance, and V + V^2 s where the log odds wander by s. The upper
    limit at 80 % of the ratio is taken (chi2 of as many degrees of freedom as there are batches).
    """
    batches: dict[int, list[float]] = {}
    for number, (u, v) in bins.items():
        sums = batches.setdefault(int(number * _BIN_S // length_s), [0.0, 0.0])
        sums[0] += u
        sums[1] += v
    m, information = len(batches), math.fsum(v for _, v in batches.values())
    if m < _FEWEST_BATCHES or information < _LEAST_VARIANCE * m:
        return None
    phi = math.fsum(u * u for u, _ in batches.values()) / information
    per_s = information / (m * length_s)
    return max(phi * m / chi2_quantile(_UPPER, m) - 1, 0.0) / per_s, per_s


def chi2_quantile(share: float, degrees: int) -> float:
    """By the approximation of Wilson and Hilferty (PNAS 1931): within 1 % from 10 degrees of freedom on."""
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + NormalDist().inv_cdf(share) * math.sqrt(part)) ** 3)
