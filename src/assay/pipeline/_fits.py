"""Whether a spec fits its data: what it names has to be there. Asked as soon as the data are known, before training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assay import evaluation
from assay.artifacts import Column, Preprocessing, Snapshot
from assay.errors import Mistake, SpecError, did_you_mean
from assay.spec import Spec

MAX_NAMES = 40


def feature_columns(spec: Spec, snapshot: Snapshot) -> tuple[Column, ...]:
    """The columns that the model sees. Raises SpecError for columns that the spec names and the data do not have."""
    names = tuple(column.name for column in snapshot.columns)
    if snapshot:  # a plan may not know the data yet
        _raise([*_unknown_columns(spec, names), *_unaudited(spec)])
    seen = set(spec.feature_columns(names))
    return tuple(column for column in snapshot.columns if column.name in seen)


def gates_can_answer(spec: Spec, prepared: Preprocessing) -> None:
    """Raise SpecError for gates that ask for a metric that this task does not have."""
    if not prepared:
        return
    known = evaluation.metric_names(spec.task, len(prepared.target.classes), spec.evaluation)
    _raise(
        _mistake(f"gates.{index}.metric", f"no metric {metric!r} in such a task", metric, known)
        for index, gate in enumerate(spec.gates)
        if "sensitive" not in gate.options and isinstance(metric := gate.options.get("metric"), str)
        if metric not in known
    )


def _unknown_columns(spec: Spec, names: tuple[str, ...]) -> Iterator[Mistake]:
    asked = {
        "features.include": spec.features.include or (),
        "features.exclude": spec.features.exclude,
        "features.use_sensitive": spec.features.use_sensitive,
        "personal": spec.personal,
        "audit.sensitive": spec.audit.columns,
        "preprocessing.columns": tuple(spec.preprocessing.columns),
    }
    for where, wanted in asked.items():
        for name in wanted:
            if name not in names:
                yield _mistake(where, f"the data have no column {name!r}", name, names)


def _unaudited(spec: Spec) -> Iterator[Mistake]:
    """Crossings and gates that name a column which the audit does not look at."""
    columns = spec.audit.columns
    options = spec.split.options
    if spec.audit.fold == "audit" and not (options.get("audit") or options.get("audit_frac")):
        hint = "Write e.g. `split: {audit_frac: 0.1}`, or `audit: {fold: test}`."
        found = "the split sets no audit fold apart"
        yield Mistake(where="audit.fold", found=found, allowed="a split with `audit` or `audit_frac`", hint=hint)
    crossings = [(f"audit.crossings.{index}", crossing) for index, crossing in enumerate(spec.audit.crossings)]
    for index, gate in enumerate(spec.gates):
        sensitive = gate.options.get("sensitive")
        named = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive or ())
        crossings.append((f"gates.{index}.sensitive", named))
        if len(named) > 1 and named not in spec.audit.crossings and set(named) <= set(columns):
            found = f"{' x '.join(named)} is not a crossing of the audit"
            yield Mistake(where=f"gates.{index}.sensitive", found=found, allowed="one of `audit.crossings`")
    for where, named in crossings:
        for name in named:
            if name not in columns:
                yield _mistake(where, f"{name!r} is not in `audit.sensitive`", name, columns)


def _mistake(where: str, found: str, name: str, known: tuple[str, ...]) -> Mistake:
    allowed = ", ".join(known[:MAX_NAMES]) or "none"
    return Mistake(where=where, found=found, allowed=allowed, hint=did_you_mean(name, known))


def _raise(mistakes: Iterable[Mistake]) -> None:
    found = tuple(mistakes)
    if found:
        raise SpecError.of(found)
