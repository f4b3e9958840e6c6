"""Files that are packed or not UTF-8: read like any other, or refused with the true reason."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.base.test_follow import append, everything, poll
from tui.base.encoded_file import PIECE_BYTES, UnreadableFile
from tui.base.line_reader import MAX_LINE_BYTES, BadLine, Line, LineReader
from tui.base.recorded_request import BadRecord
from tui.traffic.documents import read_document

LINES = ('{"a": "é"}', '{"b": "😀"}', '{"c": 3}')
TEXT = "\n".join(LINES) + "\n"


def gz(data: bytes) -> bytes:
    """Without the time: the tests have the same names in every process."""
    return gzip.compress(data, mtime=0)


def packed_twice(data: bytes) -> bytes:
    """Two streams one after the other, as rotated logs are put together."""
    half = len(data) // 2
    return gz(data[:half]) + gz(data[half:]) + b"\x00" * 512


def read(tmp_path: Path, data: bytes) -> list[Line | BadLine]:
    path = tmp_path / "log"
    path.write_bytes(data)
    return everything(LineReader(path))


def zstd(data: bytes) -> bytes:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    packed: bytes = pytest.importorskip(name).compress(data)
    return packed


@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda text: text.encode("utf-8-sig"),
        lambda text: gz(text.encode()),
        lambda text: packed_twice(text.encode()),
        lambda text: zstd(text.encode()) + zstd(b""),
        lambda text: bz2.compress(text.encode()),
        lambda text: lzma.compress(text.encode()),
        lambda text: gz(text.encode("utf-16")),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    ],
    ids=[
        "utf8", "bom", "gzip", "gzips", "zstd", "bzip2", "xz", "gzip16", "utf16", "utf16be", "le", "be",
        "utf32", "cr", "crlf16",
    ],
)  # fmt: skip
def test_every_encoding_gives_the_same_lines(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    path = tmp_path / "log"
    path.write_bytes(encode(TEXT))
    found = everything(LineReader(path))
    assert [(line.number, line.data.decode("utf-8-sig")) for line in found if isinstance(line, Line)] == [
        *enumerate(LINES, start=1)
    ]
    path.write_bytes(encode("[\n" + ",\n".join(LINES) + "]"))
    assert read_document(path) == [[json.loads(line) for line in LINES]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gz(TEXT.encode())[:-9], "gzip: the file breaks off before its end"),
        (gz(TEXT.encode()) + b"more", "gzip: something else follows after its end"),
        (b"\x1f\x8b" + b"x" * 50, "gzip: Error -3 while decompressing data: unknown compression method"),
        (bz2.compress(TEXT.encode())[:-4] + b"xxxx", "bzip2: Invalid data stream"),
    ],
    ids=["cut", "followed", "header", "checksum"],
)
def test_damage_is_a_bad_line_that_names_the_packing(tmp_path: Path, data: bytes, says: str) -> None:
    assert [line.reason for line in read(tmp_path, data) if isinstance(line, BadLine)] == [says]
    with pytest.raises(BadRecord, match=says.partition(":")[0]):
        read_document(tmp_path / "log")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PAR1" + b"x" * 600, "^Parquet: not JSON lines; convert it: duckdb -c "),
        (b"SQLite format 3\x00", "^SQLite: .*sqlite3 -json"),
        (b"PK\x03\x04", "^zip: .*unzip -p"),
        (b"x" * 257 + b"ustar", "^tar: "),
        (gz(b"x" * 257 + b"ustar" + b"x" * 600), "^gzip: tar: "),
        (gz(gz(b"x")), "^gzip: gzip: packed twice"),
    ],
    ids=["parquet", "sqlite", "zip", "tar", "tar.gz", "gz.gz"],
)
def test_a_form_that_is_not_read_says_how_to_convert_it(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(OSError) as error:  # noqa: PT011 - what matters is its text
        read(tmp_path, data)
    assert error.value.strerror is not None
    assert re.search(says, error.value.strerror)


def test_without_the_library_zstd_names_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(OSError, match=r"zstd: needs Python 3.14 or: pip install 'canarytop\[zstd\]'"):
        read(tmp_path, b"\x28\xb5\x2f\xfd" + b"x" * 20)


@pytest.mark.parametrize("unit", [b"x", b" "], ids=["one line", "blanks"])
def test_a_bomb_takes_no_more_memory_than_a_line(tmp_path: Path, unit: bytes) -> None:
    packer = zlib.compressobj(wbits=31)
    block = unit * 1024**2
    packed = b"".join(packer.compress(block) for _ in range(48)) + packer.flush()
    assert len(packed) < 100_000
    path = tmp_path / "log"
    path.write_bytes(packed)
    reader = LineReader(path)
    tracemalloc.start()
    try:
        found = everything(reader)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_LINE_BYTES
    assert found == [BadLine(1, "longer than 4 MB")]


def test_many_empty_streams_are_read_a_step_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(gz(b"") * 1000 + gz(b"end\n"))
    reader = LineReader(path)
    assert [reader.read() for _ in range(100)] == [[]] * 100
    assert everything(reader) == [Line(1, b"end")]


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x1f\x8b\x08\x00", b"\xff\xfe", b"\x28\xb5\x2f\xfd", b"BZh9"]),
)
def test_hostile_bytes_are_lines_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "log"
    path.write_bytes(head + data)
    with suppress(UnreadableFile):
        everything(LineReader(path))


def test_a_followed_file_of_utf16_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff")
    reader = LineReader(path, follow=True)
    assert poll(reader) == []
    append(path, b"\xfe" + "one\r\ntwo".encode("utf-16-le")[:-1])
    assert poll(reader) == [b"one"]
    append(path, b"\x00" + "\r\nthree\r\n".encode("utf-16-le"))
    assert poll(reader) == [b"two", b"three"]
    reader.close()


def test_a_packed_file_is_not_followed_and_one_in_its_place_is(tmp_path: Path) -> None:
    path, notes = tmp_path / "log", list[str]()
    path.write_bytes(gz(b"one\n"))
    reader = LineReader(path, follow=True, on_note=notes.append)
    for _ in range(3):
        assert poll(reader) == []
    assert str(reader.problem) == "gzip: a packed file is not followed; leave out follow"
    assert len(notes) == 1
    path.write_bytes(b"two\n")
    assert poll(reader) == [b"two"]
    assert reader.problem is None
    reader.close()


@pytest.mark.parametrize("at", range(-2, 3))
def test_a_carriage_return_at_the_end_of_a_piece(tmp_path: Path, at: int) -> None:
    first = b"x" * (PIECE_BYTES + at)
    for end in (b"\r", b"\r\n", b"\n"):
        found = read(tmp_path, first + end + b"two" + end + b"three")
        assert found == [Line(1, first), Line(2, b"two"), Line(3, b"three")]
    assert read(tmp_path, b"one\n" + first + b"\rtwo\n") == [Line(1, b"one"), Line(2, first + b"\rtwo")]
