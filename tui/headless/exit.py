"""How `canarytop run` ends: one exit code, and the reason for it in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tui.base.exit_codes import COULD_NOT_RUN, INTERRUPTED, OK, WORSE
from tui.base.text import plain, span
from tui.engine.task_automation import GUARD
from tui.evaluation.plan import MUST_BE_OK
from tui.evaluation.plan_state import by_default, ok_wanted
from tui.evaluation.verdict_text import label
from tui.headless.result import Exit, total
from tui.model import (
    ANSWERED,
    FILTERED,
    DeploymentView,
    EventKind,
    Figures,
    OutcomeKind,
    Snapshot,
    Verdict,
    VerdictState,
)
from tui.rollout import PlanSpec

_STATES = (VerdictState.WORSE, VerdictState.OK, VerdictState.NOT_YET)
_WORDS = {state: state.value.replace("_", " ").upper() for state in _STATES}
_REASON = 300
_ERROR = 200
_MOST_NAMED = 3

LEAST_SENT = 5
"""A deployment that was sent so many requests and answered none was not run at all."""

Plans = Mapping[str, PlanSpec | None]
"""Task -> its plan, None where it has none."""


def exit_of(snapshot: Snapshot, *, interrupted: bool = False, require_ok: Plans | None = None) -> Exit:
    """The first that holds: 130 interrupted; 1 a criterion is WORSE, guard or tripwire acted, or with
    ``require_ok`` something is not OK; 3 no evidence came about; 0. (2, bad input, and 4, kept for production,
    stand before 1: a run that knows them has none of the others.)

    ``require_ok`` are the plans of the tasks: what they wait for must be OK.
    """
    missing = () if require_ok is None else tuple(not_ok(snapshot, require_ok))
    found = [Exit(INTERRUPTED, "interrupted before its end")] if interrupted else []
    found += [Exit(WORSE, why) for why in (*_acted(snapshot), *_worse(snapshot))]
    if require_ok is not None and missing:
        more = f"; and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        found.append(Exit(WORSE, f"not OK yet: {'; '.join(missing[:_MOST_NAMED])}{more}"))
        if any(not _must_be_ok(require_ok.get(task), canary) for task, canary, _ in _exposed(snapshot)):
            found.append(Exit(WORSE, by_default(MUST_BE_OK)))
    found += [Exit(COULD_NOT_RUN, why) for why in _no_evidence(snapshot)]
    if not found:
        answered = sum(_answered(total(view)) for view in snapshot.deployments.values())
        return Exit(OK, f"{answered:,} requests were answered, nothing is WORSE")
    first, *others = found
    # What is WORSE has a line of its own already.
    said = tuple(_worse(snapshot)) if first.code == WORSE else ()
    also = tuple(one.why for one in others if one.why not in said)
    return Exit(first.code, first.why, also, missing)


def not_ok(snapshot: Snapshot, plans: Plans) -> Iterator[str]:
    """What has not become OK, and what it waits for: a phrase for each task, canary with weight, criterion."""
    exposed = tuple(_exposed(snapshot))
    if not exposed:
        yield "no canary has weight, so nothing can be OK"
    for task, canary, weight_pct in exposed:
        known = {v.criterion: v for v in snapshot.verdicts.get(canary, ()) if v.task in ("", task)}
        of_task = f" in {plain(task, 40)}" if len(snapshot.weights) > 1 else ""
        for name in _must_be_ok(plans.get(task), canary) or MUST_BE_OK:
            verdict = known.get(name)
            if verdict is None or verdict.state is not VerdictState.OK:
                yield f"{canary}{of_task}: {ok_wanted(name, verdict, weight_pct)}"


def _exposed(snapshot: Snapshot) -> Iterator[tuple[str, str, float]]:
    """Task, canary and percent, where a canary has weight."""
    for task, shares in snapshot.weights.items():
        yield from ((task, n, pct) for n, pct in shares.items() if pct > 0 and n != snapshot.baseline)


def _must_be_ok(plan: PlanSpec | None, canary: str) -> tuple[str, ...]:
    """What the rollout file names for a canary, nothing where it names nothing."""
    return plan.must_be_ok if plan is not None and plan.canary == canary else ()


def verdicts_said(snapshot: Snapshot) -> Iterator[str]:
    """Each canary in a line of words: ``v2: WORSE for P95; OK for errors; NOT YET for cost``."""
    for canary, verdicts in snapshot.verdicts.items():
        compared = [v for v in verdicts if not v.never and v.canary_requests and v.baseline_requests]
        names = {state: [label(v) + _advisory(v) for v in compared if v.state is state] for state in _STATES}
        if parts := [f"{_WORDS[state]} for {', '.join(of)}" for state, of in names.items() if of]:
            yield f"{canary}: {'; '.join(parts)}"


def answers_most(view: DeploymentView, task: str) -> bool:
    """Whether most of what a deployment was sent of a task was answered; nothing sent is nothing unanswered."""
    figures = view.figures["run"].get(task)
    return figures is None or 2 * _answered(figures) >= _asked(figures)


def _advisory(verdict: Verdict) -> str:
    return " (advisory)" if verdict.advisory else ""


def _acted(snapshot: Snapshot) -> Iterator[str]:
    """The guard, which is the tripwire's hand too; whatever became of the verdict since."""
    by_guard = [event for event in snapshot.roll_backs if event.actor == GUARD]
    for event in by_guard:
        if event.kind is EventKind.ROLLED_BACK:
            why = plain(event.reason or event.text, _REASON)
            yield f"the guard rolled back after {span(event.at_s)}: {why}"
    if snapshot.guard.acted and not any(event.kind is EventKind.ROLLED_BACK for event in by_guard):
        yield f"the guard acted: {plain(snapshot.guard.said or 'see the log', _REASON)}"
    for event in by_guard:
        if event.kind is EventKind.NOT_ROLLED_BACK:
            why = f"{event.text}: {event.reason}" if event.reason else event.text
            why = plain(why.removeprefix("not rolled back: "), _REASON)
            yield f"the guard could not roll back after {span(event.at_s)}: {why}"


