"""Reading the control plane over real HTTP: the simulator's, and answers that no service should give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date

import pytest
from aiohttp import web

from tests.support.arm_service import ACCOUNT, TOKEN, answering, arm, pretend
from tui.control_plane.answers import ArmError, ConnectionLost
from tui.control_plane.http import ArmHttp
from tui.control_plane.resource_manager import ResourceManager
from tui.model import Account, RateLimit
from tui.service.credentials import CredentialError
from tui.simulator.control.plane import ControlSettings
from tui.simulator.server import Simulator


class TestLists:
    async def test_the_account_says_where_it_is(self) -> None:
        async with arm() as service:
            account = await service.manager.account()
        assert account == Account("acct-1", "eastus2", "OpenAI", account.endpoint, "Succeeded")
        assert account.endpoint is not None

    async def test_a_deployment_is_read_as_it_is_set(self) -> None:
        async with arm() as service:
            found = await service.manager.deployment("d")
            assert await service.manager.deployment("nobody") is None
        assert found is not None
        assert (found.name, found.model, found.version, found.format) == ("d", "gpt-4o", "2024-11-20", "OpenAI")
        assert (found.sku, found.capacity, found.upgrade_option) == ("GlobalStandard", 100, "NoAutoUpgrade")
        assert found.rate_limits == (RateLimit("request", 100, 10), RateLimit("token", 100_000, 60))
        assert found.created_at is not None
        assert found.created_at.date() == date(2026, 11, 25)
        assert found.created_at.tzinfo is not None

    async def test_five_hundred_deployments_come_page_by_page(self) -> None:
        many = [pretend(f"d-{n:03}", "gpt-4o", "2024-11-20", capacity=1) for n in range(500)]
        clock_free = Simulator(many, wall_clock=lambda: 0.0, control=ControlSettings(page_size=64))
        port = await clock_free.start()
        manager = ResourceManager(ACCOUNT, _token, base_url=f"http://127.0.0.1:{port}")
        try:
            listed = await manager.deployments()
        finally:
            await manager.close()
            await clock_free.stop()
        assert [d.name for d in listed] == [d.name for d in many]
        pages = [r["query"].get("$skipToken") for r in clock_free.control.journal]
        assert pages == [None, "64", "128", "192", "256", "320", "384", "448"]

    async def test_the_models_of_account_and_region_are_the_same_and_each_is_there_once(self) -> None:
        async with arm() as service:
            models = await service.manager.models()
            assert await service.manager.models_of_region("East US 2") == models
        by_version = {(m.model, m.version): m for m in models}
        assert len(by_version) == len(models)
        old = by_version["gpt-4o", "2024-05-13"]
        assert (old.status, old.retires, old.tentative) == ("Deprecating", date(2026, 12, 9), False)
        assert old.replacement is not None
        assert (old.replacement.model, old.replacement.starts, old.replacement.lead_days) == (
            "gpt-5.6-sol",
            date(2026, 12, 1),
            7,
        )
        current = by_version["gpt-4o", "2024-11-20"]
        assert (current.status, current.tentative, current.is_default) == ("Legacy", True, True)
        own = {sku.name: sku.retires for sku in current.skus}
        assert own["ProvisionedManaged"] == date(2027, 7, 14) != own["Standard"] == current.retires
        provisioned = next(s for s in current.skus if s.name == "ProvisionedManaged")
        assert (provisioned.least_capacity, provisioned.capacity_step, provisioned.usage_name) == (
            25,
            25,
            "OpenAI.ProvisionedManaged",
        )
        assert by_version["pretend-embedding", "1"].retires is None, "2099-12-31 is no date"
        other = by_version["pretend-chat", "3"]
        assert (other.format, other.status, other.retires, other.tentative) == (
            "Pretend AI",
            "Stable",
            None,
            None,
        )

    async def test_an_older_api_version_tells_less_and_in_older_words(self) -> None:
        async with arm(api_version="2024-10-01") as service:
            models = {(m.model, m.version): m for m in await service.manager.models()}
        old = models["gpt-4o", "2024-05-13"]
        assert (old.replacement, old.tentative, old.retires) == (None, None, date(2026, 12, 9))
        assert models["gpt-5.1", "2025-11-13"].status == "Stable"

    async def test_quota_is_what_the_deployments_take(self) -> None:
        async with arm() as service:
            quota = {q.name: q for q in await service.manager.quota("eastus2")}
        used = quota["OpenAI.GlobalStandard.gpt-4o"]
        assert (used.used, used.limit, used.unit) == (100, 3000, "Count")
        assert quota["OpenAI.ProvisionedManaged"].used == 0

    async def test_another_region_is_an_error_in_words(self) -> None:
        async with arm() as service:
            with pytest.raises(ArmError, match="'westeurope' is not available") as told:
                await service.manager.quota("West Europe")
            with pytest.raises(ValueError, match="write a name such as eastus2"):
                await service.manager.quota("../../evil")
        assert told.value.code == "LocationNotAvailableForResourceType"

    @pytest.mark.parametrize(
        ("step", "said"),
        [
            ("list", "reading deployments needs Cognitive Services OpenAI User"),
            ("usages", "Cognitive Services Usages Reader on the subscription"),
        ],
    )
    async def test_a_missing_role_is_named(self, step: str, said: str) -> None:
        async with arm() as service:
            await service.plan({"on": step, "do": "forbidden"})
            reading = service.manager.deployments() if step == "list" else service.manager.quota("eastus2")
            with pytest.raises(ArmError, match=said) as told:
                await reading
        assert (told.value.code, told.value.status) == ("AuthorizationFailed", 403)

    async def test_throttled_reads_wait_as_long_as_they_are_told(self) -> None:
        steps: list[str] = []
        async with arm() as service:
            await service.plan({"on": "list", "do": "throttle", "times": 2, "retry_after_s": 17})
            assert len(await service.manager.deployments(steps.append)) == 1
        assert service.slept == [17, 17]
        assert steps[0] == "HTTP 429: the service asks to wait 17 s (1 of 5)"

    async def test_without_a_time_to_wait_nothing_is_waited_for(self) -> None:
        async with arm() as service:
            await service.plan({"on": "list", "do": "throttle", "retry_after_s": 0})
            with pytest.raises(ArmError, match="try again later"):
                await service.manager.deployments()
        assert service.slept == []

    async def test_broken_connections_are_tried_again_and_then_told(self) -> None:
        async with arm() as service:
            await service.plan({"on": "list", "do": "drop", "times": 2})
            assert len(await service.manager.deployments()) == 1
            await service.plan({"on": "list", "do": "drop", "times": 9})
            with pytest.raises(ConnectionLost, match=r"listing the deployments: .*the connection broke"):
                await service.manager.deployments()

    async def test_nobody_there_is_told_as_such(self) -> None:
        async with arm() as service:
            await service.simulator.stop()
            with pytest.raises(ConnectionLost, match="ARM cannot be reached") as told:
                await service.create()
        assert not told.value.sent
        assert service.truth("gpt51-prod-v1113") is None


async def _token() -> str:
    return TOKEN


def always(
    body: object, status: int = 200, headers: dict[str, str] | None = None
) -> Callable[[web.Request], object]:
    async def handler(request: web.Request) -> web.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=data, status=status, headers=headers, content_type="application/json")

    return handler


class TestHostileAnswers:
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[" * 100_000, b"null", b"[]", b'"x"', {"value": {}}, {}, {"value": None}, b"\xff\xfe"],
    )
    async def test_an_answer_that_is_no_list_is_an_error_and_not_an_empty_list(self, body: object) -> None:
        async with answering(always(body)) as (manager, _):  # type: ignore[arg-type]
            with pytest.raises(ArmError, match=r"not a JSON object|has no value") as told:
                await manager.deployments()
        assert told.value.code == "UnreadableAnswer"

    async def test_items_without_sense_are_listed_as_such(self) -> None:
        items = [
            None,
            7,
            {},
            {"name": 3, "properties": []},
            {"id": "/x/deployments/from-the-id", "sku": {"capacity": "many"}},
            {
                "name": "fine\x1b[31m\u202e",
                "properties": {"model": {"name": "m" * 10_000, "version": ["x"]}, "provisioningState": "Odd"},
                "sku": {"capacity": 7.0},
                "systemData": {"createdAt": "yesterday", "lastModifiedAt": "2026-01-01T00:00:00.1234567Z"},
            },
        ]
        async with answering(always({"value": items})) as (manager, _):  # type: ignore[arg-type]
            listed = await manager.deployments()
        assert [d.name for d in listed] == ["(no name)", "from-the-id", "fine\\x1b[31m\\u202e"]
        strange = listed[-1]
        assert (strange.version, strange.state, strange.capacity, len(strange.model)) == (None, "Odd", 7, 128)
        assert (strange.created_at, strange.modified_at is None) == (None, False)

    async def test_pages_that_lead_in_a_circle_end(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            page = int(request.query.get("page", "0"))
            following = f"{request.path}?page={(page + 1) % 3}"
            return web.json_response({"value": [{"name": f"d{page}"}], "nextLink": following})

        async with answering(handler) as (manager, _):
            assert [d.name for d in await manager.deployments()] == ["d0", "d1", "d2"]

    async def test_a_list_without_an_end_is_an_error(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            page = int(request.query.get("page", "0"))
            following = f"http://{request.host}{request.path}?page={page + 1}"
            return web.json_response({"value": [], "nextLink": following})

        async with answering(handler) as (manager, _):
            with pytest.raises(ArmError, match="goes on after 200 pages"):
                await manager.deployments()

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
    async def test_the_token_goes_to_no_other_host(self, link: str) -> None:
        seen = []

        async def handler(request: web.Request) -> web.Response:
            seen.append(request.headers["authorization"])
            return web.json_response({"value": [], "nextLink": link})

        async with answering(handler) as (manager, _):
            with pytest.raises(ArmError, match="at another host") as told:
                await manager.deployments()
        assert (told.value.code, seen) == ("ForeignLink", [f"Bearer {TOKEN}"])

    async def test_an_operation_on_another_host_is_not_followed(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            if request.method == "DELETE":
                return web.Response(status=202, headers={"Location": "https://evil.example/op"})
            return web.json_response({"error": {"code": "DeploymentNotFound"}}, status=404)

        steps: list[str] = []
        async with answering(handler) as (manager, _):
            assert await manager.delete("d", on_step=steps.append)
        assert "Location leads to another host and is not followed" in steps

    async def test_a_redirect_is_not_followed(self) -> None:
        handler = always({}, 307, {"Location": "https://evil.example/"})
        async with answering(handler) as (manager, _):  # type: ignore[arg-type]
            with pytest.raises(ArmError, match="HTTP 307"):
                await manager.deployments()

    async def test_an_endless_answer_is_cut_off(self) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" " * 2**20)

        async with answering(handler) as (manager, _):
            with pytest.raises(ArmError, match="passed 16 MB and was cut off"):
                await manager.account()

    async def test_silence_ends(self) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(60)
            raise AssertionError("it was waited for")

        async with answering(handler, timeout_s=0.02) as (manager, slept):
            with pytest.raises(ConnectionLost, match=r"no answer within|connection broke|cannot be reached"):
                await manager.account()
        assert slept == [1.0, 2.0]

    @pytest.mark.parametrize(
        ("headers", "waited"),
        [
            ({"Retry-After": "3"}, [3.0]),
            ({"Retry-After": "0.5"}, [0.5]),
            (
                {"Retry-After": "Wed, 25 Nov 2026 12:00:20 GMT", "Date": "Wed, 25 Nov 2026 12:00:00 GMT"},
                [20.0],
            ),
            ({"Retry-After": "soon"}, []),
            ({"Retry-After": "-1"}, []),
            ({"Retry-After": "nan"}, []),
            ({"Retry-After": "1e300"}, []),
            ({}, []),
        ],
    )
    async def test_retry_after_is_a_number_or_a_date(
        self, headers: dict[str, str], waited: list[float]
    ) -> None:
        answers = [web.json_response({"error": {"code": "TooManyRequests"}}, status=429, headers=headers)]

        async def handler(_: web.Request) -> web.StreamResponse:
            return answers.pop() if answers else web.json_response({"value": []})

        async with answering(handler) as (manager, slept):
            if waited:
                assert await manager.deployments() == ()
            else:
                with pytest.raises(ArmError, match="TooManyRequests"):
                    await manager.deployments()
        assert slept == waited

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"error": {"code": "X" * 5000, "message": "m" * 5000}}, "…"),
            ({"error": "in a string"}, "in a string"),
            ({"error": {"code": 7, "message": ["x"]}}, "HTTP 418"),
            ({"code": "Bare", "message": "without error around it"}, "Bare"),
            (b"<html>", "HTTP 418"),
            ({"error": {"code": "Evil\x1b[2J", "message": f"your token is {TOKEN}\r\nOK"}}, "\\x1b"),
        ],
    )
    async def test_errors_of_any_shape_are_one_plain_line(self, body: object, said: str) -> None:
        async with answering(always(body, 418)) as (manager, _):  # type: ignore[arg-type]
            with pytest.raises(ArmError) as told:
                await manager.account()
        text = str(told.value)
        assert said in text
        assert text.isprintable()
        assert len(text) <= 700
        assert TOKEN not in text


class TestTokens:
    @pytest.mark.parametrize("bad", ["", " ", "two words", "line\nbreak", "umläut"])
    async def test_a_token_that_is_none_is_not_sent_and_not_shown(self, bad: str) -> None:
        async def token() -> str:
            return bad

        async with answering(always({}), token=token) as (manager, _):  # type: ignore[arg-type]
            with pytest.raises(ArmError, match=r"no token has|is empty") as told:
                await manager.account()
        assert told.value.code == "NoToken"
        assert not bad.strip() or bad not in str(told.value)

    async def test_no_token_is_told_with_the_reason(self) -> None:
        async def token() -> str:
            raise CredentialError("no token in ARM_TOKEN: set it")

        async with answering(always({}), token=token) as (manager, _):  # type: ignore[arg-type]
            with pytest.raises(ArmError, match="no token in ARM_TOKEN"):
                await manager.account()

    @pytest.mark.parametrize(
        "address",
        [
            "http://management.azure.com",
            "ftp://x",
            "management.azure.com",
            "",
            "https://",
            "https://a?b",
            "http://[",
        ],
    )
    async def test_a_token_goes_to_no_strange_address(self, address: str) -> None:
        with pytest.raises(ValueError, match="ARM's address"):
            ResourceManager(ACCOUNT, _token, base_url=address)

    async def test_tls_is_set_up_for_https(self) -> None:
        http = ArmHttp("https://management.azure.com", "v", _token, sleep=asyncio.sleep, timeout_s=1)
        client = await http._opened()
        assert client is await http._opened()
        await http.close()
        await http.close()
