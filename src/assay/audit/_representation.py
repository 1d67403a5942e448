"""Who is in the training rows, against the population that the spec names. Shapes: N rows, G groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from assay.artifacts import DataCheck, Verdict
from assay.audit._groups import Groups
from assay.gates import _rates
from assay.spec.evidence import DataAuditSpec


def representation(found: Mapping[str, Groups], config: DataAuditSpec) -> Iterator[DataCheck]:
    """The share of every group, less its reference where there is one. A feature that is not audited is an ERROR."""
    for feature in config.reference:
        if feature not in found:
            reason = f"`reference` names {feature!r}, which is no sensitive feature; there are: {', '.join(found)}."
            yield DataCheck(check="representation", about=feature, verdict="ERROR", reason=reason)
    for feature, (code_N, names) in found.items():
        n_G = np.bincount(code_N, minlength=len(names))
        counts = {name: int(n) for name, n in zip(names, n_G, strict=True)}
        reference = config.reference.get(feature, {})
        wanted = dict.fromkeys((*(name for name, n in counts.items() if n), *reference))
        for name in wanted:
            yield _share(feature, name, counts.get(name, 0), len(code_N), reference, config.max_share_gap)


def _share(
    feature: str, name: str, n: int, n_rows: int, reference: Mapping[str, float], most: float | None
) -> DataCheck:
    share = n / n_rows
    about = f"{feature}: {name}"
    low, high = _rates.wilson(n, n_rows, _rates.CONFIDENCE)
    if name not in reference:
        known = "the reference does not name it" if reference else "the spec has no reference for it"
        reason = f"{share:.2%} of {n_rows:,} training rows; {known}."
        return DataCheck(
            check="representation",
            about=about,
            verdict="NOT_APPLICABLE",
            reason=reason,
            value=share,
            low=low,
            high=high,
        )
    there = reference[name]
    gap = share - there
    verdict: Verdict = "NOT_APPLICABLE"
    if most is not None:
        strict = _rates.wilson(n, n_rows, _rates.adjusted(len(reference)))
        verdict = "PASS" if there - most <= low and high <= there + most else "INCONCLUSIVE"
        if strict[1] < there - most or strict[0] > there + most:
            verdict = "FAIL"
    reason = f"{share:.2%} of {n_rows:,} training rows ({low:.2%} to {high:.2%}); {there:.2%} of the population."
    return DataCheck(
        check="representation",
        about=about,
        verdict=verdict,
        reason=reason,
        value=gap,
        low=low - there,
        high=high - there,
        bound=most,
    )
