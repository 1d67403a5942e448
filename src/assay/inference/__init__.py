"""One prediction: raw rows in, classes with probabilities or numbers in the target's units out.

Why this shape. A `Predictor` is loaded once and is a function of an Arrow table: encoder, network and calibration in
the order in which they were fitted. `predict` is that function over a fold, a bounded piece of the memory-mapped
snapshot at a time, so a test fold of any size costs the memory of one piece. Serving, the champion and the report call
the same function; there is no second way to a prediction.

A row's prediction does not hang on the rows beside it, up to the rounding of sums: networks run in evaluation mode, in
32-bit floats, whatever precision they were trained in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifacts import AuditFold, Calibration, Model, Predictions, TestFold, ValidFold
from assay.store import Store

if TYPE_CHECKING:
    from assay.inference._predictor import Predicted, Predictor

__all__ = ["Exported", "Predicted", "Predictor", "export", "predict", "predictor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A network as an ONNX file.

    `properties` are its metadata: what goes in, and what the scores that come out mean. `difference` is the largest
    one between its scores and torch's.
    """

    path: str
    n_bytes: int
    difference: float
    properties: dict[str, str]


def predict(
    model: Model,
    fold: ValidFold | TestFold | AuditFold,
    calibration: Calibration | None,
    *,
    store: Store,
    root: Path | None = None,
) -> Predictions:
    """Predictions of every row of `fold`, in the order of row ids, beside the truth.

    Without `calibration` probabilities are the network's own and the class is the most probable one. `root` is where a
    user's own family lies. Raises DataError when the fold lacks a column that the model needs, or a target.
    """
    from assay.inference._predict import predict

    return predict(predictor(model, calibration, store=store, root=root), fold, store)


def predictor(
    model: Model, calibration: Calibration | None = None, *, store: Store, root: Path | None = None
) -> Predictor:
    """The model as a function of Arrow tables. Raises StoreError when its bytes are gone or changed."""
    from assay.inference._predictor import load

    return load(model, calibration or Calibration(), store, root)


def export(
    model: Model, calibration: Calibration, path: Path, *, called: str, store: Store, root: Path | None = None
) -> Exported:
    """Write the network of `model` to `path` as an ONNX graph, from encoded rows to scores: no preprocessing is in it.

    `called` is what the file says that it was made of. Raises AssayError for a family without a network, and for a
    network that torch cannot export or whose graph gives other scores.
    """
    from assay.inference._export import export

    return export(model, calibration, path, called, store, root)
