"""The call: one request through the ``openai`` SDK, one ``Outcome``, whatever happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import openai

from tui.azure.errors import Refusal, classify, classify_error_event, retry_after_s
from tui.azure.prices import cost_usd, estimated_cost_usd
from tui.azure.transport import Exchange, TimedTransport, current_exchange
from tui.azure.wire import Answer, EventStream, UnreadableAnswer, read_completion
from tui.model import (
    NO_HITS,
    Assignment,
    Deployment,
    Endpoint,
    Outcome,
    OutcomeKind,
    Quota,
    Request,
)
from tui.text import plain

_CHAT = "/chat/completions"
_SPARE_CONNECTIONS = 16
_KEPT_TEXT_CHARS = 1_000_000
_NOT_NEEDED = "none"
"""The SDK insists on a key; a server on this machine may want none."""


class CredentialError(Exception):
    """No token could be had from Entra ID; the text says why and what to do."""


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
        self._credentials: list[Any] = []
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
        token = self._token_provider(endpoint) if endpoint.entra else None
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

    def _token_provider(self, endpoint: Endpoint) -> Callable[[], Awaitable[str]]:
        try:
            from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider
        except ImportError as error:
            raise CredentialError(
                f"endpoint {endpoint.name} wants Entra ID: install it with pip install 'canarytop[azure]'"
            ) from error
        credential = DefaultAzureCredential()
        self._credentials.append(credential)
        provider = get_bearer_token_provider(credential, endpoint.scope or "https://ai.azure.com/.default")

        async def token() -> str:
            try:
                return str(await provider())
            except Exception as error:
                first = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise CredentialError(f"no token from Entra ID: {first}; try `az login`") from error

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
        self, request: Request, assignment: Assignment, due_s: float, *, saturated: bool = False
    ) -> Outcome:
        """Send one request to its deployment. Never raises: every end is an outcome, ``CANCELLED`` included."""
        exchange = Exchange()
        current_exchange.set(exchange)
        deployment = self._deployments[assignment.deployment]
        call = _Call(exchange, EventStream(keep_text=self._keep_text) if self._stream else None)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(request, deployment, call)
            refusal = call.verdict()
        except openai.APIStatusError as error:
            call.status = error.status_code
            refusal = classify(error.status_code, error.body)
        except openai.APITimeoutError as error:
            refusal = Refusal(OutcomeKind.TIMEOUT, f"no answer: {_cause(error)}")
        except TimeoutError:
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
        return self._outcome(request, assignment, due_s, saturated, deployment, call, refusal)

    async def _exchange(self, request: Request, deployment: Deployment, call: _Call) -> None:
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
                call.answer = read_completion(body, keep_text=self._keep_text)
        finally:
            await response.aclose()

    def _outcome(
        self,
        request: Request,
        assignment: Assignment,
        due_s: float,
        saturated: bool,
        deployment: Deployment,
        call: _Call,
        refusal: Refusal | None,
    ) -> Outcome:
        exchange, answer, headers = call.exchange, call.answer, call.exchange.headers
        first_s = call.first_content_s
        kind = OutcomeKind.OK
        hits = answer.hits()
        if refusal is not None:
            kind, hits = refusal.kind, refusal.filters if refusal.filters is not NO_HITS else hits
        elif answer.finish_reason == "content_filter":
            kind = OutcomeKind.COMPLETION_FILTERED
        answered = refusal is None
        sent_s = exchange.sent_s if exchange.sent_s is not None else self._clock()
        ended_s = exchange.last_byte_s if answered and exchange.last_byte_s is not None else self._clock()
        cost, estimated = self._cost(request, deployment, kind, answer)
        served_by = headers.get("x-ms-deployment-name")
        spilled = (
            "x-ms-spillover-from-deployment" in headers
            or headers.get("x-ms-is-spilled-over", "").lower() == "true"
            or (served_by is not None and served_by.lower() != deployment.name.lower())
        )
        return Outcome(
            request_id=request.id,
            task=request.task,
            deployment=assignment.deployment,
            weight_pct=assignment.weight_pct,
            kind=kind,
            due_s=due_s,
            sent_s=sent_s,
            ended_s=ended_s,
            late_ms=max(0.0, (sent_s - due_s) * 1000),
            latency_ms=(ended_s - sent_s) * 1000 if answered else None,
            ttft_ms=(
                (call.first_content_s - sent_s) * 1000
                if answered and call.first_content_s is not None
                else None
            ),
            usage=answer.usage,
            cost_usd=cost,
            cost_estimated=estimated,
            filters=hits,
            http_status=call.status,
            finish_reason=answer.finish_reason,
            error=self._clean(refusal.text) if refusal is not None else None,
            served_model=answer.model,
            system_fingerprint=answer.fingerprint,
            served_by=plain(served_by, 64) if served_by is not None and spilled else None,
            counts_for_version=not spilled,
            retry_after_s=retry_after_s(headers) if kind is OutcomeKind.RATE_LIMITED else None,
            quota=_quota(headers),
            region=headers.get("x-ms-region"),
            service_request_id=headers.get("apim-request-id") or headers.get("x-request-id"),
            source=request.source,
            saturated=saturated,
            prompt_text=_prompt_text(request) if self._keep_text else None,
            answer_text="".join(answer.text)[:_KEPT_TEXT_CHARS] if self._keep_text and answer.text else None,
        )

    @staticmethod
    def _cost(
        request: Request, deployment: Deployment, kind: OutcomeKind, answer: Answer
    ) -> tuple[float | None, bool]:
        """USD and whether it is an estimate: a blocked prompt is charged, but comes back without usage."""
        price = deployment.price
        if price is None or deployment.provisioned:
            return None, False
        if answer.usage is not None:
            return cost_usd(answer.usage, price), False
        if kind is OutcomeKind.PROMPT_FILTERED:
            return estimated_cost_usd(request.messages, price), True
        return None, False

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


@dataclass(slots=True)
class _Call:
    """What is known so far of a call under way."""

    exchange: Exchange
    events: EventStream | None
    answer: Answer = None  # type: ignore[assignment]  # set below: the stream's own, or a new one
    status: int | None = None
    first_content_s: float | None = None

    def __post_init__(self) -> None:
        self.answer = self.events.answer if self.events is not None else Answer()

    def verdict(self) -> Refusal | None:
        """Why a body that was read to its end is no answer after all; None where it is one."""
        if self.answer.error is not None:
            return classify_error_event(self.answer.error)
        if self.events is not None and not self.events.done and self.answer.finish_reason is None:
            return Refusal(OutcomeKind.CONNECTION_LOST, "the stream ended before the answer did")
        return None


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


def _quota(headers: Mapping[str, str]) -> Quota | None:
    def left(name: str) -> int | None:
        value = headers.get(name)
        return int(value) if value is not None and value.isdecimal() and len(value) < 16 else None

    quota = Quota(
        left("x-ratelimit-remaining-requests"),
        left("x-ratelimit-remaining-tokens"),
        left("x-ratelimit-limit-requests"),
        left("x-ratelimit-limit-tokens"),
    )
    return quota if quota != _NO_QUOTA else None


_NO_QUOTA = Quota()


def _broken(error: BaseException) -> Refusal:
    return Refusal(OutcomeKind.CONNECTION_LOST, _cause(error))


def _cause(error: BaseException) -> str:
    """The innermost reason: the SDK's own text is only "Connection error."."""
    seen = error
    while seen.__cause__ is not None:
        seen = seen.__cause__
    return f"{type(seen).__name__}: {seen}" if str(seen) else type(seen).__name__


def _prompt_text(request: Request) -> str:
    parts = (f"{m.get('role', '?')}: {m.get('content', '')}" for m in request.messages)
    return "\n".join(parts)[:_KEPT_TEXT_CHARS]
