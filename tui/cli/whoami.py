"""Who sits where: the names under which commands are logged."""

from __future__ import annotations

import getpass
import os
import sys
from contextlib import suppress


def whoami() -> str:
    """The name under which this person's commands are logged."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def terminal() -> str:
    """The terminal, and where the ssh session to it comes from; empty without one."""
    name = ""
    with suppress(OSError, ValueError, AttributeError):
        name = os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    origin = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return f"{name} from {origin}" if name and origin else name or origin
