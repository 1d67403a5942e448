"""The model as MLflow loads it: `mlflow.pyfunc.load_model("models:/NAME@champion").predict(frame)`.

MLflow finds this module by the name in the bundle's MLmodel file. The bundle is checked against its manifest first.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from assay import inference, registry
from assay.store import Store

if TYPE_CHECKING:
    from assay.inference import Predictor


class PyfuncModel:
    """A predictor of pandas frames."""

    def __init__(self, predictor: Predictor, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._predictor, self._folder = predictor, folder

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row a row: `prediction` and, for classification, the probability `p_CLASS` of each class."""
        blank = frame.columns[frame.isna().all()]  # pandas calls a column without any value one of numbers, or of texts
        predicted = self._predictor(
            pa.Table.from_pandas(frame.astype(dict.fromkeys(blank, object)), preserve_index=False)
        )
        target = self._predictor.target
        if predicted.p_BO is None:
            return pd.DataFrame({"prediction": predicted.y_hat})
        classes = [target.classes[code] for code in predicted.y_hat]
        columns = {f"p_{name}": predicted.p_BO[:, i].astype(float) for i, name in enumerate(target.classes)}
        return pd.DataFrame({"prediction": classes, **columns})


def _load_pyfunc(path: str) -> PyfuncModel:
    folder = tempfile.TemporaryDirectory()
    store = Store(Path(folder.name))
    model, calibration = registry.unpack(Path(path), store=store)
    return PyfuncModel(inference.predictor(model, calibration, store=store), folder)
