"""The chart, rendered over a matrix of values, held against everything that can be asked without a cluster."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest

from tests.helm import crossref
from tests.helm.rendered import FOLDER, MATRIX, THEIRS, Object, chart, flow_job, render, whole
from tests.helm.summary import summary

VERSIONS = ("1.28", "1.31", "1.34", "1.37")
# The package reads its schemas, of a megabyte each, anew for every object.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)
seen_valid: set[str] = set()  # most objects are the same whatever the values
GOLDENS = Path(__file__).parent / "goldens"
DATA = os.environ.get("ASSAY_TEST_DATA")
CRDS = Path(DATA).parent / "kuberay-crds" if DATA else Path("/nowhere")


def is_custom(made: Object) -> bool:
    """Of a kind that an operator brings, not Kubernetes."""
    return made["apiVersion"].split("/")[0] in ("ray.io", "monitoring.coreos.com")


@cache
def custom_schema(kind: str) -> Any:
    """A custom resource's schema, made as strict as an API server with `--validate=strict` is."""
    versions = json.loads((CRDS / f"{kind}.json").read_text())["versions"]
    return jsonschema.Draft202012Validator(_strict(versions["v1"]))


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: _strict(value) for key, value in schema.items()}
    if out.get("x-kubernetes-int-or-string"):
        out["type"] = ["string", "integer"]
    if "properties" in out and not out.get("x-kubernetes-preserve-unknown-fields"):
        out.setdefault("additionalProperties", False)
    return out


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MATRIX)
def test_the_strict_linter_finds_nothing(name: str, version: str) -> None:
    report = helm_python.lint(FOLDER, MATRIX[name], strict=True, namespace="models", kube_version=f"v{version}.0")
    assert not report["errors"]
    assert [each["error"] for each in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("upgrade", [False, True], ids=["install", "upgrade"])
@pytest.mark.parametrize("name", MATRIX)
def test_every_object_fits_the_schema_of_several_kubernetes_versions(name: str, upgrade: bool) -> None:
    for made in whole(MATRIX[name], upgrade=upgrade, revision=2 if upgrade else 1):
        text = json.dumps(made)
        if not is_custom(made) and text not in seen_valid:
            for version in VERSIONS:
                kubernetes_validate.validate(made, version, strict=True)
            seen_valid.add(text)


@pytest.mark.parametrize("name", MATRIX)
def test_what_the_operators_are_given_fits_their_schemas(name: str) -> None:
    if not CRDS.is_dir():
        pytest.skip("the schemas of KubeRay are beside ASSAY_TEST_DATA, which is not set or has none")
    made = [each for each in render(MATRIX[name]) if each["apiVersion"].startswith("ray.io/")]
    assert len(made) == (0 if name == "no-ray" else 1)
    for each in made:
        custom_schema(each["kind"]).validate(each)


@pytest.mark.parametrize("upgrade", [False, True], ids=["install", "upgrade"])
@pytest.mark.parametrize("name", MATRIX)
def test_the_objects_agree_with_each_other(name: str, upgrade: bool) -> None:
    assert crossref.problems(whole(MATRIX[name], upgrade=upgrade, revision=7), THEIRS) == []


@pytest.mark.parametrize("name", ["a", "assay", "a-name-of-fifty-three-characters-which-is-the-most-ok"])
def test_any_name_of_a_release_will_do(name: str) -> None:
    assert crossref.problems(whole(MATRIX["everything-ours"], name=name), THEIRS) == []


@pytest.mark.parametrize("name", ["trial", "production"])
def test_a_change_of_what_runs_is_seen_in_review(name: str) -> None:
    """Written anew by `UPDATE_GOLDENS=1 pytest tests/helm`; its diff is what a reviewer reads."""
    golden, found = GOLDENS / f"{name}.txt", summary(whole(MATRIX[name]))
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(found)
    assert found == golden.read_text()


def test_the_worker_of_prefect_makes_the_job_that_was_checked() -> None:
    """Prefect's own code fills in the template; what it adds are its labels and its settings, not a new shape."""
    from uuid import uuid4

    import yaml
    from prefect.client.schemas.objects import FlowRun
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    objects = render(MATRIX["trial-serving"])
    [data] = [each["data"] for each in objects if each["kind"] == "ConfigMap" and "job.yaml" in each["data"]]
    template = yaml.safe_load(data["job.yaml"])
    schema = template["variables"]
    assert schema["type"] == "object"
    filled = template["job_configuration"] | {"name": "a-run", "labels": {}}
    filled["job_manifest"]["metadata"]["labels"] = {}
    configuration = KubernetesWorkerJobConfiguration(**filled)
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="swift-otter"))
    made = configuration.job_manifest
    for dropped in ("completions", "parallelism"):
        del made["spec"]["template"]["spec"][dropped]
    kubernetes_validate.validate(made, "1.34", strict=True)
    [ours], [theirs] = (each["spec"]["template"]["spec"]["containers"] for each in (flow_job(objects), made))
    assert {each["name"]: each for each in theirs["env"]}.items() >= {
        each["name"]: each for each in ours["env"] if each["name"] not in ("PREFECT_HOME", "PREFECT_API_URL")
    }.items()
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert crossref.matches({"matchLabels": flow_job(objects)["spec"]["template"]["metadata"]["labels"]}, labels)
    assert made["spec"]["backoffLimit"] == 0
    assert {key: value for key, value in theirs.items() if key not in ("env", "args")} == {
        key: value for key, value in ours.items() if key != "env"
    }


