"""Verdicts in words: the state and its glyph, the criterion that speaks for a canary, how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from tui.cockpit import format as fmt
from tui.model import Eta, Verdict, VerdictState
from tui.text import plain

Tone = Literal["", "dim", "alert", "baseline"]

WORDS: Final[Mapping[VerdictState, str]] = MappingProxyType(
    {VerdictState.WORSE: "✗ WORSE", VerdictState.OK: "✓ OK", VerdictState.NOT_YET: "… NOT YET"}
)
TONES: Final[Mapping[VerdictState, Tone]] = MappingProxyType(
    {VerdictState.WORSE: "alert", VerdictState.OK: "baseline", VerdictState.NOT_YET: "dim"}
)

_LABEL: Final = 24
_SIZES: Final = ((86_400, "d", "days"), (3_600, "h", "h"), (60, "m", "min"), (1, "s", "s"))
_FEWEST_OF_UNIT: Final = 2


def counting(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Those that may move something: advisory ones are only shown."""
    return tuple(verdict for verdict in verdicts if not verdict.advisory)


def overall(verdicts: Iterable[Verdict]) -> VerdictState | None:
    """WORSE where one criterion is, OK where every one is, else NOT YET; None where none counts.

    Of several tasks those in which nothing was asked yet have nothing to say.
    """
    found = tuple(counting(verdicts))
    asked = {verdict.task for verdict in found if verdict.canary_requests or verdict.baseline_requests}
    states = {verdict.state for verdict in found if verdict.task in asked or not asked}
    if not states:
        return None
    if VerdictState.WORSE in states:
        return VerdictState.WORSE
    return VerdictState.OK if states == {VerdictState.OK} else VerdictState.NOT_YET


