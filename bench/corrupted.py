"""``python -m bench.corrupted [--records N] [--seed N]``: damaged records through all that reads records.

Each is listed, judged again, reported, measured, played and taken up, as the commands do it. None may end in a
traceback or take longer than 5 s, each that is refused is told by its name, and no run that takes one up may
begin with more canary than the record knew before it was damaged.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import resource
import signal
import sqlite3
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from typer.testing import CliRunner

from tests.support.contexts import automated, context_of
from tests.support.corrupt_records import damaged
from tests.support.recordings import NEW, OLD, STARTED, made_migration, made_run, rollout_text
from tui.afterwards.player import Player
from tui.afterwards.recording import Recording
from tui.cli.commands import app
from tui.cli.rehearsal import EveryKey
from tui.cli.wiring import RunOptions
from tui.engine.automation import Automation, evaluators_of
from tui.engine.resume import resumed
from tui.evaluation.evaluators import Evaluators
from tui.model import Assignment, Event, EventKind, Outcome, Pair
from tui.record.kept_weights import KeptWeights, kept_path, write_kept
from tui.record.reader import UnreadableRecord, read_events
from tui.rollout import Rollout, load_rollout

_LIMIT_S = 5.0
_KILLED_S = 20
_MORE = """
[guard]
mode = "armed"
[plan]
canary = "new-v2"
steps = [{ weight = 5 }, { weight = 50, bake = "10s" }, { weight = 100 }]
must_be_ok = ["errors"]
"""
_OLDER = {
    4: ("DROP TABLE held_back", "ALTER TABLE outcomes DROP COLUMN prompt_chars"),
    3: ("ALTER TABLE outcomes DROP COLUMN answer_ttft_ms", "ALTER TABLE outcomes DROP COLUMN reconnected",
        "ALTER TABLE seconds DROP COLUMN throttled_pct"),
    2: ("DROP TABLE pairs",),
    1: ("DROP TABLE state",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one record. ``wrong`` is what must not be, by step; ``longest_s`` of all steps."""

    what: str
    told: bool
    longest_s: float
    slowest: str
    peak_mb: float
    wrong: dict[str, str] = field(default_factory=dict)


def _automation(rollout: Rollout, clock: Callable[[], float] = lambda: 0.0) -> Automation:
    def log(kind: EventKind, actor: str, text: str, **more: Any) -> Event:
        return Event(1, STARTED, 0.0, actor, kind, text, **more)

    return automated(rollout, context_of(log, clock))[2]


def _state_of(recording: Recording) -> dict[str, Any]:
    """What a run that saw this would have kept for one that takes it up."""
    moment = [0.0]
    auto = _automation(recording.rollout, lambda: moment[0])
    for moment[0], one in recording.happenings():
        if isinstance(one, Assignment):
            auto.assigned(one)
        elif isinstance(one, Outcome):
            auto.ended(one)
        elif isinstance(one, Pair):
            auto.compared(one)
    return auto.state()


def good_records(folder: Path) -> list[Path]:
    """Records of each version of the schema, and one of two tasks; with all that a run keeps."""
    folder.mkdir()
    made = [
        made_run(folder / "run.sqlite", rollout=rollout_text() + _MORE),
        made_migration(folder / "tasks.sqlite"),
    ]
    for path in made:
        state = _state_of(Recording.open(path))
        with sqlite3.connect(path) as conn:
            conn.execute("INSERT INTO state VALUES (1, ?)", (json.dumps(state),))
            conn.execute("INSERT INTO held_back VALUES (9999, 'default', ?, 10, 5.5, 100)", (NEW,))
        conn.close()
    for version in (4, 3, 2, 1):
        path = folder / f"v{version}.sqlite"
        path.write_bytes(made[-1 if version < 4 else 0].read_bytes())
        with sqlite3.connect(path) as conn:
            for statement in _OLDER[version]:
                conn.execute(statement)
            conn.execute(f"PRAGMA user_version = {version}")
        conn.close()
        made.append(path)
    return made


class TooLong(BaseException):
    """A step took so long that it was ended."""


