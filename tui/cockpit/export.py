"""What the screen shows, as files: the picture (SVG), figures and verdicts (CSV), the whole state (JSON)."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from tui.base.written_files import write_private
from tui.model import Figures, Snapshot, Verdict

_VERDICTS = ".verdicts.csv"

_COLUMNS = (
    "deployment", "role", "window", "task", "seconds", "requests", "assigned", "share_pct", "rate_rps",
    "p50_ms", "p95_ms", "p99_ms", "ttft_p50_ms", "ttft_p95_ms", "ttft_p99_ms",
    "answer_ttft_p50_ms", "answer_ttft_p95_ms", "answer_ttft_p99_ms", "tokens_per_request",
    "answers_with_usage", "answers_without_usage",
    "cost_per_1k_usd", "cost_usd", "estimated_usd", "filter_pct", "error_pct", "throttled_pct", "saturated",
)  # fmt: skip


def write_export(folder: Path, snapshot: Snapshot, svg: str) -> tuple[Path, ...]:
    """Writes files named after the run and the instant, with one more once there are verdicts, for their owner
    alone; an existing file is never overwritten.

    Raises:
        OSError: The folder or a file cannot be written; the error names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = re.sub(r"[^A-Za-z0-9_-]+", "-", snapshot.run_id)[:60]
    stem = _free_stem(folder, f"{run}-{snapshot.at:%Y%m%dT%H%M%SZ}")
    texts = {".svg": svg, ".csv": figures_csv(snapshot), ".json": state_json(snapshot)}
    if snapshot.verdicts:
        texts[_VERDICTS] = verdicts_csv(snapshot)
    written = []
    for suffix, text in texts.items():
        path = folder / f"{stem}{suffix}"
        write_private(path, text, new=True)
        written.append(path)
    return tuple(written)


def figures_csv(snapshot: Snapshot) -> str:
    """One line per deployment, window and task; an empty cell is no data."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for name, view in snapshot.deployments.items():
        for window, tasks in view.figures.items():
            for task, figures in tasks.items():
                writer.writerow((name, view.role, window, task, *_cells(figures)))
    return out.getvalue()


def verdicts_csv(snapshot: Snapshot) -> str:
    """One line per canary and criterion; an empty cell is not known, or not finite yet."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = [field.name for field in fields(Verdict) if field.name != "etas"]
    writer.writerow(("deployment", *names, "eta_weight_pct", "eta_s", "eta_high_s", "eta_canary_requests"))
    for deployment, verdicts in snapshot.verdicts.items():
        for verdict in verdicts:
            eta = verdict.etas[0] if verdict.etas else None
            soonest = (
                (eta.weight_pct, eta.seconds, eta.seconds_high, eta.canary_requests) if eta else (None,) * 4
            )
            cells = (_jsonable(v) for v in (*(getattr(verdict, name) for name in names), *soonest))
            writer.writerow((deployment, *("" if cell is None else cell for cell in cells)))
    return out.getvalue()


def state_json(snapshot: Snapshot) -> str:
    """Every field of the snapshot; numbers that are not finite become null."""
    return json.dumps(_jsonable(snapshot), indent=1, ensure_ascii=False)


def _cells(f: Figures) -> tuple[object, ...]:
    latency, ttft, answer = f.latency_ms, f.ttft_ms, f.answer_ttft_ms
    values = (
        f.span_s, f.requests, f.assigned, f.assigned_share_pct, f.rate_rps,
        latency and latency.p50, latency and latency.p95, latency and latency.p99,
        ttft and ttft.p50, ttft and ttft.p95, ttft and ttft.p99,
        answer and answer.p50, answer and answer.p95, answer and answer.p99, f.tokens_per_request,
        f.answers_with_usage, f.answers_without_usage,
        f.cost_per_1k_usd, f.cost_usd, f.estimated_usd, f.filter_pct, f.error_pct, f.throttled_pct, f.saturated,
    )  # fmt: skip
    return tuple(round(v, 6) if isinstance(v, float) else "" if v is None else v for v in values)


def _free_stem(folder: Path, stem: str) -> str:
    candidate, number = stem, 1
    while any((folder / f"{candidate}{suffix}").exists() for suffix in (".svg", ".csv", ".json", _VERDICTS)):
        number += 1
        candidate = f"{stem}-{number}"
    return candidate


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _jsonable(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
