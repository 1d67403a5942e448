"""What weights from elsewhere are worth when there are few rows. One seed a call; a seed draws the sample too.

    python benchmarks/transfer.py pneumonia-frozen --data FOLDER --seed 0     1,500 pictures, frozen EfficientNet-Lite0
    python benchmarks/transfer.py pneumonia-scratch --data FOLDER --seed 0     the same pictures, from nothing
    python benchmarks/transfer.py spam-tuned --data FOLDER --seed 0            2,000 mails, MiniLM fine-tuned
    python benchmarks/transfer.py spam-frozen --data FOLDER --seed 0           the same mails, MiniLM frozen and a
                                                                               logistic regression by scikit-learn

FOLDER holds pneumonia_mnist.parquet and spam_assassin.parquet. Numbers are of the test rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit

import assay
from assay.ledger import Ledger

EXAMPLES = Path(__file__).parent.parent / "examples"


def sampled(table: pa.Table, column: str, n_rows: int, seed: int) -> pa.Table:
    """So many rows, with the shares of `column` as they are."""
    labels = table.column(column).to_numpy()
    draw = StratifiedShuffleSplit(1, train_size=n_rows, random_state=seed)
    taken, _ = next(draw.split(labels, labels))
    return table.take(np.sort(taken))


def pneumonia(data: Path, seed: int) -> pa.Table:
    table = pq.read_table(data / "pneumonia_mnist.parquet")
    is_train = pa.compute.equal(table.column("split"), "train")
    few = sampled(table.filter(is_train), "label", 1500, seed)
    return pa.concat_tables([few, table.filter(pa.compute.invert(is_train))])


def spam(data: Path, seed: int) -> pa.Table:
    return sampled(pq.read_table(data / "spam_assassin.parquet"), "spam", 2000, seed)


CASES = {
    "pneumonia-frozen": ("pneumonia/pneumonia-frozen.yaml", pneumonia),
    "pneumonia-scratch": ("pneumonia/pneumonia.yaml", pneumonia),
    "spam-tuned": ("spam/spam-minilm.yaml", spam),
    "spam-frozen": ("spam/spam-minilm.yaml", spam),
}


def regression(result: assay.RunResult, home: Path) -> dict[str, float]:
    """scikit-learn's logistic regression, its penalty chosen on train rows, on the features of the frozen network."""
    from assay import preprocessing, training
    from assay.artifacts import ValidFold
    from assay.spec.training import ComputeSpec, ModelSpec
    from assay.spec.transfer import PretrainedSpec

    store, prepared, folds = Ledger(home).store, result.model.preprocessing, result.folds
    test = ValidFold(table=folds.test.table, rows=folds.test.rows, n_rows=folds.test.n_rows)  # to be encoded as one
    spec = assay.load_spec(EXAMPLES / "spam/spam-minilm.yaml")
    weights = training.stored(_package(), "bert", "package", store=store)
    parts = []
    for fold in (folds.valid, test):
        arrays = preprocessing.encode(prepared, folds.train, fold, store=store)
        found = training.features(
            arrays, prepared, ModelSpec.model_validate(spec.model.model_dump()),
            PretrainedSpec(weights="package", train="head"), ComputeSpec(), store=store, weights=weights,
        )  # fmt: skip
        parts = parts or [found.train]
        parts.append(found.valid)
    x = [store.array(part.signal) for part in parts if part.signal is not None]
    y = [store.array(part.target) for part in parts]
    fit = LogisticRegressionCV(Cs=10, cv=5, scoring="f1", max_iter=2000, use_legacy_attributes=False, l1_ratios=(0,))
    fit.fit(np.concatenate(x[:2]), np.concatenate(y[:2]))
    p = fit.predict_proba(x[2])[:, 1]
    return {"f1": f1_score(y[2], p > 0.5), "accuracy": accuracy_score(y[2], p > 0.5), "roc_auc": roc_auc_score(y[2], p)}


def _package() -> Path:
    from assay.spec import packages, plugins

    return packages.file(*plugins.package("bert"), where="bert")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="as of `assay run`")
    arguments = parser.parse_args()
    path, rows = CASES[arguments.case]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        pq.write_table(rows(arguments.data, arguments.seed), home / "rows.parquet")
        settings = [f"data.path={home}/rows.parquet", f"seed={arguments.seed}", *arguments.set]
        if arguments.case == "spam-frozen":
            settings += ["training.epochs=1", "training.pretrained={weights: package, train: head}"]
        began = time.perf_counter()
        result = assay.run(assay.load_spec(EXAMPLES / path, settings), home=home / "home")
        seconds = time.perf_counter() - began
        found = {metric.name: metric.interval.value for metric in result.evaluation.metrics if metric.fold == "test"}
        if arguments.case == "spam-frozen":
            found = regression(result, home / "home")
        told = ", ".join(f"{name} {found[name]:.4f}" for name in ("accuracy", "roc_auc", "f1"))
        print(f"{arguments.case}, seed {arguments.seed}: {told}; {seconds:.0f} s, best epoch {result.model.best_epoch}")


if __name__ == "__main__":
    main()
