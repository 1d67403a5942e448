"""How good the shipped specs and the families' defaults are, beside published figures. Mean of three seeds.

    python benchmarks/quality.py                    everything (an hour on two cores)
    python benchmarks/quality.py adult mlp tabm     some of it
    python benchmarks/quality.py tabm --seeds 1

A seed draws the valid fold, the first weights and the order of the rows. Families are compared on the columns of the
published figures (all of them), with the options and the training that a spec gets when it names the family and nothing
else. Numbers are scikit-learn's, on what `predict` gives for the test fold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from assay import data, evaluation, inference, preprocessing, training
from assay.artifacts import Silent
from assay.spec.loading import load_spec
from assay.store import Store

EXAMPLES = Path(__file__).parent.parent / "examples"
ADULT, DIAMONDS = EXAMPLES / "adult/adult.yaml", EXAMPLES / "diamonds/diamonds.yaml"
SLACK = 0.003  # what a default may fall short of a tuned, published figure


@dataclass(frozen=True)
class Case:
    """A spec with what is set on top of it, and the least that its mean over seeds must reach."""

    path: Path
    settings: tuple[str, ...]
    least: dict[str, float]


def family(name: str, published: float) -> Case:
    """A family with nothing but defaults on the official split of Adult, all columns."""
    settings = (f"model={{family: {name}}}", "training={}", "features={use_sensitive: [sex, race]}")
    return Case(ADULT, settings, {"accuracy": published - SLACK})


CASES = {
    "adult": Case(ADULT, (), {"accuracy": 0.868, "roc_auc": 0.922}),
    "diamonds": Case(DIAMONDS, (), {"r2": 0.982}),
    "mlp": family("mlp", 0.854),
    "resnet": family("resnet", 0.854),
    "ft_transformer": family("ft_transformer", 0.859),
    "tabm": family("tabm", 0.870),
}


def measure(case: Case, seed: int, home: Path) -> dict[str, float]:
    """The test fold's numbers for one seed, and the seconds that `train` took."""
    spec = load_spec(case.path, [*case.settings, f"seed={seed}"])
    store = Store(home)
    snapshot = data.ingest(data.fingerprint(spec.data, spec.root), spec.data, root=spec.root, store=store)
    folds = data.split(snapshot, spec.split, spec.target, spec.task, spec.seed, store=store)
    names = spec.feature_columns(tuple(column.name for column in snapshot.columns))
    columns = tuple(snapshot.column(name) for name in names)
    prepared = preprocessing.fit(folds.train, spec.preprocessing, columns, spec.target, spec.task, store=store)
    arrays = preprocessing.encode(prepared, folds.train, folds.valid, store=store)
    began = time.perf_counter()
    model = training.train(
        arrays, prepared, spec.model, spec.training, spec.compute, seed,
        store=store, events=Silent(), folder=Path(tempfile.mkdtemp(dir=home)),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    valid = inference.predict(model, folds.valid, None, store=store)
    calibration = evaluation.calibrate(valid, spec.evaluation, store=store)
    test = store.table(inference.predict(model, folds.test, calibration, store=store).table)
    y, y_hat = test["y"].to_numpy(), test["y_hat"].to_numpy()
    found = {"r2": r2_score(y, y_hat)}
    if spec.task == "classification":
        p = test["p_1"].to_numpy()
        found = {
            "accuracy": accuracy_score(y, y_hat),
            "at_half": accuracy_score(y, p > 0.5),
            "roc_auc": roc_auc_score(y, p),
        }
    return found | {"epochs": len(model.epochs), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=[], help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="as of `assay run`, for every case")
    arguments = parser.parse_args()
    short = []
    with tempfile.TemporaryDirectory() as home:
        for name in arguments.cases or CASES:
            case = CASES[name]
            case = Case(case.path, (*case.settings, *arguments.set), case.least)
            rows = [measure(case, seed, Path(home)) for seed in range(arguments.seeds)]
            for key in rows[0]:
                values = [row[key] for row in rows]
                mean, least = float(np.mean(values)), case.least.get(key)
                verdict = "" if least is None else f"  {'ok' if mean >= least else 'SHORT'}, at least {least:.3f}"
                print(f"{name:15s} {key:9s} {mean:8.4f}  {[round(value, 4) for value in values]}{verdict}", flush=True)
                if least is not None and mean < least:
                    short.append(f"{name} {key}")
    sys.exit(f"short of the target: {', '.join(short)}" if short else 0)


if __name__ == "__main__":
    main()
