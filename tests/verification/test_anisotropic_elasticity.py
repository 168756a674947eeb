"""Crystals under stress: rotated elasticity, free expansion, laminates, constrained grains, the stress potential, tangents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import ufl
from dolfinx import fem
from support_crystals import HEXAGONAL, Crystals, about, grid, hexagonal, rotation, stiffness, with_frames
from support_mechanics import Laminate, shared_mesh
from support_tangent import CHARGE_DENSITY, DIFFUSIVITY, OCP, STRAIN, VOLTAGE, Bench

from ssbmech import compat
from ssbmech.case.curves import ConstantCurve, LinearCurve, PointsCurve
from ssbmech.domain.bodies import RegionError
from ssbmech.domain.crystal import crystal_axis
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain, LatticeChemicalStrain
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.hexagonal import HexagonalElasticity
from ssbmech.physics.finite_solid import FiniteStrainSolid
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.solve.numbering import Constraints
from ssbmech.stack.platen import Platen
from ssbmech_mesh.primitives import layered_block

SLOPE_A, SLOPE_C = 0.02, -0.07
"""Strains along a and c are these times x: of opposite signs, as in NCM811 at the end of charge."""
E, NU = 140e3, 0.3


def lattice(axis: Any) -> LatticeChemicalStrain:
    return LatticeChemicalStrain(LinearCurve(slope=SLOPE_A), LinearCurve(slope=SLOPE_C), axis)


# -- the law -----------------------------------------------------------------------------------------------------------


class Sampler:
    """Components of the stress of a law at constant strains and axes."""

    def __init__(self, make: Any) -> None:
        mesh = sc.unit_cube(1).mesh
        self.strain = fem.Constant(mesh, np.zeros((3, 3)))
        self.pick = fem.Constant(mesh, np.zeros((3, 3)))
        self.axis = fem.Constant(mesh, np.zeros(3))
        stress = make(self.axis).stress(self.strain)
        self.form = compat.form(ufl.inner(stress, self.pick) * ufl.dx(domain=mesh), [])
        self.comm = mesh.comm

    def stiffness(self, axis: np.ndarray) -> np.ndarray:
        """C_ijkl as the response to unit strains."""
        self.axis.value[:] = axis
        out = np.zeros((3, 3, 3, 3))
        for i, j, k, m in np.ndindex(3, 3, 3, 3):
            self.strain.value[:] = self.pick.value[:] = 0.0
            self.strain.value[k, m] += 0.5
            self.strain.value[m, k] += 0.5
            self.pick.value[i, j] = 1.0
            out[i, j, k, m] = self.comm.allreduce(float(fem.assemble_scalar(self.form)))
        return out


def test_rotated_elasticity() -> None:
    """All 81 components against the matrix rotated index by index; they do not change when c turns round."""
    sampler = Sampler(hexagonal)
    for seed in range(3):
        frame = np.eye(3) if seed == 0 else rotation(seed)
        expected = stiffness(frame, **HEXAGONAL)
        assert sampler.stiffness(frame[:, 2]) == pytest.approx(expected, abs=1e-12 * expected.max())
        assert sampler.stiffness(-frame[:, 2]) == pytest.approx(expected, abs=1e-12 * expected.max())


def test_isotropic_constants_are_isotropic() -> None:
    isotropic = IsotropicElasticity(E, NU)
    c11, c12, c44 = isotropic.lame + 2 * isotropic.shear_modulus, isotropic.lame, isotropic.shear_modulus
    crystal = Sampler(lambda axis: HexagonalElasticity(c11, c12, c12, c11, c44, axis))
    plain = Sampler(lambda axis: isotropic)
    expected = plain.stiffness(np.zeros(3))
    assert crystal.stiffness(rotation(5)[:, 2]) == pytest.approx(expected, abs=1e-12 * expected.max())


def test_axes_of_cells() -> None:
    """Frames of the mesh come first, a direction of the case else; without both every rank says so."""
    frames = [rotation(seed) for seed in range(8)]
    frames[3] = np.full((3, 3), np.nan)
    crystals = Crystals(grid(1, frames, split=2))
    with pytest.raises(RegionError, match=r"'solid_3'.*elasticity\.hexagonal.*phases\.solid\.crystal_axis"):
        crystals.axis()
    axis = crystals.axis({"solid": [0.0, 3.0, 4.0]})
    body, dofs = crystals.bodies.cell_body, axis.function_space.dofmap.list[:, 0]
    expected = np.array([frame[:, 2] for frame in frames])
    expected[3] = (0.0, 0.6, 0.8)
    assert axis.x.array.reshape(-1, 3)[dofs] == pytest.approx(expected[body], abs=1e-15)
    assert crystal_axis(crystals.tagged, crystals.bodies, {}, {}) is None


# -- one crystal -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dim", "finite"), [(2, False), (3, False), (3, True)])
def test_free_expansion(dim: int, finite: bool) -> None:
    """A free crystal takes its chemical strain, whatever its orientation, and has no stress; at finite strain F = I + ε_ch.

    In the plane the c axis lies in it, so that plane strain leaves σ_zz = −E_zz ε_a alone, which is left out here by ε_a = 0.
    """
    turn = np.eye(3)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    frame = rotation(7) if dim == 3 else turn[:, [1, 2, 0]]  # c along (0.8, 0.6, 0)
    crystals = Crystals(grid(2, [frame], dim))
    axis, setting = (
        crystals.axis(),
        sc.one_body(crystals.tagged, ["displacement", "stoichiometry", "stress_potential"]),
    )
    slope_a = SLOPE_A if dim == 3 else 0.0
    strain = LatticeChemicalStrain(LinearCurve(slope=slope_a), LinearCurve(slope=SLOPE_C), axis)
    setting.finite_strain = finite
    solid = (
        FiniteStrainSolid(setting, "solid", IsotropicElasticity(E, NU), strain)
        if finite
        else SmallStrainSolid(setting, "solid", hexagonal(axis), strain)
    )
    x = 0.4
    setting["stoichiometry"].value.x.array[:] = x
    expected = x * about(frame, slope_a, SLOPE_C)[:dim, :dim]
    exact = sc.everywhere(setting, "displacement", lambda p: p[:, :dim] @ expected)
    # Held are the origin, and next to it what stops rotations; they are where they belong, and pull at nothing.
    space = setting["displacement"].broken.space
    p = space.tabulate_dof_coordinates()
    corner = [np.linalg.norm(p - np.eye(3)[k] * (k < dim), axis=1) < 1e-12 for k in range(dim)]
    held = [np.flatnonzero(np.linalg.norm(p, axis=1) < 1e-12)[:, None] * dim + np.arange(dim)[None]]
    held += [np.flatnonzero(corner[k])[:, None] * dim + np.arange(k + 1, dim)[None] for k in range(dim - 1)]
    dofs = np.unique(np.concatenate([h.ravel() for h in held])).astype(np.int32)
    problem = sc.solver_of(
        setting,
        [solid, sc.Added(_nothing(setting))],
        {"displacement": Constraints(dofs, exact[dofs])},
        {"displacement": 100.0, "stoichiometry": 1.0, "stress_potential": 1.0},  # µN; 1e-11 of it is rounding
    )
    problem.solve()
    assert setting["displacement"].value.x.array == pytest.approx(exact, abs=1e-13)
    worst = sc.integral(setting, ufl.inner(solid.stress(), solid.stress()) * setting.dx("solid"))
    assert np.sqrt(worst) < 1e-8  # MPa; moduli of 1e5 MPa times the rounding of the strains
    # Small strain: the square of the rounding. Finite strain: the difference of invariants, rounding times moduli.
    assert abs(sc.integral(setting, solid.energies()[0].form)) < (1e-9 if finite else 1e-16)


def _nothing(setting: Any) -> dict[str, ufl.Form]:
    """Rows that leave stoichiometry and stress potential as they are."""
    dx = setting.dx_nodal("solid")
    return {
        name: (setting[name].value - fem.Constant(setting.mesh, value)) * setting[name].test * dx
        for name, value in (("stoichiometry", 0.4), ("stress_potential", 0.0))
    }


def test_stress_potential_of_a_held_crystal() -> None:
    """σ = −C : ε_ch where nothing moves, so s = −(σ : dε_ch/dx)/q = x (ε' : C : ε')/q with ε' = dε_ch/dx."""
    frame = rotation(11)
    crystals = Crystals(grid(1, [frame]))
    axis = crystals.axis()
    setting = sc.one_body(crystals.tagged, ["displacement", "stoichiometry", "stress_potential"])
    solid = SmallStrainSolid(setting, "solid", hexagonal(axis), lattice(axis))
    lithium = Lithium(
        setting,
        "solid",
        CHARGE_DENSITY,
        LinearCurve(slope=-0.8, zero=4.0),
        ConstantCurve(value=1e-2),
        "from_open_circuit_potential",
        VOLTAGE,
        solid,
        ConstantCurve(value=1e-4),
        axis,
    )
    x = 0.3
    setting["stoichiometry"].value.x.array[:] = x
    setting["stoichiometry"].accept()
    n = setting["displacement"].value.x.array.size
    problem = sc.solver_of(
        setting,
        [solid, lithium],
        {"displacement": Constraints(np.arange(n, dtype=np.int32), np.zeros(n))},
        {"displacement": 1.0, "stoichiometry": 1e-3, "stress_potential": 1.0},
    )
    problem.solve()
    rate = about(frame, SLOPE_A, SLOPE_C)
    expected = x * np.einsum("ij,ijkl,kl", rate, stiffness(frame, **HEXAGONAL), rate) / CHARGE_DENSITY
    assert expected > 0.01  # V
    owned = setting["stress_potential"].broken.owned
    assert setting["stress_potential"].value.x.array[:owned] == pytest.approx(expected, rel=1e-11)
    assert setting["stoichiometry"].value.x.array[:owned] == pytest.approx(x, abs=1e-12)


