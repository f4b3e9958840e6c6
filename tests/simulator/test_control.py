"""The simulator's control plane over a real socket: what it shows, takes and refuses, and its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import aiohttp
import pytest

from tests.support.simulator_service import Clock, Service, quick, serve
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.control.faults import STEPS, FaultPlan, read_fault
from tui.simulator.control.models import bundled_models
from tui.simulator.control.plane import ControlSettings
from tui.simulator.server import Simulator

ACCOUNT = "/subscriptions/S/resourceGroups/R/providers/Microsoft.CognitiveServices/accounts/A"
REGION = "/subscriptions/S/providers/Microsoft.CognitiveServices/locations/eastus2"
NEW = f"{ACCOUNT}/deployments/new"
BODY = {
    "sku": {"name": "GlobalStandard", "capacity": 10},
    "properties": {
        "model": {"format": "OpenAI", "name": "gpt-5.1", "version": "2025-11-13"},
        "versionUpgradeOption": "NoAutoUpgrade",
    },
}


class Plane:
    """The control plane of a simulator whose clock stands still until it is moved."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service = service
        self.clock = clock

    async def ask(
        self, method: str, path: str, *, version: str = "2025-09-01", token: str = "Bearer t", **options: Any
    ) -> tuple[int, Any, Any]:
        """Status, JSON (None without a body) and headers of the answer."""
        query = {"api-version": version} if version else {}
        headers = {"authorization": token} if token else {}
        async with self.service.client.request(
            method, path, params={**query, **options.pop("params", {})}, headers=headers, **options
        ) as response:
            text = await response.read()
            return response.status, (await response.json() if text else None), response.headers

    async def code(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        status, body, _ = await self.ask(method, path, **options)
        return status, body["error"]["code"]


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    clock = Clock()
    async with serve(clock=clock, wall_clock=lambda: 1_795_608_000.0) as service:
        yield Plane(service, clock)


class TestDoor:
    @pytest.mark.parametrize("token", ["", "Bearer ", "Basic x", "t"])
    async def test_a_bearer_token_has_to_be_there(self, plane: Plane, token: str) -> None:
        assert await plane.code("GET", ACCOUNT, token=token) == (401, "AuthenticationFailed")

    async def test_an_api_version_has_to_be_there_and_known(self, plane: Plane) -> None:
        assert await plane.code("GET", ACCOUNT, version="") == (400, "MissingApiVersionParameter")
        assert await plane.code("GET", ACCOUNT, version="2019-01-01") == (400, "InvalidApiVersionParameter")

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/subscriptions/S", 404),
            ("GET", f"{ACCOUNT}/projects", 404),
            ("GET", f"{ACCOUNT}/models/x", 405),
            ("POST", f"{ACCOUNT}/deployments", 405),
            ("POST", NEW, 405),
            ("PUT", f"{REGION}/models", 405),
            ("GET", f"{REGION}/operationStatuses/none", 404),
            ("GET", f"{REGION}/operationResults/none", 404),
            ("GET", f"{REGION}/operationResults", 404),
            ("GET", REGION.replace("eastus2", "westus") + "/models", 400),
            ("GET", NEW, 404),
            ("DELETE", NEW, 204),
            ("PATCH", NEW, 404),
        ],
    )
    async def test_what_is_not_there_is_an_arm_error(
        self, plane: Plane, method: str, path: str, status: int
    ) -> None:
        answered, body, _ = await plane.ask(method, path)
        assert answered == status
        assert status == 204 or set(body["error"]) >= {"code", "message"}

    async def test_names_of_resource_types_may_be_in_any_case(self, plane: Plane) -> None:
        path = ACCOUNT.replace("resourceGroups", "resourcegroups").replace("Microsoft", "microsoft")
        assert (await plane.ask("GET", path))[0] == 200

    async def test_only_the_account_that_it_is_set_to_is_there(self) -> None:
        async with serve(control=ControlSettings(account_id=ACCOUNT)) as service:
            plane = Plane(service, Clock())
            assert (await plane.ask("GET", ACCOUNT))[0] == 200
            other = ACCOUNT.replace("accounts/A", "accounts/B")
            assert await plane.code("GET", other) == (404, "ResourceNotFound")


