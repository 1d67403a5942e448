"""Two runs beside each other, held against a bootstrap written with numpy and scikit-learn alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

import assay
from assay import pipeline
from assay.artifacts import Predictions, from_json
from assay.cli import main
from assay.errors import AssayError
from assay.ledger import Ledger
from tests.conftest import SPEC


@dataclass(frozen=True)
class Runs:
    """`base`, and runs whose specs differ from its: another model and gate, test fold, data, target."""

    home: Path
    base: str
    longer: str
    elsewhere: str
    other_data: str
    other_target: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, small_adult: pa.Table) -> Runs:
    folder = tmp_path_factory.mktemp("compared")
    pq.write_table(small_adult, folder / "small.parquet")
    pq.write_table(small_adult.slice(1), folder / "less.parquet")
    (folder / "small.yaml").write_text(SPEC)

    def run(*words: str) -> str:
        return assay.run(assay.load_spec(folder / "small.yaml", words), home=folder / "home").run_id

    quick = "model.family=constant"
    return Runs(
        home=folder / "home",
        base=run(),
        longer=run("training.epochs=6", "gates.0.at_least=0.99", "model.family=mlp"),
        elsewhere=run(quick, "split={by: random, test_frac: 0.3}"),
        other_data=run("data.path=less.parquet"),
        other_target=run(quick, "target={column: sex, positive: Male}", "audit={}"),
    )


def of(runs: Runs, first: str, second: str) -> pipeline.RunComparison:
    return pipeline.compare(first, second, home=runs.home)


def predicted(runs: Runs, run: str) -> pa.Table:
    ledger = Ledger(runs.home)
    text = next(e["artifact"] for e in ledger.events(run) if e["kind"] == "stage_committed" and e["stage"] == "predict")
    return ledger.store.table(from_json(Predictions, text).table)


def scores(table: pa.Table) -> tuple[Any, Any]:
    return table["y"].to_numpy(), table["p_1"].to_numpy()


def test_gains_are_those_of_a_paired_bootstrap(runs: Runs) -> None:
    found = of(runs, runs.base, runs.longer)
    assert found.how == "paired"
    y, before = scores(predicted(runs, runs.base))
    same_y, after = scores(predicted(runs, runs.longer))
    assert (y == same_y).all()
    rng = np.random.default_rng(5)
    drawn = [rng.integers(0, len(y), len(y)) for _ in range(400)]
    pairs = {pair.name: pair for pair in found.metrics}
    for name, metric, sign in (("roc_auc", roc_auc_score, 1), ("log_loss", log_loss, -1)):
        gains = [sign * (metric(y[rows], after[rows]) - metric(y[rows], before[rows])) for rows in drawn]
        gain = pairs[name].gain
        assert gain is not None
        assert gain.value == pytest.approx(sign * (metric(y, after) - metric(y, before)), abs=1e-5)
        low, high = np.quantile(gains, (0.025, 0.975))
        assert (gain.low, gain.high) == pytest.approx((low, high), abs=0.2 * (high - low))
        first, second = pairs[name].first, pairs[name].second
        assert first is not None
        assert second is not None
        assert gain.value == pytest.approx(sign * (second.value - first.value), abs=1e-6)
        assert gain.high - gain.low < first.high - first.low  # what both have in common has gone


def test_the_other_way_round_every_gain_is_turned(runs: Runs) -> None:
    there, back = (of(runs, *pair) for pair in ((runs.base, runs.longer), (runs.longer, runs.base)))
    gains, turned = ({pair.name: pair.gain for pair in found.metrics} for found in (there, back))
    assert gains["accuracy"] is not None
    assert turned["accuracy"] is not None
    assert gains["accuracy"].value == pytest.approx(-turned["accuracy"].value)
    itself = of(runs, runs.base, runs.base)
    assert itself.spec == ()
    assert all(pair.gain is not None and pair.gain.low == pair.gain.high == 0 for pair in itself.metrics)


def test_what_the_specs_say_differently_is_told_by_path(runs: Runs) -> None:
    changes = {change.path: (change.first, change.second) for change in of(runs, runs.base, runs.longer).spec}
    assert changes == {
        "training.epochs": (3, 6),
        "model.family": ("linear", "mlp"),
        "gates.0.at_least": (0.6, 0.99),
    }


def test_gates_stand_side_by_side_by_what_they_ask(runs: Runs) -> None:
    verdicts = [
        (gate.title, gate.first and gate.first.verdict, gate.second and gate.second.verdict)
        for gate in of(runs, runs.base, runs.longer).gates
    ]
    assert verdicts == [("accuracy at least 0.6", "PASS", None), ("accuracy at least 0.99", None, "FAIL")]


def test_of_other_data_or_few_common_rows_the_gain_is_as_of_independent_rows_and_says_so(runs: Runs) -> None:
    other = of(runs, runs.base, runs.other_data)
    assert (other.how, other.why.split(",")[0]) == ("unpaired", "they have read different data")
    few = of(runs, runs.base, runs.elsewhere)
    assert few.how == "unpaired"
    one, elsewhere = (set(predicted(runs, run)["row"].to_pylist()) for run in (runs.base, runs.elsewhere))
    assert f"they share {len(one & elsewhere):,} of {min(len(one), len(elsewhere)):,} test rows" in few.why
    for pair in other.metrics:
        first, second, gain = pair.first, pair.second, pair.gain
        assert first is not None
        assert second is not None
        assert gain is not None
        assert abs(gain.value) == pytest.approx(abs(second.value - first.value))
        assert gain.high - gain.low > max(first.high - first.low, second.high - second.low)


def test_predictions_of_different_things_are_shown_without_a_gain(runs: Runs) -> None:
    found = of(runs, runs.base, runs.other_target)
    assert found.how == "none"
    assert "income" in found.why
    assert "positive Male" in found.why
    assert {pair.gain for pair in found.metrics} == {None}


def test_runs_that_are_not_there_are_named_at_once_with_the_nearest(runs: Runs) -> None:
    with pytest.raises(AssayError) as caught:
        of(runs, runs.base[:-1], "nothing-like-it")
    assert f"Did you mean {runs.base!r}?" in str(caught.value)
    assert "'nothing-like-it'" in str(caught.value)
    ledger = Ledger(runs.home)
    begun = ledger.begin("small", "a key", "small.yaml")
    (ledger.folder(begun.run_id) / "events.jsonl").touch()
    with pytest.raises(AssayError, match="has come to no decision"):
        of(runs, runs.base, begun.run_id)


def test_the_command_line_shows_them_side_by_side(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(runs.home))
    assert main(["compare", runs.base, runs.longer, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == of(runs, runs.base, runs.longer).as_data()
    assert main(["compare", runs.base, runs.longer]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["gates.0.at_least", "0.6", "0.99"] in lines
    accuracy = next(line for line in lines if line[:1] == ["accuracy"])
    assert float(accuracy[3]) == pytest.approx(float(accuracy[2]) - float(accuracy[1]), abs=2e-4)
    assert float(accuracy[4]) < float(accuracy[3]) < float(accuracy[6])
    assert ["accuracy", "at", "least", "0.99", "FAIL", accuracy[2]] in lines
    assert main(["compare", runs.base, runs.longer + "x"]) == 4
    assert f"Did you mean {runs.longer!r}?" in capsys.readouterr().err
