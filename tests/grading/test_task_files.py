"""Task files: what is read, what is refused with its line, and hostile files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.places import SHARED
from tui.grading import literal as patterns
from tui.grading import task_files
from tui.grading.options import labels_of, options_of
from tui.grading.task_files import TaskFileRefused, grade_item, read_task_file, task_item
from tui.model import Mark

DATA = SHARED / "data" / "tasks"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="task files (../shared/data/tasks) are not here")


def line(**more: Any) -> dict[str, Any]:
    record = {
        "id": "a",
        "messages": [{"role": "user", "content": "2 + 2 ="}],
        "expected": "4",
        "match": "number",
    }
    return {**record, **more}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records))
    return path


@needs_data
@pytest.mark.parametrize("path", sorted(DATA.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_task_file_is_read_whole_and_its_answers_are_right(path: Path) -> None:
    found = read_task_file(path)
    raw = [json.loads(text) for text in path.read_text().splitlines()]
    assert [item.id for item in found.items] == [record["id"] for record in raw]
    assert not found.bad_count
    for item, record in zip(found.items, raw, strict=True):
        assert (item.task, item.expected, item.match) == (record["task"], record["expected"], record["match"])
        assert item.more["set"] == path.stem
        mark = grade_item(item, item.expected).mark
        assert mark is (Mark.FOR_JUDGE if item.match == "reference" else Mark.RIGHT)
        if item.match == "choice":
            assert len(item.options) >= 2


def test_what_is_not_read_is_kept_and_parameters_go_with_the_request(tmp_path: Path) -> None:
    record = line(task="sums", temperature=0, max_tokens=9, set="easy", notes={"by": "me"})
    [item] = read_task_file(write(tmp_path / "tasks.jsonl", record)).items
    assert (item.task, item.max_tokens, dict(item.params)) == ("sums", 9, {"temperature": 0})
    assert dict(item.more) == {"set": "easy", "notes": {"by": "me"}}


def test_a_bad_line_is_counted_with_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "tasks.jsonl",
        line(id="a"),
        "",
        "{",
        "[1]",
        line(id="b", match="fuzzy"),
        line(id="c", match=None),
        line(id="d", expected="many"),
        line(id="e", expected=None),
        line(id="f", messages=[]),
        line(id=""),
        line(id="x" * 201),
        line(id="bell\a"),
        line(id="a", expected="5"),
        line(id="g", match="choice", expected="Z", messages=[{"role": "user", "content": "?\nA. one\nB. two"}]),
        line(id="h"),
    )
    found = read_task_file(path)
    assert [item.id for item in found.items] == ["a", "h"]
    assert found.items[0].expected == "4"
    assert found.bad_count == len(found.bad_lines) == 12
    says = {bad.line: bad.reason for bad in found.bad_lines}
    assert says[3].startswith("the line is not JSON")
    assert says[4] == "the line is a list, not an object"
    assert says[5].startswith("match 'fuzzy' is not known; known are number, choice")
    assert says[6].startswith("match is missing")
    assert says[7].startswith("expected is no number: many")
    assert says[8] == "expected is missing"
    assert says[9] == "messages is empty, not a list of messages"
    assert says[10] == "id is missing or not text"
    assert says[11] == "id has 201 characters; the limit is 200"
    assert says[12] == "id has characters that cannot be shown"
    assert says[13] == "id a stands in an earlier line"
    assert says[14] == "expected is no option: Z; the options are A, B"


def test_only_the_first_bad_lines_are_kept(tmp_path: Path) -> None:
    found = read_task_file(write(tmp_path / "tasks.jsonl", *["{"] * 70))
    assert (found.bad_count, len(found.bad_lines), found.items) == (70, 50, ())


@pytest.mark.parametrize(
    ("expected", "match", "kept"),
    [({"b": 1, "a": [True]}, "json", '{"b": 1, "a": [true]}'), (4, "number", "4"), (True, "yesno", "true")],
)
def test_an_expected_answer_may_be_json(expected: object, match: str, kept: str) -> None:
    item = task_item(line(expected=expected, match=match))
    assert item.expected == kept
    assert grade_item(item, json.dumps(expected)).mark is Mark.RIGHT


def test_a_recorded_answer_at_the_end_is_expected_and_not_sent() -> None:
    messages = [{"role": "user", "content": "2 + 2 ="}, {"role": "assistant", "content": "4"}]
    record = line(messages=messages)
    del record["expected"]
    item = task_item(record)
    assert (item.expected, len(item.messages)) == ("4", 1)


def test_files_beyond_the_bounds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "tasks.jsonl", *[line(id=str(n)) for n in range(5)])
    monkeypatch.setattr(task_files, "MAX_ITEMS", 4)
    with pytest.raises(TaskFileRefused, match="more than 4 items: split it"):
        read_task_file(path)
    monkeypatch.setattr(task_files, "MAX_FILE_BYTES", 100)
    with pytest.raises(TaskFileRefused, match="at most 64 MB are read"):
        read_task_file(path)


def test_a_file_with_patterns_is_refused_whole_where_they_cannot_be_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = write(tmp_path / "sums.jsonl", line())
    path = write(tmp_path / "tasks.jsonl", line(), line(id="b", match="regex", expected="[45]"))
    assert [item.match for item in read_task_file(path).items] == ["number", "regex"]
    monkeypatch.setattr(patterns, "re2", None)
    with pytest.raises(
        TaskFileRefused, match=r"line 2: patterns need RE2: pip install 'canarytop\[patterns\]'"
    ):
        read_task_file(path)
    assert len(read_task_file(sums).items) == 1


def test_a_file_that_is_not_there_raises_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_task_file(tmp_path / "none.jsonl")


FIELDS = st.dictionaries(
    st.sampled_from(["id", "messages", "expected", "match", "task", "max_tokens", "other"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    )
    | st.sampled_from(["number", "choice", "yesno", "label", "exact", "regex", "json", "reference"])
    | st.just([{"role": "user", "content": "Pick.\nA. one\nB. two\nOptions: x, y"}]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60) | FIELDS.map(lambda f: json.dumps(f).encode()), max_size=8))
def test_hostile_files_are_read_and_what_is_kept_can_be_graded(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b"\n".join(lines))
    found = read_task_file(path)
    assert len({item.id for item in found.items}) == len(found.items)
    assert all(bad.reason.isprintable() and 0 < len(bad.reason) <= 160 for bad in found.bad_lines)
    for item in found.items:
        assert grade_item(item, "A. one") == grade_item(item, "A. one")


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("Which?\nA. one\nB. two", {"A": "one", "B": "two"}),
        ("Which?\nOptions:\n(A) one\n(B) two\n(C) three", {"A": "one", "B": "two", "C": "three"}),
        ("Option A: No\nOption B: Yes\n\nText: (A) first\n(B) second\n(C) third", {"A": "No", "B": "Yes"}),
        ("Covered? [A: Yes; B: No; C: It is ambiguous]", {"A": "Yes", "B": "No", "C": "It is ambiguous"}),
        ("A. a first list\nB. of two\nQuestion?\nA) x\nB) y", {"A": "x", "B": "y"}),
        ("A. alone", {}),
        ("B. no beginning\nC. at all", {}),
        ("no options", {}),
    ],
)
def test_options_are_found_in_the_prompt(prompt: str, options: dict[str, str]) -> None:
    assert options_of(prompt) == options


@pytest.mark.parametrize(
    ("prompt", "expected", "labels"),
    [
        ("Answer with exactly one label from: a b; c d; e-f.\nText", "c d", ("a b", "c d", "e-f")),
        (
            "Options: Arbitration, Choice of law, Other\n\nClause",
            "other",
            ("Arbitration", "Choice of law", "Other"),
        ),
        ("Choose one of the following labels:\n- red\n- green\n\nText", "green", ("red", "green")),
        ("Is it governed by the UCC or the common law?", "UCC", ("UCC", "common law")),
        ("Is it governed by the UCC or by common law?", "Common law", ("UCC", "common law")),
        ("Options: red, green", "blue", ()),
        ("Say something.", "anything", ()),
    ],
)
def test_labels_are_found_in_the_prompt(prompt: str, expected: str, labels: tuple[str, ...]) -> None:
    assert labels_of(prompt, expected) == labels
