"""Logs of gateways and tracers: LiteLLM payloads, Langfuse generations, API Management rows.

Requests that a service kept: stored completions and responses of OpenAI, and exports of Helicone.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from tui.base.recorded_request import BadRecord, Recorded, mapping, parse, read_chat, recorded, unpack
from tui.base.text import plain
from tui.traffic.attributes import attributes_of
from tui.traffic.bodies import read_body, tools_of
from tui.traffic.joined_rows import JoinedRows, Row, rows_of

_CHAT_CALLS = ("completion", "acompletion")
_RESPONSE_CALLS = ("responses", "aresponses")
_SPAN = "langfuse.observation."
_NOT_THERE = ("litellm_truncated", "redacted-by-litellm")


def read_litellm(record: Mapping[str, Any]) -> Recorded:
    """A LiteLLM payload (StandardLoggingPayload) or spend log of a chat completion or response.

    A spend log keeps the request in ``proxy_server_request``, the body alone or with it as ``body``, and leaves
    ``messages`` empty. Source: BerriAI/litellm, ``proxy/spend_tracking/spend_tracking_utils.py``.
    """
    kind = record.get("call_type")
    if kind not in (*_CHAT_CALLS, *_RESPONSE_CALLS, "", None):
        raise BadRecord(f"call_type {plain(str(kind), 30)} is not a chat completion")
    body = _proxied(record.get("proxy_server_request"))
    given = record.get("messages")
    if isinstance(given, str) and given.lstrip()[:1] in ("[", "{"):
        given = parse(given, "messages")
    if isinstance(given, str) and given:
        given = [{"role": "user", "content": given}]
    if not given and not body and "proxy_server_request" in record:
        raise BadRecord(
            "messages and proxy_server_request are empty: set store_prompts_in_spend_logs in general_settings"
        )
    _all_there({"messages": given, "proxy_server_request": body})
    params = mapping(unpack(record.get("model_parameters") or {}, "model_parameters"), "model_parameters")
    if given or not body:
        return recorded({**body, **params, "messages": given})
    url = "/responses" if kind in _RESPONSE_CALLS else None
    return read_body({**params, **body}, url=url, what="proxy_server_request")


def _proxied(value: object) -> Mapping[str, Any]:
    body = mapping(unpack(value or {}, "proxy_server_request"), "proxy_server_request")
    inner = body.get("body")
    return mapping(unpack(inner, "proxy_server_request.body"), "proxy_server_request.body") if inner else body


def _all_there(fields: Mapping[str, Any]) -> None:
    """LiteLLM cuts long texts in its database and can blank them: such a request is another one."""
    for name, value in fields.items():
        text = json.dumps(value, ensure_ascii=False)
        if _NOT_THERE[0] in text:
            raise BadRecord(f"{name} was cut by LiteLLM; set MAX_STRING_LENGTH_PROMPT_IN_DB higher")
        if _NOT_THERE[1] in text:
            raise BadRecord(f"{name} was blanked by LiteLLM (turn_off_message_logging)")


def read_langfuse(record: Mapping[str, Any]) -> Recorded | None:
    """A Langfuse ingestion event, exported observation or span of its SDK; only generations give a request.

    The trace around a generation repeats its input and is left out, and so is an update without input. Source:
    Langfuse, "OpenTelemetry": ``langfuse.observation.type``, ``.input`` and ``.model.parameters``.
    """
    kind = record.get("type")
    found = attributes_of(record)
    span = {key[len(_SPAN) :]: value for key, value in found.items() if str(key).startswith(_SPAN)}
    if span:
        if span.get("type") not in ("generation", "GENERATION"):
            return None
        observation: Mapping[str, Any] = {
            "input": span.get("input", found.get("input.value")),
            "modelParameters": span.get("model.parameters"),
        }
    elif kind in ("generation-create", "generation-update"):
        observation = mapping(record.get("body"), "body")
        if kind == "generation-update" and observation.get("input") is None:
            return None
    elif "body" in record or kind not in (None, "GENERATION"):
        return None
    else:
        observation = record
    return _generation(observation)


def _generation(observation: Mapping[str, Any]) -> Recorded:
    given = observation.get("input")
    if given is None:
        raise BadRecord("input is missing: it was not captured")
    if isinstance(given, str) and given.lstrip()[:1] in ("[", "{", '"'):
        given = parse(given, "input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    elif isinstance(given, dict) and "role" in given and "messages" not in given:
        given = [given]
    params = observation.get("modelParameters", observation.get("model_parameters")) or {}
    body = given if isinstance(given, dict) else {"messages": given}
    params = _numbers(mapping(unpack(params, "modelParameters"), "modelParameters"))
    return recorded({**params, **body, "tools": tools_of(body.get("tools", params.get("tools")), "tools")})


def merge_langfuse(batch: Iterable[object]) -> list[object]:
    """The events of an ingestion batch, without those that repeat the input of a generation already seen."""
    kept: list[object] = []
    seen: set[str] = set()
    for event in batch:
        body = event.get("body") if isinstance(event, dict) else None
        if isinstance(event, dict) and isinstance(body, dict) and body.get("input") is not None:
            name = body.get("id")
            if str(event.get("type")).startswith("generation-") and isinstance(name, str):
                if name in seen:
                    continue
                seen.add(name)
        kept.append(event)
    return kept


def _numbers(params: Mapping[str, Any]) -> dict[str, Any]:
    """Langfuse keeps numeric parameters as text when the tracer sent text."""
    numbers: dict[str, Any] = dict(params)
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        if isinstance(text := params.get(name), str):
            try:
                numbers[name] = float(text)
            except ValueError as error:
                raise BadRecord(f"{name} is not a number") from error
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(text := params.get(name), str):
            # "inf" is what some tracers write for "no limit".
            numbers[name] = int(text) if text.isdecimal() and len(text) < 10 else None
    return numbers


def read_apim(record: Mapping[str, Any]) -> Recorded | None:
    """One call put together by ``ApimCalls``; a call without request messages gives nothing."""
    rows = sorted(rows_of(record), key=lambda row: int(row["SequenceNumber"]))
    pieces = [row.get("RequestMessages") for row in rows]
    pieces = [piece for piece in pieces if piece not in (None, "", [])]
    if not pieces:
        return None
    if all(isinstance(piece, str) for piece in pieces) and len(pieces) > 1:
        whole = _parsed_pieces(pieces)
    else:
        whole = [parse(piece, "RequestMessages") if isinstance(piece, str) else piece for piece in pieces]
    messages: list[Any] = []
    for piece in whole:
        if isinstance(piece, dict):
            piece = piece.get("messages", [piece])
        if not isinstance(piece, list):
            raise BadRecord("RequestMessages is not a list of messages")
        _append(messages, piece)
    return recorded({"messages": messages})


def _parsed_pieces(pieces: list[Any]) -> list[Any]:
    """Chunks that are JSON each, or one JSON text cut into chunks."""
    try:
        return [parse(piece, "RequestMessages") for piece in pieces]
    except BadRecord:
        return [parse("".join(pieces), "RequestMessages in all its chunks")]


def _append(messages: list[Any], piece: list[Any]) -> None:
    """A message cut by the gateway goes on in the next chunk under the same role."""
    for index, message in enumerate(piece):
        last = messages[-1] if messages and index == 0 else None
        if (
            isinstance(last, dict)
            and isinstance(message, dict)
            and last.get("role") == message.get("role")
            and isinstance(last.get("content"), str)
            and isinstance(message.get("content"), str)
            and "tool_call_id" not in last
        ):
            messages[-1] = {**last, "content": last["content"] + message["content"]}
        else:
            messages.append(message)


class ApimCalls(JoinedRows):
    """Rows of ``ApiManagementGatewayLlmLog`` put together to calls: same CorrelationId, by SequenceNumber.

    Row 0 has the token counts, the others hold the messages in chunks (Microsoft, "Log token usage, prompts,
    and completions for LLM APIs").
    """

    def key(self, row: Row) -> Hashable | None:
        """Its CorrelationId."""
        name = row.get("CorrelationId")
        if not isinstance(name, str) or not name:
            raise BadRecord("no CorrelationId")
        return name

    def kept(self, row: Row) -> Row:
        """Its messages and its place among the chunks."""
        sequence = row.get("SequenceNumber", 0)
        if isinstance(sequence, str) and sequence.isdecimal() and len(sequence) < 10:
            sequence = int(sequence)
        if not isinstance(sequence, int):
            raise BadRecord("SequenceNumber is not a whole number")
        return {"RequestMessages": row.get("RequestMessages"), "SequenceNumber": sequence}


Record = Mapping[str, Any]

_HELICONE = frozenset({"signed_body_url", "request_created_at", "helicone_user", "llmSchema", "asset_ids"})


def is_stored(record: Record) -> bool:
    """A completion or response that OpenAI stored, or the list of the messages of one."""
    kind, data = record.get("object"), record.get("data")
    if kind == "list":
        return isinstance(data, list) and bool(data) and all(map(_is_message, data))
    return kind in ("chat.completion", "response") and not isinstance(record.get("response"), dict)


def read_stored(record: Record) -> Recorded:
    """A stored completion with its messages, a stored response with its input, or the messages of a completion.

    The service lists completions without their messages, which are fetched for each. Source: OpenAI, API
    reference, "List Chat Completions" and "Get chat messages".
    """
    if record.get("object") == "list":
        return read_chat({"messages": record.get("data")})
    request = record.get("request")
    body = {**record, **mapping(unpack(request, "request"), "request")} if request else record
    if record.get("object") == "response":
        if body.get("input") is None:
            raise BadRecord("input is missing: a stored response without it; get /v1/responses/ID/input_items")
        return read_body(body, url="/responses", what="the response")
    messages = body.get("messages", body.get("input"))
    if isinstance(messages, dict):
        messages = messages.get("data")  # the answer of the service, as it is
    if not messages:
        raise BadRecord(
            "messages is missing: a stored completion without them; get /v1/chat/completions/ID/messages"
        )
    # The completion is the answer: an assistant message at the end repeats it.
    return read_chat({**body, "messages": messages})


def is_helicone(record: Record) -> bool:
    """A request of Helicone's API or export."""
    return "request_body" in record and bool(_HELICONE & record.keys())


def read_helicone(record: Record) -> Recorded:
    """A request of Helicone: its body is there when the export was made with bodies.

    Source: Helicone, "POST /v1/request/query": the bodies are behind ``signed_body_url``.
    """
    fetched = record.get("signed_body_content")
    body = fetched.get("request") if isinstance(fetched, dict) else record.get("request_body")
    body = unpack(body or {}, "request_body")
    if not isinstance(body, dict) or not {"messages", "input", "prompt"} & body.keys():
        raise BadRecord("request_body has no request; export with bodies: npx @helicone/export --include-body")
    path = record.get("request_path")
    return read_body(body, url=path if isinstance(path, str) else None, what="request_body")


def _is_message(item: object) -> bool:
    return isinstance(item, dict) and "role" in item and "content" in item and "type" not in item
