"""The process that imports Great Expectations: requests as lines of JSON on stdin, answers on stdout.

Request: `table` (path of an Arrow file), `n_rows`, `schema` {column: pandas type}, `questions` (see `_plan.Question`).
Answer: one dict per question: `passed`, `n_unexpected` (null where rows are not counted), `n_checked`, `observed`,
`examples`; or `error`. Values of personal columns do not leave this process.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from typing import Any

MAX_EXAMPLES = 5
_PIECE_ROWS = 1 << 19
_OF_WHOLE_COLUMN = ("ExpectColumnValuesToBeUnique", "ExpectColumnKLDivergenceToBeLessThan")
_PR_SET_PDEATHSIG = 1


def _end_with_parent(parent: int) -> None:
    """Have the kernel end this process with the one that started it; end now where that is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


if __name__ == "__main__":
    _end_with_parent(int(sys.argv[1]))  # before the imports below, which take seconds

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: E402

Question = dict[str, Any]
Questions = dict[int, Question]
Answer = dict[str, Any]


def answer(request: dict[str, Any]) -> list[Answer]:
    """The answers to all questions of `request`, in their order."""
    questions = dict(enumerate(request["questions"]))
    answers = _ask_all(request, questions)
    uncounted = {n: q for n, q in questions.items() if q["counted_by"] and answers[n].get("passed") is False}
    for number, counted in _ask_all(request, {n: _by_pattern(q) for n, q in uncounted.items()}).items():
        answers[number].update(n_unexpected=counted["n_unexpected"], examples=counted["examples"])
    return [answers[number] for number in questions]


def _by_pattern(question: Question) -> Question:
    """The question whose answer counts the values that are not written as the asked type is."""
    options = {"column": question["column"], "regex": question["counted_by"]}
    return {**question, "name": "ExpectColumnValuesToMatchRegex", "options": options, "frame": "values"}


def _ask_all(request: dict[str, Any], questions: Questions) -> dict[int, Answer]:
    answers: dict[int, list[Answer]] = {}
    for frame, asked in _frames(request, questions):
        for number, part in _ask(frame, asked).items():
            answers.setdefault(number, []).append(part)
    return {number: _merged(parts, questions[number]) for number, parts in answers.items()}


def _frames(request: dict[str, Any], questions: Questions) -> Iterator[tuple[pd.DataFrame, Questions]]:
    """Frames of bounded size, each with the questions that are asked of it.

    Great Expectations copies a frame for every question. So questions whose counts add up are asked of a piece of the
    rows after another, and others of their column alone.
    """
    if of_schema := {n: q for n, q in questions.items() if q["frame"] == "schema"}:
        yield pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in request["schema"].items()}), of_schema
    if of_rows := {n: q for n, q in questions.items() if q["frame"] == "rows"}:
        yield pd.DataFrame(index=range(request["n_rows"])), of_rows
    with pa.memory_map(request["table"]) as file:
        table = pa.ipc.open_file(file).read_all()
        of_values = {n: q for n, q in questions.items() if q["frame"] == "values"}
        if additive := {n: q for n, q in of_values.items() if q["name"] not in _OF_WHOLE_COLUMN}:
            columns = table.select(sorted({q["column"] for q in additive.values()}))
            for start in range(0, len(table), _PIECE_ROWS):
                yield columns.slice(start, _PIECE_ROWS).to_pandas(split_blocks=True), additive
        for number in of_values.keys() - additive.keys():
            question = of_values[number]
            yield table.select([question["column"]]).to_pandas(split_blocks=True), {number: question}


def _merged(parts: list[Answer], question: Question) -> Answer:
    """The answers for several pieces of the rows as one."""
    if len(parts) == 1:
        return parts[0]
    if broken := [part for part in parts if "error" in part]:
        return broken[0]
    n_unexpected = sum(part["n_unexpected"] for part in parts)
    n_checked = sum(part["n_checked"] for part in parts)
    mostly = question["options"].get("mostly", 1)
    return {
        "passed": not n_unexpected or (n_checked - n_unexpected) / n_checked >= mostly,
        "n_unexpected": n_unexpected,
        "n_checked": n_checked,
        "observed": None,
        "examples": list(dict.fromkeys(value for part in parts for value in part["examples"]))[:MAX_EXAMPLES],
    }


def _ask(frame: pd.DataFrame, asked: Questions) -> dict[int, Answer]:
    """Yes or no first; counts and examples only for what failed, or may fail in part."""
    results = _validated(frame, asked, "BOOLEAN_ONLY")
    partly = {n for n, q in asked.items() if q["options"].get("mostly", 1) < 1 or "threshold" in q["options"]}
    again = {n: q for n, q in asked.items() if n in partly or not results[n].success}
    if again:
        results |= _validated(frame, again, {"result_format": "BASIC", "partial_unexpected_count": MAX_EXAMPLES})
    return {n: _plain(results[n], q) for n, q in asked.items()}


def _validated(frame: pd.DataFrame, asked: Questions, result_format: str | dict[str, Any]) -> dict[int, Any]:
    """The results of one suite on one frame."""
    batch = _whole_frame().get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(
        name="spec",
        expectations=[
            getattr(gx.expectations, q["name"])(**q["options"], meta={"number": n}) for n, q in asked.items()
        ],
    )
    results = batch.validate(suite, result_format=result_format).results
    return {result.expectation_config.meta["number"]: result for result in results}


@cache
def _whole_frame() -> Any:
    """The one batch definition of this process, in a context that stands in memory alone."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("snapshot").add_dataframe_asset("columns")
    return asset.add_batch_definition_whole_dataframe("rows")


def _plain(result: Any, question: Question) -> Answer:
    """A result of Great Expectations as JSON data."""
    told = result.exception_info
    problems = [told] if "raised_exception" in told else list(told.values())
    for problem in problems:
        if problem["raised_exception"]:
            return {"error": "" if question["personal"] else str(problem["exception_message"])[:300]}
    found = result.result
    observed = found.get("details", {}).get("mismatched") or found.get("observed_value")
    nothing_to_show = question["personal"] or question["name"] == "ExpectColumnValuesToNotBeNull"
    values = [] if nothing_to_show else found.get("partial_unexpected_list", [])
    return {
        "passed": bool(result.success),
        "n_unexpected": found.get("unexpected_count", 0 if result.success else None),
        "n_checked": found.get("element_count", 0) - found.get("missing_count", 0),
        "observed": observed if isinstance(observed, dict | list | str | None) else float(observed),
        "examples": list(dict.fromkeys(str(value) for value in values)),
    }


def main() -> None:
    """Answer until stdin ends. Whatever libraries print goes to stderr; stdout is for answers."""
    _whole_frame()  # while nothing is asked yet
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory(prefix="assay-validation-") as folder:
        tempfile.tempdir = folder
        os.chdir(folder)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=out, flush=True)
        os.chdir("/")


if __name__ == "__main__":
    main()
