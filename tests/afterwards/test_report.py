"""The hand-over record: complete in every format, and harmless whatever the service wrote."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest

from tests.support.recordings import (
    DEEDS,
    MAIL,
    NEW,
    OLD,
    CountingEvaluator,
    made_migration,
    made_run,
)
from tui.afterwards.plots import Series, svg_plot
from tui.afterwards.recording import Recording
from tui.afterwards.report import report
from tui.evaluation.evaluators import Evaluators


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording.open(made_run(tmp_path / "run.sqlite"))


def _evaluator(recording: Recording) -> CountingEvaluator:
    return CountingEvaluator(OLD, recording.canaries, recording.rollout.criteria)


def test_json_says_what_was_seen_and_decided(recording: Recording) -> None:
    files = report(recording, "json", _evaluator(recording))
    document = json.loads(files["report.json"])
    assert document["requests"] == "170"
    assert document["ended"] == "2026-01-02 14:01:00Z"
    old, new = document["What each deployment did"]
    assert (old["requests"], old["error %"], old["answers"]) == ("120", "0.00", "120")
    assert (new["requests"], new["error %"], new["errors by kind"]) == ("50", "60.00", "server_error 30")
    [criterion] = document["Criteria, judged again from the recorded outcomes"]
    assert criterion["verdict"] == "WORSE at 22 s"
    started, shifted, back = document["What was done, by whom and why"]
    assert started["weights before"] == "-"
    assert (shifted["actor"], shifted["reason"]) == ("ana", "looks well")
    assert shifted["weights after"] == f"{OLD} 50%, {NEW} 50%"
    assert back["event"] == "rolled back"


def test_what_was_throttled_stands_beside_the_errors(tmp_path: Path) -> None:
    path = made_run(tmp_path / "run.sqlite")
    with closing(sqlite3.connect(path)) as conn, conn:
        for kind, residue in (("rate_limited", 0), ("quota_exhausted", 1), ("client_saturated", 2)):
            conn.execute(
                "UPDATE outcomes SET kind = ? WHERE kind = 'server_error' AND seq % 5 = ?", (kind, residue)
            )
        conn.execute("UPDATE seconds SET throttled_pct = 20.0")
    files = report(Recording.open(path), "json")
    _, new = json.loads(files["report.json"])["What each deployment did"]
    kinds = (new["errors by kind"], new["throttled by kind"], new["never served"])
    counts = [dict(part.split() for part in kind.split(", ")) for kind in kinds]
    assert [set(count) for count in counts] == [
        {"server_error"},
        {"rate_limited", "quota_exhausted"},
        {"client_saturated"},
    ]
    errors, throttled, never = (sum(map(int, count.values())) for count in counts)
    assert errors + throttled + never == 30
    served = 50 - never
    assert new["error %"] == f"{100 * errors / served:.2f}"
    assert new["throttled %"] == f"{100 * throttled / served:.2f}"
    assert "throttled" in report(Recording.open(path), "md")["report-failures.svg"]


@pytest.fixture
def migration(tmp_path: Path) -> Recording:
    return Recording.open(made_migration(tmp_path / "run.sqlite"))


def _evaluators(recording: Recording) -> Evaluators:
    return Evaluators(OLD, recording.canaries, recording.rollout.criteria_by_task)


def test_the_decision_stands_in_the_report(migration: Recording) -> None:
    document = json.loads(report(migration, "json", _evaluators(migration))["report.json"])
    assert document["judge"] == "judge: gpt-5 2025-08-07"
    mail, deeds = document["What it costs or saves, and what quality it gives"]
    assert mail == {
        "task": MAIL,
        "canary": NEW,
        "cost and quality": "-90% cost (saves $72.00/day at 40,000 requests/day), 4.3 vs 4.5, OK",
        "$/1k baseline / canary": "2.0000 / 0.2000",
        "difference % [interval]": mail["difference % [interval]"],
        "USD a day": "-72.00",
        "requests a day": "40,000 requests/day",
        "answers of the canary": "100",
        "pairs": "quality 100 pairs",
    }
    # 200 requests in 99.6 s, up to the last score.
    assert deeds["cost and quality"] == (
        "-90% cost (saves $312/day at the run's own 173,494 requests/day), 3.0 vs 4.5, WORSE"
    )


def test_quality_has_its_rows_in_the_decision_table(migration: Recording) -> None:
    document = json.loads(report(migration, "json", _evaluators(migration))["report.json"])
    rows = document["Criteria, judged again from the recorded outcomes"]
    of = {row["criterion"]: row for row in rows}
    assert not any(name.startswith("default ") for name in of), "no request was of it"
    assert of[f"{MAIL} P95"]["difference % [interval]"] == "- [-, -]"
    mail, deeds = of[f"{MAIL} quality"], of[f"{DEEDS} quality"]
    assert (mail["verdict"][:2], mail["baseline"], mail["canary value"]) == ("OK", "4.5 of 5", "4.3 of 5")
    assert (deeds["verdict"][:5], deeds["canary value"]) == ("WORSE", "3 of 5")
    assert deeds["limit"] == "same or better"
    assert mail["requests baseline / canary, or pairs"] == "100 pairs"
    assert of[f"{MAIL} P50"]["note"] == "calibrating 99/300"
    errors = of[f"{MAIL} errors"]
    # What is in no whole block is no evidence.
    assert errors["requests baseline / canary, or pairs"] == "96 / 96"
    assert errors["what it rests on"].startswith("none of 192 neighbours failed")


def test_pairs_and_scores_of_people_are_counted_without_any_judge(migration: Recording) -> None:
    document = json.loads(report(migration, "json")["report.json"])
    deeds, mail = document["Items that both versions answered"]
    assert (mail["items"], mail["baseline"], mail["canary value"]) == ("100", "4.50 of 5", "4.30 of 5")
    assert mail["canary better / same / worse"] == "0 / 80 / 20"
    assert (deeds["task"], deeds["canary better / same / worse"]) == (DEEDS, "0 / 0 / 100")
    ana, ben = document["Scores by people"]
    assert (ana["who"], ana["answers scored"], ana["of them blind"], ana["taken back"]) == (
        "ana",
        "1",
        "1",
        "1",
    )
    assert ana["mean of 5 (answers)"] == f"{OLD} 4.00 (1)"
    assert (ben["answers scored"], ben["of them blind"]) == ("1", "0")
    assert ben["mean of 5 (answers)"] == f"{NEW} 3.00 (1)", "who scored last is who scored it"


@pytest.mark.parametrize("format_", ["md", "html"])
def test_the_decision_is_said_in_words_in_every_format(
    migration: Recording, format_: Literal["md", "html"]
) -> None:
    text = next(iter(report(migration, format_, _evaluators(migration)).values())).replace("\\", "")
    assert "-90% cost (saves $72.00/day at 40,000 requests/day), 4.3 vs 4.5, OK" in text
    assert "4.5 of 5" in text


def test_a_run_without_pairs_and_scores_says_so(recording: Recording) -> None:
    text = report(recording, "md", _evaluator(recording))["report.md"]
    assert "nobody scored an answer" in text
    assert "none: people score" in text
    assert "quality not compared" in text


def test_html_holds_its_plots_and_no_markup_of_others(recording: Recording) -> None:
    text = report(recording, "html", _evaluator(recording), name="handover")["handover.html"]
    assert text.count("<svg ") == 4
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text


def test_markdown_names_its_plots_and_no_markup_of_others(recording: Recording) -> None:
    files = report(recording, "md", _evaluator(recording))
    text = files["report.md"]
    assert list(files) == [
        "report.md",
        *(f"report-{n}.svg" for n in ("latency", "cost", "failures", "weights")),
    ]
    assert all(f"(<{name}>)" in text for name in files if name.endswith(".svg"))
    for markup in ("<script", "<b>", "[x](", "`a`", "https://"):
        assert markup.replace("[x](", " [x](") not in text
    rows = [line for line in text.splitlines() if "ana |" in line]
    assert len(rows) == 3
    assert {line.replace("\\|", "").count("|") for line in rows} == {8}
    for name, svg in files.items():
        if name.endswith(".svg"):
            ElementTree.fromstring(svg)


def test_a_report_without_a_judge_says_so(recording: Recording) -> None:
    assert "not judged" in report(recording, "md")["report.md"]


def test_a_plot_takes_any_numbers_and_any_text() -> None:
    nan, inf = float("nan"), float("inf")
    hostile = '"/><script>&'
    series = [
        Series(hostile, [(0.0, 1.0), (1.0, None), (2.0, nan), (3.0, 5e12), (nan, 2.0)]),
        Series("none", []),
        *(Series(f"v{n}", [(float(i), i % 7) for i in range(5000)], group=n) for n in range(8)),
    ]
    text = svg_plot(hostile, "ms", series, marks=[(1.0, hostile), (inf, "never")])
    root = ElementTree.fromstring(text)
    assert "<script" not in text
    assert "nan" not in text
    assert "inf" not in text
    assert len(text) < 100_000
    labels = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "v7" in labels
    assert "no data" in svg_plot("empty", "ms", [])


def test_latency_is_three_named_lines_a_version_one_of_them_bright(recording: Recording) -> None:
    root = ElementTree.fromstring(report(recording, "md")["report-latency.svg"])
    svg = "{http://www.w3.org/2000/svg}"
    lines = [e for e in root.iter(f"{svg}path") if e.get("stroke-linecap") == "round"]
    named = {str(e.findtext(f"{svg}title")): e for e in lines}
    assert len(named) == 6
    legend = {e.text for e in root.iter(f"{svg}text")}
    for version in (OLD, NEW):
        of_one = {label.split()[1]: label for label in named if label.startswith(version)}
        assert set(of_one) == {"P50", "P95", "P99"}
        assert all(label.split()[2].isdigit() and label in legend for label in of_one.values())
        assert [rank for rank, label in of_one.items() if named[label].get("stroke-opacity") is None] == ["P95"]
        assert len({named[label].get("stroke") for label in of_one.values()}) == 1


def test_the_legend_keeps_the_end_of_a_name_and_stays_inside_the_picture() -> None:
    series = [
        Series(f"{'x' * 64}{g} {rank} 1850", [(0.0, 1.0)], g)
        for g in range(4)
        for rank in ("P50", "P95", "P99")
    ]
    root = ElementTree.fromstring(svg_plot("Latency", "ms", series))
    texts = [e for e in root.iter("{http://www.w3.org/2000/svg}text") if e.text and "1850" in e.text]
    assert len({(e.get("x"), e.get("y")) for e in texts}) == 12
    assert all(
        (e.text or "").startswith("…x") and len(e.text or "") * 6 + float(e.get("x", 0)) <= 720 for e in texts
    )
    assert max(float(e.get("y", 0)) for e in texts) < float(root.get("height", 0)) - 150


def test_a_plot_keeps_its_peak() -> None:
    points = [(float(i), 100.0 if i == 1234 else 1.0) for i in range(3600)]
    assert "44.0" in svg_plot("peak", "ms", [Series("a", points)])
