"""One MLflow run for each watched model version: a point per window, the report, and what to read first."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag

from assay.artifacts import Watched, Window, to_json
from assay.errors import TrackingError
from assay.registry import connect, reaching
from assay.tracking import Told, run_url
from assay.tracking._sink import artifacts_of, experiment_of
from assay.tracking._words import key_of

ABOUT = "assay.watch"
ROWS, LABELS = "window/rows", "window/labels"
PAGE = "watch.html"
MAX_POINTS = 1000
MOST_WINDOWS = 10


def watched(of: Watched, page: Path, uri: str, home: Path) -> Told:
    """See `assay.tracking.watched`."""
    try:
        with reaching(uri, TrackingError):
            client = connect(uri, home)
            run = _run(client, of, artifacts_of(uri, home))
            _points(client, run, of)
            _files(client, run.info.run_id, of, page)
            _tags(client, run.info.run_id, of)
            client.set_terminated(run.info.run_id)
    except TrackingError as error:
        return Told(problem=str(error))
    return Told(url=run_url(uri, run.info.experiment_id, run.info.run_id), run_id=run.info.run_id)


def _run(client: MlflowClient, of: Watched, artifacts: Path | None) -> Run:
    experiment = experiment_of(client, f"{of.name} monitoring", artifacts)
    about = f"{of.name}/{of.version}"
    found = client.search_runs([experiment], f"tags.`{ABOUT}` = '{about}'", max_results=1)
    if found:
        return found[0]
    return client.create_run(experiment, tags={ABOUT: about}, run_name=f"{of.name} version {of.version}")


def _points(client: MlflowClient, run: Run, of: Watched) -> None:
    """The windows that MLflow does not have yet; one whose labels have arrived since, again with its metrics."""
    known = {key: _last(client, run.info.run_id, key) if key in run.data.metrics else {} for key in (ROWS, LABELS)}
    now = int(time.time() * 1000)
    points: list[Metric] = []
    for window in of.windows:
        is_new = window.number not in known[ROWS]
        if is_new or known[LABELS].get(window.number, 0) != window.n_labels:
            pairs = [*_of_labels(window), *(_of_window(window) if is_new else ())]
            points += [Metric(key_of(key), float(value), now, window.number) for key, value in pairs]
    for start in range(0, len(points), MAX_POINTS):
        client.log_batch(run.info.run_id, metrics=points[start : start + MAX_POINTS])


def _last(client: MlflowClient, run_id: str, key: str) -> dict[int, float]:
    return {point.step: point.value for point in client.get_metric_history(run_id, key)}


def _of_window(window: Window) -> Iterator[tuple[str, float]]:
    yield ROWS, window.n_rows
    yield "window/refused", window.n_refused
    yield "window/violates", window.verdict == "VIOLATES"
    yield "window/moved", sum(look.moved for look in window.looks)
    for look in window.looks:
        name = "all columns" if look.about == "together" else look.name
        yield f"{look.about.replace(' ', '_')}/{name}", look.effect


def _of_labels(window: Window) -> Iterator[tuple[str, float]]:
    yield LABELS, window.n_labels
    for metric in window.metrics:
        for suffix, value in (
            ("", metric.interval.value),
            (".low", metric.interval.low),
            (".high", metric.interval.high),
        ):
            yield f"live/{metric.name}{suffix}", value


def _files(client: MlflowClient, run_id: str, of: Watched, page: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder, PAGE)
        shown.write_bytes(page.read_bytes())
        client.log_artifact(run_id, str(shown))
    client.log_text(run_id, to_json(of.windows[-1]), f"windows/{of.windows[-1].number:05d}.json")


def _tags(client: MlflowClient, run_id: str, of: Watched) -> None:
    tags = {
        "assay.name": of.name,
        "assay.model_version": f"{of.name}/{of.version}",
        "assay.outcome": of.verdict.lower(),
        "assay.reason": of.reason,
        "assay.moved": ", ".join(of.moved)[:500],
        "mlflow.source.name": "assay",
        "mlflow.note.content": _note(of),
    }
    client.log_batch(run_id, tags=[RunTag(*pair) for pair in tags.items()])
    client.set_model_version_tag(of.name, str(of.version), ABOUT, f"{of.verdict.lower()}: {of.reason}"[:500])


def _note(of: Watched) -> str:
    """What a reviewer reads first, as Markdown."""
    head = f"## {of.verdict.capitalize()}\n\n{of.reason[:1].upper()}{of.reason[1:]}."
    moved = f"\n\nMoved: {', '.join(f'`{what}`' for what in of.moved[:12])}." if of.moved else ""
    rows = [
        f"| {window.number} | {_cell(window.name)} | {window.n_rows:,} | {window.verdict} | {_cell(window.reason)} |"
        for window in reversed(of.windows[-MOST_WINDOWS:])
    ]
    table = "\n".join(["| | window | rows | verdict | why |", "|---|---|---|---|---|", *rows])
    return f"{head}{moved}\n\n{table}\n\nThe report is `{PAGE}` under Artifacts. A point of a metric is a window."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:120]
