"""A service that repeats our key in every place it has: none of it leaves the process."""

from __future__ import annotations

import itertools
import json
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from tests.cli.test_cli import said, typed
from tests.cli.test_terminal import Terminal
from tests.support.engine_runs import NEW, OLD, beside
from tests.support.rollout_files import document, write
from tests.support.service import ask, client_of, serving
from tui.model import Endpoint, Outcome
from tui.service.credentials import Secrets, secrets_of
from tui.service.proxies import proxy_secrets

KEY = "sk-Zq8vLmN4xT1c9RwYbKfE7uHd2PsA6gJo"
HEAD = KEY[:8]
ENV = {"AZURE_OPENAI_API_KEY": KEY}
CUT = f"{KEY[:12]}..."


def answer(**more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"My key is {KEY}."}
    hits = {KEY: {"filtered": False, "detected": True}}
    choice = {"index": 0, "finish_reason": KEY, "message": message, "content_filter_results": hits}
    usage = {"prompt_tokens": 9, "completion_tokens": 9}
    return {"model": KEY, "system_fingerprint": KEY, "choices": [choice], "usage": usage, **more}


def reply(body: Any, status: int = 200) -> web.Response:
    data = body if isinstance(body, str) else json.dumps(body)
    names = (
        "x-ms-region",
        "apim-request-id",
        "x-ms-deployment-name",
        "retry-after",
        "x-ratelimit-limit-tokens",
    )
    return web.Response(text=data, status=status, headers=dict.fromkeys(names, KEY))


BLOCKED = {KEY: {"filtered": True, "severity": "high"}}
REPLIES = [
    lambda: reply(answer()),
    lambda: reply(answer(model=f"{KEY}-2024", system_fingerprint=CUT)),
    lambda: reply(answer(error={"message": f"no {KEY}", "code": KEY})),
    lambda: reply({"error": f"no {KEY}"}),
    lambda: reply({"error": {"code": KEY, "message": f"Incorrect API key provided: {CUT}", "type": KEY}}, 401),
    lambda: reply({"error": {"code": "429", "message": f"limit of {KEY}"}}, 429),
    lambda: reply({"detail": [{"loc": ["body", KEY], "msg": KEY}]}, 422),
    lambda: reply({"error": {"code": "content_filter", "innererror": {"content_filter_result": BLOCKED}}}, 400),
    lambda: reply(f"<html><title>{KEY}</title>", 502),
    lambda: reply(f"<html><title>{KEY}</title>"),
    lambda: reply(f"plainly {KEY}"),
    lambda: reply("x" * 235 + KEY, 500),
    lambda: reply(f'{{"choices": {KEY}'),
    lambda: reply({"object": KEY, "choices": []}),
    lambda: reply(
        f'data: {{"choices": [{{"delta": {{"content": "{KEY}"}}}}]}}\n\nevent: error\ndata: {KEY}\n\n'
    ),
    lambda: reply(f"data: {KEY}\n\ndata: [DONE]\n\n"),
    lambda: web.Response(status=500, reason=KEY, headers={"Location": KEY, "Set-Cookie": f"k={KEY}"}),
]


def texts(value: object) -> Iterator[str]:
    """Every text in an outcome."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for item in value.items() for text in texts(item))
    elif isinstance(value, tuple | list):
        yield from (text for item in value for text in texts(item))


@pytest.mark.parametrize("stream", [True, False])
async def test_no_outcome_holds_it(stream: bool) -> None:
    upcoming = iter(REPLIES)

    async def handler(request: web.Request) -> web.Response:
        assert KEY in (request.headers.get("api-key"), request.headers.get("Authorization", "")[7:])
        return next(upcoming)()

    async with (
        serving(handler) as url,
        client_of(url, env={"KEY": KEY}, stream=stream, keep_text=True) as client,
    ):
        outcomes = [await ask(client) for _ in REPLIES]
    seen = [text for outcome in outcomes for text in texts([getattr(outcome, f) for f in Outcome.__slots__])]
    hits = [text for outcome in outcomes for text in (*outcome.filters.blocked, *outcome.filters.annotated)]
    assert any("[key]" in text for text in seen)
    assert any("[key]" in text for text in hits)
    assert not [text for text in (*seen, *hits) if HEAD in text]


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """The URL of a service that gives one reply after the other, over and over."""
    turns = itertools.cycle(REPLIES)

    async def handler(_: web.Request) -> web.Response:
        return next(turns)()

    async with serving(handler) as url:
        yield url


def rollout_of(folder: Path, url: str) -> Path:
    endpoint = {"url": url, "api": "azure", "api_version": "2024-10-21", "key_env": "AZURE_OPENAI_API_KEY"}
    deployment = {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"}
    changes = {
        "rollout/keep_text": True,
        "endpoints/main": endpoint,
        "deployments": {OLD: deployment, NEW: deployment},
        "weights/default": {OLD: 50, NEW: 50},
        "traffic": {"rate": 200.0, "timeout_s": 5, "budget_usd": 0.02},
    }
    return write(folder, document(changes))


def left_behind(folder: Path) -> list[str]:
    """Files in which a beginning of the key stands, by name."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and HEAD.encode() in path.read_bytes()]


