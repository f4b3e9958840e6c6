"""Endpoints as people have them: gateways, plain servers, pasted addresses, ids that are no names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.places import ROOT, SHARED
from tests.support.rollout_files import ENV, KEY, load, problems
from tui.rollout import check_rollout, load_rollout

NAMES = SHARED / "cases" / "names.toml"
MAIN = "endpoints/main"
PLAIN = {"url": "https://host.example/v1", "api": "v1", "key_env": "AZURE_OPENAI_API_KEY"}
MORE = {**ENV, "TENANT": "tenant of ours", "BAD": "a\r\nX-Evil: b", "EMPTY": "", "EDGE": " x"}


def said(tmp_path: Path, changes: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p.field, p.remedy) for p in problems(tmp_path, changes, env=MORE)]


@pytest.mark.skipif(not NAMES.exists(), reason="the cases are not beside the project here")
def test_ids_and_models_are_free_text_and_nothing_is_wrong_with_them() -> None:
    rollout, found = check_rollout(NAMES, {"K": "key", "G": "tenant"})
    assert found == ()
    assert rollout is not None
    ids = {name: d.wire_id for name, d in rollout.deployments.items()}
    assert ids == {
        "openai-gpt-4o": "openai/gpt-4o",
        "llama": "llama3.1:8b",
        "tuned": "ft:gpt-4o-mini-2024-07-18:acme:sum:AbC123",
    }
    assert rollout.deployments["llama"].model == "meta-llama/Llama-3.1-8B-Instruct"
    endpoint = rollout.endpoints["main"]
    assert (endpoint.key_header, dict(endpoint.headers_env), endpoint.max_tokens_key) == (
        "Ocp-Apim-Subscription-Key",
        {"X-Tenant": "G"},
        "max_tokens",
    )


def test_the_id_is_the_name_where_none_is_given(tmp_path: Path) -> None:
    assert {d.wire_id for d in load(tmp_path, {}).deployments.values()} == {
        "gpt4o-prod-v1120",
        "gpt4o-prod-v0513",
    }


def test_the_judge_is_named_as_freely(tmp_path: Path) -> None:
    judge = {"endpoint": "main", "deployment": "openai/gpt-5:free", "model": "openai/gpt-5", "version": "x:0"}
    rollout = load(tmp_path, {"quality": {"shadow_pct": 5, "judge": judge}})
    assert rollout.quality.judge is not None
    assert rollout.quality.judge.deployment.wire_id == "openai/gpt-5:free"


@pytest.mark.parametrize("id_", ["", " a", "a ", "a\nb", "a\x1b[31m", "a\u202eb", "x" * 257])
@pytest.mark.parametrize("key", ["id", "model", "version"])
def test_what_cannot_be_seen_is_no_name(tmp_path: Path, key: str, id_: str) -> None:
    [(field, remedy)] = said(tmp_path, {f"deployments/gpt4o-prod-v1120/{key}": id_})
    assert field == f"deployments.gpt4o-prod-v1120.{key}"
    assert "visible characters" in remedy or "at most 256" in remedy


def test_only_in_an_account_of_ones_own_is_a_name_to_carry_its_version(tmp_path: Path) -> None:
    other = {"endpoint": "main", "model": "gpt-4o", "version": "2024-08-06"}
    assert [field for field, _ in said(tmp_path, {"deployments/b": other})] == ["deployments.b"]
    assert said(tmp_path, {"deployments/b": {**other, "id": "gpt4o-v0806"}}) == []
    assert said(tmp_path, {"deployments/b": other, MAIN: PLAIN}) == []


@pytest.mark.parametrize(
    ("endpoint", "field", "remedy"),
    [
        ({"key_header": "X Key"}, "key_header", "the name of an HTTP header"),
        ({"key_header": "Transfer-Encoding"}, "key_header", "belongs to the connection"),
        ({"key_header": "X-Key", "key_env": None}, "key_header", "add key_env"),
        ({"key_header": KEY}, "key_header", "looks like a key"),
        ({"key_header": "X-Key", "key_env": None, "entra": True}, "key_header", "into headers_env"),
        ({"key_haeder": "X-Key"}, "key_haeder", "did you mean key_header?"),
        ({"api_key": KEY}, "api_key", "name that with key_env"),
        ({"headers": {"X-Tenant": KEY}}, "headers", "did you mean headers_env?"),
        ({"headers_env": "TENANT"}, "headers_env", "must be a table"),
        (
            {"headers_env": {"X-Tenant": KEY}},
            "headers_env.X-Tenant",
            "expects the NAME of an environment variable",
        ),
        (
            {"headers_env": {"X-Tenant": 7}},
            "headers_env.X-Tenant",
            "expects the NAME of an environment variable",
        ),
        ({"headers_env": {"X-Tenant": "NOT_SET"}}, "headers_env.X-Tenant", "is not set"),
        ({"headers_env": {"X-Tenant": "EMPTY"}}, "headers_env.X-Tenant", "is empty"),
        ({"headers_env": {"X-Tenant": "BAD"}}, "headers_env.X-Tenant", "no header has"),
        ({"headers_env": {"X-Tenant": "EDGE"}}, "headers_env.X-Tenant", "no header has"),
        ({"headers_env": {"X-Tenant": "ABCDEFGHIJKLMNOPQRSTUVWX"}}, "headers_env.X-Tenant", "looks like a key"),
        ({"headers_env": {"X Tenant": "TENANT"}}, 'headers_env."X Tenant"', "the name of an HTTP header"),
        ({"headers_env": {"X-Ä": "TENANT"}}, 'headers_env."X-Ä"', "the name of an HTTP header"),
        ({"headers_env": {"Host": "TENANT"}}, "headers_env.Host", "belongs to the connection"),
        (
            {"headers_env": {"CONTENT-LENGTH": "TENANT"}},
            "headers_env.CONTENT-LENGTH",
            "belongs to the connection",
        ),
        ({"headers_env": {"Cookie": "TENANT"}}, "headers_env.Cookie", "belongs to the connection"),
        ({"headers_env": {"API-Key": "TENANT"}}, "headers_env.API-Key", "is sent already"),
        ({"headers_env": {"x-a": "TENANT", "X-A": "TENANT"}}, "headers_env.X-A", "is sent already"),
        ({"headers_env": {"x-key": "TENANT"}, "key_header": "X-Key"}, "headers_env.x-key", "is sent already"),
        (
            {"headers_env": {"authorization": "TENANT"}, "entra": True, "key_env": None},
            "headers_env.authorization",
            "is sent already",
        ),
        ({"max_tokens_key": "max_token"}, "max_tokens_key", "did you mean max_tokens?"),
    ],
)
def test_each_mistake_of_an_endpoint_says_where_and_what_is_accepted(
    tmp_path: Path, endpoint: dict[str, Any], field: str, remedy: str
) -> None:
    found = problems(tmp_path, {f"{MAIN}/{key}": value for key, value in endpoint.items()}, env=MORE)
    assert [p.field for p in found] == [f"endpoints.main.{field}"]
    assert remedy in found[0].remedy
    assert not any(value in repr(found) for value in (KEY, MORE["TENANT"], "X-Evil", "ABCDEFGHIJ"))


def test_headers_alone_may_be_the_credential(tmp_path: Path) -> None:
    changes = {f"{MAIN}/key_env": None, f"{MAIN}/headers_env": {"Authorization": "TENANT", "X-B": "TENANT"}}
    assert said(tmp_path, changes) == []


def test_the_key_and_further_headers_travel_encrypted_or_are_warned_of(tmp_path: Path) -> None:
    changes = {MAIN: {"url": "http://host.example", "api": "v1", "headers_env": {"X-Key": "TENANT"}}}
    assert said(tmp_path, changes) == [("endpoints.main.url", "the credential travels unencrypted; use https")]


AZURE = 'url = "https://r{host}"', 'api = "azure"'
V1_OF = '    url = "https://r{host}/openai/v1"\n    api = "v1"'


@pytest.mark.parametrize("api", ["azure", "v1"])
@pytest.mark.parametrize(
    "host", [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"]
)
@pytest.mark.parametrize(
    "path", ["/openai/v1/chat/completions", "/openai/v1/chat/completions?api-version=preview",
             "/models/chat/completions?api-version=2024-05-01-preview", "/models",
             "/openai/responses?api-version=2025-04-01-preview", "/openai/v1/responses", "/api/projects/p1"],
)  # fmt: skip
def test_a_pasted_target_of_the_v1_api_is_taken_apart(tmp_path: Path, host: str, path: str, api: str) -> None:
    [(field, remedy)] = said(tmp_path, {f"{MAIN}/url": f"https://r{host}{path}", f"{MAIN}/api": api,
                                        f"{MAIN}/api_version": None})  # fmt: skip
    assert field == "endpoints.main.url"
    assert V1_OF.format(host=host) in remedy


@pytest.mark.parametrize("api", ["azure", "v1"])
@pytest.mark.parametrize(
    ("url", "root", "version"),
    [
        ("https://r.openai.azure.com/openai/deployments/D-1/chat/completions?api-version=2025-01-01-preview",
         "https://r.openai.azure.com", "2025-01-01-preview"),
        ("https://r.cognitiveservices.azure.com/openai/deployments/D-1/chat/completions?api-version=2024-10-21",
         "https://r.cognitiveservices.azure.com", "2024-10-21"),
        ("https://r.services.ai.azure.com/openai/deployments/D-1/chat/completions",
         "https://r.services.ai.azure.com", "2024-10-21"),
        ("https://r.openai.azure.com/openai/deployments/D-1", "https://r.openai.azure.com", "2024-10-21"),
        ("https://apim.azure-api.net/llm/openai/deployments/D-1/chat/completions/?api-version=2024-10-21&x=1",
         "https://apim.azure-api.net/llm", "2024-10-21"),
    ],
)  # fmt: skip
def test_a_pasted_target_of_a_deployment_is_taken_apart(
    tmp_path: Path, url: str, root: str, version: str, api: str
) -> None:
    [(field, remedy)] = said(tmp_path, {f"{MAIN}/url": url, f"{MAIN}/api": api, f"{MAIN}/api_version": None})
    assert field == "endpoints.main.url"
    assert f'    url = "{root}"\n    api = "azure"\n    api_version = "{version}"' in remedy
    assert '[deployments.NAME]:\n    id = "D-1"' in remedy


def test_the_lines_of_a_target_are_right(tmp_path: Path) -> None:
    """What is to be copied has nothing wrong with it."""
    lines = {"url": "https://r.openai.azure.com", "api": "azure", "api_version": "2025-01-01-preview"}
    changes = {f"{MAIN}/{key}": value for key, value in lines.items()}
    assert said(tmp_path, {**changes, "deployments/gpt4o-prod-v1120/id": "D-1"}) == []
    assert said(tmp_path, {MAIN: {**PLAIN, "url": "https://r.services.ai.azure.com/openai/v1"}}) == []


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            "https://openrouter.ai/api/v1/chat/completions",
            'url = "https://openrouter.ai/api/v1"\n    api = "v1"',
        ),
        ("https://api.openai.com/v1/responses", 'url = "https://api.openai.com/v1"'),
        ("http://localhost:11434/v1/chat/completions/", 'url = "http://localhost:11434/v1"'),
        ("http://localhost:8000/chat/completions", 'url = "http://localhost:8000"'),
        (f"https://gateway.example/{KEY}/chat/completions", "give the address without /chat/completions"),
    ],
)
def test_no_address_of_an_endpoint_ends_in_an_operation(tmp_path: Path, url: str, line: str) -> None:
    found = problems(tmp_path, {MAIN: {**PLAIN, "url": url}}, env=MORE)
    assert [p.field for p in found] == ["endpoints.main.url"]
    assert line in found[0].remedy
    assert KEY not in repr(found)
    assert "ARM" not in found[0].remedy


def test_a_target_with_a_password_is_told_first_and_never_shown(tmp_path: Path) -> None:
    url = f"https://user:{KEY}@r.openai.azure.com/openai/deployments/D/chat/completions?api-version=2024-10-21"
    found = problems(tmp_path, {f"{MAIN}/url": url}, env=MORE)
    assert "user name or password" in found[0].remedy
    assert KEY not in repr(found)


def test_an_id_that_no_path_can_hold(tmp_path: Path) -> None:
    assert said(tmp_path, {"deployments/gpt4o-prod-v1120/id": ".."}) == [
        ("deployments.gpt4o-prod-v1120.id", "no path can hold this name; use the service's own")
    ]


def test_every_mistake_of_an_endpoint_is_reported_at_once(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        f"{MAIN}/url": "https://r.openai.azure.com/openai/v1/chat/completions",
        f"{MAIN}/key_header": "Connection",
        f"{MAIN}/headers_env": {"Host": "TENANT", "X-A": "NOT_SET", "X B": "TENANT"},
        f"{MAIN}/max_tokens_key": "n",
        "deployments/gpt4o-prod-v1120/id": "a ",
        "deployments/gpt4o-prod-v0513/model": "",
    }
    fields = {field.removeprefix("endpoints.main.") for field, _ in said(tmp_path, changes)}
    assert fields == {
        "url", "key_header", "headers_env.Host", "headers_env.X-A", 'headers_env."X B"', "max_tokens_key",
        "deployments.gpt4o-prod-v1120.id", "deployments.gpt4o-prod-v0513.model",
    }  # fmt: skip


def test_keys_of_the_example_may_be_uncommented(tmp_path: Path) -> None:
    profiles = ROOT / "profiles"
    text = (profiles / "azure.toml").read_text()
    for line in ("key_header", "headers_env", "max_tokens_key", "id"):
        text = text.replace(f"# {line} =", f"{line} =")
    path = tmp_path / "azure.toml"
    path.write_text(text.replace('"azure-requests', f'"{profiles}/azure-requests').replace(
        '"tasks/', f'"{profiles}/tasks/'))  # fmt: skip
    rollout = load_rollout(path, env={**ENV, "TENANT": "t"})
    assert rollout.warnings == ()
    assert rollout.endpoints["main"].key_header == "Ocp-Apim-Subscription-Key"
    assert rollout.deployments["gpt4o-prod-v1120"].wire_id == "openai/gpt-4o"
