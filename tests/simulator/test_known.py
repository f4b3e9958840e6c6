"""Known answers and answers of a quality over a real socket, and files of known answers on the command line."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

import aiohttp
import pytest

from tests.support.simulator_service import KEY, Clock, quick, serve
from tui.cli.rehearsal import shipped
from tui.grading import TaskItem, grade_item, read_task_file
from tui.model import Mark
from tui.simulator.behaviour import PretendDeployment, TaskQuality
from tui.simulator.child import running
from tui.simulator.known import read_known
from tui.simulator.run import DEFAULT_DEPLOYMENTS, run_simulator, with_qualities
from tui.simulator.server import Simulator

CONTRACTS = shipped("tasks/contract_analysis.jsonl")
OLD, NEW = "gpt41-prod-v0414", "gpt4omini-prod-v0718"


@asynccontextmanager
async def both(**options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """A baseline and a canary, and a client of them."""
    served = [
        PretendDeployment(OLD, "gpt-4.1", "2025-04-14", "baseline", quick()),
        PretendDeployment(NEW, "gpt-4o-mini", "2024-07-18", "canary", quick()),
    ]
    simulator = Simulator(served, **options)
    port = await simulator.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=KEY) as client:
            yield client
    finally:
        await simulator.stop()


async def said(client: aiohttp.ClientSession, deployment: str, messages: Sequence[Mapping[str, Any]]) -> str:
    url = f"/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21"
    async with client.post(url, json={"messages": list(messages)}) as response:
        assert response.status == 200
        content: str = (await response.json())["choices"][0]["message"]["content"]
        return content


async def truth(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/sim/truth") as response:
        counted: dict[str, Any] = (await response.json())["deployments"]
        return counted


async def marks(client: aiohttp.ClientSession, items: Sequence[TaskItem], deployment: str) -> list[Mark]:
    """What the graders say of the answers to every item."""
    return [grade_item(item, await said(client, deployment, item.messages)).mark for item in items]


class TestKnown:
    async def test_the_story_has_its_accuracies_and_graders_find_exactly_what_is_true(self) -> None:
        items = read_task_file(CONTRACTS).items
        known, _ = read_known([CONTRACTS])
        found: dict[str, list[Mark]] = {OLD: [], NEW: []}
        async with both(scenario="migration", seed=1, known=known) as client:
            for _ in range(5):
                for name, graded in found.items():
                    graded += await marks(client, items, name)
            true = await truth(client)
        assert {mark for graded in found.values() for mark in graded} == {Mark.RIGHT, Mark.WRONG}
        for name, accuracy in ((OLD, 0.93), (NEW, 0.80)):
            right = Counter(found[name])[Mark.RIGHT]
            quality = true[name]["quality"]["contract_analysis"]
            assert (quality["known"], quality["right"]) == (200, right)
            assert right / 200 == pytest.approx(accuracy, abs=0.06)
        discordant = fmean(a != b for a, b in zip(found[OLD], found[NEW], strict=True))
        assert 0.1 < discordant < 0.25

    async def test_the_same_seed_says_the_same_and_another_something_else(self) -> None:
        items = read_task_file(CONTRACTS).items[:15]
        known, _ = read_known([CONTRACTS])
        runs = []
        for seed in (1, 1, 2):
            async with both(scenario="migration", seed=seed, known=known) as client:
                runs.append([await said(client, NEW, item.messages) for item in items])
        assert runs[0] == runs[1] != runs[2]

    async def test_known_items_are_answered_as_usual_where_no_quality_is_given(self) -> None:
        items = read_task_file(CONTRACTS).items
        known, _ = read_known([CONTRACTS])
        async with both(known=known) as client:
            graded = Counter([m for _ in range(3) for m in await marks(client, items, OLD)])
        assert graded.keys() == {Mark.RIGHT, Mark.WRONG}
        assert graded[Mark.RIGHT] / 120 == pytest.approx(0.9, abs=0.08)

    async def test_a_stream_says_the_same_answer_and_its_usage_counts_its_tokens(self) -> None:
        known, _ = read_known([CONTRACTS])
        item = read_task_file(CONTRACTS).items[0]
        perfect = (TaskQuality("contract_analysis", accuracy_pct=100),)
        async with serve(quick(quality=perfect), known=known) as service:
            events = await service.events(messages=list(item.messages), stream_options={"include_usage": True})
            _, text = await service.ask(messages=list(item.messages))
        streamed = "".join(c["delta"].get("content") or "" for e in events for c in e["choices"])
        answer = json.loads(text)
        for reply in (streamed, answer["choices"][0]["message"]["content"]):
            assert grade_item(item, reply).mark is Mark.RIGHT
        assert 1 <= events[-1]["usage"]["completion_tokens"] < 30
        assert 1 <= answer["usage"]["completion_tokens"] < 30

    async def test_a_cut_or_blocked_answer_counts_as_neither_right_nor_wrong(self) -> None:
        known, _ = read_known([CONTRACTS])
        [item] = [i for i in read_task_file(CONTRACTS).items if i.id == "contract-choice-16"]
        perfect = (TaskQuality("*", accuracy_pct=100),)
        async with serve(quick(quality=perfect, completion_blocked_pct=100), known=known) as service:
            await service.ask(messages=list(item.messages))
            assert "quality" not in await service.truth()
        async with serve(quick(quality=perfect), known=known) as service:
            for _ in range(20):
                await service.ask(messages=list(item.messages), max_tokens=1)
            counted = await service.truth()
        assert counted.get("quality", {"contract_analysis": {"known": 0}})["contract_analysis"]["known"] < 20

    async def test_without_quality_and_known_items_answers_are_as_ever(self) -> None:
        known, _ = read_known([CONTRACTS])
        async with serve(seed=4) as service:
            _, text = await service.ask()
        before = json.loads(text)["choices"][0]["message"]["content"]
        async with serve(seed=4, known=known) as service:
            _, text = await service.ask()
            assert "quality" not in await service.truth()
        assert json.loads(text)["choices"][0]["message"]["content"] == before


class TestQuality:
    async def test_a_scenario_brings_other_answers_in_mid_run_and_the_truth_says_how_good(self) -> None:
        clock = Clock()
        contract = [
            {"role": "user", "content": "Review the contract. " + "Rent of 90 EUR is due on day 3. " * 5}
        ]
        async with both(clock=clock) as client:
            first = [await said(client, name, contract) for name in (OLD, NEW)]
            assert "quality" not in (await truth(client))[OLD]
            async with client.post("/sim/scenario", json={"name": "migration"}):
                pass
            for _ in range(150):
                for name in (OLD, NEW):
                    assert await said(client, name, contract) not in first
            true = await truth(client)
        dear, cheap = (true[name]["quality"]["contract_analysis"] for name in (OLD, NEW))
        assert dear["scored"] == cheap["scored"] == 150
        assert dear["known"] == 0
        assert dear["score_mean"] - cheap["score_mean"] > 1


class TestCommandLine:
    def test_files_and_qualities_are_given_to_the_simulator_beside_us(self) -> None:
        item = read_task_file(CONTRACTS).items[0]
        with running(
            scenario="healthy",
            seed=1,
            deployments=[
                "a=gpt-4.1@2025-04-14:baseline",
                "b=gpt-4o-mini@2024-07-18",
                "j=gpt-5@2025-08-07:judge",
            ],
            known=[CONTRACTS],
            qualities=["a=contract_analysis:100,5", "b=*:0,1"],
        ) as url:
            assert grade_item(item, ask(url, "a", item)).mark is Mark.RIGHT
            assert grade_item(item, ask(url, "b", item)).mark is Mark.WRONG
            with urllib.request.urlopen(f"{url}/sim", timeout=10) as response:
                assert json.load(response)["deployments"]["j"]["role"] == "judge"

    def test_a_file_that_cannot_be_used_stops_the_start_and_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"none\.jsonl: cannot be read as a task file"):
            run_simulator(known=[tmp_path / "none.jsonl"])

    def test_qualities_beside_a_scenario_that_sets_them_are_refused(self) -> None:
        deployments = with_qualities(DEFAULT_DEPLOYMENTS, ["gpt4o-prod-v0806=*:80,3"])
        with pytest.raises(ValueError, match="scenario migration sets the qualities itself"):
            run_simulator(scenario="migration", deployments=deployments)

    @pytest.mark.parametrize(
        ("spec", "told"),
        [
            ("x", "write NAME=TASK:ACCURACY,SCORE"),
            ("gpt4o-prod-v0806=t:80", "write NAME=TASK:ACCURACY,SCORE"),
            ("other=t:80,3", "no deployment is called 'other'"),
            ("gpt4o-prod-v0806=t:180,3", "accuracy_pct must be 0 to 100"),
            ("gpt4o-prod-v0806=t:80,6", "score_mean must be 1 to 5"),
        ],
    )
    def test_wrong_qualities_are_told_what_to_write(self, spec: str, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            with_qualities(DEFAULT_DEPLOYMENTS, [spec])

    def test_qualities_are_of_one_deployment_and_the_last_of_a_task_counts(self) -> None:
        name = DEFAULT_DEPLOYMENTS[1].name
        first, second = with_qualities(
            DEFAULT_DEPLOYMENTS, [f"{name}=t:1,2", f"{name}=*:3,4,0.5", f"{name}=t:5,2.5"]
        )
        assert first is DEFAULT_DEPLOYMENTS[0]
        assert second.behaviour.quality == (TaskQuality("t", 5, 2.5), TaskQuality("*", 3, 4, 0.5))


def ask(url: str, deployment: str, item: TaskItem) -> str:
    request = urllib.request.Request(
        f"{url}/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21",
        json.dumps({"messages": list(item.messages)}).encode(),
        {"api-key": "k", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        content: str = json.load(response)["choices"][0]["message"]["content"]
        return content
