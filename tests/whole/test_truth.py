"""What the engine says it saw against what the server says it did: counts exactly, times within 1 % + 3 ms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_runs import WAIT_S, finished, rollout, running, total, until
from tests.support.places import SHARED
from tests.support.simulator_process import Simulators, simulators, truth
from tui.model import Deployment, Endpoint, Figures, OutcomeKind, Snapshot, TrafficState
from tui.rollout import Rollout, SourceSpec
from tui.simulator.behaviour import Behaviour, PretendDeployment
from tui.simulator.scenarios import SCENARIOS

DATA = SHARED / "data"
PROMPT = '{"messages": [{"role": "user", "content": "%s"}]}\n'

LIVELY = Behaviour(
    ttft_ms=25.0,
    ms_per_token=0.8,
    answer_tokens=40.0,
    error_pct=2.0,
    prompt_blocked_pct=2.0,
    completion_blocked_pct=2.0,
    annotated_pct=4.0,
    below_threshold_pct=4.0,
    cache_from_tokens=128,
)
"""A whole production day of ends in a second: everything happens, and fast."""

TRIES = 8
"""A busy machine delays the reading of answers. What is measured wrongly is wrong in every run, so each time
has to be right in one of them; counts have to be exact in all."""


@pytest.fixture(scope="module")
def service() -> Iterator[Simulators]:
    with simulators() as process:
        yield process


def compared(figures: Figures) -> dict[str, Any]:
    """Our counts in the words of the truth: of a request that was sent anew the service knows both tries."""
    kinds = Counter({kind.value: figures.kinds.get(kind, 0) for kind in OutcomeKind})
    kinds[OutcomeKind.CONNECTION_LOST.value] += figures.reconnected
    return {
        "requests": figures.requests + figures.reconnected,
        "outcomes": {kind: n for kind, n in kinds.items() if n},
        "tokens": {
            "prompt": figures.prompt_tokens,
            "cached": figures.cached_tokens,
            "completion": figures.completion_tokens,
        },
        "filters": {
            "prompt_blocked": figures.prompt_blocked,
            "completion_blocked": figures.completion_blocked,
            "annotated": figures.annotated,
        },
    }


def misses(figures: Figures, counted: Mapping[str, Any], late_ms: float) -> dict[str, str]:
    """Quantiles that are off by more than 1 % + 3 ms and what our own sender was late.

    Whoever waited for a request that was sent anew waited for both tries, of which the service knows only the
    answered one: such a deployment has nothing to be compared with.
    """
    found: dict[str, str] = {}
    if figures.reconnected:
        return found
    for what, ours in (("latency_ms", figures.latency_ms), ("ttft_ms", figures.ttft_ms)):
        for name, true_ms in counted[what].items():
            if true_ms is None:
                assert ours is None, what
                continue
            measured_ms = getattr(ours, name)
            if abs(measured_ms - true_ms) > 0.01 * true_ms + 3.0 + late_ms:
                found[f"{what} {name}"] = f"measured {measured_ms:.1f}, true {true_ms:.1f}"
    return found


def agree(serve: Callable[[], str], run: Callable[[str], Snapshot]) -> Snapshot:
    """A run whose counts are those of the server, when each time has been right once."""
    off: dict[tuple[str, str], str] | None = None
    for _ in range(TRIES):
        url = serve()
        snapshot = run(url)
        counted = truth(url)
        names = list(snapshot.deployments)
        assert {name: compared(total(snapshot, name)) for name in names} == {
            name: {key: counted[name][key] for key in ("requests", "outcomes", "tokens", "filters")}
            for name in names
        }
        late_ms = snapshot.sender.late_p99_ms or 0.0
        now = {
            (name, quantile): said
            for name in names
            for quantile, said in misses(total(snapshot, name), counted[name], late_ms).items()
        }
        off = {key: said for key, said in now.items() if off is None or key in off}
        if not off:
            return snapshot
    pytest.fail(f"{TRIES} times too far off: {off}")


def sent_to_the_end(of: Rollout) -> Snapshot:
    with running(of, tick_s=0.25) as engine:
        until(engine, lambda s: s.state is TrafficState.ENDED)
        return finished(engine)


def two_shapes(of: Rollout, names: tuple[str, ...]) -> Rollout:
    """Every second deployment is spoken to through the v1 address."""
    url = of.endpoints["main"].url
    v1 = Endpoint("v1", url, "v1", key_env="KEY")
    deployments = {
        name: Deployment(name, "v1" if index % 2 else "main", "gpt-4o", "2024-11-20")
        for index, name in enumerate(names)
    }
    return replace(of, endpoints={**of.endpoints, "v1": v1}, deployments=deployments)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
# Those of a faulty judge differ in nothing else from the one before them.
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if not name.startswith("judge-")])
def test_every_scenario(scenario: str, stream: bool, service: Simulators, tmp_path: Path) -> None:
    names = ("old-azure", "old-v1", "new-azure", "new-v1")
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(PROMPT % ("word " * (n % 200 + 1)) for n in range(64)))
    deployments = [
        PretendDeployment(name, "gpt-4o", "2024-08-06", "canary", LIVELY)
        if "new" in name
        else PretendDeployment(name, "gpt-4o", "2024-11-20", "baseline", LIVELY)
        for name in names
    ]

    def run(url: str) -> Snapshot:
        of = rollout(
            tmp_path,
            url,
            weights=dict.fromkeys(names, 25.0),
            rate=160.0,
            stream=stream,
            timeout_s=2.0 if scenario == "outage" else WAIT_S,  # ends what an outage never answers
            sources=(SourceSpec("sampled", path=requests, loop=False),),
        )
        return sent_to_the_end(two_shapes(of, names))

    snapshot = agree(lambda: service.serve(deployments, scenario=scenario, from_s=90.0, seed=5), run)
    assert snapshot.sender.skipped == 0
    kinds = set().union(*(total(snapshot, name).kinds for name in names))
    expected = {
        "flaky-canary": {OutcomeKind.SERVER_ERROR},
        "outage": {OutcomeKind.SERVER_ERROR, OutcomeKind.CONNECTION_LOST},
        "retirement": {OutcomeKind.OK, OutcomeKind.GONE},
    }
    assert expected.get(scenario, {OutcomeKind.OK}) <= kinds
    answering = "new" if scenario == "retirement" else "old"
    assert all((total(snapshot, name).ttft_ms is not None) is stream for name in names if answering in name)


def test_a_quota_is_counted_and_honoured(service: Simulators, tmp_path: Path) -> None:
    names = ("old", "new")
    deployments = [
        PretendDeployment("old", "gpt-4o", "2024-11-20", "baseline", LIVELY),
        PretendDeployment("new", "gpt-4o", "2024-11-20", "canary", replace(LIVELY, requests_per_min=20)),
    ]
    requests = tmp_path / "requests.jsonl"
    requests.write_text(PROMPT % "hello" * 160)

    def run(url: str) -> Snapshot:
        sources = (SourceSpec("sampled", path=requests, loop=False),)
        return sent_to_the_end(
            rollout(tmp_path, url, weights=dict.fromkeys(names, 50.0), rate=160.0, sources=sources)
        )

    snapshot = agree(lambda: service.serve(deployments, seed=5), run)
    new = snapshot.deployments["new"]
    refused = total(snapshot, "new").kinds[OutcomeKind.RATE_LIMITED]
    assert refused >= 1
    assert new.held_back > 10 * refused, "most were held back instead of being refused"
    assert new.throttled_s > 0
    assert total(snapshot, "new").assigned == total(snapshot, "new").requests


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")
@pytest.mark.parametrize("folder", ["formats", "tasks"])
def test_real_requests(folder: str, service: Simulators, tmp_path: Path) -> None:
    files = sorted((DATA / folder).glob("*.json*"))
    names = ("old", "new")
    deployments = [PretendDeployment(name, "gpt-4o", "2024-11-20", "canary", LIVELY) for name in names]

    def run(url: str) -> Snapshot:
        sources = tuple(SourceSpec("sampled", path=path, loop=False) for path in files)
        of = rollout(
            tmp_path,
            url,
            weights=dict.fromkeys(names, 50.0),
            rate=240.0,
            stream=folder == "formats",
            sources=sources,
        )
        return sent_to_the_end(two_shapes(of, names))

    snapshot = agree(lambda: service.serve(deployments, seed=2), run)
    assert sum(source.given for source in snapshot.sources) == snapshot.sender.sent
    for path, source in zip(files, snapshot.sources, strict=True):
        lines = len(path.read_text().splitlines()) if path.suffix == ".jsonl" else 1
        if path.stem == "tensorzero_datapoints":
            # Its prompts are templates that only its own gateway could fill in.
            assert (source.given, source.bad_lines) == (0, lines)
        else:
            assert source.error is None, path.name
            assert (source.given, source.bad_lines) == (lines, 0), path.name


TRACE = DATA / "traces" / "azure2023_conv_min00-20.csv"


@pytest.mark.skipif(not TRACE.exists(), reason=f"{TRACE} is not here")
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_real_arrivals(stream: bool, service: Simulators, tmp_path: Path) -> None:
    rows = TRACE.read_text().splitlines()[1:151]
    part = tmp_path / "part.csv"
    part.write_bytes("\r\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]).encode())
    # Answers that would go on for ever end where the trace says.
    endless = replace(
        LIVELY,
        answer_tokens=10_000.0,
        answer_sigma=0.0,
        ms_per_token=0.2,
        error_pct=0.0,
        prompt_blocked_pct=0.0,
        completion_blocked_pct=0.0,
    )
    names = ("old", "new")
    deployments = [PretendDeployment(name, "gpt-4o", "2024-11-20", "canary", endless) for name in names]

    def run(url: str) -> Snapshot:
        return sent_to_the_end(
            rollout(
                tmp_path,
                url,
                weights={"old": 70.0, "new": 30.0},
                arrivals="trace",
                trace=part,
                speed=30.0,
                stream=stream,
                sources=(SourceSpec("synthetic", tokens="trace"),),
            )
        )

    snapshot = agree(lambda: service.serve(deployments, seed=2), run)
    columns = [row.split(",") for row in rows]
    both = [total(snapshot, name) for name in names]
    assert sum(f.requests for f in both) == len(rows) - snapshot.sender.skipped == len(rows)
    assert sum(f.prompt_tokens for f in both) == sum(int(context) for _, context, _ in columns)
    assert sum(f.completion_tokens for f in both) == sum(int(generated) for _, _, generated in columns)
