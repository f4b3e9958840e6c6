"""The program as it is installed: the command that a shell finds, from a folder that knows nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("canarytop")


@pytest.mark.skipif(not COMMAND.exists(), reason="canarytop is not installed beside this Python")
def test_the_installed_command_starts_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run([str(COMMAND), "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "attach" in done.stdout
