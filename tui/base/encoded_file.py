"""A file's bytes as UTF-8: gzip, zstd, bzip2 and xz unpacked, UTF-16 and UTF-32 decoded, as they are read.

What a file is, is told by its first bytes, never by its name. In memory are one piece as it was read and one as
it is given, however much the file expands to.
"""

from __future__ import annotations

import bz2
import codecs
import errno
import importlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

PIECE_BYTES = 64 * 1024
"""How much of a packed file is given at once."""

Read = Callable[[], bytes | None]
"""The next piece, b"" where there is none yet; None at the end, or where nothing new is there."""

_HEAD_BYTES = 512
_LONGEST_MARK = 4
_XZ_MEMORY_BYTES = 128 * 1024**2


class UnreadableFile(OSError):
    """A file in a form that is not read; ``strerror`` names the form and says how to convert it."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EINVAL, reason)


class DamagedFile(ValueError):
    """Packed data that break off or are wrong; the text names the packing."""


class _Decompressor(Protocol):
    """What decompressors of the standard library have in common (``bz2``, ``lzma``, ``compression.zstd``)."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """``zlib`` with the interface of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


Opened = tuple[_Decompressor, type[Exception]]
"""A decompressor, and what it raises for wrong data."""


def _zstd() -> Opened:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return module.ZstdDecompressor(), module.ZstdError
    raise UnreadableFile(
        "zstd: needs Python 3.14 or: pip install 'canarytop[zstd]'; or unpack it: zstd -d FILE"
    )


def _xz() -> Opened:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY_BYTES), lzma.LZMAError


@dataclass(frozen=True, slots=True)
class _Packing:
    name: str
    magic: bytes
    open: Callable[[], Opened]


_PACKINGS = (
    _Packing("gzip", b"\x1f\x8b", lambda: (_Gzip(), zlib.error)),
    _Packing("zstd", b"\x28\xb5\x2f\xfd", _zstd),
    _Packing("bzip2", b"BZh", lambda: (bz2.BZ2Decompressor(), OSError)),
    _Packing("xz", b"\xfd7zXZ\x00", _xz),
)

# UTF-32 stands first: its little-endian mark begins with that of UTF-16. Without a mark it is the zero beside
# the bracket, with which JSON begins, that tells the encoding.
_CHARSETS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"{\x00", "utf-16-le"),
    (b"[\x00", "utf-16-le"),
    (b"\x00{", "utf-16-be"),
    (b"\x00[", "utf-16-be"),
)

# Where in the file, what stands there, what that is, and the line that makes something readable of it.
_FOREIGN = (
    (0, b"PAR1", "Parquet", "duckdb -c \"copy (from 'FILE') to 'requests.jsonl'\""),
    (0, b"SQLite format 3\x00", "SQLite", "sqlite3 -json FILE 'select * from TABLE' > requests.json"),
    (0, b"PK\x03\x04", "zip", "unzip -p FILE > requests.jsonl"),
    (257, b"ustar", "tar", "tar -xOf FILE > requests.jsonl"),
)


class Utf8Reader:
    """The pieces of a file as UTF-8. A byte order mark of UTF-8 is left where it stands.

    ``growing``: the file is followed, and None means that nothing new is there; packed files are refused then.
    """

    def __init__(self, raw: Read, *, growing: bool = False, packed_as: str = "") -> None:
        self._raw = raw
        self._growing = growing
        self._packed_as = packed_as
        self._head = bytearray()
        self._source: Read | None = None

    def read(self) -> bytes | None:
        """The next piece. Raises UnreadableFile, DamagedFile and what reading the file raises."""
        if self._source is not None:
            return self._source()
        piece = self._raw()
        self._head += piece or b""
        if self._growing:
            told = len(self._head) >= _LONGEST_MARK or self._head.endswith(b"\n")
        else:
            told = len(self._head) >= _HEAD_BYTES or piece is None
        if not told:
            return b"" if piece else None if self._growing else b""
        self._source = self._open(bytes(self._head))
        self._head.clear()
        return self._source()

    def _open(self, head: bytes) -> Read:
        raw = _after(head, self._raw)
        for at, magic, name, line in _FOREIGN:
            if head[at : at + len(magic)] == magic:
                raise UnreadableFile(f"{self._packed_as}{name}: not JSON lines; convert it: {line}")
        for packing in _PACKINGS:
            if head.startswith(packing.magic):
                if self._growing:
                    raise UnreadableFile(f"{packing.name}: a packed file is not followed; leave out follow")
                if self._packed_as:
                    raise UnreadableFile(f"{self._packed_as}{packing.name}: packed twice; unpack it once")
                return Utf8Reader(_Unpacked(packing, raw).read, packed_as=f"{packing.name}: ").read
        charset = next((name for mark, name in _CHARSETS if head.startswith(mark)), None)
        return _decoded(charset, raw) if charset is not None else raw


class _Unpacked:
    """The pieces of a packed file: one stream or several, one after the other, and zeros after the last."""

    def __init__(self, packing: _Packing, raw: Read) -> None:
        self._packing = packing
        self._raw = raw
        self._stream, self._wrong = packing.open()
        self._rest = b""
        self._between = False
        self._ended = False

    def read(self) -> bytes | None:
        if self._ended:
            return None
        return self._next_stream() if self._between else self._piece()

    def _piece(self) -> bytes:
        data = b""
        if self._stream.needs_input:
            piece = self._rest or self._raw()
            if piece is None:
                raise DamagedFile(f"{self._packing.name}: the file breaks off before its end")
            data, self._rest = piece, b""
        try:
            unpacked = self._stream.decompress(data, PIECE_BYTES)
        except self._wrong as error:
            raise DamagedFile(f"{self._packing.name}: {error}") from error
        if self._stream.eof:
            self._between, self._rest = True, self._stream.unused_data
        return unpacked

    def _next_stream(self) -> bytes | None:
        self._rest = self._rest.lstrip(b"\x00")
        if len(self._rest) < len(self._packing.magic):
            piece = self._raw()
            if piece is not None:
                self._rest += piece
                return b""
            if not self._rest:
                self._ended = True
                return None
        if not self._rest.startswith(self._packing.magic):
            raise DamagedFile(f"{self._packing.name}: something else follows after its end")
        self._stream, self._wrong = self._packing.open()
        self._between = False
        return b""


def _after(head: bytes, raw: Read) -> Read:
    """What ``raw`` gives, with ``head`` before it."""
    left = [head]
    return lambda: left.pop() if left else raw()


def _decoded(charset: str, raw: Read) -> Read:
    decoder = codecs.getincrementaldecoder(charset)("replace")  # half of a surrogate pair becomes U+FFFD

    def read() -> bytes | None:
        piece = raw()
        return None if piece is None else decoder.decode(piece).encode()

    return read
