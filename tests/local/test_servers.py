from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import websockets.sync.client as websockets
from websockets.exceptions import InvalidStatus

from assay import local
from assay.errors import ServersError

from .conftest import Pair, processes_of


def ask(url: str, *, data: bytes | None = None, **headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer."""
    request = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """A process that is nobody's server."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_two_callers_at_once_get_one_pair(pair: Pair) -> None:
    assert pair.first == pair.second
    assert [server.name for server in pair.first] == ["prefect", "mlflow"]


def test_up_again_starts_nothing(pair: Pair) -> None:
    assert local.up(pair.home) == pair.first


def test_the_state_file_says_where_and_who(pair: Pair) -> None:
    written = json.loads((pair.home / "servers.json").read_text())
    for name in ("prefect", "mlflow"):
        assert written[name] == {"url": pair[name].url, "pid": pair[name].pid, "started": pair[name].started}
        assert psutil.Process(written[name]["pid"]).create_time() == written[name]["started"]


def test_status_says_how_they_are(pair: Pair) -> None:
    found = local.status(pair.home)
    assert found.healthy
    assert [each.version[:2] for each in found.servers] == ["3.", "3."]
    assert all(50e6 < each.memory_bytes < 2e9 for each in found.servers)
    assert all(0 < each.disk_bytes <= found.disk_bytes for each in found.servers)


def test_a_run_finds_the_api(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert local.find_api(pair.home) == f"{pair['prefect'].url}/api"
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert local.find_api(pair.home) is None


def test_they_listen_on_the_loopback_interface_alone(pair: Pair) -> None:
    ports = {int(server.url.rpartition(":")[2]) for server in pair.first}
    listening = [
        each.laddr
        for process in processes_of(pair.home)
        for each in process.net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    ]
    assert ports <= {address.port for address in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_prefect_takes_no_orders_without_a_csrf_token(pair: Pair) -> None:
    status, _ = ask(f"{pair['prefect'].url}/api/flows/", data=b'{"name": "evil"}', content_type="application/json")
    assert status == 403


def test_prefect_lets_pages_of_its_own_read_and_no_others(pair: Pair) -> None:
    url = pair["prefect"].url
    _, own = ask(f"{url}/api/health", origin=url)
    _, evil = ask(f"{url}/api/health", origin="http://evil.example")
    assert own["access-control-allow-origin"] == url
    assert "access-control-allow-origin" not in evil


def test_prefect_refuses_a_foreign_host_and_a_foreign_page(pair: Pair) -> None:
    url = f"{pair['prefect'].url}/api/health"
    port = url.split(":")[2].partition("/")[0]
    assert ask(url, host=f"localhost:{port}")[0] == 200
    assert ask(url, host="evil.example")[0] == 400
    assert ask(url, host=f"127.0.0.1.evil.example:{port}")[0] == 400
    assert ask(url, origin="http://evil.example")[0] == 403
    assert ask(url, origin="null")[0] == 403  # a page in a sandboxed frame, or a file


def test_prefect_opens_a_web_socket_for_its_own_pages_and_no_others(pair: Pair) -> None:
    url = pair["prefect"].url
    asked = f"{url.replace('http', 'ws')}/api/events/in"
    for own in (url, None):  # its own pages, and a client, which is no page
        with websockets.connect(asked, origin=own, proxy=None):
            pass
    with pytest.raises(InvalidStatus, match="403"), websockets.connect(asked, origin="http://evil.example", proxy=None):
        pass


def test_mlflow_refuses_a_foreign_host_and_a_foreign_page(pair: Pair) -> None:
    url = f"{pair['mlflow'].url}/api/2.0/mlflow/experiments/search"
    body = b'{"max_results": 1}'
    assert ask(url, data=body, content_type="application/json")[0] == 200
    assert ask(url, data=body, content_type="application/json", host="evil.example")[0] == 403
    assert ask(url, data=body, content_type="application/json", origin="http://evil.example")[0] == 403


def test_all_they_keep_is_below_home(pair: Pair) -> None:
    assert (pair.home / "prefect" / "prefect.db").is_file()
    assert (pair.home / "mlflow" / "mlflow.db").is_file()
    assert all(process.cwd() == str(pair.home) for process in processes_of(pair.home))


def test_a_killed_server_is_started_again_and_the_other_one_stays(pair: Pair) -> None:
    leader = psutil.Process(pair["mlflow"].pid)
    children = leader.children(recursive=True)
    leader.kill()
    leader.wait()
    assert [each.health for each in local.status(pair.home).servers] == ["healthy", "gone"]

    prefect, mlflow = local.up(pair.home)

    assert prefect == pair["prefect"]
    assert mlflow.pid != leader.pid
    assert not any(child.is_running() for child in children)
    assert local.status(pair.home).healthy


def test_a_server_that_cannot_start_leaves_its_last_words_and_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(ServersError, match="mlflow") as raised:
        local.up(tmp_path)
    assert "not a database" in str(raised.value)
    assert not (tmp_path / "servers.json").exists()
    assert processes_of(tmp_path) == []


def test_down_before_up_stops_nothing(tmp_path: Path) -> None:
    assert local.down(tmp_path / "never") == ()
    assert not (tmp_path / "never").exists()
    assert local.status(tmp_path / "never").servers == ()


@pytest.mark.parametrize("drift_s", [0.0, 3600.0])
def test_a_process_that_has_the_id_of_a_server_is_not_stopped(
    tmp_path: Path, sleeper: psutil.Process, drift_s: float
) -> None:
    entry = {"url": "http://127.0.0.1:9", "pid": sleeper.pid, "started": sleeper.create_time() - drift_s}
    (tmp_path / "servers.json").write_text(json.dumps({"prefect": entry}))
    assert local.down(tmp_path) == ()
    assert sleeper.is_running()
    assert sleeper.status() != psutil.STATUS_ZOMBIE
