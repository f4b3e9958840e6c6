"""Parts of a snapshot that are put together from several rooms."""

from __future__ import annotations

from collections.abc import Mapping

from tui.engine.versions import Versions
from tui.model import Deployment, DeploymentView, Figures
from tui.traffic.health import Health


def deployment_views(
    deployments: Mapping[str, Deployment],
    baseline: str,
    figures: Mapping[str, Mapping[str, Mapping[str, Figures]]],
    health: Mapping[str, Health],
    versions: Versions,
) -> dict[str, DeploymentView]:
    """Every deployment with its figures and how it does now; all mappings are by its name."""
    views = {}
    for name, deployment in deployments.items():
        now = health[name]
        views[name] = DeploymentView(
            deployment=deployment,
            role="baseline" if name == baseline else "canary",
            figures=figures[name],
            in_flight=now.in_flight,
            quota=now.quota,
            throttled_s=now.throttled_s,
            held_back=now.held_back,
            unreachable=now.unreachable,
            failing=now.failing,
            last_answer_s=now.last_answer_s,
            stale_s=now.stale_s,
            last_error=now.last_error,
            last_error_s=now.last_error_s,
            served=versions.served(name),
            changed=versions.last_change(name),
        )
    return views
