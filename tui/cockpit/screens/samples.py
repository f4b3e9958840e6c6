"""The list of samples, with a cursor that stays on its sample, and the menu of its filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.base.text import plain
from tui.cockpit.actions import Place, dialog_bindings
from tui.cockpit.messages import ActionChosen, SampleChosen, SamplesWanted
from tui.cockpit.sample_filters import SampleFilter
from tui.cockpit.sample_list import Listed, Listing, Scoring
from tui.cockpit.screens.dialog import Dialog
from tui.cockpit.screens.scrolling import ScrollingScreen
from tui.cockpit.text.line import Line
from tui.cockpit.text.samples import filter_line, header_line, sample_row, shows_version
from tui.cockpit.text.wrapping import wrapped
from tui.cockpit.ui_state import View
from tui.cockpit.widgets.lines import TonedLines

_BETWEEN_S = 0.002
"""Keys are heard and the screen is painted between two pieces of a search."""

_NONE_YET = "no sample is kept yet"
_NONE_FITS = "no sample fits: {filter} changes the filter, {search} the text"


class SamplesScreen(ScrollingScreen):
    """Only the rows in view are made. As long as nobody has moved, the newest stands on top; then the chosen
    row stays where it is on the screen, whatever comes in above it."""

    PLACE: ClassVar[Place | None] = "samples"
    HELPS: ClassVar[frozenset[str]] = frozenset(
        {"back", "open_sample", "sample_filter", "search_samples", "reveal", "export"}
    )

    def __init__(
        self, keymap: Mapping[str, str], listing: Listing, scoring: Scoring, note: Callable[[], str]
    ) -> None:
        super().__init__(keymap)
        self._listing = listing
        self._scoring = scoring
        self._note = note
        self._top = 0
        self._searching = False
        self._was: tuple[int | None, int] = (None, 0)
        self.painted: tuple[int, ...] = ()
        """The ids of the rows in view, from the top."""
        self.at: int | None = None
        """The id of the row under the cursor, as it was last painted."""

    def body(self) -> Iterable[Widget]:
        """What is listed, titles, rows."""
        yield TonedLines(id="samples-head")
        yield TonedLines(id="samples-rows")

    def show_body(self, view: View) -> None:
        """The rows around the cursor."""
        if not self.in_view:
            return
        listed = self._listing.listed(view)
        area = self.query_one("#samples-rows", TonedLines)
        place = self._scroll(view, listed, area.size.height)
        rows = listed.rows[self._top : self._top + area.size.height]
        width = self.size.width - 3
        lines = [
            sample_row(sample, view, self._scoring, width, chosen=self._top + i == place)
            for i, sample in enumerate(rows)
        ]
        self.painted = tuple(sample.id for sample in rows)
        self.at = listed.rows[place].id if listed.rows else None
        self._remember_shown(view, rows)
        head = [Line(filter_line(view, listed, self._top), "title"), header_line(width)]
        self.query_one("#samples-head", TonedLines).show(head)
        area.show(lines or self._why_none(view, listed, width))
        if listed.unsearched and not self._searching:
            self._searching = True
            self.set_timer(_BETWEEN_S, self._search_on)

    def _scroll(self, view: View, listed: Listed, height: int) -> int:
        """Set the first row in view; returns the place of the cursor."""
        chosen = view.ui.samples.chosen
        if chosen is None:
            self._top, self._was = 0, (None, 0)
            return 0
        place = listed.places.get(chosen)
        if place is None:
            place = min(self._was[1], max(len(listed.rows) - 1, 0))
        elif chosen == self._was[0]:
            # What came in above moves the rows, not the cursor on the screen.
            self._top += place - self._was[1]
        self._was = (chosen, place)
        self._top = min(max(self._top, place - max(height, 1) + 1), place)
        self._top = max(min(self._top, len(listed.rows) - height), 0)
        return place

    def _remember_shown(self, view: View, rows: Sequence[object]) -> None:
        choices = view.ui.samples
        for sample in self._listing.listed(view).rows[self._top : self._top + len(rows)]:
            hidden = self._scoring.hidden(sample, choices, read_only=view.ui.read_only)
            if shows_version(sample, choices, hidden=hidden):
                self._scoring.show(sample)

    def _why_none(self, view: View, listed: Listed, width: int) -> list[Line]:
        keys = view.ui.keys
        if listed.unsearched:
            return []
        if listed.total:
            said = _NONE_FITS.format(filter=keys["sample_filter"], search=keys["search_samples"])
        else:
            said = self._note() or _NONE_YET
        return [Line(row, "warn") for row in wrapped(said, width)]

    def _search_on(self) -> None:
        self._searching = False
        if self._view is not None and self.is_attached:
            self._listing.search_on(self._view)
            self.show_body(self._view)

    def scroll_lines(self, lines: int) -> None:
        """The cursor moves, not the rows: the app does it."""

    def jump(self, *, last: bool) -> None:
        """As above."""

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the mouse."""
        area = self.query_one("#samples-rows", TonedLines)
        row = event.screen_y - area.region.y
        if 0 <= row < len(self.painted):
            self.post_message(SampleChosen(self.painted[row]))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """A row down."""
        self.post_message(ActionChosen("down"))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """A row up."""
        self.post_message(ActionChosen("up"))

    def plain_text(self) -> str:
        """The rows in view."""
        parts = [self.query_one(f"#{name}", TonedLines) for name in ("samples-head", "samples-rows")]
        return "\n".join(line.rstrip() for part in parts for line in part.plain_lines)


