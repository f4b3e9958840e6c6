"""Credentials of services: tokens from the environment or Entra ID; keys, tokens and passwords stay inside the
process: every text of a service is cleaned of them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from tui.base.text import plain
from tui.model import Endpoint

TokenProvider = Callable[[], Awaitable[str]]
"""Gives a bearer token that is valid now. Raises ``CredentialError`` when none can be had."""

MANAGEMENT_SCOPE = "https://management.azure.com/.default"
"""What a token for the control plane is asked for; one for the data plane is no good there."""


class CredentialError(Exception):
    """No token could be had; the text says why and what to do."""


class EntraToken:
    """Tokens from Entra ID by whatever signs in here: environment, managed identity, ``az login``.

    ``who`` says in the error what wants it; ``told`` is told of each token, to clean texts of it. Raises
    ``CredentialError`` when azure-identity is not installed.
    """

    def __init__(self, scope: str, *, who: str, told: Callable[[str], None] | None = None) -> None:
        try:
            from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider
        except ImportError as error:
            raise CredentialError(
                f"{who} wants Entra ID: install it with pip install 'canarytop[azure]'"
            ) from error
        self._credential: Any = DefaultAzureCredential()
        self._told = told
        self._provider: Any = get_bearer_token_provider(self._credential, scope)

    async def __call__(self) -> str:
        """A token, from the cache while it is valid. Raises ``CredentialError``."""
        try:
            token = str(await self._provider())
        except Exception as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CredentialError(f"no token from Entra ID: {first}; try `az login`") from error
        if self._told is not None:
            self._told(token)
        return token

    async def close(self) -> None:
        await self._credential.close()


def token_from_env(name: str, env: Mapping[str, str]) -> TokenProvider:
    """Tokens from the variable ``name``, which is read anew each time."""

    async def token() -> str:
        value = env.get(name, "").strip()
        if not value:
            raise CredentialError(
                f"no token in {name}: set it, for example to the output of `az account get-access-token "
                "--resource https://management.azure.com --query accessToken -o tsv`"
            )
        return value

    return token


def secrets_of(endpoint: Endpoint, env: Mapping[str, str]) -> tuple[str, ...]:
    """The values of an endpoint's variables that are set: no text may repeat them. Of ``Bearer KEY`` it is the
    key: a service repeats it without the word before it."""
    names = (endpoint.key_env, *endpoint.headers_env.values())
    values = (env[name].split() for name in names if name is not None and env.get(name))
    return tuple(words[1] if len(words) == 2 else " ".join(words) for words in values if words)


_HEAD = 8
"""From this length on the beginning of a secret is taken for it: services shorten what they quote."""

_USERINFO = re.compile(r"://[^\s/?#\"'<>]+@")
_SHORTEST = 4
_MOST = 64
_SHORT = 32
"""Longest text that is remembered as cleaned: longer ones are ids of requests and errors, each of its own."""

_KNOWN = 256


class Secrets:
    """The secrets of one run. Tokens come and go: the last ``_MOST`` that were added are known."""

    def __init__(self, values: Iterable[str] = (), *, mark: str = "[key]") -> None:
        self._mark = mark
        self._values: dict[str, None] = {}
        self._heads: re.Pattern[str] | None = None
        self._known: dict[tuple[str, int], str] = {}
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Know one more. What is shorter than 4 characters would be found in any text, and is no secret."""
        value = value.strip()
        for spelt in (value, quote(value, safe=""), escape(value), *_escaped(value)):
            self._add(spelt)

    def _add(self, value: str) -> None:
        if len(value) < _SHORTEST or value in self._values:
            return
        self._values[value] = None
        self._known.clear()
        if len(self._values) > _MOST:
            self._values.pop(next(iter(self._values)))
        longest_first = sorted({secret[:_HEAD] for secret in self._values}, key=len, reverse=True)
        self._heads = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def clean(self, text: str) -> str:
        """``text`` with ``mark`` in place of each secret and of each beginning of one."""
        if self._heads is None or self._heads.search(text) is None:
            return text
        parts, at = [], 0
        while (found := self._heads.search(text, at)) is not None:
            parts += [text[at : found.start()], self._mark]
            at = max(found.end(), *(found.start() + _same(text, found.start(), s) for s in self._values))
        return "".join((*parts, text[at:]))

    def shown(self, text: str, limit: int) -> str:
        """``text`` cleaned, also of the logins in addresses, whosever they are; then as one harmless line of at
        most ``limit`` characters."""
        # Names of models, regions and reasons come with every answer, and are few.
        known = self._known.get((text, limit)) if len(text) <= _SHORT else None
        if known is not None:
            return known
        shown = self.clean(text)
        if "@" in shown:
            shown = _USERINFO.sub(f"://{self._mark}@", shown)
        shown = plain(shown, limit)
        if len(text) <= _SHORT:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[text, limit] = shown
        return shown


def _escaped(value: str) -> tuple[str, str]:
    """The spellings of PHP and .NET inside a JSON text, which a gateway may quote whole."""
    return value.replace("/", "\\/"), value.replace("+", "\\u002B")


def _same(text: str, start: int, secret: str) -> int:
    """How many characters of ``secret`` stand in ``text`` from ``start`` on."""
    here = text[start : start + len(secret)]
    if here == secret:
        return len(secret)
    return next(
        (n for n, (a, b) in enumerate(zip(here, secret, strict=False)) if a.lower() != b.lower()), len(here)
    )
