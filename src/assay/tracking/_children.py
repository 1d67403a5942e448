"""The trials of a search as MLflow runs below the run of the search: one request for all that is new of a trial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from assay.tracking._story import Child

PARENT, NUMBER = "mlflow.parentRunId", "assay.trial"
MAX_POINTS = 1000  # of one request


@dataclass(slots=True)
class Known:
    """What MLflow has of a trial."""

    run_id: str
    params: set[str] = field(default_factory=set)
    points: set[tuple[str, int]] = field(default_factory=set)


def known(client: MlflowClient, experiment_id: str, parent: str) -> dict[int, Known]:
    """The trials that are there, by number, with their points: for whoever does not know what got through."""
    found: dict[int, Known] = {}
    token = None
    while True:
        page = client.search_runs([experiment_id], f"tags.`{PARENT}` = '{parent}'", max_results=500, page_token=token)
        for run in page:
            points = {
                (key, metric.step)
                for key in run.data.metrics
                for metric in client.get_metric_history(run.info.run_id, key)
            }
            found[int(run.data.tags[NUMBER])] = Known(run.info.run_id, set(run.data.params), points)
        token = page.token
        if not token:
            return found


def write(
    client: MlflowClient, experiment_id: str, parent: str, children: Iterable[Child], known: dict[int, Known]
) -> None:
    """Make the runs of trials that are not there, and send what is new of each."""
    for child in children:
        there = known.get(child.number)
        if there is None:
            tags = {PARENT: parent, NUMBER: str(child.number)}
            run = client.create_run(experiment_id, child.began_ms, tags, child.tags.get("mlflow.runName"))
            there = known[child.number] = Known(run.info.run_id)
        points = [point for key, point in child.points.items() if key not in there.points]
        params = [Param(name, value[:500]) for name, value in child.params.items() if name not in there.params]
        tags_now = [RunTag(name, value[:5000]) for name, value in child.tags.items()]
        for start in range(0, max(1, len(points)), MAX_POINTS):
            metrics = [
                Metric(point.key, point.value, point.time_ms, point.step)
                for point in points[start : start + MAX_POINTS]
            ]
            client.log_batch(there.run_id, metrics=metrics, params=params, tags=tags_now)
            params, tags_now = [], []
        there.points |= {(point.key, point.step) for point in points}
        there.params |= set(child.params)
        if child.status != "RUNNING":
            client.set_terminated(there.run_id, status=child.status, end_time=child.time_ms)
