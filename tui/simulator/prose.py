"""The words of answers: a stock of text, and answers that tell more or less of what they were asked about."""

from __future__ import annotations

import random
import re

_PROSE = (
    "The supplier asks for payment within thirty days of delivery, and offers a discount of two percent to "
    "whoever pays within ten. Both parties may end the agreement with ninety days' notice; “material breach” "
    "ends it at once. Marta will send the revised figures on Thursday — they replace those of the first draft."
    "\n\nOpen points: who carries the cost of the audit, how long the café's records are kept, and whether "
    "clause 7 (liability, capped at €250,000) covers lost profit. Nothing else in the thread needs an answer "
    "before the next call. 👍 "
)
STOCK = tuple(word + " " for word in _PROSE.split(" ") if word)
"""One token each."""

_ASIDE = (
    "It is hard to say more without the full context.",
    "Various points were raised and should be looked into.",
    "The text mentions several matters of importance.",
    "Some of the details may need to be checked with the parties involved.",
    "There are dates and amounts, which I have left out here.",
    "Overall, the tone is friendly and the matter appears to be under way.",
    "As is usual in such cases, the standard terms probably apply.",
    "No further action seems to be required at this time.",
)
"""What an answer says that says nothing."""

_READ_CHARS = 2_500
_SENTENCE_WORDS = range(4, 61)
_TOKENS = re.compile(r"\s*(?:\w{1,8}|[^\w\s]{1,4})|\s+")


def tokens_of(text: str) -> tuple[str, ...]:
    """A text in pieces of about a token each; joined they are the text."""
    return tuple(_TOKENS.findall(text))


def composed(question: str, good: float, tokens: int, rng: random.Random) -> tuple[str, ...]:
    """An answer of ``tokens`` words: the better (1 to 5), the more of its sentences come from the question.

    Sentences are taken from 2,500 characters of it, drawn anywhere, each once; the others say nothing.
    """
    start = rng.randrange(max(1, len(question) - _READ_CHARS + 1))
    parts = question[start : start + _READ_CHARS].replace("\n", ". ").split(". ")
    if len(question) > _READ_CHARS:
        del parts[0], parts[-1:]  # cut off
    own = [part for part in parts if len(part.split()) in _SENTENCE_WORDS]
    rng.shuffle(own)
    substance = (good - 1) / 4
    words: list[str] = []
    while len(words) < tokens:
        sentence = own.pop().rstrip(".") + "." if own and rng.random() < substance else rng.choice(_ASIDE)
        words += sentence.split()
    del words[tokens:]
    if words:
        words[-1] = words[-1].rstrip(".,;:") + "."
    return tuple(word + " " for word in words[:-1]) + tuple(words[-1:])
