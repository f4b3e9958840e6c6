"""Addresses and credentials of a rollout file: its endpoints and the control plane.

A target URI, as portals show it for one operation, taken apart into the keys of a rollout file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from tui.base.problems import NAME_PATTERN, quoted
from tui.base.text import plain
from tui.model import Endpoint, is_azure_host
from tui.rollout.mistakes import Findings, Place
from tui.rollout.rollout import LAST_DATED_API_VERSION, SIMULATOR, EndpointTable
from tui.rollout.values import ControlPlane

URL_RULE = f'expects https://..., http://..., or "{SIMULATOR}"'
_ADD_KEY = 'add key_env = "OPENAI_API_KEY", the name of the variable that holds the key'
_KEY_TEXT = re.compile(r"[!-~]+")
_NAME_OF_HEADER = "write the name of the header here (what stands here is not shown)"
_HEADER_TEXT = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_RESERVED = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type",
        "cookie", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers of the connection or of the request itself (RFC 9110, 7.6.1), and cookies, which would pin the
traffic to one backend."""


def _is_loopback(host: str | None) -> bool:
    """Whether the host is this machine: a key is then optional and plain http is fine."""
    return host is not None and (
        host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
    )


def url_mistake(url: str) -> str:
    """What is wrong with the address of a webhook, without naming it; empty where nothing is."""
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
        if secure and parts.hostname and parts.port != 0:
            return ""
    except ValueError:
        pass  # It is no address at all.
    return "it is no https address"


def check_endpoint(place: Place, endpoint: EndpointTable, env: Mapping[str, str], found: Findings) -> None:
    """Adds every mistake of one endpoint that a single value does not show."""
    found.require((*place, "url"), endpoint.url, URL_RULE)
    simulated = endpoint.url == SIMULATOR
    local = simulated
    if endpoint.url is not None and not simulated:
        host = _check_url((*place, "url"), endpoint, found)
        local = _is_loopback(host)
    target = _target(endpoint)
    if endpoint.api == "azure" and endpoint.api_version is None and not simulated and target is None:
        remedy = f'api = "azure" needs a dated version: api_version = "{LAST_DATED_API_VERSION}"'
        found.require((*place, "api_version"), None, remedy)
    if endpoint.api == "v1" and endpoint.api_version is not None:
        found.warning(
            (*place, "api_version"), quoted(endpoint.api_version), 'not used with api = "v1"; remove it'
        )
    if endpoint.scope is not None and not endpoint.entra:
        found.warning((*place, "scope"), "", "used only with entra = true")
    _check_headers(place, endpoint, found)
    if simulated:
        return
    for header, variable in endpoint.headers_env.items():
        check_variable((*place, "headers_env", header), variable, env, found, _HEADER_TEXT)
    if endpoint.key_env is not None and endpoint.entra:
        found.error((*place, "entra"), "true", "both key_env and entra are given; keep one")
    elif endpoint.key_env is not None:
        check_variable((*place, "key_env"), endpoint.key_env, env, found)
    elif (
        not endpoint.entra
        and not endpoint.headers_env
        and not local
        and not any(found.wrong(*place, k) for k in ("key_env", "key_header", "entra", "url", "headers_env"))
    ):
        remedy = 'add key_env = "AZURE_OPENAI_API_KEY", or entra = true'
        found.error(place, "", f"no credential; {_ADD_KEY if is_plain(endpoint) else remedy}")


def is_plain(endpoint: EndpointTable) -> bool:
    """Whether the endpoint is a server that only speaks the OpenAI API, as ``Endpoint.plain`` has it."""
    try:
        return Endpoint("", endpoint.url or "", endpoint.api, resource=endpoint.resource).plain
    except ValueError:  # no address, which is reported
        return False


def _target(endpoint: EndpointTable) -> str | None:
    """What to write in place of a url that names one operation; None where it does not."""
    try:
        return target_remedy(urlsplit(endpoint.url or ""))
    except ValueError:
        return None


def _like_a_key(name: str) -> bool:
    return len(name) >= 20 and "_" not in name and "-" not in name


