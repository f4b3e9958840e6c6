"""Requests and tokens per minute, counted as the service counts them (azure.md A7, C1)."""

from __future__ import annotations

import math
from collections import deque

ASSUMED_ANSWER_TOKENS = 256
"""Stands for the answer of a request without a limit of its own; what the service assumes is not published."""

_MINUTE_S = 60.0
_BURST_S = 10.0


class QuotaMeter:
    """Sliding accounts of what was let through: the requests of 10 s, and the estimated tokens of 60 s.

    Requests are enforced over 10 s (a sixth of the minute's, rounded up) and tokens over the minute. What was
    let through counts however it ends; what was refused does not, so that whoever waits as told gets through.
    """

    def __init__(self) -> None:
        self._passed: deque[tuple[float, int]] = deque()
        self._recent: deque[float] = deque()
        self._tokens = 0

    def wait_s(
        self, now_s: float, tokens: int, requests_per_min: int | None, tokens_per_min: int | None
    ) -> float:
        """Let a request of about ``tokens`` through and return 0.0, or return the seconds to wait."""
        self._forget(now_s)
        wait_s = 0.0
        if requests_per_min is not None:
            over = len(self._recent) - _burst(requests_per_min) + 1
            if over > 0:
                wait_s = self._recent[over - 1] + _BURST_S - now_s
        if tokens_per_min is not None:
            wait_s = max(wait_s, self._wait_for_tokens(now_s, tokens, tokens_per_min))
        if wait_s <= 0:
            self._passed.append((now_s, tokens))
            self._recent.append(now_s)
            self._tokens += tokens
            return 0.0
        return wait_s

    def headers(self, now_s: float, requests_per_min: int | None, tokens_per_min: int | None) -> dict[str, str]:
        """The ``x-ratelimit-*`` headers: -1 where there is no quota, times in milliseconds."""
        self._forget(now_s)
        headers: dict[str, str] = {}
        for what, limit, used in (
            ("requests", requests_per_min, len(self._passed)),
            ("tokens", tokens_per_min, self._tokens),
        ):
            oldest_s = self._passed[0][0] if self._passed else now_s - _MINUTE_S
            reset_ms = math.ceil((oldest_s + _MINUTE_S - now_s) * 1000)
            headers[f"x-ratelimit-limit-{what}"] = str(-1 if limit is None else limit)
            headers[f"x-ratelimit-remaining-{what}"] = str(-1 if limit is None else max(0, limit - used))
            headers[f"x-ratelimit-reset-{what}"] = str(-1 if limit is None else reset_ms)
        return headers

    def _wait_for_tokens(self, now_s: float, tokens: int, limit: int) -> float:
        left = self._tokens
        if left + tokens <= limit:
            return 0.0
        for at_s, spent in self._passed:
            left -= spent
            if left + tokens <= limit:
                return at_s + _MINUTE_S - now_s
        return _MINUTE_S

    def _forget(self, now_s: float) -> None:
        while self._passed and self._passed[0][0] <= now_s - _MINUTE_S:
            self._tokens -= self._passed.popleft()[1]
        while self._recent and self._recent[0] <= now_s - _BURST_S:
            self._recent.popleft()


def _burst(requests_per_min: int) -> int:
    return math.ceil(requests_per_min * _BURST_S / _MINUTE_S)


NO_QUOTA_HEADERS = QuotaMeter().headers(0.0, None, None)
"""What the service says where it tells no quota: -1 throughout."""
