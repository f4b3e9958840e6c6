"""Files that are no rollout, and documents made to break the reader."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.rollout_files import ENV, GOOD, document, problems, write
from tui.base.problems import Problem, format_problems
from tui.rollout import RolloutError, check_rollout, load_rollout


def test_bad_toml_has_line_and_column(tmp_path: Path) -> None:
    rollout, (problem,) = check_rollout(write(tmp_path, '[rollout]\nname = "x\n'), ENV)
    assert rollout is None
    assert problem.line == 2
    assert "line 2, column 10" in problem.remedy


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a = 1\nb = '\xe9'\n", "on line 2"),
        (b"#" * (1024 * 1024 + 1), "larger than 1024 KB"),
        (b"a = " + b"[" * 5000, "not valid TOML"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
        (b"[traffic]\nmax_in_flight = 0x" + b"f" * 5000, "64 bits"),
        (b"a = 1\0", "not valid TOML"),
        (b"a . " * 100_000 + b"a = 1", "more than 64 parts"),
        (b"x = {" + b"'a'." * 100_000 + b"a = 1}", "more than 64 parts"),
        (b"a = 1\na = 2", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "rollout.toml"
    path.write_bytes(content)
    rollout, (problem,) = check_rollout(path, ENV)
    assert rollout is None
    assert said in str(problem)


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in (
        ("none", "No such file"),
        (".", "irectory"),
        ("pipe", "not a regular file"),
        ("a\0", "NUL"),
    ):
        rollout, (problem,) = check_rollout(tmp_path / name, ENV)
        assert rollout is None
        assert said in str(problem) or "not a regular file" in str(problem)


def test_an_empty_file_says_what_a_rollout_needs(tmp_path: Path) -> None:
    _, found = check_rollout(write(tmp_path, ""), ENV)
    assert {p.field for p in found} == {"rollout.name", "rollout.baseline", "deployments"}


def test_thousands_of_mistakes_are_counted_not_listed(tmp_path: Path) -> None:
    text = tomli_w.dumps(GOOD) + "[cockpit]\n" + "".join(f"k{i} = 1\n" for i in range(2000))
    _, found = check_rollout(write(tmp_path, text), ENV)
    assert len(found) == 101
    assert "1900 more" in found[-1].remedy


def test_control_characters_and_long_values_are_made_harmless(tmp_path: Path) -> None:
    for problem in problems(
        tmp_path, {"rollout/baseline": "\x1b[31m" + "x" * 5000, "weights/default/\x1b[2J": 0}
    ):
        assert str(problem).isprintable()
        assert len(str(problem)) < 400


def test_problems_as_text_put_errors_first() -> None:
    problems = [
        Problem("deployments.x", '"1"', "doubt", "warning", 3),
        Problem("weights.default", "", "mend it", "error", 9),
    ]
    text = format_problems(problems, Path("r.toml"))
    assert text == (
        "ERROR r.toml:9\n  weights.default\n  mend it\n\n"
        'WARNING r.toml:3\n  deployments.x: "1"\n  doubt\n\n'
        "1 error, 1 warning"
    )
    assert format_problems([], Path("r.toml")) == "r.toml: no mistakes"


# --- hostile documents --------------------------------------------------------------------------

_KEYS = st.sampled_from(
    ["rollout", "endpoints", "main", "deployments", "weights", "default", "traffic", "sources", "cockpit",
     "keys", "criteria", "price", "name", "url", "key_env", "entra", "path", "kind", "[key]", "gpt-4", ""]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)  # fmt: skip
_SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        ["synthetic", "sampled", "azure", "v1", "simulator", "http://[", "https://x:y", "\0", "main"]
    )
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.booleans()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.times()
)
_VALUES = st.recursive(
    _SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(_KEYS, v, max_size=4), max_leaves=12
)


def _merged(base: Any, extra: Any) -> Any:
    if isinstance(base, dict) and isinstance(extra, dict):
        return {**base, **{key: _merged(base.get(key), value) for key, value in extra.items()}}
    return extra


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_KEYS, _VALUES, max_size=5), st.booleans())
def test_any_document_is_a_rollout_or_a_list_of_problems(
    tmp_path: Path, extra: dict[str, Any], alone: bool
) -> None:
    path = write(tmp_path, tomli_w.dumps(extra if alone else _merged(GOOD, extra)))
    rollout, found = check_rollout(path, ENV)
    assert (rollout is None) == any(p.severity == "error" for p in found)
    assert all(str(p).isprintable() for p in found)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_list_of_problems(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rollout.toml"
    path.write_bytes(data)
    with pytest.raises(RolloutError):
        load_rollout(path, env=ENV)


def test_every_place_of_the_good_file_can_be_replaced_by_anything(tmp_path: Path) -> None:
    """Each value of a right file in turn becomes each kind of wrong one: never anything but RolloutError."""
    wrong = [[], {}, {"x": 1}, [1], [{}], "", "\x1b", -1, math.nan, datetime(2026, 1, 1, tzinfo=UTC), False]
    places = ["rollout", "endpoints", "deployments", "weights", "traffic", "criteria", "cockpit"]
    places += [
        f"{table}/{key}" for table in places for key in GOOD.get(table, {"rate": 0, "sources": 0, "keys": 0})
    ]
    places += [f"endpoints/main/{key}" for key in GOOD["endpoints"]["main"]]
    for place in places:
        for value in wrong:
            rollout, found = check_rollout(write(tmp_path, document({place: value})), ENV)
            assert (rollout is None) == any(p.severity == "error" for p in found), (place, value)
