"""Who may come in, and with how much: an ASGI layer before everything else.

Host names against pages that rebind theirs to this machine, keys, the size of a body, requests a second. What is
refused here costs no parsing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.serving import Limits

OPEN = frozenset({"/health", "/ready"})
MAX_CLIENTS = 10_000


class Door:
    """Lets requests pass to `app` that are allowed to."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        keys: tuple[str, ...],
        hosts: tuple[str, ...],
        refused: Callable[[int], None],
    ) -> None:
        self._app, self._limits, self._refused = app, limits, refused
        self._keys = tuple(hashlib.sha256(key.encode()).digest() for key in keys)
        self._hosts = frozenset(hosts)
        self._buckets: OrderedDict[Any, tuple[float, float]] = OrderedDict()  # client: tokens, when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await self._refuse(send, *refusal)
            return
        body = _Body(receive, self._limits.max_body_bytes)
        try:
            await self._app(scope, body, send)
        except _TooLarge:
            await self._refuse(send, 413, f"The body is larger than {self._limits.max_body_bytes:,} bytes.")

    async def _refuse(self, send: Send, status: int, detail: str) -> None:
        self._refused(status)
        await _refuse(send, status, detail)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self._hosts and name.strip("[]") not in self._hosts:
            return 400, "This host name is not served here."
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limits.max_body_bytes:
            return 413, f"The body is larger than {self._limits.max_body_bytes:,} bytes."
        if scope["path"] in OPEN:
            return None
        key = headers.get(b"x-api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        digest = hashlib.sha256(key).digest() if self._keys else b""
        if self._keys and not any(hmac.compare_digest(digest, known) for known in self._keys):
            return 401, "An API key is needed, as X-API-Key or Authorization: Bearer."
        if self._limits.per_s and not self._has_token(digest or (scope.get("client") or ("",))[0]):
            return 429, f"More than {self._limits.per_s:g} requests a second."
        return None

    def _has_token(self, client: Any) -> bool:
        """A bucket for each client, of one second's requests."""
        now, rate = time.monotonic(), self._limits.per_s
        tokens, then = self._buckets.pop(client, (max(rate, 1.0), now))
        tokens = min(max(rate, 1.0), tokens + (now - then) * rate)
        self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return tokens >= 1


class _TooLarge(Exception):
    """More bytes came than are allowed."""


class _Body:
    """Receives a body, and counts."""

    def __init__(self, receive: Receive, allowed: int) -> None:
        self._receive, self._left = receive, allowed

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _TooLarge
        return message


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
