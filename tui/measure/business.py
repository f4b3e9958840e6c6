"""Business line: what a canary would cost or save a day, beside the quality that it gives.

In words ``-60% cost (saves $123/day at 40,000 requests/day), 4.2 vs 4.4, OK``: the value of the canary first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tui.base.text import plain
from tui.model import DEFAULT_TASK, PAIRED, DeploymentView, Figures, Price, Snapshot, Verdict, VerdictState

FREE = "free"
NOT_COMPARED = "quality not compared"

_DAY_S = 86_400
_PER_1K = 1000
_NAME_CHARS = 60
_EXACT_USD = 100
_LEAST_USD = 0.005
_NOTHING = Figures(span_s=0.0)
_WORDS = {VerdictState.WORSE: "WORSE", VerdictState.OK: "OK", VerdictState.NOT_YET: "NOT YET"}


@dataclass(frozen=True, slots=True)
class CostOfBoth:
    """USD for 1,000 requests of each, and the interval of the difference in percent of the baseline's, where
    one is known.

    ``seen_in`` is ``comparison`` where the verdict compared requests of the same weights, ``figures`` where
    it is the plain mean of the run. It rests on ``canary_answers`` answers with a price. ``estimated_pct`` of
    the cost is an estimate, on the side where that is more; of a comparison nothing is.
    """

    canary_usd_per_1k: float
    baseline_usd_per_1k: float
    seen_in: Literal["comparison", "figures"]
    canary_answers: int
    estimated_pct: float = 0.0
    low_pct: float | None = None
    high_pct: float | None = None

    @property
    def difference_pct(self) -> float | None:
        """Of the baseline's; None where that costs nothing."""
        base = self.baseline_usd_per_1k
        return 100 * (self.canary_usd_per_1k - base) / base if base > 0 else None


@dataclass(frozen=True, slots=True)
class BusinessLine:
    """One canary in one task. ``requests_per_day`` come from the rollout file, or are what the run carries of
    the task, all deployments together; None before anything was measured.

    ``missing`` says why there is no ``cost``; empty where there is. ``graded`` are the verdicts on answers of
    both to the same items.
    """

    task: str
    canary: str
    requests_per_day: float | None
    rate_from: Literal["rollout file", "run"]
    cost: CostOfBoth | None = None
    missing: str = ""
    graded: tuple[Verdict, ...] = ()

    @property
    def usd_per_day(self) -> float | None:
        """What a day costs more if the canary has every request of the task; negative where it saves."""
        if self.cost is None or self.requests_per_day is None:
            return None
        more = self.cost.canary_usd_per_1k - self.cost.baseline_usd_per_1k
        return self.requests_per_day * more / _PER_1K


def business(snapshot: Snapshot) -> tuple[BusinessLine, ...]:
    """Task by task, the canaries that have weight or requests in it; all of them where none has. The default
    task is left out as long as no request was of it, where there are others."""
    return tuple(_line(snapshot, task, name) for task in _tasks(snapshot) for name in _on_trial(snapshot, task))


def _tasks(snapshot: Snapshot) -> list[str]:
    views = snapshot.deployments.values()
    asked = any(_figures(view, DEFAULT_TASK).assigned for view in views)
    return [task for task in snapshot.weights if task != DEFAULT_TASK or asked or len(snapshot.weights) == 1]


def _on_trial(snapshot: Snapshot, task: str) -> list[str]:
    canaries = {name: view for name, view in snapshot.deployments.items() if view.role == "canary"}
    shares = snapshot.weights[task]
    tried = [name for name, view in canaries.items() if shares.get(name) or _figures(view, task).requests]
    return tried or list(canaries)


def _line(snapshot: Snapshot, task: str, name: str) -> BusinessLine:
    verdicts = [v for v in snapshot.verdicts.get(name, ()) if v.task in ("", task)]
    views = snapshot.deployments
    baseline, canary = views[snapshot.baseline], views[name]
    per_day = snapshot.requests_per_day.get(task)
    cost, missing = None, _provisioned(baseline, canary) or _unreported(baseline, canary, task)
    if not missing:
        cost = _compared(verdicts) or _plain(baseline, canary, task)
        missing = "" if cost is not None else _why_none(baseline, canary, task)
    return BusinessLine(
        task=task,
        canary=name,
        requests_per_day=_of_run(views.values(), task) if per_day is None else per_day,
        rate_from="run" if per_day is None else "rollout file",
        cost=cost,
        missing=missing,
        graded=tuple(v for wanted in PAIRED for v in verdicts if v.criterion == wanted),
    )


