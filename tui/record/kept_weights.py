"""The newest weights of a rollout file: one small file, which says where its last run stood.

It is replaced whole after every change of the weights, so that a run that was killed leaves what it did last.
Its counter grows with every change, whatever the clocks say.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tui.base.text import plain
from tui.base.weight_rules import weight_mistakes
from tui.base.written_files import replace_durably
from tui.model import WEIGHT_CHANGES, Event, EventKind, WeightTable

FORMAT = 1
_MOST_BYTES = 1_000_000
_RETRY_S = 1.0
_TEXT = 300
_TAKES_BACK = (EventKind.ROLLED_BACK, EventKind.UNDONE)


class BrokenWeights(Exception):
    """The file cannot be read; the text says which, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class KeptWeights:
    """Where a run of a rollout file stands. ``event`` is the number of its newest event that is in this,
    ``file_weights`` are what the rollout file said when the weights were changed last.

    ``rolled_back`` are the tasks in which a roll back stands: since then no canary got any weight there.
    ``kind``, ``actor``, ``reason`` and ``at`` are of that roll back, without one of the last change.
    """

    rollout: Path
    baseline: str
    weights: WeightTable
    file_weights: WeightTable
    run_id: str
    record: Path
    event: int
    kind: EventKind
    actor: str
    reason: str
    at: datetime
    rolled_back: tuple[str, ...] = ()
    revision: int = 0


def changed(kept: KeptWeights, event: Event) -> KeptWeights:
    """What is to be kept after an event of the same run; the same where it says nothing of the weights."""
    if event.after is None:
        return kept
    standing = {task for task in kept.rolled_back if _is_off(event.after.get(task, {}), kept.baseline)}
    takes_back = set()
    if event.kind in _TAKES_BACK:
        takes_back = {
            task
            for task, shares in event.after.items()
            if shares != kept.weights.get(task) and _is_off(shares, kept.baseline)
        }
    kept = replace(
        kept,
        weights=event.after,
        event=event.id,
        rolled_back=tuple(task for task in event.after if task in standing | takes_back),
    )
    if takes_back or (not standing and event.kind in WEIGHT_CHANGES):
        kind = EventKind.ROLLED_BACK if takes_back else event.kind
        return replace(kept, kind=kind, actor=event.actor, reason=event.reason, at=event.at)
    return kept


def still_stands(kept: KeptWeights, begins: WeightTable) -> tuple[str, ...]:
    """The tasks in which the roll back of an earlier run stands in one that begins with these weights."""
    return tuple(t for t in kept.rolled_back if t in begins and _is_off(begins[t], kept.baseline))


def _is_off(shares: Mapping[str, float], baseline: str) -> bool:
    """Whether no canary has any weight."""
    return all(pct == 0 for name, pct in shares.items() if name != baseline)


def kept_path(state_folder: Path, rollout: Path) -> Path:
    """Where the weights of a rollout file are kept: one place for each path that leads to it."""
    whole = str(rollout.resolve())
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", rollout.stem)[:48]
    return state_folder / "weights" / f"{stem}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.json"


def read_kept(path: Path) -> KeptWeights | None:
    """What is kept there; None where nothing is.

    Raises:
        BrokenWeights: It cannot be read, or does not say what such a file says.
    """
    try:
        # Without waiting: what stands there may be a pipe that nobody writes to.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _broken(path, "it is not a file")
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _broken(path, error.strerror or str(error)) from error
    if len(data) > _MOST_BYTES:
        raise _broken(path, f"it is larger than {_MOST_BYTES:,} bytes")
    try:
        return _kept_of(json.loads(data))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _broken(path, f"{type(error).__name__}: {error}") from error


def _broken(path: Path, why: str) -> BrokenWeights:
    return BrokenWeights(f"{path}, which keeps the newest weights, cannot be used: {plain(why, _TEXT)}")


def _kept_of(value: Any) -> KeptWeights:
    if not isinstance(value, dict) or value.get("canarytop") != FORMAT:
        raise ValueError(f"it is not of format {FORMAT}")
    event, revision = value["event"], value["revision"]
    if not (isinstance(event, int) and isinstance(revision, int)):
        raise TypeError("event and revision must be whole numbers")
    at = datetime.fromisoformat(value["at"])
    if at.tzinfo is None:
        raise ValueError("at has no time zone")
    rolled_back = value["rolled_back"]
    if not isinstance(rolled_back, list) or not all(isinstance(task, str) for task in rolled_back):
        raise TypeError("rolled_back must be a list of tasks")
    baseline = value["baseline"]
    if not isinstance(baseline, str):
        raise TypeError("baseline must be a name")
    return KeptWeights(
        rollout=_path_of(value["rollout"]),
        baseline=baseline,
        weights=table_of(value["weights"]),
        file_weights=table_of(value["file_weights"]),
        run_id=plain(str(value["run"]), 64),
        record=_path_of(value["record"]),
        event=event,
        kind=EventKind(value["kind"]),
        actor=plain(str(value["by"]), 40),
        reason=plain(str(value["why"]), _TEXT),
        at=at.astimezone(UTC),
        rolled_back=tuple(rolled_back),
        revision=revision,
    )


