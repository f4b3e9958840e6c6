"""From a rollout file to its quality room: task files read, the judging model connected."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from tui.grading import TaskFileRefused, TaskItem, read_task_file
from tui.grading.judge import JudgingModel
from tui.model import ENGINE, EventKind, Outcome, Sample
from tui.rollout import JudgeSpec, Rollout
from tui.routing.controller import Log
from tui.service.client import ServiceClient
from tui.service.prices import load_prices, price_for
from tui.shadow.judge_queue import JudgeQueue
from tui.shadow.samples import SampleStore

JUDGE_TIMEOUT_S = 120.0
"""Longest that one call of the judging model may take."""

_CONNECTIONS = 8


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


class Judges:
    """Makes the judging room of a run, and closes what it used. There is one judge at most."""

    def __init__(
        self,
        rollout: Rollout,
        *,
        env: Mapping[str, str],
        seed: int,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        log: Log,
    ) -> None:
        self._spec = rollout.quality.judge
        self._env = env
        self._seed = seed
        self._now = now
        self._clock = clock
        self._log = log
        self._client = None if self._spec is None else self._connected(self._spec, rollout)

    def _connected(self, spec: JudgeSpec, rollout: Rollout) -> ServiceClient:
        judge = spec.deployment
        if judge.price is None:
            judge = replace(judge, price=price_for(judge.model, judge.version, load_prices()))
        return ServiceClient(
            {judge.endpoint: rollout.endpoints[judge.endpoint]},
            {judge.name: judge},
            env=self._env,
            clock=self._clock,
            timeout_s=JUDGE_TIMEOUT_S,
            stream=False,
            max_in_flight=_CONNECTIONS,
            keep_text=True,
        )

    def room(self, store: SampleStore, scored: Callable[[Sample], None]) -> JudgeQueue | None:
        """None where the rollout names no judge: then people score."""
        if self._spec is None or self._client is None:
            return None
        name, seed = self._spec.deployment.name, self._seed
        new_model = partial(_model, self._client, name, random.Random(f"{seed}/judge"), self._clock, self._now)
        return JudgeQueue(
            new_model,
            name=name,
            rubric=self._spec.rubric,
            budget_usd=self._spec.budget_usd,
            store=store,
            scored=scored,
            log=self._log,
            rng=random.Random(f"{seed}/anchors"),
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _model(
    client: ServiceClient,
    name: str,
    rng: random.Random,
    clock: Callable[[], float],
    now: Callable[[], datetime],
    spent: Callable[[Outcome], None],
) -> JudgingModel:
    return JudgingModel(client, name, rng=rng, clock=clock, now=now, spent=spent)
