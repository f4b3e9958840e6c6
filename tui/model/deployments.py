"""What is deployed: endpoints, deployments, prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from urllib.parse import urlsplit

_AZURE_HOST = re.compile(r".+\.(?:openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Price:
    """USD per 1 million tokens, with where and when it was read.

    ``cached_input_usd`` is None where the service gives no discount; cached tokens then cost ``input_usd``.
    """

    input_usd: float
    output_usd: float
    cached_input_usd: float | None
    source: str
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service address. ``api`` is ``azure`` (deployment in the path) or ``v1`` (deployment in the body).

    ``key_header`` is the header that carries the key where the service wants another one than the API's own.
    ``headers_env`` are further headers: name -> environment variable with the value. ``max_tokens_key`` is how
    the service calls the limit of output tokens, None where the name is taken from the model.
    """

    name: str
    url: str
    api: Literal["azure", "v1"]
    api_version: str | None = None
    key_env: str | None = None
    key_header: str | None = None
    headers_env: Mapping[str, str] = field(default_factory=dict)
    max_tokens_key: str | None = None
    entra: bool = False
    scope: str | None = None
    region: str | None = None
    resource: str | None = None
    """The account's full ARM id, where the control plane may be asked about its deployments."""

    @property
    def plain(self) -> bool:
        """Whether it is a server that only speaks the OpenAI API: no account, region or upgrade option."""
        host = urlsplit(self.url).hostname or ""
        return self.api == "v1" and self.resource is None and not is_azure_host(host)


def is_azure_host(host: str) -> bool:
    """Whether a host is an account of Azure OpenAI or Foundry, where the v1 API lives under ``/openai/v1``."""
    return _AZURE_HOST.fullmatch(host) is not None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A named model instance pinned to one model and version.

    ``id`` is what the service calls it where that is not ``name``; requests carry ``wire_id``.
    ``price`` is None when the price is unknown; ``provisioned`` capacity has no price per token at all.
    """

    name: str
    endpoint: str
    model: str
    version: str
    price: Price | None = None
    provisioned: bool = False
    id: str | None = None

    @property
    def wire_id(self) -> str:
        """What a request names it by."""
        return self.id or self.name
