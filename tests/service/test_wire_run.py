"""Whole runs against a service that plays every case of the wire at once, one deployment for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_wire_cases import CASES, FAILURES, KIND, answering
from tests.support.engine_runs import beside, engine_of, finished, rollout, until
from tests.support.service import PRICE, serving
from tui.headless.result import result
from tui.model import ERRORS, Deployment, Endpoint, Snapshot
from tui.rollout import GuardSpec, Rollout, SourceSpec, TaskSpec

GOOD = "a stream"
FAILING = [name for name, (_, want) in FAILURES.items() if want.kind in ERRORS - {KIND.BAD_REQUEST}][::3]
"""A third of the shapes: an engine judges every one of them in every task."""


@asynccontextmanager
async def all_cases() -> AsyncIterator[str]:
    """The URL of the service: the model of a request is the place of its case in the table."""
    async with serving(answering(list(CASES))) as url:
        yield url


@pytest.fixture(scope="module")
def url() -> object:
    with beside(all_cases()) as address:
        yield address


def names(case: str) -> str:
    return str(list(CASES).index(case))


def of_cases(folder: Path, url: str, cases: list[str], **traffic: Any) -> Rollout:
    deployments = {names(c): Deployment(names(c), "main", "gpt-4o", "2024-11-20", PRICE) for c in cases}
    return rollout(
        folder,
        url,
        endpoints={"main": Endpoint("main", url, "v1")},
        deployments=deployments,
        weights=dict.fromkeys(deployments, 100 / len(deployments)),
        **traffic,
    )


def run(of: Rollout, ended: Callable[[Snapshot], bool]) -> Snapshot:
    engine = engine_of(of, tick_s=1.0)
    try:
        engine.start()
        until(engine, ended)
        return finished(engine)
    finally:
        engine.stop()


def test_every_kind_is_counted_as_what_it_is(tmp_path: Path, url: str) -> None:
    of = of_cases(tmp_path, url, list(CASES), rate=150.0, max_in_flight=400)
    snapshot = run(of, lambda s: all(v.figures["run"]["*"].requests for v in s.deployments.values()))
    deployments = result(snapshot, seed=1, lost=0)["deployments"]
    wrong = {}
    for case, (_, want) in CASES.items():
        seen = deployments[names(case)]
        kinds = {"ok"} if seen["ok"] else set()
        kinds |= set(seen["errors"])
        if kinds != {want.kind.value} or seen["ok"] + sum(seen["errors"].values()) != seen["requests"]:
            wrong[case] = (kinds, want.kind.value)
        if want.kind not in (KIND.OK, KIND.COMPLETION_FILTERED):
            assert seen["latency_ms"]["n"] == seen["ttft_ms"]["n"] == 0
    assert wrong == {}


def test_an_armed_guard_acts_on_every_answer_that_is_a_failure(tmp_path: Path, url: str) -> None:
    """One task for each: the guard rolls back the task whose canary fails under 200, and no other."""
    good, other = names(GOOD), names("CRLF")
    of = of_cases(tmp_path, url, [GOOD, "CRLF", *FAILING], rate=150.0, max_in_flight=400)
    tasks = {f"task{names(case)}": {good: 50.0, names(case): 50.0} for case in ("CRLF", *FAILING)}
    of = replace(
        of,
        baseline=good,
        weights={"default": {good: 100.0}, **tasks},
        tasks={task: TaskSpec() for task in ("default", *tasks)},
        guard=GuardSpec(mode="armed"),
        traffic=replace(of.traffic, sources=tuple(SourceSpec("synthetic", task=task) for task in tasks)),
    )
    failing = {task: names for task, names in tasks.items() if other not in names}
    snapshot = run(of, lambda s: all(s.weights[task][good] == 100.0 for task in failing))
    assert snapshot.weights[f"task{other}"][other] == 50.0
