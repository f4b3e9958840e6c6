"""Who is let in at the data plane, and the headers that say who answered."""

from __future__ import annotations

import hmac
import random
import uuid

from aiohttp import web

from tui.simulator import refusals
from tui.simulator.refusals import Refusal


class Door:
    """``key`` is the only accepted key, None accepts any that is not empty. Ids are drawn by ``seed``."""

    def __init__(self, key: str | None, seed: int) -> None:
        self._key = key
        self._ids = random.Random(f"{seed}/ids")

    def objection(self, request: web.BaseRequest, path_deployment: str | None) -> Refusal | None:
        """What is wrong with a request before it is known for which deployment it is."""
        if not self.has_key(request):
            return refusals.WRONG_KEY
        if path_deployment is not None and not request.query.get("api-version"):
            return refusals.NO_RESOURCE
        return None

    def has_key(self, request: web.BaseRequest) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = request.headers.get("api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if self._key is None:
            return bool(given)
        return hmac.compare_digest(given.encode(errors="replace"), self._key.encode())

    def identity(self, request: web.BaseRequest, region: str) -> dict[str, str]:
        """Headers of every answer. The ids are drawn apart from what happens (azure.md A6)."""
        apim_id = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        client_id = request.headers.get("x-ms-client-request-id", apim_id)[:64]
        return {
            "apim-request-id": apim_id,
            "x-request-id": str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            "x-ms-client-request-id": client_id if client_id.isascii() else apim_id,
            "x-ms-region": region,
            "x-content-type-options": "nosniff",
        }
