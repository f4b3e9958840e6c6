"""Tests of a canary: the evidence for and against it, criterion by criterion."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.evaluation.blocks import (
    BAD,
    NONE,
    Block,
    Blocks,
    Group,
    Labels,
    Member,
    tally,
    tally_beyond,
)
from tui.evaluation.calibration import Calibration
from tui.evaluation.comparison_health import SIZES, PromptMix, SizeBalance, SplitTest
from tui.evaluation.criteria import RATE_MARGIN, Criterion, Cut, factors_of
from tui.evaluation.criterion_test import CriterionTest
from tui.evaluation.labels import Labeller
from tui.evaluation.means import Difference, MeanTest
from tui.evaluation.own_rate import LateDrift, RateFloor
from tui.evaluation.paired import PairedTest
from tui.evaluation.strata import Comparison, Strata
from tui.model import Outcome, VerdictState
from tui.model.criteria import SINCE_SENT

UNANSWERED_POINTS = 0.03
"""By how much the shares of requests that failed before a latency could be seen may differ for an OK of it."""

_GRACE_S = 1.0
_LOOK_EVERY = 20
_AT_ONE = (1.0,)

Listener = Callable[[str, float, int, int, int, int], None]
"""Hears of each group that is tested: the criterion, when its block opened (s), how many requests are
the canary's and the baseline's, how many of these are bad, and how many of the canary's at equal limits (at the
factor 1)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How the errors are split: ln(1/error) of WORSE, of an OK, and of either way to the OK of a rate."""

    to_worse: float
    to_ok: float
    to_ok_of_rate: float


@dataclass(frozen=True)
class ComparisonSetup:
    """What the tests of all canaries share. ``alpha`` is the error of one WORSE, ``beta`` that of one OK.
    ``dispersion`` is by how much the evidence of a second is too sure of itself, for its information a second;
    0 where it is taken as it is. ``alone_moves``: what a version does that has all the traffic may move
    something. ``task`` is what verdicts name, empty where there is only one."""

    baseline: str
    table: Sequence[Criterion]
    labeller: Labeller
    strata: Strata
    calibration: Calibration
    alpha: float
    beta: float
    dispersion: float = 0.0
    alone_moves: bool = False
    task: str = ""


class CanaryTests:
    """Tests of one canary against the baseline.

    "Within 10 %" is asked of the scaled answer: a canary's is bad when it is beyond 1.1 times the frozen
    limit, a baseline's when it is beyond the limit. Then "no worse" is plain equality, also when both
    versions drift by the same factor.
    """

    def __init__(self, canary: str, setup: ComparisonSetup) -> None:
        self.canary, self.baseline, self.task = canary, setup.baseline, setup.task
        self.calibration = setup.calibration
        self._alone_moves = setup.alone_moves
        table, labeller, alpha, beta = setup.table, setup.labeller, setup.alpha, setup.beta
        self.alpha = alpha
        self._strata = setup.strata
        self._dispersion = setup.dispersion
        thresholds = self.thresholds = Thresholds(math.log(1 / alpha), math.log(1 / beta), math.log(2 / beta))
        self.since_s: dict[str, float] = {}
        self.reported: dict[str, tuple[VerdictState, bool]] = {}
        """What was reported last of each criterion, and whether it rested only on what the canary does
        alone."""
        self.unreported = False
        """Whether something is reached that may not be reported yet."""
        self._held: tuple[object, ...] = ()
        self.began_s: float | None = None
        self._labeller = labeller
        self._by_row = {labeller.row[row.id]: row for row in table if row.id in labeller.row}
        self._latencies = tuple(row for row in table if row.measure == "latency")
        quick = [row for row in table if row.kind == "slower" and row.measure != "length"]
        slow = [row for row in table if row.kind in ("rate", "mix") or row.measure == "length"]
        self.by_criterion = {row.id: self._new_test(row) for row in table if row.kind in ("slower", "rate")}
        self._quick, self._slow = (self._places(rows) for rows in (quick, slow))
        self.means = {row.id: MeanTest(row.margin, alpha) for row in table if row.kind == "mean"}
        self._until_look = _LOOK_EVERY
        self.floors = {row.id: RateFloor(row.floor) for row in table if row.kind == "rate" and row.floor > 0}
        self._floors = tuple(self.floors.get(row.id) for row in labeller.rates)
        self.paired = {
            row.id: PairedTest(row.most, row.margin, row.tolerance, thresholds.to_worse, thresholds.to_ok)
            for row in table
            if row.kind == "paired"
        }
        self.mix = PromptMix(thresholds.to_worse, thresholds.to_ok)
        self.split = SplitTest(thresholds.to_worse, thresholds.to_ok)
        self.balance = SizeBalance()
        self.alone = {name: LateDrift() for name in self.by_criterion}
        self._blocks = Blocks()
        self.warming = 0
        """Requests of the canary that are still to say nothing of time and cost."""
        self.requests = [0, 0]
        """Members so far: of the canary, of the baseline."""
        self.no_evidence: dict[str, list[int]] = {}
        """Why requests are no evidence -> how many of the canary's and of the baseline's were not."""
        self.canary_pct = self.baseline_pct = 0.0
        """The weights at the last assignment."""
        self.listener: Listener | None = None

    def _new_test(self, row: Criterion) -> CriterionTest:
        thresholds = self.thresholds
        if row.kind == "rate":
            return CriterionTest(_AT_ONE, 0, RATE_MARGIN, thresholds.to_worse, thresholds.to_ok_of_rate)
        factors = factors_of(row)
        return CriterionTest(factors, factors.index(1 + row.margin), 1.0, thresholds.to_worse, thresholds.to_ok)

    def _places(self, rows: Sequence[Criterion]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(Their places in the labels, how many factors each has)."""
        widths = (len(self.by_criterion[row.id].factors) if row.id in self.by_criterion else 1 for row in rows)
        return tuple(self._labeller.row[row.id] for row in rows), tuple(widths)

    # --- the walk of a request ---

    def enter(self, member: Member, epoch: object, canary_share: float) -> None:
        """A request of the canary or of the baseline was assigned while the canary's share of the two was
        ``canary_share``."""
        side = 0 if member.is_canary else 1
        self.requests[side] += 1
        self.split.add(canary_share, is_canary=member.is_canary)
        if self.began_s is None:
            self.began_s = member.at_s
        member.places.append((self, self._blocks.place(member, epoch, canary_share)))

    def warms_up(self) -> bool:
        """Whether the canary's next request belongs to its warm-up; it is counted."""
        if not self.warming:
            return False
        self.warming -= 1
        self.count_no_evidence("warm-up", is_canary=True)
        return True

    def count_own(self, outcome: Outcome) -> None:
        """One request of the canary has ended: it counts for its own rates, whoever is beside it."""
        labels = self._labeller.by_kind[outcome.kind, outcome.counts_for_version]
        for floor, label in zip(self._floors, labels, strict=True):
            if floor is not None and label != NONE:
                floor.add(label == BAD)

    def count_no_evidence(self, why: str, *, is_canary: bool) -> None:
        """A request is no evidence."""
        self.no_evidence.setdefault(why, [0, 0])[0 if is_canary else 1] += 1

    def look(self, now_s: float, spilling: Collection[str]) -> bool:
        """Test the blocks that are ready, and the latencies of those whose last members are beyond every
        limit; then look at what was reached. ``spilling`` deployments may hand a request over to another
        one: theirs are waited for. True where something may have to be reported."""
        self._blocks.close_if_due(now_s)
        for block in self._blocks.take_ready():
            self._test_block(block, now_s)
        for group in self._blocks.take_ended():
            self._test_group(group, now_s)
        for block in self._blocks.waiting():
            if not any(member.deployment in spilling for member in block.under_way):
                self._test_expired(block, now_s)
        for test in self.by_criterion.values():
            test.decide()
        below = tuple(self.is_below_floor(name) for name in self.floors)
        held = (
            *(test.reached for test in self.by_criterion.values()),
            *(test.reached for test in self.means.values()),
            *below,
        )
        changed, self._held = held != self._held, held
        return changed or self.unreported

    def _test_block(self, block: Block, now_s: float) -> None:
        group = block.group
        group.under_way -= 1
        if block.own and block.others:
            rows, widths = self._quick
            for place, counts in tally(block, rows, widths):
                if place not in block.tested:
                    self._update(place, block, counts, now_s)
        group.merge(block)
        if group.closed and not group.under_way:
            self._test_group(group, now_s)

    def _test_group(self, group: Group, now_s: float) -> None:
        if group.own and group.others:
            for name in SIZES:
                self._update_sizes(name, group)
            for place, counts in tally(group, *self._slow):
                self._update(place, group, counts, now_s)

    def _test_expired(self, block: Block, now_s: float) -> None:
        """Members under way for longer than every factor of a limit are beyond them, however they end."""
        if not block.own and not any(member.is_canary for member in block.under_way):
            return
        for row in self._latencies:
            place, cut = self._labeller.row[row.id], block.limits.cuts.get(row.id)
            if cut is None or place in block.tested:
                continue
            latest_s = now_s - cut.points[cut.usable - 1] / 1000 - _GRACE_S
            if all(member.at_s <= latest_s for member in block.under_way):
                block.tested.add(place)
                for _, counts in tally_beyond(block, place, len(cut.points)):
                    self._update(place, block, counts, now_s)

    def _update(
        self, place: int, of: Block | Group, counts: tuple[int, int, int, list[int]], now_s: float
    ) -> None:
        row = self._by_row[place]
        own, others, bad, over = counts
        if row.kind == "mix":
            self.mix.update(own, others, bad, over[0])
            return
        if row.measure in SINCE_SENT and self.balance.stands:
            return
        test = self.by_criterion[row.id]
        if self.listener is not None:
            self.listener(row.id, of.opened_s, own, others, bad, over[test.factors.index(1.0)])
        if row.kind == "slower":
            cut: Cut = of.limits.cuts[row.id]
            test.at, test.usable = cut.at, min(test.usable, cut.usable)
        test.update(over, own, others, bad, self._power(row, test, now_s))

    def _power(self, row: Criterion, test: CriterionTest, now_s: float) -> float:
        """By how much a group is tempered: known before it is counted."""
        if not self._dispersion or row.kind != "slower" or self.began_s is None:
            return 1.0
        per_s = test.information / max(now_s - self.began_s, 1.0)
        return 1 / (1 + self._dispersion * per_s)

    def _update_sizes(self, name: str, group: Group) -> None:
        place = self._labeller.row[name]
        own = [labels[place] for _, labels in group.own if labels[place] != NONE]
        others = [(labels[place], n) for (_, labels), n in group.others.items() if labels[place] != NONE]
        total, large = sum(n for _, n in others), sum(n for label, n in others if label)
        if not own or not 0 < large + sum(own) < len(own) + total:
            return
        stood = self.balance.stands
        self.balance.update(name, len(own), total, large + sum(own), sum(own))
        if self.balance.stands and not stood:
            # What was counted so far may rest on it.
            for row in self._by_row.values():
                if row.measure in SINCE_SENT and self.by_criterion[row.id].reached is not VerdictState.WORSE:
                    self.by_criterion[row.id] = self._new_test(row)

    def update_alone(self, labels: Labels) -> bool:
        """Count a finished request of a canary that has all the traffic; True where it turns out worse in
        something."""
        found = False
        for place, row in self._by_row.items():
            test, label = self.by_criterion.get(row.id), labels[place]
            if test is None or label == NONE or test.reached is VerdictState.WORSE:
                continue
            found |= self.alone[row.id].add(label > test.at, test.own_over[test.at], test.own)
        return found

    def beside_again(self) -> None:
        """The canary has the baseline beside it: what it looked like alone is not needed any more."""
        if any(alone.alarmed for alone in self.alone.values()):
            self.alone = {name: LateDrift() for name in self.by_criterion}

    def add_pair(self, criterion: str, baseline: int, canary: int) -> bool:
        """Count the values of one item that both answered; True where that decides it."""
        return self.paired[criterion].pair(baseline, canary) is not None

    def answered(self) -> bool:
        """To be called for each of the canary's answers; True where it is time to look at the means."""
        self._until_look -= 1
        if self._until_look:
            return False
        self._until_look = _LOOK_EVERY
        return True

    def test_means(self) -> None:
        """Look at the means; not while the answered were not asked the same."""
        if not self.balance.stands:
            for name, test in self.means.items():
                test.decide(self.comparison.moments(name))

    # --- what they say ---

    @property
    def comparison(self) -> Comparison:
        """What the canary and the baseline did, side by side."""
        return self._strata.comparison(self.canary)

    def state(self, row: Criterion) -> VerdictState:
        """As it is to be shown now."""
        if row.kind == "split":
            return self.split.state
        if row.kind == "mix":
            return self.mix.state
        if row.kind == "paired":
            return self.paired[row.id].state
        state = self.means[row.id].reached if row.kind == "mean" else self._counted(row)
        if state is VerdictState.OK and (self.why_no_ok(row) or self._seen_beyond(row)):
            return VerdictState.NOT_YET
        return state

    def _seen_beyond(self, row: Criterion) -> bool:
        """Whether a bill is seen beyond its margin now, whatever was shown before."""
        found = self.mean(row) if row.kind == "mean" else None
        return found is not None and found.gap >= 0

    def _counted(self, row: Criterion) -> VerdictState:
        test = self.by_criterion[row.id]
        if test.reached is VerdictState.WORSE or self.alone[row.id].alarmed:
            return VerdictState.WORSE
        if test.state is VerdictState.OK or self.is_below_floor(row.id):
            return VerdictState.OK
        return VerdictState.NOT_YET

    def is_below_floor(self, criterion: str) -> bool:
        """Whether the canary's own rate is shown to be below the floor, now."""
        floor = self.floors.get(criterion)
        return floor is not None and floor.reaches(self.thresholds.to_ok_of_rate)

    def only_alone(self, row: Criterion) -> bool:
        """Whether WORSE rests only on what it does without the baseline beside it."""
        alone = self.alone.get(row.id)
        return (
            alone is not None and alone.alarmed and self.by_criterion[row.id].reached is not VerdictState.WORSE
        )

    def is_advisory(self, row: Criterion) -> bool:
        """Whether a verdict moves nothing now."""
        return row.advisory or (self.only_alone(row) and not self._alone_moves)

    def holds_ok(self, row: Criterion) -> bool:
        """Whether an OK was reached, though something may stand against showing it."""
        if row.kind == "mean":
            return self.means[row.id].reached is VerdictState.OK
        test = self.by_criterion.get(row.id)
        return test is not None and test.reached is VerdictState.OK

    def why_no_ok(self, row: Criterion) -> str:
        """Why a latency or a bill cannot be OK now, in words; empty where it can."""
        if (row.measure in SINCE_SENT or row.kind == "mean") and self.balance.stands:
            smaller = "smaller" if self.balance.smaller else "larger"
            return f"the answered are not the same prompts: the canary's are {smaller}"
        if row.measure == "latency":
            own, base = self.comparison.rates("broke")
            if own is not None and base is not None and abs(own - base) >= UNANSWERED_POINTS:
                return f"{100 * own:.0f}% of the canary's requests failed, {100 * base:.0f}% of the baseline's"
        return ""

    def is_worse(self, what: str) -> bool:
        """Whether a criterion, or any of those of a measure, is WORSE."""
        if what in self.means:
            return self.means[what].reached is VerdictState.WORSE
        return any(
            s.reached is VerdictState.WORSE for name, s in self.by_criterion.items() if name.startswith(what)
        )

    def latency_reached(self) -> bool:
        """Whether any criterion that goes by a limit has come to a verdict."""
        return any(
            self.by_criterion[row.id].reached is not VerdictState.NOT_YET
            for row in self._by_row.values()
            if row.kind == "slower"
        )

    def mean(self, row: Criterion) -> Difference | None:
        """How the bills differ, None before there are two on each side."""
        return self.means[row.id].difference(self.comparison.moments(row.id))

    # --- what survives a restart ---

    def as_json(self) -> dict[str, Any]:
        """The evidence; blocks that are not complete are not kept."""
        means = {name: test.as_json() for name, test in self.means.items()}
        return {
            "since_s": dict(self.since_s),
            "requests": [*self.requests, self.warming, self._until_look],
            "weights": [self.canary_pct, self.baseline_pct],
            "draws": self.split.as_json(),
            "none": {why: list(counts) for why, counts in self.no_evidence.items()},
            "means": {name: state for name, (state, _) in means.items()},
            "decided": {name: decided for name, (_, decided) in means.items() if decided is not None},
            "floors": {name: floor.as_json() for name, floor in self.floors.items()},
            "paired": {name: test.as_json() for name, test in self.paired.items()},
            "scales": {name: test.as_json() for name, test in self.by_criterion.items()},
            "alone": {name: alone.as_json() for name, alone in self.alone.items()},
            "mix": self.mix.as_json(),
            "balance": self.balance.as_json(),
            "said": {name: [state.value, alone] for name, (state, alone) in self.reported.items()},
            "began_s": self.began_s,
        }

    def from_json(self, saved: Mapping[str, Any], offset_s: float) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave; the
        tests may then be half changed and must not be used."""
        own, others, warming, until_look = (int(n) for n in saved["requests"])
        for name, mean in self.means.items():
            mean.from_json(saved["means"][name], saved["decided"].get(name))
        restored: tuple[tuple[str, Mapping[str, Any]], ...] = (
            ("floors", self.floors), ("paired", self.paired), ("scales", self.by_criterion), ("alone",
            self.alone),
        )  # fmt: skip
        for kind, kept in restored:
            for name, one in kept.items():
                one.from_json(saved[kind][name])
        self.mix.from_json(saved["mix"])
        self.canary_pct, self.baseline_pct = (float(pct) for pct in saved["weights"])
        self.split.from_json(saved["draws"])
        self.balance.from_json(saved["balance"])
        self.since_s = {str(name): float(at) + offset_s for name, at in saved["since_s"].items()}
        self.reported = {
            str(name): (VerdictState(state), bool(alone)) for name, (state, alone) in saved["said"].items()
        }
        self.no_evidence = {str(why): [int(counts[0]), int(counts[1])] for why, counts in saved["none"].items()}
        self.requests, self.warming = [own, others], max(warming, 0)
        self._until_look = min(max(until_look, 1), _LOOK_EVERY)
        began_s = saved["began_s"]
        self.began_s = None if began_s is None else float(began_s) + offset_s
