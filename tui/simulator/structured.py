"""Structured output: what the service objects to in a ``response_format``, and which schema is asked for.

The service's words are those of reports from Azure (outlines #844, xsai #202).
"""

from __future__ import annotations

from collections.abc import Mapping
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
