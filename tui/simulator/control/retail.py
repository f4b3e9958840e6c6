"""The pretend price list: ``GET /api/retail/prices`` as the Retail Prices API answers it (azure.md E)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from tui.simulator.control.exchange import Exchange, Reply, json_reply
from tui.simulator.control.meters import Meter, bundled_meters
from tui.simulator.control.refusals import Refused, bad_request

PRICES_PATH = "/api/retail/prices"

_SERVICE = "Foundry Models"
_TERM = re.compile(r"\s*(\w+)\s+eq\s+'([^']*)'\s*")
# The filter calls the type of a price otherwise than the items do.
_FIELDS = {
    "serviceName": "serviceName",
    "armRegionName": "armRegionName",
    "priceType": "type",
    "meterId": "meterId",
    "meterName": "meterName",
    "productName": "productName",
    "skuName": "skuName",
}


def is_prices(path: str) -> bool:
    """Whether a path is that of the price list, which nobody signs in to."""
    return path == PRICES_PATH


def prices(x: Exchange) -> Reply:
    """A page of the list. A filter that fits nothing, such as an old service name, is an empty list."""
    if x.request.method != "GET":
        raise Refused(bad_request("MethodNotAllowed", "Only GET is supported."))
    asked = x.request.query.get("$filter", "")
    wanted = _wanted(asked)
    items = [_item(meter, x.plane.location, x.plane.settings.price_factor) for meter in bundled_meters()]
    listed = [item for item in items if all(item[field] == value for field, value in wanted)]
    skip = x.request.query.get("$skip", "0")
    start = int(skip) if skip.isdecimal() and len(skip) < 10 else 0
    page = listed[start : start + x.plane.settings.page_size]
    following = start + len(page)
    link = f"{x.request.base}{PRICES_PATH}?$filter={quote(asked)}&$skip={following}"
    return json_reply(
        200,
        {
            "BillingCurrency": "USD",
            "CustomerEntityId": "Default",
            "CustomerEntityType": "Retail",
            "Items": page,
            "NextPageLink": link if following < len(listed) else None,
            "Count": len(page),
        },
    )


def _wanted(asked: str) -> list[tuple[str, str]]:
    """Fields of an item with the values that they have to have, upper and lower case told apart."""
    wanted = []
    for term in asked.split(" and ") if asked else ():
        match = _TERM.fullmatch(term)
        if match is None or match[1] not in _FIELDS:
            raise Refused(bad_request("BadRequest", f"Invalid OData parameters supplied: {term[:80]}"))
        wanted.append((_FIELDS[match[1]], match[2]))
    return wanted


def _item(meter: Meter, location: str, factor: float) -> dict[str, Any]:
    usd = round(meter.usd * factor, 12)
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": usd,
        "unitPrice": usd,
        "armRegionName": location,
        "location": location,
        "effectiveStartDate": "2025-04-01T00:00:00Z",
        "meterId": meter.id,
        "meterName": meter.name,
        "productName": meter.product,
        "skuName": meter.sku_name,
        "serviceName": _SERVICE,
        "serviceFamily": "AI + Machine Learning",
        "unitOfMeasure": meter.unit,
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": "",
    }
