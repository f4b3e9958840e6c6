"""Calibration: the baseline's own quantiles, frozen before any comparison.

The first answers *assigned* set them. The first to end are the fast ones: their P99 stands where the true P97
is. So answers count in the order of their assignment, and one that is under way for long counts as beyond all
others.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.evaluation.criteria import Criterion, Cut, Limits, MeanCut, decision_table, factors_of
from tui.evaluation.labels import (
    MEANS,
    Bills,
    Values,
    bills_of,
    values_of,
)
from tui.evaluation.saved_numbers import finite
from tui.model import CRITERION_ROWS, Outcome
from tui.model.criteria import MEASURE_ROWS, MEASURES, SINCE_SENT, Measure
from tui.rollout import Criteria

MOVED = 1.3
"""By which factor the baseline's P50 has to leave the frozen one before limits are frozen anew."""

CAP = 50.0
"""Times the baseline's P50 at which a bill is capped: "long answers" catches what is beyond."""

_P99_ANSWERS = 10 / 3
_EQUAL_SHARE = 0.01
_FEW_EQUAL = 2
_LOOK_EVERY = 50
_FOLLOWED = 4
_PATIENCE = 3.0
_SIZES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Frozen:
    """Criteria whose limits were frozen from so many answers; ``again``: because the baseline has moved."""

    criteria: tuple[str, ...]
    answers: int
    again: bool