# -- several crystals --------------------------------------------------------------------------------------------------

BOND = CohesiveLaw(1e7, 1e7)  # MPa/um; carries nothing in the laminate
STIFF_BOND = CohesiveLaw(1e10, 1e10)  # 1e-4 of the compliance of grains of a third of a micrometre


def crystallise(problem: Laminate, axis: fem.Function) -> None:
    """Every strained phase of the problem is a crystal of this axis."""
    problem.solids = {
        name: SmallStrainSolid(problem.setting, name, hexagonal(axis), lattice(axis))
        for name in problem.solids
    }
    problem._compile_probes()


def test_laminate_of_two_orientations(shared_tmp_path: Path) -> None:
    """Layers with c along x and along z, free along x together and along z each, held along y.

    In each layer ε_yy = 0 and σ_zz = 0; both have the same ε_xx = e, and h_1 σ_xx1 + h_2 σ_xx2 = 0. With the elastic
    strains ε − ε_ch this is four equations for e, the two ε_zz, and nothing else. Displacements are linear in each layer,
    so that P1 is exact; the bonds carry no traction.
    """
    heights, x = [1.0, 2.5], 0.5
    frames = [np.eye(3)[:, [1, 2, 0]], np.eye(3)]  # c along x, c along z
    tagged = shared_mesh(
        shared_tmp_path / "two.msh",
        lambda path: layered_block(path, [3.0, 2.0], heights, ["A", "B"], [2, 2, [1, 2]]),
    )
    order = {"A": 0, "B": 1}
    tagged = with_frames(tagged, [frames[order[name]] for name in tagged.regions])
    problem = Laminate(
        tagged,
        {"A": IsotropicElasticity(E, NU), "B": IsotropicElasticity(E, NU)},
        {("A", "B"): BOND},
        strained=["A", "B"],
        scalars=("platen_displacement",),
    )
    crystallise(problem, Crystals(tagged).axis())
    for constant in problem.eigenstrain.values():
        constant.value = x
    platen = Platen(sum(heights) * 2.0, 1)  # no pressure
    held = [problem.dofs(face, "xyz".index(face[0])) for face in ("x-", "y-", "y+", "z-")]
    problem.constrain(
        held, {"platen_displacement": problem.dofs("x+", 0)}, {"platen_displacement": platen}, 1e-13
    )
    problem.solve()

    stretch, stress = _laminate(heights, frames, x)
    assert np.abs(stress[:, :2]).min() > 1e3
    moved = float(problem.setting["platen_displacement"].value.x.array[0])
    assert moved == pytest.approx(3.0 * stretch, rel=1e-10)
    for k, name in enumerate("AB"):
        sigma = problem.solids[name].stress()
        for i in range(3):
            assert problem.mean(sigma[i, i], name) == pytest.approx(stress[k, i], abs=1e-7)
        uniform = problem.mean(sigma[0, 0] ** 2, name)
        assert uniform == pytest.approx(stress[k, 0] ** 2, rel=1e-9)
    # One step from the stress-free state: stress and strain are in proportion, and the trapezoidal rule is exact.
    assert problem.energy["stored"] == pytest.approx(problem.energy["chemical_work"], rel=1e-10)


