"""Run records made up for tests, and an evaluator that calls a canary worse after so many failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tui.evaluation.canary_tests import Listener
from tui.grading.agreement import PersonScore, person_score_text
from tui.model import (
    Assignment,
    Event,
    EventKind,
    Outcome,
    OutcomeKind,
    Pair,
    Second,
    SecondFigures,
    Usage,
    Verdict,
    VerdictState,
)
from tui.record.record import RunRecord
from tui.rollout import Criteria

STARTED = datetime(2026, 1, 2, 14, 0, tzinfo=UTC)
OLD, NEW = "old-v1", "new-v2"
AT_10 = {"default": {OLD: 90.0, NEW: 10.0}}
AT_50 = {"default": {OLD: 50.0, NEW: 50.0}}
ALL_OLD = {"default": {OLD: 100.0, NEW: 0.0}}
HOSTILE = "<script>alert(1)</script> | [x](javascript:1) `a` https://evil.example"

_ROLLOUT = """
[rollout]
name = "summarise"
baseline = "{old}"
[endpoints.main]
url = "https://nowhere.example"
api = "v1"
key_env = "NO_SUCH_KEY_HERE"
[deployments.{old}]
endpoint = "main"
model = "gpt-4o"
version = "v1"
[deployments.{new}]
endpoint = "main"
model = "gpt-4o"
version = "{version}"
[weights.default]
{old} = 90
{new} = 10
[[traffic.sources]]
kind = "sampled"
path = "gone/since/then.jsonl"
"""


def rollout_text(*, old: str = OLD, new: str = NEW, version: str = "v2") -> str:
    """A rollout file of two deployments, the canary of a ``version`` of gpt-4o, the baseline of v1."""
    return _ROLLOUT.format(old=old, new=new, version=version)


def outcome(
    number: int,
    deployment: str,
    sent_s: float,
    *,
    weight: float,
    failed: bool = False,
    task: str = "default",
    cost_usd: float = 0.001,
) -> Outcome:
    return Outcome(
        number,
        task,
        deployment,
        weight,
        OutcomeKind.SERVER_ERROR if failed else OutcomeKind.OK,
        due_s=sent_s,
        sent_s=sent_s,
        ended_s=sent_s + 0.25,
        late_ms=0.0,
        latency_ms=None if failed else 250.0,
        ttft_ms=None if failed else 100.0,
        usage=None if failed else Usage(100, 20),
        cost_usd=None if failed else cost_usd,
        error=HOSTILE if failed else None,
        served_model=None if failed else "gpt-4o-<b>served</b>",
    )


def event(number: int, at_s: float, kind: EventKind, **more: object) -> Event:
    return Event(
        number,
        STARTED + timedelta(seconds=at_s),
        at_s,
        "ana",
        kind,
        HOSTILE,
        **more,  # type: ignore[arg-type]
    )


def made_run(
    path: Path, *, version: str = "v2", rollout: str | None = None, failing_from_s: float = 20.0
) -> Path:
    """60 s, two requests a second to the baseline, one to the canary, which fails from a moment on; its weight
    goes from 10 to 50 % at 30 s, and all goes back at 50 s."""
    record = RunRecord.create(
        path,
        run_id="abc12345",
        rollout_name="summarise",
        rollout_text=rollout if rollout is not None else rollout_text(version=version),
        started_at=STARTED,
        meta={"environment": "test"},
        now=lambda: STARTED + timedelta(seconds=60),
    )
    record.event(event(1, 0.0, EventKind.STARTED, after=AT_10))
    number = 0
    for second in range(60):
        weight = 10.0 if second < 30 else 50.0 if second < 50 else 0.0
        if second == 30:
            record.event(event(2, 30.0, EventKind.SHIFTED, reason="looks well", before=AT_10, after=AT_50))
        if second == 50:
            record.event(event(3, 50.0, EventKind.ROLLED_BACK, before=AT_50, after=ALL_OLD))
        for deployment, sent_s in ((OLD, second + 0.1), (NEW, second + 0.2), (OLD, second + 0.5)):
            if deployment == NEW and second >= 50:
                continue
            number += 1
            pct = weight if deployment == NEW else 100.0 - weight
            failed = deployment == NEW and second >= failing_from_s
            record.outcome(outcome(number, deployment, sent_s, weight=pct, failed=failed))
        figures = SecondFigures(2, 250.0, 260.0, 300.0, 1.0, 0.0, 0.0, 90.0, None)
        record.second(Second(float(second + 1), {OLD: figures, NEW: figures}))
    assert record.close()
    return path


MAIL, DEEDS = "email_summarisation", "contract_analysis"
_MIGRATION = (
    rollout_text()
    + f"""
