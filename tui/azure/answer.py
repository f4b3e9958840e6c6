"""What was read of one answer, and whether it is one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.azure.errors import Refusal, classify, failed_reason, filtered_reason
from tui.azure.filters import FilterReport
from tui.model import OutcomeKind, Usage


@dataclass(slots=True)
class Answer:
    """What was read of one answer so far.

    ``first_token_s`` and ``first_answer_s`` are when the first token of any kind, and the first that is no
    reasoning, came (streams only). ``written_bytes`` is the length of what the model wrote, reasoning included,
    in UTF-8.
    """

    model: str | None = None
    fingerprint: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    filters: FilterReport = field(default_factory=FilterReport)
    error: object = None
    text: list[str] = field(default_factory=list)
    written_bytes: int = 0
    first_token_s: float | None = None
    first_answer_s: float | None = None
    has_choice: bool = False
    done: bool = False
    whole: bool = False
    stray: bytes = b""

    def known_usage(self) -> Usage | None:
        """The token counts; None where they cannot be true: no prompt, or text without a token."""
        usage = self.usage
        if usage is None or usage.prompt_tokens == 0 or (usage.completion_tokens == 0 and self.written_bytes):
            return None
        return usage

    def blocked(self) -> bool:
        """Whether the filter stopped the completion, reported before, at or after its end."""
        return (self.finish_reason is not None and filtered_reason(self.finish_reason)) or (
            self.filters.blocked_side("completion")
        )

    def refusal(self) -> Refusal | None:
        """Why what was read to its end is no answer; None where it is one, blocked or not.

        An answer has a choice, and a finish reason that is no error.
        """
        if self.error is not None:
            return classify(200, self.error, after_content=self.written_bytes > 0)
        if not self.has_choice and self.filters.blocked_side("prompt"):
            text = "prompt blocked by the content filter"
            return Refusal(OutcomeKind.PROMPT_FILTERED, text, self.filters.hits())
        if self.blocked():
            return None
        if not self.has_choice and (self.done or self.stray):
            stray = self.stray.decode("utf-8", "replace")
            return Refusal(OutcomeKind.SERVER_ERROR, f"the answer has no choice{': ' if stray else ''}{stray}")
        if self.finish_reason:
            failed = failed_reason(self.finish_reason)
            text = f"the answer failed: finish_reason {self.finish_reason}"
            return Refusal(OutcomeKind.SERVER_ERROR, text) if failed else None
        if self.whole or self.done:
            end = ", then [DONE]" if self.done else ""
            return Refusal(OutcomeKind.SERVER_ERROR, f"the answer was cut short: it has no finish_reason{end}")
        return Refusal(OutcomeKind.CONNECTION_LOST, "the stream ended before the answer did")
