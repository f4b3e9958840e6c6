"""Accounts, pins and ends of versions for the tests of what the cockpit says of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from tests.support.cockpit_fakes import BASELINE, CANARY, START, made_snapshot
from tui.model import (
    AccountView,
    Lifecycle,
    LifecycleStatus,
    ManagedDeployment,
    ModelSku,
    OfferedModel,
    Phase,
    Pin,
    PinState,
    QuotaUse,
    Replacement,
    Snapshot,
)

TODAY = START.date()
ENDS = date(2027, 4, 14)
CHATS = {"chatCompletion": "true"}


def lifecycle(phase: Phase = Phase.LEGACY, retires: date | None = ENDS, **changes: Any) -> Lifecycle:
    base = Lifecycle(
        "gpt-4o", "2024-11-20", phase, retires, True, Replacement("gpt-5.1", "2025-11-13"), "ARM", TODAY
    )
    return replace(base, **changes)


def status(
    state: PinState = PinState.HARD_STOP, until: date | None = ENDS, warning: str = "", **changes: Any
) -> LifecycleStatus:
    base = LifecycleStatus(Pin(state, until, "the reason", "the remedy"), lifecycle(), warning)
    return replace(base, **changes)


def with_status(name: str = BASELINE, snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """A snapshot in which a deployment differs."""
    made = snapshot or made_snapshot()
    return replace(made, deployments={**made.deployments, name: replace(made.deployments[name], **changes)})


def managed(name: str = BASELINE, **changes: Any) -> ManagedDeployment:
    base = ManagedDeployment(
        name, "gpt-4o", "2024-11-20", sku="GlobalStandard", capacity=100, upgrade_option="NoAutoUpgrade",
        state="Succeeded", rai_policy="Strict",
    )  # fmt: skip
    return replace(base, **changes)


def offered(model: str = "gpt-5.1", version: str = "2025-11-13", **changes: Any) -> OfferedModel:
    sku = ModelSku("GlobalStandard", f"OpenAI.GlobalStandard.{model}")
    base = OfferedModel(
        model, version, status="GenerallyAvailable", retires=date(2027, 11, 1), skus=(sku,), capabilities=CHATS
    )
    return replace(base, **changes)


def account(**changes: Any) -> AccountView:
    """An account that has the baseline, the canary and one that is in no rollout."""
    base = AccountView(
        "main",
        "summaries-eastus2",
        "eastus2",
        may_write=True,
        deployments=(managed(), managed(CANARY, version="2025-05-13"), managed("elsewhere-prod")),
        models=(offered("gpt-4o", "2024-11-20"), offered(), offered("gpt-5.6-sol", "2026-07-09")),
        quota=(QuotaUse("OpenAI.GlobalStandard.gpt-4o", 300, 3000),),
        read_at=START,
        statuses={"elsewhere-prod": status()},
    )
    return replace(base, **changes)


def crowded_snapshot(count: int) -> Snapshot:
    """An account of ``count`` deployments, some of versions of which little is known."""
    others = []
    statuses = {}
    for i in range(count - 2):
        name = f"team-{i:03}-prod"
        kind = i % 4
        others.append(
            (
                managed(name),
                managed(name, version=None, sku=None, capacity=None, upgrade_option=None, state=None),
                managed(name, model="pretend-chat", version="3", format="Pretend AI", state="Moving"),
                managed(
                    name, model="gpt-5.1", version="2025-11-13", upgrade_option="OnceCurrentVersionExpired"
                ),
            )[kind]
        )
        statuses[name] = (
            status(),
            LifecycleStatus(Pin(PinState.UNKNOWN, None, "no version", ""), lifecycle(Phase.UNKNOWN, None)),
            status(PinState.PINNED, None, lifecycle=lifecycle(Phase.UNKNOWN, None)),
            status(PinState.PINNED_UNTIL),
        )[kind]
    own = managed(), managed(CANARY, version="2025-05-13")
    return managed_snapshot(deployments=(*own, *others), statuses=statuses)


def managed_snapshot(**changes: Any) -> Snapshot:
    """The made-up run, with its account read."""
    made = replace(made_snapshot(), accounts=(account(**changes),))
    return with_status(BASELINE, with_status(CANARY, made, status=status()), status=status())
