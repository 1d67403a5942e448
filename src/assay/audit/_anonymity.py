"""How far the declared quasi-identifiers single people out.

k-anonymity (Sweeney 2002): the smallest number of rows that share the same quasi-identifiers. l-diversity
(Machanavajjhala et al. 2007): the smallest number of different targets among the rows that share them; 1 means that
whoever knows the quasi-identifiers of such a person knows the target.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import DataCheck, Verdict
from assay.spec.evidence import DataAuditSpec

CLASS_SIZE = 5  # below this, in a measure without a bound, a class of rows is called small


def anonymity(table: pa.Table, target: str, config: DataAuditSpec) -> Iterator[DataCheck]:
    """K and l over all rows, and the share of rows that fall short of the bound."""
    names = config.quasi_identifiers
    if not names:
        return
    about = ", ".join(names)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        reason = f"The data have no column {', '.join(map(repr, missing))}."
        yield DataCheck(check="k-anonymity", about=about, verdict="ERROR", reason=reason)
        return
    plain = pa.table({name: _plain(table.column(name)) for name in dict.fromkeys((*names, target))})
    classes = plain.group_by(list(names)).aggregate([([], "count_all"), (target, "count_distinct")])
    rows_C, targets_C = classes["count_all"].to_numpy(), classes[f"{target}_count_distinct"].to_numpy()
    yield _smallest("k-anonymity", about, rows_C, rows_C, config.min_k, "rows with the same quasi-identifiers")
    yield _smallest("l-diversity", about, targets_C, rows_C, config.min_l, "targets among rows that share them")


def _smallest(check: str, about: str, size_C: object, rows_C: object, least: int | None, what: str) -> DataCheck:
    sizes, rows = np.asarray(size_C), np.asarray(rows_C)
    smallest = int(sizes.min()) if len(sizes) else 0
    bound = least if least is not None else (CLASS_SIZE if check == "k-anonymity" else 2)
    share = float(rows[sizes < bound].sum() / max(1, rows.sum()))
    verdict: Verdict = "NOT_APPLICABLE" if least is None else "PASS" if smallest >= least else "FAIL"
    return DataCheck(
        check=check,
        about=about,
        verdict=verdict,
        reason=f"At least {smallest} {what}; {share:.1%} of the rows have fewer than {bound}.",
        value=float(smallest),
        bound=None if least is None else float(least),
    )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Codes in place of texts: a group is a group whatever its name."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([pc.cast(column.combine_chunks().indices, pa.int32())])
