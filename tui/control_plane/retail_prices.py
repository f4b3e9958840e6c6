"""Price list of Azure, which is public: which meters count tokens in a region, and what they cost.

``GET /api/retail/prices``, which nobody signs in to, as Microsoft's overview of the Retail Prices API describes
it. The meters of Azure OpenAI stand under the service "Foundry Models"; under its older name the list is
empty.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import httpx

from tui.base.text import plain
from tui.control_plane.http_client import (
    absolute,
    client_of,
    json_of,
    own_link,
    read_body,
    through,
)
from tui.service.proxies import ProxyRefused

PRICES_URL = "https://prices.azure.com"
MAX_PAGES = 40
"""A region has about 1,500 meters, on 2 pages."""

_PATH = "/api/retail/prices"
_SERVICE = "Foundry Models"
_MAX_BODY_BYTES = 8 * 1024 * 1024
_MAX_USD = 1e6
_TEXT_CHARS = 128
_TOKENS_PER_UNIT = {"1k": 1_000, "1m": 1_000_000}
_UNIT_IN_NAME = re.compile(r"\b1[km]\b", re.IGNORECASE)
_REGION = re.compile(r"[a-z0-9]{1,64}")


class PricesUnavailable(Exception):
    """The list could not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class TokenMeter:
    """One meter that counts tokens. ``name`` is as the list writes it."""

    id: str
    name: str
    product: str
    usd_per_1m: float
    since: date | None = None


class RetailPrices:
    """A client of the list at ``base_url``. ``now`` tells which prices hold already; a whole list may take
    ``within_s``.

    Raises ``ValueError`` for what is no address.
    """

    def __init__(
        self, base_url: str = PRICES_URL, *, now: Callable[[], datetime], within_s: float = 30.0
    ) -> None:
        base = absolute(base_url)
        if base is None or base.scheme not in ("https", "http"):
            raise ValueError(f"the price list's address {base_url[:200]!r} is not https://HOST")
        self._base = base.copy_with(raw_path=_PATH.encode(), fragment=None)
        self._now = now
        self._within_s = within_s

    async def token_meters(self, region: str) -> tuple[TokenMeter, ...]:
        """The meters of a region (``eastus2``), each at the price that holds now.

        Raises:
            PricesUnavailable: It cannot be reached, refuses, or does not answer with a list that has an end.
        """
        if not _REGION.fullmatch(region):
            raise PricesUnavailable(f"{plain(region, 80)!r} is the name of no region")
        terms = f"serviceName eq '{_SERVICE}' and armRegionName eq '{region}' and priceType eq 'Consumption'"
        first = self._base.copy_set_param("$filter", terms)
        proxy = None
        try:
            async with asyncio.timeout(self._within_s):
                client, proxy = await client_of(self._base, None)
                async with client:
                    items = [item async for item in self._items(client, first)]
        except TimeoutError:
            raise PricesUnavailable(f"the list did not come within {self._within_s:g} s") from None
        except ProxyRefused as error:
            raise PricesUnavailable(f"the list cannot be reached: {error}") from None
        except (httpx.RequestError, httpx.InvalidURL) as error:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise PricesUnavailable(f"the list cannot be reached: {plain(said, 160)}{through(proxy)}") from None
        return _newest(token_meter(item, region, self._now().date()) for item in items)

    async def _items(self, client: httpx.AsyncClient, first: httpx.URL) -> AsyncIterator[Any]:
        seen: set[str] = set()
        link: httpx.URL | None = first
        while link is not None:
            if str(link) in seen or len(seen) == MAX_PAGES:
                raise PricesUnavailable(f"the list has no end within {MAX_PAGES} pages")
            seen.add(str(link))
            page = await _page(client, link)
            for item in page["Items"]:
                yield item
            following = page.get("NextPageLink")
            if not isinstance(following, str) or not following:
                return
            link = own_link(self._base, following)
            if link is None:
                raise PricesUnavailable("the list goes on at another host")


def token_meter(item: object, region: str, today: date) -> TokenMeter | None:
    """An item of the list; None where it does not say what a million tokens cost there, in USD, today."""
    if not isinstance(item, Mapping):
        return None
    tokens = _TOKENS_PER_UNIT.get(str(item.get("unitOfMeasure")).strip().casefold())
    usd = _number(item.get("retailPrice"))
    begins = item.get("effectiveStartDate")
    since = _day(begins)
    if (
        tokens is None
        or usd is None
        or not 0 < usd * 1_000_000 / tokens < _MAX_USD
        or item.get("currencyCode") != "USD"
        or item.get("type") != "Consumption"
        or item.get("armRegionName") != region
        # A price for large quantities only.
        or (_number(item.get("tierMinimumUnits")) or 0) > 0
        or (begins is not None and since is None)
        or (since is not None and since > today)
    ):
        return None
    name = _text(item.get("meterName")) or _text(item.get("skuName"))
    said = _UNIT_IN_NAME.search(name)
    if not name or (said is not None and _TOKENS_PER_UNIT[said[0].casefold()] != tokens):
        return None
    return TokenMeter(
        _text(item.get("meterId")), name, _text(item.get("productName")), usd * 1_000_000 / tokens, since
    )


def _newest(meters: Iterator[TokenMeter | None]) -> tuple[TokenMeter, ...]:
    """Of a meter whose price has changed, what it costs now; of equal days both stay."""
    found: dict[tuple[str, str], list[TokenMeter]] = {}
    for meter in meters:
        if meter is None:
            continue
        same = found.setdefault((meter.id.casefold(), meter.name), [])
        latest = same[0].since or date.min if same else date.min
        if (meter.since or date.min) > latest:
            same.clear()
        if (meter.since or date.min) >= latest and meter not in same:
            same.append(meter)
    return tuple(meter for same in found.values() for meter in same)


async def _page(client: httpx.AsyncClient, link: httpx.URL) -> Mapping[str, Any]:
    async with client.stream("GET", link, headers={"Accept": "application/json"}) as response:
        raw = await read_body(response, _MAX_BODY_BYTES)
    if raw is None:
        raise PricesUnavailable(f"a page of the list passed {_MAX_BODY_BYTES // 2**20} MB and was cut off")
    if response.status_code != 200:
        raise PricesUnavailable(f"the list answered with HTTP {response.status_code}")
    page = json_of(raw)
    if not isinstance(page, Mapping) or not isinstance(page.get("Items"), list):
        raise PricesUnavailable("the answer is no page of a price list")
    return page


def _text(value: object) -> str:
    return plain(value, _TEXT_CHARS) if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e18 and math.isfinite(value) else None


def _day(value: object) -> date | None:
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None
