"""What the kernel says of other processes."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_of_s(pid: int) -> float:
    """User and system time of a process (``proc(5)``, fields 14 and 15 of ``stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def anonymous_mb(pid: int) -> float:
    """The part of the resident memory that belongs to no file: what the process itself has allocated.

    The rest is mostly shared libraries, which two processes of one interpreter have in common.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def family(pid: int) -> list[int]:
    """A process and its children (``proc(5)``: ``task/TID/children``)."""
    listed = (task / "children" for task in Path(f"/proc/{pid}/task").iterdir())
    return [pid, *(int(child) for path in listed for child in path.read_text().split())]
