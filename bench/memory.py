"""The row on memory, which takes minutes: what a long run adds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.load import Load
from bench.processes import anonymous_mb, family, rss_mb
from bench.service import Service
from bench.terminal import terminal

EARLY, LATE = 10_000, 200_000


def growth_mb(service: Service, rate: float) -> dict[str, Any]:
    """Resident memory of the cockpit with its plot process, when it has sent 10,000 and 200,000 requests."""
    sizes: list[tuple[float, float]] = []
    with TemporaryDirectory() as name:
        command = [sys.executable, "-m", "tui", "watch", str(Load(service.url(20), rate).write(Path(name)))]
        with terminal(command, {"XDG_STATE_HOME": name}) as screen:
            for requests in (EARLY, LATE):
                while service.stats()["n"] < requests:
                    if screen.process.poll() is not None:
                        raise RuntimeError(f"the cockpit ended: exit code {screen.process.poll()}")
                    time.sleep(0.5)
                pids = family(screen.process.pid)
                sizes.append((sum(map(rss_mb, pids)), sum(map(anonymous_mb, pids))))
            screen.press("q")
            screen.process.wait(30)
    (early_mb, early_own_mb), (late_mb, late_own_mb) = sizes
    return {"early_mb": early_mb, "late_mb": late_mb, "own_growth_mb": late_own_mb - early_own_mb}
