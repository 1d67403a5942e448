"""What each method of mitigation does to the gaps between women and men: UCI Adult, official split, MLP 64-32.

    python benchmarks/mitigation.py run --seed 0 --out FOLDER       every method with one seed (about two minutes)
    python benchmarks/mitigation.py table --out FOLDER              means and standard deviations over the seeds there

Numbers are scikit-learn's and fairlearn's, on what `predict` gives for the test fold: accuracy, the difference in
selection rates (DPD), the larger one of the differences in true and in false positive rates (EOD), and that in true
positive rates (EO). The decision threshold is 1/2, but for thresholds per group. The model sees sex, as in the figures
that these are compared with; `--set` changes that, or anything else of the spec.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from fairlearn.metrics import (
    demographic_parity_difference,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from sklearn.metrics import accuracy_score

from assay import data, evaluation, inference, preprocessing, training
from assay.artifacts import Silent
from assay.pipeline import _mitigation
from assay.pipeline._steps import direct
from assay.spec.loading import load_spec
from assay.store import Store

HERE = Path(__file__).parent
ADULT = HERE.parent / "examples/adult/adult.yaml"
SETTINGS = (
    f"data.path={ADULT.parent / 'adult.parquet'}",
    "model={family: python:mitigation_network:Network}",
    "preprocessing.numeric.scale=standard",
    "training={epochs: 15, batch_size: 256}",
    "features={exclude: [fnlwgt], use_sensitive: [sex, race]}",
    "evaluation.threshold=0.5",
)
METHODS = {
    "none": None,
    "reweigh": "{method: reweigh, sensitive: [sex]}",
    "parity_penalty, weight 20": "{method: parity_penalty, sensitive: [sex], weight: 20}",
    "odds_penalty, weight 1": "{method: odds_penalty, sensitive: [sex], weight: 1}",
    "group_dro": "{method: group_dro, sensitive: [sex]}",
    "thresholds, selection_rate": "{method: thresholds, sensitive: [sex]}",
    "thresholds, true_positive_rate": "{method: thresholds, sensitive: [sex], equal: true_positive_rate}",
}


def measure(mitigate: str | None, seed: int, settings: list[str], home: Path) -> dict[str, float]:
    """The numbers of one training."""
    asked = [] if mitigate is None else [f"mitigate={mitigate}"]
    spec = load_spec(ADULT, [*SETTINGS, *asked, *settings, f"seed={seed}"]).read_from(HERE / "adult.yaml", {})
    store = Store(home)
    snapshot = data.ingest(data.fingerprint(spec.data, spec.root), spec.data, root=spec.root, store=store)
    folds = data.split(snapshot, spec.split, spec.target, spec.task, spec.seed, store=store)
    names = spec.feature_columns(tuple(column.name for column in snapshot.columns))
    columns = tuple(snapshot.column(name) for name in names)
    prepared = preprocessing.fit(folds.train, spec.preprocessing, columns, spec.target, spec.task, store=store)
    arrays = preprocessing.encode(prepared, folds.train, folds.valid, store=store)
    model = training.train(
        arrays, prepared, spec.model, spec.training, spec.compute, seed,
        *_mitigation.of_training(spec, direct, folds.train, snapshot, store),
        store=store, events=Silent(), folder=Path(tempfile.mkdtemp(dir=home)), root=spec.root,
    )  # fmt: skip
    valid = inference.predict(model, folds.valid, None, store=store, root=spec.root)
    plain = evaluation.calibrate(valid, spec.evaluation, store=store)
    calibration = _mitigation.of_decision(spec, direct, model, folds, snapshot, plain, store)
    test = store.table(inference.predict(model, folds.test, calibration, store=store, root=spec.root).table)
    y, y_hat = test["y"].to_numpy(), test["y_hat"].to_numpy()
    sex = store.table(snapshot.table, ["sex"]).take(test["row"])["sex"].to_numpy(zero_copy_only=False)
    gaps: dict[str, Any] = {
        "DPD": demographic_parity_difference,
        "EOD": equalized_odds_difference,
        "EO": equal_opportunity_difference,
    }
    found = {name: float(gap(y, y_hat, sensitive_features=sex)) for name, gap in gaps.items()}
    return {"accuracy": float(accuracy_score(y, y_hat)), **found, "best_epoch": model.best_epoch}


def run(seed: int, only: list[str], settings: list[str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in only or METHODS:
        with tempfile.TemporaryDirectory() as home:
            found = measure(METHODS.get(name, name), seed, settings, Path(home))
        print(f"{name:32s}", {key: round(value, 4) for key, value in found.items()}, flush=True)
        with open(out / f"{seed}.jsonl", "a") as file:
            file.write(json.dumps({"method": name, **found}) + "\n")


def table(out: Path) -> None:
    rows = [json.loads(line) for path in sorted(out.glob("*.jsonl")) for line in path.read_text().splitlines()]
    keys = ("accuracy", "DPD", "EOD", "EO")
    print(f"| method | seeds | {' | '.join(keys)} |\n|---|---|{'---|' * len(keys)}")
    for name in dict.fromkeys(row["method"] for row in rows):
        values = {key: [row[key] for row in rows if row["method"] == name] for key in keys}
        cells = [f"{np.mean(v):.3f}" + (f" ± {np.std(v, ddof=1):.3f}" if len(v) > 1 else "") for v in values.values()]
        print(f"| {name} | {len(values['DPD'])} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("methods", nargs="*", default=[], help=f"all, or some of: {'; '.join(METHODS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="as of `assay run`")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    if asked.what == "run":
        run(asked.seed, asked.methods, asked.set, asked.out)
    else:
        table(asked.out)


if __name__ == "__main__":
    main()
