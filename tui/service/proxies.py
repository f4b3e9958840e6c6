"""Proxy that the environment names for an address: ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, ...

As curl and the libraries of Python read them: the lower-case name first, a proxy without a scheme is http, an
entry of ``NO_PROXY`` is a host with everything below it, an address, a network, or ``*``, each with or without
a port. This machine is never reached through a proxy.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from tui.base.text import plain

_PORTS = {"http": 80, "https": 443}


class ProxyRefused(ValueError):
    """A variable names what cannot be used; the text says which, why and what to do, and holds no password."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy as ``url`` without its credential. ``variable`` is what named it; a credential is never shown."""

    url: str
    variable: str
    login: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"Proxy({self})"

    def __str__(self) -> str:
        return f"the proxy {plain(self.url.partition('://')[2], 80)} ({self.variable})"


def proxy_for(url: str, env: Mapping[str, str] | None = None) -> Proxy | None:
    """The way to ``url`` that ``env`` (default: that of this process) asks for; None is the direct one.

    Raises:
        ProxyRefused: It names what cannot be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if _is_here(host):
        return None
    named = _named(parts.scheme, os.environ if env is None else env)
    if named is None:
        return _of_system(parts.scheme, host) if env is None else None
    variable, value = named
    if _goes_past(host, parts.port or _PORTS.get(parts.scheme), os.environ if env is None else env):
        return None
    return _proxy(variable, value)


def proxy_secrets(env: Mapping[str, str]) -> tuple[str, ...]:
    """The passwords in the proxy variables, as they stand there, decoded, and with the name as they are sent:
    no text may hold them. What has fewer than 4 characters is no password but a part of words."""
    found = set()
    for name, value in env.items():
        if name.lower().endswith("_proxy") and "@" in value:
            login = value.rpartition("@")[0].rpartition("://")[2]
            password = login.partition(":")[2]
            found |= {password, unquote(password), b64encode(unquote(login).encode()).decode()}
    return tuple(sorted((word for word in found if len(word) >= 4), key=len, reverse=True))


def _is_here(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _named(scheme: str, env: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that decides, and its value. One that is set to nothing means: no proxy."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            # In a CGI program the caller can set HTTP_PROXY by a header "Proxy" (CVE-2016-1000110).
            if variable in env and not (variable == "HTTP_PROXY" and "REQUEST_METHOD" in env):
                value = env[variable].strip()
                return (variable, value) if value else None
    return None


def _of_system(scheme: str, host: str) -> Proxy | None:
    """What macOS or Windows have in their settings; they are asked only where no variable is set."""
    if getproxies_environment() or proxy_bypass(host):
        return None
    value = getproxies().get(scheme)
    return _proxy("the system's settings", value) if value else None


def _proxy(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or not host.isprintable() or " " in host:
        raise ProxyRefused(
            f"{variable} names no proxy that can be understood: expects http://HOST:PORT, or HOST:PORT"
        )
    if parts.scheme not in _PORTS:
        raise ProxyRefused(
            f"{variable} names a {plain(parts.scheme, 20)}:// proxy, which canarytop does not speak: name an "
            "http:// proxy there, or put the host of the endpoint into NO_PROXY"
        )
    login = None
    if parts.username is not None:
        login = (unquote(parts.username), unquote(parts.password or ""))
    netloc = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{netloc}:{port or _PORTS[parts.scheme]}", variable, login)


def _goes_past(host: str, port: int | None, env: Mapping[str, str]) -> bool:
    variable = "no_proxy" if "no_proxy" in env else "NO_PROXY"
    entries = env.get(variable, "").replace(",", " ").split()
    return any(_matches(entry.lower(), host.lower(), port, variable) for entry in entries)


def _matches(entry: str, host: str, port: int | None, variable: str) -> bool:
    if entry == "*":
        return True
    name, entry_port = _split_port(entry.partition("://")[2] or entry)
    if entry_port is not None and entry_port != str(port):
        return False
    address = _address(host)
    if "/" in name:
        try:
            network = ip_network(name.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            raise ProxyRefused(
                f"{variable} holds {plain(entry, 60)}, which is no network: expects one such as 10.0.0.0/8"
            ) from None
        return address is not None and address in network
    if "*" in name:
        return fnmatchcase(host, name)
    known = _address(name)
    if known is not None or address is not None:
        return known == address
    name = name.strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, str | None]:
    """``host:port``; an IPv6 address has a port only behind brackets."""
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.endswith("]")):
        return name, port
    return entry, None
