"""The call: one request through the ``openai`` SDK, one ``Outcome``, whatever happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import openai

from tui.azure.credentials import CredentialError, EntraToken
from tui.azure.errors import Refusal, classify
from tui.azure.outcomes import Call, outcome_of
from tui.azure.transport import Exchange, TimedTransport, current_exchange
from tui.azure.wire import EventStream, UnreadableAnswer, read_completion
from tui.model import (
    Assignment,
    Deployment,
    Endpoint,
    Outcome,
    OutcomeKind,
    Request,
)
from tui.text import plain

_CHAT = "/chat/completions"
_SPARE_CONNECTIONS = 16
_NOT_NEEDED = "none"
"""The SDK insists on a key; a server on this machine may want none."""


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
        self._secrets = tuple(
            env[e.key_env] for e in endpoints.values() if e.key_env is not None and env.get(e.key_env)
        )
        limit = max_in_flight + _SPARE_CONNECTIONS
        self._clients = {
            name: self._client(
                endpoint, env, TimedTransport(max_connections=limit, timeout_s=timeout_s, clock=clock)
            )
            for name, endpoint in endpoints.items()
        }

    def _client(
        self, endpoint: Endpoint, env: Mapping[str, str], transport: TimedTransport
    ) -> openai.AsyncOpenAI:
        http = httpx2.AsyncClient(transport=transport, timeout=self._timeout_s, follow_redirects=False)
        key = env.get(endpoint.key_env, "") if endpoint.key_env else ""
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
                {"azure_ad_token_provider": token} if token else {"api_key": key or _NOT_NEEDED}
            )
            return openai.AsyncAzureOpenAI(
                azure_endpoint=endpoint.url, api_version=endpoint.api_version, **credential, **common
            )
        return openai.AsyncOpenAI(
            base_url=base_url_v1(endpoint.url), api_key=token or key or _NOT_NEEDED, **common
        )

    def _entra(self, endpoint: Endpoint) -> EntraToken:
        token = EntraToken(endpoint.scope or "https://ai.azure.com/.default", who=f"endpoint {endpoint.name}")
        self._credentials.append(token)
        return token

    async def probe(self, endpoint: str) -> Probe:
        """Ask for the list of models: reachable and admitted, or not. No tokens are used."""
        try:
            async with asyncio.timeout(min(self._timeout_s, 15.0)):
                await self._clients[endpoint].get("/models", cast_to=httpx2.Response)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            return Probe(endpoint, "refused", self._clean(classify(error.status_code, error.body).text))
        except CredentialError as error:
            return Probe(endpoint, "refused", self._clean(str(error)))
        except (openai.APIConnectionError, TimeoutError) as error:
            return Probe(endpoint, "unreachable", self._clean(_cause(error)))
        except openai.APIStatusError as error:
            # Not every compatible server lists its models; it is there all the same.
            return Probe(endpoint, "ok", f"HTTP {error.status_code}")
        return Probe(endpoint, "ok", "")

    async def open_connections(self, count: int) -> tuple[Probe, ...]:
        """Open ``count`` connections to each endpoint before the traffic starts; one probe each is returned."""
        probes = await asyncio.gather(*(self.probe(name) for name in self._clients))
        usable = [p.endpoint for p in probes if p.verdict == "ok"]
        await asyncio.gather(*(self.probe(name) for name in usable for _ in range(count)))
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
        exchange = Exchange()
        current_exchange.set(exchange)
        deployment = self._deployments[assignment.deployment]
        call = Call(exchange, EventStream(keep_text=keep) if self._stream else None)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(request, deployment, call, keep)
            refusal = call.verdict()
        except openai.APIStatusError as error:
            call.status = error.status_code
            refusal = classify(error.status_code, error.body)
        except openai.APITimeoutError as error:
            refusal = Refusal(OutcomeKind.TIMEOUT, f"no answer: {_cause(error)}")
        except TimeoutError:
            call.overdue = True
            refusal = Refusal(OutcomeKind.TIMEOUT, f"not finished within {self._timeout_s:g} s")
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            refusal = _broken(error)
        except UnreadableAnswer as error:
            refusal = Refusal(OutcomeKind.SERVER_ERROR, str(error))
        except CredentialError as error:
            refusal = Refusal(OutcomeKind.REFUSED, str(error))
        except asyncio.CancelledError:
            refusal = Refusal(OutcomeKind.CANCELLED, "cancelled by canarytop")
        except Exception as error:  # noqa: BLE001 - a request has exactly one outcome, whatever broke
            refusal = Refusal(OutcomeKind.CONNECTION_LOST, f"{type(error).__name__}: {error}")
        if refusal is not None:
            refusal = replace(refusal, text=self._clean(refusal.text))
        return outcome_of(
            call,
            refusal,
            request,
            assignment,
            deployment,
            due_s=due_s,
            now_s=self._clock(),
            saturated=saturated,
            keep_text=keep,
        )

    async def _exchange(self, request: Request, deployment: Deployment, call: Call, keep: bool) -> None:
        response: httpx2.Response = await self._clients[deployment.endpoint].post(
            _CHAT,
            cast_to=httpx2.Response,
            body=_body(request, deployment, self._stream),
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )  # type: ignore[assignment]  # cast_to decides what comes back
        call.status = response.status_code
        try:
            if call.events is not None and "json" not in call.exchange.headers.get("content-type", ""):
                async for chunk in response.stream:  # type: ignore[union-attr]
                    if call.events.feed(chunk):
                        call.first_content_s = call.exchange.last_byte_s
                call.events.close()
                call.answer = call.events.answer
            else:
                body = b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
                call.events = None
                call.answer = read_completion(body, keep_text=keep)
        finally:
            await response.aclose()

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return plain(text, 240)

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
    azure = (parts.hostname or "").endswith(".azure.com")
    return f"{parts.scheme}://{parts.netloc}" + ("/openai/v1/" if azure else "/v1/")


def _body(request: Request, deployment: Deployment, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {**request.params, "model": deployment.name, "messages": request.messages}
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if request.max_tokens is not None:
        # Reasoning models refuse max_tokens; the older chat models know nothing else on dated api-versions.
        older = deployment.model.startswith(("gpt-4", "gpt-3", "gpt-35"))
        body["max_tokens" if older else "max_completion_tokens"] = request.max_tokens
    return body


def _broken(error: BaseException) -> Refusal:
    return Refusal(OutcomeKind.CONNECTION_LOST, _cause(error))


def _cause(error: BaseException) -> str:
    """The innermost reason: the SDK's own text is only "Connection error."."""
    seen = error
    while seen.__cause__ is not None:
        seen = seen.__cause__
    return f"{type(seen).__name__}: {seen}" if str(seen) else type(seen).__name__
