"""The plot and mini-graph widgets, driven through Textual."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from tests.support.plot_process import dying_once
from tui.cockpit.palette import THEME_VARIABLES, css, rgb
from tui.cockpit.plots.process import InlineRenderer, ProcessRenderer, Renderer, RenderFailed
from tui.cockpit.plots.spec import LegendEntry, MiniGraph, MiniLine, PlotSpec, Series
from tui.cockpit.widgets.minigraph import MiniGraphs, cells, row_segments
from tui.cockpit.widgets.plot import Plot

SPEC = PlotSpec(
    (Series("v1 p95", "baseline", False, "braille", ((-50.0, 5.0), (0.0, 7.0))),),
    -100.0,
    0.0,
    y_max=10.0,
    x_ticks=((-100.0, "-100s"), (0.0, "now")),
)
LEGEND = (LegendEntry("v1", "baseline", marker="braille"), LegendEntry("limit", "breach", marker="┈"))


def moved(step: float) -> PlotSpec:
    return replace(SPEC, series=(replace(SPEC.series[0], points=((-50.0, 5.0), (0.0, step))),))


class HeldRenderer:
    """Gives out futures that the test fulfils."""

    def __init__(self) -> None:
        self.held: list[tuple[PlotSpec, int, int, Future[list[str]]]] = []

    def submit(self, spec: PlotSpec, width: int, height: int) -> Future[list[str]]:
        future: Future[list[str]] = Future()
        self.held.append((spec, width, height, future))
        return future

    def close(self) -> None:
        self.held.clear()

    def finish(self, letter: str = "x") -> None:
        _, width, height, future = self.held[-1]
        future.set_result([letter * width] * height)


class Screenful(App[None]):
    CSS = "Screen { background: #101010; }"

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self.renderer = renderer
        self.unavailable: list[str] = []

    def compose(self) -> ComposeResult:
        yield Plot(self.renderer)

    def on_plot_unavailable(self, message: Plot.Unavailable) -> None:
        self.unavailable.append(message.reason)

    @property
    def plot(self) -> Plot:
        return self.query_one(Plot)


def lines(plot: Plot | MiniGraphs) -> list[str]:
    return [plot.render_line(y).text for y in range(plot.size.height)]


async def settle(pilot: Pilot[Any]) -> None:
    for _ in range(3):
        await pilot.pause()


class Watched(ProcessRenderer):
    """A plot process whose frames can be waited for."""

    frame: Future[list[str]]

    def submit(self, spec: PlotSpec, width: int, height: int) -> Future[list[str]]:
        self.frame = super().submit(spec, width, height)
        return self.frame

    async def answer(self, pilot: Pilot[Any]) -> None:
        """Wait until the frame in hand has ended and the app has seen it."""
        await settle(pilot)
        await asyncio.wait([asyncio.ensure_future(asyncio.wrap_future(self.frame))], timeout=30)
        await settle(pilot)


async def test_a_plot_shows_title_legend_and_what_plotting_drew() -> None:
    async with Screenful(InlineRenderer()).run_test(size=(60, 14)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "1 latency ms", LEGEND)
        await settle(pilot)
        shown = lines(plot)
        expected = InlineRenderer().submit(SPEC, 58, 12).result()
    assert shown[0].startswith("╭─ 1 latency ms  ⣤⣤ v1  ┈ limit ─")
    assert [row[1:-1] for row in shown[1:-1]] == [
        "".join(s.text for s in row_segments(row)) for row in expected
    ]
    assert shown[-1] == "╰" + "─" * 58 + "╯"
    assert {len(row) for row in shown} == {60}


async def test_legend_entries_that_do_not_fit_are_left_out_whole() -> None:
    legend = tuple(LegendEntry(f"version{i}", "canary", marker="hd") for i in range(9))
    async with Screenful(InlineRenderer()).run_test(size=(50, 9)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "2 cost", legend)
        await settle(pilot)
        shown = lines(plot)
    assert {len(row) for row in shown} == {50}
    assert shown[0].endswith("version1  ▀▀ version2 ╮")
    assert shown[-1] == "╰─ ▀▀ version3  ▀▀ version4  ▀▀ version5 ────────╯"


def percentiles(*versions: str) -> tuple[LegendEntry, ...]:
    return tuple(
        entry
        for name in versions
        for entry in (
            LegendEntry(name, "canary"),
            LegendEntry("P50  504", "canary", True, "braille", joined=True),
            LegendEntry("P95 1100", "canary", False, "hd", joined=True),
            LegendEntry("P99 –", "canary", True, "dashes", joined=True),
        )
    )


async def test_names_that_are_joined_stay_together_on_edges_and_then_on_rows_of_their_own() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(60, 14)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "1 latency ms", percentiles("v1", "v2"))
        renderer.finish("a")
        await settle(pilot)
        two = lines(plot)
        plot.show(moved(1.0), "1 latency ms", (*percentiles("v1", "v2", "v3", "v4"), LegendEntry("ok", "axis")))
        renderer.finish("b")
        await settle(pilot)
        four = lines(plot)
        await pilot.resize_terminal(60, 10)
        renderer.finish("c")
        await settle(pilot)
        low = lines(plot)
    name = " {} ⣤P50  504 ▀P95 1100 ⠤P99 – "
    assert two[0].startswith(f"╭─ 1 latency ms {name.format('v1')}─")
    assert two[-1].startswith(f"╰─{name.format('v2')}─")
    assert two[1:-1] == ["│" + "a" * 58 + "│"] * 12
    assert four[0].startswith(f"╭─ 1 latency ms {name.format('v1')} ok ─")
    assert [row[2:].rstrip(" │") for row in four[1:3]] == [name.format(v).rstrip() for v in ("v2", "v3")]
    assert four[3:-1] == ["│" + "b" * 58 + "│"] * 10
    assert four[-1].startswith(f"╰─{name.format('v4')}─")
    assert low[1][2:].startswith(name.format("v2"))
    assert low[2:-1] == ["│" + "c" * 58 + "│"] * 7
    assert low[-1].startswith(f"╰─{name.format('v3')}─")
    assert {len(row) for row in (*two, *four, *low)} == {60}


async def test_hostile_titles_and_labels_are_text_only() -> None:
    async with Screenful(InlineRenderer()).run_test(size=(60, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "1 [@click=app.quit]x[/b]\x1b[31m\n", (LegendEntry("字\x07" + "y" * 999, "canary"),))
        await settle(pilot)
        strip = plot.render_line(0)
    assert strip.cell_length == 60
    assert "[@click=app.quit]x[/b]" in strip.text
    assert not {"\x1b", "\n", "\x07"} & set(strip.text)
    assert all(segment.style is None or not segment.style.meta for segment in strip)


async def test_the_latest_wins_and_only_one_frame_is_in_hand() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(40, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        for step in (1.0, 2.0, 3.0, 4.0):
            plot.show(moved(step), "t")
        await settle(pilot)
        assert [spec for spec, *_ in renderer.held] == [moved(1.0)]
        renderer.finish()
        await settle(pilot)
        assert [spec for spec, *_ in renderer.held] == [moved(1.0), moved(4.0)]
        renderer.finish()
        await settle(pilot)
        assert len(renderer.held) == 2


async def test_the_same_values_are_drawn_once() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(40, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "t")
        renderer.finish()
        await settle(pilot)
        plot.show(replace(SPEC), "t")
        await settle(pilot)
    assert len(renderer.held) == 1


async def test_only_rows_that_changed_are_painted_again() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(40, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "t")
        renderer.finish("a")
        await settle(pilot)
        before: list[Strip] = [plot.render_line(y) for y in range(10)]
        plot.show(moved(1.0), "t")
        *_, future = renderer.held[-1]
        future.set_result(["a" * 38] * 3 + ["b" * 38] + ["a" * 38] * 4)
        await settle(pilot)
        after = [plot.render_line(y) for y in range(10)]
    assert [y for y in range(10) if before[y] is not after[y]] == [4]
    assert after[4].text == "│" + "b" * 38 + "│"


async def test_a_resize_draws_again_in_the_new_size() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(40, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "t")
        renderer.finish()
        await settle(pilot)
        await pilot.resize_terminal(70, 20)
        await settle(pilot)
        assert [size for _, *size, _ in renderer.held] == [[38, 8], [68, 18]]
        assert {len(row) for row in lines(plot)} == {70}


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 9), (5, 2)])
async def test_the_smallest_terminals_do_no_harm(size: tuple[int, int]) -> None:
    async with Screenful(InlineRenderer()).run_test(size=size) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.styles.min_width = plot.styles.min_height = 0
        plot.show(SPEC, "1 latency ms", LEGEND)
        await settle(pilot)
        assert [len(row) for row in lines(plot)] == [size[0]] * size[1]


async def test_a_hidden_plot_draws_nothing_until_it_is_seen() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(40, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.display = False
        await settle(pilot)
        plot.show(SPEC, "t")
        await settle(pilot)
        assert renderer.held == []
        plot.display = True
        await settle(pilot)
        assert [spec for spec, *_ in renderer.held] == [SPEC]


async def test_a_failure_keeps_the_last_rows_says_why_and_posts_once() -> None:
    renderer = HeldRenderer()
    app = Screenful(renderer)
    async with app.run_test(size=(60, 10)) as pilot:
        app.plot.show(SPEC, "t")
        renderer.finish("k")
        await settle(pilot)
        for step in (1.0, 2.0):
            app.plot.show(moved(step), "t")
            renderer.held[-1][3].set_exception(RenderFailed("it broke\x1b[31m"))
            await settle(pilot)
        shown = lines(app.plot)
        assert shown[4] == "│" + "k" * 58 + "│"
        assert "plot unavailable: it broke\\x1b[31m" in shown[-1]
        assert any(segment.style and segment.style.dim for segment in app.plot.render_line(4))
        assert app.unavailable == ["it broke\\x1b[31m"]
        assert len(renderer.held) == 3
        app.plot.show(moved(2.0), "t")
        renderer.finish("n")
        await settle(pilot)
        assert "unavailable" not in lines(app.plot)[-1]
        assert app.plot.failure == ""


async def test_a_theme_with_another_background_repaints() -> None:
    async with Screenful(InlineRenderer()).run_test(size=(40, 10)) as pilot:
        plot = pilot.app.query_one(Plot)
        plot.show(SPEC, "t")
        await settle(pilot)
        before = plot.render_line(3)
        plot.styles.background = "#203040"
        await settle(pilot)
        after = plot.render_line(3)
    assert before.text == after.text
    assert {segment.style.bgcolor.name for segment in after if segment.style and segment.style.bgcolor} == {
        "#203040"
    }


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
async def test_the_app_outlives_its_plot_process(tmp_path: Path, number: signal.Signals) -> None:
    renderer = Watched(command=dying_once(tmp_path, number, frame=2))
    app = Screenful(renderer)
    try:
        async with app.run_test(size=(60, 12)) as pilot:
            app.plot.show(SPEC, "1 latency ms")
            await renderer.answer(pilot)
            first = lines(app.plot)
            assert any("⠀" < c <= "⣿" for row in first[1:-1] for c in row)
            app.plot.show(moved(1.0), "1 latency ms")
            await renderer.answer(pilot)
            assert app.unavailable == [f"the plot process was ended by: {signal.strsignal(number)}"]
            assert f"plot unavailable: {app.unavailable[0]}" in lines(app.plot)[-1]
            assert lines(app.plot)[1:-1] == first[1:-1]
            app.plot.show(moved(2.0), "1 latency ms")
            await renderer.answer(pilot)
            assert app.plot.failure == ""
            assert lines(app.plot)[1:-1] != first[1:-1]
    finally:
        renderer.close()


async def test_a_frame_that_comes_after_the_app_is_gone_disturbs_nothing() -> None:
    renderer = HeldRenderer()
    async with Screenful(renderer).run_test(size=(40, 10)) as pilot:
        pilot.app.query_one(Plot).show(SPEC, "t")
        await settle(pilot)
    await asyncio.to_thread(renderer.finish)


def test_only_foregrounds_of_a_row_are_taken() -> None:
    row = "a\x1b[38;2;1;2;3mb\x1b[48;5;15mc\x1b[1md\x1b[38;2;999;0;0me\x1b[0mf"
    colours = [(s.text, s.style.color.name if s.style and s.style.color else None) for s in row_segments(row)]
    assert colours == [("a", None), ("b", "#010203"), ("c", None), ("d", None), ("e", None), ("f", None)]
    assert all(s.style is None or s.style.bgcolor is None for s in row_segments(row))


def test_the_palette_names_its_colours_for_css() -> None:
    assert THEME_VARIABLES["baseline"] == css("baseline") == "#56b4e9"
    assert THEME_VARIABLES["canary-dim"] == css("canary", dim=True)
    assert all(dim <= bright for dim, bright in zip(rgb("canary", dim=True), rgb("canary"), strict=True))
    assert rgb("no such colour") == rgb("axis")


# --- mini graphs --------------------------------------------------------------------------------


def test_cells_rise_with_the_value_on_the_scale_given() -> None:
    assert cells([0, 1, 2, 3, 4, 5, 6, 7, 8], 0, 8) == "▁▂▃▄▅▆▇██"
    assert cells([4.0], 0, 8) != cells([4.0], 0, 4)
    assert cells([0, 8], 0, 8, ascii_only=True).isascii()


def test_cells_of_no_and_of_hostile_values() -> None:
    nan, inf = float("nan"), float("inf")
    assert cells([None, nan, inf, -inf, 1e308], 0, 8) == "  █▁█"
    assert cells([1.0, None], 0, 0) == "▁ "
    assert cells([1.0], nan, nan) == "▁"
    assert cells([], 0, 1) == ""


class Minis(App[None]):
    def compose(self) -> ComposeResult:
        yield MiniGraphs()


def mini(key: int, title: str, new: tuple[float | None, ...]) -> MiniLine:
    graphs = (
        MiniGraph("v1120", "baseline", (1.0, 1.0, 1.0), "$0.191"),
        MiniGraph("v0513", "canary", new, "$0.322"),
    )
    return MiniLine(key, title, graphs, 0.0, 8.0, "+69%")


async def test_mini_graphs_are_one_line_a_metric() -> None:
    async with Minis().run_test(size=(80, 24)) as pilot:
        graphs = pilot.app.query_one(MiniGraphs)
        graphs.show([mini(2, "cost/1k", (None, 4.0, 8.0)), mini(3, "filter%", (0.0, 0.0, 0.0))])
        await settle(pilot)
        shown = lines(graphs)
        assert shown[0].rstrip() == " 2 cost/1k v1120 ▂▂▂ $0.191   v0513  ▅█ $0.322   +69%"
        assert [len(row) for row in shown] == [80, 80]
        graphs.show([])
        await settle(pilot)
        assert graphs.size.height == 0


async def test_mini_graphs_are_cut_at_the_edge() -> None:
    async with Minis().run_test(size=(20, 5)) as pilot:
        graphs = pilot.app.query_one(MiniGraphs)
        graphs.show([mini(2, "\x1b[31m" * 9, (None, 4.0, 8.0))])
        await settle(pilot)
        assert [len(row) for row in lines(graphs)] == [20]
        assert "\x1b" not in lines(graphs)[0]
