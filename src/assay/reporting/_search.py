"""The page of a search: its best, what it cost, how optimistic it is, and what mattered."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

from assay.artifacts import Evaluation, Search, Trial
from assay.reporting._format import count, number, percent, short
from assay.reporting._markup import Element, element, to_html
from assay.reporting._svg import Scale, domain, label, line, picture, picture_css, tick_texts, ticks
from assay.spec.tuning import CostSpec, TuneSpec

SAME = {"auc": "roc_auc", "loss": "log_loss"}  # what the test fold calls the metrics of the valid fold
MAX_ROWS = 20
MAX_LINES = 200


def page(name: str, search: Search, tune: TuneSpec, evaluation: Evaluation, drawn: dict[str, Element]) -> bytes:
    """The page as HTML that loads nothing."""
    facts = element("dl", *(node for pair in _facts(search, tune.cost, evaluation) for node in pair))
    body = element(
        "body",
        element("h1", f"{name}: search"),
        facts,
        element("h2", "The best trials"),
        _table(search),
        *(element("figure", svg) for svg in drawn.values()),
    )
    head = element("head", element("meta", charset="utf-8"), element("title", f"{name} · search"))
    policy = element(
        "meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"
    )
    head.extend([policy, element("style", picture_css() + STYLE)])
    return ("<!doctype html>\n" + to_html(element("html", head, body, lang="en"))).encode()


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
dt { font-weight: 600; } figure { margin: 2rem 0; overflow-x: auto; }
"""


def optimism(search: Search, evaluation: Evaluation) -> tuple[float, float] | None:
    """The winner's score on valid rows and on test rows, in the metric of the search; None where test has no such."""
    wanted = SAME.get(search.metric, search.metric)
    found = [metric for metric in evaluation.metrics if metric.fold == "test" and metric.name == wanted]
    best = search.best.score
    return (best, found[0].interval.value) if found and best is not None else None


def _facts(search: Search, cost: CostSpec, evaluation: Evaluation) -> Iterator[tuple[Element, Element]]:
    def fact(name: str, text: str) -> tuple[Element, Element]:
        return element("dt", name), element("dd", text)

    hours = search.device_seconds / 3600
    yield fact("Best", f"trial {search.winner}: {search.metric} {number(search.best.score or math.nan)} on valid rows")
    yield fact(
        "Looked at", f"{count(len(search.trials))} configurations, {count(search.n_epochs)} epochs ({search.ended})"
    )
    both = optimism(search, evaluation)
    if both is not None:
        valid, test = both
        gap = valid - test if search.greater_is_better else test - valid
        yield fact(
            "Optimism",
            f"{number(valid)} on valid rows, on which it was chosen, {number(test)} on test rows: {number(gap)} better "
            f"than it is. The best of {count(len(search.trials))} is partly the luckiest.",
        )
    if search.objectives[1:]:
        yield fact("Pareto front", f"trials {', '.join(map(str, search.front)) or 'none'}")
    if not search.kept:
        yield fact("Bounds", "no trial keeps all bounds of `subject_to`; the winner breaks them least")
    spent = f"{number(hours)} device hours"
    if cost.watts is not None:
        spent += f", about {number(hours * cost.watts / 1000)} kWh at {number(cost.watts)} W"
    if cost.per_hour is not None:
        spent += f", {number(hours * cost.per_hour)} {cost.currency}"
    yield fact("Cost", spent)
    yield fact("By", " with ".join(filter(None, (search.algorithm, search.scheduler))))


def _table(search: Search) -> Element:
    head = element("tr", *(element("th", text) for text in ("trial", search.metric, "epochs", "state", "values")))
    rows = [
        element("tr", *(element("td", text) for text in _row(trial)), class_="strong" if trial is search.best else None)
        for trial in ranked(search)[:MAX_ROWS]
    ]
    return element("table", head, *rows)


def _row(trial: Trial) -> tuple[str, ...]:
    values = ", ".join(f"{path} = {text}" for path, text in trial.values)
    return str(trial.number), number(trial.score or math.nan), str(trial.epoch), trial.state, values


def ranked(search: Search) -> list[Trial]:
    """The trials that have a score, the best first."""
    sign = -1.0 if search.greater_is_better else 1.0
    scored = [trial for trial in search.trials if trial.score is not None and trial.state != "failed"]
    return sorted(scored, key=lambda trial: (sign * (trial.score or 0.0), trial.number))


def pictures(search: Search) -> dict[str, Element]:
    """History, one slice per parameter, parallel coordinates, importance, and the front of the first two objectives."""
    trials = ranked(search)
    if not trials:
        return {}
    drawn = {"history": _history(search, trials)}
    for path in dict.fromkeys(path for trial in trials for path, _ in trial.values):
        drawn[f"slice-{path}"] = _slice(search, trials, path)
    drawn["parallel"] = _parallel(search, trials)
    if search.importances:
        drawn["importance"] = _importance(search)
    if len(search.objectives) > 1:
        drawn["front"] = _front(search)
    return drawn


def _history(search: Search, trials: Sequence[Trial]) -> Element:
    by_number = sorted(trials, key=lambda trial: trial.number)
    points = [(float(trial.number), trial.score or 0.0) for trial in by_number]
    best, running = [], None
    for n, score in points:
        better = running is None or (score > running if search.greater_is_better else score < running)
        running = score if better else running
        best.append((n, running or 0.0))
    says = f"Each dot is a trial, the line is the best so far; {number(search.best.score or math.nan)} in the end."
    return _scatter("History", says, points, ("Trial", search.metric), steps=best)


