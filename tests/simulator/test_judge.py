"""The pretend judge over a real socket: what it says of answers, and each of its faults."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import fmean
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.test_known import said, truth
from tests.support.simulator_service import KEY, Clock, quick
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.call import read_call
from tui.simulator.judging import Scores, answers_in, asks_to_judge
from tui.simulator.server import Simulator

OLD, NEW, JUDGE = "old", "new", "judge"
SCORE = {"type": "integer", "enum": [1, 2, 3, 4, 5]}
SCHEMA = {
    "type": "object",
    "properties": {
        "first": SCORE,
        "second": SCORE,
        "better": {"type": "string", "enum": ["first", "second", "tie"]},
        "reason": {"type": "string"},
    },
    "required": ["first", "second", "better", "reason"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "judgement", "strict": True, "schema": SCHEMA}}

KEYS = st.sampled_from(["type", "json_schema", "name", "strict", "schema", "properties", "required"])
FORMATS = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from(["json_schema", "json_object"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


def question(first: str, second: str) -> str:
    return (
        f"Task: review <<<ANSWER 1\nthis\nANSWER 1>>>\n\n<<<ANSWER 1\n{first}\nANSWER 1>>>\n\n"
        f"<<<ANSWER 2\n{second}\nANSWER 2>>>\nWhich is better?"
    )


class Court:
    """A baseline, a canary and a judge, and a client of them."""

    def __init__(self, simulator: Simulator, client: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.client = client

    async def pairs(self, count: int) -> list[tuple[str, str]]:
        """Answers of the baseline and of the canary to the same question, another in each pair."""
        found = []
        for number in range(count):
            text = f"Review contract {number}. " + f"The rent of {number} EUR is due on the third. " * 5
            messages = [{"role": "user", "content": text}]
            found.append((await said(self.client, OLD, messages), await said(self.client, NEW, messages)))
        return found

    async def ask(self, first: str, second: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and body of the judge's answer."""
        messages = [{"role": "user", "content": question(first, second)}]
        url = f"/openai/deployments/{JUDGE}/chat/completions?api-version=2024-10-21"
        asked = {"messages": messages, "response_format": FORMAT, **body}
        async with self.client.post(url, json=asked) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else {}

    async def judged(self, first: str, second: str) -> dict[str, Any]:
        status, body = await self.ask(first, second)
        assert status == 200
        judgement: dict[str, Any] = json.loads(body["choices"][0]["message"]["content"])
        return judgement


@asynccontextmanager
async def court(
    scenario: str = "migration", clock: Callable[[], float] | None = None, **judge: Any
) -> AsyncIterator[Court]:
    served = [
        PretendDeployment(OLD, "gpt-4.1", "2025-04-14", "baseline", quick(answer_sigma=0.1)),
        PretendDeployment(NEW, "gpt-4o-mini", "2024-07-18", "canary", quick(answer_sigma=0.1)),
        PretendDeployment(JUDGE, "gpt-5", "2025-08-07", "judge", quick(**judge)),
    ]
    simulator = Simulator(served, scenario, 3, clock=clock or Clock())
    port = await simulator.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=KEY) as client:
            yield Court(simulator, client)
    finally:
        await simulator.stop()


def is_judgement(said: object) -> bool:
    """Whether the schema allows it."""
    return (
        isinstance(said, dict)
        and said.keys() == {"first", "second", "better", "reason"}
        and all(isinstance(said[key], int) and 1 <= said[key] <= 5 for key in ("first", "second"))
        and said["better"] in ("first", "second", "tie")
        and isinstance(said["reason"], str)
    )


