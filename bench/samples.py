"""How long the keys of the samples screens take with many samples."""

from __future__ import annotations

import asyncio
import time

from textual import events

from tests.support.cockpit_driver import CHARACTERS, Cockpit, cockpit
from tests.support.cockpit_fakes import CANARY, FakeControls
from tests.support.sample_fakes import answer, many, pair
from tui.model import Sample

SAMPLES = 10_000
"""How many there are."""

_MEGABYTE = 1_000_000
_TRIES = 3
_SIZE = (120, 36)
_ASK_AGAIN_S = 0.02

_LIST = (
    "i", "j", "k", "pagedown", "G", "k", "g", "tab", "f", "s", "e", "s", "w", "b", "0", "d", "d", "u", "v",
    "v", "0", "escape", "slash", "c", "r", "a", "n", "e", "enter", "j", "escape", "b", "b", "space", "space",
    "enter", "j", "l", "h", "n", "n", "N", "enter", "G", "g", "0", "4", "2", "U", "U", "y", "Y", "b", "b",
    "escape", "escape",
)  # fmt: skip
_LONG = ("i", "enter", "j", "G", "g", "l", "h", "n", "N", "b", "4", "y", "enter", "escape", "escape")


def key_times_ms(samples: int) -> tuple[dict[str, dict[str, float]], float]:
    """For the list and for 1 MB answers: key -> ms until the picture after it stands, the median of some
    tries; and the worst wait of a key that comes while such answers are laid out."""
    return asyncio.run(_measure(samples))


async def _measure(samples: int) -> tuple[dict[str, dict[str, float]], float]:
    found = {f"{samples:,} samples": many(samples)}
    text = " ".join(f"word{i}" for i in range(_MEGABYTE // 9))
    wide = "漢字ひらがな、" * (_MEGABYTE // 7)
    found["answers of 1 MB"] = tuple(
        pair(i, old=text, new=text.replace("7", "8")) if i % 2 else pair(i, answers=(
            answer(text=wide), answer(CANARY, text)))
        for i in range(1, 5)
    )  # fmt: skip
    times: dict[str, dict[str, float]] = {}
    for what, kept in found.items():
        keys = _LIST if what.endswith("samples") else _LONG
        tries = [await _times(kept, keys) for _ in range(_TRIES)]
        times[what] = {
            f"{at + 1}: {key}": sorted(waits[at] for waits in tries)[_TRIES // 2] for at, key in enumerate(keys)
        }
    return times, await _while_laying(found["answers of 1 MB"])


async def _times(kept: tuple[Sample, ...], keys: tuple[str, ...]) -> list[float]:
    controls = FakeControls()
    controls.sampled = kept
    async with cockpit(controls, _SIZE) as c:
        return [await _wait_ms(c, key) for key in keys]


async def _while_laying(kept: tuple[Sample, ...]) -> float:
    controls = FakeControls()
    controls.sampled = kept
    async with cockpit(controls, _SIZE) as c:
        for key in ("i", "enter"):
            await _wait_ms(c, key)
        _post(c, "G")
        return max([await _wait_ms(c, "j") for _ in range(20)])


async def _wait_ms(c: Cockpit, key: str) -> float:
    """Until the key has been acted on and the screen that is then in view has drawn itself."""
    drawn = asyncio.Event()
    began_s = time.perf_counter()
    _post(c, key)
    # Behind the key in the app's queue; what it asks for comes after what the key has caused.
    c.app.call_later(lambda: c.app.screen.call_after_refresh(drawn.set))
    while not drawn.is_set():
        try:
            await asyncio.wait_for(drawn.wait(), _ASK_AGAIN_S)
        except TimeoutError:
            # A screen that has gone meanwhile draws itself no more.
            c.app.screen.call_after_refresh(drawn.set)
    return 1000 * (time.perf_counter() - began_s)


def _post(c: Cockpit, key: str) -> None:
    c.app.post_message(events.Key(key, CHARACTERS.get(key, key if len(key) == 1 else None)))
