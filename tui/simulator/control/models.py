"""Models of the pretend region: models, versions, SKUs and dates, read from ``models.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tui.simulator.behaviour import Behaviour

MODELS_FILE = Path(__file__).with_name("models.toml")
"""What ships with the simulator: models, ways to deploy, and prices."""


@dataclass(frozen=True, slots=True)
class VersionFactors:
    """How answers of a version compare with those of others: factors on times, lengths and filter rates."""

    latency: float = 1.0
    answer: float = 1.0
    filters: float = 1.0

    def behaviour_after(self, before: VersionFactors, behaviour: Behaviour) -> Behaviour:
        """How a deployment behaves that behaved so while its version had the factors ``before``."""
        if before == self:
            return behaviour
        latency, filters = self.latency / before.latency, self.filters / before.filters
        return replace(
            behaviour,
            ttft_ms=behaviour.ttft_ms * latency,
            ms_per_token=behaviour.ms_per_token * latency,
            answer_tokens=behaviour.answer_tokens * self.answer / before.answer,
            prompt_blocked_pct=min(100.0, behaviour.prompt_blocked_pct * filters),
            completion_blocked_pct=min(100.0, behaviour.completion_blocked_pct * filters),
        )


@dataclass(frozen=True, slots=True)
class Sku:
    """A way to deploy. ``quota`` and the capacities are in its own unit; ``per_model`` quota is one per model.

    ``upgrades``: whether the service upgrades its deployments by itself (Microsoft, working with models: only
    the three Standard ones).
    """

    name: str
    quota: int
    minimum: int
    maximum: int
    step: int
    default: int
    per_model: bool
    upgrades: bool = False

    def usage_name(self, model: str) -> str:
        return f"OpenAI.{self.name}.{model}" if self.per_model else f"OpenAI.{self.name}"


@dataclass(frozen=True, slots=True)
class Target:
    """What a version is replaced by; upgrades begin at ``starts`` and ``lead_days`` before its date."""

    model: str
    version: str
    starts: date | None = None
    lead_days: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """One version of a model. ``status`` is the API's word; with ``word_lags`` it outlives the date."""

    model: str
    version: str
    status: str
    skus: tuple[str, ...]
    format: str = "OpenAI"
    default: bool = False
    retires: date | None = None
    date_status: str | None = None
    replacement: Target | None = None
    sku_retires: Mapping[str, date] = field(default_factory=dict)
    new_still: tuple[str, ...] = ()
    word_lags: bool = False
    capabilities: Mapping[str, str] = field(default_factory=lambda: {"chatCompletion": "true"})

    def retires_as(self, sku: str) -> date | None:
        """When a deployment of that SKU ends: the SKU's own date, else the model's."""
        return self.sku_retires.get(sku, self.retires)

    def word(self, today: date) -> str:
        """``lifecycleStatus`` on that day."""
        past = self.retires is not None and self.retires <= today
        return "Deprecated" if past and not self.word_lags else self.status


@dataclass(frozen=True, slots=True)
class ModelTable:
    """All offers by model and version, and what holds for versions that are not among them."""

    offers: Mapping[tuple[str, str], Offer]
    skus: Mapping[str, Sku]
    factors: Mapping[str, VersionFactors]
    successor: Target
    unlisted_retires: date
    good_until: date

    def offer(self, model: str, version: str) -> Offer:
        """The offer of that version, or one made up for a version that is not listed."""
        listed = self.offers.get((model, version))
        if listed is not None:
            return listed
        return Offer(
            model, version, "GenerallyAvailable", tuple(self.skus), "OpenAI", False, self.unlisted_retires
        )

    def target(self, offer: Offer) -> Target | None:
        """Where the service moves deployments of that version; None where there is nothing to move to."""
        if offer.replacement is not None:
            return offer.replacement
        same = (offer.model, offer.version) == (self.successor.model, self.successor.version)
        return None if same else self.successor

    def default_version(self, model: str) -> str | None:
        return next((o.version for o in self.offers.values() if o.model == model and o.default), None)

    def factors_of(self, model: str) -> VersionFactors:
        return self.factors.get(model, VersionFactors())

    def ending(self, model: str, version: str, day: date, *, in_lead: bool) -> ModelTable:
        """The table with another end for that version, the same for every SKU.

        ``day`` is its date of retirement or, with ``in_lead``, the first on which upgrades run ahead of it.
        """
        offer = self.offer(model, version)
        target = self.target(offer)
        lead = timedelta(days=target.lead_days if target is not None and in_lead else 0)
        changed = replace(
            offer,
            retires=day + lead,
            date_status="Planned",
            replacement=None if target is None else replace(target, starts=day),
            sku_retires={},
            word_lags=False,
        )
        return replace(self, offers={**self.offers, (model, version): changed})


@cache
def bundled_models() -> ModelTable:
    """The table that ships with the simulator."""
    document = tomllib.loads(MODELS_FILE.read_text())
    lead_days = document["lead_days"]
    return ModelTable(
        offers={(o["model"], o["version"]): _offer(o) for o in document["versions"]},
        skus={name: _sku(name, terms) for name, terms in document["skus"].items()},
        factors={model: VersionFactors(**factors) for model, factors in document["factors"].items()},
        successor=Target(**document["successor"], lead_days=lead_days),
        unlisted_retires=document["unlisted_retires"],
        good_until=document["good_until"],
    )


def _sku(name: str, terms: dict[str, Any]) -> Sku:
    return Sku(name, per_model=terms.pop("usage") == "model", **terms)


def _offer(entry: dict[str, Any]) -> Offer:
    target = entry.pop("replacement", None)
    for listed in ("skus", "new_still"):
        entry[listed] = tuple(entry.get(listed, ()))
    return Offer(**entry, replacement=None if target is None else Target(**target))