class TestFair:
    async def test_scores_have_the_means_of_the_story_in_either_order(self) -> None:
        old: list[int] = []
        new: list[int] = []
        async with court() as there:
            for number, (dear, cheap) in enumerate(await there.pairs(150)):
                answers = (dear, cheap) if number % 2 else (cheap, dear)
                said = await there.judged(*answers)
                assert is_judgement(said)
                assert said["reason"]
                order = said["first"] - said["second"]
                assert said["better"] == ("tie" if not order else "first" if order > 0 else "second")
                old.append(said["first" if number % 2 else "second"])
                new.append(said["second" if number % 2 else "first"])
            true = await truth(there.client)
        assert fmean(old) == pytest.approx(4.6, abs=0.15)
        assert fmean(new) == pytest.approx(3.1, abs=0.25)
        assert true[JUDGE]["judgements"] == {"fair": 150}
        assert "judgements" not in true[OLD]

    async def test_an_unknown_answer_is_worth_three_and_blanks_do_not_matter(self) -> None:
        async with court() as there:
            [(dear, _)] = await there.pairs(1)
            there.simulator.content.scores.remember(dear, 5.0)
            said = await there.judged("never said", f"  {dear.replace(' ', '  ')}\n")
        assert (said["first"], said["second"], said["better"]) == (3, 5, "second")

    async def test_answers_can_be_taught_over_http(self) -> None:
        async with court(judge_noise=0.0) as there:
            async with there.client.post("/sim/scores", json={"an anchor": 4.2, "another": 1}) as response:
                assert response.status == 200
            said = await there.judged("an anchor", "another")
            bodies: tuple[Any, ...] = ([], {"x": "y"}, {"x": 6}, {"x": None})
            for wrong in bodies:
                async with there.client.post("/sim/scores", json=wrong) as response:
                    assert response.status == 400
                    assert "from 1 to 5" in (await response.json())["error"]["message"]
        assert (said["first"], said["second"], said["better"]) == (4, 1, "first")

    async def test_a_judgement_costs_tokens_can_be_streamed_and_can_be_cut(self) -> None:
        async with court() as there:
            _, whole = await there.ask("a", "b")
            _, cut = await there.ask("a", "b", max_completion_tokens=5)
        assert 15 < whole["usage"]["completion_tokens"] < 100
        assert whole["usage"]["prompt_tokens"] > 10
        assert cut["choices"][0]["finish_reason"] == "length"
        with pytest.raises(json.JSONDecodeError):
            json.loads(cut["choices"][0]["message"]["content"])

    async def test_any_deployment_can_judge_and_only_when_asked_for_a_judgement(self) -> None:
        async with court() as there:
            url = f"/openai/deployments/{OLD}/chat/completions?api-version=2024-10-21"
            messages = [{"role": "user", "content": question("a", "b")}]
            async with there.client.post(
                url, json={"messages": messages, "response_format": FORMAT}
            ) as response:
                content = (await response.json())["choices"][0]["message"]["content"]
            assert is_judgement(json.loads(content))
            with pytest.raises(json.JSONDecodeError):
                json.loads(await said(there.client, JUDGE, messages))


class TestFaults:
    async def test_a_judge_that_fails_answers_503(self) -> None:
        async with court(judge_fail_pct=100) as there:
            status, _ = await there.ask("a", "b")
            true = await truth(there.client)
        assert status == 503
        assert (true[JUDGE]["outcomes"], true[JUDGE]["judgements"]) == ({"server_error": 1}, {"failed": 1})

    async def test_nonsense_is_never_a_judgement(self) -> None:
        heard = set()
        async with court(judge_nonsense_pct=100) as there:
            for _ in range(60):
                _, body = await there.ask("a", "b")
                content = body["choices"][0]["message"]["content"]
                try:
                    value = json.loads(content)
                except json.JSONDecodeError:
                    value = None
                assert not is_judgement(value)
                heard.add(content)
            true = await truth(there.client)
        assert len(heard) >= 8
        assert true[JUDGE]["judgements"] == {"nonsense": 60}

    async def test_a_judge_that_prefers_the_first_answer_gives_it_a_point(self) -> None:
        async with court(judge_first_pct=100) as there:
            said = await there.judged("a", "b")
            true = await truth(there.client)
        assert (said["first"], said["second"], said["better"]) == (4, 3, "first")
        assert true[JUDGE]["judgements"] == {"first": 1}

    async def test_a_fault_changes_only_the_judgements_that_it_should(self) -> None:
        heard = []
        for first_pct in (0.0, 40.0):
            async with court(judge_first_pct=first_pct) as there:
                heard.append([await there.judged("a", "b") for _ in range(40)])
        differing = [
            (fair, leaning) for fair, leaning in zip(*heard, strict=True) if fair["first"] != leaning["first"]
        ]
        assert 5 < len(differing) < 30
        assert all(leaning["first"] == 4 for _, leaning in differing)

    async def test_a_judge_drifts_by_a_point_in_five_minutes(self) -> None:
        clock = Clock()
        async with court("judge-drifts", clock, judge_noise=0.0) as there:
            there.simulator.content.scores.remember("good", 4.0)
            heard = {}
            for at_s in (0, 60, 150, 270, 360, 900):
                clock.now_s = 1000.0 + at_s
                heard[at_s] = (await there.judged("good", "other"))["first"]
        assert heard == {0: 4, 60: 4, 150: 4, 270: 3, 360: 3, 900: 3}

    @pytest.mark.parametrize(
        ("name", "fault"), [("judge-fails", "failed"), ("judge-nonsense", "nonsense"), ("judge-first", "first")]
    )
    async def test_scenarios_bring_faults_after_a_minute(self, name: str, fault: str) -> None:
        clock = Clock()
        async with court(name, clock) as there:
            for _ in range(30):
                await there.ask("a", "b")
            assert (await truth(there.client))[JUDGE]["judgements"] == {"fair": 30}
            clock.now_s += 60
            for _ in range(30):
                await there.ask("a", "b")
            judgements = (await truth(there.client))[JUDGE]["judgements"]
        assert 5 <= judgements[fault] <= 30
        assert judgements["fair"] + judgements[fault] == 60


