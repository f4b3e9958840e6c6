"""Headers of an endpoint's requests, and what they call the limit of output tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping

from openai import Omit

from tui.base.problems import field_name
from tui.model import Deployment, Endpoint

LIMIT_NAMES = ("max_tokens", "max_completion_tokens")

_NAMED = re.compile(rf"\b(?:{'|'.join(LIMIT_NAMES)})\b")

_NO_KEY = "none"
"""What is sent as key where there is none: some servers on this machine insist on any."""

_OWN_HEADERS = ("api-key", "Authorization")
_REASONING = re.compile(r"(?:ft:)?(?:o\d|codex|model-router|gpt-(?!3|4|oss))", re.IGNORECASE)
_NOT_TAKEN = re.compile(
    r"not supported|unsupported|does not support|unrecognized|not recognized|unknown|unexpected|not permitted"
    r"|not allowed|additional propert|extra_forbidden|extra (?:input|field)"
    r"|invalid (?:parameter|argument|field)",
    re.IGNORECASE,
)
_TOO_MUCH = re.compile(r"too (?:large|long|high)|above|exceed|greater|at most|at least|maximum", re.IGNORECASE)
_READ = 20_000


def headers_of(endpoint: Endpoint, env: Mapping[str, str]) -> dict[str, str | Omit]:
    """The headers of every request to an endpoint; ``Omit`` is one that the SDK must not send of its own.

    The key is in ``key_header`` alone, else in the API's own header. They go with each request: as default
    headers the SDK would let ``OPENAI_CUSTOM_HEADERS`` and its own ``api-key`` win over them (openai 3.57,
    ``_prepare_options`` of ``lib/azure.py``). The token of Entra ID is added by the SDK.
    """
    headers: dict[str, str | Omit] = {
        name: env.get(variable, "") for name, variable in endpoint.headers_env.items()
    }
    if endpoint.entra:
        return headers
    name = endpoint.key_header or ("api-key" if endpoint.api == "azure" else "Authorization")
    key = env.get(endpoint.key_env, "") if endpoint.key_env is not None else ""
    if key or not headers:
        key = key or _NO_KEY
        headers[name] = f"Bearer {key}" if name.lower() == "authorization" else key
    given = {name.lower() for name in headers}
    return headers | {name: Omit() for name in _OWN_HEADERS if name.lower() not in given}


def secrets_of(endpoint: Endpoint, env: Mapping[str, str]) -> tuple[str, ...]:
    """The values of an endpoint's variables that are set: no text may repeat them. Of ``Bearer KEY`` it is the
    key: a service repeats it without the word before it."""
    names = (endpoint.key_env, *endpoint.headers_env.values())
    values = (env[name].split() for name in names if name is not None and env.get(name))
    return tuple(words[1] if len(words) == 2 else " ".join(words) for words in values if words)


def limit_name(deployment: Deployment, endpoint: Endpoint) -> str:
    """What the limit of output tokens is called: as the file says, else as this kind of model knows it.

    OpenAI's reasoning models refuse ``max_tokens``; every other model and server takes it, and the older ones
    nothing else.
    """
    if endpoint.max_tokens_key is not None:
        return endpoint.max_tokens_key
    family = deployment.model.rpartition("/")[2]
    return "max_completion_tokens" if _REASONING.match(family) else "max_tokens"


def limit_remedy(status: int, body: str, sent: str, endpoint: Endpoint) -> str | None:
    """What to do about a refusal that is about the name of the output limit, as it was ``sent``; None where it
    is about something else.

    As seen: ``Unsupported parameter: 'max_tokens' is not supported with this model. Use
    'max_completion_tokens' instead.`` (OpenAI, Azure), ``Unrecognized request argument supplied:
    max_completion_tokens`` (Azure), ``extra_forbidden`` at ``max_completion_tokens`` (Mistral, vLLM).
    """
    if not 400 <= status < 500:
        return None
    said = body[:_READ]
    # The one that is refused is named first, what to use instead after it.
    named = _NAMED.search(said)
    about_it = named is not None and named[0] == sent
    if not about_it or _NOT_TAKEN.search(said) is None or _TOO_MUCH.search(said) is not None:
        return None
    other = next(name for name in LIMIT_NAMES if name != sent)
    where = f"[{field_name(('endpoints', endpoint.name))}]"
    return f'it knows no {sent}: set max_tokens_key = "{other}" under {where}'
