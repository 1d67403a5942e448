"""The newest window in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

from assay.artifacts import Watched

CODES = {"QUIET": 0, "FIRES": 1, "UNDECIDED": -1}


def prometheus(watched: Watched) -> str:
    """See `assay.monitoring.prometheus`."""
    lines: list[str] = []
    seen = ""
    for name, help_, labels, value in _gauges(watched):
        if name != seen:
            lines += [f"# HELP {name} {help_}", f"# TYPE {name} gauge"]
            seen = name
        said = {"model": watched.name, "version": str(watched.version)} | labels
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in said.items())
        lines.append(f"{name}{{{pairs}}} {value:.10g}")
    return "".join(f"{line}\n" for line in lines)


def _gauges(watched: Watched) -> Iterator[tuple[str, str, dict[str, str], float]]:
    newest = watched.windows[-1]
    yield "assay_drift_fires", "1: the rule fires, 0: it does not, -1: undecided.", {}, CODES[watched.verdict]
    yield "assay_drift_windows", "Windows that were looked at.", {}, len(watched.windows)
    yield "assay_drift_window_rows", "Rows of the newest window.", {}, newest.n_rows
    yield "assay_drift_window_violates", "1 where the newest window violates.", {}, newest.verdict == "VIOLATES"
    yield "assay_drift_moved", "Columns and others that have moved in it.", {}, sum(each.moved for each in newest.looks)
    for look in sorted(newest.looks, key=lambda look: (look.measure, look.about, look.name)):
        name = "all" if look.about == "together" else look.name
        help_ = "Effect size of a look, in the units of its measure."
        yield "assay_drift_effect", help_, {"column": name, "about": look.about, "measure": look.measure}, look.effect
    for metric in newest.metrics:
        yield "assay_live_metric", "Metrics on labels that came late.", {"metric": metric.name}, metric.interval.value


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
