"""``python -m bench.killed [--kills N] [--seed N]``: runs and cockpits that are killed at random moments.

After each ``kill -9`` it is asked with which weights ``--resume`` would begin. That must never be more of the
canary than what the newest record says that sent a request or changed a weight, and a run that had a request
served must be the one that is taken up. Every tenth time it is resumed in earnest, too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import tomli_w

from bench.terminal import terminal
from tests.support.engine_runs import NEW, OLD
from tests.support.places import ROOT
from tests.support.rollout_files import ENV, document
from tests.support.simulator_process import simulators
from tests.support.simulator_service import quick
from tui.cli.wiring import RunOptions
from tui.engine.resume import resumed
from tui.model import WEIGHT_CHANGES, Event, EventKind, WeightTable
from tui.record.kept_weights import kept_path, read_kept
from tui.record.reader import RunInfo, UnreadableRecord, list_runs, read_events
from tui.rollout import Rollout, load_rollout
from tui.simulator.behaviour import PretendDeployment

_FILE_PCT = 30.0
_LONGEST_S = 6.0
"""From the start of a command to its end. The traffic begins after 1 to 3 s."""
_KEYS = ("r", "+", "-", "+", "+", "r", "uu", "")
_GUARD = {"mode": "armed"}
_CHANGES = WEIGHT_CHANGES - {EventKind.RESUMED}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one kill left. ``left`` is how far the run had come, ``wrong`` what must not be, empty where all is
    well."""

    command: str
    left: str
    pct: float
    wrong: str


