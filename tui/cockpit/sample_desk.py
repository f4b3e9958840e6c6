"""What the screens of samples share in one session: the list, the scores, and the export of what is listed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tui.cockpit.host import Host
from tui.cockpit.sample_files import Written, write_task_file
from tui.cockpit.sample_list import Listing
from tui.cockpit.scoring import Scoring
from tui.cockpit.text import format as fmt
from tui.model import Sample, Snapshot


@dataclass(slots=True)
class SampleDesk:
    """``actor`` is who scores, ``note`` why there are no samples, ``folder`` where task files are written.
    ``told_of_disk`` is whether the person knows that an export writes texts to disk."""

    samples: Callable[[], Sequence[Sample]]
    actor: str
    note: Callable[[], str]
    folder: Path
    told_of_disk: bool = False
    scoring: Scoring = field(default_factory=Scoring)
    listing: Listing = field(init=False)

    def __post_init__(self) -> None:
        self.listing = Listing(self.samples, self.scoring)

    def export(self, host: Host) -> Coroutine[Any, Any, None] | None:
        """The listed samples as a task file, at the second press; None where there is nothing to do yet."""
        listed = self.listing.listed(host.view)
        key = host.view.ui.keys["export"]
        if listed.unsearched:
            host.notice(f"still searching: press {key} again when the list is whole")
        elif not listed.rows:
            host.notice("no sample is listed: there is nothing to export")
        elif not self.told_of_disk:
            self.told_of_disk = True
            what = fmt.counted(len(listed.rows), "sample")
            host.say(
                f"export writes the texts of {what} to disk, into {self.folder}: {key} again does it", "warn"
            )
        else:
            return self._write(host, host.view.all_tasks, listed.rows)
        return None

    async def _write(self, host: Host, snapshot: Snapshot, samples: Sequence[Sample]) -> None:
        try:
            written = await asyncio.to_thread(write_task_file, self.folder, snapshot, samples)
        except OSError as error:
            host.say(f"export failed: {error}: choose a folder that can be written", "alert")
        else:
            for text in _said(written, snapshot.baseline):
                host.say(text, "dim" if written.path else "warn")


def want(host: Host, **changes: Any) -> None:
    """List other samples: ``changes`` are of ``SampleFilter``."""
    host.choose_sample(filter=replace(host.view.ui.samples.filter, **changes))


def _said(written: Written, baseline: str) -> Iterator[str]:
    """What became of an export, a line each: the last one is what the banner shows."""
    for reason, number in (written.left_out or {}).items():
        yield f"left out {fmt.counted(number, 'sample')}: {reason}"
    if written.references:
        yield f"{written.references} without a known answer refer to that of {baseline}"
    if written.path is not None:
        yield f"exported {fmt.counted(written.items, 'sample')}: {written.path}"
