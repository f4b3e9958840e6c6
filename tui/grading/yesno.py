"""``yesno``: the reply says the expected one of Yes and No."""

from __future__ import annotations

import re

from tui.base.text import plain
from tui.grading.reading import BadExpected, Reading, flat, graded, is_left_open, ungraded
from tui.grading.statements import (
    SEVERAL,
    Several,
    Strength,
    answers_in,
    few,
    first_sentence,
    only,
    settle,
    statements,
    strength_of,
)
from tui.model import Grade

_NOUNS = (
    "answer|ans|label|verdict|conclusion|response|determination|output|result|decision|classification"
    "|view|reading|statement|claim"
)

_YES = ("yes", "yeah", "yep", "yup", "true", "affirmative")
_NO = ("no", "nope", "nah", "false", "negative")
_WORD = "|".join((*_YES, *_NO))
_OTHER_USE = (
    r"(?! (?:doubt|problem|question|explanation|further|additional|matter|worries|longer|later|sooner"
    r"|statement|answer|output|response|reply|content|label|would)\b|-\w)"
)
_BOLD_CHARS = 12
_AND = r"['\"]?(?: ?/ ?| or |,? and (?:also )?|,? but (?:also )?)['\"]?"
_BOTH = re.compile(rf"\b(?:yes|true){_AND}(?:no|false)\b|\b(?:no|false){_AND}(?:yes|true)\b", re.IGNORECASE)
_STATED = re.compile(
    rf"[\s\"'(\[:*→-]*(?:(?:an?|clearly|definitely|probably|likely|simply|therefore|simple|clear|definite"
    rf"|indeed|still|most"
    rf"|firm|resounding|that is|still|also|now|in fact) ){{0,3}}[\"'(]*({_WORD})(?![\w'-]){_OTHER_USE}",
    re.IGNORECASE,
)
_AT_SENTENCE = re.compile(
    rf"(?:^|(?P<asked>\?)\s|[.!:;)]\s)[ \t\"'(\[]*({_WORD})(?=[\"')\]]*(?:[.,!;:]|\s*[–—]|\s-\s"
    rf"|\s*$))(?![\"'(\[]*,[^\"\n]{{0,80}}\")",
    re.IGNORECASE | re.MULTILINE,
)
_AT_HEAD = re.compile(rf"[\s\"'(\[]*({_WORD})(?![\w'-]){_OTHER_USE}", re.IGNORECASE)
_CONCLUDING = (
    "so|therefore|thus|hence|overall|in short|ultimately|finally|actually|wait|correction|rather|i mean"
    "|in conclusion|in summary|on balance|on reflection|as it stands|as (?:written|worded)"
    r"|on (?:a )?(?:closer|careful|second|further) (?:reading|look|inspection|thought|reflection|consideration)"
)
_FINALLY = re.compile(
    rf"(?:\b(?:{_CONCLUDING})\b(?:,? (?:though|however|then))?[,:]?"
    rf"(?: it is| it's| that is| that's| my answer is)?(?: an?)?|→)\s*[\"']?({_WORD})\b{_OTHER_USE}",
    re.IGNORECASE,
)
_SAID = re.compile(
    rf"\b(?:it is|it's|that is|that's|this is|(?:looks?|sounds?) like|would be|be|lean(?:ing)? towards?|believe"
    rf"|vote|mark(?: it| this)?(?: as)?)"
    rf"(?: an?)?(?: (?:clear|definite|firm|simple))? [\"']?({_WORD})(?=[\"']?(?:[.,!;:)]|\s*$|\s*[–—]| from "
    rf"| here| to me\b))",
    re.IGNORECASE | re.MULTILINE,
)
_ANYWHERE = re.compile(
    rf"(?<![\w'-])(?:(Yes|YES|yes)|(No|NO)(?![\w'-]){_OTHER_USE}|(TRUE|FALSE|True|False)|(?<=[\"'])({_WORD})(?=[\"'])"
    rf"|(no)(?=[.!,;]|\s*$))(?![\w'-])"
)
_WORDS = re.compile(rf"(?<![\w'-])({_WORD})(?![\w'-]){_OTHER_USE}", re.IGNORECASE)
_NOT_SAID = (
    r"(?:say|said|stated?|specif(?:y|ied)|mention(?:ed)?|tell us|indicated?|make clear) (?:whether|if)\b"
)
_CLAUSE = re.compile(
    r"(?:^|[.!?;:,\n]\s|\bthat )\s*(?:(?:so|therefore|thus|hence|overall|in short|as such),? )?"
    r"(?:(?:this|that|the)(?: \w+){0,2}? (?:clause|sentence|provision|text|e-?mail|message|contract|agreement"
    r"|statement|passage|excerpt|section|language|wording)|it|this|that)"
    r"(?: (?:above|here|itself|in question|provided|given|quoted|at hand))?"
    r"(?: (?:clearly|indeed|explicitly|certainly|also|simply|actually|in fact))?"
    r" (does not|doesn't|does|is not|isn't)\b(?! only\b| (?:yet )?(?:known|clear|certain|possible to)\b)"
    rf"(?!(?: \w+)? {_NOT_SAID})",
    re.IGNORECASE,
)
_UNKNOWN = (
    r"(?:unknown|unclear|uncertain|undetermined|undecided|indeterminate|inconclusive|ambiguous|n/?a\b|depends\b"
    rf"|not (?:yet |entirely )?(?:(?:known|clear|certain|sure|possible to|determinable)\b|{_NOT_SAID})"
    r"|(?:not enough|insufficient|too little) (?:information|evidence|context|data|detail)"
    r"|(?:can ?not|can't|could not|couldn't|impossible to|unable to|hard to|no way to)(?: be)?"
    r" (?:determine|say|tell|know|answer|decide|conclude|infer|verif|establish)"
    rf"|(?:do not|don't|does not|doesn't)(?: \w+)? (?:know\b|{_NOT_SAID}))"
)
_STATED_UNKNOWN = re.compile(rf"[\s\"'(\[:*]*(?:(?:it|still|currently|that it) )*{_UNKNOWN}", re.IGNORECASE)
_ENDS_UNKNOWN = re.compile(
    r"\W*(?:[^,.]{0,80}, )?(?:(?:but|and|so|therefore|thus|hence|overall|ultimately|finally) )*"
    r"(?:(?:it|that|this|we|i|one|there|the (?:answer|text|passage|question)|whether\b[^.!?]{1,120}?)(?:'\w+)?"
    rf"(?: \w+){{0,3}}? )?{_UNKNOWN}(?! (?:who|when|why|how|where|what|which)\b)",
    re.IGNORECASE,
)
"""A whole sentence that says so; that the date is unknown is another matter."""


