"""`check --online` of quota and limits: what is used, and whether the traffic of the rollout is borne."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.check_service import NO_ARM, OLD, checked
from tests.support.engine_runs import planned
from tests.support.simulator_service import quick
from tui.model import PlanStep
from tui.preflight.terms import busiest, largest_share
from tui.rollout import PlanSpec
from tui.simulator.behaviour import PretendDeployment
from tui.traffic.arrivals import Arrival

NEW = PretendDeployment("n", "gpt-5.1", "2025-11-13", "canary", quick())


def of_capacity(capacity: int, **options: Any) -> PretendDeployment:
    return PretendDeployment("d", "gpt-4o", "2024-11-20", "baseline", quick(), capacity=capacity, **options)


class TestQuota:
    @pytest.mark.parametrize(
        ("capacity", "verdict", "text"),
        [
            (100, "ok", "100 of 3,000 used of OpenAI.GlobalStandard.gpt-4o"),
            (3000, "ok", "3,000 of 3,000 used"),
            (3001, "wrong", "3,001 of 3,000 used"),
        ],
    )
    async def test_what_is_used_against_the_limit(
        self, tmp_path: Path, capacity: int, verdict: str, text: str
    ) -> None:
        async with checked(tmp_path, of_capacity(capacity)) as service:
            quota = (await service.find())("quota")
        assert quota.verdict == verdict
        assert text in quota.text
        assert bool(quota.remedy) == (verdict == "wrong")

    async def test_others_may_use_it_too(self, tmp_path: Path) -> None:
        other = PretendDeployment("other", "gpt-4o", "2024-08-06", "canary", quick(), capacity=2950)
        async with checked(tmp_path, OLD, other) as service:
            quota = (await service.find())("quota")
        assert (quota.verdict, quota.text[:14]) == ("wrong", "3,050 of 3,000")

    async def test_a_sku_shared_by_all_models(self, tmp_path: Path) -> None:
        provisioned = of_capacity(50, sku="ProvisionedManaged")
        async with checked(tmp_path, provisioned) as service:
            assert (await service.find())("quota").text == "50 of 200 used of OpenAI.ProvisionedManaged"

    async def test_where_quota_may_not_be_read_the_rest_is(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.plan({"on": "usages", "do": "forbidden"})
            found = await service.find()
        assert found.verdict("quota") == "unknown"
        assert "Cognitive Services Usages Reader" in found("quota").text
        assert (found.verdict("state"), found.verdict("control plane", "endpoint main")) == ("ok", "ok")

    async def test_without_arm_it_is_not_known(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            found = await service.find(**NO_ARM)
        assert (found.verdict("quota"), found("quota").text) == ("unknown", "not known without ARM")
        assert "rate" not in found.kinds()

    async def test_a_version_that_the_account_does_not_offer(self, tmp_path: Path) -> None:
        # Made by a migration of the service, or no longer listed after its end.
        odd = PretendDeployment("d", "own", "1", "baseline", quick(), sku="GlobalBatch")
        async with checked(tmp_path, odd) as service:
            offers = dict(service.simulator.control.deployments.table.offers)
            del offers["own", "1"]
            table = replace(service.simulator.control.deployments.table, offers=offers)
            service.simulator.control.deployments.use_table(table)
            quota = (await service.find())("quota")
        assert (quota.verdict, "SKU GlobalBatch of this version" in quota.text) == ("unknown", True)


class TestRate:
    # The simulator allows as many requests in 10 seconds as a deployment has capacity.
    @pytest.mark.parametrize(("capacity", "verdict"), [(50, "ok"), (49, "warn")])
    async def test_the_rate_at_the_weight(self, tmp_path: Path, capacity: int, verdict: str) -> None:
        async with checked(tmp_path, of_capacity(capacity)) as service:
            rate = (await service.find())("rate")
        assert rate.verdict == verdict
        assert rate.text == f"{capacity} requests in 10 s are allowed; at 100% it gets 50"
        assert bool(rate.remedy) == (verdict == "warn")

    async def test_the_baseline_has_to_bear_a_roll_back(self, tmp_path: Path) -> None:
        async with checked(tmp_path, of_capacity(40), NEW) as service:
            found = await service.find(weights={"default": {"d": 20.0, "n": 80.0}})
        assert found("rate").text == "40 requests in 10 s are allowed; at 100% (after a roll back) it gets 50"
        assert found.verdict("rate") == "warn"
        assert found("rate", "n").text == "100 requests in 10 s are allowed; at 80% it gets 40"

    async def test_the_canary_has_to_bear_the_rungs_of_the_plan(self, tmp_path: Path) -> None:
        small = replace(NEW, capacity=20)
        plan = PlanSpec("n", (PlanStep(5.0, 60.0), PlanStep(50.0, 60.0)))
        async with checked(tmp_path, OLD, small) as service:
            found = await service.find(tasks=planned(service.rollout, plan).tasks)
        assert found.verdict("rate", "n") == "warn"
        assert (
            found("rate", "n").text == "20 requests in 10 s are allowed; at 50% (a rung of the plan) it gets 25"
        )

    async def test_the_busiest_time_of_a_trace_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "trace.csv"
        rows = [f"2026-01-01 00:00:{s:02d},10,10" for s in (0, 20, 21, 22, 23, 59)]
        path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
        async with checked(tmp_path, of_capacity(3)) as service:
            traffic = replace(service.rollout.traffic, arrivals="trace", trace=path)
            rate = (await service.find(traffic=traffic))("rate")
            faster = (await service.find(traffic=replace(traffic, speed=10.0)))("rate")
            path.unlink()
            gone = (await service.find(traffic=traffic))("rate")
        assert (rate.verdict, rate.text) == ("warn", "3 requests in 10 s are allowed; at 100% it gets 4")
        assert "it gets 6" in faster.text
        assert (gone.verdict, "the traffic is not known" in gone.text) == ("unknown", True)

    async def test_the_largest_share_is_that_of_any_task(self, tmp_path: Path) -> None:
        async with checked(tmp_path, OLD, NEW) as service:
            weights = {"default": {"d": 90.0, "n": 10.0}, "email": {"d": 60.0, "n": 40.0}}
            of = replace(service.rollout, weights=weights)
        assert largest_share(of, "n") == (40.0, "")
        assert largest_share(of, "d") == (100.0, " (after a roll back)")
        other = planned(of, PlanSpec("n", (PlanStep(25.0, 0.0),)))
        assert largest_share(other, "n") == (40.0, "")

    async def test_a_share_of_nothing(self, tmp_path: Path) -> None:
        async with checked(tmp_path, OLD, NEW) as service:
            rate = (await service.find())("rate", "n")
        assert (rate.verdict, rate.text) == ("ok", "100 requests in 10 s are allowed; at 0% it gets 0")


@pytest.mark.parametrize(
    ("due", "span_s", "most"),
    [([], 10, 0), ([0], 10, 1), ([0, 5, 10, 15], 10, 2), ([0, 5, 9.9, 15], 10, 3), ([3, 3, 3], 1, 3)],
)
async def test_the_busiest_span(due: list[float], span_s: float, most: int) -> None:
    assert await busiest((Arrival(at) for at in due), span_s) == most


async def test_of_a_trace_without_an_end_only_the_beginning_is_read() -> None:
    assert await busiest((Arrival(n / 128) for n in count()), 1.0) == 128
