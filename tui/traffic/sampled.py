"""Recorded requests of one file, one at a time, whatever the file holds."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tui.base.line_reader import BadLine, Line, LineReader
from tui.base.recorded_request import BadRecord, Recorded, mapping, parse
from tui.base.text import plain
from tui.model import SourceView
from tui.traffic.arrivals import Arrival
from tui.traffic.documents import opens_document, read_document
from tui.traffic.envelopes import LogLines
from tui.traffic.formats import FORMATS, Format, format_of, recognise, records_of
from tui.traffic.joined_rows import JoinedRows
from tui.traffic.redact import redact_request
from tui.traffic.refusals import REASON_CHARS, Refusals, not_json, not_recognised

_READS_AHEAD = 64
_READS_PER_TAKE = 16
_RECORDS_PER_TAKE = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """A recorded request and where it stands: ``requests.jsonl:17``, or ``#3`` for the third record."""

    request: Recorded
    place: str


@dataclass(frozen=True, slots=True)
class _Record:
    number: int
    place: str
    value: object
    joined: bool = False


class SampledSource:
    """The requests of a file. Opening it reads only its beginning (at most 4 MB), unless it is a JSON document.

    Each line is kept with the probability ``sample_pct``, and only then parsed; where a line is no request of
    its own (a document, rows that have to be joined) the choice is made per request. Bad lines are counted in
    the first lap. ``form_name`` None means that the first lines tell the format, and that a record which is
    none of it may be one of another. Raises ValueError for an unknown format; a file that cannot be read ends
    the source, and the view says why.
    """

    def __init__(
        self,
        path: Path,
        rng: random.Random,
        *,
        kind: Literal["synthetic", "sampled"] = "sampled",
        form_name: str | None = None,
        sample_pct: float = 100.0,
        follow: bool = False,
        loop: bool = False,
        redact: bool = True,
        on_note: Callable[[str], object] = lambda text: None,
    ) -> None:
        if form_name is not None and form_name not in FORMATS:
            raise ValueError(f"format {form_name!r} is not known; known are {', '.join(FORMATS)}")
        self._path = path
        self._name = plain(path.name, 60)
        self._rng = rng
        self._kind = kind
        self._form: Format | None = None
        self._named = form_name is not None
        self._calls: JoinedRows | None = None
        self._chance = sample_pct / 100
        self._loop = loop and not follow
        self._redact = redact
        self._reader = LineReader(path, follow=follow, on_note=on_note)
        self._text = LogLines(self._reader)
        self._lines: deque[Line | BadLine] = deque()
        self._records: deque[_Record] = deque()
        self._document: list[_Record] | None = None
        self._given = 0
        self._others = 0
        self._lap = 0
        self._usable = False
        self._error: str | None = None
        self._bad = Refusals()
        if form_name is not None:
            self._use(FORMATS[form_name])
        self.ended = False
        """No request will come any more."""
        if not follow:
            self._open()

    def take(self, arrival: Arrival | None = None) -> Sample | None:
        """The next request; None when the source has ended, when the followed file has nothing new, or when
        a bounded search (1 MB of the file, 80 records) found none to give. The arrival changes nothing.
        """
        reads = 0
        for _ in range(_RECORDS_PER_TAKE + _READS_PER_TAKE):
            if self._records:
                if (sample := self._read(self._records.popleft())) is not None:
                    self._given += 1
                    return sample
            elif self._lines:
                self._parse(self._lines.popleft())
            elif reads == _READS_PER_TAKE or not self._read_more():
                return None
            else:
                reads += 1
        return None

    def view(self) -> SourceView:
        """What the screen shows of this source."""
        last = self._bad.last()[-1] if self._bad.count else None
        return SourceView(
            name=self._name,
            kind=self._kind,
            format=self._form.name if self._form else None,
            given=self._given,
            bad_lines=self._bad.count,
            last_bad=plain(f"{self._unit} {last.line}: {last.reason}", REASON_CHARS) if last else None,
            ended=self.ended,
            error=self._error if self.ended else self._reader.problem,
        )

    def bad_lines(self) -> tuple[BadLine, ...]:
        """The last bad lines of the first lap, oldest first."""
        return self._bad.last()

    def close(self) -> None:
        """Give the file back."""
        self._reader.close()

    def _open(self) -> None:
        """Find out whether the file is one document, and its format."""
        for _ in range(_READS_AHEAD):
            lines = self._next_lines()
            if lines is None:
                return
            if (first := self._text.first) is not None:
                if not self._open_document(first):
                    self._accept(lines)
                return

    def _open_document(self, first: Line | BadLine) -> bool:
        """Whether the file was one document, which is read whole, or failed to be one."""
        if isinstance(first, Line) and not opens_document(first.data):
            return False
        try:
            values = read_document(self._path)
        except OSError as error:
            self._end(error.strerror or str(error))
            return True
        except BadRecord as error:
            # After a line that is too long there may still be lines that are not.
            if isinstance(first, Line):
                self._end(str(error))
            return isinstance(first, Line)
        self._reader.close()
        found = [record for value in values for record in records_of(value)]
        if not self._named:
            self._use(recognise(found))
        places = enumerate(found, start=1)
        self._document = [_Record(number, f"{self._name}#{number}", value) for number, value in places]
        self._records.extend(self._document)
        return True

    def _read_more(self) -> bool:
        """Read one chunk of the file, or begin the next lap. False when nothing can come now."""
        if self.ended:
            return False
        if self._document is not None or self._reader.ended:
            return self._end_lap()
        lines = self._next_lines()
        if lines is None:
            return False
        self._accept(lines)
        return bool(lines) or not self._reader.waiting

    def _next_lines(self) -> list[Line | BadLine] | None:
        """What the next chunk completes; None when all is read or nothing can be, which ends the source."""
        if self._reader.ended:
            return None
        try:
            return self._text.read()
        except OSError as error:
            self._end(error.strerror or str(error))
            return None

    def _accept(self, lines: list[Line | BadLine]) -> None:
        """Take the lines of a chunk, as many as are to be sampled."""
        if self._form is None and lines:
            self._use(recognise(_records_in(lines)))
        self._text.settled = self._text.settled or (bool(lines) and self._form is not None)
        if self._samples_lines():
            kept = [line for line in lines if isinstance(line, BadLine) or self._rng.random() < self._chance]
            self._usable = self._usable or len(kept) < len(lines)
            lines = kept
        self._lines.extend(lines)

    def _use(self, form: Format | None) -> None:
        self._form = form
        self._calls = form.joins_rows() if form is not None and form.joins_rows is not None else None

    def _samples_lines(self) -> bool:
        return self._chance < 1 and self._form is not None and self._calls is None

    def _end_lap(self) -> bool:
        if self._calls is not None and (calls := self._calls.finish()):
            self._records.extend(self._call(number, call) for number, call in calls)
            return True
        if not self._usable:
            self._end(self._bad.why_nothing(self._form, self._others, self._unit))
        elif not self._loop:
            self._end(None)
        else:
            self._lap += 1
            if self._document is not None:
                self._records.extend(self._document)
            else:
                self._reader.restart()
        return not self.ended

    @property
    def _unit(self) -> str:
        return "record" if self._document is not None else "line"

    def _end(self, error: str | None) -> None:
        self.ended = True
        self._error = plain(error, REASON_CHARS) if error is not None else None
        self._lines.clear()
        self._records.clear()
        self._reader.close()

    def _parse(self, line: Line | BadLine) -> None:
        if isinstance(line, BadLine):
            self._reject(line)
            return
        try:
            values = records_of(parse(line.data, self._text.name))
        except BadRecord as error:
            reason = not_json(line.data, str(error)) if self._form is None else str(error)
            self._reject(BadLine(line.number, reason))
            return
        place = f"{self._name}:{line.number}"
        for index, value in enumerate(values, start=1):
            where = f"{place}#{index}" if len(values) > 1 else place
            self._records.append(_Record(line.number, where, value))

    def _read(self, record: _Record) -> Sample | None:
        try:
            request = self._request(record)
        except BadRecord as error:
            self._reject(BadLine(record.number, str(error)))
            return None
        except RecursionError:
            self._reject(BadLine(record.number, "nested too deeply"))
            return None
        if request is None:
            self._others += 1
            return None
        self._usable = True
        chosen_here = self._document is not None or record.joined
        if chosen_here and self._rng.random() >= self._chance:
            return None
        return Sample(redact_request(request) if self._redact else request, record.place)

    def _request(self, record: _Record) -> Recorded | None:
        value = mapping(record.value, "the record")
        if self._form is None:
            raise BadRecord(not_recognised(value))
        if self._calls is not None and not record.joined:
            for number, call in self._calls.add(record.number, value):
                self._records.append(self._call(number, call))
            return None
        try:
            request = self._form.read(value)
        except BadRecord:
            if (other := self._other(value)) is None:
                raise
            return other.read(value)
        return other.read(value) if request is None and (other := self._other(value)) is not None else request

    def _other(self, value: Mapping[str, Any]) -> Format | None:
        """The format of a record that is none of the file's; None where that was named, or is right."""
        found = None if self._named else format_of(value)
        return found if found is not self._form and found is not None and found.joins_rows is None else None

    def _call(self, number: int, call: object) -> _Record:
        mark = "#" if self._document is not None else ":"
        return _Record(number, f"{self._name}{mark}{number}", call, joined=True)

    def _reject(self, line: BadLine) -> None:
        if self._lap == 0:
            self._bad.add(line)


def _records_in(lines: Iterable[Line | BadLine]) -> Iterator[object]:
    for line in lines:
        if isinstance(line, Line):
            try:
                yield from records_of(parse(line.data, "the line"))
            except BadRecord:
                continue  # it is reported when its turn comes
