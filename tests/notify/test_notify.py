"""Calling a person: what is worth it, how each service is told, and what never gets in the way."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import rollout_at, typed
from tests.support.cockpit_driver import cockpit
from tests.support.cockpit_fakes import FakeControls, made_snapshot
from tests.support.engine_runs import (
    NEW,
    OLD,
    beside,
    kinds,
    pretend,
    rollout,
    running,
    simulator,
    until,
)
from tests.support.rollout_files import ENV, KEY, document, problems, write
from tui.cli.rehearsal import EveryKey
from tui.cockpit.terminal import Bell
from tui.model import Event, EventKind
from tui.model.commands import RollBack, Shift
from tui.notify.bodies import Message, Origin, about, headline, occasion_of, own_json, pagerduty, slack, teams
from tui.notify.sender import FOLD_S, CannotSend, Notifier, call_of, send
from tui.rollout import SIMULATOR, NotifySpec, load_rollout
from tui.rollout.endpoints import url_mistake
from tui.rollout.values import BY_DEFAULT

AT = datetime(2026, 12, 1, 3, 12, 9, tzinfo=UTC)
HOSTILE = "v2 <!channel> <https://evil|click> & [go](https://evil) **bold** <at>all</at>\x1b[31m\nnew line"
MESSAGE = Message(
    occasion="worse",
    origin=Origin("summarise", "production", "run1", "host7"),
    at=AT,
    text=HOSTILE,
    reason="P95 655 vs 402 ms",
    weights={"default": {OLD: 90.0, NEW: 10.0}},
)
WAIT_S = 20.0


def happened(kind: EventKind, text: str = f"{NEW} WORSE: errors 8%", number: int = 1) -> Event:
    return Event(number, AT, 1.0, "verdict", kind, text)


@pytest.mark.parametrize(
    ("event", "occasion"),
    [
        (happened(EventKind.WORSE), "worse"),
        (happened(EventKind.WORSE, f"{NEW} WORSE (advisory): throttled 8%"), None),
        (happened(EventKind.ROLLED_BACK), "rolled_back"),
        (happened(EventKind.BASELINE_DEAD), "baseline_dead"),
        (happened(EventKind.NOT_ROLLED_BACK), "not_rolled_back"),
        (happened(EventKind.BUDGET_SPENT), "budget_spent"),
        (happened(EventKind.STOPPED), "ended"),
        (happened(EventKind.SHIFTED), None),
        (happened(EventKind.WARNING), None),
    ],
)
def test_what_calls_a_person(event: Event, occasion: str | None) -> None:
    assert occasion_of(event) == occasion


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((EventKind.WORSE, "a WORSE: errors 8% vs 1%"), (EventKind.WORSE, "a WORSE: errors 9% vs 1%"), True),
        ((EventKind.WORSE, "a WORSE: errors 8% vs 1%"), (EventKind.WORSE, "b WORSE: errors 8% vs 1%"), False),
        ((EventKind.WORSE, "a WORSE: errors 8% vs 1%"), (EventKind.WORSE, "a WORSE: P95 655 ms"), False),
        ((EventKind.WORSE, "4o WORSE: qa errors 8%"), (EventKind.WORSE, "4o WORSE: mail errors 8%"), False),
        (
            (EventKind.NOT_ROLLED_BACK, "not rolled back of qa: a has failed"),
            (EventKind.NOT_ROLLED_BACK, "not rolled back of mail: a has failed"),
            False,
        ),
        (
            (EventKind.NOT_ROLLED_BACK, "not rolled back: a has failed: nonce-x"),
            (EventKind.NOT_ROLLED_BACK, "not rolled back: a has failed: nonce-y"),
            True,
        ),
        ((EventKind.BASELINE_DEAD, "a refuses: nonce-x"), (EventKind.BASELINE_DEAD, "a refuses: y"), True),
        ((EventKind.ROLLED_BACK, "qa: a 5 → 0%"), (EventKind.ROLLED_BACK, "mail: a 5 → 0%"), False),
    ],
)
def test_what_is_the_same_in_all_but_its_figures(
    one: tuple[EventKind, str], other: tuple[EventKind, str], same: bool
) -> None:
    assert (about(happened(*one)) == about(happened(*other))) is same


def test_who_did_it_is_part_of_what_happened() -> None:
    by_guard = happened(EventKind.ROLLED_BACK, "a 5 → 0%")
    assert about(by_guard) != about(replace(by_guard, actor="ann"))


# --- as each service documents it ---------------------------------------------------------------


def test_slack_gets_a_text_in_which_nothing_mentions_or_links() -> None:
    body = slack("https://x", MESSAGE).body
    assert list(body) == ["text"]
    assert "<" not in body["text"]
    assert ">" not in body["text"]
    assert "&lt;!channel&gt; &lt;https://evil|click&gt; &amp; [go]" in body["text"]
    assert body["text"].startswith("summarise (production): WORSE\nv2 ")
    assert f"weights now: {OLD} 90%, {NEW} 10%" in body["text"]
    assert "\x1b" not in body["text"]
    assert "run run1 on host7, 2026-12-01 03:12:09Z" in body["text"]


def test_teams_gets_a_card_of_text_runs_which_are_no_markdown() -> None:
    body = teams("https://x", replace(MESSAGE, more=3)).body
    [attachment] = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert "and 3 more of this kind since the last message" in [run["text"] for run in runs]
    assert "msteams" not in card, "without entities no text is a mention"


def test_pagerduty_gets_an_event_of_its_version_2() -> None:
    body = pagerduty("https://x", KEY, replace(MESSAGE, text="x" * 3000)).body
    assert (body["routing_key"], body["event_action"]) == (KEY, "trigger")
    assert body["dedup_key"] == "canarytop/run1/worse/"
    payload = body["payload"]
    assert len(payload["summary"]) <= 1024
    assert payload["summary"].startswith("summarise (production): WORSE: xxx")
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert (payload["source"], payload["timestamp"]) == ("host7", "2026-12-01T03:12:09+00:00")


def test_another_canary_is_another_incident() -> None:
    keys = [
        pagerduty("https://x", KEY, replace(MESSAGE, about=about(happened(EventKind.WORSE, text)))).body[
            "dedup_key"
        ]
        for text in (
            "a WORSE: errors 8%",
            "b WORSE: errors 8%",
            "a WORSE: errors 9%",
            "c" * 300 + " WORSE: errors",
        )
    ]
    assert keys[0] == keys[2] != keys[1]
    assert max(map(len, keys)) <= 255


def test_a_big_rollout_still_fits_into_a_card() -> None:
    weights = {f"task{t}": {f"{d:064}": 1.0 for d in range(64)} for t in range(64)}
    card = teams("https://x", replace(MESSAGE, weights=weights))
    assert len(card.content) < 28_000


def test_a_program_gets_a_document_of_our_own() -> None:
    body = own_json("https://x", MESSAGE).body
    assert json.loads(json.dumps(body)) == body
    assert (body["canarytop"], body["occasion"], body["run"]) == (1, "worse", "run1")
    assert body["weights"] == {"default": {OLD: 90.0, NEW: 10.0}}
    assert "\n" not in body["text"]


def test_a_file_without_an_environment_has_no_empty_brackets() -> None:
    assert headline(replace(MESSAGE, origin=replace(MESSAGE.origin, environment=""))) == "summarise: WORSE"


def test_a_test_says_that_it_is_one() -> None:
    tried = replace(MESSAGE, test=True)
    assert headline(tried).startswith("TEST, nothing has happened: ")
    assert pagerduty("https://x", KEY, tried).body["payload"]["severity"] == "info"
    assert own_json("https://x", tried).body["test"] is True


# --- sending ------------------------------------------------------------------------------------


class Receiver:
    """Answers with the statuses it is given, the last one again and again; keeps what it gets."""

    def __init__(self) -> None:
        self.statuses: list[tuple[int, dict[str, str]]] = [(200, {})]
        self.bodies: list[Any] = []
        self.news = threading.Semaphore(0)
        self.hang = threading.Event()
        self.hang.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.hang.wait()
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.bodies.append((self.path, json.loads(body)))
                status, headers = receiver.statuses[0]
                if len(receiver.statuses) > 1:
                    receiver.statuses.pop(0)
                self.send_response(status)
                for name, value in {**headers, "content-length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()
                receiver.news.release()

            def log_message(self, *_: object) -> None:
                """Nothing on the screen."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook/s3cret"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.hang.set()
    one.server.shutdown()
    one.server.server_close()