def grade_yesno(reading: Reading, expected: str) -> Grade:
    """Whether Yes or No was said as expected; true and false, yep and nope count as well. Looked for in this
    order:

    1. Statements (see ``statements``); a first word of the reply, and a word with a full stop, comma, colon,
       dash or line end after it where a sentence begins ("No, the clause ..."); "so yes" and "actually, no" are
       FINAL. Not a word that answers a question of the reply's own ("Is there a licence? No.").
    2. The only one of Yes and No in bold.
    3. "It does", "the clause does not ..." in the first and the last sentence.
    4. The only one of Yes and No that is named at all ("no" within a sentence is not).

    A reply that leaves it open (see ``undecided``), that states "unknown", or whose last sentence says so ("it
    depends", "that cannot be determined", "it is not known whether") has no answer.

    "Yes or No", repeated from the prompt, is passed over as long as there is anything else; "yes and no" is no
    answer. Negation is not counted up: "No, it is not missing" is No. Raises BadExpected.
    """
    wanted = yesno_expected(expected)
    answer, why = given_yesno(reading)
    if answer is None:
        return ungraded(why)
    return graded(answer == wanted, answer, why)


def yesno_expected(expected: str) -> str:
    """The expected answer as Yes or No. Raises BadExpected."""
    word = flat(expected).strip(" .").casefold()
    if word not in (*_YES, *_NO):
        raise BadExpected(f"expected is neither Yes nor No: {plain(expected, 40)}")
    return _named(word)


