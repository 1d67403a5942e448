"""The servers of the chart on loopback: the commands and variables that it renders, with other addresses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helm.crossref import Release
from tests.helm.rendered import FOLDER, Object, render

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Live:
    """A rendered release, and what its addresses (parts of texts) and words (whole texts) are here."""

    objects: list[Object]
    addresses: dict[str, str]
    words: dict[str, str]
    folder: Path

    def env(self, owner: str) -> dict[str, str]:
        """The variables of the first container of `owner`, Secrets looked up."""
        secrets = {each["metadata"]["name"]: each["stringData"] for each in self.objects if each["kind"] == "Secret"}
        values = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(self.folder)}
        values |= {key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ}
        for each in self._container(owner)["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            value = secrets[reference["name"]][reference["key"]] if reference else each["value"]
            values[each["name"]] = self.here(value)
        return values | {"HOME": str(self.folder)}

    def command(self, owner: str) -> list[str]:
        return [self.here(word) for word in self._container(owner)["command"]]

    def here(self, text: str) -> str:
        if text in self.words:
            return self.words[text]
        for there, address in self.addresses.items():
            text = text.replace(there, address)
        return text

    def run(self, owner: str, timeout_s: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command of `owner` to its end."""
        how = {"env": self.env(owner) | more, "cwd": self.folder, "timeout": timeout_s}
        return subprocess.run(self.command(owner), **how, capture_output=True, text=True, check=False)

    @contextmanager
    def running(self, owner: str, health: str, **more: str) -> Iterator[None]:
        """Run the command of `owner` until the block ends, which begins when `health` answers."""
        log = self.folder / f"{owner.split()[-1]}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                self.command(owner),
                env=self.env(owner) | more,
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            for _ in range(240):
                assert process.poll() is None, log.read_text()
                if status(health) == 200:
                    break
                time.sleep(0.5)
            else:
                raise AssertionError(log.read_text())
            yield
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)

    def _container(self, owner: str) -> Object:
        [pod] = [pod for pod in Release(self.objects, {}).pods if pod.owner == owner]
        container: Object = pod.spec["containers"][0]
        return container


def live(folder: Path, postgres: int) -> Live:
    """A trial release whose Postgres listens on the port `postgres`, and whose servers take free ports."""
    prefect, mlflow = free_port(), free_port()
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True)
    addresses = {
        "demo-assay-postgres:5432": f"127.0.0.1:{postgres}",
        "demo-assay-prefect:4200": f"127.0.0.1:{prefect}",
        "http://demo-assay-mlflow:5000": f"http://127.0.0.1:{mlflow}",
        "127.0.0.1:5000": f"127.0.0.1:{mlflow}",
        "http://localhost:4200": f"http://localhost:{prefect}",
        "/etc/assay/mlflow/start.sh": str(FOLDER / "files/mlflow-start.sh"),
        "/etc/assay/smoke/smoke.sh": str(FOLDER / "files/smoke.sh"),
        "/etc/assay/database/database.sh": str(FOLDER / "files/database.sh"),
        "/opt/assay/prefect": str(FOLDER.parents[1] / "infra/prefect"),
        "/etc/assay/deployments": str(folder / "deployments"),
    }
    words = {
        "4200": str(prefect),
        "0.0.0.0": "127.0.0.1",
        "/artifacts": str(artifacts),
        "/backups": str(folder / "backups"),
        "/tmp/prefect": str(folder / "prefect"),
        "/tmp/prefect-pages": str(folder / "prefect-pages"),
        "/tmp/assay": str(folder / "assay"),
    }
    values = {
        "specs": {"adult.yaml": "version: 1\nname: adult\n"},
        "prefect": {"deployments": [{"name": "nightly", "spec": "adult.yaml", "cron": "0 3 * * *"}]},
    }
    return Live(render(values), addresses, words, folder)


def status(url: str, account: str = "", **headers: str) -> int:
    """The status of a GET; 0 where nobody answers."""
    import base64

    request = urllib.request.Request(url, headers=headers)
    if account:
        request.add_header("Authorization", "Basic " + base64.b64encode(account.encode()).decode())
    try:
        with DIRECT.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
