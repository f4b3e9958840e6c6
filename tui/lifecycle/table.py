"""The dated snapshot of model lifecycles that ships with the program, and a person's file that overrides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tui.base.data_files import DataFileError, read_data
from tui.base.problems import NAME_PATTERN
from tui.base.text import plain
from tui.model import Phase, Replacement

EVERY_VERSION = "*"
"""Stands for the version where an entry holds for all versions of its model."""

_BUNDLED = Path(__file__).with_name("lifecycle.toml")
_NO_DATE = date(2099, 12, 31)
_MOST_WORDS = 300

_Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
_Words = Annotated[str, StringConstraints(min_length=1, max_length=_MOST_WORDS)]
_Entries = Mapping[tuple[str, str], "Entry"]


class LifecycleError(DataFileError):
    """A lifecycle file that cannot be read or is not one."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts were read and when."""

    text: str
    as_of: date

    def age_days(self, today: date) -> int:
        return max((today - self.as_of).days, 0)


@dataclass(frozen=True, slots=True)
class OtherDate:
    """A retirement date that another source gives."""

    retires: date
    source: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a lifecycle file says of one model and version; ``phase`` as on the day of its source."""

    model: str
    version: str
    phase: Phase
    retires: date | None
    tentative: bool | None
    replacement: Replacement | None
    source: Source
    elsewhere: tuple[OtherDate, ...] = ()


@dataclass(frozen=True, slots=True)
class LifecycleTable:
    """Entries in the order of their files; ``sources`` has the file that wins first."""

    entries: tuple[Entry, ...]
    sources: tuple[Source, ...]
    _found: _Entries

    def find(self, model: str, version: str) -> Entry | None:
        """The entry of this version, else the one for every version of its model; case does not matter."""
        return self._found.get(_key(model, version)) or self._found.get(_key(model, EVERY_VERSION))


class _Replacement(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: _Name
    version: _Name | None = None


class _Elsewhere(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    retires: date
    source: _Words


class _Version(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    models: Annotated[list[_Name], Field(min_length=1)]
    versions: Annotated[list[_Name], Field(min_length=1)] | None = None
    phase: Literal["preview", "generally available", "legacy", "deprecated", "retired"] | None = None
    retires: date | None = None
    tentative: bool | None = None
    replacement: _Replacement | None = None
    elsewhere: list[_Elsewhere] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    source: _Words
    as_of: date
    version: list[_Version]


def load_lifecycle(path: Path | None = None) -> LifecycleTable:
    """The bundled ``lifecycle.toml``; the file ``path``, of the same layout, overrides its entries.

    Raises:
        LifecycleError: The file cannot be read, an entry is malformed, or two entries are of one version.
    """
    bundled, source = _bundled()
    if path is None:
        return _table(bundled, (source,))
    own, own_source = _read(path)
    whole_models = {model for model, version in own if version == EVERY_VERSION}
    kept = {key: entry for key, entry in bundled.items() if key not in own and key[0] not in whole_models}
    return _table({**own, **kept}, (own_source, source))


def known_date(day: date | None) -> date | None:
    """ARM writes 2099-12-31 where there is no date."""
    return None if day is None or day >= _NO_DATE else day


@cache
def _bundled() -> tuple[_Entries, Source]:
    return _read(_BUNDLED)


def _read(path: Path) -> tuple[_Entries, Source]:
    file = read_data(path, _File, "lifecycle file", LifecycleError)
    source = Source(plain(file.source, _MOST_WORDS), file.as_of)
    entries: dict[tuple[str, str], Entry] = {}
    for given in file.version:
        for entry in _entries(given, source):
            key = _key(entry.model, entry.version)
            if key in entries:
                raise LifecycleError(
                    f"lifecycle file {path}: {entry.model} {entry.version} is there twice; remove one"
                )
            entries[key] = entry
    return MappingProxyType(entries), source


def _entries(given: _Version, source: Source) -> Iterator[Entry]:
    to = given.replacement
    replacement = None if to is None else Replacement(to.model, to.version or "")
    for model in given.models:
        for version in given.versions or (EVERY_VERSION,):
            yield Entry(
                model,
                version,
                Phase(given.phase) if given.phase else Phase.UNKNOWN,
                known_date(given.retires),
                given.tentative,
                replacement,
                source,
                tuple(OtherDate(other.retires, plain(other.source, _MOST_WORDS)) for other in given.elsewhere),
            )


def _table(entries: _Entries, sources: tuple[Source, ...]) -> LifecycleTable:
    return LifecycleTable(tuple(entries.values()), sources, MappingProxyType(dict(entries)))


def _key(model: str, version: str) -> tuple[str, str]:
    return model.strip().casefold(), version.strip().casefold()