[tasks.{MAIL}]
requests_per_day = 40000
[tasks.{MAIL}.criteria]
quality = "at most 0.5 lower"
[tasks.{DEEDS}]
[quality]
shadow_pct = 10
[quality.judge]
endpoint = "main"
deployment = "judge"
model = "gpt-5"
version = "2025-08-07"
"""
)


def made_migration(path: Path) -> Path:
    """100 s of two tasks, each one request a second to either version. The canary costs a tenth; it is nearly
    as good at mail and poor at deeds, by a score a second. Ana scored two answers and took one back, Ben scored
    one of hers again."""
    record = RunRecord.create(
        path,
        run_id="abc12345",
        rollout_name="summarise",
        rollout_text=_MIGRATION,
        started_at=STARTED,
        meta={"environment": "test"},
        now=lambda: STARTED + timedelta(seconds=100),
    )
    table = {task: {OLD: 50.0, NEW: 50.0} for task in ("default", MAIL, DEEDS)}
    record.event(event(1, 0.0, EventKind.STARTED, after=table))
    number = 0
    for second in range(100):
        for task, drop in ((MAIL, int(second % 5 == 0)), (DEEDS, 2 - second % 2)):
            for name, usd in ((OLD, 0.002), (NEW, 0.0002)):
                number += 1
                record.outcome(outcome(number, name, second + 0.1, weight=50.0, task=task, cost_usd=usd))
            record.pair(Pair(second + 0.6, task, NEW, "quality", 5 - second % 2, 5 - second % 2 - drop))
    scores = (
        ("ana", PersonScore(1, OLD, 4, True)), ("ana", PersonScore(1, NEW, 2, True)),
        ("ana", PersonScore(2, OLD, 5, False)), ("ana", PersonScore(2, OLD, None)),
        ("ben", PersonScore(1, NEW, 3, False)),
    )  # fmt: skip
    for number, (actor, scored) in enumerate(scores):
        made = event(number + 2, 90.0 + number, EventKind.SCORED)
        record.event(replace(made, actor=actor, text=person_score_text(scored)))
    assert record.close()
    return path


class CountingEvaluator:
    """Calls the error rate of a canary WORSE at its third failure; remembers what it was told."""

    def __init__(
        self, baseline: str, canaries: Sequence[str], criteria: Criteria | Mapping[str, Criteria]
    ) -> None:
        self.told: list[tuple[float, Assignment | Outcome]] = []
        self._failures = dict.fromkeys(canaries, 0)
        self._worse_s: dict[str, float] = {}
        self._new: list[tuple[str, Verdict]] = []

    def assigned(self, assignment: Assignment, now_s: float) -> None:
        self.told.append((now_s, assignment))

    def add(self, outcome: Outcome, now_s: float) -> None:
        self.told.append((now_s, outcome))
        if outcome.deployment in self._failures and outcome.kind is OutcomeKind.SERVER_ERROR:
            self._failures[outcome.deployment] += 1
            if self._failures[outcome.deployment] == 3:
                self._worse_s[outcome.deployment] = now_s
                self._new.append((outcome.deployment, self._verdict(outcome.deployment)))

    def add_pair(self, pair: Pair, now_s: float) -> None:
        """Counts failures only."""

    def version_changed(self, name: str) -> None:
        self._failures[name] = 0

    def listen(self, canary: str, listener: Callable[[str], Listener]) -> None:
        """Tests no groups."""

    def verdicts(self, now_s: float) -> Mapping[str, tuple[Verdict, ...]]:
        return {name: (self._verdict(name),) for name in self._failures}

    def worse(self, canary: str, now_s: float) -> tuple[Verdict, ...]:
        return (self._verdict(canary),) if canary in self._worse_s else ()

    def changes(self) -> list[tuple[str, Verdict]]:
        new, self._new = self._new, []
        return new

    def tripwire(self, canary: str) -> str | None:
        return None

    def _verdict(self, canary: str) -> Verdict:
        since_s = self._worse_s.get(canary)
        state = VerdictState.NOT_YET if since_s is None else VerdictState.WORSE
        return Verdict(
            "errors",
            "error rate",
            "%",
            state,
            "same or lower",
            baseline_requests=100,
            canary_requests=10,
            since_s=since_s,
            note=HOSTILE,
        )
