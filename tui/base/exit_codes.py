"""Exit codes of every command; docs/exit-codes.md has the table. 4 is kept for a run that does not leave
production as it was asked to."""

from __future__ import annotations

OK, WORSE, BAD_INPUT, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 3, 130
