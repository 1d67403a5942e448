"""How a run and a plan look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay.artifacts import GateResult, MetricValue
from assay.cli import _print
from assay.pipeline import Plan, PlannedStage, RunResult

N_METRICS = 8
INTERVALS = "Intervals of metrics are two-sided; the bounds of a gate hold with 95 % confidence each, one-sided."
# Shown first, after those that gates ask for, where there are more than fit; the review page has all.
KEY_METRICS = ("accuracy", "balanced_accuracy", "roc_auc", "pr_auc", "f1", "log_loss", "brier", "ece",
               "rmse", "mae", "r2", "mape")  # fmt: skip


def addresses(result: RunResult, flow_url: str) -> dict[str, str]:
    """Where a person sees more; only what there is."""
    known = {
        "review": result.review_path,
        "search": result.search_path,
        "mlflow": result.mlflow_url,
        "prefect": flow_url,
    }
    return {name: address for name, address in known.items() if address}


def show(console: Console, result: RunResult, flow_url: str, home: Path) -> None:
    """The decision and why, the gates, the key metrics, what was reused, and where to see more."""
    console.print()
    console.print(_headline(result))
    _print.line(console, Text(result.decision.reason, style="dim"))
    if result.decision.gates:
        console.print()
        console.print(gates_table(result.decision.gates))
    console.print()
    console.print(_metrics(result.evaluation.metrics, result.asked_metrics))
    _print.line(console, Text(INTERVALS, style="dim"))
    console.print()
    _print.facts(console, _facts(result, flow_url, home))
    for warning in result.warnings:
        _print.line(console, Text.assemble(("! ", "yellow"), warning))


def show_plan(console: Console, plan: Plan) -> None:
    """The stages with their reasons, the questions of the gates, the warnings."""
    rows = _print.table("stage", "now", "last time", "because", right=("last time",))
    for stage in plan.stages:
        now = Text("runs", style="cyan") if stage.will_run else Text("reused", style="dim")
        rows.add_row(stage.name, now, _print.seconds(stage.last_seconds), Text(stage.reason, style="dim"))
    console.print(rows)
    console.print()
    _print.facts(console, [("in all", _expected(plan.stages)), *(("gate", gate) for gate in plan.gates)])
    for warning in plan.warnings:
        _print.line(console, Text.assemble(("! ", "yellow"), warning))


def _headline(result: RunResult) -> Text:
    line = Text.assemble(_print.coloured(result.outcome), f"  {result.name}")
    if result.registered is not None:
        registered = result.registered
        since = "" if result.outcome == "promoted" else " by an earlier decision"
        held = f", alias {registered.alias}{since}" if registered.holds_alias else ""
        line.append(f"  model {registered.name} version {registered.version}{held}")
    return line


def gates_table(gates: Iterable[GateResult]) -> Table:
    """Every gate with its verdict, its reason and its numbers."""
    rows = _print.table("verdict", "gate", "value", "interval", "bound", right=("value", "interval", "bound"))
    for gate in gates:
        words = Text.assemble(gate.title, "\n", (gate.reason, "dim"))
        for detail in (detail for detail in gate.detail if detail not in gate.reason):
            words.append(f"\n{detail}", style="dim")
        if gate.waived:
            words.append(f"\n{gate.waived}", style="yellow")
        numbers = (_print.number(gate.value), _print.interval(gate.low, gate.high), _print.number(gate.bound))
        rows.add_row(_print.coloured(gate.verdict), words, *numbers)
    return rows


def _metrics(metrics: Iterable[MetricValue], asked: tuple[str, ...]) -> Table:
    """The metrics that gates ask for, all of them, and then the key metrics."""
    on_test = {metric.name: metric for metric in metrics if metric.fold == "test"}
    wanted = [name for name in asked if name in on_test]
    shown = list(dict.fromkeys([*wanted, *(name for name in KEY_METRICS if name in on_test), *on_test]))
    shown = shown[: max(N_METRICS, len(wanted))]
    level = f"{next(iter(on_test.values())).interval.level:.0%} interval" if on_test else "interval"
    rows = _print.table("on the test fold", "value", level, right=("value", level))
    for name in shown:
        estimate = on_test[name].interval
        rows.add_row(name, _print.number(estimate.value), _print.interval(estimate.low, estimate.high))
    return rows


def _facts(result: RunResult, flow_url: str, home: Path) -> Iterable[tuple[str, str]]:
    yield "run", result.run_id
    yield "took", f"{_print.seconds(result.seconds)}; {_reuse(result)}"
    yield "state folder", str(home)
    if result.pending:
        yield "not registered", f"{result.pending} `assay sync` does it later."
    yield from _labelled(addresses(result, flow_url))
    if not result.mlflow_url and not result.pending:
        yield "MLflow", "`assay up` serves its pages, with this run in them"


def _labelled(known: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    labels = {"review": "review page", "search": "search page", "mlflow": "MLflow", "prefect": "Prefect"}
    return ((labels[name], address) for name, address in known.items())


def _reuse(result: RunResult) -> str:
    ran = [f"{stage.name} {_print.seconds(stage.seconds)}" for stage in result.stages if not stage.reused]
    if not ran:
        return f"nothing has changed: all {len(result.stages)} stages reused"
    n_reused = len(result.stages) - len(ran)
    if n_reused == 0:
        return f"all {len(ran)} stages ran"
    return f"{n_reused} of {len(result.stages)} stages reused; ran {', '.join(ran)}"


def _expected(stages: Iterable[PlannedStage]) -> str:
    waiting = [stage for stage in stages if stage.will_run]
    known = [stage.last_seconds for stage in waiting if stage.last_seconds is not None]
    if not waiting:
        return "nothing has changed: every stage is reused"
    if not known:
        return f"{len(waiting)} stages run for the first time"
    unknown = len(waiting) - len(known)
    past = f"; {unknown} of them for the first time" if unknown else ""
    return f"{len(waiting)} stages run, which took {_print.seconds(sum(known))} last time{past}"