def _of_run(views: Iterable[DeploymentView], task: str) -> float | None:
    per_s = sum(_figures(view, task).rate_rps for view in views)
    return _DAY_S * per_s if per_s > 0 else None


def _compared(verdicts: Sequence[Verdict]) -> CostOfBoth | None:
    """Means of requests that had the same weights: nothing that changed meanwhile is between them."""
    found = next((v for v in verdicts if v.criterion == "cost"), None)
    if found is None or found.canary_value is None or found.baseline_value is None:
        return None
    return CostOfBoth(
        canary_usd_per_1k=found.canary_value,
        baseline_usd_per_1k=found.baseline_value,
        seen_in="comparison",
        canary_answers=found.events,
        low_pct=found.difference_low_pct,
        high_pct=found.difference_high_pct,
    )


def _plain(baseline: DeploymentView, canary: DeploymentView, task: str) -> CostOfBoth | None:
    own, base = _figures(canary, task), _figures(baseline, task)
    if own.cost_per_1k_usd is None or base.cost_per_1k_usd is None:
        return None
    return CostOfBoth(
        canary_usd_per_1k=own.cost_per_1k_usd,
        baseline_usd_per_1k=base.cost_per_1k_usd,
        seen_in="figures",
        canary_answers=own.priced,
        estimated_pct=max(_estimated_pct(own), _estimated_pct(base)),
    )


def _estimated_pct(figures: Figures) -> float:
    return 100 * figures.estimated_usd / figures.cost_usd if figures.cost_usd else 0.0


def _provisioned(baseline: DeploymentView, canary: DeploymentView) -> str:
    for whose, view in (("canary", canary), ("baseline", baseline)):
        if view.deployment.provisioned:
            return f"the {whose} is provisioned capacity, which has no price per request"
    return ""


def _unreported(baseline: DeploymentView, canary: DeploymentView, task: str) -> str:
    """An estimate of most answers says what was assumed, not what a version costs."""
    for view in (canary, baseline):
        figures = _figures(view, task)
        unknown, known = figures.answers_without_usage, figures.answers_with_usage
        if unknown > known:
            name = plain(view.deployment.name, _NAME_CHARS)
            return f"{unknown:,} of {unknown + known:,} answers of {name} reported no usage"
        if figures.priced and not figures.cost_usd and not _is_free(view.deployment.price):
            return f"{plain(view.deployment.name, _NAME_CHARS)} reported 0 tokens"
    return ""


def _is_free(price: Price | None) -> bool:
    return price is not None and price.input_usd == price.output_usd == 0


def _why_none(baseline: DeploymentView, canary: DeploymentView, task: str) -> str:
    views = (("canary", canary), ("baseline", baseline))
    for whose, view in views:
        if not _figures(view, task).requests:
            return f"the {whose} has finished no request of it"
    for whose, view in views:
        figures = _figures(view, task)
        if figures.answers_with_usage + figures.answers_without_usage == 0:
            return f"the {whose} has answered none of its requests"
    for whose, view in views:
        if not _figures(view, task).priced and view.deployment.price is None:
            return f"the price of the {whose} is not known"
    return "no answer with a price yet"


def _figures(view: DeploymentView, task: str) -> Figures:
    return view.figures.get("run", {}).get(task, _NOTHING)


def line_texts(line: BusinessLine, canary: str = "") -> tuple[str, ...]:
    """The whole line, the longest text first. ``canary`` is named where several are told apart."""
    of = plain(line.task, _NAME_CHARS) + (f", {plain(canary, _NAME_CHARS)}" if canary else "")
    return tuple(f"{of}: {text}" for text in decision_texts(line))


