"""When each thing of the story in profiles/cheaper.toml happens: whole runs of it by a virtual clock.

``python -m bench.cheaper [--seeds N] [--seconds N]``; answers are not streamed, which decides nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.rehearsal import rehearse
from tui.cli.rehearsal import shipped
from tui.model import Event, EventKind, VerdictState
from tui.rollout import load_rollout

_MAIL, _DEEDS = "email_summarisation", "contract_analysis"
_PROCESSES = 2
_BACK, _HALF, _ALL, _DONE = "contracts rolled back", "summaries at 50 %", "summaries at 100 %", "plan done"


@dataclass(frozen=True)
class Told:
    """One run: when each thing happened (seconds), what the guard acted on, and which verdicts were wrong."""

    seed: int
    at_s: Mapping[str, float]
    why: str
    wrong: tuple[str, ...]
    saved_pct: float | None
    cpu_s: float


def play(seed: int, seconds: float) -> Told:
    """Play one run in this process."""
    of = load_rollout(shipped("cheaper.toml"), env={})
    canary = next(name for name in of.deployments if name != of.baseline)
    began_s = time.process_time()
    with TemporaryDirectory() as folder:
        of = replace(of, traffic=replace(of.traffic, stream=False))
        run = rehearse(of, "migration", Path(folder), seed=seed, for_s=seconds)
        events = run.events()
    at_s: dict[str, float] = {}
    for event in events:
        if (what := _what(event, canary)) is not None and event.at_s is not None:
            at_s.setdefault(what, event.at_s)
    backs = [event for event in events if event.kind is EventKind.ROLLED_BACK]
    verdicts = run.last.verdicts[canary]
    wrong = [f"{v.task} {v.label}" for v in verdicts if v.state is VerdictState.WORSE and v.task != _DEEDS]
    cost = next((v for v in verdicts if (v.task, v.criterion) == (_MAIL, "cost")), None)
    return Told(
        seed,
        at_s,
        "; ".join(event.reason for event in backs),
        tuple(wrong),
        None if cost is None else cost.difference_pct,
        time.process_time() - began_s,
    )


def _what(event: Event, canary: str) -> str | None:
    if event.after is None or event.before is None:
        return _DONE if event.kind is EventKind.PLAN and event.text.endswith(": done") else None
    if event.kind is EventKind.ROLLED_BACK and event.after[_DEEDS][canary] == 0:
        return _BACK
    if event.kind is EventKind.SHIFTED:
        return {50.0: _HALF, 100.0: _ALL}.get(event.after[_MAIL][canary])
    return None


def report(told: Sequence[Told]) -> Iterator[str]:
    """A line for each run, and the medians."""
    names = (_BACK, _HALF, _ALL, _DONE)
    yield f"{'seed':>6}" + "".join(f"{name:>24}" for name in names)
    for one in told:
        yield f"{one.seed:>6}" + "".join(
            f"{one.at_s[name]:>22.0f} s" if name in one.at_s else f"{'never':>24}" for name in names
        )
        yield f"{'':>6}  {one.why}"
    medians = (statistics.median(one.at_s.get(name, float("inf")) for one in told) for name in names)
    yield f"{'median':>6}" + "".join(f"{median:>22.0f} s" for median in medians)
    wrong = [text for one in told for text in one.wrong]
    yield f"WORSE outside of contracts: {len(wrong)} {', '.join(wrong)}".rstrip()
    saved = [one.saved_pct for one in told if one.saved_pct is not None]
    if saved:
        yield f"cost of a summary: {statistics.median(saved):+.0f} %"
    yield f"{statistics.mean(one.cpu_s for one in told):.0f} s of CPU a run"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cheaper", description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="runs (8)")
    parser.add_argument("--seconds", type=float, default=480.0, help="virtual length of a run (480)")
    given = parser.parse_args()
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        work = partial(play, seconds=given.seconds)
        for line in report(list(pool.map(work, range(1, given.seeds + 1)))):
            print(line, flush=True)


if __name__ == "__main__":
    main()
