"""A plot process that dies when it is told to."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.places import ROOT

_CODE = """
import os, pathlib, sys
root, flag, frame, number = sys.argv[1:]
sys.path.insert(0, root)
from tui.cockpit.plots import drawing
draw, count = drawing.rows, 0
def rows(*what):
    global count
    count += 1
    if count == int(frame) and not os.path.exists(flag):
        pathlib.Path(flag).touch()
        os.kill(os.getpid(), int(number))
    return draw(*what)
drawing.rows = rows
drawing.serve()
"""


def dying_once(folder: Path, number: int, frame: int = 1) -> list[str]:
    """The command of a process that draws until, in its n-th frame, it ends itself by a signal; its successors
    live on. ``folder`` keeps the trace of the death."""
    return [sys.executable, "-c", _CODE, str(ROOT), str(folder / "died"), str(frame), str(int(number))]
