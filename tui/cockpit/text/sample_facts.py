"""What stands under the answers of a sample: figures, filters, grade, the judge's score and reason, people's
scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from textual.content import Content

from tui.base.text import plain
from tui.cockpit.scoring import LETTERS, Scored, Scoring, can_be_scored
from tui.cockpit.text import format as fmt
from tui.cockpit.text.sample_page import beside, column_width
from tui.cockpit.text.samples import answer_state, score_said
from tui.cockpit.text.wrapping import wrapped
from tui.cockpit.ui_state import View
from tui.model import ANSWERED, TIE, Answer, HumanScore, Mark, Sample

_REASON_ROWS = 2
_NOTE_CHARS = 200
_SHORT, _SHORT_NOTE = 100, 12
"""What fits beside the other facts, however narrow the screen, need not be said twice."""

_Item = tuple[str, str]
"""A fact and its style."""


def title(view: View, answer: Answer, side: int, *, hidden: bool) -> Content:
    """The line above an answer. The version is named only where it may be seen."""
    chosen = view.ui.samples.side == side
    name = f"answer {LETTERS[side]}"
    if not hidden:
        role = (
            view.live.deployments[answer.deployment].role if answer.deployment in view.live.deployments else ""
        )
        name += f"  {plain(answer.deployment, 60)}" + (f" ({role})" if role else "")
    return Content.assemble((f"{'❯' if chosen else ' '} {name}", "bold $baseline" if chosen else "$baseline"))


def fact_lines(
    view: View, sample: Sample, answers: Sequence[Answer], scoring: Scoring, width: int, *, hidden: bool
) -> list[Content]:
    """The facts in ``width`` cells: of two answers always side by side, whatever the width."""
    two = len(answers) > 1
    cells = column_width(width) if two else width
    columns = [_packed(_facts(sample, answer, scoring, hidden=hidden), cells) for answer in answers]
    lines: list[Content] = []
    for at in range(max((len(column) for column in columns), default=0)):
        pieces = [column[at] if at < len(column) else Content("") for column in columns]
        lines.append(beside(pieces[0], pieces[1], cells) if two else pieces[0])
    return [*lines, *_judge_lines(view, sample, answers, width, hidden=hidden)]


def remarks(sample: Sample, answers: Sequence[Answer], scoring: Scoring, *, hidden: bool) -> list[str]:
    """What people and the judge wrote, whole: under the answers it may have been cut."""
    said = []
    if sample.judged is not None and len(sample.judged.reason) > _SHORT and not hidden:
        said.append(f"judge: {sample.judged.reason}")
    for side, answer in enumerate(answers):
        human = sample.human.get(answer.deployment)
        note = human.note if human is not None else scoring.notes.get(Scored(sample.id, answer.deployment))
        if note and len(note) > _SHORT_NOTE:
            said.append(f"note to {LETTERS[side]}: {note}")
    return said


def key_line(view: View, sample: Sample, answers: Sequence[Answer], *, hidden: bool) -> str:
    """What the keys do to this sample."""
    keys = view.ui.keys
    answer = answers[min(view.ui.samples.side, len(answers) - 1)] if answers else None
    parts = []
    if view.ui.read_only:
        parts.append("read-only: nothing is scored here")
    elif answer is not None and can_be_scored(answer):
        letter = f" {LETTERS[answers.index(answer)]}" if len(answers) > 1 else ""
        parts.append(f"{keys['score_1']}-{keys['score_5']} score answer{letter}")
        parts += [f"{keys['skip_sample']} skip", f"{keys['unscore']} take back", f"{keys['note_score']} note"]
    if len(answers) > 1:
        parts.append(f"{keys['answer_a']} {keys['answer_b']} A or B")
    if hidden or not view.ui.samples.blind:
        parts.append(f"{keys['reveal']} {'reveal' if hidden else 'hide again'}")
    return "   ".join(parts)


def _facts(sample: Sample, answer: Answer, scoring: Scoring, *, hidden: bool) -> Iterator[_Item]:
    if not hidden:
        yield from _figures(answer)
    rank, state = answer_state(answer)
    style = "bold $breach" if rank == 0 else "$canary" if rank < 4 else ""
    if answer.finish_reason and answer.kind in ANSWERED:
        state += f", finish {plain(answer.finish_reason, 30)}"
    # The text of an error names the deployment.
    yield (f"{state}: {plain(answer.error, 120)}" if answer.error and not hidden else state), style
    hits = {"blocked": answer.filters.blocked, "detected": answer.filters.annotated,
            "low": answer.filters.below_threshold}  # fmt: skip
    for word, categories in hits.items():
        if categories:
            yield f"{word} {plain(', '.join(categories), 120)}", "$canary" if word == "blocked" else "$axis"
    if answer.filters.unfiltered:
        yield "not filtered: the filter failed", "$canary"
    if answer.grade is not None and answer.grade.mark is not Mark.FOR_JUDGE:
        took = f"took {plain(answer.grade.answer, 40)}: " if answer.grade.answer else ""
        yield f"{answer.grade.mark.value} ({took}{plain(answer.grade.why, 80)})", ""
    if sample.judged is not None and not hidden and answer.deployment in sample.judged.scores:
        yield f"judge {score_said(sample.judged.scores[answer.deployment])}", "bold"
    yield from _human(sample, answer, scoring)


def _figures(answer: Answer) -> Iterator[_Item]:
    if answer.latency_ms is not None:
        yield f"{fmt.ms(answer.latency_ms)} ms", ""
    if answer.ttft_ms is not None:
        yield f"TTFT {fmt.ms(answer.ttft_ms)} ms", ""
    if answer.answer_ttft_ms is not None and answer.answer_ttft_ms != answer.ttft_ms:
        yield f"first of answer {fmt.ms(answer.answer_ttft_ms)} ms", ""
    if (usage := answer.usage) is not None:
        more = {"cached": usage.cached_tokens, "reasoning": usage.reasoning_tokens}
        said = ", ".join(f"{n} {word}" for word, n in more.items() if n)
        yield f"{usage.prompt_tokens}+{usage.completion_tokens} tokens" + (f" ({said})" if said else ""), ""
    elif answer.kind in ANSWERED:
        yield f"{fmt.UNKNOWN} tokens", ""
    if answer.cost_usd is not None:
        yield f"{'~' if answer.cost_estimated else ''}${answer.cost_usd:.6f}", ""
    if answer.served_model:
        yield f"served {plain(answer.served_model, 60)}", "$axis"


def _human(sample: Sample, answer: Answer, scoring: Scoring) -> Iterator[_Item]:
    if not can_be_scored(answer):
        return
    value = scoring.value(sample, answer.deployment)
    note = scoring.notes.get(Scored(sample.id, answer.deployment), "")
    if value is None:
        yield "not scored", "$axis"
        if note:
            yield f"note for it: {plain(note, _NOTE_CHARS)}", "$axis"
        return
    human = sample.human.get(answer.deployment)
    if human is None or human.value != value:
        yield f"score {value}, being written", "bold"
        return
    yield f"score {value} by {_who(human)}", "bold"


def _who(human: HumanScore) -> str:
    said = f"{plain(human.by, 40)}, {'blind' if human.blind else 'not blind'}"
    return f"{said}: {plain(human.note, _NOTE_CHARS)}" if human.note else said


def _judge_lines(
    view: View, sample: Sample, answers: Sequence[Answer], width: int, *, hidden: bool
) -> Iterator[Content]:
    if hidden:
        what = "version, figures and judge are" if sample.judged is not None else "version and figures are"
        yield Content(fmt.clip(f"{what} hidden until it is scored", width)).stylize("$axis")
        return
    judged = sample.judged
    if judged is None:
        return
    if judged.failed:
        text = f"the judge gave no score: {plain(judged.failed, 300)}"
    else:
        sides: Mapping[str, str] = {a.deployment: LETTERS[i] for i, a in enumerate(answers)}
        better = "neither is better" if judged.better == TIE else f"{sides.get(judged.better, '?')} is better"
        first = f" (it read {sides[judged.first]} first)" if judged.first in sides else ""
        text = f"judge: {better}{first}: {plain(judged.reason, 2000)}"
    rows = wrapped(text, width)
    for row in rows[:_REASON_ROWS]:
        last = row is rows[_REASON_ROWS - 1] if len(rows) > _REASON_ROWS else False
        yield Content(fmt.fit(f"{row}…", width).rstrip() if last else row)


def _packed(items: Iterator[_Item], width: int) -> list[Content]:
    """Facts in lines, as many in each as fit."""
    lines: list[list[_Item]] = []
    used = 0
    for text, style in items:
        cells = cell_len(text) + 2
        if not lines or used + cells > width + 2:
            lines.append([])
            used = 0
        lines[-1].append((fmt.clip(text, width), style))
        used += cells
    return [Content("  ").join(Content(text).stylize(style) for text, style in line) for line in lines]
