"""The simulator's parts that need no network: draws, scenarios, quotas, truth, specs, request bodies."""

from __future__ import annotations

import json
import random
from dataclasses import fields, replace

import pytest

from tui.model import OutcomeKind, Usage
from tui.simulator.behaviour import Behaviour, PretendDeployment, TaskQuality
from tui.simulator.call import CONTEXT_TOKENS, read_call
from tui.simulator.draw import Drawn, draw
from tui.simulator.handler import QuotaMeter
from tui.simulator.run import DEFAULT_DEPLOYMENTS, parse_deployment
from tui.simulator.scenarios import SCENARIOS, Change, Scenario, behaviour_at, scenario_named
from tui.simulator.truth import UNKNOWN, ServedOutcome, Truth, nearest_rank


def drawn_for(
    behaviour: Behaviour, count: int = 4000, *, seed: int = 1, limit: int | None = None
) -> list[Drawn]:
    return [draw(behaviour, random.Random(f"{seed}/{k}"), 100, limit) for k in range(count)]


def share(drawn: list[Drawn], kind: OutcomeKind) -> float:
    return 100 * sum(f.kind is kind for f in drawn) / len(drawn)


class TestFate:
    def test_same_seed_same_fates_other_seed_others(self) -> None:
        assert drawn_for(Behaviour(), 200) == drawn_for(Behaviour(), 200)
        assert drawn_for(Behaviour(), 200) != drawn_for(Behaviour(), 200, seed=2)

    def test_the_defaults_look_like_production(self) -> None:
        drawn = drawn_for(Behaviour(), 20_000)
        latency = sorted(f.ttft_ms + (f.tokens - 1) * f.ms_per_token for f in drawn if f.kind is OutcomeKind.OK)
        assert nearest_rank(latency, 50) == pytest.approx(500, rel=0.1)
        assert nearest_rank(latency, 95) == pytest.approx(1100, rel=0.1)
        assert share(drawn, OutcomeKind.COMPLETION_FILTERED) == pytest.approx(0.4, abs=0.15)
        assert share(drawn, OutcomeKind.PROMPT_FILTERED) == pytest.approx(0.3, abs=0.15)
        assert share(drawn, OutcomeKind.SERVER_ERROR) == pytest.approx(0.1, abs=0.08)

    def test_a_higher_filter_rate_changes_only_the_newly_blocked(self) -> None:
        before = drawn_for(Behaviour())
        after = drawn_for(Behaviour(completion_blocked_pct=5.0))
        changed = [(b, a) for b, a in zip(before, after, strict=True) if b != a]
        assert changed
        assert {b.kind for b, _ in changed} == {OutcomeKind.OK}
        assert {a.kind for _, a in changed} == {OutcomeKind.COMPLETION_FILTERED}
        assert all(a.ttft_ms == b.ttft_ms and a.ms_per_token == b.ms_per_token for b, a in changed)

    def test_a_long_prompt_takes_longer_to_begin_where_that_is_asked_for(self) -> None:
        def ttfts(prompt_tokens: int, **more: float) -> list[float]:
            one = Behaviour(ttft_sigma=0.0, ttft_tail_pct=0.0, **more)  # type: ignore[arg-type]
            return [draw(one, random.Random(k), prompt_tokens, None).ttft_ms for k in range(3)]

        assert ttfts(2000) == ttfts(1) == [180.0] * 3
        assert ttfts(2000, ttft_ms_per_1k=50.0) == [280.0] * 3

    def test_a_limit_cuts_and_says_so(self) -> None:
        clean = Behaviour(error_pct=0, prompt_blocked_pct=0, completion_blocked_pct=0)
        drawn = drawn_for(clean, 500, limit=60)
        assert max(f.usage.completion_tokens for f in drawn) == 60
        cut = [f for f in drawn if f.finish_reason == "length"]
        assert cut
        assert all(f.usage.completion_tokens == 60 for f in cut)

    def test_reasoning_is_part_of_the_completion_and_of_the_limit(self) -> None:
        thinker = Behaviour(reasoning_tokens=200, error_pct=0, prompt_blocked_pct=0, completion_blocked_pct=0)
        for one in drawn_for(thinker, 300, limit=150):
            assert one.usage.reasoning_tokens + one.tokens == one.usage.completion_tokens <= 150
        assert any(f.usage.reasoning_tokens > 150 and f.tokens for f in drawn_for(thinker, 300))

    def test_long_prompts_are_cached_in_blocks(self) -> None:
        cached = [
            draw(Behaviour(cached_pct=50), random.Random(1), tokens, None).usage.cached_tokens
            for tokens in (1023, 1024, 2000)
        ]
        assert cached == [0, 512, 896]

    def test_a_filter_outage_lets_everything_through_unmarked(self) -> None:
        outage = Behaviour(filter_outage_pct=100, completion_blocked_pct=100, annotated_pct=100, error_pct=0)
        for one in drawn_for(outage, 50):
            assert (one.kind, one.unfiltered, one.annotated) == (OutcomeKind.OK, True, None)


