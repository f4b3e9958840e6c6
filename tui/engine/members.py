"""Which deployments joined a run on the way and which were removed, as its record keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.model import Deployment


@dataclass(frozen=True, slots=True)
class Members:
    """``joined`` are deployments that the rollout file does not have, by name. ``removed`` were seen to be gone
    from their account, ``doubted`` were to be removed."""

    joined: Mapping[str, Deployment] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    doubted: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "joined": {
                name: {
                    "endpoint": d.endpoint,
                    "model": d.model,
                    "version": d.version,
                    "provisioned": d.provisioned,
                    "id": d.id,
                }
                for name, d in self.joined.items()
            },
            "removed": sorted(self.removed),
            "doubted": sorted(self.doubted),
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any] | None) -> Members:
        """What the state of a run says of them; nobody where it says nothing, or nothing that makes sense."""
        kept = _mapping(_mapping(state).get("members"))
        joined = {}
        for name, saved in _mapping(kept.get("joined")).items():
            texts = [_mapping(saved).get(key) for key in ("endpoint", "model", "version")]
            if all(isinstance(text, str) and text for text in texts):
                endpoint, model, version = (str(text) for text in texts)
                provisioned = _mapping(saved).get("provisioned") is True
                given = _mapping(saved).get("id")
                joined[str(name)] = Deployment(
                    str(name),
                    endpoint,
                    model,
                    version,
                    provisioned=provisioned,
                    id=given if isinstance(given, str) and given else None,
                )
        return cls(joined, _names(kept.get("removed")), _names(kept.get("doubted")))


NOBODY = Members()


def _names(value: object) -> frozenset[str]:
    return (
        frozenset(name for name in value if isinstance(name, str)) if isinstance(value, list) else frozenset()
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
