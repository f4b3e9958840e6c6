"""The moments that are photographed: one story with a slow canary, and short runs in which things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from tests.screenshots.film import OPERATOR, Film
from tui.model import EventKind, RecordView, Snapshot
from tui.simulator.scenarios import SCENARIOS, Change, Scenario

CANARY = "gpt51-prod-v1113"

_GONE = Scenario("gone", "from 60 s nobody listens any more", (Change(60, "canary", "drop_pct", to=100.0),))


@cache
def frame(name: str) -> Snapshot:
    """The snapshot of that moment. Raises KeyError for a name that no film has."""
    return _story()[name] if name in _STORY else _ALONE[name]()


_STORY = ("starting", "no-data", "steady", "frozen", "meanwhile", "breach", "rolled-back")


@cache
def _story() -> Mapping[str, Snapshot]:
    """10 % canary, then 15 and 25; from 210 s it slows down, which is marked and rolled back."""
    film = Film(SCENARIOS["slow-canary"], scenario_s=150)
    taken = {"starting": film.snapshot()}
    film.roll_to(0.3)
    taken["no-data"] = film.snapshot()
    film.roll_to(80)
    film.controller.nudge(CANARY, 5, OPERATOR)
    film.roll_to(160)
    film.controller.shift(CANARY, 25, OPERATOR, reason="15% held for a minute")
    film.roll_to(205)
    taken["steady"] = film.snapshot()
    film.roll_to(285)
    taken["frozen"] = film.snapshot()
    film.roll_to(318)
    film.log(EventKind.MARKED, OPERATOR, "P95 of v1113 climbs, users of the mail client complain")
    film.roll_to(327)
    taken["meanwhile"] = film.snapshot()
    film.roll_to(345)
    taken["breach"] = film.snapshot()
    film.roll_to(348)
    film.controller.roll_back(OPERATOR)
    film.roll_to(372)
    taken["rolled-back"] = film.snapshot()
    return MappingProxyType(taken)


def _throttled() -> Snapshot:
    film = Film(SCENARIOS["throttled"])
    film.roll_to(40)
    film.controller.shift(CANARY, 25, OPERATOR)
    film.roll_to(80)
    return film.snapshot()


def _saturated() -> Snapshot:
    film = Film(max_in_flight=24)
    film.roll_to(75)
    return film.snapshot()


def _unreachable() -> Snapshot:
    film = Film(_GONE)
    film.roll_to(72)
    return film.snapshot()


def _budget_spent() -> Snapshot:
    film = Film(budget_usd=5.0)
    film.roll_to(80)
    return film.snapshot()


def _paused() -> Snapshot:
    film = Film()
    film.roll_to(60)
    film.pause()
    film.roll_to(72)
    return film.snapshot()


def _record_error() -> Snapshot:
    whole = frame("steady")
    path = whole.record.path
    error = (
        f"cannot write the run record {path}: database or disk is full; free some space there. "
        "Until then it is kept in memory"
    )
    return replace(whole, record=RecordView(path, error, waiting=1204))


_ALONE: Mapping[str, Callable[[], Snapshot]] = MappingProxyType(
    {
        "throttled": _throttled,
        "saturated": _saturated,
        "unreachable": _unreachable,
        "budget-spent": _budget_spent,
        "traffic-paused": _paused,
        "record-error": _record_error,
    }
)
