"""Rows of text from hostile numbers, and the process that draws them."""

from __future__ import annotations

import itertools
import math
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.plot_process import dying_once
from tui.cockpit.palette import rgb
from tui.cockpit.plots import drawing
from tui.cockpit.plots.process import InlineRenderer, ProcessRenderer, RenderFailed
from tui.cockpit.plots.spec import PlotSpec, Point, Series

CODE = re.compile(r"\x1b\[([0-9;]*)m")


def spec(*points: Point, marker: str = "braille", dim: bool = False, **changes: object) -> PlotSpec:
    series = Series("v1", "baseline", dim, marker, points)
    values: dict[str, object] = {"series": (series,), "x_min": -100.0, "x_max": 0.0, "y_max": 10.0} | changes
    return PlotSpec(**values)  # type: ignore[arg-type]


def text(rows: list[str]) -> list[str]:
    return [CODE.sub("", row) for row in rows]


def canvas(rows: list[str]) -> list[str]:
    """The cells right of the y axis and above the x axis."""
    return [re.split("[│┤├┼]", row, maxsplit=1)[1] for row in text(rows)[:-2]]


def colour_code(colour: str, dim: bool = False) -> str:
    return "\x1b[38;2;{};{};{}m".format(*rgb(colour, dim))


@pytest.mark.parametrize("size", [(16, 4), (58, 12), (120, 36), (700, 9), (40, 250)])
def test_rows_have_exactly_the_size_asked_for(size: tuple[int, int]) -> None:
    rows = drawing.rows(spec((-50, 5), (0, 7)), *size)
    assert [len(row) for row in text(rows)] == [size[0]] * size[1]


@pytest.mark.parametrize("size", [(15, 20), (80, 3), (0, 0), (-3, 5), (5, -3)])
def test_too_small_for_a_plot_is_blank(size: tuple[int, int]) -> None:
    width, height = max(size[0], 0), max(size[1], 0)
    assert drawing.rows(spec((-50, 5)), *size) == [" " * width] * height


def test_codes_are_foregrounds_and_resets_only() -> None:
    rows = drawing.rows(spec((-50, 5), (0, 30), limit=4.0, marks=((-20.0, "shift"),), cursor_x=-10.0), 60, 14)
    codes = {code for row in rows for code in CODE.findall(row)}
    assert all(code == "0" or re.fullmatch(r"38;2;\d+;\d+;\d+", code) for code in codes)
    assert all(row.endswith("\x1b[0m") or "\x1b" not in row for row in rows)


def test_axes_are_there_without_data_and_claim_no_scale() -> None:
    empty = PlotSpec((), -300.0, 0.0, x_ticks=((-300.0, "-5m"), (0.0, "now")), unit="$")
    rows = text(drawing.rows(empty, 60, 10))
    assert rows[-1].split() == ["-5m", "now"]
    assert not any("$" in row for row in rows)
    assert all(not cells.strip() for cells in canvas(drawing.rows(empty, 60, 10)))


def test_a_gap_is_a_gap() -> None:
    flat = [(float(x), 5.0) for x in range(-100, 1)]
    holed = [(x, None if -60 < x < -40 else y) for x, y in flat]
    whole, broken = canvas(drawing.rows(spec(*flat), 60, 10)), canvas(drawing.rows(spec(*holed), 60, 10))
    drawn = max(whole, key=lambda cells: len(cells.replace(" ", "")))
    split = max(broken, key=lambda cells: len(cells.replace(" ", "")))
    assert len(drawn.split()) == 1
    assert len(split.split()) == 2


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_a_gap_too(hole: float) -> None:
    points = [(-100.0, 5.0), (-70.0, 5.0), (-50.0, hole), (-30.0, 5.0), (0.0, 5.0)]
    as_gap = [(x, None if y == hole or y != y else y) for x, y in points]
    assert drawing.rows(spec(*points), 60, 10) == drawing.rows(spec(*as_gap), 60, 10)


def test_a_spike_of_one_point_in_thousands_survives() -> None:
    calm = [(-100 + i / 100, 1.0) for i in range(10_000)]
    spiked = [(x, 9.9 if i == 4321 else y) for i, (x, y) in enumerate(calm)]
    assert not canvas(drawing.rows(spec(*calm), 60, 13))[0].strip()
    assert canvas(drawing.rows(spec(*spiked), 60, 13))[0].strip()


def test_a_step_stays_where_it_happened() -> None:
    points = [(float(x), 8.0 if x < -50 else 2.0) for x in range(-100, 1)]
    rows = canvas(drawing.rows(spec(*points, marker="*"), 106, 12))
    high = next(cells for cells in rows if "*" in cells)
    low = next(cells for cells in reversed(rows) if "*" in cells)
    assert abs(len(high.rstrip()) - (len(low) - len(low.lstrip()))) <= 2


