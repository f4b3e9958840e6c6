"""Dates of a model version: its phase and its end, as ARM says, else as the snapshot that ships here says; and
which deployment of a rollout can take over.

A date that is not known stays unknown. The API's words for a phase are not those of the documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from tui.base.text import plain
from tui.lifecycle.table import Entry, LifecycleTable, known_date
from tui.model import Lifecycle, OfferedModel, Phase, Replacement

NOTHING_KNOWN = "nothing is known of it"

_SHOWN = 64

# lifecycleStatus of ARM and lifecycle_status of the data plane's list of models, without case and dashes.
_PHASES = {
    "preview": Phase.PREVIEW,
    "stable": Phase.GENERALLY_AVAILABLE,
    "generallyavailable": Phase.GENERALLY_AVAILABLE,
    "legacy": Phase.LEGACY,
    "deprecating": Phase.DEPRECATED,
    "deprecated": Phase.RETIRED,
}


def phase_of(status: str | None, retires: date | None, today: date) -> Phase:
    """The documents' phase for the API's word (Microsoft, model retirements, 2026-10-05).

    ``Deprecated`` or a date that is past is retired, for the word may lag behind; ``Deprecating`` is what the
    documents call deprecated; ``Stable`` is the older word for ``GenerallyAvailable``.
    """
    if retires is not None and retires < today:
        return Phase.RETIRED
    word = (status or "").casefold().replace("-", "").replace("_", "").strip()
    return _PHASES.get(word, Phase.UNKNOWN)


def lifecycle_of(
    model: str,
    version: str,
    sku: str | None,
    offered: OfferedModel | None,
    table: LifecycleTable,
    today: date,
) -> Lifecycle:
    """What is known of one version, field by field: ARM (``offered``) before the table, and the date of the
    SKU before that of the model.

    A date of the table that is past is not taken where ARM knows the version and gives no date. ``source``
    says what comes from where, and an API word that has no phase. Texts are harmless to show.
    """
    entry = table.find(model, version)
    name, version = plain(model, _SHOWN), plain(version, _SHOWN)
    if offered is None or not _says_anything(offered, sku):
        return _from_entry(name, version, entry, today)
    retires = _arm_date(offered, sku)
    phase = phase_of(offered.status, retires, today)
    tentative, as_of, sources = offered.tentative, today, ["ARM"]
    if phase is Phase.UNKNOWN and offered.status:
        sources.append(f'its word for the phase is "{plain(offered.status, _SHOWN)}"')
    elif phase is Phase.UNKNOWN and entry is not None:
        phase = _phase_on(entry.phase, retires or entry.retires, today)
        sources.append(f"phase: {_snapshot(entry)}")
    gone_by_entry = entry is not None and entry.retires is not None and entry.retires < today
    if entry is not None and entry.retires and not retires and not (gone_by_entry and offered.status):
        retires, tentative, as_of = entry.retires, entry.tentative, entry.source.as_of
        sources.append(f"date: {_snapshot(entry)}")
    replacement = _harmless(offered.replacement)
    if replacement is None and entry is not None and entry.replacement is not None:
        replacement = entry.replacement
        sources.append(f"replacement: {_snapshot(entry)}")
    return Lifecycle(name, version, phase, retires, tentative, replacement, "; ".join(sources), as_of)


def differences(
    model: str, version: str, sku: str | None, offered: OfferedModel | None, table: LifecycleTable, today: date
) -> tuple[str, ...]:
    """Where the sources disagree about one version, a line each: ARM, its SKU, the table, its sources."""
    return tuple(_differences(sku, offered, table.find(model, version), today))


def replacement_doubt(lifecycle: Lifecycle, table: LifecycleTable) -> str | None:
    """Why the named replacement is none, by the table: it is retired, or retires no later; None if nothing is
    known against it."""
    named_one, retires = lifecycle.replacement, lifecycle.retires
    entry = None if named_one is None else table.find(named_one.model, named_one.version)
    if entry is None or named_one is None:
        return None
    if entry.phase is Phase.RETIRED or (entry.retires and retires and entry.retires <= retires):
        on = f" on {entry.retires}" if entry.retires else ""
        return (
            f"the replacement that is named, {named(named_one)}, retires{on} itself by the {_snapshot(entry)}:"
            " choose another"
        )
    return None


def by_date(table: LifecycleTable, today: date) -> tuple[tuple[Lifecycle, tuple[str, ...]], ...]:
    """Every entry of the table with its differences, the earliest date first, those without a date last."""
    found = [
        (_from_entry(entry.model, entry.version, entry, today), tuple(_differences(None, None, entry, today)))
        for entry in table.entries
    ]
    return tuple(sorted(found, key=lambda row: (row[0].retires or date.max, row[0].model, row[0].version)))


def _phase_on(phase: Phase, retires: date | None, today: date) -> Phase:
    return Phase.RETIRED if retires is not None and retires < today else phase


def _snapshot(entry: Entry) -> str:
    return f"snapshot of {entry.source.as_of}"


def _from_entry(model: str, version: str, entry: Entry | None, today: date) -> Lifecycle:
    if entry is None:
        return Lifecycle(model, version, Phase.UNKNOWN, None, None, None, NOTHING_KNOWN, None)
    return Lifecycle(
        model,
        version,
        _phase_on(entry.phase, entry.retires, today),
        entry.retires,
        entry.tentative,
        entry.replacement,
        _snapshot(entry),
        entry.source.as_of,
    )


def _says_anything(offered: OfferedModel, sku: str | None) -> bool:
    return any((offered.status, _arm_date(offered, sku), offered.replacement))


def _arm_date(offered: OfferedModel, sku: str | None) -> date | None:
    return _sku_date(offered, sku) or known_date(offered.retires)


def _sku_date(offered: OfferedModel, sku: str | None) -> date | None:
    wanted = (sku or "").casefold()
    return next((known_date(one.retires) for one in offered.skus if one.name.casefold() == wanted), None)


def _harmless(replacement: Replacement | None) -> Replacement | None:
    if replacement is None:
        return None
    return Replacement(
        plain(replacement.model, _SHOWN),
        plain(replacement.version, _SHOWN),
        replacement.starts,
        replacement.lead_days,
    )


def _differences(
    sku: str | None, offered: OfferedModel | None, entry: Entry | None, today: date
) -> Iterator[str]:
    if offered is not None:
        own, of_model = _sku_date(offered, sku), known_date(offered.retires)
        if own is not None and of_model is not None and own != of_model:
            yield f"ARM: {plain(sku or '', _SHOWN)} retires on {own}, the model on {of_model}"
    if entry is None:
        return
    of_arm = None if offered is None else _arm_date(offered, sku)
    if offered is not None:
        yield from _against_arm(offered, of_arm, entry, today)
    for other in entry.elsewhere if of_arm is None else ():
        if other.retires != entry.retires:
            kept = f"{entry.retires or 'none'} by the {_snapshot(entry)}"
            yield f"date: {kept}, {other.retires} by {other.source}"


def _against_arm(offered: OfferedModel, retires: date | None, entry: Entry, today: date) -> Iterator[str]:
    snapshot = _snapshot(entry)
    if entry.retires is not None and retires != entry.retires and (retires or offered.status):
        yield f"date: {retires or 'none'} by ARM, {entry.retires} by the {snapshot}"
    phase = phase_of(offered.status, retires, today)
    then = _phase_on(entry.phase, entry.retires, today)
    if Phase.UNKNOWN not in (phase, then) and phase is not then:
        yield f"phase: {phase.value} by ARM, {then.value} by the {snapshot}"
    said, kept = _harmless(offered.replacement), entry.replacement
    if said is not None and kept is not None and not _same_replacement(said, kept):
        yield f"replacement: {named(said)} by ARM, {named(kept)} by the {snapshot}"


def _same_replacement(one: Replacement, other: Replacement) -> bool:
    same_version = not (one.version and other.version) or one.version.casefold() == other.version.casefold()
    return one.model.casefold() == other.model.casefold() and same_version


def named(replacement: Replacement) -> str:
    """Model and version; a source may have named the model alone (version empty)."""
    return f"{replacement.model} {replacement.version}".strip()


def advised(lifecycle: Lifecycle, table: LifecycleTable) -> Lifecycle:
    """The same, without a replacement that ends no later: nobody is told to move there."""
    return replace(lifecycle, replacement=None) if replacement_doubt(lifecycle, table) else lifecycle


def successor_of(
    name: str,
    lifecycles: Mapping[str, Lifecycle],
    replacement: Replacement | None,
    baseline: str,
    planned: str | None,
) -> str | None:
    """A deployment that runs the version named as the replacement. For the baseline else the canary of the plan
    (``planned``), or without a plan the only other deployment, where that version ends later."""
    others = [other for other in lifecycles if other != name]
    for other in others:
        if replacement is not None and _is(lifecycles[other], replacement):
            return other
    if name != baseline:
        return None
    heirs = others if planned is None else [planned]
    return heirs[0] if len(heirs) == 1 and _outlives(lifecycles[heirs[0]], lifecycles[name]) else None


def _outlives(one: Lifecycle, other: Lifecycle) -> bool:
    """Where one date is not known, nothing is."""
    if one.retires is None or other.retires is None or one.phase is Phase.RETIRED:
        return False
    return one.retires > other.retires


def _is(lifecycle: Lifecycle, replacement: Replacement) -> bool:
    same_model = lifecycle.model.casefold() == replacement.model.casefold()
    return same_model and replacement.version.casefold() in ("", lifecycle.version.casefold())
