"""What the verdicts say of whole runs: the real engine on the real simulator, on a virtual clock.

``python -m bench.rehearsals [--minutes N] [--seeds N] [--rate N] [--canary PCT]
[--streamed N | --no-stream] [--found] [NAME ...]`` plays what ``bench.rehearsed`` has, with the rollout
of the demo, each with several seeds, two runs at a time. Nothing but the service takes time, so the same seed
gives the same figures anywhere.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rehearsed import Rehearsed, plays
from tests.support.rehearsal import Busy, rehearse
from tui.cli.rehearsal import shipped
from tui.model import CRITERIA, EventKind, Snapshot, Verdict, VerdictState
from tui.rollout import GuardSpec, load_rollout

_PROCESSES = 2
_UNLIKE = "the answered are not the same prompts"
_LONGEST_STALL_S = 0.12
_STALLED_S, _SPAN_S = 15.0, 50.0
"""Stalls come for so long of each span. The mark lasts for 10 s after the last one: so for half of the time."""


@dataclass(frozen=True)
class Case:
    """One run. ``rate`` is requests per second. With ``found`` it ends as soon as what is right is WORSE."""

    name: str
    seed: int
    minutes: float
    rate: float
    canary_pct: float
    stream: bool
    found: bool = False

    @property
    def play(self) -> Rehearsed:
        return plays(self.rate, self.canary_pct)[self.name]


@dataclass(frozen=True)
class Called:
    """A verdict, and how many of the canary's requests had ended by then since the onset."""

    criterion: str
    at_s: float
    canary_requests: int = 0


@dataclass(frozen=True)
class Seen:
    """What came of a case: every verdict in order, and what it cost. ``canary`` are its finished requests.
    ``gated``: the balance gate was said to stand; ``throttled``: what that criterion showed at the end;
    ``marked``: share of the requests that were marked."""

    case: Case
    worse: tuple[Called, ...]
    ok: tuple[Called, ...]
    gated: bool
    throttled: Verdict | None
    rolled_back: str
    marked: float
    requests: int
    canary: int
    lost: int
    cpu_s: float

    @property
    def right(self) -> tuple[Called, ...]:
        play = self.case.play
        return tuple(c for c in self.worse if c.criterion in play.right and c.at_s > play.onset_s)

    @property
    def wrong(self) -> tuple[Called, ...]:
        """False alarms: before the onset all are."""
        play = self.case.play
        return tuple(c for c in self.worse if c.criterion not in play.may or c.at_s <= play.onset_s)

    @property
    def wrong_ok(self) -> tuple[Called, ...]:
        return tuple(c for c in self.ok if c.criterion in self.case.play.never_ok)


@dataclass
class _Watched:
    """What was ever said of the canaries, a second at a time."""

    case: Case
    called: dict[tuple[VerdictState, str], Called] = field(default_factory=dict)
    gated: bool = False
    throttled: Verdict | None = None

    def __call__(self, snapshot: Snapshot) -> bool:
        play, enough = self.case.play, False
        for verdicts in snapshot.verdicts.values():
            for v in verdicts:
                if v.criterion == "throttled" and v.canary_value is not None:
                    self.throttled = v
                self.gated |= v.note.startswith(_UNLIKE)
                if v.advisory or v.since_s is None:
                    continue
                self.called.setdefault((v.state, v.criterion), Called(v.criterion, v.since_s))
                enough |= v.state is VerdictState.WORSE and v.criterion in play.right
        return enough and self.case.found

    def of(self, state: VerdictState, ended_s: Sequence[float]) -> tuple[Called, ...]:
        """``ended_s`` are the ends of the canary's requests."""
        onset_s = self.case.play.onset_s
        found = (
            replace(c, canary_requests=sum(onset_s < s <= c.at_s for s in ended_s))
            for (kind, _), c in self.called.items()
            if kind is state
        )
        return tuple(sorted(found, key=lambda called: called.at_s))


