"""What a reviewer must see in the first minute: the decision, why, and the numbers that it stands on."""

from __future__ import annotations

from typing import NamedTuple

from assay.artifacts import Decision, Evaluation, Folds, MetricValue, Model, Verdict
from assay.reporting._format import count, plural, short, value_and_range, words
from assay.reporting._markup import Element, element
from assay.reporting._parts import paragraph, verdict_badge

MAX_KEY_NUMBERS = 5
# What is asked first about a model; what is not there is passed over, and others fill up.
_FIRST = ("accuracy", "roc_auc", "pr_auc", "f1", "ece", "rmse", "mae", "r2", "mape")
_URGENCY: tuple[Verdict, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "PASS", "NOT_APPLICABLE")


class _Outcome(NamedTuple):
    tone: str
    sign: str
    word: str


OUTCOMES = {
    "promote": _Outcome("good", "✓", "PROMOTED"),
    "refuse": _Outcome("bad", "✕", "REFUSED"),
    "inconclusive": _Outcome("unsure", "?", "INCONCLUSIVE"),
}


def head(name: str, decision: Decision, evaluation: Evaluation, model: Model, folds: Folds) -> Element:
    """The top of the page."""
    outcome = OUTCOMES[decision.outcome]
    return element(
        "header",
        paragraph(f"Review of {short(name)}", "eyebrow"),
        element("h1", element("span", outcome.sign, aria_hidden="true", class_="sign"), outcome.word),
        paragraph(decision.reason, "reason"),
        _answers(decision),
        _key_numbers(evaluation),
        paragraph(_about(decision, model, folds), "about"),
        class_=outcome.tone,
    )


def _answers(decision: Decision) -> Element:
    """Every gate and its verdict in a line that leads to its row; what stands in the way comes first."""
    numbered = sorted(enumerate(decision.gates, 1), key=lambda one: _URGENCY.index(one[1].verdict))
    items = [
        element("li", element("a", verdict_badge(gate.verdict), element("span", short(gate.title)), href=f"#gate-{i}"))
        for i, gate in numbered
    ]
    return element("ul", *items, class_="answers", aria_label="Gates")


def _key_numbers(evaluation: Evaluation) -> Element:
    tested = [metric for metric in evaluation.metrics if metric.fold == "test"]
    rank = {name: i for i, name in enumerate(_FIRST)}
    ordered = sorted(tested, key=lambda metric: rank.get(metric.name, len(rank)))
    return element("dl", *map(_key_number, ordered[:MAX_KEY_NUMBERS]), class_="numbers")


def _key_number(metric: MetricValue) -> Element:
    value, ends = value_and_range(metric.interval)
    return element(
        "div",
        element("dt", words(metric.name)),
        element("dd", value, class_="value"),
        element("dd", ends, class_="range"),
    )


def _about(decision: Decision, model: Model, folds: Folds) -> str:
    champion = decision.champion_version
    rival = f"compared with champion version {champion}" if champion else "no champion to compare with yet"
    rows = [count(fold.n_rows) for fold in (folds.train, folds.valid, folds.test)]
    used = f"trained on {rows[0]} rows, tuned on {rows[1]}, tested on {rows[2]}"
    return f"{model.family} with {plural(model.n_parameters, 'parameter')}; {used}; {rival}."
