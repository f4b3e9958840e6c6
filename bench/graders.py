"""The graders on every task file: right and wrong answers in ten phrasings, and how long a reply of 1 MB takes.

``python -m bench.graders [--set first|...|all] [--seed N] [--failures N] [--no-speed]``. A grade is as it
should be when a right answer is marked right and a wrong one wrong; empty and self-contradicting replies are to
be ungraded.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from types import ModuleType
from typing import Any

from bench import (
    phrasings,
    phrasings_fifth,
    phrasings_fourth,
    phrasings_second,
    phrasings_third,
    replies,
)
from bench.made_items import MADE, MADE_KINDS, made_fields
from tests.support.places import SHARED
from tui.grading import grade
from tui.grading.graders import kind_of
from tui.grading.task_files import TaskItem, grade_item, read_task_file
from tui.model import Grade, Mark

TASKS = SHARED / "data" / "tasks"

_SETS = {
    "first": phrasings,
    "second": phrasings_second,
    "third": phrasings_third,
    "fourth": phrasings_fourth,
    "fifth": phrasings_fifth,
}
_LONG_CHARS = 100_000
_UNITS = (
    "apples",
    "dollars",
    "miles",
    "hours",
    "kg",
    "points",
    "square feet",
    "years",
    "cents",
    "liters",
    "cm^2",
)
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


@dataclass(frozen=True, slots=True)
class Case:
    """One reply, the wording that it was made from, and the mark that a person would give it."""

    phrasing: str
    wording: str
    is_right: bool
    reply: str
    should: Mark
    item: TaskItem


@dataclass(frozen=True, slots=True)
class Result:
    """A case and what the grader said."""

    case: Case
    grade: Grade

    @property
    def met(self) -> bool:
        """Whether the grade is a person's."""
        return self.grade.mark is self.case.should


def cases(
    item: TaskItem, wordings: ModuleType, rng: random.Random, names: Sequence[str] = phrasings.PHRASINGS
) -> Iterator[Case]:
    """The right and a wrong answer of one item in the phrasings of these names."""
    kind = kind_of(item.expected, item.match, options=item.options, labels=item.labels)
    templates: Mapping[str, Sequence[str]] = getattr(wordings, kind.upper(), {})
    if kind == "reference":
        for template in templates.get("sentence", ()):
            reply = template.format(a=item.expected)
            yield Case("sentence", template, True, reply, Mark.FOR_JUDGE, item)
        return
    for is_right in (True, False):
        for phrasing in names:
            if phrasing not in templates and (phrasing != "empty" or kind in MADE_KINDS):
                continue
            if phrasing == "empty":
                template = reply = rng.choice(wordings.EMPTY)
                should = Mark.UNGRADED
            else:
                template = rng.choice(templates[phrasing])
                fields = _FIELDS[kind](item, is_right, rng)
                if "{filler}" in template:
                    fields["filler"] = _filler(kind, fields, rng)
                reply = template.format_map(fields)
                should = Mark.RIGHT if is_right else Mark.WRONG
                if phrasing == "contradiction":
                    should = Mark.UNGRADED
            yield Case(phrasing, template, is_right, reply, should, item)


def _number(item: TaskItem, is_right: bool, rng: random.Random) -> dict[str, str]:
    n = int(item.expected)
    near = [n + step for step in (-7, -3, -2, -1, 1, 2, 3, 5, 8, 10, 12)] + [2 * n + 1, 10 * n + 4]
    a, o, p = n, *rng.sample(near, 2)
    if not is_right:
        a, o = o, rng.choice([n, p])
        p = rng.choice([each for each in near if each not in (a, o)])
    unit = rng.choice(_UNITS)
    words = _words(a)
    return {
        "a": str(a), "t": f"{a:,}", "o": str(o), "p": str(p), "u": unit, "U": unit.upper(), "w": words,
        "W": words.capitalize(), "m": str(a).replace("-", "−"), "d": str(2 * a), "dd": str(2 * o),
        "s": str(a + o), "op": str(o + p),
        "n": f"{a:,}".replace(",", "\u202f"), "l": f"{a:,}".replace(",", "{,}"), "V": words.upper(),
    }  # fmt: skip