class TestWrites:
    async def test_a_put_is_followed_through_its_operation(self, plane: Plane) -> None:
        status, body, headers = await plane.ask("PUT", NEW, json=BODY)
        assert (status, body["properties"]["provisioningState"]) == (201, "Accepted")
        assert headers["retry-after"] == "2"
        operation = headers["azure-asyncoperation"].partition("?")[0]
        seen = []
        for _ in range(3):
            seen.append((await plane.ask("GET", operation))[1]["status"])
            plane.clock.now_s += 2
        assert seen == ["Accepted", "Creating", "Succeeded"]
        _, ended, headers = await plane.ask("GET", operation)
        assert "endTime" in ended
        assert "retry-after" not in headers
        status, body, _ = await plane.ask("PUT", NEW, json=BODY)
        assert (status, body["properties"]["provisioningState"]) == (200, "Accepted")

    async def test_a_delete_is_followed_through_its_location(self, plane: Plane) -> None:
        status, _, headers = await plane.ask("DELETE", f"{ACCOUNT}/deployments/d")
        assert status == 202
        location = headers["location"].partition("?")[0]
        assert (await plane.ask("GET", location))[0] == 202
        _, body, _ = await plane.ask("GET", f"{ACCOUNT}/deployments/d")
        assert body["properties"]["provisioningState"] == "Deleting"
        plane.clock.now_s += 4
        assert (await plane.ask("GET", location))[0] == 204
        assert (await plane.ask("GET", f"{ACCOUNT}/deployments"))[1] == {"value": []}

    async def test_one_write_at_a_time(self, plane: Plane) -> None:
        await plane.ask("PUT", NEW, json=BODY)
        for method, path in (("PUT", NEW), ("PUT", f"{NEW}2"), ("DELETE", f"{ACCOUNT}/deployments/d")):
            assert await plane.code(method, path, json=BODY) == (409, "RequestConflict")
        plane.clock.now_s += 4
        assert (await plane.ask("PUT", f"{NEW}2", json=BODY))[0] == 201

    async def test_a_put_resets_what_it_does_not_carry(self, plane: Plane) -> None:
        d = f"{ACCOUNT}/deployments/d"
        before = (await plane.ask("GET", d))[1]
        bare = {"sku": {"name": "GlobalStandard"}, "properties": {"model": {"name": "gpt-4o"}}}
        await plane.ask("PUT", d, json=bare)
        plane.clock.now_s += 4
        after = (await plane.ask("GET", d))[1]
        assert before["properties"]["raiPolicyName"] == "Microsoft.DefaultV2"
        assert before["properties"]["versionUpgradeOption"] == "NoAutoUpgrade"
        assert "raiPolicyName" not in after["properties"]
        assert after["properties"]["versionUpgradeOption"] == "OnceNewDefaultVersionAvailable"
        assert after["properties"]["model"]["version"] == "2024-11-20", "the default version"
        assert after["sku"]["capacity"] == 10, "the default capacity"
        assert after["etag"] != before["etag"]

    async def test_the_default_of_the_service_can_be_nothing_at_all(self) -> None:
        async with serve(control=ControlSettings(provisioning_s=0, default_upgrade_option=None)) as service:
            plane = Plane(service, Clock())
            bare = {"sku": {"name": "GlobalStandard"}, "properties": {"model": {"name": "gpt-5.1"}}}
            status, body, headers = await plane.ask("PUT", NEW, json=bare)
        assert (status, body["properties"]["provisioningState"]) == (201, "Succeeded")
        assert "versionUpgradeOption" not in body["properties"]
        assert "azure-asyncoperation" not in headers

    async def test_patch_changes_sku_and_tags_only(self, plane: Plane) -> None:
        d = f"{ACCOUNT}/deployments/d"
        asked = {"sku": {"capacity": 20}, "tags": {"a": "b"}}
        assert (await plane.ask("PATCH", d, json=asked))[0] == 202
        plane.clock.now_s += 4
        body = (await plane.ask("GET", d))[1]
        assert (body["sku"]["capacity"], body["tags"]) == (20, {"a": "b"})
        assert body["properties"]["versionUpgradeOption"] == "NoAutoUpgrade"
        bodies: tuple[dict[str, Any], ...] = ({"properties": {}}, {"tags": {"a": 1}}, {"sku": {"name": "Huge"}})
        for wrong in bodies:
            assert await plane.code("PATCH", d, json=wrong) == (400, "InvalidRequestContent")
        assert await plane.code("PATCH", d, json={"sku": {"capacity": 2001}}) == (
            400,
            "InvalidResourceProperties",
        )

    async def test_a_patch_leaves_a_version_that_changed_silently_as_it_is(self) -> None:
        free = PretendDeployment("d", "gpt-4o", "2024-11-20", behaviour=quick(), upgrades="absent")
        simulator = Simulator([free], control=ControlSettings(provisioning_s=0), today=date(2027, 4, 8))
        port = await simulator.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                plane = Plane(Service(simulator, client), Clock())
                path = f"{ACCOUNT}/deployments/d"
                assert (await plane.ask("PATCH", path, json={"tags": {"a": "b"}}))[0] == 202
                _, body, _ = await plane.ask("GET", path)
        finally:
            await simulator.stop()
        assert body["properties"]["model"]["name"] == "gpt-5.1"

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "InvalidRequestContent"),
            (b"{", "InvalidRequestContent"),
            (b"[" * 100_000, "InvalidRequestContent"),
            (b"[]", "InvalidRequestContent"),
            (b"{}", "InvalidRequestContent"),
            (b'{"properties": 1}', "InvalidRequestContent"),
            (b'{"properties": {"model": {"name": 7}}}', "InvalidRequestContent"),
            (b'{"properties": {"model": {"name": "gpt-9"}}}', "DeploymentModelNotSupported"),
            (
                b'{"properties": {"model": {"name": "gpt-5.1"}, "versionUpgradeOption": "Never"}}',
                "InvalidRequestContent",
            ),
            (
                b'{"sku": {"name": "X"}, "properties": {"model": {"name": "gpt-5.1"}}}',
                "InvalidResourceProperties",
            ),
            (
                b'{"sku": {"name": "GlobalProvisionedManaged", "capacity": 17}, '
                b'"properties": {"model": {"name": "gpt-5.1"}}}',
                "InvalidResourceProperties",
            ),
            (
                b'{"sku": {"capacity": true}, "properties": {"model": {"name": "gpt-5.1"}}}',
                "InvalidResourceProperties",
            ),
        ],
    )
    async def test_bodies_are_read_with_suspicion(self, plane: Plane, data: bytes, code: str) -> None:
        assert await plane.code("PUT", NEW, data=data) == (400, code)
        assert (await plane.ask("GET", NEW))[0] == 404

    async def test_a_name_that_no_address_carries_is_refused(self, plane: Plane) -> None:
        assert await plane.code("PUT", f"{ACCOUNT}/deployments/a%20b", json=BODY) == (
            400,
            "InvalidResourceName",
        )

    async def test_a_deprecating_version_is_refused_by_one_sku_and_taken_by_another(self, plane: Plane) -> None:
        old = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-05-13"}
        body = {"sku": {"name": "GlobalStandard"}, "properties": {"model": old}}
        assert await plane.code("PUT", NEW, json=body) == (400, "ServiceModelDeprecating")
        body["sku"] = {"name": "DataZoneStandard"}
        assert (await plane.ask("PUT", NEW, json=body))[0] == 201

    async def test_what_exists_may_be_set_again_though_its_version_is_closed_to_others(self) -> None:
        old = PretendDeployment("old", "gpt-4o", "2024-08-06", behaviour=quick())
        simulator = Simulator([old], wall_clock=lambda: 1_795_608_000.0)
        model = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}
        body = {"sku": {"name": "GlobalStandard", "capacity": 5}, "properties": {"model": model}}
        port = await simulator.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                plane = Plane(Service(simulator, client), Clock())
                assert (await plane.ask("PUT", f"{ACCOUNT}/deployments/old", json=body))[0] == 200
        finally:
            await simulator.stop()

    async def test_capacities_are_what_the_quota_leaves(self, plane: Plane) -> None:
        params = {"modelFormat": "OpenAI", "modelName": "gpt-4o", "modelVersion": "2024-11-20"}
        _, body, _ = await plane.ask("GET", f"{REGION}/modelCapacities", params=params)
        left = {item["name"]: item["properties"]["availableCapacity"] for item in body["value"]}
        assert left["GlobalStandard"] == 2900
        assert left["Standard"] == 450
        _, body, _ = await plane.ask("GET", f"{REGION}/modelCapacities")
        assert body == {"value": []}


