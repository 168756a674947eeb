"""Every mistake in a case file is told with its place, its value, what is allowed, and the nearest name."""

# ruff: noqa: E501  # one row of the table per mistake

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ssbmech.case import CaseError, Problem, case_from_data, load_case
from ssbmech.case.yaml_reader import read_yaml

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"

Data = dict[str, Any]


@pytest.fixture
def data() -> Data:
    return copy.deepcopy(read_yaml(MINIMAL).data)


def put(data: Data, path: str, value: Any) -> None:
    """``value`` at a path such as ``phases.CAM.density``; None deletes."""
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place: Any = data
    for part in parents:
        place = place[part] if isinstance(part, int) else place.setdefault(part, {})
    if value is None:
        del place[last]
    else:
        place[last] = value


def problems(data: Data) -> list[Problem]:
    with pytest.raises(CaseError) as caught:
        case_from_data(data, MINIMAL.parent)
    return list(caught.value.problems)


def test_the_minimal_case_is_in_order(data: Data) -> None:
    assert case_from_data(data).phase_names == ["CAM", "SE"]


SINGLE: list[tuple[str, Any, str, str]] = [
    # path, value (None: delete), key path of the problem, what is said about it
    ("phases.CAM.elasticity.youngs_modulus", "140 GPx", "phases.CAM.elasticity.youngs_modulus", "did you mean: GPa"),
    ("phases.CAM.elasticity.youngs_modulus", "140 um", "phases.CAM.elasticity.youngs_modulus", "but of length"),
    ("phases.CAM.elasticity.youngs_modulus", "-1 GPa", "phases.CAM.elasticity.youngs_modulus", "greater than zero"),
    ("phases.CAM.elasticity.poisson_ratio", 0.5, "phases.CAM.elasticity.poisson_ratio", "less than 0.5"),
    ("phases.CAM.elasticity.poisson_ratio", "0.3", "phases.CAM.elasticity.poisson_ratio", "a number without unit"),
    ("phases.CAM.elasticity.young_modulus", "1 GPa", "phases.CAM.elasticity.young_modulus", "did you mean: youngs_modulus"),
    ("phases.CAM.elasticity", None, "phases.CAM.elasticity", "is missing"),
    ("phases.CAM.elasticity", "stiff", "phases.CAM.elasticity", "mapping of keys"),
    ("phases.CAM.lithum", {}, "phases.CAM.lithum", "did you mean: lithium"),
    ("phases.CAM.regions", [], "phases.CAM.regions", "at least 1"),
    ("phases.CAM.regions", "CAM*", "phases.CAM.regions", "a list"),
    ("phases.SE.regions", ["CAM_*"], "phases.SE.regions[0]", "belongs to CAM already"),
    ("phases.CAM.lithium.mobility", "ideal", "phases.CAM.lithium.mobility", "did you mean: ideal_solution"),
    ("phases.CAM.lithium.initial_stoichiometry", 1.2, "phases.CAM.lithium.initial_stoichiometry", "less than 1"),
    ("phases.CAM.lithium.initial_stoichiometry", None, "phases.CAM.lithium", "exactly one of"),
    ("phases.CAM.lithium.initial_potential", "3.6 V", "phases.CAM.lithium", "exactly one of"),
    ("phases.CAM.lithium.open_circuit_potential.unit", "MPa", "phases.CAM.lithium.open_circuit_potential.unit", "but of pressure"),
    ("phases.CAM.lithium.open_circuit_potential.unit", None, "phases.CAM.lithium.open_circuit_potential", "has no unit"),
    ("phases.CAM.lithium.open_circuit_potential.expression", "4 - y", "phases.CAM.lithium.open_circuit_potential.expression", "'y'"),
    ("phases.CAM.lithium.open_circuit_potential.expresion", "4", "phases.CAM.lithium.open_circuit_potential.expresion", "did you mean: expression"),
    ("phases.CAM.lithium.open_circuit_potential", "3.9 V", "phases.CAM.lithium.open_circuit_potential", "does not fall with x"),
    ("phases.CAM.lithium.diffusivity", "0 m^2/s", "phases.CAM.lithium.diffusivity", "greater than zero"),
    ("phases.CAM.chemical_strain.partial_molar_volume", "1e-6 m^3/mol", "phases.CAM.chemical_strain", "exactly one of"),
    ("phases.CAM.chemical_strain.volume_change", {"points": [[0, -7.8], [1, 0]]}, "phases.CAM.chemical_strain.volume_change", "-7.8"),
    ("phases.CAM.chemical_strain.volume_change.points", [[0, "a"], [1, 0]], "phases.CAM.chemical_strain.volume_change.points[0][1]", "begin with a number"),
    ("phases.SE.chemical_strain", {"volume_change": 0.0}, "phases.SE.chemical_strain", "needs lithium"),
    ("phases.SE.conduction.conductivity", {"expression": "x", "unit": "S/m"}, "phases.SE.conduction.conductivity", "depends on x"),
    ("phases.CAM.conduction.carrier", "ionic", "phases.CAM.conduction.carrier", "conducts electrons"),
    ("phases.CAM.conduction", None, "phases.CAM.conduction", "electrons must reach"),
    ("phases.1SE", {"regions": ["a"], "elasticity": {"youngs_modulus": "1 GPa", "poisson_ratio": 0.3}}, "phases.1SE", "a letter, then"),
    ("phases", {}, "phases", "at least 1"),
    ("interfaces.0.between", ["CAM", "SEE"], "interfaces[0].between[1]", "did you mean: SE"),
    ("interfaces.0.between", ["CAM"], "interfaces[0].between", "at least 2"),
    ("interfaces.0.cohesion.strength", None, "interfaces[0].cohesion.strength", "is missing beside toughness"),
    ("interfaces.0.cohesion.toughness", None, "interfaces[0].cohesion.toughness", "is missing beside strength"),
    ("interfaces.0.cohesion.toughness", "1e-3 J/m^2", "interfaces[0].cohesion.toughness", "before softening begins"),
    ("interfaces.0.cohesion.shear_strength", "50 GPa", "interfaces[0].cohesion.shear_toughness", "before softening begins"),
    ("interfaces.0.cohesion.stiffness", None, "interfaces[0].cohesion.stiffness", "is missing"),
    ("interfaces.0.cohesion.stiffness", "1e16 Pa", "interfaces[0].cohesion.stiffness", "but of pressure"),
    ("interfaces.0.cohesion", {"stiffness": "1e16 Pa/m", "friction": {"coefficient": 0.3}}, "interfaces[0].cohesion.friction", "without effect"),
    ("interfaces.0.cohesion.friction", {"coefficient": -0.3}, "interfaces[0].cohesion.friction.coefficient", "greater than 0"),
    ("interfaces.0.cohesion.penetration_tolerance", "0 nm", "interfaces[0].cohesion.penetration_tolerance", "greater than zero"),
    ("interfaces.0.between", ["CAM", "CAM"], "interfaces[0].charge_transfer", "one phase with lithium, the other"),
    ("interfaces.0.contact_conductance", {"conductance": "1e4 S/m^2"}, "interfaces[0].contact_conductance", "same carrier"),
    ("interfaces.0.charge_transfer", None, "interfaces", "have no charge_transfer"),
    ("electrons", None, "electrons", "is missing"),
    ("electrons.conductance", None, "electrons.conductance", "does not go with path wired"),
    ("electrons.path", "resolved", "electrons.conductance", "does not go with path resolved"),
    ("electrons.path", "wire", "electrons.path", "did you mean: wired"),
    ("stack.counter_electrode", None, "stack.counter_electrode", "is missing"),
    ("stack.counter_electrode.potential", None, "stack.counter_electrode.potential", "is missing"),
    ("stack.counter_electrode.thickness_change", "1 um", "stack.counter_electrode.thickness_change", "but of length"),
    ("stack.axis", "w", "stack.axis", "x, y, z"),
    ("stack.collector", "x+", "stack.collector", "not at an end of the axis"),
    ("stack.separator", "z+", "stack.separator", "is the face of the collector too"),
    ("stack.platen", "z", "stack.platen", "neither collector nor separator"),
    ("stack.load", {}, "stack.load", "exactly one of"),
    ("stack.load.fixed_gap", True, "stack.load", "exactly one of"),
    ("stack.load", {"fixed_gap": False}, "stack.load.fixed_gap", "True"),
    ("stack.load.presure", "5 MPa", "stack.load.presure", "did you mean: pressure"),
    ("programme", [], "programme", "at least 1"),
    ("programme.1.rest", None, "programme[1]", "exactly one of"),
    ("programme.1.press", "5 s", "programme[1]", "exactly one of"),
    ("programme.1.until", {"time": "5 s"}, "programme[1].until", "does not go with rest"),
    ("programme.2.until", None, "programme[2].until", "is missing"),
    ("programme.2.until", {"volts": "4 V"}, "programme[2].until.volts", "voltage"),
    ("programme.2.charge", "C/0", "programme[2].charge", "greater than zero"),
    ("programme.2.charge", "-C/10", "programme[2].charge", "is not a current|begin with a number"),
    ("programme.2.charge", "1 V", "programme[2].charge", "but of potential"),
    ("programme.2.charge", 0.1, "programme[2].charge", "is not a current"),
    ("programme.2.maximum_time_step", "1e-9 s", "programme[2].maximum_time_step", "below numerics.time_step.minimum"),
    ("cell.nominal_capacity", None, "cell.nominal_capacity", "programme[2].charge is a C-rate"),
    ("cell.temperature", "-5 K", "cell.temperature", "greater than zero"),
    ("numerics", {"displacement_degree": 3}, "numerics.displacement_degree", "1, 2"),
    ("numerics", {"newton": {"tolerance": 2}}, "numerics.newton.tolerance", "less than 1"),
    ("numerics", {"newton": {"maximum_iterations": 2.5}}, "numerics.newton.maximum_iterations", "whole number|integer"),
    ("numerics", {"time_step": {"initial": "1 h"}}, "numerics.time_step", "is not in order"),
    ("numerics", {"physics": ["mechanics"]}, "programme[2].charge", "needs electrochemistry"),
    ("numerics", {"physics": ["electrochemistry"]}, "numerics.physics", "leaves out mechanics"),
    ("numerics", {"petsc_options": {"a": [1]}}, "numerics.petsc_options.a", "is not one value"),
    ("output", {"fields_every": -1}, "output.fields_every", "greater than or equal to 0"),
    ("output", {"report": "yes"}, "output.report", "true or false"),
    ("expected", {"capacity": {"value": 1.0}}, "expected.capacity.tolerance", "is missing"),
    ("mesh", {}, "mesh", "exactly one of"),
    ("mesh.file", "no.msh", "mesh", "exactly one of"),
    ("mesh", {"file": "minimal_case.msh"}, "mesh.file", "did you mean: minimal_case.yaml"),
    ("mesh.length_unit", "um", "mesh.length_unit", "goes with file only"),
    ("mesh", {"file": "x.msh", "length_unit": "kg"}, "mesh.length_unit", "[mass]"),
    ("mesh.microstructure.generator", "sphere", "mesh.microstructure.generator", "did you mean: spheres"),
    ("mesh.microstructure.box", ["1 um", "2 um"], "mesh.microstructure.box", "at least 3"),
    ("mesh.microstructure.box", ["9 um", "9 um", 9], "mesh.microstructure.box[2]", "has no unit"),
    ("mesh.microstructure.particles", "NMC", "mesh.microstructure.particles", "is not a phase"),
    ("mesh.microstructure.matrix", "CAM", "mesh.microstructure.matrix", "of the particles too"),
    ("mesh.microstructure.volume_fraction", 0.4, "mesh.microstructure", "exactly one of"),
    ("mesh.microstructure.composition.weight_percent", {"CAM": 60, "SE": 30}, "mesh.microstructure.composition.weight_percent", "adds up to 90"),
    ("mesh.microstructure.composition.weight_percent", {"CAM": 100}, "mesh.microstructure.composition.weight_percent", "CAM and SE"),
    ("phases.SE.density", None, "mesh.microstructure.composition.density", "has none for SE"),
    ("mesh.microstructure.diameter.minimum", "5 um", "mesh.microstructure.diameter.minimum", "above the maximum"),
    ("mesh.microstructure.diameter.median", "9 um", "mesh.microstructure.diameter.median", "outside the limits"),
    ("mesh.microstructure.diameter.maximum", "20 um", "mesh.microstructure.diameter.maximum", "does not fit into the box"),
    ("mesh.microstructure.mesh_size.bulk", "0.1 um", "mesh.microstructure.mesh_size.bulk", "below that at interfaces"),
    ("programe", [], "programe", "did you mean: programme"),
    ("mesh", None, "mesh", "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "key", "says"), SINGLE)
def test_one_mistake(data: Data, path: str, value: Any, key: str, says: str) -> None:
    put(data, path, value)
    found = problems(data)
    fitting = [problem for problem in found if problem.key == key]
    assert fitting, [problem.key for problem in found]
    assert any(part in str(fitting[0]) for part in says.split("|")), str(fitting[0])


DEEPER: list[tuple[Callable[[Data], None], str, str]] = [
    (lambda d: d["stack"].pop("load") and d["programme"][0].pop("load"), "programme[0].load", "is missing"),
    (
        lambda d: d["interfaces"].append(d["interfaces"][0]),
        "interfaces[1].between",
        "the pair of interfaces[0] again",
    ),
    (
        lambda d: d["interfaces"].append({"between": ["SE", "CAM"], "cohesion": {"stiffness": "1 Pa/m"}}),
        "interfaces[1].between",
        "each pair once",
    ),
    (
        lambda d: (
            put(d, "phases.CAM.density", None),
            put(d, "mesh.microstructure.composition.density", {"CAM": "5 g/cm^3"}),
        ),
        "phases.CAM.density",
        "programme[2].charge is per mass",
    ),
    (lambda d: put(d, "phases.SE.conduction", None), "phases", "have no ionic conductor"),
    (
        lambda d: (
            d["phases"]["CAM"].update(lithium={**d["phases"]["CAM"]["lithium"], "initial_potential": "9 V"})
            or d["phases"]["CAM"]["lithium"].pop("initial_stoichiometry")
        ),
        "phases.CAM.lithium.initial_potential",
        "the curve spans",
    ),
    (
        lambda d: [
            put(d, "phases.CAM.lithium.initial_stoichiometry", None),
            put(d, "phases.CAM.lithium.initial_potential", "3.65 V"),
            put(
                d,
                "phases.CAM.lithium.open_circuit_potential",
                {"points": [[0.1, 4], [0.5, 3.5], [0.9, 4]], "unit": "V"},
            ),
        ],
        "phases.CAM.lithium.initial_potential",
        "give initial_stoichiometry instead",
    ),
    (
        lambda d: d["phases"]["CAM"].pop("lithium") and d["phases"]["CAM"].pop("chemical_strain"),
        "phases",
        "no active material",
    ),
]


@pytest.mark.parametrize(("change", "key", "says"), DEEPER)
def test_mistakes_across_blocks(data: Data, change: Callable[[Data], Any], key: str, says: str) -> None:
    change(data)
    found = problems(data)
    assert any(problem.key == key and says in str(problem) for problem in found), found


def test_all_mistakes_are_told_at_once(data: Data) -> None:
    put(data, "phases.CAM.elasticity.youngs_modulus", "1 kg")
    put(data, "stack.sides", "rolling")
    put(data, "numerics", {"newtn": {}})
    put(data, "programme.2.charge", "fast")
    assert {problem.key for problem in problems(data)} == {
        "phases.CAM.elasticity.youngs_modulus",
        "stack.sides",
        "numerics.newtn",
        "programme[2].charge",
    }


def test_a_message_has_file_line_key_value_allowed_and_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    text = MINIMAL.read_text().replace("strength: 50 MPa", "strenght: 50 MPa")
    file.write_text(text)
    line = 1 + next(k for k, content in enumerate(text.splitlines()) if "strenght" in content)
    with pytest.raises(CaseError) as caught:
        load_case(file)
    message = str(caught.value)
    assert f"{file}:{line}: interfaces[0].cohesion.strenght: is not a key that belongs here" in message
    assert '    given:   "50 MPa"' in message
    assert "    allowed: " in message
    assert "shear_strength" in message
    assert "    did you mean: strength" in message


def test_yaml_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    for text, says in (
        ("title: [1, 2", "is not YAML"),
        ("title: a\ntitle: b\n", "is given twice"),
        ("- 1\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("title: !!python/object:os.system {}\n", "is not YAML"),
        ("{[1]: 2}", "a key that is not text|is not YAML"),
    ):
        file.write_text(text)
        with pytest.raises(CaseError) as caught:
            load_case(file)
        assert any(part in str(caught.value) for part in says.split("|")), str(caught.value)
    file.write_bytes(b"\xff\xfe\x00title")
    with pytest.raises(CaseError, match="not UTF-8"):
        load_case(file)
    with pytest.raises(CaseError, match=r"does not exist[^$]*did you mean: bad.yaml"):
        load_case(tmp_path / "bat.yaml")
    with pytest.raises(CaseError, match="is a folder"):
        load_case(tmp_path)


def test_yaml_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    file = tmp_path / "numbers.yaml"
    file.write_text(
        "a: 1e-8\nb: 1.5E3\nc: on\nd: 12:30\ne: 0o7\nf: .5\ng: -3\nh: null\ni:\nj: yes\nk: 010\nl: 1_000\n"
    )
    values = read_yaml(file).data
    assert values == {
        "a": 1e-8, "b": 1500.0, "c": "on", "d": "12:30", "e": "0o7", "f": 0.5, "g": -3, "h": None, "i": None,
        "j": "yes", "k": 10, "l": "1_000",
    }  # fmt: skip


def test_yaml_anchors_and_merge_keys(tmp_path: Path) -> None:
    file = tmp_path / "anchors.yaml"
    file.write_text("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: *x\n")
    assert read_yaml(file).data == {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 1, "q": 2}}


def test_keys_that_yaml_reads_as_numbers_are_names(data: Data, tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump({**data, "expected": {1: {"value": 1.0, "tolerance": 0.1}}}))
    assert list(load_case(file).expected) == ["1"]


def test_errors_travel_between_ranks() -> None:
    error = CaseError([Problem("a.b", "is missing", allowed="text"), Problem("c", "is wrong", None)])
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == str(error)
    assert "given" not in str(again.problems[0])
