"""Recorded traces as people have them: their formats, what their timestamps count, sessions, and bad rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from tests.support.places import SHARED
from tests.support.typed import about
from tui.base.line_reader import BadLine
from tui.rollout import TraceUnit
from tui.traffic.arrivals import Arrival, trace
from tui.traffic.trace_clock import read_clock
from tui.traffic.trace_rows import TraceError

CASES = SHARED / "cases" / "traces"
TRACES = SHARED / "data" / "traces"

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases) are not here")
needs_traces = pytest.mark.skipif(not TRACES.is_dir(), reason="recorded traces (../shared/data) are not here")

BURSTGPT = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
BURSTGPT_3 = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens"


def write(folder: Path, *lines: str, ends: str = "\n") -> Path:
    path = folder / "trace"
    path.write_bytes("".join(line + ends for line in lines).encode())
    return path


def due(path: Path, unit: TraceUnit | None = None) -> list[float]:
    return [round(arrival.due_s, 6) for arrival in trace(path, unit=unit)]


def read(path: Path) -> tuple[list[Arrival], list[BadLine]]:
    bad: list[BadLine] = []
    return list(trace(path, on_bad=bad.append)), bad


def mooncake(*timestamps: object, **more: object) -> list[str]:
    return [json.dumps({"timestamp": t, "input_length": 10, "output_length": 2, **more}) for t in timestamps]


# --- published formats --------------------------------------------------------------------------


@needs_cases
def test_the_cases_are_in_seconds_and_that_is_said() -> None:
    said: list[str] = []
    qwen = list(trace(CASES / "qwen_bailian.jsonl", on_note=said.append))
    burst = list(trace(CASES / "burstgpt.csv", on_note=said.append))
    assert qwen == [Arrival(0.0, 521, 132), Arrival(about(1.0), 521, 132)]
    assert burst == [Arrival(0.0, 472, 18), Arrival(40.0, 1087, 230), Arrival(113.0, 417, 276)]
    assert said == [
        "trace qwen_bailian.jsonl: timestamps are taken as seconds, as in Qwen-Bailian traces: 1 request/s; "
        'if they are milliseconds: trace_unit = "ms"',
        "trace burstgpt.csv: timestamps are taken as seconds, as in BurstGPT traces: 0.018 requests/s; "
        'if they are milliseconds: trace_unit = "ms"',
    ]


@needs_traces
@pytest.mark.parametrize(
    ("name", "dates", "unit", "rate"),
    [
        ("azure2023_conv_min00-20.csv", True, "ms", "5 requests/s"),
        ("azure2023_code_min00-20.csv", True, "ms", "3.9 requests/s"),
        ("mooncake_conversation_min00-10.jsonl", False, "ms", "2.9 requests/s"),
    ],
)
def test_the_unit_of_recorded_traces(name: str, dates: bool, unit: str, rate: str) -> None:
    clock = read_clock(TRACES / name)
    assert (clock.dates, clock.unit, rate in clock.said) == (dates, unit, True)


@pytest.mark.parametrize(
    ("header", "rows", "wanted"),
    [
        (BURSTGPT, ["5,ChatGPT,472,18,490,A", "45.5,GPT-4,1087,0,1087,A"], [(0, 472, 18), (40.5, 1087, 0)]),
        (
            BURSTGPT_3,
            ["19440110.0,1722ac82,43,GPT-4,906,446,1352,Chat log", "19440161.0,,2,GPT-4,36,29,65,API log"],
            [(0, 906, 446), (51, 36, 29)],
        ),
        (
            "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens",
            ["2024-10-15 00:00:00.009930+00:00,0,2162,5", "2024-10-15 00:00:01.009930+00:00,3,2399,6"],
            [(0, 2162, 5), (1, 2399, 6)],
        ),
        (
            "arrived_at,num_prefill_tokens,num_decode_tokens",
            ["0.25,100.0,20", "1.75,7,1"],
            [(0, 100, 20), (1.5, 7, 1)],
        ),
        ("output_tokens;prompt_tokens;arrival_time_ms", ["2;10;500", "3;11;1500"], [(0, 10, 2), (1, 11, 3)]),
        ('"Output Tokens"\t"Input Tokens"\t"Time (us)"', ["2\t9\t0", "3\t8\t50"], [(0, 9, 2), (5e-5, 8, 3)]),
    ],
)  # fmt: skip
def test_columns_go_by_their_names(
    tmp_path: Path, header: str, rows: Sequence[str], wanted: list[tuple[float, int, int]]
) -> None:
    arrivals, bad = read(write(tmp_path, header, *rows))
    assert [(round(a.due_s, 6), a.context_tokens, a.generated_tokens) for a in arrivals] == wanted
    assert bad == []


# --- units --------------------------------------------------------------------------------------

AT_3_PER_S = [n * 333_333_333 for n in range(40)]
"""Nanoseconds."""


@pytest.mark.parametrize(
    ("timestamps", "unit"),
    [
        ([61.114, 62.114], "s"),
        ([0.0, 2.5, 40.25], "s"),
        ([1.5, 61.5], "s"),
        ([0, 1, 1, 2, 2, 2, 3], "s"),
        ([n // 3 for n in range(60)], "s"),
        ([0, 105, 274], "ms"),
        ([0, 600_000], "ms"),
        ([0, 0, 0, 3000, 3000, 6000], "ms"),
        ([at / 1e6 for at in AT_3_PER_S], "ms"),
        ([at // 10**6 for at in AT_3_PER_S], "ms"),
        ([at // 10**3 for at in AT_3_PER_S], "us"),
        (AT_3_PER_S, "ns"),
        ([1_700_000_000, 1_700_000_030], "s"),
        ([1_700_000_000.25, 1_700_000_030.5], "s"),
        ([1_700_000_000_000, 1_700_000_030_000], "ms"),
        ([1_700_000_000_000_000, 1_700_000_030_000_000], "us"),
        ([1_700_000_000_000_000_000, 1_700_000_030_000_000_000], "ns"),
        ([7], "ms"),
        ([7.5], "s"),
        ([3, 3, 3], "ms"),
    ],
)
def test_the_unit_is_guessed_from_fractions_and_the_rate(
    tmp_path: Path, timestamps: Sequence[float], unit: str
) -> None:
    clock = read_clock(write(tmp_path, *mooncake(*timestamps)))
    assert clock.unit == unit, clock.said
    assert "trace_unit" in clock.said


@pytest.mark.parametrize(
    ("unit", "last_s"), [("s", 1500.0), ("ms", 1.5), ("us", 0.0015), ("ns", 0.000_002), (None, 1.5)]
)
def test_the_unit_that_is_given_counts(tmp_path: Path, unit: TraceUnit | None, last_s: float) -> None:
    path = write(tmp_path, *mooncake(0, 1500))
    assert due(path, unit) == [0.0, last_s]
    given = unit and f'as trace_unit = "{unit}" says'
    assert (given or "are taken as milliseconds") in read_clock(path, unit).said


@pytest.mark.parametrize(
    ("name", "second_s"),
    [("timestamp_s", 20.0), ("arrival_time (ms)", 0.02), ("ts.us", 0.00002), ("time_ns", 0.0)],
)
def test_a_name_may_have_its_unit(tmp_path: Path, name: str, second_s: float) -> None:
    path = write(tmp_path, f"{name},input_tokens,output_tokens", "0,1,1", "20,1,1")
    assert due(path) == [0.0, second_s]
    assert "as their name says" in read_clock(path).said
    assert due(path, "s") == [0.0, 20.0]


def test_dates_need_no_unit_in_json_either(tmp_path: Path) -> None:
    path = write(tmp_path, *mooncake("2026-01-01T00:00:00Z", "2026-01-01T02:00:02+02:00"))
    assert due(path) == due(path, "ms") == [0.0, 2.0]
    assert read_clock(path).said == "its times are dates: 0.5 requests/s"


def test_an_outlier_does_not_decide_the_unit(tmp_path: Path) -> None:
    rows = mooncake(*range(40), 9_000_000)
    assert read_clock(write(tmp_path, *rows)).unit == "s"


# --- sessions -----------------------------------------------------------------------------------


def turn(session: object, tokens: int, **when: object) -> str:
    return json.dumps({"session_id": session, "input_length": tokens, "output_length": 1, **when})


def test_a_delay_follows_the_request_before_it_in_its_session(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        turn("a", 1, timestamp=0),
        turn("a", 3, delay=500),
        turn("a", 5, timestamp=None, delay=1500.0),
        turn("b", 2, timestamp=100),
        turn("b", 4, delay=900),
        turn(3, 6, timestamp=2500),
    )
    arrivals, bad = read(path)
    assert [(a.due_s, a.context_tokens) for a in arrivals] == [
        (0, 1),
        (0.1, 2),
        (0.5, 3),
        (1, 4),
        (2, 5),
        (2.5, 6),
    ]
    assert bad == []
    faster = trace(path, speed=2.0, loop=True)
    assert [a.due_s for a in islice(faster, 8)] == [0, 0.05, 0.25, 0.5, 1, 1.25, 1.5, 1.55]


def test_delays_count_what_the_timestamps_count_and_milliseconds_beside_dates(tmp_path: Path) -> None:
    in_s = write(tmp_path, turn("a", 1, timestamp=0.5), turn("a", 1, delay=2.5), turn("b", 1, timestamp=1.5))
    assert due(in_s) == [0.0, 1.0, 2.5]
    dates = write(tmp_path, turn("a", 1, timestamp="2026-01-01"), turn("a", 1, delay=2500))
    assert due(dates) == [0.0, 2.5]
    assert due(dates, "s") == [0.0, 2500.0]


def test_delays_in_csv(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "session_id,timestamp,delay,input_length,output_length",
        "a,0,,1,1",
        "a,,250,2,1",
        "b,1000,,3,1",
    )
    assert due(path) == [0.0, 0.25, 1.0]


def test_sessions_without_a_beginning_are_bad_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        turn("a", 1, delay=5),
        turn("a", 1, timestamp=0),
        turn("a", 1, delay=-5),
        turn("a", 1, delay="soon"),
        turn("b", 1, timestamp=5000),
        turn("a", 1, delay=1000),
    )
    arrivals, bad = read(path)
    assert [a.due_s for a in arrivals] == [0.0, 5.0, 5.0]
    assert [(line.line, line.reason) for line in bad] == [
        (1, "a delay without a request before it in its session"),
        (3, "not a trace row: delay -5 is no number from 0"),
        (4, 'not a trace row: delay "soon" is no number from 0'),
        (6, "goes back 4.000 s; due together with the row before"),
    ]


def test_delays_beyond_every_number_are_bad_rows(tmp_path: Path) -> None:
    path = write(tmp_path, turn("a", 1, timestamp=0), *[turn("a", 1, delay=1e308)] * 2)
    bad: list[BadLine] = []
    assert [a.due_s for a in trace(path, unit="s", on_bad=bad.append)] == [0.0, 1e308]
    assert bad == [BadLine(3, "a time out of range")]


# --- rows and files -----------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [12.0, "12", "12.0", 12, "1.2e1"])
def test_whole_numbers_are_token_counts_however_they_are_written(tmp_path: Path, tokens: object) -> None:
    rows = write(tmp_path, json.dumps({"timestamp": 0, "input_length": tokens, "output_length": 2}))
    assert [a.context_tokens for a in trace(rows)] == [12]
    assert [a.context_tokens for a in trace(write(tmp_path, AZURE, f"2026-01-01,{tokens},2"))] == [12]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,12.5,2", 'Request tokens "12.5" is no whole number from 0 to 10,000,000'),
        ("1,-1,2", 'Request tokens "-1" is no whole number from 0 to 10,000,000'),
        ("1,1,99999999999", 'Response tokens "99999999999" is no whole number from 0 to 10,000,000'),
        ("1,nan,2", 'Request tokens "nan" is no whole number from 0 to 10,000,000'),
        ("soon,1,2", 'Timestamp "soon" is neither a number nor an ISO 8601 date'),
        ("inf,1,2", 'Timestamp "inf" is neither a number nor an ISO 8601 date'),
        (",1,2", "no Timestamp"),
        ("1,,2", "no Request tokens"),
        ("1,2", "2 columns where the header has 3"),
        (",,", "no Request tokens"),
        ("2026-01-01,1,2", "Timestamp is a date, the rows before have numbers"),
    ],
)
def test_a_bad_row_is_named_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    arrivals, bad = read(
        write(tmp_path, "Timestamp,Request tokens,Response tokens", "0,1,1", "", row, "60,1,1")
    )
    assert [a.due_s for a in arrivals] == [0.0, 60.0]
    assert [(line.line, line.reason.removeprefix("not a trace row: ")) for line in bad] == [(4, reason)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"timestamp": 5, "output_length": 1}', "no input_length"),
        ('{"timestamp": 5, "input_length": 1, "output_length": null}', "no output_length"),
        ('{"input_length": 1, "output_length": 1}', "no timestamp"),
        (
            '{"timestamp": true, "input_length": 1, "output_length": 1}',
            "timestamp True is neither a number nor an",
        ),
        (
            '{"timestamp": NaN, "input_length": 1, "output_length": 1}',
            "timestamp nan is neither a number nor an",
        ),
        (
            '{"timestamp": [5], "input_length": 1, "output_length": 1}',
            "timestamp [5] is neither a number nor an",
        ),
        ('{"timestamp": 5, "input_length": true, "output_length": 1}', "input_length True is no whole number"),
        (f'{{"timestamp": {"9" * 400}, "input_length": 1, "output_length": 1}}', "timestamp 999"),
        ("[5, 1, 1]", "no JSON object"),
        ('{"timestamp": 5', "neither CSV nor JSON: "),
        ("[" * 9000, "neither CSV nor JSON: "),
        ('{"timestamp": "2026-01-01", "input_length": 1, "output_length": 1}', "timestamp is a date, the rows"),
    ],
)
def test_a_bad_json_row_is_named_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    arrivals, bad = read(write(tmp_path, *mooncake(0), row, *mooncake(600)))
    assert [a.due_s for a in arrivals] == [0.0, 0.6]
    assert [line.line for line in bad] == [2]
    assert bad[0].reason.removeprefix("not a trace row: ").startswith(reason)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_blank_lines_and_a_byte_order_mark(tmp_path: Path, ends: str, mark: str) -> None:
    for lines in (
        [f"{mark}{BURSTGPT}", "", "5,A,1,2,3,x", "   ", "8,A,1,2,3,x", ""],
        [mark, BURSTGPT, "5,A,1,2,3,x", "8,A,1,2,3,x"],
        [f"{mark}{mooncake(5.5)[0]}", "", mooncake(8.5)[0]],
    ):
        arrivals, bad = read(write(tmp_path, *lines, ends=ends))
        assert [a.due_s for a in arrivals] == [0.0, 3.0]
        assert bad == []


def test_a_packed_trace_is_read_and_a_damaged_one_says_so(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join(mooncake(*range(0, 90_000, 300))).encode())
    path = tmp_path / "trace.jsonl.gz"
    path.write_bytes(packed)
    assert due(path) == [round(n * 0.3, 6) for n in range(300)]
    path.write_bytes(packed[:-200])
    arrivals, bad = read(path)
    assert 0 < len(arrivals) < 300
    assert "gzip: the file breaks off" in bad[-1].reason


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([BURSTGPT], r"no usable row; expected a header TIMESTAMP"),
        ([BURSTGPT, "x,A,1,2,3,y"], r"no usable row \(line 2: not a trace row: Timestamp .x. is neither"),
        (
            ["Timestamp,Request tokens", "1,2"],
            r"line 1: expected a header TIMESTAMP.*found Timestamp,Request tokens",
        ),
        (['[{"timestamp": 1}]'], r"a JSON array; .*jq -c '\.\[\]' FILE"),
        ([turn("a", 1, delay=5)], "no usable row"),
        (["1,2,3", "4,5,6"], "line 1: expected a header"),
    ],
)
def test_a_file_without_a_usable_row_says_why(tmp_path: Path, lines: Sequence[str], says: str) -> None:
    with pytest.raises(TraceError, match=says):
        trace(write(tmp_path, *lines))
