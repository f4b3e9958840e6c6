"""Reading lines in bounded pieces, and following a file through everything that happens to logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.base.line_reader import CHUNK_BYTES, MAX_LINE_BYTES, BadLine, Line, LineReader


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def everything(reader: LineReader) -> list[Line | BadLine]:
    found: list[Line | BadLine] = []
    while not (reader.ended or reader.waiting):
        found += reader.read()
    return found


def poll(reader: LineReader) -> list[bytes]:
    """What a caller gets who asks until there is nothing new."""
    found = reader.read()
    while not reader.waiting:
        found += reader.read()
    return [line.data for line in found if isinstance(line, Line)]


def test_lines_are_numbered_and_blank_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\r\n\n  \ntwo\nthree")
    reader = LineReader(path)
    assert everything(reader) == [Line(1, b"one"), Line(4, b"two"), Line(5, b"three")]
    assert reader.read() == []
    reader.restart()
    assert everything(reader)[0] == Line(1, b"one")


def test_one_read_takes_one_chunk(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 99 + b"\n" + b"y" * CHUNK_BYTES + b"\nend\n")
    reader = LineReader(path)
    assert reader.read() == [Line(1, b"x" * 99)]
    assert [line.number for line in reader.read() if isinstance(line, Line)] == [2, 3]
    reader.close()


def test_a_line_over_the_limit_is_skipped_without_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\n" + b"z" * (MAX_LINE_BYTES + 1) + b"\nb\n" + b"z" * MAX_LINE_BYTES + b"\n")
    found = everything(LineReader(path))
    assert found[:3] == [Line(1, b"a"), BadLine(2, "longer than 4 MB"), Line(3, b"b")]
    assert len(found) == 4
    assert isinstance(found[3], Line)


@given(
    st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b" ", b"\xff", b"\x00"]), max_size=60).map(b"".join)
    | st.binary(max_size=400),
    st.lists(st.integers(1, 60), max_size=20),
)
def test_a_growing_file_gives_the_lines_it_has_at_the_end(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, sizes: list[int]
) -> None:
    path = tmp_path_factory.mktemp("grow") / "log"
    path.touch()
    content = b"first" + content + b"\n"
    reader = LineReader(path, follow=True)
    found: list[bytes] = []
    at = 0
    for size in [*sizes, len(content)]:
        append(path, content[at : at + size])
        at += size
        found += poll(reader)
    reader.close()
    assert found == [line.data for line in everything(LineReader(path)) if isinstance(line, Line)]
    if b"\r" not in content:
        assert found == [line.strip() for line in content.split(b"\n") if line.strip()]


def test_a_partial_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")
    reader = LineReader(path, follow=True)
    assert poll(reader) == [b"one"]
    append(path, b"o\n")
    assert poll(reader) == [b"two"]
    assert not reader.ended
    reader.close()


def test_rotation_finishes_the_old_file_and_starts_the_new_one(tmp_path: Path) -> None:
    path, notes = tmp_path / "log", list[str]()
    path.write_bytes(b"one\n")
    reader = LineReader(path, follow=True, on_note=notes.append)
    assert poll(reader) == [b"one"]
    append(path, b"two\nlast without end")
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"three\n")
    assert poll(reader) == [b"two", b"last without end", b"three"]
    assert [note.rpartition(" was ")[2] for note in notes] == ["rotated; reading the new file from its start"]
    reader.close()


def test_between_rename_and_creation_the_old_file_is_still_read(tmp_path: Path) -> None:
    path, notes = tmp_path / "log", list[str]()
    path.write_bytes(b"one\n")
    reader = LineReader(path, follow=True, on_note=notes.append)
    poll(reader)
    path.rename(tmp_path / "log.1")
    assert poll(reader) == []
    assert str(reader.problem) == "No such file or directory"
    append(tmp_path / "log.1", b"late\n")
    assert poll(reader) == [b"late"]
    assert poll(reader) == []
    path.write_bytes(b"new\n")
    assert poll(reader) == [b"new"]
    assert reader.problem is None
    assert len(notes) == 3
    reader.close()


def test_truncation_starts_over(tmp_path: Path) -> None:
    path, notes = tmp_path / "log", list[str]()
    path.write_bytes(b"one\ntwo\npart")
    reader = LineReader(path, follow=True, on_note=notes.append)
    poll(reader)
    os.truncate(path, 0)
    append(path, b"new\n")
    assert poll(reader) == [b"new"]
    assert len(notes) == 1
    assert "truncated" in notes[0]
    reader.close()


def test_an_absent_file_is_waited_for_and_said_once(tmp_path: Path) -> None:
    path, notes = tmp_path / "log", list[str]()
    reader = LineReader(path, follow=True, on_note=notes.append)
    for _ in range(3):
        assert poll(reader) == []
    assert len(notes) == 1
    path.write_bytes(b"here\n")
    assert poll(reader) == [b"here"]
    assert len(notes) == 2
    reader.close()


def test_without_follow_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LineReader(tmp_path / "none").read()


def test_a_pipe_is_refused_instead_of_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        LineReader(tmp_path / "pipe").read()
