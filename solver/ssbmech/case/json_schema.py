"""JSON Schema of a case file, for editors: they complete keys, show units and mark mistakes while typing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from ssbmech.case.electrode_layer import electrode_names
from ssbmech.case.material_library import material_names
from ssbmech.case.programme import KINDS
from ssbmech.case.schema import Case
from ssbmech.case.sentences import PATTERN
from ssbmech.case.stack import LOADS

EXTENDS = {"type": "string", "description": "another case file that this one builds on, relative to this one"}
_PARTIAL = "Partial"


def json_schema() -> dict[str, Any]:
    """The schema; in a file with ``extends`` nothing is required and ``null`` takes a key away."""
    full = Case.model_json_schema(mode="validation")
    definitions = full.pop("$defs")
    del definitions["Mesh"]["properties"]["microstructure"]["anyOf"][0][
        "discriminator"
    ]  # OpenAPI's, not JSON Schema's
    _one_of(definitions, "Step", KINDS)
    _one_of(definitions, "Load", LOADS)
    for holder, key in ((full, "programme"), (definitions["Repeat"], "steps")):
        steps = holder["properties"][key]
        steps["items"] = {"anyOf": [{"type": "string", "pattern": PATTERN}, steps["items"]]}
    _one_of(definitions, "Mesh", ("file", "microstructure"))
    _with_material(definitions, "Phase", material_names())
    _with_material(definitions, "CounterElectrode", electrode_names())
    partial = _loosened(copy.deepcopy(full))
    partial["properties"]["extends"] = EXTENDS
    loose = {name + _PARTIAL: _loosened(copy.deepcopy(body)) for name, body in definitions.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ssbmech case file",
        "if": {"type": "object", "required": ["extends"]},
        "then": partial,
        "else": full,
        "$defs": definitions | loose,
    }


def _with_material(definitions: dict[str, Any], name: str, entries: Sequence[str]) -> None:
    """A block that names an entry of the library (a phase its material) need not give what that gives."""
    whole = definitions[f"Whole{name}"] = definitions[name]
    definitions[name] = {
        "if": {"type": "object", "required": ["material"]},
        "then": {"$ref": f"#/$defs/Whole{name}{_PARTIAL}"},
        "else": {"$ref": f"#/$defs/Whole{name}"},
    }
    material = whole["properties"]["material"]
    material["anyOf"] = [{"type": "string", "enum": list(entries)}, *material["anyOf"]]


def _one_of(definitions: dict[str, Any], name: str, keys: tuple[str, ...]) -> None:
    definitions[name]["oneOf"] = [{"required": [key]} for key in keys]


def _loosened(schema: Any) -> Any:
    """The schema of a block that a base file completes."""
    if isinstance(schema, list):
        return [_loosened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "properties" in schema:
        schema.pop("required", None)
        schema.pop("oneOf", None)
        schema.pop("minProperties", None)
        schema["properties"] = {name: _or_null(body) for name, body in schema["properties"].items()}
    others = schema.get("additionalProperties")
    if others is False:  # a key of the base's kind of block, say of another generator, may be taken away
        schema["additionalProperties"] = {"type": "null"}
    elif isinstance(others, dict):  # a mapping of names, such as expected
        schema["additionalProperties"] = _or_null(others)
    if "patternProperties" in schema:  # phases by name, of which a case may take one away
        named = schema["patternProperties"].items()
        schema["patternProperties"] = {pattern: _or_null(body) for pattern, body in named}
    # Which generator a block belongs to may be said by the base file alone: it may fit several.
    out = {("anyOf" if key == "oneOf" else key): _loosened(value) for key, value in schema.items()}
    if isinstance(out.get("$ref"), str) and not out["$ref"].endswith(_PARTIAL):
        out["$ref"] += _PARTIAL
    return out


def _or_null(body: dict[str, Any]) -> dict[str, Any]:
    if {"type": "null"} in body.get("anyOf", []):
        return body
    shown = {key: body[key] for key in ("title", "description", "default") if key in body}
    return {"anyOf": [body, {"type": "null"}], **shown}
