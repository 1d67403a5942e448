"""Registering: once per model, with its decisions, and everything MLflow's pages show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay.artifacts import Calibration
from assay.errors import RegistryError
from tests.registry.example import Registry, promote, refuse

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


def versions(mlflow: Registry) -> list[int]:
    return sorted(int(version.version) for version in mlflow.client.search_model_versions("name = 'adult'"))


def holder(mlflow: Registry) -> int | None:
    found = mlflow.client.search_registered_models("name = 'adult'")
    return found[0].aliases.get("champion") if found else None


def tags(mlflow: Registry, version: int) -> dict[str, str]:
    return dict(mlflow.client.get_model_version("adult", str(version)).tags)


def test_a_promoted_model_is_registered_and_gets_the_alias(mlflow: Registry) -> None:
    model = mlflow.model(1)
    registered = mlflow.register(model, promote())
    assert (registered.name, registered.version, registered.holds_alias) == ("adult", 1, True)
    assert registered.model_sha256 == model.sha256
    assert registered.uri == "models:/adult/1"
    assert holder(mlflow) == 1


def test_a_refused_model_is_registered_and_never_moves_the_alias(mlflow: Registry) -> None:
    mlflow.register(mlflow.model(1), promote())
    refused = mlflow.register(mlflow.model(2), refuse(over=1))
    assert (refused.version, refused.holds_alias) == (2, False)
    assert holder(mlflow) == 1
    assert tags(mlflow, 2)["assay.outcome"] == "refuse"


def test_the_same_model_is_one_version_however_often_it_is_registered(mlflow: Registry) -> None:
    model, run_id = mlflow.model(1), mlflow.run()
    first = mlflow.register(model, promote(), run_id=run_id)
    again = mlflow.register(model, promote(), run_id=run_id)
    from_another_run = mlflow.register(model, promote())
    assert first == again == from_another_run
    assert versions(mlflow) == [1]
    assert sum(key.startswith("assay.decision.") for key in tags(mlflow, 1)) == 1


def test_a_new_calibration_of_the_same_model_is_a_new_version(mlflow: Registry) -> None:
    model = mlflow.model(1)
    mlflow.register(model, promote())
    other = mlflow.register(model, promote(reason="again"), calibration=Calibration(threshold=0.7))
    assert (other.version, other.holds_alias) == (2, True)


def test_every_decision_is_kept_and_holds_the_digest_of_the_one_before(mlflow: Registry) -> None:
    model = mlflow.model(1)
    for decision in (refuse(reason="a"), refuse(reason="b"), promote()):
        mlflow.register(model, decision)
    records = [json.loads(tags(mlflow, 1)[f"assay.decision.{number:04d}"]) for number in (1, 2, 3)]
    assert [record["decision"]["reason"] for record in records] == ["a", "b", "Every gate passed."]
    assert records[0]["previous"] == ""
    assert len({record["previous"] for record in records}) == 3
    assert holder(mlflow) == 1


@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_a_decision_record_that_was_changed_afterwards_is_an_error(mlflow: Registry, damage: str) -> None:
    model = mlflow.model(1)
    mlflow.register(model, refuse(reason="a"))
    mlflow.register(model, promote())
    key = "assay.decision.0001"
    if damage == "deleted":
        mlflow.client.delete_model_version_tag("adult", "1", key)
    else:
        mlflow.client.set_model_version_tag("adult", "1", key, tags(mlflow, 1)[key].replace("refuse", "promote"))
    with pytest.raises(RegistryError, match="decision records"):
        mlflow.champion()
    with pytest.raises(RegistryError, match="decision records"):
        mlflow.register(model, refuse(reason="c"))


def test_a_promotion_against_another_champion_than_todays_is_refused(mlflow: Registry) -> None:
    mlflow.register(mlflow.model(1), promote())
    with pytest.raises(RegistryError, match=r"against no champion.*held by version 1.*Run the same command again"):
        mlflow.register(mlflow.model(2), promote(over=0))
    assert holder(mlflow) == 1
    assert versions(mlflow) == [1, 2]
    assert mlflow.register(mlflow.model(2), promote(over=1)).holds_alias
    assert holder(mlflow) == 2


def test_a_retry_after_another_promotion_does_not_take_the_alias_back(mlflow: Registry) -> None:
    first, second = mlflow.model(1), mlflow.model(2)
    mlflow.register(first, promote())
    mlflow.register(second, promote(over=1))
    assert not mlflow.register(first, promote()).holds_alias
    assert holder(mlflow) == 2


def test_a_champion_that_is_judged_again_keeps_the_alias_whatever_is_decided(mlflow: Registry) -> None:
    model = mlflow.model(1)
    mlflow.register(model, promote())
    assert mlflow.register(model, refuse()).holds_alias
    assert mlflow.register(model, promote(reason="a gate was edited")).holds_alias


STEPS = [
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "create_registered_model",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_alias",
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_registration_that_was_killed_anywhere_ends_well_when_it_is_repeated(
    mlflow: Registry, monkeypatch: pytest.MonkeyPatch, step: str, moment: str
) -> None:
    from mlflow import MlflowClient

    real = getattr(MlflowClient, step)

    def killed(*args: object, **kwargs: object) -> None:
        if moment == "after":
            real(*args, **kwargs)
        raise KeyboardInterrupt

    model, run_id = mlflow.model(1), mlflow.run()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, killed)
        with pytest.raises(KeyboardInterrupt):
            mlflow.register(model, promote(), run_id=run_id)
    champion = mlflow.champion()
    assert champion is None or champion.model == model
    assert mlflow.register(model, promote(), run_id=run_id).holds_alias
    assert versions(mlflow) == [1]
    assert len(mlflow.client.search_logged_models([mlflow.client.get_run(run_id).info.experiment_id])) == 1
    assert sum(key.startswith("assay.decision.") for key in tags(mlflow, 1)) == 1


def test_many_that_register_the_same_model_at_once_make_one_version(mlflow: Registry) -> None:
    model, run_id = mlflow.model(1), mlflow.run()
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: mlflow.register(model, promote(), run_id=run_id), range(6)))
    assert {result.version for result in results} == {1}
    assert versions(mlflow) == [1]


def test_the_version_carries_what_a_reviewer_looks_for(mlflow: Registry) -> None:
    run_id = mlflow.run()
    mlflow.register(mlflow.model(1), promote(), run_id=run_id, example={"age": 39})
    client = mlflow.client
    version = client.get_model_version("adult", "1")
    assert version.run_id == run_id
    assert "**Promoted.** Every gate passed." in version.description
    assert "* **PASS** accuracy \\| test: 0.87 \\>= 0.86" in version.description
    assert "* test accuracy **0.87** (0.86 to 0.88, 95%, wilson)" in version.description
    (output,) = client.get_run(run_id).outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert logged.params["family"] == "mlp"
    assert logged.status == "READY"
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": "adult", "version": 1}]
    assert "champion" in client.get_registered_model("adult").description


def test_mlflow_reads_signature_and_example_and_needs_no_pickle(mlflow: Registry, tmp_path: Path) -> None:
    from mlflow.models import Model

    mlflow.register(mlflow.model(1), promote(), example={"age": 39})
    folder = Path(mlflow.client.get_model_version_download_uri("adult", "1").removeprefix("file://"))
    saved = Model.load(str(folder))
    assert [str(kind) for kind in saved.signature.inputs.input_types()] == [
        "Any", "Any", "Any", "Any", "DataType.datetime", "Any"
    ]  # fmt: skip
    assert saved.metadata["columns"]["hours"] == "int64"
    assert saved.signature.outputs.input_names() == ["prediction", "p_<=50K", "p_>50K"]
    example = saved.load_input_example(str(folder))
    assert example["age"].tolist() == [39]
    assert example["hours"].tolist() == [0]
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes <= {"", ".json", ".txt", ".yaml", ".safetensors", ".npz", ".npy"}


LOADER = """
from pathlib import Path
from typing import Any
from assay import registry
from assay.store import Store

