"""Every mistake in a rollout file is named, all at once, and no secret with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.support.rollout_files import ENV, GOOD, KEY, document, load, problems, write
from tui.rollout import RolloutError, check_rollout, load_rollout, recorded_rollout

MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"rollout/name": None}, "rollout.name", "missing"),
    ({"rollout/name": "a/../b"}, "rollout.name", "letter or digit"),
    ({"rollout/nam": "x"}, "rollout.nam", "did you mean name"),
    ({"trafic": {"rate": 1}}, "trafic", "did you mean traffic"),
    ({"zzz": 1}, "zzz", "known here: rollout, endpoints"),
    ({"rollout": "x"}, "rollout", "must be a table"),
    ({"rollout/environment": "a\nb"}, "rollout.environment", "at most 32"),
    ({"rollout/baseline": "gpt4o-prod-v1121"}, "rollout.baseline", "did you mean gpt4o-prod-v1120"),
    ({"rollout/baseline": None}, "rollout.baseline", "missing"),
    ({"rollout/keep_text": "yes"}, "rollout.keep_text", "true or false"),
    ({"endpoints/main/url": "resource.openai.azure.com"}, "endpoints.main.url", "https://"),
    ({"endpoints/main/url": "ftp://x"}, "endpoints.main.url", "https://"),
    ({"endpoints/main/url": "https://[x"}, "endpoints.main.url", "https://"),
    ({"endpoints/main/url": "https://x:99999"}, "endpoints.main.url", "https://"),
    ({"endpoints/main/url": "https://a b"}, "endpoints.main.url", "https://"),
    ({"endpoints/main/url": "https://x/openai/deployments/d"}, "endpoints.main.url", "without /openai"),
    ({"endpoints/main/url": None}, "endpoints.main.url", "missing"),
    ({"endpoints/main/api": "azur"}, "endpoints.main.api", "did you mean azure"),
    ({"endpoints/main/api_version": None}, "endpoints.main.api_version", "2024-10-21"),
    ({"endpoints/main/api_version": "latest"}, "endpoints.main.api_version", "a date"),
    ({"endpoints/main/key_env": None}, "endpoints.main", "no credential"),
    ({"endpoints/main/key_env": "OTHER_KEY"}, "endpoints.main.key_env", "not set"),
    ({"endpoints/main/entra": True}, "endpoints.main.entra", "keep one"),
    ({"deployments/gpt4o-prod-v0513/endpoint": "mian"}, "gpt4o-prod-v0513.endpoint", "did you mean main"),
    ({"deployments/gpt4o-prod-v0513/version": None}, "deployments.gpt4o-prod-v0513.version", "missing"),
    ({"deployments/gpt4o-prod-v0513/version": 513}, "deployments.gpt4o-prod-v0513.version", "text in quotes"),
    ({"deployments/a b": GOOD["deployments"]["gpt4o-prod-v0513"]}, 'deployments."a b"', "letter or digit"),
    (
        {"deployments/gpt-4": {"1-v0414": GOOD["deployments"]["gpt4o-prod-v0513"]}},
        "deployments.gpt-4.1-v0414",
        '[deployments."gpt-4.1-v0414"]',
    ),
    ({"deployments/gpt4o-prod-v0513/price": {"input": -1, "output": 1}}, "price.input", "at least 0"),
    ({"deployments/gpt4o-prod-v0513/price": {"input": 1}}, "price.output", "missing"),
    (
        {"deployments/gpt4o-prod-v0513/price": {"input": 1, "output": 1},
         "deployments/gpt4o-prod-v0513/provisioned": True},
        "deployments.gpt4o-prod-v0513.price", "keep one",
    ),
    ({"criteria": {"quality": "at most 4 lower"}}, "criteria.quality", "less than 4"),
    ({"criteria": {"accuracy": "at most 100 lower"}}, "criteria.accuracy", "less than 100"),
    ({"criteria": {"quality": "a bit lower"}}, "criteria.quality", "at most 0.3 lower"),
    ({"weights/default/gpt4o-prod-v1120": 80}, "weights.default", "must sum to 100; add 10 to one of"),
    ({"weights/default/gpt4o-prod-v1120": 95}, "weights.default", "take 5 from"),
    ({"weights/default": {"gpt4o-prod-v1120": 0}}, "weights.default", "all weights are 0"),
    ({"weights/default": {}}, "weights.default", "all weights are 0"),
    ({"weights/default/gpt4o-prod-v1120": -10}, "weights.default.gpt4o-prod-v1120", "0 to 100"),
    ({"weights/default/gpt4o-prod-v1120": 101}, "weights.default.gpt4o-prod-v1120", "0 to 100"),
    ({"weights/default/gpt4o-prod-v1120": math.nan}, "weights.default.gpt4o-prod-v1120", "0 to 100"),
    ({"weights/default/gpt4o-prod-v1120": math.inf}, "weights.default.gpt4o-prod-v1120", "0 to 100"),
    ({"weights/default/gpt4o-prod-v1120": "90"}, "weights.default.gpt4o-prod-v1120", "without quotes"),
    ({"weights/default/gpt4o-prod-v1120": True}, "weights.default.gpt4o-prod-v1120", "a weight is a number"),
    ({"weights/default/gpt-4": {"1-x": 1}}, "weights.default.gpt-4", "needs quotes"),
    ({"weights/default/gpt4o-prod-v0613": 0}, "gpt4o-prod-v0613", "no such deployment; did you mean"),
    ({"weights": {"contracts": {"gpt4o-prod-v1120": 100}}}, "weights.default", "missing"),
    ({"traffic": {"rate": 0}}, "traffic.rate", "more than 0"),
    ({"traffic": {"rate": "5"}}, "traffic.rate", "without quotes"),
    ({"traffic": {"rate": math.nan}}, "traffic.rate", "finite"),
    ({"traffic": {"max_in_flight": 0}}, "traffic.max_in_flight", "at least 1"),
    ({"traffic": {"max_in_flight": 1.5}}, "traffic.max_in_flight", "whole number"),
    ({"traffic": {"timeout_s": 0}}, "traffic.timeout_s", "more than 0"),
    ({"traffic": {"budget_usd": -1}}, "traffic.budget_usd", "at least 0"),
    ({"traffic": {"arrivals": "trace", "speed": 0}}, "traffic.speed", "more than 0"),
    ({"traffic": {"arrivals": "trace"}}, "traffic.trace", "needs a file"),
    ({"traffic": {"arrivals": "trace", "trace": "no.csv"}}, "traffic.trace", "No such file"),
    ({"traffic": {"arrivals": "poison"}}, "traffic.arrivals", "did you mean poisson"),
    ({"traffic": {"trace_unit": "minutes"}}, "traffic.trace_unit", '"s" | "ms" | "us" | "ns"'),
    ({"traffic": {"trace_unit": 1000}}, "traffic.trace_unit", '"s" | "ms" | "us" | "ns"'),
    ({"traffic": {"sources": []}}, "traffic.sources", "share above 0"),
    ({"traffic": {"sources": [{"kind": "synthetic", "share": 0}]}}, "traffic.sources", "share above 0"),
    ({"traffic": {"sources": [{"kind": "synthetic", "share": -1}]}}, "traffic.sources[1].share", "at least 0"),
    ({"traffic": {"sources": [{"kind": "synthetic"}, {"share": 1}]}}, "traffic.sources[2].kind", "missing"),
    ({"traffic": {"sources": [7]}}, "traffic.sources[1]", "must be a table"),
    ({"traffic": {"sources": {"kind": "synthetic"}}}, "traffic.sources", "[[traffic.sources]]"),
    ({"traffic": {"sources": [{"kind": "sampled"}]}}, "traffic.sources[1].path", "missing"),
    ({"traffic": {"sources": [{"kind": "sampled", "path": "no.jsonl"}]}}, "sources[1].path", "No such file"),
    ({"traffic": {"sources": [{"kind": "sampled", "path": "."}]}}, "traffic.sources[1].path", "is a folder"),
    ({"traffic": {"sources": [{"kind": "sampled", "path": "/dev/null"}]}}, "sources[1].path", "regular"),
    ({"traffic": {"sources": [{"kind": "sampled", "path": "a\0b"}]}}, "traffic.sources[1].path", "NUL"),
    ({"traffic": {"sources": [{"kind": "sampled", "path": "x" * 3000}]}}, "sources[1].path", "too long"),
    ({"traffic": {"sources": [{"kind": "synthetic", "path": "x"}]}}, "traffic.sources[1].path", "sampled"),
    ({"traffic": {"sources": [{"kind": "synthetic", "sample_pct": 0}]}}, "sample_pct", "more than 0"),
    ({"traffic": {"sources": [{"kind": "synthetic", "sample_pct": 101}]}}, "sample_pct", "at most 100"),
    ({"traffic": {"sources": [{"kind": "synthetic", "format": "batsh"}]}}, "format", "did you mean batch"),
    ({"traffic": {"sources": [{"kind": "synthetic", "tokens": "trace"}]}}, "traffic.trace", "needs a file"),
    ({"criteria": {"latency_p95_pct": -1}}, "criteria.latency_p95_pct", "at least 0"),
    ({"cockpit": {"step_pct": 0}}, "cockpit.step_pct", "more than 0"),
    ({"cockpit": {"unattended": "soon"}}, "cockpit.unattended", "90s"),
    ({"cockpit": {"unattended": -1}}, "cockpit.unattended", "90s"),
    ({"cockpit": {"window": "2m"}}, "cockpit.window", '"5m" | "15m"'),
    ({"cockpit": {"keys": {"undo": "\x1b[31m"}}}, "cockpit.keys.undo", "commas"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field", "remedy"), MISTAKES)
def test_each_mistake_names_field_and_remedy(
    tmp_path: Path, changes: dict[str, Any], field: str, remedy: str
) -> None:
    found = [p for p in problems(tmp_path, changes) if p.severity == "error"]
    assert any(p.field.endswith(field) and remedy in p.remedy for p in found), [str(p) for p in found]
    with pytest.raises(RolloutError):
        load_rollout(tmp_path / "rollout.toml", env=ENV)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "rollout/baseline": "nobody",
        "endpoints/main/key_env": "UNSET_KEY",
        "deployments/gpt4o-prod-v0513/endpoint": "mian",
        "weights/default/gpt4o-prod-v1120": 80,
        "traffic/rate": -1,
        "traffic/timeout_s": "x",
        "traffic/arrivals": "trace",
        "traffic/trace": "no.csv",
        "traffic/sources": [{"kind": "sampled", "path": "no.jsonl", "share": -2}],
        "cockpit/windw": "5m",
    }
    expected = {
        "rollout.baseline",
        "endpoints.main.key_env",
        "deployments.gpt4o-prod-v0513.endpoint",
        "weights.default",
        "traffic.rate",
        "traffic.timeout_s",
        "traffic.trace",
        "traffic.sources[1].path",
        "traffic.sources[1].share",
        "cockpit.windw",
    }
    with pytest.raises(RolloutError) as caught:
        load(tmp_path, changes)
    fields = [p.field for p in caught.value.problems]
    assert set(fields) == expected
    assert len(fields) == len(expected)
    assert all(p.line for p in caught.value.problems)


def test_a_problem_reads_as_one_sentence(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {"weights/default/gpt4o-prod-v1120": 80})
    assert str(problem) == (
        "weights.default: 80 + 10 = 90: weights of a task must sum to 100; "
        "add 10 to one of gpt4o-prod-v1120, gpt4o-prod-v0513"
    )


def test_lines_are_those_of_the_keys(tmp_path: Path) -> None:
    text = tomli_w.dumps(document({"traffic": {"rate": -1}})) + (
        '[[traffic.sources]]\nkind = "synthetic"\n'
        '[[traffic.sources]] # second\nkind = "sampled"\npath = """\nrate = 3\n"""\n"share" = -1\n'
    )
    _, found = check_rollout(write(tmp_path, text), ENV)
    lines = text.split("\n")
    at = {p.field: lines[(p.line or 0) - 1] for p in found}
    assert at["traffic.rate"] == "rate = -1"
    assert at["traffic.sources[2].share"] == '"share" = -1'


# --- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoints/main/key_env": KEY},
        {"endpoints/main/key_env": KEY.upper().replace("B", "X", 1)},
        {"endpoints/main/key_env": "A" + KEY.upper()},
        {"endpoints/main/key_env": [KEY]},
        {"endpoints/main/api_key": KEY},
        {"endpoints/main/entra": KEY, "endpoints/main/scope": KEY},
        {"endpoints/main": KEY},
        {"endpoints": KEY},
        {"endpoints/main/url": KEY},
        {"endpoints/main/url": f"https://user:{KEY}@host"},
        {"endpoints/main/url": f"https://host/?api-key={KEY}"},
        {"api_key": KEY},
    ],
)
def test_a_pasted_key_is_reported_and_never_shown(tmp_path: Path, changes: dict[str, Any]) -> None:
    if "endpoints/main/entra" in changes:
        changes = {**changes, "endpoints/main/entra": True}
    with pytest.raises(RolloutError) as caught:
        load(tmp_path, changes)
    assert KEY.upper()[1:] not in f"{caught.value} {caught.value.problems!r}".upper()


@pytest.mark.parametrize("value", ["", "  ", f"{KEY}\n", f" {KEY}", "schlüssel"])
def test_an_unusable_key_is_reported_and_never_shown(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, {}, env={"AZURE_OPENAI_API_KEY": value})
    assert problem.field == "endpoints.main.key_env"
    assert not value.strip() or value.strip() not in repr(problem)


def test_keys_that_change_nothing_are_a_warning_in_files_and_nothing_in_records(tmp_path: Path) -> None:
    file = write(tmp_path, document({"criteria": {"filter_rate": "same or lower", "alpha_pct": 1.0}}))
    rollout, found = check_rollout(file, ENV)
    [said] = [p for p in found if p.field == "criteria.filter_rate"]
    assert (said.severity, said.value) == ("warning", '"same or lower"')
    assert rollout is not None
    assert rollout.criteria.alpha_pct == 1.0
    again = recorded_rollout(file.read_text(), file)
    assert not [p for p in again.warnings if p.field.startswith("criteria")]
