"""The two lines that are always in view: the worst state there is, its figure, and the key that helps now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tui.base.text import plain, span
from tui.cockpit.text import format as fmt
from tui.cockpit.text._banner_deployments import (
    Severity,
    State,
    dead_state,
    ending_tag,
    help_key,
    is_dead,
    version_states,
)
from tui.cockpit.text._banner_run import (
    ago,
    all_on_baseline,
    change_said,
    last_change,
    moments,
    replay_key,
    replay_said,
    since,
    split,
    task_rolled_back,
)
from tui.cockpit.text._banner_run import reading as reading_at
from tui.cockpit.text._banner_verdicts import (
    all_ok,
    exposed_in,
    gate_said,
    guard_said,
    not_yet_said,
    ok_said,
    plan_said,
    ramping,
    worse_key,
    worse_said,
)
from tui.cockpit.text.comparison import against_baseline
from tui.cockpit.text.weights import asked_pct
from tui.cockpit.ui_state import View, canaries, should_move
from tui.model import (
    ALL_TASKS,
    EventKind,
    RecordView,
    SenderView,
    Snapshot,
    TrafficState,
    VerdictState,
)
from tui.traffic.pause import every_words
from tui.traffic.sender import LATE_LIMIT_MS

_MORE_QUOTA = "less weight or a larger quota helps"


@dataclass(frozen=True, slots=True)
class Banner:
    """``state`` is the word of the worst state. ``parts`` of the first line are the states that hold, the
    split and the last change: where there is no room, the last gives way. ``right`` stands at its right
    end, the first that fits.
    ``figure`` and ``key`` are the second line; where there is no room, the longest of ``shorter`` that
    fits takes the figure's place.
    """

    state: str
    parts: tuple[str, ...]
    figure: str
    key: str
    right: tuple[str, ...]
    severity: Severity
    shorter: tuple[str, ...] = ()


def banner(view: View) -> Banner:
    """What the banner says. Every state that holds is named on the first line, the worst one first. That it is
    a replay comes before all of them: then they held once, and do not now."""
    states = list(_states(view)) or [_running(view)]
    worst, ui = states[0], view.ui
    tags, played = [state.tag for state in states], replay_said(view)
    if worst.word == "RUNNING" and (played or ramping(view)):
        # Both are ways of running.
        tags = []
    if (plan := plan_said(view)) and plan not in tags:
        tags.append(plan)
    if (ending := ending_tag(view)) != "":
        tags.append(ending)
    if played:
        tags.insert(0, played)
    elif ui.read_only:
        tags.append("READ-ONLY")
    of_task = "" if ui.task is None else f"task {plain(ui.task, 24)}"
    parts = tuple(part for part in ("  ".join(tags), of_task, *split(view), change_said(view)) if part)
    environment, rollout = plain(view.live.environment, 24), plain(view.live.rollout, 24)
    right: tuple[str, ...] = (f"{environment}/{rollout} {ui.window}", environment)
    if guard := guard_said(view):
        right = tuple(f"{guard}  {text}" for text in (*right, fmt.clip(environment, 10))) + right[1:]
    severity, key = worst.severity, worst.key
    if (ui.read_only or played) and key.startswith("press"):
        key = ""
    if played:
        right = moments(view)
        key = key if key and ui.frozen else replay_key(view)
        severity = "note" if severity == "calm" and not should_move(view.live) else severity
    if view.notice:
        return Banner(worst.word, parts, plain(view.notice, 300), "", right, severity)
    if reading := reading_at(view):
        return Banner(worst.word, parts, reading, "", right, severity)
    return Banner(worst.word, parts, worst.figure, key, right, severity, worst.shorter)


def _states(view: View) -> Iterator[State]:
    """Every state that holds, worst first; none is plain running."""
    if view.ui.gone:
        yield State("✗", "ENGINE GONE", "alarm", plain(view.ui.gone, 300), f"{view.ui.keys['quit']} leaves")
    else:
        yield from _stale(view)
    yield from dead_state(view)
    yield from _worse(view)
    yield from _record_error(view)
    yield from version_states(view)
    yield from _states_of_service(view)
    yield from _states_of_traffic(view)
    if view.live.also_running:
        yield State("▲", "NOT ALONE", "warn", plain(view.live.also_running, 200))
    ui = view.ui
    if (holder := view.in_control) is not None and not ui.read_only:
        who = (
            f"{plain(holder.name, 24)} ({plain(holder.where, 24)})" if holder.where else plain(holder.name, 24)
        )
        free = f"{ui.keys['roll_back']} and {ui.keys['lower']} act from here too"
        yield State(
            "○", "LOOKING ON", "note", f"{who} is in control; {free}", f"{ui.keys['take_over']} takes over"
        )
    if (gate := gate_said(view)) is not None:
        yield State("◇", plan_said(view).removeprefix("◇ "), "note", *gate)
    if ui.frozen is not None:
        held = ui.now_s - ui.frozen_since_s
        yield State(
            "❚❚",
            f"FROZEN {fmt.duration(held)}",
            "note",
            f"figures and plots stand still; {_goes_on(view)}",
            f"{ui.keys['freeze']} goes on, {ui.keys['crosshair_back']} reads values",
        )
    if (of_run := _state_of_run(view)) is not None:
        yield of_run


def _stale(view: View) -> Iterator[State]:
    if view.ui.stale:
        since = fmt.age(view.ui.age_s)
        why = f"no new figures for {since}: what is below is old"
        yield State("?", f"STALE {since}", "alarm", why, help_key(view))


def _worse(view: View) -> Iterator[State]:
    """The first canary that has traffic and is WORSE: it harms users now."""
    for name in exposed_in(view, VerdictState.WORSE)[:1]:
        figure, *shorter = worse_said(view, name)
        yield State("✗", "WORSE", "alarm", figure, worse_key(view, name), tuple(shorter))


def _record_error(view: View) -> Iterator[State]:
    live = view.live
    if live.record.error is not None:
        kept = f" ({fmt.counted(live.record.waiting, 'row')} held"
        kept += f", {live.record.dropped} lost)" if live.record.dropped else ")"
        cause = _cause(live.record)
        if view.session == "replay":
            kept = ", the rest cannot be shown"
        yield State("✗", "RECORD ERROR", "alarm", cause + kept, "the run goes on; free the disk", (cause,))


def _goes_on(view: View) -> str:
    return "weights, events and keys are live" if view.session == "live" else "the recording goes on"


def _cause(record: RecordView) -> str:
    """What stands behind the path in the text of the error, up to the remedy; the details have all of it."""
    error = record.error or ""
    said = error.partition(record.path)[2] if record.path and record.path in error else error
    return plain(said.lstrip(": ").partition("; ")[0], 90)


def _down(view: View, word: str, reasons: Mapping[str, str | None]) -> Iterator[State]:
    """The first deployment that has a reason, and the key that helps: away from a canary, else pause."""
    down = [(name, why) for name, why in reasons.items() if why is not None]
    if down:
        name, why = down[0]
        more = f" (and {len(down) - 1} more)" if len(down) > 1 else ""
        whole, brief = (f"{view.short(name)}{more}: {plain(why, most)}" for most in (200, 70))
        pause = f"press {view.ui.keys['pause_traffic']} to pause traffic"
        key = help_key(view) if name != view.live.baseline else pause
        yield State("✗", word, "alarm", whole, key, (brief,))


def _states_of_service(view: View) -> Iterator[State]:
    live = view.live
    # What was said already, of a dead baseline or of a version that is retired, is not said twice.
    said = {live.baseline} if is_dead(view) else set()
    others = {name: d for name, d in live.deployments.items() if name not in said}
    yield from _down(view, "UNREACHABLE", {name: d.unreachable for name, d in others.items()})
    failing = {name: None if d.retired else d.failing for name, d in others.items()}
    yield from _down(view, "FAILING", failing)
    yield from _quota_exhausted(view)
    if live.sender.saturated:
        yield _saturated(live.sender)
    yield from _throttled(view)


def _quota_exhausted(view: View) -> Iterator[State]:
    """The first deployment whose quota is used up, in the words of its service."""
    said = {name: d.quota_exhausted for name, d in view.live.deployments.items()}
    for state in _down(view, "QUOTA EXHAUSTED", said):
        away = (
            f"press {view.ui.keys['roll_back']} or " if view.ui.keys["roll_back"] in state.key.split() else ""
        )
        figure, *shorter = (
            f"{text.rstrip('.')}{more}"
            for text in (state.figure, *state.shorter)
            for more in (f"; {every_words()}, topped up it goes on by itself", f"; {every_words()}", "")
        )
        yield replace(state, figure=figure, key=f"{away}raise its quota", shorter=tuple(shorter))


def _throttled(view: View) -> Iterator[State]:
    """The deployment whose pause is the longest, as long as its service asked for."""
    pauses = {
        name: d.throttled_s
        for name, d in view.live.deployments.items()
        if d.throttled_s > 0 and d.quota_exhausted is None
    }
    if pauses:
        name = max(pauses, key=lambda name: pauses[name])
        deployment = view.live.deployments[name]
        rest = f"{view.short(name)} asks to wait {span(deployment.throttled_s)} more"
        figure, key = f"{rest}, {fmt.counted(deployment.held_back, 'request')} held back", _MORE_QUOTA
        tried_s = deployment.next_try_s
        if tried_s is not None and tried_s < deployment.throttled_s:
            figure, key = f"{figure}; {_MORE_QUOTA}", every_words()
        yield State("▲", "THROTTLED", "warn", figure, key, (rest,))


def _saturated(sender: SenderView) -> State:
    """The cause that holds comes first: no room for a further request, else our own lateness."""
    full, late_ms = sender.in_flight >= sender.max_in_flight, sender.late_p99_ms
    room = f"{sender.in_flight} of {sender.max_in_flight} in flight"
    skipped = f"{fmt.counted(sender.skipped, 'request')} skipped"
    late = f"our own sender {fmt.ms(late_ms)} ms late at P99"
    if sender.no_socket:
        causes = (plain(sender.no_socket, 120), skipped, room)
    elif full:
        causes = (room, skipped, late)
    elif late_ms is not None and late_ms > LATE_LIMIT_MS:
        causes = (late, skipped, room)
    else:
        causes = (skipped, room, late)
    return State("▲", "CLIENT SATURATED", "warn", ", ".join(causes),
                  "figures marked ! suffer: lower the rate", (causes[0],))  # fmt: skip


def _states_of_traffic(view: View) -> Iterator[State]:
    live, ui = view.live, view.ui
    if live.state is TrafficState.BUDGET_SPENT:
        budget = "" if live.budget_usd is None else f" of {live.budget_usd:.2f}"
        spent = f"{'~' if live.spent_estimated_usd > 0 else ''}{live.spent_usd:.2f}"
        yield State("■", "BUDGET SPENT", "warn", f"{spent}{budget} USD spent: no more is sent",
                     f"{ui.keys['export']} exports, {ui.keys['quit']} quits")  # fmt: skip
    elif live.state is TrafficState.ENDED:
        yield State("■", "ENDED", "note", f"the sources have no more requests; {live.sender.sent} were sent",
                     f"{ui.keys['export']} exports, {ui.keys['quit']} quits")  # fmt: skip
    elif live.state is TrafficState.STOPPED and view.session == "live":
        yield State("■", "STOPPED", "note", "the run is over", f"{ui.keys['quit']} quits")
    elif live.state is TrafficState.PAUSED:
        yield State("❚❚", "TRAFFIC PAUSED", "warn", "no request is started; those in flight end",
                     f"press {ui.keys['pause_traffic']} to continue")  # fmt: skip


def _state_of_run(view: View) -> State | None:
    """How far the run is; None for plain running. No judgement of a canary is among these."""
    live, ui = view.live, view.ui
    change = last_change(live)
    rolled_back = change if change is not None and change.kind is EventKind.ROLLED_BACK else None
    if rolled_back is not None and (of_task := task_rolled_back(view, rolled_back)) is not None:
        return State("◀", "ROLLED BACK", "note", *of_task)
    if rolled_back is not None and all_on_baseline(live):
        undo = f"press {ui.keys['undo']} twice to bring the weights back" if live.can_undo else ""
        to = f"all traffic to {view.short(live.baseline)} for {ago(view, rolled_back)}"
        return State("◀", "ROLLED BACK", "note", to + since(live), undo, (to,))
    if live.state is TrafficState.STARTING:
        return State("▷", "STARTING", "note", "opening connections", f"{ui.keys['help']} shows the keys")
    if not any(_requests(live, name) for name in live.deployments):
        return State("…", "NO DATA YET", "note", f"{live.sender.sent} sent, no answer so far",
                      f"{ui.keys['help']} shows the keys")  # fmt: skip
    return None


def _running(view: View) -> State:
    compared = _comparison(view), _comparison(view, brief=True)
    if all_ok(view):
        figure, *shorter = ok_said(view, *compared)
        return State("✓", "OK", "calm", figure, help_key(view), tuple(shorter))
    # Without a verdict no tick and no "fine": what is shown is a difference.
    figure, *shorter = not_yet_said(view, *compared)
    return State("▶", "RUNNING", "calm", figure, help_key(view), tuple(shorter))


def _requests(snapshot: Snapshot, name: str) -> int:
    figures = snapshot.deployments[name].figures.get("run", {}).get(ALL_TASKS)
    return figures.requests if figures is not None else 0


def _comparison(view: View, *, brief: bool = False) -> str:
    exposed = [name for name in canaries(view.picture) if asked_pct(view.live, name) > 0]
    compared = [(name, against_baseline(view.picture, name, view.ui.window)) for name in exposed]
    parts = [f"{view.short(name)} {c.text if brief else c.sentence}" for name, c in compared]
    return "  ·  ".join(parts[:3]) or f"all traffic to {view.short(view.live.baseline)}"
