"""How a command ends: its exit code, and what it says where nobody may be left to hear it."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from tui.base.exit_codes import BAD_INPUT, COULD_NOT_RUN, INTERRUPTED, OK
from tui.base.text import plain
from tui.base.written_files import write_private_whole

_TYPED = 400
_UsageError: Any = typer.BadParameter.__base__
"""What the parser raises for an option or a command that it does not understand."""


class Commands(TyperGroup):
    """The commands, which say what is wrong with their options as they say everything else."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Parse and run. Always ends with SystemExit, unless ``standalone_mode`` is off."""
        parsed = partial(super().main, args, prog_name, complete_var, False, windows_expand_args, **extra)
        if not standalone_mode:
            return parsed()
        try:
            code = parsed()
        except _UsageError as error:
            if args or sys.argv[1:]:
                tell(f"ERROR {_usage(error)}")
            else:
                # Nothing was asked for: what it says is the help.
                error.show()
            sys.exit(BAD_INPUT)
        except typer.Abort:
            sys.exit(INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the interpreter would exit with 1, which means WORSE
            tell(f"ERROR {_fault(error)}")
            sys.exit(COULD_NOT_RUN)
        code = code if isinstance(code, int) else OK
        sys.exit(COULD_NOT_RUN if code == OK and isinstance(sys.stdout, _Lost) else code)


def fail(text: str, code: int) -> NoReturn:
    """End with a sentence on standard error: what failed, where, and what to do."""
    # Several things may have failed; the problems of a file say themselves what they are, over several lines.
    whole = text.startswith(("ERROR ", "WARNING "))
    tell(text if whole else "\n".join(_marked(line) for line in text.splitlines()))
    raise typer.Exit(code)


def _marked(line: str) -> str:
    return line if not line or line.startswith(("ERROR ", "WARNING ", " ")) else f"ERROR {line}"


def cannot_use(error: OSError) -> str:
    """What went wrong with a file or folder, and what to look at."""
    where = plain(os.fsdecode(error.filename), _TYPED) if isinstance(error.filename, str | bytes) else "a file"
    return f"{where} cannot be used: {error.strerror or error}; check that it exists and what you may do there"


class _Lost(io.StringIO):
    """Stands for a standard output that takes nothing any more."""

    def write(self, text: str) -> int:
        return len(text)


def say(text: object = "", *, end: str = "\n") -> None:
    """Something on standard output. Where that takes nothing, it is said once, and the command does not end
    with 0."""
    if why := deliver(str(text), sys.stdout, end=end):
        tell(f"ERROR {no_output(why)}")
        sys.stdout = _Lost()


def no_output(why: str) -> str:
    return f"standard output cannot be written: {why}; send it to a file or a program that reads it"


def tell(text: str) -> None:
    """A line on standard error; nobody may be left to read it."""
    deliver(text, sys.stderr)


def deliver(text: str, out: TextIO | None, *, end: str = "\n") -> str:
    """Write a text whole. Returns why that was not possible, empty where it was.

    A stream that was closed before the program started is None; one whose reader has left fails, and would fail
    once more when the interpreter ends.
    """
    if out is None:
        return "it is closed"
    try:
        out.write(text + end)
        out.flush()
    except (OSError, ValueError) as error:
        _silence(out)
        return (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ""


def write_whole(path: Path, text: str) -> str:
    """The whole file or none, for its owner alone. Returns why that was not possible and what to do, empty
    where it was."""
    try:
        write_private_whole(path, text)
    except OSError as error:
        return f"{plain(str(path), _TYPED)} cannot be written: {error.strerror or error}; name a file elsewhere"
    return ""


def stand_in_for_closed() -> None:
    """Open what the shell closed of descriptors 0 to 2 on nothing: the next file or socket would get its
    number, and be written into by whoever thinks it is the terminal."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _usage(error: Any) -> str:
    command = error.ctx.command_path
    return f"{command}: {plain(error.format_message().rstrip('. '), _TYPED)}; see {command} --help"


def _fault(error: Exception) -> str:
    """Where it happened and not what it said: that may hold anything."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tui/" in frame.filename]
    where = f" at tui/{frames[-1].filename.rpartition('/tui/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"canarytop itself failed: {type(error).__name__}{where}; report this line, with the command"


def _silence(out: TextIO) -> None:
    """Let what is left in the buffer of a broken stream go nowhere."""
    try:
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, out.fileno())
        os.close(handle)
    except (OSError, ValueError):
        # It has no descriptor, so nothing is written to one at the end.
        return
