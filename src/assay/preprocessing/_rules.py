"""Which rule each column follows: that of its kind, with what `preprocessing.columns` says of it on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from assay.artifacts import Column
from assay.errors import Mistake, did_you_mean
from assay.preprocessing._create import Origin
from assay.preprocessing._read import Family, family
from assay.spec.preprocessing import CategoricalSpec, ColumnSpec, DatetimeSpec, NumericSpec, PreprocessingSpec

RuleT = TypeVar("RuleT", NumericSpec, CategoricalSpec, DatetimeSpec)

_WORDS = {
    "numeric": set(NumericSpec.model_fields),
    "categorical": set(CategoricalSpec.model_fields),
    "datetime": set(DatetimeSpec.model_fields) | set(NumericSpec.model_fields),
}

_FAMILIES: dict[str, tuple[Family, ...]] = {
    "numeric": ("number", "boolean", "text", "nothing"),
    "categorical": ("text", "number", "boolean", "time", "nothing"),
    "datetime": ("time", "text", "nothing"),
    "image": (),
    "series": (),
}


class Rules:
    """The spec's rules for the columns at hand. `mistakes` is everything in them that does not fit."""

    def __init__(self, config: PreprocessingSpec, columns: Sequence[Column]) -> None:
        self._config = config
        self.columns = tuple(replace(column, kind=self._own(column.name).kind or column.kind) for column in columns)
        self.mistakes = (
            *self._wrong_types(),
            *self._wrong_columns(),
            *self._wrong_recipes(),
            *self._too_many_components(),
        )

    def numeric(self, name: str) -> NumericSpec:
        """The rule for the numbers of `name`, the parts of a date included."""
        return self._with_own(self._config.numeric, name)

    def categorical(self, name: str) -> CategoricalSpec:
        """The rule for the levels of `name`."""
        return self._with_own(self._config.categorical, name)

    def datetime(self, name: str) -> DatetimeSpec:
        """The rule for the dates of `name`."""
        return self._with_own(self._config.datetime, name)

    def _own(self, name: str) -> ColumnSpec:
        return self._config.columns.get(name, ColumnSpec())

    def _with_own(self, rule: RuleT, name: str) -> RuleT:
        own = self._own(name).model_dump(exclude_none=True)
        return rule.model_copy(update={word: own[word] for word in own if word in type(rule).model_fields})

    def _wrong_types(self) -> Iterator[Mistake]:
        for column in self.columns:
            allowed = _FAMILIES[column.kind]
            if family(column.arrow_type) not in allowed:
                found = f"a {column.kind} column of the type {column.arrow_type}"
                hint = f"`features: {{exclude: [{column.name}]}}` leaves it out."
                said = ", ".join(allowed[:-1]) or f"one such column, named by `preprocessing.{column.kind}.column`"
                yield Mistake(where=f"column {column.name!r}", found=found, allowed=said, hint=hint)

    def _wrong_columns(self) -> Iterator[Mistake]:
        raw = {column.name: str(column.kind) for column in self.columns}
        kinds = raw | {recipe.name: "categorical" if recipe.bins else "numeric" for recipe in self._config.create}
        for name, own in self._config.columns.items():
            if name not in kinds:
                yield _unknown(f"preprocessing.columns.{name}", name, kinds)
                continue
            allowed = _WORDS[kinds[name]] | ({"kind"} if name in raw else set())
            for word in sorted(own.model_dump(exclude_none=True).keys() - allowed):
                where = f"preprocessing.columns.{name}.{word}"
                yield Mistake(where=where, found=f"{name!r} is {kinds[name]}", allowed=", ".join(sorted(allowed)))

    def _wrong_recipes(self) -> Iterator[Mistake]:
        numeric = [column.name for column in self.columns if column.kind == "numeric"]
        taken = {column.name for column in self.columns}
        for recipe in self._config.create:
            where = f"preprocessing.create.{recipe.name}"
            if recipe.name in taken:
                yield Mistake(where=where, found="the name is taken", allowed="a name that no other feature has")
            taken.add(recipe.name)
            for name in Origin.of(recipe).columns:
                if name not in numeric:
                    yield _unknown(where, name, numeric, "numeric feature")

    def _too_many_components(self) -> Iterator[Mistake]:
        """More components than there can be numeric features: numbers, parts of dates, and whether they are missing."""
        n_most = sum(recipe.bins is None for recipe in self._config.create) * 2
        for column in self.columns:
            n_parts = len(self.datetime(column.name).parts) if column.kind == "datetime" else 1
            n_most += 0 if column.kind == "categorical" else n_parts + self.numeric(column.name).indicator
        asked = self._config.pca.n_components if self._config.pca is not None else 0
        if asked > max(n_most, 1):
            found = f"{asked:g} components of at most {n_most} numeric features"
            allowed = f"a count from 1 to {n_most}, or a share of the variance below 1" if n_most else "no `pca`"
            yield Mistake(where="preprocessing.pca.n_components", found=found, allowed=allowed)


def _unknown(where: str, name: str, names: Iterable[str], what: str = "feature") -> Mistake:
    found = f"{name!r} is no {what}"
    return Mistake(where=where, found=found, allowed=", ".join(names) or "none", hint=did_you_mean(name, tuple(names)))
