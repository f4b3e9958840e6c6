"""The moments that are photographed: one story with a slow canary, and short runs in which things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from types import MappingProxyType

from screenshots.film import OPERATOR, Film
from screenshots.managed import managed
from tests.support.cockpit_fakes import START
from tests.support.made_verdicts import (
    ADVISORY_COST,
    ALL_OK,
    ALL_WORSE,
    ARMED,
    OK_COST,
    OPEN,
    plan,
)
from tui.model import (
    ALL_TASKS,
    EventKind,
    Figures,
    GuardView,
    PlanState,
    PlayerView,
    RecordView,
    Snapshot,
    Verdict,
    VerdictState,
)
from tui.simulator.scenarios import SCENARIOS, Change, Scenario

CANARY = "gpt51-prod-v1113"

_DEAD = Scenario(
    "dead", "from 60 s the baseline drops everything", (Change(60, "baseline", "drop_pct", to=100.0),)
)
_GONE = Scenario("gone", "from 60 s nobody listens any more", (Change(60, "canary", "drop_pct", to=100.0),))


@cache
def frame(name: str) -> Snapshot:
    """The snapshot of that moment, its account read. Raises KeyError for a name that no film has."""
    found = _story()[name] if name in _STORY else _ALONE[name]()
    return found if found.player is not None else managed(found)


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


def _baseline_dead() -> Snapshot:
    film = Film(_DEAD)
    film.roll_to(96)
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


_RATES: Mapping[str, Callable[[Figures], float | None]] = MappingProxyType(
    {
        "errors": lambda figures: figures.error_pct,
        "completion_filter": lambda figures: figures.filter_pct,
        "cost": lambda figures: figures.cost_per_1k_usd,
    }
)


def _interval(state: VerdictState, change: float, width: float) -> tuple[float | None, float | None]:
    """What a verdict leaves open: none of an OK is beyond its limit, none of a WORSE within it."""
    low, high = change - width, change + width
    if state is VerdictState.OK:
        return low, max(min(high, 9.0), change)
    return (max(low, 11.0), high) if state is VerdictState.WORSE else (low, high)


def _figures_of(snapshot: Snapshot, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """The made-up verdicts with the values that the film really has."""
    found = {name: view.figures["5m"][ALL_TASKS] for name, view in snapshot.deployments.items()}
    old, new = found[snapshot.baseline], found[CANARY]
    assert old.latency_ms is not None
    assert new.latency_ms is not None
    filled = []
    for verdict in (OK_COST if made is ADVISORY_COST else made for made in verdicts):
        rank = verdict.criterion.removeprefix("latency_")
        if rank in _RATES:
            base, own = _RATES[rank](old), _RATES[rank](new)
        else:
            base, own = getattr(old.latency_ms, rank), getattr(new.latency_ms, rank)
        assert base is not None
        assert own is not None
        if verdict.canary_value is not None:
            change = 100 * (own / base - 1)
            state = _state(verdict, change)
            if state is not verdict.state:
                verdict = replace(verdict, state=state, worse_progress=_FULL[state], ok_progress=0.1)
            low, high = _interval(state, change, 5 if rank == "cost" else 17)
            if rank == "errors":
                # OK by its floor: so few events leave the difference open.
                low = high = None
                verdict = replace(verdict, note="its own rate is below 0.5%: 2 of 1,189")
            verdict = replace(
                verdict, baseline_value=base, canary_value=own, difference_pct=change,
                difference_low_pct=low, difference_high_pct=high,
            )  # fmt: skip
        elif verdict.baseline_value is not None:
            verdict = replace(verdict, baseline_value=base)
        since_s = None if verdict.since_s is None else snapshot.at_s - 400 + verdict.since_s
        filled.append(
            replace(
                verdict,
                since_s=since_s,
                canary_requests=new.latency_ms.count,
                baseline_requests=old.latency_ms.count,
            )
        )
    return tuple(filled)


_FULL: Mapping[VerdictState, float] = MappingProxyType({VerdictState.WORSE: 1.0, VerdictState.NOT_YET: 0.3})


def _state(verdict: Verdict, change: float) -> VerdictState:
    """What a made-up verdict would say of a change in percent."""
    if verdict.state is VerdictState.OK and verdict.unit == "ms" and change > 10:
        return VerdictState.WORSE
    if verdict.state is VerdictState.WORSE and change < 20:
        return VerdictState.OK if change < -10 else VerdictState.NOT_YET
    return verdict.state


def _worse() -> Snapshot:
    snapshot = frame("breach")
    verdicts = _figures_of(snapshot, ALL_WORSE)
    p95 = next(verdict for verdict in verdicts if verdict.criterion == "latency_p95")
    reached_s = snapshot.at_s - 40
    event = replace(
        snapshot.events[-1], id=999, at=START + timedelta(seconds=reached_s), at_s=reached_s, actor="canarytop",
        kind=EventKind.WORSE, text=f"✗ WORSE v1113 P95 {p95.difference_pct:+.0f}%", reason="", before=None,
        after=None, group=0,
    )  # fmt: skip
    held = plan(
        CANARY, index=2, state=PlanState.HELD, in_step_s=185.0, step_requests=1830, reason="P95 is WORSE"
    )
    return replace(
        snapshot, verdicts={CANARY: verdicts}, guard=replace(ARMED, mode="dry_run"), plans=(held,),
        events=tuple(sorted((*snapshot.events, event), key=lambda e: e.at_s)),
    )  # fmt: skip


def _replay() -> Snapshot:
    """A moment of the worse canary out of a recording of half an hour, at four times its speed."""
    worse, guard = _worse(), GuardView(said="would have rolled back v1113")
    return replace(worse, environment="recording", plans=(), guard=guard, player=PlayerView(1865.0, speed=4.0))


def _replay_sought() -> Snapshot:
    whole = _replay()
    assert whole.player is not None
    return replace(whole, player=replace(whole.player, seeking_s=750.0, sought_pct=45.0))


def _not_yet() -> Snapshot:
    snapshot = frame("steady")
    return replace(snapshot, verdicts={CANARY: _figures_of(snapshot, OPEN)}, guard=ARMED)


def _ok() -> Snapshot:
    snapshot = frame("steady")
    climbing = plan(CANARY, index=2)
    return replace(snapshot, verdicts={CANARY: _figures_of(snapshot, ALL_OK)}, guard=ARMED, plans=(climbing,))


def _gate() -> Snapshot:
    snapshot = _ok()
    waits = plan(CANARY, index=2, state=PlanState.GATE, in_step_s=412.0, step_requests=1830,
                 waiting_for="a person to open the gate")  # fmt: skip
    return replace(snapshot, plans=(waits,))


_ALONE: Mapping[str, Callable[[], Snapshot]] = MappingProxyType(
    {
        "throttled": _throttled,
        "saturated": _saturated,
        "unreachable": _unreachable,
        "baseline-dead": _baseline_dead,
        "budget-spent": _budget_spent,
        "traffic-paused": _paused,
        "record-error": _record_error,
        "worse": _worse,
        "replay": _replay,
        "replay-sought": _replay_sought,
        "not-yet": _not_yet,
        "ok": _ok,
        "gate": _gate,
    }
)
