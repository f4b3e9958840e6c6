"""A roll back that overtakes the keys before it, and those that it must not overtake."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from tests.support.cockpit_driver import CHARACTERS, Cockpit, Exits, cockpit
from tests.support.cockpit_fakes import BASELINE, FakeControls, made_snapshot
from tui.cockpit.actions import BY_ID, actions_on
from tui.cockpit.keys import _LOOKS, KeysUnderWay
from tui.model import Ability


def key(name: str) -> events.Key:
    return events.Key(name, CHARACTERS.get(name, name if len(name) == 1 else None))


@pytest.mark.parametrize(
    ("before", "letter", "answers", "may"),
    [
        ("", True, False, True),
        ("jjt2", True, False, True),
        (
            "h0nU5",
            True,
            False,
            True,
        ),  # other things on the screens of the samples, and they only look there too
        ("\tQ%", True, False, True),  # a task, and what is bound to nothing
        ("j+", True, False, False),
        ("-", True, False, False),
        ("u", False, False, False),
        ("w", True, False, False),
        ("c", True, False, False),  # a form on one screen, a field on another
        ("/", True, False, False),
        ("x", False, False, False),
        ("r", True, False, False),
        ("?", True, False, False),
        ("", True, True, False),
        ("", False, True, True),
        ("j", False, True, False),
    ],
)
def test_what_may_be_overtaken(before: str, letter: bool, answers: bool, may: bool) -> None:
    keys = KeysUnderWay()
    for one in before:
        keys.came(actions_on("tab" if one == "\t" else one, one, {}))
    assert keys.may_be_overtaken(letter=letter, answers=answers) is may
    for _ in before:
        keys.was_handled()
    assert keys.may_be_overtaken(letter=True, answers=False)


def test_a_key_counts_as_all_that_it_is_bound_to() -> None:
    keymap = {"create_canary": "z", "zoom": "z"}
    keys = KeysUnderWay()
    keys.came(actions_on("z", "z", keymap))
    assert not keys.may_be_overtaken(letter=True, answers=False)


def test_what_only_looks_changes_no_weight_and_opens_no_field() -> None:
    assert set(BY_ID) >= _LOOKS
    looks = [BY_ID[name] for name in _LOOKS]
    assert {action.risk for action in looks} <= {"none", "scores"}
    assert {action.friction for action in looks} == {"none"}
    assert not [action.id for action in looks if action.label.endswith("…")]


def come(c: Cockpit, *names: str) -> list[str]:
    """As from the terminal: what is left for its turn is posted."""
    left = []
    for name in names:
        if c.app.heard(key(name)):
            left.append(name)
            c.app.post_message(key(name))
    return left


async def test_a_roll_back_does_not_wait_behind_keys_that_only_look() -> None:
    async with cockpit() as c:
        waiting = ["j", "k", "t"] * 7
        assert come(c, *waiting, "r") == waiting
        assert c.controls.calls == ["roll_back"], "before any of them was handled"
        await c.settle()
        assert c.controls.calls == ["roll_back"]
        assert "ROLLED BACK" in c.banner


@pytest.mark.parametrize("before", ["plus", "u", "w", "P", "question_mark"])
async def test_behind_any_other_key_it_waits_for_its_turn(before: str) -> None:
    async with cockpit() as c:
        assert come(c, before, "r") == [before, "r"]
        assert "roll_back" not in c.controls.calls


async def test_in_a_field_the_letter_is_text_and_the_chord_acts_at_once() -> None:
    async with cockpit() as c:
        await c.press("w")
        assert come(c, "r") == ["r"]
        await c.settle()
        assert come(c, "ctrl+r") == []
        assert c.controls.calls == ["roll_back"]


async def test_the_key_that_quits_is_heard_before_the_screen_comes_to_it() -> None:
    exits = Exits()
    async with cockpit(exits=exits) as c:
        await c.press("w")
        assert come(c, "q") == ["q"]
        assert not exits.quits, "in a field it is text"
        await c.press("escape")
        assert come(c, "plus", "q") == ["plus", "q"]
        assert not exits.quits, "what is before it has to be done"
    async with cockpit(exits=exits) as c:
        assert come(c, "j", "t", "q") == ["j", "t", "q"]
        assert exits.quits


async def test_where_it_needs_a_second_press_or_is_refused_it_takes_its_turn() -> None:
    made = made_snapshot()
    dead = replace(made.deployments[BASELINE], ability=Ability("unable", "is retired", 1.0))
    down = replace(made, deployments={**made.deployments, BASELINE: dead})
    async with cockpit(FakeControls(down)) as c:
        assert come(c, "r") == ["r"]
    async with cockpit(read_only=True) as c:
        assert come(c, "r") == ["r"]
        await c.settle()
        assert c.controls.calls == []


async def test_a_key_before_the_first_picture_does_nothing() -> None:
    async with cockpit() as c:
        c.app._drawn = False
        assert come(c, "r", "plus", "q") == []
        await c.settle()
        assert c.controls.calls == []