WRONG: dict[str, dict[str, Any]] = {
    "a word that is not known": {"imagee": {}},
    "a word that is not known, further in": {"ray": {"head": {"cpu": 1}}},
    "Ray without a token": {"ray": {"authMode": "disabled"}},
    "the tag latest": {"image": {"tag": "latest"}},
    "a digest that is none": {"image": {"digest": "sha256:abc"}},
    "no database at all": {"postgres": {"enabled": False}},
    "a quantity that is none": {"mlflow": {"resources": {"requests": {"cpu": "200mm", "memory": "1Gi"}}}},
    "no limit of memory": {"serving": {"resources": {"limits": {"memory": None}}}},
    "a size without a unit": {"home": {"size": "20"}},
    "a bucket without S3": {"mlflow": {"artifacts": {"destination": "s3://models"}}},
    "artifacts on the web": {"mlflow": {"artifacts": {"destination": "http://example.com"}}, "s3": {"enabled": True}},
    "a password in an address": {"s3": {"enabled": True, "endpoint": "https://me:secret@s3.example.com"}},
    "a Redis that is nowhere": {"ray": {"gcsFaultTolerance": {"enabled": True}}},
    "more at least than at most": {"serving": {"models": [{"name": "a", "model": "b", "minReplicas": 9}]}},
    "more workers at least than at most": {
        "ray": {"workerGroups": [{**chart().values["ray"]["workerGroups"][0], "minReplicas": 9}]}
    },
    "none at least": {"serving": {"models": [{"name": "a", "model": "b", "minReplicas": 0}]}},
    "a name with capitals": {"serving": {"models": [{"name": "Income", "model": "b"}]}},
    "a command in a name": {"serving": {"models": [{"name": "a", "model": "b; rm -rf /"}]}},
    "a schedule that is none": {"prefect": {"deployments": [{"name": "a", "spec": "a.yaml", "cron": "daily"}]}},
    "a spec that is not there": {"prefect": {"deployments": [{"name": "a", "spec": "a.yaml"}]}},
    "a Secret with a slash": {"prefect": {"existingSecret": "../other"}},
    "text for a number": {"smokeTest": {"enabled": "yes"}},
    "a network that is none": {"networkPolicy": {"s3": {"cidrs": ["everywhere"]}}},
    "a port that is none": {"networkPolicy": {"s3": {"ports": [70000]}}},
    "no ports at all": {"networkPolicy": {"database": {"ports": []}}},
}


@pytest.mark.parametrize("name", WRONG)
def test_values_are_refused_that_are(name: str) -> None:
    with pytest.raises(helm_python.HelmError):
        render(WRONG[name])