def test_values_over_the_limit_are_marked_on_the_edge_in_their_colour() -> None:
    top_row = drawing.rows(spec((-50, 5), (-20, 5000), (0, 5)), 60, 10)[0]
    assert "▲" in top_row
    assert colour_code("baseline") in top_row
    assert "^" in drawing.rows(spec((-50, 5), (-20, 5000), (0, 5), marker="*"), 60, 10)[0]


def test_the_scale_holds_most_values_and_is_round() -> None:
    points = [(-100 + i / 10, 90.0 + i % 7) for i in range(999)] + [(0.0, 1e9)]
    rows = text(drawing.rows(spec(*points, y_max=None), 60, 12))
    labels = [row.split("┤")[0].strip() for row in rows if "┤" in row]
    assert labels == ["100", "50", "0"]
    assert "▲" in rows[0]


@pytest.mark.parametrize("height", range(7, 40))
def test_ticks_stand_on_rows_at_equal_distances(height: int) -> None:
    x_ticks = ((-100.0, "-5m"), (0.0, "now"))
    rows = text(drawing.rows(spec((-50, 5), y_max=100.0, x_ticks=x_ticks), 60, height))
    at = [i for i, row in enumerate(rows) if "┤" in row]
    assert at[0] <= 1
    assert at[-1] == height - 3
    assert len({lower - upper for upper, lower in itertools.pairwise(at)}) == 1


def test_the_scale_follows_a_limit_that_is_near() -> None:
    def scale(limit: float) -> str:
        return text(drawing.rows(spec((-50, 70.0), (0, 79.0), y_max=None, limit=limit), 60, 13))[0].strip()

    assert scale(99.0).startswith("100")
    assert scale(9900.0).startswith("80")


@pytest.mark.parametrize(
    ("unit", "top", "label"),
    [("$", 0.4, "$0.4"), ("%", 100.0, "100%"), ("ms", 2000.0, "2k"), ("ms", 3e9, "3G")],
)
def test_labels_carry_the_unit(unit: str, top: float, label: str) -> None:
    assert text(drawing.rows(spec((-1, 0), unit=unit, y_max=top), 60, 13))[0].strip().startswith(label)


def test_marks_limit_and_cursor_are_drawn_and_dropped_outside() -> None:
    inside = "".join(drawing.rows(spec(marks=((-50.0, "shift"),), limit=5.0, cursor_x=-20.0), 60, 12))
    outside = "".join(
        drawing.rows(
            spec(marks=((-500.0, "shift"), (math.nan, "worse")), limit=50.0, cursor_x=math.inf), 60, 12
        )
    )
    for code in (colour_code("info", dim=True), colour_code("breach"), colour_code("bright")):
        assert code in inside
        assert code not in outside


def test_versions_and_percentiles_differ_without_colour() -> None:
    flat = tuple((float(x), 5.0) for x in range(-100, 1))
    styles = [
        ("braille", False),
        ("braille", True),
        ("dashes", True),
        ("hd", False),
        ("•", False),
        ("*", False),
    ]
    pictures = {"\n".join(text(drawing.rows(spec(*flat, marker=m, dim=d), 60, 10))) for m, d in styles}
    assert len(pictures) == len(styles)


FUZZ = """
import math, random, resource
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from tui.cockpit.plots import drawing
from tui.cockpit.plots.spec import PlotSpec, Series
rng = random.Random(20)
ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-320, 1e308, -1e308, 1e16, 1e16 + 2, 5e-324, -1.0, 1e5, 1e6]
KINDS = ["shift", "worse", "version", "backend"]
def number():
    pick = rng.random()
    return rng.choice(ODD) if pick < 0.3 else rng.uniform(-400, 50) if pick < 0.8 else rng.lognormvariate(0, 30)
def maybe(): return None if rng.random() < 0.3 else number()
def point(): return (number(), maybe())
def series():
    marker = rng.choice(["braille", "hd", "dashes", "*", "", "\\x1b", "\\n", " ", "heart", "字", "\\ud800"])
    return Series("x", rng.choice(["baseline", "nope"]), rng.random() < 0.5, marker,
                  tuple(point() for _ in range(rng.choice([0, 1, 2, 3, 20, 150]))))
for case in range(2000):
    fine = rng.random() < 0.5
    spec = PlotSpec(tuple(series() for _ in range(rng.randrange(4))),
                    -300.0 if fine else number(), 0.0 if fine else number(), number(), maybe(),
                    tuple((number(), rng.choice(["now", "", "\\x1b[31m", "字字", "x" * 99])) for _ in range(3)),
                    tuple((number(), rng.choice(KINDS)) for _ in range(rng.randrange(3))),
                    maybe(), maybe(), rng.choice("$%s"), tuple((number(), "✓") for _ in range(2)))
    width, height = rng.choice([(16, 4), (17, 5), (58, 12), (rng.randrange(0, 130), rng.randrange(0, 40))])
    rows = drawing.rows(spec, width, height)
    assert len(rows) == height, (case, spec)
    for row in rows:
        cells = drawing._CODE.sub("", row)
        assert len(cells) == width and cells.isprintable() and "字" not in cells, (case, row, spec)
print("survived")
"""


