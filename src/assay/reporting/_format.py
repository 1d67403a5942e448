"""Numbers and names as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from assay.artifacts import Interval

_CAPITALS = ("ROC", "AUC", "PR", "F1", "ECE", "RMSE", "MAE", "MAPE", "TPR", "FPR", "TNR", "FNR", "PPV", "NPV")
_WORDS = {word.lower(): word for word in _CAPITALS} | {"r2": "R²"}
# A password before the host of a URI, or the value of something that is called like a secret.
_SECRETS = re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)|((?:password|secret|token|access_key)\w*[=:]\s*)[^\s&,;}]+", re.I)


def numbers(*values: float) -> list[str]:
    """All values with the same decimals: enough to read each, and to tell apart any two that differ."""
    finite = [value for value in values if math.isfinite(value)]
    largest = max(map(abs, finite), default=0.0)
    if 0 < largest < 1e-5:
        return [_text(value, f"{value:.1e}") for value in values]
    places, n_different = _decimals(largest), len({round(value, 6) for value in finite})
    while places < 6 and len({round(value, places) for value in finite}) < n_different:
        places += 1
    return [_text(value, f"{value:z,.{places}f}") for value in values]


def column(values: Sequence[float], most: int = 4) -> list[str]:
    """The numbers of one column, all with the same decimals: as many as the smallest of them needs, at the `most`."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    largest = max(sizes, default=0.0)
    places = _decimals(largest) if largest >= 10 else min(most, max(map(_decimals, sizes), default=3))
    return [_text(value, f"{value:z,.{places}f}") for value in values]


def values_and_ranges(intervals: Sequence[Interval], most: int = 4) -> list[tuple[str, str]]:
    """`value_and_range` of the intervals of one column. Those above ten, in units of their own, keep their own."""
    small = [one for one in intervals if max(map(abs, (one.value, one.low, one.high))) < 10]
    texts = iter(column([end for one in small for end in (one.value, one.low, one.high)], most))
    written = {id(one): (next(texts), f"[{next(texts)}, {next(texts)}]") for one in small}
    return [written.get(id(one)) or value_and_range(one) for one in intervals]


def number(value: float | None) -> str:
    """One value: three decimals below ten, fewer above, more where it is small."""
    return "–" if value is None else numbers(value)[0]


def value_and_range(interval: Interval) -> tuple[str, str]:
    """`0.868` and `[0.863, 0.873]`, with the same decimals."""
    value, low, high = numbers(interval.value, interval.low, interval.high)
    return value, f"[{low}, {high}]"


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """`0.868 [0.863, 0.873]`, or the value alone where it has no interval."""
    if value is None:
        return "–"
    if low is None or high is None:
        return number(value)
    texts = numbers(value, low, high)
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def count(n: float) -> str:
    """`16,281`."""
    return f"{n:,.0f}"


def percent(share: float) -> str:
    """`66.7 %`."""
    return f"{100 * share:.1f} %"


def size(n_bytes: int) -> str:
    """`5.1 MB`."""
    value, units = float(n_bytes), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:,.0f} {units[0]}" if units[0] == "bytes" else f"{value:,.1f} {units[0]}"


def plural(n: int, word: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count(n)} {word}" if n == 1 else f"{count(n)} {word}s"


def words(name: str) -> str:
    """A name from the spec as words: `roc_auc` is `ROC AUC`, `log_loss` is `Log loss`."""
    text = " ".join(_WORDS.get(part, part) for part in name.split("_"))
    return text[:1].upper() + text[1:]


def short(text: str, width: int = 80) -> str:
    """`text`, cut where it is longer than `width`."""
    return text if len(text) <= width else text[: width - 1] + "…"


def without_secrets(text: str) -> str:
    """`text` with passwords and tokens blotted out."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}•••", text)


def _decimals(largest: float) -> int:
    """Three for 0.868, two for 12.34, one for 523.4, none for 4,321; two digits that count for 0.00042."""
    exponent = math.floor(math.log10(largest)) if largest else 0
    return max(0, 3 - exponent) if exponent >= 0 else max(3, 1 - exponent)


def _text(value: float, formatted: str) -> str:
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return formatted.replace("-", "−")
