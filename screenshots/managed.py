"""The account of a filmed run as ARM would show it, with the pins and ends that follow from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from tests.support.places import ROOT
from tui.lifecycle.report import arm_of, lifecycle_report
from tui.lifecycle.report_text import rollout_text
from tui.lifecycle.status import status_of_managed, statuses_of
from tui.lifecycle.table import load_lifecycle
from tui.model import (
    AccountView,
    ManagedDeployment,
    ModelSku,
    OfferedModel,
    QuotaUse,
    RateLimit,
    Replacement,
    Snapshot,
    UpgradeOption,
)
from tui.rollout import load_rollout

DEMO = ROOT / "profiles" / "demo.toml"

_GLOBAL, _CHATS = "GlobalStandard", {"chatCompletion": "true"}
_LIMITS = (RateLimit("request", 2000, 10), RateLimit("token", 2_000_000, 60))
_MODELS = (
    ("gpt-4o", "2024-11-20", "Legacy", date(2027, 4, 14), Replacement("gpt-5.1", "2025-11-13")),
    ("gpt-4o", "2024-05-13", "Deprecating", date(2026, 12, 9), Replacement("gpt-5.6-sol", "2026-07-09")),
    ("gpt-4.1-mini", "2025-04-14", "Legacy", date(2027, 4, 14), Replacement("gpt-5-mini", "2025-08-07")),
    ("gpt-5.1", "2025-11-13", "GenerallyAvailable", date(2027, 5, 15), None),
    ("gpt-5.6-sol", "2026-07-09", "GenerallyAvailable", date(2028, 1, 11), None),
)
_OTHERS: tuple[tuple[str, str, str, UpgradeOption], ...] = (
    ("assistants-dev", "gpt-5.1", "2025-11-13", "OnceNewDefaultVersionAvailable"),
    ("legacy-mail-0513", "gpt-4o", "2024-05-13", "OnceCurrentVersionExpired"),
)


def managed(snapshot: Snapshot) -> Snapshot:
    """The same moment with its account read eleven seconds ago: all of the rollout pinned, and two deployments
    of somebody else."""
    own = (d.deployment for d in snapshot.deployments.values())
    listed = [_deployment(d.name, d.model, d.version, "NoAutoUpgrade") for d in own]
    listed += [_deployment(*other) for other in _OTHERS]
    account = AccountView(
        "main",
        "summaries-prod-eastus2",
        "eastus2",
        may_write=True,
        deployments=tuple(listed),
        models=tuple(_model(*model) for model in _MODELS),
        quota=tuple(
            QuotaUse(f"OpenAI.{_GLOBAL}.{model}", used, 3000)
            for model, used in (("gpt-4o", 900), ("gpt-5.1", 450), ("gpt-4.1-mini", 300), ("gpt-5.6-sol", 0))
        ),
        read_at=snapshot.at - timedelta(seconds=11),
    )
    table, today = load_lifecycle(), snapshot.at.date()
    account = replace(account, statuses={d.name: status_of_managed(d, account, table, today) for d in listed})
    statuses = statuses_of(
        [d.deployment for d in snapshot.deployments.values()],
        lambda _: account,
        lambda name: snapshot.deployments[name].served,
        table,
        today,
        baseline=snapshot.baseline,
    )
    deployments = {name: replace(view, status=statuses[name]) for name, view in snapshot.deployments.items()}
    return replace(snapshot, accounts=(account,), deployments=deployments)


def ahead(snapshot: Snapshot, width: int) -> str:
    """What lies ahead of the deployments of the filmed run."""
    rollout = replace(load_rollout(DEMO, env={}), name=snapshot.rollout, environment=snapshot.environment)
    arm = arm_of(rollout.deployments.values(), {account.endpoint: account for account in snapshot.accounts})
    return rollout_text(lifecycle_report(rollout, load_lifecycle(), snapshot.at.date(), arm=arm), width)


def _deployment(name: str, model: str, version: str, option: UpgradeOption) -> ManagedDeployment:
    return ManagedDeployment(
        name, model, version, sku=_GLOBAL, capacity=300, upgrade_option=option, state="Succeeded",
        rai_policy="Microsoft.DefaultV2", rate_limits=_LIMITS,
    )  # fmt: skip


def _model(
    model: str, version: str, status: str, retires: date, replacement: Replacement | None
) -> OfferedModel:
    sku = ModelSku(_GLOBAL, f"OpenAI.{_GLOBAL}.{model}")
    return OfferedModel(
        model, version, status=status, retires=retires, tentative=True, replacement=replacement, skus=(sku,),
        capabilities=_CHATS,
    )  # fmt: skip
