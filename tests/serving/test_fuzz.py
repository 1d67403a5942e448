"""The interface, fuzzed from its own OpenAPI document: never a 500, and nothing but what the document says."""

from __future__ import annotations

import warnings
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from assay.serving import Limits
from tests.serving.conftest import Registered

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_makes_a_500_or_an_answer_that_is_not_described(registered: Registered, mode: str) -> None:
    with warnings.catch_warnings(action="ignore"):
        import schemathesis

    wanted = schemathesis.GenerationMode(mode)
    # So large that no body is too large: to schemathesis a 413 is no refusal of a wrong shape.
    app = registered.app(limits=Limits(max_body_bytes=2**30))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    found = {result.ok().path: result.ok() for result in schema.get_all_operations()}
    assert set(found) == {"/predict", "/health", "/ready", "/metrics"}
    statuses: Counter[int] = Counter()

    @given(case=found["/predict"].as_strategy(wanted))
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def never_breaks(case: schemathesis.Case) -> None:
        statuses[case.call_and_validate().status_code] += 1  # 5xx, undescribed status, type or body raise

    never_breaks()
    assert statuses[200 if mode == "positive" else 422] > 50, statuses
    for path in ("/health", "/ready", "/metrics"):
        assert found[path].Case().call_and_validate().status_code == 200
