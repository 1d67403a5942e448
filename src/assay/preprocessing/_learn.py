"""Every raw column and every recipe of the spec as fitted features, one at a time. N training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Column
from assay.errors import DataError, examples
from assay.preprocessing import _categorical, _numeric
from assay.preprocessing._categorical import Bins, FittedCategory, Levels
from assay.preprocessing._create import Origin, values
from assay.preprocessing._numeric import FittedNumber, Missing, Number
from assay.preprocessing._read import Floats, Raw, family, to_numbers, value_type
from assay.preprocessing._rules import Rules
from assay.spec.preprocessing import BinsSpec, CreateSpec, NumericSpec

Feature = FittedNumber | FittedCategory

_ORDER = (Number, Missing, Levels, Bins)  # of the features in the arrays that come out
_MAX_EXACT = 2.0**53  # integers up to here are float64 numbers
_OF_THE_CLOCK = ("hour", "minute")
_MANY_LEVELS = 20


@dataclass
class Learned:
    """What was found: features, the columns with their missing training values counted, and notes for people."""

    features: list[Feature] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, found: Feature | str | None) -> None:
        """Keep a feature, or note why there is none."""
        if isinstance(found, str):
            self.notes.append(f"{name!r} is left out: it {found}.")
        elif found is not None:
            self.features.append(found)

    def add_number(self, name: str, origin: Origin, x_N: Floats, rule: NumericSpec) -> None:
        """Fit a number and, where the rule wants it, the indicator of its missing values."""
        self.add(name, _numeric.fit(name, origin, x_N, rule))
        if rule.indicator:
            self.add(name, _numeric.fit_missing(f"{name}.missing", origin, x_N))


def learn(rules: Rules, recipes: Sequence[CreateSpec], read: Callable[[str], Any]) -> Learned:
    """All features. `read` gives the training rows of one raw column; only those in use are in memory."""
    learned = Learned()
    by_kind = {"numeric": _learn_number, "categorical": _learn_category, "datetime": _learn_date}
    for column in rules.columns:
        raw = Raw(read, rules.columns)
        by_kind[column.kind](column.name, raw, rules, learned)
        learned.columns.append(replace(column, n_null=raw.n_missing(column.name)))
    for recipe in recipes:
        _learn_recipe(recipe, Raw(read, rules.columns), rules, learned)
    learned.features.sort(key=lambda found: _ORDER.index(type(found.feature)))
    _refuse_same_names(learned.features)
    return learned


def _learn_number(name: str, raw: Raw, rules: Rules, learned: Learned) -> None:
    x_N = raw.numbers(name)
    learned.notes.extend(_notes_on_numbers(name, raw.array(name), x_N))
    learned.add_number(name, Origin(how="column", columns=(name,)), x_N, rules.numeric(name))


def _learn_category(name: str, raw: Raw, rules: Rules, learned: Learned) -> None:
    found = _categorical.fit(name, raw.levels(name), rules.categorical(name))
    learned.add(name, found)
    if isinstance(found, FittedCategory):
        learned.notes.extend(_notes_on_levels(name, found, raw.array(name)))


def _learn_date(name: str, raw: Raw, rules: Rules, learned: Learned) -> None:
    rule = rules.numeric(name)
    dates = rules.datetime(name)
    origins = [Origin(how=part, columns=(name,)) for part in dates.parts]
    for origin in origins:
        x_N = values(origin, raw)
        if origin.how in _OF_THE_CLOCK and "parts" not in dates.model_fields_set and not np.nan_to_num(x_N).any():
            continue  # days have no hours; who did not ask for them need not hear of it
        learned.add(f"{name}.{origin.how}", _numeric.fit(f"{name}.{origin.how}", origin, x_N, rule))
    if rule.indicator and origins:
        learned.add(name, _numeric.fit_missing(f"{name}.missing", origins[0], values(origins[0], raw)))


def _learn_recipe(recipe: CreateSpec, raw: Raw, rules: Rules, learned: Learned) -> None:
    origin = Origin.of(recipe)
    x_N = values(origin, raw)
    if recipe.bins is None:
        learned.add_number(recipe.name, origin, x_N, rules.numeric(recipe.name))
        return
    encode = rules.categorical(recipe.name).encode
    bins = Bins(name=recipe.name, encode=encode, origin=origin, edges=_edges(recipe.bins, x_N))
    learned.add(recipe.name, _categorical.fit_bins(bins, x_N))


def _edges(recipe: BinsSpec, x_N: Floats) -> tuple[float, ...]:
    if recipe.edges is not None:
        return recipe.edges
    seen = np.sort(x_N[~np.isnan(x_N)])
    assert recipe.n is not None, "the spec has `edges` or `n`"
    inner = np.linspace(0, 1, recipe.n + 1)[1:-1]
    return tuple(np.unique(_numeric.quantiles(seen, inner)).tolist()) if len(seen) else ()


def _notes_on_numbers(name: str, array: pa.Array, x_N: Floats) -> Iterator[str]:
    n_nan = pc.sum(pc.is_nan(array)).as_py() or 0 if pa.types.is_floating(array.type) else 0
    n_bad = int(np.isnan(x_N).sum()) - array.null_count - n_nan
    if n_bad > 0:
        yield f"{name!r}: {n_bad} values are infinite, too large for float32 or no numbers; they count as missing."
    if pa.types.is_integer(array.type) and (np.abs(x_N) > _MAX_EXACT).any():
        yield f"{name!r}: integers beyond 2^53 are rounded; is it a name rather than a number?"


def _notes_on_levels(name: str, found: FittedCategory, array: pa.Array) -> Iterator[str]:
    if found.n_rare > _categorical.MAX_RARE:
        yield f"{name!r} has {found.n_rare} rare levels, too many to keep: they count as never seen."
    if family(value_type(array)) == "text" and isinstance(found.feature, Levels):
        levels = found.feature.levels
        if len(levels) > _MANY_LEVELS and not np.isnan(to_numbers(pa.array(levels))).any():
            yield f"{name!r} holds numbers as text and is taken as a category; `kind: numeric` makes it a number."


def _refuse_same_names(features: Sequence[Feature]) -> None:
    names = Counter(found.feature.name for found in features)
    twice = [name for name, n in names.items() if n > 1]
    if twice:
        raise DataError(
            f"preprocessing: two features are called {examples(twice)}. Allowed: names that differ. "
            "Rename the column, or the feature under `preprocessing.create`."
        )
