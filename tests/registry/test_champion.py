"""The champion: found by its alias, every byte checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay import registry
from assay.artifacts import Calibration
from assay.errors import RegistryError
from assay.store import Store
from tests.registry.example import Registry, promote, refuse

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


def bundle(mlflow: Registry, version: int = 1) -> Path:
    """The folder in which MLflow keeps the files of a version."""
    uri = mlflow.client.get_model_version_download_uri("adult", str(version))
    return Path(uri.removeprefix("file://"))


def test_there_is_no_champion_before_the_first_promotion(mlflow: Registry) -> None:
    assert mlflow.champion() is None
    mlflow.register(mlflow.model(1), refuse())
    assert mlflow.champion() is None


def test_the_champion_comes_back_as_it_was_registered(mlflow: Registry) -> None:
    model = mlflow.model(1)
    mlflow.register(model, promote(), calibration=Calibration(temperature=1.3, threshold=0.4))
    champion = mlflow.champion()
    assert champion is not None
    assert (champion.name, champion.version, champion.model) == ("adult", 1, model)
    assert champion.calibration == Calibration(temperature=1.3, threshold=0.4)
    assert mlflow.store.array(champion.train_hashes).tolist() == [0, 1, 2, 3, 4]


def test_a_champion_whose_bytes_are_in_the_store_is_not_downloaded(mlflow: Registry) -> None:
    mlflow.register(mlflow.model(1), promote())
    for path in bundle(mlflow).rglob("*.*"):
        path.unlink()
    assert mlflow.champion() is not None


def test_a_champion_from_another_machine_is_downloaded_into_the_store(mlflow: Registry, tmp_path: Path) -> None:
    model = mlflow.model(1)
    mlflow.register(model, promote())
    elsewhere = Store(tmp_path / "elsewhere")
    champion = mlflow.champion(store=elsewhere)
    assert champion is not None
    assert champion.model == model
    assert all(elsewhere.holds(blob) for blob in (model.weights, model.preprocessing.arrays, champion.train_hashes))


FILES = [
    "weights.safetensors",
    "model.json",
    "MLmodel",
    "manifest.json",
    "calibration.json",
    "preprocessing/state.json",
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_one_flipped_byte_or_missing_file_is_an_error(mlflow: Registry, tmp_path: Path, name: str, damage: str) -> None:
    mlflow.register(mlflow.model(1), promote())
    path = bundle(mlflow) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data) if damage == "flipped" else path.unlink()
    with pytest.raises(RegistryError):
        mlflow.champion(store=Store(tmp_path / "elsewhere"))


def test_a_manifest_that_leads_out_of_its_folder_is_refused(mlflow: Registry, tmp_path: Path) -> None:
    mlflow.register(mlflow.model(1), promote())
    folder = bundle(mlflow)
    manifest = folder / "manifest.json"
    (folder.parent / "outside.json").write_bytes((folder / "model.json").read_bytes())
    manifest.write_text(manifest.read_text().replace('"model.json":{', '"../outside.json":{'))
    with pytest.raises(RegistryError, match="outside of it"):
        registry.unpack(folder, store=Store(tmp_path / "elsewhere"))


def test_a_model_that_is_judged_again_is_compared_with_the_one_it_beat(mlflow: Registry) -> None:
    first, second = mlflow.model(1), mlflow.model(2)
    mlflow.register(first, promote())
    assert mlflow.champion(excluding=first.sha256) is None
    mlflow.register(second, promote(over=1))
    again = mlflow.champion(excluding=second.sha256)
    assert again is not None
    assert (again.version, again.model) == (1, first)
    other = mlflow.champion(excluding=first.sha256)
    assert other is not None
    assert other.version == 2


def test_a_version_that_assay_did_not_register_is_no_champion(mlflow: Registry) -> None:
    client, run_id = mlflow.client, mlflow.run()
    client.create_registered_model("adult")
    client.create_model_version("adult", "file:///nowhere", run_id=run_id)
    client.set_registered_model_alias("adult", "champion", "1")
    with pytest.raises(RegistryError, match="not registered by assay"):
        mlflow.champion()


def test_a_registry_that_is_out_of_reach_is_an_error_and_not_no_champion(mlflow: Registry) -> None:
    with pytest.raises(RegistryError, match="cannot be used"):
        registry.champion(
            "adult", "champion", uri="http://127.0.0.1:9", home=mlflow.home, store=mlflow.store, excluding=""
        )
