"""What an engine and its viewers say to each other: typed frames over a stream socket.

A frame is its length (4 bytes, big-endian) and a MessagePack map (https://msgpack.org). ``Hello``, ``Welcome``,
``Ask`` of a ``RollBack``, ``Stop`` and ``Answer`` keep their shape in every version: who attaches with another
version than the engine's can roll back and end the run. Fields that a side does not know are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec

from tui.model import Event, Sample, Second, Snapshot
from tui.model.commands import AnyCommand
from tui.weight_profiles import BrokenProfile, WeightProfile

if TYPE_CHECKING:
    from tui.rollout import CockpitSettings

PROTOCOL = 1
"""Raised when a viewer of the version before would read a frame wrongly."""

MAX_FRAME = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_T = TypeVar("_T")


class Frame(msgspec.Struct, frozen=True, tag=True):
    """One message; on the wire it is named for its class."""


# --- from a viewer ---


class Hello(Frame, frozen=True):
    """The first frame. ``name`` is the person, ``where`` the terminal. Without ``looks`` nothing is shown: only
    the welcome and answers come."""

    protocol: int
    program: str
    name: str
    where: str = ""
    read_only: bool = False
    looks: bool = True


class Ask(Frame, frozen=True):
    """A command; ``id`` comes back with the answer."""

    id: int
    command: AnyCommand


class AskProfiles(Frame, frozen=True):
    id: int


class TakeOver(Frame, frozen=True):
    """Control goes to this viewer."""

    id: int


class Stop(Frame, frozen=True):
    """End the run."""

    id: int


class Leave(Frame, frozen=True):
    """A person goes and the run goes on; it ends after ``ends_in_s`` seconds, None leaves that as it is."""

    ends_in_s: float | None = None


FromViewer = Hello | Ask | AskProfiles | TakeOver | Stop | Leave


# --- from the engine ---


class ScreenSettings(msgspec.Struct, frozen=True):
    """What the rollout file says of the screen: ``keys`` is action -> keys."""

    window: str = "5m"
    step_pct: float = 5.0
    keys: dict[str, str] = {}
    marker: Literal["braille", "hd", "ascii"] = "braille"
    desktop_notes: bool = False


def screen_settings(cockpit: CockpitSettings) -> ScreenSettings:
    """The part of a rollout file that a screen needs."""
    return ScreenSettings(
        window=cockpit.window,
        step_pct=cockpit.step_pct,
        keys=dict(cockpit.keys),
        marker=cockpit.marker,
        desktop_notes=cockpit.desktop_notes,
    )


class Welcome(Frame, frozen=True):
    """The first frame back. ``viewer`` is the number of whoever is greeted, ``viewers`` names the others;
    ``begins`` is what was said of the weights that the run began with. ``kept_by_viewers``: it ends after they
    were lost."""

    protocol: int
    program: str
    run_id: str
    rollout: str
    pid: int
    viewer: int
    rollout_path: str = ""
    record: str = ""
    settings: ScreenSettings = ScreenSettings()
    samples_note: str = ""
    begins: tuple[str, ...] = ()
    rehearsed: bool = False
    kept_by_viewers: bool = False
    viewers: tuple[str, ...] = ()


class Span(msgspec.Struct, Generic[_T], frozen=True):
    """A sequence that grows at its end and is cut at its beginning: what became of the one sent before."""

    dropped: int
    added: tuple[_T, ...]

    def after(self, before: tuple[_T, ...]) -> tuple[_T, ...]:
        """The sequence now, made of the one ``before``."""
        return (*before[self.dropped :], *self.added)


class Past(Frame, frozen=True):
    """A part of the history, for whoever has just attached; ``task`` None is that of all tasks."""

    task: str | None
    seconds: tuple[Second, ...]


class Update(Frame, frozen=True):
    """The newest snapshot, less what grows, and what that grew by."""

    snapshot: Snapshot
    history: Span[Second]
    task_history: dict[str, Span[Second]]
    events: Span[Event]
    roll_backs: Span[Event]


class Samples(Frame, frozen=True):
    """Which samples are kept, oldest first, and those that are new or changed."""

    order: tuple[int, ...]
    changed: tuple[Sample, ...]


class Answer(Frame, frozen=True):
    """How an ask ended. ``how`` is "done", "refused", "nothing" (to do), "half done", "failed" or "ended": the
    run was over first; ``text`` says why it was not done."""

    id: int
    how: Literal["done", "refused", "nothing", "half done", "failed", "ended"] = "done"
    text: str = ""
    event: Event | None = None
    profiles: tuple[WeightProfile, ...] = ()
    broken: tuple[BrokenProfile, ...] = ()


class Ended(Frame, frozen=True):
    """The run is over. ``lost`` requests have no outcome; ``failure`` says what broke, empty where nothing did;
    ``weights`` says which weights stay."""

    lost: int
    failure: str = ""


FromEngine = Welcome | Past | Update | Samples | Answer | Ended


# --- bytes ---


def _encode(value: Any) -> Any:
    if isinstance(value, MappingProxyType):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be sent")


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"{kind.__name__} cannot be received")


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode)
_from_viewer = msgspec.msgpack.Decoder(FromViewer, dec_hook=_decode)
_from_engine = msgspec.msgpack.Decoder(FromEngine, dec_hook=_decode)


class BadFrame(Exception):
    """What came is no frame of this protocol; the text says why."""


def packed(frame: Frame) -> bytes:
    """A frame as bytes, its length first."""
    body = _encoder.encode(frame)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """The length of the frame that ``head`` (4 bytes) announces.

    Raises:
        BadFrame: It is longer than any frame.
    """
    length: int = _LENGTH.unpack(head)[0]
    if length > MAX_FRAME:
        raise BadFrame(f"a frame of {length:,} bytes is announced, the most is {MAX_FRAME:,}")
    return length


HEAD = _LENGTH.size


def from_viewer(body: bytes) -> FromViewer:
    """Raises BadFrame."""
    return _read(_from_viewer, body)


def from_engine(body: bytes) -> FromEngine:
    """Raises BadFrame."""
    return _read(_from_engine, body)


def _read(decoder: msgspec.msgpack.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(str(error)) from error


# --- snapshots ---


def span(before: Sequence[_T], now: tuple[_T, ...]) -> Span[_T]:
    """What became of ``before``, whose values are the very objects that ``now`` goes on with."""
    if before and now:
        first = now[0]
        dropped = next((i for i, one in enumerate(before) if one is first), len(before))
        kept = len(before) - dropped
        if kept and kept <= len(now) and now[kept - 1] is before[-1]:
            return Span(dropped, now[kept:])
    return Span(len(before), now)


def bare(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what grows."""
    return replace(snapshot, history=(), task_history={}, events=(), roll_backs=())


def update(before: Snapshot, now: Snapshot) -> Update:
    """``now`` for somebody who has ``before``."""
    return Update(
        bare(now),
        span(before.history, now.history),
        {task: span(before.task_history.get(task, ()), seconds) for task, seconds in now.task_history.items()},
        span(before.events, now.events),
        span(before.roll_backs, now.roll_backs),
    )


def whole(
    before: Snapshot | None, news: Update, past: Mapping[str | None, tuple[Second, ...]] = MappingProxyType({})
) -> Snapshot:
    """The newest snapshot, made of the one before and what became of it; the first one of the ``past``."""
    if before is None:
        tasks = {task: seconds for task, seconds in past.items() if task is not None}
        before = replace(news.snapshot, history=past.get(None, ()), task_history=tasks)
    return replace(
        news.snapshot,
        history=news.history.after(before.history),
        task_history={
            task: part.after(before.task_history.get(task, ())) for task, part in news.task_history.items()
        },
        events=news.events.after(before.events),
        roll_backs=news.roll_backs.after(before.roll_backs),
    )
