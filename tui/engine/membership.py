"""Deployments that join a run, and those that are removed from their account."""

from __future__ import annotations

import re

import tomli_w

from tui.engine.automation import Automation
from tui.engine.control import ControlRoom
from tui.engine.fleet import Fleet
from tui.measure.windows import Measures
from tui.model import AccountView, Deployment, Event
from tui.problems import NAME_PATTERN, NAME_RULE
from tui.routing.controller import CommandRefused, Controller
from tui.text import plain


class Membership:
    """Tells every room of a run that has to know."""

    def __init__(
        self,
        baseline: str,
        fleet: Fleet,
        control: ControlRoom,
        measures: Measures,
        automation: Automation,
        controller: Controller,
    ) -> None:
        self._baseline = baseline
        self._fleet = fleet
        self._control = control
        self._measures = measures
        self._automation = automation
        self._controller = controller

    def add(self, endpoint: str, name: str, actor: str) -> Event:
        """A deployment of an endpoint's account joins the run at weight 0.

        Raises:
            CommandRefused: It is not there, not ready, or part of the rollout already.
        """
        if name in self._fleet.deployments:
            raise CommandRefused(f"{name} is part of this rollout already")
        deployment = _joining(self._control.view(endpoint), endpoint, name)
        self._fleet.add(deployment)
        self._measures.add_deployment(name)
        self._automation.add_canary(name)
        text = f"{name} joined at weight 0: {deployment.model} {deployment.version}"
        return self._controller.add_deployment(name, actor, text, reason=_as_toml(deployment))

    async def remove(self, endpoint: str, name: str, actor: str) -> Event:
        """Remove a deployment that serves nobody from its account.

        Raises:
            CommandRefused: It has weight or requests in flight, is the baseline, or could not be removed.
        """
        if name == self._baseline:
            raise CommandRefused(f"{name} is the baseline of this rollout")
        weight_pct = self._controller.weight_pct(name)
        if weight_pct > 0:
            raise CommandRefused(f"{name} still has {weight_pct:g}% of the traffic: roll back first")
        health = self._fleet.health.get(name)
        if health is not None and health.in_flight:
            in_flight = f"{health.in_flight} requests in flight"
            raise CommandRefused(f"{name} still has {in_flight}: try again in a moment")
        self._fleet.removed(name, "it is being removed")
        try:
            event = await self._control.delete(endpoint, name, actor)
        except CommandRefused:
            self._fleet.kept(name)
            raise
        self._fleet.removed(name, "it was removed from its account")
        return event


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
    table: dict[str, str | bool] = {
        "endpoint": deployment.endpoint,
        "model": deployment.model,
        "version": deployment.version,
    }
    if deployment.provisioned:
        table["provisioned"] = True
    lines = tomli_w.dumps({"deployments": {deployment.name: table}})
    return "for the next run add to the rollout file: " + ", ".join(lines.split("\n")).strip(", ")
