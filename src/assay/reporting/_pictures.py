"""Which pictures there are, and what each says in a sentence."""

from __future__ import annotations

import math

from assay.artifacts import Curve, Decision, Evaluation, Findings, Model
from assay.reporting._charts import MAX_SERIES, Reference, heat_table, line_chart
from assay.reporting._format import count, number, percent, words
from assay.reporting._gaps import blocks, marks, pair
from assay.reporting._intervals import Plot, forest
from assay.reporting._markup import Element

MAX_CLASSES = 20


def pictures(evaluation: Evaluation, findings: Findings | None, decision: Decision, model: Model) -> dict[str, Element]:
    """All pictures by the name of their file, in the order in which the page shows them."""
    drawn: dict[str, Element] = {}
    if model.epochs:
        drawn["learning-curve"] = _learning_curve(model)
    for curve in evaluation.curves:
        if curve.name != "learning":  # drawn above from the model's own epochs, with its best one
            drawn[_FILES.get(curve.name, curve.name)] = _curve(curve, evaluation, model.preprocessing.target.positive)
    if 0 < len(evaluation.classes) <= MAX_CLASSES and evaluation.confusion:
        drawn["confusion"] = heat_table(
            "Confusion matrix", confusion_in_words(evaluation), evaluation.confusion, evaluation.classes
        )
    if findings is not None and findings.gaps:
        drawn["gaps"] = _gaps(findings, decision)
    return drawn


def confusion_in_words(evaluation: Evaluation) -> str:
    """How many rows are predicted as what they are."""
    right = sum(row[i] for i, row in enumerate(evaluation.confusion))
    n_rows = sum(map(sum, evaluation.confusion))
    return f"{count(right)} of {count(n_rows)} rows ({percent(right / max(1, n_rows))}) are predicted as what they are."


def _learning_curve(model: Model) -> Element:
    epochs = [float(epoch.epoch) for epoch in model.epochs]
    best = min(model.epochs, key=lambda epoch: abs(epoch.epoch - model.best_epoch))
    return line_chart(
        "Learning curves",
        f"Loss per row over {count(len(epochs))} epochs. At the best epoch, {best.epoch}, the loss is "
        f"{number(best.train_loss)} on train and {number(best.valid_loss)} on valid rows.",
        [
            ("valid", epochs, [epoch.valid_loss for epoch in model.epochs]),
            ("train", epochs, [epoch.train_loss for epoch in model.epochs]),
        ],
        ("Epoch", "Loss"),
        mark=(float(best.epoch), f"best epoch {best.epoch}"),
    )


def _curve(curve: Curve, evaluation: Evaluation, positive: int | None) -> Element:
    title, says = _SAYS.get(curve.name, (words(curve.name), f"{words(curve.y_label)} over {curve.x_label}."))
    more = len(curve.series) - MAX_SERIES
    return line_chart(
        title,
        f"{says} {count(more)} more lines are not drawn." if more > 0 else says,
        curve.series,
        (words(curve.x_label), words(curve.y_label)),
        unit=bool(evaluation.classes) and curve.name in _SAYS,
        points=curve.name == "reliability",
        reference=_reference(curve, evaluation, positive),
    )


def _reference(curve: Curve, evaluation: Evaluation, positive: int | None) -> Reference | None:
    """The line of a model that knows nothing, or of one that is right: from x, y to x, y."""
    if curve.name == "precision_recall" and positive is not None and evaluation.confusion:
        share = sum(evaluation.confusion[positive]) / max(1, sum(map(sum, evaluation.confusion)))
        return 0.0, share, 1.0, share
    if curve.name == "reliability" and not evaluation.classes:
        both = [value for _, xs, ys in curve.series for value in (*xs, *ys) if math.isfinite(value)] or [0.0]
        return min(both), min(both), max(both), max(both)
    return (0.0, 0.0, 1.0, 1.0) if curve.name in ("roc", "reliability") else None


def _gaps(findings: Findings, decision: Decision) -> Element:
    every = blocks(findings, decision)
    wanted = [block for block in every if block.tolerance is not None] or every[:6]
    plots = [
        Plot(
            heading=block.heading,
            rows=[(pair(gap), marks(gap)) for gap in block.gaps],
            of=block.domain,
            allowed=block.allowed,
            equal=block.equal,
        )
        for block in wanted
    ]
    says = "Thick bars are one-sided 95 % bounds, thin ones are adjusted for all pairs; shaded is what a gate allows."
    return forest("Gaps between groups", says, plots)


_FILES = {"precision_recall": "pr"}
_SAYS = {
    "roc": ("ROC curve", "Higher and further left is better. Dotted: a model that guesses."),
    "precision_recall": ("Precision and recall", "Higher and further right is better. Dotted: a model that guesses."),
    "reliability": ("Reliability", "On the dotted line, what is predicted is what happens."),
}