def _laminate(heights: Sequence[float], frames: Sequence[np.ndarray], x: float) -> tuple[float, np.ndarray]:
    """Common strain ε_xx and the normal stresses (2, 3) of the layers."""
    c = [stiffness(frame, **HEXAGONAL) for frame in frames]
    chemical = [x * about(frame, SLOPE_A, SLOPE_C) for frame in frames]
    normal = [np.einsum("iijj->ij", one) for one in c]  # no shear: the axes are those of the box
    matrix, right = np.zeros((3, 3)), np.zeros(3)  # unknowns e, ε_zz1, ε_zz2
    for k in range(2):
        load = normal[k] @ np.diag(chemical[k])
        matrix[0, 0] += heights[k] * normal[k][0, 0]
        matrix[0, 1 + k] = heights[k] * normal[k][0, 2]
        right[0] += heights[k] * load[0]
        matrix[1 + k, 0], matrix[1 + k, 1 + k], right[1 + k] = normal[k][2, 0], normal[k][2, 2], load[2]
    e, *thickness = np.linalg.solve(matrix, right)
    stress = [normal[k] @ (np.array([e, 0.0, thickness[k]]) - np.diag(chemical[k])) for k in range(2)]
    return float(e), np.array(stress)


def test_constrained_polycrystal(shared_tmp_path: Path) -> None:
    """27 grains at random in a rigid box: stresses as of thermal expansion.

    With isotropic elasticity the mean stress is −C : ⟨ε_ch⟩ exactly, hydrostatic but for what is left of ⟨cc⟩; single grains
    deviate by about E (ε_c − ε_a). The bonds take 1e-4 of it. The box does no work: ΔE = −∫ σ : Δε_ch.
    """
    frames = [rotation(100 + k) for k in range(27)]
    problem, solids = _polycrystal(frames)
    x = 0.5
    for constant in problem.eigenstrain.values():
        constant.value = x
    problem.solve()
    law = IsotropicElasticity(E, NU)
    chemical = x * np.mean([about(frame, SLOPE_A, SLOPE_C) for frame in frames], axis=0)
    expected = -law.lame * np.trace(chemical) * np.eye(3) - 2 * law.shear_modulus * chemical
    misfit = E * x * abs(SLOPE_C - SLOPE_A)
    sigma = solids.stress()
    mean = np.array([[problem.mean(sigma[i, j], "solid") for j in range(3)] for i in range(3)])
    assert mean == pytest.approx(expected, abs=2e-4 * misfit)
    pressure = law.bulk_modulus * x * (2 * SLOPE_A + SLOPE_C)
    assert np.trace(mean) / 3 == pytest.approx(-pressure, rel=5e-4)
    deviation = problem.mean(ufl.inner(ufl.dev(sigma), ufl.dev(sigma)), "solid")
    assert 0.2 * misfit < np.sqrt(deviation) < misfit
    # Trapezoidal rule, second order in the step, exact here because stress and strain are in proportion.
    assert problem.energy["stored"] == pytest.approx(problem.energy["chemical_work"], rel=1e-9)