def _choice(item: TaskItem, is_right: bool, rng: random.Random) -> dict[str, str]:
    right = item.expected.strip("() .")
    others = [letter for letter, text in item.options.items() if text.strip() != item.options[right].strip()]
    a = right if is_right else rng.choice(others)
    rest = [letter for letter in item.options if letter != a and item.options[letter] != item.options[a]]
    o, p = rng.sample(rest, 2) if len(rest) > 1 else (rest[0], rest[0])
    text = item.options[a]
    return {
        "a": a, "l": a.lower(), "t": text, "T": text.upper(), "o": o, "ot": item.options[o], "p": p,
        "pt": item.options[p],
    }  # fmt: skip


def _yesno(item: TaskItem, is_right: bool, rng: random.Random) -> dict[str, str]:
    says_yes = (item.expected.casefold() == "yes") is is_right
    a, x = ("Yes", "No") if says_yes else ("No", "Yes")
    does, doesnt = ("does", "does not") if says_yes else ("does not", "does")
    e, b, g, fr = ("👍", "true", "Ja", "Oui") if says_yes else ("👎", "false", "Nein", "Non")
    return {
        "a": a, "l": a.lower(), "A": a.upper(), "x": x, "xl": x.lower(), "does": does, "doesnt": doesnt, "e": e,
        "b": b, "g": g, "fr": fr,
    }  # fmt: skip


def _label(item: TaskItem, is_right: bool, rng: random.Random) -> dict[str, str]:
    others = [label for label in item.labels if label.casefold() != item.expected.casefold()]
    a = item.expected if is_right else rng.choice(others)
    rest = [label for label in item.labels if label.casefold() != a.casefold()]
    o, p = rng.sample(rest, 2) if len(rest) > 1 else (rest[0], rest[0])
    capital = a.title() if a.islower() else a.capitalize()
    return {"a": a, "l": a.lower(), "A": a.upper(), "C": capital, "o": o, "p": p}


_FIELDS = {
    "number": _number, "choice": _choice, "yesno": _yesno, "label": _label, "exact": made_fields,
    "regex": made_fields, "json": made_fields,
}  # fmt: skip


def _filler(kind: str, fields: Mapping[str, str], rng: random.Random) -> str:
    """About 100 kB of reasoning that mentions other candidates and settles nothing."""
    sentences = {
        "number": (
            "Step {n}: we take {o} and add {n}.", "There are {n} of them in the next box.",
            "That is {o} + {n} = {s}.",
            "Dividing {s} by {n} does not help here.", "Let us write down what is known so far.",
            "The {n}th day is like the day before.", "Now consider the {p} that remain.",
        ),
        "choice": (
            "Option {o} speaks of another rule.", "As to {p}, the facts say little.",
            "The parties signed in writing.",
            "A court would look at the wording first.", "Section {n} of the statute deals with notice.",
            "I have to weigh both sides here.", "The rule in question has {n} exceptions.",
        ),
        "yesno": (
            "There is no other reference to it in paragraph {n}.", "The parties are not named here.",
            "Paragraph {n} speaks of notices and of their form.", "It says nothing about the affiliates.",
            "Nobody would read it in any other way.", "The date is given as the {n}th of the month.",
        ),
        "label": (
            "Some of it touches on {o}.", "Paragraph {n} might be read as {p}.", "The wording is a common one.",
            "It names the parties and the date.", "There are {n} sentences to look at.",
        ),
    }["yesno" if kind in MADE_KINDS else kind]  # fmt: skip
    parts: list[str] = []
    size = 0
    while size < _LONG_CHARS:
        n = rng.randrange(2, 99)
        sentence = rng.choice(sentences).format_map({**fields, "n": n, "s": n + 17})
        parts.append(sentence + ("\n" if rng.random() < 0.2 else " "))
        size += len(parts[-1])
    return "".join(parts)


