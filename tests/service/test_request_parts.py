"""What arrives at a service: path, headers and body of every kind of endpoint, over a socket."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from tests.service.test_client import ANSWER
from tests.support.service import PRICE, ask, serving
from tui.model import Deployment, Endpoint, Outcome, OutcomeKind
from tui.service.client import ServiceClient, base_url_v1
from tui.service.complaint import limit_name

KEY, TENANT, AMBIENT = "key-of-ours-0123456789", "tenant-of-ours", "ambient-0123456789"
ENV = {"KEY": KEY, "TENANT": TENANT, "BASIC": "Basic dXNlcjpwYXNz"}
OWN = ("api-key", "authorization")


class Seen:
    """Requests as they came, and the answers of a client that sent them."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.outcome: Outcome | None = None

    @property
    def path(self) -> str:
        return self.requests[-1][0]

    @property
    def headers(self) -> dict[str, str]:
        return self.requests[-1][1]

    @property
    def body(self) -> dict[str, Any]:
        return self.requests[-1][2]


async def seen_of(
    *,
    api: str = "v1",
    deployment: dict[str, Any] | None = None,
    answer: dict[str, Any] = ANSWER,
    status: int = 200,
    headers: dict[str, str] | None = None,
    max_tokens: int | None = None,
    **endpoint: Any,
) -> Seen:
    """One probe and one request to an endpoint with these fields."""
    seen = Seen()

    async def handler(request: web.Request) -> web.Response:
        kept = {name.lower(): value for name, value in request.headers.items()}
        body = await request.json() if request.can_read_body else {}
        seen.requests.append((request.raw_path, kept, body))
        return web.json_response(answer, status=status, headers=headers or {})

    async with serving(handler, models=handler) as url:
        at = Endpoint("main", url, api, "2024-10-21", **endpoint)  # type: ignore[arg-type]
        fields = {"model": "gpt-4o", "version": "2024-11-20", "price": PRICE, **(deployment or {})}
        client = ServiceClient(
            {"main": at}, {"d": Deployment("d", "main", **fields)}, env=ENV, clock=lambda: 0.0, stream=False
        )
        try:
            await client.probe("main")
            seen.outcome = await ask(client, "d", max_tokens=max_tokens)
        finally:
            await client.close()
    return seen


@pytest.mark.parametrize(
    ("id_", "azure_path"),
    [
        ("openai/gpt-4o", "openai%2Fgpt-4o"),
        ("llama3.1:8b", "llama3.1:8b"),
        ("ft:gpt-4o-mini-2024-07-18:acme:sum:AbC123", "ft:gpt-4o-mini-2024-07-18:acme:sum:AbC123"),
        ("a b%2F?#ü", "a%20b%252F%3F%23%C3%BC"),
        (None, "d"),
    ],
)
async def test_a_request_names_the_deployment_by_its_id(id_: str | None, azure_path: str) -> None:
    for api in ("azure", "v1"):
        seen = await seen_of(api=api, deployment={"id": id_})
        assert seen.body["model"] == (id_ or "d")
        path = seen.path.partition("?")[0]
        assert path == (
            f"/openai/deployments/{azure_path}/chat/completions" if api == "azure" else "/v1/chat/completions"
        )
        assert seen.outcome is not None
        assert (seen.outcome.kind, seen.outcome.deployment) == (OutcomeKind.OK, "d")


@pytest.mark.parametrize(("served_by", "counts"), [("OpenAI/gpt-4o", True), ("d", False), ("other", False)])
async def test_spillover_is_seen_by_the_id(served_by: str, counts: bool) -> None:
    seen = await seen_of(deployment={"id": "openai/gpt-4o"}, headers={"x-ms-deployment-name": served_by})
    assert seen.outcome is not None
    assert seen.outcome.counts_for_version is counts


@pytest.mark.parametrize("api", ["azure", "v1"])
@pytest.mark.parametrize(
    ("endpoint", "sent"),
    [
        ({"key_env": "KEY", "key_header": "Ocp-Apim-Subscription-Key"}, {"ocp-apim-subscription-key": KEY}),
        ({"key_env": "KEY", "key_header": "api-key"}, {"api-key": KEY}),
        ({"key_env": "KEY", "key_header": "AUTHORIZATION"}, {"authorization": f"Bearer {KEY}"}),
        (
            {"key_env": "KEY", "key_header": "X-Key", "headers_env": {"X-Tenant": "TENANT"}},
            {"x-key": KEY, "x-tenant": TENANT},
        ),
        ({"headers_env": {"Authorization": "BASIC"}}, {"authorization": ENV["BASIC"]}),
        ({"headers_env": {"X-Functions-Key": "TENANT"}}, {"x-functions-key": TENANT}),
    ],
)
async def test_a_key_goes_into_its_header_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, endpoint: dict[str, Any], sent: dict[str, str], api: str
) -> None:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, AMBIENT)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {AMBIENT}\napi-key: {AMBIENT}")
    seen = await seen_of(api=api, **endpoint)
    assert len(seen.requests) == 2, "the probe and the request"
    for _, headers, _ in seen.requests:
        assert {name: headers.get(name) for name in sent} == sent
        others = {name: value for name, value in headers.items() if name not in sent}
        assert not any(name in others for name in OWN)
        assert not any(secret in repr(others) for secret in (KEY, TENANT, AMBIENT))


