"""`check --online` of endpoints: reachable, let in, readable through ARM, and where the file says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.arm_service import TOKEN
from tests.support.check_service import ENV, KEY, NO_ARM, checked, found_at
from tests.support.engine_runs import rollout
from tests.support.service import serving
from tui.preflight.finding import CannotAsk, Finding, exit_code
from tui.rollout import ControlPlane

MAIN = "endpoint main"


class TestReachAndKey:
    async def test_a_key_that_is_admitted(self, tmp_path: Path) -> None:
        async with checked(tmp_path, key=KEY) as service:
            found = await service.find()
        assert found("reach", MAIN) == Finding("reach", MAIN, "ok", f"{service.url} answers")
        assert found("key", MAIN).verdict == "ok"
        assert found("key", MAIN).text == "the key in KEY is admitted"
        assert exit_code(found.all) == 0

    async def test_a_key_that_is_refused(self, tmp_path: Path) -> None:
        async with checked(tmp_path, key="another") as service:
            found = await service.find()
        key = found("key", MAIN)
        assert key.verdict == "wrong"
        assert key.text.startswith(
            "the key in KEY is refused: HTTP 401: key or endpoint refused: Access denied"
        )
        assert "Cognitive Services OpenAI User" in key.remedy
        assert found.verdict("reach", MAIN) == "ok"
        assert found.verdict("answer") == "wrong"
        assert exit_code(found.all) == 1

    async def test_nobody_there_is_not_wrong_but_could_not_be_asked(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.simulator.stop()
            found = await service.find(**NO_ARM)
        assert [found.verdict(what, MAIN) for what in ("reach", "key", "region")] == ["unknown"] * 3
        assert "it cannot be reached: " in found("reach", MAIN).text
        assert "check url of [endpoints.main]" in found("reach", MAIN).remedy
        assert exit_code(found.all) == 3

    @pytest.mark.parametrize(
        ("of_models", "of_chat", "verdict", "text"),
        [
            (403, 200, "ok", "is admitted (its list of models: HTTP 403"),
            (404, 200, "ok", "is admitted (its list of models: HTTP 404)"),
            (404, 404, "ok", "is admitted (its list of models: HTTP 404)"),
            (404, 401, "wrong", "is refused: HTTP 404"),
            (
                503,
                503,
                "unknown",
                "nothing says whether the key in KEY is admitted (its list of models: HTTP 503)",
            ),
        ],
    )
    async def test_where_models_are_not_listed_the_answers_say_it(
        self, tmp_path: Path, of_models: int, of_chat: int, verdict: str, text: str
    ) -> None:
        answer = {"choices": [{"message": {"content": "OK"}, "finish_reason": "stop"}]}

        async def handler(request: web.Request) -> web.Response:
            status = of_models if request.path.endswith("/models") else of_chat
            return web.json_response(answer if status == 200 else {"error": {}}, status=status)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            found = await found_at(url, rollout(tmp_path, url, weights={"d": 100.0}, stream=False))
        finally:
            await runner.cleanup()
        assert found.verdict("key", MAIN) == verdict
        assert text in found("key", MAIN).text

    async def test_a_server_on_this_machine_may_want_no_key(self, tmp_path: Path) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            return web.json_response({"choices": [{"message": {"content": "OK"}, "finish_reason": "stop"}]})

        async with serving(handler) as url:
            of = rollout(tmp_path, url, api="v1", weights={"d": 100.0}, stream=False)
            of = replace(of, endpoints={"main": replace(of.endpoints["main"], key_env=None)})
            found = await found_at(url, of)
        assert found("key", MAIN).text == "access without a key is admitted"

    async def test_entra_without_the_package_cannot_be_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "azure.identity.aio", None)
        async with checked(tmp_path) as service:
            with pytest.raises(CannotAsk, match=r"install it with pip install 'canarytop\[azure\]'"):
                await service.find(**service.endpoint(key_env=None, entra=True))
            with pytest.raises(CannotAsk, match="the control plane wants Entra ID"):
                await service.find(control_plane=ControlPlane(service.url, entra=True))
            with pytest.raises(CannotAsk, match="a token travels unencrypted"):
                await service.find(control_plane=ControlPlane("http://arm.example", token_env="TOKEN"))


class TestControlPlane:
    @pytest.mark.parametrize(
        ("step", "fault", "verdict", "text", "remedy"),
        [
            ("list", "forbidden", "wrong", "ARM refuses: listing the deployments", "the role is missing"),
            ("list", "unauthenticated", "wrong", "AuthenticationFailed (HTTP 401)", "az login"),
            ("list", "not_found", "wrong", "ResourceNotFound (HTTP 404)", "check the subscription"),
            ("list", "no_group", "wrong", "ResourceGroupNotFound", "resource group"),
            ("list", "broken", "unknown", "ARM could not be asked: listing the", "try again"),
            ("list", "garble", "unknown", "not a JSON object", "try again"),
            ("list", "drop", "unknown", "the connection broke", "try again"),
            ("list", "throttle", "unknown", "HTTP 429", "try again later"),
            ("list", "unavailable", "unknown", "asks to wait 9999 s", "later"),
        ],
    )
    async def test_every_refusal_is_wrong_and_every_failure_is_not_known(
        self, tmp_path: Path, step: str, fault: str, verdict: str, text: str, remedy: str
    ) -> None:
        wait_s = 9999 if fault == "unavailable" else 5
        async with checked(tmp_path) as service:
            await service.plan({"on": step, "do": fault, "times": 9, "retry_after_s": wait_s})
            found = await service.find()
        plane = found("control plane", MAIN)
        assert plane.verdict == verdict
        assert text in plane.text
        assert remedy in plane.remedy
        assert exit_code(found.all) == {"wrong": 1, "unknown": 3}[verdict]
        assert found.kinds() == ["answer", "pin", "region", "quota", "price"]
        assert (found.verdict("answer"), found.verdict("pin"), found.verdict("quota")) == (
            "ok",
            "unknown",
            "unknown",
        )

    @pytest.mark.parametrize(
        ("step", "fault", "verdict", "text"),
        [
            ("models", "forbidden", "wrong", "AuthorizationFailed (HTTP 403)"),
            ("account", "not_found", "wrong", "ResourceNotFound (HTTP 404)"),
            ("models", "drop", "unknown", "the connection broke"),
        ],
    )
    async def test_where_models_may_not_be_read_the_deployments_are(
        self, tmp_path: Path, step: str, fault: str, verdict: str, text: str
    ) -> None:
        async with checked(tmp_path) as service:
            await service.plan({"on": step, "do": fault, "times": 9})
            found = await service.find()
        assert found.verdict("control plane", MAIN) == verdict
        assert text in found("control plane", MAIN).text
        assert (found.verdict("state"), found.verdict("pin"), found.verdict("rate")) == ("ok", "ok", "ok")
        assert "NoAutoUpgrade" in found("pin").text
        assert found.verdict("quota") == "unknown"
        assert found("quota").text.startswith("models not known: ")

    async def test_it_is_read_once(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            found = await service.find()
            paths = [r["path"].rpartition("/")[2] for r in service.simulator.control.journal]
        assert found("control plane", MAIN).text == "ARM lets us read account acct-1: 1 deployment"
        assert sorted(paths) == ["acct-1", "deployments", "models", "prices", "prices", "prices", "usages"]

    async def test_a_token_that_is_not_there(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            found = await service.find({"KEY": KEY})
        assert found.verdict("control plane", MAIN) == "wrong"
        assert "no token in TOKEN" in found("control plane", MAIN).text

    async def test_no_control_plane_there(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            found = await service.find(control_plane=ControlPlane("http://127.0.0.1:1", token_env="TOKEN"))
        assert found.verdict("control plane", MAIN) == "unknown"
        assert exit_code(found.all) == 3

    async def test_without_access_in_the_file_nothing_is_asked_or_missed(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            for changes in (NO_ARM, service.endpoint(resource=None)):
                found = await service.find(**changes)
                assert found.kinds(MAIN) == ["reach", "key", "region"]
                assert exit_code(found.all) == 0
            arm = [r for r in service.simulator.control.journal if r["path"].startswith("/subscriptions")]
        assert arm == []


class TestRegion:
    @pytest.mark.parametrize(
        ("by_file", "arm", "verdict", "text"),
        [
            ("East US 2", True, "ok", "eastus2 by ARM, the file agrees"),
            ("eastus2", True, "ok", "eastus2 by ARM, the file agrees"),
            (None, True, "ok", "eastus2 by ARM, the file names none"),
            ("East US", True, "wrong", "the file says East US, by ARM it is in eastus2"),
            ("East US 2", False, "unknown", "East US 2 by the file; not known without ARM"),
            (None, False, "unknown", "the file names none; not known without ARM"),
        ],
    )
    async def test_the_file_against_arm(
        self, tmp_path: Path, by_file: str | None, arm: bool, verdict: str, text: str
    ) -> None:
        async with checked(tmp_path) as service:
            found = await service.find(**service.endpoint(region=by_file), **({} if arm else NO_ARM))
        region = found("region", MAIN)
        assert (region.verdict, region.text) == (verdict, text)
        if verdict == "wrong":
            assert (region.remedy, region.toml) == ("under [endpoints.main]:", 'region = "eastus2"')


class TestSecrets:
    async def test_a_service_that_repeats_keys_and_tokens_does_not_get_them_shown(self, tmp_path: Path) -> None:
        long = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIs" * 20

        async def handler(request: web.Request) -> web.Response:
            text = f"no {request.headers.get('authorization')} {request.headers.get('api-key')}"
            if request.path.endswith("/deployments"):
                item = {"name": "d", "properties": {"provisioningState": text, "model": {"name": text}}}
                return web.json_response({"value": [item]})
            if request.path.startswith("/subscriptions"):
                return web.json_response({"value": [], "location": text})
            return web.json_response({"error": {"code": text, "message": text}, "Items": []}, status=400)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with checked(tmp_path) as service:
                changes = {**service.endpoint(url=url), "control_plane": ControlPlane(url, token_env="TOKEN")}
                all_ = [await service.find({"KEY": KEY, "TOKEN": token}, **changes) for token in (TOKEN, long)]
        finally:
            await runner.cleanup()
        said = "\n".join(f.text + f.remedy + f.toml for found in all_ for f in found.all)
        assert "[secret]" in said
        assert KEY not in said
        assert TOKEN not in said
        assert long[:30] not in said
        assert ENV["TOKEN"] not in said
