"""The chart as Kubernetes would be given it: values, rendered, as objects."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

FOLDER = Path(__file__).parents[2] / "helm/assay"
Object = dict[str, Any]
RESOURCES = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
SERVED = {"models": [{"name": "income", "model": "adult"}, {"name": "price", "model": "diamonds", "minReplicas": 1}]}
NIGHTLY = {"name": "nightly", "spec": "adult.yaml", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
SPECS = {"adult.yaml": "version: 1\nname: adult\n"}
PRODUCTION = {
    "image": {"repository": "registry.example.com/assay", "digest": "sha256:" + "a" * 64},
    "imagePullSecrets": ["pull"],
    "specs": SPECS,
    "home": {"existingClaim": "shared-home"},
    "postgres": {"enabled": False},
    "database": {"existingSecret": "our-database", "backup": {"storageClassName": "fast"}},
    "s3": {"enabled": True, "existingSecret": "our-bucket", "endpoint": "https://s3.example.com"},
    "prefect": {
        "existingSecret": "our-prefect",
        "publicUrl": "https://prefect.example.com",
        "worker": {"replicas": 2},
        "deployments": [NIGHTLY, {"name": "weekly", "spec": "adult.yaml", "overrides": ["seed=1"]}],
    },
    "mlflow": {
        "existingSecret": "our-mlflow",
        "allowedHosts": ["mlflow.example.com"],
        "publicUrl": "https://mlflow.example.com",
        "artifacts": {"destination": "s3://models/mlflow"},
    },
    "ray": {
        "existingSecret": "our-ray",
        "gcsFaultTolerance": {"enabled": True, "redisAddress": "redis.example.com:6379", "existingSecret": "our-redis"},
        "workerGroups": [
            {"name": "cpu", "minReplicas": 1, "maxReplicas": 8, "resources": RESOURCES},
            {
                "name": "gpu",
                "minReplicas": 0,
                "maxReplicas": 2,
                "image": {"tag": "0.1.0-gpu", "digest": ""},
                "resources": {
                    "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": 1},
                    "limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": 1},
                },
                "nodeSelector": {"accelerator": "h100"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            },
        ],
    },
    "serving": {"existingSecret": "our-keys", **SERVED},
    "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "pagesFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
        "servingFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}],
        "s3": {"cidrs": ["203.0.113.0/24"], "ports": [443]},
    },
    "disruption": {"protectSingletons": True},
    "serviceAccounts": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/models"}},
}
# Secrets and claims that are there before the chart is: which keys they have.
THEIRS = {
    "our-database": {"prefect-url", "mlflow-url", "mlflow-auth-url"},
    "our-bucket": {"access-key-id", "secret-access-key"},
    "our-prefect": {"auth-string"},
    "our-mlflow": {"admin-password", "secret-key"},
    "our-ray": {"auth_token"},
    "our-redis": {"redis-password"},
    "our-keys": {"api-key"},
    "pull": {".dockerconfigjson"},
    "shared-home": set(),
}
MATRIX: dict[str, dict[str, Any]] = {
    "trial": {},
    "trial-serving": {"serving": SERVED, "specs": SPECS, "prefect": {"deployments": [NIGHTLY]}},
    "production": PRODUCTION,
    "no-ray": {"ray": {"enabled": False}, "monitoring": {"enabled": True}},
    "fixed-ray": {"ray": {"autoscaling": {"enabled": False}}, "monitoring": {"enabled": True}},
    "bucket-by-identity": {"s3": {"enabled": True}, "mlflow": {"artifacts": {"destination": "s3://models"}}},
    "no-backup": {"database": {"backup": {"enabled": False}}, "smokeTest": {"enabled": False}},
    "open-network": {"networkPolicy": {"enabled": False}, "serving": SERVED},
    "everything-ours": {"s3": {"enabled": True}, "serving": SERVED, "monitoring": {"enabled": True}},
}


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(FOLDER)


def render(values: dict[str, Any], *, name: str = "demo", upgrade: bool = False, revision: int = 1) -> list[Object]:
    """Every object of a release, hooks and tests included."""
    given = {"name": name, "namespace": "models", "revision": revision}
    texts = chart().render(values, **given, is_install=not upgrade, is_upgrade=upgrade)
    files = {path: text for path, text in sorted(texts.items()) if not path.endswith((".txt", ".tpl"))}
    return [each for text in files.values() for each in yaml.safe_load_all(text) if each]


def flow_job(objects: list[Object]) -> Object:
    """The Job of a flow run, as Prefect's worker makes it from the template that it is given."""
    [data] = [each["data"] for each in objects if each["kind"] == "ConfigMap" and "job.yaml" in each["data"]]
    job: Object = yaml.safe_load(data["job.yaml"])["job_configuration"]["job_manifest"]
    for dropped in ("completions", "parallelism"):
        del job["spec"]["template"]["spec"][dropped]
    del job["metadata"]["generateName"]
    job["metadata"] |= {"name": "a-run", "labels": {}}
    return job


def whole(values: dict[str, Any], **how: Any) -> list[Object]:
    """Every object of a release, and the Job of a flow run."""
    objects = render(values, **how)
    return [*objects, flow_job(objects)]
