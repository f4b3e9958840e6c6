"""Answers over a real socket, whole and streamed, and what the content filter does to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.simulator_service import KEY, quick, serve


class TestAnswers:
    async def test_a_whole_answer_has_every_field_of_the_service(self) -> None:
        async with serve(wall_clock=lambda: 1_700_000_000.9) as service:
            response, text = await service.ask()
        answer = json.loads(text)
        assert answer["object"] == "chat.completion"
        assert answer["model"] == "gpt-4o-2024-11-20"
        assert answer["created"] == 1_700_000_000
        assert answer["system_fingerprint"].startswith("fp_")
        choice = answer["choices"][0]
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["content"]
        assert choice["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
        assert answer["prompt_filter_results"][0]["content_filter_results"]["jailbreak"] == {
            "detected": False,
            "filtered": False,
        }
        usage = answer["usage"]
        assert usage["prompt_tokens"] == 8
        assert usage["total_tokens"] == 8 + usage["completion_tokens"]
        assert usage["prompt_tokens_details"]["cached_tokens"] == 0
        assert usage["completion_tokens_details"]["reasoning_tokens"] == 0
        for name in ("apim-request-id", "x-request-id", "azureml-model-session", "x-ms-region"):
            assert response.headers[name]
        assert response.headers["x-ms-deployment-name"] == "d"
        assert response.headers["x-ratelimit-remaining-tokens"] == "-1"
        assert "x-ms-spillover-from-deployment" not in response.headers

    @pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
    async def test_limits_are_honoured(self, limit: str) -> None:
        body: dict[str, Any] = {limit: 5}
        async with serve(quick(answer_tokens=500)) as service:
            _, text = await service.ask(**body)
            events = await service.events(**{limit: 5}, stream_options={"include_usage": True})
        answer = json.loads(text)
        assert answer["usage"]["completion_tokens"] == 5
        assert answer["choices"][0]["finish_reason"] == "length"
        assert events[-1]["usage"]["completion_tokens"] == 5
        assert events[-2]["choices"][0]["finish_reason"] == "length"

    async def test_reasoning_that_uses_up_the_limit_leaves_no_content_and_no_ttft(self) -> None:
        async with serve(quick(reasoning_tokens=5000)) as service:
            events = await service.events(max_completion_tokens=10, stream_options={"include_usage": True})
            truth = await service.truth()
        assert not any(c["delta"].get("content") for e in events for c in e["choices"])
        assert events[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == 10
        assert (truth["latency_ms"]["p50"] is None, truth["ttft_ms"]["p50"]) == (False, None)

    async def test_a_stream_begins_empty_then_role_then_content_and_ends_with_a_reason(self) -> None:
        async with serve(quick(answer_tokens=90, answer_sigma=0)) as service:
            first, role, *content, finish = await service.events()
        assert (first["choices"], first["id"], first["model"]) == ([], "", "")
        assert "prompt_filter_results" in first
        assert role["choices"][0]["delta"]["role"] == "assistant"
        assert role["choices"][0]["delta"]["content"] == ""
        assert len(content) > 2
        assert all(e["choices"][0]["delta"]["content"] for e in content)
        assert finish["choices"][0]["delta"] == {}
        assert finish["choices"][0]["finish_reason"] == "stop"
        assert {e["id"] for e in (role, *content, finish)} == {role["id"]}
        assert {e["model"] for e in (role, *content, finish)} == {"gpt-4o-2024-11-20"}
        assert not any("usage" in e for e in (first, role, *content, finish))

    async def test_slow_tokens_come_one_by_one_and_text_is_the_same_as_in_one_piece(self) -> None:
        tokens = {"answer_tokens": 3, "answer_sigma": 0, "ms_per_token_sigma": 0}
        async with serve(quick(ms_per_token=10, **tokens)) as service:
            events = await service.events()
        async with serve(quick(**tokens)) as service:
            _, text = await service.ask()
        pieces = [c["delta"]["content"] for e in events for c in e["choices"] if c["delta"].get("content")]
        assert len(pieces) == 3
        assert "".join(pieces) == json.loads(text)["choices"][0]["message"]["content"]

    async def test_usage_comes_last_when_asked_for_and_is_null_before(self) -> None:
        async with serve() as service:
            events = await service.events(stream_options={"include_usage": True})
        assert events[-1]["choices"] == []
        assert events[-1]["usage"]["completion_tokens"] > 0
        assert all(e["usage"] is None for e in events[:-1])

    async def test_the_asynchronous_filter_reports_after_the_end_without_a_delta(self) -> None:
        async with serve(quick(async_filter=True)) as service:
            events = await service.events()
        reasons = [c["finish_reason"] for e in events for c in e["choices"]]
        late = events[reasons.index("stop") + 2 :]
        assert late
        for event in late:
            assert event["id"] == ""
            assert "delta" not in event["choices"][0]
            assert {"check_offset", "start_offset", "end_offset"} == set(
                event["choices"][0]["content_filter_offsets"]
            )

    async def test_the_client_s_own_id_comes_back_if_a_header_can_carry_it(self) -> None:
        async with serve() as service:
            for sent, echoed in (("mine-1", True), ("\udcff\udcfe", False)):
                response, _ = await service.ask(headers={**KEY, "x-ms-client-request-id": sent})
                assert response.status == 200
                assert (response.headers["x-ms-client-request-id"] == sent) is echoed


class TestFilters:
    async def test_a_blocked_prompt_is_a_400_without_usage(self) -> None:
        async with serve(quick(prompt_blocked_pct=100)) as service:
            response, text = await service.ask(stream=True)
            truth = await service.truth()
        error = json.loads(text)["error"]
        assert response.status == 400
        assert (error["code"], error["param"]) == ("content_filter", "prompt")
        assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"
        results = error["innererror"]["content_filter_result"].values()
        assert sum(result["filtered"] for result in results) == 1
        assert "usage" not in json.loads(text)
        assert truth["outcomes"] == {"prompt_filtered": 1}
        assert truth["filters"]["prompt_blocked"] == 1
        assert truth["tokens"] == {"prompt": 0, "cached": 0, "completion": 0}

    async def test_a_blocked_answer_is_a_200_without_content_but_with_usage(self) -> None:
        async with serve(quick(completion_blocked_pct=100)) as service:
            response, text = await service.ask()
            truth = await service.truth()
        choice = json.loads(text)["choices"][0]
        assert response.status == 200
        assert choice["finish_reason"] == "content_filter"
        assert "content" not in choice["message"]
        assert sum(result["filtered"] for result in choice["content_filter_results"].values()) == 1
        assert truth["outcomes"] == {"completion_filtered": 1}
        assert truth["filters"]["completion_blocked"] == 1
        assert truth["tokens"]["completion"] == json.loads(text)["usage"]["completion_tokens"]

    @pytest.mark.parametrize("async_filter", [False, True])
    async def test_a_blocked_stream_stops_midway(self, async_filter: bool) -> None:
        async with serve(quick(completion_blocked_pct=100, async_filter=async_filter)) as service:
            events = await service.events()
        end = events[-1]["choices"][0]
        assert end["finish_reason"] == "content_filter"
        assert ("delta" not in end) is async_filter
        assert any(result["filtered"] for result in end["content_filter_results"].values())
        assert not any(c["finish_reason"] == "stop" for e in events for c in e["choices"])
        assert any(c.get("delta", {}).get("content") for e in events for c in e["choices"])

    @pytest.mark.parametrize("async_filter", [False, True])
    async def test_annotations_are_seen_by_the_client_exactly_as_often_as_counted(
        self, async_filter: bool
    ) -> None:
        async with serve(quick(annotated_pct=50, async_filter=async_filter)) as service:
            seen = 0
            for _ in range(20):
                events = await service.events()
                seen += any('"detected": true, "filtered": false' in json.dumps(e) for e in events)
            counted = await service.truth()
        assert 0 < seen < 20
        assert counted["filters"] == {"prompt_blocked": 0, "completion_blocked": 0, "annotated": seen}
        assert counted["outcomes"] == {"ok": 20}

    async def test_a_low_severity_is_let_through_and_not_counted_as_annotated(self) -> None:
        async with serve(quick(below_threshold_pct=100)) as service:
            _, text = await service.ask()
            truth = await service.truth()
        results = json.loads(text)["choices"][0]["content_filter_results"].values()
        assert [r["filtered"] for r in results if r.get("severity") == "low"] == [False]
        assert truth["filters"]["annotated"] == 0

    async def test_a_filter_outage_is_an_error_among_the_results(self) -> None:
        async with serve(quick(filter_outage_pct=100)) as service:
            _, text = await service.ask()
            events = await service.events()
        assert json.loads(text)["choices"][0]["content_filter_results"]["error"]["code"]
        assert events[2]["choices"][0]["content_filter_results"]["error"]["code"]
