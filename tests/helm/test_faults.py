"""Mistakes that a chart may have, put into this one; each must be caught. Schemas alone let half of them pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import kubernetes_validate
import pytest

from tests.helm import crossref
from tests.helm.rendered import MATRIX, THEIRS, Object, whole
from tests.helm.test_chart import CRDS, custom_schema, is_custom

Objects = list[Object]
Fault = Callable[[Objects], None]


@cache
def _sound() -> Objects:
    return whole(MATRIX["everything-ours"])


def get(objects: Objects, kind: str, name: str) -> Object:
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == f"demo-assay-{name}"]
    return found


def pod(objects: Objects, kind: str, name: str) -> Object:
    spec: Object = get(objects, kind, name)["spec"]["template"]["spec"]
    return spec


def box(objects: Objects, kind: str, name: str) -> Object:
    container: Object = pod(objects, kind, name)["containers"][0]
    return container


def ray(objects: Objects) -> Object:
    spec: Object = get(objects, "RayCluster", "ray")["spec"]
    return spec


def drop_rule(objects: Objects, name: str, way: str, peer: str) -> None:
    spec = get(objects, "NetworkPolicy", name)["spec"]
    spec[way] = [rule for rule in spec[way] if peer not in str(rule)]


FAULTS: dict[str, Fault] = {
    # what a schema sees
    "a misspelt field": lambda o: box(o, "Deployment", "mlflow").update(imagePullPolices="Always"),
    "text for a number": lambda o: get(o, "Deployment", "prefect")["spec"].update(replicas="one"),
    "a field at the wrong depth": lambda o: get(o, "Deployment", "prefect")["spec"].update(containers=[]),
    # what only two objects together show
    "a Service that selects nobody": lambda o: get(o, "Service", "mlflow")["spec"]["selector"].update(
        {"app.kubernetes.io/component": "ml-flow"}
    ),
    "a Deployment that does not know its pods": lambda o: get(o, "Deployment", "mlflow")["spec"]["selector"][
        "matchLabels"
    ].update({"app.kubernetes.io/component": "x"}),
    "a port by another name": lambda o: get(o, "Service", "prefect")["spec"]["ports"][0].update(targetPort="api"),
    "a probe of a port that is not there": lambda o: box(o, "Deployment", "prefect")["livenessProbe"]["httpGet"].update(
        port=4201
    ),
    "two ports of one name": lambda o: box(o, "Deployment", "mlflow")["ports"].append(
        {"name": "http", "containerPort": 5001}
    ),
    "a mount without a volume": lambda o: box(o, "Deployment", "mlflow")["volumeMounts"].append(
        {"name": "cache", "mountPath": "/cache"}
    ),
    "a volume without a mount": lambda o: pod(o, "Deployment", "mlflow")["volumes"].append(
        {"name": "left", "emptyDir": {}}
    ),
    "a claim that nobody made": lambda o: pod(o, "Deployment", "mlflow")["volumes"][-1].update(
        persistentVolumeClaim={"claimName": "demo-artefacts"}
    ),
    "a claim that an install binds to nothing": lambda o: o.append(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "spare"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    ),
    "two mounts at one place": lambda o: box(o, "Deployment", "mlflow")["volumeMounts"].append(
        {"name": "tmp", "mountPath": "/tmp"}
    ),
    "a Secret that is not there": lambda o: box(o, "Deployment", "mlflow")["env"][-1].update(
        valueFrom={"secretKeyRef": {"name": "demo-assay-lost", "key": "mlflow-url"}}
    ),
    "a key that a Secret has not": lambda o: get(o, "Secret", "prefect")["stringData"].pop("auth-string"),
    "a password in plain sight": lambda o: box(o, "Deployment", "prefect")["env"].append(
        {"name": "PGPASSWORD", "value": "hunter2"}
    ),
    "a password in an address": lambda o: box(o, "Deployment", "prefect")["env"].append(
        {"name": "STORE", "value": "postgresql://me:hunter2@db/x"}
    ),
    "a variable twice": lambda o: box(o, "Deployment", "prefect")["env"].append({"name": "HOME", "value": "/"}),
    "an account that is not there": lambda o: pod(o, "Deployment", "mlflow").update(serviceAccountName="mlflow"),
    "a token for who has nothing to ask": lambda o: pod(o, "Deployment", "mlflow").update(
        automountServiceAccountToken=True
    ),
    "a right to everything": lambda o: get(o, "Role", "prefect-worker")["rules"][0].update(verbs=["*"]),
    "a right to read Secrets": lambda o: get(o, "Role", "prefect-worker")["rules"].append(
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    ),
    "a binding to no role": lambda o: get(o, "RoleBinding", "prefect-worker")["roleRef"].update(name="admin"),
    "a quantity that is none": lambda o: box(o, "Deployment", "mlflow")["resources"]["limits"].update(memory="1GB"),
    "asking for more than the limit": lambda o: box(o, "Deployment", "mlflow")["resources"]["requests"].update(
        memory="64Gi"
    ),
    "no limit of memory": lambda o: box(o, "Deployment", "mlflow")["resources"]["limits"].pop("memory"),
    "an object twice": lambda o: o.append(copy.deepcopy(get(o, "Service", "mlflow"))),
    "a name that is no DNS name": lambda o: get(o, "Service", "mlflow")["metadata"].update(name="Demo_mlflow"),
    "a label too long": lambda o: get(o, "Service", "mlflow")["metadata"]["labels"].update(a="b" * 64),
    "min above max": lambda o: get(o, "HorizontalPodAutoscaler", "serve-income")["spec"].update(minReplicas=50),
    "more workers than at most": lambda o: ray(o)["workerGroupSpecs"][0].update(replicas=99),
    "an autoscaler of nothing": lambda o: get(o, "HorizontalPodAutoscaler", "serve-income")["spec"][
        "scaleTargetRef"
    ].update(name="income"),
    "an autoscaler that each upgrade overrules": lambda o: get(o, "Deployment", "serve-income")["spec"].update(
        replicas=2
    ),
    "a budget for nobody": lambda o: get(o, "PodDisruptionBudget", "mlflow")["spec"]["selector"]["matchLabels"].update(
        {"app.kubernetes.io/component": "x"}
    ),
    "a monitor of no Service": lambda o: get(o, "ServiceMonitor", "serving")["spec"]["selector"]["matchLabels"].update(
        {"assay/serves": "x"}
    ),
    "a monitor of no port": lambda o: get(o, "ServiceMonitor", "serving")["spec"]["endpoints"][0].update(port="web"),
    "a server without a probe": lambda o: box(o, "Deployment", "mlflow").pop("readinessProbe"),
    "root": lambda o: pod(o, "Deployment", "mlflow")["securityContext"].pop("runAsNonRoot"),
    "a capability": lambda o: box(o, "Job", "database-upgrade")["securityContext"].update(
        capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}
    ),
    "a root file system that is written to": lambda o: ray(o)["headGroupSpec"]["template"]["spec"]["containers"][0][
        "securityContext"
    ].pop("readOnlyRootFilesystem"),
    "a privileged sidecar": lambda o: ray(o)["autoscalerOptions"].pop("securityContext"),
    "the network of the node": lambda o: pod(o, "Deployment", "mlflow").update(hostNetwork=True),
    "the disk of the node": lambda o: pod(o, "Deployment", "mlflow")["volumes"][0].update(hostPath={"path": "/"}),
    "the image latest": lambda o: box(o, "Deployment", "mlflow").update(image="registry:5000/assay:latest"),
    "an image without a tag": lambda o: box(o, "Deployment", "mlflow").update(image="registry:5000/assay"),
    "an address with another port": lambda o: box(o, "Deployment", "prefect-worker")["env"].append(
        {"name": "X", "value": "http://demo-assay-prefect:4300/api"}
    ),
    "an address of nobody": lambda o: box(o, "Deployment", "prefect-worker")["env"].append(
        {"name": "X", "value": "http://demo-mlflow:5000"}
    ),
    "a flow that may not go out": lambda o: drop_rule(o, "mlflow", "egress", "postgres"),
    "a flow that is not let in": lambda o: drop_rule(o, "prefect", "ingress", "prefect-worker"),
    "workers of Ray that may not speak": lambda o: drop_rule(o, "ray-worker", "ingress", "ray-worker"),
    "a pod under no policy": lambda o: o.remove(get(o, "NetworkPolicy", "flow")),
    "no default": lambda o: o.remove(get(o, "NetworkPolicy", "default-deny")),
    "a hook that reads what is not there yet": lambda o: get(o, "ConfigMap", "database-job")["metadata"].pop(
        "annotations"
    ),
    "Ray without a token": lambda o: ray(o)["authOptions"].update(mode="disabled"),
    "a run's pod as root": lambda o: o[-1]["spec"]["template"]["spec"].pop("securityContext"),
    "YAML in a map that is none": lambda o: get(o, "ConfigMap", "deployments")["data"].update({"a.yaml": "a: [1"}),
}
# What only an operator's own schema sees.
CUSTOM_FAULTS: dict[str, Fault] = {
    "a misspelt field of Ray": lambda o: ray(o).update(enableInTreeAutoscalling=True),
    "a count as text": lambda o: ray(o)["workerGroupSpecs"][0].update(maxReplicas="four"),
    "a number where Ray wants text": lambda o: ray(o)["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
}


def by_schema(objects: Objects) -> list[str]:
    """What the schemas of Kubernetes say against `objects`."""
    found = []
    for each in objects:
        if not is_custom(each) and each not in _sound():
            try:
                kubernetes_validate.validate(each, "1.34", strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(error.message)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(fault: str) -> None:
    objects = copy.deepcopy(_sound())
    FAULTS[fault](objects)
    assert objects != _sound()
    assert by_schema(objects) or crossref.problems(objects, THEIRS)


@pytest.mark.parametrize("fault", CUSTOM_FAULTS)
def test_a_fault_in_a_custom_resource_is_caught(fault: str) -> None:
    if not CRDS.is_dir():
        pytest.skip("the schemas of KubeRay are beside ASSAY_TEST_DATA, which is not set or has none")
    objects = copy.deepcopy(_sound())
    schema = custom_schema("RayCluster")
    assert schema.is_valid(get(objects, "RayCluster", "ray"))
    CUSTOM_FAULTS[fault](objects)
    assert not schema.is_valid(get(objects, "RayCluster", "ray"))


def test_schemas_alone_would_let_most_of_them_pass() -> None:
    """Why the cross-reference check is there: what it costs is worth it."""
    missed = []
    for name, fault in FAULTS.items():
        objects = copy.deepcopy(_sound())
        fault(objects)
        if not by_schema(objects):
            missed.append(name)
    assert len(missed) > len(FAULTS) / 2
