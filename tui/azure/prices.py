"""What an answer costs: token counts times a dated table of prices that ships with the program.

A price that is not known stays unknown; it is never taken to be zero or that of a similar model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tui.azure.data_files import DataFileError, read_data
from tui.model import Price, Usage

_BUNDLED = Path(__file__).with_name("prices.toml")
_PER_TOKENS = 1_000_000
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


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


def estimate_prompt_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Roughly how many tokens chat messages are: one for 4 characters, and 4 around each message.

    An estimate for English text without a tokenizer; images and other parts that are not text count nothing.
    """
    return sum(
        _TOKENS_PER_MESSAGE + -(-_text_length(message.get("content")) // _CHARACTERS_PER_TOKEN)
        for message in messages
    )


def estimated_cost_usd(messages: Iterable[Mapping[str, Any]], price: Price) -> float:
    """USD that a blocked prompt costs, as an estimate: the service charges its evaluation and reports no usage
    (Microsoft, content filter documentation)."""
    return cost_usd(Usage(prompt_tokens=estimate_prompt_tokens(messages), completion_tokens=0), price)


def _text_length(content: object) -> int:
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list | tuple):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return sum(len(text) for text in texts if isinstance(text, str))
    return 0
