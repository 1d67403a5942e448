"""Labels that come late: joined to predictions, measured, and held against the gates of the spec."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay import audit, evaluation, gates, inference, monitoring
from assay.artifacts import Column, Evaluation, Evidence, Findings, Predictions, Snapshot, Source
from assay.errors import DataError, did_you_mean
from assay.monitoring._window import Labelled
from assay.spec.evidence import CROSS, AuditSpec
from assay.spec.monitoring import Rules
from assay.store import Store

LIVE = ("min_metric", "max_metric", "max_disparity")  # the gates that ask for nothing but predictions and labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A table of labels, and the column by which it is joined."""

    table: pa.Table
    id: str
    name: str


def labels_of(path: str, id_: str, root: Path) -> Labels | None:
    """The labels in the files that `path` means; None where none are given. Raises DataError."""
    if not path:
        return None
    table = pa.concat_tables(
        [monitoring.table_of(piece) for piece in monitoring.cut([path], root)], promote_options="permissive"
    ).unify_dictionaries()
    _has(table, id_, path)
    ids = _texts(table[id_])
    if len(pc.unique(ids)) < len(ids):
        raise DataError(f"{path}: ids in {id_!r} are there twice. Allowed: one label for each id.")
    return Labels(table=table, id=id_, name=path)


def labelled(table: pa.Table, labels: Labels | None, predictor: inference.Predictor, rules: Rules) -> Labelled | None:
    """What the labels of these rows say, once there are `min_rows` of them; None before, and without predictions."""
    if monitoring.PREDICTED not in table.column_names:
        return None
    joined = _joined(table, labels, predictor.target.column)
    if joined is None or len(joined) < rules.monitoring.min_rows:
        return None
    with tempfile.TemporaryDirectory() as folder:  # rows of people leave no trace
        store = Store(Path(folder))
        predictions = _predictions(joined, predictor, store)
        metrics = evaluation.metrics(predictions, rules.evaluation, store=store)
        findings = _findings(joined, predictions, rules.audit, store)
        asked = [gate for gate in rules.gates if gate.gate in LIVE]
        asked = [gate for gate in asked if gate.gate != "max_disparity" or _is_there(gate.options, findings)]
        measured = Evaluation(
            metrics=metrics, confusion=(), classes=predictor.target.classes, curves=(), diagnoses=(), n_rows=len(joined)
        )
        evidence = Evidence(evaluation=measured, findings=findings, comparisons=(), champion_version=0)
        found = gates.decide(evidence, tuple(asked), False).gates
    return Labelled(n=len(joined), metrics=metrics, gates=found)


def _joined(table: pa.Table, labels: Labels | None, target: str) -> pa.Table | None:
    """The rows that have a prediction and a label, with the other columns of the labels' table, too."""
    if labels is not None:
        _has(labels.table, target, labels.name)
        _has(table, labels.id, "the window")
        place = pc.index_in(_texts(table[labels.id]), value_set=_texts(labels.table[labels.id]))
        for name in labels.table.column_names:
            if name != labels.id and (name == target or name not in table.column_names):
                found = labels.table[name].combine_chunks().take(place)
                table = table.drop_columns(name) if name in table.column_names else table
                table = table.append_column(name, found)
    if target not in table.column_names:
        return None
    return table.filter(pc.and_(table[target].is_valid(), table[monitoring.PREDICTED].is_valid()))


def _predictions(table: pa.Table, predictor: inference.Predictor, store: Store) -> Predictions:
    target = predictor.target
    if target.task == "regression":
        y = pc.cast(table[target.column], pa.float64(), safe=False)
        columns: dict[str, Any] = {"y": y, "y_hat": pc.cast(table[monitoring.PREDICTED], pa.float64())}
    else:
        y_hat = pc.index_in(_texts(table[monitoring.PREDICTED]), value_set=pa.array(target.classes))
        if y_hat.null_count:
            raise DataError(f"{monitoring.PREDICTED!r} holds other classes. Allowed: {', '.join(target.classes)}.")
        columns = {"y": predictor.encoder.target(table).astype(np.int32), "y_hat": y_hat.cast(pa.int32())}
        for k, name in enumerate(target.classes):
            _has(table, f"p_{name}", "the window")
            columns[f"p_{k}"] = pc.cast(table[f"p_{name}"], pa.float32(), safe=False)
    stored = store.put_table(pa.table({"row": np.arange(len(table)), **columns}), "predictions.parquet")
    return Predictions(
        table=stored,
        fold="test",
        n_rows=len(table),
        target=target,
        model_sha256=predictor.model.sha256,
        calibration=predictor.calibration,
    )


def _findings(table: pa.Table, predictions: Predictions, config: AuditSpec, store: Store) -> Findings | None:
    """The audit of these rows, of the sensitive columns that they have."""
    there = set(config.columns) & set(table.column_names)
    sensitive = tuple(one for one in config.sensitive if (one if isinstance(one, str) else one.column) in there)
    if not sensitive:
        return None
    crossings = tuple(crossing for crossing in config.crossings if set(crossing) <= there)
    names = sorted(there)
    snapshot = Snapshot(
        table=store.put_table(table.select(names).combine_chunks(), "sensitive.arrow"),
        source=Source(description="", sha256="", n_bytes=0),
        columns=tuple(Column(name=name, kind="categorical", arrow_type="string", n_null=0) for name in names),
        n_rows=len(table),
    )
    config = config.model_copy(update={"sensitive": sensitive, "crossings": crossings})
    return audit.audit(predictions, snapshot, config, store=store)


def _is_there(options: dict[str, Any], findings: Findings | None) -> bool:
    feature = options.get("sensitive", "")
    name = feature if isinstance(feature, str) else CROSS.join(feature)
    return findings is not None and name in {row.sensitive for row in findings.groups}


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """Ids or classes as texts, so that 7 and "7" are the same."""
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string())


def _has(table: pa.Table, name: str, where: str) -> None:
    if name not in table.column_names:
        raise DataError(
            f"{where} has no column {name!r}. Allowed: {', '.join(table.column_names[:50])}. "
            f"{did_you_mean(name, table.column_names)}".rstrip()
        )
