"""`check --online` of prices: those in use against the list, and what the list does not tell."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.check_service import NO_ARM, checked
from tests.support.simulator_service import quick
from tui.model import Price
from tui.preflight.answers import prices_host
from tui.preflight.finding import exit_code
from tui.rollout import ControlPlane
from tui.simulator.behaviour import PretendDeployment


def of(model: str, version: str, **options: Any) -> PretendDeployment:
    return PretendDeployment("d", model, version, "baseline", quick(), **options)


def priced(input_usd: float, output_usd: float, cached_usd: float | None = None) -> Price:
    return Price(input_usd, output_usd, cached_usd, "rollout file", None)


class TestRight:
    @pytest.mark.parametrize(
        ("model", "version", "found"),
        [
            ("gpt-4o", "2024-11-20", "by the meters that ARM names"),
            ("gpt-5", "2025-08-07", "by the meters that ARM names"),
            ("gpt-4o", "2024-05-13", "by the names of its meters"),
            ("gpt-4o", "2024-08-06", "by the names of its meters"),
            ("gpt-4.1-mini", "2025-04-14", "by the names of its meters"),
            ("gpt-5.1", "2025-11-13", "by the names of its meters"),
            ("gpt-5.4-mini", "2026-03-17", "by the names of its meters"),
        ],
    )
    async def test_the_bundled_price_is_that_of_the_list(
        self, tmp_path: Path, model: str, version: str, found: str
    ) -> None:
        async with checked(tmp_path, of(model, version)) as service:
            price = (await service.find())("price")
        assert price.verdict == "ok", price.text
        assert "bundled table of 2026-11-16" in price.text
        assert price.text.endswith(found)

    async def test_a_price_of_the_file_within_one_percent(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            near = await service.find(**service.deployment(price=priced(2.52, 10.09, 1.26)))
            apart = await service.find(**service.deployment(price=priced(2.52, 10.11, 1.26)))
        assert near.verdict("price") == "ok"
        assert "(rollout file)" in near("price").text
        assert apart.verdict("price") == "wrong"

    async def test_the_list_comes_in_pages(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.plan(page_size=7)
            assert (await service.find()).verdict("price") == "ok"
            pages = [r for r in service.simulator.control.journal if r["path"] == "/api/retail/prices"]
        assert len(pages) == 36
        assert pages[0]["query"] == {
            "$filter": "serviceName eq 'Foundry Models' and armRegionName eq 'eastus2'"
            " and priceType eq 'Consumption'"
        }

    async def test_provisioned_capacity_has_no_price_per_token(self, tmp_path: Path) -> None:
        async with checked(tmp_path, of("gpt-4o", "2024-11-20", sku="ProvisionedManaged")) as service:
            price = (await service.find(**service.deployment(provisioned=True)))("price")
            without = (await service.find(**NO_ARM, **service.deployment(provisioned=True)))("price")
        for one in (price, without):
            assert (one.verdict, one.text) == ("ok", "n/a: provisioned capacity is paid by the hour")


class TestWrong:
    @pytest.mark.parametrize("name", ["d", "gpt-4.1"])
    async def test_the_remedy_is_the_line_for_the_file(self, tmp_path: Path, name: str) -> None:
        there = PretendDeployment(name, "gpt-4o", "2024-11-20", "baseline", quick(), sku="DataZoneStandard")
        async with checked(tmp_path, there) as service:
            found = await service.find()
            price = found("price", name)
            assert price.verdict == "wrong"
            assert "2.5 in, 1.25 cached, 10 out" in price.text
            assert "the list has 2.75 in, 1.375 cached, 11 out" in price.text
            assert exit_code(found.all) == 1
            table = price.remedy.removeprefix("under ").removesuffix(":")
            read = tomllib.loads(f"{table}\n{price.toml}\n")["deployments"][name]["price"]
            assert read == {"input": 2.75, "cached_input": 1.375, "output": 11}
            mended = priced(read["input"], read["output"], read["cached_input"])
            assert (await service.find(**service.deployment(name, price=mended))).verdict("price", name) == "ok"

    @pytest.mark.parametrize("factor", [1.02, 0.98])
    async def test_a_price_that_has_changed(self, tmp_path: Path, factor: float) -> None:
        async with checked(tmp_path) as service:
            await service.plan(price_factor=factor)
            price = (await service.find())("price")
        assert price.verdict == "wrong"
        assert f"price = {{ input = {2.5 * factor:g}, cached_input = {1.25 * factor:g}, output = " in price.toml

    async def test_a_discount_that_the_file_does_not_know(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            price = (await service.find(**service.deployment(price=priced(2.5, 10.0))))("price")
        assert price.verdict == "wrong"
        assert "cached_input = 1.25" in price.toml

    async def test_a_discount_that_is_not_in_the_list_is_not_compared(self, tmp_path: Path) -> None:
        async with checked(tmp_path, of("gpt-4o", "2024-05-13")) as service:
            right = await service.find(**service.deployment(price=priced(5.0, 15.0, 2.0)))
            wrong = await service.find(**service.deployment(price=priced(6.0, 15.0, 2.0)))
        assert right.verdict("price") == "ok"
        assert right("price").text.endswith("which has no cached input")
        assert "price = { input = 5, cached_input = 2, output = 15 }" in wrong("price").toml

    async def test_what_the_file_says_of_provisioned_capacity(self, tmp_path: Path) -> None:
        async with checked(tmp_path, of("gpt-4o", "2024-11-20", sku="GlobalProvisionedManaged")) as service:
            counted = (await service.find())("price")
        async with checked(tmp_path) as service:
            not_counted = (await service.find(**service.deployment(provisioned=True)))("price")
        assert (counted.verdict, counted.remedy) == ("wrong", "under [deployments.d]:")
        assert counted.toml == "provisioned = true"
        assert (not_counted.verdict, not_counted.remedy) == (
            "wrong",
            "under [deployments.d]: remove provisioned",
        )


class TestWarn:
    async def test_no_price_in_use(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui.preflight.terms.price_for", lambda *_: None)
        async with checked(tmp_path) as service:
            price = (await service.find())("price")
        assert price.verdict == "warn"
        assert price.remedy == "under [deployments.d]:"
        assert price.toml == "price = { input = 2.5, cached_input = 1.25, output = 10 }"

    @pytest.mark.parametrize("sku", ["DataZoneStandard", "Standard"])
    async def test_another_sku_than_the_table_has_prices_for(self, tmp_path: Path, sku: str) -> None:
        async with checked(tmp_path, of("gpt-4o", "2024-11-20", sku=sku)) as service:
            await service.plan({"on": "prices", "do": "broken", "times": 2})
            price = (await service.find())("price")
            own = (await service.find(**service.deployment(price=priced(2.75, 11.0, 1.375))))("price")
        assert price.verdict == "warn"
        assert f"that of Global Standard; {sku} costs about 10 % more" in price.text
        assert own.verdict == "unknown"


class TestUnknown:
    @pytest.mark.parametrize(
        ("fault", "text"),
        [
            ("broken", "the list answered with HTTP 500"),
            ("throttle", "the list answered with HTTP 429"),
            ("garble", "the answer is no page of a price list"),
            ("drop", "the list cannot be reached: "),
        ],
    )
    async def test_a_list_that_cannot_be_had_is_never_wrong(
        self, tmp_path: Path, fault: str, text: str
    ) -> None:
        async with checked(tmp_path) as service:
            await service.plan({"on": "prices", "do": fault}, page_size=50)
            found = await service.find()
            await service.plan({"on": "prices", "do": fault, "after": 2})
            late = await service.find()
        for one in (found, late):
            assert one.verdict("price") == "unknown"
            assert text in one("price").text
            assert exit_code(one.all) == 0

    async def test_nobody_at_the_address_of_the_list(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            service.prices_url = "http://127.0.0.1:1"
            found = await service.find()
        assert found.verdict("price") == "unknown"
        assert exit_code(found.all) == 0

    async def test_without_arm_one_of_several_prices_is_not_guessed(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            price = (await service.find(**NO_ARM))("price")
        assert price.verdict == "unknown"
        assert "2 prices of its input tokens fit: gpt 4o 1120 Inp glbl Tokens 2.5" in price.text

    async def test_a_model_that_the_list_does_not_have(self, tmp_path: Path) -> None:
        async with checked(tmp_path, of("o3", "2025-04-16")) as service:
            price = (await service.find())("price")
            nothing = (await service.find(**service.deployment(model="own", version="2025-01-01")))("price")
        assert (price.verdict, "no meter of its input tokens" in price.text) == ("unknown", True)
        assert nothing.verdict == "unknown"
        assert nothing.remedy == "give price under [deployments.d]"

    async def test_a_region_that_nobody_names(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.simulator.stop()
            price = (await service.find(**NO_ARM, **service.endpoint(region=None)))("price")
        assert (price.verdict, "its region is not known" in price.text) == ("unknown", True)

    async def test_a_region_without_prices(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            price = (await service.find(**NO_ARM, **service.endpoint(region="Mars North")))("price")
        assert "the list has no meters of tokens in marsnorth" in price.text

    async def test_batch_is_not_priced_like_the_rest(self, tmp_path: Path) -> None:
        async with checked(tmp_path, of("gpt-4o", "2024-08-06", sku="GlobalBatch")) as service:
            price = (await service.find())("price")
        assert (price.verdict, "SKU GlobalBatch is not known" in price.text) == ("unknown", True)


@pytest.mark.parametrize(
    ("plane", "host"),
    [
        (None, "https://prices.azure.com"),
        (ControlPlane(), "https://prices.azure.com"),
        (ControlPlane("https://management.azure.com/"), "https://prices.azure.com"),
        (ControlPlane("http://127.0.0.1:8089"), "http://127.0.0.1:8089"),
        (ControlPlane("https://management.usgovcloudapi.net"), "https://management.usgovcloudapi.net"),
    ],
)
def test_the_list_is_that_of_the_cloud_that_is_asked(plane: ControlPlane | None, host: str) -> None:
    assert prices_host(plane) == host


async def test_deployments_of_one_region_share_a_list(tmp_path: Path) -> None:
    two = PretendDeployment("n", "gpt-5.1", "2025-11-13", "canary", quick())
    async with checked(tmp_path, of("gpt-4o", "2024-11-20"), two, replace(two, name="m")) as service:
        await service.plan(page_size=1000)
        found = await service.find()
        asked = [r for r in service.simulator.control.journal if r["path"] == "/api/retail/prices"]
    assert [found.verdict("price", name) for name in ("d", "n", "m")] == ["ok"] * 3
    assert len(asked) == 1
