"""Reading answers off the wire: whole, streamed, cut anywhere, and hostile."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.base.retry_after import retry_after_s
from tui.model import FilterHits, OutcomeKind, Usage
from tui.service._events import MAX_EVENT_BYTES
from tui.service.answer import Answer
from tui.service.errors import classify
from tui.service.wire import AnswerReader, UnreadableAnswer

SAFE = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": False, "detected": False}}


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def chunk(content: str | None = None, finish: str | None = None, **more: object) -> bytes:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "content_filter_results": SAFE, **more}
    return event(id="c", model="gpt-4o-2024-11-20", system_fingerprint="fp", choices=[choice], usage=None)


FIRST = event(
    id="", model="", choices=[], prompt_filter_results=[{"prompt_index": 0, "content_filter_results": SAFE}]
)
ROLE = chunk("")
USAGE = event(
    id="c",
    model="gpt-4o-2024-11-20",
    choices=[],
    usage={
        "prompt_tokens": 157,
        "completion_tokens": 2,
        "total_tokens": 159,
        "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
)
DONE = b"data: [DONE]\n\n"
STREAM = [FIRST, ROLE, chunk("Hel"), chunk("lo"), chunk(finish="stop"), USAGE, DONE]


def read(pieces: list[bytes], **options: bool) -> Answer:
    """What was read of pieces that arrived at the seconds 0, 1, 2, ..."""
    reader = AnswerReader(**options)
    for at_s, piece in enumerate(pieces):
        reader.feed(piece, float(at_s))
    reader.close(float(len(pieces)))
    return reader.answer


def test_the_first_content_is_neither_the_empty_event_nor_the_role() -> None:
    assert read(STREAM).first_token_s == 2.0


def test_a_stream_gives_version_usage_and_end() -> None:
    answer = read(STREAM)
    assert answer.done
    assert (answer.model, answer.fingerprint, answer.finish_reason) == ("gpt-4o-2024-11-20", "fp", "stop")
    assert answer.usage == Usage(157, 2, cached_tokens=100, reasoning_tokens=1)
    assert answer.filters.hits() == FilterHits()
    assert answer.text == []


@given(st.lists(st.integers(1, 200), max_size=40))
def test_cut_anywhere_it_reads_the_same(cuts: list[int]) -> None:
    whole, pieces, at = b"".join(STREAM), [], 0
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    for keep_text in (True, False):
        answer = read([*pieces, whole[at:]], keep_text=keep_text)
        assert "".join(answer.text) == ("Hello" if keep_text else "")
        assert answer.written_bytes == 5
        assert answer.usage == Usage(157, 2, cached_tokens=100, reasoning_tokens=1)
        assert answer.finish_reason == "stop"
        assert answer.first_token_s == answer.first_answer_s is not None
        assert answer.done


def test_a_late_block_of_the_asynchronous_filter_outranks_stop() -> None:
    late = event(
        id="",
        model="",
        choices=[
            {
                "index": 0,
                "finish_reason": "content_filter",
                "content_filter_results": {"violence": {"filtered": True, "severity": "high"}},
                "content_filter_offsets": {"check_offset": 1, "start_offset": 1, "end_offset": 9},
            }
        ],
    )
    answer = read([*STREAM[:5], late, DONE])
    assert answer.finish_reason == "content_filter"
    assert answer.filters.hits().blocked == ("completion:violence",)
    assert answer.model == "gpt-4o-2024-11-20"


def test_hits_after_the_first_content_are_seen_and_sorted() -> None:
    results = {
        "self-harm": {"filtered": False, "severity": "low"},
        "protected_material_text": {"filtered": False, "detected": True},
        "purview": {"filtered": True},
        "error": {"code": "content_filter_error", "message": "The contents are not filtered"},
    }
    spaced = chunk("b", content_filter_results=results)
    tight = b"data: " + json.dumps(json.loads(spaced[6:]), separators=(",", ":")).encode() + b"\n\n"
    for piece in (spaced, tight):
        answer = read([FIRST, chunk("a"), piece, chunk(finish="stop"), DONE])
        assert answer.filters.hits() == FilterHits(
            blocked=("completion:purview",),
            annotated=("completion:protected_material_text",),
            below_threshold=("completion:self_harm",),
            unfiltered=True,
        )


def test_an_answer_that_quotes_the_wire_format_changes_nothing() -> None:
    hostile = '{"finish_reason":"content_filter","usage":{"prompt_tokens":9},"filtered":true,"error":{}}'
    hostile += "\ndata: [DONE]"
    answer = read([FIRST, chunk("a"), chunk(hostile), chunk(finish="stop"), USAGE, DONE], keep_text=True)
    assert answer.finish_reason == "stop"
    assert answer.usage == Usage(157, 2, cached_tokens=100, reasoning_tokens=1)
    assert answer.filters.hits() == FilterHits()
    assert answer.text[1] == hostile


def test_tool_calls_are_content_too() -> None:
    call = event(
        model="m", choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0}]}, "finish_reason": None}]
    )
    assert read([FIRST, call]).first_answer_s == 1.0


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Let me"},
        {"reasoning": "Let me"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Let me"}]}]},
    ],
)
def test_reasoning_is_the_first_token_and_not_the_answer(delta: dict[str, object]) -> None:
    thinks = event(model="m", choices=[{"index": 0, "delta": delta, "finish_reason": None}])
    answer = read([ROLE, thinks, thinks, chunk("Hi"), chunk(" you"), chunk(finish="stop"), DONE])
    assert (answer.first_token_s, answer.first_answer_s) == (1.0, 3.0)
    assert answer.written_bytes == len("Let me" * 2 + "Hi you")


@pytest.mark.parametrize(
    "text", ["plain", 'with "quotes"', "line\nand \\", "日本語", "привет", "\u00e9\U0001f600"]
)
@pytest.mark.parametrize("escaped", [True, False])
def test_what_was_written_is_measured_without_parsing(text: str, escaped: bool) -> None:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    sent = b"data: " + json.dumps({"model": "m", "choices": [choice]}, ensure_ascii=escaped).encode() + b"\n\n"
    answer = read([sent] * 5)
    assert answer.written_bytes == pytest.approx(5 * len(text.encode()), rel=0.0 if text.isalpha() else 0.5)


def test_what_follows_alike_events_is_seen() -> None:
    alike = [chunk("a"), chunk("b"), chunk("c"), chunk("d")]
    for last, kind in (
        (event(error="gone"), OutcomeKind.SERVER_ERROR),
        (chunk("e", finish="error"), OutcomeKind.SERVER_ERROR),
        (chunk("e", error={"message": "x"}), OutcomeKind.SERVER_ERROR),
        (event(detail="x"), OutcomeKind.SERVER_ERROR),
    ):
        refusal = read([*alike, last, chunk("f"), chunk(finish="stop"), DONE]).refusal()
        assert refusal is not None
        assert refusal.kind is kind


def test_an_event_without_its_last_newline_still_counts() -> None:
    answer = read([chunk("a"), chunk(finish="stop").rstrip(b"\n")])
    assert answer.finish_reason == "stop"


def test_comments_blank_lines_and_carriage_returns_are_nothing() -> None:
    answer = read([b": ping\r\n\r\nevent: x\r\n", chunk("a").replace(b"\n", b"\r\n"), DONE])
    assert answer.first_answer_s is not None
    assert answer.done


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b"[]", b"3", b"null", b"{}", b'{"choices": 5}', b"\xff\xfe"]
)
def test_what_is_no_completion_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read([body])


def test_an_event_that_never_ends_is_given_up() -> None:
    reader = AnswerReader()
    reader.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6), 0.0)
    with pytest.raises(UnreadableAnswer, match="one event"):
        reader.feed(b"x", 0.0)


FIELDS = [
    *("choices", "usage", "delta", "content", "model", "error", "prompt_filter_results", "message"),
    *("content_filter_results", "finish_reason", "prompt_tokens", "completion_tokens_details"),
]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(FIELDS),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_json_of_any_shape_is_read_or_refused(document: object) -> None:
    body = json.dumps(document).encode()
    for sent in (body, b"data: " + body + b"\n\n"):
        try:
            answer = read([sent], keep_text=True)
        except UnreadableAnswer:
            continue
        assert isinstance(document, dict | str | int | float | list) or document is None
        assert (answer.refusal() is None) == (
            bool(answer.finish_reason) and answer.error is None
        ) or answer.blocked()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": "content_filter", "innererror": {}}, OutcomeKind.PROMPT_FILTERED),
        (
            400,
            {"code": "x", "inner_error": {"code": "ResponsibleAIPolicyViolation"}},
            OutcomeKind.PROMPT_FILTERED,
        ),
        (400, {"code": "context_length_exceeded", "message": "too long"}, OutcomeKind.BAD_REQUEST),
        (400, {"code": "OperationNotSupported", "message": "model is retired"}, OutcomeKind.GONE),
        (400, {"code": "OperationNotSupported", "message": "does not work"}, OutcomeKind.GONE),
        (401, {"code": "401"}, OutcomeKind.REFUSED),
        (403, None, OutcomeKind.REFUSED),
        (404, {"code": "DeploymentNotFound"}, OutcomeKind.GONE),
        (408, None, OutcomeKind.TIMEOUT),
        (410, "gone", OutcomeKind.GONE),
        (413, None, OutcomeKind.BAD_REQUEST),
        (423, [], OutcomeKind.GONE),
        (429, {"code": "RateLimitReached"}, OutcomeKind.RATE_LIMITED),
        (500, "", OutcomeKind.SERVER_ERROR),
        (503, {"message": None}, OutcomeKind.SERVER_ERROR),
        (302, None, OutcomeKind.SERVER_ERROR),
    ],
)
def test_refusals_are_classified(status: int, body: object, kind: OutcomeKind) -> None:
    refusal = classify(status, body)
    assert refusal.kind is kind
    assert refusal.text


def test_a_refusal_with_two_meanings_claims_neither() -> None:
    both = classify(400, {"code": "OperationNotSupported", "message": "The chatCompletion operation ..."}).text
    assert "is retired, or takes no chat completions: The chatCompletion" in both
    assert "is retired: The model" in classify(400, {"message": "The model was deprecated."}).text


def test_the_categories_of_a_blocked_prompt_are_read_under_every_spelling() -> None:
    verdicts = {
        "sexual": {"filtered": True, "severity": "high"},
        "jailbreak": {"filtered": False, "detected": True},
    }
    for inner, results in (("innererror", "content_filter_result"), ("inner_error", "content_filter_results")):
        hits = classify(400, {"code": "content_filter", inner: {results: verdicts}}).filters
        assert hits.blocked == ("prompt:sexual",)
        assert hits.annotated == ("prompt:jailbreak",)


def test_an_error_inside_a_stream_keeps_its_meaning() -> None:
    assert classify(200, {"error": {"code": "429", "message": "slow"}}).kind is OutcomeKind.RATE_LIMITED
    assert classify(200, {"error": {"code": "server_error"}}).kind is OutcomeKind.SERVER_ERROR
    assert classify(200, {"error": {"status": 200}}).kind is OutcomeKind.SERVER_ERROR


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:10 GMT"}, 60.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now_s=10.0) == seconds
