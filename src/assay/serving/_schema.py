"""The shape of requests and replies, from the columns that a model takes and the classes that it knows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from assay.artifacts import Column, TargetInfo
from assay.preprocessing._given import Wire, wire

# Strict: a text is no number, and 1 is not true.
_TYPES: dict[Wire, Any] = {
    "number": Annotated[float, Field(allow_inf_nan=False, strict=True)],
    "integer": Annotated[int, Field(ge=-(2**63), le=2**63 - 1, strict=True)],
    "boolean": Annotated[bool, Field(strict=True)],
    "time": Annotated[datetime, Field(strict=True)],
    "text": Annotated[str, Field(strict=True, max_length=100_000)],
}
MAX_MISTAKES = 20


class Requests:
    """Requests to one model: bytes in, rows out."""

    def __init__(self, columns: tuple[Column, ...], max_rows: int) -> None:
        typed_dict: Any = TypedDict  # made at run time: mypy knows only those that are written down
        row = typed_dict("Row", {column.name: _TYPES[wire(column)] | None for column in columns})
        rows = Annotated[list[row], Field(min_length=1, max_length=max_rows)]  # type: ignore[valid-type]
        self._adapter: TypeAdapter[Any] = TypeAdapter(typed_dict("Request", {"rows": rows}))

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """The rows of a request. Raises ValidationError."""
        found: list[dict[str, Any]] = self._adapter.validate_json(body)["rows"]
        return found

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a request, with everything that it refers to in it."""
        return self._adapter.json_schema(ref_template="#/components/schemas/{model}")


def mistakes(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong with a request: where, and why. Values are not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"where": list(each["loc"]), "mistake": each["msg"]} for each in found[:MAX_MISTAKES]]


def reply_schema(target: TargetInfo) -> dict[str, Any]:
    """The JSON Schema of a reply."""
    classes = target.task == "classification"
    answer: dict[str, Any] = {
        "prediction": {"type": "string", "enum": list(target.classes)} if classes else {"type": "number"}
    }
    if classes:
        shares = {name: {"type": "number", "minimum": 0, "maximum": 1} for name in target.classes}
        answer["probabilities"] = {"type": "object", "properties": shares, "required": list(target.classes)}
    refused = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    return {
        "type": "object",
        "required": ["model", "predictions"],
        "properties": {
            "model": MODEL,
            "predictions": {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"type": "object", "properties": answer, "required": list(answer)},
                        {
                            "type": "object",
                            "properties": {"refused": refused},
                            "required": ["refused"],
                            "description": "The row is not what the model was trained for, and why.",
                        },
                    ]
                },
            },
        },
    }


MODEL = {
    "type": "object",
    "required": ["name", "version", "alias"],
    "properties": {"name": {"type": "string"}, "version": {"type": "integer"}, "alias": {"type": "string"}},
}
MISTAKE = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "oneOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "where": {"type": "array", "items": {"type": ["string", "integer"]}},
                            "mistake": {"type": "string"},
                        },
                    },
                },
            ]
        }
    },
}