def play(case: Case) -> Seen:
    """Play one case in this process."""
    # As the engine does: what exists now need not be walked again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    of = load_rollout(shipped("demo.toml"), env={})
    canary = next(name for name, pct in of.weights["default"].items() if pct and name != of.baseline)
    weights = dict.fromkeys(of.deployments, 0.0) | {
        of.baseline: 100 - case.canary_pct,
        canary: case.canary_pct,
    }
    of = replace(
        of,
        # The demo's budget would end the traffic after some nine minutes.
        traffic=replace(of.traffic, rate=case.rate, stream=case.stream, budget_usd=None),
        weights={"default": weights},
        guard=GuardSpec("off" if case.play.may else "armed"),
    )
    watched = _Watched(case)
    with TemporaryDirectory() as folder:
        began_s = time.process_time()
        run = rehearse(
            of,
            case.play.scenario,
            Path(folder),
            seed=case.seed,
            for_s=60 * case.minutes,
            watch=watched,
            busy=_stalls(case.seed) if case.play.busy else None,
        )
        cpu_s = time.process_time() - began_s
        outcomes = run.outcomes()
        rolled_back = [e.reason for e in run.events() if e.kind is EventKind.ROLLED_BACK]
    ended_s = [o.ended_s for o in outcomes if o.deployment == canary]
    return Seen(
        case,
        watched.of(VerdictState.WORSE, ended_s),
        watched.of(VerdictState.OK, ended_s),
        watched.gated,
        watched.throttled,
        rolled_back[0] if rolled_back else "",
        sum(o.saturated for o in outcomes) / len(outcomes),
        len(outcomes),
        len(ended_s),
        run.lost,
        cpu_s,
    )


def _stalls(seed: int) -> Busy:
    """Computing for up to 0.12 s at a time, during some seconds of each span."""
    rng = random.Random(f"{seed}/stalls")
    return lambda now_s: rng.uniform(0.0, _LONGEST_STALL_S) if now_s % _SPAN_S < _STALLED_S else 0.0


def report(name: str, seen: Sequence[Seen]) -> Iterator[str]:
    """What is to be said of one rehearsal, line by line."""
    of = seen[0].case.play
    yield f"{name}: {of.scenario.description}"
    if of.right:
        found = [s.right[0] for s in seen if s.right]
        yield f"  WORSE for {' or '.join(of.right)}: {len(found)} of {len(seen)} seeds{_after(found, of)}"
        each = ", ".join(f"{s.right[0].at_s - of.onset_s:.0f}" if s.right else "-" for s in seen)
        yield f"    seconds from the onset, by seed: {each}"
    for criterion in of.may:
        called = [c for s in seen for c in s.worse if c.criterion == criterion and c not in s.wrong]
        if called:
            yield f"    {criterion:<18}{len(called):3} seeds{_after(called, of)}"
    yield from _alarms("WORSE for anything else" if of.may else "false WORSE", [(s, s.wrong) for s in seen])
    if of.never_ok:
        yield from _alarms("false OK", [(s, s.wrong_ok) for s in seen])
    if not of.may:
        acted = [f"seed {s.case.seed}: {s.rolled_back}" for s in seen if s.rolled_back]
        yield f"  the armed guard acted in {len(acted)} of {len(seen)} seeds"
        yield from (f"    {why}" for why in acted)
    fine = [name for name in CRITERIA if all(any(c.criterion == name for c in s.ok) for s in seen)]
    yield f"  OK in every seed: {', '.join(fine) or 'nothing'}"
    if of.throttled:
        yield from _side(of.throttled, seen)
    if any(s.gated for s in seen):
        yield f'  "{_UNLIKE}" was said in {sum(s.gated for s in seen)} of {len(seen)} seeds'
    if of.busy:
        yield f"  {100 * statistics.mean(s.marked for s in seen):.0f} % of the requests were marked"
    canary, lost = sum(s.canary for s in seen), sum(s.lost for s in seen)
    yield f"  {sum(s.requests for s in seen):,} requests, {canary:,} to the canary, {lost} lost"
    for stream, kind in ((True, "streamed"), (False, "not streamed")):
        if some := [s for s in seen if s.case.stream is stream]:
            ms = 1000 * sum(s.cpu_s for s in some) / sum(s.requests for s in some)
            run_s = statistics.mean(s.cpu_s for s in some)
            yield f"  {len(some)} runs {kind}: {run_s:.0f} s of CPU each, {ms:.1f} ms a request"


