"""Tables of a report for the decision: cost and quality by task, what was compared, and who scored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tui.base.text import plain
from tui.grading.agreement import PersonScore, read_person_score
from tui.measure.business import BusinessLine, CostOfBoth, business, decision_texts, pairs_text, rate_text
from tui.model import Event, EventKind, Pair, Snapshot
from tui.model.criteria import BY_PAIRS


@dataclass(frozen=True, slots=True)
class Table:
    """A heading over rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


def number(value: float | None, style: str) -> str:
    """A dash where there is none."""
    return "-" if value is None else format(value, style)


_NAME = 60
_MOST_PEOPLE = 50


def business_table(seen: Snapshot) -> Table:
    """A row for each task and canary: the line in words, and the figures that it rests on."""
    columns = (
        "task", "canary", "cost and quality", "$/1k baseline / canary", "difference % [interval]", "USD a day",
        "requests a day", "answers of the canary", "pairs",
    )  # fmt: skip
    title = "What it costs or saves, and what quality it gives"
    return Table(title, columns, tuple(map(_business_row, business(seen))), "no canary")


def _business_row(line: BusinessLine) -> tuple[str, ...]:
    costs = ("-", "-") if line.cost is None else _costs(line.cost)
    return (
        plain(line.task, _NAME),
        line.canary,
        decision_texts(line)[0],
        *costs,
        number(line.usd_per_day, "+.2f"),
        rate_text(line),
        "-" if line.cost is None else str(line.cost.canary_answers),
        pairs_text(line.graded) or "-",
    )


def _costs(cost: CostOfBoth) -> tuple[str, str]:
    low, high = number(cost.low_pct, "+.1f"), number(cost.high_pct, "+.1f")
    both = f"{cost.baseline_usd_per_1k:.4f} / {cost.canary_usd_per_1k:.4f}"
    return both, f"{number(cost.difference_pct, '+.1f')} [{low}, {high}]"


def pairs_table(pairs: Iterable[Pair]) -> Table:
    """What both versions made of the same items, by task, canary and criterion, whoever scores it."""
    counted: dict[tuple[str, str, str], list[int]] = {}
    for pair in pairs:
        key = (pair.task, pair.canary, pair.criterion)
        count = counted.setdefault(key, [0, 0, 0, 0, 0])
        better = (pair.own > pair.baseline) - (pair.own < pair.baseline)
        added = (1, pair.baseline, pair.own, int(better > 0), int(better < 0))
        counted[key] = [a + b for a, b in zip(count, added, strict=True)]
    rows = tuple(
        (
            plain(task, _NAME),
            plain(canary, _NAME),
            criterion,
            str(n),
            _mean(criterion, base / n),
            _mean(criterion, own / n),
            f"{better} / {n - better - worse} / {worse}",
        )
        for (task, canary, criterion), (n, base, own, better, worse) in sorted(counted.items())
    )
    columns = (
        "task", "canary", "criterion", "items", "baseline", "canary value", "canary better / same / worse"
    )  # fmt: skip
    return Table("Items that both versions answered", columns, rows, "none")


def _mean(criterion: str, value: float) -> str:
    unit = BY_PAIRS[criterion].unit if criterion in BY_PAIRS else "of 5"
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.2f} {unit}"


def people_table(events: Iterable[Event]) -> Table:
    """Who scored how many answers, and what they gave to each version; a score that was given again or taken
    back counts as it stood at the end."""
    standing: dict[str, dict[tuple[int, str], PersonScore]] = {}
    back: dict[str, int] = {}
    for event in events:
        scored = read_person_score(event.text) if event.kind is EventKind.SCORED else None
        if scored is None:
            continue
        of_one = standing.setdefault(event.actor, {})
        key = (scored.sample, scored.deployment)
        for scores in standing.values():
            scores.pop(key, None)
        if scored.value is not None:
            of_one[key] = scored
        else:
            back[event.actor] = back.get(event.actor, 0) + 1
    rows = tuple(
        (
            plain(person, 40),
            str(len(scores)),
            str(sum(scored.blind for scored in scores.values())),
            str(back.get(person, 0)),
            _given(scores.values()),
        )
        for person, scores in list(standing.items())[:_MOST_PEOPLE]
    )
    columns = ("who", "answers scored", "of them blind", "taken back", "mean of 5 (answers)")
    return Table("Scores by people", columns, rows, "nobody scored an answer")


def _given(scores: Iterable[PersonScore]) -> str:
    values: dict[str, list[int]] = {}
    for scored in scores:
        values.setdefault(scored.deployment, []).append(scored.value or 0)
    means = (f"{plain(name, 64)} {sum(v) / len(v):.2f} ({len(v)})" for name, v in sorted(values.items()))
    return ", ".join(means) or "-"
