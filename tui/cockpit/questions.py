"""What the inline prompt asks, and the message that an answer becomes."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from tui.cockpit import format as fmt
from tui.cockpit.messages import (
    FilterTyped,
    MarkWritten,
    NoteWritten,
    SamplesSearched,
    SeekWished,
    WeightWished,
)
from tui.cockpit.seek import parse_seek, seek_preview
from tui.cockpit.ui_state import View, canaries
from tui.cockpit.verdict_words import decision_said
from tui.cockpit.weight_view import WeightWish, current_pct, parse_weight
from tui.cockpit.widgets.prompt import Prompt
from tui.routing.weights import describe, raised, with_share

Post = Callable[[Message], object]


def ask_weight(prompt: Prompt, deployment: str, view: Callable[[], View], post: Post) -> None:
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
        post(WeightWished(wish))
        return None

    now = fmt.weight(current_pct(view().live, deployment, None))
    prompt.ask(f"weight of {view().short(deployment)}{_of_task(view())}", now, answer, preview)


def ask_mark(prompt: Prompt, post: Post) -> None:
    """A note for the event log."""

    def answer(text: str) -> str | None:
        post(MarkWritten(text))
        return None

    prompt.ask("mark", "", answer, lambda text: "Enter writes it into the log" if text.strip() else "")


def ask_filter(prompt: Prompt, now: str, post: Post) -> None:
    """A text that events must hold to be shown."""

    def answer(text: str) -> str | None:
        post(FilterTyped(text.strip()))
        return None

    prompt.ask("show events with", now, answer, lambda text: "" if text else "Enter shows all")


def ask_search(prompt: Prompt, now: str, post: Post) -> None:
    """A text that samples must hold to be listed."""

    def answer(text: str) -> str | None:
        post(SamplesSearched(text.strip()))
        return None

    prompt.ask("samples with", now, answer, lambda text: "in prompt or answer" if text else "Enter lists all")


def ask_note(prompt: Prompt, sample: int, deployment: str, name: str, now: str, post: Post) -> None:
    """A note to the score of one answer; ``name`` says which without naming its version."""

    def answer(text: str) -> str | None:
        post(NoteWritten(sample, deployment, text.strip()))
        return None

    prompt.ask(f"note to {name}", now, answer, lambda text: "" if text else "Enter leaves it without")


def ask_seek(prompt: Prompt, view: Callable[[], View], post: Post) -> None:
    """A moment of the recording."""

    def answer(text: str) -> str | None:
        try:
            post(SeekWished(sought_s(text, view())))
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
