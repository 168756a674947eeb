"""V12, V13, V26: stacks of layers in uniaxial strain, where P1 is exact on any mesh.

    ΔP = (Σ h ε (1 + ν)/(1 − ν) + Δh) / (Σ h/M + c + 1/k),      σ_xx = −P ν/(1 − ν) − E ε/(1 − ν)

h layers, ε their chemical strain, Δh the thickness change of what is not meshed, c the compliance of what is not meshed, k
of the jig. The layers are joined by bonds whose own compliance is part of c here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support_mechanics import CAM, SE, Laminate, oedometric, shared_mesh

from ssbmech.case import load_case
from ssbmech.constants import FARADAY, MAH_PER_CM2
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.stack.platen import Platen
from ssbmech_mesh.primitives import layered_block

NCM, LTO = IsotropicElasticity(50e3, 0.30), IsotropicElasticity(60e3, 0.25)
STEEL = oedometric(IsotropicElasticity(200e3, 0.30))
LAYERS = {"NCM": (70.0, NCM), "SE": (500.0, SE), "LTO": (90.0, LTO)}
BOND = 1e3  # MPa/um; two of them
STRAIN = -0.005
EXPANSION = 70.0 * STRAIN * 1.3 / 0.7  # um, of the free stack
MESHED = sum(h / oedometric(law) for h, law in LAYERS.values()) + 2 / BOND
PISTONS = 40e3 / STEEL  # um/MPa, 2 x 20 mm

JIGS = {  # name: kind, stiffness [MPa/um], compliance of the pistons
    "fixed gap": ("fixed_gap", None, 0.0),
    "fixed gap with steel": ("fixed_gap", None, PISTONS),
    "spring 1e13 Pa/m": ("stiffness", 10.0, 0.0),
    "spring 1e11 Pa/m with steel": ("stiffness", 0.1, PISTONS),
    "constant pressure": ("pressure", None, PISTONS),
}


def pressure_change(expansion: float, compliance: float) -> float:
    return expansion / compliance


def test_closed_form_gives_the_published_numbers() -> None:
    bulk = MESHED - 2 / BOND
    assert pressure_change(EXPANSION, bulk) == pytest.approx(-43.09835140989773, rel=1e-10)
    assert pressure_change(EXPANSION, bulk + PISTONS) == pytest.approx(-3.971813276679485, rel=1e-10)
    assert pressure_change(EXPANSION, bulk + 1 / 10.0) == pytest.approx(-5.648157170571426, rel=1e-10)
    assert pressure_change(EXPANSION, bulk + 1 / 0.1) == pytest.approx(-0.06490211603450628, rel=1e-10)


@pytest.fixture
def stack(shared_tmp_path: Path) -> tuple[Laminate, Platen]:
    heights = [h for h, _ in LAYERS.values()]
    tagged = shared_mesh(
        shared_tmp_path / "stack.msh",
        lambda path: layered_block(path, [40.0, 60.0], heights, list(LAYERS), [1, 2, [2, 4, 1]]),
    )
    bond = CohesiveLaw(BOND, BOND)
    laws = {("NCM", "SE"): bond, ("SE", "LTO"): bond}
    phases = {name: law for name, (_, law) in LAYERS.items()}
    problem = Laminate(tagged, phases, laws, strained=["NCM"], scalars=("platen_displacement",))
    platen = Platen(40.0 * 60.0, 1)
    held = [problem.dofs(face, "xyz".index(face[0])) for face in ("x-", "x+", "y-", "y+", "z-")]
    problem.constrain(
        held, {"platen_displacement": problem.dofs("z+", 2)}, {"platen_displacement": platen}, 1e-12
    )
    return problem, platen


def measured(problem: Laminate, platen: Platen) -> tuple[float, float]:
    """Stack pressure [MPa] and platen displacement [um]."""
    pressure = platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
    return pressure, float(problem.setting["platen_displacement"].value.x.array[0])


@pytest.mark.parametrize("jig", JIGS)
def test_oedometer_laminate(stack: tuple[Laminate, Platen], jig: str) -> None:
    """Press to 50 MPa, lock the jig, let the cathode shrink; then plate 5 um on the side that is not meshed."""
    problem, platen = stack
    kind, stiffness, platen.rest_compliance = JIGS[jig]
    platen.pressure = 50.0
    problem.solve()
    pressure, position = measured(problem, platen)
    assert pressure == pytest.approx(50.0, rel=1e-10)
    assert position == pytest.approx(-50.0 * MESHED, rel=1e-10)
    if kind != "pressure":
        platen.lock(kind, stiffness, position, pressure)  # type: ignore[arg-type]
    compliance = MESHED + platen.rest_compliance + (1 / stiffness if stiffness else 0.0)
    for thickness in (0.0, 5.0):
        problem.eigenstrain["NCM"].value = STRAIN
        platen.rest_thickness_change = thickness
        problem.solve()
        change = 0.0 if kind == "pressure" else pressure_change(EXPANSION + thickness, compliance)
        found, moved = measured(problem, platen)
        # 1e-10 of 50 MPa: the Newton tolerance is 1e-12 of 100 MPa
        assert found == pytest.approx(50.0 + change, abs=5e-9)
        assert moved == pytest.approx(-(50.0 + change) * MESHED + EXPANSION, abs=1e-9)
        for name, (_, law) in LAYERS.items():
            nu, strain = law.poisson_ratio, STRAIN if name == "NCM" else 0.0
            lateral = -(50.0 + change) * nu / (1 - nu) - law.youngs_modulus * strain / (1 - nu)
            stress = problem.solids[name].stress()
            assert problem.mean(stress[0, 0], name) == pytest.approx(lateral, rel=1e-9, abs=1e-8)
            assert problem.mean(stress[1, 1], name) == pytest.approx(lateral, rel=1e-9, abs=1e-8)
            assert problem.mean(stress[2, 2], name) == pytest.approx(-(50.0 + change), rel=1e-9, abs=1e-8)


def test_thickness_of_plated_lithium(stack: tuple[Laminate, Platen], tmp_path: Path) -> None:
    """4.84978 um per mAh/cm²: from the molar volume of lithium, through a case file to the platen (V13)."""
    molar_volume = 6.941e-3 / 534.0  # m³/mol
    thickness = molar_volume * 1e6 * MAH_PER_CM2 / FARADAY  # um per mAh/cm², from m³/mol · C/m² / (C/mol)
    assert molar_volume == pytest.approx(1.299812734082397e-5, rel=1e-10)
    assert thickness == pytest.approx(4.849779484488786, rel=1e-9)
    minimal = (Path(__file__).parents[1] / "data" / "minimal_case.yaml").read_text()
    source = tmp_path / "case.yaml"
    source.write_text(minimal)
    case = load_case(source, [f"stack.counter_electrode.thickness_change={thickness} um/(mAh/cm^2)"])
    curve = case.stack.counter_electrode.thickness_curve
    assert float(curve(6.0)) == pytest.approx(29.098676906932717, rel=1e-9)  # 58.2 % of 50 um
    assert float(curve(5.0)) == pytest.approx(24.248897422443928, rel=1e-9)
    capacity = 6.0 / (50e-4 * 0.534)  # mAh/g of a foil of 50 um
    assert capacity == pytest.approx(2247.191011235955, rel=1e-10)
    # A layer of this thickness under a rigid gap: V12 with Δh
    problem, platen = stack
    platen.lock("fixed_gap", None, 0.0, 0.0)
    platen.rest_compliance = PISTONS
    platen.rest_thickness_change = float(curve(6.0))
    problem.solve()
    found, _ = measured(problem, platen)
    assert found == pytest.approx(29.098676906932717 / (MESHED + PISTONS), rel=1e-9)


def test_contact_gap(shared_tmp_path: Path) -> None:
    """V26: faces that were never joined, opened by g_0 = 20 nm, then closed by U: p = max(0, (U − g_0)/(h_1/M_1 + h_2/M_2 + 1/k))."""
    gap, stiffness = 20e-3, 1e6
    tagged = shared_mesh(
        shared_tmp_path / "gap.msh",
        lambda path: layered_block(path, [6.0, 8.0], [10.0, 20.0], ["CAM", "SE"], [1, 2, 2]),
    )
    law = CohesiveLaw(1e4, stiffness, residual_stiffness=0.0)
    problem = Laminate(tagged, {"CAM": CAM, "SE": SE}, {("CAM", "SE"): law}, scalars=("platen_displacement",))
    platen = Platen(48.0, 1)
    held = [problem.dofs(face, "xyz".index(face[0])) for face in ("x-", "x+", "y-", "y+", "z-")]
    problem.constrain(
        held, {"platen_displacement": problem.dofs("z+", 2)}, {"platen_displacement": platen}, 1e-12
    )
    problem.damage.x.array[:] = 1.0  # open from the start
    platen.lock("fixed_gap", None, 0.0, 0.0)
    compliance = 10.0 / oedometric(CAM) + 20.0 / oedometric(SE) + 1 / stiffness
    published = {0.04: 35.352393383439064, 0.1: 141.409573533756, 0.025: 8.838098345859764}
    for closing in (0.0, 0.01, 0.019, 0.025, 0.04, 0.1, 0.04, 0.01):
        platen.locked_extent = gap - closing
        problem.solve()
        found, _ = measured(problem, platen)
        expected = max(0.0, (closing - gap) / compliance)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
        opening = problem.mean_opening(("CAM", "SE"))
        assert opening == pytest.approx(gap - closing if closing < gap else -expected / stiffness, abs=1e-10)
        if closing in published:
            assert found == pytest.approx(published[closing], rel=1e-8)
