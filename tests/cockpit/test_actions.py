"""The one table of actions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.binding import Binding

from tests.support.cockpit_fakes import FakeControls
from tui.cockpit.actions import (
    ACTIONS,
    BY_ID,
    Action,
    Place,
    Session,
    action_of,
    acts_on,
    allowed,
    belongs,
    bindings,
    dialog_bindings,
    first_keys,
    help_of,
    keymap_mistakes,
    whole_keymap,
)
from tui.cockpit.app import CanarytopApp
from tui.cockpit.plots.process import InlineRenderer
from tui.cockpit.screens.cockpit import CockpitScreen
from tui.cockpit.screens.deployments import DeploymentsScreen
from tui.cockpit.screens.lifecycle import LifecycleScreen
from tui.cockpit.screens.live import LiveScreen
from tui.cockpit.screens.sample import SampleScreen
from tui.cockpit.screens.samples import SamplesScreen
from tui.cockpit.screens.verdicts import VerdictsScreen
from tui.cockpit.text.help import help_lines
from tui.engine.messages import ScreenSettings

SESSIONS = ("live", "replay")


SCREENS: dict[Place, type[LiveScreen]] = {
    "cockpit": CockpitScreen,
    "verdicts": VerdictsScreen,
    "deployments": DeploymentsScreen,
    "samples": SamplesScreen,
    "sample": SampleScreen,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_one_handler_wherever_it_acts_and_help(action: Action) -> None:
    assert len(BY_ID) == len(ACTIONS)
    method = f"action_{action.id}"
    by_value = action.gives is not None or action.plays is not None
    for place in action.on or SCREENS:
        by_method = hasattr(SCREENS[place], method) or hasattr(CanarytopApp, method)
        assert by_value != by_method, place
    assert action.help.endswith(".")
    assert action.label
    assert action.keys
    assert action.short_label or not action.show_in_footer


def test_every_handler_of_app_and_screens_is_in_the_table() -> None:
    shown: tuple[type[object], ...] = (CanarytopApp, LifecycleScreen, *SCREENS.values())
    classes = {kind for of in shown for kind in of.__mro__}
    own = {name for kind in classes if kind.__module__.startswith("tui.") for name in vars(kind)}
    handlers = {name.removeprefix("action_") for name in own if name.startswith("action_")}
    assert handlers - {"act"} == {a.id for a in ACTIONS if a.gives is None and a.plays is None}


@pytest.mark.parametrize("session", SESSIONS)
def test_no_key_is_given_twice_in_one_kind_of_session(session: Session) -> None:
    assert keymap_mistakes({}) == ()
    for place in ("cockpit", "deployments", "samples", "sample", None):
        here = [action for action in ACTIONS if belongs(action, session) and acts_on(action, place)]
        keys = [key for action in here for key in action.keys]
        assert len(keys) == len(set(keys))


def test_nothing_that_carries_a_risk_or_writes_into_the_record_is_in_a_replay() -> None:
    for action in ACTIONS:
        if action.risk != "none" or action.id in ("mark", "save_profile", "plan"):
            assert action.only == "live", action.id
    played = {action.id for action in ACTIONS if action.only == "replay"}
    assert played == {
        "play_pause", "seek_ahead", "seek_back", "step_ahead", "step_back", "faster", "slower", "seek",
    }  # fmt: skip


def test_digits_never_set_weights_and_only_rolling_back_acts_everywhere() -> None:
    for action in ACTIONS:
        if any(key.isdigit() for key in action.keys):
            assert action.risk in ("none", "scores")
        assert action.anywhere == (action.id == "roll_back")


def test_bindings_are_the_table(tmp_path: Path) -> None:
    made = [binding for binding in bindings() if isinstance(binding, Binding)]
    assert [binding.id for binding in made] == [action.id for action in ACTIONS]
    assert all(binding.priority for binding in made)
    assert [action.id for action in ACTIONS if action.anywhere] == ["roll_back"]
    assert [action.id for action in ACTIONS if action.while_typing] == ["roll_back", "back", "quit"]
    assert [b.action for b in dialog_bindings(back="leave") if isinstance(b, Binding)] == ["leave"]
    app = CanarytopApp(FakeControls(), InlineRenderer(), actor="me", export_folder=tmp_path)
    assert {b.id for found in app._bindings.key_to_bindings.values() for b in found} == set(BY_ID)


def test_read_only_leaves_what_carries_no_risk() -> None:
    left = {action.id for action in ACTIONS if allowed(action, read_only=True)}
    assert left.isdisjoint(
        {"roll_back", "lower", "raise", "undo", "set_weight", "promote", "profiles", "pause_traffic"}
    )
    assert {"freeze", "help", "quit", "details", "export"} <= left


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("session", SESSIONS)
def test_help_names_every_action_of_the_session_with_its_key_in_force(width: int, session: Session) -> None:
    keymap = {"freeze": "f9"}
    text = "\n".join(line.text for line in help_lines(keymap, width, read_only=False, session=session))
    assert "f9" in text
    for action in ACTIONS:
        if action.id != "freeze" and belongs(action, session):
            assert all(key in text for key in action.keys[:1])


@pytest.mark.parametrize("width", [60, 71, 80, 100, 140])
@pytest.mark.parametrize("session", SESSIONS)
def test_the_columns_of_help_never_touch_and_friction_is_always_said(width: int, session: Session) -> None:
    lines = [line.text for line in help_lines({}, width, read_only=False, session=session)]
    text = " ".join(" ".join(lines).split())
    for action in ACTIONS:
        heads = [line for line in lines if line.startswith(f"  {' '.join(action.keys)} ")]
        said = rf" {re.escape(action.label[:14])}\S*( .*)? {re.escape(help_of(action, session)[:6])}"
        assert bool([head for head in heads if re.search(said, head)]) == belongs(action, session)
        if belongs(action, session) and action.friction != "none":
            assert action.friction.split()[-1] in text
    assert all(len(line) <= width for line in lines)


def test_help_of_a_replay_offers_nothing_of_a_live_run() -> None:
    text = "\n".join(line.text for line in help_lines({}, 140, read_only=False, session="replay"))
    for word in ("ROLL BACK", "Promote", "Guard on/off", "traffic go on", "End the run", "NAME=25"):
        assert word not in text
    assert text.startswith("REPLAY")


def test_help_says_what_read_only_switches_off() -> None:
    lines = help_lines({}, 140, read_only=True)
    assert sum("off: read-only" in line.text for line in lines) == sum(a.risk != "none" for a in ACTIONS)


@pytest.mark.parametrize(
    ("keymap", "part"),
    [
        ({"rollback": "f9"}, "no action is named rollback"),
        ({"undo": "r"}, "r is given to both"),
        ({"freeze": "]"}, "] is given to both faster and freeze"),
        ({"seek": "comma"}, "is given to both step_back and seek"),
        ({"undo": ""}, "names no key"),
        ({"promote": "y", "copy": "Y"}, "answers its dialog"),
    ],
)
def test_a_keymap_is_checked_with_every_mistake_named(
    keymap: dict[str, str], part: str, tmp_path: Path
) -> None:
    assert any(part in mistake for mistake in keymap_mistakes(keymap))
    with pytest.raises(ValueError, match="keys:"):
        CanarytopApp(
            FakeControls(),
            InlineRenderer(),
            actor="me",
            export_folder=tmp_path,
            settings=ScreenSettings(keys=keymap),
        )


def test_a_key_may_be_given_twice_where_no_screen_has_both() -> None:
    assert keymap_mistakes({"reveal": "z"}) == ()
    assert keymap_mistakes({"reveal": "n"}) == ("keys: n is given to both next_sample and reveal",)
    assert action_of("1", "1", {}, place="cockpit") is BY_ID["plot_latency"]
    assert action_of("1", "1", {}, place="sample") is BY_ID["score_1"]
    assert action_of("5", "5", {}, place="cockpit") is BY_ID["score_5"]


def test_a_key_event_finds_its_action_under_either_name() -> None:
    assert action_of("plus", "+", {}) is BY_ID["raise"]
    assert action_of("question_mark", "?", {}) is BY_ID["help"]
    assert action_of("f9", None, {"undo": "f9"}) is BY_ID["undo"]
    assert action_of("f12", None, {}) is None
    assert action_of("comma", ",", {}, "replay") is BY_ID["step_back"]


def test_one_key_may_be_of_a_run_and_of_a_replay() -> None:
    assert action_of("x", "x", {}) is BY_ID["pause_traffic"]
    assert action_of("x", "x", {}, "replay") is BY_ID["play_pause"]
    assert action_of("r", "r", {}, "replay") is BY_ID["roll_back"]
    assert keymap_mistakes({"undo": "<"}) == ()
    assert whole_keymap({}) == {}
    assert whole_keymap({"pause_traffic": "f9"})["play_pause"] == "x"
    assert whole_keymap({"pause_traffic": "f9"})["step_back"] == "comma"
    assert first_keys({"undo": "f9,u"})["undo"] == "f9"