def spec(kind: Any = "json", **more: Any) -> NotifySpec:
    return NotifySpec(**{"kind": kind, "url_env": "HOOK", "key_env": None, "on": BY_DEFAULT, **more})


@pytest.mark.parametrize(
    ("statuses", "pauses", "why"),
    [
        ([(200, {})], [], None),
        ([(202, {})], [], None),
        ([(500, {}), (200, {})], [1.0], None),
        ([(429, {"retry-after": "2"}), (429, {"retry-after": "86400"}), (200, {})], [2.0, 10.0], None),
        ([(429, {"retry-after": "nan"}), (200, {})], [1.0], None),
        ([(503, {})], [1.0, 3.0], "HTTP 503, 3 tries"),
        ([(404, {})], [], "HTTP 404"),
        ([(302, {"location": "http://127.0.0.1:1/elsewhere"})], [], "HTTP 302"),
    ],
)
def test_three_tries_and_no_redirection(
    receiver: Receiver, statuses: list[Any], pauses: list[float], why: str | None
) -> None:
    receiver.statuses = list(statuses)
    waited: list[float] = []
    call = call_of(spec(), MESSAGE, {"HOOK": receiver.url})
    if why is None:
        send(call, waited.append)
    else:
        with pytest.raises(CannotSend) as error:
            send(call, waited.append)
        assert str(error.value) == why
    assert waited == pauses
    assert {path for path, _ in receiver.bodies} == {"/hook/s3cret"}


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({}, "the variable HOOK is not set"),
        ({"HOOK": "http://hooks.example.com/s3cret"}, "HOOK: it is no https address"),
        ({"HOOK": "https://[s3cret"}, "HOOK: it is no https address"),
        ({"HOOK": "s3cret"}, "HOOK: it is no https address"),
    ],
)
def test_no_reason_ever_names_the_address(env: dict[str, str], why: str) -> None:
    with pytest.raises(CannotSend) as error:
        call_of(spec(), MESSAGE, env)
    assert str(error.value) == why


