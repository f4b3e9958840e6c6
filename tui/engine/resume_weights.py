"""Weights with which a run begins: those of its rollout file, or no more canary than the newest known."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tui.base.text import plain
from tui.model import DEFAULT_TASK, WeightTable
from tui.record.kept_weights import KeptWeights, changed, still_stands, table_of
from tui.record.reader import UnreadableRecord, read_events
from tui.routing.weights import all_to, describe, frozen

_NONE: Mapping[str, Collection[str]] = {}


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a run is to start: ``resume`` takes up the last one, ``from_file`` begins with the weights of the
    file whatever was before; ``watch`` is whether a person looks on."""

    resume: bool = False
    from_file: bool = False
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Beginning:
    """Beginning of a run: its ``weights`` at the start, None for those of its file. ``said`` says where they
    come from, empty where there is nothing to say; ``stands`` is the roll back that left them. In ``held``
    tasks no plan may begin by itself."""

    weights: WeightTable | None = None
    said: str = ""
    stands: KeptWeights | None = None
    held: tuple[str, ...] = ()


def newest(kept: KeptWeights) -> KeptWeights:
    """What is kept, or what came after it by the record of its run: that may be killed between the two.

    Raises:
        UnreadableRecord: The weights were changed after it, and the record does not say to what. What stood
            before a roll back must not come back because that was damaged.
    """
    try:
        events = read_events(kept.record)
    except UnreadableRecord:
        return kept
    if any(event.id <= before.id for before, event in pairwise(events)):
        raise _lost(kept.record, "its events are out of order")
    for event in events:
        if event.id > kept.event and event.after is not None:
            try:
                table_of(event.after)
            except (TypeError, ValueError) as error:
                raise _lost(kept.record, f"event {event.id}: {plain(str(error), 200)}") from error
            kept = changed(kept, event)
    return kept


def _lost(record: Path, why: str) -> UnreadableRecord:
    return UnreadableRecord(f"{record} does not say with which weights its run was left: {why}")


def beginning(file: WeightTable, baseline: str, kept: KeptWeights | None, options: StartOptions) -> Beginning:
    """How a run of a rollout file begins.

    The file's weights hold where nothing is known, where a person asks for them, and for every canary whose
    weight was changed there since. Else a run that is taken up begins where the last run stood, and a cockpit
    after a roll back that stands with no more of a canary than that.
    """
    resume = options.resume
    if kept is None:
        return Beginning(said="nothing was resumed: no run of this file is known" if resume else "")
    left = f"the last run was left {_how(kept)}"
    edited = edited_since(file, kept, baseline)
    where_it_stood = resumed_weights(file, kept.weights, baseline, edited)
    if options.from_file:
        differs = describe(frozen(file), where_it_stood) != "no change"
        return Beginning(said=f"{left}; the weights of the file hold, as was asked" if differs else "")
    stands = kept if kept.rolled_back else None
    capped = options.watch and stands is not None and not resume
    weights = _at_most(where_it_stood, file, baseline) if capped else where_it_stood
    held = still_stands(kept, weights) if resume or capped else ()
    changes = describe(frozen(file), weights)
    if changes == "no change":
        said = ""
        if edited:
            said = f"{left}; the weights of the file were changed since then, and hold"
        elif resume:
            said = f"{left}, and so this one begins"
        return Beginning(said=said, stands=stands, held=held)
    if resume or capped:
        parts = [f"{left}, and so this one begins: {changes}"]
        if edited:
            names = sorted({name for some in edited.values() for name in some})
            parts.append(f"the file was changed since then, and holds for {', '.join(names)}")
        parts.append("--from-file begins with the weights of the file")
        return Beginning(weights, "; ".join(parts), stands, held)
    return Beginning(said=f"{left}; the weights of the file hold, --resume begins where it was left")


def doubtful(file: WeightTable, baseline: str, why: str, options: StartOptions) -> Beginning:
    """How a run begins whose newest weights cannot be read, where they are asked for: with nothing on a canary,
    unless a person wants the weights of the file."""
    if options.from_file or not (options.resume or options.watch):
        as_asked = ", as was asked" if options.from_file else ""
        return Beginning(said=f"{why}; the weights of the file hold{as_asked}")
    weights = all_to(frozen(file), baseline)
    return Beginning(
        weights,
        f"{why}; all traffic goes to {baseline}: remove that file, or --from-file begins with the rollout file",
        held=tuple(file),
    )


def resumed_weights(
    file: WeightTable, known: WeightTable, baseline: str, edited: Mapping[str, Collection[str]] = _NONE
) -> WeightTable:
    """The weights of a run that begins where another was left: no deployment but the baseline gets more than
    is known of it, and the baseline has the rest.

    A deployment of which nothing is known has the weight of the file, as far as there is room, and so have
    those that were ``edited`` in a task. In a task of which nothing is known, another has its weight of the
    file, at most the largest it is known to have had.
    """
    most: dict[str, float] = {}
    for shares in known.values():
        for name, pct in shares.items():
            most[name] = max(pct, most.get(name, 0.0))
    return frozen(
        {
            task: _of_task(shares, known.get(task), most, edited.get(task, ()), baseline)
            for task, shares in file.items()
        }
    )


def edited_since(file: WeightTable, kept: KeptWeights, baseline: str) -> dict[str, tuple[str, ...]]:
    """The known canaries whose weight the rollout file changed after the weights of the run, by task.

    With another baseline every weight means something else: then all were changed.
    """
    known = {name for shares in kept.weights.values() for name in shares} - {baseline}
    edited = {}
    for task in file.keys() & kept.weights.keys():
        said = kept.file_weights.get(task, kept.file_weights.get(DEFAULT_TASK, {}))
        names = (n for n, pct in file[task].items() if kept.baseline != baseline or pct != said.get(n, 0.0))
        if changed_here := tuple(name for name in names if name in known):
            edited[task] = changed_here
    return edited


def _at_most(weights: WeightTable, file: WeightTable, baseline: str) -> WeightTable:
    """The same with no more of any canary than the file has."""
    table = {}
    for task, shares in weights.items():
        less = {n: min(pct, file[task][n]) for n, pct in shares.items() if n != baseline}
        rest = 100.0 - math.fsum(less.values())
        table[task] = {n: rest if n == baseline else less[n] for n in shares}
    return frozen(table)


def _of_task(
    file: Mapping[str, float],
    known: Mapping[str, float] | None,
    most: Mapping[str, float],
    edited: Collection[str],
    baseline: str,
) -> dict[str, float]:
    on_trial = [name for name in file if name != baseline]
    held = [name for name in on_trial if name in most and name not in edited]
    if known is None:
        given = {name: min(file[name], most[name]) for name in held}
    else:
        given = {name: known.get(name, 0.0) for name in held}
    new = {name: file[name] for name in on_trial if name not in held}
    room = 100.0 - math.fsum(given.values())
    wanted = math.fsum(new.values())
    scale = max(room, 0.0) / wanted if wanted > room else 1.0
    shares = {name: given.get(name, new.get(name, 0.0) * scale) for name in on_trial}
    rest = max(100.0 - math.fsum(shares.values()), 0.0)
    return {name: rest if name == baseline else shares[name] for name in file}


def _how(kept: KeptWeights) -> str:
    """``rolled back by ann 2026-12-01 03:12Z (quality)``"""
    how = "rolled back" if kept.rolled_back else "as it was set"
    why = f" ({plain(kept.reason, 120)})" if kept.reason else ""
    return f"{how} by {kept.actor} {kept.at:%Y-%m-%d %H:%M}Z{why}"
