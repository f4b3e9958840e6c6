"""``regex``: the reply has a text of a form in it.

Patterns are searched by RE2, in time linear in the reply: Python's ``re`` backtracks, and a reply made for it
can keep ``.*a.*b.*c`` busy for minutes. RE2 comes with an extra; without it there are no patterns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tui.grading.grades import BadExpected, graded, ungraded
from tui.grading.reading import HEAD_CHARS, TAIL_CHARS, without_middle
from tui.model import Grade

try:
    import re2
except ImportError:
    re2 = None

MAX_PATTERN_CHARS = 1_000

_MAX_MEMORY_BYTES = 1024**2
"""A larger pattern is refused. It also bounds what a search costs: it grows with pattern times reply."""


class PatternsNotInstalled(BadExpected):
    """A task with a pattern where RE2 is not installed; the text says how to install it."""


def grade_regex(reply: str, expected: str) -> Grade:
    """Whether the pattern is found anywhere in the reply.

    Patterns are those of RE2 (https://github.com/google/re2/wiki/Syntax): no back-references, no looking
    around, ``\\z`` for ``\\Z``; ``\\d``, ``\\w`` and ``\\b`` know ASCII only. The reply is taken as it is,
    wrappers and all; ``^`` and ``$`` stand for its ends, with ``(?m)`` for those of lines. Of a long reply the
    first 28,000 and the last 100,000 characters are searched. Raises BadExpected.
    """
    pattern = pattern_expected(expected)
    text = reply.strip()
    if not text:
        return ungraded("the reply is empty")
    # RE2 takes UTF-8, which has no surrogates.
    searched = without_middle(text, HEAD_CHARS, TAIL_CHARS).encode("utf-8", "replace").decode()
    found = pattern.search(searched) is not None
    return graded(found, text, "the pattern is found" if found else "the pattern is not found")


def pattern_expected(expected: str) -> Any:
    """The expected pattern, compiled. Raises BadExpected, and PatternsNotInstalled where there is no RE2."""
    if not patterns_installed():
        raise PatternsNotInstalled("patterns need RE2: pip install 'canarytop[patterns]'")
    if len(expected) > MAX_PATTERN_CHARS:
        size = f"{len(expected):,} characters; the limit is {MAX_PATTERN_CHARS:,}"
        raise BadExpected(f"expected is no usable pattern: it has {size}")
    return _compiled(expected)


def patterns_installed() -> bool:
    """Whether patterns can be searched."""
    return re2 is not None


@lru_cache(maxsize=256)
def _compiled(source: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        return re2.compile(source, options=options)
    except re2.error as error:
        why = error.args[0]
        why = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise BadExpected(f"expected is no usable pattern: {why}") from error
    except UnicodeEncodeError as error:
        raise BadExpected("expected is no usable pattern: it has half of a surrogate pair") from error
