"""What quality is judged by, as lines of the verdict screen: samples, known answers, the judge itself."""

from __future__ import annotations

import textwrap

from tui.base.text import plain
from tui.cockpit.line import Line, Tone
from tui.cockpit.ui_state import View
from tui.model import JudgeView, QualityView

_LABEL = 12
_TEXT = 240
_NAME = 60


def quality_lines(view: View, width: int) -> list[Line]:
    """Everything that is known of the quality room."""
    lines = [Line("QUALITY", "title")]
    if view.session == "replay":
        said = "a recording has none: the report has its pairs and scores"
        return [*lines, *_row("samples", said, width)]
    seen = view.live.quality
    lines += _row("samples", _samples(seen, view.ui.keys["samples"]), width)
    if seen.known:
        asked = ", ".join(f"{plain(task, _NAME)} {n:,}" for task, n in seen.known.items())
        lines += _row("known", f"items with a known answer asked: {asked}", width)
    if seen.judge is None:
        lines += _row("judge", f"no judge: people score ({view.ui.keys['samples']})", width)
    else:
        lines += _judge(seen, seen.judge, width)
    if seen.spent_usd or seen.judge is not None:
        lines += _row("cost", _cost(seen), width)
    return lines + (_row("agreement", plain(seen.agreement, _TEXT), width) if seen.agreement else [])


def _samples(seen: QualityView, key: str) -> str:
    said = f"{seen.samples:,} kept ({key} lists them)"
    if seen.judge is not None:
        said += f", {seen.waiting:,} wait for the judge"
    return said + (f", {seen.not_judged:,} given up: it was too slow" if seen.not_judged else "")


def _judge(seen: QualityView, judge: JudgeView, width: int) -> list[Line]:
    """Its name, then a line for each thing that may speak against it."""
    asked = plain(judge.text, _TEXT) or "nothing was asked yet"
    tone: Tone = "alert" if judge.failing else ""
    lines = _row("judge", f"{plain(seen.judge_name, _NAME)}: {asked}", width, tone)
    for text, speaks_against in (
        (judge.position.text, judge.position.biased),
        (judge.anchors.text, judge.anchors.drifted),
    ):
        if text:
            lines += _row("", plain(text, _TEXT), width, "warn" if speaks_against else "dim")
    return lines


def _cost(seen: QualityView) -> str:
    about = "~" if seen.estimated_usd > 0 else ""
    asked = f"{about}${seen.spent_usd:.4f} for second and known answers, of the budget of the traffic"
    if seen.judge is None:
        return asked
    budget = "no budget" if seen.judge_budget_usd is None else f"of ${seen.judge_budget_usd:.2f}"
    over = seen.judge_budget_usd is not None and seen.judge_usd >= seen.judge_budget_usd
    spent = ", SPENT: no more scores" if over else ""
    about = "~" if seen.judge_estimated_usd > 0 else ""
    return f"judge {about}${seen.judge_usd:.4f} {budget}{spent}; {asked}"


def _row(label: str, text: str, width: int, tone: Tone = "") -> list[Line]:
    pieces = textwrap.wrap(text, max(width - _LABEL, 20)) or [""]
    return [Line(f"{label if i == 0 else '':<{_LABEL}}{p}", tone) for i, p in enumerate(pieces)]
