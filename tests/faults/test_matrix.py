"""The fault matrix names tests that exist, and a reason where there is none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.matrix import TESTS, UNTESTED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", TESTS)
def test_a_fault_has_tests_or_a_reason(fault: str) -> None:
    assert bool(TESTS[fault]) != (fault in UNTESTED)
    for test in TESTS[fault]:
        path, _, name = test.partition("::")
        functions = [node for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)]
        assert name in {function.name for function in functions}


def test_there_are_26_faults() -> None:
    assert [int(fault.split()[0]) for fault in TESTS] == list(range(1, 27))
