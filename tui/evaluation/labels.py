"""Labels of a request: for each criterion bad, good, or none of both, with the reason.

"None" is what says nothing of a version: what was throttled or held back, what another deployment answered,
what the caller gave up. What was under way longer than its limit was slow, however it ended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from tui.evaluation.blocks import BAD, GOOD, NONE, Labels, Member
from tui.evaluation.comparison_health import SIZES
from tui.evaluation.criteria import Criterion, Cut
from tui.model import CRITERION_ROWS, THROTTLED, Outcome, OutcomeKind
from tui.model.criteria import MEASURE_ROWS, MEASURES, SINCE_SENT, CriterionRow

_MEANS = tuple((row.id, row.bill) for row in CRITERION_ROWS if row.bill is not None)
MEANS = tuple(name for name, _ in _MEANS)

Values = tuple[float | None, ...]
"""What was measured of an outcome, in the order of ``MEASURES``."""

Bills = tuple[float | None, ...]
"""What an answer cost, in the order of ``MEANS``; None where it is not sure."""


def values_of(outcome: Outcome) -> Values:
    """What was measured of a request that its version answered, or did not answer in time."""
    return tuple([row.value(outcome) for row in MEASURE_ROWS])


def bills_of(outcome: Outcome) -> Bills:
    """What an answer cost."""
    return tuple([bill(outcome) for _, bill in _MEANS])


def rate_label(row: CriterionRow, kind: OutcomeKind, *, counts: bool = True) -> int:
    """Of a row that counts requests by their kind; ``counts``: the version itself answered."""
    if not counts and not row.of_any:
        return NONE
    return BAD if kind in row.bad else GOOD if kind in row.good else NONE


_NO_EVIDENCE = {
    **dict.fromkeys(THROTTLED, "throttled"),
    OutcomeKind.HELD_BACK: "held back",
    OutcomeKind.CANCELLED: "cancelled",
    OutcomeKind.CLIENT_SATURATED: "saturated",
}


def why_no_evidence(outcome: Outcome) -> str:
    """Why a request says nothing of how its version answers; empty where it does."""
    if not outcome.counts_for_version:
        return "spilled over"
    return _NO_EVIDENCE.get(outcome.kind, "")


class Labeller:
    """Labels in the order of ``rows``: what goes by a limit first, then ``SIZES``, then the rates."""

    def __init__(self, table: Sequence[Criterion]) -> None:
        self._limited = tuple(row for row in table if row.kind == "slower")
        self.rates = tuple(row for row in table if row.kind in ("rate", "mix"))
        self._at = tuple(MEASURES.index(row.measure or "latency") for row in self._limited)
        names = (*(row.id for row in self._limited), *SIZES, *(row.id for row in self.rates))
        self.row: dict[str, int] = {name: at for at, name in enumerate(names)}
        """Where the label of a criterion stands."""
        self._latency = self.row["latency_p50"]
        self.by_kind = {
            (kind, counts): tuple(rate_label(row, kind, counts=counts) for row in self.rates)
            for kind in OutcomeKind
            for counts in (False, True)
        }
        """(How a request ended, whether its version answered) -> its labels of the rates."""

    def labels(self, outcome: Outcome, values: Values, member: Member) -> Labels:
        """What an outcome with these ``values`` is: of the canary's, how many factors a value is beyond; of the
        baseline's, 1 beyond the limit."""
        kind, counts = outcome.kind, outcome.counts_for_version
        rates = self.by_kind[kind, counts]
        if not counts or member.is_cold or kind is OutcomeKind.CLIENT_SATURATED:
            return (*(NONE,) * (len(self._at) + len(SIZES)), *rates)
        limits, is_canary = member.limits, member.is_canary
        labels: list[int] = []
        for cut, at in zip(limits.in_order, self._at, strict=False):
            value = values[at]
            if cut is None:
                labels.append(NONE)
            elif value is None:
                labels.append(_under_way(cut, outcome, MEASURES[at], is_canary=is_canary))
            elif is_canary:
                labels.append(bisect_left(cut.points, value))
            else:
                labels.append(BAD if value > cut.bad_from else GOOD)
        if not limits.in_order:
            labels = [NONE] * len(self._at)
        sizes, size = limits.sizes, member.size
        if sizes is None or size is None or labels[self._latency] == NONE:
            return (*labels, NONE, NONE, *rates)
        return (*labels, int(size > sizes[0]), int(size > sizes[1]), *rates)


def _under_way(cut: Cut, outcome: Outcome, measure: str, *, is_canary: bool) -> int:
    """Of what has no value: it was slow where it was under way longer than its limit."""
    if measure not in SINCE_SENT or outcome.kind is OutcomeKind.OK:
        return NONE
    under_way_ms = (outcome.ended_s - outcome.sent_s) * 1000
    if not under_way_ms > (cut.points[cut.at] if is_canary else cut.limit):
        return NONE
    return len(cut.points) if is_canary else BAD
