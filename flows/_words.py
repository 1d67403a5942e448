"""What Prefect's UI shows of a run: lines of its log, and the decision as a markdown artifact."""

from __future__ import annotations

import re
from typing import Any

from assay.artifacts import GateResult
from assay.pipeline import RunResult, WatchResult


def line(event: dict[str, Any]) -> str:
    """One event as a line for the log of the flow run; empty for those that only machines want."""
    match event["kind"]:
        case "stage_committed" if event["reused"]:
            return f"{event['stage']}: reused, {event['reason']}"
        case "stage_committed":
            return f"{event['stage']}: done in {event['seconds']:.1f} s ({event['reason']})"
        case "epoch":
            losses = f"train loss {event['train_loss']:.4f}, valid loss {event['valid_loss']:.4f}"
            return f"epoch {event['epoch']}/{event['n_epochs']}: {losses}"
        case "notice":
            return str(event["text"])
        case _:
            return ""


def artifact_key(name: str) -> str:
    """The key of the artifact of the spec called `name`: Prefect wants small letters, digits and dashes."""
    return "decision-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run")


def decision(result: RunResult) -> str:
    """The decision and the answers of all gates, with links to where the numbers come from."""
    rows = [_row(gate) for gate in result.decision.gates]
    head = [f"# {result.name}: {result.outcome}", "", result.decision.reason, ""]
    columns = ["| verdict | gate | value | interval | bound | reason |", "|---|---|---|---|---|---|"]
    table = [*columns, *rows] if rows else ["The spec has no gates."]
    links = [f"Run `{result.run_id}`, review page `{result.review_path}`"]
    if result.mlflow_url:
        links.append(f"[MLflow run]({result.mlflow_url})")
    return "\n".join([*head, *table, "", ", ".join(links)])


def watch(result: WatchResult) -> str:
    """What a watch came to: the windows, the newest first, and what has moved."""
    of = result.watched
    head = [f"# {of.name} version {of.version}: {of.verdict.lower()}", "", of.reason, ""]
    head += [f"Moved: {', '.join(of.moved)}", ""] if of.moved else []
    rows = [
        f"| {window.number} | {window.name} | {window.n_rows:,} | {window.verdict} | {window.reason} |"
        for window in reversed(of.windows[-20:])
    ]
    links = [f"Report `{result.page}`"] + ([f"[MLflow run]({result.mlflow_url})"] if result.mlflow_url else [])
    if result.retrained is not None and result.retrained.run is not None:
        links.append(f"trained anew: run `{result.retrained.run.run_id}`, {result.retrained.run.outcome}")
    return "\n".join(
        [*head, "| | window | rows | verdict | why |", "|---|---|---|---|---|", *rows, "", ", ".join(links)]
    )


def _row(gate: GateResult) -> str:
    interval = "" if gate.low is None or gate.high is None else f"{gate.low:.4f} to {gate.high:.4f}"
    cells = (gate.verdict, gate.title, _number(gate.value), interval, _number(gate.bound), gate.reason)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
