"""What the evidence costs this machine: an outcome, and a second's look at everything."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from bench.world import BASE, Version, World, always, happenings
from tui.evaluation.evaluator import Evaluator
from tui.evaluation.evaluators import Evaluators
from tui.model import DEFAULT_TASK, Assignment, Outcome
from tui.rollout import Criteria

_FOUR = World(canaries=(Version(),) * 3, canary_pct=always(10.0))
_TASKS = (DEFAULT_TASK, "mail", "chat")


def outcome_us(requests: int = 20_000, tries: int = 3) -> float:
    """Microseconds of CPU for one request, assignment and outcome, with four deployments and every criterion:
    the best of some tries."""
    made, best = _made(_FOUR, requests), math.inf
    for _ in range(tries):
        evaluator = Evaluator(BASE, _FOUR.names, Criteria())
        began = time.process_time()
        for now_s, event in made:
            if isinstance(event, Assignment):
                evaluator.assigned(event, now_s)
            else:
                evaluator.add(event, now_s)
        best = min(best, time.process_time() - began)
    return best / requests * 1e6


def tick_ms(requests: int = 20_000, looks: int = 200) -> float:
    """Milliseconds of CPU for all verdicts of one canary in three tasks, on average while requests come in."""
    world = replace(_FOUR, canaries=(Version(),))
    evaluators = Evaluators(BASE, world.names, {task: Criteria() for task in _TASKS})
    every, spent, looked = requests // looks, 0.0, 0
    for n, (now_s, event) in enumerate(_made(world, requests)):
        task = _TASKS[event.request_id % len(_TASKS)]
        if isinstance(event, Assignment):
            evaluators.assigned(replace(event, task=task), now_s)
        else:
            evaluators.add(replace(event, task=task), now_s)
        if n % every == 0:
            began = time.process_time()
            evaluators.verdicts(now_s)
            spent, looked = spent + time.process_time() - began, looked + 1
    return 1000 * spent / looked


def _made(world: World, requests: int) -> list[tuple[float, Assignment | Outcome]]:
    made = []
    for now_s, event in happenings(world, 1):
        if event.request_id >= requests and isinstance(event, Assignment):
            break
        made.append((now_s, event))
    return made
