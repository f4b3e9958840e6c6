"""The calendar passes a version's end: 410, or a silent upgrade that ARM shows and that can be felt."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
import pytest

from tests.support.arm_service import ACCOUNT, arm, pretend
from tests.support.simulator_service import Clock, serve
from tui.control_plane.answers import ArmError
from tui.control_plane.resource_manager import ResourceManager
from tui.model import DeploymentSpec
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.control.calendar import Calendar, ServedVersion, served_version
from tui.simulator.control.models import VersionFactors, bundled_models
from tui.simulator.run import DEFAULT_DEPLOYMENTS, with_upgrades
from tui.simulator.scenarios import SCENARIOS
from tui.simulator.server import Simulator

START, END = date(2026, 11, 25), date(2027, 4, 14)
"""The end is that of gpt-4o 2024-11-20 in the table; it is replaced by gpt-5.1."""
OLD, NEW = ServedVersion("gpt-4o", "2024-11-20"), ServedVersion("gpt-5.1", "2025-11-13")
GONE = replace(OLD, retired=True)


def at(day: date, *, option: str | None, sku: str = "GlobalStandard", since: date = START) -> ServedVersion:
    return served_version(bundled_models(), "gpt-4o", "2024-11-20", sku, option, since, day)


class TestServedVersion:
    @pytest.mark.parametrize(
        ("option", "day", "served"),
        [
            ("NoAutoUpgrade", date(2027, 4, 13), OLD),
            ("NoAutoUpgrade", END, GONE),
            ("OnceCurrentVersionExpired", date(2027, 4, 6), OLD),
            ("OnceCurrentVersionExpired", date(2027, 4, 7), NEW),
            (None, date(2027, 4, 6), OLD),
            (None, date(2027, 4, 7), NEW),
            ("OnceNewDefaultVersionAvailable", date(2027, 3, 14), OLD),
            ("OnceNewDefaultVersionAvailable", date(2027, 3, 15), NEW),
        ],
    )
    def test_each_option_has_its_day(self, option: str | None, day: date, served: ServedVersion) -> None:
        assert at(day, option=option) == served

    def test_provisioned_capacity_is_never_upgraded_and_has_a_date_of_its_own(self) -> None:
        assert at(END, option=None, sku="GlobalProvisionedManaged") == GONE
        assert at(END, option=None, sku="ProvisionedManaged") == OLD
        assert at(date(2027, 7, 14), option=None, sku="ProvisionedManaged") == GONE

    def test_upgrades_follow_each_other(self) -> None:
        far = date(2028, 1, 1)
        assert at(far, option=None) == ServedVersion("gpt-5.6-sol", "2026-07-09")
        assert at(date(2028, 1, 11), option=None) == ServedVersion("gpt-5.6-sol", "2026-07-09", retired=True)

    def test_days_before_it_was_set_do_not_count(self) -> None:
        late = date(2027, 5, 1)
        assert at(late, option="NoAutoUpgrade", since=END) == OLD
        assert at(late, option=None, since=date(2027, 4, 8)) == NEW, "the lead was over, the end was not"
        assert at(date(2027, 4, 13), option=None, since=date(2027, 4, 8)) == OLD

    def test_previews_are_upgraded_whatever_the_option(self) -> None:
        table = bundled_models()
        moved = served_version(
            table, "gpt-6-sol", "2026-09-22", "GlobalStandard", "NoAutoUpgrade", START, date(2028, 3, 11)
        )
        assert moved.model == "gpt-5.6-sol"

    def test_versions_that_nobody_lists_end_too(self) -> None:
        table = bundled_models()
        ends = table.unlisted_retires
        assert served_version(table, "x", "1", "Standard", "NoAutoUpgrade", START, ends).retired
        assert served_version(table, "x", "1", "Standard", None, START, ends).model == table.successor.model


class TestCalendar:
    def test_it_is_the_real_date_until_it_is_moved(self) -> None:
        now = [datetime(2026, 11, 25, 23, 59, tzinfo=UTC).timestamp()]
        calendar = Calendar(lambda: now[0], date(2030, 1, 1))
        assert calendar.today == date(2026, 11, 25)
        now[0] += 60
        assert calendar.today == date(2026, 11, 26)
        calendar.move_by(30)
        assert calendar.today == date(2026, 12, 26)
        calendar.move_to(date(2020, 2, 29))
        assert (calendar.today, calendar.now) == (date(2020, 2, 29), datetime(2020, 2, 29, tzinfo=UTC))
        calendar.reset()
        assert calendar.today == date(2026, 11, 26)

    def test_it_starts_no_later_than_the_table_is_good_for(self) -> None:
        now = datetime(2040, 1, 1, 8, tzinfo=UTC).timestamp()
        assert Calendar(lambda: now, date(2027, 3, 31)).today == date(2027, 3, 31)

    def test_it_has_a_first_and_a_last_day(self) -> None:
        calendar = Calendar(lambda: 0.0, date(2030, 1, 1))
        with pytest.raises(ValueError, match="outside the calendar"):
            calendar.move_to(date(1969, 12, 31))
        with pytest.raises(ValueError, match="outside the calendar"):
            calendar.move_by(10**9)
        assert calendar.today == date(1970, 1, 1)

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"today": "soon"},
            {"today": 3},
            {"days": "x"},
            {"days": True},
            {"days": 1, "today": "2027-01-01"},
            [],
        ],
    )
    async def test_over_http_it_takes_a_day_or_a_number_of_days(self, asked: object) -> None:
        async with serve(wall_clock=lambda: 0.0) as service:
            async with service.client.post("/sim/calendar", json=asked) as response:
                assert response.status == 400
            async with service.client.post("/sim/calendar", json={"days": 31}) as response:
                assert (await response.json())["today"] == "1970-02-01"
            async with service.client.get("/sim") as response:
                assert (await response.json())["today"] == "1970-02-01"


class TestOverHttp:
    async def test_a_pinned_deployment_answers_410_from_the_day_on(self) -> None:
        async with arm() as service:
            await service.move(today="2027-04-13")
            assert (await service.ask("d"))[0] == 200
            await service.move(days=1)
            status, body = await service.ask("d")
            assert (status, body["error"]["code"]) == (410, "ModelRetired")
            models = {(m.model, m.version): m for m in await service.manager.models()}
            assert models["gpt-4o", "2024-11-20"].status == "Deprecated"
            found = await service.manager.deployment("d")
        assert found is not None
        assert (found.version, found.upgrade_option) == ("2024-11-20", "NoAutoUpgrade")

    async def test_an_unpinned_one_changes_without_a_word(self) -> None:
        free = pretend("d", "gpt-4o", "2024-11-20", upgrades="absent")
        clock = Clock()
        simulator = Simulator(
            [free], clock=clock, wall_clock=lambda: datetime(2026, 11, 25, tzinfo=UTC).timestamp() + clock.now_s
        )
        async with running(simulator) as (client, manager):
            before, shown = await ask(client), await manager.deployment("d")
            async with client.post("/sim/calendar", json={"today": "2027-04-07"}):
                pass
            after, moved = await ask(client), await manager.deployment("d")
            async with client.get("/sim/truth") as response:
                truth = (await response.json())["deployments"]["d"]
        assert (before["model"], after["model"]) == ("gpt-4o-2024-11-20", "gpt-5.1-2025-11-13")
        assert before["system_fingerprint"] != after["system_fingerprint"]
        assert shown is not None
        assert moved is not None
        assert (moved.model, moved.version, moved.upgrade_option) == ("gpt-5.1", "2025-11-13", None)
        assert moved.etag != shown.etag
        assert moved.modified_at is not None
        assert moved.modified_at.date() == date(2027, 4, 7)
        assert {m: v["requests"] for m, v in truth["versions"].items()} == {
            "gpt-4o-2024-11-20": 1,
            "gpt-5.1-2025-11-13": 1,
        }

    async def test_pinning_in_time_keeps_the_version_and_pinning_late_the_new_one(self) -> None:
        clock = Clock()
        served = [pretend(name, "gpt-4o", "2024-11-20", upgrades="absent") for name in ("in-time", "late")]
        simulator = Simulator(served, clock=clock, wall_clock=lambda: 1.7956e9 + clock.now_s)
        async with running(simulator, clock) as (client, manager):
            spec = DeploymentSpec("in-time", "gpt-4o", "2024-11-20", "GlobalStandard", 100)
            await manager.create(spec)
            async with client.post("/sim/calendar", json={"today": "2027-04-08"}):
                pass
            assert (await ask(client, "in-time"))["model"] == "gpt-4o-2024-11-20"
            slower = simulator.handlers["late"].deployment.behaviour
            late = DeploymentSpec("late", "gpt-5.1", "2025-11-13", "GlobalStandard", 100)
            assert (await manager.create(late)).upgrade_option == "NoAutoUpgrade"
            assert (await ask(client, "late"))["model"] == "gpt-5.1-2025-11-13"
            assert simulator.handlers["late"].deployment.behaviour == slower
            async with client.post("/sim/calendar", json={"today": "2027-04-14"}):
                pass
            assert (await ask(client, "in-time"))["status"] == 410
            with pytest.raises(ArmError, match="is retired") as told:
                await manager.create(spec)
        assert told.value.code == "ServiceModelDeprecated"

    async def test_the_calendar_moved_back_brings_the_version_back(self) -> None:
        async with arm() as service:
            await service.move(today="2027-05-01")
            assert (await service.ask("d"))[0] == 410
            await service.move(today="2026-12-01")
            assert (await service.ask("d"))[0] == 200

    async def test_a_simulator_can_start_on_any_day(self) -> None:
        async with serve(today=date(2027, 5, 1)) as service:
            assert (await service.ask())[0].status == 410
        with pytest.raises(ValueError, match="outside the calendar"):
            Simulator([PretendDeployment("d", "gpt-4o", "2024-11-20")], today=date(1066, 10, 14))


def test_an_upgrade_is_felt_in_times_lengths_and_filters() -> None:
    table = bundled_models()
    before = Behaviour(completion_blocked_pct=0.4, prompt_blocked_pct=60)
    after = table.factors_of("gpt-5.1").behaviour_after(table.factors_of("gpt-4o"), before)
    assert after.ttft_ms == pytest.approx(180 * 1.3)
    assert after.ms_per_token == pytest.approx(4 * 1.3)
    assert after.answer_tokens == pytest.approx(80 * 1.5)
    assert after.completion_blocked_pct == pytest.approx(1.0)
    assert after.prompt_blocked_pct == 100
    twice = VersionFactors(2, 2, 2)
    assert twice.behaviour_after(twice, before) == before


class running:
    """A simulator on a socket, with a plain client and one of its control plane."""

    def __init__(self, simulator: Simulator, clock: Clock | None = None) -> None:
        self._simulator = simulator
        self._clock = clock or Clock()

    async def __aenter__(self) -> tuple[aiohttp.ClientSession, ResourceManager]:
        url = f"http://127.0.0.1:{await self._simulator.start()}"
        self._client = aiohttp.ClientSession(url)
        self._manager = ResourceManager(
            ACCOUNT, _token, write=True, base_url=url, clock=self._clock, sleep=self._sleep
        )
        return self._client, self._manager

    async def _sleep(self, seconds: float) -> None:
        self._clock.now_s += seconds

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._manager.close()
        await self._simulator.stop()


async def _token() -> str:
    return "t"


async def ask(client: aiohttp.ClientSession, name: str = "d") -> dict[str, Any]:
    url = f"/openai/deployments/{name}/chat/completions?api-version=2024-10-21"
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]})
    async with client.post(url, data=body, headers={"api-key": "k"}) as response:
        return {"status": response.status, **await response.json()}


class TestScenarios:
    @pytest.mark.parametrize("canary", [("gpt-4o", "2024-08-06"), ("gpt-5.1", "2025-11-13"), ("no-such", "1")])
    async def test_the_silent_upgrade_moves_the_canary_after_a_minute_and_nothing_else(
        self, canary: tuple[str, str]
    ) -> None:
        clock = Clock()
        start_s = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
        served = [replace(pretend("old", "gpt-4o", "2024-11-20"), role="baseline"), pretend("new", *canary)]
        simulator = Simulator(
            served, "silent-upgrade", clock=clock, wall_clock=lambda: start_s + clock.now_s - 1000
        )
        pinned = f"{canary[0]}-{canary[1]}"
        async with running(simulator) as (client, manager):
            announced = await manager.models()
            ends = next(m.retires for m in announced if (m.model, m.version) == canary)
            assert ends == date(2026, 12, 4), "two days from the start, and the week that upgrades run ahead"
            clock.now_s += 59.9
            assert (await ask(client, "new"))["model"] == pinned
            clock.now_s += 0.1
            moved = await ask(client, "new")
            assert moved["status"] == 200
            assert moved["model"] != pinned
            assert (await ask(client, "old"))["model"] == "gpt-4o-2024-11-20"
            found = await manager.deployment("new")
            assert found is not None
            assert f"{found.model}-{found.version}" == moved["model"]
            assert found.upgrade_option is None
            async with client.post("/sim/scenario", json={"name": "silent-upgrade"}) as response:
                assert (await response.json())["today"] == "2026-11-25"
            assert (await ask(client, "new"))["model"] == pinned, "another rehearsal begins as the first"
            async with client.post("/sim/scenario", json={"name": "healthy"}):
                pass
            found = await manager.deployment("new")
            assert found is not None
            assert found.upgrade_option == "NoAutoUpgrade"

    @pytest.mark.parametrize(
        ("option", "served"),
        [
            ("NoAutoUpgrade", "gpt-4o-2024-08-06"),
            ("OnceCurrentVersionExpired", "gpt-5.1-2025-11-13"),
            ("OnceNewDefaultVersionAvailable", "gpt-5.1-2025-11-13"),
        ],
    )
    async def test_an_option_that_was_given_counts_more_than_that_of_the_scenario(
        self, option: str, served: str
    ) -> None:
        clock = Clock()
        given = with_upgrades(DEFAULT_DEPLOYMENTS, [f"gpt4o-prod-v0806={option}"])
        simulator = Simulator(given, "silent-upgrade", clock=clock, wall_clock=lambda: 1.7956e9 + clock.now_s)
        async with running(simulator) as (client, _):
            clock.now_s += 61
            async with client.get("/sim") as response:
                deployments = (await response.json())["deployments"]
        assert deployments["gpt4o-prod-v0806"]["model"] == served
        assert deployments["gpt4o-prod-v1120"]["model"] == "gpt-4o-2024-11-20"

    async def test_the_retirement_ends_the_baseline_after_a_minute(self) -> None:
        clock = Clock()
        served = [
            replace(pretend("old", "gpt-4o", "2024-11-20"), role="baseline"),
            pretend("new", "gpt-5.1", "2025-11-13"),
        ]
        simulator = Simulator(served, "retirement", clock=clock, wall_clock=lambda: 1.7956e9 + clock.now_s)
        async with running(simulator) as (client, manager):
            clock.now_s += 59.9
            assert (await ask(client, "old"))["status"] == 200
            clock.now_s += 0.1
            gone = await ask(client, "old")
            assert (gone["status"], gone["error"]["code"]) == (410, "ModelRetired")
            assert (await ask(client, "new"))["status"] == 200
            found = await manager.deployment("old")
            models = {(m.model, m.version): m.status for m in await manager.models()}
        assert found is not None
        assert (found.version, found.upgrade_option) == ("2024-11-20", "NoAutoUpgrade")
        assert models["gpt-4o", "2024-11-20"] == "Deprecated"

    def test_both_say_when(self) -> None:
        for name in ("silent-upgrade", "retirement"):
            assert "from 60 s" in SCENARIOS[name].description
            assert [e.at_s for e in SCENARIOS[name].endings] == [60]


class TestOptions:
    def test_options_are_given_by_name(self) -> None:
        chosen = with_upgrades(DEFAULT_DEPLOYMENTS, ["gpt4o-prod-v0806=absent"])
        assert [d.upgrades for d in chosen] == [None, "absent"]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("nobody=absent", "known: gpt4o-prod-v1120, gpt4o-prod-v0806"),
            ("gpt4o-prod-v0806", "with one of OnceNewDefaultVersionAvailable"),
            ("gpt4o-prod-v0806=never", "with one of OnceNewDefaultVersionAvailable"),
        ],
    )
    def test_wrong_ones_are_told_what_to_write(self, text: str, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            with_upgrades(DEFAULT_DEPLOYMENTS, [text])
