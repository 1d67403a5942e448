"""Asking a server for one page, and a machine for one port."""

from __future__ import annotations

import socket
import urllib.parse
import urllib.request

from assay.errors import ServersError
from assay.local._commands import HOST

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy knows the way to this machine


def get(url: str, timeout_s: float = 2.0) -> str | None:
    """The body of a GET that went well, or None: nobody answers, or not in time, or with an error."""
    opener = _DIRECT if urllib.parse.urlsplit(url).hostname in ("localhost", HOST) else urllib.request.build_opener()
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            return str(answer.read().decode())
    except OSError:  # refused, too late, or an HTTP error: urllib's errors are OSErrors
        return None


def free_port(preferred: int) -> int:
    """`preferred` where nobody listens there, else a free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServersError(f"No port is free on {HOST}.")
