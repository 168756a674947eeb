"""Loading: defaults, resolution, ``extends``, ``--set``, and a resolved case that reads back the same."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech.case import Case, CaseError, case_from_data, load_case
from ssbmech.case.curves import ConstantCurve, LinearCurve, PointsCurve
from ssbmech.case.yaml_reader import parse_scalar, read_yaml

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"


@pytest.fixture
def data() -> dict[str, Any]:
    return copy.deepcopy(read_yaml(MINIMAL).data)


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


# what a case holds


def test_values_are_in_internal_units() -> None:
    case = load_case(MINIMAL)
    cam, interface = case.phases["CAM"], case.interfaces[0]
    assert cam.elasticity.youngs_modulus == 140e3
    assert cam.density == 4800.0
    assert interface.cohesion.stiffness == 1000.0
    assert interface.cohesion.toughness == 2.0
    assert case.electrons is not None
    assert case.electrons.conductance == 1e5
    assert case.phases["SE"].conduction is not None
    assert float(case.phases["SE"].conduction.conductivity(0.0)) == 2e5
    assert case.stack.counter_electrode.thickness_curve(2.0) == 2.0
    assert case.programme[1].duration == 600.0


def test_defaults_that_depend_on_other_keys() -> None:
    case = load_case(MINIMAL)
    law = case.interfaces[0].cohesion
    assert (law.contact_stiffness, law.shear_strength, law.shear_toughness) == (1e6, 50.0, 2.0)  # 1 GPa/nm
    stiff = load_case(MINIMAL, ["interfaces[0].cohesion.stiffness=1e18 Pa/m"]).interfaces[0].cohesion
    assert stiff.contact_stiffness == stiff.stiffness == 1e6
    assert law.breakable
    assert (case.stack.collector, case.stack.separator, case.stack.platen) == ("z+", "z-", "z+")
    assert case.numerics.physics == ["mechanics", "electrochemistry"]
    turned = load_case(MINIMAL, ["stack.axis=x", "stack.separator=x-"])
    assert (turned.stack.collector, turned.stack.platen) == ("x+", "x+")


def test_a_bond_without_strength_never_breaks() -> None:
    case = load_case(MINIMAL, ["interfaces.0.cohesion={strength: null, toughness: null, viscosity: null}"])
    law = case.interfaces[0].cohesion
    assert (law.strength, law.shear_strength, law.toughness, law.breakable) == (None, None, None, False)


def test_mechanics_alone(data: dict[str, Any]) -> None:
    for phase in data["phases"].values():
        for key in ("conduction", "lithium", "chemical_strain"):
            phase.pop(key, None)
    del (
        data["interfaces"][0]["charge_transfer"],
        data["electrons"],
        data["stack"]["counter_electrode"],
        data["cell"],
    )
    data["programme"] = data["programme"][:2]
    case = case_from_data(data)
    assert case.numerics.physics == ["mechanics"]
    assert not case.electrochemistry
    assert case.active_materials == []
    assert isinstance(case.stack.counter_electrode.thickness_curve, LinearCurve)
    assert case_from_data(parse_scalar(case.dump())) == case


def test_steps_are_resolved() -> None:
    press, rest, charge, discharge = load_case(MINIMAL).programme
    assert [step.kind for step in (press, rest, charge, discharge)] == [
        "press",
        "rest",
        "charge",
        "discharge",
    ]
    assert [step.sign for step in (press, rest, charge, discharge)] == [0, 0, 1, -1]
    assert (charge.c_rate, charge.current_density) == (0.1, None)
    assert (discharge.c_rate, discharge.current_density) == (None, 0.5)
    assert (press.duration, charge.duration) == (60.0, None)
    assert charge.until.given() == {"voltage": 3.68, "time": 43200.0}
    assert rest.until.given() == {}


def test_a_load_holds_until_the_next_one() -> None:
    steps = load_case(MINIMAL).planned()
    assert [step.load_from for step in steps] == [0, 0, 2, 2]
    assert [step.load.kind for step in steps if step.load] == [
        "pressure",
        "pressure",
        "fixed_gap",
        "fixed_gap",
    ]
    assert steps[1].load is steps[0].load


def test_the_first_load_comes_from_the_stack(data: dict[str, Any]) -> None:
    del data["programme"][0]["load"]
    case = case_from_data(data)
    load = case.planned()[0].load
    assert load is not None
    assert isinstance(load.pressure, ConstantCurve)
    assert load.pressure.value == 5.0
    assert "load" not in case.data()["programme"][0]


@pytest.mark.parametrize(
    ("text", "rate"),
    [("C/10", 0.1), ("C / 3", 1 / 3), ("0.5C", 0.5), ("2 C", 2.0), ("C", 1.0), ("2C/3", 2 / 3)],
)
def test_rates(data: dict[str, Any], text: str, rate: float) -> None:
    data["programme"][2]["charge"] = text
    case = case_from_data(data)
    assert case.programme[2].c_rate == pytest.approx(rate)
    assert case_from_data(parse_scalar(case.dump())).programme[2].c_rate == case.programme[2].c_rate


def test_initial_stoichiometry_from_a_potential(data: dict[str, Any]) -> None:
    lithium = data["phases"]["CAM"]["lithium"]
    del lithium["initial_stoichiometry"]
    lithium["initial_potential"] = "3.7 V"
    phase = case_from_data(data).phases["CAM"]
    assert phase.lithium is not None
    x = phase.lithium.initial_x(298.15)
    assert float(phase.lithium.open_circuit_potential(x)) == pytest.approx(3.7, abs=1e-12)
    strain = phase.strain_curve()
    assert strain is not None
    assert float(strain(x)) == pytest.approx(0.0, abs=1e-15)


def test_initial_stoichiometry_depends_on_temperature(data: dict[str, Any]) -> None:
    lithium = data["phases"]["CAM"]["lithium"]
    del lithium["initial_stoichiometry"]
    lithium |= {
        "initial_potential": "4 V",
        "open_circuit_potential": {"expression": "4 + R*T/F*log((1-x)/x) + 0.1 - 0.2*x", "unit": "V"},
    }
    data["cell"]["temperature"] = "60 degC"
    case = case_from_data(data)
    phase = case.phases["CAM"]
    assert case.cell.temperature == pytest.approx(333.15)
    assert phase.lithium is not None
    assert phase.lithium.initial_x() == phase.lithium.initial_x(333.15)
    potential = phase.lithium.open_circuit_potential
    assert not np.allclose(potential(0.3), potential.at(298.15)(0.3))


def test_strain_of_a_partial_molar_volume(data: dict[str, Any]) -> None:
    data["phases"]["CAM"]["chemical_strain"] = {
        "partial_molar_volume": "1.5e-6 m^3/mol",
        "reference_stoichiometry": 0.5,
    }
    strain = case_from_data(data).phases["CAM"].strain_curve()
    assert strain is not None
    assert float(strain(0.9)) == pytest.approx(1.5e-6 * 49000 * 0.4 / 3)
    assert float(strain.derivative(0.1)) == pytest.approx(1.5e-6 * 49000 / 3)


def test_the_structure_is_handed_on_as_plain_numbers() -> None:
    structure = load_case(MINIMAL).mesh.microstructure
    assert structure is not None
    assert structure.as_dict() == {
        "generator": "spheres",
        "box": [10.0, 10.0, 12.0],
        "particles": "CAM",
        "matrix": "SE",
        "composition": {
            "weight_percent": {"CAM": 60.0, "SE": 40.0},
            "density": {"CAM": 4800.0, "SE": 1900.0},
            "porosity": 0.0,
        },
        "diameter": {"distribution": "lognormal", "minimum": 3.0, "maximum": 4.0},
        "minimum_gap": 0.15,
        "seed": 1,
        "mesh_size": {"interface": 1.0},
        "boundary": "periodic",
    }


def test_the_mesh_package_takes_the_structure() -> None:
    spec = pytest.importorskip("ssbmech_mesh.spec")
    structure = load_case(MINIMAL).mesh.microstructure
    assert structure is not None
    assert spec.MicrostructureSpec.from_dict(structure.as_dict()).box == (10.0, 10.0, 12.0)


def test_sources_are_collected(data: dict[str, Any]) -> None:
    data["phases"]["CAM"]["elasticity"]["source"] = "a paper"
    data["interfaces"][0]["cohesion"]["source"] = "assumed"
    case = case_from_data(data)
    assert case.sources() == {"phases.CAM.elasticity": "a paper", "interfaces[0].cohesion": "assumed"}


def test_models_do_not_change() -> None:
    case = load_case(MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        case.title = "other"


def test_length_units(tmp_path: Path, data: dict[str, Any]) -> None:
    (tmp_path / "a.msh").write_text("")
    for unit, value in (("um", 1.0), ("mm", 1000.0), ("0.5 um", 0.5)):
        data["mesh"] = {"file": "a.msh", "length_unit": unit}
        case = case_from_data(data, tmp_path)
        assert case.mesh.length_unit == value
        assert case_from_data(parse_scalar(case.dump())).mesh.length_unit == value


# round trip


def test_the_resolved_case_reads_back_the_same(tmp_path: Path) -> None:
    case = load_case(MINIMAL)
    again = load_case(write(tmp_path, "again.yaml", case.dump()))
    assert again == case
    assert again.dump() == case.dump()
    assert again.hash() == case.hash()
    assert [step.load_from for step in again.planned()] == [step.load_from for step in case.planned()]


def test_the_hash_knows_what_matters(data: dict[str, Any], tmp_path: Path) -> None:
    def digest(**changes: Any) -> str:
        return case_from_data({**data, **changes}, tmp_path).hash()

    plain = digest()
    assert len(plain) == 16
    assert digest(title="another title") == plain
    assert digest(output={"fields_every": 1}) == plain
    assert digest(numerics={"newton": {"tolerance": 1e-9}}) != plain
    first = write(tmp_path, "a.msh", "one")
    with_file = digest(mesh={"file": "a.msh"})
    assert with_file != plain
    first.rename(tmp_path / "b.msh")
    assert digest(mesh={"file": "b.msh"}) == with_file
    write(tmp_path, "b.msh", "two")
    assert digest(mesh={"file": "b.msh"}) != with_file


# extends


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path, "case.yaml", MINIMAL.read_text())


def test_mappings_merge_and_lists_replace(base: Path) -> None:
    child = write(
        base.parent,
        "child.yaml",
        "extends: case.yaml\ntitle: child\ncell: {temperature: 310 K}\nprogramme: [{rest: 1 s}]\n",
    )
    case = load_case(child)
    assert (case.title, case.cell.temperature, case.cell.nominal_capacity) == ("child", 310.0, 200.0)
    assert len(case.programme) == 1
    assert case.origin == child


def test_a_choice_replaces_the_other(base: Path) -> None:
    child = write(
        base.parent,
        "gap.yaml",
        "extends: case.yaml\nstack: {load: {fixed_gap: true}}\n"
        "phases: {CAM: {lithium: {initial_potential: 3.6 V,"
        " open_circuit_potential: {points: [[0, 4.3], [1, 3.5]]}}}}\n",
    )
    case = load_case(child)
    assert case.stack.load is not None
    assert case.stack.load.kind == "fixed_gap"
    lithium = case.phases["CAM"].lithium
    assert lithium is not None
    assert isinstance(lithium.open_circuit_potential, PointsCurve)
    assert lithium.initial_x() == pytest.approx(0.875)


def test_null_takes_a_key_away(base: Path) -> None:
    child = write(
        base.parent, "child.yaml", "extends: case.yaml\ninterfaces: []\nelectrons: null\nexpected: null\n"
    )
    with pytest.raises(CaseError) as caught:
        load_case(child)
    assert {problem.key for problem in caught.value.problems} >= {"electrons", "interfaces"}


def test_a_chain_over_folders_with_files_relative_to_their_own(base: Path) -> None:
    folder = base.parent
    write(folder, "data/ocp.csv", "x,V\n0,4.3\n1,3.5\n")
    write(
        folder,
        "middle/middle.yaml",
        "extends: ../case.yaml\n"
        "phases: {CAM: {lithium: {open_circuit_potential: {table: ../data/ocp.csv, unit: V}}}}\n",
    )
    case = load_case(write(folder, "deep/er/leaf.yaml", "extends: ../../middle/middle.yaml\ntitle: leaf\n"))
    lithium = case.phases["CAM"].lithium
    assert lithium is not None
    assert float(lithium.open_circuit_potential(0.5)) == pytest.approx(3.9)


def test_a_mistake_names_the_file_it_stands_in(base: Path) -> None:
    text = base.read_text().replace("poisson_ratio: 0.37", "poisson_ratio: 0.9")
    base.write_text(text)
    child = write(base.parent, "child.yaml", "extends: case.yaml\n\ncell:\n  temprature: 310 K\n")
    with pytest.raises(CaseError) as caught:
        load_case(child)
    places = {problem.key: (Path(problem.file).name, problem.line) for problem in caught.value.problems}
    line = 1 + next(k for k, content in enumerate(text.splitlines()) if "0.9}" in content)
    assert places == {
        "cell.temprature": ("child.yaml", 4),
        "phases.SE.elasticity.poisson_ratio": ("case.yaml", line),
    }


def test_cycles_and_missing_bases(tmp_path: Path) -> None:
    one = write(tmp_path, "one.yaml", "extends: two.yaml\n")
    write(tmp_path, "two.yaml", "extends: ./one.yaml\n")
    with pytest.raises(CaseError, match=r"in a circle: one\.yaml -> two\.yaml -> one\.yaml"):
        load_case(one)
    own = write(tmp_path, "own.yaml", "extends: own.yaml\n")
    with pytest.raises(CaseError, match="in a circle"):
        load_case(own)
    lost = write(tmp_path, "lost.yaml", "title: x\nextends: onee.yaml\n")
    with pytest.raises(CaseError, match=r"lost.yaml:2: extends: does not exist[^$]*did you mean: one.yaml"):
        load_case(lost)
    number = write(tmp_path, "number.yaml", "extends: 3\n")
    with pytest.raises(CaseError, match="is not a file name"):
        load_case(number)


# set


def value_of(case: Case, path: str) -> Any:
    item: Any = case
    for part in path.split("."):
        item = (
            item[int(part)]
            if part.isdecimal()
            else item[part]
            if isinstance(item, dict)
            else getattr(item, part)
        )
    return item


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("title=a = b", "title", "a = b"),
        ("cell.temperature=310 K", "cell.temperature", 310.0),
        ("programme.2.charge=C/5", "programme.2.c_rate", 0.2),
        ("programme[2].charge=C/5", "programme.2.c_rate", 0.2),
        ("programme.2.discharge=C/5", "programme.2.kind", "discharge"),
        ("programme.1.rest=1 h", "programme.1.duration", 3600.0),
        ("numerics.newton.tolerance=1e-6", "numerics.newton.tolerance", 1e-6),
        ("numerics.petsc_options={ksp_type: cg, ksp_max_it: 7}", "numerics.petsc_options.ksp_max_it", 7),
        ("phases.CAM.elasticity={poisson_ratio: 0.2}", "phases.CAM.elasticity.youngs_modulus", 140e3),
        ("phases.CAM.elasticity.poisson_ratio=0.2", "phases.CAM.elasticity.poisson_ratio", 0.2),
        ("interfaces.0.cohesion.viscosity=0 s", "interfaces.0.cohesion.viscosity", 0.0),
        ("mesh.microstructure.box.2=20 um", "mesh.microstructure.box.2", 20.0),
        ("mesh.microstructure.volume_fraction=0.3", "mesh.microstructure.composition", None),
        ("stack.load.stiffness=1e13 Pa/m", "stack.load.kind", "stiffness"),
        ("output.report=false", "output.report", False),
    ],
)
def test_overrides(text: str, path: str, value: Any) -> None:
    assert value_of(load_case(MINIMAL, [text]), path) == value


def test_the_last_override_wins() -> None:
    assert load_case(MINIMAL, ["title=a", "title=b"]).title == "b"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title", "is not key.path=value"),
        ("=3", "is not key.path=value"),
        ("a..b=3", "is not key.path=value"),
        ("title=[1", "not YAML"),
        ("programme.9.charge=C/5", "has no entry 9"),
        ("programme.x=C/5", "has no entry 'x'"),
        ("numerics.newton.tolerence=1e-6", "did you mean: tolerance"),
        ("stack.counter_electrode.potential=5 K", "but of temperature"),
    ],
)
def test_overrides_that_are_wrong(text: str, says: str) -> None:
    with pytest.raises(CaseError) as caught:
        load_case(MINIMAL, [text])
    assert says in str(caught.value)
