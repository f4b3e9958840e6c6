"""Values as their types say: one that is there though it need not be, and a float that is met approximately."""

from __future__ import annotations

from typing import TypeVar, cast

import pytest

_T = TypeVar("_T")


def present(value: _T | None) -> _T:
    """The value.

    Raises:
        AssertionError: It is None.
    """
    assert value is not None
    return value


def about(value: float, *, rel: float | None = None, abs: float | None = None) -> float:
    """``pytest.approx`` where a float stands in a tuple or a value that is compared."""
    return cast("float", pytest.approx(value, rel=rel, abs=abs))