def _alarms(what: str, found: Sequence[tuple[Seen, Sequence[Called]]]) -> Iterator[str]:
    alarmed = [(s, called) for s, called in found if called]
    yield f"  {what}: {len(alarmed)} of {len(found)} seeds"
    for seen, called in alarmed:
        each = ", ".join(f"{c.criterion} at {c.at_s:.0f} s" for c in called)
        yield f"    seed {seen.case.seed}: {each}"


def _side(side: str, seen: Sequence[Seen]) -> Iterator[str]:
    """Whether ``throttled`` shows which of the two is."""
    shown = [s.throttled for s in seen if s.throttled is not None]
    pairs = [(v.canary_value or 0.0, v.baseline_value or 0.0) for v in shown]
    right = sum((own > base) is (side == "canary") for own, base in pairs)
    states = ", ".join(f"{state} {n}" for state, n in Counter(v.state.value for v in shown).items())
    yield f"  `throttled` shows the {side} in {right} of {len(seen)} seeds ({states})"
    if pairs:
        own, base = (statistics.median(side) for side in zip(*pairs, strict=True))
        yield f"    canary {own:.0f} %, baseline {base:.0f} %"


def _after(found: Sequence[Called], of: Rehearsed) -> str:
    if not found:
        return ""
    after_s = statistics.median(c.at_s - of.onset_s for c in found)
    return f", {after_s:.0f} s and {statistics.median(c.canary_requests for c in found):.0f} canary requests"


def main() -> None:
    """The report of a rehearsal appears when its last run has ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.rehearsals", description=__doc__)
    known = plays(40.0, 10.0)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(known)}")
    parser.add_argument("--minutes", type=float, default=20.0, help="virtual length of a run (20)")
    parser.add_argument("--seeds", type=int, default=20, help="runs of each rehearsal (20)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests per second (40)")
    parser.add_argument("--canary", type=float, default=10.0, metavar="PCT", help="the canary's weight (10)")
    parser.add_argument("--found", action="store_true", help="end a run as soon as what is right is WORSE")
    parser.add_argument(
        "--streamed",
        type=int,
        default=5,
        metavar="N",
        help="runs with streamed answers, which TTFT and ms per token need and which cost more than twice"
        " the time (5)",
    )
    parser.add_argument("--no-stream", dest="streamed", action="store_const", const=0, help="--streamed 0")
    given = parser.parse_args()
    names = given.names or list(known)
    if unknown := set(names) - set(known):
        parser.error(f"unknown rehearsals {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    began_s = time.monotonic()
    streamed = min(given.streamed, given.seeds)
    print(
        f"{given.minutes:g} min at {given.rate:g} requests/s, {given.canary:g} % to the canary,"
        f" {given.seeds} seeds of which {streamed} streamed; medians are counted from the onset\n",
        flush=True,
    )
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        runs: dict[str, list[Future[Seen]]] = {
            name: [
                pool.submit(
                    play,
                    Case(name, seed, given.minutes, given.rate, given.canary, seed <= streamed, given.found),
                )
                for seed in range(1, given.seeds + 1)
            ]
            for name in names
        }
        for name, of_name in runs.items():
            for line in report(name, [run.result() for run in of_name]):
                print(line, flush=True)
    print(f"\n{(time.monotonic() - began_s) / 60:.1f} min in {_PROCESSES} processes")


if __name__ == "__main__":
    main()
