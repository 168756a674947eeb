"""Finite strain: frame indifference, exact tangents with plastic history, small swelling, conduction and diffusion in the deformed body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import ufl
from support_inelastic import COMM, Specimen, block, octant
from support_mechanics import CAM, SE
from support_tangent import ISOTROPIC, LATTICE, Bench, elasticity, lithium, rough

from ssbmech.case.curves import ConstantCurve, ExpressionCurve, LinearCurve
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.charge import Conduction
from ssbmech.physics.lithium import Lithium
from ssbmech.solve.numbering import Constraints
from ssbmech.stack.boundary import face_dofs

SWELLING = IsotropicChemicalStrain(ExpressionCurve(expression="(1 + 2.9*x)**(1/3) - 1"))
FLOWS = {
    "elastic": None,
    "perfect": FlowLaw(1000.0),
    "hardening": FlowLaw(1000.0, 2000.0, 500.0, 30.0),
    "Perzyna": FlowLaw(1000.0, 2000.0, 500.0, 30.0, 800.0, 1e-3, 4.0),
    "Norton": FlowLaw(0.0, reference_stress=2000.0, reference_rate=1e-3, exponent=5.0),
}


# -- frame indifference ------------------------------------------------------------------------------------------------


def rotation(axis: tuple[float, float, float], angle: float) -> np.ndarray:
    n = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def forces(
    folder: Path, finite: bool, flow: FlowLaw | None, turns: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """(3, 3) moments of the nodal forces after a rough step and another on top of it, each turned as a whole.

    The moments Σ f_i w_k with three weights w_k of place and body sum over the ranks, other than the forces themselves.
    """
    law = {"law": CAM, "flow": flow, "chemical_strain": SWELLING}
    specimen = Specimen(block(folder, 2), {"solid": law}, finite=finite)
    u, x = specimen.setting["displacement"], specimen.setting["stoichiometry"]
    points = u.broken.space.tabulate_dof_coordinates()[: u.broken.body_of_dof.size]
    for turn, size, seed in ((turns[0], 0.06, 0.3), (turns[1], 0.05, 0.9)):
        x.value.x.array[:] = 0.1 + 0.05 * rough(x, seed)
        moved = points + size * rough(u, seed).reshape(-1, 3) / 5
        u.value.x.array[:] = (moved @ turn.T - points).reshape(-1)
        values = specimen.nodal_forces()
        specimen.system.accept()
    weights = np.stack([rough(u, k).reshape(-1, 3)[: len(values), 0] for k in (0.1, 1.2, 2.3)])
    return np.asarray(COMM.allreduce(weights @ values))


@pytest.mark.parametrize("name", ["elastic", "hardening", "Norton"])
def test_frame_indifference(shared_tmp_path: Path, name: str) -> None:
    """A body turned by any angle in both steps has its nodal forces turned by that of the last, to rounding (1e-10)."""
    one, two = rotation((1, 2, 3), 2.0), rotation((-1, 0.4, 0.7), 0.8)
    plain = forces(shared_tmp_path, True, FLOWS[name], (np.eye(3), np.eye(3)))
    turned = forces(shared_tmp_path, True, FLOWS[name], (one, two))
    scale = np.abs(plain).max()
    print(name, scale, np.abs(turned - plain @ two.T).max() / scale)
    assert scale > 10.0
    assert np.abs(turned - plain @ two.T).max() < 1e-10 * scale


def test_small_strain_is_not_indifferent(shared_tmp_path: Path) -> None:
    """The measure itself."""
    turn = rotation((1, 2, 3), 0.2)
    plain = forces(shared_tmp_path, False, None, (np.eye(3), np.eye(3)))
    turned = forces(shared_tmp_path, False, None, (turn, turn))
    assert np.abs(turned - plain @ turn.T).max() > 0.1 * np.abs(plain).max()


# -- tangents ------------------------------------------------------------------------------------------------------------


def with_history(bench: Bench, solids: list[Any]) -> list[Any]:
    """Give the solids a plastic history, and a state in which some points unload and others flow on."""
    s = bench.setting
    u = s["displacement"]
    dim = u.broken.block_size
    height = u.broken.space.tabulate_dof_coordinates()[: u.broken.body_of_dof.size, dim - 1]
    first = 0.02 * rough(u, -0.2) * np.repeat(np.clip(height, 0.0, 1.0), dim) ** 3
    u.value.x.array[:] = first
    for solid in solids:
        for state in solid.states():
            state.update()
            state.accept()
    u.value.x.array[:] = first + 0.001 * rough(u, {2: 2.5, 3: 0.9}[dim])
    shares = []
    for solid in solids:
        if solid.points is None:
            continue
        for state in solid.states():
            state.update()
        dx = s.dx(solid.phase)
        flowing = ufl.conditional(ufl.gt(solid.points.growth(), 0), 1.0, 0.0) * dx
        before = ufl.conditional(ufl.gt(solid.points.accumulated, 0), 1.0, 0.0) * dx
        volume = sc.integral(s, (1.0 + 0.0 * s.time_step) * dx)
        shares += [sc.integral(s, form) / volume for form in (flowing, before)]
    print("share that flows, that has flowed:", shares)
    bench.shares = shares  # type: ignore[attr-defined]
    return solids


LAWS = [
    (finite, name, 3, ISOTROPIC) for name in FLOWS for finite in (False, True) if finite or name != "elastic"
]
LAWS += [
    (False, "hardening", 3, LATTICE),
    (False, "hardening", 2, ISOTROPIC),
    (True, "hardening", 2, ISOTROPIC),
]


@pytest.mark.parametrize(("finite", "name", "dim", "strain"), LAWS)
def test_tangent(shared_tmp_path: Path, finite: bool, name: str, dim: int, strain: Any) -> None:
    """Quadratic displacements, points that flow, unload and have never flowed: against differences, 1e-6."""
    bench = Bench(shared_tmp_path, 2, dim, finite)
    solids = with_history(bench, [elasticity(bench.setting, strain, FLOWS[name])])
    error = bench.mismatch(solids, 1e-5)
    print(f"{name}, {dim}D, finite {finite}: {error:.1e}")
    assert error < 1e-6
    if name not in ("elastic", "Norton"):
        flowing, before = bench.shares  # type: ignore[attr-defined]
        assert 0.1 < flowing < 0.98
        assert 0.5 < before < 0.98 or strain is LATTICE  # whose stress makes all of it flow


@pytest.mark.parametrize("name", ["elastic", "hardening"])
def test_tangent_of_transport(shared_tmp_path: Path, name: str) -> None:
    """Flux of lithium, its stress potential and the current in the deformed body, by all fields."""
    bench = Bench(shared_tmp_path, 2, finite=True)
    s, swelling = bench.setting, IsotropicChemicalStrain(ExpressionCurve(expression="0.1*x + 0.2*x**2"))
    solids = with_history(bench, [elasticity(s, swelling, FLOWS[name])])
    flux = lithium(s, "from_open_circuit_potential", solids[0])
    current = Conduction(s, "CAM", LinearCurve(slope=3.0, zero=-0.5), True)
    error = bench.mismatch([*solids, flux, current], 1e-5)
    print(f"{name}: {error:.1e}")
    assert error < 1e-6


# -- small strain as the limit -------------------------------------------------------------------------------------------


def test_small_swelling(shared_tmp_path: Path) -> None:
    """A sphere that swells in a shell: finite and small strain differ by a share that is proportional to the swelling."""
    tagged = octant(shared_tmp_path, 1.0, 2.0, [0.6, 0.45, 0.7])
    laws = {
        "core": {"law": CAM, "chemical_strain": IsotropicChemicalStrain(LinearCurve(slope=0.02))},
        "shell": {"law": SE},
    }
    bodies = [
        Specimen(tagged, laws, finite=finite, bonds={("core", "shell"): 1e7}, tolerance=1e-9)
        for finite in (False, True)
    ]
    shares = []
    for swelling in (1.0, 0.5):
        fields = []
        for specimen in bodies:
            specimen.swell(swelling)
            specimen.step()
            u = specimen.setting["displacement"]
            fields.append(u.value.x.array[: 3 * u.broken.owned].copy())
        total = COMM.allreduce(np.array([((fields[0] - fields[1]) ** 2).sum(), (fields[0] ** 2).sum()]))
        shares.append(float(np.sqrt(total[0] / total[1])))
    print(shares, shares[0] / shares[1])
    assert shares[0] < 0.05
    assert shares[0] / shares[1] == pytest.approx(2.0, rel=0.05)


# -- transport in the deformed body ----------------------------------------------------------------------------------------


class Deformed:
    """The unit cube, deformed as told, between z = 0 and z = 1 of which a field is held."""

    def __init__(self, folder: Path, field: str, others: list[str]) -> None:
        self.tagged = block(folder, 3)
        self.setting = s = sc.one_body(self.tagged, ["displacement", *others, field], displacement_degree=2)
        s.finite_strain = True
        self.u, self.field = s["displacement"], s[field]
        self.ends = [face_dofs(self.tagged, self.field.broken, face) for face in ("z-", "z+")]
        dofs = np.unique(np.concatenate(self.ends)).astype(np.int32)
        self.values = np.isin(dofs, self.ends[1]).astype(float)
        self.constraints = {field: Constraints(dofs, self.values)}
        size = self.u.value.x.array.size
        self.constraints["displacement"] = Constraints(np.arange(size, dtype=np.int32), np.zeros(size))
        self.rows = sc.Added(
            {"displacement": ufl.dot(self.u.value, self.u.test) * s.dx("solid")}
        )  # never used

    def deform(self, map_: Callable[[np.ndarray], np.ndarray]) -> None:
        points = self.u.broken.space.tabulate_dof_coordinates()[: self.u.broken.body_of_dof.size]
        self.constraints["displacement"].values[:] = (map_(points) - points).reshape(-1)

    def flows(self, terms: list[Any]) -> tuple[float, float]:
        """What flows in at z = 1 and out at z = 0, after a solve."""
        references = dict.fromkeys(self.setting.unknowns, 1.0)
        system = sc.solver_of(
            self.setting, [*terms, self.rows], self.constraints, references, tolerance=1e-12
        )
        system.solve()
        name = self.field.name
        rows = np.zeros(system.numbering.count[name])
        rows[system.numbering.idle[name]] = system.reactions[name]
        owned = [end[end < rows.size] for end in self.ends]
        out = COMM.allreduce(np.array([rows[end].sum() for end in owned]))
        return float(out[1]), -float(out[0])


STRETCH = np.diag([1.3, 0.8, 1.6])


def twisted(x: np.ndarray) -> np.ndarray:
    """A stretch, with shear and a bulge that vary from place to place."""
    bulge = 0.4 * np.stack([np.sin(2 * x[:, 2]), x[:, 0] * x[:, 2], 0.5 * x[:, 0] * x[:, 1]], axis=1)
    return np.asarray(x @ STRETCH + bulge)


def test_conduction(shared_tmp_path: Path) -> None:
    """κ A/L of the stretched cube, exactly; charge in equals charge out in a twisted one, to 1e-10; turning changes nothing."""
    currents = []
    for k, shape in enumerate(
        (lambda x: x @ STRETCH, twisted, lambda x: twisted(x) @ rotation((1, 2, 3), 1.3).T)
    ):
        cube = Deformed(shared_tmp_path, "potential", [])
        cube.deform(shape)
        into, out = cube.flows([Conduction(cube.setting, "solid", ConstantCurve(value=7.0), False)])
        print(k, into, out)
        assert into == pytest.approx(out, rel=1e-10)
        currents.append(into)
    assert currents[0] == pytest.approx(7.0 * 1.3 * 0.8 / 1.6, rel=1e-10)
    assert abs(currents[1] / currents[0] - 1) > 5e-3
    assert currents[2] == pytest.approx(currents[1], rel=1e-10)


def test_diffusion(shared_tmp_path: Path) -> None:
    """q D/λ² per undeformed length and area, exactly; lithium in equals lithium out in steady state, to 1e-10."""
    fluxes = []
    for shape in (lambda x: x @ STRETCH, twisted):
        cube = Deformed(shared_tmp_path, "stoichiometry", ["stress_potential"])
        cube.values *= 0.5
        cube.setting.time_step.value = 1e15
        cube.deform(shape)
        args = (
            LinearCurve(slope=-1.0, zero=4.0),
            ConstantCurve(value=0.02),
            "ideal_solution",
            0.0257,
        )
        into, out = cube.flows([Lithium(cube.setting, "solid", 5000.0, *args)])
        assert into == pytest.approx(out, rel=1e-10)
        fluxes.append(into)
    assert fluxes[0] == pytest.approx(5000.0 * 0.02 * 0.5 / 1.6**2, rel=1e-10)
    assert abs(fluxes[1] / fluxes[0] - 1) > 0.01


def test_lithium_is_conserved(shared_tmp_path: Path) -> None:
    """No lithium is lost in a twisted body without flux through its surface, while x evens out."""
    cube = Deformed(shared_tmp_path, "stoichiometry", ["stress_potential"])
    cube.constraints = {"displacement": cube.constraints["displacement"]}
    cube.deform(twisted)
    x = cube.field
    points = x.broken.space.tabulate_dof_coordinates()[:, 2]
    x.value.x.array[:] = 0.2 + 0.5 * points[: x.value.x.array.size] ** 2
    x.accept()
    args = (
        LinearCurve(slope=-1.0, zero=4.0),
        ConstantCurve(value=0.02),
        "ideal_solution",
        0.0257,
    )
    lithium = Lithium(cube.setting, "solid", 5000.0, *args)
    references = dict.fromkeys(cube.setting.unknowns, 1.0)
    system = sc.solver_of(cube.setting, [lithium, cube.rows], cube.constraints, references, tolerance=1e-12)
    before = sc.integral(cube.setting, lithium.content())
    spread = [sc.integral(cube.setting, (x.value - before / 5000.0) ** 2 * cube.setting.dx("solid"))]
    for _ in range(3):
        cube.setting.time_step.value = 20.0
        system.solve()
        x.accept()
    spread.append(sc.integral(cube.setting, (x.value - before / 5000.0) ** 2 * cube.setting.dx("solid")))
    assert sc.integral(cube.setting, lithium.content()) == pytest.approx(before, rel=1e-12)
    assert spread[1] < 0.5 * spread[0]