def _check_headers(place: Place, endpoint: EndpointTable, found: Findings) -> None:
    own, at_own = endpoint.key_header, (*place, "key_header")
    if own is not None and own.lower() in _RESERVED:
        found.error(at_own, quoted(own), "this header belongs to the connection; name the one of the key")
    elif own is not None and _like_a_key(own):
        found.error(at_own, "", f"looks like a key; {_NAME_OF_HEADER}")
    elif own is not None and endpoint.entra:
        remedy = "a token of Entra ID goes into Authorization; put a key beside it into headers_env"
        found.error(at_own, quoted(own), remedy)
    elif own is not None and endpoint.key_env is None and not found.wrong(*place, "key_env"):
        found.error(at_own, quoted(own), "which key? add key_env with the name of its variable")
    of_key = own or ("api-key" if endpoint.api == "azure" else "Authorization")
    taken = {of_key.lower()} if endpoint.key_env is not None else {"authorization"} if endpoint.entra else set()
    for header in endpoint.headers_env:
        at, name = (*place, "headers_env", header), header.lower()
        if name in _RESERVED:
            found.error(at, "", "this header belongs to the connection or the request; remove it")
        elif name in taken:
            found.error(at, "", "this header is sent already; keep it in one place (case does not matter)")
        taken.add(name)


def _check_url(place: Place, endpoint: EndpointTable, found: Findings) -> str | None:
    """The host of a url. Of a wrong url only the host is shown: the rest may hold a key."""
    try:
        url = urlsplit(endpoint.url or "")
        host, _port = url.hostname, url.port
    except ValueError:
        found.error(place, "", f"is not an address; {URL_RULE}")
        return None
    if url.scheme not in ("http", "https") or not host or not re.fullmatch(r"[!-~]+", endpoint.url or ""):
        found.error(place, "", f"is not an address; {URL_RULE}")
        return None
    shown = f"{url.scheme}://{plain(host, 60)}"
    if url.username is not None or url.password is not None:
        found.error(
            place, shown, "holds a user name or password; put the key in a variable and name it with key_env"
        )
    elif (remedy := _target(endpoint)) is not None:
        found.error(place, shown, remedy)
    elif url.query or url.fragment:
        found.error(place, shown, "remove what follows ? or #; the version goes into api_version")
    elif endpoint.api == "azure" and "openai" in url.path.split("/"):
        found.error(place, shown, 'give the address without /openai/...; the rest is added, or use api = "v1"')
    elif (
        url.scheme == "http"
        and not _is_loopback(host)
        and (endpoint.key_env or endpoint.entra or endpoint.headers_env)
    ):
        found.warning(place, shown, "the credential travels unencrypted; use https")
    return host


def check_variable(
    place: Place, name: str, env: Mapping[str, str], found: Findings, text: re.Pattern[str] = _KEY_TEXT
) -> None:
    if _like_a_key(name):
        remedy = "looks like a key; name the environment variable that holds it (what stands here is not shown)"
        found.error(place, "", remedy)
        return
    key = env.get(name, "")
    if not key.strip():
        state = "is empty" if name in env else "is not set"
        found.error(
            place, quoted(name), f"this environment variable {state}; export {name}=... before the start"
        )
    elif not text.fullmatch(key):
        what = "key" if text is _KEY_TEXT else "header"
        found.error(
            place,
            quoted(name),
            f"this environment variable holds blanks, line ends or other signs no {what} has",
        )


def check_control_plane(
    plane: ControlPlane | None,
    endpoints: Mapping[str, EndpointTable],
    env: Mapping[str, str],
    found: Findings,
) -> None:
    """Adds every mistake of the control plane, and of the endpoints that name their account for it."""
    named = [name for name, endpoint in endpoints.items() if endpoint.resource is not None]
    place: Place = ("control_plane",)
    if plane is None:
        for name in named if not found.wrong("control_plane") else ():
            remedy = "not used without [control_plane]; add it with token_env, or entra = true"
            found.warning(("endpoints", name, "resource"), "", remedy)
        return
    simulated = plane.url == SIMULATOR or any(e.url == SIMULATOR for e in endpoints.values())
    if not simulated:
        _check_plane_url((*place, "url"), plane, found)
    if not named and not simulated and not found.wrong("endpoints"):
        found.error(place, "", "no endpoint names its account; add resource to [endpoints.NAME]")
    if plane.token_env is not None and plane.entra:
        found.error((*place, "entra"), "true", "both token_env and entra are given; keep one")
    elif plane.token_env is not None:
        check_variable((*place, "token_env"), plane.token_env, env, found)
    elif not plane.entra and not simulated and not found.wrong(*place, "token_env"):
        found.error(place, "", 'no credential; add token_env = "AZURE_ARM_TOKEN", or entra = true')


