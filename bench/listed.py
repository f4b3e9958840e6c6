"""The deployments screen with many deployments: ``python -m bench.listed N`` is the cockpit with them."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.terminal import terminal

_COCKPIT = re.compile(rb"ROLL BACK")
_LAST_LINE = re.compile(rb"time line of the ends")
_SECOND = re.compile("❯ ▲".encode())
_FIRST = re.compile("❯ ●".encode())
_SETTLED_S = 0.3


def painted_ms(deployments: int, times: int) -> tuple[list[float], list[float]]:
    """From the key ``d`` to the last line of the screen on a terminal of 120x36; from a move of the cursor to
    the row that it is on then."""
    opened: list[float] = []
    moved: list[float] = []
    with TemporaryDirectory() as home:
        command = [sys.executable, "-m", "bench.listed", str(deployments)]
        with terminal(command, {"XDG_STATE_HOME": home}, _COCKPIT) as screen:
            screen.expect(_COCKPIT, 20.0)()
            for _ in range(times):
                for key, row, took_ms in (
                    ("d", _LAST_LINE, opened),
                    ("j", _SECOND, moved),
                    ("k", _FIRST, moved),
                ):
                    time.sleep(_SETTLED_S)
                    came = screen.expect(row)
                    pressed_s = screen.press(key)
                    took_ms.append(1000 * (came() - pressed_s))
                time.sleep(_SETTLED_S)
                screen.press("\x1b")
    return opened, moved


def _show(deployments: int) -> None:
    # Only here: the process that prints the table does without the program.
    from tests.support.cockpit_driver import BlankRenderer
    from tests.support.cockpit_fakes import FakeControls
    from tests.support.statuses import crowded_snapshot
    from tui.cockpit.app import CanarytopApp

    controls = FakeControls(crowded_snapshot(deployments))
    CanarytopApp(controls, BlankRenderer(), actor="bench", export_folder=Path("/nonexistent")).run()


if __name__ == "__main__":
    _show(int(sys.argv[1]))
