"""Whether a reply ends without a decision: "torn between 3 and 4", "A under one reading, B under another"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sized

from tui.grading.reading import Reading

_CHARS = 600
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_PLAUSIBLE = r"(?:correct|right|possible|valid|plausible|defensible|true|acceptable|reasonable)"
_OPEN = re.compile(
    r"\btorn between\b|\b(?:it|that|this|answer) (?:all |really |largely )?depends\b|\bdepending on\b"
    r"|\bunder (?:one|another)\b|\b(?:possible|potential|candidate) (?:answers|labels|options)\b"
    rf"|\beither\b.*\bor\b|\bboth\b.*\b(?:{_PLAUSIBLE}|apply|fit|work)\b|\bor\b.*\b(?:both|each) (?:are|is)\b"
    r"|\b(could|may|might|possibly|perhaps|maybe)\b.*\b\1\b|\btoss-?up\b"
    r"|\b(?:can't|cannot|can not|hard to|unable to) (?:decide|choose|pick|say|tell)\b",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"(?:\b(?:can't|cannot|can not|couldn't|could not|unable to|not able to|hard to|impossible to)"
    r" (?:tell|decide|say|choose)|\bnot sure|\bundecided)(?: which(?: one)?(?: it is)?| between them)?\W*\Z"
    r"|(?:\A|[.!?]\s+|\n)or\b[^.!?\n]{1,60}\?\W*\Z",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(?:but|however|yet|still|though)\b", re.IGNORECASE)


def is_left_open(reading: Reading, named: Callable[[str], Sized]) -> bool:
    """Whether the reply's last sentence that names an answer leaves it open among several, or its last words
    give up or ask again ("Or yes after all?"). ``named`` are the answers in a
    sentence. Looked at are the last 600 characters."""
    tail = reading.text[-_CHARS:].rstrip()
    if _GIVEN_UP.search(tail):
        return True
    for sentence in reversed(_SENTENCE.split(tail)):
        if answers := len(named(sentence)):
            found = _OPEN.search(sentence) if answers > 1 else None
            return found is not None and not _BUT.search(sentence)
    return False
