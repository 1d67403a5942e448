"""The closed forms behind a disparity: bounds of a gap from counts alone, and the rows it takes to decide one.

Standard library only, so that an auditor with the counts needs nothing else. `confidence` is one-sided: each of the
two bounds is passed by the truth with probability 1 - confidence. Group a of a pair has the higher value when they are
subtracted (a - b), the lower one when they are divided (a / b).

Wilson 1927; Newcombe 1998, method 10 (difference of rates); Katz et al. 1978 with 1/2 added (ratio of rates);
Welch 1947 (difference of means).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from statistics import NormalDist
from typing import Literal

from assay.artifacts import Interval, PairGap, Verdict

Scale = Literal["difference", "ratio"]

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy", "precision")
MEANS = ("mean_error", "mean_absolute_error")
CALIBRATION = "calibration_error"
IF_CALIBRATED = "(if calibrated)"  # group b of a calibration pair: group a, were its probabilities right
COUNTED = {
    "true_positive_rate": "positives",
    "false_positive_rate": "negatives",
    "precision": "predicted positives",
}  # what `n` counts where it is not rows

CONFIDENCE = 0.95
MIN_ROWS_OF_A_MEAN = 10  # below this a mean of unknown spread has no bound worth holding anyone to
MOST_TIMES = 10_000.0


@cache
def z(confidence: float) -> float:
    """The standard normal quantile."""
    return NormalDist().inv_cdf(confidence)


def t(confidence: float, df: float) -> float:
    """Student's quantile by the expansion of Abramowitz & Stegun 26.7.5; within 0.1 % from 9 degrees of freedom on."""
    x = z(confidence)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / df**power for power, term in enumerate(terms, start=1))


def base(metric: str) -> str:
    """The metric without its class: `selection_rate` for `selection_rate[cat]`."""
    return metric.partition("[")[0]


def one_sided(interval: Interval, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """One-sided bounds from a two-sided interval: each arm shortened as for a normal estimate."""
    shrink = z(confidence) / z((1 + interval.level) / 2)
    return interval.value - (interval.value - interval.low) * shrink, (
        interval.value + (interval.high - interval.value) * shrink
    )


def wilson(k: float, n: float, confidence: float) -> tuple[float, float]:
    """Bounds of a rate of `k` in `n`."""
    q = z(confidence)
    centre = (k + q * q / 2) / (n + q * q)
    arm = q / (n + q * q) * math.sqrt(k * (n - k) / n + q * q / 4)
    return max(0.0, centre - arm), min(1.0, centre + arm)


def gap(pair: PairGap, scale: Scale) -> float:
    """The estimate: a - b or a / b. For calibration, group a's ECE less what chance alone gives a calibrated group."""
    a, b = pair.k_a / pair.n_a, pair.k_b / pair.n_b
    if scale == "difference":
        return a - b
    return a / b if b > 0 else 1.0  # a is the lower of the two, so both are 0


def turned(pair: PairGap) -> PairGap:
    """The same two groups the other way round."""
    return replace(
        pair,
        group_a=pair.group_b,
        n_a=pair.n_b,
        k_a=pair.k_b,
        ss_a=pair.ss_b,
        group_b=pair.group_a,
        n_b=pair.n_a,
        k_b=pair.k_a,
        ss_b=pair.ss_a,
    )


def bounds(pair: PairGap, scale: Scale, confidence: float) -> tuple[float, float]:
    """Lower and upper bound of the gap."""
    if base(pair.metric) in MEANS:
        return _welch(pair, confidence)
    if base(pair.metric) == CALIBRATION:
        return _calibration(pair, confidence)
    return _log_ratio(pair, confidence) if scale == "ratio" else _newcombe(pair, confidence)


def verdict(pair: PairGap, scale: Scale, limits: tuple[float, float], n_pairs: int) -> Verdict:
    """The rule for one pair of a family of `n_pairs`.

    PASS needs no correction (every pair must pass: intersection-union); FAIL is Bonferroni over pairs and sides.
    """
    low, high = bounds(pair, scale, CONFIDENCE)
    if limits[0] <= low and high <= limits[1]:
        return "PASS"
    low, high = bounds(pair, scale, adjusted(n_pairs))
    return "FAIL" if high < limits[0] or low > limits[1] else "INCONCLUSIVE"


def adjusted(n_pairs: int) -> float:
    """The one-sided confidence that keeps all bounds of `n_pairs` pairs, both sides, at 95 % together."""
    return 1 - (1 - CONFIDENCE) / (2 * n_pairs)


def times_to_decide(pair: PairGap, scale: Scale, limits: tuple[float, float], n_pairs: int) -> float | None:
    """By what factor both groups must grow, at the rates seen, for PASS or FAIL; None beyond 10,000 times."""

    def decided(times: float) -> bool:
        return verdict(grown(pair, times), scale, limits, n_pairs) != "INCONCLUSIVE"

    low, high = 1.0, 2.0
    while not decided(high):
        low, high = high, high * 2
        if high > MOST_TIMES:
            return None
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def about(n: float) -> str:
    """A count for people: rounded up to two digits, so that it does not claim to be exact."""
    unit = 10 ** max(0, len(str(math.ceil(n))) - 2)
    return f"{math.ceil(n / unit) * unit:,}"


def grown(pair: PairGap, times: float) -> PairGap:
    """The pair with `times` as many rows and the same gap."""
    n_a, n_b, k_a, k_b = (count * times for count in (pair.n_a, pair.n_b, pair.k_a, pair.k_b))
    if base(pair.metric) == CALIBRATION:  # what chance gives falls with the root of the rows; the excess stays
        k_b = k_b / math.sqrt(times)
        k_a = max(gap(pair, "difference"), 0.0) * n_a + k_b
    return replace(pair, n_a=n_a, n_b=n_b, k_a=k_a, k_b=k_b, ss_a=pair.ss_a * times, ss_b=pair.ss_b * times)


def _newcombe(pair: PairGap, confidence: float) -> tuple[float, float]:
    a, b = pair.k_a / pair.n_a, pair.k_b / pair.n_b
    low_a, high_a = wilson(pair.k_a, pair.n_a, confidence)
    low_b, high_b = wilson(pair.k_b, pair.n_b, confidence)
    return a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)


