"""Wrappers of a text and how they are taken off: invisible characters, LaTeX, Markdown, HTML.

What stood out is kept between marks, characters that no text can hold after ``plain_characters``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

BOX, BOLD, HASH, END = "\ue000", "\ue001", "\ue002", "\ue003"
"""Marks: the beginning of ``\\boxed{}``, of bold, of a line after ``####``, and the end of any."""


def unwrapped(text: str) -> str:
    """The text without wrappers, with marks."""
    return _markdown(_latex(text))


def without_fences(text: str) -> str:
    """The text without the lines that begin and end a block of code."""
    return _FENCE.sub("", text) if "```" in text or "~~~" in text else text


def without_ornaments(text: str) -> str:
    """The text without emojis, save for ticks and crosses."""
    return text if text.isascii() else _ORNAMENTS.sub("", text)


def plain_characters(text: str) -> str:
    """The text without invisible characters; dashes, quotes, blanks and digits in their plain forms."""
    return text if text.isascii() and text.isprintable() else text.translate(_CHARACTERS)


def _character_table() -> Mapping[int, str | None]:
    table: dict[int, str | None] = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A}
    table |= dict.fromkeys(
        [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFE0F, 0xFEFF]
    )
    table |= dict.fromkeys(range(0xD800, 0xE010), "\ufffd")
    table |= dict.fromkeys([0x0D, 0x85, 0x2028, 0x2029], "\n")
    table |= {0xFF10 + digit: str(digit) for digit in range(10)}
    table |= {0xFF21 + place: chr(0x41 + place) for place in range(26)}
    for code, text in {
        "\u2212\ufe63\uff0d": "-",
        "\u2010\u2011": "-",
        "\u2012\u2013\ufe58": "–",
        "\u2018\u2019\u02bc\u2032": "'",
        "\u201c\u201d\u201e\u00ab\u00bb": '"',
        "\u2002\u2003\u3000": " ",
        "\u2007\u2008\u2009\u200a\u202f": "\u00a0",
        "\u2044\u2215": "/",
        "\uff08": "(",
        "\uff09": ")",
        "\uff0c": ",",
        "\uff1a": ":",
        "\uff0e": ".",
        "\uff1d": "=",
        "\u21d2\u27f6\u27a1": "→",
        "\u2248": "≈",
        "\u0130": "I",
        "½": " 1/2",
        "¼": " 1/4",
        "¾": " 3/4",
        "⅓": " 1/3",
        "⅔": " 2/3",
        "²": "^2",
        "³": "^3",
    }.items():
        table |= dict.fromkeys(map(ord, code), text)
    return table


_ORNAMENTS = re.compile(
    "[\U0001f000-\U0001faff\u2300-\u23ff\u2600-\u26ff\u2701-\u2704\u2706-\u2712\u2728-\u274b\u274d-\u2775\ufe0f\u20e3]+"
)
_CHARACTERS = _character_table()

_COMMAND = re.compile(r"\\(?:([A-Za-z]+)|(.))")
_WITH_ARGUMENT = re.compile(
    r"(?:[dtc]?frac|begin|end|boxed|fbox|text[a-z]{0,6}|math[a-z]{1,6}|operatorname|emph|underline|bm"
    r"|boldsymbol|[mh]box)\Z"
)
_SIGNS = {
    "left": "", "right": "", "displaystyle": "", "big": "", "Big": "", "bigl": "", "bigr": "", "times": " × ",
    "cdot": "·", "div": " ÷ ", "approx": " ≈ ", "to": " → ", "rightarrow": " → ", "Rightarrow": " → ",
    "implies": " → ", "therefore": " → ", "longrightarrow": " → ",
}  # fmt: skip
_FRACTION = re.compile(r"\\[dtc]?frac ?(?:\{ ?([^{}]{1,60}?) ?\} ?\{ ?([^{}]{1,60}?) ?\}|(\d) ?(\d))")
_ENVIRONMENT = re.compile(r"\\(?:begin|end) ?\{[^{}\n]{0,30}\}")
_STYLE = re.compile(
    r"\\(?:text[a-z]{0,6}|math[a-z]{1,6}|operatorname|emph|underline|bm|boldsymbol|[mh]box) ?\{([^{}]*)\}"
)
_SCRIPT = re.compile(r"([\^_])\{([^{}]{0,60})\}")
_BOXED = re.compile(r"\\(?:boxed|fbox) ?(?:\{([^{}]*)\}|(\d))")
_LEFT_OVER = re.compile(r"\\[A-Za-z]{1,20}")
_NESTED = 4