class TestRehearsal:
    async def post(self, plane: Plane, path: str, **options: Any) -> tuple[int, Any]:
        async with plane.service.client.post(path, **options) as response:
            return response.status, await response.json()

    async def test_faults_and_settings_are_taken_together_or_not_at_all(self, plane: Plane) -> None:
        fault = {"on": "put", "do": "conflict", "times": 2, "name": "new"}
        status, told = await self.post(
            plane, "/sim/control", json={"faults": [fault], "settings": {"page_size": 7}}
        )
        assert status == 200
        assert told["settings"]["page_size"] == 7
        assert [f["do"] for f in told["faults"]] == ["conflict"]
        wrong = {"faults": [fault, {"on": "put", "do": "nonsense"}], "settings": {"page_size": 9}}
        status, body = await self.post(plane, "/sim/control", json=wrong)
        assert status == 400
        assert "expects one of unauthenticated, forbidden" in body["error"]["message"]
        _, told = await self.post(plane, "/sim/control", json={})
        assert (told["settings"]["page_size"], len(told["faults"])) == (7, 1)
        assert await plane.code("PUT", f"{NEW}-other", data=b"{") == (400, "InvalidRequestContent")
        assert await plane.code("PUT", NEW, json=BODY) == (409, "RequestConflict")
        _, told = await self.post(plane, "/sim/control", json={"clear": True})
        assert (told["faults"], told["requests"]) == ([], [])

    @pytest.mark.parametrize(
        "asked",
        [
            {"fault": []},
            {"faults": {}},
            {"faults": [3]},
            {"faults": [{"on": "put"}]},
            {"faults": [{"on": "lunch", "do": "drop"}]},
            {"faults": [{"on": ["put"], "do": "drop"}]},
            {"faults": [{"on": "get", "do": "fail"}]},
            {"faults": [{"on": "get", "do": "alter"}]},
            {"faults": [{"on": "put", "do": "drop", "times": 0}]},
            {"faults": [{"on": "put", "do": "drop", "after": "x"}]},
            {"faults": [{"on": "put", "do": "drop", "name": 3}]},
            {"faults": [{"on": "put", "do": "drop", "odd": 3}]},
            {"faults": [{"on": "put", "do": "alter", "settings": []}]},
            {"faults": [{"on": "put", "do": "alter", "settings": {"model": "x"}}]},
            {"faults": [{"on": "put", "do": "alter", "settings": {"capacity": "x"}}]},
            {"faults": [{"on": "put", "do": "alter", "settings": {"sku": "Huge"}}]},
            {"settings": []},
            {"settings": {"odd": 1}},
            {"settings": {"page_size": 0}},
            {"settings": {"provisioning_s": -1}},
            {"settings": {"provisioning_s": float("nan")}},
            {"settings": {"retry_after_s": 1.5}},
            {"settings": {"states": []}},
            {"settings": {"states": [1]}},
            {"settings": {"default_upgrade_option": "absent"}},
            {"settings": {"default_rai_policy": 3}},
            [],
        ],
    )
    async def test_what_is_not_understood_is_refused_with_a_reason(self, plane: Plane, asked: object) -> None:
        status, body = await self.post(plane, "/sim/control", json=asked)
        assert status == 400
        assert body["error"]["message"]
        assert plane.service.simulator.control.faults.as_json() == []

    @pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff"])
    @pytest.mark.parametrize("path", ["/sim/control", "/sim/calendar"])
    async def test_bodies_that_are_no_json_are_refused(self, plane: Plane, path: str, data: bytes) -> None:
        assert (await self.post(plane, path, data=data))[0] == 400

    def test_a_fault_meets_the_requests_that_it_is_meant_for_and_is_used_up(self) -> None:
        plan = FaultPlan()
        plan.add(read_fault({"on": "get", "do": "drop", "times": 2, "after": 1, "name": "a"}))
        plan.add(read_fault({"on": "get", "do": "garble"}))
        met = [plan.next(*request) for request in (("put", "a"), ("get", "b"), ("get", "a"), ("get", "a"))]
        assert [fault and fault.do for fault in met] == [None, "garble", None, "drop"]
        assert [(f["times"], f["after"]) for f in plan.as_json()] == [(1, 0)]
        assert plan.next("get", "a") is not None
        assert plan.next("get", "a") is None

    @pytest.mark.parametrize("step", STEPS)
    async def test_every_step_can_fail(self, plane: Plane, step: str) -> None:
        await self.post(plane, "/sim/control", json={"faults": [{"on": step, "do": "broken"}]})
        d = f"{ACCOUNT}/deployments/d"
        method, path = {
            "account": ("GET", ACCOUNT),
            "list": ("GET", f"{ACCOUNT}/deployments"),
            "models": ("GET", f"{ACCOUNT}/models"),
            "get": ("GET", d),
            "put": ("PUT", d),
            "patch": ("PATCH", d),
            "delete": ("DELETE", d),
            "operation": ("GET", f"{REGION}/operationStatuses/x"),
            "region_models": ("GET", f"{REGION}/models"),
            "usages": ("GET", f"{REGION}/usages"),
            "capacities": ("GET", f"{REGION}/modelCapacities"),
            "prices": ("GET", "/api/retail/prices"),
        }[step]
        assert await plane.code(method, path) == (500, "InternalServerError")
        assert plane.service.simulator.control.faults.as_json() == []

    async def test_the_journal_keeps_the_last_requests(self, plane: Plane) -> None:
        await plane.ask("PUT", NEW, json=BODY)
        await plane.ask("PUT", NEW, data=b"\xffnot json")
        async with plane.service.client.get("/sim/control") as response:
            journal = (await response.json())["requests"]
        assert journal[0] == {
            "method": "PUT",
            "path": NEW,
            "query": {"api-version": "2025-09-01"},
            "body": BODY,
        }
        assert "not json" in journal[1]["body"]


