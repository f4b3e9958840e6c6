"""Traffic for a measurement: a rollout file on the service, and the whole engine in a fresh process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import tomli_w

from tui.model import OutcomeKind
from tui.model.commands import Mark

if TYPE_CHECKING:  # the process that prints the table does without the program
    from tui.engine.thread import Engine
    from tui.model import Snapshot

BASELINE, CANARY = "gpt-4o", "GPT-4o"
"""The service names itself gpt-4o in its headers, and an answer of another name would count as spillover. The
comparison ignores case: so both are taken for the deployment that was asked."""


@dataclass(frozen=True)
class Load:
    """Requests at a constant ``rate`` per second to ``url``."""

    url: str
    rate: float
    stream: bool = False
    max_in_flight: int = 1000
    canary_pct: float = 10.0

    def write(self, folder: Path) -> Path:
        """The rollout file for it."""
        path = folder / "bench.toml"
        versions = {BASELINE: "2024-11-20", CANARY: "2025-05-13"}
        document = {
            "rollout": {"name": "bench", "baseline": BASELINE},
            "endpoints": {"main": {"url": self.url, "api": "v1"}},
            "deployments": {
                name: {"endpoint": "main", "model": "gpt-4o", "version": version}
                for name, version in versions.items()
            },
            "weights": {"default": {BASELINE: 100 - self.canary_pct, CANARY: self.canary_pct}},
            "traffic": {
                "rate": self.rate,
                "arrivals": "constant",
                "stream": self.stream,
                "max_in_flight": self.max_in_flight,
            },
        }
        path.write_text(tomli_w.dumps(document), encoding="utf-8")
        return path


def in_child(work: Callable[..., Any], *args: Any) -> Any:
    """``work(*args)`` in a fresh process: nothing that an earlier row left is measured."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


@contextmanager
def engine_on(load: Load) -> Iterator[Engine]:
    """The whole engine under ``load``, recording into a folder that is removed at the end."""
    from tui.cli.wiring import RunOptions, running
    from tui.rollout import load_rollout

    with TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        rollout = load_rollout(load.write(Path(folder)), env=os.environ)
        with running(rollout, RunOptions(seed=1)) as run:
            run.engine.probes.result()
            yield run.engine


@dataclass(frozen=True)
class Moment:
    """A snapshot with the clocks at which it was made; ``cpu_s`` is that of every thread of this process."""

    at_s: float
    cpu_s: float
    snapshot: Snapshot

    @property
    def requests(self) -> int:
        """Finished since the start of the run."""
        return sum(view.figures["run"]["*"].requests for view in self.snapshot.deployments.values())

    @property
    def answered(self) -> int:
        views = self.snapshot.deployments.values()
        return sum(view.figures["run"]["*"].kinds.get(OutcomeKind.OK, 0) for view in views)

    def since(self, before: Moment) -> dict[str, float]:
        """CPU ms per finished request, and answers per second."""
        finished = max(self.requests - before.requests, 1)
        return {
            "cpu_ms": 1000 * (self.cpu_s - before.cpu_s) / finished,
            "rps": (self.answered - before.answered) / (self.at_s - before.at_s),
        }


def now(engine: Engine) -> Moment:
    """This moment: a command that changes nothing makes the engine publish a snapshot."""
    moment: Future[Moment] = Future()

    def take(snapshot: Snapshot) -> None:
        if not moment.done():
            moment.set_result(Moment(time.perf_counter(), time.process_time(), snapshot))

    engine.subscribe(take)
    engine.send(Mark("bench"), actor="bench")
    try:
        return moment.result(timeout=30)
    finally:
        engine.unsubscribe(take)
