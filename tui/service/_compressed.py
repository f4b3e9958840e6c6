"""Compressed bodies, read as they come: gzip, deflate, br and zstd, also several over each other.

We ask for none of them, but gateways compress all the same. Names as in the register of HTTP content codings
(RFC 9110, 8.4.1). br and zstd are read with the library that aiohttp reads them with, where it is installed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import httpx2
from aiohttp.compression_utils import HAS_BROTLI, HAS_ZSTD, BrotliDecompressor, ZSTDDecompressor

from tui.base.text import plain

STEP_BYTES = 64 * 1024
"""About the most that is decompressed in one step (br goes by blocks of its own)."""

_WINDOW_BYTES = 4 * 1024
"""What is fed in one step: what stands behind the end of a gzip member is copied for each member."""
_MOST_CODINGS = 4
_GZIP = 16 + zlib.MAX_WBITS
_ALIASES = {"x-gzip": "gzip"}
_LIBRARIES = {"br": ("Brotli", HAS_BROTLI), "zstd": ("backports.zstd", HAS_ZSTD)}
_LOOKED_AT = 64
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r"))


class AnswerTooLong(httpx2.ReadError):
    """The body passed what a body may have; the connection was closed."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the answer passed {most / 2**20:.3g} MB and was cut off")


class Decompressor:
    """Takes the codings off a body, the last one that was put on first. ``most`` bounds the bytes that any of
    them gives."""

    def __init__(self, codings: Iterable[str], most: int) -> None:
        self._stages = [_Stage(name, most) for name in reversed(list(codings))]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` adds to the body, in pieces of about ``STEP_BYTES`` at most.

        Raises:
            httpx2.DecodingError: It is not compressed as its header says.
            AnswerTooLong: It is longer than a body may be.
        """
        return self._fed(data, 0)

    def _fed(self, data: bytes, depth: int) -> Iterator[bytes]:
        if depth == len(self._stages):
            yield data
            return
        for piece in self._stages[depth].feed(data):
            yield from self._fed(piece, depth + 1)


def decompressor_of(content_encodings: Iterable[str], most: int) -> Decompressor | None:
    """For a body with these ``Content-Encoding`` fields; None where it comes as it is.

    Raises:
        httpx2.DecodingError: It is compressed with something that cannot be read here.
    """
    names = (name.strip().lower() for field in content_encodings for name in field.split(","))
    codings = [_ALIASES.get(name, name) for name in names if name not in ("", "identity")]
    if len(codings) > _MOST_CODINGS:
        raise httpx2.DecodingError(f"the answer is compressed {len(codings)} times over, which is not read")
    for name in codings:
        library, there = _LIBRARIES.get(name, ("", True))
        if not there:
            raise httpx2.DecodingError(
                f"the answer is compressed with {name}, which this installation cannot read: "
                f"pip install {library}"
            )
    return Decompressor(codings, most) if codings else None


class _Coding(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...


class _Stage:
    """One coding, its bytes counted and its faults in plain words."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._coding = _coding(name)
        self._most = most
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        pieces = self._coding.feed(data)
        while True:
            try:
                piece = next(pieces, None)
            except httpx2.DecodingError:
                raise
            except Exception as error:  # noqa: BLE001 - each library has an error of its own
                said = plain(str(error) or type(error).__name__, 80)
                raise httpx2.DecodingError(
                    f"the answer is not {self._name}, as its Content-Encoding says: {said}"
                ) from None
            if piece is None:
                return
            self._given += len(piece)
            if self._given > self._most:
                raise AnswerTooLong(self._most)
            yield piece


def _coding(name: str) -> _Coding:
    if name in ("gzip", "deflate"):
        return _Zlib(name)
    if name == "br":
        return _Library(BrotliDecompressor())
    if name == "zstd":
        return _Library(ZSTDDecompressor())
    return _NoCoding(name)


class _Zlib:
    """gzip, member after member; deflate with the zlib header that belongs there, and without it."""

    def __init__(self, name: str) -> None:
        self._wbits = _GZIP if name == "gzip" else None
        self._stream: zlib._Decompress | None = None
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _WINDOW_BYTES):
            yield from self._window(data[start : start + _WINDOW_BYTES])

    def _window(self, data: bytes) -> Iterator[bytes]:
        more = True
        while data or more:
            if self._stream is None:
                if not self._begins(data):
                    return
                self._stream = zlib.decompressobj(self._wbits_of(data))
            piece = self._stream.decompress(data, STEP_BYTES)
            if piece:
                yield piece
            if self._stream.eof:
                data, more = self._stream.unused_data, False
                self._stream = None
                self._members += 1
            else:
                # A full step may have left something inside, also where all of the input is taken.
                data, more = self._stream.unconsumed_tail, len(piece) == STEP_BYTES

    def _begins(self, data: bytes) -> bool:
        """Whether a stream begins here: behind the first one there may be more of gzip, else only padding."""
        return bool(data) and (self._members == 0 or (self._wbits == _GZIP and data[0] == 0x1F))

    def _wbits_of(self, data: bytes) -> int:
        """A zlib header begins with the method 8 (RFC 1950); no deflate block begins with these four bits."""
        if self._wbits is None:
            self._wbits = zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS
        return self._wbits


class _Library:
    """br or zstd, by the library behind aiohttp."""

    def __init__(self, decompressor: BrotliDecompressor | ZSTDDecompressor) -> None:
        self._decompressor = decompressor

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _WINDOW_BYTES):
            piece = self._decompressor.decompress_sync(data[start : start + _WINDOW_BYTES], STEP_BYTES)
            while piece:
                yield piece
                piece = b""
                if self._decompressor.data_available:
                    piece = self._decompressor.decompress_sync(b"", STEP_BYTES)


class _NoCoding:
    """A name that is no coding that we read. Some services write ``utf-8`` there, or ``none``: text passes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._looked = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._looked and data:
            self._looked = True
            head = data[:_LOOKED_AT]
            if len(head.translate(None, _CONTROL)) < len(head):
                raise httpx2.DecodingError(
                    f"the answer is compressed with {plain(self._name, 40)}, which canarytop cannot read; "
                    "it asks for identity"
                )
        yield data
