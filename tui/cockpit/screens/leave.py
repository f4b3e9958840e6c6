"""The question on leaving: the run goes on without this cockpit, or ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui.base.text import plain, seconds_in
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.ui_state import View
from tui.model import PlanState

_AUTOMATIC = (PlanState.CLIMBING, PlanState.WATCHING)
_WITHOUT_BUDGET = "1h"


def acts_by_itself(view: View) -> bool:
    """Whether the guard or a plan does something for this run while nobody looks."""
    live = view.all_tasks
    return live.guard.mode != "off" or any(plan.state in _AUTOMATIC for plan in live.plans)


class LeaveScreen(Dialog):
    """Enter takes the answer that has the focus: to leave it running where guard or plan act for it, else to
    end it. Without a budget somebody has to say when it ends by itself."""

    BINDINGS: ClassVar[list[BindingType]] = [("l", "leave_running", "Leave"), ("e", "end", "End")]
    TITLE = "leave this run (esc stays)"

    def __init__(self, view: View, *, rehearsed: bool) -> None:
        super().__init__()
        self._view = view
        self._leaves = acts_by_itself(view) and not rehearsed
        self._asks_for_end = view.all_tasks.budget_usd is None and view.all_tasks.ends_at is None

    def body(self) -> Iterable[Widget]:
        """What goes on or ends, and the answers."""
        live = self._view.all_tasks
        weights = "; ".join(
            " ".join(f"{plain(self._view.short(name), 24)} {pct:g}%" for name, pct in shares.items())
            for shares in live.weights.values()
        )
        yield Static(
            Content(f"{plain(live.environment, 24)}/{plain(live.rollout, 24)}: {weights}"), markup=False
        )
        for line in self._going_on():
            yield Static(Content(line), markup=False, classes="muted")
        if self._asks_for_end:
            yield Static(Content("it has no budget: left running, it ends after"), markup=False)
            field = Input(_WITHOUT_BUDGET, id="ends-after", compact=True, max_length=12)
            field.cursor_blink = False
            yield field
        yield Static("", id="said", markup=False)
        with Horizontal(classes="answers"):
            answers = [
                Button("Leave it running (l)", id="leave", compact=True),
                Button("End it (e)", id="end", compact=True),
            ]
            yield from answers if self._leaves else reversed(answers)

    def on_mount(self) -> None:
        """The default has the focus."""
        self.query_one("#leave" if self._leaves else "#end", Button).focus()

    def _going_on(self) -> Iterable[str]:
        live = self._view.all_tasks
        mode = live.guard.mode.replace("_", " ")
        yield f"guard {mode}" + "".join(f", plan {plan.state.value}" for plan in live.plans)
        if live.ends_at is not None:
            yield f"left running, it ends at {live.ends_at:%H:%M}Z"
        elif live.budget_usd is not None:
            spent = f"{live.spent_usd:.2f} of {live.budget_usd:.2f} USD spent"
            yield f"left running, it ends with its budget: {spent}"
        yield "ended, requests under way are cut and the weights stay as they are"

    def action_leave_running(self) -> None:
        """The run goes on."""
        ends_in_s: float | None = None
        if self._asks_for_end:
            text = self.query_one("#ends-after", Input).value
            ends_in_s = seconds_in(text)
            if not ends_in_s:
                said = f"{plain(text, 20) or 'nothing'} is no time: write 90s, 30m or 2h"
                self.query_one("#said", Static).update(Content(said))
                return
        self.dismiss()
        self.host.leave_run(ends_in_s)

    def action_end(self) -> None:
        """The run ends."""
        self.dismiss()
        self.host.end_run()

    @on(Input.Submitted)
    def _timed(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_leave_running()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        if message.button.id == "leave":
            self.action_leave_running()
        else:
            self.action_end()
