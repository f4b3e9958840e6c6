"""Files for their owner alone: what a run saw is nobody else's business, whatever the umask says."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write_private(path: Path, text: str, *, new: bool = False) -> None:
    """Write a text as UTF-8, line ends as they stand; the file is readable by its owner only, also where it was
    there with wider rights.

    Raises:
        FileExistsError: With ``new``, where it is there already.
        OSError: It cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if new else os.O_TRUNC), 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        # A device or a pipe is not ours alone.
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)
        file.write(text)


def write_private_whole(path: Path, text: str) -> None:
    """The same, whole or not at all: what was there before stays until all of it is on the disk. A link stays
    one. What is no file (a device, a pipe) is written as it is: nothing may take its place.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    if path.exists() and not path.is_file():
        write_private(path, text)
        return
    path = path.resolve()
    new = path.with_name(f".{path.name[:80]}.{os.getpid()}.new")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(handle, 0o600)
            file.write(text)
            file.flush()
            os.fsync(handle)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