def _path_of(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        raise TypeError("rollout and record must be whole paths")
    if "\0" in value:
        raise ValueError("a path with a zero in it")
    os.fsencode(value)
    return Path(value)


def table_of(value: Any) -> WeightTable:
    """Weights from a file, by task.

    Raises:
        TypeError, ValueError: They are none; the text says why.
    """
    if not isinstance(value, Mapping) or not value:
        raise TypeError("weights must be a table by task")
    for task, shares in value.items():
        if not isinstance(shares, Mapping):
            raise TypeError(f"weights of {task} must be a table by deployment")
        for mistake in weight_mistakes(shares, None):
            raise ValueError(f"weights of {task}: {mistake.value}: {mistake.remedy}")
    return {str(task): {str(n): float(pct) for n, pct in shares.items()} for task, shares in value.items()}


def _json_of(kept: KeptWeights) -> dict[str, Any]:
    return {
        "canarytop": FORMAT,
        "revision": kept.revision,
        "rollout": str(kept.rollout),
        "at": kept.at.isoformat(),
        "by": kept.actor,
        "why": kept.reason,
        "kind": kept.kind.value,
        "rolled_back": list(kept.rolled_back),
        "baseline": kept.baseline,
        "weights": _plain_table(kept.weights),
        "file_weights": _plain_table(kept.file_weights),
        "run": kept.run_id,
        "record": str(kept.record),
        "event": kept.event,
    }


def _plain_table(table: WeightTable) -> Mapping[str, Mapping[str, float]]:
    return {task: dict(shares) for task, shares in table.items()}


def write_kept(path: Path, kept: KeptWeights) -> None:
    """Put it in the place of what is there, whole or not at all; its counter is one more than that of both.

    Raises:
        OSError: It cannot be written; what was there is still there.
    """
    try:
        before = read_kept(path)
    except BrokenWeights:
        before = None
    revision = 1 + max(kept.revision, before.revision if before is not None else 0)
    text = json.dumps(_json_of(replace(kept, revision=revision)), indent=1)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_durably(path, text + "\n")


class WeightsFile:
    """Keeps the newest weights of a running run, in a thread of its own: nobody ever waits for a disk.

    What cannot be written is tried again every second; only the newest waits. ``file_weights()`` reads what
    the rollout file says now, None where that cannot be read.
    """

    def __init__(self, path: Path, file_weights: Callable[[], WeightTable | None] = lambda: None) -> None:
        self._path = path
        self._file_weights = file_weights
        self._file_said: WeightTable | None = None
        self._news = threading.Condition()
        self._newest: KeptWeights | None = None
        self._was_changed = False
        self._waiting: list[Future[None]] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="kept-weights", daemon=True)
        self._thread.start()
        self.error = ""
        """Why the newest could not be written, empty where they were."""

    def keep(self, kept: KeptWeights, *, change: bool = False) -> Future[None]:
        """These are the newest. The future is done when the disk has them, or newer ones; it never fails.

        With a ``change`` of the weights the rollout file is read again: only what a person writes into it
        after that is newer.
        """
        durable: Future[None] = Future()
        durable.set_running_or_notify_cancel()
        with self._news:
            self._newest = kept
            self._was_changed = self._was_changed or change
            self._waiting.append(durable)
            self._news.notify()
        return durable

    def close(self, timeout_s: float) -> bool:
        """Write what waits, with one try more. False where that failed within ``timeout_s``."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self.error

    def _run(self) -> None:
        while True:
            with self._news:
                while self._newest is None and not self._closing:
                    self._news.wait()
                kept, self._newest = self._newest, None
                was_changed, self._was_changed = self._was_changed, False
                waiting, self._waiting = self._waiting, []
                last = self._closing
            if kept is None:
                return
            if was_changed:
                self._file_said = self._file_weights() or self._file_said
            try:
                write_kept(self._path, replace(kept, file_weights=self._file_said or kept.file_weights))
            except OSError as error:
                self._failed(error)
                with self._news:
                    self._newest = self._newest or kept
                    self._waiting = [*waiting, *self._waiting]
                    if last:
                        return
                    if not self._closing:
                        self._news.wait(_RETRY_S)
            else:
                self.error = ""
                for durable in waiting:
                    durable.set_result(None)

    def _failed(self, error: OSError) -> None:
        self.error = (
            f"the newest weights cannot be kept in {self._path}: {error.strerror or error}; check that its"
            " folder may be written. A run that takes this one up may not know them"
        )
