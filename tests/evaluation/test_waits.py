"""How long until a verdict, as far as it can be said."""

from __future__ import annotations

import pytest

from tests.support.evidence import Asked
from tui.evaluation.evaluator import Evaluator
from tui.model import Verdict
from tui.rollout import Criteria

OLD, NEW = "old", "new"


def asked(seconds: int, behind_of_ten: int) -> dict[str, Verdict]:
    """Verdicts after so many seconds at 10 requests a second, of which ``behind_of_ten`` in ten were sent while
    this machine was behind."""
    evaluator = Evaluator(OLD, [NEW], Criteria(warmup_requests=0), timeout_s=60.0)
    ask = Asked(evaluator, {OLD: 50.0, NEW: 50.0})
    for i in range(10 * seconds):
        behind = i // 2 % 10 < behind_of_ten
        drawn = ask.draw((OLD, NEW)[i % 2], i / 10, saturated=behind)
        ask.end(drawn, i / 10, latency_ms=100.0, saturated=behind)
    return {verdict.criterion: verdict for verdict in evaluator.verdicts(float(seconds))[NEW]}


@pytest.mark.parametrize("behind_of_ten", [0, 8])
def test_what_is_no_evidence_makes_it_take_longer(behind_of_ten: int) -> None:
    """A flawless rate needs about 900 requests that are evidence: 5 a second, or 1 where most are none."""
    found = asked(40, behind_of_ten)
    (eta,) = found["errors"].etas
    evidence_per_s = 5 * (10 - behind_of_ten) / 10
    left = 1000 - 40 * evidence_per_s
    assert eta.seconds is not None
    assert eta.seconds_high is not None
    assert eta.seconds < left / evidence_per_s < eta.seconds_high
    assert ("this machine is behind" in found["errors"].note) == (behind_of_ten > 5)
    assert found["latency_p50"].note.startswith("calibrating ")
    assert ("this machine is behind" in found["latency_p50"].note) == (behind_of_ten > 5)


def test_where_nothing_is_evidence_no_time_is_said() -> None:
    found = asked(40, 10)
    assert not any(eta.is_known for verdict in found.values() for eta in verdict.etas)
    assert "this machine is behind: 400 requests" in found["errors"].note