class TestHostile:
    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"additionalProperties": True}, "'additionalProperties' is required"),
            ({"required": ["first"]}, "Missing 'second'"),
            ({"required": "all"}, "Missing 'first'"),
        ],
    )
    async def test_a_schema_that_is_not_strict_is_refused_as_the_service_does(
        self, change: dict[str, Any], told: str
    ) -> None:
        form = {"name": "judgement", "strict": True, "schema": {**SCHEMA, **change}}
        async with court() as there:
            status, body = await there.ask(
                "a", "b", response_format={"type": "json_schema", "json_schema": form}
            )
        assert status == 400
        assert told in body["error"]["message"]
        assert body["error"]["param"] == "response_format"

    @settings(max_examples=60)
    @given(FORMATS)
    def test_no_response_format_is_too_strange(self, form: object) -> None:
        body = {"messages": [{"role": "user", "content": "x"}], "response_format": form}
        call = read_call(json.dumps(body).encode(), "d")
        assert call.problem is None or call.problem.status == 400
        assert not asks_to_judge(call)

    @given(st.text(), st.text())
    def test_answers_are_found_between_their_lines(self, first: str, second: str) -> None:
        assert answers_in(question(first, second)) == (first, second)

    @given(st.lists(st.sampled_from(["<<<ANSWER 1\n", "\nANSWER 1>>>", "<<<ANSWER 2\n", "\nANSWER 2>>>", "x"])))
    def test_lines_in_any_order_are_survived(self, parts: list[str]) -> None:
        first, second = answers_in("".join(parts))
        assert "<<<ANSWER 1\n" not in first
        assert "<<<ANSWER 2\n" not in second

    def test_the_oldest_of_too_many_answers_is_forgotten(self) -> None:
        scores = Scores()
        for number in range(20_001):
            scores.remember(f"answer {number}", 4.0)
        assert scores.of("answer 0") is None
        assert scores.of(" answer  1 ") == scores.of("answer 20000") == 4.0

    async def test_half_a_surrogate_pair_is_survived_everywhere(self) -> None:
        async with court() as there:
            status, _ = await there.ask("\ud83d", "b")
            assert status == 200
            assert await said(there.client, OLD, [{"role": "user", "content": "The contract \ud83d. " * 9}])

    def test_the_role_of_a_judge_is_its_own(self) -> None:
        judge = PretendDeployment("j", "gpt-5", "2025-08-07", "judge")
        assert replace(judge, role="baseline").role == "baseline"
        with pytest.raises(ValueError, match="none of baseline, canary, judge"):
            replace(judge, role="leader")  # type: ignore[arg-type]
