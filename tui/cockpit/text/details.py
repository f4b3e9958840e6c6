"""Everything measured of one deployment, as lines of plain text: the content of the details screen."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from operator import attrgetter

from tui.base.text import plain, span
from tui.cockpit.text import format as fmt
from tui.cockpit.text import verdict_words as words
from tui.cockpit.text.line import Line, Tone
from tui.cockpit.text.pins import change_lines, pin_line, served_lines, status_lines
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View
from tui.model import ALL_TASKS, WINDOWS_S, DeploymentView, Figures, Quantiles, VerdictState
from tui.traffic.pause import every_words

_EMPTY = Figures(span_s=0.0)
_LABEL = len("last answer ")


def details_lines(view: View, name: str, width: int) -> tuple[Line, ...]:
    """All windows side by side, all tasks pooled and then each task where there are several.

    ``width`` is how many cells there are; below 80 the last windows are cut off.
    """
    deployment = view.picture.deployments.get(name)
    if deployment is None:
        return (Line(f"{plain(name, 80)} is not part of this rollout any more", "warn"),)
    lines = [*_head(view, name, deployment, width)]
    tasks = sorted({task for tasks in deployment.figures.values() for task in tasks if task != ALL_TASKS})
    lines += change_lines(deployment)
    lines += _block("all tasks", deployment, ALL_TASKS, width)
    if len(tasks) > 1:
        for task in tasks:
            lines += _block(f"task {plain(task, 60)}", deployment, task, width)
    version = [Line(""), Line("pin and end of its version", "title")]
    version += status_lines(deployment.status, view.live.at.date(), width)
    return (*lines, *_verdicts(view, name), *version, *_sources(view))


def _verdicts(view: View, name: str) -> list[Line]:
    """One line a criterion: verdict, values, difference, limit, and how many requests it rests on."""
    verdicts = view.live.verdicts.get(name, ())
    lines = (
        [Line(""), Line(f"verdicts ({view.ui.keys['verdicts']} has the evidence)", "title")] if verdicts else []
    )
    for v in verdicts:
        measured = f"{words.value(v.canary_value, v.unit)} vs {words.value(v.baseline_value, v.unit)} {v.unit}"
        said = f"  {fmt.fit(words.WORDS[v.state], 9)} {fmt.fit(words.label(v), 15)} {fmt.fit(measured, 20)} "
        said += f"{words.signed_pct(v.difference_pct):>7}  limit {words.limit(v)}  n={v.canary_requests:,}"
        worse = v.state is VerdictState.WORSE and not v.advisory
        lines.append(Line(said + ("  advisory" if v.advisory else ""), "alert" if worse else ""))
    return lines


def _head(view: View, name: str, deployment: DeploymentView, width: int) -> list[Line]:
    d = deployment.deployment
    lines = [
        Line(f"{plain(name, 80)}   {deployment.role}", "title"),
        Line(f"asked for   {plain(d.model, 60)} {plain(d.version, 40)}   endpoint {plain(d.endpoint, 60)}"),
        *([] if d.id is None else [Line(f"by the id   {plain(d.id, 80)}")]),
        *served_lines(deployment, width),
        *pin_line(deployment.status, view.live.at.date(), width),
        *_price(view, deployment, width),
        Line(
            f"weight      {fmt.weight(asked_pct(view.live, name))}%   in flight {deployment.in_flight}   "
            f"held back {fmt.counted(deployment.held_back, 'request')}   {_task_weights(view, name)}".rstrip()
        ),
    ]
    if deployment.quota is not None:
        q = deployment.quota
        lines.append(
            Line(
                f"quota left  requests {_of(q.remaining_requests, q.limit_requests)}"
                f"   tokens {_of(q.remaining_tokens, q.limit_tokens)}"
            )
        )
    else:
        lines.append(Line("quota left  the service said nothing", "dim"))
    lines += _pause(deployment, width)
    if deployment.unreachable is not None:
        lines.append(Line(f"unreachable {plain(deployment.unreachable, 160)}", "alert"))
    if deployment.failing is not None:
        lines.append(Line(f"failing     {plain(deployment.failing, 160)}", "alert"))
    if deployment.last_answer_s is None:
        lines.append(Line("last answer none so far", "dim"))
    else:
        since = view.picture.at_s - deployment.last_answer_s
        lines.append(Line(f"last answer {fmt.age(since)} ago"))
    if deployment.last_error is not None:
        at_s = deployment.last_error_s
        age = "" if at_s is None else f"{fmt.age(view.picture.at_s - at_s)} ago: "
        lines += _wrapped(f"last error  {age}{plain(deployment.last_error, 200)}", width, "warn")
    return lines


def _pause(deployment: DeploymentView, width: int) -> list[Line]:
    """What the service said of waiting, and when a request is sent again."""
    lines, next_s = [], deployment.next_try_s
    again = "" if next_s is None else f"; the next request is sent in {fmt.duration(next_s)}"
    if deployment.quota_exhausted is not None:
        said = f"quota       EXHAUSTED: {plain(deployment.quota_exhausted, 300).rstrip('.')}; {every_words()}"
        lines += _wrapped(said + again, width, "alert")
    if deployment.throttled_s > 0:
        left = f"throttled   its service asks to wait {span(deployment.throttled_s)} more"
        tried = next_s is not None and next_s < deployment.throttled_s
        lines += _wrapped(left + (f"; {every_words()}{again}" if tried else ""), width, "warn")
    return lines


def _price(view: View, deployment: DeploymentView, width: int) -> list[Line]:
    price = deployment.deployment.price
    if deployment.deployment.provisioned:
        return [Line("price       n/a: provisioned capacity has no price per token")]
    if price is None and view.session == "replay":
        return [Line("price       not recorded: what each request cost is")]
    if price is None:
        return [Line("price       ? unknown: give `price` in the rollout file")]
    cached = "no discount" if price.cached_input_usd is None else f"{price.cached_input_usd:g}"
    numbers = f"{price.input_usd:g} in, {cached} cached in, {price.output_usd:g} out USD per 1M tokens"
    when = "" if price.as_of is None else f"as of {price.as_of}, "
    return [
        Line(f"price       {numbers}"),
        *_wrapped(f"  source    {when}{plain(price.source, 300)}", width, "dim"),
    ]


def _wrapped(text: str, width: int, tone: Tone) -> list[Line]:
    """Further lines stand below the value, behind the label."""
    pieces = textwrap.wrap(text[_LABEL:], max(width - _LABEL, 20))
    return [Line((text[:_LABEL] if i == 0 else " " * _LABEL) + p, tone) for i, p in enumerate(pieces)]


def _task_weights(view: View, name: str) -> str:
    shares = {task: table.get(name, 0.0) for task, table in view.live.weights.items()}
    return "  ".join(f"{plain(t, 40)} {fmt.weight(p)}%" for t, p in shares.items()) if len(shares) > 1 else ""


def _of(left: int | None, limit: int | None) -> str:
    if left is None and limit is None:
        return fmt.NO_DATA
    shown = fmt.NO_DATA if left is None else f"{left:,}"
    return shown if limit is None else f"{shown} of {limit:,}"


def _block(title: str, deployment: DeploymentView, task: str, width: int) -> list[Line]:
    label_cells = 25 if width < 100 else 36
    cells = min(max((width - label_cells - 7) // len(WINDOWS_S), 9), 16)
    columns = {w: deployment.figures.get(w, {}).get(task, _EMPTY) for w in WINDOWS_S}
    head = fmt.fit(title, label_cells) + fmt.fit("", 7)
    lines = [Line(""), Line(head + "".join(_marked(w, cells) for w in columns), "title")]

    def row(label: str, unit: str, value: Callable[[Figures], str], tone: Tone = "") -> None:
        values = "".join(_marked(value(figures), cells) for figures in columns.values())
        lines.append(Line(fmt.fit("  " + label, label_cells - 1) + " " + fmt.fit(unit, 7) + values, tone))

    row("time covered", "", lambda f: fmt.duration(f.span_s) if f.span_s else fmt.NO_DATA)
    row("finished requests", "n", lambda f: f"{f.requests:,}")
    row("assigned", "n", lambda f: f"{f.assigned:,}")
    row("assigned share", "%", lambda f: fmt.pct(f.assigned_share_pct))
    row("rate", "req/s", lambda f: fmt.rate(f.rate_rps) if f.span_s else fmt.NO_DATA)
    for label, unit, quantiles in _QUANTILES:
        if label == _OF_ANSWER and all(f.answer_ttft_ms in (None, f.ttft_ms) for f in columns.values()):
            some = any(f.answer_ttft_ms is not None for f in columns.values())
            said = "  same as first token" if some else f"  {fmt.NO_DATA}"
            lines.append(Line(fmt.fit(f"  {label}", label_cells) + fmt.fit(unit, 7) + said, "dim"))
            continue
        for rank in ("p50", "p95", "p99"):
            row(f"{label} {rank.upper()}", unit, _quantile(quantiles, rank))
            row("  with 95% confidence", "", _interval(quantiles, rank), "dim")
        row(f"{label}, values", "n", _quantile(quantiles, "count"), "dim")
    for label, attribute in _TOKENS:
        row(f"{label} per answer", "tokens", _per_answer(attribute))
    row("answers with counts", "n", lambda f: f"{f.answers_with_usage:,}", "dim")
    if any(f.answers_without_usage for f in columns.values()):
        row("without counts", "n", lambda f: f"{f.answers_without_usage:,}", "warn")
    row("cost per 1k requests", "USD", lambda f: _money(deployment, f, f.cost_per_1k_usd))
    row("cost so far", "USD", lambda f: _money(deployment, f, f.cost_usd))
    row("of it estimated", "USD", lambda f: fmt.usd(f.estimated_usd) if f.priced else fmt.NO_DATA, "dim")
    row("requests with a price", "n", lambda f: f"{f.priced:,}", "dim")
    row("filtered", "%", lambda f: fmt.pct(f.filter_pct))
    for label, counted in _FILTERS:
        row(label, "n", counted)
    row("errors", "%", lambda f: fmt.pct(f.error_pct))
    row("throttled", "%", lambda f: fmt.pct(f.throttled_pct))
    for kind in _present(columns, lambda f: {k.value: n for k, n in f.kinds.items()}):
        row(f"ended {kind.replace('_', ' ')}", "n", lambda f, k=kind: str(_kind(f, k)))  # type: ignore[misc]
    row("sender was saturated", "n", lambda f: f"{f.saturated:,}")
    if any(f.reconnected for f in columns.values()):
        row("reconnected, sent anew", "n", lambda f: f"{f.reconnected:,}")
    row("spillover to another", "n", lambda f: f"{f.spillovers:,}")
    for heading, counts in _COUNTED:
        for key in _present(columns, counts):
            row(f"{heading} {plain(key, 60)}", "n", lambda f, k=key, c=counts: f"{c(f).get(k, 0):,}")  # type: ignore[misc]
    return lines


def _marked(text: str, cells: int) -> str:
    """Right-aligned in ``cells``; the last cell is for the mark ``~``, so that it moves no digit."""
    number = text.removesuffix("~")
    return fmt.fit(number, cells - 1, right=True) + fmt.fit(text[len(number) :], 1)


_OF_ANSWER = "first of answer"
_PER_TOKEN: Callable[[Figures], Quantiles | None] = attrgetter("ms_per_output_token")
_QUANTILES: tuple[tuple[str, str, Callable[[Figures], Quantiles | None]], ...] = (
    ("latency", "ms", lambda f: f.latency_ms),
    ("first token", "ms", lambda f: f.ttft_ms),
    (_OF_ANSWER, "ms", lambda f: f.answer_ttft_ms),
    ("per token", "ms", _PER_TOKEN),
)
_TOKENS = (
    ("prompt", "prompt_tokens"),
    ("cached", "cached_tokens"),
    ("completion", "completion_tokens"),
    ("reasoning", "reasoning_tokens"),
)
_FILTERS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("prompt blocked", lambda f: f"{f.prompt_blocked:,}"),
    ("completion blocked", lambda f: f"{f.completion_blocked:,}"),
    ("annotated, let through", lambda f: f"{f.annotated:,}"),
    ("below threshold", lambda f: f"{f.below_threshold:,}"),
    ("filter itself failed", lambda f: f"{f.unfiltered:,}"),
)
_COUNTED: tuple[tuple[str, Callable[[Figures], Mapping[str, int]]], ...] = (
    ("filter", lambda f: f.filter_categories),
    ("served", lambda f: f.served_models),
)


def _quantile(of: Callable[[Figures], Quantiles | None], name: str) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        quantiles = of(figures)
        if quantiles is None:
            unknown = figures.ttft_ms is not None and figures.answers_without_usage
            return fmt.UNKNOWN if unknown and of is _PER_TOKEN else fmt.NO_DATA
        if name == "count":
            return f"{quantiles.count:,}"
        value: float = getattr(quantiles, name)
        return f"{value:.1f}" if value < 100 else f"{value:,.0f}"

    return text


def _interval(of: Callable[[Figures], Quantiles | None], rank: str) -> Callable[[Figures], str]:
    """``-4…+6%``: how far the true quantile may lie from the one shown; a dash while it may lie anywhere."""

    def text(figures: Figures) -> str:
        quantiles = of(figures)
        within = None if quantiles is None else getattr(quantiles, f"{rank}_interval")
        if within is None:
            return fmt.NO_DATA
        low, high = (100 * (edge / getattr(quantiles, rank) - 1) for edge in within)
        return f"{low:+.0f}…{high:+.0f}%"

    return text


def _per_answer(attribute: str) -> Callable[[Figures], str]:
    def text(figures: Figures) -> str:
        n = figures.answers_with_usage
        if not n:
            return fmt.UNKNOWN if figures.answers_without_usage else fmt.NO_DATA
        return f"{getattr(figures, attribute) / n:,.1f}"

    return text


def _money(deployment: DeploymentView, figures: Figures, value: float | None) -> str:
    if deployment.deployment.provisioned:
        return "n/a"
    if figures.requests and not figures.priced and deployment.deployment.price is None:
        return fmt.UNKNOWN
    return fmt.usd(value) + ("~" if value is not None and figures.estimated_usd > 0 else "")


def _kind(figures: Figures, kind: str) -> int:
    return next((n for k, n in figures.kinds.items() if k.value == kind), 0)


def _present(columns: Mapping[str, Figures], counts: Callable[[Figures], Mapping[str, int]]) -> list[str]:
    """Keys that occur in any window, the most frequent first."""
    total: dict[str, int] = {}
    for figures in columns.values():
        for key, n in counts(figures).items():
            total[key] = total.get(key, 0) + n
    return sorted((k for k, n in total.items() if n), key=lambda k: (-total[k], k))[:40]


def _sources(view: View) -> list[Line]:
    lines = [Line(""), Line("sources of requests (all deployments)", "title")]
    for source in view.picture.sources:
        kind = f"{source.kind} {plain(source.format or '', 30)}".strip()
        state = ", ended" if source.ended else ""
        lines.append(Line(f"  {plain(source.name, 60)}  {kind}  {source.given:,} given{state}"))
        if source.bad_lines:
            why = plain(source.last_bad or "", 160)
            lines.append(Line(f"    {source.bad_lines:,} bad lines, the last: {why}", "warn"))
        if source.error is not None:
            lines.append(Line(f"    {plain(source.error, 160)}", "alert"))
    if not view.picture.sources:
        lines.append(Line("  none so far", "dim"))
    sender, record = view.picture.sender, view.picture.record
    lines += [
        Line(""),
        Line("sender and record", "title"),
        Line(
            f"  {sender.offered_rps:.1f} req/s offered, {sender.sent:,} sent, {sender.skipped:,} skipped, "
            f"{sender.in_flight} of {sender.max_in_flight} in flight, late P99 {fmt.ms(sender.late_p99_ms)} ms"
        ),
        Line(f"  record {plain(record.path or 'none', 120)}"),
        *([] if record.error is None else [Line(f"  {plain(record.error, 300)}", "alert")]),
        Line(
            f"  spent {view.picture.spent_usd:.3f} USD, of it estimated {view.picture.spent_estimated_usd:.3f}"
            + (f"; {view.picture.reserved_usd:.3f} reserved" if view.picture.reserved_usd > 0 else "")
        ),
    ]
    return lines
