"""How runs end: real processes in each situation, their exit codes and what they say last.

``python -m bench.exits [WORD]``: only the situations with this word.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomli_w

from tests.cli.test_cli import environment
from tests.support.engine_runs import NEW, OLD, beside, pretend, simulator
from tests.support.places import ROOT
from tests.support.rollout_files import KEY, document
from tests.support.simulator_service import quick

_MAIN = f"{sys.executable} -m tui"
_SIGINT_S = 3.0
_NO_ERRORS = {"guard": {"mode": "armed", "tripwire": True}}
_OFTEN = {"weights/default": {OLD: 50, NEW: 50}}
_SOON = {**_OFTEN, "traffic": {"rate": 300.0, "timeout_s": 5}, "plan": {
    "canary": NEW, "steps": [{"weight": 50}, {"weight": 100}], "must_be_ok": ["errors"],
}}  # fmt: skip

SITUATIONS: list[tuple[str, str, dict[str, Any], dict[str, dict[str, Any]], str]] = [
    # What, options and redirections, changes of the file, behaviour of the two services, what the shell does.
    ("healthy", "--for 3s", {}, {}, ""),
    ("errors of the canary WORSE, guard off", "--for 8s", _OFTEN, {NEW: {"error_pct": 40.0}}, ""),
    ("tripwire acted; nothing is WORSE", "--for 4s", _NO_ERRORS, {NEW: {"forbidden": True}}, ""),
    ("tripwire, but the baseline is dead too", "--for 6s", {**_NO_ERRORS, **_OFTEN},
     {NEW: {"forbidden": True}, OLD: {"forbidden": True}}, ""),
    ("prompts filtered WORSE, which is advisory", "--for 12s", _OFTEN, {NEW: {"prompt_blocked_pct": 50.0}}, ""),
    ("mistake in the file", "", {"rollout/baseline": "nobody"}, {}, ""),
    ("key that does nothing", "--for 1s", {"criteria": {"error_rate": "same or lower"}}, {}, ""),
    ("bad option", "--rate 0", {}, {}, ""),
    ("endpoint unreachable", "--for 3s", {"endpoints/main/url": "http://127.0.0.1:9"}, {}, ""),
    ("key refused", "--for 3s", {}, {}, "AZURE_OPENAI_API_KEY=another"),
    ("empty source", "", {"traffic/sources": [{"kind": "sampled", "path": "none.jsonl"}]}, {}, ""),
    ("canary got none", "--for 400ms --rate 10", {"weights/default": {OLD: 99.9, NEW: 0.1}}, {}, ""),
    ("canary answered none, guard off", "--for 3s", _OFTEN, {NEW: {"forbidden": True}}, ""),
    ("baseline retired, guard off", "--for 3s", {}, {OLD: {"retired": True}}, ""),
    ("nobody answered, guard off", "--for 3s", {}, {OLD: {"error_pct": 100.0}, NEW: {"error_pct": 100.0}}, ""),
    ("SIGINT", "", {}, {}, "SIGINT"),
    ("stdout closed", "--for 1s >&-", {}, {}, ""),
    ("stdout closed, file written", "--for 1s --json {}/result.json >&-", {}, {}, ""),
    ("reader left", "--for 1s | true", {}, {}, ""),
    ("stderr closed", "--for 1s 2>&-", {}, {}, ""),
    ("--json - on a full disk", "--for 1s --json - >/dev/full", {}, {}, ""),
    ("--json FILE on a full disk", "--for 1s --json {}/full/result.json", {}, {}, ""),
    ("the same, and WORSE", "--for 8s --json {}/full/result.json", _OFTEN, {NEW: {"error_pct": 40.0}}, ""),
    ("record cannot be kept", "--for 1s", {}, {}, "XDG_STATE_HOME=/proc"),
    ("--require-ok, not yet", "--for 1s --require-ok", {}, {}, ""),
    ("--require-ok, OK", "--for 25s --require-ok", _SOON, {}, ""),
    ("rehearsal", "--for 2s --scenario healthy", {}, {}, ""),
]  # fmt: skip


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """A small disk with nothing left on it."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    try:
        with (folder / "rest").open("wb", buffering=0) as rest:
            for size in (4096, 1):
                try:
                    while True:
                        rest.write(b"x" * size)
                except OSError:
                    continue
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def _ended(
    folder: Path, options: str, changes: dict[str, Any], services: dict[str, dict[str, Any]], more: str
) -> tuple[int, str, str]:
    behaviours = [replace(one, behaviour=quick(**services.get(one.name, {}))) for one in pretend(OLD, NEW)]
    with ExitStack() as stack:
        url = stack.enter_context(beside(simulator(behaviours, key=KEY)))
        content = document({
            "endpoints/main": {
                "url": url, "api": "azure", "api_version": "2024-10-21", "key_env": "AZURE_OPENAI_API_KEY",
            },
            "deployments": {
                name: {"endpoint": "main", "model": "gpt-4o", "version": "2024-11-20"} for name in (OLD, NEW)
            },
            "weights/default": {OLD: 90, NEW: 10},
            "traffic": {"rate": 100.0, "timeout_s": 5},
            **changes,
        })  # fmt: skip
        file = folder / "rollout.toml"
        file.write_text(tomli_w.dumps(content), encoding="utf-8")
        (folder / "none.jsonl").touch()
        if "/full/" in options:
            stack.enter_context(_full(folder / "full"))
        name, _, value = more.partition("=")
        env = environment(folder, AZURE_OPENAI_API_KEY=KEY) | ({name: value} if value else {})
        command = f"set -o pipefail; {_MAIN} run {file} {options.format(folder)}"
        process = subprocess.Popen(
            ["bash", "-c", command if "|" in options else f"exec {command.partition('; ')[2]}"],
            cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if more == "SIGINT":
            time.sleep(_SIGINT_S)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        return process.returncode, out, err


def main() -> None:
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    for what, options, changes, services, more in SITUATIONS:
        if word not in what:
            continue
        with TemporaryDirectory() as folder:
            code, out, err = _ended(Path(folder), options, changes, services, more)
            errors = [line for line in err.splitlines() if not line.startswith("  ")]
            print(f"{code:>3}  {what}: run {options}".rstrip().replace(folder, "DIR"))
            said = [line for line in out.splitlines() if "advisory" in line or line.startswith("RECORD")][-1:]
            for line in [*said, *out.splitlines()[-2:], *(f"stderr: {line}" for line in filter(None, errors))]:
                print(f"       {line[:230]}".replace(folder, "DIR"))


if __name__ == "__main__":
    main()
