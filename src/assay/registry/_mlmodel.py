"""The files by which MLflow and its tools know a model: MLmodel with a signature, an input example, requirements."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import yaml
from mlflow.models import Model as MlflowModel
from mlflow.models.signature import ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType

from assay.artifacts import Calibration, Column, Model
from assay.registry._example import blank

REQUIREMENTS = ("assay", "mlflow", "numpy", "pandas", "pyarrow", "safetensors", "torch")
BLANKS: dict[str, object] = {
    "long": 0,
    "double": 0.0,
    "boolean": False,
    "datetime": "2000-01-01T00:00:00",
    "string": "",
}


def texts(
    model: Model,
    calibration: Calibration,
    *,
    model_id: str,
    location: str,
    run_id: str,
    example: Mapping[str, object],
    loader: str,
) -> dict[str, str]:
    """The files' names and contents. `example` overrides the blanks of the columns that it names."""
    columns = calibration.inputs(model.preprocessing)
    signal = model.preprocessing.signal
    example = {**({signal.column: blank(signal)} if signal else {}), **example}
    row = [example[column.name] if column.name in example else BLANKS[_type(column)] for column in columns]
    frame = {"columns": [column.name for column in columns], "data": [row]}
    mlmodel = MlflowModel(
        artifact_path=location,
        run_id=run_id,
        model_uuid=model_id,
        model_id=model_id,
        signature=_signature(model, columns),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
        metadata={
            "assay.model_sha256": model.sha256,
            "family": model.family,
            "columns": {column.name: column.arrow_type for column in columns},
        },
    )
    environment = {"virtualenv": "python_env.yaml"}
    mlmodel.add_flavor(
        "python_function", loader_module=loader, python_version=platform.python_version(), env=environment
    )
    return {
        "MLmodel": mlmodel.to_yaml(),
        "requirements.txt": "".join(f"{line}\n" for line in _requirements()),
        "python_env.yaml": yaml.safe_dump(
            {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}, sort_keys=False
        ),
        "input_example.json": json.dumps(frame),
        "serving_input_example.json": json.dumps({"dataframe_split": frame}),
    }


def _signature(model: Model, columns: Sequence[Column]) -> ModelSignature:
    """The raw columns that go in; the prediction and, for classification, the probability of each class come out."""
    target = model.preprocessing.target
    inputs = [ColSpec(_accepted(column), column.name) for column in columns]
    if target.task == "regression":
        outputs = [ColSpec("double", "prediction")]
    else:
        outputs = [ColSpec("string", "prediction"), *(ColSpec("double", f"p_{name}") for name in target.classes)]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _accepted(column: Column) -> str | AnyType:
    """What MLflow lets through to the model, which handles missing values in every column and checks types itself.

    MLflow's own types do not: `long` refuses NaN, `double` refuses whole numbers, and `boolean` makes False of what is
    missing in JSON. Times and bytes are the exception: JSON has none, so MLflow has to be told where to read a text as
    one of them.
    """
    return _type(column) if _type(column) in ("datetime", "binary") else AnyType()


def _type(column: Column) -> str:
    """MLflow's nearest type of a column, by which its blank is chosen."""
    name = column.arrow_type
    if name.startswith(("int", "uint")):
        return "long"
    if name.startswith(("float", "double", "half", "decimal")):
        return "double"
    if name.startswith(("timestamp", "date")):
        return "datetime"
    if "binary" in name:
        return "binary"
    return "boolean" if name.startswith("bool") else "string"


def _requirements() -> list[str]:
    found = []
    for package in REQUIREMENTS:
        try:
            found.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            continue  # run from a source tree, or without torch: the others are still worth writing down
    return found
