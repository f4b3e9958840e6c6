"""Verdicts in words: the state and its glyph, the criterion that speaks for a canary, how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from tui.base.text import between, plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text.line import Tone
from tui.model import Eta, Verdict, VerdictState

WORDS: Final[Mapping[VerdictState, str]] = MappingProxyType(
    {VerdictState.WORSE: "✗ WORSE", VerdictState.OK: "✓ OK", VerdictState.NOT_YET: "… NOT YET"}
)
TONES: Final[Mapping[VerdictState, Tone]] = MappingProxyType(
    {VerdictState.WORSE: "alert", VerdictState.OK: "baseline", VerdictState.NOT_YET: "dim"}
)

_LABEL: Final = 24
_WHY: Final = 120


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
    """The criterion that is decided first, and when: at the known weight nearest to ``weight_pct``. What may
    never come is behind what will.

    None where no criterion that counts is open, or none can say how long it takes.
    """
    known = [
        (abs(eta.weight_pct - weight_pct), _finite(eta.seconds_high) is None, eta.seconds, i, verdict, eta)
        for i, verdict in enumerate(counting(verdicts))
        if verdict.state is VerdictState.NOT_YET
        for eta in verdict.etas
        if eta.is_known
    ]
    if not known:
        return None
    *_, verdict, eta = min(known, key=lambda item: item[:4])
    return verdict, eta


def higher_etas(verdict: Verdict, above_pct: float) -> tuple[Eta, ...]:
    """What the same verdict takes at weights above ``above_pct``, where known, the lowest first."""
    known = [eta for eta in verdict.etas if eta.weight_pct > above_pct and eta.is_known]
    return tuple(sorted(known, key=lambda eta: eta.weight_pct))


def takes(eta: Eta | None, *, words: bool = False) -> str:
    """How long until a verdict: ``20m-2h``, ``>20m``; in words ``20 min - 2 h``, ``over 20 min``; a dash where
    nothing can be said."""
    if eta is None or eta.seconds is None or not eta.is_known:
        return fmt.NO_DATA
    return between(eta.seconds, eta.seconds_high, words=words)


def why_no_eta(verdicts: Iterable[Verdict]) -> str:
    """``P95: calibrating 120/300``: what the first open criterion that counts says of itself."""
    for verdict in counting(verdicts):
        if verdict.state is VerdictState.NOT_YET and verdict.note:
            return f"{label(verdict)}: {plain(verdict.note, _WHY)}"
    return ""


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
    wait = f"{word} {takes(coming[1])}"
    return (f"{wait} at {fmt.weight(coming[1].weight_pct)}%", wait, word), tone


def wait_said(verdicts: Iterable[Verdict], weight_pct: float) -> tuple[str, ...]:
    """Time to the next verdict and the price of waiting for it, the longest text first.

    ``P95 in 11-19 min at 10%, 4-7 min at 25%; ~1,500 users' requests on the canary by then``. Where no time can
    be said, why.
    """
    judged = tuple(verdicts)
    coming = next_verdict(judged, weight_pct)
    if coming is None:
        why = why_no_eta(judged)
        return (f"no estimate yet, {why}", "no estimate yet") if why else ("no estimate yet",)
    verdict, eta = coming
    name, first = label(verdict), _at_weight(eta)
    more = [_at_weight(higher) for higher in higher_etas(verdict, eta.weight_pct)]
    times = ", ".join((first, *more[:2]))
    one_more = ", ".join((first, *more[:1]))
    shorter = (f"{name} in {one_more}", f"{name} in {first}", first)
    if eta.canary_requests is None:
        return (f"{name} in {times}", *shorter)
    price = f"~{eta.canary_requests:,} users' requests"
    return (
        f"{name} in {times}; {price} on the canary by then",
        f"{name} in {one_more}; {price} by then",
        *shorter,
    )


def _at_weight(eta: Eta) -> str:
    return f"{takes(eta, words=True)} at {fmt.weight(eta.weight_pct)}%"


def decision_said(verdicts: Iterable[Verdict], weight_pct: float) -> str:
    """Before a weight is set: ``P95 verdict in 4-7m, ~600 requests``, with the weight where it is another one.

    Empty where nothing is known.
    """
    coming = next_verdict(verdicts, weight_pct)
    if coming is None:
        return ""
    verdict, eta = coming
    other = "" if math.isclose(eta.weight_pct, weight_pct) else f" at {fmt.weight(eta.weight_pct)}%"
    price = "" if eta.canary_requests is None else f", ~{fmt.count(eta.canary_requests)} requests"
    return f"{label(verdict)} verdict in {takes(eta)}{other}{price}"


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
    return f"{finite:#.3g}".rstrip(".") if abs(finite) < 999.5 else fmt.count(finite)


_TEN_MS: Final = 99.5
"""Below it, as for one token, a millisecond is too coarse."""


def signed_pct(number: float | None) -> str:
    """``+63%``; a dash where it is not known or not finite."""
    finite = _finite(number)
    if finite is None:
        return fmt.NO_DATA
    return f"{finite:+.0f}%" if abs(finite) < 999.5 else ">+999%" if finite > 0 else "<-999%"


def interval(verdict: Verdict) -> str:
    """``+41…+88%``, ``≥+41%``, ``≤+10%``: between which differences the truth lies; a dash where all is."""
    low, high = _finite(verdict.difference_low_pct), _finite(verdict.difference_high_pct)
    low = None if low is not None and low <= _ALL_OPEN[0] else low
    high = None if high is not None and high >= _ALL_OPEN[1] else high
    if low is None or high is None:
        return fmt.NO_DATA if low is high else f"≤{signed_pct(high)}" if low is None else f"≥{signed_pct(low)}"
    return f"{signed_pct(low).removesuffix('%')}…{signed_pct(high)}"


_ALL_OPEN: Final = (-99.5, 999.5)
"""Differences at and beyond which an end of an interval says nothing."""


def share(progress: float) -> float:
    """Progress inside 0 to 1, whatever came; 0 for what is no number."""
    return min(max(progress, 0.0), 1.0) if not math.isnan(progress) else 0.0


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
