"""``python -m bench [--long] [NAME ...]``: measure, print one table, judge nothing by the exit code."""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rows import LONG, SHORT, Row
from bench.service import Services

_WIDTHS = (62, 26, 48)


def main() -> None:
    """Rows appear as they are measured."""
    names = [group.__name__.removesuffix("_rows") for group in (*SHORT, *LONG)]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these rows: {', '.join(names)}")
    parser.add_argument("--long", action="store_true", help="also measure memory over 200,000 requests")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names):
        parser.error(f"unknown rows {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    began_s = time.monotonic()
    with TemporaryDirectory() as folder:
        services = Services(Path(folder))
        print(
            f"service: {services.name}; {os.cpu_count()} cores, Python {platform.python_version()}; {_load()}\n"
        )
        _line("", "what", "target", "measured")
        for name, group in zip(names, (*SHORT, *LONG), strict=True):
            wanted = name in asked.names if asked.names else group in SHORT or asked.long
            try:
                for row in group(services) if wanted else ():
                    _row(row)
            except (RuntimeError, OSError) as error:
                _line("FAILED", name, "", str(error))
    print(f"\n{time.monotonic() - began_s:.0f} s; {_load()} (other programs' load makes every figure worse)")


def _row(row: Row) -> None:
    _line({True: "met", False: "MISSED", None: ""}[row.met], row.what, row.target, row.measured)


def _line(met: str, *cells: str) -> None:
    print(
        " ".join(
            [f"{met:<7}", *(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))]
        ).rstrip(),
        flush=True,
    )


def _load() -> str:
    return "load average " + " ".join(f"{value:.2f}" for value in os.getloadavg())


if __name__ == "__main__":
    main()