def test_a_run_leaves_it_in_no_record_result_report_or_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with beside(echoing()) as url:
        file = rollout_of(tmp_path, url)
        code, out, err = typed(
            tmp_path, "run", str(file), "--json", str(tmp_path / "out.json"), "--for", "3s", **ENV
        )
        assert code in (0, 1), err
        check = said(tmp_path, monkeypatch, "check", str(file), "--online", **ENV)
    [record] = (tmp_path / "state" / "canarytop" / "runs").glob("*.sqlite")
    with sqlite3.connect(record) as lines:
        assert lines.execute("SELECT count(*) FROM outcomes").fetchone()[0] > len(REPLIES)
    reports = [
        said(tmp_path, monkeypatch, "report", str(record), "--format", f, **ENV) for f in ("md", "html", "json")
    ]
    printed = [out, err, *(text for _, *texts in (check, *reports) for text in texts)]
    assert any("[key]" in text for text in printed)
    assert not [text for text in printed if HEAD in text]
    assert left_behind(tmp_path) == []


def test_the_cockpit_shows_it_on_no_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    with beside(echoing()) as url:
        terminal = Terminal(tmp_path / "state", "watch", str(rollout_of(tmp_path, url)))
        try:
            terminal.shows("BUDGET SPENT")
            for keys, title in (
                ("\r", "time covered"),
                ("\x1b", "WGT"),
                ("i", "PROMPT"),
                ("\x1b", "WGT"),
                ("?", "WEIGHTS AND"),
            ):
                terminal.press(keys)
                terminal.shows(title)
        finally:
            terminal.process.kill()
            terminal.process.wait()
        assert HEAD.encode() not in terminal.written
    assert left_behind(tmp_path) == []


def test_beginnings_are_cleaned_and_other_texts_are_left() -> None:
    secrets = Secrets([KEY, "short", "abc", "eyJ0eXAiOiJKV1QiLCJhbGciOi.body.sign"])
    assert (
        secrets.clean(f"<{KEY}> <{KEY.lower()}> <{KEY[:8]}> <{KEY[:20]}****>")
        == "<[key]> <[key]> <[key]> <[key]****>"
    )
    assert secrets.clean("a short one") == "a [key] one"
    assert secrets.clean(f"{KEY}{KEY}") == "[key][key]"
    for harmless in ("abc", "sk-Zq8v", "sk-other-key", "eyJ0eXA", ""):
        assert secrets.clean(harmless) == harmless
    assert len(secrets.shown("x" * 300 + KEY, 240)) == 240


def test_a_secret_is_known_in_every_spelling() -> None:
    token = "gw+Tok/en1234567890abcd=="
    endpoint = Endpoint("main", "http://x", "v1", headers_env={"Authorization": "AUTH"})
    env = {"AUTH": f"Bearer {token}", "HTTPS_PROXY": "http://alice:p%40ssw0rd!xyz@proxy:3128"}
    secrets = Secrets((*secrets_of(endpoint, env), *proxy_secrets(env)))
    login = b64encode(b"alice:p@ssw0rd!xyz").decode()
    spelt = (
        token,
        token[:10],
        quote(token, safe=""),
        token.replace("/", "\\/"),
        token.replace("+", "\\u002b"),
        login,
    )
    for text in spelt:
        assert secrets.shown(f"no {text}.", 240) == "no [key]."
    assert secrets.shown("by http://alice:p@ssw0rd!xyz@proxy", 240) == "by http://[key]@proxy"
    assert secrets.shown("by https://bob:theirs@10.0.0.1/x", 240) == "by https://[key]@10.0.0.1/x"
    for harmless in ("a Bearer goes first", "me@example.com", "https://example.com/a@b"):
        assert secrets.shown(harmless, 240) == harmless