def _polycrystal(frames: list[np.ndarray]) -> tuple[Laminate, SmallStrainSolid]:
    tagged = grid(2, frames, split=3)
    problem = Laminate(
        tagged,
        {"solid": IsotropicElasticity(E, NU)},
        {("solid", "solid"): STIFF_BOND},
        strained=["solid"],
    )
    solid = SmallStrainSolid(
        problem.setting, "solid", IsotropicElasticity(E, NU), lattice(Crystals(tagged).axis())
    )
    problem.solids = {"solid": solid}
    problem._compile_probes()
    held = [problem.dofs(f"{axis}{side}", k) for axis in "xyz" for side in "-+" for k in range(3)]
    problem.constrain(held, tolerance=1e-9)  # the bonds amplify rounding
    return problem, solid


# -- tangents ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(shared_tmp_path: Path) -> tuple[Bench, fem.Function]:
    bench = Bench(shared_tmp_path)
    bench.tagged = with_frames(bench.tagged, [rotation(k) for k in range(len(bench.tagged.regions))])
    return bench, Crystals(bench.tagged).axis()


CURVE_C = PointsCurve(x=(0.2, 0.4, 0.7, 1.0), y=(-0.05, 0.01, 0.02, 0.0))


@pytest.mark.parametrize("which", ["elasticity", "strain", "lithium"])
def test_tangents(bench: tuple[Bench, fem.Function], which: str) -> None:
    """Each law alone, then lithium with all of them."""
    at, axis = bench
    s = at.setting
    isotropic, chemical = IsotropicElasticity(E, NU), LatticeChemicalStrain(STRAIN, CURVE_C, axis)
    solid = SmallStrainSolid(s, "CAM", isotropic, chemical)
    if which == "elasticity":
        solid = replace(solid, law=hexagonal(axis), chemical_strain=IsotropicChemicalStrain(STRAIN))
    terms: list[Any] = [solid]
    step = 1e-3
    if which == "lithium":
        full = replace(solid, law=hexagonal(axis))
        slow = PointsCurve(x=(0.2, 0.6, 1.0), y=(1e-5, 4e-5, 2e-5))
        terms = [
            Lithium(
                s, "CAM", CHARGE_DENSITY, OCP, DIFFUSIVITY, "from_open_circuit_potential", VOLTAGE, full, slow, axis
            )
        ]  # fmt: skip
        step = 1e-4
    error = at.mismatch(terms, step)
    print(f"{which}: {error:.1e}")
    assert error < 1e-6
