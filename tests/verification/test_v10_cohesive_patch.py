"""V10: two blocks of electrolyte joined by one cohesive interface, against the scalar equation of the problem.

Uniaxial strain (mode I) or simple shear (mode II): every field is linear in each block, so P1 is exact on any mesh and all
numbers agree to the tolerance of the Newton solver.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from support_mechanics import SE, Laminate, oedometric, shared_mesh

from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.stack.platen import Platen
from ssbmech_mesh.primitives import layered_block

PAIR = ("low", "high")
HEIGHT = 10.0  # um, of each block
STIFFNESS = 1e4  # MPa/um
MODE_I = CohesiveLaw(STIFFNESS, STIFFNESS, 20.0, 0.5, 20.0, 0.5, residual_stiffness=0.0)
MODE_II = CohesiveLaw(STIFFNESS, STIFFNESS, 10.0, 0.5, 10.0, 0.5, residual_stiffness=0.0)
PATH = [5, 10, 15, 20, 28, 40, 28, 10, 0, -5, 0, 20, 40, 45, 52, 60]  # nm, of the top


def damage_after(largest: float, law: CohesiveLaw) -> float:
    """Bilinear damage of the largest opening reached."""
    assert law.strength is not None and law.toughness is not None
    onset, final = law.strength / law.stiffness, 2 * law.toughness / law.strength
    return (
        float(np.clip(final * (largest - onset) / (largest * (final - onset)), 0.0, 1.0))
        if largest > 0
        else 0.0
    )


def exact_path(
    modulus: float, law: CohesiveLaw, path: list[float], shear: bool
) -> list[tuple[float, float, float]]:
    """(opening, traction, damage) at each top displacement: root of M (U − δ)/2L = t(δ, history)."""
    largest, out = 0.0, []
    for top in path:
        if top < 0 and not shear:
            opening = top / (1 + 2 * HEIGHT * law.contact_stiffness / modulus)
            out.append((opening, law.contact_stiffness * opening, damage_after(largest, law)))
            continue

        def excess(x: float, top: float = top, largest: float = largest) -> float:
            kept = (1 - damage_after(max(largest, abs(x)), law)) * law.stiffness
            return modulus * (top - x) / (2 * HEIGHT) - kept * x

        opening = float(brentq(excess, -1.0, 1.0, xtol=1e-16, rtol=1e-14))
        largest = max(largest, abs(opening))
        damage = damage_after(largest, law)
        out.append((opening, (1 - damage) * law.stiffness * opening, damage))
    return out


def blocks(
    folder: Path,
    law: CohesiveLaw,
    n: list[int],
    degree: int = 1,
    scalars: tuple[str, ...] = (),
    height: float = HEIGHT,
) -> Laminate:
    tagged = shared_mesh(
        folder / "blocks.msh",
        lambda path: layered_block(path, [6.0, 6.0], [height, height], ["low", "high"], n),
    )
    return Laminate(tagged, {"low": SE, "high": SE}, {PAIR: law}, degree, scalars=scalars)


def pulled(problem: Laminate) -> Platen:
    """Mode I: rollers all round, the top is a rigid platen."""
    held = [problem.dofs(face, "xyz".index(face[0])) for face in ("x-", "x+", "y-", "y+", "z-")]
    platen = Platen(36.0, 1)
    problem.constrain(held, {"platen_displacement": problem.dofs("z+", 2)}, {"platen_displacement": platen})
    platen.lock("fixed_gap", None, 0.0, 0.0)
    return platen


def test_scalar_equation_gives_the_published_table() -> None:
    """The closed form used below against numbers of a separate computation."""
    path = exact_path(oedometric(SE), MODE_I, [1e-3 * u for u in PATH], shear=False)
    assert path[2] == pytest.approx((5.516218354430374e-3, 18.534909018987346, 0.6639924704195048), rel=1e-9)
    assert path[5] == pytest.approx((37.290348101265797e-3, 5.295688291139221, 0.985798769491885), rel=1e-9)
    assert path[9][1] == pytest.approx(-8.174324530606015, rel=1e-9)
    path = exact_path(SE.shear_modulus, MODE_II, [1e-3 * u for u in PATH], shear=True)
    assert path[4] == pytest.approx((3.9399963412403125e-3, 9.703030672601987, 0.7537299572834764), rel=1e-9)
    assert path[15] == pytest.approx((46.63333130068888e-3, 5.390572595890097, 0.9884405157308364), rel=1e-9)


@pytest.mark.parametrize(("n", "degree"), [([2, 2, 3], 1), ([1, 2, 2], 2)])
def test_mode_one_path(shared_tmp_path: Path, n: list[int], degree: int) -> None:
    problem = blocks(shared_tmp_path, MODE_I, n, degree, ("platen_displacement",))
    platen = pulled(problem)
    for top, (opening, traction, damage) in zip(
        PATH, exact_path(oedometric(SE), MODE_I, [1e-3 * u for u in PATH], shear=False), strict=True
    ):
        platen.locked_extent = 1e-3 * top
        problem.solve()
        pressure = platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
        low, high = problem.damage_range(PAIR)
        # 2e-8: the Newton tolerance of 1e-11 of 100 MPa over the smallest stiffness met, here 400 MPa/um of softening
        assert -pressure == pytest.approx(traction, rel=2e-8, abs=2e-7)
        assert problem.mean_opening(PAIR) == pytest.approx(opening, rel=2e-8, abs=1e-11)
        assert low == pytest.approx(damage, abs=1e-8)
        assert high == pytest.approx(damage, abs=1e-8)


def test_mode_two_path(shared_tmp_path: Path) -> None:
    """Simple shear: u_y = u_z = 0, the top moves along x; the sliding never closes and has no sign."""
    problem = blocks(shared_tmp_path, MODE_II, [2, 2, 3])
    top, bottom = problem.dofs("z+", 0), problem.dofs("z-", 0)
    problem.constrain([problem.all_dofs(1), problem.all_dofs(2), top, bottom])
    stress = problem.solids["high"].stress()[0, 2]
    exact = exact_path(SE.shear_modulus, MODE_II, [1e-3 * u for u in PATH], shear=True)
    for value, (_, traction, damage) in zip(PATH, exact, strict=True):
        problem.prescribe(top, 1e-3 * value)
        problem.solve()
        assert problem.mean(stress, "high") == pytest.approx(traction, rel=2e-8, abs=2e-7)
        low, high = problem.damage_range(PAIR)
        assert (low, high) == pytest.approx((damage, damage), abs=1e-8)


def test_external_work_is_the_toughness(shared_tmp_path: Path) -> None:
    """Pull until the bond is gone: the work of the platen is G_c times the area, and all of it is fracture energy.

    Between the onset and the full separation everything is linear in the top displacement, so that the trapezoidal rule
    is exact when the steps end on both.
    """
    problem = blocks(shared_tmp_path, MODE_I, [2, 2, 2], 1, ("platen_displacement",))
    platen = pulled(problem)
    compliance = 2 * HEIGHT / oedometric(SE)
    work, before = 0.0, (0.0, 0.0)
    for top in [0.5 * (2e-3 + 20 * compliance), 2e-3 + 20 * compliance, 0.02, 0.03, 0.045, 0.05, 0.06]:
        platen.locked_extent = top
        problem.solve()
        force = 36.0 * -platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
        work += 0.5 * (force + before[1]) * (top - before[0])
        before = (top, force)
    assert work == pytest.approx(0.5 * 36.0, rel=1e-6)
    assert problem.energy["fracture_dissipation"] == pytest.approx(0.5 * 36.0, rel=1e-9)
    assert problem.energy["stored"] == pytest.approx(0.0, abs=1e-9)


# -- mixed mode ------------------------------------------------------------------------------------------------------

MIXED = CohesiveLaw(STIFFNESS, STIFFNESS, 20.0, 0.5, 30.0, 1.5, 1.45, residual_stiffness=0.0)
TABLE = [  # mixity B, onset [um], toughness [J/m2], final opening [um], peak effective traction [MPa]
    (0.0, 2.0e-3, 0.5, 50.0e-3, 20.0),
    (0.2, 2.121320343559643e-3, 0.5969378746657061, 56.27984254976082e-3, 21.213203435596430),
    (0.5, 2.3533936216582087e-3, 0.8660214239864064, 73.5976690016016e-3, 23.533936216582086),
    (0.8, 2.6832815729997478e-3, 1.2235698815405112, 91.19951434486493e-3, 26.832815729997480),
    (1.0, 3.0e-3, 1.5, 100.0e-3, 30.0),
]


class Free:
    """A tied level of nodes without a force of its own."""

    def weight(self) -> float:
        return 1.0

    def rest(self, value: float) -> tuple[float, float]:
        return 0.0, 0.0


def test_mixed_mode_table(shared_tmp_path: Path) -> None:
    """Proportional openings at five mode mixities.

    All nodes of a level move alike (as in a laterally periodic block), one layer of cells a block: the two blocks are springs M/2L and
    G/2L, and the top displacement U = δ + 2L t/(M, G) brings the interface to the opening δ. The traction at the onset, the
    vanishing of it at δ_f, and the work done on the way are the law's. The blocks are low here, because the path must be
    unique: at the onset a change of mixity at constant λ softens with a good part of the bonded stiffness (the onset depends on B), and
    blocks that are not stiffer than that have a second equilibrium there.
    """
    height = 0.2
    names = ("low_x", "low_z", "high_x", "high_z")
    problem = blocks(shared_tmp_path, MIXED, [1, 1, 1], 1, names, height)
    ties = {n: problem.plane_dofs(0 if n[-1] == "x" else 2, height, int(n.startswith("high"))) for n in names}
    top, bottom = problem.dofs("z+", 0), problem.dofs("z-", 0)
    top_z = problem.dofs("z+", 2)
    problem.constrain(
        [problem.all_dofs(1), top, top_z, bottom, problem.dofs("z-", 2)],
        ties,
        {name: Free() for name in names},
    )
    moduli = np.array([SE.shear_modulus, oedometric(SE)])
    stress = problem.solids["low"].stress()
    for mixity, onset, toughness, final, peak in TABLE:
        problem.damage.x.array[:] = 0.0
        problem.energy.clear()
        for unknown in problem.setting.unknowns.values():
            unknown.value.x.array[:] = 0.0
            unknown.accept()
        direction = np.array([np.sqrt(mixity), np.sqrt(1 - mixity)])
        work, old_top, old_traction = 0.0, np.zeros(2), np.zeros(2)
        for opening in [0.5 * onset, onset, *np.linspace(onset, final, 6)[1:], 1.1 * final]:
            share = max(0.0, (final - opening) / (final - onset)) if opening > onset else opening / onset
            traction = peak * share * direction
            moved = opening * direction + 2 * height * traction / moduli
            problem.prescribe(top, moved[0])
            problem.prescribe(top_z, moved[1])
            problem.solve()
            found = np.array([problem.mean(stress[0, 2], "low"), problem.mean(stress[2, 2], "low")])
            # 1e-6: the table's numbers are for the exact mixity, the law floors λ at 1e-9 of the onset
            assert found == pytest.approx(traction, abs=1e-6 * peak), (mixity, opening / onset)
            work += 0.5 * float((found + old_traction) @ (moved - old_top))
            old_top, old_traction = moved, found
        assert work == pytest.approx(toughness, rel=1e-6)
        assert problem.energy["fracture_dissipation"] == pytest.approx(toughness * 36.0, rel=1e-6)
