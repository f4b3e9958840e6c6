"""``python -m bench.queued [--code FOLDER]``: how long a roll back takes behind keys that wait.

A demo in a pseudo-terminal of 120x36; all keys are written at once, then ``r``. From the first byte to the
event of the engine, in ms: median and largest of several times. FOLDER: another version of the program.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.terminal import Terminal, terminal
from tests.support.places import ROOT
from tui.model import EventKind
from tui.record.reader import list_runs, read_events

_KEYS = {
    "none": "",
    "j x20": "j" * 20,
    "t x20": "t" * 20,
    "1234 x5": "1234" * 5,
    "tab x20": "\t" * 20,
    "v d i x7": "vdi" * 7,
    "+ x20": "+" * 20,
    "+- x10": "+-" * 10,
}
_PICTURE = re.compile(rb"ROLL BACK")
_PATIENCE_S = 30.0


def _rolled_back(folder: Path) -> list[float]:
    found = list_runs(folder / "canarytop" / "runs")
    return [e.at.timestamp() for run in found for e in read_events(run.path) if e.kind is EventKind.ROLLED_BACK]


def _took_ms(screen: Terminal, folder: Path, keys: str) -> float:
    """The roll back after these keys; then the canary is raised again."""
    before = len(_rolled_back(folder))
    screen.press("+")
    time.sleep(1.5)
    began_s = time.time()
    screen.press(keys + "r")
    while len(times := _rolled_back(folder)) == before:
        if time.time() > began_s + _PATIENCE_S:
            raise RuntimeError(f"no roll back after {keys!r}")
        time.sleep(0.05)
    time.sleep(3.0)
    screen.press("0")
    return (times[-1] - began_s) * 1000


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.queued", description=__doc__)
    parser.add_argument("--code", type=Path, default=ROOT)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    print(f"{'keys before r':<16} {'median ms':>9} {'most ms':>8}", flush=True)
    for name, keys in _KEYS.items():
        with TemporaryDirectory() as state:
            env = {"XDG_STATE_HOME": state, "PYTHONPATH": str(asked.code)}
            command = [sys.executable, "-P", "-m", "tui", "demo", "--scenario", "healthy", "--seed", "1"]
            os.environ.pop("NO_COLOR", None)
            with terminal(command, env) as screen:
                screen.expect(_PICTURE, _PATIENCE_S)()
                time.sleep(2.0)
                took = [_took_ms(screen, Path(state), keys) for _ in range(asked.times)]
        print(f"{name:<16} {statistics.median(took):>9.0f} {max(took):>8.0f}", flush=True)


if __name__ == "__main__":
    main()