@pytest.mark.parametrize(("api", "header"), [("azure", "api-key"), ("v1", "authorization")])
async def test_without_a_key_only_a_word_is_sent(api: str, header: str) -> None:
    seen = await seen_of(api=api)
    assert seen.headers[header].removeprefix("Bearer ") == "none"
    assert sum(name in seen.headers for name in OWN) == 1


async def test_the_values_of_headers_are_cleaned_from_what_a_service_says() -> None:
    said = {"error": {"message": f"tenant {TENANT} with {KEY} is unknown"}}
    seen = await seen_of(
        key_env="KEY", headers_env={"X-Tenant": "TENANT"}, status=400, answer=said
    )  # fmt: skip
    assert seen.outcome is not None
    assert seen.outcome.error == "HTTP 400: tenant [key] with [key] is unknown"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"),
        ("gpt-35-turbo", "max_tokens"),
        ("openai/gpt-4.1-mini", "max_tokens"),
        ("meta-llama/Llama-3.1-8B-Instruct", "max_tokens"),
        ("gpt-oss-120b", "max_tokens"),
        ("ft:gpt-4o-mini-2024-07-18:acme::x", "max_tokens"),
        ("gpt-5.1", "max_completion_tokens"),
        ("openai/gpt-5-mini", "max_completion_tokens"),
        ("gpt-chat-latest", "max_completion_tokens"),
        ("o4-mini", "max_completion_tokens"),
        ("ft:o4-mini-2025-04-16:acme::x", "max_completion_tokens"),
    ],
)
def test_the_limit_is_named_by_the_kind_of_model_or_by_the_file(model: str, name: str) -> None:
    deployment = Deployment("d", "main", model, "1")
    assert limit_name(deployment, Endpoint("main", "http://x", "v1")) == name
    for said in ("max_tokens", "max_completion_tokens"):
        assert limit_name(deployment, Endpoint("main", "http://x", "v1", max_tokens_key=said)) == said


OPENAI = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
}
OLD_AZURE = {"error": {"message": "Unrecognized request argument supplied: max_completion_tokens"}}
MISTRAL = {
    "detail": [
        {
            "type": "extra_forbidden",
            "loc": ["body", "max_completion_tokens"],
            "msg": "Extra inputs are not permitted",
        }
    ]
}
TOO_LARGE = {"error": {"message": "max_tokens is too large: 5. This model supports at most 4."}}
OTHER = {"error": {"message": "Unsupported parameter: 'temperature' is not supported with this model."}}


@pytest.mark.parametrize(
    ("model", "status", "answer", "remedy"),
    [
        ("gpt-4o", 400, OPENAI, 'set max_tokens_key = "max_completion_tokens" under [endpoints.main]'),
        ("gpt-5", 400, OLD_AZURE, 'set max_tokens_key = "max_tokens" under [endpoints.main]'),
        ("gpt-5", 422, MISTRAL, 'set max_tokens_key = "max_tokens" under [endpoints.main]'),
        ("gpt-4o", 400, TOO_LARGE, None),
        ("gpt-4o", 400, OTHER, None),
        ("gpt-5", 400, OPENAI, None),
        ("gpt-4o", 500, OPENAI, None),
    ],
)
async def test_a_refused_limit_is_explained_with_its_remedy(
    model: str, status: int, answer: dict[str, Any], remedy: str | None
) -> None:
    seen = await seen_of(deployment={"model": model}, status=status, answer=answer, max_tokens=5)
    assert seen.outcome is not None
    assert seen.outcome.error is not None
    assert (remedy in seen.outcome.error) if remedy else ("max_tokens_key" not in seen.outcome.error)
    assert seen.outcome.error.startswith(f"HTTP {status}")
    without = await seen_of(deployment={"model": model}, status=status, answer=answer)
    assert without.outcome is not None
    assert "max_tokens_key" not in (without.outcome.error or ""), "no limit was sent"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://r.openai.azure.us", "https://r.openai.azure.us/openai/v1/"),
        ("https://r.cognitiveservices.azure.com", "https://r.cognitiveservices.azure.com/openai/v1/"),
        ("https://m.eastus.models.ai.azure.com", "https://m.eastus.models.ai.azure.com/v1/"),
        ("https://openai.azure.com.evil.example", "https://openai.azure.com.evil.example/v1/"),
    ],
)
def test_only_accounts_have_the_v1_api_below_openai(url: str, base: str) -> None:
    assert base_url_v1(url) == base
