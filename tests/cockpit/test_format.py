"""Numbers on the screen."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from tui.cockpit.text import format as fmt


@pytest.mark.parametrize(
    ("shape", "value", "shown"),
    [
        (fmt.ms, 655.4, "655"),
        (fmt.ms, 0.0, "0"),
        (fmt.ms, 123_456.0, "123s"),
        (fmt.rate, 9.44, "9.4"),
        (fmt.rate, 1234.5, "1234"),
        (fmt.pct, 0.1, "0.10"),
        (fmt.pct, 100.0, "100"),
        (fmt.usd, 0.1914, "0.191"),
        (fmt.usd, 12.345, "12.35"),
        (fmt.usd, 512.4, "512"),
        (fmt.count, 412, "412"),
        (fmt.count, 9_999, "9999"),
        (fmt.count, 12_340, "12.3k"),
        (fmt.count, 999_400, "999k"),
        (fmt.count, 1_250_000, "1.2M"),
        (fmt.weight, 25.0, "25"),
        (fmt.weight, 12.5, "12.5"),
        (fmt.weight, 0.01, "<.1"),
        (fmt.duration, 108.9, "01:48"),
        (fmt.duration, 3723.0, "1:02:03"),
        (fmt.duration, -4.0, "00:00"),
        (fmt.age, 9.9, "9s"),
        (fmt.age, 200.0, "3m"),
        (fmt.age, 7300.0, "2h"),
    ],
)
def test_a_number_has_one_form(shape: Callable[[float], str], value: float, shown: str) -> None:
    assert shape(value) == shown


@pytest.mark.parametrize("shape", [fmt.ms, fmt.rate, fmt.pct, fmt.usd, fmt.count])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_a_dash(shape: Callable[[float | None], str], value: float | None) -> None:
    assert shape(value) == fmt.NO_DATA


@pytest.mark.parametrize(
    ("value", "against", "shown"),
    [(655, 402, "+63%"), (201, 402, "-50%"), (5000, 1, ">+999%"), (5, 0, "–"), (math.nan, 3, "–")],
)
def test_a_difference_is_relative_to_the_baseline(value: float, against: int, shown: str) -> None:
    assert fmt.difference_pct(value, against) == shown


@pytest.mark.parametrize("text", ["v2", "a much longer name", "日本語の名前", ""])
@pytest.mark.parametrize("width", [0, 1, 5, 8, 30])
def test_fitted_text_has_the_width_in_cells(text: str, width: int) -> None:
    assert cell_len(fmt.fit(text, width)) == width
    assert cell_len(fmt.fit(text, width, right=True)) == width


def test_cut_text_says_so() -> None:
    assert fmt.fit("gpt4o-prod", 6) == "gpt4o…"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (30, "for 00:24: 975 requests since"),
        (24, "for 00:24: 975 requests…"),
        (13, "for 00:24…"),
        (8, "for…"),
        (1, "…"),
        (0, ""),
    ],
)
def test_no_number_is_cut(width: int, shown: str) -> None:
    assert fmt.clip("for 00:24: 975 requests since", width) == shown


def test_words_without_numbers_and_long_names_may_be_cut() -> None:
    assert fmt.clip("users complain", 9) == "users co…"
    assert fmt.clip("x" * 40 + "1", 20) == "x" * 19 + "…"
    assert cell_len(fmt.clip("日本語の名前", 6)) <= 6


def test_one_thing_is_not_many() -> None:
    assert [fmt.counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