def given_yesno(reading: Reading) -> tuple[str | None, str]:
    """Yes, No or None, and how it was found or why not."""
    if is_left_open(reading, _words_in) or _ends_unknown(reading):
        return None, "leaves it open"
    for find, why in _WAYS:
        answer = find(reading)
        if isinstance(answer, Several):
            return None, "contradicts itself, or says both"
        if answer is not None:
            return answer, why
    return None, "neither yes nor no found"


def _words_in(sentence: str) -> set[str]:
    return {_named(found[1]) for found in _WORDS.finditer(sentence)}


def _ends_unknown(reading: Reading) -> bool:
    """Whether the last sentence says that there is no answer, and names none."""
    last = _ends(reading)[-1].lstrip()
    return _ENDS_UNKNOWN.match(last) is not None and not _words_in(last)


def _named(word: str) -> str:
    return "Yes" if word.casefold() in _YES else "No"


def _told(reading: Reading) -> str | Several | None:
    text = reading.ends
    candidates = answers_in(statements(reading, _NOUNS), _stated)
    if head := _AT_HEAD.match(text):
        both = _BOTH.match(text, head.start(1))
        if both is None or text[both.end() : both.end() + 1] not in ("?", ":"):
            candidates.append((head.start(1), Strength.STATED, SEVERAL if both else _named(head[1])))
    place = reading.place
    for found in few(_AT_SENTENCE, text):
        candidates.append(
            (place(found.start(2)), Strength.HEDGED if found["asked"] else Strength.STATED, _named(found[2]))
        )
    candidates += [(place(found.start(1)), Strength.FINAL, _named(found[1])) for found in few(_FINALLY, text)]
    candidates += [
        (place(found.start(1)), strength, _named(found[1]))
        for found in few(_SAID, text)
        if (strength := strength_of(text, found.start(), found.end(), found.group())) is not None
    ]
    return settle(candidates)


def _in_bold(reading: Reading) -> str | None:
    words = (_STATED.match(span.text) for span in reading.bold if len(span.text) <= _BOLD_CHARS)
    return only(_named(word[1]) for word in words if word is not None)


def _stated(text: str) -> str | Several | None:
    """What a statement says."""
    found = _STATED.match(text)
    if found is None:
        if _STATED_UNKNOWN.match(text):
            return SEVERAL
        clause = _CLAUSE.match(text.lstrip())
        return _of_clause(clause) if clause else None
    return SEVERAL if _BOTH.match(text, found.start(1)) else _named(found[1])


def _clauses(reading: Reading) -> str | Several | None:
    clauses = {_of_clause(found) for sentence in _ends(reading) if (found := _CLAUSE.search(sentence))}
    return SEVERAL if len(clauses) > 1 else clauses.pop() if clauses else None


def _of_clause(found: re.Match[str]) -> str:
    return "Yes" if found[1].casefold() == "does" else "No"


def _ends(reading: Reading) -> tuple[str, ...]:
    """The first and the last sentence."""
    if not reading.lines:
        return ()
    last = reading.lines[-1].text[-1_000:]
    cut = max((last.rfind(mark, 0, -1) for mark in (". ", "! ", "? ")), default=-1)
    return (first_sentence(reading.lines[0].text[:1_000]), last[cut + 1 :])


def _only(reading: Reading) -> str | None:
    words = {_named(found.group()) for found in _ANYWHERE.finditer(_BOTH.sub(" ", reading.text))}
    return words.pop() if len(words) == 1 else None


_WAYS = (
    (_told, "stated as the answer"),
    (_in_bold, "in bold"),
    (_clauses, "said in a sentence"),
    (_only, "the only one named"),
)
