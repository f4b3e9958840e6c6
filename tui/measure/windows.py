"""Sliding windows over the outcomes of every deployment and task, and the per-second history.

An outcome is added to the tally of the running second only. Once a second the tallies of the second that
ended are added to every window, and those of the second that leaves a window are subtracted from it. Until
then ended seconds are kept packed: an hour of 200 requests/s takes a few megabytes.
"""

from __future__ import annotations

import pickle
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from math import floor
from types import MappingProxyType

from tui.measure.tally import Tally, VersionNames
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    HISTORY_SPAN_S,
    WINDOWS_S,
    Figures,
    Outcome,
    Second,
    SecondFigures,
    WeightTable,
)

_HISTORY_POINTS = 3600

_Key = tuple[str, str]
"""Deployment and task."""

_Tallies = dict[_Key, Tally]

_NOTHING = Tally()
_NO_WEIGHTS: WeightTable = MappingProxyType({})


class _Window:
    """The sum of the last ``length_s`` ended seconds (None: of all), by deployment and task and pooled."""

    def __init__(self, length_s: int | None) -> None:
        self.length_s = length_s
        self.tallies: _Tallies = {}

    def enter(self, second: _Tallies) -> None:
        _merge(self.tallies, second)

    def leave(self, second: _Tallies) -> None:
        for (deployment, task), tally in second.items():
            self.tallies[deployment, task].subtract(tally)
            self.tallies[deployment, ALL_TASKS].subtract(tally)


