"""Images come from Parquet, from a folder per class, and from a table of paths; the bytes of all of them count."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from assay import data
from assay.errors import DataError
from assay.spec.data import DataSpec, SplitSpec, TargetSpec
from assay.store import Store
from tests.data.conftest import Take


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write(folder: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(seed))


def test_bytes_and_lists_pass_through_a_snapshot(take: Take, store: Store, tmp_path: Path) -> None:
    rows = {"x": [png(0), png(1), None], "s": [[1.0, 2.0], [3.0], None], "c": [[[1], [2]], [[3], [4]], [[5], [6]]]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    snapshot = take("a.parquet")
    assert [(column.name, column.kind, column.n_null) for column in snapshot.columns] == [
        ("x", "image", 1), ("s", "series", 1), ("c", "series", 0)
    ]  # fmt: skip
    assert store.table(snapshot.table).to_pydict() == rows


def test_a_folder_per_class_becomes_images_with_labels(take: Take, store: Store, tmp_path: Path) -> None:
    names = ["cats/b.png", "cats/a.png", "dogs/old/c.JPG", "dogs/d.webp"]
    write(tmp_path / "pets", [*names, "dogs/notes.txt", "_cache/x.png"])
    snapshot = take("pets", source="folder")
    table = store.table(snapshot.table).to_pydict()
    assert table["file"] == sorted(names)
    assert table["label"] == ["cats", "cats", "dogs", "old"]
    assert table["image"] == [(tmp_path / "pets" / name).read_bytes() for name in sorted(names)]


def test_folders_that_are_split_say_which_fold_a_row_is_of(take: Take, store: Store, tmp_path: Path) -> None:
    write(tmp_path / "train", ["a/1.png", "b/2.png"])
    write(tmp_path / "test", ["a/3.png"])
    snapshot = take({"train": "train", "test": "test"}, source="folder")
    assert store.table(snapshot.table).column("assay_fold").to_pylist() == ["train", "train", "test"]


def test_a_changed_image_is_other_data(tmp_path: Path) -> None:
    write(tmp_path / "pets", ["a/1.png", "b/2.png"])
    config = DataSpec.model_validate({"source": "folder", "path": "pets"})
    before = data.fingerprint(config, tmp_path)
    assert data.fingerprint(config, tmp_path) == before
    (tmp_path / "pets/a/1.png").write_bytes(png(7))
    assert data.fingerprint(config, tmp_path).sha256 != before.sha256


def test_images_in_no_folder_are_refused(take: Take, tmp_path: Path) -> None:
    write(tmp_path / "pets", ["a/1.png", "2.png"])
    with pytest.raises(DataError, match=r"1 images lie in no folder of a class: '?2\.png.*source: manifest"):
        take("pets", source="folder")
    with pytest.raises(DataError, match="no such file or folder"):
        take("pest", source="folder")


def test_a_manifest_brings_the_files_that_it_names(take: Take, store: Store, tmp_path: Path) -> None:
    write(tmp_path / "scans", ["1.png", "deep/2.png"])
    (tmp_path / "scans/labels.csv").write_text("file,label,age\ndeep/2.png,ill,70\n1.png,well,30\n1.png,well,31\n")
    table = store.table(take("scans/labels.csv", source="manifest").table).to_pydict()
    assert table["image"] == [(tmp_path / "scans" / name).read_bytes() for name in ("deep/2.png", "1.png", "1.png")]
    assert table["age"] == [70, 30, 31]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,y\n../secret.png,a\n", r"1 paths are missing or lead elsewhere: '?\.\./secret"),
        ("file,y\n/etc/passwd,a\n", "lead elsewhere"),
        ("file,y\nnone.png,a\n1.png,b\n", r"names 1 files that are not in scans: '?none\.png"),
        ("path,y\n1.png,a\n", r"no column 'file'. Allowed: path, y"),
        ("file,image\n1.png,a\n", "has a column 'image' already"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_told(take: Take, tmp_path: Path, rows: str, message: str) -> None:
    write(tmp_path, ["scans/1.png", "secret.png"])
    (tmp_path / "scans/labels.csv").write_text(rows)
    with pytest.raises(DataError, match=message):
        take("scans/labels.csv", source="manifest")


def test_the_same_image_in_two_folds_is_counted_and_described(take: Take, store: Store) -> None:
    files = [png(0), png(1), png(2), png(3), png(0), png(4), png(5)]
    marks = ["train"] * 4 + ["test"] * 3
    series = [[float(i)] * (i + 1) for i in range(7)]
    snapshot = take(table=pa.table({"x": files, "y": ["a", "b", "a", "b", "a", "b", "a"], "m": marks}))
    config = SplitSpec.model_validate({"by": "column", "column": "m", "valid_frac": 0.5})
    folds = data.split(snapshot, config, TargetSpec(column="y"), "classification", 0, store=store)
    assert sum(n for pair, n in folds.duplicates if pair.endswith("/test")) == 1
    profile = {column.name: column for column in data.profile(snapshot, folds, (), store=store).columns}
    assert profile["x"].n_unique == 6
    assert "bytes; 0 missing of 3" in dict(profile["x"].summary)["test"]
    with_series = take(table=pa.table({"s": series, "y": ["a", "b"] * 3 + ["a"], "m": marks}))
    folds = data.split(with_series, config, TargetSpec(column="y"), "classification", 0, store=store)
    profile = {column.name: column for column in data.profile(with_series, folds, (), store=store).columns}
    assert dict(profile["s"].summary)["test"] == "5 to 7 numbers; 0 missing of 3"
