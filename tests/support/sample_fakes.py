"""Samples of a made-up migration: summaries, contract questions and e-mails, answered by two versions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from tests.support.cockpit_fakes import BASELINE, CANARY, START
from tui.model import (
    TIE,
    Answer,
    FilterHits,
    Grade,
    HumanScore,
    Judgement,
    Mark,
    OutcomeKind,
    Sample,
    SampleKind,
    Usage,
)

MAIL = (
    "Hi team,\n\nthe supplier moved the delivery of the 400 valves from 12 March to 2 April because the "
    "foundry in Bilbao is closed for repairs. Ana asked whether we can use the older batch for the first line. "
    "Please tell me by Thursday, otherwise I will cancel the crane.\n\nJon"
)
OLD = (
    "The supplier will deliver the 400 valves on 2 April instead of 12 March, because the foundry in Bilbao is "
    "closed for repairs. Ana asks whether the older batch can be used for the first line. Jon needs an answer "
    "by Thursday, or he will cancel the crane."
)
NEW = (
    "Delivery of the 400 valves slips from 12 March to 2 April: the foundry in Bilbao is closed for repairs. "
    "Ana suggests the older batch for the first line. Reply to Jon by Thursday; otherwise he cancels the crane."
)
_CLAUSE = (
    "Does the clause describe a license grant to a licensee and its affiliates?\n\nClause: Licensee may extend "
    "the licenses granted in section 4 to its subsidiaries, provided that each of them agrees in writing to be "
    "bound by this Agreement.\nLabel:"
)
_REFUND = (
    "Hello,\n\nI returned the lamp of order 20-114 on 3 March and was promised 79.90 EUR within a week. "
    "Nothing has arrived. My bank says that no transfer is under way. Please send me the reference of the "
    "transfer.\n\nMarta Ruiz"
)
_AUDIT = (
    "All,\n\nthe auditors come on Tuesday at 9:00 and need the access logs of January to March, the list of "
    "suppliers and one quiet room. Tomás brings the logs, Eva books the room. "
    "監査の資料は日本語でも用意してください。\n\n\tThanks, Ida ❤\ufe0f"
)
_MAILS: tuple[tuple[str, str, str], ...] = (
    (MAIL, OLD, NEW),
    (
        _REFUND,
        "Marta Ruiz returned a lamp (order 20-114) on 3 March and still waits for 79.90 EUR that was promised "
        "within a week. Her bank sees no transfer. She asks for the reference of the transfer.",
        "A customer has not received a refund of 79.90 EUR for order 20-114. She asks for the reference of the "
        "transfer, since her bank sees none.",
    ),
    (
        _AUDIT,
        "The auditors come on Tuesday at 9:00. Tomás brings the access logs of January to March, Eva books a "
        "quiet room, and the list of suppliers is needed too, in Japanese as well (日本語).",
        "Auditors visit on Tuesday at 9:00 and need logs, suppliers and a room; Tomás and Eva take care of it.",
    ),
)
_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "email_summarisation": "Summarise the e-mail in at most three sentences.",
        "contract_analysis": "Answer Yes or No only.",
    }
)


def answer(deployment: str = BASELINE, text: str = OLD, **changes: Any) -> Answer:
    """An answer in 812 ms; every field may be replaced."""
    base = Answer(
        deployment, OutcomeKind.OK, text, 812.0, 210.0, Usage(250, 70, 128), 0.001325, finish_reason="stop"
    )
    return replace(base, **changes)


def sample(id: int = 1, *answers: Answer, **changes: Any) -> Sample:
    """A live sample, or a pair where there are two answers; every field may be replaced."""
    given = answers or (answer(),)
    messages = (
        {"role": "system", "content": _SYSTEMS["email_summarisation"]},
        {"role": "user", "content": MAIL},
    )
    base = Sample(
        id,
        START + timedelta(seconds=id),
        float(id),
        "email_summarisation",
        SampleKind.PAIR if len(given) > 1 else SampleKind.LIVE,
        messages,
        given,
        "email.jsonl",
    )
    return replace(base, **changes)


def pair(id: int = 1, old: str = OLD, new: str = NEW, **changes: Any) -> Sample:
    """The same prompt answered by both."""
    other = answer(CANARY, new, latency_ms=1204.0, ttft_ms=180.0, usage=Usage(250, 61), cost_usd=0.000131)
    return sample(id, answer(text=old), other, **changes)


def human(value: int, **changes: Any) -> HumanScore:
    """A blind score of the user."""
    return replace(HumanScore(value, "user", START + timedelta(seconds=400)), **changes)


def judged(old: float, new: float, reason: str = "", **changes: Any) -> Judgement:
    """The judge's scores of both versions."""
    better = TIE if old == new else BASELINE if old > new else CANARY
    base = Judgement(
        START + timedelta(seconds=390), BASELINE, {BASELINE: old, CANARY: new}, better,
        reason or "A keeps the date and who has to answer; B turns the question of Ana into a suggestion.",
        cost_usd=0.0008,
    )  # fmt: skip
    return replace(base, **changes)


