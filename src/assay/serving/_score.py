"""A table of any size through one model version: part by part, so that memory is bounded and a kill costs one part.

    OUT/part-00000.parquet ...      the answers, `rows_per_part` input rows each, in the order of the input
    OUT/_scoring.json               which model on which data; written first, and last with `done`

A part is written under a temporary name and renamed, so it is there whole or not at all, and which rows are in it
follows from its number alone. So a scoring that was killed goes on with the first part that is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv, dataset

from assay import registry
from assay.artifacts import Column, TargetInfo, sha256_of
from assay.errors import DataError
from assay.ledger import Ledger
from assay.preprocessing._given import as_table
from assay.serving import Scored, Where
from assay.serving._live import NOT_FINITE, Live
from assay.store import digest_of, replace_durably, write_durably

NOTE, BATCH_ROWS = "_scoring.json", 65_536
NULLS = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?"]
SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".arrow": "ipc", ".feather": "ipc", ".csv": "csv"}


def score(
    reference: str,
    data: Path,
    out: Path,
    where: Where,
    keep: tuple[str, ...],
    rows_per_part: int,
    told: Callable[[int], None] | None,
) -> Scored:
    """See `assay.serving.score`."""
    out.mkdir(parents=True, exist_ok=True)
    with Ledger(where.home).lock(f"score-{sha256_of(str(out.resolve()))[:16]}", doing=f"the scoring into {out}"):
        begun = _begun(out)
        # Goes on with the version that it began with, wherever the alias points to by now.
        version = registry.load(begun.get("version", reference), uri=where.uri, home=where.home, store=where.store)
        live = Live(version, where, max_rows=1)
        files = _files(data)
        about = {
            "reference": reference,
            "version": f"{version.name}/{version.number}",
            "model_sha256": version.model.sha256,
            "data": {path.name: digest_of(path) for path in files},
            "keep": list(keep),
            "rows_per_part": rows_per_part,
        }
        _same(about, begun, out)
        write_durably(out / NOTE, json.dumps(about | {"done": False}).encode())
        n_rows, n_refused, n_parts, n_reused = 0, 0, 0, 0
        for number, table in enumerate(_parts(files, live, keep, rows_per_part)):
            path = out / f"part-{number:05d}.parquet"
            if path.is_file():
                n_reused += 1
                n_refused += int(pq.read_table(path, columns=["refused"]).column(0).is_valid().to_numpy().sum())
            else:
                answers = _answers(live, table, keep, n_rows)
                temporary = path.with_name(f".{path.name}.new")
                pq.write_table(answers, temporary, compression="zstd")
                replace_durably(temporary, path)
                n_refused += len(answers) - answers["refused"].null_count
            n_rows, n_parts = n_rows + len(table), n_parts + 1
            if told is not None:
                told(n_rows)
        write_durably(out / NOTE, json.dumps(about | {"done": True, "n_rows": n_rows, "n_parts": n_parts}).encode())
    return Scored(
        name=version.name,
        version=version.number,
        n_rows=n_rows,
        n_refused=n_refused,
        n_parts=n_parts,
        n_reused=n_reused,
        path=str(out),
    )


def _begun(out: Path) -> dict[str, Any]:
    """What an earlier scoring into this folder said of itself; empty when there was none."""
    note = out / NOTE
    if note.is_file():
        found: dict[str, Any] = json.loads(note.read_bytes())
        return found
    if others := [path.name for path in out.iterdir()]:
        raise DataError(f"{out} holds something else: {others[0]!r}. Allowed: a new or empty folder.")
    return {}


def _same(about: dict[str, Any], begun: dict[str, Any], out: Path) -> None:
    differs = [name for name, value in about.items() if begun and begun.get(name) != value]
    if differs:
        raise DataError(
            f"{out} holds a scoring with other {', '.join(differs)}. Allowed: the same command, which goes on where it "
            "was, or another folder."
        )


def _files(data: Path) -> list[Path]:
    files = sorted(data.iterdir()) if data.is_dir() else [data]
    files = [path for path in files if path.suffix in SUFFIXES and not path.name.startswith((".", "_"))]
    kinds = {path.suffix for path in files}
    if len(kinds) != 1 or not all(path.is_file() for path in files):
        found = f"files of {', '.join(sorted(kinds))}" if len(kinds) > 1 else "no such file"
        raise DataError(f"{data}: {found}. Allowed: a file or a folder of one of {', '.join(SUFFIXES)}.")
    return files


def _parts(files: list[Path], live: Live, keep: tuple[str, ...], rows_per_part: int) -> Iterator[pa.Table]:
    """The input in pieces of exactly `rows_per_part` rows, the last one shorter; never much more in memory."""
    columns = live.predictor.inputs
    source = _opened(files, columns)
    wanted = list(dict.fromkeys([*(column.name for column in columns), *keep]))
    absent = [name for name in wanted if name not in source.schema.names]
    if absent:
        raise DataError(
            f"{files[0].name}: there is no column {absent[0]!r}. Allowed: a table with {', '.join(wanted)}."
        )
    batches = source.to_batches(columns=wanted, batch_size=min(BATCH_ROWS, rows_per_part), batch_readahead=1,
                                fragment_readahead=1, use_threads=False)  # fmt: skip
    held: list[pa.RecordBatch] = []
    n_held = 0
    for batch in batches:
        while batch.num_rows:
            piece = batch.slice(0, rows_per_part - n_held)
            held.append(piece)
            n_held, batch = n_held + piece.num_rows, batch.slice(piece.num_rows)
            if n_held == rows_per_part:
                yield pa.Table.from_batches(held)
                held, n_held = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _opened(files: list[Path], columns: tuple[Column, ...]) -> Any:
    kind = SUFFIXES[files[0].suffix]
    if kind != "csv":
        return dataset.dataset([str(path) for path in files], format=kind)
    # Texts stay texts as in training, whatever the first rows look like.
    types = {column.name: as_table([], [column]).schema.field(0).type for column in columns}
    options = csv.ConvertOptions(column_types=types, null_values=NULLS, strings_can_be_null=True)
    return dataset.dataset([str(path) for path in files], format=dataset.CsvFileFormat(convert_options=options))


def _answers(live: Live, table: pa.Table, keep: tuple[str, ...], first: int) -> pa.Table:
    """One answer a row: its number, the kept columns, the prediction, or why there is none."""
    refused = live.contract.refused(table)
    target = live.predictor.target
    predicted = live.predictor(table)
    if target.task == "regression":
        is_lost = pc.and_(pc.is_null(refused), pc.invert(pc.is_finite(pa.array(predicted.y_hat))))
        refused = pc.if_else(is_lost, NOT_FINITE, refused)
    is_fine = pc.is_null(refused)
    columns: dict[str, Any] = {"row": np.arange(first, first + len(table)), **{name: table[name] for name in keep}}
    columns["prediction"] = pc.if_else(is_fine, _named(predicted.y_hat, target), None)
    if predicted.p_BO is not None:
        for index, name in enumerate(target.classes):
            columns[f"p_{name}"] = pc.if_else(is_fine, pa.array(predicted.p_BO[:, index]), None)
    columns["refused"] = refused
    return pa.table(columns)


def _named(y_hat: Any, target: TargetInfo) -> pa.Array:
    if target.task == "regression":
        return pa.array(y_hat)
    return pa.DictionaryArray.from_arrays(pa.array(y_hat), pa.array(target.classes)).dictionary_decode()
