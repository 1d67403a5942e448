"""A model in use: windows looked at and remembered, labels that come late, and one retraining for the same windows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

import assay
from assay import pipeline, registry, tracking
from assay.cli import main
from assay.errors import AssayError, DataError, SpecError, TrainingError
from assay.ledger import Ledger
from assay.pipeline import WatchResult
from tests.conftest import SPEC

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


@dataclass
class Used:
    """A promoted model, and windows of rows: `same` as in training, `old` of people over 45."""

    spec: Path
    home: Path
    folder: Path
    adult: pa.Table

    def window(self, name: str, seed: int = 0, n: int = 800, over: int = 0, **columns: Any) -> str:
        rows = self.adult.filter(pc.greater(self.adult["age"], over))
        drawn = rows.take(pa.array(np.random.default_rng(seed).choice(len(rows), n, replace=False)))
        for column, values in columns.items():
            drawn = drawn.append_column(column, pa.array(values))
        pq.write_table(drawn, self.folder / f"{name}.parquet")
        return str(self.folder / f"{name}.parquet")

    def watch(self, *data: str, **options: Any) -> WatchResult:
        return pipeline.watch("small/1", data, home=self.home, **options)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory, small_adult: pa.Table) -> Path:
    """A folder with a spec, its data, and a state folder in which its model was promoted."""
    folder = tmp_path_factory.mktemp("promoted")
    pq.write_table(small_adult, folder / "small.parquet")
    (folder / "small.yaml").write_text(SPEC)
    assert assay.run(assay.load_spec(folder / "small.yaml"), home=folder / "home").outcome == "promoted"
    return folder


@pytest.fixture
def used(promoted: Path, home: Path, tmp_path: Path, adult: pa.Table) -> Used:
    """The same in a state folder of this test's own."""
    shutil.copytree(promoted / "home", home)
    return Used(promoted / "small.yaml", home, tmp_path, adult.drop_columns("income"))


def test_rows_as_in_training_hold_and_others_fire_and_say_what_moved(used: Used) -> None:
    quiet = used.watch(used.window("a", 1), used.window("b", 2))
    assert (quiet.watched.verdict, quiet.exit_code) == ("QUIET", 0)
    first = used.watch(used.window("c", 3, over=45))
    assert (first.watched.verdict, first.exit_code) == ("QUIET", 0)  # one bad window is no rule
    second = used.watch(used.window("d", 4, over=45))
    assert (second.watched.verdict, second.exit_code) == ("FIRES", 2)
    assert [window.number for window in second.watched.windows] == [1, 2, 3, 4]  # those of before count
    assert second.watched.moved[0] == "age"
    assert 'assay_drift_fires{model="small",version="1"} 1' in second.gauges
    again = used.watch(used.window("d", 4, over=45))
    assert again.watched.windows == second.watched.windows


def test_the_exit_code_of_the_command_is_0_on_rows_as_in_training_and_2_on_shifted_ones(
    used: Used, capsys: pytest.CaptureFixture[str]
) -> None:
    gauges = used.folder / "assay.prom"
    watch = ["watch", "small@champion", "--gauges", str(gauges)]
    assert main([*watch, "--data", used.window("a", 1), "--data", used.window("b", 2)]) == 0
    assert "QUIET" in capsys.readouterr().out
    assert 'assay_drift_fires{model="small",version="1"} 0' in gauges.read_text()
    assert main([*watch, "--data", used.window("c", 3, over=45), "--data", used.window("d", 4, over=45)]) == 2
    shown = capsys.readouterr().out
    assert "FIRES" in shown
    assert next(line for line in shown.splitlines() if line.startswith("moved")).split()[1].startswith("age")
    assert 'assay_drift_fires{model="small",version="1"} 1' in gauges.read_text()


def test_every_window_is_a_step_of_the_one_monitoring_run_of_the_version(used: Used) -> None:
    used.watch(used.window("a", 1))
    used.watch(used.window("a", 1), used.window("b", 2, over=45))
    client = registry.connect(tracking.local_uri(used.home), used.home)
    experiment = client.get_experiment_by_name("small monitoring")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["assay.model_version"] == "small/1"
    assert run.info.run_name == "small version 1"
    history = client.get_metric_history(run.info.run_id, "values/age")
    assert [point.step for point in history] == [1, 2]
    assert history[0].value < 0.1 < history[1].value
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"watch.html", "windows"}
    assert "age" in run.data.tags["mlflow.note.content"]
    assert client.get_model_version("small", "1").tags["assay.watch"].startswith("quiet")