def worse(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The WORSE criteria that count, the greatest difference first."""
    found = [verdict for verdict in counting(verdicts) if verdict.state is VerdictState.WORSE]
    return tuple(sorted(found, key=lambda v: -(_finite(v.difference_pct) or 0.0)))


def next_verdict(verdicts: Iterable[Verdict], weight_pct: float) -> tuple[Verdict, Eta] | None:
    """The criterion that is decided first, and when: at the known weight nearest to ``weight_pct``.

    None where no criterion that counts is open, or none can say how long it takes.
    """
    known = [
        (abs(eta.weight_pct - weight_pct), seconds, i, verdict, eta)
        for i, verdict in enumerate(counting(verdicts))
        if verdict.state is VerdictState.NOT_YET
        for eta in verdict.etas
        if (seconds := _finite(eta.seconds)) is not None
    ]
    if not known:
        return None
    *_, verdict, eta = min(known, key=lambda item: item[:3])
    return verdict, eta


def higher_etas(verdict: Verdict, above_pct: float) -> tuple[Eta, ...]:
    """What the same verdict takes at weights above ``above_pct``, where known, the lowest first."""
    known = [eta for eta in verdict.etas if eta.weight_pct > above_pct and _finite(eta.seconds) is not None]
    return tuple(sorted(known, key=lambda eta: eta.weight_pct))


def cell_texts(verdicts: Iterable[Verdict], weight_pct: float) -> tuple[tuple[str, ...], Tone] | None:
    """What the VERDICT column says, the longest text first, and its tone; None where nothing is judged."""
    judged = tuple(verdicts)
    state = overall(judged)
    if state is None:
        return None
    word, tone = WORDS[state], TONES[state]
    if state is VerdictState.WORSE:
        first = worse(judged)[0]
        name, change = label(first), signed_pct(first.difference_pct)
        if change == fmt.NO_DATA:
            return (f"{word} {name}", word), tone
        return (f"{word} {name} {change}", f"{word} {name}", f"{word} {change}", word), tone
    coming = next_verdict(judged, weight_pct) if state is VerdictState.NOT_YET else None
    if coming is None:
        return (word,), tone
    wait = f"{word} {about(coming[1].seconds)}"
    return (f"{wait} at {fmt.weight(coming[1].weight_pct)}%", wait, word), tone


def wait_said(verdicts: Iterable[Verdict], weight_pct: float) -> tuple[str, ...]:
    """Time to the next verdict and the price of waiting for it, the longest text first.

    ``P95 about 11 min at 10%, 4 min at 25%; ~1,500 users' requests on the canary by then``
    """
    coming = next_verdict(verdicts, weight_pct)
    if coming is None:
        return ("no estimate yet",)
    verdict, eta = coming
    name, first = label(verdict), f"{about(eta.seconds, words=True)} at {fmt.weight(eta.weight_pct)}%"
    more = [
        f"{about(e.seconds, words=True)} at {fmt.weight(e.weight_pct)}%"
        for e in higher_etas(verdict, eta.weight_pct)
    ]
    times = ", ".join((first, *more[:2]))
    one_more = ", ".join((first, *more[:1]))
    shorter = (f"{name} ~{one_more}", f"{name} ~{first}", f"~{first}")
    if eta.canary_requests is None:
        return (f"{name} about {times}", *shorter)
    price = f"~{eta.canary_requests:,} users' requests"
    return (
        f"{name} about {times}; {price} on the canary by then",
        f"{name} about {one_more}; {price} by then",
        *shorter,
    )


def decision_said(verdicts: Iterable[Verdict], weight_pct: float) -> str:
    """Before a weight is set: ``P95 verdict ~4m, ~600 requests``, with the weight where it is another one.

    Empty where nothing is known.
    """
    coming = next_verdict(verdicts, weight_pct)
    if coming is None:
        return ""
    verdict, eta = coming
    other = "" if math.isclose(eta.weight_pct, weight_pct) else f" at {fmt.weight(eta.weight_pct)}%"
    price = "" if eta.canary_requests is None else f", ~{fmt.count(eta.canary_requests)} requests"
    return f"{label(verdict)} verdict ~{about(eta.seconds)}{other}{price}"


# --- numbers ------------------------------------------------------------------------------------


def label(verdict: Verdict) -> str:
    """The criterion, with its task where several are looked at."""
    return f"{plain(verdict.task, 40)} {criterion(verdict)}".lstrip()


def criterion(verdict: Verdict) -> str:
    return plain(verdict.label, _LABEL)


def limit(verdict: Verdict) -> str:
    return plain(verdict.limit, _LABEL)


def value(number: float | None, unit: str) -> str:
    """A value without its unit, in the decimals that the table has for it."""
    finite = _finite(number)
    if finite is None:
        return fmt.NO_DATA
    if unit in ("$", "USD", "usd"):
        return fmt.usd(finite)
    if unit == "%":
        return fmt.pct(finite)
    if unit == "ms" and abs(finite) >= _TEN_MS:
        return fmt.ms(finite)
    return f"{finite:.3g}" if abs(finite) < 999.5 else fmt.count(finite)


_TEN_MS: Final = 99.5
"""Below it, as for one token, a millisecond is too coarse."""


def signed_pct(number: float | None) -> str:
    """``+63%``; a dash where it is not known or not finite."""
    finite = _finite(number)
    if finite is None:
        return fmt.NO_DATA
    return f"{finite:+.0f}%" if abs(finite) < 999.5 else ">+999%" if finite > 0 else "<-999%"


def interval(verdict: Verdict) -> str:
    """``+41…+88%``: between which differences the truth lies; a dash where it is not finite."""
    low, high = signed_pct(verdict.difference_low_pct), signed_pct(verdict.difference_high_pct)
    if low == high == fmt.NO_DATA:
        return fmt.NO_DATA
    return f"{low.removesuffix('%')}…{high}"


def share(progress: float) -> float:
    """Progress inside 0 to 1, whatever came; 0 for what is no number."""
    return min(max(progress, 0.0), 1.0) if not math.isnan(progress) else 0.0


def about(seconds: float | None, *, words: bool = False) -> str:
    """How long in one unit, never less than it is: ``45s``, ``11m``, ``3h``; in words ``11 min``."""
    finite = _finite(seconds)
    if finite is None:
        return fmt.NO_DATA
    for size, letter, word in _SIZES:
        if finite >= _FEWEST_OF_UNIT * size or size == 1:
            number = math.ceil(max(finite, 0.0) / size)
            return f"{number} {word}" if words else f"{number}{letter}"
    return fmt.NO_DATA


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
