"""What makes the weights of one task legal, wherever they were written down."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tui.base.problems import did_you_mean, listed, quoted
from tui.base.text import plain

SUM_TOLERANCE = 1e-6
"""How far from 100 the weights of a task may lie, so that thirds can be written with decimals."""


@dataclass(frozen=True, slots=True)
class WeightMistake:
    """``deployment`` is None when the task as a whole is wrong."""

    deployment: str | None
    value: str
    remedy: str


def weight_mistakes(weights: Mapping[str, object], known: Collection[str] | None) -> Iterator[WeightMistake]:
    """Every mistake in the weights of one task, as percent per deployment.

    ``known`` are the deployments that exist, None when any name will do. The sum is judged only when every
    single weight is a legal number.
    """
    legal: dict[str, float] = {}
    for name, weight in weights.items():
        if known is not None and name not in known:
            yield WeightMistake(name, quoted(weight), f"no such deployment; {did_you_mean(name, known)}")
        if isinstance(weight, dict):
            yield WeightMistake(name, "a table", 'a name with a dot needs quotes: "gpt-4.1-x" = 10')
        elif isinstance(weight, bool) or not isinstance(weight, int | float):
            yield WeightMistake(name, quoted(weight), "a weight is a number from 0 to 100, without quotes")
        elif not 0 <= weight <= 100:
            yield WeightMistake(name, quoted(weight), "a weight is a number from 0 to 100")
        else:
            legal[name] = float(weight)
    if len(legal) < len(weights):
        return
    total = math.fsum(legal.values())
    if abs(total - 100) <= SUM_TOLERANCE:
        return
    value = (
        f"{plain(' + '.join(_number(w) for w in legal.values()), 60)} = {_number(total)}" if legal else "empty"
    )
    if total == 0:
        yield WeightMistake(None, value, "all weights are 0; the weights of a task must sum to 100")
        return
    step = f"add {_number(100 - total)} to" if total < 100 else f"take {_number(total - 100)} from"
    yield WeightMistake(None, value, f"weights of a task must sum to 100; {step} one of {listed(list(legal))}")


def _number(value: float) -> str:
    return f"{value:.10g}"
