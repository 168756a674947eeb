"""JSON Schema of a curve of the case file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssbmech.case.expressions import LONGEST
from ssbmech.case.units import Quantity


def curve_schema(
    plain: Quantity, values: Quantity, argument: Quantity, thermal: Mapping[str, Quantity], allowed: str
) -> dict[str, Any]:
    """All forms that a curve may take.

    Args:
        plain: what a bare quantity is.
        values, argument: of the curve.
        thermal: keys that a curve of the temperature takes besides.
        allowed: the forms in words.
    """
    cell = {"anyOf": [{"type": "number"}, {"type": "string"}]}
    pair = {"type": "array", "items": cell, "minItems": 2, "maxItems": 2}
    common = {
        "unit": {
            "type": "string",
            "description": f"unit of {values.name}",
            "examples": [values.unit],
        },
        "clip": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "source": {"type": "string"},
    }
    common |= {key: kind.json_schema() for key, kind in thermal.items()}
    sampled = common | {"argument_unit": {"type": "string", "examples": [argument.unit]}}
    name = {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}
    columns = {"type": "array", "items": name, "minItems": 2, "maxItems": 2}
    text = {"anyOf": [{"type": "string", "maxLength": LONGEST}, {"type": "number"}]}
    forms: list[dict[str, Any]] = [
        {
            "properties": common | {"value": {"anyOf": [{"type": "number"}, plain.json_schema()]}},
            "required": ["value"],
        },
        {"properties": common | {"expression": text}, "required": ["expression"]},
        {
            "properties": sampled | {"points": {"type": "array", "items": pair, "minItems": 2}},
            "required": ["points"],
        },
        {
            "properties": sampled | {"table": {"type": "string"}, "columns": columns},
            "required": ["table"],
        },
    ]
    objects = [{"type": "object", "additionalProperties": False} | form for form in forms]
    whole = ([] if plain.unit else [{"type": "number"}]) + [plain.json_schema()]
    return {"anyOf": [*whole, *objects], "description": allowed}
