"""What is sent, against what is documented; and the same by hand, as a shell would read it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from typing import Any

import pytest

from tests.support.arm_service import ACCOUNT, SPEC, arm
from tui.control_plane.requests import AccountId, az_create, az_delete, put_body
from tui.control_plane.resources import managed_deployment

ID = AccountId.parse(ACCOUNT)
REGION = "/subscriptions/sub-1/providers/Microsoft.CognitiveServices/locations/eastus2"

DOCUMENTED: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "account": ("GET", ACCOUNT, None),
    "list": ("GET", f"{ACCOUNT}/deployments", None),
    "get": ("GET", f"{ACCOUNT}/deployments/gpt4o", None),
    "models of account": ("GET", f"{ACCOUNT}/models", None),
    "models of region": ("GET", f"{REGION}/models", None),
    "quota": ("GET", f"{REGION}/usages", None),
    "create": (
        "PUT",
        f"{ACCOUNT}/deployments/gpt4o",
        {
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "properties": {
                "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"},
                "versionUpgradeOption": "NoAutoUpgrade",
                "raiPolicyName": "Microsoft.DefaultV2",
            },
        },
    ),
    "delete": ("DELETE", f"{ACCOUNT}/deployments/gpt4o", None),
}
"""Method, path and body of the documents (azure.md C and C1), each with api-version 2025-09-01."""

GPT4O = replace(SPEC, name="gpt4o", model="gpt-4o", version="2024-11-20", rai_policy="Microsoft.DefaultV2")


@pytest.mark.parametrize("what", DOCUMENTED)
async def test_every_request_is_as_documented(what: str) -> None:
    async with arm() as service:
        manager = service.manager
        do = {
            "account": manager.account,
            "list": manager.deployments,
            "get": lambda: manager.deployment("gpt4o"),
            "models of account": manager.models,
            "models of region": lambda: manager.models_of_region("eastus2"),
            "quota": lambda: manager.quota("eastus2"),
            "create": lambda: manager.create(GPT4O),
            "delete": lambda: manager.delete("gpt4o"),
        }[what]
        await do()  # type: ignore[operator]
        sent = await service.requests()
    method, path, body = DOCUMENTED[what]
    expected = {"method": method, "path": path, "query": {"api-version": "2025-09-01"}, "body": body}
    assert expected in sent
    if what not in ("create", "delete"):
        assert sent == [expected]


FOLLOWED = {
    "operation status": re.compile(rf"{REGION}/operationStatuses/[\w-]+"),
    "operation result": re.compile(rf"{REGION}/operationResults/[\w-]+"),
}
"""Where the service sends whoever waits for a write: ``Azure-AsyncOperation`` and ``Location``."""


def documented(request: dict[str, Any]) -> str:
    """Which documented request this is."""
    assert request["query"] == {"api-version": "2025-09-01"}
    for what, (method, path, body) in DOCUMENTED.items():
        if (request["method"], request["path"]) == (method, path):
            assert request["body"] == body
            return what
    assert (request["method"], request["body"]) == ("GET", None)
    return next(what for what, path in FOLLOWED.items() if path.fullmatch(request["path"]))


async def test_a_whole_write_sends_documented_requests_and_no_others() -> None:
    async with arm() as service:
        await service.create(GPT4O)
        created = [documented(request) for request in await service.requests()]
        assert await service.delete("gpt4o")
        deleted = [documented(request) for request in await service.requests()][len(created) :]
    assert created == ["get", "create", "operation status", "operation status", "get"]
    assert deleted == ["delete", "operation result", "operation result", "get"]


class TestByHand:
    def test_the_command_sends_what_the_program_sends(self) -> None:
        words = shlex.split(az_create(ID, GPT4O))
        assert words[:5] == ["az", "rest", "--method", "put", "--url"]
        assert words[5] == f"https://management.azure.com{ACCOUNT}/deployments/gpt4o?api-version=2025-09-01"
        assert words[6] == "--body"
        assert json.loads(words[7]) == DOCUMENTED["create"][2]

    def test_it_carries_over_what_is_there(self) -> None:
        there = managed_deployment(
            {"name": "gpt4o", "properties": {"spilloverDeploymentName": "o'other; rm -rf /"}}
        )
        words = shlex.split(az_create(ID, replace(GPT4O, rai_policy=None), there))
        assert json.loads(words[-1])["properties"]["spilloverDeploymentName"] == "o'other; rm -rf /"

    def test_removing_is_a_command_of_its_own(self) -> None:
        assert az_delete(ID, "gpt4o") == (
            "az cognitiveservices account deployment delete --subscription sub-1 --resource-group group-1 "
            "--name acct-1 --deployment-name gpt4o"
        )

    async def test_the_manager_gives_the_commands_for_its_own_address(self) -> None:
        async with arm(api_version="2026-05-01") as service:
            command = service.manager.az_create(GPT4O)
            assert "http://127.0.0.1" in command
            assert "api-version=2026-05-01" in command
            assert service.manager.az_delete("gpt4o") == az_delete(ID, "gpt4o")

    @pytest.mark.parametrize("name", ["", "-rf", "a b", "a'b", "a/b", "x" * 65, "a\n"])
    def test_names_that_no_deployment_has_get_no_command(self, name: str) -> None:
        with pytest.raises(ValueError, match="letters, digits"):
            az_delete(ID, name)
        with pytest.raises(ValueError, match="letters, digits"):
            az_create(ID, replace(SPEC, name=name))


class TestBody:
    def test_what_only_the_service_sets_is_not_sent_back(self) -> None:
        there = managed_deployment(
            {
                "id": "/x",
                "name": "gpt4o",
                "type": "t",
                "etag": '"e"',
                "systemData": {},
                "tags": {"a": "b"},
                "sku": {"name": "Standard", "capacity": 5, "tier": "T"},
                "properties": {
                    "model": {"format": "OpenAI", "name": "gpt-4o", "version": "1", "callRateLimit": {}},
                    "versionUpgradeOption": "OnceCurrentVersionExpired",
                    "currentCapacity": 5,
                    "capabilities": {},
                    "rateLimits": [],
                    "callRateLimit": {},
                    "dynamicThrottlingEnabled": True,
                    "provisioningState": "Succeeded",
                    "raiPolicyName": "mine",
                    "parentDeploymentName": "p",
                    "somethingNew": {"x": 1},
                },
            }
        )
        assert put_body(replace(GPT4O, rai_policy=None), there) == {
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "tags": {"a": "b"},
            "properties": {
                "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"},
                "versionUpgradeOption": "NoAutoUpgrade",
                "raiPolicyName": "mine",
                "parentDeploymentName": "p",
                "somethingNew": {"x": 1},
            },
        }
        same_sku = put_body(replace(GPT4O, sku="Standard"), there)
        assert same_sku["sku"] == {"name": "Standard", "capacity": 10, "tier": "T"}
        assert same_sku["properties"]["raiPolicyName"] == "Microsoft.DefaultV2"
        properties = there.body["properties"]
        assert isinstance(properties, dict)
        assert properties["provisioningState"] == "Succeeded", "what was read stays as it was"


class TestAccountId:
    def test_any_case_and_a_slash_at_the_end_will_do(self) -> None:
        read = AccountId.parse(f" {ACCOUNT.replace('resourceGroups', 'RESOURCEGROUPS')}/ ")
        assert read == AccountId("sub-1", "group-1", "acct-1")
        assert read.path == ACCOUNT

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "does not begin with /subscriptions/"),
            ("acct-1", "does not begin with /subscriptions/"),
            ("https://portal.azure.com/#x", "does not begin"),
            ("/subscriptions", "the subscription is missing"),
            ("/subscriptions/s/resourceGroups/", "the resource group is missing"),
            ("/subscriptions/s/providers/x", "'resourceGroups' is expected in place of 'providers'"),
            (ACCOUNT.replace("CognitiveServices", "Search"), "'Microsoft.CognitiveServices' is expected"),
            (ACCOUNT.rpartition("/")[0], "the account is missing"),
            (f"{ACCOUNT}/deployments/d", "goes on after the account: 'deployments/d'"),
            (ACCOUNT.replace("acct-1", "a b"), "the account 'a b' is no name"),
            (ACCOUNT.replace("sub-1", "../.."), "the subscription '..' is no name"),
            (ACCOUNT.replace("acct-1", "a?x=1"), "the account 'a?x=1' is no name"),
        ],
    )
    def test_what_is_wrong_is_named_and_a_right_one_shown(self, text: str, told: str) -> None:
        with pytest.raises(ValueError, match="write /subscriptions/SUBSCRIPTION/") as error:
            AccountId.parse(text)
        assert told in str(error.value)
