"""Ids that are not the names: what goes over a wire is the id, what a person reads is the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engine_runs import OLD, WAIT_S, until
from tests.support.managed_runs import account_of, managed_run
from tests.support.rollout_files import write
from tests.support.service import ask
from tui.cli.rehearsal import EveryKey, service
from tui.cockpit.text.deployment_rows import deployment_rows
from tui.control_plane.proposal import proposed_canary
from tui.engine.setup import Changes
from tui.model import Deployment, PinState
from tui.model.commands import AddToRollout, RemoveDeployment
from tui.rollout import Rollout, load_rollout
from tui.routing.controller import CommandRefused
from tui.service.client import ServiceClient
from tui.simulator.child import deployment_spec
from tui.simulator.run import parse_deployment

FILE = """
[rollout]
name = "ids"
baseline = "one"
[endpoints.main]
url = "https://gateway.example/v1"
api = "{api}"
api_version = "2024-10-21"
key_env = "K"
key_header = "X-Key"
headers_env = {{ "X-Tenant" = "T" }}
[endpoints.other]
url = "https://other.example/v1"
api = "v1"
key_env = "K"
[deployments.one]
id = "openai/gpt-4o"
endpoint = "main"
model = "openai/gpt-4o"
version = "2024-11-20"
[deployments.two]
id = "llama3.1:8b"
endpoint = "main"
model = "meta-llama/Llama-3.1-8B-Instruct"
version = "1"
[deployments.three]
id = "ft:gpt-4o-mini-2024-07-18:acme:sum:AbC=12%3A"
endpoint = "main"
model = "ft:gpt-4o-mini-2024-07-18:acme:sum:AbC=12%3A"
version = "2024-07-18"
[deployments.four]
id = "{four}"
endpoint = "other"
model = "claude-3-5-sonnet@20241022"
version = "20241022"
[quality]
shadow_pct = 5
[quality.judge]
endpoint = "other"
deployment = "{judge}"
model = "openai/gpt-5"
version = "2025-08-07"
"""


def rollout_of(
    folder: Path, api: str = "v1", four: str = "us.anthropic.c-v2:0", judge: str = "openai/gpt-5:free"
) -> Rollout:
    return load_rollout(write(folder, FILE.format(api=api, four=four, judge=judge)), env=EveryKey())


@pytest.mark.parametrize(
    ("api", "four", "judge"),
    [
        ("v1", "us.anthropic.c-v2:0", "openai/gpt-5:free"),
        ("azure", "a b/c%2F", "openai/gpt-5:free"),
        # two services that call theirs the same, and a judge that is one of them
        ("v1", "openai/gpt-4o", "openai/gpt-4o"),
    ],
)
async def test_a_rehearsal_serves_every_id(tmp_path: Path, api: str, four: str, judge: str) -> None:
    with service(rollout_of(tmp_path, api, four, judge), scenario="healthy", seed=1) as of:
        assert of.quality.judge is not None
        judges = of.quality.judge.deployment
        every = {**of.deployments, "judge": judges}
        client = ServiceClient(of.endpoints, every, env={}, clock=lambda: 0.0, stream=False)
        try:
            outcomes = {name: await ask(client, name) for name in every}
        finally:
            await client.close()
    assert {name: o.http_status for name, o in outcomes.items()} == dict.fromkeys(every, 200)
    assert all(o.counts_for_version for o in outcomes.values())
    assert outcomes["one"].served_model == "openai/gpt-4o-2024-11-20"
    assert outcomes["three"].served_model == "ft:gpt-4o-mini-2024-07-18:acme:sum:AbC=12%3A"


def test_no_header_and_no_key_of_the_file_goes_to_a_rehearsal(tmp_path: Path) -> None:
    with service(rollout_of(tmp_path), scenario="healthy", seed=1) as of:
        for endpoint in of.endpoints.values():
            assert (endpoint.key_env, endpoint.key_header, dict(endpoint.headers_env)) == (None, None, {})


@pytest.mark.parametrize("name", ["a:b", "a=b@c:d", "100%", "ft:x:y::z", "ü b/c"])
def test_a_spec_carries_any_name(name: str) -> None:
    made = parse_deployment(deployment_spec(name, name, name, "baseline"))
    assert (made.name, made.model, made.version, made.role) == (name, name, name, "baseline")


def test_arm_is_asked_for_the_id(tmp_path: Path) -> None:
    """It is found, listed once, is not removed as the baseline, and its successor is named by it."""
    mine = Deployment("mine", "main", "gpt-4o", "2024-11-20", id=OLD)
    with managed_run(tmp_path, deployments={"mine": mine}, weights={"mine": 100.0}) as (engine, _):
        seen = until(engine, lambda s: account_of(s).read_at and s.deployments["mine"].served and s)
        snapshot = engine.snapshot()
        assert seen.deployments["mine"].served == "gpt-4o-2024-11-20"
        assert snapshot.deployments["mine"].status.pin.state is PinState.HARD_STOP
        [row] = deployment_rows(snapshot)
        assert (row.name, row.wire_id) == ("mine", OLD)
        assert row.managed is not None
        with pytest.raises(CommandRefused, match="mine is the baseline of this rollout"):
            engine.send(RemoveDeployment("main", OLD), actor="ann").result(WAIT_S)
        with pytest.raises(CommandRefused, match="a deployment named mine is part of this rollout already"):
            engine.send(AddToRollout("main", OLD), actor="ann").result(WAIT_S)
        account = account_of(snapshot)
        spec = proposed_canary(mine, snapshot.deployments["mine"].status, account, snapshot.at.date(), [])
        assert spec.name.startswith("gpt"), "named like the deployment, not like our word for it"
        assert spec.capacity == row.managed.capacity


def test_who_joined_is_kept_with_its_id() -> None:
    joined = Deployment("mine", "main", "gpt-4o", "2024-11-20", provisioned=True, id="gpt4o-prod")
    members = Changes({"mine": joined})
    assert Changes.of_state({"members": members.as_json()}) == members
