"""compose.yaml, held against what an engine would refuse and against what it promises."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parents[2] / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TEXT = (INFRA / "compose.yaml").read_text()
PORTS = {"postgres": 5432, "prefect": 4200, "mlflow": 5000, "s3": 8333, "ray-head": 6379}


def test_all_that_is_named_is_there() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}, which never says that it is well"
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (INFRA / source).exists(), f"{name}: {source}"
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= mounted


def test_every_address_is_a_service_on_a_network_that_is_shared() -> None:
    found = 0
    for name, service in SERVICES.items():
        words = [*service.get("command", []), *map(str, service["environment"].values())]
        texts = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in words]
        for host, port in re.findall(r"(?:://|@|address=)(?:\w+:\$\{\w+\}@)?([a-z][-a-z0-9]*):(\d+)", "\n".join(texts)):
            if host == "localhost":
                continue
            assert PORTS[host] == int(port), f"{name} -> {host}:{port}"
            assert set(service["networks"]) & set(SERVICES[host]["networks"]), f"{name} cannot reach {host}"
            found += 1
    assert found == 13


def test_nothing_listens_beyond_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert COMPOSE["networks"]["data"] == {"internal": True}


def test_every_service_is_held_back() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "mem_limit" in service, name
        assert not {"privileged", "network_mode", "pid"} & set(service), name
        assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", service["image"]), name


def test_the_credentials_are_made_and_none_is_a_default() -> None:
    made = subprocess.run([INFRA / "secrets.sh"], capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.partition("=")[0] for line in made}
    asked = set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert names == asked
    used = set(re.findall(r"\$\{(\w+)[^}]*\}", TEXT)) - {"S3_ENDPOINT", "S3_REGION"}
    assert used == asked
    assert all(len(line.rpartition(":")[2].partition("=")[2] or line.rpartition(":")[2]) >= 40 for line in made)
    again = subprocess.run([INFRA / "secrets.sh"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert not set(made) & set(again)
    for service in SERVICES.values():
        for key, value in service["environment"].items():
            if re.search(r"PASSWORD|TOKEN|SECRET|AUTH_STRING|ACCESS_KEY", key):
                assert str(value).startswith("${"), key


def test_the_image_is_that_of_the_chart() -> None:
    version = yaml.safe_load((INFRA.parent / "helm/assay/Chart.yaml").read_text())["appVersion"]
    values = yaml.safe_load((INFRA.parent / "helm/assay/values.yaml").read_text())
    assert SERVICES["mlflow"]["image"] == f"{values['image']['repository']}:{version}"
    postgres = values["postgres"]["image"]
    assert SERVICES["postgres"]["image"] == f"{postgres['repository']}:{postgres['tag']}"
