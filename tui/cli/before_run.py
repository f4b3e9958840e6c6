"""What is looked at before a run or a check: what a rollout file names, and the limits of this machine.

The limit of open files of this process: every connection is one.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from tui.base.problems import Problem, field_name
from tui.grading import TaskFileRefused, read_task_file
from tui.grading.literal import patterns_installed
from tui.rollout import SIMULATOR, Rollout
from tui.service.client import SPARE_CONNECTIONS
from tui.service.proxies import ProxyRefused, proxy_for
from tui.traffic.trace_clock import read_clock
from tui.traffic.trace_rows import TraceError


def further_problems(rollout: Rollout, *, keys: bool, online: bool = True) -> tuple[Problem, ...]:
    """Mistakes of a rollout file that only the rooms above it can see: its trace, task files with patterns that
    cannot be searched here, with ``keys`` the keys of the cockpit, and unless ``online`` is off (a rehearsal)
    the proxies on the way to its services."""
    problems = []
    for task, spec in rollout.tasks.items():
        if spec.known is not None and not patterns_installed() and (why := _why_refused(spec.known.path)):
            problems.append(Problem(field_name(("tasks", task, "known_answers")), str(spec.known.path), why))
    try:
        trace_said(rollout)
    except TraceError as error:
        problems.append(Problem("traffic.trace", "", str(error)))
    for name, endpoint in rollout.endpoints.items() if online else ():
        if endpoint.url != SIMULATOR:
            try:
                proxy_for(endpoint.url)
            except ProxyRefused as error:
                problems.append(Problem(f"endpoints.{name}.url", "", str(error)))
    if keys:
        from tui.cockpit.actions import keymap_mistakes

        problems += [Problem("cockpit.keys", "", text) for text in keymap_mistakes(rollout.cockpit.keys)]
    return tuple(problems)


def _why_refused(path: Path) -> str | None:
    """Why a task file is not used at all. One that is not there is reported elsewhere."""
    try:
        read_task_file(path)
    except TaskFileRefused as refused:
        return str(refused)
    except OSError:
        return None
    return None


def trace_said(rollout: Rollout) -> str:
    """What the timestamps of the rollout's trace count, and the rate; empty without one. Raises TraceError."""
    traffic = rollout.traffic
    if traffic.arrivals != "trace" or traffic.trace is None:
        return ""
    return f"trace {traffic.trace.name}: {read_clock(traffic.trace, traffic.trace_unit).said}"


def room_for(rollout: Rollout) -> OpenFiles | None:
    """Raises the limit of open files for ``max_in_flight``, as far as it may be; None where it sufficed."""
    return make_room(rollout.traffic.max_in_flight + SPARE_CONNECTIONS * len(rollout.endpoints))


def files_problem(files: OpenFiles) -> Problem:
    """What was done to the limit of open files, as a warning."""
    return Problem("traffic.max_in_flight", "", str(files), "warning")


OTHER_FILES = 100
"""What a run needs beside its connections: its record, logs, the terminal, names that are looked up."""


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """How many files this process may open: ``before`` and ``now``, of ``needed``."""

    needed: int
    before: int
    now: int

    @property
    def enough(self) -> bool:
        return self.now >= self.needed

    def __str__(self) -> str:
        raised = (
            f"raised from {self.before:,} to {self.now:,}" if self.now > self.before else f"is {self.now:,}"
        )
        said = f"{self.needed:,} open files may be needed, the limit {raised}"
        return said if self.enough else f"{said}: raise it (ulimit -Hn {self.needed}), or lower max_in_flight"


def make_room(connections: int) -> OpenFiles | None:
    """Raise the limit for ``connections`` at once, as far as this process may; None where it sufficed."""
    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return None
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if wanted > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            wanted = soft  # macOS allows less than it says
    return OpenFiles(needed, soft, max(wanted, soft))
