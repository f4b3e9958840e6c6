"""The options and labels among which a prompt lets the model choose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MAX_LABELS = 200
_MAX_LABEL_CHARS = 120
_END_CHARS = 20_000
_QUESTION_CHARS = 4_000

_NAMED = re.compile(r"^[ \t]*Option[ \t]+\(?([A-Z])[).:][ \t]*(\S[^\n]*)$", re.MULTILINE)
_LINES = re.compile(r"^[ \t]*\(?([A-Z])[).:][ \t]+(\S[^\n]*)$", re.MULTILINE)
_BRACKETED = re.compile(r"\[\s*(A\s?:[^\[\]\n]{1,2000})\]")
_IN_BRACKETS = re.compile(r"([A-Z])\s?:\s*([^;]+)")

_LISTED = re.compile(
    r"\b(?:(?:exactly )?one (?:label |category |word |class )?(?:from|of)(?: the)?(?: following)?(?: labels?"
    r"| categories"
    r"| options| classes| values)?|labels?|options|categories|classes|choose from|choose between"
    r"|select from)\s?:\s*",
    re.IGNORECASE,
)
_ENTRIES = re.compile(r"(?:[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+[^\n]{1,200}(?:\n|$)){2,200}")
_ENTRY = re.compile(r"[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+([^\n]+)")
_EITHER = re.compile(r"([^?.!\n]{1,200}?) or (?:by )?(?:the |an? )?([^?.!\n]{1,60})\?")
_PARTS = re.compile(r"[\W_]+")


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of all messages that a model is given, one after the other."""
    return "\n".join(text for message in messages for text in _texts(message.get("content")))


def options_of(prompt: str) -> dict[str, str]:
    """Letter -> text of the options of a multiple-choice question, empty when there is none.

    Recognised are lines such as ``A. text``, ``(A) text``, ``Option A: text``, with letters from A on without a
    gap, and ``[A: text; B: text]``. Of several such lists the last counts, lines with "Option" before others.
    """
    bracketed = _BRACKETED.search(prompt)
    for pairs in (
        _NAMED.findall(prompt),
        _LINES.findall(prompt),
        _IN_BRACKETS.findall(bracketed[1]) if bracketed else [],
    ):
        if (run := _last_run(pairs)) is not None:
            return {letter: text.strip() for letter, text in run}
    return {}


def labels_of(prompt: str, expected: str) -> tuple[str, ...]:
    """The labels of a classification, in the order of the prompt; empty when they are not found.

    Recognised are lists after words such as "exactly one label from:" or "options:", divided by semicolons,
    commas, bars or lines, and a question that ends with "X or Y?". Only a list with ``expected`` in it counts.
    Looked for in the first and last 20,000 characters.
    """
    if len(prompt) > 2 * _END_CHARS:
        prompt = f"{prompt[:_END_CHARS]}\n{prompt[-_END_CHARS:]}"
    wanted = words_of(expected)
    for labels in _label_lists(prompt, wanted):
        known = {words_of(label) for label in labels}
        if 2 <= len(labels) <= _MAX_LABELS and wanted in known and len(known) == len(labels):
            return tuple(labels)
    return ()


def words_of(text: str) -> str:
    """The words of a text in lower case with single blanks between them, without punctuation."""
    return " ".join(_PARTS.sub(" ", text.casefold()).split())


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _last_run(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]] | None:
    """The last A, B, ... without a gap among lettered lines."""
    runs: list[list[tuple[str, str]]] = []
    for letter, text in pairs:
        if letter == "A":
            runs.append([])
        if runs and letter == chr(ord("A") + len(runs[-1])):
            runs[-1].append((letter, text))
    return next((run for run in reversed(runs) if len(run) > 1), None)


def _label_lists(prompt: str, wanted: str) -> Iterator[list[str]]:
    for listed in _LISTED.finditer(prompt):
        if entries := _ENTRIES.match(prompt, listed.end()):
            yield _cleaned(_ENTRY.findall(entries.group()))
            continue
        line = prompt[listed.end() : listed.end() + _MAX_LABELS * _MAX_LABEL_CHARS].partition("\n")[0]
        sentence = re.split(r"\.(?:\s|$)", line)[0]
        for mark in (";", "|", ","):
            if mark in sentence:
                yield _cleaned(re.split(rf"\s?{re.escape(mark)}\s?(?:or |and )?", sentence))
                break
    for either in _EITHER.finditer(prompt[-_QUESTION_CHARS:]):
        one, other = either[1], either[2]
        if words_of(other) == wanted:
            yield _cleaned([one.split()[-1], other])
        elif words_of(one).endswith(f" {wanted}"):
            yield _cleaned([" ".join(one.split()[-len(wanted.split()) :]), other])


def _cleaned(labels: Sequence[str]) -> list[str]:
    stripped = (label.strip(" \t\"'`*.") for label in labels)
    return [label for label in stripped if 0 < len(label) <= _MAX_LABEL_CHARS and words_of(label)]
