"""The hand-over record: complete in every format, and harmless whatever the service wrote."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.recordings import NEW, OLD, CountingJudge, made_run
from tui.afterwards.recording import Recording
from tui.afterwards.report import report
from tui.afterwards.svg_plot import Series, svg_plot


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording.open(made_run(tmp_path / "run.sqlite"))


def _judge(recording: Recording) -> CountingJudge:
    return CountingJudge(OLD, recording.canaries, recording.rollout.criteria)


def test_json_says_what_was_seen_and_decided(recording: Recording) -> None:
    files = report(recording, "json", _judge(recording))
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


def test_html_holds_its_plots_and_no_markup_of_others(recording: Recording) -> None:
    text = report(recording, "html", _judge(recording), name="handover")["handover.html"]
    assert text.count("<svg ") == 4
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text


def test_markdown_names_its_plots_and_no_markup_of_others(recording: Recording) -> None:
    files = report(recording, "md", _judge(recording))
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
        *(Series(f"v{n}", [(float(i), i % 7) for i in range(5000)]) for n in range(8)),
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


def test_a_plot_keeps_its_peak() -> None:
    points = [(float(i), 100.0 if i == 1234 else 1.0) for i in range(3600)]
    assert "44.0" in svg_plot("peak", "ms", [Series("a", points)])
