"""How good the answers were that the simulator gave, so that a pretend judge can tell."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict

_KEPT = 20_000


class Scores:
    """The last 20,000 answers, by the hash of their text with single blanks between its words."""

    def __init__(self) -> None:
        self._good: OrderedDict[bytes, float] = OrderedDict()

    def remember(self, text: str, good: float) -> None:
        """``good`` is in points, 1 to 5 or a little beyond."""
        key = _key(text)
        self._good[key] = good
        self._good.move_to_end(key)
        if len(self._good) > _KEPT:
            self._good.popitem(last=False)

    def learn(self, body: bytes) -> None:
        """Remember answers given as JSON, ``{TEXT: POINTS}``. Raises ``ValueError`` for anything else."""
        try:
            told = {str(text): float(good) for text, good in json.loads(body).items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f'Send {{"TEXT OF AN ANSWER": POINTS}} with points from 1 to 5. ({error})'
            ) from error
        for text, good in told.items():
            if not 1 <= good <= 5:
                raise ValueError(f"Points are from 1 to 5, not {good!r}.")
            self.remember(text, good)

    def of(self, text: str) -> float | None:
        """How good an answer was, None for one that is not known."""
        good = self._good.get(key := _key(text))
        if good is not None:
            self._good.move_to_end(key)
        return good


def _key(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.split()).encode(errors="surrogatepass"), digest_size=16).digest()
