"""What the judge of a run must be able to do, to be asked again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tui.model import Assignment, Outcome, Verdict
from tui.rollout import Criteria


class Judging(Protocol):
    """The judge of ``tui.verdict``; ``now_s`` is seconds of the run."""

    def assigned(self, assignment: Assignment, now_s: float) -> object: ...
    def add(self, outcome: Outcome, now_s: float) -> object: ...
    def version_changed(self, name: str) -> object: ...
    def verdicts(self, now_s: float) -> Mapping[str, tuple[Verdict, ...]]: ...
    def worse(self, canary: str, now_s: float) -> tuple[Verdict, ...]: ...
    def changes(self) -> Sequence[tuple[str, Verdict]]: ...
    def tripwire(self, canary: str) -> str | None: ...


MakeJudge = Callable[[str, Sequence[str], Criteria], Judging]
"""A judge for a baseline, its canaries and the criteria."""
