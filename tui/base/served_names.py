"""What a served name says: the ``model`` of an answer against what was asked, or against another answer.

Gateways and services write one version in many ways. As seen: ``azure/gpt-4o-2024-11-20`` (LiteLLM),
``gpt-3.5-turbo-0125`` for Azure's gpt-35-turbo, ``gpt-4o@eastus`` (a region), ``claude-3-5-sonnet@20241022``
(Vertex: the version), ``openai/gpt-4o:free`` (OpenRouter), ``us.anthropic.claude-3-5-sonnet-20241022-v2:0``
(Bedrock), ``gpt-5-chat-latest`` (an alias), ``ft:gpt-4o-mini-2024-07-18:acme::AbC`` and
``gpt-4o-mini-2024-07-18.ft-0e20`` (fine-tuned models of OpenAI and Azure).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_Words = tuple[str, ...]

_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_WHOLE_DATE = re.compile(r"(?:19|20)\d{6}")
_HOSTED = re.compile(r"(?:(?:us|us-gov|eu|apac|jp|au|ca|sa|global)\.)?(?:[a-z]+|ai21)\.(?!gguf)(?=[a-z])")
_VARIANT = re.compile(r":(?:free|nitro|floor|online|thinking|extended|exacto|beta|latest)$")
_REVISION = re.compile(r"-v\d+:\d+(?::\w+)?$|(?<=\d{8})-v\d+$")
_ALIAS = re.compile(r"(?:-chat)?-latest$")
_WORD = re.compile(r"\d+(?:\.\d+)*[a-z]*|[a-z]+|[^\W\d_a-z]+")
_PACKED = re.compile(r"gguf|awq|gptq|mlx|hf|it|instruct|chat|bf|fp|f|int|q|[kmsl]|\d{1,2}(?:bit)?")
"""How a model is packed: quantised, tuned to instructions. It is no version."""

NO_VERSION = "names no version"
ECHO = "is the name that was asked, and says no more"
ROUTER = "comes from a router, which answers with any model"
TUNED = "is a fine-tuned model of the version that was asked"
BASE = "is the base of the fine-tuned model that was asked"


@dataclass(frozen=True, slots=True)
class Said:
    """``agrees`` is None where the name does not tell; ``why`` then goes on from ``what is served ("x")``."""

    agrees: bool | None
    why: str = ""


def compared(served: str, model: str, version: str, wire_id: str = "") -> Said:
    """Whether a served name is the version that was asked, by ``model`` and ``version`` of a deployment.

    A bare family is no answer: older models of Azure return ``gpt-4`` for every version of it. Neither is the
    id of the deployment itself.
    """
    if any(is_router(name) for name in (served, model, wire_id)):
        return Said(None, ROUTER)
    name, asked = _words(served), _words(version)
    whole = _words(model)
    if whole[-len(asked) :] != asked:
        whole += asked
    family = whole[: len(whole) - len(asked)]
    if asked and _same(name, whole):
        return _tuned(served, model, wire_id)
    rest = name[len(family) :] if _same(name[: len(family)], family) else ()
    other_date = any(_WHOLE_DATE.fullmatch(word) for word in rest) and family != ()
    if not other_date and wire_id and _bare(served) == _bare(wire_id):
        return Said(None, ECHO)
    if _same(name, family) or _same(name, family[: len(name)]):
        # A shorter family too: "gpt-4o" from a gpt-4o-mini is as empty as "gpt-4" from a gpt-4.
        return Said(None, NO_VERSION)
    if rest and all(_PACKED.fullmatch(word) for word in rest):
        return Said(None, NO_VERSION)
    return Said(False)


def same_version(one: str, other: str) -> bool:
    """Whether two served names are of one version, as far as they tell: one may name the version that the other
    leaves out. Fine-tuned models are of one version only where they are the same."""
    if _bare(one) == _bare(other):
        return True
    if _is_tuned(one) or _is_tuned(other):
        return _is_tuned(one) and _is_tuned(other) and _bare(one) == _bare(other)
    short, long = sorted((_words(one), _words(other)), key=len)
    if _same(short, long):
        return True
    rest = long[len(short) :]
    return bool(short) and _same(long[: len(short)], short) and len(rest) == 1 and _is_version(rest[0])


def names_version(name: str) -> bool:
    """Whether a served name ends in a date or another number that looks like a version."""
    words = _words(name)
    return bool(words) and _is_version(words[-1])


def is_router(name: str) -> bool:
    """Whether a name is that of a router: ``openrouter/auto``, ``model-router``."""
    words = _words(name)
    return words == ("auto",) or "router" in words


def _tuned(served: str, model: str, wire_id: str) -> Said:
    """Of two names of one base and version."""
    asked = next((name for name in (model, wire_id) if _is_tuned(name)), None)
    if asked is None:
        return Said(None, TUNED) if _is_tuned(served) else Said(True)
    if not _is_tuned(served):
        return Said(None, BASE)
    return Said(_bare(served) == _bare(asked))


def _words(name: str) -> _Words:
    """The words of a name without what says nothing of model and version: who serves it, where, and how."""
    name = _bare(name)
    if name.startswith("ft:"):
        name = name.split(":")[1]
    name = name.partition(".ft-")[0]
    base, at, place = name.partition("@")
    if at:
        name = f"{base}-{place}" if re.search(r"\d{6}", place) else base
    name = _HOSTED.sub("", name, count=1) if _HOSTED.match(name) else name
    for left_out in (_VARIANT, _REVISION, _ALIAS):
        name = left_out.sub("", name)
    name = name.replace("chatgpt-", "gpt-").replace("gpt-35", "gpt-3.5")
    return tuple(_WORD.findall(_DATE.sub(r"\1\2\3", name)))


def _is_tuned(name: str) -> bool:
    name = _bare(name)
    return name.startswith("ft:") or ".ft-" in name


def _bare(name: str) -> str:
    """Without case, and without the path of a router before it."""
    return name.strip().casefold().rpartition("/")[2]


def _is_version(word: str) -> bool:
    return re.fullmatch(r"\d{4}|\d{8}", word) is not None


def _same(one: _Words, other: _Words) -> bool:
    """``3.5`` and ``3-5`` are the same."""
    return one == other or _apart(one) == _apart(other)


def _apart(words: _Words) -> list[str]:
    return [part for word in words for part in word.split(".")]
