"""A canary from its creation to its removal, by keys only, and what the service and the screen say of it."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path

from tests.support.deployment_walk import walk
from tests.support.engine_runs import OLD, total
from tests.support.managed_runs import MADE, account_of
from tui.model import EventKind, Snapshot
from tui.simulator.control.plane import ControlSettings

SLOW = ControlSettings(provisioning_s=60, retry_after_s=1)


def _says(state: str, snapshot: Snapshot) -> bool:
    return f"the service says {state}" in account_of(snapshot).doing


async def test_a_canary_is_created_added_ramped_rolled_back_and_removed(tmp_path: Path) -> None:
    ahead_s = [0.0]
    async with walk(tmp_path, control=SLOW, clock=lambda: time.monotonic() + ahead_s[-1], rate=40.0) as w:
        await w.read()
        await w.press("d")
        assert list(w.rows) == [OLD]
        # Created: pinned, read back, without traffic.
        await w.create()
        for state in ("Accepted", "Creating"):
            await w.until(partial(_says, state))
            assert f"… creating {MADE}: the service says {state}" in w.body
            assert w.plane.state(MADE) == state
            ahead_s.append(ahead_s[-1] + 40.0)
        created = await w.event(EventKind.CREATED)
        assert created.text == f"{MADE} created: gpt-5.1 2025-11-13, GlobalStandard 100, read back"
        properties = w.plane.managed()[MADE]["properties"]
        assert properties["model"] == {"format": "OpenAI", "name": "gpt-5.1", "version": "2025-11-13"}
        assert (properties["versionUpgradeOption"], properties["provisioningState"]) == (
            "NoAutoUpgrade",
            "Succeeded",
        )
        assert re.search(rf"✓ 12:\d\d:\d\dZ {re.escape(created.text)}", w.body)
        assert w.rows[MADE][1:] == [
            *(MADE, "gpt-5.1", "2025-11-13", "GlobalStandard", "100", "◆", "stop", "171d", "GA", "171d"),
            *("100/3000", "–", "ready"),
        ]
        assert w.body.index("not part of this rollout") < w.body.index(f"· {MADE}")
        # Added at weight 0: nothing is sent to it.
        await w.choose(MADE)
        await w.press("o")
        await w.event(EventKind.ADDED, MADE)
        assert w.rows[MADE][0] == "○"
        assert w.rows[MADE][-2:] == ["0%", "ready"]
        assert "not part of this rollout" not in w.body
        assert MADE not in w.plane.counted() or w.plane.counted()[MADE]["requests"] == 0
        # Ramped to 10 and rolled back.
        await w.press("escape", "j", "w", "5", "enter")
        await w.weighs(**{OLD: 95.0, MADE: 5.0})
        await w.press("plus")
        await w.weighs(**{OLD: 90.0, MADE: 10.0})
        await w.until(lambda s: total(s, MADE).requests >= 2)
        assert w.plane.counted()[MADE]["outcomes"].keys() == {"ok"}
        await w.press("r")
        await w.weighs(**{OLD: 100.0, MADE: 0.0})
        idle = await w.until(lambda s: s.deployments[MADE].in_flight == 0)
        assert w.plane.counted()[MADE]["requests"] == total(idle, MADE).requests
        # Removed, and gone from both planes.
        await w.press("d")
        await w.choose(MADE)
        await w.remove(MADE)
        await w.until(lambda s: getattr(account_of(s).deployment(MADE), "state", None) == "Deleting")
        assert f"… removing {MADE}: " in w.body
        assert w.rows[MADE][-2:] == ["0%", "Deleting"]
        ahead_s.append(200.0)
        await w.event(EventKind.REMOVED, f"{MADE} removed, and seen to be gone")
        assert w.plane.state(MADE) is None
        assert MADE not in w.plane.served()
        assert w.rows[MADE][-2:] == ["0%", "removed"]
        assert "no traffic  it was removed from its account" in w.body
