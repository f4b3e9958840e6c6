"""Requests of two versions for the tests of the evidence, handed to an evaluator as a run does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import merge
from itertools import count
from typing import Any, Protocol

from bench.world import BASE, CANARY, World, happenings
from tui.evaluation.evaluator import Evaluator
from tui.model import Assignment, Outcome, OutcomeKind, Verdict, VerdictState
from tui.rollout import Criteria

Happening = tuple[float, Assignment | Outcome]

_TIMEOUT_S = 60.0


class Evaluates(Protocol):
    """What hears of a request: an evaluator, or one for each task."""

    def assigned(self, assignment: Assignment, now_s: float) -> None: ...

    def add(self, outcome: Outcome, now_s: float) -> None: ...

    def changes(self) -> list[tuple[str, Verdict]]: ...


def outcome_of(name: str, shares: Mapping[str, float], number: int = 0, **fields: Any) -> Outcome:
    """The end of one request, an answer unless ``fields`` say something else."""
    base = {"kind": OutcomeKind.OK, "due_s": 0.0, "sent_s": 0.0, "ended_s": 0.0, "late_ms": 0.0}
    return Outcome(number, "default", name, shares[name], **{**base, **fields}, shares=shares)


class Asked:
    """Asks one request after another of whom the test names; each has an id of its own."""

    def __init__(self, evaluator: Evaluates, shares: Mapping[str, float]) -> None:
        self.evaluator = evaluator
        self.shares = shares
        self._numbers = count()

    def draw(self, name: str, now_s: float, **fields: Any) -> Assignment:
        """Assign a request; ``fields`` are those of ``Assignment``."""
        number, pct = next(self._numbers), self.shares[name]
        made = replace(Assignment(number, "default", name, pct, now_s, self.shares), **fields)
        self.evaluator.assigned(made, now_s)
        return made

    def end(self, drawn: Assignment, now_s: float, **fields: Any) -> None:
        """Tell how it ended at ``now_s``."""
        fields = {"due_s": drawn.at_s, "sent_s": drawn.at_s, "ended_s": now_s, **fields}
        made = outcome_of(drawn.deployment, drawn.shares, drawn.request_id, **fields)
        self.evaluator.add(replace(made, task=drawn.task, prompt_chars=drawn.prompt_chars), now_s)

    def ask(self, name: str, now_s: float, task: str = "default", **fields: Any) -> None:
        """Assign a request that ends at once."""
        self.end(self.draw(name, now_s, task=task), now_s, **fields)


@dataclass
class Watched:
    """An evaluator after a stream of requests, the verdicts it reached on the way, and the last instant."""

    evaluator: Evaluator
    reached: list[Verdict]
    now_s: float

    def states(self, state: VerdictState) -> set[str]:
        """The criteria that ever were called so."""
        return {verdict.criterion for verdict in self.reached if verdict.state is state}

    @property
    def worse(self) -> set[str]:
        return self.states(VerdictState.WORSE)

    @property
    def ok(self) -> set[str]:
        return self.states(VerdictState.OK)

    def verdict(self, criterion: str) -> Verdict:
        """As it is shown at the end."""
        return self.evaluator.verdict(CANARY, criterion, self.now_s)


def stream(world: World, seed: int | str, requests: int) -> Iterator[Happening]:
    """The first so many requests of a world, and what has become of them until then."""
    left = requests
    for at_s, what in happenings(world, seed):
        if isinstance(what, Assignment):
            if not left:
                return
            left -= 1
        yield at_s, what


def watch(
    world: World,
    seed: int | str,
    requests: int,
    *,
    criteria: Criteria | None = None,
    never_ends: Callable[[Outcome], bool] = lambda _: False,
    **options: Any,
) -> Watched:
    """Watch so many requests with a new evaluator; ``options`` are its own. Those that ``never_ends`` names
    stay under way."""
    evaluator = Evaluator(BASE, [CANARY], criteria or Criteria(), **{"timeout_s": _TIMEOUT_S, **options})
    heard = (
        (at_s, what)
        for at_s, what in stream(world, seed, requests)
        if isinstance(what, Assignment) or not never_ends(what)
    )
    reached, now_s = tell(evaluator, heard)
    return Watched(evaluator, reached, now_s)


def tell(evaluator: Evaluates, heard: Iterable[Happening]) -> tuple[list[Verdict], float]:
    """Hand happenings over in their order; what was reached on the way, and the last instant."""
    reached: list[Verdict] = []
    now_s = 0.0
    for at_s, what in heard:
        now_s = at_s
        if isinstance(what, Assignment):
            evaluator.assigned(what, at_s)
        else:
            evaluator.add(what, at_s)
        reached += [verdict for _, verdict in evaluator.changes()]
    return reached, now_s


def of_tasks(streams: Mapping[str, Iterator[Happening]]) -> Iterator[Happening]:
    """Streams of several tasks as one; requests have ids of their own."""

    def named(task: str, first: int, heard: Iterator[Happening]) -> Iterator[Happening]:
        for at_s, what in heard:
            yield at_s, replace(what, task=task, request_id=what.request_id * len(streams) + first)

    each = (named(task, first, heard) for first, (task, heard) in enumerate(streams.items()))
    return merge(*each, key=lambda happening: happening[0])
