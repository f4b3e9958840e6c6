"""The open loop, on a virtual clock that jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

from tests.support.typed import about
from tests.support.warp import WarpLoop, warped
from tui.model import Assignment, Outcome, OutcomeKind, Request
from tui.traffic.arrivals import Arrival, constant
from tui.traffic.sender import SKIP_AFTER_S, Gate, Sender


class Scripted:
    """Demand and walk of a test: a function for each step."""

    def __init__(self, arrivals: Iterable[Arrival], steps: dict[str, Any]) -> None:
        self.arrivals = iter(arrivals)
        self.steps = steps

    @property
    def exhausted(self) -> bool:
        return bool(self.steps["exhausted"]())

    def next_request(self, arrival: Arrival) -> Request | None:
        request: Request | None = self.steps["next_request"](arrival)
        return request

    def assign(self, request: Request, *, saturated: bool) -> Assignment | None:
        noted = {"prompt_chars": request.prompt_chars, "saturated": saturated}
        assignment: Assignment = self.steps["assign"](request.id, request.task, **noted)
        return assignment if self.steps["admit"](assignment) else None

    async def complete(self, request: Request, assignment: Assignment, due_s: float) -> Outcome:
        outcome: Outcome = await self.steps["complete"](
            request, assignment, due_s, saturated=assignment.saturated
        )
        return outcome

    def ended(self, outcome: Outcome) -> None:
        self.steps["on_outcome"](outcome)


class Bench:
    """A sender with a service that takes ``service_s`` for each request, and what came of it."""

    def __init__(self, loop: WarpLoop, arrivals: Iterable[Arrival], **changes: Any) -> None:
        self.loop = loop
        self.service_s: Callable[[int], float] = changes.pop("service_s", lambda _: 0.01)
        self.late_s: Callable[[int], float] = changes.pop("late_s", lambda _: 0.0)
        self.sent: list[tuple[int, float, float]] = []
        self.drawn: list[Assignment] = []
        self.outcomes: list[Outcome] = []
        self.count = 0
        max_in_flight = changes.pop("max_in_flight", 1000)
        steps: dict[str, Any] = {
            "next_request": self.next_request,
            "assign": self.assign,
            "admit": lambda _: True,
            "complete": self.complete,
            "on_outcome": self.outcomes.append,
            "exhausted": lambda: False,
            **changes,
        }
        self.walk, self.gate = Scripted(arrivals, steps), Gate(loop.time)
        self.sender = Sender(self.walk, self.walk, self.gate, clock=loop.time, max_in_flight=max_in_flight)

    def assign(self, number: int, task: str, **noted: Any) -> Assignment:
        self.drawn.append(Assignment(number, task, "d", 100.0, self.loop.now_s, **noted))
        return self.drawn[-1]

    def next_request(self, _: Arrival) -> Request:
        self.count += 1
        return Request(self.count, "default", ({"role": "user", "content": "x" * self.count},), "test")

    async def complete(
        self, request: Request, assignment: Assignment, due_s: float, *, saturated: bool
    ) -> Outcome:
        sent_s = self.loop.now_s + self.late_s(request.id)
        self.sent.append((request.id, due_s, sent_s))
        kind = OutcomeKind.OK
        try:
            await asyncio.sleep(self.service_s(request.id))
        except asyncio.CancelledError:
            kind = OutcomeKind.CANCELLED
        return Outcome(
            request_id=request.id,
            task="default",
            deployment="d",
            weight_pct=100.0,
            kind=kind,
            due_s=due_s,
            sent_s=sent_s,
            ended_s=self.loop.now_s,
            late_ms=(sent_s - due_s) * 1000,
            saturated=saturated,
        )

    @property
    def sent_at(self) -> list[float]:
        return [round(sent_s, 6) for _, _, sent_s in self.sent]


def virtual(test: Callable[[WarpLoop], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, WarpLoop)
        await test(loop)

    warped(main)


def at(*due_s: float) -> list[Arrival]:
    return [Arrival(due) for due in due_s]


def test_requests_start_when_due_whatever_the_others_do() -> None:
    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(0, 0.1, 0.2, 0.3), service_s=lambda number: 1000.0 if number == 1 else 0.01)
        await bench.sender.run()
        await asyncio.sleep(0)  # the last one has been started and now runs
        assert bench.sent_at == [0, 0.1, 0.2, 0.3]
        view = bench.sender.view()
        assert (view.in_flight, view.sent, view.skipped, view.saturated) == (2, 4, 0, False)
        await bench.sender.drain(0.5)
        assert [a.prompt_chars for a in bench.drawn] == [1, 2, 3, 4]
        ends = {o.request_id: (o.kind, round(o.ended_s, 6)) for o in bench.outcomes}
        assert ends[4] == (OutcomeKind.OK, 0.31)
        assert ends[1] == (OutcomeKind.CANCELLED, 0.8)

    virtual(test)


def test_what_max_in_flight_does_not_let_through_is_counted_and_marked() -> None:
    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(*(n / 10 for n in range(8))), service_s=lambda _: 0.45, max_in_flight=3)
        await bench.sender.run()
        await bench.sender.drain(1)
        # Three start, two are shed until the first ends at 0.45, then three more.
        assert bench.sent_at == [0, 0.1, 0.2, 0.5, 0.6, 0.7]
        view = bench.sender.view()
        assert (view.sent, view.skipped, view.saturated, view.max_in_flight) == (6, 2, True, 3)
        assert [o.saturated for o in bench.outcomes] == [False] * 3 + [True] * 3
        assert [a.saturated for a in bench.drawn] == [False] * 3 + [True] * 3, "marked when it is drawn"
        loop.now_s += 11
        assert not bench.sender.view().saturated

    virtual(test)


def test_arrivals_that_are_too_late_are_skipped_not_sent_in_a_burst() -> None:
    async def test(loop: WarpLoop) -> None:
        def suspended(arrival: Arrival) -> Request | None:
            if arrival.due_s == 1.0:
                loop.now_s += 5  # the machine slept
            return bench.next_request(arrival)

        bench = Bench(loop, (Arrival(n / 2) for n in range(16)), next_request=suspended)
        await bench.sender.run()
        await bench.sender.drain(1)
        missed = [due for due in (n / 2 for n in range(16)) if due > 1.0 and 6.0 - due > SKIP_AFTER_S]
        assert bench.sender.view().skipped == len(missed) == 7
        assert [due for _, due, _ in bench.sent] == [0, 0.5, 1.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5]

    virtual(test)


def test_a_pause_moves_the_whole_schedule() -> None:
    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(0, 1, 2, 3))
        sending = asyncio.create_task(bench.sender.run())
        await asyncio.sleep(1.25)
        bench.gate.close()
        bench.gate.close()
        await asyncio.sleep(10)
        assert bench.sent_at == [0, 1]
        bench.gate.open()
        bench.gate.open()
        await sending
        await bench.sender.drain(1)
        assert bench.sent_at == [0, 1, 12, 13]
        assert bench.sender.view().skipped == 0
        assert {round(o.late_ms) for o in bench.outcomes} == {0}

    virtual(test)


def test_it_ends_with_the_sources_and_passes_over_moments_without_a_request() -> None:
    async def test(loop: WarpLoop) -> None:
        given = iter([1, None, 2])
        bench = Bench(
            loop,
            constant(10),
            next_request=lambda a: Request(n, "default", (), "test") if (n := next(given)) else None,
            exhausted=lambda: loop.now_s > 0.25,
        )
        await bench.sender.run()
        await bench.sender.drain(1)
        assert bench.sent_at == [0, 0.2]
        assert bench.sender.view().sent == 2

    virtual(test)


def test_what_is_not_admitted_is_not_sent() -> None:
    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(0, 0.1, 0.2), admit=lambda assignment: assignment.request_id != 2)
        await bench.sender.run()
        await bench.sender.drain(1)
        assert [o.request_id for o in bench.outcomes] == [1, 3]
        assert bench.sender.view().sent == 2

    virtual(test)


@pytest.mark.parametrize(
    ("count", "slow", "p99", "saturated"),
    [
        (1, 0, 5.0, False),
        (100, 1, 5.0, False),
        (100, 2, 50.0, False),  # one or two may be the machine's
        (100, 3, 50.0, True),
        (400, 4, 5.0, False),
        (400, 5, 50.0, True),
    ],
)
def test_lateness_is_the_nearest_rank_p99(count: int, slow: int, p99: float, saturated: bool) -> None:
    async def test(loop: WarpLoop) -> None:
        late_s = [0.05] * slow + [0.005] * (count - slow)
        bench = Bench(loop, (Arrival(n / 100) for n in range(count)), late_s=lambda n: late_s[n - 1])
        await bench.sender.run()
        await bench.sender.drain(1)
        view = bench.sender.view()
        assert view.late_p99_ms == pytest.approx(p99)
        assert view.saturated is saturated

    virtual(test)


def test_lateness_is_forgotten_after_ten_seconds() -> None:
    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(0, 0, 0, 11), late_s=lambda number: 0.5 if number < 4 else 0.0)
        sending = asyncio.create_task(bench.sender.run())
        await asyncio.sleep(1)
        assert bench.sender.view().saturated
        await sending
        await bench.sender.drain(1)
        view = bench.sender.view()
        assert (view.late_p99_ms, view.saturated) == (about(0.0, abs=1e-6), False)
        assert view.offered_rps == pytest.approx(0.1)
        loop.now_s += 20
        assert bench.sender.view().late_p99_ms is None

    virtual(test)


def test_what_is_started_before_a_roll_back_is_assigned_after_it() -> None:
    async def test(loop: WarpLoop) -> None:
        wanted, drawn = ["new"], []

        def assign(number: int, task: str, **noted: Any) -> Assignment:
            drawn.append(wanted[0])
            return Assignment(number, task, wanted[0], 100.0, loop.now_s, **noted)

        bench = Bench(loop, at(0, 0, 0), assign=assign)
        sending = asyncio.create_task(bench.sender.run())
        # Comes between the start of the three, all due at once, and their hand-over.
        loop.call_soon(wanted.__setitem__, 0, "old")
        await sending
        await bench.sender.drain(1)
        assert drawn == ["old"] * 3

    virtual(test)


def test_answers_are_read_while_it_catches_up() -> None:
    async def test(loop: WarpLoop) -> None:
        def stalled(arrival: Arrival) -> Request:
            if arrival.due_s == 0:
                loop.now_s += 0.9
            return bench.next_request(arrival)

        bench = Bench(
            loop, (Arrival(n / 100) for n in range(64)), service_s=lambda _: 0.0, next_request=stalled
        )
        most = 0

        async def watch() -> None:
            nonlocal most
            while len(bench.outcomes) < 64:
                most = max(most, bench.sender.view().in_flight)
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        await bench.sender.run()
        await watching
        assert most < 64

    virtual(test)


@pytest.mark.parametrize("where", ["next_request", "assign", "admit", "exhausted"])
def test_a_fault_of_the_program_ends_the_sending_loudly(where: str) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise KeyError("broken")

    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(0, 0.1), **{where: broken})
        with pytest.raises(KeyError, match="broken"):
            await bench.sender.run()

    virtual(test)


def test_a_fault_while_booking_an_outcome_reaches_the_loop() -> None:
    async def test(loop: WarpLoop) -> None:
        heard: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: heard.append(context))

        def broken(_: Outcome) -> None:
            raise KeyError("broken")

        bench = Bench(loop, at(0, 0.1), on_outcome=broken)
        await bench.sender.run()
        await bench.sender.drain(1)
        await asyncio.sleep(0)
        assert [str(context["exception"]) for context in heard] == ["'broken'"] * 2
        assert bench.sender.view().in_flight == 0

    virtual(test)


def test_a_request_that_is_cut_before_it_began_is_never_sent() -> None:
    async def test(loop: WarpLoop) -> None:
        bench = Bench(loop, at(*[0.0] * 12))
        running = asyncio.create_task(bench.sender.run())
        await asyncio.sleep(0)
        # The tasks of all arrivals exist, but none has taken its first step.
        assert bench.sender.view().in_flight == 12
        assert bench.sent == []
        bench.sender.cut()
        await running
        await bench.sender.drain(0.0)
        assert (bench.sent, bench.outcomes, bench.sender.view().sent) == ([], [], 0)

    virtual(test)
