"""What really answers: the version a deployment serves, the backend behind it, and when either changes.

A deployment may be moved to another version while traffic runs, and for a while both may answer. Its figures
are those of the newest version: what an earlier one still answers does not count for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from tui.base.served_names import names_version, same_version
from tui.base.text import plain
from tui.model import EventKind, Outcome

BACK_AFTER = 20
"""So many answers in a row of an earlier version mean that the deployment was moved back."""

_MOST_CHANGES = 5
_CHANGES_WITHIN_S = 60.0
_MOST_NAMES = 32
_SAY_AGAIN_S = 60.0
_NAME = 64


class Serving:
    """One deployment. ``version`` is what it answers with now, None before the first answer that says one.

    ``clock`` reads seconds of the run. A ``router`` answers with any model: that is no change of its version.
    """

    def __init__(self, deployment: str, *, clock: Callable[[], float], router: bool = False) -> None:
        self.deployment = deployment
        self.version: str | None = None
        self.unstable = False
        """Whether the version changes with every few answers: then its figures cannot be kept apart."""
        self._router = router
        self._clock = clock
        self._earlier: dict[str, None] = {}
        self._strays = 0
        self._changed_s: deque[float] = deque(maxlen=_MOST_CHANGES)
        self._fingerprints: dict[str, None] = {}
        self._said_backend_s = self._said_spill_s = float("-inf")

    def sorted_out(self, outcome: Outcome) -> tuple[Outcome, str | None]:
        """The outcome, not counting for the version when an earlier one answered it; and the version before,
        when this is the first answer of another one."""
        served = outcome.served_model
        if served is None or not outcome.counts_for_version or self.unstable:
            return outcome, None
        if self.version is None or self._router or same_version(served, self.version):
            if served != self.version and (self.version is None or not names_version(self.version)):
                self.version = served
            self._strays = 0
            return outcome, None
        served = next((earlier for earlier in self._earlier if same_version(served, earlier)), served)
        if served in self._earlier:
            self._strays += 1
            if self._strays < BACK_AFTER:
                return replace(outcome, counts_for_version=False), None
        before, self.version, self._strays = self.version, served, 0
        self._earlier.pop(served, None)
        self._earlier[before] = None
        now_s = self._clock()
        self._changed_s.append(now_s)
        full = len(self._changed_s) == _MOST_CHANGES
        self.unstable = full and now_s - self._changed_s[0] < _CHANGES_WITHIN_S
        return outcome, before

    def news(self, outcome: Outcome) -> Iterator[tuple[EventKind, str]]:
        """What else is worth an event: another backend, another deployment that answered."""
        now_s = self._clock()
        if outcome.served_by is not None and now_s - self._said_spill_s > _SAY_AGAIN_S:
            self._said_spill_s = now_s
            by = plain(outcome.served_by, _NAME)
            yield EventKind.SPILLED, f"{self.deployment} was answered by {by}: that is not in its figures"
        fingerprint = outcome.system_fingerprint
        if fingerprint is None or not outcome.counts_for_version or fingerprint in self._fingerprints:
            return
        is_first, full = not self._fingerprints, len(self._fingerprints) >= _MOST_NAMES
        if full:
            return
        self._fingerprints[fingerprint] = None
        if not is_first and now_s - self._said_backend_s > _SAY_AGAIN_S:
            self._said_backend_s = now_s
            name = plain(fingerprint, _NAME)
            yield (
                EventKind.BACKEND_CHANGED,
                f"{self.deployment} has another backend, {name}, of the same version",
            )

    def version_changed(self) -> None:
        """Backends of another version are other ones: they are not news."""
        self._fingerprints.clear()
