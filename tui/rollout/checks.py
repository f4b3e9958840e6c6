"""What must agree between the tables of a rollout file, its environment and the disk."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from tui.base.problems import did_you_mean, listed, nearest, quoted
from tui.base.text import plain
from tui.base.weight_rules import weight_mistakes
from tui.model import DEFAULT_TASK
from tui.rollout.automation import check_guard, check_lower, check_plan, check_quality, climbing_by
from tui.rollout.endpoints import check_control_plane, check_endpoint, check_variable, is_plain, url_mistake
from tui.rollout.mistakes import Findings, Place
from tui.rollout.rollout import SIMULATOR, DeploymentTable, EndpointTable, RolloutFile
from tui.rollout.values import OCCASIONS, NotifySpec, SourceSpec, Traffic

_VERSION_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_ONLY_SAMPLED = ("path", "format", "sample_pct", "follow", "redact")
_ONLY_SYNTHETIC = ("prompts", "tokens")


def check(
    file: RolloutFile,
    names: Collection[str],
    folder: Path,
    env: Mapping[str, str],
    found: Findings,
    *,
    on_disk: bool = True,
) -> None:
    """Adds to ``found`` every mistake that needs more than one value to be seen.

    ``names`` are the deployments that the file defines, also those with mistakes of their own. Relative paths
    start at ``folder``; with ``on_disk`` off, the files of known answers need not be there. No value of ``env``
    is ever put into a problem.
    """
    _check_rollout(file, names, found)
    for name, endpoint in file.endpoints.items():
        check_endpoint(("endpoints", name), endpoint, env, found)
    for name, deployment in file.deployments.items():
        _check_deployment(name, deployment, file.endpoints, found)
    _check_weights(file, names, found)
    _check_traffic(file.traffic, folder, found)
    check_control_plane(file.control_plane, file.endpoints, env, found)
    check_guard(file.guard, found)
    check_lower(("criteria",), file.criteria, found)
    check_quality(file.quality, file.endpoints, found)
    if file.plan is not None:
        tasks = climbing_by(file, dict.fromkeys((*(file.weights or (DEFAULT_TASK,)), *file.tasks)))
        check_plan(("plan",), file, file.plan, tasks, names, found)
    for task, table in file.tasks.items():
        if table.plan is not None:
            check_plan(("tasks", task, "plan"), file, table.plan, [task], names, found)
        check_lower(("tasks", task, "criteria"), table.criteria, found)
        if table.known_answers is not None and on_disk:
            _check_file(("tasks", task, "known_answers"), folder, found)
    pretend = any(endpoint.url == SIMULATOR for endpoint in file.endpoints.values())
    for i, notifier in enumerate(file.notify):
        _check_notifier(("notify", i), notifier, None if pretend else env, found)
    for i, source in enumerate(file.traffic.sources):
        _check_source(("traffic", "sources", i), source, file, folder, found)


def _check_rollout(file: RolloutFile, names: Collection[str], found: Findings) -> None:
    found.require(("rollout", "name"), file.rollout.name, 'give the rollout a name: name = "summarise"')
    if not names and not found.wrong("deployments"):
        found.error(
            ("deployments",), "", "no deployment; add [deployments.NAME] with endpoint, model and version"
        )
    baseline = file.rollout.baseline
    found.require(("rollout", "baseline"), baseline, "name the deployment that users are on now")
    if baseline is not None and names and baseline not in names:
        found.error(
            ("rollout", "baseline"), quoted(baseline), f"no such deployment; {did_you_mean(baseline, names)}"
        )


def _check_notifier(place: Place, table: NotifySpec, env: Mapping[str, str] | None, found: Findings) -> None:
    """``env`` None: on a simulator nobody is called, so no address and no key is asked for."""
    found.require(
        (*place, "kind"), table.kind, 'say which service: kind = "slack", "teams", "pagerduty" or "json"'
    )
    needed = "key_env" if table.kind == "pagerduty" else "url_env"
    if table.kind is not None:
        what = "the key of the integration" if needed == "key_env" else "the address of the webhook"
        found.require((*place, needed), getattr(table, needed), f"name the variable that holds {what}")
    if table.on == ():
        found.error((*place, "on"), "[]", f"name one at least: {listed(OCCASIONS)}")
    for i, occasion in enumerate(table.on):
        if occasion not in OCCASIONS:
            near = did_you_mean(str(occasion), OCCASIONS)
            found.error((*place, "on", i), quoted(occasion), f"no such occasion; {near}")
    if table.key_env is not None and table.kind not in (None, "pagerduty"):
        found.warning((*place, "key_env"), quoted(table.key_env), 'used only with kind = "pagerduty"')
    if env is None:
        return
    for key in ("key_env", "url_env"):
        name, at = getattr(table, key), (*place, key)
        if name is None:
            continue
        check_variable(at, name, env, found)
        if key == "url_env" and not found.wrong(*at) and (why := url_mistake(env.get(name, "").strip())):
            found.error(at, quoted(name), f"{why} that this variable holds (which is not shown)")


# --- deployments ------------------------------------------------------------------


def _check_deployment(
    name: str, deployment: DeploymentTable, endpoints: Mapping[str, EndpointTable], found: Findings
) -> None:
    place = ("deployments", name)
    if not found.stands(*place) and found.wrong(*place):
        return  # a name with a dot and without quotes, which was reported
    found.require((*place, "endpoint"), deployment.endpoint, "name one of [endpoints.*]")
    found.require((*place, "model"), deployment.model, 'name the model: model = "gpt-4o"')
    found.require((*place, "version"), deployment.version, 'pin the version: version = "2024-11-20"')
    endpoint = deployment.endpoint
    if endpoint is not None and endpoint not in endpoints and not found.wrong("endpoints", endpoint):
        found.error(
            (*place, "endpoint"), quoted(endpoint), f"no such endpoint; {did_you_mean(endpoint, endpoints)}"
        )
    if deployment.price is not None:
        for key, usd in (("input", deployment.price.input_usd), ("output", deployment.price.output_usd)):
            found.require((*place, "price", key), usd, "USD per 1 million tokens")
        if deployment.provisioned:
            found.error(
                (*place, "price"), "a table", "provisioned capacity has no price per token; keep one of them"
            )
    at = endpoints.get(endpoint or "")
    if deployment.id in (".", "..") and at is not None and at.api == "azure":
        found.error((*place, "id"), quoted(deployment.id), "no path can hold this name; use the service's own")
    # Only in an account of their own do people choose what a deployment is called.
    named_elsewhere = at is not None and is_plain(at)
    carried = any(_carries(own or "", deployment.version or "") for own in (name, deployment.id))
    if deployment.version is not None and not carried and not named_elsewhere:
        remedy = (
            f"the name does not carry the version; with {_tag(deployment.version)} in it a wrong target is seen"
        )
        found.warning(place, quoted(deployment.version), remedy)


def _carries(name: str, version: str) -> bool:
    if version.lower() in name.lower():
        return True
    date = _VERSION_DATE.search(version)
    if date is None:
        return False
    year, month, day = date.groups()
    return re.search(rf"(?<!\d)(?:{year}[._-]?)?{month}[._-]?{day}(?!\d)", name) is not None


def _tag(version: str) -> str:
    date = _VERSION_DATE.search(version)
    return f"{date[2]}{date[3]}" if date else version


# --- weights ------------------------------------------------------------------------------------


def _check_weights(file: RolloutFile, names: Collection[str], found: Findings) -> None:
    for task, weights in file.weights.items():
        for mistake in weight_mistakes(weights, names or None):
            place: Place = (
                ("weights", task) if mistake.deployment is None else ("weights", task, mistake.deployment)
            )
            found.error(place, mistake.value, mistake.remedy)
    if file.weights and DEFAULT_TASK not in file.weights and not found.wrong("weights", DEFAULT_TASK):
        remedy = "missing; add [weights.default] for the requests of every other task"
        found.error(("weights", DEFAULT_TASK), "", remedy)


# --- traffic ------------------------------------------------------------------------------------


def _check_traffic(traffic: Traffic, folder: Path, found: Findings) -> None:
    place = ("traffic",)
    sources = traffic.sources
    of_trace = traffic.arrivals == "trace"
    tokens_of_trace = any(source.tokens == "trace" for source in sources)
    if traffic.trace is not None:
        _check_file((*place, "trace"), folder, found)
    elif of_trace or tokens_of_trace:
        why = 'arrivals = "trace"' if of_trace else 'tokens = "trace"'
        found.require((*place, "trace"), None, f'{why} needs a file: trace = "arrivals.csv"')
    of_arrivals = ("trace_unit", "speed", "loop")
    unused = () if of_trace else of_arrivals if tokens_of_trace else ("trace", *of_arrivals)
    for key in unused:
        if (given := found.stands(*place, key)) is not None:
            found.warning((*place, key), quoted(given), 'used only with arrivals = "trace"')
    if not found.wrong("traffic", "sources"):
        total = sum(source.share for source in sources)
        if total <= 0:
            found.error((*place, "sources"), "", "no source has a share above 0; give at least one of them one")
        elif total == float("inf"):
            found.error((*place, "sources"), "", "the shares are too large; use numbers such as 40 and 60")


def _check_source(place: Place, source: SourceSpec, file: RolloutFile, folder: Path, found: Findings) -> None:
    if not found.stands(*place) and found.wrong(*place):
        return  # not a table at all, which was reported
    found.require((*place, "kind"), source.kind, 'kind = "synthetic" or kind = "sampled"')
    if found.stands(*place, "kind") is None:
        return
    other = _ONLY_SAMPLED if source.kind == "synthetic" else _ONLY_SYNTHETIC
    for key in other:
        if (given := found.stands(*place, key)) is not None:
            belongs = "sampled" if source.kind == "synthetic" else "synthetic"
            found.error(
                (*place, key), quoted(given), f'belongs to kind = "{belongs}"; this one is {source.kind}'
            )
    if source.kind == "sampled":
        found.require((*place, "path"), source.path, "name the file of recorded requests")
        if source.path is not None:
            _check_file((*place, "path"), folder, found)
        if source.follow and found.stands(*place, "loop"):
            found.error((*place, "loop"), "true", "a file that is followed has no end; keep follow or loop")
    elif source.prompts is not None:
        _check_file((*place, "prompts"), folder, found)
    task = source.task
    if task is not None and task not in file.weights and (guess := nearest(task, file.weights)) is not None:
        remedy = f"has no weights of its own, those of {DEFAULT_TASK} hold; did you mean {guess}?"
        found.warning((*place, "task"), quoted(task), remedy)


def _check_file(place: Place, folder: Path, found: Findings) -> None:
    """The file must exist, be a regular file and let itself be opened."""
    name = found.stands(*place)
    try:
        mode = (folder / name).stat().st_mode
        if stat.S_ISREG(mode):
            with (folder / name).open("rb"):
                return
        problem = "is a folder" if stat.S_ISDIR(mode) else "is not a regular file"
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    except ValueError:
        problem = "is not a path: it holds a NUL character"
    found.error(place, quoted(name), f"{problem}; relative paths start at {plain(str(folder), 200)}")
