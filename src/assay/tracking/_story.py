"""What a run's events say, in MLflow's words. Knows nothing of MLflow: told the same events, it says the same.

Names of metrics: `train/loss`, `valid/accuracy`, `test/accuracy` with `.low` and `.high`, `gap/SENSITIVE/METRIC`,
`seconds/STAGE`, `system/...`. The step is the epoch, or the number of the sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import yaml

from assay.artifacts import (
    Blob,
    Decision,
    Epoch,
    Evaluation,
    Findings,
    Folds,
    Model,
    Registered,
    Search,
    Snapshot,
    from_json,
    sha256_of,
    to_json,
)
from assay.tracking._words import flat, key_of, redacted

STATUS = {
    "finished": "FINISHED", "failed": "FAILED", "crashed": "FAILED", "killed": "KILLED", "cancelled": "KILLED",
    "pending": "SCHEDULED",
}  # fmt: skip
TRIAL_STATUS = {
    "running": "RUNNING",
    "paused": "RUNNING",
    "done": "FINISHED",
    "stopped": "FINISHED",
    "failed": "FAILED",
}
# The hand-offs that are known by a name of their own; the others go by their stage's.
HANDOFFS = {
    "ingest": "snapshot", "validate": "validation", "split": "folds", "preprocess": "preprocessing", "encode": "arrays",
    "probe": "leaks", "train": "model", "calibrate": "calibration", "predict": "predictions", "evaluate": "evaluation",
    "audit": "findings", "decide": "decision", "register": "registered",
}  # fmt: skip
# The stages whose files a reviewer may open. Those of the others are data, counts and predictions of people, the model.
OPEN = ("validate", "evidence", "report", "search-report")


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric. `time_ms` is that of the event, so that a point sent twice is the same point."""

    key: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Rows that the run used. `context` is their fold."""

    name: str
    digest: str
    context: str
    source: str
    schema: str
    profile: str


@dataclass(slots=True)
class Child:
    """A trial of a search, which is a run of its own below the run: all of it that is known, new or not."""

    number: int
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[tuple[str, int], Point] = field(default_factory=dict)
    status: str = "RUNNING"
    began_ms: int = 0
    time_ms: int = 0


@dataclass(slots=True)
class Batch:
    """What is to be sent next. Everything in it may be sent twice with no harm, but for points and datasets."""

    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, Blob] = field(default_factory=dict)
    registered: Registered | None = None
    children: dict[int, Child] = field(default_factory=dict)
    status: str = ""
    time_ms: int = 0


class Story:
    """The run so far. `tell` it each event once, in order; what that means for MLflow gathers in `batch`."""

    def __init__(self) -> None:
        self.batch = Batch()
        self.name = self.reason = ""
        self.snapshot: Snapshot | None = None
        self.folds: Folds | None = None
        self.model: Model | None = None
        self.evaluation: Evaluation | None = None
        self.decision: Decision | None = None
        self.registered: Registered | None = None
        self.measured: list[Point] = []
        """The points of the evaluation, which belong to the model as well as to the run."""
        self.params: dict[str, str] = {}
        self._notices: list[str] = []
        self._points: set[tuple[str, int]] = set()
        self._n_samples = 0
        self._children: dict[int, Child] = {}

    def tell(self, event: dict[str, Any]) -> None:
        """Hear one event. A kind that is not known is not for MLflow."""
        self.batch.time_ms = int(event["time"] * 1000)
        hear = getattr(self, f"_on_{event['kind']}", None)
        if hear is not None:
            hear(event)

    # --------------------------------------------------------------------------------------------- events

    def _on_run_started(self, event: dict[str, Any]) -> None:
        spec = redacted(event["spec"])
        self.name = event["name"]
        batch = self.batch
        batch.status = "RUNNING"
        if self.reason:  # it ended before, and is taken up again
            self.reason, batch.tags["assay.reason"] = "", ""
        self.params = flat(spec)  # MLflow refuses a parameter that is given twice with two spellings
        batch.params |= self.params
        batch.texts["spec.yaml"] = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
        batch.texts["environment.json"] = json.dumps(redacted(event.get("environment", {})), indent=1)
        batch.tags |= {
            "assay.run_id": event["run_id"],
            "assay.name": self.name,
            "assay.outcome": "running",
            "assay.spec_sha256": sha256_of(to_json(spec)),
            "mlflow.runName": event["run_id"],
            "mlflow.source.name": "assay",
            "mlflow.source.type": "LOCAL",
        }
        commit = (event.get("git") or {}).get("commit", "")
        if commit:
            batch.tags["mlflow.source.git.commit"] = commit

    def _on_stage_started(self, event: dict[str, Any]) -> None:
        self.batch.tags["assay.stage"] = event["stage"]

    def _on_stage_committed(self, event: dict[str, Any]) -> None:
        stage, data = event["stage"], redacted(json.loads(event["artifact"]))
        if not event["reused"]:
            self._point(f"seconds/{stage}", event["seconds"], 0)
        self.batch.texts[f"handoffs/{HANDOFFS.get(stage, stage)}.json"] = json.dumps(data, indent=1, ensure_ascii=False)
        if stage in OPEN:
            self.batch.files |= {_path(stage, blob): blob for blob in _blobs(data)}
        hear = getattr(self, f"_on_{stage}", None)
        if hear is not None:
            hear(to_json(data))

    def _on_epoch(self, event: dict[str, Any]) -> None:
        metrics = tuple(event.get("metrics", {}).items())
        named = {name: event[name] for name in ("epoch", "train_loss", "valid_loss", "lr", "seconds")}
        self._epoch(Epoch(**named, metrics=metrics))

    def _on_system(self, event: dict[str, Any]) -> None:
        for name, value in event.items():
            if name not in ("seq", "time", "kind"):
                self._point(f"system/{name}", value, self._n_samples)
        self._n_samples += 1

    def _on_trial(self, event: dict[str, Any]) -> None:
        trial, metric, now = event["trial"], event["metric"], self.batch.time_ms
        child = self._children.setdefault(trial["number"], Child(number=trial["number"]))
        self.batch.children[child.number] = child
        child.began_ms, child.time_ms = int(trial["began"] * 1000), now
        child.params |= {key_of(path): str(value) for path, value in trial["values"].items()}
        child.status = TRIAL_STATUS[trial["state"]]
        child.tags |= {"assay.state": trial["state"], "assay.reason": trial["reason"], "mlflow.runName": _trial(trial)}
        for epoch, score in enumerate(trial["scores"], start=1):
            child.points.setdefault((f"valid/{metric}", epoch), Point(f"valid/{metric}", score, epoch, now))
        for epoch in event["epochs"]:
            named = {"train/loss": epoch["train_loss"], "valid/loss": epoch["valid_loss"], "train/lr": epoch["lr"]}
            named |= {f"valid/{name}": value for name, value in epoch["metrics"]}
            for key, value in named.items():
                child.points.setdefault((key, epoch["epoch"]), Point(key, value, epoch["epoch"], now))
        finals = dict(trial["measures"]) | ({"score": trial["score"]} if trial["score"] is not None else {})
        for name, value in finals.items():
            key = key_of(f"trial/{name}")
            child.points[key, trial["until"]] = Point(key, value, trial["until"], now)
        if event["best"] is not None and event["best"]["score"] is not None:
            self._point("search/best", event["best"]["score"], child.number)

    def _on_tune(self, artifact: str) -> None:
        found = from_json(Search, artifact)
        self._point("search/n_trials", len(found.trials), 0)
        self._point("search/n_epochs", found.n_epochs, 0)
        self._point("search/device_seconds", found.device_seconds, 0)
        self.batch.tags["assay.winner"] = str(found.winner)
        for name, share in found.importances:
            self._point(f"search/importance/{name}", share, 0)
        if found.winner in self._children:
            child = self._children[found.winner]
            child.tags["assay.winner"] = "true"
            self.batch.children[child.number] = child

    def _on_notice(self, event: dict[str, Any]) -> None:
        self._notices.append(str(redacted(event["text"])))
        self.batch.texts["notices.txt"] = "".join(f"{text}\n" for text in self._notices)

    def _on_run_ended(self, event: dict[str, Any]) -> None:
        self.reason = str(redacted(event.get("reason") or ""))
        self.batch.status = STATUS[event["state"]]
        self.batch.tags |= {"assay.outcome": event.get("outcome") or event["state"], "assay.reason": self.reason}

    # --------------------------------------------------------------------------------------------- stages

    def _on_ingest(self, artifact: str) -> None:
        self.snapshot = from_json(Snapshot, artifact)
        self.batch.tags["assay.data_sha256"] = self.snapshot.source.sha256

    def _on_split(self, artifact: str) -> None:
        self.folds = folds = from_json(Folds, artifact)
        assert self.snapshot is not None, "the data are read before they are split"
        source = self.snapshot.source
        for context in ("train", "valid", "test", "audit"):
            fold = getattr(folds, context)
            if fold is None:
                continue
            profile = {"n_rows": fold.n_rows, "rows_sha256": fold.rows.sha256, "table_sha256": fold.table.sha256}
            self.batch.datasets.append(
                Dataset(
                    name=self.name,
                    digest=fold.rows.sha256[:32],
                    context=context,
                    source=json.dumps({"uri": source.description, "sha256": source.sha256}),
                    schema=json.dumps({"mlflow_colspec": [_colspec(column) for column in self.snapshot.columns]}),
                    profile=json.dumps(profile),
                )
            )

    def _on_train(self, artifact: str) -> None:
        self.model = model = from_json(Model, artifact)
        for epoch in model.epochs:  # heard already, unless the training was reused or another process was killed
            self._epoch(epoch)
        self.batch.params |= {
            key: value for key, value in flat({"model": json.loads(model.options)}).items() if key not in self.params
        }
        self._point("model/n_parameters", model.n_parameters, 0)
        self._point("model/best_epoch", model.best_epoch, 0)
        self.batch.tags |= {"assay.model_sha256": model.sha256, "assay.stopped": model.stopped}

    def _on_evaluate(self, artifact: str) -> None:
        self.evaluation = from_json(Evaluation, artifact)
        before = len(self.batch.points)
        for metric in self.evaluation.metrics:
            interval = metric.interval
            if metric.fold == "valid":  # its curve is there already; this is the best epoch, calibrated
                self._point(f"valid-final/{metric.name}", interval.value, 0)
                continue
            for suffix, value in (("", interval.value), (".low", interval.low), (".high", interval.high)):
                self._point(f"{metric.fold}/{metric.name}{suffix}", value, 0)
        self.measured += self.batch.points[before:]

    def _on_audit(self, artifact: str) -> None:
        widest: dict[str, float] = {}
        for gap in from_json(Findings, artifact).gaps:
            if gap.powered and gap.scale == "difference":
                key = f"gap/{gap.sensitive}/{gap.metric}"
                widest[key] = max(widest.get(key, 0.0), abs(gap.gap))
        for key, value in widest.items():
            self._point(key, value, 0)

    def _on_decide(self, artifact: str) -> None:
        self.decision = from_json(Decision, artifact)

    def _on_register(self, artifact: str) -> None:
        self.registered = self.batch.registered = from_json(Registered, artifact)
        self.batch.tags["assay.model_version"] = f"{self.registered.name}/{self.registered.version}"

    # -------------------------------------------------------------------------------------------- points

    def _epoch(self, epoch: Epoch) -> None:
        named = {"train/loss": epoch.train_loss, "valid/loss": epoch.valid_loss, "train/lr": epoch.lr}
        named |= {f"valid/{name}": value for name, value in epoch.metrics}
        named["train/epoch_seconds"] = epoch.seconds
        for key, value in named.items():
            self._point(key, value, epoch.epoch)

    def _point(self, key: str, value: float | None, step: int) -> None:
        """The first value of a key at a step counts: an epoch that is done again after a kill is no second point."""
        key = key_of(key)
        if value is not None and (key, step) not in self._points:
            self._points.add((key, step))
            self.batch.points.append(Point(key, float(value), step, self.batch.time_ms))


def _trial(trial: dict[str, Any]) -> str:
    return f"trial {trial['number']:04d}"


def _colspec(column: Any) -> dict[str, Any]:
    kinds = {"numeric": "double", "datetime": "datetime", "image": "binary"}
    return {"name": column.name, "type": kinds.get(column.kind, "string"), "required": column.n_null == 0}


def _blobs(data: Any) -> Iterator[Blob]:
    """Every blob in a hand-off's JSON data."""
    if isinstance(data, dict):
        if set(data) == {"uri", "sha256", "n_bytes", "name"}:
            yield Blob(**data)
            return
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from _blobs(item)


def _path(stage: str, blob: Blob) -> str:
    """Where a file lies among the run's artifacts: the review page on top, the others by stage."""
    name = re.sub(r"[^\w.\-]", "_", PurePath(blob.name).name)
    return name if name == "review.html" else f"{stage}/{name}"
