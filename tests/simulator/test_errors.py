"""Everything that can go wrong between a client and the simulator, over a real socket."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

from tests.support.simulator_service import KEY, MESSAGES, Service, quick, serve


class TestErrors:
    @pytest.mark.parametrize(
        ("change", "status", "code", "kind"),
        [
            ({"missing": True}, 404, "DeploymentNotFound", "gone"),
            ({"retired": True}, 410, "ModelRetired", "gone"),
            ({"paused": True}, 423, "DeploymentPaused", "gone"),
            ({"forbidden": True}, 403, "403", "refused"),
        ],
    )
    async def test_states_of_a_deployment(
        self, change: dict[str, bool], status: int, code: str, kind: str
    ) -> None:
        async with serve(quick(**change)) as service:
            response, text = await service.ask()
            truth = await service.truth()
        assert (response.status, json.loads(text)["error"]["code"]) == (status, code)
        assert truth["outcomes"] == {kind: 1}

    async def test_500_and_503_with_and_without_a_body(self) -> None:
        async with serve(quick(error_pct=100)) as service:
            seen = {(r.status, bool(text)) for r, text in [await service.ask() for _ in range(60)]}
            truth = await service.truth()
        assert seen == {(500, True), (503, True), (503, False)}
        assert truth["outcomes"] == {"server_error": 60}
        assert truth["latency_ms"] == {"p50": None, "p95": None, "p99": None}

    @pytest.mark.parametrize("raw", [b"{", b"{}", b'{"messages": "hi"}'])
    async def test_bad_bodies(self, raw: bytes) -> None:
        async with serve() as service:
            response, text = await service.ask(raw=raw)
            assert (await service.truth())["outcomes"] == {"bad_request": 1}
        assert response.status == 400
        assert json.loads(text)["error"]["type"] == "invalid_request_error"

    async def test_a_context_too_long_and_a_body_too_large(self) -> None:
        async with serve() as service:
            response, text = await service.ask(
                raw=json.dumps({"messages": [{"role": "user", "content": "x" * 600_000}]}).encode()
            )
            assert (response.status, json.loads(text)["error"]["code"]) == (400, "context_length_exceeded")
            response, text = await service.ask(raw=io.BytesIO(b" " * (17 * 2**20)))
            assert (response.status, json.loads(text)["error"]["code"]) == (413, "request_too_large")
            assert (await service.truth())["outcomes"] == {"bad_request": 2}

    async def test_a_body_that_does_not_decompress(self) -> None:
        async with serve() as service:
            response, _ = await service.ask(raw=b"not gzip", headers={**KEY, "content-encoding": "gzip"})
            assert response.status == 400
            assert (await service.truth())["outcomes"] == {"bad_request": 1}

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"api-key": "right"}, 200),
            ({"authorization": "Bearer right"}, 200),
            ({"authorization": "bearer right"}, 200),
            ({"authorization": "Basic right"}, 401),
            ({"api-key": "wrong"}, 401),
            ({"authorization": "Bearer "}, 401),
            ({}, 401),
        ],
    )
    async def test_keys(self, headers: dict[str, str], status: int) -> None:
        async with serve(key="right") as service:
            response, text = await service.ask(headers=headers)
            async with service.client.get("/openai/v1/models", headers=headers) as models:
                assert models.status == status
            truth = await service.truth()
        assert response.status == status
        assert truth["outcomes"] == ({"ok": 1} if status == 200 else {"refused": 1})
        assert "right" not in text

    async def test_any_key_will_do_unless_one_is_set_but_there_has_to_be_one(self) -> None:
        async with serve() as service:
            statuses = [(await service.ask(headers=h))[0].status for h in ({"api-key": "x"}, {"api-key": ""})]
        assert statuses == [200, 401]

    async def test_an_unknown_deployment_is_counted_under_its_name(self) -> None:
        async with serve() as service:
            url = "/openai/deployments/nobody/chat/completions?api-version=1"
            async with service.client.post(url, json={"messages": MESSAGES}, headers=KEY) as response:
                assert (await response.json())["error"]["code"] == "DeploymentNotFound"
            assert (await service.truth("nobody"))["outcomes"] == {"gone": 1}
            async with service.client.post("/v1/chat/completions", data=b"{", headers=KEY) as response:
                assert response.status == 400
            assert (await service.truth("unknown"))["outcomes"] == {"bad_request": 1}

    async def test_the_azure_address_needs_an_api_version(self) -> None:
        async with serve() as service:
            url = "/openai/deployments/d/chat/completions"
            async with service.client.post(url, json={"messages": MESSAGES}, headers=KEY) as response:
                assert response.status == 404
            assert (await service.truth())["outcomes"] == {"gone": 1}

    async def test_other_addresses_and_methods_are_not_counted(self) -> None:
        async with serve() as service:
            statuses = []
            for method, path in (("GET", "/"), ("GET", "/v1/chat/completions"), ("POST", "/v1/models")):
                async with service.client.request(method, path, headers=KEY) as response:
                    statuses.append(response.status)
            for path in ("/openai/models", "/openai/v1/models", "/v1/models"):
                async with service.client.get(path, headers=KEY) as response:
                    statuses.append(response.status)
                    assert (await response.json())["data"][0]["id"] == "gpt-4o-2024-11-20"
            assert (await service.truth())["requests"] == 0
        assert statuses == [404, 405, 405, 200, 200, 200]


class TestBrokenConnections:
    @pytest.mark.parametrize("stream", [False, True])
    async def test_dropped_connections_before_and_during_the_answer(self, stream: bool) -> None:
        async with serve(quick(drop_pct=100, answer_tokens=200)) as service:
            before = during = 0
            for _ in range(12):
                url = "/openai/deployments/d/chat/completions?api-version=1"
                body = {"messages": MESSAGES, "stream": stream}
                try:
                    async with service.client.post(url, json=body, headers=KEY) as response:
                        with pytest.raises(aiohttp.ClientError):
                            await response.read()
                        during += 1
                except aiohttp.ClientError:
                    before += 1
            await service.counted({"connection_lost": 12})
        assert before
        assert during

    async def test_a_hang_is_a_timeout_once_the_client_gives_up(self) -> None:
        async with serve(quick(hang_pct=100)) as service:
            asking = asyncio.create_task(service.ask())
            await _in_flight(service, 1)
            assert (await service.truth())["requests"] == 0
            await _cancelled(asking)
            await service.counted({"timeout": 1})

    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_client_that_leaves_is_cancelled(self, stream: bool) -> None:
        async with serve(quick(ttft_ms=60_000)) as service:
            asking = asyncio.create_task(service.ask(stream=stream))
            await _in_flight(service, 1)
            await _cancelled(asking)
            await service.counted({"cancelled": 1})
            await _in_flight(service, 0)

    async def test_stopping_breaks_off_what_is_in_flight(self) -> None:
        async with serve(quick(ttft_ms=60_000)) as service:
            asking = asyncio.create_task(service.ask())
            await _in_flight(service, 1)
            await service.simulator.stop()
            with pytest.raises(aiohttp.ClientError):
                await asking
            assert service.simulator.truth.as_json()["deployments"]["d"]["outcomes"] == {"connection_lost": 1}


async def _in_flight(service: Service, count: int) -> None:
    async with asyncio.timeout(5):
        while True:
            async with service.client.get("/sim") as response:
                if (await response.json())["deployments"]["d"]["in_flight"] == count:
                    return


async def _cancelled(asking: asyncio.Task[Any]) -> None:
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
