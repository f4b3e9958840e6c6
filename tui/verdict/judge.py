"""The judge: every outcome is weighed once, and every criterion may be looked at as often as one likes.

What must hold for its verdicts: the router draws at random with the weights in force; an outcome belongs to the
deployment it was assigned to, whatever became of it; both versions are compared within the same period; and the
limits that "slower" is measured against are frozen from the baseline before the first comparison.

What was throttled, and what no service has seen, is neither good nor bad: no criterion weighs it. Whose a bad
event is says something as long as both sides get what was drawn for them. So while one side has asked for a
pause, the other one is not weighed: it loses the same share of its requests.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from tui.model import (
    ANSWERED,
    ERRORS,
    NEVER_SERVED,
    THROTTLED,
    Assignment,
    Eta,
    Outcome,
    OutcomeKind,
    Verdict,
    VerdictState,
)
from tui.rollout import Criteria
from tui.verdict.criteria import Criterion, decision_table
from tui.verdict.limits import MEASURES, Limits, measured
from tui.verdict.notes import note
from tui.verdict.scales import Scales
from tui.verdict.stretches import Comparison, Epoch, Stretches

_IN_A_ROW = 5
_ETA_WEIGHTS = (10.0, 25.0, 50.0)
_RATE_OVER = 512
_PAIR_RATE_OVER = 64
_FAILED = ERRORS - {OutcomeKind.BAD_REQUEST}
_BAD: Mapping[OutcomeKind, str] = {
    **dict.fromkeys(ERRORS, "errors"),
    OutcomeKind.COMPLETION_FILTERED: "completion_filter",
    OutcomeKind.PROMPT_FILTERED: "prompt_filter",
}


def is_evidence(outcome: Outcome) -> bool:
    """Whether an outcome says how a version answers; else it counts for none of its criteria."""
    return outcome.counts_for_version and outcome.kind not in THROTTLED | NEVER_SERVED


class Judge:
    """Compares each canary with the baseline.

    ``criteria.alpha_pct`` is the chance that any criterion of a canary is ever called WORSE although it is not;
    it is split evenly over the criteria that can be. ``beta`` is that of a wrong OK, per criterion.
    ``criteria.calibration_requests`` answers of the baseline give the frozen limits, and are no evidence
    themselves; ``calibrated`` are limits that are known already, by criterion in ms. ``task`` is what its
    verdicts name, empty where there is only one.
    """

    def __init__(
        self,
        baseline: str,
        canaries: Sequence[str],
        criteria: Criteria,
        *,
        task: str = "",
        beta: float = 0.05,
        calibrated: Mapping[str, float] | None = None,
    ) -> None:
        self._baseline = baseline
        self._task = task
        self._criteria = criteria
        self._table = decision_table(criteria)
        self._rows = {row.id: row for row in self._table}
        split = criteria.alpha_pct / 100 / sum(not row.advisory for row in self._table)
        self._new_scales = partial(Scales, self._table, split, beta)
        self._sides = {name: self._new_scales() for name in canaries}
        self._limits = Limits(self._table, criteria.calibration_requests, calibrated or {})
        self._stretches = Stretches(baseline, canaries)
        self._epoch: Epoch | None = None
        self._failed = dict.fromkeys(canaries, 0)
        self._last_failure = dict.fromkeys(canaries, "")
        self._pausing: set[str] = set()
        """Deployments whose last outcome asked for a pause."""
        self._recent_s: deque[float] = deque(maxlen=_RATE_OVER)
        self._pairs_s: dict[tuple[str, str], deque[float]] = {}
        self._changes: list[tuple[str, Verdict]] = []
        self._frozen: list[str] = []
        if calibrated:
            of_task = f" for {task}" if task else ""
            self._frozen.append(f"limits{of_task} taken from an earlier run: {self._limits.said(MEASURES)}")

    # --- the walk of a request ---

    def assigned(self, assignment: Assignment, now_s: float) -> None:
        """Count an assignment, for the split."""
        rhos, name = self._stretches.epoch(assignment.shares).rhos, assignment.deployment
        if name == self._baseline:
            for canary, rho in rhos.items():
                self._sides[canary].split.add(rho, 0, 1)
        elif name in rhos:
            self._sides[name].split.add(rhos[name], 1, 0)

    def add(self, outcome: Outcome, now_s: float) -> None:
        """Weigh one outcome, if it is evidence; O(number of criteria)."""
        name = outcome.deployment
        if outcome.asks_for_pause:
            self._pausing.add(name)
        elif is_evidence(outcome):
            self._pausing.discard(name)
        if not is_evidence(outcome):
            return
        is_canary = name != self._baseline
        if is_canary and name not in self._sides:
            return
        self._recent_s.append(now_s)
        epoch = self._epoch = self._stretches.epoch(outcome.shares)
        bad = self._weighed(outcome, epoch, is_canary)
        if not is_canary:
            for canary, rho in epoch.rhos.items():
                if canary not in self._pausing:
                    self._settle(canary, self._sides[canary].weigh(bad, rho, False), now_s)
            return
        side = self._sides[name]
        if name in epoch.rhos:
            if self._baseline not in self._pausing:
                self._settle(name, side.weigh(bad, epoch.rhos[name], True), now_s)
            if outcome.usage is not None and side.answered():
                self._settle(name, side.weigh_means(self._stretches.comparison(name)), now_s)
        elif not outcome.shares.get(self._baseline):
            self._settle(name, side.weigh_alone(bad), now_s)
        self._watch(outcome)

    def add_pair(self, canary: str, criterion: str, baseline: int, own: int, now_s: float) -> None:
        """Weigh one item that both have answered: scores of 1 to 5 for ``quality``, 0 or 1 (right) for
        ``accuracy``. What nobody judges here is ignored. Raises ValueError for other values."""
        side, row = self._sides.get(canary), self._rows.get(criterion)
        if side is None or row is None:
            return
        first = 1 if row.most > 1 else 0
        recent = self._pairs_s.setdefault((canary, criterion), deque(maxlen=_PAIR_RATE_OVER))
        recent.append(now_s)
        self._settle(canary, side.weigh_pair(criterion, baseline - first, own - first), now_s)

    def _weighed(self, outcome: Outcome, epoch: Epoch, is_canary: bool) -> list[str]:
        """The criteria that the outcome is bad for; its values go into the stretch they belong to."""
        kind = outcome.kind
        bad = []
        stretch = epoch.stretch(outcome.deployment) if epoch.rhos else None
        if stretch is not None:
            stretch.requests += 1
        if (name := _BAD.get(kind)) is not None:
            bad.append(name)
            if stretch is not None:
                stretch.rates[name] += 1
        self._limits.answers += not is_canary and kind in ANSWERED
        for measure, value in measured(outcome):
            if stretch is not None:
                stretch.values[measure].add(value)
            if is_canary or self._limits.known(measure):
                bad += self._limits.passed(measure, value, is_canary)
            elif self._limits.calibrate(measure, value):
                self._calibrated(measure)
        if stretch is not None and outcome.usage is not None:
            if outcome.usage.completion_tokens > 0:
                stretch.means["tokens"].add(outcome.usage.completion_tokens)
            cost = outcome.cost_usd
            if cost is not None and not outcome.cost_estimated and 0 < cost < math.inf:
                stretch.means["cost"].add(cost)
        return bad

    def _calibrated(self, measure: str) -> None:
        for side in self._sides.values():
            side.limits_are_set()
        of_task = f" for {self._task}" if self._task else ""
        answers = f"{self._criteria.calibration_requests} answers of {self._baseline}{of_task}"
        self._frozen.append(f"limits frozen from {answers}: {self._limits.said([measure])}")

    def _settle(self, canary: str, decided: Iterable[str], now_s: float) -> None:
        for criterion in decided:
            self._sides[canary].since_s[criterion] = now_s
            self._changes.append((canary, self.verdict(canary, criterion, now_s)))

    def _watch(self, outcome: Outcome) -> None:
        failed = outcome.kind in _FAILED
        self._failed[outcome.deployment] = self._failed[outcome.deployment] + 1 if failed else 0
        if failed:
            self._last_failure[outcome.deployment] = outcome.error or outcome.kind.value

    def add_canary(self, name: str) -> None:
        """Judge one more from now on."""
        self._sides.setdefault(name, self._new_scales())
        self._failed.setdefault(name, 0)
        self._last_failure.setdefault(name, "")
        self._stretches.add_canary(name)

    def version_changed(self, name: str) -> None:
        """A deployment answers with another version: nothing that was weighed of the one before is evidence for
        or against it. When it is the baseline, every comparison begins anew, and so do the limits."""
        self._stretches.forget(name)
        changed = self._sides if name == self._baseline else {name: None}
        for canary in [canary for canary in self._sides if canary in changed]:
            self._sides[canary] = self._new_scales()
        if name == self._baseline:
            self._limits = Limits(self._table, self._criteria.calibration_requests, {})

    # --- what it says ---

    def changes(self) -> list[tuple[str, Verdict]]:
        """Verdicts reached since this was last asked."""
        changes, self._changes = self._changes, []
        return changes

    def frozen(self) -> list[str]:
        """Which limits were frozen since this was last asked, and from what."""
        frozen, self._frozen = self._frozen, []
        return frozen

    def tripwire(self, canary: str) -> str | None:
        """Why a canary looks entirely broken: consecutive failures. A safety stop, not statistics."""
        failed = self._failed[canary]
        return (
            f"{failed} failures in a row, last: {self._last_failure[canary]}" if failed >= _IN_A_ROW else None
        )

    def verdicts(self, now_s: float) -> dict[str, tuple[Verdict, ...]]:
        """One verdict a criterion for each canary, in the order of the decision table."""
        return {canary: self._verdicts(canary, self._table, now_s) for canary in self._sides}

    def worse(self, canary: str, now_s: float) -> tuple[Verdict, ...]:
        """The criteria of a canary that are WORSE and may move something."""
        side = self._sides[canary]
        found = [r for r in self._table if not r.advisory and side.state(r) is VerdictState.WORSE]
        return self._verdicts(canary, found, now_s)

    def verdict(self, canary: str, criterion: str, now_s: float) -> Verdict:
        """What may be said of one criterion. Raises KeyError for an unknown canary or criterion."""
        return self._verdicts(canary, [self._rows[criterion]], now_s)[0]

    def _verdicts(self, canary: str, rows: Sequence[Criterion], now_s: float) -> tuple[Verdict, ...]:
        seen = self._stretches.comparison(canary)
        return tuple(self._verdict(row, canary, seen, now_s) for row in rows)

    def _verdict(self, row: Criterion, canary: str, seen: Comparison, now_s: float) -> Verdict:
        side, paired = self._sides[canary], row.kind == "paired"
        compared = side.compared(row, seen)
        to_worse, to_ok = side.progress(row, seen)
        return Verdict(
            criterion=row.id,
            label=row.label,
            unit=row.unit,
            state=side.state(row),
            limit=row.limit,
            baseline_value=compared.baseline,
            canary_value=compared.canary,
            difference_pct=compared.difference_pct,
            difference_low_pct=compared.low_pct,
            difference_high_pct=compared.high_pct,
            worse_progress=to_worse,
            ok_progress=to_ok,
            baseline_requests=side.pairs(row) if paired else side.baseline_requests,
            canary_requests=side.pairs(row) if paired else side.canary_requests,
            events=side.events(row, seen),
            etas=self._eta_of_pairs(row, canary, now_s) if paired else self._etas(row, side, seen, now_s),
            advisory=row.advisory or side.burning_in(row, seen),
            note=note(row, side, seen, self._limits),
            since_s=side.since_s.get(row.id),
            task=self._task,
        )

    def _eta_of_pairs(self, row: Criterion, canary: str, now_s: float) -> tuple[Eta, ...]:
        """Pairs come at a rate of their own, whatever the weights are."""
        recent, side = self._pairs_s.get((canary, row.id)), self._sides[canary]
        if side.state(row) is not VerdictState.NOT_YET or not recent or now_s <= recent[0]:
            return ()
        missing, per_s = side.pairs_to(row), len(recent) / (now_s - recent[0])
        at_pct = 100 * side.last_share
        return (
            Eta(
                at_pct,
                None if missing is None else missing / per_s,
                None if missing is None else math.ceil(missing),
            ),
        )

    def _etas(self, row: Criterion, side: Scales, seen: Comparison, now_s: float) -> tuple[Eta, ...]:
        recent = self._recent_s
        if side.state(row) is not VerdictState.NOT_YET or not recent or now_s <= recent[0]:
            return ()
        rps = len(recent) / (now_s - recent[0])
        now_pct = 100 * side.last_share
        weights = dict.fromkeys([now_pct, *(w for w in _ETA_WEIGHTS if w > now_pct)])
        return tuple(side.eta(row, weight, rps, seen) for weight in weights)

    # --- what survives a restart ---

    def state(self) -> dict[str, Any]:
        """All evidence, as JSON has it."""
        return {
            "question": self._question(),
            "failed": dict(self._failed),
            "limits": self._limits.as_json(),
            "stretches": self._stretches.as_json(),
            "sides": {canary: side.as_json() for canary, side in self._sides.items()},
        }

    def restore(self, state: Mapping[str, Any], offset_s: float = 0.0) -> None:
        """Take up evidence; canaries that are no longer there are left out. ``offset_s`` is added to its
        instants. A judge that refused a state must not be used any more.

        Raises:
            ValueError: It is not such a state, or evidence for other margins than today's.
        """
        try:
            if state["question"] != self._question():
                raise ValueError("the criteria have changed since: the evidence would be for another question")
            self._failed = {canary: int(state["failed"].get(canary, 0)) for canary in self._sides}
            self._limits.from_json(state["limits"])
            self._stretches.from_json(state["stretches"])
            for canary, saved in state["sides"].items():
                if canary in self._sides:
                    self._sides[canary].from_json(saved, offset_s)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a state of the judge: {type(error).__name__} {error}") from error

    def _question(self) -> dict[str, float]:
        return {"alpha_pct": self._criteria.alpha_pct, **{row.id: row.margin for row in self._table}}
