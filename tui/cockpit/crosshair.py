"""The values under the crosshair, in the words of the banner."""

from __future__ import annotations

from tui.cockpit import format as fmt
from tui.cockpit.ui_state import View


def reading(view: View) -> str:
    """The values under the crosshair, canaries first: P50/P95/P99, cost per 1,000, filter and error rate, and
    what was throttled."""
    back = view.ui.crosshair_s
    if back is None or view.ui.frozen is None or not view.ui.frozen.history:
        return ""
    history = view.ui.frozen.history
    wanted = history[-1].at_s - back
    second = min(history, key=lambda s: abs(s.at_s - wanted))
    at = f"-{fmt.duration(history[-1].at_s - second.at_s)}"
    measured = [(name, f) for name, f in second.figures.items() if f.requests > 0]
    # The line is cut at its right end.
    measured.sort(key=lambda item: item[0] == view.live.baseline)
    parts = [
        f"{view.short(name)} {fmt.ms(f.p50_ms)}/{fmt.ms(f.p95_ms)}/{fmt.ms(f.p99_ms)}"
        f" ${fmt.usd(f.cost_per_1k_usd)} filt {fmt.pct(f.filter_pct)} err {fmt.pct(f.error_pct)}"
        + (f" thr {fmt.pct(f.throttled_pct)}" if f.throttled_pct else "")
        for name, f in measured
    ]
    return f"{at} P50/P95/P99 {' │ '.join(parts)}" if parts else f"{at} nothing was measured then"
