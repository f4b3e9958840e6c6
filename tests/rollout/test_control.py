"""The control plane in a rollout file: what it takes, and how mistakes are told without showing a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.rollout_files import ENV, KEY, load, problems
from tui.rollout.values import ControlPlane

RESOURCE = "/subscriptions/s-1/resourceGroups/rg.x/providers/Microsoft.CognitiveServices/accounts/acct-1"
BY_TOKEN = {"token_env": "AZURE_ARM_TOKEN"}


def test_what_the_table_says_is_what_the_rollout_has(tmp_path: Path) -> None:
    assert load(tmp_path, {}).control_plane is None
    plane = {**BY_TOKEN, "write": True}
    loaded = load(tmp_path, {"control_plane": plane, "endpoints/main/resource": RESOURCE})
    assert loaded.control_plane == ControlPlane(token_env="AZURE_ARM_TOKEN", write=True)
    assert loaded.endpoints["main"].resource == RESOURCE
    assert (
        load(tmp_path, {"control_plane": {}, "endpoints/main": {"url": "simulator"}}).control_plane is not None
    )


@pytest.mark.parametrize(
    ("plane", "resource", "field", "remedy"),
    [
        ({}, RESOURCE, "control_plane", "no credential; add token_env"),
        (BY_TOKEN, None, "control_plane", "no endpoint names its account"),
        ({**BY_TOKEN, "entra": True}, RESOURCE, "control_plane.entra", "both token_env and entra"),
        ({"token_env": "NOT_SET"}, RESOURCE, "control_plane.token_env", "is not set"),
        ({"token_env": KEY}, RESOURCE, "control_plane.token_env", "NAME of an environment variable"),
        ({"token": KEY}, RESOURCE, "control_plane.token", "name that with token_env"),
        ({**BY_TOKEN, "url": "http://management.azure.com"}, RESOURCE, "control_plane.url", "use https"),
        ({**BY_TOKEN, "url": f"https://{KEY}@x"}, RESOURCE, "control_plane.url", "is not an address"),
        ({**BY_TOKEN, "url": "https://[1"}, RESOURCE, "control_plane.url", "is not an address"),
        ({**BY_TOKEN, "write": "yes"}, RESOURCE, "control_plane.write", "true or false"),
        (BY_TOKEN, "/subscriptions/x", "endpoints.main.resource", "the account's resource ID"),
        (None, RESOURCE, "endpoints.main.resource", "not used without [control_plane]"),
    ],
)
def test_every_mistake_says_where_and_what_is_accepted(
    plane: dict[str, Any] | None, resource: str | None, field: str, remedy: str, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"control_plane": plane} if plane is not None else {}
    changes |= {"endpoints/main/resource": resource} if resource is not None else {}
    found = problems(tmp_path, changes)
    assert [remedy in problem.remedy for problem in found if problem.field == field] == [True]
    assert not any(KEY in str(problem) for problem in found)


def test_the_token_is_looked_up_like_a_key(tmp_path: Path) -> None:
    env = {**ENV, "AZURE_ARM_TOKEN": "two words"}
    [problem] = problems(tmp_path, {"control_plane": BY_TOKEN, "endpoints/main/resource": RESOURCE}, env)
    assert problem.field == "control_plane.token_env"
    assert "two words" not in str(problem)
