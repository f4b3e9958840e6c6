"""Prices: the bundled table, and what an answer costs."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.model import Price, Request, Usage
from tui.service.prices import (
    PricesError,
    cost_usd,
    estimate_prompt_tokens,
    estimate_tokens,
    estimated_usage,
    load_prices,
    price_for,
)

PRICE = Price(input_usd=2.5, output_usd=10.0, cached_input_usd=1.25, source="test", as_of=None)


# Azure OpenAI Global Standard, USD per 1 million tokens: input, cached input, output (litellm 1.109.1).
@pytest.mark.parametrize(
    ("model", "version", "expected"),
    [
        ("gpt-4o", "2024-05-13", (5.00, None, 15.00)),
        ("gpt-4o", "2024-08-06", (2.50, 1.25, 10.00)),
        ("gpt-4o", "2024-11-20", (2.50, 1.25, 10.00)),
        ("gpt-4o-mini", "2024-07-18", (0.15, 0.075, 0.60)),
        ("gpt-4.1", "2025-04-14", (2.00, 0.50, 8.00)),
        ("gpt-4.1-mini", "2025-04-14", (0.40, 0.10, 1.60)),
        ("gpt-4.1-nano", "2025-04-14", (0.10, 0.025, 0.40)),
        ("gpt-5", "2025-08-07", (1.25, 0.125, 10.00)),
        ("gpt-5.1", "2025-11-13", (1.25, 0.125, 10.00)),
        ("gpt-5-mini", "2025-08-07", (0.25, 0.025, 2.00)),
        ("gpt-5-nano", "2025-08-07", (0.05, 0.005, 0.40)),
        ("gpt-5-pro", "2025-10-06", (15.00, None, 120.00)),
        ("gpt-5.2", "2025-12-11", (1.75, 0.175, 14.00)),
        ("gpt-5.4", "2026-03-05", (2.50, 0.25, 15.00)),
        ("gpt-5.4-mini", "2026-03-17", (0.75, 0.075, 4.50)),
        ("gpt-5.4-nano", "2026-03-17", (0.20, 0.02, 1.25)),
        ("gpt-5.5", "2026-04-24", (5.00, 0.50, 30.00)),
        ("gpt-5.6-sol", "2026-07-09", (4.00, 0.40, 20.00)),
        ("gpt-5.6-terra", "2026-07-09", (2.00, 0.20, 12.00)),
        ("gpt-5.6-luna", "2026-07-09", (0.20, 0.02, 1.20)),
        ("gpt-6-sol", "2026-09-22", (2.00, 0.20, 10.00)),
        ("gpt-6-luna", "2026-09-22", (0.10, 0.01, 0.50)),
        ("o1", "2024-12-17", (15.00, 7.50, 60.00)),
        ("o3", "2025-04-16", (2.00, 0.50, 8.00)),
        ("o3-mini", "2025-01-31", (1.10, 0.55, 4.40)),
        ("o4-mini", "2025-04-16", (1.10, 0.275, 4.40)),
    ],
)
def test_the_bundled_table(model: str, version: str, expected: tuple[float, float | None, float]) -> None:
    price = price_for(model, version)
    assert price is not None
    assert (price.input_usd, price.cached_input_usd, price.output_usd) == expected
    assert price.as_of == date(2026, 11, 16)
    assert "litellm 1.109.1" in price.source
    assert "Retail Prices API" in price.source


@pytest.mark.parametrize(
    ("model", "version"),
    [("gpt-4o", "2099-01-01"), ("gpt-4o", ""), ("gpt-4", "0613"), ("gpt-5-chat", "2025-08-07"), ("", "")],
)
def test_what_is_not_in_the_table_has_no_price(model: str, version: str) -> None:
    assert price_for(model, version) is None


def test_cached_tokens_are_part_of_the_prompt_and_priced_apart() -> None:
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=0, cached_tokens=400_000)
    assert cost_usd(usage, PRICE) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25)


def test_reasoning_tokens_are_part_of_the_completion() -> None:
    usage = Usage(prompt_tokens=0, completion_tokens=1_000_000, reasoning_tokens=900_000)
    assert cost_usd(usage, PRICE) == pytest.approx(10.0)


def test_without_a_discount_cached_tokens_cost_what_input_costs() -> None:
    price = Price(5.0, 15.0, None, "test", None)
    assert cost_usd(Usage(1_000_000, 0, cached_tokens=1_000_000), price) == pytest.approx(5.0)


def test_a_free_cache_is_not_a_missing_discount() -> None:
    price = Price(5.0, 15.0, 0.0, "test", None)
    assert cost_usd(Usage(1_000_000, 0, cached_tokens=1_000_000), price) == 0.0


@given(*[st.integers(-(10**9), 10**9)] * 4)
def test_cost_lies_between_nothing_and_the_full_price(
    prompt: int, completion: int, cached: int, r: int
) -> None:
    cost = cost_usd(Usage(prompt, completion, cached, r), PRICE)
    full = (max(prompt, 0) * PRICE.input_usd + max(completion, 0) * PRICE.output_usd) / 1e6
    assert 0 <= cost <= full + 1e-9


def test_prompt_tokens_are_estimated_from_the_text() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "x" * 40},
        {
            "role": "user",
            "content": [{"type": "text", "text": "y" * 9}, {"type": "image_url", "image_url": {}}],
        },
        {"role": "assistant", "content": None},
    ]
    assert estimate_prompt_tokens(messages) == (10 + 4) + (3 + 4) + 4


def test_what_calls_tools_and_what_describes_them_is_part_of_the_prompt() -> None:
    call = {"type": "function", "function": {"name": "find", "arguments": '{"city": "Rome"}'}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call, {"function": 3}, 7]}]
    assert estimate_prompt_tokens(messages) == 4 + 5
    assert estimate_prompt_tokens(messages, {"tools": ["x" * 36], "temperature": 0}) == 9 + 11


# Counted with o200k_base and cl100k_base.
@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [
        ("The parties agree that the supplier delivers the goods within thirty days.", 13, 13),
        ("你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!", 24, 34),
        ("こんにちは、私の名前はGPT-4oです。私は新しいタイプの言語モデルです。", 22, 32),
        ("Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться!", 23, 39),
    ],
)
def test_the_estimate_lies_between_0_8_and_2_times_what_tokenizers_count(
    text: str, o200k: int, cl100k: int
) -> None:
    for counted in (o200k, cl100k):
        assert 0.8 <= estimate_tokens(text) / counted <= 2


@pytest.mark.parametrize(
    ("written_bytes", "max_tokens", "cut_off", "completion"),
    [
        (400, None, False, 100),
        (401, None, False, 101),
        (400, 64, False, 64),
        (400, 500, False, 100),
        (400, 500, True, 500),
        (0, 16, True, 16),
        (0, None, True, 0),
    ],
)
def test_an_answer_is_estimated_by_what_came_and_bounded_by_its_limit(
    written_bytes: int, max_tokens: int | None, cut_off: bool, completion: int
) -> None:
    request = Request(1, "default", ({"role": "user", "content": "x" * 40},), "test", max_tokens)
    assert estimated_usage(request, written_bytes, cut_off=cut_off) == Usage(14, completion)


def test_an_answer_has_as_many_bytes_a_token_as_its_prompt() -> None:
    def asked(text: str) -> Request:
        return Request(1, "default", ({"role": "user", "content": text},), "test")

    # 100 characters of each.
    assert estimated_usage(asked("总结这封邮件"), 300).completion_tokens == 100
    assert estimated_usage(asked("Кратко"), 200).completion_tokens == 63
    assert estimated_usage(asked(""), 100).completion_tokens == 25
    assert estimated_usage(asked("\ud800"), 300).completion_tokens == 100
    # A translation is in bytes what it is in the other script, but for a quarter.
    assert estimated_usage(asked("translate this"), 300).completion_tokens == 75


@pytest.mark.parametrize("content", [7, {"text": "x"}, [1, None, {"text": 5}, {}], "", []])
def test_odd_content_counts_as_no_text(content: object) -> None:
    assert estimate_prompt_tokens([{"role": "user", "content": content}]) == 4


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('source = "mine"\nas_of = 2026-01-02\n[[price]]\nmodels = ["m"]\ninput = 1\noutput = 2\n')
    table = load_prices(path)
    assert price_for("m", "any", table) == Price(1, 2, None, "mine", date(2026, 1, 2))
    assert price_for("gpt-4o", "2024-11-20", table) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "not valid TOML"),
        ("source = 's'\nas_of = 2026-01-02\n", "price"),
        (
            "source = 's'\nas_of = 2026-01-02\n[[price]]\nmodels = ['m']\ninput = -1\noutput = 1",
            "price[1].input",
        ),
        (
            "source = 's'\nas_of = 2026-01-02\n[[price]]\nmodels = ['m', 'm']\ninput = 1\noutput = 1",
            "two prices",
        ),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(PricesError) as caught:
        load_prices(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match="No such file"):
        load_prices(tmp_path / "none.toml")
