"""What ``canarytop run --json`` writes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tui.measure.business import BusinessLine, business, line_texts
from tui.model import (
    ALL_TASKS,
    DEFAULT_TASK,
    DeploymentView,
    Event,
    Figures,
    OutcomeKind,
    PlanView,
    QualityView,
    Quantiles,
    Snapshot,
    Verdict,
    WeightTable,
)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a run ends: its exit code, and what that stands for. ``also`` holds besides, ``not_ok`` is each
    criterion that has to become OK and what it waits for, where that was asked."""

    code: int
    why: str = ""
    also: tuple[str, ...] = ()
    not_ok: tuple[str, ...] = ()


ALL_WELL = Exit(0)


def result(snapshot: Snapshot, *, seed: int, lost: int, ends: Exit = ALL_WELL) -> dict[str, Any]:
    """The whole document. Latency and TTFT in ms, cost in USD, null where there are no data."""
    return {
        "rollout": snapshot.rollout,
        "run_id": snapshot.run_id,
        "seconds": round(snapshot.at_s, 3),
        "seed": seed,
        "exit": {"code": ends.code, "why": ends.why, "also": list(ends.also), "not_ok": list(ends.not_ok)},
        "state": snapshot.state.value,
        "saturated": snapshot.sender.saturated or any(f.saturated for f in totals(snapshot).values()),
        "skipped": snapshot.sender.skipped,
        "lost": lost,
        "spent_usd": snapshot.spent_usd,
        "spent_estimated_usd": snapshot.spent_estimated_usd,
        "weights": _weights(snapshot.weights),
        "deployments": {
            name: _deployment(view, {task: shares.get(name, 0.0) for task, shares in snapshot.weights.items()})
            for name, view in snapshot.deployments.items()
        },
        "sources": [asdict(source) for source in snapshot.sources],
        "verdicts": {
            canary: {
                task: {v.criterion: _verdict(v) for v in verdicts if v.task in ("", task)}
                for task in snapshot.weights
            }
            for canary, verdicts in snapshot.verdicts.items()
        },
        "business": _business(snapshot),
        "quality": _quality(snapshot.quality),
        "guard": {"mode": snapshot.guard.mode, "said": snapshot.guard.said, "acted": snapshot.guard.acted},
        "roll_backs": [_event(event) for event in snapshot.roll_backs],
        "plans": {plan.task or DEFAULT_TASK: _plan(plan) for plan in snapshot.plans},
        "record": {
            "path": snapshot.record.path,
            "error": snapshot.record.error,
            "unwritten_rows": snapshot.record.waiting + snapshot.record.dropped,
        },
        "events": [_event(event) for event in snapshot.events],
    }


def totals(snapshot: Snapshot) -> Mapping[str, Figures]:
    """Of each deployment what it did since the start, all tasks."""
    return {name: total(view) for name, view in snapshot.deployments.items()}


def total(view: DeploymentView) -> Figures:
    """What one deployment did since the start, all tasks."""
    return view.figures["run"][ALL_TASKS]


def _deployment(view: DeploymentView, weights: Mapping[str, float]) -> dict[str, Any]:
    f, pin = total(view), view.status.pin
    return {
        "weights": dict(weights),
        "requests": f.requests,
        "ok": f.kinds.get(OutcomeKind.OK, 0),
        "errors": {kind.value: n for kind, n in f.kinds.items() if kind is not OutcomeKind.OK},
        "kinds": {kind.value: n for kind, n in f.kinds.items()},
        "error_pct": f.error_pct,
        "throttled_pct": f.throttled_pct,
        "filter_pct": f.filter_pct,
        "latency_ms": _quantiles(f.latency_ms),
        "ttft_ms": _quantiles(f.ttft_ms),
        "answer_ttft_ms": _quantiles(f.answer_ttft_ms),
        "ms_per_output_token": _quantiles(f.ms_per_output_token),
        "tokens": {
            "prompt": f.prompt_tokens if f.answers_with_usage else None,
            "cached": f.cached_tokens if f.answers_with_usage else None,
            "completion": f.completion_tokens if f.answers_with_usage else None,
            "reasoning": f.reasoning_tokens if f.answers_with_usage else None,
            "answers": {"reported": f.answers_with_usage, "not_reported": f.answers_without_usage},
        },
        "cost_usd": f.cost_usd,
        "cost_estimated_usd": f.estimated_usd if f.priced else None,
        "filters": {
            "prompt_blocked": f.prompt_blocked,
            "completion_blocked": f.completion_blocked,
            "annotated": f.annotated,
            "below_threshold": f.below_threshold,
            "unfiltered": f.unfiltered,
            "categories": dict(f.filter_categories),
        },
        "served_models": dict(f.served_models),
        "able_to_serve": {
            "state": view.ability.state,
            "why": view.ability.why,
            "since_s": view.ability.since_s,
        },
        "pin": {"state": pin.state.value, "until": pin.until and pin.until.isoformat(), "reason": pin.reason},
        "spillovers": f.spillovers,
        "held_back": view.held_back,
        "throttled_s": round(view.throttled_s, 3),
        "quota_exhausted": view.quota_exhausted,
        "retired": view.retired,
        "last_error": view.last_error,
        "sent_while_saturated": f.saturated,
        "reconnected": f.reconnected,
    }


