"""A right rollout file, and ways to make it wrong."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import tomli_w

from tui.base.problems import Problem
from tui.rollout import Rollout, check_rollout, load_rollout

KEY = "b1946ac92492d2347c6235b4d2611184"
ENV = {"AZURE_OPENAI_API_KEY": KEY, "AZURE_ARM_TOKEN": KEY}

GOOD: dict[str, Any] = {
    "rollout": {"name": "summarise", "baseline": "gpt4o-prod-v1120"},
    "endpoints": {
        "main": {
            "url": "https://resource.openai.azure.com",
            "api": "azure",
            "api_version": "2024-10-21",
            "key_env": "AZURE_OPENAI_API_KEY",
        }
    },
    "deployments": {
        "gpt4o-prod-v1120": {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"},
        "gpt4o-prod-v0513": {"endpoint": "main", "model": "gpt-4o", "version": "2025-05-13"},
    },
    "weights": {"default": {"gpt4o-prod-v1120": 90, "gpt4o-prod-v0513": 10}},
}


def document(changes: dict[str, Any]) -> dict[str, Any]:
    """GOOD with values set by dotted path; None removes."""
    document = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split("/")
        table = document
        for parent in parents:
            table = table.setdefault(parent, {})
        if value is None:
            table.pop(last)
        else:
            table[last] = value
    return document


def write(folder: Path, content: dict[str, Any] | str) -> Path:
    path = folder / "rollout.toml"
    path.write_text(content if isinstance(content, str) else tomli_w.dumps(content), encoding="utf-8")
    return path


def problems(folder: Path, changes: dict[str, Any], env: dict[str, str] = ENV) -> list[Problem]:
    return list(check_rollout(write(folder, document(changes)), env)[1])


def load(folder: Path, changes: dict[str, Any], env: dict[str, str] = ENV) -> Rollout:
    return load_rollout(write(folder, document(changes)), env=env)
