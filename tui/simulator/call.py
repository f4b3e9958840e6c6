"""Call of a client: the body of a chat completion request, read with suspicion.

What is objected to in a ``response_format`` is in the service's words, as reports from Azure have them
(outlines #844, xsai #202).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.simulator.refusals import Refusal, bad_request

_TYPES = ("text", "json_object", "json_schema")


def objection_to(response_format: object) -> Refusal | None:
    """Why the service would refuse, None where it would not. Of a strict schema only the top level is looked
    at."""
    if response_format is None:
        return None
    if not isinstance(response_format, dict) or response_format.get("type") not in _TYPES:
        return _bad(f"'response_format' must be an object with a type of {', '.join(_TYPES)}.")
    if response_format["type"] != "json_schema":
        return None
    given = response_format.get("json_schema")
    if not isinstance(given, dict) or not isinstance(given.get("name"), str) or not given["name"]:
        return _bad("Missing required parameter: 'response_format.json_schema.name'.")
    schema = given.get("schema")
    if not isinstance(schema, dict):
        return _bad("Missing required parameter: 'response_format.json_schema.schema'.")
    if given.get("strict") is not True:
        return None
    where = f"Invalid schema for response_format '{given['name'][:64]}': In context=(), "
    if schema.get("additionalProperties") is not False:
        return _bad(f"{where}'additionalProperties' is required to be supplied and to be false.")
    properties, required = schema.get("properties"), schema.get("required")
    named = required if isinstance(required, list) else []
    missing = [name for name in properties if name not in named] if isinstance(properties, dict) else []
    if missing:
        return _bad(
            f"{where}'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{missing[0][:64]}'."
        )
    return None


def schema_of(response_format: object) -> Mapping[str, Any] | None:
    """The JSON schema that an answer is to have; None where none is asked for."""
    if not isinstance(response_format, dict) or response_format.get("type") != "json_schema":
        return None
    given = response_format.get("json_schema")
    schema = given.get("schema") if isinstance(given, dict) else None
    return schema if isinstance(schema, dict) else None


def _bad(message: str) -> Refusal:
    return bad_request(message, "response_format", "invalid_value")


CONTEXT_TOKENS = 128_000
"""Context window of gpt-4o."""


@dataclass(frozen=True, slots=True)
class Call:
    """``problem`` is what the service would object to, None for a request that can be served.

    ``deployment`` is the one named in the path, else in the body; empty where neither names one.
    ``prompt_tokens`` is an estimate: a quarter of the characters, rounded up. ``question`` is the text of the
    last message of the user, ``instructions`` that of the messages before it; ``schema`` is the JSON schema
    that the answer is to have.
    """

    deployment: str
    prompt_tokens: int = 0
    limit_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False
    problem: Refusal | None = None
    instructions: str = ""
    question: str = ""
    schema: Mapping[str, Any] | None = None


def read_call(body: bytes, path_deployment: str | None) -> Call:
    """Read a request body; whatever is wrong with it is in the ``problem`` of the result."""
    deployment = path_deployment or ""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return Call(
            deployment, problem=bad_request("The request body is not valid JSON.", None, "invalid_json")
        )
    if not isinstance(asked, dict):
        return Call(
            deployment, problem=bad_request("The request body must be a JSON object.", None, "invalid_json")
        )
    if path_deployment is None and isinstance(asked.get("model"), str):
        deployment = asked["model"]
    problem = _problem(asked)
    if problem is not None:
        return Call(deployment, problem=problem)
    instructions, question, characters = spoken(asked["messages"])
    prompt_tokens = -(-characters // 4) or 1
    limit = _limit(asked)
    if prompt_tokens + (limit or 0) > CONTEXT_TOKENS:
        text = (
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your request needs "
            f"{prompt_tokens} for the messages and {limit or 0} for the completion."
        )
        return Call(deployment, problem=bad_request(text, "messages", "context_length_exceeded"))
    options = asked.get("stream_options")
    return Call(
        deployment,
        prompt_tokens,
        limit,
        stream=asked.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        instructions=instructions,
        question=question,
        schema=schema_of(asked.get("response_format")),
    )


def spoken(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str, int]:
    """The text before the last message of the user, that of this message, and the characters of all of them."""
    texts = ["".join(_texts(message.get("content"))) for message in messages]
    users = [at for at, message in enumerate(messages) if message.get("role") == "user"]
    last = users[-1] if users else len(messages)
    return "\n".join(texts[:last]), "".join(texts[last : last + 1]), sum(map(len, texts))


def _problem(asked: Mapping[str, Any]) -> Refusal | None:
    messages = asked.get("messages")
    if messages is None:
        return bad_request("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(messages, list) or not messages:
        return bad_request("'messages' must be a non-empty array.", "messages", "invalid_type")
    if not all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in messages):
        return bad_request("Each of 'messages' must be an object with a role.", "messages", "invalid_type")
    for name in ("max_completion_tokens", "max_tokens"):
        limit = asked.get(name)
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            return bad_request(f"'{name}' must be an integer of at least 1.", name, "invalid_value")
    return objection_to(asked.get("response_format"))


def _limit(asked: Mapping[str, Any]) -> int | None:
    limits = [asked[n] for n in ("max_completion_tokens", "max_tokens") if asked.get(n) is not None]
    return min(limits) if limits else None


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]