class Calibration:
    """``wanted`` answers of the baseline freeze P50 and P95 of each measure, 10/3 as many P99. ``known`` limits
    are taken as they are. Times beyond ``timeout_ms`` cannot be seen."""

    def __init__(
        self, table: Sequence[Criterion], wanted: int, known: Mapping[str, float], timeout_ms: float
    ) -> None:
        self._rows = tuple(row for row in table if row.kind == "slower")
        self._wanted = wanted
        self._timeout_ms = timeout_ms
        self._needed = {row.id: self._need(row) for row in self._rows}
        longest = max(self._needed.values(), default=wanted)
        self._values: dict[str, deque[float]] = {
            name: deque(maxlen=longest) for name in (*MEASURES, *MEANS, *(f"{m}_size" for m in MEANS))
        }
        self._by_measure = tuple(self._values[measure] for measure in MEASURES)
        self._by_mean = tuple((self._values[mean], self._values[f"{mean}_size"]) for mean in MEANS)
        self._sizes: deque[float] = deque(maxlen=_SIZES_KEPT)
        self._in_order: deque[list[Any]] = deque()
        self._by_id: dict[int, list[Any]] = {}
        self._longest_ms = 0.0
        self._until_look = _LOOK_EVERY
        self._is_complete, self._until_followed = False, 0
        self.answers = 0
        """Answers of the baseline so far, in the order of their assignment."""
        cuts = {row.id: self._cut(row, known[row.id], False) for row in self._rows if row.id in known}
        self.limits = self._limits(cuts, {}, None, None)

    def _need(self, row: Criterion) -> int:
        return math.ceil(self._wanted * _P99_ANSWERS) if row.percent >= 99 else self._wanted

    # --- what comes in ---

    def assigned(self, request_id: int, at_s: float, size: int | None) -> None:
        """A request of the baseline was handed over."""
        if self._is_complete:
            # Whether the baseline has moved is seen from some of them too.
            self._until_followed -= 1
            if self._until_followed > 0:
                return
            self._until_followed = _FOLLOWED
        if size is not None:
            self._sizes.append(float(size))
        entry: list[Any] = [request_id, at_s, size, None]
        self._in_order.append(entry)
        self._by_id[request_id] = entry

    def ended(self, request_id: int, values: Values, bills: Bills) -> None:
        """It has an outcome, of whatever kind."""
        entry = self._by_id.pop(request_id, None)
        if entry is not None:
            entry[3] = (values, bills)
            latency = values[0]
            if latency is not None and self._longest_ms < latency < math.inf:
                self._longest_ms = latency

    def dropped(self, request_id: int) -> None:
        """It says nothing of the baseline: held back, answered by another, or sent while this machine was
        behind."""
        entry = self._by_id.pop(request_id, None)
        if entry is not None:
            entry[3] = False

    def advance(self, now_s: float, *, may_freeze_again: bool) -> list[Frozen]:
        """Take in what has ended in the order of assignment. Returns what was frozen now, by measure."""
        while self._in_order:
            request_id, at_s, size, end = self._in_order[0]
            if end is None:
                if (now_s - at_s) * 1000 <= _PATIENCE * self._longest_ms or not self._longest_ms:
                    break
                self._by_id.pop(request_id, None)
                self._values["latency"].append(math.inf)
            elif end is not False:
                self._take(end, size)
            self._in_order.popleft()
        return self._freeze(may_freeze_again=may_freeze_again)

    def _take(self, end: tuple[Values, Bills], size: int | None) -> None:
        values, bills = end
        for kept, value in zip(self._by_measure, values, strict=True):
            if value is not None:
                kept.append(value)
        for (kept, sizes), bill in zip(self._by_mean, bills, strict=True):
            if bill is not None:
                kept.append(bill)
                sizes.append(float(size or 0))
        self.answers += values[0] is not None
        self._until_look -= 1

    # --- freezing ---

    def _freeze(self, *, may_freeze_again: bool) -> list[Frozen]:
        cuts, new = dict(self.limits.cuts), []
        for row in self._rows:
            if row.id not in cuts and len(self._values[row.measure or "latency"]) >= self._needed[row.id]:
                cuts[row.id] = self._frozen(row)
                new.append((row, False))
        if self._until_look <= 0 and may_freeze_again:
            self._until_look = _LOOK_EVERY
            for measure in self._moved():
                for row in self._rows:
                    if row.measure == measure and row.id in cuts:
                        cuts[row.id] = self._frozen(row, self._wanted)
                        new.append((row, True))
        means = dict(self.limits.means)
        for name in MEANS:
            if name not in means and len(self._values[name]) >= self._wanted:
                means[name] = _mean_cut(self._values[name], self._values[f"{name}_size"])
        thirds, sizes = self.limits.thirds, self.limits.sizes
        if thirds is None and len(self._sizes) >= self._wanted:
            ordered = sorted(self._sizes)
            thirds = (_quantile(ordered, 1 / 3), _quantile(ordered, 2 / 3))
            sizes = (_quantile(ordered, 0.5), _quantile(ordered, 0.9))
        if new or len(means) != len(self.limits.means) or thirds is not self.limits.thirds:
            self.limits = self._limits(cuts, means, thirds, sizes)
        self._is_complete = len(cuts) == len(self._rows) and len(means) == len(MEANS) and thirds is not None
        by_freeze: dict[tuple[str | None, int, bool], list[str]] = {}
        for row, again in new:
            answers = self._wanted if again else self._needed[row.id]
            by_freeze.setdefault((row.measure, answers, again), []).append(row.id)
        return [Frozen(tuple(ids), answers, again) for (_, answers, again), ids in by_freeze.items()]

    def _limits(
        self,
        cuts: Mapping[str, Cut],
        means: Mapping[str, MeanCut],
        thirds: tuple[float, float] | None,
        sizes: tuple[float, float] | None,
    ) -> Limits:
        return Limits(cuts, means, thirds, sizes, tuple(cuts.get(row.id) for row in self._rows))

    def _frozen(self, row: Criterion, latest: int = 0) -> Cut:
        ordered = sorted(list(self._values[row.measure or "latency"])[-latest:])
        limit = _quantile(ordered, row.percent / 100)
        equal = bisect_right(ordered, limit) - bisect_left(ordered, limit)
        return self._cut(row, limit, equal > max(_FEW_EQUAL, _EQUAL_SHARE * len(ordered)))

    def _cut(self, row: Criterion, limit: float, inclusive: bool) -> Cut:
        margin = row.margin
        if row.measure == "length" and inclusive:
            # Answers that all end at one length were cut there: a longer one cannot be seen.
            margin = 0.0
        is_time = row.measure in SINCE_SENT
        reach = self._timeout_ms / (1 + margin) if is_time else math.inf
        limit, shortened = min(limit, reach), limit > reach
        bad_from = math.nextafter(limit, 0.0) if inclusive else limit
        factors = factors_of(row)
        points = tuple(bad_from * factor for factor in factors)
        at = factors.index(1 + margin)
        usable = max(bisect_right(points, self._timeout_ms), at + 1) if is_time else len(points)
        return Cut(limit, bad_from, points, at, usable, inclusive, shortened)

    def _moved(self) -> list[Measure]:
        """The measures whose P50 has left the frozen one."""
        found = []
        for row in self._rows:
            cut = self.limits.cuts.get(row.id)
            if cut is None or row.measure is None or row.percent != 50:
                continue
            latest = sorted(list(self._values[row.measure])[-self._wanted :])
            if len(latest) >= self._wanted:
                now = _quantile(latest, 0.5)
                if not cut.limit / MOVED <= now <= cut.limit * MOVED:
                    found.append(row.measure)
        return found

    # --- what it says ---

    def said(self, criteria: Iterable[str]) -> str:
        """``P50 412 ms, P95 1,006 ms``: the limits of these criteria, where they have one."""
        wanted = set(criteria)
        rows = [row for row in self._rows if row.id in wanted and row.id in self.limits.cuts]
        return ", ".join(f"{row.label} {_number(self.limits.cuts[row.id].limit)} {row.unit}" for row in rows)

    def allowed(self, row: Criterion) -> str:
        """How far the canary may be beyond, as it is shown."""
        cut = self.limits.cuts.get(row.id)
        return "+0%" if cut is not None and cut.inclusive and row.measure == "length" else row.limit

    def missing(self, row: Criterion) -> tuple[str, int | None]:
        """(Why a criterion has no limit yet, in words; how many more answers it needs, None where none of them
        helps). Empty and 0 where it has one, or needs none."""
        if row.kind == "mean":
            have, need, set_ = len(self._values[row.id]), self._wanted, row.id in self.limits.means
        elif row.kind == "slower":
            have, need = len(self._values[row.measure or ""]), self._needed[row.id]
            set_ = row.id in self.limits.cuts
        else:
            return "", 0
        if set_:
            return "", 0
        if not have and self.answers >= self._wanted:
            return _NEVER[row.measure or row.id], None
        return f"calibrating {have}/{need}", need - have

    def as_json(self) -> dict[str, Any]:
        """What is frozen; an unfinished calibration begins anew."""
        limits = self.limits
        return {
            "cuts": {n: [cut.limit, cut.inclusive] for n, cut in limits.cuts.items() if cut.limit < math.inf},
            "means": {n: [m.cap, m.slope, m.most_size, m.mean] for n, m in limits.means.items()},
            "thirds": None if limits.thirds is None else list(limits.thirds),
            "sizes": None if limits.sizes is None else list(limits.sizes),
        }

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        cuts = {}
        for row in self._rows:
            if row.id in saved["cuts"]:
                limit, inclusive = saved["cuts"][row.id]
                if not 0 < float(limit) < math.inf:
                    raise ValueError("a limit is not a number above 0")
                cuts[row.id] = self._cut(row, float(limit), bool(inclusive))
        means = {str(name): MeanCut(*finite(values, 4)) for name, values in saved["means"].items()}
        thirds, sizes = (None if saved[k] is None else finite(saved[k], 2) for k in ("thirds", "sizes"))
        self.limits = self._limits(
            cuts,
            means,
            None if thirds is None else (thirds[0], thirds[1]),
            None if sizes is None else (sizes[0], sizes[1]),
        )