class Echo:
    def __init__(self, model):
        self.model = model
    def predict(self, frame, params=None):
        return [self.model.family] * len(frame)

def _load_pyfunc(path):
    model, _ = registry.unpack(Path(path), store=Store(Path(path).parent / "unpacked"))
    return Echo(model)
"""


def test_mlflow_loads_the_champion_by_its_alias(
    mlflow: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echo_loader.py").write_text(LOADER)
    monkeypatch.syspath_prepend(tmp_path)
    mlflow.register(mlflow.model(1), promote(), loader="echo_loader")
    code = (
        "import sys, mlflow, pandas as pd\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"mlflow.set_tracking_uri({mlflow.uri!r})\n"
        "loaded = mlflow.pyfunc.load_model('models:/adult@champion')\n"
        "frame = pd.DataFrame({'age': [39, 50], 'hours': [40.0, None], 'fare': [1.0, 2.0], 'job': ['a', None],\n"
        "    'since': pd.to_datetime(['2020-01-01', None]), 'member': [True, False]})\n"
        "print(loaded.predict(frame), len(loaded.input_example))\n"
    )
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | settings)
    assert done.stdout.split("\n")[0] == "['mlp', 'mlp'] 1", done.stderr


def test_an_mlflow_that_is_out_of_reach_is_one_clear_error_and_soon(mlflow: Registry) -> None:
    model, run_id = mlflow.model(1), mlflow.run()
    gone = "http://me:geheim@127.0.0.1:9"
    started = time.monotonic()
    with pytest.raises(RegistryError, match="Nothing is lost") as raised:
        mlflow.register(model, promote(), run_id=run_id, uri=gone)
    assert time.monotonic() - started < 30, "the client of MLflow would try for minutes"
    assert "geheim" not in str(raised.value)
    assert "http://me:***@127.0.0.1:9" in str(raised.value)


def test_a_registration_loads_no_model_and_infers_nothing(mlflow: Registry) -> None:
    mlflow.register(mlflow.model(1), promote())
    model, run_id = mlflow.model(2), mlflow.run()
    called: set[str] = set()

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            called.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}")

    sys.setprofile(note)
    try:
        mlflow.register(model, promote(over=1), run_id=run_id)
    finally:
        sys.setprofile(None)
    assert any(name.startswith("assay.registry.") for name in called)
    slow = ("mlflow.pyfunc.load_model", "infer_pip_requirements", "_capture_imported_modules", "infer_signature")
    assert not [name for name in called if name.endswith(slow)]
