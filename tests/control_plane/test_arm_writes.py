"""Creating and deleting over real HTTP, with every fault at every step: what is said is what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.arm_service import SPEC, TOKEN, Arm, arm
from tui.control_plane.answers import ArmError, HalfDone, WriteNotAllowed
from tui.model import ManagedDeployment
from tui.simulator.control.faults import ACTS, ERRORS
from tui.simulator.control.plane import ControlSettings


def as_asked(found: ManagedDeployment) -> bool:
    return (
        (found.model, found.version, found.upgrade_option) == ("gpt-5.1", "2025-11-13", "NoAutoUpgrade")
        and (found.sku, found.capacity) == ("GlobalStandard", 10)
        and found.state == "Succeeded"
    )


class TestCreate:
    async def test_a_created_deployment_is_pinned_read_back_and_served_from_then_on(self) -> None:
        async with arm() as service:
            assert (await service.ask(SPEC.name))[0] == 404
            found = await service.create()
            assert as_asked(found)
            status, body = await service.ask(SPEC.name)
        assert (status, body["model"]) == (200, "gpt-5.1-2025-11-13")
        assert service.steps == [
            "looking whether there is a gpt51-prod-v1113",
            "asking for gpt51-prod-v1113: gpt-5.1 2025-11-13, GlobalStandard 10, NoAutoUpgrade",
            "the service says Creating (2 s)",
            "the service says Succeeded (4 s)",
            "read back: gpt51-prod-v1113 is gpt-5.1 2025-11-13, NoAutoUpgrade, as asked",
        ]
        assert service.slept == [2.0, 2.0], "as long as Retry-After says"

    async def test_it_is_not_served_while_it_is_being_created(self) -> None:
        async with arm() as service:
            seen = []

            async def sleep(seconds: float) -> None:
                seen.append((await service.ask(SPEC.name))[1]["error"]["code"])
                service.clock.now_s += seconds

            service.manager._http._sleep = service.manager._sleep = sleep
            await service.create()
        assert seen == ["DeploymentNotFound", "DeploymentNotFound"]

    async def test_a_service_that_is_done_at_once_needs_no_waiting(self) -> None:
        async with arm(sim_control=ControlSettings(provisioning_s=0)) as service:
            assert as_asked(await service.create())
            assert await service.delete(SPEC.name)
        assert service.slept == []

    async def test_states_that_nobody_has_heard_of_are_waited_out(self) -> None:
        async with arm(sim_control=ControlSettings(states=("Accepted", "WarmingUp", "Updating"))) as service:
            assert as_asked(await service.create())
        assert "the service says WarmingUp (2 s)" in service.steps

    @pytest.mark.parametrize("option", ["OnceNewDefaultVersionAvailable", "OnceCurrentVersionExpired", None])
    async def test_whatever_the_service_would_choose_it_is_pinned(self, option: str | None) -> None:
        async with arm(sim_control=ControlSettings(default_upgrade_option=option)) as service:
            assert (await service.create()).upgrade_option == "NoAutoUpgrade"

    async def test_pinning_what_is_there_keeps_everything_else(self) -> None:
        async with arm(sim_scenario="silent-upgrade") as service:
            before = await service.manager.deployment("d")
            assert before is not None
            assert before.upgrade_option is None
            spec = replace(SPEC, name="d", model="gpt-4o", version="2024-11-20", capacity=100)
            after = await service.create(spec)
            put = next(r for r in await service.requests() if r["method"] == "PUT")
        assert (after.upgrade_option, after.rai_policy) == ("NoAutoUpgrade", "Microsoft.DefaultV2")
        assert put["body"] == {
            "sku": {"name": "GlobalStandard", "capacity": 100},
            "properties": {
                "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"},
                "versionUpgradeOption": "NoAutoUpgrade",
                "raiPolicyName": "Microsoft.DefaultV2",
            },
        }
        assert any(step.endswith("; the rest stays as it is") for step in service.steps)

    async def test_settings_and_tags_that_it_does_not_know_are_carried_over(self) -> None:
        body = {
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "tags": {"team": "mail"},
            "properties": {
                "model": {"format": "OpenAI", "name": "gpt-5.1", "version": "2025-11-13"},
                "spilloverDeploymentName": "d",
                "serviceTier": "Priority",
            },
        }
        async with arm(sim_control=ControlSettings(provisioning_s=0)) as service:
            url = f"{service.manager.id.deployment(SPEC.name)}?api-version=2025-09-01"
            headers = {"authorization": "Bearer x"}
            async with service.service.client.put(url, json=body, headers=headers) as response:
                assert response.status == 201
            found = await service.create()
        assert found.spillover == "d"
        assert found.body["properties"]["serviceTier"] == "Priority"
        assert found.body["tags"] == {"team": "mail"}

    async def test_the_version_of_a_deployment_in_use_is_not_changed_by_accident(self) -> None:
        spec = replace(SPEC, name="d", model="gpt-4o", version="2024-05-13", sku="DataZoneStandard")
        async with arm() as service:
            with pytest.raises(ArmError, match=r"there is a d already, with gpt-4o 2024-11-20") as told:
                await service.create(spec)
            assert told.value.code == "DeploymentExists"
            assert [r["method"] for r in await service.requests()] == ["GET"]
            assert (await service.create(spec, replace_version=True)).version == "2024-05-13"
            assert (await service.ask("d"))[1]["model"] == "gpt-4o-2024-05-13"

    async def test_what_is_read_back_differently_is_an_error_that_names_both(self) -> None:
        async with arm() as service:
            await service.plan(
                {"on": "put", "do": "alter", "settings": {"upgrade_option": None, "capacity": 5}}
            )
            with pytest.raises(HalfDone) as told:
                await service.create()
        assert told.value.code == "NotAsAsked"
        assert str(told.value) == (
            "creating gpt51-prod-v1113: NotAsAsked: not as asked: "
            "upgrade option: asked NoAutoUpgrade, there is none; capacity: asked 10, there is 5"
        )
        assert told.value.found is not None
        assert told.value.found.capacity == 5

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"version": ""}, "the version has to be named exactly"),
            ({"capacity": 0}, "capacity has to be at least 1"),
            ({"name": "a/b"}, "letters, digits"),
            ({"sku": "\n"}, "the SKU has to be named"),
        ],
    )
    async def test_a_spec_that_pins_nothing_is_refused_before_anything_is_sent(
        self, change: dict[str, object], told: str
    ) -> None:
        async with arm() as service:
            with pytest.raises(ValueError, match=told):
                await service.create(replace(SPEC, **change))  # type: ignore[arg-type]
            assert await service.requests() == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("spec", "code", "remedy"),
        [
            ({"model": "gpt-4o", "version": "2024-08-06"}, "ServiceModelDeprecating", "deploy its replacement"),
            ({"model": "o3", "version": "2025-04-16"}, "ServiceModelDeprecated", "is retired"),
            ({"version": "2031-01-01"}, "DeploymentModelNotSupported", "does not offer"),
            ({"format": "Meta"}, "DeploymentModelNotSupported", "does not offer"),
            ({"sku": "GlobalBatch"}, "InvalidResourceProperties", "choose a SKU"),
            ({"capacity": 2001}, "InvalidResourceProperties", "a capacity"),
            ({"sku": "Standard", "capacity": 450}, None, ""),
        ],
    )
    async def test_refusals_of_the_service_say_what_to_do(
        self, spec: dict[str, object], code: str | None, remedy: str
    ) -> None:
        async with arm() as service:
            asked = replace(SPEC, **spec)  # type: ignore[arg-type]
            if code is None:
                assert (await service.create(asked)).capacity == 450
                return
            with pytest.raises(ArmError) as told:
                await service.create(asked)
            assert not isinstance(told.value, HalfDone)
            assert (told.value.code, told.value.status) == (code, 400)
            assert remedy in str(told.value)
            assert service.truth(SPEC.name) is None

    async def test_the_quota_of_a_region_is_counted_over_all_deployments(self) -> None:
        async with arm(sim_control=ControlSettings(provisioning_s=0)) as service:
            await service.create(replace(SPEC, name="one", capacity=1999))
            await service.create(replace(SPEC, name="two", capacity=1000))
            with pytest.raises(ArmError, match="ask for less capacity") as told:
                await service.create(replace(SPEC, name="three", capacity=2))
            assert told.value.code == "InsufficientQuota"
            assert "usage is 2999 and the quota limit is 3000" in told.value.message
            await service.delete("two")
            assert (await service.create(replace(SPEC, name="three", capacity=2))).capacity == 2

    async def test_another_model_needs_another_deployment(self) -> None:
        async with arm() as service:
            with pytest.raises(ArmError, match="create another one beside it") as told:
                await service.create(replace(SPEC, name="d"), replace_version=True)
        assert told.value.code == "CannotChangeDeploymentModel"

    async def test_without_write_nothing_is_sent(self) -> None:
        async with arm(write=False) as service:
            for write in (service.create(), service.delete("d")):
                with pytest.raises(WriteNotAllowed, match=r"set `write = true` under \[control_plane\]"):
                    await write
            assert await service.requests() == []

    async def test_a_second_write_waits_for_the_first(self) -> None:
        async with arm() as service:
            url = f"{service.manager.id.deployment('first')}?api-version=2025-09-01"
            body = {"sku": {"name": "GlobalStandard"}, "properties": {"model": {"name": "gpt-5.1"}}}
            headers = {"authorization": "Bearer x"}
            async with service.service.client.put(url, json=body, headers=headers) as response:
                assert response.status == 201
            assert as_asked(await service.create())
        assert "another operation is under way on the account: again in 5 s (1 of 5)" in service.steps


STEPS = {
    "create": {
        "first look": ("get", 0),
        "put": ("put", 0),
        "operation": ("operation", 0),
        "read back": ("get", 1),
    },
    "delete": {"delete": ("delete", 0), "operation": ("operation", 0), "read back": ("get", 0)},
}
WRITES = ("put", "delete")
PASSING = ("throttle", "unavailable", "conflict", "drop", "drop_after", "garble")
"""Faults that are worth another try; the others are the same each time."""

CASES = [
    (act, where, fault, times)
    for act, steps in STEPS.items()
    for where, (step, _) in steps.items()
    for fault in (*ERRORS, *ACTS)
    for times in ((1, 99) if fault in PASSING else (99,))
    if (step in WRITES or fault not in ("fail", "stall", "unlinked")) and (step == "put" or fault != "alter")
]


async def did(service: Arm, act: str) -> object:
    try:
        return await (service.create() if act == "create" else service.delete("d"))
    except ArmError as error:
        return error


@pytest.mark.parametrize(("act", "where", "fault", "times"), CASES)
async def test_after_every_fault_at_every_step_what_is_said_is_what_is_there(
    act: str, where: str, fault: str, times: int
) -> None:
    step, after = STEPS[act][where]
    name = SPEC.name if act == "create" else "d"
    settings = {"capacity": 7} if fault == "alter" else {}
    async with arm(operation_s=60.0) as service:
        before = service.truth(name)
        await service.plan({"on": step, "do": fault, "times": times, "after": after, "settings": settings})
        result = await did(service, act)
        there = service.truth(name)
        managed = service.simulator.control.deployments.get(name)
    assert TOKEN not in f"{result} {service.steps}"
    if not isinstance(result, ArmError):
        assert isinstance(result, bool) or as_asked(result)  # type: ignore[arg-type]
        assert there == (("gpt-5.1", "2025-11-13") if act == "create" else None)
        return
    assert len(str(result)) <= 700
    if (step, fault) == ("get", "not_found"):
        # ARM itself says that there is none, which is all that there is to go by.
        return
    assert str(result).isprintable()
    if not isinstance(result, HalfDone):
        assert there == before, f"something was changed, but not said: {result}"
    elif not result.known:
        assert "is not known" in str(result) or "goes on without us" in str(result)
        assert f"look at {name} again" in str(result)
    elif result.found is None:
        assert there is None
    else:
        assert managed is not None
        assert (result.found.state, result.found.capacity) == (managed.state, managed.settings.capacity)


@pytest.mark.parametrize(
    ("act", "fault", "said"),
    [
        (
            "create",
            {"on": "get", "do": "forbidden"},
            "reading deployments needs Cognitive Services OpenAI User",
        ),
        (
            "create",
            {"on": "put", "do": "forbidden"},
            "deleting deployments needs Cognitive Services OpenAI Contri",
        ),
        ("create", {"on": "put", "do": "unauthenticated"}, "it has to be for https://management.azure.com"),
        ("create", {"on": "put", "do": "quota"}, "ask for less capacity"),
        ("create", {"on": "put", "do": "no_group"}, "check the subscription, the resource group"),
        ("create", {"on": "put", "do": "conflict", "times": 9}, "wait for its end"),
        ("create", {"on": "put", "do": "throttle", "times": 9}, "throttles the subscription"),
        (
            "create",
            {"on": "put", "do": "throttle", "retry_after_s": 90000},
            "asks to wait 90000 s, longer than",
        ),
        (
            "create",
            {"on": "put", "do": "fail"},
            "could not be provisioned. Try again.; it is there in state Failed",
        ),
        ("create", {"on": "put", "do": "stall"}, "was accepted; after 60 s the service still says Accepted"),
        (
            "create",
            {"on": "put", "do": "drop"},
            "there is no such deployment now; the request may not have arr",
        ),
        (
            "create",
            {"on": "get", "do": "drop", "times": 9, "after": 1},
            "was accepted; what became of it is not kn",
        ),
        ("create", {"on": "put", "do": "broken"}, "there is no such deployment now"),
        ("delete", {"on": "delete", "do": "fail"}, "it is still there in state Succeeded"),
        (
            "delete",
            {"on": "delete", "do": "stall"},
            "was accepted; after 60 s it has not ended",
        ),
        (
            "delete",
            {"on": "delete", "do": "drop"},
            "still there in state Succeeded; the request may not have arr",
        ),
        ("delete", {"on": "get", "do": "forbidden"}, "was accepted; what became of it is not known"),
    ],
)
async def test_what_went_wrong_is_said_in_words(act: str, fault: dict[str, object], said: str) -> None:
    async with arm(operation_s=60.0) as service:
        await service.plan(fault)
        result = await did(service, act)
    assert isinstance(result, ArmError)
    assert said in str(result)


@pytest.mark.parametrize(
    "fault",
    [
        {"on": "put", "do": "conflict", "times": 3},
        {"on": "put", "do": "throttle", "times": 3, "retry_after_s": 7},
        {"on": "put", "do": "unavailable", "times": 2},
        {"on": "put", "do": "drop_after"},
        {"on": "put", "do": "garble"},
        {"on": "put", "do": "unlinked"},
        {"on": "get", "do": "drop", "times": 2},
        {"on": "get", "do": "throttle"},
        {"on": "operation", "do": "drop", "times": 2},
        {"on": "operation", "do": "drop", "times": 9},
        {"on": "operation", "do": "forbidden"},
        {"on": "operation", "do": "garble"},
        {"on": "operation", "do": "throttle", "times": 4},
        {"on": "get", "do": "not_found", "after": 1, "times": 2},
    ],
)
async def test_what_passes_is_waited_for_and_told(fault: dict[str, object]) -> None:
    async with arm() as service:
        await service.plan(fault)
        assert as_asked(await service.create())
        assert (await service.ask(SPEC.name))[0] == 200
    assert len(service.steps) > 3


class TestDelete:
    async def test_a_deleted_deployment_is_gone_from_both_planes(self) -> None:
        async with arm() as service:
            assert (await service.ask("d"))[0] == 200
            assert await service.delete("d") is True
            assert (await service.ask("d"))[0] == 404
            assert await service.manager.deployment("d") is None
            assert await service.delete("d") is False
        assert service.steps == ["asking to remove d", "d is gone", "asking to remove d", "there is no d"]

    async def test_one_that_was_lost_on_the_way_but_worked_is_gone(self) -> None:
        async with arm() as service:
            await service.plan({"on": "delete", "do": "drop_after"})
            assert await service.delete("d") is True
        assert any("looking what became of it" in step for step in service.steps)

    async def test_a_missing_account_is_not_a_missing_deployment(self) -> None:
        other = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/other"
        async with arm(sim_control=ControlSettings(account_id=other)) as service:
            for request in (service.manager.deployment("d"), service.delete("d"), service.create()):
                with pytest.raises(ArmError, match="check the subscription") as told:
                    await request
                assert told.value.code == "ResourceNotFound"
