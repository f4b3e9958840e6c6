"""Everything that can go wrong while a canary is made or removed from the cockpit: what is said, what is left,
and that the next try works."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.support.deployment_walk import Walk, walk
from tests.support.engine_runs import OLD
from tests.support.managed_runs import MADE, account_of
from tui.model import EventKind, Snapshot

SIZE = (112, 24)
REFUSED, HALF_DONE, CREATED, REMOVED = (
    EventKind.REFUSED,
    EventKind.HALF_DONE,
    EventKind.CREATED,
    EventKind.REMOVED,
)
NOTHING = "nothing was changed: creating gpt51-prod-v1113: "
Case = tuple[dict[str, Any], EventKind, str, str | None]
"""The fault, how the write ends, what is said of it, and the state in which the deployment is then."""

CREATING: dict[str, Case] = {
    "409 again and again": (
        {"on": "put", "do": "conflict", "times": 9},
        REFUSED,
        f"{NOTHING}RequestConflict (HTTP 409): Another operation is being performed",
        None,
    ),
    "no quota": (
        {"on": "put", "do": "quota"},
        REFUSED,
        f"{NOTHING}InsufficientQuota (HTTP 400): This operation require 10 new capacity",
        None,
    ),
    "deprecating": (
        {"on": "put", "do": "deprecating"},
        REFUSED,
        f"{NOTHING}ServiceModelDeprecating (HTTP 400): The model",
        None,
    ),
    "403": (
        {"on": "put", "do": "forbidden"},
        REFUSED,
        "the role is missing: creating and deleting deployments needs Cognitive Services OpenAI Contributor",
        None,
    ),
    "429 again and again": (
        {"on": "put", "do": "throttle", "times": 9},
        REFUSED,
        f"{NOTHING}TooManyRequests (HTTP 429)",
        None,
    ),
    "operation fails": (
        {"on": "put", "do": "fail"},
        HALF_DONE,
        f"{MADE}: it is there in state Failed; creating {MADE} ended with InternalServerError: The deployment "
        "could not be provisioned. Try again; remove it, or try again",
        "Failed",
    ),
    "dropped before it arrived": (
        {"on": "put", "do": "drop"},
        HALF_DONE,
        f"{MADE}: there is no such deployment now; creating {MADE} ended with ConnectionLost",
        None,
    ),
    "dropped after it arrived": ({"on": "put", "do": "drop_after"}, CREATED, "read back", "Succeeded"),
    "dropped while it is followed": (
        {"on": "operation", "do": "drop", "times": 9},
        CREATED,
        "read back",
        "Succeeded",
    ),
    "never read back": (
        {"on": "get", "do": "drop", "after": 1, "times": 3},
        HALF_DONE,
        f"{MADE}: the request was accepted; what became of it is not known",
        "Succeeded",
    ),
    "taken otherwise": (
        {"on": "put", "do": "alter", "settings": {"upgrade_option": None, "capacity": 5}},
        HALF_DONE,
        f"{MADE}: not as asked: upgrade option: asked NoAutoUpgrade, there is none; capacity: asked 100, "
        "there is 5",
        "Succeeded",
    ),
}


async def ended(w: Walk, kind: EventKind, said: str) -> None:
    """The write has ended so, and log, banner and deployments screen say it."""
    event = await w.event(kind, said)
    assert event.actor == "ann"
    snapshot = await w.until(lambda s: not account_of(s).doing and account_of(s).ended)
    end = account_of(snapshot).ended
    assert end is not None
    assert (end.text, end.done) == (event.text, kind in (CREATED, REMOVED))
    shown = _unwrapped(w.body)
    assert _unwrapped(f"{'✓' if end.done else '✗'} {end.at:%H:%M:%S}Z {event.text}") in shown
    assert end.done or _unwrapped(f"by hand: {end.by_hand}") in shown
    assert event.text[:40] in w.log
    assert end.done or event.text[:40] in w.banner


def _unwrapped(text: str) -> str:
    """However long lines were broken."""
    return "".join(text.split())


async def shows(w: Walk, name: str, state: str | None) -> None:
    """The service is so, and the row says it once the account was looked at again."""

    def seen(snapshot: Snapshot) -> bool:
        managed = account_of(snapshot).deployment(name)
        return managed is None if state is None else managed is not None and managed.state == state

    await w.until(seen)
    assert w.plane.state(name) == state
    row = w.rows.get(name)
    if state is None:
        assert row is None or row[-1] == "removed"
    else:
        assert row is not None
        assert row[-1] == {"Succeeded": "ready", "Failed": "Failed"}[state]


async def test_after_each_fault_of_a_creation_it_is_said_what_is_there_and_the_next_try_works(
    tmp_path: Path,
) -> None:
    async with walk(tmp_path, size=SIZE) as w:
        await w.read()
        await w.press("d")
        for fault, kind, said, state in CREATING.values():
            w.plane.plan(fault)
            await w.create()
            await ended(w, kind, said)
            await shows(w, MADE, state)
            w.plane.clear()
            if state is not None:
                await w.choose(MADE)
                await w.remove(MADE)
                await ended(w, REMOVED, f"{MADE} removed, and seen to be gone")
                await shows(w, MADE, None)
        await w.create()
        await ended(w, CREATED, f"{MADE} created: gpt-5.1 2025-11-13, GlobalStandard 100, read back")
        await shows(w, MADE, "Succeeded")


KEPT = "nothing was changed: deleting gpt51-prod-v1113: "
REMOVING: dict[str, Case] = {
    "409 again and again": (
        {"on": "delete", "do": "conflict", "times": 9},
        REFUSED,
        f"{KEPT}RequestConflict (HTTP 409): Another operation is being performed",
        "Succeeded",
    ),
    "403": ({"on": "delete", "do": "forbidden"}, REFUSED, f"{KEPT}AuthorizationFailed (HTTP 403)", "Succeeded"),
    "429 again and again": (
        {"on": "delete", "do": "throttle", "times": 9},
        REFUSED,
        f"{KEPT}TooManyRequests (HTTP 429)",
        "Succeeded",
    ),
    "operation fails": (
        {"on": "delete", "do": "fail"},
        HALF_DONE,
        f"{MADE}: it is still there in state Succeeded; removing {MADE} ended with InternalServerError",
        "Succeeded",
    ),
    "dropped before it arrived": (
        {"on": "delete", "do": "drop"},
        HALF_DONE,
        f"{MADE}: it is still there in state Succeeded; removing {MADE} ended with ConnectionLost",
        "Succeeded",
    ),
    "dropped after it arrived": (
        {"on": "delete", "do": "drop_after"},
        REMOVED,
        f"{MADE} removed, and seen to be gone",
        None,
    ),
    "dropped while it is followed": (
        {"on": "operation", "do": "drop", "times": 9},
        REMOVED,
        f"{MADE} removed, and seen to be gone",
        None,
    ),
    "never seen to be gone": (
        {"on": "get", "do": "forbidden", "times": 3},
        HALF_DONE,
        f"{MADE}: the request was accepted; what became of it is not known",
        None,
    ),
}


def _is_removed(removed: bool, snapshot: Snapshot) -> bool:
    return (snapshot.deployments[MADE].removed is not None) is removed


async def test_after_each_fault_of_a_removal_it_is_said_what_is_there_and_the_next_try_works(
    tmp_path: Path,
) -> None:
    async with walk(tmp_path, size=SIZE) as w:
        await w.read()
        await w.press("d")
        for fault, kind, said, state in REMOVING.values():
            if MADE not in w.plane.served():
                # Made by somebody else; where it was removed before, it joins again.
                w.plane.put(MADE)
                await shows(w, MADE, "Succeeded")
                await w.choose(MADE)
                await w.press("o")
                await w.event(EventKind.ADDED, MADE)
            w.plane.plan(fault)
            await w.remove(MADE)
            await ended(w, kind, said)
            await shows(w, MADE, state)
            w.plane.clear()
            # What is there may be given traffic; what is gone may not.
            await w.until(partial(_is_removed, state is None))
            if kind is not REFUSED:
                await w.press("escape", "j", "w", "5", "enter")
                if state is None:
                    await w.event(REFUSED, f"{MADE} gets no more traffic: it")
                else:
                    await w.weighs(**{OLD: 95.0, MADE: 5.0})
                await w.press("r", "d")
                await w.weighs(**{OLD: 100.0, MADE: 0.0})
                await w.until(lambda s: s.deployments[MADE].in_flight == 0)
        w.plane.put(MADE)
        await shows(w, MADE, "Succeeded")
        await w.remove(MADE)
        await ended(w, REMOVED, f"{MADE} removed, and seen to be gone")
