"""Weight profiles: named weights of a rollout, with who saved them, when and why, one TOML file each."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from tui.base.problems import NAME_PATTERN, NAME_RULE, did_you_mean, listed, quoted
from tui.base.text import plain
from tui.base.toml_files import TomlFileError, read_toml
from tui.base.weight_rules import weight_mistakes
from tui.base.written_files import replace_durably
from tui.model import DEFAULT_TASK, WeightTable

_MAX_BYTES = 256 * 1024
_MAX_NAME = 64
_MAX_NOTE = 500
_MAX_ENTRIES = 64
_RIGHTS = 0o644
"""A team shares its profiles."""
_KEYS = ("name", "rollout", "saved_at", "saved_by", "note")
_PLAIN_STEM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class ProfileError(Exception):
    """A profile that cannot be saved, with the reason."""


class ProfileExists(ProfileError):
    """A profile of this name is there already; nothing was written."""


@dataclass(frozen=True, slots=True)
class WeightProfile:
    """``weights`` are percent per task and deployment, ``saved_at`` is timezone-aware UTC."""

    name: str
    rollout: str
    weights: WeightTable
    saved_at: datetime
    saved_by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class BrokenProfile:
    """A file among the profiles that is not one, and why. It is shown, and never overwritten."""

    path: Path
    error: str


def save_profile(folder: Path, profile: WeightProfile, *, replace: bool = False) -> Path:
    """Writes a profile whole or not at all, durably, and returns its file. ``folder`` is made when missing.

    Raises:
        ProfileExists: This rollout has a profile of the name, and ``replace`` is not set.
        ProfileError: The profile has a mistake; its file belongs to another rollout, is broken or is a link;
            or the disk refuses.
    """
    document = _document(profile)
    try:
        _read(document)
    except ValueError as error:
        raise ProfileError(f"profile {quoted(profile.name)} not saved: {error}") from None
    path = folder / f"{_stem(document['profile']['name'])}.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_to_overwrite(path, profile, replace)
        replace_durably(path, tomli_w.dumps(document), _RIGHTS)
    except OSError as error:
        raise ProfileError(f"profile not saved to {path}: {error.strerror or error}") from error
    return path


def list_profiles(folder: Path) -> tuple[WeightProfile | BrokenProfile, ...]:
    """Everything named ``*.toml`` in the folder, by file name; nothing when there is no such folder."""
    try:
        paths = sorted(p for p in folder.iterdir() if p.suffix == ".toml" and not p.name.startswith("."))
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (BrokenProfile(folder, f"cannot be read: {error.strerror or error}"),)
    return tuple(_load(path) for path in paths)


def misfit(profile: WeightProfile, deployments: Collection[str]) -> str | None:
    """Why a profile cannot be applied to these deployments, None when it can."""
    named = {name for weights in profile.weights.values() for name in weights}
    unknown = sorted(named.difference(deployments))
    if not unknown:
        return None
    return f"names deployments that this rollout does not have: {listed(unknown)}"


def _load(path: Path) -> WeightProfile | BrokenProfile:
    try:
        _, document = read_toml(path, _MAX_BYTES)
        return _read(document)
    except (TomlFileError, ValueError) as error:
        return BrokenProfile(path, str(error))


def _read(document: dict[str, Any]) -> WeightProfile:
    """Raises ValueError with the first mistake."""
    head, tables = document.get("profile"), document.get("weights")
    if not isinstance(head, dict) or not isinstance(tables, dict):
        raise ValueError("needs the tables [profile] and [weights.default]")
    for table, keys in ((document, ("profile", "weights")), (head, _KEYS)):
        for key in table:
            if key not in keys:
                raise ValueError(f"unknown key {quoted(key)}; {did_you_mean(key, keys)}")
    saved_at = head.get("saved_at")
    if not isinstance(saved_at, datetime) or saved_at.tzinfo is None:
        raise ValueError(f"profile.saved_at: {quoted(saved_at)}: expects a date and time with a time zone")
    try:
        saved_at = saved_at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"profile.saved_at: {quoted(saved_at)}: is no date in UTC") from None
    return WeightProfile(
        name=_text(head, "name", _MAX_NAME),
        rollout=_text(head, "rollout", _MAX_NAME),
        weights=_weights(tables),
        saved_at=saved_at,
        saved_by=_text(head, "saved_by", _MAX_NAME),
        note=_text(head, "note", _MAX_NOTE, required=False),
    )


def _weights(tables: dict[str, Any]) -> WeightTable:
    if DEFAULT_TASK not in tables:
        raise ValueError("needs the table [weights.default]")
    if len(tables) > _MAX_ENTRIES:
        raise ValueError(f"weights: at most {_MAX_ENTRIES} tasks")
    for task, weights in tables.items():
        where = f"weights.{plain(task, _MAX_NAME)}"
        if not isinstance(weights, dict) or len(weights) > _MAX_ENTRIES:
            raise ValueError(f"{where}: expects at most {_MAX_ENTRIES} weights")
        for name in (task, *weights):
            if not re.fullmatch(NAME_PATTERN, name):
                raise ValueError(f"weights: {quoted(name)}: {NAME_RULE}")
        for mistake in weight_mistakes(weights, None):
            at = where + (f".{plain(mistake.deployment, _MAX_NAME)}" if mistake.deployment is not None else "")
            raise ValueError(f"{at}: {mistake.value}: {mistake.remedy}")
    return MappingProxyType(
        {
            task: MappingProxyType({name: float(weight) for name, weight in weights.items()})
            for task, weights in tables.items()
        }
    )


def _text(head: dict[str, Any], key: str, limit: int, *, required: bool = True) -> str:
    value = head.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"profile.{key}: {quoted(value)}: expects text in quotes")
    text = _clean(value, limit)
    if required and not text:
        raise ValueError(f"profile.{key}: missing or empty")
    return text


def _clean(text: str, limit: int) -> str:
    """One line without control, formatting or surrogate characters, at most ``limit`` long."""
    line = " ".join(text[: 4 * limit].split())
    return "".join(c for c in line if not unicodedata.category(c).startswith("C"))[:limit].strip()


def _document(profile: WeightProfile) -> dict[str, Any]:
    head = {
        "name": _clean(profile.name, _MAX_NAME),
        "rollout": _clean(profile.rollout, _MAX_NAME),
        "saved_at": profile.saved_at,
        "saved_by": _clean(profile.saved_by, _MAX_NAME),
        "note": _clean(profile.note, _MAX_NOTE),
    }
    weights = {task: dict(weights) for task, weights in profile.weights.items()}
    return {"profile": head, "weights": weights}


def _stem(name: str) -> str:
    """A file name for a profile name, different for different names."""
    if _PLAIN_STEM.fullmatch(name):
        return name
    readable = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:40] or "profile"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _refuse_to_overwrite(path: Path, profile: WeightProfile, replace: bool) -> None:
    if path.is_symlink():
        raise ProfileError(f"{path} is a link and is left alone; choose another name")
    if not path.exists():
        return
    present = _load(path)
    if isinstance(present, BrokenProfile):
        raise ProfileError(f"{path} is broken and is left alone ({present.error}); mend or remove it")
    if present.rollout != profile.rollout:
        raise ProfileError(f"{path} is a profile of the rollout {present.rollout}; choose another name")
    if present.name != _clean(profile.name, _MAX_NAME):
        raise ProfileError(f"{path} is the profile {present.name}; choose another name")
    if not replace:
        raise ProfileExists(f"a profile named {present.name} was saved by {present.saved_by}; replace it?")
