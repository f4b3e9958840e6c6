"""Faults of the control plane: what is to go wrong at which step, and how often.

As data they are JSON objects such as ``{"on": "put", "do": "conflict", "times": 2}`` in the ``faults`` of
``POST /sim/control``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from tui.simulator.control import refusals
from tui.simulator.control.models import bundled_models
from tui.simulator.control.refusals import ArmRefusal, Subject

STEPS = (
    "account",
    "list",
    "get",
    "put",
    "patch",
    "delete",
    "operation",
    "models",
    "region_models",
    "usages",
    "capacities",
    "prices",
)

ERRORS: Mapping[str, Callable[[Subject], ArmRefusal]] = MappingProxyType(
    {
        "unauthenticated": refusals.unauthenticated,
        "forbidden": refusals.forbidden,
        "not_found": refusals.not_found,
        "no_group": refusals.no_group,
        "conflict": refusals.conflict,
        "throttle": refusals.throttled,
        "unavailable": refusals.unavailable,
        "broken": refusals.broken,
        "deprecating": refusals.deprecating,
        "deprecated": lambda about: refusals.deprecated_since(about, date(2026, 3, 31)),
        "unsupported": refusals.unsupported,
        "other_model": refusals.other_model,
        "quota": lambda about: refusals.over_quota(f"OpenAI.GlobalStandard.{about.model}", 10, 3000, 3000),
    }
)
"""Faults that are an error answer; nothing else is done."""

ACTS: Mapping[str, str] = MappingProxyType(
    {
        "drop": "the connection breaks before anything is done",
        "drop_after": "it is done, but the connection breaks before the answer",
        "garble": "the answer is not JSON",
        "fail": "of put and delete: accepted, but the operation fails",
        "stall": "of put and delete: accepted, but the operation does not end",
        "unlinked": "of put and delete: accepted, but the answer does not say where to follow the operation",
        "alter": "of put: other settings are taken than those asked for; `settings` says which",
    }
)

_WRITES_ONLY = frozenset({"fail", "stall", "unlinked"})


@dataclass(frozen=True, slots=True)
class Fault:
    """``do`` goes wrong at the step ``on``, ``times`` times, after ``after`` requests that it spares.

    ``name`` limits it to one deployment. ``retry_after_s`` goes with "throttle" and "unavailable"; 0 is a
    service that does not say. ``settings`` of "alter" are fields of ``Settings``.

    Raises ``ValueError`` that says what is wrong.
    """

    on: str
    do: str
    times: int = 1
    after: int = 0
    name: str | None = None
    retry_after_s: int = 5
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.on not in STEPS:
            raise ValueError(f"on {self.on!r}: expects one of {', '.join(STEPS)}")
        if self.do not in (*ERRORS, *ACTS):
            raise ValueError(f"do {self.do!r}: expects one of {', '.join((*ERRORS, *ACTS))}")
        if self.do in _WRITES_ONLY and self.on not in ("put", "delete"):
            raise ValueError(f"do {self.do!r} goes with put and delete, not with {self.on}")
        if self.do == "alter" and self.on != "put":
            raise ValueError(f"do 'alter' goes with put, not with {self.on}")
        if self.name is not None and not isinstance(self.name, str):
            raise ValueError(f"name {self.name!r}: expects the name of a deployment or null")
        for what in ("times", "after", "retry_after_s"):
            number, least = getattr(self, what), int(what == "times")
            if not isinstance(number, int) or isinstance(number, bool) or number < least:
                raise ValueError(f"{what} {number!r}: expects a whole number of at least {least}")
        for what, value in self.settings.items():
            if what not in _SETTABLE or not isinstance(value, _SETTABLE[what]):
                raise ValueError(
                    f"settings {what}: {value!r} is not one of {', '.join(_SETTABLE)} or no value of it"
                )
        if (sku := self.settings.get("sku")) is not None and sku not in bundled_models().skus:
            raise ValueError(f"settings sku: {sku!r} is none of {', '.join(bundled_models().skus)}")


_SETTABLE: Mapping[str, Any] = MappingProxyType(
    {"version": str, "sku": str, "capacity": int, "upgrade_option": str | None, "rai_policy": str | None}
)
_FIELDS = ("on", "do", "times", "after", "name", "retry_after_s", "settings")


def read_fault(asked: object) -> Fault:
    """A fault from JSON. Raises ``ValueError`` that says what is wrong."""
    if not isinstance(asked, dict) or not {"on", "do"} <= set(asked):
        raise ValueError('a fault is an object with at least "on" and "do"')
    if strange := sorted(set(asked) - set(_FIELDS)):
        raise ValueError(f"a fault has no {', '.join(strange)}; known: {', '.join(_FIELDS)}")
    if not isinstance(asked.get("settings", {}), dict):
        raise ValueError("settings of a fault are an object")
    return Fault(**asked)


class FaultPlan:
    """The faults that are still to come, in the order in which they were given."""

    def __init__(self) -> None:
        self._coming: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        self._coming.append((fault, [fault.after, fault.times]))

    def clear(self) -> None:
        self._coming.clear()

    def next(self, step: str, name: str | None) -> Fault | None:
        """The fault that meets this request, which is used up by it; at most one does."""
        met: Fault | None = None
        for fault, left in self._coming:
            if fault.on != step or fault.name not in (None, name):
                continue
            if left[0]:
                left[0] -= 1
            elif met is None:
                met = fault
                left[1] -= 1
        self._coming = [(fault, left) for fault, left in self._coming if left[1]]
        return met

    def as_json(self) -> list[dict[str, Any]]:
        return [{**asdict(fault), "after": after, "times": times} for fault, (after, times) in self._coming]
