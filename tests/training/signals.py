"""Small real folds of images, texts and series: bars that lie or stand, words of two kinds, waves of two speeds."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from assay import preprocessing
from assay.artifacts import Column, SignalKind, TrainFold, ValidFold
from assay.spec.data import TargetSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.store import Store
from tests.training.example import Encoded

FAMILIES: dict[SignalKind, tuple[str, ...]] = {
    "image": ("cnn", "resnet"),
    "text": ("rnn", "tcn", "transformer"),
    "series": ("rnn", "tcn", "transformer"),
}


def encoded(store: Store, kind: SignalKind, n_rows: int = 160) -> Encoded:
    """Every fifth row is a valid row; the classes are equally many."""
    draw = np.random.default_rng(0)
    target = draw.permutation(np.arange(n_rows) % 2)
    rows = [_MAKE[kind](int(y), draw) for y in target]
    x = pa.array(rows, pa.large_binary()) if kind == "image" else pa.array(rows)
    blob = store.put_table(pa.table({"x": x, "y": pa.array(["no", "yes"]).take(pa.array(target))}), "table.arrow")
    number = np.arange(n_rows)
    train_rows, valid_rows = number[number % 5 > 0], number[number % 5 == 0]
    train = TrainFold(table=blob, rows=store.put_array(train_rows, "train.npy"), n_rows=len(train_rows))
    valid = ValidFold(table=blob, rows=store.put_array(valid_rows, "valid.npy"), n_rows=len(valid_rows))
    config = PreprocessingSpec.model_validate({kind: {"column": "x", **({"length": 12} if kind != "image" else {})}})
    kinds: dict[SignalKind, Any] = {"image": "image", "text": "categorical", "series": "series"}
    column = Column(name="x", kind=kinds[kind], arrow_type=str(x.type), n_null=0)
    prepared = preprocessing.fit(train, config, (column,), TargetSpec(column="y"), "classification", store=store)
    return Encoded(store, preprocessing.encode(prepared, train, valid, store=store), prepared, train, valid)


def _image(y: int, draw: np.random.Generator) -> bytes:
    pixels = draw.integers(0, 80, (8, 8), dtype=np.uint8)
    place = int(draw.integers(1, 7))
    if y:
        pixels[place] = 255
    else:
        pixels[:, place] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _text(y: int, draw: np.random.Generator) -> str:
    words = ["a", "the", "of", "it", "and", *(("bad", "poor", "worst") if y else ("good", "fine", "great"))]
    return " ".join(draw.choice(words, int(draw.integers(4, 16))))


def _series(y: int, draw: np.random.Generator) -> list[list[float]]:
    steps = np.arange(int(draw.integers(6, 15)))
    wave = np.sin(steps * (0.5 if y else 2.0) + draw.uniform(0, 6))
    return [wave.tolist(), draw.normal(size=len(steps)).tolist()]


_MAKE = {"image": _image, "text": _text, "series": _series}