def _check_plane_url(place: Place, plane: ControlPlane, found: Findings) -> None:
    try:
        url = urlsplit(plane.url)
        host, _port = url.hostname, url.port
    except ValueError:
        host, url = None, urlsplit("")
    if url.scheme not in ("http", "https") or not host or url.username or url.query or url.fragment:
        found.error(place, "", "is not an address; expects https://..., such as https://management.azure.com")
    elif url.scheme == "http" and not _is_loopback(host):
        found.error(place, f"http://{plain(host, 60)}", "the token would travel unencrypted; use https")


_OPERATION = r"/(?:chat/completions|completions|responses|embeddings)"
_ENDS_IN_OPERATION = re.compile(rf"(?P<base>.*?){_OPERATION}/*")
_OF_DEPLOYMENT = re.compile(rf"(?P<base>.*?)/openai/deployments/(?P<deployment>[^/]+)(?:{_OPERATION})?/*")
_OF_ACCOUNT = re.compile(
    rf"/openai(?:/v1)?{_OPERATION}/*|/models(?:/chat/completions)?/*|/api/projects/[^/]+/*"
)
# A part of a path that is longer may be a key.
_SHOWABLE_PATH = re.compile(r"(?:/[A-Za-z0-9._-]{1,24})*")
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")


def target_remedy(url: SplitResult) -> str | None:
    """What to write in place of a url that names an operation or a deployment; None where it names neither.

    The forms are those of Azure OpenAI (``/openai/deployments/D/chat/completions?api-version=V``,
    ``/openai/v1/chat/completions``), of Foundry (``/models/chat/completions``, ``/api/projects/P``), of
    gateways before them, and of any other server (``/v1/chat/completions``).
    """
    root = f"{url.scheme}://{plain(url.netloc, 100)}"
    if (found := _OF_DEPLOYMENT.fullmatch(url.path)) is not None:
        return _of_deployment(root, found["base"], unquote(found["deployment"]), url.query)
    operation = _ENDS_IN_OPERATION.fullmatch(url.path)
    if is_azure_host(url.hostname or "") and _OF_ACCOUNT.fullmatch(url.path):
        return _write(
            f"{_what(operation)}; the v1 API of this account takes every operation and model",
            f'url = "{root}/openai/v1"',
            'api = "v1"',
        )
    if operation is None:
        return None
    base = operation["base"]
    if not _SHOWABLE_PATH.fullmatch(base):
        return "give the address without /chat/completions or another operation: that is added"
    return _write(
        "give the address without the operation, which is added", f'url = "{root}{base}"', 'api = "v1"'
    )


def _what(operation: re.Match[str] | None) -> str:
    return "is not where the OpenAI API lives" if operation is None else "is the address of one operation"


def _of_deployment(root: str, base: str, deployment: str, query: str) -> str:
    given = parse_qs(query).get("api-version", [""])[0]
    version = given if _API_VERSION.fullmatch(given) else LAST_DATED_API_VERSION
    if not _SHOWABLE_PATH.fullmatch(base):
        return "give the address without /openai/...: the rest is added"
    said = _write(
        "give the address without /openai/...: the rest is added",
        f'url = "{root}{base}"',
        'api = "azure"',
        f'api_version = "{version}"',
    )
    if re.fullmatch(NAME_PATTERN, deployment):
        said += f'\n  and under its [deployments.NAME]:\n    id = "{deployment}"'
    return said


def _write(why: str, *lines: str) -> str:
    return "\n    ".join([f"{why}; write", *lines])
