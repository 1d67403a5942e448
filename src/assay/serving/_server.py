"""Uvicorn around the application: in this process, or in several."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

from assay.errors import ServersError
from assay.serving import LOOPBACK, SWITCH_S, Challenger, Limits, Where


def serve(
    reference: str,
    where: Where,
    host: str,
    port: int,
    challenger: Challenger | None,
    limits: Limits,
    keys: tuple[str, ...],
    poll_s: float,
    workers: int,
    ready: Callable[[str], None] | None,
) -> None:
    """See `assay.serving.serve`."""
    if host not in LOOPBACK and not keys:
        raise ServersError(
            f"{host} can be reached from other machines, and there is no API key. Allowed without one: 127.0.0.1. "
            "Give one in ASSAY_API_KEYS (several, with commas), or a file of them with --key-file."
        )
    hosts = tuple(LOOPBACK) if host in LOOPBACK else ()
    options: dict[str, Any] = {
        "challenger": challenger,
        "limits": limits,
        "keys": keys,
        "hosts": hosts,
        "poll_s": poll_s,
    }
    if workers > 1:
        from assay.serving import _workers

        listening = _bound(host, port)
        _workers.run(reference, where, listening, workers, options, lambda: _tell(ready, host, listening))
        return
    from assay.serving import _app

    app = _app.make(reference, where, **options)
    listening = _bound(host, port)
    _tell(ready, host, listening)
    sys.setswitchinterval(SWITCH_S)
    config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=30)
    uvicorn.Server(config).run(sockets=[listening])


def _tell(ready: Callable[[str], None] | None, host: str, listening: socket.socket) -> None:
    name = f"[{host}]" if ":" in host else host
    if ready is not None:
        ready(f"http://{name}:{listening.getsockname()[1]}")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise ServersError(
            f"{host}:{port} cannot be listened on: {error.strerror}. Name another --port, or 0."
        ) from error
    return listening
