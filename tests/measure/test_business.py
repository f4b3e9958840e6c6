"""The business line: what a canary costs or saves a day by task, from which figures, and in which words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.cockpit.test_tasks import DEEDS, MAIL, two_tasks
from tests.support.cockpit_fakes import BASELINE, CANARY, figures, made_snapshot, windows
from tests.support.made_verdicts import ADVISORY_COST, OK_COST, OK_P95, verdict
from tests.support.typed import about
from tui.grading.agreement import PersonScore, person_score_text, read_person_score
from tui.measure.business import (
    BusinessLine,
    CostOfBoth,
    business,
    decision_texts,
    line_texts,
    pairs_text,
    rate_text,
    usd,
)
from tui.model import ALL_TASKS, DEFAULT_TASK, Figures, Price, Snapshot, Verdict, VerdictState, of_task

NO_FIGURES = Figures(span_s=0.0)


def graded(criterion: str, own: float | None, base: float | None, state: VerdictState, **more: Any) -> Verdict:
    unit = "of 5" if criterion == "quality" else "%"
    values = {"baseline_value": base, "canary_value": own, "canary_requests": 80, **more}
    return verdict(criterion, label=criterion, unit=unit, state=state, **values)


def cost(own_per_1k: float, base_per_1k: float, task: str = "", **more: Any) -> Verdict:
    values = {"canary_value": own_per_1k, "baseline_value": base_per_1k, "events": 1204, **more}
    return replace(OK_COST, task=task, **values)


GOOD = (
    cost(1.6, 4.0, MAIL, difference_low_pct=-63.0, difference_high_pct=-57.0),
    replace(graded("quality", 4.2, 4.4, VerdictState.OK), task=MAIL),
)
POOR = (
    cost(1.6, 4.0, DEEDS),
    replace(graded("accuracy", 71.4, 93.0, VerdictState.NOT_YET), task=DEEDS),
    replace(graded("quality", 3.1, 4.6, VerdictState.WORSE), task=DEEDS),
)


def migration(**changes: Any) -> Snapshot:
    """Mail has 40,000 requests a day, deeds what the run carries: 1,000 in 300 s."""
    made = replace(two_tasks(), verdicts={CANARY: (*GOOD, *POOR)}, requests_per_day={MAIL: 40_000.0})
    return replace(made, **changes)


def with_figures(own: Figures, base: Figures, **changes: Any) -> Snapshot:
    """One task, no verdicts."""
    made = made_snapshot()
    views = {
        BASELINE: replace(made.deployments[BASELINE], figures=windows(base)),
        CANARY: replace(made.deployments[CANARY], figures=windows(own)),
    }
    return replace(made, deployments=views, **changes)


def test_the_migration_in_two_lines() -> None:
    mail, deeds = business(migration())
    assert line_texts(mail)[0] == (
        f"{MAIL}: -60% cost (saves $96.00/day at 40,000 requests/day), 4.2 vs 4.4, OK"
    )
    assert line_texts(deeds)[0] == (
        f"{DEEDS}: -60% cost (saves $691/day at the run's own 288,000 requests/day), 3.1 vs 4.6, WORSE;"
        " accuracy 71% vs 93%, NOT YET"
    )
    assert (mail.usd_per_day, mail.rate_from) == (about(-96.0), "rollout file")
    assert (deeds.usd_per_day, deeds.rate_from) == (about(-691.2), "run")
    assert mail.cost is not None
    assert (mail.cost.seen_in, mail.cost.canary_answers) == ("comparison", 1204)
    assert (mail.cost.low_pct, mail.cost.high_pct) == (-63.0, -57.0)
    assert pairs_text(deeds.graded) == "quality 80 pairs, accuracy 80 pairs"


def test_a_shorter_text_loses_the_rate_first_then_the_money_and_never_the_quality() -> None:
    texts = line_texts(business(migration())[0], "v0513")
    assert texts[1:] == (
        f"{MAIL}, v0513: -60% cost (saves $96.00/day), 4.2 vs 4.4, OK",
        f"{MAIL}, v0513: -60% cost, 4.2 vs 4.4, OK",
    )


def test_one_task_alone_says_the_same_as_among_others() -> None:
    whole = migration()
    [alone], [among] = business(of_task(whole, DEEDS)), business(whole)[1:]
    of_no_task = tuple(replace(verdict, task="") for verdict in among.graded)
    assert alone == replace(among, graded=of_no_task)
    assert decision_texts(alone) == decision_texts(among)


def test_without_a_verdict_the_means_of_the_run_are_compared_and_estimates_marked() -> None:
    own = figures(1000, cost_usd=1.96, priced=980, estimated_usd=0.1)
    base = figures(9000, cost_usd=8.82, priced=8820)
    [line] = business(with_figures(own, base, requests_per_day={DEFAULT_TASK: 1000.0}))
    assert line.cost == CostOfBoth(
        canary_usd_per_1k=about(2.0), baseline_usd_per_1k=about(1.0), seen_in="figures",
        canary_answers=980, estimated_pct=about(100 * 0.1 / 1.96),
    )  # fmt: skip
    assert line_texts(line)[0] == (
        "default: +100%~ cost (costs $1.00/day more at 1,000 requests/day, ~5% estimated), quality not compared"
    )
    assert line_texts(line)[1:] == (
        "default: +100%~ cost (costs $1.00/day more), quality not compared",
        "default: +100%~ cost, quality not compared",
    )


@pytest.mark.parametrize(
    ("own", "base", "why"),
    [
        ({"answers_without_usage": 980, "answers_with_usage": 0}, {}, f"980 of 980 answers of {CANARY}"),
        ({"answers_without_usage": 1000}, {}, f"1,000 of 1,980 answers of {CANARY}"),
        ({"answers_without_usage": 980}, {}, ""),
        ({}, {"answers_without_usage": 9000, "answers_with_usage": 3}, f"9,000 of 9,003 answers of {BASELINE}"),
    ],
)
@pytest.mark.parametrize("verdicts", [{}, {CANARY: (cost(0.04, 4.0),)}])
def test_what_most_answers_of_a_side_do_not_report_is_not_compared(
    own: dict[str, Any], base: dict[str, Any], why: str, verdicts: Any
) -> None:
    made = with_figures(figures(1000, **own), figures(9000, **base), verdicts=verdicts)
    [line] = business(made)
    assert line.missing == (why and f"{why} reported no usage")
    assert (line.cost is None) is bool(why)
    known = "-99% cost" if verdicts else "+0% cost"
    assert decision_texts(line)[0].startswith("cost not known: " if why else known)
    assert not any("100%" in text for text in line_texts(line))


@pytest.mark.parametrize("price", [{}, {"price": None}])
def test_without_an_answer_it_is_not_the_price_that_is_missing(price: dict[str, None]) -> None:
    """A record keeps no prices."""
    refused = figures(9, answers_with_usage=0, priced=0, cost_usd=None)
    [line] = business(deployed(with_figures(refused, figures(9000)), CANARY, **price))
    assert line.missing == "the canary has answered none of its requests"


def test_answers_that_cost_nothing_are_free_only_where_the_price_says_so() -> None:
    made = with_figures(figures(1000, cost_usd=0.0), figures(9000))
    [line] = business(made)
    assert decision_texts(line)[0].startswith(f"cost not known: {CANARY} reported 0 tokens, ")
    free = Price(0.0, 0.0, None, "rollout file", None)
    [line] = business(deployed(made, CANARY, price=free))
    assert decision_texts(line)[0].startswith("free (saves $")


@pytest.mark.parametrize(
    ("canary", "said"),
    [(0.02, "-99.5%"), (0.0199, "-99.5%"), (0.004, "-99.9%"), (1e-9, "-99.9%"), (0.0, "free"), (0.04, "-99%")],
)
def test_only_what_is_free_saves_all_of_the_cost(canary: float, said: str) -> None:
    line = BusinessLine(MAIL, CANARY, 1000.0, "rollout file", CostOfBoth(canary, 4.0, "figures", 10))
    assert decision_texts(line)[0].startswith(f"{said} (" if said == "free" else f"{said} cost (")


def test_a_cost_verdict_without_values_gives_way_to_the_figures() -> None:
    made = with_figures(figures(1000), figures(9000))
    empty = replace(ADVISORY_COST, canary_value=None, baseline_value=None)
    [line] = business(replace(made, verdicts={CANARY: (empty, OK_P95)}))
    assert line.cost is not None
    assert line.cost.seen_in == "figures"
    assert decision_texts(line)[1] == "+0% cost (no difference), quality not compared"


def deployed(snapshot: Snapshot, name: str, **changes: Any) -> Snapshot:
    view = snapshot.deployments[name]
    changed = replace(view, deployment=replace(view.deployment, **changes))
    return replace(snapshot, deployments={**snapshot.deployments, name: changed})


UNPRICED = figures(1000, priced=0, cost_usd=None)


@pytest.mark.parametrize(
    ("snapshot", "why"),
    [
        (with_figures(NO_FIGURES, figures(9000)), "the canary has finished no request of it"),
        (with_figures(figures(1000), NO_FIGURES), "the baseline has finished no request of it"),
        (with_figures(UNPRICED, figures(9000)), "no answer with a price yet"),
        (deployed(with_figures(UNPRICED, figures(9000)), CANARY, price=None),
         "the price of the canary is not known"),
        (deployed(with_figures(figures(1000), UNPRICED), BASELINE, price=None),
         "the price of the baseline is not known"),
        (deployed(migration(), CANARY, provisioned=True),
         "the canary is provisioned capacity, which has no price per request"),
        (deployed(with_figures(figures(1000), UNPRICED), BASELINE, provisioned=True),
         "the baseline is provisioned capacity, which has no price per request"),
    ],
)  # fmt: skip
def test_no_data_is_said_with_its_reason_and_never_as_zero(snapshot: Snapshot, why: str) -> None:
    line = business(snapshot)[0]
    assert (line.cost, line.usd_per_day, line.missing) == (None, None, why)
    assert decision_texts(line)[0].startswith(f"cost not known: {why}, ")


def test_a_run_that_has_measured_nothing_has_no_rate() -> None:
    made = with_figures(NO_FIGURES, NO_FIGURES, verdicts={CANARY: (cost(1.6, 4.0),)})
    [line] = business(made)
    assert (line.requests_per_day, line.usd_per_day, rate_text(line)) == (None, None, "an unknown rate")
    assert decision_texts(line) == ("-60% cost, quality not compared",)


def test_only_canaries_that_have_weight_or_requests_of_a_task_are_told() -> None:
    made = migration()
    other = "gpt4o-mini"
    idle = replace(made.deployments[CANARY], figures={})
    several = replace(made, deployments={**made.deployments, other: idle})
    assert [(line.task, line.canary) for line in business(several)] == [(MAIL, CANARY), (DEEDS, CANARY)]
    weights = {**several.weights, MAIL: {BASELINE: 50.0, CANARY: 45.0, other: 5.0}}
    named = [(line.task, line.canary) for line in business(replace(several, weights=weights))]
    assert named == [(MAIL, CANARY), (MAIL, other), (DEEDS, CANARY)]


def test_the_default_task_is_told_once_a_request_was_of_it() -> None:
    made = migration()
    asked = figures(10)
    views = {
        name: replace(view, figures={"run": {**view.figures["run"], DEFAULT_TASK: asked, ALL_TASKS: asked}})
        for name, view in made.deployments.items()
    }
    assert [line.task for line in business(replace(made, deployments=views))] == [DEFAULT_TASK, MAIL, DEEDS]


@pytest.mark.parametrize(
    ("verdict_", "said"),
    [
        (graded("quality", None, None, VerdictState.NOT_YET), "quality not known yet"),
        (graded("quality", 4.36, 4.42, VerdictState.WORSE), "4.36 vs 4.42, WORSE"),
        (graded("quality", 4.40, 4.44, VerdictState.WORSE), "4.40 vs 4.44, WORSE"),
        (graded("quality", 4.4, 4.4, VerdictState.OK, advisory=True), "4.4 vs 4.4, OK (advisory)"),
        (graded("accuracy", 93.1, 93.4, VerdictState.OK), "accuracy 93.1% vs 93.4%, OK"),
        (graded("accuracy", 100.0, 93.4, VerdictState.OK), "accuracy 100% vs 93%, OK"),
    ],
)
def test_values_that_would_look_the_same_get_one_more_decimal(verdict_: Verdict, said: str) -> None:
    [line] = business(made_snapshot(verdicts={CANARY: (verdict_,)}))
    assert decision_texts(line)[0].endswith(f", {said}")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_not_said(value: float) -> None:
    line = BusinessLine(MAIL, CANARY, 1000.0, "run", CostOfBoth(value, 4.0, "comparison", 10))
    for text in line_texts(line):
        assert "inf" not in text
        assert "nan" not in text


def test_a_baseline_that_costs_nothing_has_no_percentage() -> None:
    line = BusinessLine(MAIL, CANARY, 1000.0, "rollout file", CostOfBoth(4.0, 0.0, "figures", 10))
    assert decision_texts(line)[0] == (
        "cost (costs $4.00/day more at 1,000 requests/day), quality not compared"
    )


def test_money_is_whole_dollars_from_100_on() -> None:
    assert [usd(v) for v in (0.01, 4.1, 99.99, 99.996, 1234.4)] == [
        "$0.01",
        "$4.10",
        "$99.99",
        "$100",
        "$1,234",
    ]


@pytest.mark.parametrize(
    "scored",
    [PersonScore(1, CANARY, 4, True), PersonScore(22, "x: 3 of 5 blind", 1), PersonScore(3, "of 5", None),
     PersonScore(4, "score of\nme taken back", 5, True)],
)  # fmt: skip
def test_a_score_is_read_as_it_was_written(scored: PersonScore) -> None:
    assert read_person_score(person_score_text(scored)) == scored


@pytest.mark.parametrize(
    "text", ["", "sample 1: x 6 of 5", "sample -1: x 3 of 5", "sample 1: x 3 of 5 ", "3 of 5"]
)
def test_what_is_no_score_is_not_read_as_one(text: str) -> None:
    assert read_person_score(text) is None
