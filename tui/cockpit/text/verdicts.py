"""The screen of verdicts as lines: one canary, its criteria, its plan, and what quality is judged by."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from tui.base.text import plain
from tui.cockpit.text import format as fmt
from tui.cockpit.text._banner_deployments import dead_said
from tui.cockpit.text.business import business_lines, decision_lines
from tui.cockpit.text.help import ASSUMPTIONS
from tui.cockpit.text.line import Line, Tone, hanging
from tui.cockpit.text.plan import plan_lines
from tui.cockpit.text.verdict_rows import BELOW, FIGURES, RowKey, chosen_row, facts, rows_of, table_lines
from tui.cockpit.text.verdict_words import TONES, WORDS, label, overall, value
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.text.wrapping import wrapped
from tui.cockpit.ui_state import View, canaries
from tui.model import JudgeView, QualityView, Verdict

_NOTE: Final = 160
_EXPLAINED: Final = 400
_SAID: Final = 600
_UNIT: Final = 8
_NAME: Final = 40


def shown_canary(view: View) -> str | None:
    """The canary whose verdicts are shown: the chosen row where it is one, else the first that has verdicts."""
    names = canaries(view.live)
    if view.ui.selected in names:
        return view.ui.selected
    return next((name for name in names if view.live.verdicts.get(name)), next(iter(names), None))


def verdict_lines(
    view: View, width: int, *, plan_first: bool = False, chosen: RowKey | None = None
) -> tuple[Line, ...]:
    """Everything that the verdict screen says of the canary in view, ``width`` cells wide."""
    name = shown_canary(view)
    if name is None:
        return (Line("this rollout has no canary: there is nothing to judge", "dim"),)
    ladder = [
        line
        for plan in view.live.plans
        for line in plan_lines(plan, plain(view.short(plan.canary), _NAME), view.ui.keys, width, view.ui.age_s)
    ]
    table = (
        *_head(view, name, width),
        *decision_lines(view, name, width),
        *table_lines(view, name, width, chosen),
    )
    judged = [table, business_lines(view, name, width), quality_lines(view, width)]
    blocks = [ladder, *judged] if plan_first else [*judged, ladder]
    blocks.append(_assumptions(width))
    lines: list[Line] = []
    for block in blocks:
        if block:
            lines += [*([Line("")] if lines else []), *block]
    return tuple(lines)


def explained_lines(
    view: View, width: int, chosen: RowKey | None, most: int, *, whole: bool
) -> tuple[Line, ...]:
    """What the chosen row rests on, in plain words: at most ``most`` rows of it, or the ``whole`` with every
    figure. Empty where nothing is judged."""
    name = shown_canary(view)
    verdict = None if name is None else chosen_row(rows_of(view, name), chosen)
    if name is None or verdict is None:
        return ()
    sentence = _sentence(view, name, verdict)
    if not whole:
        return _cut(hanging(f"{label(verdict)}  ", sentence, width), most, width)
    key = view.ui.keys["explain"]
    unit = f" {plain(verdict.unit, _UNIT)}" if verdict.unit else ""
    both = ((name, verdict.canary_value), (view.live.baseline, verdict.baseline_value))
    figures = [
        f"{plain(view.short(n), _NAME)} {value(x, verdict.unit)}{unit}" for n, x in both if x is not None
    ]
    figures += facts((*FIGURES, *BELOW[:1]), view, name, verdict)
    note = plain(verdict.note, _NOTE)
    return (
        Line(f"{label(verdict)} {WORDS[verdict.state]}   {key} closes it", "title"),
        *(Line(row) for row in wrapped(sentence, width)),
        *([] if note in ("", sentence) else hanging("note     ", note, width)),
        *hanging("figures  ", ", ".join(figures), width),
    )


def _sentence(view: View, name: str, verdict: Verdict) -> str:
    """The evidence in one sentence, with the names as they are shown elsewhere; where there is none, why."""
    text = plain(verdict.explained, _EXPLAINED)
    for deployment in (name, view.live.baseline):
        text = text.replace(deployment, plain(view.short(deployment), _NAME))
    return text or plain(verdict.note, _NOTE) or "nothing is known of it yet"


def _cut(lines: Sequence[Line], most: int, width: int) -> tuple[Line, ...]:
    """The first ones, the last of them with a sign that there is more."""
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], Line(fmt.clip(f"{lines[most - 1].text} {lines[most].text.lstrip()}", width)))


def _head(view: View, name: str, width: int) -> list[Line]:
    live = view.live
    verdicts = live.verdicts.get(name, ())
    state = overall(verdicts)
    said = "not judged yet" if state is None else WORDS[state]
    short, base = (plain(view.short(n), _NAME) for n in (name, live.baseline))
    title = f"{said}   canary {short} {fmt.weight(asked_pct(live, name))}% against {base}"
    dead = dead_said(view)
    lines = [Line(f"BASELINE DEAD   {dead}", "alert")] if dead else []
    lines.append(Line(title, "title" if state is None or TONES[state] != "alert" else "alert"))
    if state is not None:
        stated = (
            f"an equal version is called WORSE in at most {live.alpha_pct:g}% of runs, all criteria together"
        )
        lines.append(Line(stated, "dim"))
    guard = live.guard
    mode = {"off": "off", "armed": "ARMED", "dry_run": "DRY RUN"}[guard.mode]
    on = f" on {plain(', '.join(guard.criteria), 120)}" if guard.criteria else ""
    if view.session == "live":
        # A record keeps what the guard said, not whether it was armed.
        lines.append(Line(f"guard {mode}{on}   {view.ui.keys['toggle_guard']} turns it {_other(guard.mode)}"))
    if guard.said:
        lines += hanging("guard said  ", plain(guard.said, _SAID), width, "warn")
    return lines


def _other(mode: str) -> str:
    return "on" if mode == "off" else "off"


def _assumptions(width: int) -> tuple[Line, ...]:
    return (
        Line("WHAT THE VERDICTS ASSUME", "title"),
        *(line for text in ASSUMPTIONS for line in hanging("· ", text, width, "dim")),
    )


_LABEL = 12
_TEXT = 240
_TASK = 60


def quality_lines(view: View, width: int) -> list[Line]:
    """Everything that is known of the quality room."""
    lines = [Line("QUALITY", "title")]
    if view.session == "replay":
        said = "a recording has none: the report has its pairs and scores"
        return [*lines, *_row("samples", said, width)]
    seen = view.live.quality
    lines += _row("samples", _samples(seen, view.ui.keys["samples"]), width)
    if seen.known:
        asked = ", ".join(f"{plain(task, _TASK)} {n:,}" for task, n in seen.known.items())
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
    lines = _row("judge", f"{plain(seen.judge_name, _TASK)}: {asked}", width, tone)
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