def test_two_thousand_hostile_plots_end_neither_the_process_nor_its_memory() -> None:
    done = subprocess.run([sys.executable, "-c", FUZZ], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "survived\n", done.stderr[-2000:]
    assert done.returncode == 0


# --- the plot process ---------------------------------------------------------------------------

SMALL = spec((-50, 5), (0, 7))


def test_the_child_draws_what_is_drawn_inline() -> None:
    renderer = ProcessRenderer()
    try:
        drawn = renderer.submit(SMALL, 60, 12).result(timeout=30)
    finally:
        renderer.close()
    assert drawn == InlineRenderer().submit(SMALL, 60, 12).result()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_child_that_dies_costs_one_frame(tmp_path: Path, number: signal.Signals) -> None:
    renderer = ProcessRenderer(command=dying_once(tmp_path, number))
    try:
        first = renderer.pid
        with pytest.raises(RenderFailed, match=signal.strsignal(number)):
            renderer.submit(SMALL, 60, 12).result(timeout=30)
        assert len(renderer.submit(SMALL, 60, 12).result(timeout=30)) == 12
        assert renderer.pid != first
    finally:
        renderer.close()


def test_a_child_that_dies_idle_costs_nothing() -> None:
    renderer = ProcessRenderer()
    try:
        os.kill(renderer.pid, signal.SIGKILL)
        os.waitid(os.P_PID, renderer.pid, os.WEXITED | os.WNOWAIT)
        assert len(renderer.submit(SMALL, 60, 12).result(timeout=30)) == 12
    finally:
        renderer.close()


def test_a_silent_child_is_ended() -> None:
    renderer = ProcessRenderer(0.05, command=[sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    try:
        with pytest.raises(RenderFailed, match="Killed"):
            renderer.submit(SMALL, 60, 12).result(timeout=30)
    finally:
        renderer.close()


def test_a_child_that_keeps_dying_is_started_less_and_less_often() -> None:
    now = [0.0]
    renderer = ProcessRenderer(
        command=[sys.executable, "-S", "-c", "raise SystemExit(3)"], clock=lambda: now[0]
    )
    try:
        reasons: list[str] = []
        for now[0] in (0.0, 0.0, 0.0, 0.9, 1.1, 1.2, 3.0):
            with pytest.raises(RenderFailed) as failed:
                renderer.submit(SMALL, 60, 12).result(timeout=30)
            reasons.append("died" if "exit code 3" in str(failed.value) else "waits")
    finally:
        renderer.close()
    assert "next try in" in str(failed.value)
    assert reasons[2:] == ["waits", "waits", "died", "waits", "waits"]


def test_nothing_is_left_after_closing() -> None:
    renderer = ProcessRenderer()
    pid = renderer.pid
    renderer.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RenderFailed, match="closed"):
        renderer.submit(SMALL, 60, 12).result(timeout=30)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open to wait for a process of another")
def test_the_child_ends_with_its_parent() -> None:
    code = (
        "import os, sys\n"
        "from tui.cockpit.plots.process import ProcessRenderer\n"
        "print(ProcessRenderer().pid, flush=True)\n"
        "sys.stdin.read()\n"
        "os._exit(9)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))
    try:
        assert not select.select([child], [], [], 0)[0]
        parent.communicate()
        assert parent.returncode == 9
        assert select.select([child], [], [], 30)[0], "the plot process outlived its parent"
    finally:
        os.close(child)


def test_the_cockpit_itself_does_without_plotext() -> None:
    code = (
        "import sys, tui.cockpit.plots.process, tui.cockpit.plots.series, tui.cockpit.widgets.plot; "
        "assert 'plotext' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_the_plot_process_loads_nothing_heavy() -> None:
    code = (
        "import sys, tui.cockpit.plots.drawing; "
        "assert not {'textual', 'rich', 'asyncio', 'tui.model'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
