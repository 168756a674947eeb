"""V15: a blend of LiCoO2, which expands on charge, and NCM811, which shrinks, leaves the stack pressure as it is if

    w_L v_L/ρ_L + w_N v_N/ρ_N = 0

(w shares by weight, v relative changes of volume, ρ densities): the weight of each phase over its density is its volume. With the
same elastic constants for both phases the pressure in a gap feels nothing but the sum of their changes of volume.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from support_mechanics import CAM, SE, Laminate, oedometric, shared_mesh

from ssbmech.case.material_library import read_material
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.stack.platen import Platen
from ssbmech_mesh.primitives import layered_block

LCO_CHANGE = 0.019  # LiCoO2 to Li0.5CoO2
FLAT = -0.55 * LCO_CHANGE / 5.05 / (0.45 / 4.78)  # of NCM811 in a blend of 55:45
DENSITY = {"LCO": 5.05, "NCM": 4.78}  # g/cm³
AREA = 20.0 * 20.0  # um²
ELECTROLYTE, BOND = 8.0, 1e5  # um, MPa/um


def volumes(lco: float) -> dict[str, float]:
    """Heights of layers [µm] of both phases in a blend with a share of LiCoO2 by weight; 10 µm in all."""
    share = {"LCO": lco / DENSITY["LCO"], "NCM": (1.0 - lco) / DENSITY["NCM"]}
    return {name: 10.0 * value / sum(share.values()) for name, value in share.items()}


def test_densities_are_those_of_the_library() -> None:
    for name, material in (("LCO", "LCO"), ("NCM", "NCM811")):
        assert read_material(material)[0].density.value == pytest.approx(1000.0 * DENSITY[name])


def test_known_numbers() -> None:
    """55:45 is flat if NCM811 changes by -2.20 % while LiCoO2 changes by +1.9 %; a change of -7.8 % would need 81:19."""
    assert pytest.approx(-0.0220, abs=5e-5) == FLAT
    ratio = 0.078 / DENSITY["NCM"] / (LCO_CHANGE / DENSITY["LCO"])
    assert ratio / (1.0 + ratio) == pytest.approx(0.81, abs=0.005)


@pytest.mark.parametrize(
    ("lco", "change"), [(0.55, FLAT), (0.55, -0.078), (0.8126, -0.078), (0.0, FLAT)], ids=str
)
def test_pressure_of_a_blend(shared_tmp_path: Path, lco: float, change: float) -> None:
    """ΔP = Σ h v (1 + ν)/(3 (1 − ν)) / (Σ h/M + 2/K): zero in the flat blend."""
    heights = volumes(lco)
    order = [name for name in ("LCO", "NCM") if heights[name] > 0.0]
    layers = [*order[:1], "SE", *order[1:]]
    thickness = {**heights, "SE": ELECTROLYTE}
    tagged = shared_mesh(
        shared_tmp_path / "blend.msh",
        lambda path: layered_block(
            path, [20.0, 20.0], [thickness[name] for name in layers], layers, [1, 1, [2] * len(layers)]
        ),
    )
    laws = {pair: CohesiveLaw(BOND, BOND) for pair in pairwise(layers)}
    phases = {name: SE if name == "SE" else CAM for name in layers}
    problem = Laminate(tagged, phases, laws, strained=order, scalars=("platen_displacement",))
    platen = Platen(AREA, 1)
    held = [problem.dofs(face, "xyz".index(face[0])) for face in ("x-", "x+", "y-", "y+", "z-")]
    problem.constrain(
        held, {"platen_displacement": problem.dofs("z+", 2)}, {"platen_displacement": platen}, 1e-12
    )
    platen.lock("fixed_gap", None, 0.0, 0.0)
    platen.pressure = 0.0
    strain = {"LCO": LCO_CHANGE / 3.0, "NCM": change / 3.0}  # linear, as V15 has it
    for name in order:
        problem.eigenstrain[name].value = strain[name]
    problem.solve()
    found = platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
    ratio = (1 + CAM.poisson_ratio) / (1 - CAM.poisson_ratio)
    expansion = sum(thickness[name] * strain[name] * ratio for name in order)
    compliance = sum(thickness[name] / oedometric(phases[name]) for name in layers) + len(laws) / BOND
    assert found == pytest.approx(expansion / compliance, abs=1e-6)  # MPa; of some hundreds
    if (lco, change) == (0.55, FLAT):
        assert abs(found) < 1e-6
    elif lco < 0.8:
        assert found < -10.0
