"""One criterion of one canary on the scale: its bad events, and what they say for and against it.

Every event counts, and the evidence is known after every event; it is worked out only where it can have reached
a threshold. An event of the canary alone can raise the evidence against it, one of the baseline alone that in
its favour, each by at most a known step: as long as the distance is longer than the steps taken, nothing can
have been reached.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tui.model import VerdictState
from tui.verdict.drift import Drift
from tui.verdict.odds import ABOVE, BELOW, Counts, Evidence, log_mean, steps


class Scale:
    """``to_worse`` and ``to_ok`` are ln(1/error) of either verdict; ``margin`` is the ratio that OK excludes.

    After OK the evidence in favour is not needed any more; a ``Drift`` takes its place, which sees it when a
    version that was fine for long becomes worse.
    """

    __slots__ = (
        "_against", "_baseline", "_canary", "_counts", "_favour", "_look_baseline", "_look_canary", "_rho",
        "_to_ok", "_to_worse", "drift", "drifted", "state",
    )  # fmt: skip

    def __init__(self, margin: float, to_worse: float, to_ok: float) -> None:
        self._to_worse, self._to_ok = to_worse, to_ok
        self._against = Evidence(1.0, ABOVE)
        self._favour = Evidence(margin, BELOW)
        self._counts = Counts()
        self._rho = 0.0
        self._canary = self._baseline = 0
        self._look_canary = self._look_baseline = 0
        self.state = VerdictState.NOT_YET
        self.drift: Drift | None = None
        self.drifted = False
        """Whether WORSE was reached by drift: that is a run length, not an error probability."""

    def event(self, is_canary: bool, rho: float) -> VerdictState | None:
        """Weigh one bad event at a share between 0 and 1; returns the state where it has just been reached."""
        if rho != self._rho:
            self._turn(rho)
        if is_canary:
            self._canary += 1
            if self._canary >= self._look_canary and self._reached_worse():
                return self._reach(VerdictState.WORSE)
        else:
            self._baseline += 1
            if self._baseline >= self._look_baseline and self._reached_ok():
                return self._reach(VerdictState.OK)
        if self.drift is not None and not self.drifted and self.drift.event(is_canary, rho):
            self.drifted = True
            return self._reach(VerdictState.WORSE)
        return None

    def alone(self, requests: int, bad: int, most: float) -> VerdictState | None:
        """Weigh requests of a canary that has all the traffic, of which ``bad`` had a bad event; ``most`` is
        the highest rate that its past allows. Returns the state where it has just been reached."""
        if self.state is VerdictState.WORSE:
            return None
        if self.drift is None:
            self.drift = Drift()
        if not self.drift.alone(requests, bad, most):
            return None
        self.drifted = True
        return self._reach(VerdictState.WORSE)

    def _turn(self, rho: float) -> None:
        """Another share is in force: what was counted under the one before is folded in."""
        self._settle()
        self._rho = rho
        self._look_canary = self._look_baseline = 1

    def _settle(self) -> None:
        if self._canary or self._baseline:
            self._against.fold(self._rho, self._canary, self._baseline)
            self._favour.fold(self._rho, self._canary, self._baseline)
            self._counts.add(self._rho, self._canary, self._baseline)
        self._canary = self._baseline = 0

    def _reached_worse(self) -> bool:
        if self.state is VerdictState.WORSE:
            self._look_canary = 2**62
            return False
        gap = self._to_worse - self._log_e(self._against)
        if gap <= 0:
            return True
        self._look_canary = self._canary + _events(gap, steps(self._rho, 1.0, ABOVE)[0])
        return False

    def _reached_ok(self) -> bool:
        if self.state is not VerdictState.NOT_YET:
            self._look_baseline = 2**62
            return False
        gap = self._to_ok - self._log_e(self._favour)
        if gap <= 0:
            return True
        self._look_baseline = self._baseline + _events(gap, steps(self._rho, self._favour.r0, BELOW)[1])
        return False

    def _reach(self, state: VerdictState) -> VerdictState | None:
        """WORSE stays; OK gives way to WORSE only."""
        if self.state in (state, VerdictState.WORSE):
            return None
        self.state = state
        if state is VerdictState.OK:
            self.drift = Drift()
        elif not self.drifted:
            self.drift = None
        return state

    # --- what it shows ---

    def _log_e(self, evidence: Evidence) -> float:
        if not (self._canary or self._baseline):
            return evidence.log_e()
        return log_mean(evidence.with_events(self._rho, self._canary, self._baseline))

    @property
    def log_worse(self) -> float:
        """ln of the evidence against it."""
        return self._log_e(self._against)

    @property
    def worse_progress(self) -> float:
        """How far the evidence is on its way to WORSE, 0 to 1."""
        own = _share(self.log_worse, self._to_worse)
        return max(own, self.drift.progress) if self.drift is not None else own

    @property
    def ok_progress(self) -> float:
        """How far the evidence is on its way to OK, 0 to 1; 1 where it was reached."""
        if self.state is VerdictState.OK:
            return 1.0
        return _share(self._log_e(self._favour), self._to_ok)

    def counts(self) -> Counts:
        """Every event so far, by share."""
        counts = Counts(self._counts.by_share)
        if self._canary or self._baseline:
            counts.add(self._rho, self._canary, self._baseline)
        return counts

    def seconds_to(self, ratio: float, rho: float, events_per_s: float) -> float | None:
        """Seconds until a verdict if the ratio stays as it is, None where neither is approached."""
        waits = []
        for evidence, target in ((self._against, self._to_worse), (self._favour, self._to_ok)):
            growth = evidence.growth(ratio, rho)
            if growth > _STILL:
                waits.append(max(target - self._log_e(evidence), 0.0) / growth / events_per_s)
        return min(waits, default=None)

    # --- what survives a restart ---

    def as_json(self) -> dict[str, Any]:
        self._settle()
        self._look_canary = self._look_baseline = 0
        return {
            "state": self.state.value,
            "drifted": self.drifted,
            "against": list(self._against.logs),
            "favour": list(self._favour.logs),
            "counts": {str(rho): list(n) for rho, n in self._counts.by_share.items()},
            "drift": None if self.drift is None else self.drift.as_json(),
        }

    def from_json(self, saved: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError or AttributeError where it is not what ``as_json`` gave."""
        state = VerdictState(saved["state"])
        against, favour = (
            _finite(saved[name], n) for name, n in (("against", len(ABOVE)), ("favour", len(BELOW)))
        )
        counts = Counts({float(rho): [int(n[0]), int(n[1])] for rho, n in saved["counts"].items()})
        drift = None if saved["drift"] is None else Drift.from_json(saved["drift"])
        self._against = Evidence(1.0, ABOVE, against)
        self._favour = Evidence(self._favour.r0, BELOW, favour)
        self._counts, self.drift, self.state, self.drifted = counts, drift, state, bool(saved["drifted"])
        self._canary = self._baseline = 0
        self._rho, self._look_canary, self._look_baseline = 0.0, 0, 0


_STILL = 1e-6


def _events(gap: float, rising: tuple[float, ...]) -> int:
    """How many events it takes at least to cross ``gap``."""
    return max(1, math.ceil(gap / max(rising)))


def _share(log_e: float, target: float) -> float:
    return min(max(log_e / target, 0.0), 1.0)


def _finite(values: Any, count: int) -> list[float]:
    numbers = [float(value) for value in values]
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"not {count} finite numbers")
    return numbers
