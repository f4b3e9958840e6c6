"""What to ask: the sources of a rollout file, mixed by their shares."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tui.base.line_reader import BadLine, LineReader
from tui.model import DEFAULT_TASK, Request, SourceView
from tui.traffic.arrivals import Arrival
from tui.traffic.sampled import Sample, SampledSource
from tui.traffic.synthetic import Synthetic

if TYPE_CHECKING:
    from tui.rollout.values import SourceSpec


_LOOKED_AT = 200
_IN_VAIN = 16


@dataclass(frozen=True, slots=True)
class Look:
    """What a file of requests is, by its beginning; ``problem`` says why it gives none, None where it does."""

    text: str
    problem: str | None = None


class _Source(Protocol):
    @property
    def ended(self) -> bool: ...
    def take(self, arrival: Arrival) -> Sample | None: ...
    def view(self) -> SourceView: ...
    def bad_lines(self) -> tuple[BadLine, ...]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Share:
    share: float
    task: str | None
    source: _Source


class Sources:
    """All sources of a run. The same generator gives the same requests.

    ``next`` runs on the sender's loop: it never waits, and reads at most 1 MB of a file, in small chunks. What
    takes longer (a file that is one JSON document) is read here, at the start. ``next_id`` numbers the
    requests; a task that is not among ``known_tasks`` becomes ``default``. ``on_note`` hears when a followed
    file was rotated, truncated or went away. Raises ValueError for an unknown format.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        *,
        rng: random.Random,
        known_tasks: Collection[str],
        next_id: Callable[[], int],
        on_note: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._rng = rng
        self._known_tasks = frozenset(known_tasks)
        self._next_id = next_id
        # A generator for each: what one source draws does not depend on the others.
        self._all = [
            _Share(spec.share, spec.task, _source(spec, random.Random(rng.getrandbits(64)), on_note))
            for spec in specs
        ]

    def next(self, arrival: Arrival) -> Request | None:
        """The request for this arrival; None when no source can give one at this moment.

        A source is drawn by its share among those that can give something now.
        """
        left = [entry for entry in self._all if entry.share > 0 and not entry.source.ended]
        while left:
            entry = left[0]
            if len(left) > 1:
                [entry] = self._rng.choices(left, [each.share for each in left])
            if (sample := entry.source.take(arrival)) is not None:
                return self._request(entry, sample)
            left.remove(entry)
        return None

    @property
    def ended(self) -> bool:
        """No source will give anything any more."""
        return all(entry.share <= 0 or entry.source.ended for entry in self._all)

    def views(self) -> tuple[SourceView, ...]:
        """The sources in the order of the rollout file."""
        return tuple(entry.source.view() for entry in self._all)

    def bad_lines(self, index: int) -> tuple[BadLine, ...]:
        """The last bad lines of the source at ``index`` of ``views()``, oldest first, at most 50."""
        return self._all[index].source.bad_lines()

    def close(self) -> None:
        """Close every file."""
        for entry in self._all:
            entry.source.close()

    def _request(self, entry: _Share, sample: Sample) -> Request:
        recorded = sample.request
        task = entry.task or recorded.task
        return Request(
            id=self._next_id(),
            task=task if task is not None and task in self._known_tasks else DEFAULT_TASK,
            messages=recorded.messages,
            source=sample.place,
            max_tokens=recorded.max_tokens,
            params=recorded.params,
            expected=recorded.expected,
        )


def look(spec: SourceSpec) -> Look | None:
    """Read the beginning of a source's file as a run would: at most 200 requests, or 16 MB without one.
    None where it has no file, or where nothing is in a followed one yet."""
    path = spec.path or spec.prompts
    if path is None or (spec.follow and not (path.exists() and path.stat().st_size)):
        return None
    problem = _followed(path) if spec.follow else None
    source = SampledSource(path, random.Random(0), form_name=spec.format)
    in_vain = 0
    for _ in range(_LOOKED_AT):
        in_vain += source.take() is None
        if source.ended or in_vain == _IN_VAIN:
            break
    view = source.view()
    source.close()
    problem = problem or view.error
    if problem is None and not view.given:
        problem = view.last_bad or "no request at its beginning"
    looked = "all of it" if view.ended else "its beginning"
    text = f"{view.name}: {view.format or 'not recognised'}, {view.given:,} requests in {looked}"
    if view.bad_lines:
        text += f", {view.bad_lines:,} that cannot be used; the last: {view.last_bad}"
    return Look(text, problem)


def _followed(path: Path) -> str | None:
    reader = LineReader(path, follow=True)
    reader.read()
    reader.close()
    return reader.problem


def _source(spec: SourceSpec, rng: random.Random, on_note: Callable[[str], object]) -> _Source:
    if spec.kind == "synthetic" and spec.prompts is None:
        return _Templates(Synthetic(rng, task=spec.task, tokens=spec.tokens), spec.task)
    if spec.kind == "synthetic" and spec.prompts is not None:
        return SampledSource(
            spec.prompts, rng, kind="synthetic", form_name=spec.format, loop=True, redact=spec.redact
        )
    if spec.path is None:
        raise ValueError("a sampled source needs a path")
    return SampledSource(
        spec.path,
        rng,
        form_name=spec.format,
        sample_pct=spec.sample_pct,
        follow=spec.follow,
        loop=spec.loop,
        redact=spec.redact,
        on_note=on_note,
    )


class _Templates:
    """The program's own prompts as a source: never ends, has no bad lines."""

    ended = False

    def __init__(self, synthetic: Synthetic, task: str | None) -> None:
        self._synthetic = synthetic
        self._name = f"templates {task}" if task else "templates"
        self._given = 0

    def take(self, arrival: Arrival) -> Sample:
        self._given += 1
        request = self._synthetic.make(arrival.context_tokens, arrival.generated_tokens)
        return Sample(request, f"templates:{self._given}")

    def view(self) -> SourceView:
        return SourceView(self._name, "synthetic", given=self._given)

    def bad_lines(self) -> tuple[BadLine, ...]:
        return ()

    def close(self) -> None:
        """There is nothing to close."""