def _log_ratio(pair: PairGap, confidence: float) -> tuple[float, float]:
    k_a, n_a, k_b, n_b = (count + 0.5 for count in (pair.k_a, pair.n_a, pair.k_b, pair.n_b))
    centre = math.log(k_a / n_a) - math.log(k_b / n_b)
    arm = z(confidence) * math.sqrt(max(0.0, 1 / k_a - 1 / n_a) + max(0.0, 1 / k_b - 1 / n_b))
    return math.exp(centre - arm), math.exp(centre + arm)


def _welch(pair: PairGap, confidence: float) -> tuple[float, float]:
    var_a, var_b = variance_of_mean(pair.n_a, pair.k_a, pair.ss_a), variance_of_mean(pair.n_b, pair.k_b, pair.ss_b)
    if var_a + var_b == 0:
        return gap(pair, "difference"), gap(pair, "difference")
    df = (var_a + var_b) ** 2 / (var_a**2 / (pair.n_a - 1) + var_b**2 / (pair.n_b - 1))
    arm = t(confidence, df) * math.sqrt(var_a + var_b)
    return gap(pair, "difference") - arm, gap(pair, "difference") + arm


def variance_of_mean(n: float, total: float, sum_of_squares: float) -> float:
    """The squared standard error of a mean, from its sums."""
    return max(0.0, sum_of_squares - total * total / n) / (n - 1) / n


def _calibration(pair: PairGap, confidence: float) -> tuple[float, float]:
    # The mean of a binned ECE lies between the true one and that plus the chance part (Jensen; triangle inequality),
    # so the excess bounds it from below and the plain estimate from above.
    ece, by_chance = pair.k_a / pair.n_a, pair.k_b / pair.n_b
    arm = z(confidence) * math.sqrt(pair.ss_a) / pair.n_a
    return ece - by_chance - arm, ece + arm
