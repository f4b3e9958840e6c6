"""The price list over real HTTP: read whole or not at all, and from one host only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulator_service import serve
from tests.support.typed import about
from tui.control_plane.retail_prices import (
    PricesUnavailable,
    RetailPrices,
    TokenMeter,
    token_meter,
)

TODAY = date(2026, 11, 25)
ITEM: dict[str, Any] = {
    "currencyCode": "USD",
    "retailPrice": 0.0025,
    "unitPrice": 0.0025,
    "armRegionName": "eastus2",
    "effectiveStartDate": "2024-08-01T00:00:00Z",
    "meterId": "ID-1",
    "meterName": "gpt-4o-0806-Inp-glbl Tokens",
    "productName": "Azure OpenAI",
    "skuName": "gpt-4o-0806-Inp-glbl",
    "serviceName": "Foundry Models",
    "unitOfMeasure": "1K",
    "type": "Consumption",
}


def now() -> datetime:
    return datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)


@asynccontextmanager
async def listing(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **options: Any
) -> AsyncIterator[RetailPrices]:
    """A client of a server that answers everything with ``handler``."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield RetailPrices(f"http://127.0.0.1:{runner.addresses[0][1]}", now=now, **options)
    finally:
        await runner.cleanup()


def page(*items: object, link: object = None) -> dict[str, Any]:
    return {"BillingCurrency": "USD", "Items": list(items), "NextPageLink": link, "Count": len(items)}


async def of(*items: object) -> tuple[TokenMeter, ...]:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(page(*items))

    async with listing(handler) as prices:
        return await prices.token_meters("eastus2")


class TestTheSimulatorsList:
    async def test_it_is_asked_as_documented_without_a_credential(self) -> None:
        async with serve() as service:
            url = str(service.client._base_url)
            meters = await RetailPrices(url, now=now).token_meters("eastus2")
            journal = list(service.simulator.control.journal)
        assert len(meters) == 249
        assert [r["query"].get("$skip") for r in journal] == [None, "100", "200"]
        assert {(r["method"], r["path"]) for r in journal} == {("GET", "/api/retail/prices")}
        by_name = {m.name: m for m in meters}
        assert by_name["gpt 4o 1120 Inp glbl Tokens"].usd_per_1m == pytest.approx(2.5)
        assert by_name["GPT 5 Inpt Glbl 1M Tokens"].usd_per_1m == pytest.approx(1.25)
        assert not any("Provisioned" in name for name in by_name), "hours are not tokens"

    async def test_a_region_without_a_list_is_empty_and_a_strange_one_is_refused(self) -> None:
        async with serve() as service:
            prices = RetailPrices(str(service.client._base_url), now=now)
            assert await prices.token_meters("westeurope") == ()
            for strange in ("", "East US 2", "x' or '1", "a" * 65):
                with pytest.raises(PricesUnavailable, match="is the name of no region"):
                    await prices.token_meters(strange)


class TestItems:
    def test_the_price_is_per_million(self) -> None:
        meter = token_meter(ITEM, "eastus2", TODAY)
        assert meter == TokenMeter(
            "ID-1", "gpt-4o-0806-Inp-glbl Tokens", "Azure OpenAI", about(2.5), date(2024, 8, 1)
        )
        million = token_meter({**ITEM, "unitOfMeasure": "1M"}, "eastus2", TODAY)
        assert million is not None
        assert million.usd_per_1m == 0.0025

    @pytest.mark.parametrize(
        "change",
        [
            {"unitOfMeasure": "1/Hour"},
            {"unitOfMeasure": "1"},
            {"unitOfMeasure": None},
            {"unitOfMeasure": ["1K"]},
            {"meterName": "GPT 5 Inpt Glbl 1M Tokens"},
            {"retailPrice": 0},
            {"retailPrice": -1},
            {"retailPrice": True},
            {"retailPrice": "0.0025"},
            {"retailPrice": float("nan")},
            {"retailPrice": float("inf")},
            {"retailPrice": 1e9},
            {"retailPrice": None},
            {"currencyCode": "EUR"},
            {"type": "Reservation"},
            {"type": "DevTestConsumption"},
            {"armRegionName": "eastus"},
            {"tierMinimumUnits": 1000},
            {"effectiveStartDate": "2026-11-26T00:00:00Z"},
            {"effectiveStartDate": "soon"},
            {"effectiveStartDate": 7},
            {"meterName": None, "skuName": None},
        ],
    )
    def test_what_is_no_price_of_tokens_today_is_left_out(self, change: dict[str, Any]) -> None:
        assert token_meter({**ITEM, **change}, "eastus2", TODAY) is None

    @pytest.mark.parametrize("item", [None, 7, "x", [], [ITEM]])
    def test_what_is_no_item_is_left_out(self, item: object) -> None:
        assert token_meter(item, "eastus2", TODAY) is None

    def test_texts_are_harmless(self) -> None:
        hostile = {**ITEM, "meterName": "x\x1b[31m\u202e" + "y" * 500, "meterId": 3, "productName": ["z"]}
        meter = token_meter(hostile, "eastus2", TODAY)
        assert meter is not None
        assert meter.name.isprintable()
        assert (len(meter.name), meter.id, meter.product) == (128, "", "")

    async def test_of_a_price_that_has_changed_the_newest_holds(self) -> None:
        older, newer = {**ITEM, "retailPrice": 0.005}, {**ITEM, "effectiveStartDate": "2026-01-01T00:00:00Z"}
        for items in ((older, newer), (newer, older), (newer, newer, older)):
            [meter] = await of(*items)
            assert meter.usd_per_1m == pytest.approx(2.5)

    async def test_of_two_prices_of_one_day_both_stay(self) -> None:
        assert len(await of(ITEM, {**ITEM, "retailPrice": 0.005})) == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted([*ITEM, "tierMinimumUnits"])), _JSON, max_size=4))
