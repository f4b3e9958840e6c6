"""When a faulty judge is noticed in whole runs: the real engine on the real simulator, by a virtual clock.

``python -m bench.judges [--seeds N] [--minutes N] [SCENARIO ...]``
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.quality_runs import judged_rollout
from tests.support.rehearsal import rehearse
from tui.engine.session import Session
from tui.model import EventKind
from tui.simulator.scenarios import SCENARIOS

EXPECTED = {
    "migration": "",
    "judge-fails": "FAILING",
    "judge-nonsense": "FAILING",
    "judge-first": "PREFERS the first",
    "judge-drifts": "DRIFTS",
}
"""Scenario -> what has to be said of its judge."""

ONSET_S = 60.0
_PROCESSES = 2


@dataclass(frozen=True)
class Said:
    """What was said of the judge first, when, and how many judgements had been asked for since the onset."""

    text: str
    at_s: float
    judgements: int


@dataclass(frozen=True)
class Seen:
    """One run: all that was said, how many judgements it had, and what stood on the screen at the end."""

    said: tuple[Said, ...]
    asked: int
    shown: str


def play(seed: int, scenario: str, minutes: float) -> Seen:
    """Play one run in this process."""
    asked: list[tuple[float, int]] = []

    def look(session: Session) -> None:
        judge = session.sampler.view().judge
        asked.append((session.clock(), 0 if judge is None else judge.asked))

    with TemporaryDirectory() as folder:
        hands = [(float(second), look) for second in range(1, int(60 * minutes))]
        run = rehearse(judged_rollout(), scenario, Path(folder), seed=seed, for_s=60 * minutes, hands=hands)
        events = [event for event in run.events() if event.kind is EventKind.JUDGE]
    at_onset = max((n for at_s, n in asked if at_s <= ONSET_S), default=0)
    said = tuple(
        Said(e.text, e.at_s, max((n for at_s, n in asked if at_s <= e.at_s), default=0) - at_onset)
        for e in events
        if e.at_s is not None
    )
    judge = run.last.quality.judge
    assert judge is not None
    shown = "; ".join(text for text in (judge.text, judge.position.text, judge.anchors.text) if text)
    return Seen(said, judge.asked, shown)


def report(scenario: str, seen: Sequence[Seen]) -> Iterator[str]:
    """What is to be said of one scenario, line by line."""
    yield f"{scenario}: {SCENARIOS[scenario].description}"
    expected = EXPECTED[scenario]
    found = [next((s for s in one.said if expected in s.text and s.at_s > ONSET_S), None) for one in seen]
    if expected:
        right = [said for said in found if said is not None]
        after = "".join(
            f", median {statistics.median(values):.0f} {unit} (most {max(values):.0f})"
            for values, unit in (
                ([s.judgements for s in right], "judgements"),
                ([s.at_s - ONSET_S for s in right], "s"),
            )
            if values
        )
        yield f"  {expected}: {len(right)} of {len(seen)} seeds{after}"
    others = [
        s for one in seen for s in one.said if not expected or expected not in s.text or s.at_s <= ONSET_S
    ]
    yield f"  anything else said: {len(others)} times in {len(seen)} runs"
    yield from (f"    at {other.at_s:.0f} s: {other.text}" for other in others)
    yield f"  {statistics.mean(one.asked for one in seen):.0f} judgements a run; shown last: {seen[0].shown}"


def main() -> None:
    """The report of a scenario appears when its last run has ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.judges", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"only these: {', '.join(EXPECTED)}")
    parser.add_argument("--minutes", type=float, default=8.0, help="virtual length of a run (8)")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each scenario (5)")
    given = parser.parse_args()
    scenarios = given.scenarios or list(EXPECTED)
    if unknown := set(scenarios) - set(EXPECTED):
        parser.error(f"unknown scenarios {', '.join(sorted(unknown))}; known: {', '.join(EXPECTED)}")
    began_s = time.monotonic()
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        for scenario in scenarios:
            work = partial(play, scenario=scenario, minutes=given.minutes)
            for line in report(scenario, list(pool.map(work, range(1, given.seeds + 1)))):
                print(line, flush=True)
    print(f"\n{(time.monotonic() - began_s) / 60:.1f} min in {_PROCESSES} processes")


if __name__ == "__main__":
    main()
