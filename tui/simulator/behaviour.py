"""Behaviour of a pretend deployment, as data: its times, failures and filters, and how good its answers are.

The defaults look like production and stay watchable: P50 latency about 0.5 s, P95 about 1.1 s, 0.4 % of answers
and 0.3 % of prompts blocked, 0.1 % server errors, no quota.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, get_args

from tui.model import UpgradeOption

EVERY_TASK = "*"
JUDGE_NOISE = 0.3
"""Spread of what a judge feels about the same answer, in points, where nothing else is said."""

_SHARED = 0.64
"""Share of an item's difficulty that all deployments feel alike. It makes pairs of 90 % and 82 % accuracy
discordant in 16 % of the items; with nothing in common it would be 24 %, with all of it 8 %."""
_TASTE = 0.5
"""Share of a score's spread that comes from the prompt."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class TaskQuality:
    """Quality of the answers to one task; ``EVERY_TASK`` stands for each that has none of its own.

    ``accuracy_pct`` is the percentage of items with a known answer that are answered right. ``score_mean`` is
    the mean of the whole scores 1-5 that a judge of the usual noise gives, ``score_spread`` the standard
    deviation of how good answers are, in points.

    Raises ``ValueError`` for a number out of range.
    """

    task: str
    accuracy_pct: float = 90.0
    score_mean: float = 4.3
    score_spread: float = 0.7

    def __post_init__(self) -> None:
        for name, least, most in (("accuracy_pct", 0, 100), ("score_mean", 1, 5), ("score_spread", 0, 4)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"quality of {self.task}: {name} must be {least} to {most}, not {value!r}")


def quality_of(qualities: Iterable[TaskQuality], *tasks: str | None) -> TaskQuality | None:
    """The quality for the first of ``tasks`` that has one, else the one for every task, else None."""
    by_task = {quality.task: quality for quality in qualities}
    return next((by_task[task] for task in (*tasks, EVERY_TASK) if task in by_task), None)


def standard_normal(text: str) -> float:
    """A draw from the standard normal distribution that is always the same for the same text."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=6).digest()
    return _NORMAL.inv_cdf((int.from_bytes(digest) + 0.5) / 2**48)


def is_right(quality: TaskQuality, difficulty: float, rng: random.Random) -> bool:
    """Whether an item is answered right; ``difficulty`` is standard normal over the items, the same for all
    deployments, the rest is drawn."""
    felt = math.sqrt(_SHARED) * difficulty + math.sqrt(1 - _SHARED) * rng.gauss(0, 1)
    return 100 * _NORMAL.cdf(felt) < quality.accuracy_pct


def how_good(quality: TaskQuality, taste: float, rng: random.Random) -> float:
    """How good an answer is, in points; it may lie beyond 1 and 5. ``taste`` is standard normal over the
    prompts, the same for all deployments, the rest is drawn."""
    felt = math.sqrt(_TASTE) * taste + math.sqrt(1 - _TASTE) * rng.gauss(0, 1)
    return _centre(quality.score_mean, quality.score_spread) + quality.score_spread * felt


def whole_score(good: float) -> int:
    """The score that a judge gives who feels an answer to be ``good``."""
    return max(1, min(5, math.floor(good + 0.5)))


@lru_cache(maxsize=1024)
def _centre(mean: float, spread: float) -> float:
    """The centre of a normal distribution whose whole scores have that mean, the judge's noise added."""
    felt = math.hypot(spread, JUDGE_NOISE)
    low, high = -20.0, 26.0
    for _ in range(60):
        middle = (low + high) / 2
        if 1 + sum(_NORMAL.cdf((middle - step) / felt) for step in (1.5, 2.5, 3.5, 4.5)) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2


Role = Literal["baseline", "canary", "judge"]
Upgrades = Literal[UpgradeOption, "absent"]
"""``versionUpgradeOption`` as a pretend deployment has it; "absent" is one that was never set."""

