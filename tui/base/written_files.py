"""Files that are written whole or not at all, and files for their owner alone: what a run saw is nobody else's
business, whatever the umask says."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

_OURS = 0o600


def write_private(path: Path, text: str, *, new: bool = False) -> None:
    """Write a text as UTF-8, line ends as they stand; the file is readable by its owner only, also where it was
    there with wider rights.

    Raises:
        FileExistsError: With ``new``, where it is there already.
        OSError: It cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if new else os.O_TRUNC), _OURS)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        # A device or a pipe is not ours alone.
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, _OURS)
        file.write(text)


def write_private_whole(path: Path, text: str) -> None:
    """The same, whole or not at all: what was there before stays until all of it is on the disk. A link stays
    one. What is no file (a device, a pipe) is written as it is: nothing may take its place.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    if path.exists() and not path.is_file():
        write_private(path, text)
    else:
        _replace(path.resolve(), text, _OURS)


def replace_durably(path: Path, text: str, mode: int = _OURS) -> None:
    """Put a text as UTF-8, line ends as they stand, durably in the place of what is there (a link too), with
    these rights: a reader, and a crash at any moment, finds the old file or the new one.

    Raises:
        OSError: It cannot be written; what was there is still there.
    """
    _replace(path, text, mode)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".new")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(handle, mode)
            file.write(text)
            file.flush()
            os.fsync(handle)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
