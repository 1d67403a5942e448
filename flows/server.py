"""Prefect's server as `assay up` starts it: the same application behind a door that only its own pages pass.

A server on the loopback interface is in reach of every page that a browser on this machine shows. A page of another
site may get here under a Host name of its own (DNS rebinding), and it may open a web socket, which neither CORS nor a
CSRF token guards. Prefect looks at neither header, so they are looked at here, before it.
"""

from __future__ import annotations

from prefect.server.api.server import create_app
from prefect.settings import PREFECT_SERVER_CORS_ALLOWED_ORIGINS
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost", "::1")


class TrustedOrigin:
    """Refuses what pages of other origins ask. What is no page (a client, a command line) sends no Origin at all."""

    def __init__(self, app: ASGIApp, allowed_origins: tuple[str, ...]) -> None:
        self._app = app
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer with 403; a web socket is then closed before it is open."""
        asked = scope["type"] in ("http", "websocket")
        origin = Headers(scope=scope).get("origin") if asked else None
        if origin is None or origin in self._allowed_origins:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("Pages of other origins may not ask.", status_code=403)(scope, receive, send)


def app() -> ASGIApp:
    """What uvicorn serves. `create_app` reads Prefect's settings from the environment."""
    origins = tuple(PREFECT_SERVER_CORS_ALLOWED_ORIGINS.value().split(","))
    return TrustedHostMiddleware(TrustedOrigin(create_app(final=True), origins), HOSTS, www_redirect=False)