def _slice(search: Search, trials: Sequence[Trial], path: str) -> Element:
    points, names, logs = _places(trials, path)
    label_x = f"{path}{' (log10)' if logs else ''}"
    return _scatter(f"Slice: {path}", "Each dot is a trial.", points, (label_x, search.metric), names=names)


def _places(trials: Sequence[Trial], path: str) -> tuple[list[tuple[float, float]], list[str], bool]:
    """Where each trial that has the parameter stands: the number, its logarithm, or the place among the levels."""
    pairs = [
        (json.loads(dict(trial.values)[path]), trial.score or 0.0) for trial in trials if path in dict(trial.values)
    ]
    values = [value for value, _ in pairs]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        logs = min(values) > 0 and max(values) / min(values) > 50
        return [(math.log10(value) if logs else float(value), score) for value, score in pairs], [], logs
    names = sorted({json.dumps(value) for value in values})
    return [(float(names.index(json.dumps(value))), score) for value, score in pairs], names, False


def _scatter(
    title: str,
    says: str,
    points: Sequence[tuple[float, float]],
    labels: tuple[str, str],
    *,
    steps: Sequence[tuple[float, float]] = (),
    names: Sequence[str] = (),
) -> Element:
    x = Scale(domain([a for a, _ in points]), 60, 404)
    y = Scale(domain([b for _, b in points]), 252, 48)
    at_x, at_y = [float(i) for i in range(len(names))] or ticks(x.domain, 6), ticks(y.domain, 5)
    text_x = [short(name, 12) for name in names] or tick_texts(at_x)
    parts = [line(x.start, y(value), x.end, y(value), "grid") for value in at_y]
    parts += [label(x.start - 8, y(v) + 4, text, "end") for v, text in zip(at_y, tick_texts(at_y), strict=True)]
    parts += [label(x(v), y.start + 17, text, "middle") for v, text in zip(at_x, text_x, strict=True)]
    parts += [line(x.start, y.start, x.end, y.start, "axis"), label(2, 34, labels[1])]
    parts.append(label((x.start + x.end) / 2, y.start + 38, labels[0], "middle"))
    parts += [element("circle", cx=x(a), cy=y(b), r=3, class_="d0") for a, b in points]
    if steps:
        spots = " ".join(f"{x(a)},{y(b)}" for a, b in steps)
        parts.append(element("polyline", points=spots, class_="series s1"))
    return picture(title, says, 420, 296, *parts)


def _parallel(search: Search, trials: Sequence[Trial]) -> Element:
    """One vertical axis per parameter, one line per trial; the best tenth is drawn strongly."""
    paths = list(dict.fromkeys(path for trial in trials for path, _ in trial.values))
    axes: list[dict[int, float]] = []
    for path in paths:
        having = [trial for trial in trials if path in dict(trial.values)]
        places = [place for place, _ in _places(having, path)[0]]
        scale = Scale(domain(places, 0.0), 240, 40)
        axes.append({trial.number: scale(place) for trial, place in zip(having, places, strict=True)})
    scale = Scale(domain([trial.score or 0.0 for trial in trials], 0.0), 240, 40)
    axes.append({trial.number: scale(trial.score or 0.0) for trial in trials})
    step = 120.0
    parts = [line(60 + step * i, 40, 60 + step * i, 240, "axis") for i in range(len(axes))]
    parts += [label(60 + step * i, 262, short(name, 18), "middle") for i, name in enumerate([*paths, search.metric])]
    n_best = max(1, len(trials) // 10)
    for i, trial in reversed(list(enumerate(trials[:MAX_LINES]))):
        spots = [f"{60 + step * k},{axis[trial.number]}" for k, axis in enumerate(axes) if trial.number in axis]
        strong = i < n_best
        style = {"class_": "series s0" if strong else "grid", "fill": "none"}
        parts.append(element("polyline", points=" ".join(spots), **style))
    says = f"Each line is a trial. The best {count(n_best)} are strong."
    return picture("Parallel coordinates", says, 120 + step * (len(axes) - 1), 280, *parts)


def _importance(search: Search) -> Element:
    parts, top = [], 20.0
    for path, share in search.importances:
        parts.append(label(150, top + 13, short(path, 24), "end"))
        parts.append(element("rect", x=160, y=top, width=round(200 * share, 1), height=16, class_="cell"))
        parts.append(label(168 + 200 * share, top + 13, percent(share)))
        top += 26
    says = "Shares of the variance of the score that each parameter explains (fANOVA)."
    return picture("Importance", says, 420, top + 10, *parts)


def _front(search: Search) -> Element:
    names = [name for name, _ in search.objectives[:2]]
    points = []
    for trial in search.trials:
        known = dict(trial.measures) | {search.metric: trial.score}
        if trial.number in search.front:
            points.append((float(known[names[1]] or 0.0), float(known[names[0]] or 0.0)))
    every = [
        (float(dict(trial.measures)[names[1]]), trial.score or 0.0)
        for trial in search.trials
        if names[1] in dict(trial.measures) and trial.score is not None
    ]
    says = f"Each dot is a trial; on the line are the {count(len(points))} that no other is better than in everything."
    return _scatter("Pareto front", says, every or points, (names[1], names[0]), steps=sorted(points))
