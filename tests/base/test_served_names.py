"""What a served name proves of the version that was asked, in all the ways that services write it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.evidence import outcome_of
from tests.support.lifecycle_values import TODAY, words
from tui.base.served_names import (
    BASE,
    ECHO,
    NO_VERSION,
    ROUTER,
    TUNED,
    compared,
    is_router,
    same_version,
)
from tui.engine.versions import Serving
from tui.lifecycle.status import pin_of
from tui.model import Deployment, PinState

GPT4O, TURBO = ("gpt-4o", "2024-11-20"), ("gpt-35-turbo", "0125")
MINI = "gpt-4o-mini", "2024-07-18"
SONNET = "claude-3-5-sonnet", "20241022"
LLAMA = "meta-llama/Llama-3.1-8B-Instruct", "1"
FT = "ft:gpt-4o-mini-2024-07-18:acme:sum:AbC123"


@pytest.mark.parametrize(
    ("served", "asked", "agrees"),
    [
        ("gpt-4o-2024-11-20", GPT4O, True),
        ("GPT-4o-2024-11-20", ("gpt-4O", "2024-11-20"), True),
        (" azure/gpt-4o-2024-11-20 ", GPT4O, True),
        ("openai/gpt-4o-2024-11-20", ("openai/gpt-4o", "2024-11-20"), True),
        ("gpt-4-0613", ("gpt-4", "0613"), True),
        ("gpt-4-1106-preview", ("gpt-4", "1106-Preview"), True),
        ("gpt-4-turbo-2024-04-09", ("gpt-4", "turbo-2024-04-09"), True),
        ("gpt-4o-2024-11-20", ("gpt-4o-2024-11-20", "2024-11-20"), True),
        ("gpt-3.5-turbo-0125", TURBO, True),
        ("gpt-35-turbo-0125", ("gpt-3.5-turbo", "0125"), True),
        ("gpt-4o-2024-11-20@eastus", GPT4O, True),
        ("gpt-4o-2024-11-20@us-east-2", GPT4O, True),
        ("gpt-4o-2024-11-20:free", GPT4O, True),
        ("claude-3-5-sonnet@20241022", SONNET, True),
        ("anthropic/claude-3.5-sonnet-20241022:beta", SONNET, True),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", SONNET, True),
        (
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            ("anthropic.claude-3-5-sonnet", "20241022-v2:0"),
            True,
        ),
        ("bedrock/eu.anthropic.claude-3-5-sonnet-20241022-v2:0", ("claude-3.5-sonnet", "2024-10-22"), True),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            SONNET,
            True,
        ),
        (FT, (FT, "2024-07-18"), True),
        ("Qwen/Qwen2.5-7B-Instruct", ("Qwen2.5-7B", "instruct"), True),
        # another version, whatever it is dressed in
        ("gpt-4o-2024-08-06", GPT4O, False),
        ("openai/gpt-4o-2024-08-06", ("openai/gpt-4o", "2024-11-20"), False),
        ("gpt-4o-2024-08-06@eastus", GPT4O, False),
        ("gpt-4o-2024-08-06:free", GPT4O, False),
        ("gpt-3.5-turbo-1106", TURBO, False),
        ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", SONNET, False),
        ("claude-3-5-sonnet@20240620", SONNET, False),
        ("gpt-4o-mini-2024-07-18", GPT4O, False),
        ("gpt-4o-mini", GPT4O, False),
        ("gpt-5.6-sol-2026-07-09", ("gpt-4o", "2024-05-13"), False),
        ("gpt-5-chat-latest", GPT4O, False),
        ("gpt-4", GPT4O, False),
        ("gpt-4", ("gpt-4.1", "2025-04-14"), False),
        ("ft:gpt-4o-2024-08-06:acme::x", MINI, False),
        ("ft:gpt-4o-mini-2024-07-18:acme:sum:Other", (FT, "2024-07-18"), False),
        ("llama3.1:70b", LLAMA, False),
        ("mistral-7b-instruct", LLAMA, False),
    ],
)
def test_what_a_served_name_proves(served: str, asked: tuple[str, str], agrees: bool) -> None:
    assert compared(served, *asked, "gpt4o-prod-v1120").agrees is agrees


@pytest.mark.parametrize(
    ("served", "asked", "id_", "why"),
    [
        ("gpt-4o", GPT4O, "", NO_VERSION),
        ("openai/gpt-4o:free", GPT4O, "", NO_VERSION),
        ("gpt-4o@eastus", GPT4O, "", NO_VERSION),
        ("gpt-35-turbo", TURBO, "", NO_VERSION),
        ("gpt-3.5-turbo", TURBO, "", NO_VERSION),
        ("", GPT4O, "", NO_VERSION),
        ("gpt-4o", MINI, "", NO_VERSION),
        ("chatgpt-4o-latest", GPT4O, "", NO_VERSION),
        ("gpt-5-chat-latest", ("gpt-5", "2025-08-07"), "", NO_VERSION),
        ("gpt-5-chat-latest", ("gpt-5-chat", "2025-10-03"), "", NO_VERSION),
        ("gpt-5-chat-latest", ("gpt-5-chat-latest", "2025-08-07"), "other", NO_VERSION),
        ("mistral-large-latest", ("mistral-large", "2411"), "", NO_VERSION),
        ("us.anthropic.claude-3-5-sonnet", SONNET, "", NO_VERSION),
        ("llama3.1:8b", LLAMA, "", NO_VERSION),
        ("/models/Llama-3.1-8B-Instruct-Q4_K_M.gguf", LLAMA, "", NO_VERSION),
        ("gpt4o-prod-v1120", GPT4O, "gpt4o-prod-v1120", ECHO),
        ("LLAMA3.1:8B", LLAMA, "llama3.1:8b", ECHO),
        ("my-alias", GPT4O, "my-alias", ECHO),
        ("openrouter/auto", GPT4O, "", ROUTER),
        ("gpt-5-nano-2025-08-07", ("model-router", "2025-11-18"), "", ROUTER),
        ("anthropic/claude-sonnet-4", ("any", "1"), "openrouter/auto", ROUTER),
        ("model-router", GPT4O, "", ROUTER),
        ("ft:gpt-4o-mini-2024-07-18:acme:sum:AbC123", MINI, "", TUNED),
        ("gpt-4o-mini-2024-07-18.ft-0e208cf33a6a-sum", MINI, "", TUNED),
        ("gpt-4o-mini-2024-07-18", (FT, "2024-07-18"), "", BASE),
    ],
)
def test_where_nothing_can_be_said_it_is_unknown_with_the_reason(
    served: str, asked: tuple[str, str], id_: str, why: str
) -> None:
    said = compared(served, *asked, id_)
    assert (said.agrees, said.why) == (None, why)
    pin = pin_of(
        Deployment("d", "main", *asked, id=id_ or None), None, None, served, arm_known=False, today=TODAY
    )
    assert pin.state is PinState.UNKNOWN
    assert why in pin.reason


def test_an_id_that_carries_another_version_is_no_echo() -> None:
    assert compared("gpt-4o-2024-08-06", *GPT4O, "gpt-4o-2024-08-06").agrees is False


@settings(deadline=None)
@given(words, words, words, words)
def test_a_served_name_never_breaks_the_comparison(served: str, model: str, version: str, name: str) -> None:
    assert compared(served, model, version, name).agrees in (True, False, None)
    assert same_version(served, model) == same_version(model, served)
    assert same_version(served, served)


@settings(deadline=None)
@given(st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True).filter(lambda m: not is_router(m)), st.dates())
def test_model_and_version_always_agree_with_their_own_name(model: str, day: date) -> None:
    other = day - timedelta(1) if day > date.min else day + timedelta(1)
    assert compared(f"{model}-{day}".upper(), model, str(day)).agrees is True
    assert compared(f"{model}-{other}", model, str(day)).agrees is False


@pytest.mark.parametrize("served", ["gpt-4o-2024-11-20", "gpt-4o-2024-08-06", None])
def test_of_a_plain_server_nothing_speaks_of_azure(served: str | None) -> None:
    deployment = Deployment("d", "main", *GPT4O)
    pin = pin_of(deployment, None, None, served, arm_known=False, today=TODAY, plain_server=True)
    assert pin.state is (PinState.MISMATCH if served == "gpt-4o-2024-08-06" else PinState.UNKNOWN)
    assert not any(word in f"{pin.reason} {pin.remedy}" for word in ("ARM", "Entra", "Azure", "az rest"))


# --- one version under several names ---------------------------------------------------------------


def changes(*served: str, router: bool = False) -> list[tuple[str, str]]:
    """Each change that a deployment with these answers would tell: from, to."""
    serving = Serving("d", router=router)
    seen = []
    for name in served:
        _, before = serving.sorted_out(outcome_of("d", {"d": 100.0}, served_model=name), 0.0)
        if before is not None:
            seen.append((before, serving.version or ""))
    return seen


@pytest.mark.parametrize(
    "served",
    [
        ("gpt-4o-2024-11-20@eastus", "gpt-4o-2024-11-20@westus", "gpt-4o-2024-11-20"),
        ("openai/gpt-4o:free", "gpt-4o", "azure/gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-11-20", "gpt-4o"),
        ("gpt-35-turbo-0125", "gpt-3.5-turbo-0125"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet@20241022"),
        (FT, FT.upper()),
    ],
)
def test_the_same_version_under_another_name_is_no_change(served: tuple[str, ...]) -> None:
    assert changes(*served, *served) == []


@pytest.mark.parametrize(
    "served",
    [
        ("gpt-4o-2024-11-20", "gpt-4o-2024-08-06"),
        ("gpt-4o-2024-11-20@eastus", "gpt-4o-2024-08-06@eastus"),
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        (FT, "ft:gpt-4o-mini-2024-07-18:acme:sum:Other"),
        (FT, "gpt-4o-mini-2024-07-18"),
        ("llama3.1:8b", "llama3.1:70b"),
    ],
)
def test_another_version_is_a_change(served: tuple[str, str]) -> None:
    assert changes(*served) == [served]


def test_the_name_that_says_most_is_kept() -> None:
    assert changes("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20") == [
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20")
    ]


def test_a_router_never_changes_its_version() -> None:
    names = ["gpt-5-nano-2025-08-07", "claude-sonnet-4", "gpt-4o-2024-11-20"] * 5
    assert changes(*names, router=True) == []
