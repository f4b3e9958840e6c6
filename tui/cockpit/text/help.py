"""The help screen as values: the keys out of the action table, and what every column means."""

from __future__ import annotations

from collections.abc import Mapping

from tui.cockpit.actions import ACTIONS, Session, allowed, belongs, help_of, keys_of
from tui.cockpit.text.format import fit
from tui.cockpit.text.line import Line, hanging
from tui.cockpit.text.table import COLUMNS
from tui.model import HISTORY_SPAN_S

ASSUMPTIONS: tuple[str, ...] = (
    "Which version gets a request is drawn at random for each one, with the weight in force at that moment. "
    "Nothing else is: the two sides need not be answered alike.",
    "Requests are compared with their neighbours: those assigned in the same moments, at the same weights, "
    "with prompts of a like size. What slows both versions down together is nobody's fault.",
    "Equal means equal at every moment. A deployment that wanders by itself for minutes looks like a worse "
    "one; a wider margin is the remedy.",
    "What was throttled, held back, spilled over, cancelled or sent while this machine was behind is no "
    "evidence of how a version answers. What was under way longer than its limit was slow, however it ended.",
    "What counts as slow is beyond the baseline's own quantile, frozen before the comparison begins.",
    "Tokens and cost are arithmetic means, compared from 300 answers on.",
)
"""What must hold for the verdicts to be right."""

MEANINGS: tuple[tuple[str, str], ...] = (
    *((column.term or column.title, column.meaning) for column in COLUMNS if column.meaning),
    (
        "VERDICT",
        "WORSE, OK or NOT YET against the baseline, right however often it is looked at. WORSE stays. OK needs "
        "every criterion. NOT YET says when the first one is expected to be decided: 20m-2h, or >20m where it "
        "may never be. No data is NOT YET. * is advisory: shown, moves nothing.",
    ),
    ("assumed", " ".join(ASSUMPTIONS)),
    (
        "glyphs",
        "● baseline  ▲ canary  ○ no weight  – no data  ! measured while our own sender was saturated. Dim "
        "figures are old.",
    ),
    (
        "plots",
        f"Every point covers the {HISTORY_SPAN_S} s before it. Vertical lines: dotted, weights were changed; "
        "heavy, a criterion turned WORSE; double, another version answers; thin, another backend of the same "
        "version. A tick on the upper edge is a criterion that turned OK, a triangle a value above the axis. "
        "Of latency P95 is the bright line of a version, P50 and P99 are the dim ones below and above it.",
    ),
)
"""Terms of the screen, each with what it means."""


_KEYS, _LABEL, _SHORT_LABEL, _FRICTION = 16, 22, 17, 22
_WIDE = 100
"""From this many cells on, friction has a column of its own; below, it stands behind the help."""


def help_lines(
    keymap: Mapping[str, str], width: int, *, read_only: bool, session: Session = "live"
) -> tuple[Line, ...]:
    """The actions of this kind of session, grouped as the table is, and the figures, ``width`` cells wide."""
    wide = width >= _WIDE
    label_cells = _LABEL if wide else _SHORT_LABEL
    lines: list[Line] = []
    group = ""
    for action in (a for a in ACTIONS if belongs(a, session)):
        if action.group != group:
            group = action.group
            title = fit(group.upper(), 2 + _KEYS + label_cells)
            lines += [Line(""), Line(title + "friction" if wide else title.rstrip(), "title")]
        off = not allowed(action, read_only=read_only, session=session)
        friction = "off: read-only" if off else action.friction
        head = f"  {_column(' '.join(keys_of(action, keymap)), _KEYS)}{_column(action.label, label_cells)}"
        text = help_of(action, session)
        if wide:
            head += _column(friction, _FRICTION)
        elif friction != "none":
            text += f" ({friction})" if off else f" (friction: {friction})"
        lines += hanging(head, text, width, "dim" if off else "")
    lines += [Line(""), Line("WHAT THE FIGURES MEAN", "title")]
    for term, meaning in MEANINGS:
        lines += hanging(f"  {fit(term, 13)}", meaning, width)
    return tuple(lines[1:])


def _column(text: str, cells: int) -> str:
    """Cut or padded so that the next column never touches it."""
    return fit(text, cells - 1) + " "
