"""The limit of open files of this process: every connection is one."""

from __future__ import annotations

import resource
from dataclasses import dataclass

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