def decision_texts(line: BusinessLine) -> tuple[str, ...]:
    """Cost and quality, the longest text first."""
    graded = "; ".join(map(graded_text, line.graded)) or NOT_COMPARED
    return tuple(dict.fromkeys(f"{cost}, {graded}" for cost in cost_texts(line)))


def cost_texts(line: BusinessLine) -> tuple[str, ...]:
    """What it costs or saves, the longest text first; or why that is not known."""
    if line.cost is None:
        return f"cost not known: {line.missing}", "cost not known"
    change, estimated = change_text(line.cost), estimated_text(line.cost.estimated_pct)
    head = "free" if change == FREE else f"{change} cost".lstrip()
    day = day_text(line)
    if not day:
        return (f"{head} ({estimated})", head) if estimated else (head,)
    whole = f"{day} at {rate_text(line)}"
    return f"{head} ({whole}, {estimated})" if estimated else f"{head} ({whole})", f"{head} ({day})", head


def day_text(line: BusinessLine) -> str:
    """``saves $123/day``, ``costs $4.10/day more``, ``no difference``; empty where it is not known."""
    more = line.usd_per_day
    if more is None or not math.isfinite(more):
        return ""
    if abs(more) < _LEAST_USD:
        return "no difference"
    return f"saves {usd(-more)}/day" if more < 0 else f"costs {usd(more)}/day more"


def rate_text(line: BusinessLine) -> str:
    """``40,000 requests/day``, with where they come from unless somebody said it."""
    if line.requests_per_day is None:
        return "an unknown rate"
    run = "the run's own " if line.rate_from == "run" else ""
    return f"{run}{line.requests_per_day:,.0f} requests/day"


def change_text(cost: CostOfBoth) -> str:
    """``-60%``, ``-60%~`` where a part is estimated; empty where the baseline costs nothing. Only what has no
    price saves all of it, and is ``free``."""
    change = cost.difference_pct
    if change is None or not math.isfinite(change):
        return ""
    if cost.canary_usd_per_1k == 0:
        return FREE
    text = f"{change:+.0f}%" if change < 999.5 else ">+999%"
    if change <= -99.5:
        text = f"{max(change, -99.9):.1f}%"
    return text + ("~" if cost.estimated_pct > 0 else "")


def estimated_text(pct: float) -> str:
    """``~12% estimated``; empty where nothing is."""
    return f"~{max(pct, 1):.0f}% estimated" if pct > 0 else ""


def spent_text(snapshot: Snapshot) -> str:
    """``$1.9100``, ``$1.9100 (~12% estimated)``."""
    spent, part = snapshot.spent_usd, snapshot.spent_estimated_usd
    estimated = estimated_text(100 * part / spent) if spent > 0 else ""
    return f"${spent:.4f}" + (f" ({estimated})" if estimated else "")


def graded_text(graded: Verdict) -> str:
    """``4.2 vs 4.4, OK``: quality is of 5 and has no name; ``accuracy 71% vs 93%, WORSE``. One more decimal
    where the values would look the same."""
    own, base = graded.canary_value, graded.baseline_value
    name = "" if graded.criterion == "quality" else f"{graded.criterion} "
    if own is None or base is None:
        return f"{graded.criterion} not known yet"
    unit = "%" if graded.unit == "%" else ""
    decimals = 0 if unit else 1
    if own != base and f"{own:.{decimals}f}" == f"{base:.{decimals}f}":
        decimals += 1
    said = f"{name}{own:.{decimals}f}{unit} vs {base:.{decimals}f}{unit}, {_WORDS[graded.state]}"
    return said + (" (advisory)" if graded.advisory else "")


def pairs_text(graded: Iterable[Verdict]) -> str:
    """``quality 80 pairs, accuracy 41 pairs``: what the values rest on."""
    return ", ".join(
        f"{g.criterion} {g.canary_requests:,} pair{'' if g.canary_requests == 1 else 's'}" for g in graded
    )


def usd(value: float) -> str:
    """``$4.10``, from 100 on whole dollars."""
    return f"${value:,.2f}" if value < _EXACT_USD - _LEAST_USD else f"${value:,.0f}"