def _quantiles(q: Quantiles | None) -> dict[str, Any]:
    if q is None:
        return {"p50": None, "p95": None, "p99": None, "n": 0}
    return {"p50": round(q.p50, 3), "p95": round(q.p95, 3), "p99": round(q.p99, 3), "n": q.count}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "state": verdict.state.value,
        "advisory": verdict.advisory,
        "unit": verdict.unit,
        "limit": verdict.limit,
        "baseline": verdict.baseline_value,
        "canary": verdict.canary_value,
        "difference_pct": verdict.difference_pct,
        "interval_pct": [verdict.difference_low_pct, verdict.difference_high_pct],
        "requests": {"baseline": verdict.baseline_requests, "canary": verdict.canary_requests},
        "events": verdict.events,
        "since_s": verdict.since_s,
        "note": verdict.note,
        "explained": verdict.explained,
        "never": verdict.never,
        "to_decide": [
            {
                "weight_pct": eta.weight_pct,
                "seconds_low": eta.seconds,
                "seconds_high": eta.seconds_high,
                "canary_requests": eta.canary_requests,
            }
            for eta in verdict.etas
            if eta.is_known
        ],
    }


def _plan(plan: PlanView) -> dict[str, Any]:
    return {
        "canary": plan.canary,
        "state": plan.state.value,
        "step": plan.index + 1,
        "steps": [asdict(step) for step in plan.steps],
        "in_step_s": round(plan.in_step_s, 3),
        "step_requests": plan.step_requests,
        "waiting_for": plan.waiting_for,
        "reason": plan.reason,
    }


def _business(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """By canary and task, as the verdicts are."""
    found: dict[str, dict[str, Any]] = {}
    for line in business(snapshot):
        found.setdefault(line.canary, {})[line.task] = _business_line(line)
    return found


def _business_line(line: BusinessLine) -> dict[str, Any]:
    cost = line.cost
    return {
        "text": line_texts(line)[0],
        "requests_per_day": line.requests_per_day,
        "requests_per_day_from": line.rate_from,
        "usd_per_day": line.usd_per_day,
        "cost": None if cost is None else {
            "baseline_usd_per_1k": cost.baseline_usd_per_1k,
            "canary_usd_per_1k": cost.canary_usd_per_1k,
            "difference_pct": cost.difference_pct,
            "interval_pct": [cost.low_pct, cost.high_pct],
            "canary_answers": cost.canary_answers,
            "from": cost.seen_in,
            "estimated_pct": cost.estimated_pct,
        },
        "no_cost": line.missing,
        "graded": {
            one.criterion: {
                "state": one.state.value,
                "advisory": one.advisory,
                "unit": one.unit,
                "baseline": one.baseline_value,
                "canary": one.canary_value,
                "pairs": one.canary_requests,
            }
            for one in line.graded
        },
    }  # fmt: skip


def _quality(view: QualityView) -> dict[str, Any]:
    judge = None
    if view.judge is not None:
        judge = {
            "deployment": view.judge_name,
            "sound": view.judge.is_sound,
            "waiting": view.waiting,
            "not_judged": view.not_judged,
            "spent_usd": view.judge_usd,
            "spent_estimated_usd": view.judge_estimated_usd,
            "budget_usd": view.judge_budget_usd,
            **asdict(view.judge),
        }
    return {
        "samples": view.samples,
        "known_answers_asked": dict(view.known),
        "spent_usd": view.spent_usd,
        "spent_estimated_usd": view.estimated_usd,
        "judge": judge,
        "agreement": view.agreement,
    }


def _weights(table: WeightTable | None) -> dict[str, dict[str, float]] | None:
    return None if table is None else {task: dict(shares) for task, shares in table.items()}


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "at_s": round(event.at_s, 3),
        "actor": event.actor,
        "kind": event.kind.value,
        "text": event.text,
        "reason": event.reason,
        "before": _weights(event.before),
        "after": _weights(event.after),
    }
