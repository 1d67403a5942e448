"""How each of the two servers is started: its command line and its settings.

Both come with defaults that suit a server among friends. These suit a machine on which a browser is open: no other
network interface, no page of another site, no analytics.
"""

from __future__ import annotations

import sys
from pathlib import Path

from assay.local import ServerName

HOST = "127.0.0.1"  # never another interface: neither server asks who is there
PREFECT_APP = "assay_flows.server:app"  # Prefect's own, behind a look at who asks
NO_ANALYTICS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def command(name: ServerName, home: Path, port: int) -> list[str]:
    """The command line that starts the server `name` on `port`, with all it keeps below `home`."""
    where = ["--host", HOST, "--port", str(port)]
    if name == "prefect":
        server = ["--factory", PREFECT_APP, "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", *server, *where]
    folder = home / "mlflow"
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    artifacts = ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    hosts = ["--allowed-hosts", ",".join(f"{host},{host}:{port}" for host in (HOST, "localhost"))]
    origins = ["--cors-allowed-origins", _origins(port)]
    return [sys.executable, "-m", "mlflow", "server", *where, "--workers", "1", *store, *artifacts, *hosts, *origins]


def settings(name: ServerName, home: Path, port: int) -> dict[str, str]:
    """The environment variables that the server `name` is given."""
    if name == "prefect":
        # Out of the box any web page may drive Prefect: so its own pages alone may, and only with a CSRF token.
        return {
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": _origins(port),
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            # Its pages ask this address, which is port 4200 wherever nobody says otherwise.
            "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            **NO_ANALYTICS,
        }
    # Without its job runner, and with one worker, MLflow takes a fourth of the memory.
    return {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        **NO_ANALYTICS,
    }


def _origins(port: int) -> str:
    return f"http://{HOST}:{port},http://localhost:{port}"
