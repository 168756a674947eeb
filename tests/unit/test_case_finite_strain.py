"""Laws that are written for small strain: accepted with it, refused at finite strain by the name of their block."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssbmech.case import CaseError, load_case

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"
FINITE = "numerics.kinematics=finite_strain"
CRYSTAL = "phases.CAM.crystal_axis=[0, 0, 1]"
LATTICE = ["phases.CAM.chemical_strain={lattice: NCM811}", CRYSTAL]
FLOW = "phases.CAM.plasticity={yield_strength: 1 GPa}"
HEXAGONAL = "{hexagonal: {c11: 240 GPa, c12: 75 GPa, c13: 55 GPa, c33: 180 GPa, c44: 50 GPa}}"
OXIDATION = "{onset_potential: 2.6 V, tafel_slope: 0.3 V, current_density: 1e-3 A/m^2}"

REFUSED: dict[str, list[str]] = {
    "phases.CAM.elasticity.hexagonal": [f"phases.CAM.elasticity={HEXAGONAL}", CRYSTAL],
    "phases.CAM.lithium.diffusivity_along_c": ["phases.CAM.lithium.diffusivity_along_c=1e-17 m^2/s", CRYSTAL],
    "phases.CAM.chemical_strain.lattice": [*LATTICE, FLOW],
    "interfaces[0].cohesion.friction": ["interfaces[0].cohesion.friction={coefficient: 0.3}"],
    "interfaces[0].oxidation": [f"interfaces[0].oxidation={OXIDATION}"],
    "pore_walls.friction": ["pore_walls={friction: {coefficient: 0.3}}"],
    "stack.load.isostatic": ["stack.load.isostatic=true"],
    "programme[0].load.isostatic": ["programme[0].load={pressure: 5 MPa, isostatic: true}"],
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_is_refused_at_finite_strain(key: str) -> None:
    """It, by its name, and nothing else."""
    load_case(MINIMAL, REFUSED[key])
    with pytest.raises(CaseError) as caught:
        load_case(MINIMAL, [*REFUSED[key], FINITE])
    assert [problem.key for problem in caught.value.problems] == [key]
    assert "not go with" in str(caught.value) and "finite_strain" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "degree"),
    [
        (LATTICE, 1),
        ([FLOW], 2),
        (["interfaces[0].cohesion.shear_strength=60 MPa"], 1),
        (["pore_walls={}"], 1),
    ],
)
def test_what_goes_with_finite_strain(changes: list[str], degree: int) -> None:
    """Accepted as given, with the elements that small strain would have."""
    numerics = load_case(MINIMAL, [*changes, FINITE]).numerics
    assert (numerics.kinematics, numerics.displacement_degree) == ("finite_strain", degree)


def test_all_are_named_at_once() -> None:
    changes = [change for changes in REFUSED.values() for change in changes if change != FLOW]
    with pytest.raises(CaseError) as caught:
        load_case(MINIMAL, [*changes, FINITE])
    assert {problem.key for problem in caught.value.problems} == {*REFUSED} - {
        "phases.CAM.chemical_strain.lattice"
    }
