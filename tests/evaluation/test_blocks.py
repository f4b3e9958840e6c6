"""Blocks of neighbours: who is compared with whom is decided by assignments and the clock alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.evaluation.blocks import (
    BAD,
    GOOD,
    GROUP_LONGEST_S,
    GROUP_OWN,
    LEAST_OWN,
    LEAST_S,
    MOST_OWN,
    NONE,
    Block,
    Blocks,
    Counted,
    Labels,
    Member,
    tally,
    tally_beyond,
)
from tui.evaluation.criteria import Limits

NO_LIMITS = Limits()
EPOCH = object()


def member(at_s: float, *, canary: bool = False, limits: Limits = NO_LIMITS, third: int = 0) -> Member:
    return Member("canary" if canary else "base", canary, at_s, third, None, limits)


def placed(times: Sequence[float], canary_share: float, blocks: Blocks | None = None) -> list[Block]:
    """The block of each request that is assigned at these seconds."""
    blocks = blocks or Blocks()
    return [blocks.place(member(at_s), EPOCH, canary_share) for at_s in times]


def sizes(found: Sequence[object]) -> list[int]:
    """How many in a row are the same."""
    lengths: list[int] = []
    for before, now in zip([None, *found], found, strict=False):
        if now is before:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def every(gap_s: float, n: int) -> list[float]:
    return [i * gap_s for i in range(n)]


# --- when a block closes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap_s", "canary_share", "each"),
    [
        (0.1, 0.5, 10),  # after a second
        (0.1, 0.1, 20),  # two of the canary's are due
        (0.5, 0.1, 20),
        (0.01, 0.5, 32),  # sixteen are due before the second has passed
        (0.001, 0.25, 64),
        (5.0, 0.5, 4),
    ],
)
def test_a_block_is_a_second_long_and_has_two_to_sixteen_of_the_canarys(
    gap_s: float, canary_share: float, each: int
) -> None:
    assert set(sizes(placed(every(gap_s, 10 * each), canary_share))) == {each}
    assert LEAST_OWN <= each * canary_share <= MOST_OWN
    assert each * gap_s >= LEAST_S or each * canary_share == MOST_OWN


def test_it_is_the_share_that_counts_and_not_who_comes() -> None:
    """Closing at the canary's arrival would favour its moments."""
    times = every(0.1, 400)
    for of in (random.Random(1), random.Random(2)):
        blocks = Blocks()
        found = [blocks.place(member(at_s, canary=of.random() < 0.5), EPOCH, 0.1) for at_s in times]
        assert sizes(found) == sizes(placed(times, 0.1))


def test_other_weights_or_limits_close_a_block_and_its_group() -> None:
    for epoch, limits in ((object(), NO_LIMITS), (EPOCH, Limits())):
        blocks = Blocks()
        first = placed([0.0, 0.1], 0.1, blocks)
        after = blocks.place(member(0.2, limits=limits), epoch, 0.1)
        assert first[0] is first[1] is not after
        assert first[0].closed
        assert first[0].group.closed
        assert after.group is not first[0].group
        assert not after.closed


def test_a_group_ends_at_other_weights_also_where_no_block_is_open() -> None:
    blocks = Blocks()
    [*_, last] = placed(every(0.1, 20), 0.1, blocks)
    blocks.close_if_due(2.0)
    for one in list(last.under_way):
        last.ended(one, (GOOD,))
    assert blocks.take_ready() == [last]
    last.group.under_way -= 1
    after = blocks.place(member(2.1), object(), 0.5)
    assert after.group is not last.group
    assert last.group.closed
    assert blocks.take_ended() == [last.group], "its blocks were weighed already: nobody else would weigh it"
    assert blocks.take_ended() == []


def test_a_group_is_blocks_in_a_row_of_which_eight_of_the_canarys_are_due() -> None:
    found = placed(every(0.1, 800), 0.1)
    assert set(sizes([block.group for block in found])) == {80}
    assert GROUP_OWN == 80 * 0.1
    assert len({id(block) for block in found[:80]}) == 4


def test_after_a_minute_fewer_make_a_group() -> None:
    found = placed(every(2.0, 120), 0.1)
    assert set(sizes([block.group for block in found])) == {40}
    assert 20 * 2.0 < GROUP_LONGEST_S <= 40 * 2.0


TIMES = st.lists(st.sampled_from([0.001, 0.02, 0.3, 0.999, 1.0, 4.0, 29.0, 61.0]), min_size=2, max_size=120)