def _latex(text: str) -> str:
    text = text.replace("{,}", ",")
    if "\\" in text:
        text = _COMMAND.sub(_command, text)
        text = _ENVIRONMENT.sub(" ", _FRACTION.sub(_fraction, text))
        # From the inside out: a box may hold text in a style, and a style a script.
        for _ in range(_NESTED):
            before = text
            text = _STYLE.sub(r"\1", _SCRIPT.sub(r"\1\2", text))
            text = _BOXED.sub(lambda box: f"{BOX}{box[1] or box[2] or ''}{END}", text)
            if text == before:
                break
        text = _LEFT_OVER.sub(" ", text)
    return text.replace("US$", "").replace("$", "")


def _command(found: re.Match[str]) -> str:
    """What a command without an argument stands for; one with an argument stays."""
    name, sign = found[1], found[2]
    if name:
        return _SIGNS.get(name, found[0] if _WITH_ARGUMENT.match(name) else " ")
    if sign in "()[]$":
        return ""
    if sign not in ",;:! \\":
        return sign
    text = found.string
    between_digits = (
        text[found.start() - 1 : found.start()].isdigit() and text[found.end() : found.end() + 1].isdigit()
    )
    return "\u00a0" if between_digits else " "


def _fraction(found: re.Match[str]) -> str:
    return f" {found[1] or found[3]}/{found[2] or found[4]}"


_FENCE = re.compile(r"^[ \t>]*(?:```+|~~~+)[ \t]*\w{0,20}[ \t]*$", re.MULTILINE)
_ANSWER_TAG = re.compile(r"<(?:final_?)?answer>", re.IGNORECASE)
_BOLD_TAG = re.compile(r"<(?:b|strong)>([^<\n]{1,300})</(?:b|strong)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,60}>")
_HASHES = re.compile(r"^[ \t>]*####[ \t]*(?!#)([^\n#]*)#*[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^[ \t>]*#{1,6}[ \t]*", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[*+•·-][ \t]+(?=\S)", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]*>+[ \t]?", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|([^\n]*)$", re.MULTILINE)
_BAR = re.compile(r"(?<=[^ \t])[ \t]*\|[ \t]*|^[ \t]*\|[ \t]*")
_STRONG = re.compile(r"(?:\*\*\*?|(?<!\w)___?)(?=[^\s*_])([^*\n]{1,300}?)(?:\*\*\*?|___?(?!\w))")
_STRUCK = re.compile(r"~~(?=[^\s~])[^~\n]{1,300}~~")
_ENTRY = r"^[ \t>]*(?:[*+•·-][ \t]+|\d{1,3}[.)][ \t]+)?"
_CHECKLISTS = (
    (re.compile(rf"{_ENTRY}\[[xX✓✔]\][ \t]*(?=\S)", re.M), re.compile(rf"{_ENTRY}\[ \][^\n]*$", re.M)),
    (re.compile(rf"{_ENTRY}[✅✔✓☑][ \t]*(?=\S)", re.M), re.compile(rf"{_ENTRY}[❌✗✘][^\n]*$", re.M)),
)
"""What begins a line that is ticked, and a line that is crossed or not ticked."""
_EMPHASIS = re.compile(r"(?<![\w)*])[*_]{1,3}(?=[^\s*_])|(?<=[^\s*_])[*_]{1,3}(?![\w(*])")


def _markdown(text: str) -> str:
    if "~~" in text:
        text = _STRUCK.sub(" ", text)
    for ticked, crossed in _CHECKLISTS:
        if ticked.search(text):
            text = ticked.sub("", crossed.sub("", text))
    if "`" in text or "~~~" in text:
        text = without_fences(text).replace("`", "")
    if "<" in text:
        text = _ANSWER_TAG.sub("\nAnswer: ", text)
        text = _TAG.sub(" ", _BOLD_TAG.sub(f"{BOLD}\\1{END}", text))
    if "|" in text:
        text = _ROW.sub(lambda row: _BAR.sub(" : ", row.group(1).strip("| \t")), text)
    if "####" in text:
        text = _HASHES.sub(f"{HASH}\\1{END}", text)
    if "#" in text:
        text = _HEADING.sub("", text)
    if ">" in text:
        text = _QUOTE.sub("", text)
    if "\n" in text.strip():
        text = _BULLET.sub("", text)
    if "*" in text or "_" in text:
        text = _STRONG.sub(f"{BOLD}\\1{END}", text)
        text = _EMPHASIS.sub("", text)
    return text