_SWITCHES: Final = (
    ("s", "slow", "slow", "longer than the P95 of what else is listed"),
    ("e", "error", "error", "what a caller sees as a failure of the version"),
    ("t", "throttled", "throttled", "refused for a rate limit or a used-up quota"),
    ("b", "filtered", "filtered", "prompt or answer blocked"),
    ("w", "wrong", "wrong answer", "graded, and not right"),
    ("d", "disagrees", "judge disagrees", "with a person, or scores 2 points apart; the worst first"),
    ("u", "unscored", "unscored", "no person has scored it: pairs that the judge scored first"),
)
_VERSION, _CLEAR = "v", "0"


class SampleFilterScreen(Dialog):
    """Each letter acts at once; the list behind it follows. The task is chosen as everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *dialog_bindings(sample_filter="leave", down="down", up="up"),
        ("space", "choose", "Change"),
        *((key, f"change('{key}')", name) for key, _, name, _ in _SWITCHES),
        (_VERSION, f"change('{_VERSION}')", "version"),
        (_CLEAR, f"change('{_CLEAR}')", "clear"),
    ]
    TITLE = "list only samples that are (a letter, or Enter; esc leaves)"
    AUTO_FOCUS = "OptionList"

    def __init__(self, wanted: SampleFilter, versions: Sequence[str], task_key: str) -> None:
        super().__init__()
        self._wanted = wanted
        self._versions = tuple(versions)
        self._task_key = task_key

    def body(self) -> Iterable[Widget]:
        """What can be changed."""
        yield OptionList(markup=False)
        yield Static(f"{self._task_key} chooses the task, outside of this menu", classes="muted", markup=False)

    def on_mount(self) -> None:
        """As it is now."""
        self._show(0)

    def action_down(self) -> None:
        """Next line."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Line before."""
        self.query_one(OptionList).action_cursor_up()

    def action_choose(self) -> None:
        """Change the line under the cursor."""
        self.query_one(OptionList).action_select()

    def action_change(self, key: str) -> None:
        """Switch one on or off, take the next version, or list all."""
        if key == _CLEAR:
            self._wanted = SampleFilter()
        elif key == _VERSION:
            ways = (None, *self._versions)
            now = ways.index(self._wanted.version) if self._wanted.version in ways else 0
            self._wanted = replace(self._wanted, version=ways[(now + 1) % len(ways)])
        else:
            name = next(name for letter, name, _, _ in _SWITCHES if letter == key)
            switched: dict[str, Any] = {name: not getattr(self._wanted, name)}
            self._wanted = replace(self._wanted, **switched)
        self._show(self._keys().index(key))
        self.app.post_message(SamplesWanted(self._wanted))

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.action_change(self._keys()[message.option_index])

    @staticmethod
    def _keys() -> list[str]:
        return [*(key for key, _, _, _ in _SWITCHES), _VERSION, _CLEAR]

    def _show(self, at: int) -> None:
        wanted = self._wanted
        lines = [
            f"{key}  {'[x]' if getattr(wanted, name) else '[ ]'} {word:<16} {what}"
            for key, name, word, what in _SWITCHES
        ]
        version = "any" if wanted.version is None else plain(wanted.version, 60)
        lines.append(f"{_VERSION}  version: {version} (one version: nothing is blind)")
        lines.append(f"{_CLEAR}  all samples, without a text")
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Content(line)) for line in lines])
        options.highlighted = at
