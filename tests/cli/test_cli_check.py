"""`canarytop check FILE --online` as a person or a pipeline types it."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.cli.test_cli import DEMO, said, started, typed
from tests.support.arm_service import ACCOUNT, TOKEN
from tests.support.engine_runs import NEW, OLD, beside, pretend, simulator
from tests.support.rollout_files import KEY, document, write
from tui.preflight.finding import Finding, exit_code, findings_text

TODAY = date(2026, 11, 25)
ONLINE = ("--online", "--today", TODAY.isoformat())
ENV = {"AZURE_OPENAI_API_KEY": KEY, "AZURE_ARM_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with beside(simulator(pretend(OLD, NEW), today=TODAY)) as address:
        yield address


def file_at(folder: Path, url: str, **changes: Any) -> Path:
    """A rollout file on the service at ``url`` that gives access to its control plane."""
    content: dict[str, Any] = {
        "endpoints/main/url": url,
        "endpoints/main/resource": ACCOUNT,
        "control_plane": {"url": url, "token_env": "AZURE_ARM_TOKEN"},
        "deployments": {
            name: {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"} for name in (OLD, NEW)
        },
        "weights/default": {OLD: 90, NEW: 10},
    }
    return write(folder, document({**content, **{path.replace("__", "/"): v for path, v in changes.items()}}))


class TestExitCodes:
    def test_nothing_wrong(self, tmp_path: Path, url: str) -> None:
        code, out, err = typed(tmp_path, "check", str(file_at(tmp_path, url)), *ONLINE, **ENV)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert any(line.startswith("0 errors") for line in lines)
        assert any(line.startswith("summarise against its services, 2026-11-25 ") for line in lines)
        assert f"✓ reach          endpoint main  {url} answers" in lines
        assert f"✓ state          {NEW}  GlobalStandard, capacity 100, NoAutoUpgrade, Succeeded" in lines
        assert lines[-1] == "0 wrong, 0 warn, 0 unknown, 18 ok"
        assert KEY not in out
        assert TOKEN not in out
        assert "\x1b" not in out

    def test_something_wrong(self, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        file = file_at(tmp_path, url, endpoints__main__region="Sweden Central")
        code, output = said(tmp_path, monkeypatch, "check", str(file), *ONLINE, **ENV)
        assert code == 1
        assert "✗ region endpoint main the file says Sweden Central, by ARM it is in eastus2" in output
        assert 'under [endpoints.main]: region = "eastus2"' in output
        assert "1 wrong" in output

    def test_mistakes_of_the_file_come_first_and_nothing_is_asked(
        self, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = file_at(tmp_path, url, rollout__baseline="nobody")
        code, output = said(tmp_path, monkeypatch, "check", str(file), *ONLINE, **ENV)
        assert code == 2
        assert "nobody" in output
        assert "against its services" not in output

    @pytest.mark.parametrize("which", ["endpoints__main__url", "control_plane__url"])
    def test_a_service_that_cannot_be_asked(
        self, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, which: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            closed = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setattr("tui.control_plane.http._RECONNECT_WAIT_S", 0.0)
        file = file_at(tmp_path, url, **{which: closed})
        code, output = said(tmp_path, monkeypatch, "check", str(file), *ONLINE, **ENV)
        assert code == 3
        assert "0 wrong" in output
        assert "cannot be reached" in output

    def test_what_could_not_even_be_tried(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "azure.identity.aio", None)
        file = file_at(tmp_path, "https://x.openai.azure.com", endpoints__main__key_env=None)
        file.write_text(file.read_text().replace("[endpoints.main]\n", "[endpoints.main]\nentra = true\n"))
        code, output = said(tmp_path, monkeypatch, "check", str(file), *ONLINE, **ENV)
        assert code == 3
        assert "pip install 'canarytop[azure]'" in output

    def test_without_online_nothing_is_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = file_at(tmp_path, "http://127.0.0.1:1", control_plane__url="http://127.0.0.1:1")
        code, output = said(tmp_path, monkeypatch, "check", str(file), **ENV)
        assert code == 0
        assert "unknown" not in output

    def test_a_trace_says_its_unit_and_one_that_cannot_be_read_is_a_mistake(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "burst.csv").write_text("Timestamp,Request tokens,Response tokens\n5,1,1\n45,1,1\n")
        traffic = {"arrivals": "trace", "trace": "burst.csv"}
        file = file_at(tmp_path, "http://127.0.0.1:1", traffic=traffic)
        code, output = said(tmp_path, monkeypatch, "check", str(file), **ENV)
        assert code == 0
        assert "trace burst.csv: timestamps are taken as seconds, as in BurstGPT traces: 0.025" in output
        file = file_at(tmp_path, "http://127.0.0.1:1", traffic={**traffic, "trace_unit": "ms"})
        code, output = said(tmp_path, monkeypatch, "check", str(file), **ENV)
        assert 'timestamps are milliseconds, as trace_unit = "ms" says: 25 requests/s' in output
        (tmp_path / "burst.csv").write_text("Timestamp,Request tokens,Response tokens\nsoon,1,1\n")
        code, output = said(tmp_path, monkeypatch, "check", str(file), **ENV)
        assert code == 2
        assert "traffic.trace" in output
        assert "line 2" in output

    def test_the_codes_are_in_the_help(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        code, output = said(tmp_path, monkeypatch, "check", "--help")
        assert code == 0
        for part in ("0 nothing is wrong", "1 something", "2 the file", "3 an endpoint", "16 tokens"):
            assert part in output

    def test_what_is_wrong_is_told_before_what_could_not_be_asked(self) -> None:
        wrong, unasked = Finding("pin", "d", "wrong", ""), Finding("reach", "endpoint e", "unknown", "")
        assert exit_code([wrong, unasked]) == 1
        assert exit_code([unasked]) == 3
        assert exit_code([Finding("price", "d", "unknown", ""), Finding("pin", "d", "warn", "")]) == 0
        assert exit_code([]) == 0


class TestRehearsal:
    def test_the_demo_is_checked_against_its_simulator(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code, output = said(tmp_path, monkeypatch, "check", str(DEMO), *ONLINE)
        assert code == 0
        _, found, counts = output.partition("demo against the embedded simulator, no real service, 2026-11-25 ")
        assert found
        assert "0 wrong" in counts
        assert "0 unknown" in counts

    def test_its_simulator_starts_on_the_day_that_is_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        day = ("--online", "--today", "2027-04-15")
        code, output = said(tmp_path, monkeypatch, "check", str(DEMO), *day)
        assert code == 1
        assert "no real service, 2027-04-15 " in output
        assert "its version was retired on 2027-04-14, 1 day ago (ARM); HTTP 410" in output

    def test_a_day_without_a_question_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        code, output = said(tmp_path, monkeypatch, "check", str(DEMO), "--today", "2027-04-15")
        assert code == 2
        assert "only --online compares dates" in output

    def test_only_endpoints_that_are_the_simulator_are(
        self, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = file_at(
            tmp_path,
            url,
            endpoints__second={"url": "simulator"},
            deployments__x={"endpoint": "second", "model": "gpt-5.1", "version": "2025-11-13"},
        )
        code, output = said(tmp_path, monkeypatch, "check", str(file), *ONLINE, **ENV)
        assert code == 0
        assert "no real service, at second" in output
        assert f"✓ answer {OLD} gpt-4o-2024-11-20" in output
        assert "✓ control plane endpoint second" in output
        assert "control plane endpoint main" not in output
        assert f"? pin {OLD} UNKNOWN: it answers as gpt-4o 2024-11-20 now" in output


@asynccontextmanager
async def silent(asked: threading.Event) -> AsyncIterator[str]:
    """A service that lists its models and never answers anything else."""

    over = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/models") and "subscriptions" not in request.path:
            return web.json_response({"data": []})
        if "deployments" in request.path:
            asked.set()
        await over.wait()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        over.set()
        await runner.cleanup()


@pytest.mark.parametrize("command", [("check", "--online"), ("lifecycle",)])
def test_ctrl_c_ends_it_at_once(command: tuple[str, ...], tmp_path: Path) -> None:
    asked = threading.Event()
    with beside(silent(asked)) as there:
        file = file_at(tmp_path, there)
        with started(tmp_path, command[0], str(file), *command[1:], **ENV) as process:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    # Had it waited for the requests to be given up, it would have ended with what it found.
    assert process.returncode == 130
    assert "Traceback" not in out + err


class TestText:
    def test_one_line_each_the_remedy_below_it_and_counts_at_the_end(self) -> None:
        found = [
            Finding("reach", "endpoint main", "ok", "it answers", "never shown"),
            Finding("pin", "d", "wrong", "NOT PINNED", "set it"),
            Finding("price", "d", "unknown", "not known"),
            Finding("rate", "d", "warn", "too slow", "send less"),
        ]
        assert findings_text("head", found).splitlines() == [
            "head",
            "",
            "✓ reach  endpoint main  it answers",
            "",
            "✗ pin    d  NOT PINNED",
            "    set it",
            "? price  d  not known",
            "! rate   d  too slow",
            "    send less",
            "",
            "1 wrong, 1 warn, 1 unknown, 1 ok",
        ]

    def test_on_a_terminal_long_lines_go_on_below_and_what_is_to_be_copied_stays_whole(self) -> None:
        line = "price = { input = 1.25, cached_input = 0.125, output = 10, more = 0.0000000001 }"
        found = [
            Finding("price", "gpt4o-prod-v1120", "wrong", "word " * 30, "do " * 40, line),
            Finding("control plane", "gpt4o-prod-v1120", "ok", "a" * 90),
        ]
        _, _, *lines, _, _ = findings_text("head", found, 80).splitlines()
        assert lines[0].startswith("✗ price          gpt4o-prod-v1120  word word")
        assert lines[1].startswith(" " * 17 + "word")
        assert [one for one in lines if one.startswith("    do ")] != []
        assert f"    {line}" in lines
        assert " " * 17 + "a" * 90 in lines, "a name is not cut in two"
        assert all(len(one) <= 80 for one in lines if line not in one and "aa" not in one)

    def test_what_services_say_stays_one_harmless_line(self) -> None:
        [_, _, line, _, counts] = findings_text(
            "head", [Finding("pin", "d", "ok", "a\nb\x1b[31m\u202e" + "x" * 5000)]
        ).splitlines()
        assert line.isprintable()
        assert len(line) < 800
        assert counts == "0 wrong, 0 warn, 0 unknown, 1 ok"
