"""Where live runs are found: a Unix socket each, in a folder that only its owner may enter."""

from __future__ import annotations

import os
import socket
import stat
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

_FOLDER = "canarytop"
_SUFFIX = ".sock"
_LONGEST = 107
"""Bytes of a path in ``sockaddr_un`` (unix(7)), less the closing NUL."""


class NoSocket(Exception):
    """There is no place for a socket, or nobody listens there; the text says why and what to do."""


def sockets_folder(env: Mapping[str, str]) -> Path:
    """``$XDG_RUNTIME_DIR/canarytop``; without that, or where a path in it would be too long, a folder of this
    user under the temporary one. It is made where it is missing.

    Raises:
        NoSocket: It cannot be made, or somebody else could get at it.
    """
    runtime = Path(env.get("XDG_RUNTIME_DIR", ""))
    folder = runtime / _FOLDER
    if not runtime.is_absolute() or not runtime.is_dir() or len(os.fsencode(folder)) > _LONGEST - 32:
        folder = Path(tempfile.gettempdir()) / f"{_FOLDER}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise NoSocket(f"no folder for sockets: {error}; set XDG_RUNTIME_DIR to one of your own") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NoSocket(f"{folder} is not yours alone: remove it, or set XDG_RUNTIME_DIR to a folder that is")
    return folder


def socket_path(folder: Path, run_id: str) -> Path:
    """The socket of a run.

    Raises:
        NoSocket: Its path is longer than the system takes.
    """
    path = folder / f"{run_id}{_SUFFIX}"
    if len(os.fsencode(path)) > _LONGEST:
        raise NoSocket(f"{path} is longer than a socket may be ({_LONGEST} bytes): shorten XDG_RUNTIME_DIR")
    return path


def live_sockets(folder: Path) -> list[Path]:
    """The sockets in ``folder``, newest first; those that nobody listens at are removed."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            found.append((path.stat().st_mtime, path))
        except OSError:
            # Its run has ended since the folder was read.
            continue
    return [path for _, path in sorted(found, reverse=True) if _listens(path)]


def _listens(path: Path) -> bool:
    try:
        connected(path, 1.0).close()
    except NoSocket as error:
        if isinstance(error.__cause__, ConnectionRefusedError):
            # Whoever was killed could not remove it.
            path.unlink(missing_ok=True)
        return False
    return True


def connected(path: Path, timeout_s: float | None) -> socket.socket:
    """A connection to the run that listens there; ``timeout_s`` is for making it and for each read.

    Raises:
        NoSocket: Nobody listens.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout_s)
    try:
        made.connect(str(path))
    except OSError as error:
        made.close()
        raise NoSocket(f"no run listens at {path}: {error.strerror or error}") from error
    return made


def may_speak(peer: socket.socket) -> bool:
    """Whether the other end is this user or root (``SO_PEERCRED``, unix(7)). Where the system does not tell,
    the rights of the folder decide."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    known = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", known)
    return uid in (0, os.getuid())
