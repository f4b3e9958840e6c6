"""The one table of actions. Bindings, footer, help, palette and read-only all derive from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from textual.binding import Binding, BindingType
from textual.keys import format_key

from tui.cockpit.replaying import STEP_S, faster, leap_s, play_or_pause, seek_by, slower

if TYPE_CHECKING:
    from tui.cockpit.commands import Commands
    from tui.cockpit.controls import Playing
    from tui.cockpit.ui_state import View
    from tui.model import PlayerView

Risk = Literal["none", "lowers", "raises", "changes", "scores"]
Place = Literal["cockpit", "verdicts", "deployments", "samples", "sample"]
"""A screen with keys of its own."""
Session = Literal["live", "replay"]
"""A run that is under way, or a recording that is played."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does.

    ``risk`` is the direction in which it moves the exposure of users, or ``scores`` for what moves nothing but
    is written into the record: read-only leaves only ``none``. ``anywhere`` acts under dialogs too,
    ``while_typing`` in the inline prompt (keys that are no text). ``on`` are the screens where it acts, empty
    for all of them. ``only`` is the kind of session that has it, None for both; two actions may have one key
    when no session, or no screen, has both. ``help_in_replay`` is what it does there, where that differs.

    ``gives`` is the command that it gives, ``plays`` what it asks of whoever plays a recording, which returns
    what is to be said. Any other action is the method ``action_ID`` of the screen in view, else of the app.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    risk: Risk = "none"
    friction: str = "none"
    show_in_footer: bool = False
    short_label: str = ""
    anywhere: bool = False
    while_typing: bool = False
    on: tuple[Place, ...] = ()
    only: Session | None = None
    help_in_replay: str = ""
    gives: Callable[[Commands, View], object] | None = None
    plays: Callable[[Playing, PlayerView], str] | None = None


_LIVE: Final = "live"
_REPLAY: Final = "replay"
_TRAFFIC, _LOOK, _MOVE, _LOG, _APP = "weights and traffic", "what is shown", "move", "events", "cockpit"
_JUDGED, _PLAYED, _DEPLOYED, _SAMPLED = "verdicts, guard and plan", "replay", "deployments", "samples"
_COCKPIT: Final = ("cockpit",)
_VERDICTS: Final = ("verdicts",)
_DEPLOYMENTS: Final = ("deployments",)
_SAMPLE: Final = ("sample",)
_SAMPLES: Final = ("samples", "sample")

