"""Questions of the inline prompt: what they preview, how answers are read, and who gets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.verdict_words import decision_said
from tui.cockpit.text.weights import WeightWish, current_pct, parse_weight
from tui.cockpit.ui_state import View, canaries
from tui.cockpit.widgets.prompt import Prompt
from tui.model import PlayerView, Snapshot
from tui.routing.weights import describe, raised, with_share

TextTaken = Callable[[str], object]


def ask_weight(
    prompt: Prompt, deployment: str, view: Callable[[], View], then: Callable[[WeightWish], object]
) -> None:
    """An exact weight for one deployment; ``view`` gives the newest weights while the text is typed."""

    def preview(text: str) -> str:
        try:
            return wish_preview(view(), parse_weight(text, view().all_tasks, deployment))
        except ValueError as error:
            return str(error)

    def answer(text: str) -> str | None:
        try:
            wish = parse_weight(text, view().all_tasks, deployment)
        except ValueError as error:
            return str(error)
        then(wish)
        return None

    now = fmt.weight(current_pct(view().live, deployment, None))
    prompt.ask(f"weight of {view().short(deployment)}{_of_task(view())}", now, answer, preview)


def ask_mark(prompt: Prompt, then: TextTaken) -> None:
    """A note for the event log."""

    def answer(text: str) -> str | None:
        then(text)
        return None

    prompt.ask("mark", "", answer, lambda text: "Enter writes it into the log" if text.strip() else "")


def ask_filter(prompt: Prompt, now: str, then: TextTaken) -> None:
    """A text that events must hold to be shown."""

    def answer(text: str) -> str | None:
        then(text.strip())
        return None

    prompt.ask("show events with", now, answer, lambda text: "" if text else "Enter shows all")


def ask_search(prompt: Prompt, now: str, then: TextTaken) -> None:
    """A text that samples must hold to be listed."""

    def answer(text: str) -> str | None:
        then(text.strip())
        return None

    prompt.ask("samples with", now, answer, lambda text: "in prompt or answer" if text else "Enter lists all")


def ask_note(prompt: Prompt, name: str, now: str, then: TextTaken) -> None:
    """A note to the score of one answer; ``name`` says which without naming its version."""

    def answer(text: str) -> str | None:
        then(text.strip())
        return None

    prompt.ask(f"note to {name}", now, answer, lambda text: "" if text else "Enter leaves it without")


def ask_seek(prompt: Prompt, view: Callable[[], View], then: Callable[[float], object]) -> None:
    """A moment of the recording."""

    def answer(text: str) -> str | None:
        try:
            then(sought_s(text, view()))
        except ValueError as error:
            return str(error)
        return None

    prompt.ask("seek", "", answer, lambda text: moment_preview(text, view()))


def sought_s(text: str, view: View) -> float:
    """The second of the run that is typed.

    Raises:
        ValueError: It is no moment of a recording; the text says what is accepted.
    """
    if view.live.player is None:
        raise ValueError("this is no recording: there is nothing to seek in")
    return parse_seek(text, view.live, view.live.player)


def moment_preview(text: str, view: View) -> str:
    """What seeking there would show, or why it cannot be done."""
    try:
        at_s = sought_s(text, view)
        return "" if view.live.player is None else seek_preview(at_s, view.live, view.live.player)
    except ValueError as error:
        return str(error)


def wish_preview(view: View, wish: WeightWish) -> str:
    """From -> to of every deployment that changes, whether a canary gets more, and when a verdict follows.

    Raises:
        ValueError: The weights cannot be had; the text says why.
    """
    weights, task = view.all_tasks.weights, wish.task or view.ui.task
    after = with_share(weights, wish.deployment, wish.pct, baseline=view.live.baseline, task=task)
    more = raised(weights, after, view.live.baseline)
    rises = "  ▲ raises" if more else ""
    return describe(weights, after, view.names) + rises + _decision(view, wish)


def _decision(view: View, wish: WeightWish) -> str:
    if wish.deployment not in canaries(view.live) or wish.pct <= 0:
        return ""
    said = decision_said(view.live.verdicts.get(wish.deployment, ()), wish.pct)
    return f"  {said}" if said else ""


def _of_task(view: View) -> str:
    return "" if view.ui.task is None else f" for {fmt.clip(view.ui.task, 20)}"


_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?Z?", re.ASCII)
_AFTER_START: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)
_DAY_S: Final = 86_400.0
_ACCEPTED: Final = "type 14:03:12 on the clock of the run (UTC), or 12m30s after its start"


def parse_seek(text: str, snapshot: Snapshot, player: PlayerView) -> float:
    """Seconds of the run for ``14:03:12``, ``14:03``, ``12m30s`` or ``1h``.

    The clock shows whole seconds, and so the second that the run began in is its start. A time that the run saw
    on several days means the one that is nearest to what is shown.

    Raises:
        ValueError: No moment, or none of this run; the text says what is accepted.
    """
    typed = text.strip()
    if on_clock := _CLOCK.fullmatch(typed):
        hours, minutes, seconds = (int(part or 0) for part in on_clock.groups())
        return _on_clock(3600.0 * hours + 60.0 * minutes + seconds, typed, snapshot, player)
    after_start = _AFTER_START.fullmatch(typed)
    if not typed or after_start is None:
        raise ValueError(f"{plain(typed, 20) or 'nothing'} is no moment: {_ACCEPTED}")
    hours, minutes, seconds = (int(part or 0) for part in after_start.groups())
    at_s = 3600.0 * hours + 60.0 * minutes + seconds
    if at_s > player.duration_s:
        raise ValueError(f"the run lasts {fmt.duration(player.duration_s)}, not {typed}")
    return at_s


def seek_preview(at_s: float, snapshot: Snapshot, player: PlayerView) -> str:
    """Which moment that is, and that going back takes its time.

    Raises:
        ValueError: The calendar has no such moment.
    """
    place = f"to {fmt.duration(at_s)} of {fmt.duration(player.duration_s)}"
    back = "   back: plays from the start, out of sight" if at_s < snapshot.at_s else ""
    return f"{place}, {instant(at_s, snapshot):%Y-%m-%d %H:%M:%S}Z{back}"


def instant(at_s: float, snapshot: Snapshot) -> datetime:
    """The UTC instant of a second of the run.

    Raises:
        ValueError: The calendar has no such instant.
    """
    try:
        return snapshot.at.astimezone(UTC) + timedelta(seconds=at_s - snapshot.at_s)
    except OverflowError:
        raise ValueError("the record of the run has impossible times") from None


def _on_clock(of_day_s: float, typed: str, snapshot: Snapshot, player: PlayerView) -> float:
    start, end = instant(0.0, snapshot), instant(player.duration_s, snapshot)
    start_s = 3600.0 * start.hour + 60.0 * start.minute + start.second
    first_s = (of_day_s - start_s) % _DAY_S - start.microsecond / 1e6
    if first_s > player.duration_s:
        raise ValueError(
            f"the run was from {start:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z, not {typed}"
        )
    days = min(max(round((snapshot.at_s - first_s) / _DAY_S), 0), (player.duration_s - first_s) // _DAY_S)
    return max(first_s + days * _DAY_S, 0.0)
