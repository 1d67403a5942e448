"""Hand-offs are small JSON documents that come back as themselves."""

from __future__ import annotations

import dataclasses
import pickle

from hypothesis import given
from hypothesis import strategies as st

from assay import artifacts, errors
from assay.artifacts import Blob, Calibration, Comparison, Interval, ValidFold, from_json, sha256_of, to_json

numbers = st.floats(allow_nan=False, allow_infinity=False)
blobs = st.builds(Blob, uri=st.text(), sha256=st.text(), n_bytes=st.integers(), name=st.text())


@given(blob=blobs, n=st.integers())
def test_a_fold_comes_back_as_itself(blob: Blob, n: int) -> None:
    fold = ValidFold(table=blob, rows=blob, n_rows=n)
    assert from_json(ValidFold, to_json(fold)) == fold


@given(values=st.tuples(numbers, numbers, numbers), threshold=st.none() | numbers)
def test_numbers_come_back_exactly(values: tuple[float, float, float], threshold: float | None) -> None:
    interval = Interval(value=values[0], low=values[1], high=values[2])
    comparison = Comparison(champion_version=1, metric="m", difference=interval, n_rows=1, n_excluded=0)
    assert from_json(Comparison, to_json(comparison)) == comparison
    calibration = Calibration(temperature=values[0], threshold=threshold)
    assert from_json(Calibration, to_json(calibration)) == calibration


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_strings_have_different_digests(left: list[str], right: list[str]) -> None:
    assert (sha256_of(*left) == sha256_of(*right)) == (left == right)


def test_every_handoff_is_frozen_slotted_and_by_keyword() -> None:
    handoffs = [item for item in vars(artifacts).values() if dataclasses.is_dataclass(item) and isinstance(item, type)]
    assert len(handoffs) > 25
    for handoff in handoffs:
        parameters = handoff.__dataclass_params__  # type: ignore[attr-defined]
        assert parameters.frozen, handoff
        assert hasattr(handoff, "__slots__"), handoff
        assert all(field.kw_only for field in dataclasses.fields(handoff)), handoff


def test_every_error_survives_the_way_between_processes() -> None:
    kinds = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.AssayError)]
    for kind in kinds:
        again = pickle.loads(pickle.dumps(kind("what happened")))
        assert (type(again), str(again)) == (kind, "what happened")
