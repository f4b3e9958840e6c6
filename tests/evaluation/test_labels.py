"""What a request is for each criterion: bad, good, or none of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.world import BASE, CANARY
from tests.support.evidence import outcome_of
from tui.evaluation.blocks import BAD, GOOD, NONE, Member
from tui.evaluation.calibration import Calibration
from tui.evaluation.criteria import Limits, decision_table
from tui.evaluation.labels import Labeller, rate_label, values_of, why_no_evidence
from tui.model import CRITERION_ROWS, Outcome, OutcomeKind, Usage, held_back
from tui.model.outcomes import Assignment
from tui.rollout import Criteria

SHARES = {BASE: 90.0, CANARY: 10.0}
TABLE = decision_table(Criteria())
LIMIT_MS = {"latency": 1000.0, "ttft": 200.0, "token": 10.0, "length": 100.0}
KNOWN = {row.id: LIMIT_MS[row.measure] for row in TABLE if row.measure is not None}
LIMITS = Calibration(TABLE, 300, KNOWN, 60_000.0).limits
ROWS = {row.id: row for row in CRITERION_ROWS}
LABELLER = Labeller(TABLE)
K = OutcomeKind

ANSWER: dict[str, Any] = {"latency_ms": 500.0, "ttft_ms": 150.0, "usage": Usage(10, 51)}
"""Within each limit: 7 ms a token."""


def labels(outcome: Outcome, limits: Limits = LIMITS, size: int | None = None) -> dict[str, int]:
    """By criterion, NONE, GOOD or BAD at 1 + margin."""
    member = Member(outcome.deployment, outcome.deployment == CANARY, 0.0, 0, size, limits)
    found = LABELLER.labels(outcome, values_of(outcome), member)
    said = {}
    for name, place in LABELLER.row.items():
        cut, label = limits.cuts.get(name), found[place]
        decides = cut.at if cut is not None and member.is_canary else 0
        said[name] = label if label == NONE else BAD if label > decides else GOOD
    return said


def of_measures(outcome: Outcome) -> tuple[int, int, int, int]:
    """Of latency, TTFT, ms/token and length; P50 and P95 have one limit here, and so one label."""
    found = labels(outcome)
    assert found["latency_p50"] == found["latency_p95"] == found["latency_p99"]
    assert found["ttft_p50"] == found["ttft_p95"]
    assert found["token_p50"] == found["token_p95"]
    return found["latency_p50"], found["ttft_p50"], found["token_p50"], found["long_answers"]


# --- rates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "counts", "errors", "throttled", "completion_filter", "prompt_filter"),
    [
        ((K.OK,), True, GOOD, GOOD, GOOD, GOOD),
        ((K.COMPLETION_FILTERED,), True, GOOD, GOOD, BAD, GOOD),
        ((K.PROMPT_FILTERED,), True, GOOD, GOOD, NONE, BAD),
        ((K.SERVER_ERROR, K.TIMEOUT, K.CONNECTION_LOST, K.REFUSED, K.GONE, K.BAD_REQUEST), True,
         BAD, GOOD, NONE, NONE),
        ((K.RATE_LIMITED, K.QUOTA_EXHAUSTED, K.HELD_BACK), True, NONE, BAD, NONE, NONE),
        ((K.CANCELLED, K.CLIENT_SATURATED), True, NONE, NONE, NONE, NONE),
        # Another deployment answered.
        ((K.OK, K.COMPLETION_FILTERED, K.PROMPT_FILTERED, K.SERVER_ERROR, K.TIMEOUT), False,
         NONE, GOOD, NONE, NONE),
        ((K.RATE_LIMITED, K.HELD_BACK), False, NONE, BAD, NONE, NONE),
        ((K.CANCELLED,), False, NONE, NONE, NONE, NONE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [BASE, CANARY])
def test_the_table_of_rates(
    kinds: tuple[OutcomeKind, ...], counts: bool, errors: int, throttled: int, completion_filter: int,
    prompt_filter: int, name: str,
) -> None:  # fmt: skip
    wanted = {
        "errors": errors,
        "throttled": throttled,
        "completion_filter": completion_filter,
        "prompt_filter": prompt_filter,
    }
    for kind in kinds:
        found = labels(outcome_of(name, SHARES, kind=kind, counts_for_version=counts))
        assert {rate: found[rate] for rate in wanted} == wanted, kind
        assert {rate: rate_label(ROWS[rate], kind, counts=counts) for rate in wanted} == wanted, kind


def test_the_table_of_rates_leaves_out_no_kind() -> None:
    said = {kind: [rate_label(ROWS[rate], kind) for rate in ("errors", "throttled")] for kind in OutcomeKind}
    assert [kind for kind, found in said.items() if found == [NONE, NONE]] == [K.CLIENT_SATURATED, K.CANCELLED]


# --- what goes by a limit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "of_baseline", "of_canary"),
    [
        ({}, (GOOD, GOOD, GOOD, GOOD), (GOOD, GOOD, GOOD, GOOD)),
        # Within 1 + margin the canary is good, the baseline is not.
        ({"latency_ms": 1050.0}, (BAD, GOOD, BAD, GOOD), (GOOD, GOOD, BAD, GOOD)),
        ({"latency_ms": 1000.0, "usage": Usage(10, 91)}, (GOOD,) * 4, (GOOD,) * 4),
        ({"latency_ms": 1101.0, "usage": Usage(10, 101)}, (BAD, GOOD, GOOD, BAD), (BAD, GOOD, GOOD, GOOD)),
        ({"ttft_ms": 210.0}, (GOOD, BAD, GOOD, GOOD), (GOOD, GOOD, GOOD, GOOD)),
        ({"ttft_ms": 230.0}, (GOOD, BAD, GOOD, GOOD), (GOOD, BAD, GOOD, GOOD)),
        ({"usage": Usage(10, 111)}, (GOOD, GOOD, GOOD, BAD), (GOOD, GOOD, GOOD, BAD)),
        # No such measure.
        ({"ttft_ms": None}, (GOOD, NONE, NONE, GOOD), (GOOD, NONE, NONE, GOOD)),
        ({"usage": None}, (GOOD, GOOD, NONE, NONE), (GOOD, GOOD, NONE, NONE)),
        ({"usage": Usage(10, 0)}, (GOOD, GOOD, NONE, NONE), (GOOD, GOOD, NONE, NONE)),
        ({"usage": Usage(10, 8)}, (GOOD, GOOD, NONE, GOOD), (GOOD, GOOD, NONE, GOOD)),
        ({"ttft_ms": 500.0}, (GOOD, BAD, NONE, GOOD), (GOOD, BAD, NONE, GOOD)),
        ({"latency_ms": float("inf")}, (NONE, GOOD, NONE, GOOD), (NONE, GOOD, NONE, GOOD)),
        # Failed or filtered before its limit, and after it.
        *(
            ({**none, "kind": kind, "ended_s": seconds}, before, after)
            for none in ({"latency_ms": None, "ttft_ms": None, "usage": None},)
            for kind in (K.SERVER_ERROR, K.CONNECTION_LOST, K.COMPLETION_FILTERED, K.PROMPT_FILTERED,
                         K.RATE_LIMITED, K.CANCELLED)
            for seconds, before, after in (
                (0.1, (NONE, NONE, NONE, NONE), (NONE, NONE, NONE, NONE)),
                (0.21, (NONE, BAD, NONE, NONE), (NONE, NONE, NONE, NONE)),
                (1.05, (BAD, BAD, NONE, NONE), (NONE, BAD, NONE, NONE)),
                (1.2, (BAD, BAD, NONE, NONE), (BAD, BAD, NONE, NONE)),
            )
        ),
        # A first token came in time, and then it broke.
        ({"kind": K.SERVER_ERROR, "latency_ms": None, "usage": None, "ended_s": 1.2},
         (BAD, GOOD, NONE, NONE), (BAD, GOOD, NONE, NONE)),
        # A time-out is slow, whatever the limit is.
        ({"kind": K.TIMEOUT, "latency_ms": None, "ttft_ms": None, "usage": None, "ended_s": 0.9},
         (BAD, BAD, NONE, NONE), (BAD, BAD, NONE, NONE)),
        ({"kind": K.TIMEOUT, "latency_ms": None, "usage": None}, (BAD, GOOD, NONE, NONE),
         (BAD, GOOD, NONE, NONE)),
        # Not answered by this version, or never sent.
        ({"counts_for_version": False, "latency_ms": 9e3, "ended_s": 9.0}, (NONE,) * 4, (NONE,) * 4),
        ({"kind": K.CLIENT_SATURATED, "ended_s": 9.0}, (NONE,) * 4, (NONE,) * 4),
    ],
)  # fmt: skip
def test_the_table_of_limits(fields: dict[str, Any], of_baseline: Any, of_canary: Any) -> None:
    for name, wanted in ((BASE, of_baseline), (CANARY, of_canary)):
        assert of_measures(outcome_of(name, SHARES, **{**ANSWER, **fields})) == wanted, name


def test_what_was_held_back_says_nothing_of_a_latency() -> None:
    outcome = held_back(Assignment(7, "default", CANARY, 10.0, 5.0, SHARES, 44))
    assert (outcome.sent_s, outcome.ended_s, outcome.prompt_chars) == (5.0, 5.0, 44)
    assert of_measures(outcome) == (NONE,) * 4
    assert labels(outcome)["throttled"] == BAD


def test_a_canarys_label_is_how_many_factors_it_is_beyond() -> None:
    cut = LIMITS.cuts["latency_p50"]
    place = LABELLER.row["latency_p50"]
    member = Member(CANARY, True, 0.0, 0, None, LIMITS)
    for beyond, point in enumerate(cut.points, 1):
        for ms, wanted in ((point, beyond - 1), (point * 1.001, beyond)):
            outcome = outcome_of(CANARY, SHARES, **{**ANSWER, "latency_ms": ms})
            assert LABELLER.labels(outcome, values_of(outcome), member)[place] == wanted
    assert cut.points[cut.at] == pytest.approx(1100.0)


def test_without_a_limit_there_is_no_label() -> None:
    found = labels(outcome_of(CANARY, SHARES, **ANSWER), Limits())
    assert {name for name, label in found.items() if label != NONE} == {
        "errors", "throttled", "completion_filter", "prompt_filter",
    }  # fmt: skip


def test_a_prompt_is_large_where_a_latency_is_known() -> None:
    limits = replace(LIMITS, sizes=(400.0, 900.0))
    answer, failed = outcome_of(CANARY, SHARES, **ANSWER), outcome_of(CANARY, SHARES, kind=K.SERVER_ERROR)
    for size, wanted in ((400, (GOOD, GOOD)), (401, (BAD, GOOD)), (901, (BAD, BAD)), (None, (NONE, NONE))):
        found = labels(answer, limits, size)
        assert (found["size_p50"], found["size_p90"]) == wanted
        found = labels(failed, limits, size)
        assert (found["size_p50"], found["size_p90"]) == (NONE, NONE)


@pytest.mark.parametrize(
    ("kind", "counts", "why"),
    [
        (K.OK, True, ""), (K.SERVER_ERROR, True, ""), (K.OK, False, "spilled over"),
        (K.RATE_LIMITED, True, "throttled"), (K.QUOTA_EXHAUSTED, True, "throttled"),
        (K.HELD_BACK, True, "held back"), (K.CANCELLED, True, "cancelled"),
        (K.CLIENT_SATURATED, True, "saturated"),
    ],
)  # fmt: skip
def test_what_is_no_evidence_has_a_reason(kind: OutcomeKind, counts: bool, why: str) -> None:
    assert why_no_evidence(outcome_of(CANARY, SHARES, kind=kind, counts_for_version=counts)) == why