class Measures:
    """What every deployment did in every window. To be used from one thread.

    ``now_s`` is always seconds of the monotonic clock that the outcomes use; ``started_s`` is when the run
    started on it. An outcome or assignment of a task that is not in ``tasks`` counts as the default task,
    whose weights it has. Raises ValueError for the task name ``*``, which means all of them.
    """

    def __init__(self, deployments: Sequence[str], tasks: Sequence[str], *, started_s: float = 0.0) -> None:
        if ALL_TASKS in tasks:
            raise ValueError(f"a task may not be named {ALL_TASKS!r}, which means all tasks: rename it")
        self._names = {deployment: VersionNames() for deployment in deployments}
        self._tasks = list(dict.fromkeys(tasks))
        self._started_s = started_s
        self._second = floor(started_s)
        self._running: _Tallies = {}
        self._ended: dict[int, _Tallies] = {}
        self._next_to_close = self._second
        self._packed: dict[int, bytes] = {}
        self._windows = {name: _Window(length_s) for name, length_s in WINDOWS_S.items()}
        self._trailing = _Window(HISTORY_SPAN_S)
        self._longest_s = max(length_s or 0 for length_s in WINDOWS_S.values())
        self._history: dict[str, deque[Second]] = {}
        self._restarted: dict[str, float] = {}

    def add_deployment(self, deployment: str) -> None:
        """Measure one more from now on."""
        self._names.setdefault(deployment, VersionNames())

    def restart(self, deployment: str, now_s: float) -> None:
        """Forget everything of one deployment: from now on its figures are those of another version. The
        history stays."""
        if now_s >= self._second + 1:
            self._begin(floor(now_s))
        self._restarted[deployment] = now_s
        fresh = (self._running, *self._ended.values())
        summed = (window.tallies for window in (*self._windows.values(), self._trailing))
        for tallies in (*fresh, *summed):
            for key in [key for key in tallies if key[0] == deployment]:
                del tallies[key]

    def assigned(self, task: str, deployment: str, now_s: float) -> None:
        """Count an assignment made just now. Raises KeyError for an unknown deployment."""
        if now_s >= self._second + 1:
            self._begin(floor(now_s))
        tally = self._running.get((deployment, task)) or self._tally(deployment, task)
        tally.add_assignment()

    def add(self, outcome: Outcome, now_s: float) -> None:
        """Count an outcome that ended just now. Raises KeyError for an unknown deployment."""
        if now_s >= self._second + 1:
            self._begin(floor(now_s))
        deployment = outcome.deployment
        tally = self._running.get((deployment, outcome.task)) or self._tally(deployment, outcome.task)
        tally.add(outcome, self._names[deployment])

    def tick(self, now_s: float, weights: WeightTable = _NO_WEIGHTS) -> tuple[Second, ...]:
        """Close every second that has ended and return them, all tasks pooled; late calls lose nothing.

        ``weights`` are in force, kept in the history (0 where absent). All tasks pooled have the mean of
        theirs by how much was assigned to each; of each task a history is kept where there are several.
        """
        if now_s >= self._second + 1:
            self._begin(floor(now_s))
        closed = []
        for second in range(self._next_to_close, self._second):
            self._close(second, self._ended.pop(second, {}))
            # Points that the history would push out again are not worth their quantiles.
            if second >= self._second - _HISTORY_POINTS:
                closed.append(self._keep(second, ALL_TASKS, self._mean_weights(weights)))
                for task in self._tasks if len(self._tasks) > 1 else ():
                    self._keep(second, task, weights.get(task, {}))
        self._next_to_close = self._second
        return tuple(closed)

    def _keep(self, second: int, task: str, weights_pct: Mapping[str, float]) -> Second:
        point = self._point(second, task, weights_pct)
        self._history.setdefault(task, deque(maxlen=_HISTORY_POINTS)).append(point)
        return point

    def _mean_weights(self, weights: WeightTable) -> Mapping[str, float]:
        if len(weights) <= 1:
            return next(iter(weights.values()), {})
        assigned = dict.fromkeys(weights, 0)
        for (_, task), tally in self._trailing.tallies.items():
            if task in assigned:
                assigned[task] += tally.counts.get("assigned", 0)
        total = sum(assigned.values())
        shares = {task: n / total if total else 1 / len(weights) for task, n in assigned.items()}
        means: dict[str, float] = {}
        for task, share in shares.items():
            for deployment, pct in weights[task].items():
                means[deployment] = means.get(deployment, 0.0) + share * pct
        return means

    def figures(self, now_s: float) -> dict[str, dict[str, dict[str, Figures]]]:
        """``[deployment][window][task]`` with ``ALL_TASKS`` for the pool, up to this very moment.

        A window holds its whole seconds and the running one; ``span_s`` is the time that these cover.
        """
        fresh: _Tallies = {}
        for second in self._ended.values():
            _merge(fresh, second)
        _merge(fresh, self._running)
        figures: dict[str, dict[str, dict[str, Figures]]] = {name: {} for name in self._names}
        for name, window in self._windows.items():
            since_s = self._started_s
            if window.length_s is not None:
                since_s = max(since_s, self._next_to_close - window.length_s)
            for deployment in figures:
                figures[deployment][name] = {}
            for task in self._tasks:
                for deployment, of_task in self._task_figures(window, fresh, task, since_s, now_s).items():
                    figures[deployment][name][task] = of_task
            if len(self._tasks) == 1:
                for of_deployment in figures.values():
                    of_deployment[name][ALL_TASKS] = of_deployment[name][self._tasks[0]]
            else:
                for deployment, pooled in self._task_figures(window, fresh, ALL_TASKS, since_s, now_s).items():
                    figures[deployment][name][ALL_TASKS] = pooled
        return figures

    def pooled(self, deployment: str, window: str, now_s: float) -> Figures:
        """All tasks of one deployment in one window, up to this very moment."""
        fresh: _Tallies = {}
        for second in (*self._ended.values(), self._running):
            _merge(fresh, {key: tally for key, tally in second.items() if key[0] == deployment})
        length_s, since_s = self._windows[window].length_s, self._started_s
        if length_s is not None:
            since_s = max(since_s, self._next_to_close - length_s)
        return self._task_figures(self._windows[window], fresh, ALL_TASKS, since_s, now_s)[deployment]

    def history(self) -> tuple[Second, ...]:
        """The last hour of all tasks pooled, oldest first; ``at_s`` is the end of each second."""
        return tuple(self._history.get(ALL_TASKS, ()))

    def task_history(self) -> dict[str, tuple[Second, ...]]:
        """The same by task; empty where there is only one."""
        return {task: tuple(points) for task, points in self._history.items() if task != ALL_TASKS}

    def _task_figures(
        self, window: _Window, fresh: _Tallies, task: str, since_s: float, now_s: float
    ) -> dict[str, Figures]:
        tallies = {}
        for deployment in self._names:
            tally = window.tallies.get((deployment, task), _NOTHING)
            newest = fresh.get((deployment, task))
            tallies[deployment] = tally if newest is None else tally.plus(newest)
        assigned = sum(tally.counts.get("assigned", 0) for tally in tallies.values())
        figures = {}
        for deployment, tally in tallies.items():
            began_s = max(since_s, self._restarted.get(deployment, since_s))
            figures[deployment] = tally.figures(max(now_s - began_s, 0.0), assigned)
        return figures

    def _tally(self, deployment: str, task: str) -> Tally:
        """The tally of the running second, opened if need be."""
        if deployment not in self._names:
            known = ", ".join(self._names)
            raise KeyError(f"cannot measure the deployment {deployment!r}: this run has {known}")
        if task not in self._tasks:
            task = DEFAULT_TASK
            if task not in self._tasks:
                self._tasks.append(task)
        return self._running.setdefault((deployment, task), Tally())

    def _begin(self, second: int) -> None:
        if self._running:
            self._ended[self._second] = self._running
            self._running = {}
        self._second = second

    def _close(self, second: int, tallies: _Tallies) -> None:
        for window in (*self._windows.values(), self._trailing):
            window.enter(tallies)
            if window.length_s is not None:
                leaving = self._packed.get(second - window.length_s)
                if leaving is not None:
                    window.leave(self._still_counted(second - window.length_s, _unpack(leaving)))
        self._packed.pop(second - self._longest_s, None)
        if tallies:
            self._packed[second] = _pack(tallies)

    def _still_counted(self, second: int, tallies: _Tallies) -> _Tallies:
        """Without what was forgotten when its deployment was restarted."""
        restarted = self._restarted
        return {
            key: tally
            for key, tally in tallies.items()
            if key[0] not in restarted or second >= floor(restarted[key[0]])
        }

    def _point(self, second: int, task: str, weights_pct: Mapping[str, float]) -> Second:
        points = {}
        since_s = max(second + 1 - HISTORY_SPAN_S, self._started_s)
        for deployment, f in self._task_figures(self._trailing, {}, task, since_s, second + 1).items():
            latency = f.latency_ms
            points[deployment] = SecondFigures(
                requests=f.requests,
                p50_ms=latency.p50 if latency else None,
                p95_ms=latency.p95 if latency else None,
                p99_ms=latency.p99 if latency else None,
                cost_per_1k_usd=f.cost_per_1k_usd,
                filter_pct=f.filter_pct,
                error_pct=f.error_pct,
                weight_pct=weights_pct.get(deployment, 0.0),
                share_pct=f.assigned_share_pct,
                throttled_pct=f.throttled_pct,
            )
        return Second(at_s=float(second + 1), figures=points)


def _merge(into: _Tallies, second: _Tallies) -> None:
    """Add every tally to its own task and to the pool of its deployment."""
    for (deployment, task), tally in second.items():
        for key in ((deployment, task), (deployment, ALL_TASKS)):
            if key not in into:
                into[key] = Tally()
            into[key].merge(tally)


def _pack(tallies: _Tallies) -> bytes:
    plain = {key: tally.packed() for key, tally in tallies.items()}
    return zlib.compress(pickle.dumps(plain, pickle.HIGHEST_PROTOCOL), 1)


def _unpack(packed: bytes) -> _Tallies:
    plain = pickle.loads(zlib.decompress(packed))
    return {key: Tally.unpacked(values) for key, values in plain.items()}