ACTIONS: tuple[Action, ...] = (
    Action(
        "roll_back", ("r", "ctrl+r"), "ROLL BACK", "Baseline to 100% at once; undo brings the weights back. "
        "The second key acts while typing too.", _TRAFFIC, "lowers", "none; dead baseline: twice", True,
        "ROLL BACK", anywhere=True, while_typing=True, only=_LIVE,
    ),
    Action("roll_back_task", ("R",), "Roll back task", "Baseline to 100% in the chosen task alone.", _TRAFFIC,
           "lowers", "none", short_label="Roll back task", only=_LIVE),
    Action("lower", ("-",), "Lower", "Canary down by one step; the baseline takes it.", _TRAFFIC, "lowers",
           "none", True, "Less", only=_LIVE,
           gives=lambda commands, view: commands.nudge(view, -view.ui.step_pct)),
    Action("raise", ("+", "="), "Raise", "Canary up by one step; refused on stale figures.", _TRAFFIC, "raises",
           "one step a press", True, "More", only=_LIVE,
           gives=lambda commands, view: commands.nudge(view, view.ui.step_pct)),
    Action("undo", ("u",), "Undo", "The weights before the last change.", _TRAFFIC, "changes",
           "raising: twice in 5 s", True, "Undo", only=_LIVE),
    Action("set_weight", ("w",), "Weight…", "Any weight for the chosen deployment; TASK=25 for one task.",
           _TRAFFIC, "changes", "Enter", True, "Set", only=_LIVE),
    Action("promote", ("P",), "Promote…", "Canary to 100%.", _TRAFFIC, "raises", "dialog, y accepts",
           only=_LIVE),
    Action("profiles", ("p",), "Profiles", "Saved weights: preview and apply.", _TRAFFIC, "changes",
           "Enter; raising: twice", True, "Profile", only=_LIVE),
    Action("pause_traffic", ("x",), "Pause", "Stop or continue sending requests.", _TRAFFIC, "changes", "none",
           True, "Pause", only=_LIVE,
           gives=lambda commands, view: commands.pause_or_continue(view)),
    Action("save_profile", ("s",), "Save weights…", "The current weights as a profile, with a note.", _TRAFFIC,
           "none", "Enter", only=_LIVE),
    Action("play_pause", ("x",), "Pause", "Stand still, or play on; at the end, play it again.", _PLAYED,
           show_in_footer=True, short_label="Pause", only=_REPLAY,
           plays=play_or_pause),
    Action("seek_ahead", (">",), "Ahead", "A twentieth of the run ahead, at least 10 s.", _PLAYED,
           show_in_footer=True, short_label="Ahead", only=_REPLAY,
           plays=lambda player, now: seek_by(player, leap_s(now))),
    Action("seek_back", ("<",), "Back in time", "As far back. What went before is played anew, out of sight.",
           _PLAYED, show_in_footer=True, short_label="Back", only=_REPLAY,
           plays=lambda player, now: seek_by(player, -leap_s(now))),
    Action("step_ahead", (".",), "10 s ahead", "10 s of the run ahead.", _PLAYED, only=_REPLAY,
           plays=lambda player, _: seek_by(player, STEP_S)),
    Action("step_back", (",",), "10 s back", "10 s of the run back.", _PLAYED, only=_REPLAY,
           plays=lambda player, _: seek_by(player, -STEP_S)),
    Action("faster", ("]",), "Faster", "Twice as fast, up to 1024x.", _PLAYED, show_in_footer=True,
           short_label="Faster", only=_REPLAY,
           plays=faster),
    Action("slower", ("[",), "Slower", "Half as fast, down to 0.125x.", _PLAYED, show_in_footer=True,
           short_label="Slower", only=_REPLAY,
           plays=slower),
    Action("seek", ("s",), "Seek…", "To 14:03:12 on the clock of the run (UTC), or 12m30s after its start.",
           _PLAYED, friction="Enter", show_in_footer=True, short_label="Seek", only=_REPLAY),
    Action("toggle_guard", ("a",), "Guard on/off", "Automatic roll back on WORSE: armed, or off.", _JUDGED,
           "changes", only=_LIVE,
           gives=lambda commands, _: commands.toggle_guard()),
    Action("hold_plan", ("H",), "Hold plan", "The plan stands still; weights stay.", _JUDGED, "lowers",
           short_label="Hold", only=_LIVE,
           gives=lambda commands, view: commands.hold_plan(view)),
    Action("resume_plan", ("C",), "Climb on", "The plan goes on, starts, or passes the gate it waits at.",
           _JUDGED, "raises", "one press", short_label="Climb on", only=_LIVE,
           gives=lambda commands, view: commands.resume_plan(view)),
    Action("skip_step", ("F",), "Skip step", "To the next step of the plan without waiting for more.", _JUDGED,
           "raises", "one press", only=_LIVE,
           gives=lambda commands, view: commands.skip_step(view)),
    Action("retry_step", ("B",), "Begin step again", "The step of the plan from its beginning.", _JUDGED,
           "raises", "one press", only=_LIVE,
           gives=lambda commands, view: commands.retry_step(view)),
    Action("verdicts", ("v",), "Verdicts", "Every criterion with its evidence; again for the next canary.",
           _JUDGED, short_label="Verdicts"),
    Action("explain", ("enter",), "Explain", "What the chosen criterion rests on, in full; again for less.",
           _JUDGED, short_label="Explain", on=_VERDICTS),
    Action("plan", ("L",), "Plan", "The ladder of the plan: where it stands, what it waits for.", _JUDGED,
           only=_LIVE),
    Action("deployments", ("d",), "Deployments",
           "All deployments: pins, phases, quota; again for the time line of their ends.", _DEPLOYED,
           short_label="Deployments", only=_LIVE),
    Action("create_canary", ("c",), "Create canary…",
           "A pinned deployment beside the baseline, without traffic.", _DEPLOYED,
           "changes", "form, Enter", short_label="Create", on=_DEPLOYMENTS, only=_LIVE),
    Action("add_deployment", ("o",), "Add to rollout", "The chosen deployment joins this run at weight 0.",
           _DEPLOYED, "changes", short_label="Add", on=_DEPLOYMENTS, only=_LIVE),
    Action("remove_deployment", ("X",), "Remove…", "The chosen deployment is deleted from its account.",
           _DEPLOYED, "changes", "type its name", short_label="Remove", on=_DEPLOYMENTS,
           only=_LIVE),
    Action("samples", ("i",), "Samples", "Kept requests with their answers: to read, compare and score.",
           _SAMPLED, short_label="Samples", help_in_replay="Says why a recording has none."),
    Action("open_sample", ("enter",), "Read", "Prompt and answers of the chosen one; there the whole prompt.",
           _SAMPLED, short_label="Read", on=_SAMPLES, only=_LIVE),
    Action("sample_filter", ("f",), "Filter…", "Which are listed: version, slow, error, wrong, unscored.",
           _SAMPLED, friction="menu, a letter", short_label="Filter", on=_SAMPLES, only=_LIVE),
    Action("search_samples", ("/",), "Search…", "Only with this text in prompt or answer; empty lists all.",
           _SAMPLED, friction="Enter", short_label="Search", on=_SAMPLES, only=_LIVE),
    Action("next_sample", ("n",), "Next sample", "The next one of the list.", _SAMPLED, short_label="Next",
           on=_SAMPLE, only=_LIVE),
    Action("previous_sample", ("N",), "Sample before", "The one before it.", _SAMPLED, on=_SAMPLE, only=_LIVE),
    Action("answer_a", ("h", "left"), "Answer A", "The answer that scores, note and copy are of.", _SAMPLED,
           on=_SAMPLE, only=_LIVE),
    Action("answer_b", ("l", "right"), "Answer B", "The other one.", _SAMPLED, on=_SAMPLE, only=_LIVE),
    Action("score_1", ("1",), "Score 1", "Useless. Then the next answer without a score.", _SAMPLED, "scores",
           short_label="Score", on=_SAMPLE, only=_LIVE),
    Action("score_2", ("2",), "Score 2", "Poor.", _SAMPLED, "scores", on=_SAMPLE, only=_LIVE),
    Action("score_3", ("3",), "Score 3", "Usable.", _SAMPLED, "scores", on=_SAMPLE, only=_LIVE),
    Action("score_4", ("4",), "Score 4", "Good.", _SAMPLED, "scores", on=_SAMPLE, only=_LIVE),
    Action("score_5", ("5",), "Score 5", "As good as can be.", _SAMPLED, "scores", on=_SAMPLE, only=_LIVE),
    Action("skip_sample", ("0",), "Skip", "The next sample without a score, leaving this one.", _SAMPLED,
           short_label="Skip", on=_SAMPLE, only=_LIVE),
    Action("unscore", ("U", "backspace"), "Take back", "Your last score of this session, and back to it.",
           _SAMPLED, "scores", short_label="Take back", on=_SAMPLE, only=_LIVE),
    Action("note_score", ("c",), "Note…", "A note to the score of the chosen answer.", _SAMPLED, "scores",
           "Enter", short_label="Note", on=_SAMPLE, only=_LIVE),
    Action("reveal", ("b",), "Reveal", "Which version answered; from then on scores count as not blind.",
           _SAMPLED, short_label="Reveal", on=_SAMPLES, only=_LIVE),
    Action("copy_prompt", ("Y",), "Copy prompt", "The prompt of the sample to the clipboard.", _SAMPLED,
           on=_SAMPLE, only=_LIVE),
    Action("freeze", ("space",), "Freeze", "Hold the picture still. Measuring, keys and traffic go on.", _LOOK,
           show_in_footer=True, short_label="Freeze",
           help_in_replay="Hold the picture still. The recording and the keys go on."),
    Action("next_window", ("t",), "Window", "Next window: 1m, 5m, 15m, 60m, run.", _LOOK, show_in_footer=True,
           short_label="Time"),
    Action("previous_window", ("T",), "Previous window", "The window before.", _LOOK),
    Action("plot_latency", ("1",), "Latency plot", "Latency alone; again for all.", _LOOK, on=_COCKPIT),
    Action("plot_cost", ("2",), "Cost plot", "Cost alone; again for all.", _LOOK, on=_COCKPIT),
    Action("plot_quality", ("3",), "Filter and error plot", "Filter and errors alone; again for all.", _LOOK,
           on=_COCKPIT),
    Action("plot_weights", ("4",), "Weight plot", "Weights alone; again for all.", _LOOK, on=_COCKPIT),
    Action("all_plots", ("0",), "All plots", "All four plots.", _LOOK, on=_COCKPIT),
    Action("zoom", ("z",), "Zoom", "The chosen plot alone, and back.", _LOOK, show_in_footer=True,
           short_label="Zoom", on=_COCKPIT),
    Action("crosshair_back", ("h", "left"), "Reading back", "While frozen: the values of a moment, going back.",
           _LOOK, on=_COCKPIT),
    Action("crosshair_forward", ("l", "right"), "Reading forward", "While frozen: a moment later.", _LOOK,
           on=_COCKPIT),
    Action("down", ("j", "down"), "Down", "Next row; scrolls in details.", _MOVE),
    Action("up", ("k", "up"), "Up", "Row before.", _MOVE),
    Action("page_down", ("pagedown", "ctrl+d"), "Half a page down", "Half a screen of rows or lines.", _MOVE),
    Action("page_up", ("pageup", "ctrl+u"), "Half a page up", "As far up.", _MOVE),
    Action("next_task", ("tab",), "Next task", "All tasks, or one: figures, keys, plan and verdicts are of it.",
           _MOVE, short_label="Task"),
    Action("previous_task", ("shift+tab",), "Previous task", "The task before.", _MOVE),
    Action("first", ("g", "home"), "First", "First row.", _MOVE),
    Action("last", ("G", "end"), "Last", "Last row.", _MOVE),
    Action("details", ("enter",), "Details", "Everything measured of the chosen deployment.", _MOVE,
           on=_COCKPIT),
    Action("back", ("escape",), "Back", "Leave the innermost thing; never acts.", _MOVE, while_typing=True),
    Action("filter", ("/",), "Filter", "Show only events with this text; empty shows all.", _LOG,
           friction="Enter", on=_COCKPIT),
    Action("next_event", ("n",), "Next", "Towards newer events that match.", _LOG, on=_COCKPIT),
    Action("previous_event", ("N",), "Previous", "Towards older events.", _LOG, on=_COCKPIT),
    Action("mark", ("m",), "Mark…", "Write a note into the event log.", _LOG, friction="Enter", only=_LIVE),
    Action("take_over", ("K",), "Take control", "This cockpit gives the commands; who had control looks on.",
           _APP, "changes", short_label="Control", only=_LIVE),
    Action("suspend", ("ctrl+z",), "Shell", "Back to the shell until fg; the run goes on.", _APP,
           help_in_replay="Back to the shell until fg."),
    Action("command", (":",), "Command", "All actions by name; weight NAME=25, with ! to override a refusal.",
           _APP, friction="Enter", help_in_replay="All actions by name; seek 14:03:12, or seek 12m30s."),
    Action("copy", ("y",), "Copy", "What is shown, or the chosen answer, to the terminal's clipboard (OSC 52).",
           _APP),
    Action("export", ("e",), "Export", "Picture, figures, state as SVG, CSV, JSON; samples as a task file.",
           _APP, help_in_replay="Picture, figures and state as SVG, CSV and JSON files."),
    Action("help", ("?",), "Help", "The keys, and what each column means.", _APP, show_in_footer=True,
           short_label="Help"),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "Quit",
           "Leave; the run goes on, or ends. ctrl+c twice ends it at once.", _APP, show_in_footer=True,
           short_label="Quit", while_typing=True, help_in_replay="Leave."),
)  # fmt: skip

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def belongs(action: Action, session: Session) -> bool:
    """Whether a session of this kind has the action at all."""
    return action.only in (None, session)


