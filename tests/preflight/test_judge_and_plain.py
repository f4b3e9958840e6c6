"""`check --online` of the judge, and of servers that only speak the OpenAI API."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.check_service import KEY, NO_ARM, OLD, Found, checked, found_at
from tests.support.engine_runs import rollout
from tests.support.service import serving
from tests.support.simulator_service import quick
from tui.model import Deployment, Endpoint, Price
from tui.rollout import JudgeSpec, QualitySpec, Rollout
from tui.simulator.behaviour import PretendDeployment

JUDGE = Deployment("gpt5-judge", "main", "gpt-5.1", "2025-11-13")
AT_SIMULATOR = PretendDeployment("gpt5-judge", "gpt-5.1", "2025-11-13", "judge", quick())
WHERE = "judge gpt5-judge"


def judged(of: Rollout, judge: Deployment = JUDGE) -> dict[str, Any]:
    """The fields of a rollout that has a judge, and not as one of its deployments."""
    others = {name: d for name, d in of.deployments.items() if name != judge.name}
    return {"quality": QualitySpec(1.0, 5.0, JudgeSpec(judge)), "deployments": others}


class TestJudge:
    async def test_the_judge_is_asked_once_and_looked_up_too(self, tmp_path: Path) -> None:
        async with checked(tmp_path, OLD, AT_SIMULATOR) as service:
            found = await service.find(**judged(service.rollout))
            truth = service.simulator.truth.as_json()["deployments"]
        assert truth["gpt5-judge"]["requests"] == 1
        assert found.kinds(WHERE) == ["answer", "state", "pin", "region", "quota", "price"]
        assert found("answer", WHERE).text.startswith("gpt-5.1-2025-11-13 in ")
        assert {f.verdict for f in found.all if f.where == WHERE} == {"ok"}

    async def test_a_judge_of_another_name_is_wrong(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            found = await service.find(**judged(service.rollout))
        assert found.verdict("answer", WHERE) == "wrong"
        assert "no such deployment" in found("answer", WHERE).text
        assert found.verdict("state", WHERE) == "wrong"

    async def test_it_is_asked_for_json_by_a_schema_and_not_streamed(self, tmp_path: Path) -> None:
        bodies: dict[str, dict[str, Any]] = {}

        async def handler(request: web.Request) -> web.StreamResponse:
            body = await request.json()
            bodies[body["model"]] = body
            if body["model"] == "d":
                return web.json_response({"choices": [{"message": {}, "finish_reason": "stop"}]})
            message = (
                "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
            )
            return web.json_response({"error": {"message": message}}, status=400)

        async with serving(handler) as url:
            of = rollout(tmp_path, url, weights={"d": 100.0}, stream=True)
            found = await found_at(url, replace(of, **judged(of)))
        assert bodies["gpt5-judge"]["response_format"]["type"] == "json_schema"
        assert "stream" not in bodies["gpt5-judge"]
        assert "response_format" not in bodies["d"]
        assert found.verdict("answer", WHERE) == "wrong"
        assert "structured outputs" in found("answer", WHERE).remedy

    async def test_its_price_belongs_under_its_own_table(self, tmp_path: Path) -> None:
        judge = replace(JUDGE, price=Price(99.0, 99.0, None, "rollout file", None))
        async with checked(tmp_path, OLD, AT_SIMULATOR) as service:
            found = await service.find(**judged(service.rollout, judge))
        assert found.verdict("price", WHERE) == "wrong"
        assert "[quality.judge]" in found("price", WHERE).remedy

    async def test_at_an_endpoint_that_cannot_be_reached_it_is_not_asked(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.simulator.stop()
            found = await service.find(**NO_ARM, **judged(service.rollout))
        assert found.verdict("answer", WHERE) == "unknown"


ANSWER = {"model": "openai/gpt-4o", "choices": [{"message": {}, "finish_reason": "stop"}]}
PLAIN_ENV = {"KEY": KEY, "TENANT": "tenant-of-ours"}


async def found_of_plain(tmp_path: Path, status: int, answer: dict[str, Any], **endpoint: Any) -> Found:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(answer, status=status)

    async with serving(handler, models=handler) as url:
        at = Endpoint("main", url, "v1", key_env="KEY", **endpoint)
        deployment = Deployment("d", "main", "openai/gpt-4o", "2024-11-20", id="openai/gpt-4o")
        of = rollout(tmp_path, url, endpoints={"main": at}, deployments={"d": deployment})
        return await found_at(url, replace(of, **judged(of)))


class TestPlainServer:
    async def test_only_what_it_can_say_is_looked_at(self, tmp_path: Path) -> None:
        found = await found_of_plain(tmp_path, 200, ANSWER)
        assert found.kinds("endpoint main") == ["reach", "key"]
        assert found.kinds("d") == ["answer", "pin", "price"]
        assert found.verdict("pin") == "unknown"
        assert "is the name that was asked" in found("pin").text

    async def test_another_version_still_alarms(self, tmp_path: Path) -> None:
        found = await found_of_plain(tmp_path, 200, {**ANSWER, "model": "openai/gpt-4o-2024-08-06"})
        assert found.verdict("pin") == "wrong"
        assert found("pin").text.startswith("MISMATCH: asked for openai/gpt-4o 2024-11-20, answered by")

    async def test_no_text_speaks_of_azure(self, tmp_path: Path) -> None:
        """Whatever it answers."""
        for status in (200, 400, 401, 403, 404, 410, 423, 429, 500):
            for said in ("", "unknown model", "this model is deprecated", "OperationNotSupported"):
                answer = ANSWER if status == 200 else {"error": {"message": said}}
                found = await found_of_plain(tmp_path, status, answer)
                for finding in found.all:
                    text = f"{finding.text} {finding.remedy} {finding.toml}"
                    assert not any(
                        word in text for word in ("ARM", "Entra", "Cognitive", "az ", "api_version")
                    ), text

    async def test_the_header_of_the_key_is_a_remedy(self, tmp_path: Path) -> None:
        found = await found_of_plain(tmp_path, 401, {"error": {"message": "missing subscription key"}})
        assert "key_header" in found("key", "endpoint main").remedy

    async def test_values_of_headers_are_in_no_finding(self, tmp_path: Path) -> None:
        tenant = "tenant-of-ours"

        async def handler(request: web.Request) -> web.Response:
            assert request.headers["X-Tenant"] == tenant
            message = f"tenant {tenant} and {tenant[:10]} are unknown"
            return web.json_response({"error": {"message": message}}, status=403)

        async with serving(handler, models=handler) as url:
            at = Endpoint("main", url, "v1", headers_env={"X-Tenant": "TENANT"})
            of = rollout(tmp_path, url, endpoints={"main": at})
            found = await found_at(url, of, env=PLAIN_ENV)
        assert found.verdict("key", "endpoint main") == "wrong"
        assert "what stands in TENANT is refused" in found("key", "endpoint main").text
        assert tenant not in repr(found.all)
