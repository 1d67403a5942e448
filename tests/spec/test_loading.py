"""A spec is read whole: every mistake at once, each with its line and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from assay.errors import SpecError
from assay.spec import loading

GOOD = """\
version: 1
name: adult
task: classification
data: {path: adult.parquet}
target: income
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "spec.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    return [str(mistake) for mistake in loading.check(write(folder, text))]


def test_a_minimal_spec_is_good_and_relative_to_its_folder(tmp_path: Path) -> None:
    spec = loading.load_spec(write(tmp_path, GOOD))
    assert spec.target.column == "income"
    assert spec.data.options == {"path": "adult.parquet"}
    assert spec.root == tmp_path
    assert loading.check(write(tmp_path, GOOD)) == []


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD + "trainng: {epochs: 3}\ntraining:\n  epochs: -1\n  early_stopping: {metrc: loss}\n"
    text += "gates:\n  - {gate: min_metrc}\n"
    found = mistakes(tmp_path, text)
    assert [line.split(":")[1] for line in found] == ["6", "8", "9", "11"]
    assert "Did you mean 'training'?" in found[0]
    assert "Allowed: a whole number from 1 to 100,000." in found[1]
    assert "Did you mean 'metric'?" in found[2]
    assert "Did you mean 'min_metric'?" in found[3]


def test_options_of_plugins_are_checked_by_their_owner(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path, GOOD + "model:\n  family: mlp\n  depht: 3\ngates:\n  - gate: min_metric\n    metric: accuracy\n"
    )
    assert any("spec.yaml:8: model.depht: unknown key 'depht'" in line for line in found)
    assert any("at_least" in line for line in found)


def test_an_override_is_applied_and_named_when_it_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    spec = loading.load_spec(path, ["training.lr=1e-3", "training.schedule.name=cosine", "compute.workers=[1, 2]"])
    assert (spec.training.lr, spec.training.schedule.name, spec.compute.workers) == (1e-3, "cosine", (1, 2))
    with pytest.raises(SpecError, match=r"--set training.epochs: 'x'"):
        loading.load_spec(path, ["training.epochs=x"])
    with pytest.raises(SpecError, match=r"a\.b=value"):
        loading.load_spec(path, ["training.epochs"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an empty file"),
        ("- 1", "no mapping"),
        ("a: [", "YAML cannot be read"),
        ("a: 1\na: 2", "the key 'a' twice"),
        ('a: !!python/object/apply:os.system ["touch /tmp/owned"]', "the tag"),
        ("a: &a [1]\nb: *a", "an anchor or alias"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ("a: 1\n" * 300_000, "at most 1,000,000 bytes"),
        (b"name: \xff\xfe", "a UTF-8 YAML file"),
        (GOOD.replace("version: 1", "version: 2"), "it is the only one so far"),
        (GOOD.replace("version: 1\n", ""), "version: nothing"),
        (GOOD.replace("task: classification", "task: clasification"), "Did you mean 'classification'?"),
    ],
)
def test_a_bad_file_is_one_clear_mistake(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert expected in "\n".join(mistakes(tmp_path, text))


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert "Did you mean 'spec.yaml'?" in str(loading.check(tmp_path / "spce.yaml")[0])


def test_braces_of_a_template_stay_text(tmp_path: Path) -> None:
    spec = loading.load_spec(write(tmp_path, GOOD.replace("target: income", 'target: "{{7*7}}"')))
    assert spec.target.column == "{{7*7}}"


def test_yes_and_no_stay_words(tmp_path: Path) -> None:
    text = GOOD + "validation:\n  expectations:\n    - {type: in_set, column: a, values: [yes, no]}\n"
    assert loading.load_spec(write(tmp_path, text)).validation.expectations[0].values == ("yes", "no")


def test_a_rendered_spec_reads_back_as_itself_with_every_default(tmp_path: Path) -> None:
    spec = loading.load_spec(
        write(tmp_path, GOOD + "gates:\n  - {gate: min_metric, metric: accuracy, at_least: 0.8}\n")
    )
    text = loading.render(spec)
    again = loading.load_spec(write(tmp_path, text))
    assert loading.render(again) == text
    assert yaml.safe_load(text)["training"]["epochs"] == spec.training.epochs


def test_the_schema_knows_the_options_of_every_plugin() -> None:
    schema = loading.schema()
    gates = schema["$defs"]["GateSpec"]
    assert {"min_metric", "beats_champion"} <= set(gates["properties"]["gate"]["enum"])
    branch = next(part for part in gates["allOf"] if part["if"]["properties"]["gate"]["const"] == "min_metric")
    assert "at_least" in branch["then"]["properties"]
