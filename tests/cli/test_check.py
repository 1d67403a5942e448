"""`check` and what it shares with `run` and `plan`: mistakes are told before anything runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assay
from assay import pipeline
from assay.artifacts import Calibration
from assay.cli import main
from assay.cli._progress import Watch
from assay.errors import DataError, SpecError
from assay.evaluation import temperature_limit
from assay.ledger import Ledger
from assay.spec.loading import load_spec

HEAVY = ("torch", "ray", "mlflow", "prefect", "great_expectations", "pandas", "sklearn", "sqlalchemy")
ADULT = Path(__file__).parents[2] / "examples" / "adult" / "adult.yaml"


def test_checking_a_spec_and_its_data_imports_nothing_heavy() -> None:
    code = f"import sys; from assay.cli import main; main(['check', {str(ADULT)!r}]); "
    code += f"print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no mistakes" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_check_says_run_and_plan_say_before_any_stage(
    home: Path, spec_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spec_path.write_text(spec_path.read_text().replace("column: income", "column: incom"))
    wrong = ["--set", "training.early_stopping.metric=acuracy", "--set", "model.option=3"]
    assert main([command, str(spec_path), *wrong]) == 4
    told = capsys.readouterr().err
    for words in ("target.column", "Did you mean 'income'?", "Did you mean 'accuracy'?", "unknown key 'option'"):
        assert words in told
    assert Ledger(home).runs() == []


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("trainng.epochs=3", "--set trainng.epochs"),
        ("training.epoch=3", "--set training.epoch"),
        ("training.epochs=x", "--set training.epochs"),
        ("gates.0.at_leest=0.3", "--set gates.0.at_leest"),
        ("gates.0.at_least=30", "--set gates.0.at_least"),
        ("target.positive=yes", "--set target.positive"),
        ("training={epochz: 3}", "--set training.epochz"),
    ],
)
def test_what_was_set_beside_the_file_is_blamed_on_that(spec_path: Path, override: str, where: str) -> None:
    assert [mistake.where for mistake in pipeline.check(spec_path, [override]).mistakes] == [where]


def test_a_target_in_short_form_can_be_set_in_part(spec_path: Path) -> None:
    text = spec_path.read_text().replace('target: {column: income, positive: ">50K"}', "target: income")
    spec_path.write_text(text.replace("sensitive: [sex]", "sensitive: [sex, age]"))
    spec = load_spec(spec_path, ["target.positive=<=50K", "audit.sensitive.1.edges=[30, 50]"])
    assert (spec.target.column, spec.target.positive) == ("income", "<=50K")
    assert spec.audit.columns == ("sex", "age")


def test_a_class_may_be_written_as_a_number(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0, 2.0, 3.0], "y": [0, 1, 1]}), tmp_path / "d.parquet")
    text = "version: 1\nname: a\ntask: classification\ndata: {path: d.parquet}\ntarget: {column: y, positive: 1}\n"
    (tmp_path / "a.yaml").write_text(text)
    assert pipeline.check(tmp_path / "a.yaml").mistakes == ()
    (found,) = pipeline.check(tmp_path / "a.yaml", ["target.positive=2"]).mistakes
    assert (found.where, found.allowed) == ("--set target.positive", "0, 1")


def test_a_database_is_asked_only_when_it_is_asked_for(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "d.db") as connection:
        connection.execute("create table t as select 1 as x, 0 as y union all select 2, 1")
    text = "version: 1\nname: a\ntask: classification\ntarget: z\n"
    text += "data: {source: sql, uri: 'sqlite:///d.db', query: 'select * from t'}\n"
    (tmp_path / "a.yaml").write_text(text)
    unasked = pipeline.check(tmp_path / "a.yaml")
    assert unasked.mistakes == ()
    assert "--query" in unasked.notes[0]
    (found,) = pipeline.check(tmp_path / "a.yaml", query=True).mistakes
    assert "no column 'z'" in found.found


@pytest.mark.parametrize("mark", [";", "|", "\t"])
def test_another_delimiter_is_told_with_what_to_write(tmp_path: Path, mark: str) -> None:
    rows = ["x,y,z", "1,5,a", "2,5,b"]
    (tmp_path / "d.csv").write_text("\n".join(row.replace(",", mark) for row in rows) + "\n")
    (tmp_path / "a.yaml").write_text("version: 1\nname: a\ntask: classification\ndata: {path: d.csv}\ntarget: z\n")
    found = pipeline.check(tmp_path / "a.yaml").mistakes
    written = {"\t": "\\t"}.get(mark, mark)
    assert [f'Write `delimiter: "{written}"`' in mistake.allowed for mistake in found] == [True]
    assert pipeline.check(tmp_path / "a.yaml", [f'data.delimiter="{written}"']).mistakes == ()


def test_dates_as_text_are_told_until_the_spec_says_what_they_are(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"d": ["2024-01-31", None, "2024-02-01T08:00:00Z"], "y": ["a", "b", "a"]}), tmp_path / "d.pq"
    )
    (tmp_path / "a.yaml").write_text(
        "version: 1\nname: a\ntask: classification\ndata: {path: d.pq}\ntarget: y\n"
        "gates: [{gate: min_metric, metric: accuracy, at_least: 0.5}]\n"
    )
    (note,) = pipeline.check(tmp_path / "a.yaml").notes
    assert "kind: datetime" in note
    assert pipeline.check(tmp_path / "a.yaml", ["preprocessing.columns.d.kind=datetime"]).notes == ()


def test_a_spec_without_gates_is_told_that_nothing_will_be_promoted(spec_path: Path) -> None:
    (note,) = pipeline.check(spec_path, ["gates=[]"]).notes
    assert "no model will be promoted" in note


def test_a_misspelt_sensitive_column_hides_no_other_mistake(
    spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["audit={sensitive: [sx, race], crossings: [[sex, race]]}", "target.column=incom", "seed=-4"]
    for command in ("check", "run", "plan"):
        assert main([command, str(spec_path), *(word for each in wrong for word in ("--set", each))]) == 4
        told = capsys.readouterr().err
        for words in ("audit.crossings", "Did you mean 'sex'?", "Did you mean 'income'?", "--set seed"):
            assert words in told, (command, words)


def test_a_large_csv_is_judged_by_its_first_block(tmp_path: Path) -> None:
    with open(tmp_path / "d.csv", "w") as file:
        file.write("x,y\n")
        file.writelines(f"{n},{'ab'[n % 2] * 30}\n" for n in range(600_000))
    text = "version: 1\nname: a\ntask: classification\ndata: {path: d.csv}\ntarget: {column: y, positive: c}\n"
    (tmp_path / "a.yaml").write_text(text)
    assert pipeline.check(tmp_path / "a.yaml").mistakes == ()  # its values are not read
    (found,) = pipeline.check(tmp_path / "a.yaml", ["features.exclude=[xx]"]).mistakes
    assert "Did you mean 'x'?" in found.hint


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"assay {assay.__version__}\n"


@pytest.mark.parametrize(("words", "option"), [("models mlp", "width"), ("gates min_metric", "at_least"),
                                               ("sources sql", "query")])  # fmt: skip
def test_a_plugin_is_asked_for_its_options(words: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words.split(), "--json"]) == 0
    options = {each["name"]: each for each in json.loads(capsys.readouterr().out)["options"]}
    assert options[option]["allowed"]
    assert options[option]["required"] == (option != "width")
    assert main(words.split()) == 0
    assert option in capsys.readouterr().out
    assert main([words.split()[0], "nothing"]) == 4


@pytest.mark.usefixtures("home")
def test_a_plan_compares_an_option_with_its_default(spec_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--set", "model.family=mlp", "--set", "training.epochs=1"]
    assert main(["run", str(spec_path), *quick, "--orchestrator", "none"]) in (0, 2, 3)
    capsys.readouterr()
    assert main(["plan", str(spec_path), *quick, "--set", "model.width=64", "--json"]) == 0
    reasons = {stage["name"]: stage["reason"] for stage in json.loads(capsys.readouterr().out)["stages"]}
    assert reasons["train"] == "model.width: 256 (default) -> 64"


@pytest.mark.usefixtures("home")
def test_the_table_shows_every_metric_that_a_gate_asks_for(spec_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = "[{gate: min_metric, metric: recall_weighted, at_least: 0.1}, {gate: max_metric, metric: ece, at_most: 1}]"
    words = ["run", str(spec_path), "--orchestrator", "none", "--set", "model.family=constant"]
    assert main([*words, "--set", f"gates={gates}"]) == 0
    told = capsys.readouterr().out
    table = told[told.index("on the test fold") :].splitlines()
    assert [row.split()[0] for row in table[1:9]][:2] == ["recall_weighted", "ece"]
    assert told.count("one-sided") == 1


def test_after_a_resume_old_epochs_are_not_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch() as watch:
        watch.hear({"kind": "notice", "text": "training goes on", "epoch": 3})
        for number in range(1, 5):
            watch.hear({"kind": "epoch", "epoch": number, "n_epochs": 4, "train_loss": 0.5, "valid_loss": 0.2})
    told = capsys.readouterr().err
    assert "epoch 2/4" not in told
    assert "epoch 3/4" in told


def test_python_may_name_a_path_and_is_told_what_else(
    home: Path, spec_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert assay.plan(str(spec_path), home=home).name == "small"
    assert assay.plan(spec_path, home=home).stages
    with pytest.raises(SpecError, match=r"a dict\. Allowed: a path, or what `assay.load_spec` returns"):
        assay.run({"version": 1}, home=home)  # type: ignore[arg-type]


def test_a_column_of_mixed_types_is_named_in_one_sentence(home: Path, spec_path: Path) -> None:
    frame = pd.DataFrame({"age": pd.Series([1, "x", 3], dtype=object), "income": ["a", "b", "a"]})
    with pytest.raises(DataError, match=r"column 'age' mixes values of the types int, str\. Allowed: "):
        assay.run(spec_path, home=home, table=frame)


@pytest.mark.parametrize(("temperature", "told"), [(1.0, ""), (20.0, "limit, 20:"), (0.05, "limit, 0.05:")])
def test_a_temperature_at_its_limit_is_told(temperature: float, told: str) -> None:
    said = temperature_limit(Calibration(temperature=temperature))
    assert told in said
    assert bool(said) == bool(told)
