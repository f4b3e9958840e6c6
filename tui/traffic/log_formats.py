"""Logs of gateways and tracers: LiteLLM payloads, Langfuse generations, API Management rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tui.recorded_request import MAX_REQUEST_BYTES, BadRecord, Recorded, mapping, parse, recorded
from tui.text import plain

_OPEN_CALLS = 32
_MAX_ROWS = 1000

Numbered = tuple[int, Mapping[str, Any]]
"""The number of a line or record, and what it holds."""


def read_litellm(record: Mapping[str, Any]) -> Recorded:
    """A LiteLLM StandardLoggingPayload of a chat completion."""
    kind = record.get("call_type")
    if kind not in ("completion", "acompletion"):
        raise BadRecord(f"call_type {plain(str(kind), 30)} is not a chat completion")
    given = record.get("messages")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    params = record.get("model_parameters") or {}
    return recorded({**mapping(params, "model_parameters"), "messages": given})


def read_langfuse(record: Mapping[str, Any]) -> Recorded | None:
    """A Langfuse ingestion event or exported observation; only generations give a request.

    The trace around a generation repeats its input and is left out, and so is an update without input.
    """
    kind = record.get("type")
    if kind in ("generation-create", "generation-update"):
        observation = mapping(record.get("body"), "body")
        if kind == "generation-update" and observation.get("input") is None:
            return None
    elif "body" in record or kind not in (None, "GENERATION"):
        return None
    else:
        observation = record
    given = observation.get("input")
    if isinstance(given, str) and given.lstrip()[:1] in ("[", "{"):
        given = parse(given, "input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    params = observation.get("modelParameters") or {}
    body = given if isinstance(given, dict) else {"messages": given}
    return recorded({**_numbers(mapping(params, "modelParameters")), **body})


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
    if record["too_large"]:
        raise BadRecord(f"the request has more than {MAX_REQUEST_BYTES:,} bytes")
    pieces = [row.get("RequestMessages") for row in record["rows"]]
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


class ApimCalls:
    """Rows of ``ApiManagementGatewayLlmLog`` put together to calls: same CorrelationId, by SequenceNumber.

    Row 0 has the token counts, the others hold the messages in chunks (Microsoft, "Log token usage, prompts,
    and completions for LLM APIs"). Rows of several calls may interleave: a call counts as complete when
    ``_OPEN_CALLS`` others have begun after it, or at the end of the file.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[Numbered]] = {}
        self._sizes: dict[str, int] = {}

    def add(self, number: int, row: Mapping[str, Any]) -> list[Numbered]:
        """Calls that this row completes, each with the number of its first row. Raises BadRecord."""
        name, sequence = row.get("CorrelationId"), row.get("SequenceNumber", 0)
        if not isinstance(name, str) or not name:
            raise BadRecord("no CorrelationId")
        if isinstance(sequence, str) and sequence.isdecimal() and len(sequence) < 10:
            sequence = int(sequence)
        if not isinstance(sequence, int):
            raise BadRecord("SequenceNumber is not a whole number")
        given = row.get("RequestMessages")
        size = len(given) if isinstance(given, str) else len(repr(given))
        rows = self._open.setdefault(name, [])
        self._sizes[name] = self._sizes.get(name, 0) + size
        if self._is_too_large(name):
            rows[:] = rows[:1] or [(number, {"RequestMessages": None, "SequenceNumber": sequence})]
        else:
            rows.append((number, {"RequestMessages": given, "SequenceNumber": sequence}))
        return [self._close(next(iter(self._open)))] if len(self._open) > _OPEN_CALLS else []

    def finish(self) -> list[Numbered]:
        """The calls that are still open, in the order in which they began."""
        return [self._close(name) for name in list(self._open)]

    def _is_too_large(self, name: str) -> bool:
        return self._sizes[name] > MAX_REQUEST_BYTES or len(self._open[name]) >= _MAX_ROWS

    def _close(self, name: str) -> Numbered:
        too_large = self._is_too_large(name)
        del self._sizes[name]
        rows = self._open.pop(name)
        ordered = sorted((row for _, row in rows), key=lambda row: int(row["SequenceNumber"]))
        return rows[0][0], {"rows": ordered, "too_large": too_large}
