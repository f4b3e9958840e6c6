"""An event loop on a virtual clock: hours of a run pass in minutes, and the same seed gives the same run.

The clock stands still while anything happens and jumps to the next timer when nothing does. So computing takes
no time: a latency is what the service took, to the last digit, on a busy machine as on an idle one.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple
from unittest.mock import patch

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class WarpLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``time()`` begins at 0 s and passes only where everyone waits for it, or where a test
    puts ``now_s`` forward: as if it had computed so long.

    Linux hands over what is sent to a loopback socket before the call that sends it returns. So where no socket
    is ready, nothing is under way either, unless a thread works for the loop: until it has answered the clock
    stands, and the loop waits in real time.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._threads = 0
        super().__init__(_Selector(self._pass))

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """What ``asyncio.to_thread`` and the look-up of a host's name come down to."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._answered)
        return future

    def _answered(self, _: asyncio.Future[Any]) -> None:
        self._threads -= 1

    async def shutdown_default_executor(self, *timeout: float) -> None:
        # It waits for a thread of its own, which joins the others.
        self._threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._threads -= 1

    def _pass(self, seconds: float | None) -> bool:
        """Let time pass, as far as the next timer; False where the loop has to wait for a thread."""
        if self._threads:
            return False
        if seconds is None:
            raise RuntimeError("everything waits and no timer is set: this run would never go on")
        # A timer never fires early, as it may where the sum is rounded down.
        self.now_s = math.nextafter(self.now_s + seconds, math.inf)
        return True


class _Selector(selectors.DefaultSelector):
    """Asks ``let_pass`` where another one would wait."""

    def __init__(self, let_pass: Callable[[float | None], bool]) -> None:
        super().__init__()
        self._let_pass = let_pass

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0 or self._let_pass(timeout):
            return ready
        return super().select(None)


def warped(main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run ``main()`` to its end on a loop of its own, whose clock aiohttp's pool of connections goes by too."""
    loop = WarpLoop()
    with (
        patch("aiohttp.connector.monotonic", loop.time),
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        return runner.run(main())
