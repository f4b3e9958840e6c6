"""The one table of actions. Bindings, footer, help, palette and read-only all derive from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType
from textual.keys import format_key

Risk = Literal["none", "lowers", "raises", "changes"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does.

    ``risk`` is the direction in which it moves the exposure of users: read-only leaves only ``none``.
    ``anywhere`` acts under dialogs too, ``while_typing`` in the inline prompt (keys that are no text).
    ``cockpit_only`` needs the plots, table and log in view.
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
    cockpit_only: bool = False


_TRAFFIC, _LOOK, _MOVE, _LOG, _APP = "weights and traffic", "what is shown", "move", "events", "cockpit"
_JUDGED = "verdicts, guard and plan"

ACTIONS: tuple[Action, ...] = (
    Action(
        "roll_back", ("r", "ctrl+r"), "ROLL BACK", "Baseline to 100% at once; undo brings the weights back. "
        "The second key acts while typing too.", _TRAFFIC, "lowers", "none, on every screen", True, "ROLL BACK",
        anywhere=True, while_typing=True,
    ),
    Action("lower", ("-",), "Lower", "Canary down by one step; the baseline takes it.", _TRAFFIC, "lowers",
           "none", True, "Less"),
    Action("raise", ("+", "="), "Raise", "Canary up by one step; refused on stale figures.", _TRAFFIC, "raises",
           "one step a press", True, "More"),
    Action("undo", ("u",), "Undo", "The weights before the last change.", _TRAFFIC, "changes",
           "raising: twice in 5 s", True, "Undo"),
    Action("set_weight", ("w",), "Weight…", "Any weight for the chosen deployment; TASK=25 for one task.",
           _TRAFFIC, "changes", "Enter", True, "Set"),
    Action("promote", ("P",), "Promote…", "Canary to 100%.", _TRAFFIC, "raises", "dialog, y accepts"),
    Action("profiles", ("p",), "Profiles", "Saved weights: preview and apply.", _TRAFFIC, "changes",
           "Enter; raising: twice", True, "Profile"),
    Action("pause_traffic", ("x",), "Pause", "Stop or continue sending requests.", _TRAFFIC, "changes", "none",
           True, "Pause"),
    Action("save_profile", ("s",), "Save weights…", "The current weights as a profile, with a note.", _TRAFFIC,
           "none", "Enter"),
    Action("toggle_guard", ("a",), "Guard on/off", "Automatic roll back on WORSE: armed, or off.", _JUDGED,
           "changes"),
    Action("hold_plan", ("H",), "Hold plan", "The plan stands still; weights stay.", _JUDGED, "lowers",
           short_label="Hold"),
    Action("resume_plan", ("C",), "Climb on", "The plan goes on, starts, or passes the gate it waits at.",
           _JUDGED, "raises", "one press", short_label="Climb on"),
    Action("skip_step", ("F",), "Skip step", "To the next step of the plan without waiting for more.", _JUDGED,
           "raises", "one press"),
    Action("retry_step", ("B",), "Begin step again", "The step of the plan from its beginning.", _JUDGED,
           "raises", "one press"),
    Action("verdicts", ("v",), "Verdicts", "Every criterion with its evidence; again for the next canary.",
           _JUDGED, short_label="Verdicts"),
    Action("plan", ("L",), "Plan", "The ladder of the plan: where it stands, what it waits for.", _JUDGED),
    Action("freeze", ("space",), "Freeze", "Hold the picture still. Measuring, keys and traffic go on.", _LOOK,
           show_in_footer=True, short_label="Freeze"),
    Action("next_window", ("t",), "Window", "Next window: 1m, 5m, 15m, 60m, run.", _LOOK, show_in_footer=True,
           short_label="Time"),
    Action("previous_window", ("T",), "Previous window", "The window before.", _LOOK),
    Action("plot_latency", ("1",), "Latency plot", "Latency alone; again for all.", _LOOK, cockpit_only=True),
    Action("plot_cost", ("2",), "Cost plot", "Cost alone; again for all.", _LOOK, cockpit_only=True),
    Action("plot_quality", ("3",), "Filter and error plot", "Filter and errors alone; again for all.", _LOOK,
           cockpit_only=True),
    Action("plot_weights", ("4",), "Weight plot", "Weights alone; again for all.", _LOOK, cockpit_only=True),
    Action("all_plots", ("0",), "All plots", "All four plots.", _LOOK, cockpit_only=True),
    Action("zoom", ("z",), "Zoom", "The chosen plot alone, and back.", _LOOK, show_in_footer=True,
           short_label="Zoom", cockpit_only=True),
    Action("crosshair_back", ("h", "left"), "Reading back", "While frozen: the values of a moment, going back.",
           _LOOK, cockpit_only=True),
    Action("crosshair_forward", ("l", "right"), "Reading forward", "While frozen: a moment later.", _LOOK,
           cockpit_only=True),
    Action("down", ("j", "down"), "Down", "Next row; scrolls in details.", _MOVE),
    Action("up", ("k", "up"), "Up", "Row before.", _MOVE),
    Action("first", ("g", "home"), "First", "First row.", _MOVE),
    Action("last", ("G", "end"), "Last", "Last row.", _MOVE),
    Action("details", ("enter",), "Details", "Everything measured of the chosen deployment.", _MOVE,
           cockpit_only=True),
    Action("back", ("escape",), "Back", "Leave the innermost thing; never acts.", _MOVE, while_typing=True),
    Action("filter", ("/",), "Filter", "Show only events with this text; empty shows all.", _LOG,
           friction="Enter", cockpit_only=True),
    Action("next_event", ("n",), "Next", "Towards newer events that match.", _LOG, cockpit_only=True),
    Action("previous_event", ("N",), "Previous", "Towards older events.", _LOG, cockpit_only=True),
    Action("mark", ("m",), "Mark…", "Write a note into the event log.", _LOG, friction="Enter"),
    Action("command", (":",), "Command", "All actions by name; weight NAME=25, with ! to override a refusal.",
           _APP, friction="Enter"),
    Action("copy", ("y",), "Copy", "What is shown, as text, to the clipboard of the terminal (OSC 52).", _APP),
    Action("export", ("e",), "Export", "Picture, figures and state as SVG, CSV and JSON files.", _APP),
    Action("help", ("?",), "Help", "The keys, and what each column means.", _APP, show_in_footer=True,
           short_label="Help"),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "Quit", "End the run and leave.", _APP, show_in_footer=True,
           short_label="Quit", while_typing=True),
)  # fmt: skip

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def allowed(action: Action, *, read_only: bool) -> bool:
    """Whether read-only leaves this action."""
    return not read_only or action.risk == "none"


def bindings() -> list[BindingType]:
    """What the app binds; ids are what a keymap names.

    All of them are asked before any widget: a key that took the way through a widget could be overtaken by one
    that was pressed after it, and ``+ r`` would end with the canary raised. Whether an action may run now is
    for the app's ``check_action`` to say.
    """
    return [_bind(action, action.id, first=True) for action in ACTIONS]


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


def action_of(key: str, character: str | None, keymap: Mapping[str, str]) -> Action | None:
    """The action that a key event would run."""
    wanted = {format_key(name) for name in (key, character) if name}
    return next((a for a in ACTIONS if wanted & {format_key(k) for k in keys_of(a, keymap)}), None)


def keymap_mistakes(keymap: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with a keymap (action id -> keys, separated by commas): unknown ids, clashes, no key."""
    mistakes = [f"keys: no action is named {name}: {', '.join(BY_ID)}" for name in keymap if name not in BY_ID]
    taken: dict[str, str] = {}
    for action in ACTIONS:
        for key in keys_of(action, keymap):
            name = format_key(key)
            if not name:
                mistakes.append(f"keys: {action.id} = {keymap[action.id]!r} names no key")
            elif name in taken:
                mistakes.append(f"keys: {key} is given to both {taken[name]} and {action.id}")
            else:
                taken[name] = action.id
    if "y" in keys_of(BY_ID["promote"], keymap):
        mistakes.append("keys: promote cannot be y, which is the key that answers its dialog")
    return tuple(mistakes)


def _bind(action: Action, method: str, *, first: bool) -> Binding:
    return Binding(
        ",".join(action.keys),
        method,
        action.label,
        show=action.show_in_footer,
        priority=first,
        tooltip=action.help,
        id=action.id,
    )
