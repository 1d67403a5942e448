"""Gates on shares of groups: three answers, and the rows that would decide the third."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay import gates
from assay.artifacts import Evidence, GateResult, Multiplicity, Share
from assay.evaluation._intervals import wilson
from assay.spec.evidence import GateSpec
from tests.contracts.test_gates import full


def asked(*shares: tuple[str, int, int], at_most: float = 0.1) -> GateResult:
    found = tuple(
        Share(sensitive="race", group=group, what="", k=k, n=n, interval=wilson(k, n, 0.95)) for group, k, n in shares
    )
    evidence: Evidence = replace(full(), multiplicity=Multiplicity(n_models=5, shares=found))
    spec = GateSpec.model_validate({"gate": "max_multiplicity", "at_most": at_most})
    return gates.decide(evidence, (spec,), False).gates[0]


def test_every_group_has_to_pass_and_one_that_is_beyond_fails() -> None:
    assert asked(("a", 30, 1000), ("b", 20, 1000)).verdict == "PASS"
    failed = asked(("a", 30, 1000), ("b", 200, 1000))
    assert failed.verdict == "FAIL"
    assert failed.reason.startswith("race: b: 0.2 ")


def test_too_few_rows_say_how_many_would_decide_and_as_many_do() -> None:
    open_ = asked(("a", 30, 1000), ("b", 8, 100))
    assert open_.verdict == "INCONCLUSIVE"
    more = int(open_.reason.split("About ")[1].split(" ")[0].replace(",", ""))
    times = (100 + more) / 100
    assert asked(("a", 30, 1000), ("b", round(8 * times), round(100 * times))).verdict == "PASS"


@pytest.mark.parametrize(("rate", "wanted", "most"), [(0.1, "PASS", 0.07), (0.08, "FAIL", 0.02)])
def test_wrong_verdicts_are_rare(rate: float, wanted: str, most: float) -> None:
    """At the limit a PASS is false, and below it a FAIL is; ten groups at once."""
    draw = np.random.default_rng(0)
    verdicts = [
        asked(*((str(g), int(k), 500) for g, k in enumerate(draw.binomial(500, rate, 10)))).verdict for _ in range(400)
    ]
    assert verdicts.count(wanted) / len(verdicts) <= most
