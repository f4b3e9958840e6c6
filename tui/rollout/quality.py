"""The ``[quality]`` table and the known answers of tasks: what must agree in them, and the values that they
become."""

from __future__ import annotations

from collections.abc import Collection

from tui.base.problems import did_you_mean, quoted
from tui.model import Deployment, Price
from tui.model.criteria import BY_PAIRS
from tui.rollout.findings import Findings, Place
from tui.rollout.schema import CriteriaTable, JudgeTable, QualityTable, TaskCriteriaTable
from tui.rollout.values import JudgeSpec, QualitySpec

_AS_IT_WAS = "equal or better"


def points_lower(words: str) -> float:
    """``equal or better`` or ``at most N lower`` as the N, 0 for the first."""
    return 0.0 if words == _AS_IT_WAS else float(words.split()[2])


def check_lower(place: Place, table: CriteriaTable | TaskCriteriaTable, found: Findings) -> None:
    """Adds what quality and accuracy may be lower by, where that is all there is."""
    for name, row in BY_PAIRS.items():
        most = row.most * row.per
        words = getattr(table, name)
        if words is not None and points_lower(words) >= most:
            found.error((*place, name), quoted(words), f"must be less than {most:g}: nothing could be WORSE")


def check_quality(table: QualityTable, endpoints: Collection[str], found: Findings) -> None:
    """Adds every mistake of the table that a single value does not show."""
    judge = table.judge
    if judge is None:
        return
    place: Place = ("quality", "judge")
    remedy = "name the endpoint that the judge is asked at"
    found.require((*place, "endpoint"), judge.endpoint, remedy)
    if judge.endpoint is not None and judge.endpoint not in endpoints:
        remedy = f"no such endpoint; {did_you_mean(judge.endpoint, endpoints)}"
        found.error((*place, "endpoint"), quoted(judge.endpoint), remedy)
    found.require((*place, "deployment"), judge.deployment, "name the deployment that scores the answers")
    found.require((*place, "model"), judge.model, 'name its model: model = "gpt-5.1"')
    found.require((*place, "version"), judge.version, 'pin its version: version = "2025-11-13"')
    if judge.price is not None:
        for name in ("input", "output"):
            found.require(
                (*place, "price", name), getattr(judge.price, name), "USD per million tokens: needed in a price"
            )
    if not table.shadow_pct and not found.wrong("quality", "shadow_pct"):
        remedy = (
            "the judge scores pairs of answers: give shadow_pct, the share of requests sent to both versions"
        )
        found.error(("quality", "shadow_pct"), "0", remedy)


def quality_spec(table: QualityTable) -> QualitySpec:
    """What a table without mistakes describes."""
    judge = None if table.judge is None else _judge(table.judge)
    return QualitySpec(table.samples_per_s, table.shadow_pct, judge)


def _judge(table: JudgeTable) -> JudgeSpec:
    assert table.endpoint is not None
    assert table.deployment is not None
    assert table.model is not None
    assert table.version is not None
    price = None
    if table.price is not None:
        cost = table.price
        assert cost.input is not None
        assert cost.output is not None
        price = Price(cost.input, cost.output, cost.cached_input, "rollout file", None)
    deployment = Deployment(table.deployment, table.endpoint, table.model, table.version, price)
    return JudgeSpec(deployment, table.rubric, table.budget_usd)
