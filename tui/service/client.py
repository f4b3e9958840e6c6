"""Client of the service: one request through the ``openai`` SDK, one ``Outcome``, whatever happened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import openai
from pydantic_core import from_json

from tui.model import (
    Assignment,
    Deployment,
    Endpoint,
    Outcome,
    OutcomeKind,
    Request,
    is_azure_host,
)
from tui.service.complaint import limit_name, limit_remedy
from tui.service.credentials import CredentialError, EntraToken, Secrets, secrets_of
from tui.service.errors import NoSocketLeft, Refusal, classify
from tui.service.outcomes import Call, outcome_of
from tui.service.proxies import proxy_secrets
from tui.service.transport import TimedTransport, current_exchange
from tui.service.wire import AnswerReader, UnreadableAnswer

_CHAT = "/chat/completions"
SPARE_CONNECTIONS = 16
"""Of each endpoint, beyond ``max_in_flight``: for probes and control."""
_ERROR_CHARS = 240
_NOT_NEEDED = "none"
"""The SDK insists on a key, but gets none: the headers of the endpoint carry it where it belongs."""

_NO_KEY = "none"
"""What is sent as key where there is none: some servers on this machine insist on any."""

_OWN_HEADERS = ("api-key", "Authorization")


@dataclass(frozen=True, slots=True)
class Probe:
    """What an endpoint answered to a question that costs nothing."""

    endpoint: str
    verdict: Literal["ok", "refused", "unreachable"]
    text: str


class ServiceClient:
    """Speaks to every endpoint of a rollout: one SDK client each, no retries, connections kept open.

    ``clock`` reads seconds since the run started and is the only clock of an outcome. ``timeout_s`` bounds a
    request from hand-over to last byte.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        deployments: Mapping[str, Deployment],
        *,
        env: Mapping[str, str],
        clock: Callable[[], float],
        timeout_s: float = 60.0,
        stream: bool = True,
        max_in_flight: int = 200,
        keep_text: bool = False,
    ) -> None:
        self._deployments = deployments
        self._clock = clock
        self._timeout_s = timeout_s
        self._stream = stream
        self._keep_text = keep_text
        self._credentials: list[EntraToken] = []
        self._endpoints = endpoints
        self._headers = {name: _headers_of(endpoint, env) for name, endpoint in endpoints.items()}
        own = (secret for e in endpoints.values() for secret in secrets_of(e, env))
        self._secrets = Secrets((*own, *proxy_secrets(os.environ)))
        limit = max_in_flight + SPARE_CONNECTIONS
        self._transports = {
            name: TimedTransport(max_connections=limit, timeout_s=timeout_s, clock=clock) for name in endpoints
        }
        self._clients = {
            name: self._client(endpoint, self._transports[name]) for name, endpoint in endpoints.items()
        }

    def _client(self, endpoint: Endpoint, transport: TimedTransport) -> openai.AsyncOpenAI:
        http = httpx2.AsyncClient(transport=transport, timeout=self._timeout_s, follow_redirects=False)
        token = self._entra(endpoint) if endpoint.entra else None
        common: dict[str, Any] = {
            "http_client": http,
            "max_retries": 0,
            "timeout": self._timeout_s,
            # The body is read as it comes off the wire, so it must come as it is.
            "default_headers": {"Accept-Encoding": "identity"},
        }
        if endpoint.api == "azure":
            credential: dict[str, Any] = (
                {"azure_ad_token_provider": token} if token else {"api_key": _NOT_NEEDED}
            )
            return openai.AsyncAzureOpenAI(
                azure_endpoint=endpoint.url, api_version=endpoint.api_version, **credential, **common
            )
        return openai.AsyncOpenAI(base_url=base_url_v1(endpoint.url), api_key=token or _NOT_NEEDED, **common)

    def _entra(self, endpoint: Endpoint) -> EntraToken:
        scope = endpoint.scope or "https://ai.azure.com/.default"
        token = EntraToken(scope, who=f"endpoint {endpoint.name}", told=self._secrets.add)
        self._credentials.append(token)
        return token

    async def probe(self, endpoint: str) -> Probe:
        """Ask for the list of models: reachable and admitted, or not. No tokens are used."""
        try:
            async with asyncio.timeout(min(self._timeout_s, 15.0)):
                await self._clients[endpoint].get(
                    "/models", cast_to=httpx2.Response, options={"headers": self._headers[endpoint]}
                )
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            return Probe(endpoint, "refused", self._shown(_refused(error).text))
        except CredentialError as error:
            return Probe(endpoint, "refused", self._shown(str(error)))
        except (openai.APIConnectionError, TimeoutError) as error:
            return Probe(endpoint, "unreachable", self._shown(_cause(error)))
        except openai.APIStatusError as error:
            # Not every compatible server lists its models; it is there all the same.
            return Probe(endpoint, "ok", f"HTTP {error.status_code}")
        return Probe(endpoint, "ok", "")

    async def open_connections(self, count: int) -> tuple[Probe, ...]:
        """Open ``count`` connections to each endpoint before the traffic starts; one probe each is returned.

        The probe is the only request: a list of models may be long, and ``count`` of them would be traffic.
        """
        probes = await asyncio.gather(*(self.probe(name) for name in self._clients))
        usable = [p.endpoint for p in probes if p.verdict == "ok"]
        await asyncio.gather(
            *(self._transports[name].connect(self._clients[name].base_url, count) for name in usable)
        )
        return tuple(probes)

    async def complete(
        self,
        request: Request,
        assignment: Assignment,
        due_s: float,
        *,
        saturated: bool = False,
        keep_text: bool | None = None,
    ) -> Outcome:
        """Send one request to its deployment. Never raises: every end is an outcome, ``CANCELLED`` included.

        ``keep_text`` None is what the client was made with.
        """
        keep = self._keep_text if keep_text is None else keep_text
        deployment = self._deployments[assignment.deployment]
        call = Call(request, assignment, deployment, due_s, saturated, keep, AnswerReader(keep_text=keep))
        current_exchange.set(call.exchange)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(call)
            refusal = call.reader.answer.refusal()
        except openai.APIStatusError as error:
            call.status = error.status_code
            refusal = _refused(error)
            if (remedy := self._remedy(error, call)) is not None:
                said = self._secrets.shown(refusal.text, _ERROR_CHARS - len(remedy) - 2)
                refusal = replace(refusal, text=f"{said}; {remedy}")
        except openai.APITimeoutError as error:
            refusal = Refusal(OutcomeKind.TIMEOUT, f"no answer: {_cause(error)}")
        except TimeoutError:
            call.overdue = True
            refusal = Refusal(OutcomeKind.TIMEOUT, f"not finished within {self._timeout_s:g} s")
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            refusal = _broken(error)
        except (UnreadableAnswer, httpx2.DecodingError) as error:
            refusal = Refusal(OutcomeKind.SERVER_ERROR, str(error))
        except CredentialError as error:
            refusal = Refusal(OutcomeKind.REFUSED, str(error))
        except asyncio.CancelledError:
            refusal = Refusal(OutcomeKind.CANCELLED, "cancelled by canarytop")
        except Exception as error:  # noqa: BLE001 - a request has exactly one outcome, whatever broke
            refusal = Refusal(OutcomeKind.CONNECTION_LOST, f"{type(error).__name__}: {error}")
        return outcome_of(call, refusal, self._clock(), self._secrets)

    async def _exchange(self, call: Call) -> None:
        name = call.deployment.endpoint
        response: httpx2.Response = await self._clients[name].post(
            _CHAT,
            cast_to=httpx2.Response,
            body=_body(call.request, call.deployment, self._endpoints[name], self._stream),
            options={"headers": self._headers[name]},
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )  # type: ignore[assignment]  # cast_to decides what comes back
        call.status = response.status_code
        reader, exchange = call.reader, call.exchange
        try:
            async for chunk in response.stream:  # type: ignore[union-attr]
                reader.feed(chunk, exchange.last_byte_s)
            reader.close(exchange.last_byte_s)
        finally:
            await response.aclose()

    def _remedy(self, error: openai.APIStatusError, call: Call) -> str | None:
        """What to do about a refused parameter that the rollout file can name otherwise."""
        endpoint = self._endpoints[call.deployment.endpoint]
        if call.request.max_tokens is None:
            return None
        name = limit_name(call.deployment, endpoint)
        return limit_remedy(error.status_code, error.response.text, name, endpoint)

    def _shown(self, text: str) -> str:
        return self._secrets.shown(text, _ERROR_CHARS)

    async def close(self) -> None:
        """Close every connection and credential."""
        for client in self._clients.values():
            await client.close()
        for credential in self._credentials:
            await credential.close()


