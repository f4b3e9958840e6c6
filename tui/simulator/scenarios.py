"""Scenarios: named timelines of changes to how deployments behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from tui.simulator.behaviour import EVERY_TASK, Behaviour, Role, TaskQuality, Upgrades

_FIELDS = frozenset(f.name for f in fields(Behaviour))


@dataclass(frozen=True, slots=True)
class Change:
    """From ``at_s`` on, ``what`` (a field of Behaviour) is ``to``, or ``times`` what it was.

    Exactly one of the two is given. A numeric change may be gradual: it is complete ``over_s`` seconds later.
    A change of ``quality`` is to all of it at once.
    Raises ``ValueError`` for an unknown field or when neither or both of ``to`` and ``times`` are given.
    """

    at_s: float
    target: Role | Literal["all"]
    what: str
    to: float | tuple[TaskQuality, ...] | None = None
    times: float | None = None
    over_s: float = 0.0

    def __post_init__(self) -> None:
        if self.what not in _FIELDS:
            raise ValueError(f"no behaviour is called {self.what!r}; known: {', '.join(sorted(_FIELDS))}")
        if (self.to is None) == (self.times is None):
            raise ValueError(f"the change of {self.what} needs either 'to' or 'times'")
        is_quality = self.what == "quality"
        if isinstance(self.to, tuple) is not is_quality or (is_quality and self.over_s):
            raise ValueError("a change of quality, and no other, is to a tuple of TaskQuality, and at once")

    def applied(self, before: Any, t_s: float) -> Any:
        """The value at ``t_s`` of a field that was ``before`` until this change began."""
        after = self.to if self.times is None else before * self.times
        elapsed_s = t_s - self.at_s
        if elapsed_s >= self.over_s or before is None or after is None:
            return after
        return before + (after - before) * elapsed_s / self.over_s


@dataclass(frozen=True, slots=True)
class Ending:
    """The version of a role's deployments ends: the control plane announces a date close at hand when the
    scenario begins, and from ``at_s`` on the calendar has passed it.

    With ``in_lead`` it has only passed the day from which the service upgrades ahead of the date, so that
    deployments with NoAutoUpgrade stay as they are. ``upgrades`` is the option of the role's deployments that
    have none of their own.
    """

    at_s: float
    target: Role
    upgrades: Upgrades
    in_lead: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    description: str
    changes: tuple[Change, ...] = ()
    endings: tuple[Ending, ...] = ()


def behaviour_at(base: Behaviour, role: Role, scenario: Scenario, t_s: float) -> Behaviour:
    """How a deployment of that role behaves ``t_s`` seconds after the scenario began."""
    changed: dict[str, Any] = {}
    for change in scenario.changes:
        if change.target in (role, "all") and t_s >= change.at_s:
            before = changed.get(change.what, getattr(base, change.what))
            changed[change.what] = change.applied(before, t_s)
    return replace(base, **changed) if changed else base


_DEAR = (
    TaskQuality("email_summarisation", accuracy_pct=96, score_mean=4.4),
    TaskQuality("contract_analysis", accuracy_pct=93, score_mean=4.6),
    TaskQuality(EVERY_TASK, accuracy_pct=94, score_mean=4.4),
)
_CHEAP = (
    TaskQuality("email_summarisation", accuracy_pct=95, score_mean=4.2),
    TaskQuality("contract_analysis", accuracy_pct=80, score_mean=3.1, score_spread=1.0),
    TaskQuality(EVERY_TASK, accuracy_pct=93, score_mean=4.2),
)
_CHEAPER_CANARY = (
    Change(0, "baseline", "quality", to=_DEAR),
    Change(0, "canary", "quality", to=_CHEAP),
    Change(0, "canary", "ttft_ms", times=0.8),
    Change(0, "canary", "ms_per_token", times=0.8),
)
_IN_USE = "the cheaper canary of `migration`; from 60 s the judge"

_ALL = (
    Scenario("healthy", "nothing changes: both versions behave alike"),
    Scenario(
        "slow-canary",
        "from 60 s the canary slows down, within 20 s, to latencies 60 % higher",
        (
            Change(60, "canary", "ttft_ms", times=1.6, over_s=20),
            Change(60, "canary", "ms_per_token", times=1.6, over_s=20),
        ),
    ),
    Scenario(
        "chatty-canary",
        "from 60 s the canary's answers are 70 % longer: cost rises, latency per token does not",
        (Change(60, "canary", "answer_tokens", times=1.7),),
    ),
    Scenario(
        "filter-canary",
        "from 60 s the content filter blocks 2 % of the canary's answers, up from 0.4 %",
        (Change(60, "canary", "completion_blocked_pct", to=2.0),),
    ),
    Scenario(
        "flaky-canary",
        "from 60 s the canary fails 4 % of its requests (5xx) and drops the connection of 2 % more",
        (Change(60, "canary", "error_pct", to=4.0), Change(60, "canary", "drop_pct", to=2.0)),
    ),
    Scenario(
        "throttled",
        "from 60 s the canary's quota is 60 requests and 30,000 tokens a minute: 429s beyond that",
        (
            Change(60, "canary", "requests_per_min", to=60),
            Change(60, "canary", "tokens_per_min", to=30_000),
        ),
    ),
    Scenario(
        "throttled-baseline",
        "from 60 s the baseline's quota is 1,200 requests a minute: 429s beyond that, and no version is worse",
        (Change(60, "baseline", "requests_per_min", to=1200),),
    ),
    Scenario(
        "no-credit",
        "from 60 s to 300 s the canary's account has no credit left: every request is refused for its quota",
        (Change(60, "canary", "no_credit", to=True), Change(300, "canary", "no_credit", to=False)),
    ),
    Scenario(
        "outage",
        "from 60 s to 180 s the canary is down: most requests fail (5xx), others are dropped or never answered",
        (
            Change(60, "canary", "error_pct", to=95.0),
            Change(60, "canary", "drop_pct", to=10.0),
            Change(60, "canary", "hang_pct", to=5.0),
            Change(180, "canary", "error_pct", to=0.1),
            Change(180, "canary", "drop_pct", to=0.0),
            Change(180, "canary", "hang_pct", to=0.0),
        ),
    ),
    Scenario(
        "both-drift",
        "from 60 s both versions slow down together, within 60 s, to latencies 50 % higher: nobody's fault",
        (
            Change(60, "all", "ttft_ms", times=1.5, over_s=60),
            Change(60, "all", "ms_per_token", times=1.5, over_s=60),
        ),
    ),
    Scenario(
        "silent-upgrade",
        "from 60 s the canary, which was never pinned, is served by the replacement of its version",
        endings=(Ending(60, "canary", "absent", in_lead=True),),
    ),
    Scenario(
        "retirement",
        "from 60 s the baseline's version is retired: pinned with NoAutoUpgrade, it answers 410",
        endings=(Ending(60, "baseline", "NoAutoUpgrade"),),
    ),
    Scenario(
        "migration",
        "the canary is quicker, nearly as good at summaries (4.2 to 4.4), and poor at contracts (3.1 to 4.6)",
        _CHEAPER_CANARY,
    ),
    Scenario(
        "judge-fails",
        f"{_IN_USE} fails 60 % of its requests (503)",
        (*_CHEAPER_CANARY, Change(60, "all", "judge_fail_pct", to=60.0)),
    ),
    Scenario(
        "judge-nonsense",
        f"{_IN_USE} answers half of its requests with what is no judgement",
        (*_CHEAPER_CANARY, Change(60, "all", "judge_nonsense_pct", to=50.0)),
    ),
    Scenario(
        "judge-first",
        f"{_IN_USE} gives the answer that stands first a point more",
        (*_CHEAPER_CANARY, Change(60, "all", "judge_first_pct", to=100.0)),
    ),
    Scenario(
        "judge-drifts",
        f"{_IN_USE} becomes stricter, within 300 s, by a point",
        (*_CHEAPER_CANARY, Change(60, "all", "judge_stricter", to=1.0, over_s=300)),
    ),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({s.name: s for s in _ALL})


def scenario_named(name: str) -> Scenario:
    """The scenario of that name. Raises ``ValueError``, naming the known ones, when there is none."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise ValueError(f"no scenario is called {name!r}; known: {', '.join(SCENARIOS)}") from None