def test_labels_that_come_late_are_joined_by_id_and_the_gates_are_asked_again(used: Used, adult: pa.Table) -> None:
    ids = [f"r{i}" for i in range(1200)]
    used.adult = adult
    path = used.window("a", 1, 1200, id=ids)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns("income"), path)
    assert used.watch(path).watched.windows[0].n_labels == 0
    wrong = pc.if_else(pc.equal(table["income"], ">50K"), "<=50K", ">50K")
    order = pa.array(np.random.default_rng(0).permutation(1200)[:1000])
    for name, income in (("right", table["income"]), ("wrong", wrong)):
        labels = pa.table({"id": table["id"], "income": income}).take(order)
        pq.write_table(labels, used.folder / f"{name}.parquet")
    (window,) = used.watch(path, labels=str(used.folder / "right.parquet"), id="id").watched.windows
    assert window.n_labels == 1000
    assert [(gate.gate, gate.verdict) for gate in window.gates] == [("min_metric", "PASS")]
    found = {metric.name: metric.interval.value for metric in window.metrics}
    p, y = scores(used, table, order)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p))
    (window,) = used.watch(path, labels=str(used.folder / "wrong.parquet"), id="id").watched.windows
    assert window.verdict == "VIOLATES"
    assert "gates that no longer hold: accuracy" in window.reason
    flipped = {metric.name: metric.interval.value for metric in window.metrics}
    assert flipped["accuracy"] == pytest.approx(1 - found["accuracy"])


def scores(used: Used, table: pa.Table, order: pa.Array) -> tuple[Any, Any]:
    from assay import inference

    ledger = Ledger(used.home)
    around = {"uri": tracking.local_uri(used.home), "home": used.home, "store": ledger.store}
    version = registry.load("small/1", **around)  # type: ignore[arg-type]
    rows = table.take(order)
    predicted = inference.predictor(version.model, version.calibration, store=ledger.store)(rows)
    y = np.array(rows["income"].to_pylist()) == ">50K"
    assert predicted.p_BO is not None
    assert accuracy_score(y, predicted.y_hat) > 0.7
    return predicted.p_BO[:, 1], y


def test_a_firing_rule_trains_once_and_not_again_for_the_same_windows(used: Used) -> None:
    n_trained = []

    def train() -> Any:
        n_trained.append(1)
        return assay.run(assay.load_spec(used.spec, [f"seed={len(n_trained)}"]), home=used.home)

    bad = [used.window(f"w{i}", i, over=45) for i in range(5)]
    fired = used.watch(*bad[:2], train=train)
    assert fired.retrained is not None
    assert fired.retrained.run is not None
    assert fired.retrained.run.registered is not None
    assert fired.retrained.run.registered.version == 2
    assert used.watch(*bad[:2], train=train).retrained is None
    assert used.watch(bad[2], train=train).watched.verdict == "UNDECIDED"
    assert used.watch(bad[3], train=train).retrained is not None
    assert len(n_trained) == 2


def test_a_training_that_failed_or_was_killed_is_begun_again(used: Used) -> None:
    bad = [used.window(f"w{i}", i, over=45) for i in range(2)]

    def fails() -> Any:
        raise TrainingError("no room")

    def dies() -> Any:
        raise KeyboardInterrupt

    failed = used.watch(*bad, train=fails)
    assert failed.retrained is not None
    assert failed.retrained.problem == "no room"
    with pytest.raises(KeyboardInterrupt):
        used.watch(*bad, train=dies)
    again = used.watch(*bad, train=lambda: assay.run(assay.load_spec(used.spec), home=used.home))
    assert again.retrained is not None
    assert again.retrained.run is not None
    assert used.watch(*bad, train=fails).retrained is None


def test_a_window_of_few_rows_is_undecided_and_mistakes_are_named(used: Used) -> None:
    few = used.watch(used.window("few", n=50))
    assert (few.watched.verdict, few.exit_code) == ("UNDECIDED", 3)
    pq.write_table(pa.table({"other": [1]}), used.folder / "other.parquet")
    with pytest.raises(DataError, match="none of the model's columns"):
        used.watch(str(used.folder / "other.parquet"))
    with pytest.raises(SpecError, match="Did you mean 'min_psi'"):
        used.watch(used.window("few", n=50), overrides=["min_psy=1"])
    with pytest.raises(SpecError, match="min_psi"):
        used.watch(used.window("few", n=50), overrides=["min_psi=-1"])
    with pytest.raises(AssayError, match="no version 9"):
        pipeline.watch("small/9", [used.window("few", n=50)], home=used.home)


def test_a_personal_column_is_in_no_reference_and_no_sample(spec_path: Path, home: Path) -> None:
    words = ["personal=[native_country]", "monitoring.sample_rows=200"]
    assert assay.run(assay.load_spec(spec_path, words), home=home).registered
    ledger = Ledger(home)
    around = {"uri": tracking.local_uri(home), "home": home, "store": ledger.store}
    reference = registry.load("small/1", **around).reference  # type: ignore[arg-type]
    assert reference is not None
    held = next(column for column in reference.columns if column.name == "native_country")
    assert (held.levels, held.points, held.counts) == ((), (), ())
    assert held.n_missing > 0
    assert reference.sample is not None
    sample = ledger.store.table(reference.sample)
    assert "native_country" not in sample.column_names
    assert len(sample) == 200


def test_no_row_of_people_is_kept_unless_the_spec_says_so(used: Used) -> None:
    version = registry.load("small/1", uri=tracking.local_uri(used.home), home=used.home, store=Ledger(used.home).store)
    assert version.reference is not None
    assert version.reference.sample is None  # its spec audits `sex`
