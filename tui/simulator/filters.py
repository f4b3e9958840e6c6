"""Content-filter results as the service writes them (azure.md A2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.model import OutcomeKind
from tui.simulator.fate import Fate

_HARMS = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_SAFE_PROMPT = {**_HARMS, "jailbreak": {"detected": False, "filtered": False}}
_SAFE_COMPLETION = {
    **_HARMS,
    "protected_material_code": {"detected": False, "filtered": False},
    "protected_material_text": {"detected": False, "filtered": False},
}
_OUTAGE = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
_DETECTED = {"detected": True, "filtered": False}


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


SAFE_COMPLETION = compact(_SAFE_COMPLETION)
OUTAGE = compact(_OUTAGE)
_SAFE_PROMPT_TEXT = compact(_SAFE_PROMPT)


def blocking_prompt_results(fate: Fate) -> Mapping[str, Any]:
    return {**_SAFE_PROMPT, fate.harm: {"filtered": True, "severity": "high"}}


def prompt_results(fate: Fate) -> str:
    """JSON of what the filter found in the prompt of an answered request."""
    if fate.unfiltered:
        return OUTAGE
    if fate.annotated == "prompt":
        return compact({**_SAFE_PROMPT, "jailbreak": _DETECTED})
    return _SAFE_PROMPT_TEXT


def completion_results(fate: Fate) -> str:
    """JSON of what the filter found in the whole answer."""
    if fate.unfiltered:
        return OUTAGE
    results: dict[str, Any] = {}
    if fate.annotated == "completion":
        results["protected_material_text"] = _DETECTED
    if fate.below_threshold:
        results[fate.harm] = {"filtered": False, "severity": "low"}
    if fate.kind is OutcomeKind.COMPLETION_FILTERED:
        results[fate.harm] = {"filtered": True, "severity": "high"}
    return compact({**_SAFE_COMPLETION, **results}) if results else SAFE_COMPLETION