def base_url_v1(url: str) -> str:
    """Where the v1 API lives: the path that is given, else ``/openai/v1/`` on Azure and ``/v1/`` elsewhere."""
    parts = urlsplit(url)
    if parts.path.strip("/"):
        return url.rstrip("/") + "/"
    azure = is_azure_host(parts.hostname or "")
    return f"{parts.scheme}://{parts.netloc}" + ("/openai/v1/" if azure else "/v1/")


def _headers_of(endpoint: Endpoint, env: Mapping[str, str]) -> dict[str, str | openai.Omit]:
    """The headers of every request to an endpoint; ``Omit`` is one that the SDK must not send of its own.

    The key is in ``key_header`` alone, else in the API's own header. They go with each request: as default
    headers the SDK would let ``OPENAI_CUSTOM_HEADERS`` and its own ``api-key`` win over them (openai 3.57,
    ``_prepare_options`` of ``lib/azure.py``). The token of Entra ID is added by the SDK.
    """
    headers: dict[str, str | openai.Omit] = {
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
    return headers | {name: openai.Omit() for name in _OWN_HEADERS if name.lower() not in given}


def _body(request: Request, deployment: Deployment, endpoint: Endpoint, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {**request.params, "model": deployment.wire_id, "messages": request.messages}
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if request.max_tokens is not None:
        body[limit_name(deployment, endpoint)] = request.max_tokens
    return body


def _refused(error: openai.APIStatusError) -> Refusal:
    """The SDK keeps a part of the body only, and none where it is no JSON: it is read here as it came."""
    try:
        body = from_json(error.response.content)
    except ValueError:
        body = error.response.text
    return classify(error.status_code, body)


def _broken(error: BaseException) -> Refusal:
    ours = isinstance(error.__cause__ or error, NoSocketLeft)
    return Refusal(OutcomeKind.CLIENT_SATURATED if ours else OutcomeKind.CONNECTION_LOST, _cause(error))


def _cause(error: BaseException) -> str:
    """The innermost reason: the SDK's own text is only "Connection error."."""
    seen = error
    while seen.__cause__ is not None:
        seen = seen.__cause__
    if isinstance(seen, httpx2.RequestError) and str(seen):
        return str(seen)  # the transport's own words
    return f"{type(seen).__name__}: {seen}" if str(seen) else type(seen).__name__
