"""Requests that a service kept: stored completions and responses of OpenAI, and exports of Helicone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.recorded_request import BadRecord, Recorded, mapping, read_chat, unpack
from tui.traffic.bodies import read_body

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
