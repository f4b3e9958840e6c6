"""Weight profiles: the picker of saved weights, and the dialog that saves the current ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.base.text import plain
from tui.cockpit.actions import dialog_bindings
from tui.cockpit.screens.dialog import Dialog
from tui.routing.weights import raised, shares_of
from tui.weight_profiles import BrokenProfile, WeightProfile


class ProfilesScreen(Dialog):
    """Enter applies; where that raises a canary, a second Enter on the same profile."""

    BINDINGS: ClassVar[list[BindingType]] = dialog_bindings(down="down", up="up")
    TITLE = "weight profiles (Enter applies, esc leaves)"
    AUTO_FOCUS = "OptionList"

    def __init__(self) -> None:
        super().__init__()
        self._profiles: tuple[WeightProfile | BrokenProfile, ...] = ()
        self._consent: WeightProfile | None = None

    def body(self) -> Iterable[Widget]:
        """List and preview."""
        yield OptionList(markup=False)
        yield Static("reading the profiles", id="preview", markup=False)

    def on_mount(self) -> None:
        """They are read meanwhile."""
        self.host.commands.list_profiles(self._show_profiles)

    def _show_profiles(self, profiles: Sequence[WeightProfile | BrokenProfile]) -> None:
        if not self.is_attached:
            return
        self._profiles = tuple(profiles)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Content(_title(profile))) for profile in profiles])
        if profiles:
            options.highlighted = 0
        else:
            save = self.host.view.ui.keys["save_profile"]
            self._say(f"no profile is saved yet: {save} in the cockpit saves the current weights")

    def action_down(self) -> None:
        """Next profile."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Profile before."""
        self.query_one(OptionList).action_cursor_up()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self._consent = None
        profile = self._profiles[message.option_index]
        self._say(profile.error if isinstance(profile, BrokenProfile) else self._preview(profile))

    @on(OptionList.OptionSelected)
    def _chosen(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        profile = self._profiles[message.option_index]
        if isinstance(profile, BrokenProfile):
            self._say(f"{profile.error}\nThis file cannot be applied: mend or remove it.")
            return
        live = self.host.view.all_tasks
        if raised(live.weights, profile.weights, live.baseline) and self._consent is not profile:
            self._consent = profile
            self._say(self._preview(profile))
            return
        self.host.commands.apply(self.host.view, profile)
        self.dismiss()

    def _preview(self, profile: WeightProfile) -> str:
        live = self.host.view.all_tasks
        lines = [f"saved {profile.saved_at:%Y-%m-%d %H:%M} UTC by {plain(profile.saved_by, 40)}"]
        if profile.note:
            lines.append(plain(profile.note, 200))
        if profile.rollout != live.rollout:
            lines.append(f"▲ saved for another rollout: {plain(profile.rollout, 60)}")
        strange = {n for shares in profile.weights.values() for n in shares} - set(live.deployments)
        if strange:
            lines.append(f"▲ not in this rollout: {plain(', '.join(sorted(strange)), 120)}")
        known = {task: shares for task, shares in profile.weights.items() if task in live.weights}
        lines.append("now → profile" if known else "no task of this rollout is in it")
        lines += [
            f"  {plain(task, 30)}: "
            + ", ".join(
                f"{plain(n, 40)} {shares_of(live.weights, task).get(n, 0):g} → {p:g}%"
                for n, p in shares.items()
            )
            for task, shares in known.items()
        ]
        if more := raised(live.weights, profile.weights, live.baseline):
            times = "once more" if self._consent is profile else "twice"
            lines.append(f"▲ raises {plain(', '.join(more), 120)}: press Enter {times} to apply")
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        self.query_one("#preview", Static).update(Content(text))


def _title(profile: WeightProfile | BrokenProfile) -> str:
    if isinstance(profile, BrokenProfile):
        return f"✗ {plain(profile.path.name, 60)}  broken"
    return f"  {plain(profile.name, 60)}"


class SaveProfileScreen(Dialog):
    """Enter goes from the name to the note, then saves; an existing name needs a second Enter."""

    TITLE = "save the current weights (Enter saves, esc leaves)"
    AUTO_FOCUS = "#profile-name"

    def __init__(self, weights: str) -> None:
        super().__init__()
        self._weights = weights
        self._taken: frozenset[str] = frozenset()
        self._consent = ""

    def body(self) -> Iterable[Widget]:
        """What is saved, and the two fields."""
        yield Static(Content(self._weights), markup=False, classes="muted")
        for name, placeholder in (("name", "name"), ("note", "note: why these weights (optional)")):
            field = Input(placeholder=placeholder, id=f"profile-{name}", compact=True, max_length=200)
            field.cursor_blink = False
            yield field
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Which names are taken is read meanwhile."""
        self.host.commands.list_profiles(self._know_names)

    def _know_names(self, profiles: Sequence[WeightProfile | BrokenProfile]) -> None:
        self._taken = frozenset(p.name for p in profiles if isinstance(p, WeightProfile))

    @on(Input.Submitted, "#profile-name")
    def _named(self, message: Input.Submitted) -> None:
        message.stop()
        if message.value.strip():
            self.query_one("#profile-note", Input).focus()
        else:
            self._say("a profile needs a name")

    @on(Input.Submitted, "#profile-note")
    def _noted(self, message: Input.Submitted) -> None:
        message.stop()
        name = self.query_one("#profile-name", Input).value.strip()
        if not name:
            self._say("a profile needs a name")
            return
        if name in self._taken and self._consent != name:
            self._consent = name
            self._say(f"{name} exists: Enter again replaces it")
            return
        self.host.commands.save(name, message.value.strip(), replace=self._consent == name)
        self.dismiss()

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(Content(text))
