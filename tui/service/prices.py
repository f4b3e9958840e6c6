"""Prices of answers: token counts times a dated table of prices that ships with the program.

A price that is not known stays unknown; it is never taken to be zero or that of a similar model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tui.base.data_files import DataFileError, read_data
from tui.model import Price, Request, Usage

_BUNDLED = Path(__file__).with_name("prices.toml")
_PER_TOKENS = 1_000_000
_CHARACTERS_PER_TOKEN = 4
_WEIGHT_BEYOND_ASCII = 1.5
_TOKENS_PER_MESSAGE = 4
_SCHEMAS = ("tools", "functions", "response_format")
"""Parameters that the service writes into the prompt."""


class PricesError(DataFileError):
    """A price table that cannot be read or is not one."""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by model and version; the version None stands for every version of that model."""

    prices: Mapping[tuple[str, str | None], Price]
    source: str
    as_of: date


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    models: Annotated[list[str], Field(min_length=1)]
    versions: Annotated[list[str], Field(min_length=1)] | None = None
    input: Annotated[float, Field(ge=0)]
    cached_input: Annotated[float, Field(ge=0)] | None = None
    output: Annotated[float, Field(ge=0)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    source: str
    as_of: date
    price: list[_Entry]


def load_prices(path: Path | None = None) -> PriceTable:
    """The table of a TOML file laid out as the bundled ``prices.toml``, which is read when ``path`` is None.

    Raises:
        PricesError: The file cannot be read, an entry is malformed, or two entries price the same version.
    """
    path = path or _BUNDLED
    file = read_data(path, _File, "price table", PricesError)
    prices: dict[tuple[str, str | None], Price] = {}
    for entry in file.price:
        price = Price(entry.input, entry.output, entry.cached_input, file.source, file.as_of)
        for key in ((model, version) for model in entry.models for version in entry.versions or (None,)):
            if key in prices:
                raise PricesError(f"price table {path}: {key[0]} {key[1] or ''} has two prices; remove one")
            prices[key] = price
    return PriceTable(MappingProxyType(prices), file.source, file.as_of)


def price_words(input_usd: float, cached_input_usd: float | None, output_usd: float) -> str:
    """``2.5 in, 1.25 cached, 10 out USD per 1M tokens``."""
    cached = "none" if cached_input_usd is None else f"{cached_input_usd:g}"
    return f"{input_usd:g} in, {cached} cached, {output_usd:g} out USD per 1M tokens"


@cache
def _bundled() -> PriceTable:
    return load_prices()


def price_for(model: str, version: str, table: PriceTable | None = None) -> Price | None:
    """The price of exactly this model and version, None when the table does not have it.

    ``table`` None is the bundled one.
    """
    prices = (table or _bundled()).prices
    return prices.get((model, version)) or prices.get((model, None))


def cost_usd(usage: Usage, price: Price) -> float:
    """USD for one answer.

    Cached tokens are a part of the prompt tokens and priced apart; reasoning tokens are a part of the
    completion tokens and priced with them (Azure OpenAI chat completions, ``usage``).
    """
    prompt = max(usage.prompt_tokens, 0)
    cached = min(max(usage.cached_tokens, 0), prompt)
    cached_usd = price.input_usd if price.cached_input_usd is None else price.cached_input_usd
    spent = (
        (prompt - cached) * price.input_usd
        + cached * cached_usd
        + max(usage.completion_tokens, 0) * price.output_usd
    )
    return spent / _PER_TOKENS


def estimate_tokens(text: str) -> float:
    """Roughly how many tokens a text is, without a tokenizer.

    A character is a quarter of a token in ASCII, 0.6 where UTF-8 needs two bytes (Cyrillic, Greek, Arabic) and
    1 where it needs three (Chinese, Japanese, Korean, Hindi). Counted with o200k_base and cl100k_base, English
    prose and code have 0.85 to 1.0 of that many, JSON and arithmetic up to 1.6, other scripts mostly 0.5 to
    1.1 (Hebrew and Arabic with cl100k_base up to 1.8).
    """
    beyond_ascii = 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) - len(text)
    return (len(text) + _WEIGHT_BEYOND_ASCII * beyond_ascii) / _CHARACTERS_PER_TOKEN


def estimate_prompt_tokens(
    messages: Iterable[Mapping[str, Any]], params: Mapping[str, Any] = MappingProxyType({})
) -> int:
    """Roughly how many tokens a prompt is: those of its texts, 4 around each message, and its schemas.

    Images and other parts that are not text count nothing.
    """
    texts = sum(_TOKENS_PER_MESSAGE + ceil(estimate_tokens(_text(message))) for message in messages)
    schemas = [params[name] for name in _SCHEMAS if name in params]
    return texts + (ceil(estimate_tokens(json.dumps(schemas, ensure_ascii=False))) if schemas else 0)


def estimated_usage(request: Request, written_bytes: int, *, cut_off: bool = False) -> Usage:
    """Roughly what a request used whose service said nothing of it.

    ``written_bytes`` is how much of the answer came, in UTF-8; a token has as many of them as in the prompt.
    ``cut_off`` is whether the answer ended at ``max_tokens``, which bounds it in any case.
    """
    prompt_tokens = estimate_prompt_tokens(request.messages, request.params)
    asked = "".join(map(_text, request.messages))
    bytes_ = len(asked) if asked.isascii() else len(asked.encode("utf-8", "surrogatepass"))
    per_byte = estimate_tokens(asked) / bytes_ if asked else 1 / _CHARACTERS_PER_TOKEN
    answer_tokens, most = ceil(written_bytes * per_byte), request.max_tokens
    if most is not None:
        answer_tokens = most if cut_off else min(answer_tokens, most)
    return Usage(prompt_tokens, answer_tokens)


def _text(message: Mapping[str, Any]) -> str:
    """What a message says: its text, and what it calls tools with."""
    content, calls = message.get("content"), message.get("tool_calls")
    parts = content if isinstance(content, list | tuple) else ({"text": content},)
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    for call in calls if isinstance(calls, list | tuple) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            texts += [function.get("name"), function.get("arguments")]
    return "".join(text for text in texts if isinstance(text, str))
