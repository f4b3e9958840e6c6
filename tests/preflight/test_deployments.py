"""`check --online` of deployments: every verdict of answer, state, pin and region, on a simulator."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.check_service import NO_ARM, OLD, Found, checked, found_at
from tests.support.engine_runs import planned, rollout
from tests.support.service import serving
from tests.support.simulator_service import quick
from tui.model import DEFAULT_TASK, NOT_KNOWN, Outcome, OutcomeKind, PlanStep
from tui.preflight import check
from tui.preflight.deployments import Known, answer
from tui.preflight.finding import WORST_FIRST, worst
from tui.rollout import ControlPlane, PlanSpec
from tui.service.client import Probe
from tui.simulator.behaviour import PretendDeployment
from tui.simulator.control.plane import ControlSettings

NEW = PretendDeployment("n", "gpt-5.1", "2025-11-13", "canary", quick())


def behaving(**behaviour: Any) -> PretendDeployment:
    return PretendDeployment("d", "gpt-4o", "2024-11-20", "baseline", quick(**behaviour))


def end(kind: OutcomeKind, **fields: Any) -> Outcome:
    return Outcome(0, DEFAULT_TASK, "d", 0.0, kind, 0.0, 0.0, 1.0, 0.0, **fields)


def known(folder: Path, outcome: Outcome) -> Known:
    of = rollout(folder, "http://127.0.0.1:9", weights={"d": 100.0})
    return Known(of.deployments["d"], of.endpoints["main"], outcome, None, NOT_KNOWN, ("", ""))


async def found(folder: Path, *deployments: PretendDeployment, **options: Any) -> Found:
    async with checked(folder, *deployments, **options) as service:
        return await service.find()


async def test_a_rollout_that_is_right(tmp_path: Path) -> None:
    async with checked(tmp_path, OLD, NEW) as service:
        all_ = await service.find()
    assert {f.verdict for f in all_.all} == {"ok"}
    assert [f.where for f in all_.all] == ["endpoint main"] * 4 + ["d"] * 7 + ["n"] * 7
    assert all_.kinds("endpoint main") == ["reach", "key", "control plane", "region"]
    assert all_.kinds("n") == ["answer", "state", "pin", "region", "quota", "rate", "price"]
    assert all_("answer").text.startswith("gpt-4o-2024-11-20 in ")
    assert all_("state").text == "GlobalStandard, capacity 100, NoAutoUpgrade, Succeeded"
    assert all_("pin").text.startswith("HARD STOP 2027-04-14: NoAutoUpgrade")
    assert all_("region").text == "served in East US 2"


class TestAnswer:
    async def test_one_short_request_is_sent_to_each(self, tmp_path: Path) -> None:
        async with checked(tmp_path, OLD, NEW) as service:
            await service.find()
            truth = service.simulator.truth.as_json()["deployments"]
        assert [truth[name]["requests"] for name in ("d", "n")] == [1, 1]
        assert all(truth[name]["tokens"]["completion"] <= 16 for name in ("d", "n"))

    @pytest.mark.parametrize("stream", [True, False])
    async def test_it_is_asked_as_the_traffic_would_ask(self, tmp_path: Path, stream: bool) -> None:
        bodies = []

        async def handler(request: web.Request) -> web.StreamResponse:
            bodies.append(await request.json())
            return web.json_response({"error": {"code": "x", "message": "no"}}, status=400)

        async with serving(handler) as url:
            await found_at(url, rollout(tmp_path, url, stream=stream))
        assert {body.get("stream", False) for body in bodies} == {stream}
        assert {body["max_tokens"] for body in bodies} == {16}

    @pytest.mark.parametrize(
        ("behaviour", "verdict", "text", "remedy"),
        [
            ({"error_pct": 100}, "wrong", "it fails: HTTP 50", "ask again"),
            ({"drop_pct": 100}, "wrong", "the connection breaks", "ask again"),
            (
                {"missing": True},
                "wrong",
                "it is not there: HTTP 404: no such deployment",
                "the name in the file",
            ),
            ({"paused": True}, "wrong", "it is not there: HTTP 423: the deployment is paused", "resume it"),
            ({"forbidden": True}, "wrong", "it does not let us in: HTTP 403", "network rules"),
            ({"requests_per_min": 1, "tokens_per_min": 1}, "warn", "it asks to wait: HTTP 429", "capacity"),
            (
                {"prompt_blocked_pct": 100},
                "warn",
                "its content filter blocked a harmless request (prompt:",
                "policy",
            ),
            ({"completion_blocked_pct": 100}, "warn", "blocked a harmless request (completion:", "policy"),
            (
                {"spillover_pct": 100},
                "warn",
                "answered for it (gpt-4o-2024-11-20): it spills over",
                "was not seen",
            ),
        ],
    )
    async def test_every_end_is_named(
        self, tmp_path: Path, behaviour: dict[str, Any], verdict: str, text: str, remedy: str
    ) -> None:
        answer = (await found(tmp_path, behaving(**behaviour)))("answer")
        assert answer.verdict == verdict
        assert text in answer.text
        assert remedy in answer.remedy

    async def test_silence_is_not_waited_for_longer_than_the_file_says(self, tmp_path: Path) -> None:
        async with checked(tmp_path, behaving(hang_pct=100)) as service:
            traffic = replace(service.rollout.traffic, timeout_s=1.5)
            answer = (await service.find(traffic=traffic))("answer")
            truth = service.simulator.truth.as_json()["deployments"]["d"]
        assert answer.verdict == "wrong"
        assert answer.text.startswith("it does not answer in time: ")
        assert truth["requests"] <= 1, "it is not asked again"

    async def test_a_failure_that_passes_is_none(self, tmp_path: Path) -> None:
        seen = []

        async def handler(_: web.Request) -> web.StreamResponse:
            seen.append(1)
            if len(seen) < 3:
                return web.json_response({"error": {"message": "not now"}}, status=503)
            choice = {"index": 0, "message": {"content": "OK"}, "finish_reason": "stop"}
            return web.json_response({"model": "gpt-4o-2024-11-20", "choices": [choice]})

        async with serving(handler) as url:
            one = rollout(tmp_path, url, weights={"d": 100.0}, stream=False)
            all_ = await found_at(url, one)
        assert (all_.verdict("answer"), len(seen)) == ("ok", 3)

    async def test_a_long_pause_is_not_waited_for(self, tmp_path: Path) -> None:
        seen = []

        async def handler(_: web.Request) -> web.StreamResponse:
            seen.append(1)
            return web.json_response({}, status=429, headers={"retry-after": "30"})

        async with serving(handler) as url:
            one = rollout(tmp_path, url, weights={"d": 100.0}, stream=False)
            all_ = await found_at(url, one)
        assert (all_.verdict("answer"), len(seen)) == ("warn", 1)

    @pytest.mark.parametrize(
        ("status", "wait_s", "verdict", "text", "key"),
        [
            (429, 7_500.0, "warn", "it asks to wait: HTTP 429: no; it may be asked again in 2 h 5 min", "ok"),
            (429, None, "warn", "it asks to wait: HTTP 429: no", "ok"),
            (503, 90.0, "wrong", "it asks to wait: HTTP 503: no; it may be asked again in 1 min 30 s",
             "unknown"),
            (503, None, "wrong", "it fails: HTTP 503: no", "unknown"),
            (403, 90.0, "warn", "it asks to wait: HTTP 403: no; it may be asked again in 1 min 30 s", "ok"),
            (403, None, "wrong", "it does not let us in: HTTP 403: no", "wrong"),
        ],
    )  # fmt: skip
    def test_a_service_that_asks_to_wait_is_told_from_one_that_fails(
        self, tmp_path: Path, status: int, wait_s: float | None, verdict: str, text: str, key: str
    ) -> None:
        kind = {429: OutcomeKind.RATE_LIMITED, 503: OutcomeKind.SERVER_ERROR, 403: OutcomeKind.REFUSED}[status]
        one = known(tmp_path, end(kind, http_status=status, retry_after_s=wait_s, error=f"HTTP {status}: no"))
        found = answer(one)
        assert (found.verdict, found.text) == (verdict, text)
        of_key = check.key(one.endpoint, Probe("main", "ok", "HTTP 404"), [one.outcome])
        assert of_key.verdict == key

    def test_a_used_up_quota_and_a_machine_that_cannot_send(self, tmp_path: Path) -> None:
        ended = end(OutcomeKind.QUOTA_EXHAUSTED, error="HTTP 429: pay", retry_after_s=1.0)
        used = answer(known(tmp_path, ended))
        assert (used.verdict, used.text) == ("wrong", "its quota is exhausted: HTTP 429: pay")
        assert "top up" in used.remedy
        ours = answer(known(tmp_path, end(OutcomeKind.CLIENT_SATURATED, error="too many open files")))
        assert ours.verdict == "unknown"
        assert ours.text == "this machine had no socket left: too many open files"
        assert "ulimit" in ours.remedy

    @pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind is not OutcomeKind.HELD_BACK])
    def test_whatever_the_end_there_is_a_finding(self, tmp_path: Path, kind: OutcomeKind) -> None:
        assert answer(known(tmp_path, end(kind, error="why"))).text

    async def test_a_model_that_does_not_take_it_is_there(self, tmp_path: Path) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            return web.json_response({"error": {"code": "unsupported", "message": "max_tokens"}}, status=400)

        async with serving(handler) as url:
            one = rollout(tmp_path, url, weights={"d": 100.0})
            all_ = await found_at(url, one)
        assert all_.verdict("answer") == "warn"
        assert "does not take a short request: HTTP 400" in all_("answer").text

    async def test_nobody_there(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            await service.simulator.stop()
            all_ = await service.find()
        assert all_.verdict("answer") == "unknown"
        assert "its endpoint cannot be reached" in all_("answer").text


class TestRetired:
    async def test_it_is_named_with_its_date_by_arm_and_where_to_go(self, tmp_path: Path) -> None:
        async with checked(tmp_path, OLD, NEW) as service:
            await service.move(today="2027-04-20")
            service.today = date(2027, 4, 20)
            plan = PlanSpec("n", (PlanStep(100.0, 0.0),))
            all_ = await service.find(tasks=planned(service.rollout, plan).tasks)
        answer = all_("answer")
        assert answer.verdict == "wrong"
        assert answer.text.startswith("its version was retired on 2027-04-14, 6 days ago (ARM); HTTP 410: ")
        assert answer.remedy == "shift its traffic to n now"
        assert all_.verdict("pin") == "wrong"

    async def test_without_arm_by_the_snapshot_and_with_the_replacement_that_is_named(
        self, tmp_path: Path
    ) -> None:
        async with checked(tmp_path, behaving(retired=True)) as service:
            answer = (await service.find(**NO_ARM))("answer")
        assert answer.verdict == "wrong"
        assert "was retired, though its date is 2027-04-14 (snapshot of 2026-11-16)" in answer.text
        assert answer.remedy.startswith("deploy the replacement now")

    async def test_a_refusal_that_may_mean_something_else_is_not_called_retired(self, tmp_path: Path) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            error = {"code": "OperationNotSupported", "message": "The chatCompletion operation does not work"}
            return web.json_response({"error": error}, status=400)

        async with serving(handler) as url:
            answer = (await found_at(url, rollout(tmp_path, url, weights={"d": 100.0})))("answer")
        assert answer.verdict == "wrong"
        assert answer.text.startswith(
            "it refuses as a retired version does, though its date is 2027-04-14 (snapshot"
        )
        assert "or takes no chat completions" in answer.text

    async def test_a_version_of_which_nothing_is_known(self, tmp_path: Path) -> None:
        odd = PretendDeployment("d", "own-model", "7", "baseline", quick(retired=True))
        async with checked(tmp_path, odd) as service:
            answer = (await service.find(**NO_ARM))("answer")
        assert "was retired, on a day that is not known; HTTP 410" in answer.text


class TestState:
    async def test_a_deployment_that_is_not_there(self, tmp_path: Path) -> None:
        async with checked(tmp_path, OLD, NEW) as service:
            ours = service.rollout.deployments["d"]
            other: dict[str, Any] = {
                "deployments": {"x": replace(ours, name="x")},
                "weights": {"default": {"x": 100.0}},
            }
            all_ = await service.find(baseline="x", **other)
        state = all_("state", "x")
        assert (state.verdict, state.text) == ("wrong", "account acct-1 has no deployment of this name")
        assert state.remedy == "it has: d, n"
        assert all_.verdict("answer", "x") == "wrong"
        assert all_.kinds("x") == ["answer", "state", "pin", "region", "price"]

    async def test_paused(self, tmp_path: Path) -> None:
        body = {
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "properties": {
                "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"},
                "versionUpgradeOption": "NoAutoUpgrade",
                "deploymentState": "Paused",
            },
        }
        async with checked(tmp_path, control=ControlSettings(provisioning_s=0)) as service:
            assert await service.put("d", body) == 200
            state = (await service.find())("state")
        assert state.verdict == "wrong"
        assert state.text.startswith("paused; GlobalStandard, capacity 10")

    @pytest.mark.parametrize(("fault", "word"), [("fail", "Failed"), ("stall", "Accepted")])
    async def test_not_ready(self, tmp_path: Path, fault: str, word: str) -> None:
        body = {
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}},
        }
        async with checked(tmp_path, control=ControlSettings(provisioning_s=0)) as service:
            await service.plan({"on": "put", "do": fault})
            assert await service.put("d", body) == 200
            state = (await service.find())("state")
        assert state.verdict == "wrong"
        assert state.text.startswith("it is not ready: ")
        assert state.text.endswith(word)

    async def test_a_state_that_is_not_told(self, tmp_path: Path) -> None:
        state = (await self.listed(tmp_path, {"name": "d", "properties": {"model": {"name": "gpt-4o"}}}))(
            "state"
        )
        assert state.verdict == "unknown"
        assert "no upgrade option" in state.text

    async def listed(self, folder: Path, item: dict[str, Any]) -> Found:
        """A check against a control plane that lists just this."""

        async def handler(request: web.Request) -> web.Response:
            if request.path.endswith("/deployments"):
                return web.json_response({"value": [item]})
            return web.json_response({"value": [], "Items": [], "location": "eastus2"})

        app = web.Application()
        app.router.add_route("GET", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with checked(folder) as service:
                plane = ControlPlane(f"http://127.0.0.1:{runner.addresses[0][1]}", token_env="TOKEN")
                return await service.find(control_plane=plane)
        finally:
            await runner.cleanup()

    async def test_what_arm_does_not_tell_is_unknown(self, tmp_path: Path) -> None:
        all_ = await self.listed(tmp_path, {"name": "D", "properties": {"provisioningState": "succeeded"}})
        assert all_.verdict("state") == "ok"
        assert [all_.verdict(what) for what in ("quota", "rate", "price")] == ["unknown"] * 3
        assert "ARM tells no limit of requests" in all_("rate").text
        assert "ARM names no version" in all_("pin").text


class TestPin:
    @pytest.mark.parametrize(
        ("option", "days", "verdict", "text"),
        [
            ("NoAutoUpgrade", 91, "ok", "HARD STOP 2027-04-14"),
            ("NoAutoUpgrade", 90, "warn", "this version ends in 90 days"),
            ("NoAutoUpgrade", 30, "warn", "API calls will fail in 30 days"),
            ("NoAutoUpgrade", 7, "wrong", "API calls will fail in 7 days"),
            ("OnceCurrentVersionExpired", 120, "ok", "PINNED UNTIL 2027-04-07"),
            ("OnceCurrentVersionExpired", 20, "warn", "PINNED UNTIL 2027-04-07"),
            ("OnceNewDefaultVersionAvailable", 120, "wrong", "NOT PINNED: OnceNewDefaultVersionAvailable"),
            ("absent", 120, "wrong", "NOT PINNED: no upgrade option is set"),
        ],
    )
    async def test_by_upgrade_option_and_days_left(
        self, tmp_path: Path, option: Any, days: int, verdict: str, text: str
    ) -> None:
        pinned = PretendDeployment("d", "gpt-4o", "2024-11-20", "baseline", quick(), upgrades=option)
        day = date.fromordinal(date(2027, 4, 14).toordinal() - days)
        async with checked(tmp_path, pinned) as service:
            service.today = day
            pin = (await service.find())("pin")
        assert pin.verdict == verdict
        assert text in pin.text
        assert pin.remedy

    async def test_a_silent_upgrade_is_a_mismatch(self, tmp_path: Path) -> None:
        moving = PretendDeployment("d", "gpt-4o", "2024-11-20", "baseline", quick(), upgrades="absent")
        async with checked(tmp_path, moving) as service:
            await service.move(today="2027-04-10")
            pin = (await service.find())("pin")
        assert pin.verdict == "wrong"
        assert pin.text == "MISMATCH: the rollout file says gpt-4o 2024-11-20, ARM has gpt-5.1 2025-11-13"

    async def test_an_answer_of_another_version_is_one_without_arm(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            pin = (await service.find(**NO_ARM, **service.deployment(version="2024-08-06")))("pin")
        assert pin.verdict == "wrong"
        assert "answered by gpt-4o-2024-11-20" in pin.text

    async def test_without_arm_it_is_unknown_and_a_warning_is_said_all_the_same(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            far = (await service.find(**NO_ARM))("pin")
            service.today = date(2027, 3, 20)
            near = (await service.find(**NO_ARM))("pin")
            service.today = date(2027, 4, 10)
            close = (await service.find(**NO_ARM))("pin")
        assert [far.verdict, near.verdict, close.verdict] == ["unknown", "warn", "wrong"]
        assert far.text.startswith("UNKNOWN: it answers as gpt-4o 2024-11-20 now")
        assert "in 25 days" in near.text

    async def test_an_answer_of_a_spillover_says_nothing_of_the_pin(self, tmp_path: Path) -> None:
        async with checked(tmp_path, behaving(spillover_pct=100)) as service:
            changed = service.deployment(version="2024-08-06")
            assert (await service.find(**NO_ARM, **changed)).verdict("pin") == "unknown"


class TestRegion:
    @pytest.mark.parametrize(
        ("sku", "verdict", "text"),
        [
            (
                "GlobalStandard",
                "ok",
                "served in Sweden Central, as GlobalStandard may be; its account is in eastus2",
            ),
            ("DataZoneStandard", "ok", "as DataZoneStandard may be"),
            ("Standard", "wrong", "served in Sweden Central, not in eastus2, though Standard is served where"),
            ("ProvisionedManaged", "wrong", "not in eastus2"),
            ("GlobalBatch", "ok", "as GlobalBatch may be"),
        ],
    )
    async def test_an_answer_from_elsewhere(self, tmp_path: Path, sku: str, verdict: str, text: str) -> None:
        there = PretendDeployment("d", "gpt-4o", "2024-11-20", "baseline", quick(), sku=sku)
        async with checked(tmp_path, there) as service:
            await service.plan(served_in="Sweden Central")
            region = (await service.find())("region")
        assert region.verdict == verdict
        assert text in region.text

    async def test_without_arm_the_file_is_what_it_is_compared_with(self, tmp_path: Path) -> None:
        async with checked(tmp_path) as service:
            right = await service.find(**NO_ARM, **service.endpoint(region="eastus2"))
            other = await service.find(**NO_ARM, **service.endpoint(region="West Europe"))
            silent = await service.find(**NO_ARM, **service.endpoint(region=None))
        assert right.verdict("region") == "ok"
        assert other.verdict("region") == "warn"
        assert "its SKU is not known" in other("region").text
        assert silent.verdict("region") == "unknown"

    async def test_an_answer_that_does_not_say_where(self, tmp_path: Path) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            return web.json_response({"choices": [{"message": {"content": "OK"}, "finish_reason": "stop"}]})

        async with serving(handler) as url:
            one = rollout(tmp_path, url, weights={"d": 100.0}, stream=False)
            all_ = await found_at(url, one)
        assert all_.verdict("region") == "unknown"
        assert all_("answer").text.startswith("without naming a version in ")
        assert all_.verdict("pin") == "unknown"


def test_the_worst_verdict() -> None:
    assert worst("ok", "unknown") == "unknown"
    assert worst("unknown", "warn", "ok") == "warn"
    assert worst(*WORST_FIRST) == "wrong"
