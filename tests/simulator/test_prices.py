"""The simulator's price list, and the meters that its list of models names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.arm_service import arm
from tests.support.simulator_service import Service, serve
from tui.simulator.control.prices import bundled_meters

PATH = "/api/retail/prices"
FILTER = "serviceName eq 'Foundry Models' and armRegionName eq 'eastus2' and priceType eq 'Consumption'"


async def get(service: Service, **query: Any) -> tuple[int, Any]:
    params = {f"${name}": value for name, value in query.items()}
    async with service.client.get(PATH, params=params) as response:
        return response.status, await response.json()


async def test_an_item_has_the_fields_of_the_real_list() -> None:
    async with serve() as service:
        status, page = await get(service, filter=FILTER)
    assert status == 200
    assert {
        "BillingCurrency",
        "CustomerEntityId",
        "CustomerEntityType",
        "Items",
        "NextPageLink",
        "Count",
    } == page.keys()
    assert (page["Count"], len(page["Items"])) == (100, 100)
    by_name = {item["meterName"]: item for item in page["Items"]}
    item = by_name["gpt 4o 1120 Inp glbl Tokens"]
    assert (item["retailPrice"], item["unitOfMeasure"], item["skuName"]) == (
        0.0025,
        "1K",
        "gpt 4o 1120 Inp glbl",
    )
    assert (item["armRegionName"], item["serviceName"], item["type"]) == (
        "eastus2",
        "Foundry Models",
        "Consumption",
    )


async def test_the_pages_together_are_the_list() -> None:
    async with serve() as service:
        items, link = [], f"{PATH}?$filter={FILTER}"
        while link:
            async with service.client.get(link) as response:
                page = await response.json()
            items += page["Items"]
            link = (page["NextPageLink"] or "").removeprefix(str(service.client._base_url).rstrip("/"))
    assert len(items) == len({item["meterId"] for item in items}) == len(bundled_meters())
    assert {item["unitOfMeasure"] for item in items} == {"1K", "1M", "1/Hour"}


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("serviceName eq 'Cognitive Services'", 0),
        ("serviceName eq 'foundry models'", 0),
        ("armRegionName eq 'westeurope'", 0),
        ("meterName eq 'GPT 5.1 opt Gl 1M Tokens'", 1),
        ("", 100),
    ],
)
async def test_a_filter_tells_upper_from_lower_case_and_may_fit_nothing(asked: str, count: int) -> None:
    async with serve() as service:
        assert (await get(service, filter=asked))[1]["Count"] == count


@pytest.mark.parametrize(
    "asked", ["serviceName", "price gt '1'", "odd eq '1'", "serviceName eq 'x' or meterId eq 'y'"]
)
async def test_a_filter_that_is_not_understood_is_refused(asked: str) -> None:
    async with serve() as service:
        status, body = await get(service, filter=asked)
    assert (status, body["error"]["code"]) == (400, "BadRequest")


async def test_a_strange_place_to_begin_is_the_beginning() -> None:
    async with serve() as service:
        first = await get(service, filter=FILTER)
        assert await get(service, filter=FILTER, skip="-5") == first
        assert (await get(service, filter=FILTER, skip="999999"))[1]["Items"] == []


async def test_nothing_but_reading_is_possible() -> None:
    async with serve() as service, service.client.post(PATH) as response:
        assert response.status == 400


async def test_some_models_name_their_meters_and_others_do_not() -> None:
    async with arm() as service:
        models = {(m.model, m.version): m for m in await service.manager.models()}
    linked = {sku.name: sku.meters for sku in models["gpt-4o", "2024-11-20"].skus}
    assert [m.name for m in linked["GlobalStandard"]] == [
        "ContextToken",
        "CachedContextToken",
        "GeneratedToken",
    ]
    assert linked["ProvisionedManaged"] == ()
    ids = {m.id for sku in linked.values() for m in sku}
    assert ids <= {m.id for m in bundled_meters()}
    assert len(ids) == 9
    assert all(sku.meters == () for sku in models["gpt-5.1", "2025-11-13"].skus)


async def test_prices_and_the_region_of_answers_can_be_changed() -> None:
    async with arm() as service:
        await service.plan(price_factor=2, served_in="Sweden Central")
        _, page = await get(service.service, filter="meterName eq 'gpt 4o 1120 Inp glbl Tokens'")
        response, _ = await service.service.ask()
        assert (await service.manager.account()).location == "eastus2"
    assert page["Items"][0]["retailPrice"] == 0.005
    assert response.headers["x-ms-region"] == "Sweden Central"
