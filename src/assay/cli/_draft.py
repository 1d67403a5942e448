"""A first spec for a file of data: what was seen in it, as YAML with comments, to be read and corrected by a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

FAMILIES = {"table": "tabm", "image": "resnet", "series": "rnn"}
METRICS = {"classification": "roc_auc", "regression": "r2"}
HEAD = """\
# A first spec, written by `assay init` from what the data look like: read it, and correct what it guessed wrong.
# `assay check {file}` finds mistakes, `assay check {file} --render` shows every default,
# `assay run {file}` runs it."""
HIDDEN = "Columns that the model must not see: identifiers, and what is only known later."
SENSITIVE = "For whom the model works: the groups of these columns are compared, and the model does not see them."


def draft(name: str, file: str, data_path: str, seen: Mapping[str, Any]) -> str:
    """The text of the spec. `seen` is what `assay.data.describe_for_spec` says about the data at `data_path`."""
    why = seen["reasons"]
    parts = (
        HEAD.format(file=file),
        "\n".join(_columns(seen)),
        "\n".join(("version: 1", _entry("name", name), _entry("task", seen["task"]))),
        _entry("data", {**seen["data"], "path": data_path}),
        _part(f"What to predict. Guessed: {why['target']}.", "target", seen["target"]),
        "\n".join((*_too_good(seen), _part(HIDDEN, "features", seen["features"]))),
        _part("Columns whose values are shown in no report, log or example.", "personal", seen["personal"]),
        _part(f"How rows become train, valid and test. Guessed: {why['split']}.", "split", seen["split"]),
        *_dates(seen),
        "\n".join(_expectations(seen)),
        *_signal(seen),
        _part("`assay models` lists the families, `assay check --render` their options.", "model", _family(seen)),
        _part(SENSITIVE, "audit", {"sensitive": seen["sensitive"]}),
        "\n".join(_gates(seen)),
    )  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _family(seen: Mapping[str, Any]) -> dict[str, str]:
    return {"family": FAMILIES[seen["signal"][0] if seen["signal"] else "table"]}


def _signal(seen: Mapping[str, Any]) -> Iterator[str]:
    """How the image or the series is read, where there is one."""
    if seen["signal"]:
        kind, column = seen["signal"]
        yield _part(f"The {kind}. More options: `assay schema`.", "preprocessing", {kind: {"column": column}})


def _columns(seen: Mapping[str, Any]) -> Iterator[str]:
    columns = seen["columns"]
    width = max(len(str(column["name"])) for column in columns)
    yield f"# {seen['n_rows']:,} rows, {len(columns)} columns:"
    for column in columns:
        facts = [str(column["kind"]), f"{column['n_unique']:,} values"]
        if column["n_null"]:
            facts.append(f"{column['n_null']:,} missing")
        yield f"#   {column['name']:<{width}}  {', '.join(facts)}"


def _too_good(seen: Mapping[str, Any]) -> Iterator[str]:
    """Columns about which a person should think before the model sees them."""
    for name, correlation in seen["told_by"].items():
        told = f"{name!r} nearly tells the target (correlation {correlation:+.2f})"
        yield f"# {told}: is it known when you predict? Else exclude it."


def _dates(seen: Mapping[str, Any]) -> Iterator[str]:
    """How dates that are written as text become times; nothing where there are none."""
    if seen["dates"]:
        columns = {name: {"kind": "datetime"} for name in seen["dates"]}
        yield _part(
            "Dates that are written as text: without this they would be categories.",
            "preprocessing",
            {"columns": columns},
        )


def _expectations(seen: Mapping[str, Any]) -> Iterator[str]:
    yield "# What must be true of the data before anything is trained:"
    yield f"# {seen['reasons']['expectations']}."
    if not seen["expectations"]:
        yield "validation: {expectations: []}"
        return
    yield "validation:"
    yield "  expectations:"
    for expectation in seen["expectations"]:
        yield f"    - {_flow(expectation)}"


def _gates(seen: Mapping[str, Any]) -> Iterator[str]:
    metric = METRICS[seen["task"]]
    yield "# What a model must do to be promoted; `assay gates` lists what can be asked."
    yield "# The first one asks for more than a constant guess: chance is one over the number of classes, or R2 0."
    yield "gates:"
    yield f"  - {_flow(_better_than_chance(seen))}"
    yield f"  - {_flow({'gate': 'beats_champion', 'metric': metric})}"
    yield f"  # - {_flow({'gate': 'min_metric', 'metric': metric, 'at_least': 0.8})}"
    if seen["task"] == "classification" and seen["sensitive"]:
        parity = {"gate": "max_disparity", "metric": "selection_rate", "sensitive": seen["sensitive"][0]}
        yield f"  # - {_flow(parity | {'tolerance': 0.1})}"


def _better_than_chance(seen: Mapping[str, Any]) -> dict[str, Any]:
    if seen["task"] == "regression":
        return {"gate": "min_metric", "metric": "r2", "at_least": 0.0}
    target = seen["target"]["column"]
    n_classes = next(column["n_unique"] for column in seen["columns"] if column["name"] == target)
    return {"gate": "min_metric", "metric": "balanced_accuracy", "at_least": round(1 / n_classes, 3)}


def _part(comment: str, key: str, value: Any) -> str:
    return f"# {comment}\n{_entry(key, value)}"


def _entry(key: str, value: Any) -> str:
    return f"{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    """A value on one line, quoted where YAML needs it."""
    if isinstance(value, Mapping):
        value = {key: item for key, item in value.items() if item is not None}
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