_NEVER: dict[str, str] = {of.id: of.never for of in MEASURE_ROWS} | {
    row.id: row.never for row in CRITERION_ROWS
}


def _mean_cut(bills: Iterable[float], sizes: Iterable[float]) -> MeanCut:
    """The slope is that of least squares with both capped, so that a few wild values do not turn it."""
    pairs = list(zip(bills, sizes, strict=True))
    ordered, by_size = sorted(y for y, _ in pairs), sorted(x for _, x in pairs)
    cap = CAP * _quantile(ordered, 0.5)
    calm, most_size = _quantile(ordered, 0.99), 2 * _quantile(by_size, 0.99)
    tamed = [(min(y, calm), min(x, most_size)) for y, x in pairs]
    mean_y, mean_x = (math.fsum(column) / len(tamed) for column in zip(*tamed, strict=True))
    squares = math.fsum((x - mean_x) ** 2 for _, x in tamed)
    slope = math.fsum((x - mean_x) * (y - mean_y) for y, x in tamed) / squares if squares > 0 else 0.0
    return MeanCut(cap, slope, most_size, math.fsum(min(y, cap) for y in ordered) / len(ordered))


def limits_from(outcomes: Iterable[Outcome], criteria: Criteria) -> dict[str, float]:
    """Criterion -> its limit, as a baseline with these outcomes sets it; one with too few values has none.

    Outcomes are in any order; marked ones (sent while the client was behind) are left out.
    """
    calibration = Calibration(decision_table(criteria), criteria.calibration_requests, {}, math.inf)
    ordered = sorted(outcomes, key=lambda outcome: outcome.sent_s)
    for outcome in ordered:
        if not outcome.saturated and outcome.counts_for_version:
            calibration._take((values_of(outcome), bills_of(outcome)), outcome.prompt_chars)
    calibration._freeze(may_freeze_again=False)
    return {name: cut.limit for name, cut in calibration.limits.cuts.items() if 0 < cut.limit < math.inf}


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
