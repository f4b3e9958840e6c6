"""Weight profiles: saved whole or not at all, listed with what is wrong, never overwritten by accident."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.weight_profiles import (
    BrokenProfile,
    ProfileError,
    ProfileExists,
    WeightProfile,
    list_profiles,
    misfit,
    save_profile,
)

PROFILE = WeightProfile(
    name="half",
    rollout="summarise",
    weights={"default": {"v1120": 50.0, "v0513": 50.0}, "contracts": {"v1120": 97.5, "v0513": 2.5}},
    saved_at=datetime(2026, 11, 23, 18, 4, 5, 678, tzinfo=UTC),
    saved_by="ada",
    note="before the weekend",
)
HEAD = '[profile]\nname = "n"\nrollout = "r"\nsaved_at = 2026-11-23T18:00:00Z\nsaved_by = "ada"\n'
RIGHT = HEAD + "[weights.default]\na = 100\n"


def _only(folder: Path) -> WeightProfile | BrokenProfile:
    (one,) = list_profiles(folder)
    return one


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _broken(folder: Path) -> str:
    one = _only(folder)
    assert isinstance(one, BrokenProfile)
    return one.error


# --- saving and reading back --------------------------------------------------------------------


def test_a_profile_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = tmp_path / "rollout.weights"
    assert save_profile(folder, PROFILE) == folder / "half.toml"
    assert _only(folder) == PROFILE
    assert _names(folder) == ["half.toml"]


def test_time_is_kept_as_utc(tmp_path: Path) -> None:
    there = PROFILE.saved_at.astimezone(timezone(timedelta(hours=9)))
    save_profile(tmp_path, replace(PROFILE, saved_at=there))
    one = _only(tmp_path)
    assert isinstance(one, WeightProfile)
    assert one.saved_at == PROFILE.saved_at
    assert one.saved_at.utcoffset() == timedelta(0)


def test_saving_again_needs_to_be_meant(tmp_path: Path) -> None:
    save_profile(tmp_path, PROFILE)
    changed = replace(PROFILE, weights={"default": {"v1120": 100.0}})
    with pytest.raises(ProfileExists, match="ada"):
        save_profile(tmp_path, changed)
    assert _only(tmp_path) == PROFILE
    save_profile(tmp_path, changed, replace=True)
    assert _only(tmp_path) == changed


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "Night shift", "ü", "..", "CON: 1", "x" * 64, "日本"]
)
def test_any_name_becomes_a_file_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "weights"
    path = save_profile(folder, replace(PROFILE, name=name))
    assert path.parent == folder
    assert path.name.isascii()
    assert not path.name.startswith(".")
    one = _only(folder)
    assert isinstance(one, WeightProfile)
    assert one.name == name


def test_names_that_look_alike_keep_files_of_their_own(tmp_path: Path) -> None:
    names = ["a b", "a/b", "a-b", "A-b", "a  -b"]
    for name in names:
        save_profile(tmp_path, replace(PROFILE, name=name))
    saved = list_profiles(tmp_path)
    assert sorted(p.name for p in saved if isinstance(p, WeightProfile)) == sorted(
        " ".join(n.split()) for n in names
    )


def test_text_is_bounded_and_without_control_characters(tmp_path: Path) -> None:
    wild = replace(PROFILE, name="a\x1b[31m\u202eb\n c", saved_by="\0eve\x07", note="x" * 9000 + "\n")
    save_profile(tmp_path, wild)
    one = _only(tmp_path)
    assert isinstance(one, WeightProfile)
    assert (one.name, one.saved_by, len(one.note)) == ("a[31mb c", "eve", 500)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": {"default": {"a": 50.0}}}, "must sum to 100"),
        ({"weights": {"default": {"a": 150.0, "b": -50.0}}}, "0 to 100"),
        ({"weights": {"default": {"a": float("nan")}}}, "0 to 100"),
        ({"weights": {"default": {"a": 0.0}}}, "all weights are 0"),
        ({"weights": {"default": {"a\x1b": 100.0}}}, "letter or digit"),
        ({"weights": {"default": {"a\ud800": 100.0}}}, "letter or digit"),
        ({"weights": {"contracts": {"a": 100.0}}}, "weights.default"),
        ({"name": "\x1b\n "}, "profile.name"),
        ({"saved_at": datetime(2026, 1, 1)}, "time zone"),  # noqa: DTZ001
    ],
)
def test_a_profile_with_a_mistake_is_not_saved(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        save_profile(tmp_path / "w", replace(PROFILE, **change))
    assert not (tmp_path / "w").exists()


# --- what is there is left alone ----------------------------------------------------------------


def test_a_broken_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "half.toml").write_text("half = ")
    with pytest.raises(ProfileError, match="broken"):
        save_profile(tmp_path, PROFILE, replace=True)
    assert (tmp_path / "half.toml").read_text() == "half = "


def test_a_profile_of_another_rollout_is_never_overwritten(tmp_path: Path) -> None:
    save_profile(tmp_path, PROFILE)
    with pytest.raises(ProfileError, match="of the rollout summarise"):
        save_profile(tmp_path, replace(PROFILE, rollout="other"), replace=True)
    assert _only(tmp_path) == PROFILE


def test_a_file_with_another_profile_is_never_overwritten(tmp_path: Path) -> None:
    save_profile(tmp_path, PROFILE).rename(tmp_path / "full.toml")
    with pytest.raises(ProfileError, match="is the profile half"):
        save_profile(tmp_path, replace(PROFILE, name="full"), replace=True)


def test_a_link_is_not_followed_to_be_overwritten(tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    save_profile(tmp_path, PROFILE).rename(outside)
    before = outside.read_bytes()
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "half.toml").symlink_to(outside)
    with pytest.raises(ProfileError, match="is a link"):
        save_profile(folder, PROFILE, replace=True)
    assert outside.read_bytes() == before
    assert _only(folder) == PROFILE


def test_a_crash_before_the_exchange_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_profile(tmp_path, PROFILE)

    class Killed(BaseException):
        pass

    def die(*_: object) -> NoReturn:
        raise Killed

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(Killed):
        save_profile(tmp_path, replace(PROFILE, note="new"), replace=True)
    assert _only(tmp_path) == PROFILE
    assert _names(tmp_path) == ["half.toml"]


def test_what_a_killed_process_left_is_no_profile(tmp_path: Path) -> None:
    save_profile(tmp_path, PROFILE)
    (tmp_path / ".half.abc.tmp").write_text("[prof")
    assert _only(tmp_path) == PROFILE


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(tmp_path, PROFILE)

    def full(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProfileError, match=r"half\.toml: No space left"):
        save_profile(tmp_path, replace(PROFILE, note="new"), replace=True)
    assert _only(tmp_path) == PROFILE
    assert _names(tmp_path) == ["half.toml"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfileError, match="not saved"):
        save_profile(tmp_path / "file", PROFILE)
    (one,) = list_profiles(tmp_path / "file")
    assert isinstance(one, BrokenProfile)


# --- listing ------------------------------------------------------------------------------------


def test_no_folder_is_no_profiles(tmp_path: Path) -> None:
    assert list_profiles(tmp_path / "none") == ()


def test_broken_profiles_are_listed_among_the_others(tmp_path: Path) -> None:
    save_profile(tmp_path, PROFILE)
    (tmp_path / "a.toml").write_text("x = [")
    (tmp_path / "notes.txt").write_text("not a profile")
    broken, good = list_profiles(tmp_path)
    assert isinstance(broken, BrokenProfile)
    assert broken.path == tmp_path / "a.toml"
    assert "line 1, column 6" in broken.error
    assert good == PROFILE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "not UTF-8"),
        (b"#" * (256 * 1024 + 1), "larger than 256 KB"),
        (b"", "needs the tables"),
        (HEAD.encode(), "needs the tables"),
        (HEAD.encode() + b"[weights.other]\na = 100", "weights.default"),
        (RIGHT.replace("100", "99").encode(), "weights.default: 99 = 99: weights of a task must sum to 100"),
        (RIGHT.replace("100", "nan").encode(), "weights.default.a: nan"),
        (RIGHT.replace("100", "'100'").encode(), "without quotes"),
        (RIGHT.replace("saved_by", "saved_bi").encode(), "did you mean saved_by"),
        (RIGHT.replace("00Z", "00").encode(), "time zone"),
        (RIGHT.replace("2026-11-23T18:00:00Z", "0001-01-01T00:00:00+14:00").encode(), "no date in UTC"),
        (RIGHT.replace('"ada"', "7").encode(), "saved_by"),
        (RIGHT.replace("a = ", '"\\u001b[2J" = ').encode(), "letter or digit"),
        (RIGHT.encode() + b"[extra]\n", "unknown key"),
    ],
)
def test_what_is_wrong_with_a_profile(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "p.toml").write_bytes(content)
    assert said in _broken(tmp_path)
    assert _broken(tmp_path).isprintable()


def test_what_is_no_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "dangling.toml").symlink_to(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe.toml")
    assert [type(p) for p in list_profiles(tmp_path)] == [BrokenProfile] * 3


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.integers(0, len(RIGHT)))
def test_any_bytes_are_a_profile_or_a_broken_one(tmp_path: Path, data: bytes, at: int) -> None:
    (tmp_path / "p.toml").write_bytes(RIGHT[:at].encode() + data + RIGHT[at:].encode())
    assert isinstance(_only(tmp_path), WeightProfile | BrokenProfile)


# --- fitting a rollout --------------------------------------------------------------------------


def test_a_profile_fits_when_every_name_is_known() -> None:
    assert misfit(PROFILE, ["v1120", "v0513", "v0414"]) is None
    assert misfit(PROFILE, ["v1120"]) == "names deployments that this rollout does not have: v0513"
