"""A run that takes a second: a small table that is made here, and the baseline that needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay import pipeline
from assay.pipeline import RunResult
from assay.spec import Spec

if TYPE_CHECKING:
    import pyarrow as pa

N_ROWS = 400


def run(folder: Path) -> RunResult:
    """Run the whole chain on the small table, with everything it writes below `folder`."""
    spec = Spec.model_validate(
        {
            "version": 1,
            "name": "doctor",
            "task": "classification",
            "data": {"source": "file", "path": "made-in-memory"},
            "target": {"column": "label", "positive": "yes"},
            "model": {"family": "constant"},
            "gates": [{"gate": "max_metric", "metric": "log_loss", "at_most": 2.0}],
            "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        }
    ).read_from(folder / "sample.yaml", {})
    return pipeline.run(spec, home=folder, table=_table())


def _table() -> pa.Table:
    import pyarrow as pa

    rows = range(N_ROWS)
    return pa.table(
        {
            "size": [(row * 37 % 101) / 10 for row in rows],
            "colour": [("red", "green", "blue")[row % 3] for row in rows],
            "label": ["yes" if row * 53 % 97 < 40 else "no" for row in rows],
        }
    )
