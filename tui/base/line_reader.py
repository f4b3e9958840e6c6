"""Lines of a file, a bounded piece at a time; a followed file may grow, be rotated, truncated or be away.

Nothing here waits: ``read`` returns what is there now, and the caller decides when to ask again. In memory are
at most one chunk and one line, also of a file that is packed or not UTF-8 (``encoded_file``).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tui.base.encoded_file import DamagedFile, Utf8Reader

CHUNK_BYTES = 64 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its line end. ``number`` counts from 1 and starts again in a rotated file."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used, and why. In a file that is one document ``line`` is the record's number."""

    line: int
    reason: str


class LineReader:
    """The lines of a regular file; blank lines are counted but not returned. They end with LF (or CR LF), or
    with CR where a CR alone ends the first of them.

    With ``follow`` the file is read from its start and then as it grows: a file put in its place (another
    device or inode) and a truncated file (shorter than what was read) are read from their start, an absent file
    is waited for. A file that is truncated and grows past the old position between two reads cannot be told
    from one that only grew. A packed file is not followed: another one in its place is waited for. ``on_note``
    hears of rotation, truncation and absence.
    """

    def __init__(
        self, path: Path, *, follow: bool = False, on_note: Callable[[str], object] = lambda text: None
    ) -> None:
        self._path = path
        self._follow = follow
        self._on_note = on_note
        self._fd: int | None = None
        self._start_over()
        self.ended = False
        """Nothing more will come. Never true of a followed file."""
        self.waiting = False
        """The last read found nothing new in a followed file."""
        self.problem: str | None = None
        """Why a followed file cannot be read at the moment."""

    def read(self) -> list[Line | BadLine]:
        """What the next chunk completes: at most ``CHUNK_BYTES`` are read.

        An empty list means nothing only when ``ended`` or ``waiting``; otherwise a long line is under way.
        Raises OSError when a file that is not followed cannot be read, or is in a form that is not read.
        """
        if self.ended:
            return []
        self.waiting = False
        opened = self._fd is None
        try:
            if self._fd is None:
                self._fd = _open(self._path)
            chunk = self._text.read()
            if opened:
                self._recover()
        except DamagedFile as error:
            # What is wrong is a line like any other: what stood before it can still be used.
            self.close()
            self.ended = True
            return [BadLine(self._number, str(error))]
        except OSError as error:
            if not self._follow:
                self.close()
                raise
            self._lose(error)
            return []
        return self._at_end() if chunk is None else self._split(chunk)

    def restart(self) -> None:
        """Go back to the first line."""
        self.close()
        self._start_over()
        self.ended = False

    def close(self) -> None:
        """Give the file back; the next read opens it again from its start."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _start_over(self) -> None:
        self._number = 1
        self._position = 0
        self._partial = bytearray()
        self._skipping = False
        self._by_cr: bool | None = None
        self._after_cr = False
        self._text = Utf8Reader(self._raw, growing=self._follow)

    def _raw(self) -> bytes | None:
        assert self._fd is not None
        piece = os.read(self._fd, CHUNK_BYTES)
        self._position += len(piece)
        return piece or None

    def _split(self, chunk: bytes) -> list[Line | BadLine]:
        if self._by_cr is None:
            chunk = self._line_ends(chunk)
        if self._by_cr and chunk:
            if self._after_cr:
                chunk = chunk.removeprefix(b"\n")
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *complete, rest = chunk.split(b"\n")
        found: list[Line | BadLine] = []
        for piece in complete:
            if not piece and not self._partial and not self._skipping:
                self._number += 1  # a blank line: a file may hold millions of them
                continue
            self._grow(piece, found)
            self._finish_line(found)
        self._grow(rest, found)
        return found

    def _line_ends(self, chunk: bytes) -> bytes:
        """Find out how lines end; gives back the chunk, with a CR before it that could not be told before."""
        if self._partial.endswith(b"\r"):
            del self._partial[-1]
            chunk = b"\r" + chunk
        cr, lf = chunk.find(b"\r"), chunk.find(b"\n")
        if lf >= 0 or -1 < cr < len(chunk) - 1:
            self._by_cr = cr >= 0 and (lf < 0 or cr + 1 < lf)
        return chunk

    def _grow(self, piece: bytes, found: list[Line | BadLine]) -> None:
        if self._skipping:
            return
        if len(self._partial) + len(piece) > MAX_LINE_BYTES:
            limit_mb = MAX_LINE_BYTES // 1024**2
            found.append(BadLine(self._number, f"longer than {limit_mb} MB"))
            self._partial.clear()
            self._skipping = True
        else:
            self._partial += piece

    def _finish_line(self, found: list[Line | BadLine]) -> None:
        if not self._skipping and (data := bytes(self._partial).strip()):
            found.append(Line(self._number, data))
        self._partial.clear()
        self._skipping = False
        self._number += 1

    def _at_end(self) -> list[Line | BadLine]:
        found: list[Line | BadLine] = []
        if not self._follow:
            self._finish_line(found)
            self.close()
            self.ended = True
            return found
        self.waiting = True
        assert self._fd is not None
        here = os.fstat(self._fd)
        try:
            there = self._path.stat()
        except OSError as error:
            # The open file stays: whoever moved it may still be writing to it.
            self._report(error)
            return found
        self._recover()
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            self._finish_line(found)
            self.close()
            self._start_over()
            self._on_note(f"{self._path} was rotated; reading the new file from its start")
            self.waiting = False
        elif here.st_size < self._position:
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._start_over()
            self._on_note(f"{self._path} was truncated; reading it from its start")
            self.waiting = False
        return found

    def _lose(self, error: OSError) -> None:
        self.close()
        self._start_over()
        self.waiting = True
        self._report(error)

    def _recover(self) -> None:
        if self.problem is not None:
            self.problem = None
            self._on_note(f"{self._path} can be read again")

    def _report(self, error: OSError) -> None:
        problem = error.strerror or str(error)
        if problem != self.problem:
            self.problem = problem
            self._on_note(f"{self._path} cannot be read ({problem}); waiting for it")


def _open(path: Path) -> int:
    """A descriptor for a regular file; a pipe or a device could block the caller for ever."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return fd
