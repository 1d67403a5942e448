"""How well the model predicts, whether it learned too much or too little, and whether it may have seen the answers."""

from __future__ import annotations

from collections.abc import Mapping

from assay.artifacts import Calibration, Diagnosis, Epoch, Evaluation, LeakProbe, LeakReport, MetricValue, Model
from assay.reporting._format import column, count, number, numbers, percent, short, values_and_ranges, words
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import badge, figure, folded, note, paragraph, section, stacked, table
from assay.reporting._pictures import MAX_CLASSES, confusion_in_words

_NOT_HERE = ("gaps", "confusion")  # shown as tables, which can be read out and copied


def performance(
    evaluation: Evaluation, model: Model, calibration: Calibration, pictures: Mapping[str, Element]
) -> Element:
    """The section of metrics and curves."""
    lead = f"On {count(evaluation.n_rows)} test rows, which were predicted once, after everything had been fitted."
    others = [metric for metric in evaluation.metrics if metric.fold != "test"]
    shown = [figure(svg) for name, svg in pictures.items() if name not in _NOT_HERE]
    return section(
        "performance",
        "Performance",
        lead,
        _metrics("All metrics", [metric for metric in evaluation.metrics if metric.fold == "test"]),
        note(_chosen(calibration)) if evaluation.classes else None,
        element("div", _confusion(evaluation), *shown, class_="figures"),
        folded(f"Metrics of other folds ({len(others)})", _metrics("Other folds", others)) if others else None,
        folded(f"Every epoch ({count(len(model.epochs))})", _epochs(model)) if model.epochs else None,
    )


def diagnosis(evaluation: Evaluation, leaks: LeakReport) -> Element:
    """The section of what may be wrong with the fit, and of the looks for leakage."""
    lead = "Does the model fit too little or too closely, and could it have seen what it should predict?"
    fit = [_diagnosis(one) for one in evaluation.diagnoses]
    columns = ["Probe", "Result", "Value", "Suspicious at", "What was looked at"]
    probes = table("Probes for leakage", columns, map(_probe, leaks.probes), (2, 3)) if leaks.probes else None
    return section("diagnosis", "Diagnosis", lead, *fit, probes)


def _metrics(caption: str, metrics: list[MetricValue]) -> Element:
    texts = values_and_ranges([metric.interval for metric in metrics])
    rows: list[list[Child]] = [
        [words(metric.name), *text, "higher" if metric.greater_is_better else "lower", metric.method, metric.fold]
        for metric, text in zip(metrics, texts, strict=True)
    ]
    columns = ["Metric", "Value", "Interval", "Better", "Method", "Fold"]
    return table(caption, columns, rows, (1, 2))


def _chosen(calibration: Calibration) -> str:
    temperature = f"Chosen on the valid rows: temperature {number(calibration.temperature)}"
    if calibration.threshold is None:
        return f"{temperature}."
    if calibration.by_group is not None:
        own = ", ".join(f"{short(group)} {number(value)}" for group, value in calibration.by_group.groups)
        return f"{temperature}, decision thresholds per group: {own}. The group is used in the decision."
    if calibration.threshold_metric == "fixed":
        return f"{temperature}. Set by the spec: decision threshold {number(calibration.threshold)}."
    best = calibration.threshold_metric.replace("_", " ")
    return f"{temperature}, decision threshold {number(calibration.threshold)} (for the best {best})."


def _confusion(evaluation: Evaluation) -> Child:
    if not evaluation.confusion:
        return None
    names = [short(name, 40) for name in evaluation.classes]
    if len(names) > MAX_CLASSES:
        return _mistakes(evaluation, names)
    rows: list[list[Child]] = [
        [name, *(_shaded(n, sum(row)) for n in row)] for name, row in zip(names, evaluation.confusion, strict=True)
    ]
    title = element("figcaption", element("strong", "Confusion matrix"), confusion_in_words(evaluation))
    columns = ["True class", *(f"as {name}" for name in names)]
    says = "Rows, and shares of each true class"
    matrix = table(says, columns, rows, range(1, len(columns)), class_="matrix")
    return element("figure", title, matrix, class_="wide" if len(names) > 4 else None)


def _shaded(n: int, n_row: int) -> Element:
    share = n / max(1, n_row)
    cell = stacked(count(n), percent(share))
    cell.attrib |= {"class": "shaded", "style": f"--share: {share:.3f}"}
    return cell


def _mistakes(evaluation: Evaluation, names: list[str]) -> Element:
    """The most frequent confusions: a matrix of many classes cannot be read."""
    counts = [
        (n, true, predicted)
        for true, row in zip(names, evaluation.confusion, strict=True)
        for predicted, n in zip(names, row, strict=True)
        if n and true != predicted
    ]
    rows: list[list[Child]] = [[true, predicted, count(n)] for n, true, predicted in sorted(counts, reverse=True)[:20]]
    caption = f"The most frequent confusions of {count(len(names))} classes. {confusion_in_words(evaluation)}"
    return element("figure", table(caption, ["True class", "Predicted class", "Rows"], rows, (2,)), class_="wide")


def _epochs(model: Model) -> Element:
    names = [name for name, _ in model.epochs[0].metrics]
    columns = ["Epoch", "Train loss", "Valid loss", "Learning rate", "Seconds", *map(words, names)]
    measured = zip(*map(_measured, model.epochs), strict=True)
    texts = zip(*(column(values) for values in measured), strict=True)
    named = [f"{epoch.epoch} (best)" if epoch.epoch == model.best_epoch else str(epoch.epoch) for epoch in model.epochs]
    rows: list[list[Child]] = [[name, *text] for name, text in zip(named, texts, strict=True)]
    return table("Every epoch; metrics are of the valid rows", columns, rows, range(1, len(columns)))


def _measured(epoch: Epoch) -> tuple[float, ...]:
    return epoch.train_loss, epoch.valid_loss, epoch.lr, epoch.seconds, *(value for _, value in epoch.metrics)


def _diagnosis(one: Diagnosis) -> Element:
    written = [(words(name), count(n) if n.is_integer() else number(n)) for name, n in one.numbers]
    cited = "; ".join(f"{name} {value}" for name, value in written)
    verdict = one.verdict[:1].upper() + one.verdict[1:]
    parts = paragraph(verdict), paragraph(cited, "cited"), paragraph(f"Advice: {one.advice}")
    return element("article", element("h3", words(one.name)), *parts)


def _probe(probe: LeakProbe) -> list[Child]:
    value, bound = numbers(probe.value, probe.bound)
    state = badge("unsure", "!", "Suspicious") if probe.suspicious else badge("good", "✓", "Clear")
    return [words(probe.name), state, value, bound, paragraph(probe.detail)]
