"""One MLflow run: found or made, and written to."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from assay.artifacts import Blob
from assay.errors import StoreError, TrackingError
from assay.store import Store
from assay.tracking import _children, server_url
from assay.tracking._note import note
from assay.tracking._story import Batch, Dataset, Point, Story

T = TypeVar("T")
# MLflow's limits for one request.
MAX_POINTS, MAX_PAIRS = 1000, 100
CONTEXT, SQLITE = "mlflow.data.context", "sqlite:///"
# The second makes MLflow's pages show runs and models first, and not what is for chats.
EXPERIMENT_TAGS = {
    "mlflow.note.content": "Runs of `assay`. Open one for what was decided, on which numbers, and why.",
    "mlflow.experimentKind": "custom_model_development",
}


class Sink:
    """The MLflow run of one pipeline run."""

    def __init__(self, client: MlflowClient, start: Mapping[str, Any], artifacts: Path | None) -> None:
        """Find the run by the pipeline run's id, or make it.

        `start` is the event with which the run began; `artifacts` is where a new experiment's files go, if that is ours
        to say.
        """
        self._client = client
        self.experiment_id = experiment_of(client, start["experiment"], artifacts)
        name, began_ms = start["run_id"], int(start["time"] * 1000)
        found = client.search_runs([self.experiment_id], f"tags.`assay.run_id` = '{name}'", max_results=1)
        self.found = bool(found)
        """Whether the run was there already: then some of what is sent may be there too."""
        run = found[0] if found else client.create_run(self.experiment_id, began_ms, {"assay.run_id": name}, name)
        self.run_id: str = run.info.run_id
        self._known: dict[int, _children.Known] | None = None if self.found else {}

    def write(self, batch: Batch, story: Story, store: Store, *, uncertain: bool) -> None:
        """Send a batch. When `uncertain`, look first what is there: an attempt before may have got through in part."""
        if uncertain:
            batch = self._missing(batch)
        client, run_id = self._client, self.run_id
        for params in _chunks(list(batch.params.items()), MAX_PAIRS):
            client.log_batch(run_id, params=[Param(*pair) for pair in params])
        for points in _chunks(batch.points, MAX_POINTS):
            client.log_batch(run_id, metrics=[_metric(point) for point in points])
        if batch.datasets:
            client.log_inputs(run_id, [_input(dataset) for dataset in batch.datasets])
        if batch.children:
            if self._known is None or uncertain:
                self._known = _children.known(client, self.experiment_id, run_id)
            _children.write(client, self.experiment_id, run_id, batch.children.values(), self._known)
        for path, text in batch.texts.items():
            client.log_text(run_id, text, path)
        for path, blob in batch.files.items():
            self._file(path, blob, store)
        if batch.registered is not None:
            self._measured(batch.registered.name, batch.registered.version, story.measured)
        if batch.tags:
            tags = batch.tags | {"mlflow.note.content": note(story, self.experiment_id, run_id)}
            client.log_batch(run_id, tags=[RunTag(*pair) for pair in tags.items()])
        if batch.status in ("RUNNING", "SCHEDULED"):
            client.update_run(run_id, status=batch.status)
        elif batch.status:
            client.set_terminated(run_id, status=batch.status, end_time=batch.time_ms)

    def _missing(self, batch: Batch) -> Batch:
        """The batch without the params, points and datasets that MLflow has."""
        run = self._client.get_run(self.run_id)
        known = {
            (key, metric.step)
            for key in {point.key for point in batch.points} & set(run.data.metrics)
            for metric in self._client.get_metric_history(self.run_id, key)
        }
        used = {
            (each.dataset.digest, tag.value)
            for each in run.inputs.dataset_inputs
            for tag in each.tags
            if tag.key == CONTEXT
        }
        return replace(
            batch,
            params={key: value for key, value in batch.params.items() if key not in run.data.params},
            points=[point for point in batch.points if (point.key, point.step) not in known],
            datasets=[each for each in batch.datasets if (each.digest, each.context) not in used],
        )

    def _file(self, path: str, blob: Blob, store: Store) -> None:
        folder, _, name = path.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            local = Path(temporary) / name
            try:
                shutil.copyfile(store.path(blob), local)
            except StoreError as error:  # the spool is older than what `assay gc` keeps
                local = local.with_suffix(".gone.txt")
                local.write_text(str(error))
            self._client.log_artifact(self.run_id, str(local), folder or None)

    def _measured(self, name: str, version: int, points: Sequence[Point]) -> None:
        """Show the evaluation with the model too. Same time and step: to the run these are no new points."""
        model_id = self._client.get_model_version(name, str(version)).tags.get("assay.model_id")
        if model_id and points:
            self._client.log_batch(self.run_id, metrics=[_metric(point, model_id) for point in points])


def artifacts_of(uri: str, home: Path) -> Path | None:
    """Where a new experiment's files go: beside the database. None leaves it to a server that is not ours.

    MLflow's own choice for a database is `mlruns` in whatever folder somebody happens to stand.
    """
    if uri == server_url(home):
        return home.resolve() / "mlflow" / "artifacts"
    if uri.startswith(SQLITE):
        return Path(uri.removeprefix(SQLITE)).resolve().parent / "artifacts"
    return None


def experiment_of(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """The id of the experiment called `name`, which is made where there is none; its files go to `artifacts`."""
    found = client.get_experiment_by_name(name)
    if found is None:
        # Files of ours lie in one place, whether they came through the server of `assay up` or past it.
        folder = (artifacts / re.sub(r"[^\w.\-]", "_", name)).as_uri() if artifacts else None
        try:
            client.create_experiment(name, artifact_location=folder, tags=EXPERIMENT_TAGS)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f"The MLflow experiment {name!r} was deleted. Restore it (`mlflow experiments restore -x "
            f"{found.experiment_id}`), or name another in `tracking.experiment`."
        )
    return str(found.experiment_id)


def _metric(point: Point, model_id: str | None = None) -> Metric:
    return Metric(point.key, point.value, point.time_ms, point.step, model_id=model_id)


def _input(dataset: Dataset) -> DatasetInput:
    entity = MlflowDataset(
        name=dataset.name,
        digest=dataset.digest,
        source_type="local",
        source=dataset.source,
        schema=dataset.schema,
        profile=dataset.profile,
    )
    return DatasetInput(entity, tags=[InputTag(CONTEXT, dataset.context)])


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