def test_a_deployment_has_a_known_sku_option_and_capacity() -> None:
    with pytest.raises(ValueError, match="SKU 'Huge' is none of GlobalStandard"):
        Simulator([PretendDeployment("d", "gpt-4o", "2024-11-20", sku="Huge")])
    with pytest.raises(ValueError, match="'Never' is none of OnceNew"):
        PretendDeployment("d", "gpt-4o", "2024-11-20", upgrades="Never")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        PretendDeployment("d", "gpt-4o", "2024-11-20", capacity=0)


def test_the_table_is_whole() -> None:
    table = bundled_models()
    for offer in table.offers.values():
        assert set(offer.skus) <= set(table.skus)
        assert set(offer.new_still) | set(offer.sku_retires) <= set(offer.skus)
        assert offer.status in (
            "Stable",
            "GenerallyAvailable",
            "Preview",
            "Legacy",
            "Deprecating",
            "Deprecated",
        )
        assert offer.date_status in (None, "Planned", "Tentative")
        target = table.target(offer)
        assert target is None or (target.model, target.version) in table.offers
    assert {o.status for o in table.offers.values()} >= {
        "Stable",
        "Preview",
        "Legacy",
        "Deprecating",
        "Deprecated",
    }
    assert set(table.factors) <= {o.model for o in table.offers.values()}
    defaults = [o.model for o in table.offers.values() if o.default]
    assert len(defaults) == len(set(defaults))