def test_which_addresses_may_be_sent_to() -> None:
    for good in ("https://hooks.slack.com/x", "http://127.0.0.1:8/x", "http://localhost/x", "http://[::1]:9/"):
        assert url_mistake(good) == ""
    for bad in ("http://10.0.0.1/x", "ftp://x", "https://", "https://x:99999", "javascript:1", ""):
        assert url_mistake(bad)


def notifier(receiver: Receiver, clock: Any = None, **more: Any) -> Notifier:
    return Notifier(
        [spec(**more)], {"HOOK": receiver.url}, Origin("r", "e", "run1"),
        **({} if clock is None else {"clock": clock}),
    )  # fmt: skip


def test_what_flaps_is_folded(receiver: Receiver) -> None:
    now = [0.0]
    one = notifier(receiver, lambda: now[0])
    one.hear(happened(EventKind.WORSE), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    for number in range(4):
        one.hear(happened(EventKind.WORSE, number=number), {})
    one.hear(happened(EventKind.WORSE, "other WORSE: errors 9%"), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    now[0] = FOLD_S
    one.hear(happened(EventKind.WORSE), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    assert one.close(WAIT_S) == ()
    assert [(body["text"].split()[0], body["more"]) for _, body in receiver.bodies] == [
        (NEW, 0), ("other", 0), (NEW, 4),
    ]  # fmt: skip


def test_what_was_folded_is_told_when_its_time_has_come_without_another(receiver: Receiver) -> None:
    now = [0.0]
    one = notifier(receiver, lambda: now[0])
    one.hear(happened(EventKind.WORSE), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    one.hear(happened(EventKind.WORSE), {})
    now[0] = FOLD_S
    one.hear(happened(EventKind.BUDGET_SPENT, "budget spent"), {})
    for _ in range(2):
        assert receiver.news.acquire(timeout=WAIT_S)
    assert sorted(body["occasion"] for _, body in receiver.bodies) == ["budget_spent", "worse", "worse"]


def test_what_was_folded_is_told_though_nothing_else_happens(receiver: Receiver) -> None:
    one = Notifier(
        [spec()], {"HOOK": receiver.url}, Origin("r", "e", "run1"), fold_s=0.2
    )  # fmt: skip
    one.hear(happened(EventKind.WORSE), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    one.hear(happened(EventKind.WORSE), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    assert one.close(WAIT_S) == ()


def test_what_is_folded_at_the_end_is_told(receiver: Receiver) -> None:
    one = notifier(receiver, lambda: 0.0)
    one.hear(happened(EventKind.WORSE), {})
    assert receiver.news.acquire(timeout=WAIT_S)
    one.hear(happened(EventKind.WORSE, f"{NEW} WORSE: errors 9%"), {})
    assert one.close(WAIT_S) == ()
    assert [body["text"][-2:] for _, body in receiver.bodies] == ["8%", "9%"]


def test_only_what_was_asked_for_is_told(receiver: Receiver) -> None:
    one = notifier(receiver, on=("ended",))
    one.hear(happened(EventKind.WORSE), {})
    one.hear(happened(EventKind.STOPPED, "run run1 ended"), {})
    one.close(WAIT_S)
    assert [body["occasion"] for _, body in receiver.bodies] == ["ended"]


def test_a_receiver_that_hangs_is_in_nobody_s_way(receiver: Receiver, tmp_path: Path) -> None:
    receiver.hang.clear()
    old, new = pretend(OLD, NEW)
    one = notifier(receiver)
    with beside(simulator([old, new])) as url, running(rollout(tmp_path, url), hear=one.hear) as engine:
        engine.send(RollBack(), actor="ann").result(WAIT_S)
        engine.send(Shift(NEW, 20.0), actor="ann").result(WAIT_S)
        last = until(engine, lambda s: s.weights["default"][NEW] == 20.0)
        assert receiver.bodies == []
        assert EventKind.ROLLED_BACK in kinds(last.events)
    receiver.hang.set()
    one.close(WAIT_S)
    assert [body["occasion"] for _, body in receiver.bodies] == ["rolled_back"]


def test_a_failure_is_told_without_address_and_key(receiver: Receiver) -> None:
    receiver.statuses = [(410, {})]
    one = notifier(receiver)
    said: list[str] = []

    def log(text: str) -> bool:
        said.append(text)
        return True

    one.failed = log
    one.hear(happened(EventKind.BASELINE_DEAD, f"{OLD} is dead"), {})
    assert one.close(WAIT_S) == (), "the log has it"
    assert said == ["nobody was told by json (HOOK) of baseline_dead: HTTP 410"]


def test_a_failure_that_the_log_no_longer_takes_is_told_at_the_end(receiver: Receiver) -> None:
    receiver.statuses = [(410, {})]
    one = notifier(receiver)
    one.hear(happened(EventKind.STOPPED, "run run1 ended"), {})
    one.hear(happened(EventKind.BASELINE_DEAD, f"{OLD} is dead"), {})
    told = ("nobody was told by json (HOOK) of baseline_dead: HTTP 410",)
    assert one.close(WAIT_S) == told
    assert one.close(WAIT_S) == (), "once"


def test_who_hangs_keeps_a_message_from_nobody_else(receiver: Receiver) -> None:
    with raw(lambda _: None) as silent:
        one = Notifier(
            [spec(), spec(url_env="OTHER")], {"HOOK": silent, "OTHER": receiver.url},
            Origin("r", "e", "run1"),
        )  # fmt: skip
        one.hear(happened(EventKind.BASELINE_DEAD, f"{OLD} is dead"), {})
        assert receiver.news.acquire(timeout=WAIT_S)
        late = "nobody was told by json (HOOK) of baseline_dead: the run ended before it was sent"
        assert one.close(0.0)[0] == late
    assert len(receiver.bodies) == 1


@contextmanager
def raw(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """The address of a receiver that reads what it gets, does what it is told to and then holds the line."""
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve(line: socket.socket) -> None:
        try:
            line.recv(65536)
            answer(line)
        except OSError:
            return  # The other side has hung up, as it should.

    def accept() -> None:
        try:
            while True:
                held.append(server.accept()[0])
                threading.Thread(target=serve, args=(held[-1],), daemon=True).start()
        except OSError:
            return  # The test is over.

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hook/s3cret"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        accepting.join(WAIT_S)
        for line in (server, *held):
            line.close()


def dripping(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        line.sendall(b"x: 1\r\n")
        threading.Event().wait(0.02)


def endless(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def test_a_receiver_that_drips_has_its_time_and_no_more() -> None:
    with raw(dripping) as url:
        call = call_of(spec(), MESSAGE, {"HOOK": url})
        with pytest.raises(CannotSend, match=r"^no answer within 0\.2 s, 3 tries$"):
            send(call, lambda _: None, try_s=0.2)


def test_an_answer_without_an_end_is_not_read() -> None:
    with raw(endless) as url:
        send(call_of(spec(), MESSAGE, {"HOOK": url}), lambda _: None)


def test_a_proxy_is_used_by_the_rule_of_the_program(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://me:pa55word@127.0.0.1:1")
    one = notifier(receiver)
    one.hear(happened(EventKind.WORSE), {})
    assert one.close(WAIT_S) == (), "this machine is never reached through a proxy"
    assert len(receiver.bodies) == 1
    with pytest.raises(CannotSend, match=r"^ALL_PROXY names a socks5:// proxy") as error:
        send(call_of(spec(), MESSAGE, {"HOOK": "https://hooks.example.com/s3cret"}))
    assert "pa55word" not in str(error.value)
    assert "s3cret" not in str(error.value)


# --- the rollout file and the command -----------------------------------------------------------

SLACK = {"kind": "slack", "url_env": "HOOK"}


@pytest.mark.parametrize(
    ("notify", "field", "remedy"),
    [
        ({"url_env": "HOOK"}, "notify[1].kind", "say which service"),
        ({"kind": "slack"}, "notify[1].url_env", "the address of the webhook"),
        ({"kind": "pagerduty"}, "notify[1].key_env", "the key of the integration"),
        ({"kind": "slack", "url_env": "NOT_SET"}, "notify[1].url_env", "is not set"),
        ({"kind": "slak", "url_env": "HOOK"}, "notify[1].kind", "did you mean slack"),
        ({**SLACK, "on": ["wrose"]}, "notify[1].on[1]", "did you mean worse"),
        ({"kind": "slack", "url": "https://s3cret"}, "notify[1].url", "environment variable"),
        ({"kind": "slack", "url_env": "PLAIN"}, "notify[1].url_env", "it is no https address"),
        ({**SLACK, "key_env": "HOOK"}, "notify[1].key_env", 'only with kind = "pagerduty"'),
        ({"kind": "slack", "url_env": "https://hooks.slack.com/s3cret"}, "notify[1].url_env", "NAME of an env"),
    ],
)
def test_mistakes_are_told_and_secrets_are_not(
    tmp_path: Path, notify: dict[str, Any], field: str, remedy: str
) -> None:
    found = problems(
        tmp_path, {"notify": [notify]}, {**ENV, "HOOK": "https://x/s3cret", "PLAIN": "http://x/s3cret"}
    )
    [said] = [p for p in found if p.field == field]
    assert remedy in said.remedy
    assert "s3cret" not in str(said)


def test_who_says_nothing_is_told_of_all_but_the_end(tmp_path: Path) -> None:
    file = write(
        tmp_path, document({"notify": [SLACK, {"kind": "pagerduty", "key_env": "HOOK", "on": ["ended"]}]})
    )
    first, second = load_rollout(file, env={**ENV, "HOOK": "https://x/y"}).notify
    assert first.on == BY_DEFAULT
    assert "ended" not in first.on
    assert (second.on, second.named_by) == (("ended",), "HOOK")


def test_a_file_of_the_simulator_asks_for_no_address(tmp_path: Path) -> None:
    file = write(tmp_path, document({"notify": [SLACK], "endpoints": {"main": {"url": SIMULATOR}}}))
    assert load_rollout(file, env={}).notify


def test_a_rehearsal_asks_for_no_address(tmp_path: Path) -> None:
    assert load_rollout(write(tmp_path, document({"notify": [SLACK]})), env=EveryKey()).notify


def test_the_command_says_who_is_told_and_tries_it(tmp_path: Path, receiver: Receiver) -> None:
    file = write(tmp_path, document({"notify": [{"kind": "json", "url_env": "HOOK"}]}))
    env = {**ENV, "HOOK": receiver.url}
    code, out, _ = typed(tmp_path, "notify", str(file), **env)
    assert (code, receiver.bodies) == (0, [])
    assert out.startswith("json       HOOK  on worse, rolled_back, ")
    code, out, _ = typed(tmp_path, "notify", str(file), "--test", **env)
    assert (code, out) == (0, "json       HOOK  reached\n")
    [(_, body)] = receiver.bodies
    assert body["test"] is True
    receiver.statuses = [(404, {})]
    code, out, err = typed(tmp_path, "notify", str(file), "--test", **env)
    assert (code, out) == (3, "json       HOOK  not reached: HTTP 404\n")
    assert "s3cret" not in out + err


def test_a_run_tells_and_a_rehearsal_does_not(tmp_path: Path, receiver: Receiver) -> None:
    with beside(simulator(pretend(OLD, NEW))) as url:
        file = rollout_at(tmp_path, url)
        file.write_text(file.read_text() + '\n[[notify]]\nkind = "json"\nurl_env = "HOOK"\non = ["ended"]\n')
        env = {"AZURE_OPENAI_API_KEY": KEY, "HOOK": receiver.url}
        run = ("run", str(file), "--for", "300ms")
        assert "run " in typed(tmp_path, *run, "--scenario", "healthy", **env)[1]
        assert receiver.bodies == []
        _, out, err = typed(tmp_path, *run, **env)
        [(_, body)] = receiver.bodies
        assert body["occasion"] == "ended"
        assert "nobody was told" not in err
        receiver.statuses = [(410, {})]
        _, out, err = typed(tmp_path, *run, **env)
    assert "WARNING nobody was told by json (HOOK) of ended: HTTP 410\n" in err
    assert "s3cret" not in out + err


# --- the terminal -------------------------------------------------------------------------------


def test_the_bell_rings_once_for_what_is_new_and_urgent() -> None:
    bell = Bell(notes=False, in_tmux=False)
    old = happened(EventKind.WORSE, number=1)
    assert bell.for_events([old]) == "", "what was there before is old"
    new = [happened(EventKind.WORSE, number=2), happened(EventKind.ROLLED_BACK, number=3)]
    assert bell.for_events([old, *new]) == "\a"
    assert bell.for_events([old, *new]) == ""
    assert bell.for_events([old, *new, happened(EventKind.STOPPED, number=4)]) == ""


def test_nobody_is_called_for_what_they_did_themselves() -> None:
    bell = Bell(notes=False, actor="ann", in_tmux=False)
    bell.for_events([])
    by_guard = happened(EventKind.ROLLED_BACK, number=2)
    assert bell.for_events([replace(by_guard, id=1, actor="ann")]) == ""
    assert bell.for_events([by_guard]) == "\a"


async def test_what_came_after_the_first_picture_rings_and_what_was_before_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = happened(EventKind.WORSE, number=1)
    fake = FakeControls(made_snapshot(events=(old,)))
    async with cockpit(fake, settings={"desktop_notes": True}) as c:
        written: list[str] = []
        assert c.app._driver is not None
        monkeypatch.setattr(c.app._driver, "write", written.append)
        dead = happened(EventKind.BASELINE_DEAD, f"{OLD} has failed", 2)
        fake.publish(events=(old, dead))
        await c.settle()
        calls = [text for text in written if text.startswith("\a")]
        assert len(calls) == 1
        assert "BASELINE DEAD" in calls[0]
        assert "WORSE" not in calls[0]


def test_a_note_is_one_harmless_sequence() -> None:
    dead = happened(EventKind.BASELINE_DEAD, f"{HOSTILE}\x07\x1b]0;title\x07", 2)
    bell = Bell(notes=True, in_tmux=False)
    bell.for_events([])
    written = bell.for_events([dead])
    assert written.startswith("\a\x1b]9;canarytop: BASELINE DEAD v2 <!channel>")
    assert written.count("\x1b") == 1
    assert written.count("\x07") == 2, "the bell, and the end of the note"
    bell = Bell(notes=True, in_tmux=True)
    bell.for_events([])
    wrapped = bell.for_events([dead])
    assert wrapped.startswith("\a\x1bPtmux;\x1b\x1b]9;canarytop: ")
    assert wrapped.endswith("\x07\x1b\\")
