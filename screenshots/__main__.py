"""``python -m screenshots [NAME ...]``: pictures of every state, or of those named, for the README."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from screenshots.camera import CannotDraw, photograph, png
from screenshots.states import STATES
from tests.support.places import ROOT

FOLDER = ROOT / "screenshots"


def main(names: list[str]) -> int:
    """Writes ``STATE-COLSxROWS.png``, and the SVG of the cockpit. Exit code 2 for what cannot be done."""
    unknown = set(names) - {state.name for state in STATES}
    if unknown:
        print(
            f"no state is named {', '.join(sorted(unknown))}: {', '.join(s.name for s in STATES)}",
            file=sys.stderr,
        )
        return 2
    FOLDER.mkdir(exist_ok=True)
    written = 0
    try:
        for state in STATES:
            for columns, rows in state.sizes if not names or state.name in names else ():
                svg = asyncio.run(photograph(state, (columns, rows)))
                stem = f"{state.name}-{columns}x{rows}"
                size = _write(FOLDER / f"{stem}.png", png(svg))
                if state.name == "cockpit":
                    size += _write(FOLDER / f"{stem}.svg", svg.encode())
                written += size
                print(f"{stem:<24} {size / 1000:6.0f} kB", flush=True)
    except CannotDraw as error:
        print(f"no screenshots: {error}", file=sys.stderr)
        return 2
    print(f"{FOLDER}: {written / 1e6:.1f} MB")
    return 0


def _write(path: Path, content: bytes) -> int:
    path.write_bytes(content)
    return len(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
