"""Guard: rolls back by itself on a WORSE. It decides; the engine acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tui.base.text import plain
from tui.evaluation.saved_numbers import instant
from tui.evaluation.verdict_text import acts, evidence_line, label
from tui.model import Ability, GuardView, Verdict
from tui.rollout import GuardSpec

GuardMode = Literal["off", "armed", "dry_run"]

TRIPWIRE = "tripwire"
"""Stands for a criterion in an action that rests on consecutive failures and not on statistics."""

VERSION = "version"
"""Stands for a criterion in an action that rests on another version answering."""

_MODES: tuple[GuardMode, ...] = get_args(GuardMode)
_REASON = 240


@dataclass(frozen=True, slots=True)
class GuardAction:
    """What is to be done now: roll back, or only say that it would have; say that it cannot, since the baseline
    is not able to serve; ask the baseline first, of which nothing is known. ``reason`` names the evidence."""

    kind: Literal["roll_back", "would_roll_back", "not_rolled_back", "ask_first"]
    canary: str
    criterion: str
    reason: str


class Guard:
    """Rolls back on a WORSE of chosen criteria, once for each verdict that is reached.

    Never onto a baseline that is not able to serve: then it says so, once, and acts when the baseline is able
    again, unless the canary has lost its weight until then.

    A verdict is known by its canary, its criterion and when it was reached. One that was acted on, that a
    person raised the canary against, or that stood while the canary had no weight, is settled for good:
    manual keys always win.

    One that begins in ``dry_run`` is never armed by ``cycle``. ``baseline`` is its name, for what is said.
    """

    def __init__(self, spec: GuardSpec, baseline: str = "the baseline") -> None:
        self._spec = spec
        self._mode: GuardMode = spec.mode
        self._on: GuardMode = "dry_run" if spec.mode == "dry_run" else "armed"
        self._baseline = baseline
        self._said = ""
        self._acted = 0
        self._changed: dict[str, str] = {}
        self._kept_from: set[str] = set()
        self._settled: dict[str, dict[str, float | None]] = {}
        self._announced: dict[str, dict[str, float | None]] = {}

    @property
    def mode(self) -> GuardMode:
        return self._mode

    def cycle(self) -> GuardMode:
        """On when it was off, off when it was on; on is ``dry_run`` where that was chosen, else ``armed``."""
        self._mode = self._on if self._mode == "off" else "off"
        return self._mode

    def decide(
        self,
        canary: str,
        verdicts: Iterable[Verdict],
        *,
        weight_pct: float,
        fresh: bool,
        tripwire: str | None,
        ability: Callable[[], Ability] = Ability,
    ) -> GuardAction | None:
        """What to do about one canary now, None when there is nothing to do.

        ``weight_pct`` is its largest weight over the tasks. ``fresh``: outcomes keep coming in, failures
        included. ``tripwire`` says which failures followed each other, None while requests succeed.
        ``ability()`` says whether the baseline is able to take the traffic.
        """
        if tripwire is None:
            self._forget_tripwire(canary)
        worse = [verdict for verdict in verdicts if acts(verdict, self._spec.criteria)]
        reached = _instants(worse)
        if tripwire is not None and self._spec.tripwire:
            reached[TRIPWIRE] = None
        if weight_pct <= 0:
            self._settle(canary, reached)
            self._let_go(canary)
            return None
        if self._mode == "off":
            self._let_go(canary)
            return None
        if not fresh:
            return None
        if canary in self._changed:
            return self._resolve(canary, VERSION, {}, self._changed[canary], ability)
        dry = self._mode == "dry_run"
        known = [self._settled.get(canary, {}), self._announced.get(canary, {}) if dry else {}]
        new = [name for name, at in reached.items() if not any(name in k and k[name] == at for k in known)]
        if not new:
            return None
        # Failures that follow each other are the faster signal and name the plainer cause.
        first = TRIPWIRE if TRIPWIRE in new else new[0]
        reason = self._reason(first, worse, tripwire)
        return self._resolve(canary, first, reached, reason, ability)

    def version_changed(
        self, canary: str, text: str, weight_pct: float, ability: Callable[[], Ability] = Ability
    ) -> GuardAction | None:
        """What to do now that another version answers for a canary; ``text`` says which. What was settled was
        about the version before."""
        for memory in (self._settled, self._announced):
            memory.pop(canary, None)
        if self._mode == "off" or not self._spec.version_change or weight_pct <= 0:
            return None
        self._changed[canary] = reason = f"version changed: {plain(text, _REASON)}"
        return self._resolve(canary, VERSION, {}, reason, ability)

    def _resolve(
        self,
        canary: str,
        first: str,
        reached: Mapping[str, float | None],
        reason: str,
        ability: Callable[[], Ability],
    ) -> GuardAction | None:
        """Act on what was newly reached, as far as the baseline is able to take the traffic."""
        now, dry = ability(), self._mode == "dry_run"
        if now.state == "unknown" and not dry:
            return GuardAction("ask_first", canary, first, reason)
        if now.state == "unable":
            what = f"{canary}: {reason}" if first in (TRIPWIRE, VERSION) else f"{canary} is WORSE: {reason}"
            self._said = f"{what}; {self._baseline} {now.why}: weights stay, look now"
            if canary in self._kept_from:
                return None
            self._kept_from.add(canary)
            return GuardAction("not_rolled_back", canary, first, self._said)
        self._changed.pop(canary, None)
        self._kept_from.discard(canary)
        if dry:
            if first in reached:
                self._announced.setdefault(canary, {})[first] = reached[first]
            self._said = f"would have rolled back {canary}: {reason}"
            return GuardAction("would_roll_back", canary, first, reason)
        self._settle(canary, reached)
        self._acted += 1
        self._said = f"rolled back {canary}: {reason}"
        return GuardAction("roll_back", canary, first, reason)

    def _let_go(self, canary: str) -> None:
        """Nothing waits for the baseline any more."""
        self._changed.pop(canary, None)
        if canary in self._kept_from:
            self._kept_from.discard(canary)
            self._said = ""

    def raised_by_hand(self, canary: str, verdicts: Iterable[Verdict], tripwire: str | None = None) -> None:
        """A person gave the canary more weight, knowing these verdicts: only newly reached ones count now."""
        reached = _instants(verdict for verdict in verdicts if acts(verdict, self._spec.criteria))
        self._settle(canary, reached | ({TRIPWIRE: None} if tripwire is not None else {}))
        self._let_go(canary)

    def view(self) -> GuardView:
        """What the screen shows."""
        return GuardView(self._mode, self._spec.criteria, self._said, self._acted)

    @property
    def kept_from_it(self) -> bool:
        """Whether it would act, and the baseline is not able to serve."""
        return bool(self._kept_from)

    def state(self) -> dict[str, Any]:
        """All that must survive a restart, as JSON has it."""
        return {
            "mode": self._mode,
            "on": self._on,
            "said": self._said,
            "settled": {canary: dict(names) for canary, names in self._settled.items()},
            "announced": {canary: dict(names) for canary, names in self._announced.items()},
            "changed": dict(self._changed),
        }

    def restore(self, state: Mapping[str, Any], offset_s: float = 0.0) -> None:
        """Takes up what ``state`` gave, ``offset_s`` added to its instants. Criteria are those of the rollout
        file of today.

        Raises:
            ValueError: It is not such a state; the guard is then as it was.
        """
        try:
            mode, on = _mode(state["mode"]), _mode(state["on"])
            said = state["said"]
            settled = _memory(state["settled"], offset_s)
            announced = _memory(state["announced"], offset_s)
            changed = {str(name): plain(str(text), _REASON) for name, text in state.get("changed", {}).items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a state of the guard: {type(error).__name__} {error}") from error
        if on == "off" or not isinstance(said, str):
            raise ValueError("not a state of the guard: on is off, or what it said is no text")
        self._mode, self._on, self._said = mode, on, said
        self._settled, self._announced, self._changed = settled, announced, changed

    def _settle(self, canary: str, reached: Mapping[str, float | None]) -> None:
        if reached:
            self._settled.setdefault(canary, {}).update(reached)

    def _forget_tripwire(self, canary: str) -> None:
        for memory in (self._settled, self._announced):
            memory.get(canary, {}).pop(TRIPWIRE, None)

    def _reason(self, first: str, worse: Sequence[Verdict], tripwire: str | None) -> str:
        if first == TRIPWIRE:
            return f"tripwire: {plain(tripwire or '', _REASON)}"
        verdict = next(v for v in worse if v.criterion == first)
        others = ", ".join(label(v) for v in worse if v is not verdict)
        return evidence_line(verdict) + (f"; also WORSE: {others}" if others else "")


def _instants(verdicts: Iterable[Verdict]) -> dict[str, float | None]:
    """Criterion -> when its verdict was reached."""
    return {verdict.criterion: verdict.since_s for verdict in verdicts}


def _mode(mode: Any) -> GuardMode:
    if mode not in _MODES:
        raise ValueError(f"not a mode of the guard: {mode!r}; known: {', '.join(_MODES)}")
    return _MODES[_MODES.index(mode)]


def _memory(value: Any, offset_s: float) -> dict[str, dict[str, float | None]]:
    if not isinstance(value, Mapping) or not all(isinstance(names, Mapping) for names in value.values()):
        raise TypeError("settled verdicts must be tables")
    return {
        str(canary): {str(n): instant(at, offset_s) for n, at in names.items()}
        for canary, names in value.items()
    }
