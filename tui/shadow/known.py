"""Known items of a run: questions with a known answer, asked of both versions beside the traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tui.grading import TaskFileRefused, TaskItem, grade_item, read_task_file
from tui.model import (
    ENGINE,
    Context,
    EventKind,
    Grade,
    Log,
    Mark,
    Outcome,
    OutcomeKind,
    QualityView,
    Request,
    SampleKind,
)
from tui.rollout import Rollout
from tui.shadow.sampler import ShadowSampler
from tui.traffic.control import TrafficControl

KNOWN = "known"
"""The source of what has a known answer."""


class KnownItems:
    """Asks while traffic runs; what cannot be used of the task files is logged, and asked of nobody."""

    def __init__(
        self, rollout: Rollout, sampler: ShadowSampler, traffic: TrafficControl, context: Context
    ) -> None:
        self._baseline = rollout.baseline
        self._sampler = sampler
        self._second = sampler.second
        self._traffic = traffic
        self._context = context
        self._items = known_items(rollout, context.log)
        self._per_s = {task: spec.known.per_s for task, spec in rollout.tasks.items() if spec.known}
        self._asked = dict.fromkeys(self._items, 0)

    async def work(self) -> None:
        """Ask until cancelled."""
        await asyncio.gather(*(self._ask(task, items) for task, items in self._items.items() if items))

    def view(self, quality: QualityView) -> QualityView:
        """The same with how many items were asked."""
        return replace(quality, known=dict(self._asked))

    async def _ask(self, task: str, items: Sequence[TaskItem]) -> None:
        while True:
            await self._context.sleep(1 / self._per_s[task])
            canaries = self._second.canaries(task, self._baseline)
            if canaries and not self._traffic.is_held and not self._second.pauses(self._baseline):
                # Drawn with replacement: what was asked before says nothing of the next one.
                self._second.begin(self._both(task, self._second.rng.choice(items), canaries))

    async def _both(self, task: str, item: TaskItem, canaries: Sequence[str]) -> None:
        self._asked[task] += 1
        number = self._context.next_id()
        request = Request(number, task, item.messages, KNOWN, item.max_tokens, item.params, item.expected)
        asked = (self._baseline, *canaries)
        base, *others = await asyncio.gather(*(self._second.ask(request, name) for name in asked))
        of_base = _grade(item, base)
        scores = self._sampler.scores
        for other in others:
            of_other, outcomes = _grade(item, other), (base, other)
            sample = scores.keep(request, SampleKind.KNOWN, outcomes, (of_base, of_other), item.match)
            right = [None if grade is None else grade.is_right for grade in (of_base, of_other)]
            counted = all(map(self._second.is_on_trial, outcomes))
            if counted and right[0] is not None and right[1] is not None:
                scores.pair(task, other.deployment, "accuracy", int(right[0]), int(right[1]))
            if of_base is not None and of_base.mark is Mark.FOR_JUDGE:
                self._sampler.have_judged(sample, outcomes)


def _grade(item: TaskItem, outcome: Outcome) -> Grade | None:
    """None where the service gave no answer: that says nothing of what the version knows."""
    if outcome.kind is not OutcomeKind.OK:
        return None
    return grade_item(item, outcome.answer_text or "")


def known_items(rollout: Rollout, log: Log) -> dict[str, tuple[TaskItem, ...]]:
    """The items with a known answer, by task. What cannot be used is said in the log, and asked of nobody."""
    found: dict[str, tuple[TaskItem, ...]] = {}
    for task, spec in rollout.tasks.items():
        if spec.known is not None:
            found[task] = _items(task, spec.known.path, log)
    return found


def _items(task: str, path: Path, log: Log) -> tuple[TaskItem, ...]:
    where = f"known answers of {task} ({path})"
    try:
        file = read_task_file(path)
    except (OSError, TaskFileRefused) as error:
        log(EventKind.SOURCE, ENGINE, f"{where}: not asked, {error}")
        return ()
    if file.bad_count:
        bad = file.bad_lines[0]
        said = f"{file.bad_count} lines not used; line {bad.line}: {bad.reason}"
        log(EventKind.SOURCE, ENGINE, f"{where}: {said}")
    if not file.items:
        log(EventKind.SOURCE, ENGINE, f"{where}: no item in it, so nothing is asked")
    return file.items