def _words(n: int) -> str:
    if n < 0:
        return f"minus {_words(-n)}"
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if n >= size:
            rest = n % size
            return f"{_words(n // size)} {name}" + (f" {_words(rest)}" if rest else "")
    raise AssertionError(n)


def run(wordings: ModuleType, seed: int) -> dict[str, list[Result]]:
    """File name, or that of a list of made items, -> the results of all its cases."""
    rng = random.Random(seed)
    files = {path.stem: read_task_file(path).items for path in sorted(TASKS.glob("*.jsonl"))}
    return {
        name: [
            Result(case, grade_item(item, case.reply)) for item in items for case in cases(item, wordings, rng)
        ]
        for name, items in {**files, **MADE}.items()
    }


def table(found: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """One line a file: of the right and of the wrong answers, how many were graded as a person would."""
    yield "graded as a person would, of the right answers / of the wrong answers\n"
    yield f"{'':<40}" + "".join(f"{name[:13]:>15}" for name in phrasings.PHRASINGS)
    total = Counter[tuple[str, bool]]()
    met = Counter[tuple[str, bool]]()
    for name, results in found.items():
        if not results:
            yield f"{name:<40}  a reference text: for the judge"
            continue
        here, here_met = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
        for result in results:
            here[result.case.phrasing, result.case.is_right] += 1
            here_met[result.case.phrasing, result.case.is_right] += result.met
        yield _line(name, here, here_met)
        total += here
        met += here_met
    yield _line("all", total, met)
    for is_right in (True, False):
        n, ok = (sum(v for (_, right), v in c.items() if right is is_right) for c in (total, met))
        name = "right" if is_right else "wrong"
        yield f"{name} answers: {ok:,} of {n:,} as a person would ({100 * ok / n:.2f} %)"
    n, ok = total.total(), met.total()
    yield f"all: {ok:,} of {n:,} ({100 * ok / n:.2f} %, target >= 99 %)"


def _line(name: str, total: Counter[tuple[str, bool]], met: Counter[tuple[str, bool]]) -> str:
    cells = (
        " / ".join(
            f"{met[phrasing, right]}" + ("" if met[phrasing, right] == total[phrasing, right] else "!")
            for right in (True, False)
        )
        for phrasing in phrasings.PHRASINGS
    )
    return f"{name:<40}" + "".join(f"{cell:>15}" for cell in cells)


def by_kind(found: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """One line a match kind: how many were graded as a person would."""
    total, met = Counter[str](), Counter[str]()
    for result in itertools.chain.from_iterable(found.values()):
        item = result.case.item
        kind = kind_of(item.expected, item.match, options=item.options, labels=item.labels)
        total[kind] += 1
        met[kind] += result.met
    for kind, n in sorted(total.items()):
        yield f"{kind:<12}{met[kind]:>8,} of {n:>7,}{100 * met[kind] / n:>9.2f} %"
    yield f"{'all':<12}{met.total():>8,} of {total.total():>7,}{100 * met.total() / total.total():>9.2f} %"


def failures(found: Mapping[str, Sequence[Result]], most: int) -> Iterator[str]:
    """The cases that a person would grade otherwise, the first ``most``."""
    missed = [result for results in found.values() for result in results if not result.met]
    for result in missed[:most]:
        case, grade = result.case, result.grade
        reply = case.reply if len(case.reply) < 300 else f"{case.reply[:120]} ... {case.reply[-160:]}"
        yield f"\n{case.item.id} ({case.phrasing}) expected {case.item.expected!r}"
        yield f"  {reply!r}"
        yield f"  {grade.mark} ({grade.answer!r}, {grade.why}), should be {case.should}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply written in the style of a real model, its grade, and the one that a person gave it."""

    kind: str
    reply: str
    should: str
    grade: Grade


def graded_replies() -> Iterator[Reply]:
    """All of ``replies``."""
    for kind in ("number", "yesno", "choice", "exact", "label"):
        for *allowed, expected, reply, should in getattr(replies, kind.upper()):
            more: dict[str, Any] = {}
            if kind == "choice":
                more["options"] = dict(zip(ascii_uppercase, allowed[0], strict=False))
            if kind == "label":
                more["labels"] = allowed[0]
            yield Reply(kind, reply, should, grade(reply, expected, kind, **more))


def replies_text(most: int) -> Iterator[str]:
    """One line a match kind, and the replies that a person would grade otherwise, the first ``most``."""
    found = list(graded_replies())
    missed = [each for each in found if each.grade.mark.value != each.should]
    for kind, n in Counter(each.kind for each in found).items():
        yield f"{kind:<12}{n - sum(each.kind == kind for each in missed):>8,} of {n:>7,}"
    for each in missed[:most]:
        given = f"{each.grade.mark} ({each.grade.answer!r}), should be {each.should}"
        yield f"{each.kind} {each.reply[-120:]!r}: {given}"


def speed() -> Iterator[str]:
    """Milliseconds for a reply of 1 MB, best of three, ordinary text and text made to be slow."""
    rng = random.Random(1)
    options = {
        letter: f"the {word} rule applies"
        for letter, word in zip("ABCD", ("first", "old", "new", "last"), strict=True)
    }
    labels = tuple(f"label number {n} of many" for n in range(40))
    fields = {"a": "A", "o": "B", "p": "C"}
    hostile = {
        "blanks": " " * 1_000_000, "newlines": "a\n" * 500_000, "answers": "the answer is " * 72_000,
        "letters": "A B C D " * 125_000, "digits": "1" * 1_000_000, "numbers": "1 2 3 " * 170_000,
        "stars": "**a** " * 170_000, "braces": "\\boxed{" * 143_000, "brackets": "[" * 1_000_000,
        "yes no": "Yes. No. " * 112_000, "labels": "label number 1 of many. " * 42_000,
        "fences": "```json\n" * 125_000,
        "hashes": "#### " * 200_000, "pipes": "|" * 1_000_000, "words": "twenty-" * 143_000,
        "tags": "<a " * 330_000,
        "accents": "é" * 1_000_000, "quotes": '"' * 1_000_000, "colons": "Answer: " * 125_000,
    }  # fmt: skip
    asked: dict[str, tuple[str, dict[str, object]]] = {
        "number": ("24", {}), "choice": ("B", {"options": options}), "yesno": ("Yes", {}),
        "label": (labels[3], {"labels": labels}), "exact": ("Paris", {}), "regex": (r"(?i)\bparis\b.*\d+", {}),
        "json": ('{"a": 1}', {}),
    }  # fmt: skip
    yield f"\n{'1 MB reply, ms':<16}{'ordinary':>10}{'slowest':>10}"
    for kind, (expected, more) in asked.items():
        ordinary = _filler(kind if kind in _FIELDS else "number", fields, rng) * 10
        costs = {name: _cost_ms(text, expected, kind, more) for name, text in hostile.items()}
        slowest = max(costs, key=costs.__getitem__)
        yield f"{kind:<16}{_cost_ms(ordinary, expected, kind, more):>10.1f}{costs[slowest]:>10.1f}  ({slowest})"


def _cost_ms(reply: str, expected: str, kind: str, more: Mapping[str, object]) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        grade(reply, expected, kind, **more)  # type: ignore[arg-type]
        best = min(best, time.process_time() - began)
    return best * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.graders", description=__doc__)
    parser.add_argument("--set", choices=(*_SETS, "all"), default="all", help="which wordings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=int, default=40, help="how many to print")
    parser.add_argument("--no-speed", action="store_true")
    given = parser.parse_args()
    for name, wordings in _SETS.items():
        if given.set in (name, "all"):
            print(f"\n{name} set of wordings", flush=True)
            found = run(wordings, given.seed)
            for line in itertools.chain(table(found), by_kind(found), failures(found, given.failures)):
                print(line, flush=True)
    print("\nreplies in the styles of real models")
    for line in replies_text(given.failures):
        print(line)
    for line in () if given.no_speed else speed():
        print(line, flush=True)


if __name__ == "__main__":
    main()
