"""The rollout file: what is read from it, and what is only doubted."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.support.places import ROOT
from tests.support.rollout_files import ENV, GOOD, load
from tui.model import CRITERION_ROWS
from tui.model.criteria import default_of
from tui.rollout import DEFAULT_SCOPE, SIMULATOR, SourceSpec, check_rollout, load_rollout
from tui.rollout._types import keys_of
from tui.rollout.rollout import TABLES

PROFILES = ROOT / "profiles"


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    rollout = load(tmp_path, {})
    assert rollout.warnings == ()
    assert (rollout.name, rollout.environment, rollout.keep_text) == ("summarise", "", False)
    assert rollout.profiles_dir == tmp_path / "rollout.weights"
    traffic = rollout.traffic
    assert (traffic.rate, traffic.arrivals, traffic.stream, traffic.max_in_flight) == (
        5.0,
        "poisson",
        True,
        200,
    )
    assert (traffic.timeout_s, traffic.budget_usd, traffic.max_tokens) == (60.0, None, None)
    assert traffic.sources == (SourceSpec("synthetic", 100.0),)
    criteria = rollout.criteria
    assert (criteria.latency_p95_pct, criteria.quality) == (10, 0)
    assert (rollout.cockpit.step_pct, rollout.cockpit.window, rollout.cockpit.marker) == (5, "5m", "braille")
    assert rollout.cockpit.unattended_s is None
    assert load(tmp_path, {"cockpit": {"unattended": "forever"}}).cockpit.unattended_s == inf
    assert load(tmp_path, {"cockpit": {"unattended": "1.5m"}}).cockpit.unattended_s == 90


def test_weights_name_every_deployment_in_the_order_of_the_file(tmp_path: Path) -> None:
    rollout = load(tmp_path, {"weights/contracts": {"gpt4o-prod-v0513": 100}})
    assert list(rollout.deployments) == ["gpt4o-prod-v1120", "gpt4o-prod-v0513"]
    assert rollout.weights["contracts"] == {"gpt4o-prod-v1120": 0.0, "gpt4o-prod-v0513": 100.0}


def test_without_weights_the_baseline_has_everything(tmp_path: Path) -> None:
    rollout = load(tmp_path, {"weights": None})
    assert rollout.weights == {"default": {"gpt4o-prod-v1120": 100.0, "gpt4o-prod-v0513": 0.0}}


def test_thirds_with_decimals_are_accepted(tmp_path: Path) -> None:
    load(tmp_path, {"weights/default": {"gpt4o-prod-v1120": 66.6666667, "gpt4o-prod-v0513": 33.3333333}})


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "r.jsonl").write_text("{}")
    (tmp_path / "trace.csv").write_text("TIMESTAMP")
    source = {"kind": "sampled", "path": "logs/r.jsonl", "sample_pct": 5.0, "follow": True, "share": 60}
    rollout = load(
        tmp_path,
        {"traffic": {"arrivals": "trace", "trace": "trace.csv", "sources": [source, {"kind": "synthetic"}]}},
    )
    followed, synthetic = rollout.traffic.sources
    assert followed.path == tmp_path / "logs" / "r.jsonl"
    assert (followed.loop, followed.redact, followed.sample_pct) == (False, True, 5.0)
    assert synthetic.loop
    assert rollout.traffic.trace == tmp_path / "trace.csv"


def test_price_override(tmp_path: Path) -> None:
    price = {"input": 2.5, "output": 10}
    deployment = load(tmp_path, {"deployments/gpt4o-prod-v0513/price": price}).deployments["gpt4o-prod-v0513"]
    assert deployment.price is not None
    assert (deployment.price.input_usd, deployment.price.cached_input_usd, deployment.price.output_usd) == (
        2.5,
        None,
        10,
    )
    assert deployment.price.source == "rollout file"


def test_entra_asks_for_the_default_scope(tmp_path: Path) -> None:
    endpoint = load(tmp_path, {"endpoints/main/key_env": None, "endpoints/main/entra": True}, env={}).endpoints[
        "main"
    ]
    assert (endpoint.entra, endpoint.scope, endpoint.key_env) == (True, DEFAULT_SCOPE, None)


def test_the_simulator_needs_neither_key_nor_version(tmp_path: Path) -> None:
    rollout = load(tmp_path, {"endpoints/main": {"url": "simulator", "key_env": "NOT_SET"}}, env={})
    endpoint = rollout.endpoints["main"]
    assert (endpoint.url, endpoint.api, endpoint.api_version, endpoint.key_env) == (
        SIMULATOR, "azure", "2024-10-21", None,
    )  # fmt: skip


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "http://127.0.0.1:9", "http://[::1]:80/v1"])
def test_this_machine_needs_no_key(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, {"endpoints/main": {"url": url, "api": "v1"}}, env={}).warnings == ()


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rollout.toml"
    path.write_bytes(b"\xef\xbb\xbf" + tomli_w.dumps(GOOD).replace("\n", "\r\n").encode())
    assert load_rollout(path, env=ENV).name == "summarise"


def test_nothing_in_a_rollout_can_be_changed(tmp_path: Path) -> None:
    rollout = load(tmp_path, {})
    for mapping in (rollout.endpoints, rollout.deployments, rollout.weights, rollout.weights["default"]):
        with pytest.raises(TypeError):
            mapping["x"] = 1  # type: ignore[index]


@pytest.mark.parametrize("name", ["demo", "azure", "migration"])
def test_shipped_rollouts_have_no_mistakes(name: str) -> None:
    rollout, found = check_rollout(PROFILES / f"{name}.toml", ENV)
    assert found == ()
    assert rollout is not None
    assert set(rollout.weights["default"]) == set(rollout.deployments)


def test_the_demo_and_the_migration_run_without_an_account() -> None:
    for name in ("demo", "migration"):
        rollout = load_rollout(PROFILES / f"{name}.toml", env={})
        assert {e.url for e in rollout.endpoints.values()} == {SIMULATOR}
    assert {"email_summarisation", "contract_analysis"} < set(rollout.weights)


def test_the_page_of_verdicts_and_the_example_name_every_criterion_as_it_is() -> None:
    page = (PROFILES.parent / "docs" / "verdicts.md").read_text()
    example = (PROFILES / "azure.toml").read_text()
    rows = [
        [cell.strip(" `") for cell in line.split("|")] for line in page.splitlines() if line.startswith("| `")
    ]
    told = {cells[1]: cells for cells in rows}
    assert list(told) == [row.id for row in CRITERION_ROWS]
    for row in CRITERION_ROWS:
        cells = told[row.id]
        assert row.id in example
        assert cells[2] == row.label
        assert ("advisory" in cells[3]) == row.advisory
        key = row.margin_key or row.floor_key
        assert cells[5].replace("`", "").startswith(key)
        if key and row.kind != "paired":
            assert cells[5].endswith(f", {default_of(key):g}")


def test_the_complete_example_names_every_key() -> None:
    text = (PROFILES / "azure.toml").read_text()
    for table in TABLES.values():
        for key in keys_of(table):
            assert f"{key} =" in text or f"[{key}" in text or f".{key}]" in text, key


@pytest.mark.parametrize(
    ("name", "version", "warned"),
    [
        ("gpt4o-v1120", "2024-11-20", False),
        ("gpt4o-2024-11-20", "2024-11-20", False),
        ("gpt4o-20241120", "2024-11-20", False),
        ("gpt4o-11-20", "2024-11-20", False),
        ("gpt4o-v11201", "2024-11-20", True),
        ("gpt4o-prod", "2024-11-20", True),
        ("gpt35-0613", "0613", False),
        ("turbo-v0409", "turbo-2024-04-09", False),
        ("gpt35-0301", "0613", True),
    ],
)
def test_a_name_without_its_version_is_a_warning(tmp_path: Path, name: str, version: str, warned: bool) -> None:
    changes = {f"deployments/{name}": {"endpoint": "main", "model": "gpt-4o", "version": version}}
    rollout = load(tmp_path, changes)
    assert [p.field for p in rollout.warnings] == ([f"deployments.{name}"] if warned else [])
    assert all(p.severity == "warning" for p in rollout.warnings)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"traffic": {"speed": 4}}, "traffic.speed"),
        ({"endpoints/main/scope": "https://ai.azure.us/.default"}, "endpoints.main.scope"),
        ({"endpoints/main/api": "v1"}, "endpoints.main.api_version"),
        ({"endpoints/main/url": "http://proxy.corp"}, "endpoints.main.url"),
        (
            {"weights/contracts": {"gpt4o-prod-v1120": 100},
             "traffic": {"sources": [{"kind": "synthetic", "task": "contrats"}]}},
            "traffic.sources[1].task",
        ),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_a_warning(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    assert [p.field for p in load(tmp_path, changes).warnings] == [field]