_MOST_CHARS = 256


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Times are milliseconds, rates are percent of requests (0-100), lengths are tokens.

    ``ttft_ms``, ``ms_per_token`` and ``answer_tokens`` are medians of lognormal distributions, each with its
    ``_sigma``; ``ttft_tail_pct`` of the requests wait ``ttft_tail_factor`` times longer for their first token.
    ``ttft_ms_per_1k`` is what 1,000 tokens of the prompt add to the median before the first token.
    ``*_load`` is how much longer the times are at ``capacity`` requests in flight (0.5 = half as long again);
    the growth is quadratic and ends at twice the capacity. Reasoning tokens precede the first visible one.
    ``cached_pct`` of a prompt of at least ``cache_from_tokens`` is served from the cache, in blocks of 128.
    Quotas are per minute, None is no quota; with ``report_quota`` off the service says -1, as some models do.
    With ``no_credit`` the account has no money left: every request is refused, without a word of until when.

    ``quality`` is how good the answers are, by task; without it they are any text. ``judge_*`` is how a
    deployment answers that is asked to judge: it fails (503), breaks the schema, or adds ``judge_first_bonus``
    points to the first answer in so many percent of its judgements; it feels the same answer with a spread of
    ``judge_noise`` points, and everything ``judge_stricter`` points worse than it is.

    Raises ``ValueError`` for a negative or infinite number and for a rate above 100.
    """

    ttft_ms: float = 180.0
    ttft_sigma: float = 0.22
    ttft_ms_per_1k: float = 0.0
    ttft_tail_pct: float = 3.0
    ttft_tail_factor: float = 3.0
    ttft_load: float = 0.5
    ms_per_token: float = 4.0
    ms_per_token_sigma: float = 0.15
    token_load: float = 0.25
    capacity: int = 256
    answer_tokens: float = 80.0
    answer_sigma: float = 0.6
    reasoning_tokens: float = 0.0
    cached_pct: float = 50.0
    cache_from_tokens: int = 1024
    error_pct: float = 0.1
    drop_pct: float = 0.0
    hang_pct: float = 0.0
    prompt_blocked_pct: float = 0.3
    completion_blocked_pct: float = 0.4
    annotated_pct: float = 0.5
    below_threshold_pct: float = 0.5
    filter_outage_pct: float = 0.0
    spillover_pct: float = 0.0
    requests_per_min: int | None = None
    tokens_per_min: int | None = None
    report_quota: bool = True
    no_credit: bool = False
    async_filter: bool = False
    missing: bool = False
    forbidden: bool = False
    retired: bool = False
    paused: bool = False
    judge_fail_pct: float = 0.0
    judge_nonsense_pct: float = 0.0
    judge_first_pct: float = 0.0
    judge_first_bonus: float = 1.0
    judge_noise: float = JUDGE_NOISE
    judge_stricter: float = 0.0
    quality: tuple[TaskQuality, ...] = ()

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a finite number of at least 0, not {value!r}")
            if value > 100 and name.endswith("_pct"):
                raise ValueError(f"{name} is a percentage and cannot be {value!r}")
        for name in ("requests_per_min", "tokens_per_min"):
            quota = getattr(self, name)
            if quota is not None and quota < 1:
                raise ValueError(f"{name} must be at least 1, or None for no quota, not {quota!r}")
        if self.capacity < 1:
            raise ValueError(f"capacity must be at least 1 request in flight, not {self.capacity!r}")

    def stretch(self, in_flight: int) -> tuple[float, float]:
        """How many times longer the first token, and each further one, takes with ``in_flight`` requests."""
        load = min(in_flight / self.capacity, 2.0) ** 2
        return 1 + self.ttft_load * load, 1 + self.token_load * load


ROLES: tuple[str, ...] = get_args(Role)
UPGRADES: tuple[str, ...] = (*get_args(UpgradeOption), "absent")
_NUMBERS = tuple(f.name for f in fields(Behaviour) if f.type in ("float", "int"))


@dataclass(frozen=True, slots=True)
class PretendDeployment:
    """A deployment that the simulator serves, with the settings that its control plane shows.

    ``upgrades`` None leaves the choice to the scenario, which pins it unless it says otherwise. ``capacity`` is
    in the unit of the SKU; it counts against the quota of the region and does not limit the traffic.

    Raises ``ValueError`` for a name that cannot be seen, a strange option or a capacity below 1.
    """

    name: str
    model: str
    version: str
    role: Role = "canary"
    behaviour: Behaviour = field(default_factory=Behaviour)
    upgrades: Upgrades | None = None
    sku: str = "GlobalStandard"
    capacity: int = 100
    rai_policy: str | None = "Microsoft.DefaultV2"

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("model", self.model), ("version", self.version)):
            if not text.isprintable() or text != text.strip() or not 0 < len(text) <= _MOST_CHARS:
                raise ValueError(
                    f"deployment {what} {text[:80]!r}: use 1 to {_MOST_CHARS} visible characters, "
                    "with no blank at an end"
                )
        if self.role not in ROLES:
            raise ValueError(f"deployment {self.name}: role {self.role!r} is none of {', '.join(ROLES)}")
        if self.upgrades not in (None, *UPGRADES):
            raise ValueError(
                f"deployment {self.name}: upgrade option {self.upgrades!r} is none of {', '.join(UPGRADES)}"
            )
        if self.capacity < 1:
            raise ValueError(f"deployment {self.name}: capacity must be at least 1, not {self.capacity!r}")

    @property
    def served_model(self) -> str:
        """The ``model`` field of its answers: model and version, not the deployment's name (azure.md A2). A
        fine-tuned model names its version itself."""
        return self.model if self.model.startswith("ft:") else f"{self.model}-{self.version}"