class TestBehaviour:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"error_pct": 101},
            {"ttft_ms": -1},
            {"ms_per_token": float("nan")},
            {"capacity": 0},
            {"requests_per_min": 0},
            {"tokens_per_min": -5},
        ],
    )
    def test_impossible_numbers_are_refused_by_name(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Behaviour(**wrong)  # type: ignore[arg-type]

    def test_times_stretch_with_load_and_not_without_end(self) -> None:
        behaviour = Behaviour(capacity=100, ttft_load=0.5, token_load=0.25)
        assert behaviour.stretch(0) == (1.0, 1.0)
        assert behaviour.stretch(100) == (1.5, 1.25)
        assert behaviour.stretch(200) == behaviour.stretch(10_000) == (3.0, 2.0)


def differences(scenario: str, role: str, at_s: float) -> dict[str, tuple[object, object]]:
    base = Behaviour()
    now = behaviour_at(base, role, scenario_named(scenario), at_s)  # type: ignore[arg-type]
    return {
        f.name: (getattr(base, f.name), getattr(now, f.name))
        for f in fields(Behaviour)
        if getattr(base, f.name) != getattr(now, f.name)
    }


OF_THE_BASELINE = {"both-drift", "throttled-baseline"}
OF_QUALITY = {"migration", "judge-fails", "judge-nonsense", "judge-first", "judge-drifts"}


class TestScenarios:
    @pytest.mark.parametrize("name", sorted(set(SCENARIOS) - OF_QUALITY))
    def test_nothing_changes_in_the_first_minute(self, name: str) -> None:
        assert differences(name, "baseline", 59.9) == differences(name, "canary", 59.9) == {}

    @pytest.mark.parametrize("name", sorted(OF_QUALITY))
    def test_qualities_differ_from_the_first_second_and_a_judge_changes_after_a_minute(self, name: str) -> None:
        assert set(differences(name, "baseline", 0)) == {"quality"}
        assert set(differences(name, "canary", 0)) == {"quality", "ttft_ms", "ms_per_token"}
        assert differences(name, "judge", 59.9) == {}
        later = differences(name, "judge", 120)
        assert [field.split("_")[0] for field in later] == ([] if name == "migration" else ["judge"])

    def test_a_change_of_quality_is_to_qualities_and_at_once(self) -> None:
        good = (TaskQuality("*"),)
        assert Change(0, "all", "quality", to=good).applied((), 0) == good
        for wrong in ({"to": 1.0}, {"times": 2.0}, {"to": good, "over_s": 5.0}):
            with pytest.raises(ValueError, match="a change of quality"):
                Change(0, "all", "quality", **wrong)
        with pytest.raises(ValueError, match="a change of quality"):
            Change(0, "all", "error_pct", to=good)

    @pytest.mark.parametrize("name", sorted(set(SCENARIOS) - OF_QUALITY - OF_THE_BASELINE))
    def test_the_baseline_stays_as_it_is(self, name: str) -> None:
        assert differences(name, "baseline", 600) == {}

    @pytest.mark.parametrize(
        ("name", "changed"),
        [
            ("healthy", {}),
            ("slow-canary", {"ttft_ms": (180.0, 288.0), "ms_per_token": (4.0, 6.4)}),
            ("chatty-canary", {"answer_tokens": (80.0, 136.0)}),
            ("filter-canary", {"completion_blocked_pct": (0.4, 2.0)}),
            ("flaky-canary", {"error_pct": (0.1, 4.0), "drop_pct": (0.0, 2.0)}),
            ("throttled", {"requests_per_min": (None, 60), "tokens_per_min": (None, 30_000)}),
            ("throttled-baseline", {}),
            ("no-credit", {"no_credit": (False, True)}),
            ("outage", {"error_pct": (0.1, 95.0), "drop_pct": (0.0, 10.0), "hang_pct": (0.0, 5.0)}),
            ("both-drift", {"ttft_ms": (180.0, 270.0), "ms_per_token": (4.0, 6.0)}),
        ],
    )
    def test_the_canary_changes_as_described_and_in_nothing_else(
        self, name: str, changed: dict[str, tuple[object, object]]
    ) -> None:
        assert differences(name, "canary", 170) == changed
        assert "60 s" in SCENARIOS[name].description or not changed

    def test_a_throttled_baseline_has_a_quota_from_the_second_minute_on(self) -> None:
        assert differences("throttled-baseline", "baseline", 60) == {"requests_per_min": (None, 1200)}

    def test_both_drift_moves_both_alike(self) -> None:
        assert differences("both-drift", "baseline", 90) == differences("both-drift", "canary", 90) != {}

    def test_the_outage_ends(self) -> None:
        assert differences("outage", "canary", 180) == {}

    def test_a_gradual_change_is_halfway_at_half_time(self) -> None:
        assert differences("slow-canary", "canary", 70)["ttft_ms"] == (180.0, pytest.approx(234.0))

    def test_unknown_names_are_refused_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match="slow-canary"):
            scenario_named("slow")
        with pytest.raises(ValueError, match="error_pct"):
            Change(0, "all", "errors", to=1.0)
        with pytest.raises(ValueError, match="either 'to' or 'times'"):
            Change(0, "all", "error_pct")

    def test_changes_of_one_field_build_on_each_other(self) -> None:
        twice = Scenario("x", "x", (Change(1, "all", "ttft_ms", times=2), Change(2, "all", "ttft_ms", times=2)))
        assert behaviour_at(Behaviour(ttft_ms=10), "canary", twice, 3).ttft_ms == 40


