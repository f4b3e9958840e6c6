"""Prices of the pretend region: the meters, read from ``models.toml``, and ``GET /api/retail/prices`` as the
Retail Prices API answers it (azure.md E).
"""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from tui.simulator.control.models import MODELS_FILE
from tui.simulator.control.plane import Reply, RequestContext, json_reply
from tui.simulator.control.refusals import Refused, bad_request

_DEARER = {"GlobalStandard": 1.0, "DataZoneStandard": 1.1, "Standard": 1.1}
"""The ways to deploy that are paid by the token, and what they cost by that of Global Standard."""

_COST_NAMES = {"input": "ContextToken", "cached": "CachedContextToken", "output": "GeneratedToken"}
_BATCH = 0.5


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter. ``usd`` is for one ``unit``: "1K" or "1M" tokens, or "1/Hour". ``cost_name`` is what the list
    of models calls it, empty where that does not name it."""

    id: str
    name: str
    sku_name: str
    product: str
    unit: str
    usd: float
    model: str = ""
    version: str | None = None
    sku: str = ""
    cost_name: str = ""


@cache
def bundled_meters() -> tuple[Meter, ...]:
    """The meters that ship with the simulator, some of other things than tokens of its models among them."""
    document = tomllib.loads(MODELS_FILE.read_text())
    words = document["meter_words"]
    of_models = [m for entry in document["prices"] for m in _of_entry(entry, words[entry["words"]])]
    return (*of_models, *_others())


def meters_of(model: str, version: str, sku: str) -> tuple[Meter, ...]:
    """The meters that the list of models names for that way to deploy a version."""
    return tuple(
        m
        for m in bundled_meters()
        if m.cost_name and (m.model, m.sku) == (model, sku) and m.version in (None, version)
    )


def _of_entry(entry: dict[str, Any], words: dict[str, Any]) -> Iterator[Meter]:
    between = words.get("between", " ")
    for sku, dearer in _DEARER.items():
        scope = words["scopes"][sku]
        unit = "1M" if scope.endswith("1M") else "1K"
        for kind in ("input", "cached", "output"):
            if kind not in entry:
                continue
            usd = entry[kind] * dearer * (0.001 if unit == "1K" else 1)
            for batch in ("", "Batch"):
                parts = (entry["name"], batch, words[kind], scope)
                sku_name = between.join(part for part in parts if part)
                yield Meter(
                    id=_id(sku_name),
                    name=f"{sku_name} Tokens",
                    sku_name=sku_name.removesuffix(" 1M"),
                    product=entry["product"],
                    unit=unit,
                    usd=usd * (_BATCH if batch else 1),
                    model=entry["model"],
                    version=entry.get("version"),
                    sku="" if batch else sku,
                    cost_name=_COST_NAMES[kind] if entry.get("linked") and not batch else "",
                )


def _others() -> Iterator[Meter]:
    """What stands among them in the real list: capacity by the hour, and models of others with like names."""
    for sku_name, product, unit, usd in (
        ("Provisioned Managed Global", "Azure OpenAI", "1/Hour", 1.0),
        ("4.1 Inp Glbl", "Azure Grok Models", "1K", 0.003),
        ("4.1 Outp Glbl", "Azure Grok Models", "1K", 0.015),
        ("gpt 4o 1120 pp Inp glbl", "Azure OpenAI", "1K", 0.00425),
    ):
        yield Meter(_id(sku_name), f"{sku_name} Tokens", sku_name, product, unit, usd)


def _id(sku_name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, sku_name))


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


def prices(context: RequestContext) -> Reply:
    """A page of the list. A filter that fits nothing, such as an old service name, is an empty list."""
    if context.request.method != "GET":
        raise Refused(bad_request("MethodNotAllowed", "Only GET is supported."))
    asked = context.request.query.get("$filter", "")
    wanted = _wanted(asked)
    items = [
        _item(meter, context.plane.location, context.plane.settings.price_factor) for meter in bundled_meters()
    ]
    listed = [item for item in items if all(item[field] == value for field, value in wanted)]
    skip = context.request.query.get("$skip", "0")
    start = int(skip) if skip.isdecimal() and len(skip) < 10 else 0
    page = listed[start : start + context.plane.settings.page_size]
    following = start + len(page)
    link = f"{context.request.base}{PRICES_PATH}?$filter={quote(asked)}&$skip={following}"
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
