"""The shape of the house: who may import whom, what each vendor's rooms are, and what a front costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import assay
from assay import preprocessing, training, tuning
from assay.artifacts import AuditFold, Folds, TestFold, TrainFold, ValidFold

SOURCE = Path(assay.__file__).parent
PACKAGES = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
MODULES = [*PACKAGES, *(path.stem for path in SOURCE.glob("*.py") if path.stem != "__init__")]
HEAVY = (
    "torch",
    "PIL",
    "tokenizers",
    "ray",
    "mlflow",
    "prefect",
    "great_expectations",
    "sklearn",
    "scipy",
    "pandas",
    "matplotlib",
    "optuna",
    "captum",
    "onnxruntime",
)
ROOMS = {
    "PIL": {"preprocessing"},
    "tokenizers": {"preprocessing"},
    "mlflow": {"tracking", "registry"},
    "ray": {"training", "tuning"},
    "fastapi": {"serving"},
    "starlette": {"serving"},
    "uvicorn": {"serving"},
    "prometheus_client": {"serving"},
    "torch": {"models", "mitigation", "training", "inference", "explain", "tuning"},
    "captum": {"explain"},
    "onnxruntime": {"models"},
    "onnxscript": {"models"},
    "optuna": {"tuning"},
    "cmaes": {"tuning"},
    "great_expectations": {"validation"},
    "sqlalchemy": {"data", "tracking", "registry", "local"},
    "prefect": set(),
    "typer": {"cli"},
    "rich": {"cli"},
}
LIGHT = {
    "errors": set(),
    "artifacts": {"assay"},
    "spec": {"assay", "pydantic", "pydantic_core", "yaml"},
    "gates": {"assay", "pydantic"},
}


def imports(path: Path) -> Iterator[str]:
    """The top-level names that a file imports at run time, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def files(module: str) -> list[Path]:
    folder = SOURCE / module
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [SOURCE / f"{module}.py"]


def test_the_contracts_of_the_floors_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=SOURCE.parent.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", MODULES)
def test_each_vendor_stays_in_its_rooms(module: str) -> None:
    for path in files(module):
        for name in imports(path):
            assert module in ROOMS.get(name, {module}), f"{path} imports {name}"


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_light_modules_import_only_what_is_light(module: str) -> None:
    for path in files(module):
        strangers = set(imports(path)) - sys.stdlib_module_names - LIGHT[module]
        assert not strangers, f"{path} imports {strangers}"


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_front_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, assay.{module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def folds_in(function: object) -> set[type]:
    """The kinds of fold that a function's parameters can carry, `Folds` included."""
    kinds = {TrainFold, ValidFold, TestFold, AuditFold, Folds}
    hints = typing.get_type_hints(function, localns=_names(function))
    hints.pop("return")
    found: set[type] = set()
    for hint in hints.values():
        found |= kinds & {hint, *typing.get_args(hint)}
    return found


def _names(function: object) -> dict[str, object]:
    from assay.store import Store

    return {"Store": Store, "pa": inspect, "np": inspect, "Encoder": object, "Predictor": object}


def test_preprocessing_is_fitted_on_train_rows_by_type() -> None:
    assert folds_in(preprocessing.fit) == {TrainFold}


def test_training_sees_train_and_valid_rows_by_type() -> None:
    assert folds_in(preprocessing.encode) == {TrainFold, ValidFold}
    assert folds_in(training.train) == set()
    assert folds_in(tuning.search) == {TrainFold, ValidFold}


def test_the_test_fold_is_taken_by_predict_alone() -> None:
    takers = set()
    for module in PACKAGES:
        package = sys.modules.get(f"assay.{module}") or __import__(f"assay.{module}", fromlist=["x"])
        for name, item in vars(package).items():
            if inspect.isfunction(item) and item.__module__ == package.__name__ and not name.startswith("_"):
                annotations = " ".join(str(value) for key, value in item.__annotations__.items() if key != "return")
                if "TestFold" in annotations:
                    takers.add(f"{module}.{name}")
    assert takers == {"inference.predict"}


def test_no_pickle_is_written_or_loaded() -> None:
    for path in SOURCE.rglob("*.py"):
        names = set(imports(path))
        assert not names & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}, path
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                read = (node.value.id, node.attr) == ("torch", "load")
                assert not read or path.relative_to(SOURCE).as_posix() == "training/_weights.py", path
                assert (node.value.id, node.attr) != ("torch", "save"), path
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":  # state dicts of others
                assert ("weights_only", "True") in {(word.arg, ast.unparse(word.value)) for word in node.keywords}, path


@pytest.mark.parametrize("module", MODULES)
def test_public_names_say_what_they_are_for(module: str) -> None:
    for path in files(module):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


def test_no_module_has_a_name_that_says_nothing() -> None:
    banned = {"utils", "common", "helpers", "manager", "handler", "core", "base", "engine", "misc"}
    assert not {path.stem.strip("_") for path in SOURCE.rglob("*.py")} & banned


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(SOURCE)): n for path in SOURCE.rglob("*.py") if (n := path.read_text().count("\n")) > 400
    }
    assert not long
