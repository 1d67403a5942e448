"""The parts of the chart that are programs, run: its servers, its pipeline, its upgrade, its rollback.

They are started by the commands and with the variables that it renders, against a real Postgres, all on loopback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.helm.live import Live, free_port, live, status
from tests.helm.rendered import FOLDER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ADMIN = "of-this-test"
UPGRADE, ROLLBACK = "Job demo-assay-database-upgrade", "Job demo-assay-database-rollback"


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    """The port of a Postgres that asks for passwords. Prefect needs its extension pg_trgm, so one of the system's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no Postgres with its extensions: apt-get install postgresql")
    tools, port = found[-1].parent, free_port()
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to be root
    folder = Path(tempfile.mkdtemp(prefix="assay-postgres-"))
    (folder / "password").write_text(ADMIN)
    if user:
        shutil.chown(folder, user)
        shutil.chown(folder / "password", user)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tools}:{before}"
    auth = ["-U", "postgres", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    subprocess.run([tools / "initdb", "-D", folder / "data", *auth], user=user, check=True, stdout=subprocess.DEVNULL)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [tools / "pg_ctl", "-D", folder / "data", "-w"]
    started = [*control, "-l", folder / "log", "-o", options, "start"]
    subprocess.run(started, user=user, check=True, stdout=subprocess.DEVNULL)
    yield port
    subprocess.run([*control, "-m", "immediate", "stop"], user=user, check=True, stdout=subprocess.DEVNULL)
    os.environ["PATH"] = before
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def release(postgres: int, tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A release whose Postgres runs, with its roles and its empty databases."""
    found = live(tmp_path_factory.mktemp("release"), postgres)
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres), "PGPASSWORD": ADMIN}
    roles = found.env("StatefulSet demo-assay-postgres") | where
    subprocess.run(["bash", FOLDER / "files/postgres-roles.sh"], env=roles, check=True)
    return found


@pytest.fixture(scope="module")
def servers(release: Live) -> Iterator[Live]:
    """The same, with its Prefect and its MLflow."""
    prefect = release.here("http://demo-assay-prefect:4200/api/health")
    mlflow = release.here("http://demo-assay-mlflow:5000/health")
    port = str(urlsplit(mlflow).port)
    with (
        release.running("Deployment demo-assay-prefect", prefect),
        release.running("Deployment demo-assay-mlflow", mlflow, HOST="127.0.0.1", PORT=port),
    ):
        yield release


def test_the_servers_answer_probes_and_nobody_else_without_a_password(servers: Live) -> None:
    prefect = servers.here("http://demo-assay-prefect:4200/api")
    account = servers.env("Deployment demo-assay-prefect-worker")["PREFECT_API_AUTH_STRING"]
    assert status(f"{prefect}/health") == status(f"{prefect}/ready") == 200
    assert status(f"{prefect}/admin/version") == 401
    assert status(f"{prefect}/admin/version", account) == 200
    mlflow = servers.here("http://demo-assay-mlflow:5000")
    env = servers.env("Pod demo-assay-test")
    account = f"{env['MLFLOW_TRACKING_USERNAME']}:{env['MLFLOW_TRACKING_PASSWORD']}"
    search = f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
    assert status(f"{mlflow}/health", Host="10.1.2.3:5000") == 200  # the kubelet asks by address
    assert status(search) == 401
    assert status(search, account) == 200
    assert status(search, account, Host="demo-assay-mlflow.models.svc") == 200
    assert status(search, account, Host="evil.example.com") == 403


def test_the_test_of_the_release_promotes_a_model_through_its_servers(servers: Live) -> None:
    done = servers.run("Pod demo-assay-test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "promoted version 1" in done.stdout


def test_the_test_of_the_release_fails_where_a_server_is_away(servers: Live) -> None:
    done = servers.run("Pod demo-assay-test", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode != 0
    assert "Connection refused" in done.stderr


def query(release: Live, database: str, statement: str) -> str:
    key = {"prefect": "PREFECT_URL", "mlflow": "MLFLOW_URL"}[database]
    url = release.env(UPGRADE)[key].replace("+asyncpg", "")
    psql = ["psql", "-Atqc", statement, url]
    return subprocess.run(psql, env=release.env(UPGRADE), capture_output=True, text=True, check=True).stdout.strip()


def set_back(release: Live) -> tuple[str, str]:
    """Prefect's schema one migration older than it was, with a row in it; both revisions."""
    env = release.env(UPGRADE)
    env["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = env["PREFECT_URL"]
    newest = query(release, "prefect", "SELECT version_num FROM alembic_version")
    subprocess.run(["prefect", "server", "database", "downgrade", "-y", "-r", "-1"], env=env, check=True)
    return newest, query(release, "prefect", "SELECT version_num FROM alembic_version")


def test_an_upgrade_dumps_migrates_and_keeps_what_was_there(servers: Live) -> None:
    backups = servers.folder / "backups"
    shutil.rmtree(backups, ignore_errors=True)
    backups.mkdir()
    newest, older = set_back(servers)
    assert newest != older
    runs = query(servers, "mlflow", "SELECT count(*) FROM runs")
    done = servers.run(UPGRADE, REVISION="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert query(servers, "prefect", "SELECT version_num FROM alembic_version") == newest
    assert query(servers, "mlflow", "SELECT count(*) FROM runs") == runs
    [dump] = backups.iterdir()
    assert {each.name for each in dump.iterdir()} == {"prefect.dump", "mlflow.dump", "mlflow_auth.dump", "schemas"}
    assert f"prefect alembic_version {older}" in (dump / "schemas").read_text()


def test_a_rollback_puts_the_dump_back_only_if_the_schema_moved_and_only_a_fresh_one(servers: Live) -> None:
    """Goes on from the upgrade above: the dump of revision 1 has the older schema."""
    backups = servers.folder / "backups"
    [dump] = backups.glob("*-r1")
    older = (dump / "schemas").read_text()
    query(servers, "mlflow", "CREATE TABLE left_by_a_newer_version (x int)")
    tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'left_by_a_newer_version'"
    an_hour_ago = time.time() - 3700
    os.utime(dump / "schemas", (an_hour_ago, an_hour_ago))
    stale = servers.run(ROLLBACK, REVISION="1")
    assert stale.returncode == 1
    assert "would lose all runs since" in stale.stderr
    assert query(servers, "mlflow", tables) == "1"
    os.utime(dump / "schemas")
    done = servers.run(ROLLBACK, REVISION="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert query(servers, "mlflow", tables) == "0"
    assert f"prefect alembic_version {query(servers, 'prefect', 'SELECT version_num FROM alembic_version')}\n" in older
    assert len(list(backups.glob("*-before-rollback"))) == 1
    again = servers.run(ROLLBACK, REVISION="1")
    assert "nothing to do" in again.stdout
    unknown = servers.run(ROLLBACK, REVISION="0")
    assert unknown.returncode == 1
    assert "No dump" in unknown.stderr
    # Where the upgrade failed before its dump, the rollback that follows must not fail too.
    untouched = servers.run(ROLLBACK, REVISION="9")
    assert untouched.returncode == 0
    assert "nothing has been migrated" in untouched.stdout
    assert servers.run(UPGRADE, REVISION="1").returncode == 0


def test_a_failed_migration_leaves_all_databases_as_they_were_and_the_servers_up(servers: Live) -> None:
    newest, older = set_back(servers)
    good = query(servers, "mlflow", "SELECT version_num FROM alembic_version")
    query(servers, "mlflow", "UPDATE alembic_version SET version_num = 'unknown'")
    done = servers.run(UPGRADE, REVISION="2")
    assert done.returncode == 1
    assert "The databases are as they were" in done.stderr
    # Prefect's migration had gone through before MLflow's failed.
    assert newest in done.stdout + done.stderr or "succeeded" in done.stdout
    assert query(servers, "prefect", "SELECT version_num FROM alembic_version") == older
    assert query(servers, "mlflow", "SELECT version_num FROM alembic_version") == "unknown"
    assert status(servers.here("http://demo-assay-mlflow:5000/health")) == 200
    query(servers, "mlflow", f"UPDATE alembic_version SET version_num = '{good}'")
    assert servers.run(UPGRADE, REVISION="2").returncode == 0
    env = servers.env("Pod demo-assay-test")
    account = f"{env['MLFLOW_TRACKING_USERNAME']}:{env['MLFLOW_TRACKING_PASSWORD']}"
    search = servers.here("http://demo-assay-mlflow:5000/api/2.0/mlflow/experiments/search?max_results=1")
    assert status(search, account) == 200
