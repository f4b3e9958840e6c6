"""Rehearsals: a rollout on the embedded simulator, which touches no real service."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from tui.record.record import runs_folder
from tui.rollout import SIMULATOR, ControlPlane, Rollout

_PRETEND_ACCOUNT = (
    "/subscriptions/rehearsal/resourceGroups/simulator/providers/Microsoft.CognitiveServices/accounts/simulator"
)


def shipped(name: str) -> Path:
    """A rollout file that comes with the program."""
    package = Path(__file__).parents[1]
    folders = (package / "profiles", package.parent / "profiles")
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


class EveryKey(Mapping[str, str]):
    """An environment in which every key is set, to what opens nothing as a key and, as an
    address, leads nowhere (RFC 6761, 6.4)."""

    def __getitem__(self, name: str) -> str:
        return "https://rehearsal.invalid"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@contextmanager
def service(
    rollout: Rollout,
    *,
    scenario: str | None,
    seed: int,
    today: date | None = None,
) -> Iterator[Rollout]:
    """The rollout with every ``simulator`` endpoint replaced by the address of one that runs beside us.

    With a ``scenario`` all endpoints are: a rehearsal of the file that touches no real service. The pretend
    deployments know the answers that the rollout's task files know. Its calendar starts ``today``, None leaves
    it to the simulator.

    Raises:
        SimulatorFailed: It could not be started.
    """
    pretend = {
        name: endpoint
        for name, endpoint in rollout.endpoints.items()
        if scenario is not None or endpoint.url == SIMULATOR
    }
    if not pretend:
        yield rollout
        return
    from tui.simulator.child import deployment_spec, running

    rollout = _told_apart(rollout, pretend)
    specs = [
        deployment_spec(d.wire_id, d.model, d.version, "baseline" if d.name == rollout.baseline else "canary")
        for d in rollout.deployments.values()
        if d.endpoint in pretend
    ]
    judge = rollout.quality.judge
    if judge is not None and judge.deployment.endpoint in pretend:
        d = judge.deployment
        specs.append(deployment_spec(d.wire_id, d.model, d.version, "judge"))
    known = [spec.known.path for spec in rollout.tasks.values() if spec.known is not None]
    with running(scenario=scenario or "healthy", seed=seed, deployments=specs, known=known, today=today) as url:
        endpoints = {
            name: replace(
                e,
                url=url,
                key_env=None,
                key_header=None,
                headers_env={},
                entra=False,
                resource=_PRETEND_ACCOUNT,
            )
            if name in pretend
            # The control plane is that of the simulator, which has no other account.
            else replace(e, resource=None)
            for name, e in rollout.endpoints.items()
        }
        where = f"simulator: {scenario or 'healthy'}"
        yield replace(
            rollout,
            endpoints=endpoints,
            environment=where,
            profiles_dir=_own(rollout),
            # Nothing there is real, so everything may be tried.
            control_plane=ControlPlane(url, write=True),
            rehearsed=True,
        )


def _told_apart(rollout: Rollout, pretend: Container[str]) -> Rollout:
    """The rollout with deployments that one simulator can tell apart: those of two services may have one id."""
    judge = rollout.quality.judge
    judges = [] if judge is None else [judge.deployment]
    ids = [d.wire_id for d in (*rollout.deployments.values(), *judges) if d.endpoint in pretend]
    if len(set(ids)) == len(ids):
        return rollout
    names = {name: replace(d, id=None) for name, d in rollout.deployments.items() if d.endpoint in pretend}
    if judge is not None:
        # No name of a deployment has a blank.
        judge = replace(judge, deployment=replace(judge.deployment, id=f"judge {judge.deployment.wire_id}"))
    return replace(
        rollout,
        deployments={**rollout.deployments, **names},
        quality=replace(rollout.quality, judge=judge),
    )


def _own(rollout: Rollout) -> Path:
    """Where weight profiles go: beside the file, but never into the program's own folder."""
    package = Path(__file__).parents[1]
    if not rollout.path.is_relative_to(package) and not rollout.path.is_relative_to(
        package.parent / "profiles"
    ):
        return rollout.profiles_dir
    return runs_folder(os.environ).parent / rollout.profiles_dir.name
