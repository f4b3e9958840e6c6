"""Recorded requests of one file, one at a time, whatever the file holds."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tui.line_reader import BadLine, Line, LineReader
from tui.model import SourceView
from tui.recorded_request import BadRecord, Recorded, mapping, parse
from tui.text import plain
from tui.traffic.arrivals import Arrival
from tui.traffic.documents import opens_document, read_document
from tui.traffic.formats import FORMATS, Format, recognise, records_of
from tui.traffic.log_formats import ApimCalls
from tui.traffic.redact import redact_request

_KEPT_BAD_LINES = 50
_READS_PER_TAKE = 16
_RECORDS_PER_TAKE = 64
_RECOGNISED_BY = 20


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
    """The requests of a file. Opening it reads only its beginning, unless it is one JSON document.

    Each line is kept with the probability ``sample_pct``, and only then parsed; where a line is no request of
    its own (a document, rows that have to be joined) the choice is made per request. Bad lines are counted in
    the first lap. ``form_name`` None means that the first lines tell the format. Raises ValueError for an
    unknown format; a file that cannot be read ends the source, and the view says why.
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
        self._form: Format | None = FORMATS[form_name] if form_name is not None else None
        self._chance = sample_pct / 100
        self._loop = loop and not follow
        self._redact = redact
        self._reader = LineReader(path, follow=follow, on_note=on_note)
        self._lines: deque[Line | BadLine] = deque()
        self._records: deque[_Record] = deque()
        self._document: list[_Record] | None = None
        self._calls = ApimCalls()
        self._given = 0
        self._bad_count = 0
        self._lap = 0
        self._usable = False
        self._error: str | None = None
        self._bad: deque[BadLine] = deque(maxlen=_KEPT_BAD_LINES)
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
        unit = "record" if self._document is not None else "line"
        last = self._bad[-1] if self._bad else None
        return SourceView(
            name=self._name,
            kind=self._kind,
            format=self._form.name if self._form else None,
            given=self._given,
            bad_lines=self._bad_count,
            last_bad=plain(f"{unit} {last.line}: {last.reason}", 120) if last else None,
            ended=self.ended,
            error=self._error if self.ended else self._reader.problem,
        )

    def bad_lines(self) -> tuple[BadLine, ...]:
        """The last bad lines of the first lap, oldest first."""
        return tuple(self._bad)

    def close(self) -> None:
        """Give the file back."""
        self._reader.close()

    def _open(self) -> None:
        """Find out whether the file is one document, and its format."""
        while not self._lines and self._read_more(ahead=True):
            pass
        first = self._lines[0] if self._lines else None
        if first is None or (isinstance(first, Line) and not opens_document(first.data)):
            return
        try:
            values = read_document(self._path)
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        except BadRecord as error:
            # After a line that is too long there may still be lines that are not.
            if isinstance(first, Line):
                self._end(str(error))
            return
        self._reader.close()
        self._lines.clear()
        found = [record for value in values for record in records_of(value)]
        self._form = self._form or recognise(found[:_RECOGNISED_BY])
        places = enumerate(found, start=1)
        self._document = [_Record(number, f"{self._name}#{number}", value) for number, value in places]
        self._records.extend(self._document)

    def _read_more(self, *, ahead: bool = False) -> bool:
        """Read one chunk of the file, or begin the next lap. False when nothing can come now."""
        if self.ended:
            return False
        if self._document is not None or self._reader.ended:
            return False if ahead else self._end_lap()
        try:
            lines = self._reader.read()
        except OSError as error:
            self._end(error.strerror or str(error))
            return False
        if self._form is None and lines:
            self._form = _recognise_lines(lines)
        if self._samples_lines():
            kept = [line for line in lines if isinstance(line, BadLine) or self._rng.random() < self._chance]
            self._usable = self._usable or len(kept) < len(lines)
            lines = kept
        self._lines.extend(lines)
        return bool(lines) or not self._reader.waiting

    def _samples_lines(self) -> bool:
        return self._chance < 1 and self._form is not None and not self._form.joins_rows

    def _end_lap(self) -> bool:
        calls = self._calls.finish()
        if calls:
            self._records.extend(self._call(number, call) for number, call in calls)
            return True
        if not self._usable:
            known = "" if self._form else f"; known formats are {', '.join(FORMATS)}"
            self._end(f"no usable request in the file{known}")
        elif not self._loop:
            self._end(None)
        else:
            self._lap += 1
            if self._document is not None:
                self._records.extend(self._document)
            else:
                self._reader.restart()
        return not self.ended

    def _end(self, error: str | None) -> None:
        self.ended = True
        self._error = plain(error, 120) if error is not None else None
        self._lines.clear()
        self._records.clear()
        self._reader.close()

    def _parse(self, line: Line | BadLine) -> None:
        if isinstance(line, BadLine):
            self._reject(line)
            return
        try:
            values = records_of(parse(line.data, "the line"))
        except BadRecord as error:
            self._reject(BadLine(line.number, str(error)))
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
            return None
        self._usable = True
        chosen_here = self._document is not None or record.joined
        if chosen_here and self._rng.random() >= self._chance:
            return None
        return Sample(redact_request(request) if self._redact else request, record.place)

    def _request(self, record: _Record) -> Recorded | None:
        value = mapping(record.value, "the record")
        if self._form is None:
            fields = ", ".join(plain(str(key), 20) for key in list(value)[:5])
            raise BadRecord(f"format not recognised; fields: {fields or 'none'}")
        if not self._form.joins_rows or record.joined:
            return self._form.read(value)
        for number, call in self._calls.add(record.number, value):
            self._records.append(self._call(number, call))
        return None

    def _call(self, number: int, call: object) -> _Record:
        mark = "#" if self._document is not None else ":"
        return _Record(number, f"{self._name}{mark}{number}", call, joined=True)

    def _reject(self, line: BadLine) -> None:
        if self._lap == 0:
            self._bad_count += 1
            self._bad.append(replace(line, reason=plain(line.reason, 120)))


def _recognise_lines(lines: list[Line | BadLine]) -> Format | None:
    records: list[object] = []
    for line in lines[:_RECOGNISED_BY]:
        if isinstance(line, Line):
            try:
                records += records_of(parse(line.data, "the line"))
            except BadRecord:
                continue  # it is reported when its turn comes
    return recognise(records)
