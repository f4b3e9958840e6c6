"""Blocks of neighbours: requests of the same moments and weights, in the order of their assignment.

When a block closes to new members depends on assignments and the clock only, never on what becomes of a
request: whatever makes one side's requests slow, late or unanswered cannot choose which others they are
compared with. A block is tested once for each criterion, when each member has its label for that criterion.
Rare events are tested by larger groups: so many blocks in a row, of the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.evaluation.criteria import Limits

Labels = tuple[int, ...]
"""One a criterion: -1 none, else how many of its factors the request is beyond (0 or 1 of a rate)."""

NONE, GOOD, BAD = -1, 0, 1

LEAST_OWN, MOST_OWN = 2.0, 16.0
"""The canary's requests that are due in a block at its share, from which it closes after a second, and in
any case."""

GROUP_OWN, GROUP_LONGEST_S = 8.0, 60.0
"""The same of a group of blocks; after a minute fewer do."""

LEAST_S = 1.0


@dataclass(slots=True, eq=False)
class Member:
    """A request under way that is to be evidence. ``third`` is the third of the prompt sizes it is in;
    ``is_cold``: it belongs to a warm-up, and says nothing of time and cost."""

    deployment: str
    is_canary: bool
    at_s: float
    third: int
    size: int | None
    limits: Limits
    is_cold: bool = False
    places: list[tuple[Any, Block]] = field(default_factory=list)
    """(Whose evidence it is, its block there)."""


class Counted:
    """The labels of requests that are compared with each other."""

    __slots__ = ("others", "own")

    def __init__(self) -> None:
        self.own: list[tuple[int, Labels]] = []
        """(Third, labels) of each of the canary's."""
        self.others: dict[tuple[int, Labels], int] = {}
        """How many of the baseline's have the same."""

    def add(self, member: Member, labels: Labels) -> None:
        if member.is_canary:
            self.own.append((member.third, labels))
        else:
            key = (member.third, labels)
            self.others[key] = self.others.get(key, 0) + 1

    def merge(self, other: Counted) -> None:
        self.own += other.own
        for key, n in other.others.items():
            self.others[key] = self.others.get(key, 0) + n


class Group(Counted):
    """Blocks in a row that are tested together for what is rare."""

    __slots__ = ("closed", "due", "epoch", "limits", "opened_s", "under_way")

    def __init__(self, epoch: object, opened_s: float, limits: Limits) -> None:
        super().__init__()
        self.epoch = epoch
        self.opened_s = opened_s
        self.limits = limits
        self.due = 0.0
        self.closed = False
        self.under_way = 0
        """Its blocks that have members under way, or are open."""


class Block(Counted):
    """Members of the same moments; ``due`` requests of the canary are to be expected among them."""

    __slots__ = ("closed", "due", "group", "last_s", "opened_s", "tested", "under_way")

    def __init__(self, opened_s: float, group: Group) -> None:
        super().__init__()
        self.opened_s = self.last_s = opened_s
        self.group = group
        self.due = 0.0
        self.closed = False
        self.under_way: set[Member] = set()
        self.tested: set[int] = set()
        """Rows that were tested before every member had ended."""
        group.under_way += 1

    def ended(self, member: Member, labels: Labels) -> None:
        """A member has got its labels."""
        self.under_way.discard(member)
        self.add(member, labels)

    @property
    def limits(self) -> Limits:
        return self.group.limits


class Blocks:
    """Puts the requests of one canary and of the baseline into blocks, and these into groups.

    A block closes when a second has passed and two requests of the canary are due in it at its share, or when
    16 are; and whenever the weights or the limits change. So its length does not depend on whose the requests
    are: closing at a canary's arrival would favour that moment.
    """

    def __init__(self) -> None:
        self._open: Block | None = None
        self._group: Group | None = None
        self._closed: list[Block] = []
        self._ended: list[Group] = []

    def place(self, member: Member, epoch: object, canary_share: float) -> Block:
        """The block that a new member goes into; ``canary_share`` is the canary's share of the two, above 0."""
        group, block = self._group, self._open
        if group is not None and (group.epoch is not epoch or group.limits is not member.limits):
            self._close(and_group=True)
        elif block is not None and block.due >= LEAST_OWN:
            self.close_if_due(member.at_s)
        block = self._open
        if block is None:
            if self._group is None:
                self._group = Group(epoch, member.at_s, member.limits)
            block = self._open = Block(member.at_s, self._group)
        block.due += canary_share
        block.last_s = member.at_s
        block.under_way.add(member)
        return block

    def close_if_due(self, now_s: float) -> None:
        """Let nobody into the running block any more if it is large or old enough."""
        block = self._open
        if block is None:
            return
        if block.due >= MOST_OWN or (block.due >= LEAST_OWN and now_s - block.opened_s >= LEAST_S):
            # The group's age is that of its last member: when somebody looks may depend on what has ended.
            group = block.group
            due, age_s = group.due + block.due, block.last_s - group.opened_s
            self._close(and_group=due >= GROUP_OWN or age_s >= GROUP_LONGEST_S)

    def _close(self, *, and_group: bool) -> None:
        group, block = self._group, self._open
        assert group is not None
        if block is not None:
            block.closed = True
            group.due += block.due
            self._closed.append(block)
            self._open = None
        if and_group:
            group.closed = True
            self._group = None
            if not group.under_way:
                self._ended.append(group)

    def take_ready(self) -> list[Block]:
        """Closed blocks whose every member has ended; they are given once."""
        ready = [block for block in self._closed if not block.under_way]
        if ready:
            self._closed = [block for block in self._closed if block.under_way]
        return ready

    def take_ended(self) -> list[Group]:
        """Groups that were closed when each of their blocks had been taken already; they are given once."""
        ended, self._ended = self._ended, []
        return ended

    def waiting(self) -> list[Block]:
        """Closed blocks with members under way."""
        return self._closed


Counts = tuple[int, int, int, list[int]]
"""(Canary's, baseline's, baseline's bad, canary's bad at each factor) of one third of a block, for one
criterion."""


def tally(counted: Counted, rows: Sequence[int], widths: Sequence[int]) -> Iterator[tuple[int, Counts]]:
    """(Row, counts) of each of ``rows`` (places in the labels) and each third that has requests of both;
    ``widths`` are their numbers of factors."""
    thirds: dict[int, list[list[Any]]] = {}
    for third, labels in counted.own:
        counts = thirds.get(third)
        if counts is None:
            counts = thirds[third] = [[0, 0, 0, [0] * width] for width in widths]
        for place, row in enumerate(rows):
            label = labels[row]
            if label >= 0:
                entry = counts[place]
                entry[0] += 1
                over = entry[3]
                for factor in range(label):
                    over[factor] += 1
    for (third, labels), n in counted.others.items():
        counts = thirds.get(third)
        if counts is not None:
            for place, row in enumerate(rows):
                label = labels[row]
                if label >= 0:
                    entry = counts[place]
                    entry[1] += n
                    if label:
                        entry[2] += n
    for counts in thirds.values():
        for place, row in enumerate(rows):
            own, others, bad, over = counts[place]
            if own and others:
                yield row, (own, others, bad, over)


def tally_beyond(block: Block, row: int, width: int) -> Iterator[tuple[int, Counts]]:
    """The same of one row of a block whose last members are beyond every factor, though they have not ended."""
    counted = Counted()
    counted.merge(block)
    for member in block.under_way:
        if member.is_cold:
            continue
        labels = [NONE] * (row + 1)
        labels[row] = width if member.is_canary else BAD
        counted.add(member, tuple(labels))
    return tally(counted, (row,), (width,))
