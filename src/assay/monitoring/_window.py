"""One window against the reference."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from assay.artifacts import GateResult, Look, MetricValue, Reference, Window, WindowVerdict
from assay.errors import DataError
from assay.monitoring._cut import Piece
from assay.monitoring._looks import corrected, of_column, of_prediction
from assay.spec.monitoring import MonitoringSpec
from assay.store import Store

REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What the labels of a window say, as far as they have arrived: `n` of them, metrics, and the gates asked again."""

    n: int
    metrics: tuple[MetricValue, ...]
    gates: tuple[GateResult, ...]


def compared(
    table: pa.Table, reference: Reference, config: MonitoringSpec, piece: Piece, labelled: Labelled | None, store: Store
) -> Window:
    """See `assay.monitoring.compared`."""
    refused = table.num_rows - table[REFUSED].null_count if REFUSED in table.column_names else 0
    known = [*reference.columns, *reference.predictions]
    absent = tuple(each.name for each in known if each.name not in table.column_names)
    if len(absent) == len(known):
        raise DataError(
            f"{piece.name}: none of the model's columns is in it. Allowed: a table with some of "
            f"{', '.join(each.name for each in known)}."
        )
    enough = table.num_rows >= config.min_rows
    looks = corrected(_looks(table, reference, config, store), config.alpha) if enough else ()
    verdict, reason = _verdict(looks, labelled, table.num_rows, config)
    return Window(
        name=piece.name,
        sha256=piece.sha256,
        number=0,
        n_rows=table.num_rows,
        n_refused=refused,
        verdict=verdict,
        reason=reason,
        looks=looks,
        absent=absent,
        n_labels=labelled.n if labelled else 0,
        metrics=labelled.metrics if labelled else (),
        gates=labelled.gates if labelled else (),
    )


def _looks(table: pa.Table, reference: Reference, config: MonitoringSpec, store: Store) -> list[Look]:
    there = set(table.column_names)
    looks = [look for of in reference.columns if of.name in there for look in of_column(table[of.name], of, config)]
    predicted = table.filter(table[REFUSED].is_null()) if REFUSED in there else table
    for of in reference.predictions:
        if of.name in there:
            looks += of_prediction(predicted[of.name], of, config)
    if reference.sample is not None:
        from assay.monitoring._together import together  # scikit-learn, where it is needed

        found = together(table, store.table(reference.sample), reference.columns, config.min_auc)
        looks += [found] if found is not None else []
    return looks


def _verdict(
    looks: tuple[Look, ...], labelled: Labelled | None, n_rows: int, config: MonitoringSpec
) -> tuple[WindowVerdict, str]:
    moved = [f"{look.name} ({look.about})" if look.about != "values" else look.name for look in looks if look.moved]
    failed = [gate.title for gate in labelled.gates if gate.verdict == "FAIL"] if labelled else []
    if moved or failed:
        said = [f"moved: {', '.join(moved)}"] if moved else []
        said += [f"gates that no longer hold: {'; '.join(failed)}"] if failed else []
        return "VIOLATES", "; ".join(said)
    if n_rows < config.min_rows:
        return "UNDECIDED", f"{n_rows:,} rows are too few; at least {config.min_rows:,}"
    return "HOLDS", "nothing has moved"
