"""Quotas, truth, seeds and scenarios of a running simulator, over a real socket."""

from __future__ import annotations

import json

import pytest

from tests.support.simulator_service import Clock, Service, quick, serve
from tests.support.typed import present
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.scenarios import Change, Scenario
from tui.simulator.server import Simulator


class TestQuotas:
    async def test_requests_beyond_the_quota_are_429_until_it_renews(self) -> None:
        clock = Clock()
        async with serve(quick(requests_per_min=12), clock=clock) as service:
            answers = [await service.ask() for _ in range(3)]
            assert [r.status for r, _ in answers] == [200, 200, 429]
            response, text = answers[-1]
            assert response.headers["retry-after-ms"] == "10000"
            assert response.headers["retry-after"] == "10"
            assert response.headers["x-ratelimit-limit-requests"] == "12"
            assert response.headers["x-ratelimit-remaining-requests"] == "10"
            assert json.loads(text)["error"]["code"] == "RateLimitReached"
            clock.now_s += 10
            assert (await service.ask())[0].status == 200
            assert (await service.truth())["outcomes"] == {"ok": 3, "rate_limited": 1}

    async def test_tokens_are_estimated_from_the_prompt_and_the_limit(self) -> None:
        clock = Clock()
        async with serve(quick(tokens_per_min=1000), clock=clock) as service:
            response, _ = await service.ask(max_tokens=492)
            assert response.headers["x-ratelimit-remaining-tokens"] == "500"
            assert (await service.ask(max_tokens=493))[0].status == 429
            assert (await service.ask(max_tokens=492))[0].status == 200
            clock.now_s += 59.5
            response, _ = await service.ask()
            assert (response.status, response.headers["retry-after-ms"]) == (429, "500")

    async def test_without_credit_everything_is_refused_without_a_word_of_until_when(self) -> None:
        async with serve(quick(no_credit=True)) as service:
            response, text = await service.ask()
            truth = await service.truth()
        assert response.status == 429
        assert "retry-after" not in response.headers
        assert json.loads(text)["error"]["code"] == "insufficient_quota"
        assert truth["outcomes"] == {"quota_exhausted": 1}

    async def test_a_service_may_keep_its_quota_to_itself(self) -> None:
        async with serve(quick(requests_per_min=60, report_quota=False)) as service:
            response, _ = await service.ask()
        assert response.headers["x-ratelimit-remaining-requests"] == "-1"

    async def test_spillover_names_who_answered(self) -> None:
        async with serve(quick(spillover_pct=100)) as service:
            response, _ = await service.ask()
            truth = await service.truth()
        assert response.headers["x-ms-spillover-from-deployment"] == "d"
        assert response.headers["x-ms-deployment-name"] != "d"
        assert response.headers["x-ms-spillover-error"] == "429"
        assert truth["outcomes"] == {"ok": 1}
        assert truth["latency_ms"]["p50"] is None


class TestTruth:
    async def test_tokens_are_those_that_the_client_was_told(self) -> None:
        async with serve(quick(cached_pct=50)) as service:
            long = [{"role": "user", "content": "word " * 2000}]
            _, text = await service.ask(messages=long)
            whole = json.loads(text)["usage"]
            told = (await service.events(stream_options={"include_usage": True}))[-1]["usage"]
            await service.events()
            truth = await service.truth()
        assert whole["prompt_tokens_details"]["cached_tokens"] == 1152
        assert truth["tokens"] == {
            "prompt": whole["prompt_tokens"] + told["prompt_tokens"],
            "cached": 1152,
            "completion": whole["completion_tokens"] + told["completion_tokens"],
        }
        assert truth["outcomes"] == {"ok": 3}

    async def test_ttft_is_of_streams_only_and_no_later_than_the_end(self) -> None:
        async with serve() as service:
            await service.ask()
            assert (await service.truth())["ttft_ms"]["p50"] is None
            async with service.client.post("/sim/reset"):
                pass
            await service.events()
            truth = await service.truth()
        assert truth["requests"] == 1
        assert 0 < truth["ttft_ms"]["p50"] <= truth["latency_ms"]["p50"]


async def told(service: Service, count: int) -> list[tuple[int, str]]:
    answers = [await service.ask() for _ in range(count)]
    return [(response.status, text) for response, text in answers]


class TestSeedsAndScenarios:
    MIXED = quick(error_pct=20, completion_blocked_pct=20, prompt_blocked_pct=20, annotated_pct=20)

    async def test_the_same_seed_tells_the_same_story(self) -> None:
        stories = []
        for seed in (7, 7, 8):
            async with serve(self.MIXED, seed=seed, wall_clock=lambda: 0.0) as service:
                stories.append(await told(service, 15))
        assert stories[0] == stories[1]
        assert stories[0] != stories[2]

    async def test_a_scenario_changes_behaviour_when_its_time_has_come(self) -> None:
        clock = Clock()
        story = Scenario("story", "fails from 60 s on", (Change(60, "canary", "error_pct", to=100.0),))
        async with serve(scenario=story, clock=clock) as service:
            clock.now_s += 59
            assert (await service.ask())[0].status == 200
            clock.now_s += 1
            assert (await service.ask())[0].status in (500, 503)

    async def test_another_scenario_can_be_begun_and_the_draws_begin_anew(self) -> None:
        clock = Clock()
        async with serve(self.MIXED, clock=clock, wall_clock=lambda: 0.0) as service:
            first = await told(service, 8)
            clock.now_s += 100
            async with service.client.post("/sim/scenario", json={"name": "outage"}) as response:
                about = await response.json()
            assert (about["scenario"], about["at_s"]) == ("outage", 0)
            assert await told(service, 8) == first
            assert (await service.truth())["requests"] == 16

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"name": "nothing"}', b"{}", b"3"])
    async def test_a_wrong_scenario_is_refused_with_the_names_of_the_right(self, body: bytes) -> None:
        async with serve() as service, service.client.post("/sim/scenario", data=body) as response:
            assert response.status == 400
            assert "slow-canary" in (await response.json())["error"]["message"]

    async def test_simulators_that_cannot_be(self) -> None:
        one = PretendDeployment("d", "gpt-4o", "2024-11-20")
        for deployments in ([], [one, one]):
            with pytest.raises(ValueError, match="name of its own"):
                Simulator(deployments)
        async with serve() as service:
            port = present(present(service.client._base_url).port)
            with pytest.raises(OSError, match="address already in use"):
                await Simulator([one], port=port).start()
