"""Ray's own schemas, held against its files here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.rendered import MATRIX, render
from tests.helm.test_chart import CRDS, custom_schema

RAY = Path(__file__).parents[2] / "infra/ray"


def test_the_cluster_of_machines_fits_the_schema_of_ray_and_asks_for_a_token() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    said: dict[str, Any] = yaml.safe_load((RAY / "cluster.yaml").read_text())
    validate_config(prepare_config(said))  # what `ray up` does first
    assert "--env=RAY_AUTH_MODE=token" in said["docker"]["run_options"]
    starts = [*said["head_start_ray_commands"], *said["worker_start_ray_commands"]]
    assert any("--dashboard-host=127.0.0.1" in each for each in starts)


def test_a_job_fits_the_schema_of_kuberay_and_finds_the_cluster_of_the_chart() -> None:
    job = yaml.safe_load((RAY / "rayjob.yaml").read_text())
    [cluster] = [each for each in render(MATRIX["trial"]) if each["kind"] == "RayCluster"]
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    if not CRDS.is_dir():
        pytest.skip("the schemas of KubeRay are beside ASSAY_TEST_DATA, which is not set or has none")
    custom_schema("RayJob").validate(job)
