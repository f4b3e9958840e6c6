"""Faults below the SDK in its own terms: what timed out, could not connect or broke off, and whose fault it is:
the service's, a proxy's, or this machine's."""

from __future__ import annotations

import errno
import socket

import aiohttp
import httpx2
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError

from tui.azure.proxies import Proxy
from tui.text import plain

FAULTS = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError)
"""What aiohttp raises for what comes, or does not come, over a connection."""

_WHY_NO_SOCKET = {
    errno.EMFILE: "this process has too many open files: raise the limit (ulimit -n), or lower max_in_flight",
    errno.ENFILE: "this machine has too many open files: close what is not needed, or lower max_in_flight",
    errno.EADDRNOTAVAIL: "this machine has no free port or address for a connection: lower the rate",
    errno.ENOBUFS: "this machine has no memory left for sockets: lower the rate",
}


class NoSocketLeft(httpx2.ConnectError):
    """This machine had no socket for the request: it was never sent, and says nothing of the service."""


def translated(error: Exception, proxy: Proxy | None) -> httpx2.TransportError:
    """An exception of aiohttp as the SDK knows it. Its cause is set where that says more than our own text."""
    fault = _own_words(error, proxy)
    if fault is None:
        said = str(error) or type(error).__name__
        fault = _kind_for_sdk(error)(said if proxy is None else f"{said}, through {proxy}")
        fault.__cause__ = error if proxy is None else None
    return fault


def closed_early(error: Exception) -> bool:
    """Whether a kept connection was closed before any of an answer came. After a reset aiohttp does not tell a
    head that had begun from none. A first line that is no HTTP is the rest of the answer before it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BadStatusLine):
            return True
        cause = cause.__cause__
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the part of a head that came
    return isinstance(error, (aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)) and not isinstance(
        error, aiohttp.ClientConnectorError
    )


def _own_words(error: Exception, proxy: Proxy | None) -> httpx2.TransportError | None:
    """What the exception itself would not say, or would say with a password in it."""
    if (why := _no_socket(error)) is not None:
        return NoSocketLeft(why)
    if proxy is not None and (of_proxy := _of_proxy(error, proxy)) is not None:
        return of_proxy
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        return httpx2.RemoteProtocolError("the connection was closed within the head of the answer")
    if isinstance(error, aiohttp.ClientPayloadError) and (said := getattr(error.__cause__, "message", "")):
        return httpx2.ReadError(f"the answer broke off: {plain(said, 200)}")
    if isinstance(error, (aiohttp.ClientResponseError, HttpProcessingError)):
        return httpx2.RemoteProtocolError(f"the answer is no HTTP: {plain(error.message, 1000)}")
    return None


def _of_proxy(error: Exception, proxy: Proxy) -> httpx2.ProxyError | None:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return refused_by(proxy, error.status, error.message)
    at_proxy = isinstance(error, aiohttp.ClientConnectorError) and error.host == httpx2.URL(proxy.url).host
    if isinstance(error, (aiohttp.ClientProxyConnectionError, aiohttp.ConnectionTimeoutError)) or at_proxy:
        os_error = getattr(error, "os_error", None)
        why = "it does not answer in time" if os_error is None else os_error.strerror or str(os_error)
        return httpx2.ProxyError(f"{proxy} cannot be reached: {plain(why, 120)}")
    if isinstance(error, aiohttp.ClientConnectionError) and "proxy" in str(error):
        return httpx2.ProxyError(f"no TLS through {proxy}; an http:// proxy may do")
    return None


def refused_by(proxy: Proxy, status: int, reason: str | None) -> httpx2.ProxyError:
    """A proxy that answers itself in place of the service."""
    remedy = ""
    if status == 407:
        remedy = "; is its login wrong?" if proxy.login else "; put USER:PASSWORD@ before its host"
    return httpx2.ProxyError(f"{proxy} refuses: HTTP {status} {plain(reason or '', 60)}{remedy}")


def _no_socket(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            # Names are looked up through sockets too, and that failure has no errno of its own.
            return _no_socket_for_anything()
        return _WHY_NO_SOCKET.get(error.errno or 0)
    return None


def _no_socket_for_anything() -> str | None:
    try:
        socket.socket().close()
    except OSError as error:
        return _WHY_NO_SOCKET.get(error.errno or 0)
    return None


def _kind_for_sdk(error: Exception) -> type[httpx2.TransportError]:
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout if isinstance(error, aiohttp.SocketTimeoutError) else httpx2.ConnectTimeout
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx2.ConnectError
    if isinstance(error, ValueError):
        return httpx2.UnsupportedProtocol
    return httpx2.ReadError