class TestQuota:
    def test_requests_are_counted_over_ten_seconds(self) -> None:
        meter = QuotaMeter()
        waits = [meter.wait_s(at, 1, 12, None) for at in (0.0, 1.0, 2.0)]
        assert waits == [0.0, 0.0, 8.0]
        assert meter.wait_s(9.9, 1, 12, None) == pytest.approx(0.1)
        assert meter.wait_s(10.0, 1, 12, None) == 0.0

    def test_tokens_are_counted_over_a_minute_and_waiting_as_told_is_enough(self) -> None:
        meter = QuotaMeter()
        assert [meter.wait_s(at, 400, None, 1000) for at in (0.0, 20.0)] == [0.0, 0.0]
        assert meter.wait_s(30.0, 400, None, 1000) == 30.0
        assert meter.wait_s(60.0, 400, None, 1000) == 0.0
        assert meter.wait_s(61.0, 900, None, 1000) == 59.0

    def test_a_request_beyond_the_whole_quota_never_fits(self) -> None:
        assert QuotaMeter().wait_s(0.0, 1001, None, 1000) == 60.0

    def test_the_longer_of_both_waits_counts(self) -> None:
        meter = QuotaMeter()
        meter.wait_s(0.0, 1000, 6, 1000)
        assert meter.wait_s(1.0, 1, 6, 1000) == 59.0

    def test_headers_say_what_is_left_and_minus_one_without_a_quota(self) -> None:
        meter = QuotaMeter()
        meter.wait_s(0.0, 300, 60, None)
        headers = meter.headers(15.0, 60, 1000)
        assert headers["x-ratelimit-limit-requests"] == "60"
        assert headers["x-ratelimit-remaining-requests"] == "59"
        assert headers["x-ratelimit-remaining-tokens"] == "700"
        assert headers["x-ratelimit-reset-tokens"] == "45000"
        assert set(meter.headers(15.0, None, None).values()) == {"-1"}


class TestTruth:
    def test_quantiles_are_nearest_rank(self) -> None:
        values = [float(v) for v in range(1, 101)]
        assert [nearest_rank(values, p) for p in (50, 95, 99)] == [50.0, 95.0, 99.0]
        assert [nearest_rank(values[:3], p) for p in (50, 95, 99)] == [2.0, 3.0, 3.0]
        assert nearest_rank([], 50) is None

    def test_it_starts_with_every_deployment_at_nothing(self) -> None:
        nothing = {"p50": None, "p95": None, "p99": None}
        assert Truth(["a"]).as_json() == {
            "deployments": {
                "a": {
                    "requests": 0,
                    "outcomes": {},
                    "latency_ms": nothing,
                    "ttft_ms": nothing,
                    "tokens": {"prompt": 0, "cached": 0, "completion": 0},
                    "filters": {"prompt_blocked": 0, "completion_blocked": 0, "annotated": 0},
                }
            }
        }

    def test_it_adds_up_and_clears(self) -> None:
        truth = Truth(["a"])
        truth.add("a", ServedOutcome(OutcomeKind.OK, 10.0, 2.0, Usage(7, 5, 3), annotated=True))
        truth.add("a", ServedOutcome(OutcomeKind.COMPLETION_FILTERED, 30.0, None, Usage(1, 2)))
        truth.add("a", ServedOutcome(OutcomeKind.OK, 999.0, 999.0, spilled=True))
        truth.add("a", ServedOutcome(OutcomeKind.PROMPT_FILTERED))
        truth.add("a", ServedOutcome(OutcomeKind.SERVER_ERROR, latency_ms=5.0, usage=Usage(50, 50)))
        a = truth.as_json()["deployments"]["a"]
        assert a["requests"] == 5
        assert a["outcomes"] == {"ok": 2, "prompt_filtered": 1, "completion_filtered": 1, "server_error": 1}
        assert a["latency_ms"] == {"p50": 10.0, "p95": 30.0, "p99": 30.0}
        assert a["ttft_ms"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}
        assert a["tokens"] == {"prompt": 8, "cached": 3, "completion": 7}
        assert a["filters"] == {"prompt_blocked": 1, "completion_blocked": 1, "annotated": 1}
        truth.clear()
        assert truth.as_json() == Truth(["a"]).as_json()

    def test_strange_names_cannot_fill_the_memory(self) -> None:
        truth = Truth(["a"])
        for n in range(1000):
            truth.add(f"strange-{n}", ServedOutcome(OutcomeKind.GONE))
        truth.add("x" * 65, ServedOutcome(OutcomeKind.GONE))
        counted = truth.as_json()["deployments"]
        assert len(counted) == 66
        assert sum(d["requests"] for d in counted.values()) == 1001
        assert counted[UNKNOWN]["requests"] == 1001 - 64


