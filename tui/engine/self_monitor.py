"""What a run notices of itself: that it cannot keep its schedule, or its record."""

from __future__ import annotations

from tui.model import ENGINE, Ability, EventKind, RecordView, SenderView, able_again
from tui.routing.controller import Log


class Watches:
    """Each is said when it begins; of the record and the baseline also when it is over."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._saturated = False
        self._record_error: str | None = None
        self._kept_error = ""
        self._baseline_dead = False

    def sender(self, sender: SenderView) -> None:
        """Look at the sender."""
        if sender.saturated and not self._saturated:
            late = f"{sender.late_p99_ms:.0f} ms late at P99" if sender.late_p99_ms is not None else "late"
            room = f"{sender.in_flight} of {sender.max_in_flight} in flight"
            why = f"{sender.no_socket}; " if sender.no_socket else ""
            text = f"client saturated: {why}{sender.skipped} skipped, {room}, {late}"
            self._log(EventKind.SATURATED, ENGINE, text)
        self._saturated = sender.saturated

    def kept(self, error: str) -> None:
        """Look at the newest weights: why they could not be kept, empty where they were."""
        if error != self._kept_error:
            self._kept_error = error
            self._log(EventKind.RECORD, ENGINE, error or "the newest weights are kept again")

    def record(self, record: RecordView) -> None:
        """Look at the run record."""
        if record.error != self._record_error:
            self._record_error = record.error
            again = f"the run record is written again, {record.dropped} rows are missing"
            self._log(EventKind.RECORD, ENGINE, record.error or again)

    def baseline(self, name: str, ability: Ability) -> None:
        """Look at the baseline, of a run that sends. Not to know how it is ends nothing."""
        if ability.state == "unable" and not self._baseline_dead:
            self._baseline_dead = True
            self._log(EventKind.BASELINE_DEAD, ENGINE, f"{name} {ability.why}")
        elif ability.state == "able" and self._baseline_dead:
            self._baseline_dead = False
            self._log(EventKind.REACHABLE, ENGINE, able_again(name))
