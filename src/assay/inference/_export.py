"""The network of a model as an ONNX file that says what its scores mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay import models
from assay.artifacts import Calibration, Model, as_data
from assay.errors import AssayError
from assay.inference import Exported
from assay.models import Inputs
from assay.spec import plugins
from assay.store import Store

OUTSIDE = "not in this graph: it takes rows as assay's fitted preprocessing encodes them, not raw columns"


def export(
    model: Model, calibration: Calibration, path: Path, called: str, store: Store, root: Path | None
) -> Exported:
    """See `assay.inference.export`."""
    if not models.is_torch(model.family):
        allowed = ", ".join(family for family in plugins.names("model") if models.is_torch(family))
        raise AssayError(f"{called}: the family {model.family!r} has no network to export. Allowed: {allowed}.")
    from assay.inference import _torch

    told = properties(model, calibration, called)
    inputs = Inputs.of(model.preprocessing, store=store)
    difference = models.export(_torch.network(model, store, root), inputs, path, told)
    return Exported(path=str(path), n_bytes=path.stat().st_size, difference=difference, properties=told)


def properties(model: Model, calibration: Calibration, called: str) -> dict[str, str]:
    """What the file says of itself, each value a text or JSON."""
    target = model.preprocessing.target
    found: dict[str, Any] = {
        "model": called,
        "sha256": model.sha256,
        "family": model.family,
        "preprocessing": OUTSIDE,
        "inputs": _inputs(model),
        "task": target.task,
        "target": target.column,
    }
    if target.task == "regression":
        found |= {"mean": target.mean, "std": target.std, "log": target.log}
        units = "score * std + mean"
        found["scores"] = f"{f'exp({units}) - 1' if target.log else units} is the prediction"
    else:
        found |= {"classes": target.classes, "temperature": calibration.temperature}
        found["scores"] = "softmax(scores / temperature) are the probabilities of the classes"
        if target.positive is not None and calibration.threshold is not None:
            found |= {"positive": target.classes[target.positive], "threshold": calibration.threshold}
        if calibration.by_group is not None:
            found["thresholds_by_group"] = as_data(calibration.by_group)
    return {f"assay.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}


def _inputs(model: Model) -> dict[str, Any]:
    """The columns of each input, in order, and of `signal` its shape."""
    prepared = model.preprocessing
    found: dict[str, Any] = {
        "numeric": prepared.numeric,
        "codes": {feature.name: feature.n_levels for feature in prepared.categorical},
    }
    if (signal := prepared.signal) is not None:
        found["signal"] = {"column": signal.column, "kind": signal.kind, "shape": signal.shape}
    return found
