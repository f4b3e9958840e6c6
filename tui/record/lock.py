"""Whether the run of a record lives: it holds a lock on the file, which ends with it however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from pathlib import Path

_OWN: set[tuple[int, int]] = set()
"""Device and inode of every record that this process holds. Such a file is not opened only to look: closing it
would drop the locks that SQLite has on it, which POSIX keeps by process and file."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system says that has no such locks: nothing tells a live run from a killed one there."""

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_LOOKED_AT, _LOOKED_AT_S = 50, 0.01


class RecordLock:
    """The lock of one run on its record, from ``hold`` to ``release``."""

    def __init__(self) -> None:
        self._handle: int | None = None
        self._id: tuple[int, int] | None = None

    def hold(self, path: Path) -> None:
        """Lock the file, if it is not locked yet; another one that was held before is let go. SQLite must not
        have it open.

        Raises:
            OSError: The file cannot be opened, or another process holds it.
        """
        there = path.stat()
        if self._id == (there.st_dev, there.st_ino):
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            _lock(handle)
        except OSError:
            os.close(handle)
            raise
        self.release()
        held = os.fstat(handle)
        self._handle, self._id = handle, (held.st_dev, held.st_ino)
        _OWN.add(self._id)

    def release(self) -> None:
        """Let it go; only once SQLite has closed the file."""
        if self._handle is not None and self._id is not None:
            _OWN.discard(self._id)
            os.close(self._handle)
        self._handle = self._id = None


def _lock(handle: int) -> None:
    """Somebody who only looks holds it for a moment: that is waited for."""
    for left in reversed(range(_LOOKED_AT)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return
            if error.errno not in _HELD or not left:
                raise
        time.sleep(_LOOKED_AT_S)


def is_live(path: Path) -> bool:
    """Whether a run holds the record. False for what is no file, is not there, or may not be opened."""
    try:
        there = path.stat()
        if not stat.S_ISREG(there.st_mode):
            return False
        if (there.st_dev, there.st_ino) in _OWN:
            return True
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _HELD
    finally:
        os.close(handle)
    return False
