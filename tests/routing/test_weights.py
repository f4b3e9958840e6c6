"""The arithmetic of weights, the draw, and the hand on both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.contexts import Clock, KeptLog, RaiseAny, context_of
from tui.model import Event, EventKind, WeightTable
from tui.routing.controller import CommandRefused, Controller, NothingToDo, RaisePolicy
from tui.routing.router import Router
from tui.routing.weights import all_to, describe, raised, validate, with_share

NAMES = ("base", "canary", "third")
TABLE: WeightTable = {"default": {"base": 70.0, "canary": 20.0, "third": 10.0}}


def controller(
    weights: WeightTable = TABLE, policy: RaisePolicy | None = None, past: Sequence[Event] = ()
) -> tuple[Controller, Router, KeptLog, Clock]:
    clock, log = Clock(), KeptLog()
    context = context_of(log, clock)
    router = Router(weights, context)
    made = Controller(router, policy or RaiseAny(), context, baseline="base", past=past)
    return made, router, log, clock


@given(st.sampled_from(NAMES), st.floats(0, 100, allow_nan=False))
def test_any_share_leaves_a_table_that_sums_to_100(name: str, pct: float) -> None:
    after = with_share(TABLE, name, pct, baseline="base")
    validate(after, NAMES)
    assert after["default"][name] == pct


def test_the_baseline_gives_first_and_the_others_only_what_it_lacks() -> None:
    assert dict(with_share(TABLE, "canary", 60, baseline="base")["default"]) == {
        "base": 30.0,
        "canary": 60,
        "third": 10.0,
    }
    assert dict(with_share(TABLE, "canary", 95, baseline="base")["default"]) == {
        "base": 0.0,
        "canary": 95,
        "third": 5.0,
    }


def test_lowering_the_baseline_needs_somebody_to_take_it() -> None:
    alone = all_to(TABLE, "base")
    with pytest.raises(ValueError, match="raise that one instead"):
        with_share(alone, "base", 90, baseline="base")
    assert dict(with_share(TABLE, "base", 40, baseline="base")["default"]) == {
        "base": 40,
        "canary": 40.0,
        "third": 20.0,
    }


@pytest.mark.parametrize("pct", [-1, 101, float("nan"), float("inf")])
def test_a_share_outside_0_to_100_is_refused(pct: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        with_share(TABLE, "canary", pct, baseline="base")


@pytest.mark.parametrize(
    ("shares", "what"),
    [
        ({"base": 50.0, "canary": 40.0}, "50 \\+ 40 = 90"),
        ({"base": 110.0, "canary": -10.0}, "from 0 to 100"),
        ({"base": 90.0, "nobody": 10.0}, "nobody"),
        ({"base": float("nan"), "canary": 100.0}, "from 0 to 100"),
    ],
)
def test_a_wrong_table_is_named(shares: dict[str, float], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        validate({"default": shares}, NAMES)


def test_one_task_is_changed_and_the_other_kept() -> None:
    two = {"default": dict(TABLE["default"]), "mail": {"base": 100.0, "canary": 0.0, "third": 0.0}}
    after = with_share(two, "canary", 50, baseline="base", task="mail")
    assert after["default"] == two["default"]
    assert after["mail"]["canary"] == 50
    assert describe(two, after) == "mail: base 100 → 50%, canary 0 → 50%"
    with pytest.raises(ValueError, match="no task is named nope"):
        all_to(two, "base", "nope")


def test_raised_names_canaries_only() -> None:
    assert raised(TABLE, with_share(TABLE, "canary", 50, baseline="base"), "base") == {"canary": ("default",)}
    assert raised(TABLE, all_to(TABLE, "base"), "base") == {}


def test_draws_follow_the_weights_and_never_touch_a_zero() -> None:
    table = {"default": {"base": 90.0, "canary": 10.0, "third": 0.0}}
    router = Router(table, context_of(clock=lambda: 1.5))
    drawn = [router.assign(i, "default") for i in range(20_000)]
    share = 100 * sum(a.deployment == "canary" for a in drawn) / len(drawn)
    # Four standard errors of a share of 10 % among 20,000.
    assert abs(share - 10) < 4 * 0.212
    assert not any(a.deployment == "third" for a in drawn)
    assert {(a.deployment, a.weight_pct) for a in drawn} == {("base", 90.0), ("canary", 10.0)}
    assert drawn[0].at_s == 1.5


def test_a_task_without_weights_of_its_own_uses_the_default() -> None:
    router = Router({"default": {"base": 0.0, "canary": 100.0}}, context_of())
    assert router.assign(1, "unheard of").deployment == "canary"


def test_after_a_swap_no_draw_uses_the_old_weights() -> None:
    hand, router, log, _ = controller()
    event = hand.roll_back("ann", "P95")
    assert all(router.assign(i, "default").deployment == "base" for i in range(1000))
    assert (event.kind, event.actor, event.reason) == (EventKind.ROLLED_BACK, "ann", "P95")
    assert event.before == TABLE
    assert event.after == all_to(TABLE, "base")
    assert log.events == [event]


def test_undo_goes_back_through_every_change_and_then_says_so() -> None:
    hand, router, _, clock = controller()
    hand.shift("canary", 40, "ann")
    clock.now += 10
    hand.roll_back("ann")
    hand.promote("canary", "ann")
    seen = []
    while hand.can_undo is not None:
        hand.undo("ann")
        seen.append(dict(router.weights["default"]))
    assert seen == [
        {"base": 100.0, "canary": 0.0, "third": 0.0},
        {"base": 50.0, "canary": 40, "third": 10.0},
        TABLE["default"],
    ]
    with pytest.raises(CommandRefused, match="nothing to undo"):
        hand.undo("ann")


def test_a_burst_of_keys_is_one_change_to_undo() -> None:
    hand, router, log, clock = controller()
    for _ in range(3):
        hand.nudge("canary", 5, "ann")
        clock.now += 0.1
    assert router.weights["default"]["canary"] == 35
    assert len({event.group for event in log.events}) == 1
    clock.now += 1
    hand.nudge("canary", -5, "ann")
    hand.undo("ann")
    assert router.weights["default"]["canary"] == 35
    hand.undo("ann")
    assert router.weights == TABLE


def test_nudging_stops_at_the_ends() -> None:
    hand, router, _, _ = controller()
    hand.nudge("canary", -50, "ann")
    assert router.weights["default"]["canary"] == 0
    hand.nudge("canary", 500, "ann")
    assert dict(router.weights["default"]) == {"base": 0.0, "canary": 100, "third": 0.0}


def test_raising_is_refused_where_the_data_forbid_it_and_lowering_never() -> None:
    hand, router, _, _ = controller(policy=RaiseAny(lambda name: f"{name} is stale"))
    commands: tuple[Callable[[], object], ...] = (
        lambda: hand.nudge("canary", 5, "ann"),
        lambda: hand.shift("canary", 50, "ann"),
        lambda: hand.promote("canary", "ann"),
        lambda: hand.apply({"default": {"base": 0.0, "canary": 100.0}}, "ann", "p"),
    )
    for command in commands:
        with pytest.raises(CommandRefused, match="canary is stale"):
            command()
    assert router.weights == TABLE
    hand.nudge("canary", -5, "ann")
    hand.roll_back("ann")
    hand.shift("canary", 50, "ann", force=True)
    assert router.weights["default"]["canary"] == 50


def test_wrong_commands_are_refused_in_words() -> None:
    hand, router, _, _ = controller()
    wrong: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: hand.shift("nobody", 5, "ann"), "no deployment is named nobody"),
        (lambda: hand.shift("canary", 500, "ann"), "not between 0 and 100"),
        (lambda: hand.shift("canary", 5, "ann", task="x"), "no task is named x"),
        (lambda: hand.apply({"x": {"base": 100.0}}, "ann", ""), "no task x"),
        (lambda: hand.apply({"default": {"base": 50.0}}, "ann", ""), "add 50"),
        (lambda: hand.roll_back("ann", task="x"), "no task is named x"),
    )
    for command, what in wrong:
        with pytest.raises(CommandRefused, match=what):
            command()
    assert router.weights == TABLE


def test_undo_survives_a_restart() -> None:
    hand, router, log, clock = controller()
    hand.shift("canary", 40, "ann")
    clock.now += 5
    hand.shift("canary", 60, "ann")
    clock.now += 5
    hand.roll_back("ann")
    hand.undo("ann")
    again, router, _, _ = controller(router.weights, past=log.events)
    restored = []
    while again.can_undo is not None:
        again.undo("ann")
        restored.append(router.weights["default"]["canary"])
    assert restored == [40, 20.0]


KEYS = st.sampled_from(["shift", "roll", "undo", "promote"])


@given(st.lists(st.tuples(KEYS, st.floats(0, 100)), max_size=25))
def test_whatever_is_pressed_every_task_sums_to_100(keys: list[tuple[str, float]]) -> None:
    hand, router, _, clock = controller()
    ticks, refused = count(1), []
    for key, pct in keys:
        clock.now = next(ticks)
        try:
            if key == "shift":
                hand.shift("canary", pct, "ann")
            elif key == "roll":
                hand.roll_back("ann")
            elif key == "promote":
                hand.promote("third", "ann")
            else:
                hand.undo("ann")
        except CommandRefused:
            refused.append(key)
        validate(router.weights, NAMES)
    assert set(refused) <= {"undo", "roll"}


KINDS = ["shift", "nudge", "roll", "undo", "promote", "add", "resume"]
MOVES = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 100),
              st.sampled_from([0.1, 0.3, 0.31, 5.0])),
    max_size=20,
)  # fmt: skip


@given(MOVES)
def test_undo_after_a_resume_goes_back_as_it_would_have_before(moves: list[tuple[str, int, float]]) -> None:
    """Bursts stay bursts, and who joined on the way has no weight before that."""
    hand, router, log, clock = controller()
    names = list(NAMES)
    for move, pct, pause_s in moves:
        clock.now += pause_s
        try:
            if move == "shift":
                hand.shift("canary", pct, "ann")
            elif move == "nudge":
                hand.nudge("third", 1.0, "ann")
            elif move == "roll":
                hand.roll_back("ann")
            elif move == "promote":
                hand.promote("third", "ann")
            elif move == "undo":
                hand.undo("ann")
            elif move == "add" and "late" not in names:
                hand.add_deployment("late", "ann", "it joined", "")
                names.append("late")
            elif move == "resume":
                log(EventKind.RESUMED, "ann", "taken up", before=TABLE, after=router.weights)
        except CommandRefused:
            continue
    again, _, _, _ = controller(router.weights, past=log.events)
    while hand.can_undo is not None:
        assert again.can_undo == hand.can_undo
        assert again.can_undo is not None
        validate(again.can_undo, names)
        assert all(set(shares) == set(names) for shares in again.can_undo.values())
        hand.undo("ann")
        again.undo("ann")
    assert again.can_undo is None


def test_keys_that_come_within_the_same_third_of_a_second_are_one_change_after_a_resume_too() -> None:
    hand, router, log, clock = controller()
    before = router.weights
    for _ in range(3):
        clock.now += 0.3
        hand.nudge("canary", 5.0, "ann")
    again, other, _, _ = controller(router.weights, past=log.events)
    again.undo("ann")
    assert other.weights == before


TASKS: WeightTable = {
    "default": {"base": 70.0, "canary": 20.0, "third": 10.0},
    "mail": {"base": 40.0, "canary": 50.0, "third": 10.0},
}


def test_the_weight_of_a_deployment_is_that_of_the_task_or_the_largest() -> None:
    hand, _, _, _ = controller(TASKS)
    assert hand.weight_pct("canary") == 50.0
    assert (hand.weight_pct("canary", "default"), hand.weight_pct("canary", "mail")) == (20.0, 50.0)
    assert hand.weight_pct("nobody") == 0.0


def test_a_step_in_one_task_leaves_the_others_alone() -> None:
    hand, router, _, _ = controller(TASKS)
    hand.nudge("canary", 5.0, "ann", "mail")
    assert router.weights["default"] == TASKS["default"]
    assert router.weights["mail"] == {"base": 35.0, "canary": 55.0, "third": 10.0}
    hand.nudge("canary", 5.0, "ann")
    assert [shares["canary"] for shares in router.weights.values()] == [25.0, 60.0]


def test_what_follows_an_undo_is_a_change_of_its_own() -> None:
    hand, router, _, clock = controller()
    hand.nudge("canary", 5.0, "ann")
    hand.undo("ann")
    clock.now += 0.1
    hand.nudge("canary", 5.0, "ann")
    hand.undo("ann")
    assert router.weights == TABLE


@pytest.mark.parametrize(("pct", "rest"), [(99.5, "0.5"), (40.0, "60")])
def test_a_baseline_is_not_lowered_where_nobody_could_take_it(pct: float, rest: str) -> None:
    alone = {"default": {"base": 100.0, "canary": 0.0, "third": 0.0}}
    with pytest.raises(ValueError, match=f"no other deployment has weight to take {rest}%"):
        with_share(alone, "base", pct, baseline="base")
    assert with_share(alone, "base", 100.0, baseline="base") == alone


def test_nothing_to_roll_back_names_the_task_where_there_are_several() -> None:
    hand, _, _, _ = controller(TASKS)
    hand.roll_back("ann", task="mail")
    with pytest.raises(NothingToDo, match=r"^nothing to roll back: all traffic of mail is on base$"):
        hand.roll_back("ann", task="mail")
    hand.roll_back("ann")
    with pytest.raises(NothingToDo, match=r"^nothing to roll back: all traffic is on base$"):
        hand.roll_back("ann")
    one, _, _, _ = controller({"default": {"base": 100.0, "canary": 0.0, "third": 0.0}})
    with pytest.raises(NothingToDo, match=r"^nothing to roll back: all traffic is on base$"):
        one.roll_back("ann", task="default")


def test_a_draw_notes_what_it_is_told_and_nothing_else() -> None:
    _, router, _, clock = controller()
    clock.now = 7.0
    plain = router.assign(1, "default")
    assert (plain.saturated, plain.prompt_chars, plain.at_s) == (False, None, 7.0)
    noted = router.assign(2, "default", prompt_chars=12, saturated=True)
    assert (noted.saturated, noted.prompt_chars) == (True, 12)
