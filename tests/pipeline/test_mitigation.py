"""One line of the spec: what it makes run, what it does to the gaps, and what a person is told."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

import assay
from assay import inference, pipeline
from assay.errors import SpecError
from assay.ledger import Ledger
from assay.pipeline import RunResult
from assay.store import Store

PENALTY = "mitigate={method: parity_penalty, sensitive: [sex], weight: %s}"
THRESHOLDS = "mitigate={method: thresholds, sensitive: [sex]}"


def run(spec_path: Path, home: Path, *overrides: str) -> RunResult:
    return assay.run(assay.load_spec(spec_path, overrides), home=home)


def ran(result: RunResult) -> set[str]:
    return {stage.name for stage in result.stages if not stage.reused}


def gap(found: dict[str, object], metric: str = "selection_rate") -> tuple[float, float]:
    pair = next(pair for pair in found["gaps"] if pair["before"]["metric"] == metric)  # type: ignore[attr-defined]
    return pair["before"]["gap"], pair["after"]["gap"]


def before_and_after(result: RunResult, home: Path) -> dict[str, object]:
    blob = next(blob for blob in result.report.files if blob.name == "mitigation.json")
    found: dict[str, object] = json.loads(Ledger(home).store.read(blob))
    return found


def test_a_penalty_narrows_the_gap_and_the_report_shows_before_and_after(spec_path: Path, home: Path) -> None:
    plain = run(spec_path, home, "training.epochs=8")
    result = run(spec_path, home, "training.epochs=8", PENALTY % 20)
    assert {"groups", "train", "train-before", "evaluate-before", "audit-before"} <= ran(result)
    found = before_and_after(result, home)
    before, after = gap(found)
    assert after < before / 2
    assert plain.findings is not None
    of_plain = next(one for one in plain.findings.gaps if one.metric == "selection_rate" and one.scale == "difference")
    assert before == of_plain.gap  # before is the same spec without the line
    page = Path(result.review_path).read_text()
    assert "parity_penalty" in page
    assert "Before" in page
    again = run(spec_path, home, "training.epochs=8", PENALTY % 20)
    assert ran(again) == set()
    weight = run(spec_path, home, "training.epochs=8", PENALTY % 5)
    assert "train" in ran(weight)
    assert not {"groups", "preprocess", "encode", "probe"} & ran(weight)
    assert not [name for name in ran(weight) if name.endswith("-before")]


def test_before_can_be_left_out_and_a_plan_says_what_it_costs(spec_path: Path, home: Path) -> None:
    plan = assay.plan(assay.load_spec(spec_path, [PENALTY % 20]), home=home)
    assert any("once more without `mitigate`" in warning for warning in plan.warnings)
    assert "train-before" in [stage.name for stage in plan.stages]
    left_out = (PENALTY % 20).replace("}", ", before: false}")
    result = run(spec_path, home, left_out)
    assert not [name for name in ran(result) if name.endswith("-before")]
    assert ran(run(spec_path, home, PENALTY % 20)) & {"train", "train-before"} == {"train-before"}


def test_thresholds_decide_by_group_and_say_so(spec_path: Path, home: Path) -> None:
    result = run(spec_path, home, "model.family=linear", "training.epochs=8", THRESHOLDS)
    before, after = gap(before_and_after(result, home))
    assert after < before / 2
    assert result.calibration.by_group is not None
    assert any("the sensitive attribute has to be known" in warning for warning in result.warnings)
    assert "used in the decision" in Path(result.review_path).read_text()
    store: Store = Ledger(home).store
    predictor = inference.predictor(result.model, result.calibration, store=store)
    assert "sex" in [column.name for column in predictor.inputs]
    table = store.table(result.folds.test.table).slice(0, 50)
    rows = table.select([column.name for column in predictor.inputs]).to_pylist()
    assert predictor.rows(rows).y_hat.tolist() == predictor(table).y_hat.tolist()
    thresholds = dict(result.calibration.by_group.groups)
    p, sex = predictor(table).p_BO, table["sex"].to_pylist()
    assert p is not None
    expected = [int(one >= thresholds[who]) for one, who in zip(p[:, 1], sex, strict=True)]
    assert predictor(table).y_hat.tolist() == expected
    with pytest.raises(assay.errors.DataError, match="no column 'sex', by which this model decides"):
        predictor(table.drop_columns(["sex"]))
    unknown = table.set_column(table.schema.get_field_index("sex"), "sex", pa.array(["Divers"] * 50))
    assert predictor(unknown).y_hat.tolist() == [int(one >= (result.calibration.threshold or 0)) for one in p[:, 1]]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("mitigate: {method: parity_penality, sensitive: [sex]}", "Did you mean 'parity_penalty'?"),
        ("mitigate: {method: reweigh, sensitive: [sexx]}", "Did you mean 'sex'?"),
        ("mitigate: {method: parity_penalty, sensitive: [sex], wieght: 3}", "Did you mean 'weight'?"),
        ("mitigate: {method: parity_penalty, sensitive: [sex], weight: -3}", "a number, above 0"),
        ("mitigate: {method: group_dro, sensitive: []}", "mitigate.sensitive"),
    ],
)
def test_check_tells_what_is_wrong_with_its_line(spec_path: Path, line: str, told: str) -> None:
    text = spec_path.read_text() + line + "\n"
    spec_path.write_text(text)
    found = pipeline.check(spec_path)
    assert len(found.mistakes) == 1, found.mistakes
    assert told in str(found.mistakes[0])
    assert f"small.yaml:{text.count(chr(10))}" in found.mistakes[0].where


def test_local_sgd_beside_a_penalty_is_refused(spec_path: Path, home: Path) -> None:
    with pytest.raises(SpecError, match="1 beside `mitigate`"):
        run(spec_path, home, "training.sync_every=8", PENALTY % 20)