@contextmanager
def _ended_after(seconds: int) -> Iterator[None]:
    def over(_: int, frame: FrameType | None) -> None:
        raise TooLong("".join(traceback.format_stack(frame)[-3:]))

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _command(*args: str, names: str) -> bool:
    """Whether it refused the record. Raises AssertionError where that was without its name."""
    result = CliRunner().invoke(app, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output, result.output[-500:]
    assert len(result.output) < 3_000_000, f"{len(result.output)} characters"
    assert "\x1b" not in result.output, "control characters"
    if result.exit_code:
        assert names in result.output, f"exit {result.exit_code} without the name: {result.output[:300]}"
        assert len(result.output) < 5_000, f"{len(result.output)} characters of an error"
    return result.exit_code != 0


def _played(path: Path) -> None:
    recording = Recording.open(path)
    of = recording.rollout
    player = Player(
        recording, lambda: Evaluators(of.baseline, recording.canaries, of.criteria_by_task), speed=64
    )
    try:
        for at_s in (10.0, 1e9, 0.0, recording.duration_s / 2):
            player.seek(at_s)
            player.step()
            json.dumps(player.snapshot().at_s)
    finally:
        player.close()


def _taken_up(path: Path, file: Path, kept: bool, most: float) -> None:
    rollout = load_rollout(file, env=EveryKey())
    place = kept_path(path.parent.parent, file)
    place.unlink(missing_ok=True)
    if kept:
        # As a run that was killed between the two leaves it: before the roll back.
        write_kept(
            place,
            KeptWeights(
                file.resolve(), OLD, {t: {OLD: 50.0, NEW: 50.0} for t in rollout.weights}, rollout.weights,
                "abc12345", path, 2, EventKind.SHIFTED, "ana", "", STARTED,
            ),
        )  # fmt: skip
    taken = resumed(rollout, path.parent, RunOptions(resume=True))
    if taken.kept is not None:
        taken.kept.close(1.0)
    if taken.previous is not None:
        known = taken.previous.automation or {}
        evaluators_of(rollout, state=known, offset_s=-1.0)
        _automation(replace(rollout, weights=taken.previous.weights)).restore(known, -1.0)
        for text in taken.previous.lost:
            assert len(text) < 1000, f"{len(text)} characters lost"
    if kept and _says_nothing(path):
        most = 50.0
    if not kept and path.is_file() and not path.stat().st_size:
        most = 50.0  # As one whose run was killed before it began: nothing is known, and the file holds.
    begins = taken.beginning.weights or rollout.weights
    got = max(shares.get(NEW, 0.0) for shares in begins.values())
    assert got <= most, f"begins with {got:g} % of the canary: {taken.beginning.said}"


def _says_nothing(path: Path) -> bool:
    """Whether the record does not have the roll back: then the small file, which is whole, is all that is
    known."""
    try:
        return all(event.kind is not EventKind.ROLLED_BACK for event in read_events(path))
    except UnreadableRecord:
        return True


def look_at(work: tuple[str, int, str]) -> Seen:
    """One damaged copy of a record through every reader."""
    # For what waits where no signal reaches it.
    faulthandler.dump_traceback_later(8 * _KILLED_S, exit=True)
    good, seed, folder = Path(work[0]), work[1], Path(work[2]) / f"{work[1]}-{Path(work[0]).stem}"
    runs = folder / "runs"
    runs.mkdir(parents=True)
    what, path = damaged(good, runs, seed)
    named = runs / "20260102T140000Z-summarise-abc12345.sqlite"
    if path.is_symlink():
        path.unlink()
        named.symlink_to(named if "itself" in what else named.with_name("gone"))
    else:
        path.rename(named)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        wal.rename(named.with_name(named.name + "-wal"))
    file = folder / "rollout.toml"
    with sqlite3.connect(good) as conn:
        file.write_text(conn.execute("SELECT rollout_text FROM run").fetchone()[0])
    conn.close()
    (folder / "gone/since").mkdir(parents=True)
    (folder / "gone/since/then.jsonl").write_text('{"messages": [{"role": "user", "content": "a"}]}\n')
    tasks = "[tasks." in file.read_text()
    most = 50.0 if tasks else 0.0
    out = folder / "out"
    steps: dict[str, Callable[[], object]] = {
        "runs": lambda: _command("runs", "--folder", str(runs), names=""),
        "replay": lambda: _command("replay", str(named), "--headless", names=named.name),
        "report": lambda: _command(
            "report", str(named), "--format", "html", "--out", f"{out}.html", names=named.name
        ),
        "report md": lambda: _command("report", str(named), names=named.name),
        "calibrate": lambda: _command("calibrate", str(named), "--draws", "3", names=named.name),
        "player": lambda: _played(named),
        "resume by records": lambda: _taken_up(named, file, kept=False, most=most),
        "resume kept": lambda: _taken_up(named, file, kept=True, most=most),
    }
    told, longest_s, slowest, wrong = False, 0.0, "", {}
    for name, step in steps.items():
        began = time.perf_counter()
        try:
            with _ended_after(_KILLED_S):
                told = step() is True or told
        except UnreadableRecord as error:
            told = True
            if named.name not in str(error):
                wrong[name] = f"not named: {error}"
        except (Exception, TooLong) as error:  # noqa: BLE001 - that is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            wrong[name] = (
                f"{type(error).__name__}: {str(error)[:300]} ({Path(last.filename).name}:{last.lineno})"
            )
        took_s = time.perf_counter() - began
        if took_s > longest_s:
            longest_s, slowest = took_s, name
        if took_s > _LIMIT_S:
            wrong[name] = wrong.get(name, "") + f" took {took_s:.1f} s"
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Seen(f"{good.stem}: {what}", told, longest_s, slowest, peak_mb, wrong)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=640)
    parser.add_argument("--seed", type=int, default=0, help="of the first record")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        goods = good_records(Path(name) / "good")
        work = [(str(goods[n % len(goods)]), n // len(goods) + asked.seed, name) for n in range(asked.records)]
        with ProcessPoolExecutor(2) as pool:
            seen = []
            for one in pool.map(look_at, work):
                seen.append(one)
                for step, text in one.wrong.items():
                    print(f"WRONG {one.what}: {step}: {text}", flush=True)
    bad = [one for one in seen if one.wrong]
    kinds = Counter(f"{step}: {text[:150]}" for one in bad for step, text in one.wrong.items())
    slow = max(seen, key=lambda one: one.longest_s)
    print(f"{len(seen)} records, {len(bad)} wrong in {len(kinds)} ways")
    print(f"{sum(one.told for one in seen)} refused by name, the others read")
    print(f"longest step {slow.longest_s:.2f} s ({slow.slowest} of {slow.what})")
    print(f"peak of a process {max(one.peak_mb for one in seen):.0f} MB")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