class TestSpecs:
    def test_the_defaults_are_a_baseline_and_a_canary(self) -> None:
        assert [(d.name, d.role) for d in DEFAULT_DEPLOYMENTS] == [
            ("gpt4o-prod-v1120", "baseline"),
            ("gpt4o-prod-v0806", "canary"),
        ]

    def test_a_spec_says_all_and_the_role_may_be_left_out(self) -> None:
        assert parse_deployment("a-v0513=gpt-4o@2025-05-13") == PretendDeployment(
            "a-v0513", "gpt-4o", "2025-05-13", "canary"
        )
        assert parse_deployment("a-20250513=gpt-4o@2025-05-13:baseline").role == "baseline"

    @pytest.mark.parametrize(
        ("spec", "told"),
        [
            ("gpt-4o", "write NAME=MODEL@VERSION"),
            ("", "write NAME=MODEL@VERSION"),
            ("a-v1120=gpt-4o@2024-11-20:leader", "'leader' is none of baseline, canary, judge"),
            ("a%0Ab=gpt-4o@2024-11-20", "visible characters"),
            ("a-v1120= gpt-4o@2024-11-20", "visible characters"),
            ("a-v1120=gpt-4o@" + "1" * 257, "visible characters"),
        ],
    )
    def test_wrong_specs_are_told_what_to_write(self, spec: str, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            parse_deployment(spec)


def call_of(**body: object) -> object:
    return read_call(json.dumps({"messages": [{"role": "user", "content": "hi"}], **body}).encode(), "d")


class TestCall:
    def test_prompt_tokens_are_a_quarter_of_all_characters(self) -> None:
        parts = [{"type": "text", "text": "12345"}, {"type": "image_url", "image_url": {}}, "junk"]
        messages = [{"role": "system", "content": "1234"}, {"role": "user", "content": parts}]
        call = read_call(json.dumps({"messages": messages}).encode(), "d")
        assert call.prompt_tokens == 3

    def test_the_path_names_the_deployment_before_the_body_does(self) -> None:
        body = json.dumps({"model": "in-body", "messages": [{"role": "user", "content": "x"}]}).encode()
        assert read_call(body, "in-path").deployment == "in-path"
        assert read_call(body, None).deployment == "in-body"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"{", "invalid_json"),
            (b"[" * 100_000, "invalid_json"),
            (b"[]", "invalid_json"),
            (b"\xff\xfe", "invalid_json"),
            (b"{}", "missing_required_parameter"),
            (b'{"messages": []}', "invalid_type"),
            (b'{"messages": [1]}', "invalid_type"),
            (b'{"messages": [{"role": "user"}], "max_tokens": 0}', "invalid_value"),
            (b'{"messages": [{"role": "user"}], "max_tokens": true}', "invalid_value"),
            (b'{"messages": [{"role": "user"}], "max_completion_tokens": "9"}', "invalid_value"),
            (b'{"messages": [{"role": "user"}], "max_tokens": 128000}', "context_length_exceeded"),
        ],
    )
    def test_bad_bodies_are_bad_requests(self, body: bytes, code: str) -> None:
        problem = read_call(body, "d").problem
        assert problem is not None
        assert (problem.kind, problem.status) == (OutcomeKind.BAD_REQUEST, 400)
        assert json.loads(problem.body)["error"]["code"] == code

    def test_the_context_window_has_an_exact_end(self) -> None:
        for tokens, fits in ((CONTEXT_TOKENS, True), (CONTEXT_TOKENS + 1, False)):
            messages = [{"role": "user", "content": "x" * (4 * tokens)}]
            call = read_call(json.dumps({"messages": messages}).encode(), "d")
            assert (call.problem is None) is fits

    def test_usage_in_a_stream_has_to_be_asked_for(self) -> None:
        asked = call_of(stream=True, stream_options={"include_usage": True})
        assert replace(asked, include_usage=False) == call_of(stream=True, stream_options=None)  # type: ignore[type-var]
