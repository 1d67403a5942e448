"""A wrong value of every kind of field is exactly one mistake, in words for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay import pipeline

SPEC = """\
version: 1
name: adult
task: {task}
data: {{path: adult.parquet}}
target: {target}
split: {{by: column, column: split}}
audit: {{sensitive: [sex, race]}}
"""
ADULT = Path(__file__).parents[2] / "examples" / "adult" / "adult.parquet"
# Words of the library that finds the mistakes, which mean nothing to a person.
LEAKS = ("Input should", "validation error", "valid integer", "valid dict", "instance of", "Extra inputs", "type=")

# What is added to the spec, where the one mistake is, what is said to be found, and what is said to be allowed.
WRONG = [
    # numbers
    ("training: {epochs: -1}", "training.epochs", "-1", "a whole number from 1 to 100,000"),
    ("training: {epochs: ten}", "training.epochs", "'ten'", "a whole number from 1 to 100,000"),
    ("training: {epochs: 2.5}", "training.epochs", "2.5", "a whole number from 1 to 100,000"),
    ("training: {epochs: true}", "training.epochs", "true", "a whole number from 1 to 100,000"),
    ("training: {epochs: null}", "training.epochs", "null", "a whole number from 1 to 100,000"),
    ("training: {epochs: [1, 2]}", "training.epochs", "[1, 2]", "a whole number from 1 to 100,000"),
    ("training: {lr: 0}", "training.lr", "0", "a number, above 0"),
    ("training: {lr: .inf}", "training.lr", "inf", "a number, above 0"),
    ("training: {momentum: 1}", "training.momentum", "1", "a number, 0 or more and below 1 (of sgd and rmsprop)"),
    ("training: {betas: [0.9, 1.5]}", "training.betas", "[0.9, 1.5]", "two decays"),
    ("training: {betas: [0.9]}", "training.betas", "[0.9]", "a list of two numbers"),
    ("training: {betas: 0.9}", "training.betas", "0.9", "a list of two numbers"),
    ("training: {epochs: 5, schedule: {warmup_epochs: 9}}",
     "training.schedule.warmup_epochs", "9", "`training.epochs`"),
    # words, truth, lists, mappings
    ("training: {optimizer: adamm}", "training.optimizer", "'adamm'", "adamw, adam, sgd, rmsprop, adagrad"),
    ("training: {loss: mse}", "training.loss", "'mse' is no loss of classification", "auto, cross_entropy"),
    ("target_: 3", "target_", "unknown key 'target_'", "version, name, task"),
    ("training: {epoch: 3}", "training.epoch", "unknown key 'epoch'", "epochs, batch_size"),
    ("training: 3", "training", "3", "a mapping with epochs, batch_size"),
    ("training: [1]", "training", "[1]", "a mapping with epochs, batch_size"),
    ("registry: {promote_inconclusive: maybe}", "registry.promote_inconclusive", "'maybe'", "true or false"),
    ("registry: {alias: Champion}", "registry.alias", "'Champion'", "a small letter"),
    ("registry: {alias: latest}", "registry.alias", "'latest'", "MLflow keeps"),
    ("features: {exclude: sex}", "features.exclude", "'sex'", "a list of text"),
    ("tracking: {uri: 'foo://bar'}", "tracking.uri", "'foo://bar'", "http://"),
    ("compute: {threads: 100000}", "compute.threads", "100000", "a whole number from 1 to 1,024, or null"),
    ("features: {include: []}", "features.include", "[]", "at least one column"),
    # unions
    ("compute: {workers: many}", "compute.workers", "'many'", "a whole number, or a list of two whole numbers"),
    ("compute: {workers: {a: 1}}", "compute.workers", "{a: 1}", "a whole number, or a list of two whole numbers"),
    ("compute: {workers: [3, 1]}", "compute.workers", "[3, 1]", "1 <= min <= max"),
    ("training: {class_weights: 3}",
     "training.class_weights", "3", "balanced, or a mapping of text to numbers, or null"),
    ("training: {class_weights: {'>50K': x}}", "training.class_weights.>50K", "'x'", "a number"),
    ("training: {class_weights: {'>50K': -1}}", "training.class_weights.>50K", "-1", "a number, 0 or more"),
    ("training: {class_weights: {'>5OK': 2}}", "training.class_weights.>5OK", "there is no class", "<=50K, >50K"),
    ("evaluation: {threshold: accurcy}", "evaluation.threshold", "'accurcy'", "accuracy, balanced_accuracy"),
    ("evaluation: {threshold: 7}", "evaluation.threshold", "7", "a probability from 0 to 1"),
    ("evaluation: {quantiles: [0.5, 2]}", "evaluation.quantiles.1", "2", "above 0 and below 1"),
    # preprocessing
    ("preprocessing: {numeric: {clip: [0.9, 0.1]}}", "preprocessing.numeric.clip", "[0.9, 0.1]", "two quantiles"),
    ("preprocessing: {numeric: {clip: [1, 2]}}", "preprocessing.numeric.clip", "[1, 2]", "two quantiles"),
    ("preprocessing: {pca: {n_components: 2.5}}", "preprocessing.pca.n_components", "2.5", "a count from 1 on"),
    ("preprocessing: {pca: {n_components: 99}}", "preprocessing.pca.n_components", "99 components", "from 1 to 12"),
    ("preprocessing: {create: [{name: a, bins: {column: age, edges: [5, 1]}}]}",
     "preprocessing.create.0.bins.edges", "[5, 1]", "each above the one before"),
    ("preprocessing: {create: [{name: a, bins: {column: age, edges: 5}}]}",
     "preprocessing.create.0.bins.edges", "5", "a list of numbers, or null"),
    ("preprocessing: {create: [{name: a}]}", "preprocessing.create.0", "{name: a}", "exactly one of"),
    ("preprocessing: {create: [{name: a, ratio: [age, agee]}]}", "preprocessing.create.a", "'agee'", "age"),
    ("preprocessing: {columns: {agee: {kind: numeric}}}", "preprocessing.columns.agee", "'agee' is no feature", "age"),
    ("preprocessing: {columns: {age: {encode: onehot}}}",
     "preprocessing.columns.age.encode", "'age' is numeric", "clip, fill"),
    # expectations
    ("validation: {expectations: [{type: between, column: age, min: 9, max: 1}]}",
     "validation.expectations.0.max", "1", "`min` (9) or more"),
    ("validation: {expectations: [{type: not_null, column: age, min: 9}]}",
     "validation.expectations.0.min", "no use for", "column, mostly"),
    ("validation: {expectations: [{type: in_set, column: age}]}",
     "validation.expectations.0", "no 'values'", "'values'"),
    ("validation: {expectations: [{type: regex, column: sex, pattern: '('}]}",
     "validation.expectations.0.pattern", "'('", "a regular expression"),
    ("validation: {expectations: [{type: between, column: agee, min: 9}]}",
     "validation.expectations.0.column", "no column 'agee'", "age"),
    ("validation: {expectations: [{type: between, column: sex, min: 9}]}",
     "validation.expectations.0", "categorical", "numeric column"),
    ("validation: {expectations: [{type: distribution, column: sex, reference: {Male: 0.5, Female: 0.7}}]}",
     "validation.expectations.0.reference", "{Male: 0.5, Female: 0.7}", "add up to 1"),
    # gates
    ("gates: [{gate: min_metrc, metric: accuracy}]", "gates.0.gate", "unknown gate 'min_metrc'", "min_metric"),
    ("gates: [{metric: accuracy}]", "gates.0.gate", "nothing", "text"),
    ("gates: [{gate: min_metric, metric: accuracy}]", "gates.0.at_least", "nothing", "a number"),
    ("gates: [{gate: min_metric, metric: accuracy, at_least: 30}]", "gates.0.at_least", "30", "0 to 1"),
    ("gates: [{gate: max_metric, metric: log_loss, at_most: -1}]", "gates.0.at_most", "-1", "0 or more"),
    ("gates: [{gate: min_metric, metric: acuracy, at_least: 0.3}]", "gates.0.metric", "'acuracy'", "accuracy"),
    ("gates: [{gate: min_metric, metric: rmse, at_least: 0.3}]", "gates.0.metric", "'rmse'", "accuracy"),
    ("gates: [{gate: min_metric, metric: f1, at_least: 0.3, fold: train}]", "gates.0.fold", "'train'", "test, valid"),
    ("gates: [{gate: beats_champion, metric: roc_auc, margin: 2}]", "gates.0.margin", "2", "less than 1"),
    ("gates: [{gate: max_disparity, metric: selection_rat, sensitive: sex, tolerance: 0.1}]",
     "gates.0.metric", "'selection_rat'", "selection_rate"),
    ("gates: [{gate: max_disparity, metric: mean_error, sensitive: sex, tolerance: 0.1}]",
     "gates.0.metric", "'mean_error'", "selection_rate"),
    ("gates: [{gate: max_disparity, metric: selection_rate, sensitive: sex, tolerance: 5}]",
     "gates.0.tolerance", "5", "above 0 and below 1"),
    ("gates: [{gate: max_disparity, metric: selection_rate, sensitive: sex}]",
     "gates.0", "{gate: ", "either `tolerance`"),
    ("gates: [{gate: max_disparity, metric: selection_rate, sensitive: sx, tolerance: 0.1}]",
     "gates.0.sensitive", "'sx' is not in `audit.sensitive`", "sex, race"),
    ("gates: [{gate: max_disparity, metric: selection_rate, sensitive: [sex, race], tolerance: 0.1}]",
     "gates.0.sensitive", "sex x race is not a crossing", "none"),
    # models, and what the data tell
    ("model: {family: mpl}", "model.family", "unknown model family 'mpl'", "mlp"),
    ("model: {family: 'python:no_such_module:Net'}", "model.family", "there is no module 'no_such_module'", ".py"),
    ("training: {early_stopping: {metric: acuracy}}", "training.early_stopping.metric", "'acuracy'", "loss, accuracy"),
    ("personal: [nme]", "personal.0", "no column 'nme'", "age"),
    ("personal: [sex]", "personal.0", "'sex', which is audited", "does not show"),
    ("features: {exclude: [agee]}", "features.exclude.0", "no column 'agee'", "age"),
    ("features: {use_sensitive: [sx]}", "features.use_sensitive.0", "'sx' is not in", "sex, race"),
]  # fmt: skip


def mistakes_of(folder: Path, text: str) -> list[str]:
    if not (folder / "adult.parquet").exists():
        (folder / "adult.parquet").symlink_to(ADULT)
    (folder / "spec.yaml").write_text(text)
    return [str(mistake) for mistake in pipeline.check(folder / "spec.yaml").mistakes]


@pytest.mark.parametrize(("extra", "where", "found", "allowed"), WRONG)
def test_a_wrong_value_is_one_mistake(tmp_path: Path, extra: str, where: str, found: str, allowed: str) -> None:
    mistakes = mistakes_of(tmp_path, SPEC.format(task="classification", target="income") + extra + "\n")
    assert len(mistakes) == 1, mistakes
    place, _, words = mistakes[0].partition(f": {where}: ")
    assert place == "spec.yaml:8", mistakes
    before, _, after = words.partition(" Allowed: ")
    assert found in before
    assert allowed in after
    assert not any(leak in mistakes[0] for leak in LEAKS)


@pytest.mark.parametrize(
    ("line", "text", "where", "found", "allowed"),
    [
        (2, "name: a b", "name", "'a b'", "a letter or digit"),
        (3, "task: clasification", "task", "'clasification'", "classification, regression"),
        (4, "data: {path: 3}", "data.path", "3", "text, or a mapping"),
        (4, "data: {path: adlt.parquet}", "data.path", "no such file", "a file"),
        (4, "data: {path: adult.parquet, delimiter: abc}", "data.delimiter", "'abc'", "text of one character"),
        (5, "target: 3", "target", "3", "the name of a column, or a mapping with column, positive, log"),
        (5, "target: incom", "target.column", "no column 'incom'", "income"),
        (5, "target: {column: income, positive: '>5OK'}", "target.positive", "no value '>5OK'", "<=50K, >50K"),
        (5, "target: {column: income, log: true}", "target.log", "true", "the task is classification"),
        (6, "split: {by: column, column: splt}", "split.column", "no column 'splt'", "split"),
        (6, "split: {by: column, column: split, train: trian}", "split.train", "no value 'trian'", "test, train"),
        (6, "split: {by: random, test_frac: 0.9, valid_frac: 0.5}", "split", "{by: random", "below 1"),
        (6, "split: {by: time, column: sex}", "split.column", "is text", "dates"),
        (4, "data: {path: adult.parquet, encoding: foo}", "data.encoding", "'foo'", "latin-1"),
        (4, "data: {path: {train: adult.parquet}}", "data.path", "{train: ", "train and test"),
        (6, "split: {by: files}", "split.by", "`data.path` is not split", "path: {train"),
        (7, "audit: {sensitive: [age]}", "audit.sensitive.0", "74 different numbers", "`edges`"),
        (7, "audit: {sensitive: [{column: sex, edges: [1]}]}", "audit.sensitive.0.edges", "categorical", "numbers"),
        (7, "audit: {sensitive: [sx]}", "audit.sensitive.0", "no column 'sx'", "sex"),
        (7, "audit: {sensitive: [sex], data: {quasi_identifiers: [agee]}}", "audit.data.quasi_identifiers.0",
         "no column 'agee'", "age"),
        (7, "audit: {sensitive: [sex], data: {strata: agee}}", "audit.data.strata", "no column 'agee'", "age"),
        (7, "audit: {sensitive: [sex], data: {reference: {gender: {a: 1}}}}", "audit.data.reference.gender",
         "does not look at 'gender'", "sex"),
        (7, "audit: {sensitive: [sex], explain: {mutable: {agee: up}}}", "audit.explain.mutable.agee",
         "does not see 'agee'", "age"),
        (7, "audit: {sensitive: [sex], explain: {adverse: poor}}", "audit.explain.adverse", "no value 'poor'", ">50K"),
        (7, "audit: {sensitive: [{column: age, edgs: [3]}]}", "audit.sensitive.0.edgs", "unknown key", "column, edges"),
        (7, "audit: {sensitive: [3]}", "audit.sensitive.0", "3", "text, or a mapping with column, edges"),
        (7, "audit: {sensitive: [sex], crossings: [[sex, rac]]}", "audit.crossings.0", "'rac' is not in", "sex"),
        (7, "audit: {sensitive: [sex], fold: audit}", "audit.fold", "no audit fold", "audit_frac"),
    ],
)  # fmt: skip
def test_so_is_one_in_what_every_spec_says(
    tmp_path: Path, line: int, text: str, where: str, found: str, allowed: str
) -> None:
    lines = SPEC.format(task="classification", target="income").splitlines()
    lines[line - 1] = text
    mistakes = mistakes_of(tmp_path, "\n".join(lines) + "\n")
    assert len(mistakes) == 1, mistakes
    place, _, words = mistakes[0].partition(f": {where}: ")
    assert place == f"spec.yaml:{line}", mistakes
    before, _, after = words.partition("Allowed: ")
    assert found in before
    assert allowed in after
    assert not any(leak in mistakes[0] for leak in LEAKS)


def test_in_regression_other_things_are_wrong(tmp_path: Path) -> None:
    text = SPEC.format(task="regression", target="{column: hours_per_week, positive: x}")
    text += "training:\n  label_smoothing: 0.1\n  early_stopping: {metric: accuracy}\n"
    text += "gates:\n  - {gate: min_metric, metric: r2, at_least: 2}\n  - {gate: max_metric, metric: ece, at_most: 1}\n"
    found = mistakes_of(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "target.positive", "training.label_smoothing",
    ]  # fmt: skip
    found = mistakes_of(tmp_path, text.replace(", positive: x", "").replace("  label_smoothing: 0.1\n", ""))
    assert [line.split(": ")[1] for line in found] == [
        "training.early_stopping.metric", "gates.0.at_least", "gates.1.metric",
    ]  # fmt: skip
    assert "Allowed: 1 or less" in found[1]


def test_mistakes_of_words_and_of_data_are_told_together(tmp_path: Path) -> None:
    text = SPEC.format(task="classification", target="incom")
    text += "training: {epochs: -1}\ngates:\n  - {gate: min_metric, metric: acuracy, at_least: 0.5}\n  - {gate: mx}\n"
    found = mistakes_of(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "target.column",
        "training.epochs",
        "gates.0.metric",
        "gates.1.gate",
    ]
    assert "Did you mean 'income'?" in found[0]
    assert "Did you mean 'accuracy'?" in found[2]
