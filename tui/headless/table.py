"""The verdicts of a run in plain text: a table for each canary, and what is WORSE in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.base.text import between, plain
from tui.evaluation.verdict_text import evidence_line, interval, label, value
from tui.model import Snapshot, Verdict, VerdictState

_HEAD = ("verdict", "baseline", "canary", "diff", "interval", "limit", "n canary/baseline", "note")
_WORDS = {VerdictState.WORSE: "WORSE", VerdictState.OK: "OK", VerdictState.NOT_YET: "NOT YET"}
_EXPLAINED = 400
_NOTE = 120
_LIMIT = 24


def verdict_table(snapshot: Snapshot) -> Iterator[str]:
    """Line by line: what was compared, or never can be, a row a criterion; ``*`` marks what moves nothing."""
    for canary, verdicts in snapshot.verdicts.items():
        shown = [v for v in verdicts if v.never or (v.canary_requests and v.baseline_requests)]
        if shown:
            yield ""
            yield from _lines([(f"{canary} against {snapshot.baseline}", *_HEAD), *map(_row, shown)])
            if any(v.advisory for v in shown):
                yield "* advisory: moves neither guard nor plan by itself"


def worse(snapshot: Snapshot) -> tuple[str, ...]:
    """What is WORSE, and what that rests on; advisory criteria are left out."""
    return tuple(
        "; ".join(filter(None, (f"{canary} is WORSE: {evidence_line(v)}", plain(v.explained, _EXPLAINED))))
        for canary, verdicts in snapshot.verdicts.items()
        for v in verdicts
        if v.state is VerdictState.WORSE and not v.advisory
    )


def _row(v: Verdict) -> tuple[str, ...]:
    percent = v.difference_pct
    return (
        label(v) + ("*" if v.advisory else ""),
        _WORDS[v.state],
        value(v.baseline_value, v.unit),
        value(v.canary_value, v.unit),
        "-" if percent is None else f"{percent:+.0f}%",
        interval(v) or "-",
        plain(v.limit, _LIMIT),
        f"{v.canary_requests:,}/{v.baseline_requests:,}",
        plain(v.note, _NOTE) or _to_decide(v),
    )


def _to_decide(v: Verdict) -> str:
    """At the weight in force, which stands first."""
    eta = next((eta for eta in v.etas if eta.is_known), None)
    if eta is None or eta.seconds is None:
        return ""
    return f"to decide {between(eta.seconds, eta.seconds_high, words=True)}"


def _lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, *cells in rows:
        *numbers, note = cells
        beside = (cell.rjust(width) for cell, width in zip(numbers, widths, strict=False))
        yield "  ".join([name.ljust(first), *beside, note]).rstrip()
