"""Changes to the deployments of a run: who joins it, and who is removed from its account."""

from __future__ import annotations

import re
from dataclasses import replace

import tomli_w

from tui.base.problems import NAME_PATTERN, NAME_RULE
from tui.base.text import plain
from tui.engine.automation import Automation
from tui.engine.deployments import Deployments
from tui.model import AccountView, Context, Deployment, Event, EventKind
from tui.routing.controller import CommandRefused, Controller, LeftHalfDone
from tui.shadow.sampler import ShadowSampler


class DeploymentChanger:
    """Adds deployments to a run, and removes them from their account; tells every part that has to know."""

    def __init__(
        self,
        deployments: Deployments,
        controller: Controller,
        automation: Automation,
        sampler: ShadowSampler,
        context: Context,
    ) -> None:
        self._deployments = deployments
        self._removals = deployments.removals
        self._control = deployments.control_plane
        self._measures = deployments.measures
        self._controller = controller
        self._automation = automation
        self._sampler = sampler
        self._log = context.log
        self._clock = context.clock

    def add(self, endpoint: str, name: str, actor: str) -> Event:
        """A deployment of an endpoint's account joins the run at weight 0; one that was removed and made anew
        does so again, with nothing that was measured before.

        Raises:
            CommandRefused: It is not there, not ready, or part of the rollout already.
        """
        own = self._own(endpoint, name)
        again = own is not None and self._removals.why_never(own) is not None
        if not again and (own or name) in self._deployments.by_name:
            raise CommandRefused(f"a deployment named {own or name} is part of this rollout already")
        deployment = _joining(self._control.view(endpoint), endpoint, name)
        if own is not None:
            known = self._deployments.by_name[own]
            deployment = replace(deployment, name=own, endpoint=known.endpoint, id=known.id)
        name = deployment.name
        self._deployments.joined[name] = deployment
        self._deployments.add(deployment)
        text = f"{name} joined at weight 0: {deployment.model} {deployment.version}"
        if again:
            self._measures.restart(name, self._clock())
            self._automation.begin_anew(name)
            self._sampler.version_changed(name)
            return self._log(EventKind.ADDED, actor, text.replace("joined", "joined again"))
        self._measures.add_deployment(name)
        self._automation.add_canary(name)
        return self._controller.add_deployment(name, actor, text, reason=_as_toml(deployment))

    async def remove(self, endpoint: str, name: str, actor: str) -> Event:
        """Remove a deployment that serves nobody from its account.

        Raises:
            CommandRefused: It has weight or requests in flight, is the baseline, or could not be removed.
        """
        own = self._own(endpoint, name)
        if own is None:
            return await self._control.delete(endpoint, name, actor)
        if own == self._deployments.baseline:
            raise CommandRefused(f"{own} is the baseline of this rollout")
        weight_pct = self._controller.weight_pct(own)
        if weight_pct > 0:
            raise CommandRefused(f"{own} still has {weight_pct:g}% of the traffic: roll back first")
        in_flight = self._deployments.health[own].in_flight
        if in_flight:
            raise CommandRefused(f"{own} still has {in_flight} requests in flight: try again in a moment")
        before = self._removals.of(own)
        self._removals.set(own, "under way")
        try:
            event = await self._control.delete(endpoint, name, actor)
        except LeftHalfDone:
            self._removals.set(own, "doubted")
            raise
        except CommandRefused:
            self._removals.put_back(own, before)
            raise
        self._removals.set(own, "seen")
        return event

    def _own(self, endpoint: str, name: str) -> str | None:
        """The rollout's own name for a deployment of an account; None where it has none of it."""
        for own in self._deployments.by_name.values():
            same_name = own.wire_id.lower() == name.lower()
            if same_name and self._control.may_be_same_account(own.endpoint, endpoint):
                return own.name
        return None


def _joining(account: AccountView | None, endpoint: str, name: str) -> Deployment:
    """The deployment of an account as one of the rollout.

    Raises:
        CommandRefused: It is not known there, not ready, or has no exact version.
    """
    managed = account.deployment(name) if account is not None else None
    if managed is None:
        raise CommandRefused(f"no deployment {plain(name, 64)} is known at endpoint {endpoint}")
    if not re.fullmatch(NAME_PATTERN, managed.name):
        raise CommandRefused(f"{plain(managed.name, 64)} cannot be in a rollout: {NAME_RULE}")
    if managed.state not in (None, "Succeeded"):
        raise CommandRefused(
            f"{managed.name} is not ready, it is {plain(managed.state or '', 40)}: wait until it is"
        )
    if not managed.version:
        raise CommandRefused(f"{managed.name} has no exact version: pin one first")
    provisioned = "provisioned" in (managed.sku or "").lower()
    return Deployment(managed.name, endpoint, managed.model, managed.version, provisioned=provisioned)


def _as_toml(deployment: Deployment) -> str:
    """What the rollout file must say for the deployment to be there in the next run too."""
    table: dict[str, str | bool] = {} if deployment.id is None else {"id": deployment.id}
    table |= {
        "endpoint": deployment.endpoint,
        "model": deployment.model,
        "version": deployment.version,
    }
    if deployment.provisioned:
        table["provisioned"] = True
    lines = tomli_w.dumps({"deployments": {deployment.name: table}})
    return "for the next run add to the rollout file: " + ", ".join(lines.split("\n")).strip(", ")