def acts_on(action: Action, place: Place | None) -> bool:
    """Whether the action acts on that screen; None is a screen without keys of its own."""
    return not action.on or place in action.on


def allowed(action: Action, *, read_only: bool, session: Session = "live") -> bool:
    """Whether the session has this action, and read-only leaves it."""
    return belongs(action, session) and (not read_only or action.risk == "none")


def help_of(action: Action, session: Session) -> str:
    """What the action does in a session of this kind."""
    return action.help_in_replay if session == "replay" and action.help_in_replay else action.help


def bindings() -> list[BindingType]:
    """What the app binds; ids are what a keymap names.

    All of them are asked before any widget: a key that took the way through a widget could be overtaken by one
    that was pressed after it, and ``+ r`` would end with the canary raised. Whether an action may run now is
    for the app's ``check_action`` to say.
    """
    return [_bind(action, f"act({action.id!r})", first=True) for action in ACTIONS]


def dialog_bindings(**methods: str) -> list[BindingType]:
    """The keys of the named actions for a dialog, running its own methods; rebound together with the app's."""
    return [_bind(BY_ID[name], method, first=False) for name, method in methods.items()]


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys in force, as they are printed on the keyboard."""
    chosen = keymap.get(action.id)
    return action.keys if chosen is None else tuple(key.strip() for key in chosen.split(","))


def first_keys(keymap: Mapping[str, str]) -> dict[str, str]:
    """Action id -> the first of its keys."""
    return {action.id: keys_of(action, keymap)[0] for action in ACTIONS}


def whole_keymap(keymap: Mapping[str, str]) -> dict[str, str]:
    """The keymap with the actions that it leaves alone: where one of two actions on a key is rebound, Textual
    would take the key away from both."""
    return {a.id: ",".join(_names(keys_of(a, keymap))) for a in ACTIONS} if keymap else {}


def actions_on(key: str, character: str | None, keymap: Mapping[str, str]) -> list[Action]:
    """All actions that a key event may run, whatever session and screen."""
    wanted = {format_key(name) for name in (key, character) if name}
    return [a for a in ACTIONS if wanted & {format_key(k) for k in keys_of(a, keymap)}]


def action_of(
    key: str,
    character: str | None,
    keymap: Mapping[str, str],
    session: Session = "live",
    place: Place | None = None,
) -> Action | None:
    """The action that a key event would run on a screen; where that screen, or this session, has none on that
    key, the one of another."""
    found = actions_on(key, character, keymap)
    found = [a for a in found if acts_on(a, place)] or found
    return next((a for a in found if belongs(a, session)), next(iter(found), None))


def keymap_mistakes(keymap: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with a keymap (action id -> keys, separated by commas): unknown ids, clashes, no key."""
    mistakes = [f"keys: no action is named {name}: {', '.join(BY_ID)}" for name in keymap if name not in BY_ID]
    taken: dict[str, list[Action]] = {}
    for action in ACTIONS:
        for key in keys_of(action, keymap):
            name = format_key(key)
            if not name:
                mistakes.append(f"keys: {action.id} = {keymap[action.id]!r} names no key")
                continue
            others = taken.setdefault(name, [])
            mistakes += [
                f"keys: {key} is given to both {other.id} and {action.id}"
                for other in others
                if _meet(action, other)
            ]
            others.append(action)
    if "y" in keys_of(BY_ID["promote"], keymap):
        mistakes.append("keys: promote cannot be y, which is the key that answers its dialog")
    return tuple(mistakes)


def _meet(one: Action, other: Action) -> bool:
    """Whether some session has both on one screen."""
    sessions = one.only is None or other.only in (None, one.only)
    return sessions and (not one.on or not other.on or bool(set(one.on) & set(other.on)))


def _names(keys: Iterable[str]) -> Iterable[str]:
    """As Textual takes them in one text: a comma separates keys there."""
    return ("comma" if key == "," else key for key in keys)


def _bind(action: Action, method: str, *, first: bool) -> Binding:
    return Binding(
        ",".join(_names(action.keys)),
        method,
        action.label,
        show=action.show_in_footer,
        priority=first,
        tooltip=action.help,
        id=action.id,
    )