def _worse(snapshot: Snapshot) -> Iterator[str]:
    for canary, verdicts in snapshot.verdicts.items():
        if labels := [label(v) for v in verdicts if v.state is VerdictState.WORSE and not v.advisory]:
            yield f"{canary} is WORSE: {', '.join(labels)}"


def _no_evidence(snapshot: Snapshot) -> Iterator[str]:
    figures = {name: total(view) for name, view in snapshot.deployments.items()}
    sent = {name: _sent(of) for name, of in figures.items()}
    if not any(sent.values()):
        yield f"no request was sent{_sources(snapshot)}"
        return
    silent = [name for name, of in figures.items() if _asked(of) >= LEAST_SENT and not _answered(of)]
    for name in silent:
        error = _last_error(snapshot, name)
        yield f"{name} was sent {_asked(figures[name]):,} requests and answered none{error}"
    if not silent and not any(map(_answered, figures.values())):
        yield f"no request was answered, of {sum(sent.values()):,}"
    exposed = dict.fromkeys(canary for _, canary, _ in _exposed(snapshot))
    if exposed and not any(sent.get(name, 0) for name in exposed):
        yield f"no canary with weight got a request ({', '.join(exposed)}): run longer, or at a higher rate"


def _sources(snapshot: Snapshot) -> str:
    """Those that gave nothing, and why."""
    empty = [source for source in snapshot.sources if not source.given]
    said = [": ".join(filter(None, (f"{s.name} gave none", s.error or s.last_bad))) for s in empty]
    return f": {plain('; '.join(said), _REASON)}" if said else ""


def _last_error(snapshot: Snapshot, name: str) -> str:
    error = snapshot.deployments[name].last_error
    return f": {plain(error, _ERROR)}" if error else ""


def _count(figures: Figures, kinds: Sequence[OutcomeKind] | frozenset[OutcomeKind]) -> int:
    return sum(figures.kinds.get(kind, 0) for kind in kinds)


def _sent(figures: Figures) -> int:
    """Requests that left this machine."""
    return figures.requests - _count(figures, (OutcomeKind.CLIENT_SATURATED,))


def _asked(figures: Figures) -> int:
    """Those whose answer was waited for: at the end of a run it hangs up on what is under way."""
    return _sent(figures) - _count(figures, (OutcomeKind.CANCELLED,))


def _answered(figures: Figures) -> int:
    return _count(figures, ANSWERED | FILTERED)
