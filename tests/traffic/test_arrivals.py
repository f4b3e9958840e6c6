"""Schedules: constant, Poisson and recorded traces."""

from __future__ import annotations

import random
import statistics
from itertools import islice, pairwise
from pathlib import Path

import pytest

from tests.support.places import SHARED
from tests.support.typed import about
from tui.base.line_reader import BadLine
from tui.traffic.arrivals import Arrival, constant, poisson, trace
from tui.traffic.trace_rows import TraceError

TRACES = SHARED / "data" / "traces"
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"

needs_traces = pytest.mark.skipif(not TRACES.is_dir(), reason="recorded traces (../shared/data) are not here")


def write(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_bytes(text.encode())
    return path


def test_constant_keeps_its_distance_without_drift() -> None:
    due = [arrival.due_s for arrival in islice(constant(7.0), 70_001)]
    assert due[0] == 0.0
    assert due[70_000] == 10_000.0


def test_poisson_has_the_rate_and_the_spread_of_its_process() -> None:
    due = [arrival.due_s for arrival in islice(poisson(5.0, random.Random(3)), 20_000)]
    gaps = [after - before for before, after in pairwise(due)]
    assert min(gaps) > 0
    assert statistics.mean(gaps) == pytest.approx(0.2, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.2, rel=0.05)


def test_poisson_is_the_same_for_the_same_generator() -> None:
    assert list(islice(poisson(5.0, random.Random(1)), 50)) == list(islice(poisson(5.0, random.Random(1)), 50))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused_at_once(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        constant(rate)
    with pytest.raises(ValueError, match="rate"):
        poisson(rate, random.Random(0))


@needs_traces
@pytest.mark.parametrize(
    ("name", "rows", "first", "last"),
    [
        ("azure2023_conv_min00-20.csv", 5985, (0.0, 374, 44), (1199.748791, 2345, 69)),
        ("azure2023_code_min00-20.csv", 3628, (0.0, 4808, 10), (1199.101263, 2056, 24)),
        ("mooncake_conversation_min00-10.jsonl", 1750, (0.0, 6758, 500), (597.0, 7823, 508)),
    ],
)
def test_recorded_traces_are_read_whole(
    name: str, rows: int, first: tuple[float, int, int], last: tuple[float, int, int]
) -> None:
    bad: list[BadLine] = []
    arrivals = list(trace(TRACES / name, on_bad=bad.append))
    assert len(arrivals) == rows
    assert bad == []
    for arrival, (due_s, context, generated) in ((arrivals[0], first), (arrivals[-1], last)):
        assert arrival == Arrival(about(due_s, abs=2e-6), context, generated)
    assert all(a.due_s <= b.due_s for a, b in pairwise(arrivals))


def test_speed_divides_times_and_columns_go_by_name(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "\ufeffGeneratedTokens, TIMESTAMP ,x,ContextTokens\r\n"
        "4,2023-11-16 18:15:46.6805900,,10\r\n"
        '5,"2023-11-16T19:15:50.6805900+01:00",,20\r\n',
    )
    assert list(trace(path, speed=2.0)) == [Arrival(0.0, 10, 4), Arrival(about(2.0), 20, 5)]


def test_bad_rows_are_skipped_and_rows_that_go_back_are_clamped(tmp_path: Path) -> None:
    rows = [
        "2023-01-01 00:00:10,1,1",
        "yesterday,1,1",
        "2023-01-01 00:00:12,-5,1",
        "2023-01-01 00:00:11,2",
        "2023-01-01 00:00:08,3,3",
        "",
        "2023-01-01 00:00:13,x,1",
        "2023-01-01 00:00:14,4,4",
    ]
    bad: list[BadLine] = []
    arrivals = list(trace(write(tmp_path, HEADER + "\r\n".join(rows)), on_bad=bad.append))
    assert arrivals == [Arrival(0.0, 1, 1), Arrival(0.0, 3, 3), Arrival(4.0, 4, 4)]
    assert [line.line for line in bad] == [3, 4, 5, 6, 8]
    assert "goes back 2.000 s" in bad[3].reason


def test_a_loop_goes_on_after_the_last_gap(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "2023-01-01 00:00:00,1,1\r\nbad\r\n2023-01-01 00:00:03,2,2\r\n")
    bad: list[BadLine] = []
    arrivals = trace(path, loop=True, on_bad=bad.append)
    assert [arrival.due_s for arrival in islice(arrivals, 6)] == [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    assert len(bad) == 1
    arrivals.close()  # type: ignore[attr-defined]


def test_a_loop_without_duration_is_refused(tmp_path: Path) -> None:
    arrivals = trace(write(tmp_path, HEADER + "2023-01-01 00:00:00,1,1\r\n"), loop=True)
    assert next(arrivals).due_s == 0.0
    with pytest.raises(TraceError, match="two rows with different times"):
        next(arrivals)


def test_json_lines_are_recognised_and_their_bad_rows_skipped(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"timestamp": 5000, "input_length": 7, "output_length": 8}\n'
        '{"timestamp": 1e999, "input_length": 7, "output_length": 8}\n'
        '{"timestamp": 6000}\n[1]\n'
        '{"timestamp": 6500, "input_length": 9, "output_length": 10}\n',
    )
    bad: list[BadLine] = []
    assert list(trace(path, on_bad=bad.append)) == [Arrival(0.0, 7, 8), Arrival(1.5, 9, 10)]
    assert [line.line for line in bad] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,tokens\n1,2\n", r"trace\.csv: line 1: expected a header TIMESTAMP"),
        (HEADER, "no usable row"),
        (HEADER + "a,b,c\r\n", "no usable row"),
        ("", "no usable row"),
        ("\x1b[31m,evil\n", r"found \\x1b\[31m,evil"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        trace(write(tmp_path, text))


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"gone\.csv: cannot be read: No such file"):
        trace(tmp_path / "gone.csv")


def test_a_very_long_row_is_a_bad_row(tmp_path: Path) -> None:
    row = "2023-01-01 00:00:00,1,1\r\n"
    bad: list[BadLine] = []
    path = write(tmp_path, HEADER + row + "9" * 5_000_000 + "\r\n" + row)
    assert len(list(trace(path, on_bad=bad.append))) == 2
    assert bad == [BadLine(3, "longer than 4 MB")]