def test_whatever_stands_in_an_item_it_is_a_sensible_price_or_none(change: dict[str, Any]) -> None:
    meter = token_meter({**ITEM, **change}, "eastus2", TODAY)
    if meter is not None:
        assert 0 < meter.usd_per_1m < 1e6
        assert meter.name
        assert meter.name.isprintable()
        assert meter.since is None or meter.since <= TODAY


class TestPages:
    async def test_pages_are_followed_to_the_end(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            number = int(request.query.get("$skip", "0"))
            # As the real list does it, with the port in the address.
            link = f"http://{request.host}/api/retail/prices?$filter=x&$skip={number + 1}"
            item = {**ITEM, "meterName": f"m{number}", "meterId": str(number)}
            return web.json_response(page(item, link=link if number < 3 else None))

        async with listing(handler) as prices:
            assert [m.name for m in await prices.token_meters("eastus2")] == ["m0", "m1", "m2", "m3"]

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/next",
            "http://127.0.0.1:1/next",
            "https://127.0.0.1/next",
            "//evil.example/next",
            "http://127.0.0.1@evil.example/",
            "http://[::1",
            "file:///etc/passwd",
            "\x00",
        ],
    )
    async def test_no_other_host_is_asked(self, link: str) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response(page(ITEM, link=link))

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="goes on at another host"):
                await prices.token_meters("eastus2")

    @pytest.mark.parametrize("circle", [True, False])
    async def test_a_list_without_an_end_is_none(self, circle: bool) -> None:
        seen = []

        async def handler(request: web.Request) -> web.Response:
            seen.append(request.path_qs)
            number = int(request.query.get("$skip", "0")) + 1
            return web.json_response(
                page(ITEM, link=f"{request.path}?$skip={number % 3 if circle else number}")
            )

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="no end within 40 pages"):
                await prices.token_meters("eastus2")
        assert len(seen) <= 40

    async def test_a_page_that_fails_spoils_the_list(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            if "$skip" in request.query:
                return web.json_response({}, status=500)
            return web.json_response(page(ITEM, link=f"{request.path}?$skip=1"))

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="HTTP 500"):
                await prices.token_meters("eastus2")


class TestHostileAnswers:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[" * 100_000,
            b"null",
            b"[]",
            b'"x"',
            b"\xff\xfe",
            b"{}",
            b'{"Items": {}}',
            b'{"Items": null}',
        ],
    )
    async def test_what_is_no_list_is_no_empty_list(self, body: bytes) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=body, content_type="application/json")

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="no page of a price list"):
                await prices.token_meters("eastus2")

    async def test_a_redirect_is_not_followed(self) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": "https://evil.example/"})

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="HTTP 302"):
                await prices.token_meters("eastus2")

    async def test_an_endless_page_is_cut_off(self) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" " * 2**20)

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="passed 8 MB and was cut off"):
                await prices.token_meters("eastus2")

    async def test_silence_ends(self) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(60)
            raise AssertionError("it was waited for")

        async with listing(handler, within_s=0.05) as prices:
            with pytest.raises(PricesUnavailable, match=r"did not come within 0\.05 s"):
                await prices.token_meters("eastus2")

    async def test_a_broken_encoding_is_told(self) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=json.dumps(page()).encode(), headers={"Content-Encoding": "gzip"})

        async with listing(handler) as prices:
            with pytest.raises(PricesUnavailable, match="cannot be reached: DecodingError"):
                await prices.token_meters("eastus2")


@pytest.mark.parametrize("url", ["", "prices", "ftp://x", "//x", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not https://HOST"):
        RetailPrices(url, now=now)
