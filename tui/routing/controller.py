"""Controller of the weights: shift, roll back, promote, undo. Swap first, then say so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from tui.base.weight_rules import weight_mistakes
from tui.model import DEFAULT_TASK, WEIGHT_CHANGES, Context, Event, EventKind, WeightTable
from tui.routing.router import Router
from tui.routing.weights import all_to, describe, frozen, raised, shares_of, validate, with_share

_T = TypeVar("_T")

UNDOABLE = WEIGHT_CHANGES - {EventKind.RESUMED}
"""With what a run begins is no change that somebody made in it."""

BURST_S = 0.3
"""Key presses of one actor on one deployment that follow each other faster than this are one change to undo."""


class CommandRefused(Exception):
    """A command was not carried out; the text says why and what would be accepted."""


class LeftHalfDone(CommandRefused):
    """A command was begun and did not end as asked; the text says first what is there now."""


class NothingToDo(CommandRefused):
    """The weights are what was asked for already; the text says that."""


class RaisePolicy(Protocol):
    """Policy on traffic for a canary: each method says why there is to be none, or None.

    ``why_not_raise`` is asked only for changes that raise a canary (lowering is never refused), ``why_never``
    even where the first is overridden, and by undo: there is nothing that could take traffic.
    """

    def why_not_raise(self, deployment: str, tasks: tuple[str, ...]) -> str | None: ...

    def why_never(self, deployment: str) -> str | None: ...


class Controller:
    """Changes the router's weights, each change being an event with actor, reason, before and after.

    The weights of the router name every deployment in every task. Undo goes back through the events of ``past``
    too, those of an earlier run.
    """

    def __init__(
        self,
        router: Router,
        policy: RaisePolicy,
        context: Context,
        *,
        baseline: str,
        past: Iterable[Event] = (),
    ) -> None:
        self._router = router
        self._log = context.log
        self._clock = context.clock
        self._baseline = baseline
        self._policy = policy
        self._deployments = tuple(shares_of(router.weights, DEFAULT_TASK))
        self._undo: list[WeightTable] = _undo_stack(past, router.weights, self._deployments, baseline)
        self._burst: tuple[str, str, float, int] = ("", "", float("-inf"), 0)
        self._burst_is_kept = False
        self._groups = 0

    @property
    def can_undo(self) -> WeightTable | None:
        """The weights that ``undo`` would restore."""
        return self._undo[-1] if self._undo else None

    def weight_pct(self, name: str, task: str | None = None) -> float:
        """The weight of a deployment in a task, or the largest over the tasks; 0 for one that has none."""
        weights = self._router.weights
        return max(shares.get(name, 0.0) for shares in ([weights[task]] if task else weights.values()))

    def add_deployment(self, name: str, actor: str, text: str, reason: str) -> Event:
        """One more deployment, at weight 0 in every task. What undo restores has it at 0 too.

        Raises:
            CommandRefused: It is part of the rollout already.
        """
        if name in self._deployments:
            raise CommandRefused(f"{name} is part of this rollout already")
        self._deployments = (*self._deployments, name)
        self._undo = [_with(table, name) for table in self._undo]
        before = self._router.weights
        after = frozen(_with(before, name))
        self._router.swap(after)
        return self._log(EventKind.ADDED, actor, text, reason=reason, before=before, after=after)

    def roll_back(self, actor: str, reason: str = "", task: str | None = None) -> Event:
        """The baseline to 100 in every task (or one). Never refused for the state of the data.

        Raises:
            NothingToDo: The baseline has all of it.
            CommandRefused: ``task`` does not exist.
        """
        before = self._router.weights
        after = self._computed(lambda: all_to(before, self._baseline, task))
        if after == before:
            which = "all traffic" if task is None or len(before) == 1 else f"all traffic of {task}"
            raise NothingToDo(f"nothing to roll back: {which} is on {self._baseline}")
        return self._change(EventKind.ROLLED_BACK, actor, after, reason)

    def promote(self, deployment: str, actor: str, task: str | None = None) -> Event:
        """One deployment to 100 in every task (or one).

        Raises:
            CommandRefused: Deployment or task is unknown, or the deployment's data do not allow more traffic.
        """
        self._known(deployment)
        after = self._computed(lambda: all_to(self._router.weights, deployment, task))
        self._permit(after, force=False)
        return self._change(EventKind.PROMOTED, actor, after, "")

    def shift(
        self,
        deployment: str,
        pct: float,
        actor: str,
        reason: str = "",
        task: str | None = None,
        force: bool = False,
    ) -> Event:
        """One deployment to ``pct`` percent; the baseline gives or takes the difference.

        Raises:
            CommandRefused: The value, task or deployment is wrong, or its data do not allow more traffic.
        """
        self._known(deployment)
        before = self._router.weights
        after = self._computed(lambda: with_share(before, deployment, pct, baseline=self._baseline, task=task))
        self._permit(after, force)
        return self._change(EventKind.SHIFTED, actor, after, reason, burst_of=deployment)

    def nudge(self, deployment: str, points: float, actor: str, task: str | None = None) -> Event:
        """One deployment up or down by ``points``, task by task, stopping at 0 and 100.

        Raises:
            CommandRefused: As for ``shift``.
        """
        self._known(deployment)
        after = self._router.weights
        for name in [task] if task else list(after):
            pct = min(100.0, max(0.0, shares_of(after, name)[deployment] + points))
            after = self._computed(
                lambda name=name, pct=pct, table=after: with_share(  # type: ignore[misc]
                    table, deployment, pct, baseline=self._baseline, task=name
                )
            )
        self._permit(after, force=False)
        return self._change(EventKind.SHIFTED, actor, after, "", burst_of=deployment)

    def apply(
        self, weights: WeightTable, actor: str, reason: str, *, kind: EventKind = EventKind.PROFILE_APPLIED
    ) -> Event:
        """A whole table at once. Tasks that it does not name keep their weights.

        Raises:
            CommandRefused: The table does not fit this rollout, or raises a canary whose data forbid it.
        """
        current = self._router.weights
        unknown = [task for task in weights if task not in current]
        if unknown:
            raise CommandRefused(f"this rollout has no task {', '.join(unknown)}")
        after = {
            task: {name: float(weights.get(task, shares).get(name, 0.0)) for name in shares}
            for task, shares in current.items()
        }
        self._computed(lambda: validate(weights, self._deployments))
        self._permit(after, force=False)
        return self._change(kind, actor, after, reason)

    def undo(self, actor: str) -> Event:
        """Back to the weights before the last change (a burst counts as one); repeated, further back.

        Raises:
            CommandRefused: There is nothing to undo.
        """
        if not self._undo:
            raise CommandRefused("nothing to undo: the weights have not been changed")
        for name in raised(self._router.weights, self._undo[-1], self._baseline):
            if why := self._policy.why_never(name):
                raise CommandRefused(f"undo would give traffic to {name}: {why}")
        before, after = self._router.weights, self._undo.pop()
        self._router.swap(after)
        self._burst = ("", "", float("-inf"), 0)
        return self._log(EventKind.UNDONE, actor, describe(before, after), before=before, after=after)

    def _change(
        self, kind: EventKind, actor: str, after: WeightTable, reason: str, burst_of: str | None = None
    ) -> Event:
        before = self._router.weights
        after = frozen(after)
        self._router.swap(after)
        now = self._clock()
        last_actor, last_name, last_at, group = self._burst
        if burst_of is not None and (actor, burst_of) == (last_actor, last_name) and now - last_at <= BURST_S:
            self._burst = (actor, burst_of, now, group)
        else:
            self._groups += 1
            group = self._groups
            self._burst = (actor, burst_of or "", now if burst_of else float("-inf"), group)
            self._burst_is_kept = False
        # The first press of a burst that changes something: one before it may have been at an end already.
        if after != before and not self._burst_is_kept:
            self._undo.append(before)
            self._burst_is_kept = True
        return self._log(
            kind, actor, describe(before, after), reason=reason, before=before, after=after, group=group
        )

    def _known(self, deployment: str) -> None:
        if deployment not in self._deployments:
            raise CommandRefused(f"no deployment is named {deployment}: {', '.join(self._deployments)}")

    def _permit(self, after: WeightTable, force: bool) -> None:
        for name, tasks in raised(self._router.weights, after, self._baseline).items():
            why = self._policy.why_never(name) or (None if force else self._policy.why_not_raise(name, tasks))
            if why:
                raise CommandRefused(f"{name} gets no more traffic: {why}")

    @staticmethod
    def _computed(compute: Callable[[], _T]) -> _T:
        try:
            return compute()
        except ValueError as error:
            raise CommandRefused(str(error)) from error


def _with(table: WeightTable, name: str) -> WeightTable:
    return frozen({task: {**shares, name: shares.get(name, 0.0)} for task, shares in table.items()})


def _undo_stack(
    past: Iterable[Event], now: WeightTable, deployments: Sequence[str], baseline: str
) -> list[WeightTable]:
    """What undo can go back through, from the events of an earlier run of the same rollout, fitted to the tasks
    and deployments of now; what is no table of weights is left out."""
    stack: list[WeightTable] = []
    last_group = 0
    for event in past:
        if event.kind not in UNDOABLE or event.before is None or event.before == event.after:
            continue
        if event.kind is EventKind.UNDONE:
            if stack:
                stack.pop()
        elif not event.group or event.group != last_group:
            stack.append(event.before)
        last_group = event.group
    legal = (table for table in stack if not any(any(weight_mistakes(s, None)) for s in table.values()))
    return [_fitted(table, now, deployments, baseline) for table in legal]


def _fitted(table: WeightTable, now: WeightTable, deployments: Sequence[str], baseline: str) -> WeightTable:
    """An older table with the tasks and deployments of now. One that had not joined yet had no weight, the
    baseline has that of those who take part no more, and a task that is new stays as it is."""
    fitted = {}
    for task, shares in now.items():
        old = table.get(task, shares)
        kept = {name: old.get(name, 0.0) for name in deployments}
        kept[baseline] += math.fsum(pct for name, pct in old.items() if name not in kept)
        fitted[task] = kept
    return frozen(fitted)
