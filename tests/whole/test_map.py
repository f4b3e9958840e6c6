"""The documents of the house name files that are there, and every room has its place in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.places import ROOT

_PATH = re.compile(r"`((?:tui|tests|bench|docs|screenshots|profiles)/[\w./-]*)`")


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_path_that_is_named_is_there(document: str) -> None:
    named = set(_PATH.findall((ROOT / document).read_text()))
    assert named
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


def test_every_room_is_on_the_map() -> None:
    rooms = {path.parent.name for path in (ROOT / "tui").glob("*/__init__.py")}
    text = Path(ROOT / "docs/architecture.md").read_text()
    assert {room for room in rooms if f"`tui/{room}/`" not in text} == set()