@given(gaps=TIMES, canary_share=st.sampled_from([0.01, 0.1, 0.5, 0.9]), seed=st.integers(0, 2**32))
def test_whatever_becomes_of_them_the_same_assignments_give_the_same_blocks(
    gaps: list[float], canary_share: float, seed: int
) -> None:
    """They end in any order, with any label or never, and are looked at whenever something ends."""
    times = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    expected = placed(times, canary_share)
    rng, blocks, found, under_way = random.Random(seed), Blocks(), [], []
    for at_s, next_s in zip(times, [*times[1:], times[-1] + 1], strict=True):
        one = member(at_s, canary=rng.random() < canary_share)
        found.append(blocks.place(one, EPOCH, canary_share))
        under_way.append((one, found[-1]))
        while under_way and rng.random() < 0.6:
            ended, block = under_way.pop(rng.randrange(len(under_way)))
            block.ended(ended, (rng.choice((NONE, GOOD, BAD)),))
            blocks.close_if_due(rng.uniform(at_s, next_s))
            blocks.take_ready()
    assert sizes(found) == sizes(expected)
    assert sizes([block.group for block in found]) == sizes([block.group for block in expected])


@pytest.mark.parametrize("looked_s", [1.5, 30.0, 61.0])
def test_when_somebody_looks_changes_no_group(looked_s: float) -> None:
    times = [0.0, 0.1, 0.2, 61.2, 61.3, 61.4, 70.0, 70.1, 70.2]
    blocks, expected = Blocks(), placed(times, 0.9)
    found = placed(times[:3], 0.9, blocks)
    blocks.close_if_due(looked_s)
    found += placed(times[3:], 0.9, blocks)
    assert sizes([block.group for block in found]) == sizes([block.group for block in expected])


# --- when it is weighed -----------------------------------------------------------------------------


def test_a_block_is_given_once_when_each_member_has_ended() -> None:
    blocks = Blocks()
    members = [member(at_s, canary=at_s > 0.5) for at_s in every(0.1, 11)]
    first, *_ = found = [blocks.place(one, EPOCH, 0.5) for one in members]
    assert blocks.waiting() == [first]
    for one in members[:9]:
        first.ended(one, (GOOD,))
        assert blocks.take_ready() == []
    first.ended(members[9], (BAD,))
    assert blocks.take_ready() == [first]
    assert blocks.take_ready() == blocks.waiting() == []
    assert (len(first.own), sum(first.others.values())) == (4, 6)
    found[10].ended(members[10], (GOOD,))
    assert blocks.take_ready() == [], "it is open still"
    blocks.close_if_due(99.0)
    assert blocks.take_ready() == [], "half a request of the canary is due in it"


# --- counting ---------------------------------------------------------------------------------------


def counted(*of: tuple[bool, int, Labels]) -> Counted:
    """(Canary's, third, labels) of each."""
    made = Counted()
    for canary, third, labels in of:
        made.add(member(0.0, canary=canary, third=third), labels)
    return made


def test_labels_are_counted_by_criterion_and_stratum() -> None:
    block = counted(
        (True, 0, (2, BAD)), (True, 0, (0, GOOD)), (True, 1, (3, NONE)), (True, 2, (1, GOOD)),
        (False, 0, (BAD, GOOD)), (False, 0, (GOOD, GOOD)), (False, 0, (NONE, BAD)), (False, 1, (BAD, BAD)),
    )  # fmt: skip
    found = sorted(tally(block, (0, 1), (3, 1)))
    assert found == [
        (0, (1, 1, 1, [1, 1, 1])),
        (0, (2, 2, 1, [1, 1, 0])),
        (1, (2, 3, 1, [1])),
    ], "nobody of the baseline is in the third third, and of the second one's no second label is known"


def test_blocks_are_put_together() -> None:
    one, other = counted((True, 0, (1,)), (False, 0, (0,))), counted((False, 0, (0,)), (False, 0, (1,)))
    one.merge(other)
    assert list(tally(one, (0,), (1,))) == [(0, (1, 3, 1, [1]))]


def test_those_under_way_for_too_long_are_beyond_every_factor() -> None:
    block = placed([0.0], 0.5)[0]
    for at_s, canary in ((0.1, True), (0.2, True), (0.3, False)):
        one = member(at_s, canary=canary)
        block.under_way.add(one)
        if at_s == 0.1:
            block.ended(one, (GOOD, 2))
    assert list(tally_beyond(block, 1, 4)) == [(1, (2, 2, 2, [2, 2, 1, 1]))]
    assert len(block.under_way) == 3, "they go on, and the other criteria wait for them"
