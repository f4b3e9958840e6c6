# ruff: noqa: E501
"""Items of the match kinds that no task file has: ``exact``, ``regex`` and ``json``, with wrong answers."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tui.grading.task_files import TaskItem

MADE_KINDS = ("exact", "regex", "json")

_EXACT = (
    ("Paris", "Lyon", "Nice"), ("INV-2024-0117", "INV-2024-0171", "INV-2024-117"), ("O'Neill & Sons", "O'Neal & Sons",
    "Neill & Sons"), ("2026-03-14", "2026-03-15", "2025-03-14"), ("high priority", "low priority", "medium priority"),
    ("snake_case_name", "snake_case", "camelCaseName"), ("user@example.com", "user@example.org", "admin@example.com"),
    ("New York, NY", "Newark, NJ", "York"), ("§ 12(b)", "§ 12(a)", "§ 13(b)"), ("v2.3.1", "v2.3.2", "v2.31"),
    ("Müller", "Muller", "Mueller"), ("C++", "C", "C#"), ("to be or not to be", "to be", "not to be"),
)  # fmt: skip
_REGEX = (
    (r"(?i)\bparis\b", ("Paris", "PARIS"), ("Parisian", "Lyon")),
    (r"\d{2}/\d{2}/\d{4}", ("04/05/2026", "31/12/1999"), ("4/5/26", "2026-04-05")),
    (r"INV-\d{4,6}", ("INV-20240", "INV-0001"), ("INV-12", "inv-20240")),
    (r"(?i)refund(ed)?", ("refund", "Refunded"), ("return", "replacement")),
    (r"\bNET ?(30|60)\b", ("NET 30", "NET60"), ("NET 45", "net 30")),
    (r"[A-Z]{2}\d{2}( ?\d{4}){4}", ("DE44 5001 0517 5407 3249", "DE445001051754073249"), ("DE44 5001", "44 5001")),
    (r"(?i)(18|eighteen) months?", ("18 months", "Eighteen months"), ("8 months", "18 weeks")),
)  # fmt: skip
_JSON: tuple[tuple[Any, ...], ...] = (
    ({"intent": "refund", "order": 1234}, {"intent": "refund", "order": 1243}, {"intent": "return", "order": 1234}),
    ({"parties": ["Acme", "Beta {2}"], "signed": True}, {"parties": ["Beta {2}", "Acme"], "signed": True},
     {"parties": ["Acme"], "signed": True}),
    ({"total": {"value": 12.5, "currency": "EUR"}, "note": None}, {"total": {"value": 12.5, "currency": "USD"},
     "note": None}, {"total": {"value": 12.5, "currency": "EUR"}, "note": ""}),
    ([1, 2, 3], [1, 2, 4], [3, 2, 1]), ([{"id": "a", "ok": False}, {"id": "b", "ok": True}], [{"id": "a", "ok": True}],
     [{"id": "a", "ok": False}]), ({"text": "He said \"no\" ```twice```", "n": 1}, {"text": "He said", "n": 1},
     {"text": "He said \"no\" ```twice```", "n": 2}), ({}, {"a": 1}, {"b": []}),
    ({"names": ["Zoë", "李"], "count": 2}, {"names": ["Zoe", "李"], "count": 2}, {"names": ["Zoë"], "count": 2}),
)  # fmt: skip


def made_fields(item: TaskItem, is_right: bool, rng: random.Random) -> dict[str, str]:
    """The fields of a wording: the answer, two others, and for JSON the answer in another layout."""
    rights: Sequence[str] = item.more["right"]
    wrongs: Sequence[str] = item.more["wrong"]
    a = rng.choice(rights if is_right else wrongs)
    o, p = rng.sample([each for each in (rights[0], *wrongs) if each != a][:3], 2)
    return {"a": a, "o": o, "p": p, "k": _laid_out(a) if item.match == "json" else a}


def _laid_out(text: str) -> str:
    value = json.loads(text)
    if isinstance(value, Mapping):
        value = dict(reversed(list(value.items())))
    return json.dumps(value, indent=2)


def _item(n: int, match: str, expected: str, right: Sequence[str], wrong: Sequence[str]) -> TaskItem:
    return TaskItem(
        id=f"{match}-{n}", task=None, messages=(), expected=expected, match=match,
        more={"right": right, "wrong": wrong},
    )  # fmt: skip


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


MADE: Mapping[str, tuple[TaskItem, ...]] = {
    "made_exact": tuple(_item(n, "exact", right, (right,), wrong) for n, (right, *wrong) in enumerate(_EXACT)),
    "made_regex": tuple(
        _item(n, "regex", pattern, right, wrong) for n, (pattern, right, wrong) in enumerate(_REGEX)
    ),
    "made_json": tuple(
        _item(n, "json", _text(right), (_text(right),), [_text(each) for each in wrong])
        for n, (right, *wrong) in enumerate(_JSON)
    ),
}
"""Name -> the items, each with its right and wrong answers in ``more``."""
