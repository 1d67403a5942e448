"""Credentials: drawn anew by each install, kept by each upgrade, and never one that somebody else has too."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helm_python
import pytest
import yaml

from tests.helm.rendered import MATRIX, PRODUCTION, Object, chart, render

Credentials = dict[str, dict[str, str]]


def credentials(objects: list[Object]) -> Credentials:
    return {each["metadata"]["name"]: each["stringData"] for each in objects if each["kind"] == "Secret"}


class Cluster(ThreadingHTTPServer):
    """As much of a Kubernetes API as Helm's `lookup` asks for: which kinds there are, and one Secret by name."""

    secrets: Credentials


class _Answer(BaseHTTPRequestHandler):
    server: Cluster

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path == "/api":
            self._say(200, {"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            self._say(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
        elif path == "/api/v1":
            kind = {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret", "verbs": ["get"]}
            self._say(200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": [kind]})
        elif path == f"/api/v1/namespaces/models/secrets/{name}" and name in self.server.secrets:
            data = {key: base64.b64encode(text.encode()).decode() for key, text in self.server.secrets[name].items()}
            self._say(200, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data})
        else:
            self._say(
                404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            )

    def _say(self, status: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    server = Cluster(("127.0.0.1", 0), _Answer)
    server.secrets = {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def in_cluster(cluster: Cluster, *, upgrade: bool) -> Credentials:
    with helm_python.Config(kube_apiserver=f"http://127.0.0.1:{cluster.server_port}", namespace="models") as config:
        how = {"name": "demo", "namespace": "models", "is_install": not upgrade, "is_upgrade": upgrade}
        texts = config.render(chart(), MATRIX["everything-ours"], **how)
    text = next(text for path, text in texts.items() if path.endswith("secrets.yaml"))
    return credentials([each for each in yaml.safe_load_all(text) if each])


def test_two_installs_share_no_credential() -> None:
    one, other = (credentials(render(MATRIX["everything-ours"])) for _ in range(2))
    assert one.keys() == other.keys()
    assert len(one) == 5
    for name, texts in one.items():
        for key, text in texts.items():
            assert len(text) >= 32
            assert text != other[name][key], f"{name}/{key}"


def test_an_upgrade_keeps_every_credential(cluster: Cluster) -> None:
    cluster.secrets = in_cluster(cluster, upgrade=False)
    assert in_cluster(cluster, upgrade=True) == cluster.secrets


def test_an_upgrade_draws_only_what_is_missing(cluster: Cluster) -> None:
    before = in_cluster(cluster, upgrade=False)
    cluster.secrets = {name: dict(texts) for name, texts in before.items() if name != "demo-assay-serving"}
    del cluster.secrets["demo-assay-mlflow"]["secret-key"]
    after = in_cluster(cluster, upgrade=True)
    assert after["demo-assay-serving"] != before["demo-assay-serving"]
    assert after["demo-assay-mlflow"]["secret-key"] != before["demo-assay-mlflow"]["secret-key"]
    assert after["demo-assay-mlflow"]["admin-password"] == before["demo-assay-mlflow"]["admin-password"]
    assert after["demo-assay-postgres"] == before["demo-assay-postgres"]


def test_where_all_are_given_none_is_made() -> None:
    assert credentials(render(PRODUCTION)) == {}


def test_no_credential_leaves_its_secret() -> None:
    objects = render(MATRIX["everything-ours"])
    rest = yaml.safe_dump([each for each in objects if each["kind"] != "Secret"])
    notes = chart().render(MATRIX["everything-ours"], name="demo", namespace="models")["assay/templates/NOTES.txt"]
    for texts in credentials(objects).values():
        for text in texts.values():
            for word in {text, text.partition(":")[2] or text}:
                assert word not in rest
                assert word not in notes