def many(count: int, seed: int = 7) -> tuple[Sample, ...]:
    """As in a real run: mostly single answers, some pairs, some known answers, errors and blocked ones."""
    rng = random.Random(seed)
    return tuple(_drawn(rng, i + 1, 395.0 * (i + 1) / count) for i in range(count))


def _drawn(rng: random.Random, id: int, at_s: float) -> Sample:
    kind = rng.choices(tuple(SampleKind), (70, 20, 10))[0]
    mail = rng.choice(_MAILS)
    deployments = (
        (rng.choices((BASELINE, CANARY), (80, 20))[0],) if kind is SampleKind.LIVE else (BASELINE, CANARY)
    )
    known = kind is SampleKind.KNOWN
    task = "contract_analysis" if known else "email_summarisation"
    answers = tuple(_answer(rng, name, mail, known=known) for name in deployments)
    question = _CLAUSE if known else mail[0]
    made = Sample(
        id, START + timedelta(seconds=at_s), at_s, task, kind,
        ({"role": "system", "content": _SYSTEMS[task]}, {"role": "user", "content": question}),
        answers, "cuad.jsonl" if known else "email.jsonl",
        expected="Yes" if known else None, match="yesno" if known else None,
    )  # fmt: skip
    if kind is SampleKind.PAIR and all(a.text for a in answers) and rng.random() < 0.7:
        made = replace(made, judged=judged(rng.choice((3.0, 4.0, 5.0)), rng.choice((1.0, 2.0, 3.0, 4.0, 4.5))))
        if rng.random() < 0.25:
            made = replace(made, human={BASELINE: human(rng.randint(3, 5)), CANARY: human(rng.randint(1, 5))})
    return made


def _answer(rng: random.Random, deployment: str, mail: tuple[str, str, str], *, known: bool) -> Answer:
    slow = 1.0 if deployment == BASELINE else 1.5
    made = answer(
        deployment,
        mail[1 if deployment == BASELINE else 2],
        latency_ms=slow * rng.lognormvariate(6.7, 0.4),
        ttft_ms=slow * rng.uniform(120, 300),
        usage=Usage(rng.randint(180, 400), rng.randint(30, 120)),
        cost_usd=rng.uniform(0.0008, 0.002) / (1 if deployment == BASELINE else 10),
    )
    fate = rng.random()
    if fate < 0.02:
        return replace(
            made, kind=OutcomeKind.RATE_LIMITED, text="", ttft_ms=None, usage=None, cost_usd=None,
            latency_ms=None, finish_reason=None, error="HTTP 429: rate limit exceeded, retry after 3 s",
        )  # fmt: skip
    if fate < 0.04:
        return replace(
            made, kind=OutcomeKind.COMPLETION_FILTERED, text=made.text[:80], finish_reason="content_filter",
            filters=FilterHits(("completion:violence",)),
        )  # fmt: skip
    if known:
        said = "Yes" if rng.random() < (0.9 if deployment == BASELINE else 0.7) else "No"
        grade = Grade(Mark.RIGHT if said == "Yes" else Mark.WRONG, said, "the only word")
        return replace(made, text=f"{said}.", grade=grade)
    return made


def with_canary(one: Sample, name: str) -> Sample:
    """The same sample where the canary has another name."""
    names = {CANARY: name}
    made = one.judged
    if made is not None:
        scores = {names.get(deployment, deployment): score for deployment, score in made.scores.items()}
        made = replace(made, scores=scores, better=names.get(made.better, made.better))
    return replace(
        one,
        answers=tuple(replace(a, deployment=names.get(a.deployment, a.deployment)) for a in one.answers),
        judged=made,
        human={names.get(deployment, deployment): score for deployment, score in one.human.items()},
    )
