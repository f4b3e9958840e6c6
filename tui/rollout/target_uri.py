"""A target URI, as portals show it for one operation, taken apart into the keys of a rollout file."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, unquote

from tui.model import is_azure_host
from tui.problems import NAME_PATTERN
from tui.rollout.values import LAST_DATED_API_VERSION
from tui.text import plain

_OPERATION = r"/(?:chat/completions|completions|responses|embeddings)"
_ENDS_IN_OPERATION = re.compile(rf"(?P<base>.*?){_OPERATION}/*")
_OF_DEPLOYMENT = re.compile(rf"(?P<base>.*?)/openai/deployments/(?P<deployment>[^/]+)(?:{_OPERATION})?/*")
_OF_ACCOUNT = re.compile(
    rf"/openai(?:/v1)?{_OPERATION}/*|/models(?:/chat/completions)?/*|/api/projects/[^/]+/*"
)
# A part of a path that is longer may be a key.
_SHOWABLE_PATH = re.compile(r"(?:/[A-Za-z0-9._-]{1,24})*")
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")


def target_remedy(url: SplitResult) -> str | None:
    """What to write in place of a url that names an operation or a deployment; None where it names neither.

    The forms are those of Azure OpenAI (``/openai/deployments/D/chat/completions?api-version=V``,
    ``/openai/v1/chat/completions``), of Foundry (``/models/chat/completions``, ``/api/projects/P``), of
    gateways before them, and of any other server (``/v1/chat/completions``).
    """
    root = f"{url.scheme}://{plain(url.netloc, 100)}"
    if (found := _OF_DEPLOYMENT.fullmatch(url.path)) is not None:
        return _of_deployment(root, found["base"], unquote(found["deployment"]), url.query)
    operation = _ENDS_IN_OPERATION.fullmatch(url.path)
    if is_azure_host(url.hostname or "") and _OF_ACCOUNT.fullmatch(url.path):
        return _write(
            f"{_what(operation)}; the v1 API of this account takes every operation and model",
            f'url = "{root}/openai/v1"',
            'api = "v1"',
        )
    if operation is None:
        return None
    base = operation["base"]
    if not _SHOWABLE_PATH.fullmatch(base):
        return "give the address without /chat/completions or another operation: that is added"
    return _write(
        "give the address without the operation, which is added", f'url = "{root}{base}"', 'api = "v1"'
    )


def _what(operation: re.Match[str] | None) -> str:
    return "is not where the OpenAI API lives" if operation is None else "is the address of one operation"


def _of_deployment(root: str, base: str, deployment: str, query: str) -> str:
    given = parse_qs(query).get("api-version", [""])[0]
    version = given if _API_VERSION.fullmatch(given) else LAST_DATED_API_VERSION
    if not _SHOWABLE_PATH.fullmatch(base):
        return "give the address without /openai/...: the rest is added"
    said = _write(
        "give the address without /openai/...: the rest is added",
        f'url = "{root}{base}"',
        'api = "azure"',
        f'api_version = "{version}"',
    )
    if re.fullmatch(NAME_PATTERN, deployment):
        said += f'\n  and under its [deployments.NAME]:\n    id = "{deployment}"'
    return said


def _write(why: str, *lines: str) -> str:
    return "\n    ".join([f"{why}; write", *lines])
