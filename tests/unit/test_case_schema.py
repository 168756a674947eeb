"""The JSON Schema accepts what the loader accepts and refuses typing errors; the reference follows it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ssbmech.case import json_schema, load_case
from ssbmech.case.reference import markdown
from ssbmech.case.yaml_reader import read_yaml

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "tests" / "data" / "minimal_case.yaml"
CASES = [MINIMAL, *sorted((ROOT / "cases").glob("*/*.yaml"))]

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
}
NOTES = {"$schema", "title", "description", "default", "examples", "format", "$defs", "propertyNames"}
BOUNDS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
SIZES = {"minItems": (list, False), "maxItems": (list, True), "minProperties": (dict, False)}
SIZES |= {"minLength": (str, False), "maxLength": (str, True)}


class Checker:
    """The part of JSON Schema 2020-12 that our schema uses; a keyword it does not know is an error of the test."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.definitions = schema["$defs"]

    def fits(self, value: Any, schema: dict[str, Any]) -> bool:
        return all(self.keyword(name, schema, value) for name in schema if name not in NOTES)

    def keyword(self, name: str, schema: dict[str, Any], value: Any) -> bool:
        given = schema[name]
        if name == "$ref":
            return self.fits(value, self.definitions[given.removeprefix("#/$defs/")])
        if name == "type":
            return self.of_type(value, given)
        if name in ("anyOf", "oneOf"):
            count = sum(self.fits(value, option) for option in given)
            return count == 1 if name == "oneOf" else count > 0
        if name == "if":
            return self.fits(value, schema["then" if self.fits(value, given) else "else"])
        if name in ("then", "else"):
            return True
        if name in ("properties", "additionalProperties", "patternProperties", "required"):
            return not isinstance(value, dict) or self.of_mapping(name, schema, value)
        if name == "items":
            return not isinstance(value, list) or all(self.fits(item, given) for item in value)
        if name == "const":
            return bool(value == given)
        if name == "enum":
            return value in given
        if name == "pattern":
            return not isinstance(value, str) or re.search(given, value, re.DOTALL) is not None
        if name in BOUNDS:
            return isinstance(value, bool) or not isinstance(value, int | float) or BOUNDS[name](value, given)
        kind, largest = SIZES[name]
        return not isinstance(value, kind) or (len(value) <= given if largest else len(value) >= given)

    def of_type(self, value: Any, name: str) -> bool:
        if name == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))

    def of_mapping(self, name: str, schema: dict[str, Any], value: dict[str, Any]) -> bool:
        given = schema[name]
        if name == "required":
            return all(key in value for key in given)
        if name == "properties":
            return all(self.fits(value[key], inner) for key, inner in given.items() if key in value)
        if name == "patternProperties":
            patterns = given.items()
            return all(
                self.fits(v, inner) for p, inner in patterns for k, v in value.items() if re.search(p, k)
            )
        patterns = schema.get("patternProperties", {})
        known = schema.get("properties", {})
        rest = {
            k: v for k, v in value.items() if k not in known and not any(re.search(p, k) for p in patterns)
        }
        if isinstance(given, bool):
            return given or not rest
        return all(self.fits(item, given) for item in rest.values())


def fits(data: Any) -> bool:
    schema = json_schema()
    return Checker(schema).fits(data, schema)


@pytest.fixture
def data() -> dict[str, Any]:
    return copy.deepcopy(read_yaml(MINIMAL).data)


@pytest.mark.parametrize("file", CASES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_the_schema_accepts_the_cases_of_the_repository(file: Path) -> None:
    assert fits(read_yaml(file).data)
    load_case(file)


def test_the_schema_accepts_a_resolved_case() -> None:
    assert fits(load_case(MINIMAL).data())


def test_the_schema_is_json_and_complete() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    names = set(re.findall(r'"#/\$defs/(\w+)"', text))
    assert names == set(schema["$defs"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("titel", "x"),
        ("phases.CAM.elasticity.young_modulus", "1 GPa"),
        ("phases.CAM.elasticity.youngs_modulus", 140),
        ("phases.CAM.elasticity.youngs_modulus", "140"),
        ("phases.CAM.elasticity.poisson_ratio", 0.7),
        ("phases.CAM.lithium.diffusivity", {"expresion": "x", "unit": "m^2/s"}),
        ("phases.CAM.lithium.diffusivity", {"points": [[0]], "unit": "m^2/s"}),
        ("phases.CAM.lithium.mobility", "ideal"),
        ("interfaces.0.between", ["CAM"]),
        ("interfaces.0.cohesion.stiffness", None),
        ("stack.axis", "w"),
        ("stack.load", {"pressure": "5 MPa", "fixed_gap": True}),
        ("stack.load.fixed_gap", False),
        ("programme.1.charge", "C/10"),
        ("programme.2.charge", "quick"),
        ("numerics", {"displacement_degree": 3}),
        ("numerics", {"newton": {"maximum_iterations": 0}}),
        ("mesh", {}),
        ("mesh.microstructure.generator", "sphere"),
        ("output", {"report": "yes"}),
    ],
)
def test_the_schema_refuses(data: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place: Any = data
    for part in parents:
        place = place[part]
    place[last] = value
    assert not fits(data)


def test_the_schema_knows_sentences_and_repeats(data: dict[str, Any]) -> None:
    steps = [
        "Rest 1 h",
        {
            "repeat": {
                "times": 2,
                "steps": ["charge at C/10 to 4.3 V", {"hold": "4.3 V", "until": {"current": "C/50"}}],
            }
        },
    ]
    assert fits({**data, "programme": steps})
    assert not fits({**data, "programme": ["wait 1 h"]})
    assert not fits({**data, "programme": [{"repeat": {"steps": ["wait 1 h"]}}]})
    assert not fits({**data, "programme": [{"hold": "4.3 V", "rest": "1 h"}]})


def test_a_file_that_extends_another_needs_nothing_but_is_still_checked() -> None:
    assert fits({"extends": "case.yaml"})
    assert fits(
        {
            "extends": "case.yaml",
            "stack": {"load": {"fixed_gap": True}},
            "electrons": None,
            "phases": {"A": {"density": "1 g/cm^3"}},
        }
    )
    image = {"generator": "image", "file": "labels.npz", "particles": None}  # the base was a packing
    assert fits({"extends": "case.yaml", "mesh": {"microstructure": image}})
    assert not fits({"extends": "case.yaml", "mesh": {"microstructure": {**image, "particles": {}}}})
    assert not fits({"extends": "case.yaml", "stak": {}})
    assert not fits({"extends": "case.yaml", "stack": {"load": {"gap": True}}})
    assert not fits({"extends": 3})
    assert not fits({"title": "not a whole case"})


def test_the_checker_knows_every_keyword() -> None:
    with pytest.raises(KeyError):
        Checker({"$defs": {}}).fits({}, {"dependentRequired": {}})


def test_the_reference_is_in_step_with_the_schema() -> None:
    assert (ROOT / "docs" / "case_file.md").read_text(encoding="utf-8") == markdown(), (
        "write it anew: ./ssbmech schema --markdown -o docs/case_file.md"
    )


def test_the_reference_names_every_key() -> None:
    text = markdown()
    keys = {key for body in json_schema()["$defs"].values() for key in body.get("properties", {})}
    assert [key for key in sorted(keys - {"source"}) if f"`{key}`" not in text] == []