class Bench:
    """One rollout file for cockpits, and one for runs whose canary always fails, so that the guard acts."""

    def __init__(self, folder: Path, urls: dict[str, str], seed: int) -> None:
        self._folder = folder
        self._urls = urls
        self._rng = random.Random(seed)
        self._env = {**ENV, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}
        self._runs = folder / "state" / "canarytop" / "runs"
        self._files = {command: self._rollout(command, url) for command, url in urls.items()}
        self._served = dict.fromkeys(urls, 0)

    def _rollout(self, command: str, url: str) -> Path:
        one = {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"}
        content = document(
            {
                "rollout/name": command,
                "endpoints/main/url": url,
                "deployments": {OLD: one, NEW: one},
                "weights/default": {OLD: 100 - _FILE_PCT, NEW: _FILE_PCT},
                "traffic": {"rate": 40.0, "timeout_s": 5},
                **({"guard": _GUARD} if command == "run" else {}),
            }
        )  # fmt: skip
        path = self._folder / f"{command}.toml"
        path.write_text(tomli_w.dumps(content))
        return path

    def kill(self, number: int) -> Seen:
        """Start one, kill it, and look."""
        command = "watch" if number % 2 else "run"
        arguments = [command, str(self._files[command]), *self._rng.choice(([], ["--resume"], ["--from-file"]))]
        before = set(self._runs.glob("*.sqlite"))
        after_s = self._rng.uniform(0.3, _LONGEST_S)
        if command == "watch":
            self._kill_watch(arguments, after_s)
        else:
            self._kill_run(arguments, after_s)
        return self._look(command, " ".join([command, *arguments[2:]]), before)

    def _kill_run(self, arguments: list[str], after_s: float) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            cwd=ROOT,
            env={**os.environ, **self._env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(after_s)
            process.kill()

    def _kill_watch(self, arguments: list[str], after_s: float) -> None:
        with terminal([sys.executable, "-m", "tui", *arguments], self._env) as screen:
            time.sleep(after_s)
            for _ in range(self._rng.randrange(4)):
                screen.press(self._rng.choice(_KEYS))
                time.sleep(self._rng.uniform(0.0, 0.08))
            screen.process.kill()

    # --- what must be ---------------------------------------------------------------------------

    def _look(self, command: str, typed: str, before: set[Path]) -> Seen:
        file = self._files[command]
        rollout = load_rollout(file, env=ENV)
        taken = self._would_begin(rollout)
        served = self._served_by(command)
        served_now, self._served[command] = served - self._served[command], served
        records = [
            (run, read_events(run.path))
            for run in list_runs(self._runs)
            if isinstance(run, RunInfo) and run.rollout == command
        ]
        kept = read_kept(kept_path(self._runs.parent, file))
        own = next(((run, events) for run, events in records if run.path not in before), None)
        newest = next(((run, events) for run, events in records if _did(run, events)), None)
        named = next((run for run, _ in records if kept is not None and run.path == kept.record), None)
        wrong = ""
        if newest is not None and taken > _last_pct(newest[1]) + 1e-9:
            is_own = named is not None and own is not None and named.path == own[0].path
            # Its first request was under way: what it began with is known to its record too.
            if not (is_own and own is not None and taken <= _last_pct(own[1]) + 1e-9):
                wrong = f"would begin with {taken:g}%, the newest record says {_last_pct(newest[1]):g}%"
        if served_now and (own is None or named is None or named.path != own[0].path):
            wrong = f"{served_now} requests were served, and it is not the run that is taken up"
        return Seen(typed, _left(own, served_now), taken, wrong)

    def _would_begin(self, rollout: Rollout) -> float:
        begins = resumed(rollout, self._runs, RunOptions(resume=True))
        weights: WeightTable = begins.beginning.weights or rollout.weights
        return weights["default"][NEW]

    def resumed(self, command: str) -> str:
        """Resume in earnest; what it began with must be what was said. Empty where it is."""
        file = self._files[command]
        said = self._would_begin(load_rollout(file, env=ENV))
        asked = [sys.executable, "-m", "tui", "run", str(file), "--resume", "--for", "500ms", "--json", "-"]
        done = subprocess.run(
            asked, cwd=ROOT, env={**os.environ, **self._env}, capture_output=True, text=True, check=False
        )
        self._served[command] = self._served_by(command)
        if done.returncode not in (0, 1, 3):
            return f"exit code {done.returncode}: {done.stderr}"
        began = next(e for e in json.loads(done.stdout)["events"] if e["kind"] == "started")
        pct: float = began["after"]["default"][NEW]
        return "" if pct == said else f"resumed with {pct:g}%, not {said:g}%"

    def _served_by(self, command: str) -> int:
        with urllib.request.urlopen(f"{self._urls[command]}/sim/truth", timeout=5) as answer:
            return sum(int(one["requests"]) for one in json.load(answer)["deployments"].values())


def _did(run: RunInfo, events: tuple[Event, ...]) -> bool:
    return run.requests > 0 or any(event.kind in _CHANGES for event in events)


def _last_pct(events: tuple[Event, ...]) -> float:
    return next((e.after["default"][NEW] for e in reversed(events) if e.after is not None), 100.0)


def _left(own: tuple[RunInfo, tuple[Event, ...]] | None, served: int) -> str:
    if own is None:
        return "no record yet"
    kinds = [event.kind for event in own[1] if event.kind in _CHANGES]
    if kinds:
        return f"changed, last {kinds[-1].value.replace('_', ' ')}"
    if own[0].requests or served:
        return "requests sent"
    return "started" if own[1] else "an empty record"


def main() -> None:
    """Prints a table; the exit code is 1 where a canary would have come back."""
    parser = argparse.ArgumentParser(prog="python -m bench.killed", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    began_s = time.monotonic()
    with TemporaryDirectory() as folder, simulators() as service:
        urls = {
            "watch": service.serve(_deployments(error_pct=0.0)),
            "run": service.serve(_deployments(error_pct=100.0)),
        }
        bench = Bench(Path(folder), urls, asked.seed)
        for number in range(asked.kills):
            try:
                seen = bench.kill(number)
            except UnreadableRecord as error:
                wrong.append(f"kill {number}: {error}")
                continue
            counts[seen.command, seen.left] += 1
            if seen.wrong:
                wrong.append(f"kill {number}, {seen.command}, {seen.left}: {seen.wrong}")
            if number % 10 in (8, 9) and (why := bench.resumed(seen.command.split()[0])):
                wrong.append(f"after kill {number}: {why}")
    print(f"{'command':<20} {'what the kill left':<34} kills")
    for (command, left), count in sorted(counts.items()):
        print(f"{command:<20} {left:<34} {count:>5}")
    print(f"\n{sum(counts.values())} kills in {time.monotonic() - began_s:.0f} s, {len(wrong)} wrong")
    for text in wrong:
        print(text)
    raise SystemExit(bool(wrong))


def _deployments(error_pct: float) -> list[PretendDeployment]:
    version = "2024-11-20"
    return [
        PretendDeployment(OLD, "gpt-4o", version, "baseline", quick()),
        PretendDeployment(NEW, "gpt-4o", version, "canary", quick(error_pct=error_pct)),
    ]


if __name__ == "__main__":
    main()
