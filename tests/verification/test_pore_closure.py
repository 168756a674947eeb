"""Walls of pores that meet, part and slide, on problems with closed forms.

Slit (V26), uniaxial strain:      p = max(0, (U − g_0)/(h_1/M_1 + h_2/M_2 + 1/K))
Round pore in a ring, plane strain, pressures P outside and q on the walls in contact (G. Lamé):
    u(a) = (1 + ν)/E · a/(b² − a²) [(1 − 2 ν)(q a² − P b²) + (q − P) b²],     q = K ⟨−2 (a + u(a))⟩
Flat elliptic pore (half axes a > b) under uniaxial pressure: its walls move linearly in place, so that it closes everywhere at once, at
    P = E' b/(2 a + b)      (C. E. Inglis, 1913). From then on it is an inclusion that gets no thinner, with the uniform pressure
    q = (P (2 a + b) − E' b)/(2 a + E'/2 K).
"""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any

import gmsh
import numpy as np
import pytest
from mpi4py import MPI
from support_mechanics import CAM, COMM, SE, oedometric, shared_mesh
from support_walls import WallProblem, joined, slit

from ssbmech.domain.wall_surface import wall_facets
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech.stack.platen import Platen
from ssbmech_mesh.primitives import layered_block
from ssbmech_mesh.session import fill, gmsh_model
from ssbmech_mesh.simplex import SimplexMesh, from_gmsh

SIZE, HEIGHTS, GAP, STIFFNESS = (6.0, 8.0), (10.0, 20.0), 0.02, 1e6
PUBLISHED = {0.0: 0.0, 0.025: 8.838098345859764, 0.04: 35.352393383439064, 0.1: 141.409573533756}
MATCHING = [[2, 3, 2], [2, 3, 2]]
PLANE_STRAIN = SE.youngs_modulus / (1 - SE.poisson_ratio**2)


class Slit(WallProblem):
    """Two blocks with an empty slab between them, on rollers, pressed by a plate that moves."""

    @classmethod
    def make(
        cls, folder: Path, n: Any, degree: int = 1, law: WallContactLaw | None = None, **options: Any
    ) -> Slit:
        dim = len(n[0])
        tagged = shared_mesh(folder / "slit.msh", lambda path: slit(path, SIZE[: dim - 1], HEIGHTS, GAP, n))
        law = law or WallContactLaw(STIFFNESS)
        problem = cls(tagged, {"CAM": CAM, "SE": SE}, law, 0.1, degree, **options)
        problem.axis, problem.area = dim - 1, float(np.prod(SIZE[: dim - 1]))
        problem.top = problem.dofs("xyz"[problem.axis] + "+", problem.axis)
        problem.bottom = problem.dofs("xyz"[problem.axis] + "-", problem.axis)
        sides = [problem.dofs("xyz"[k] + s, k) for k in range(problem.axis) for s in "-+"]
        problem.constrain([*sides, problem.bottom, problem.top], 1e-12)
        return problem

    axis: int
    area: float
    top: np.ndarray
    bottom: np.ndarray

    def close(self, distance: float) -> float:
        """Move the plate; returns its pressure [MPa]."""
        self.prescribe(self.top, -distance)
        self.solve()
        return -self.reaction(self.top) / self.area


def slit_pressure(closing: float) -> float:
    compliance = HEIGHTS[0] / oedometric(CAM) + HEIGHTS[1] / oedometric(SE) + 1 / STIFFNESS
    return max(0.0, (closing - GAP) / compliance)


@pytest.mark.parametrize(
    ("n", "degree"), [(MATCHING, 1), (MATCHING, 2), ([[3, 2], [3, 4]], 1), ([[3, 2], [3, 4]], 2)]
)
def test_slit(shared_tmp_path: Path, n: Any, degree: int) -> None:
    """Closed, pressed, opened and closed again; where facets lie opposite each other it is exact, in two and three dimensions."""
    problem = Slit.make(shared_tmp_path, n, degree)
    assert problem.wall_area == pytest.approx(2 * problem.area, rel=1e-12)
    for closing in (0.0, 0.01, 0.02, 0.025, 0.04, 0.1, 0.04, 0.02, 0.01, 0.02, 0.04):
        found, expected = problem.close(closing), slit_pressure(closing)
        # 1e-8 asked; the Newton tolerance is 1e-12 of 100 MPa
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-8)
        if closing in PUBLISHED:
            assert found == pytest.approx(PUBLISHED[closing], rel=1e-8, abs=1e-8)
        figures = problem.walls.figures()
        assert figures.penetration == pytest.approx(expected / STIFFNESS, rel=1e-9, abs=1e-13)
        if closing != GAP:  # there the walls just touch
            assert figures.contact_fraction == pytest.approx(float(closing > GAP), abs=1e-12)
        # Trapezoidal work is exact because the walls meet at the end of a step.
        stored = problem.stored()
        assert problem.work == pytest.approx(sum(stored.values()), rel=1e-10, abs=1e-10)
        contact = 0.5 * expected**2 / STIFFNESS * problem.area
        assert stored["contact"] == pytest.approx(contact, rel=1e-9, abs=1e-15)
    assert problem.work > 1.0


def test_free_walls_pass_through_each_other(shared_tmp_path: Path) -> None:
    """Without the term nothing holds the upper block up: the reason to have it."""
    tagged = shared_mesh(
        shared_tmp_path / "slit.msh", lambda path: slit(path, SIZE[:1], HEIGHTS, GAP, [[2, 2], [2, 2]])
    )
    problem = WallProblem(tagged, {"CAM": CAM, "SE": SE}, None, 0.1)
    top, bottom = problem.dofs("y+", 1), problem.dofs("y-", 1)
    problem.constrain([problem.dofs("x-", 0), problem.dofs("x+", 0), bottom, top], 1e-12)
    problem.prescribe(top, -0.1)
    problem.solve()
    assert problem.reaction(top) == pytest.approx(0.0, abs=1e-8)


COLUMN = (10.0, 3.0)
"""Height and width [um]."""


def columns(path: Path) -> SimplexMesh:
    """Two columns 1 um apart, the right one lower by the gap."""
    height, width = COLUMN
    high = layered_block(path, [width], [height], ["SE"], [2, 3])
    low = layered_block(path, [width], [height - GAP], ["SE"], [3, 2])
    low.nodes[:, 0] += width + 1.0
    return joined(path, high, low)


def test_wall_below_a_platen(shared_tmp_path: Path) -> None:
    """Two columns, one of them lower by the gap: at first one, then both bear the platen, whose displacement is one unknown."""
    (height, width), pressure = COLUMN, 60.0
    tagged = shared_mesh(shared_tmp_path / "columns.msh", columns)
    law = WallContactLaw(STIFFNESS, 0.5, STIFFNESS)  # friction, which a platen has not
    problem = WallProblem(tagged, {"SE": SE}, law, 0.1, planes=["y+"], scalars=["platen_displacement"])
    platen = Platen(2 * width + 1.0, 1)
    held = [problem.dofs("x-", 0), problem.dofs("x+", 0), problem.dofs("y-", 1)]
    ties = {"platen_displacement": problem.dofs("y+", 1)}
    problem.constrain(held, 1e-12, ties, {"platen_displacement": platen})
    one, two = PLANE_STRAIN / height, 1 / ((height - GAP) / PLANE_STRAIN + 1 / STIFFNESS)
    touching = width * one * GAP / platen.area
    for platen.pressure in (0.5 * touching, touching, pressure, 0.7 * touching):
        problem.solve()
        load = platen.pressure * platen.area / width
        closing = max(load / one, 0.0) if platen.pressure <= touching else (load + two * GAP) / (one + two)
        found = -float(problem.setting["platen_displacement"].value.x.array[0])
        assert found == pytest.approx(closing, rel=1e-9)  # Newton tolerance 1e-12 of 100 MPa
        figures = problem.walls.figures()
        assert figures.force == pytest.approx(width * max(0.0, two * (closing - GAP)), rel=1e-8, abs=1e-7)


@pytest.mark.parametrize(("degree", "local"), [(2, 0.11), (4, 0.09), (8, 0.02)])
def test_facets_that_do_not_match(shared_tmp_path: Path, degree: int, local: float) -> None:
    """Patch test: 3 x 4 cells above 4 x 3. Points of a facet see kinks of the opposite wall, hence an error of quadrature.

    The total is right to 1e-5 whatever the degree; the pressure at single points, with a penalty a thousand times as stiff as a layer
    of cells, as ``local`` says.
    """
    problem = Slit.make(shared_tmp_path, [[3, 4, 2], [4, 3, 2]], quadrature_degree=degree)
    expected = slit_pressure(0.04)
    assert problem.close(0.04) == pytest.approx(expected, rel=1e-5)
    assert problem.walls.figures().contact_fraction == pytest.approx(1.0, abs=1e-12)
    pressure = problem.walls.pressure
    worst = COMM.allreduce(float(np.abs(pressure - expected).max(initial=0.0)), op=MPI.MAX)
    assert worst < local * expected
    deviation = problem.solids["SE"].stress()[2, 2] + expected
    square = problem.integral(deviation**2 * problem.setting.dx("SE")) / (problem.area * HEIGHTS[1])
    assert np.sqrt(square) < 1e-2 * expected


def ring(path: Path, a: float, b: float, n: int, layers: int) -> SimplexMesh:
    """A ring of triangles, its outside the surface "outer"."""
    angle = np.arange(n) * 2 * pi / n
    radius = np.geomspace(a, b, layers + 1)
    x, y = (np.outer(radius, f(angle)).reshape(-1) for f in (np.cos, np.sin))
    inner = (np.arange(layers)[:, None] * n + np.arange(n)).reshape(-1)
    right = (np.arange(layers)[:, None] * n + (np.arange(n) + 1) % n).reshape(-1)
    cells = np.concatenate(
        [np.stack([inner, inner + n, right + n], axis=1), np.stack([inner, right + n, right], axis=1)]
    )
    edge = layers * n + np.arange(n)
    outer = np.stack([edge, layers * n + (np.arange(n) + 1) % n], axis=1)
    nodes = np.stack([x, y, np.zeros_like(x)], axis=1)
    mesh = SimplexMesh(nodes, cells, np.zeros(len(cells), dtype=np.int64), ["SE"], {"outer": outer})
    mesh.orient()
    mesh.write(path)
    return mesh


def test_round_pore(shared_tmp_path: Path) -> None:
    """A pore that shrinks to nothing and then bears: its diameter by small displacements, the pressure on its walls."""
    a, b, stiffness = 1.0, 3.0, 1e5
    tagged = shared_mesh(shared_tmp_path / "ring.msh", lambda path: ring(path, a, b, 96, 24))
    problem = WallProblem(tagged, {"SE": SE}, WallContactLaw(stiffness), 2.1 * a, degree=2, pressed=["outer"])
    assert COMM.allreduce(wall_facets(tagged).size) == 96  # the outside is a named surface, no wall
    x = problem.setting["displacement"].broken.space.tabulate_dof_coordinates()
    held = [2 * np.flatnonzero(np.abs(x[:, k]) < 1e-9) + k for k in range(2)]
    problem.constrain(held, 1e-9)
    scale = (1 + SE.poisson_ratio) / SE.youngs_modulus * a / (b**2 - a**2)
    inward = scale * (2 - 2 * SE.poisson_ratio) * b**2  # -u(a) per P
    outward = scale * ((1 - 2 * SE.poisson_ratio) * a**2 + b**2)  # u(a) per q
    closure = a / inward
    for load in (0.9, 0.99, 1.01, 1.3, 0.9):
        problem.pressure["outer"].value = load * closure
        problem.solve()
        expected = max(0.0, 2 * (load - 1) * a / (1 / stiffness + 2 * outward))
        figures = problem.walls.figures()
        # The walls of a polygon of 96 sides are nearer to the middle than its corners by 0.05 % of a; measured 3e-4 just after it closes.
        found = figures.force / problem.wall_area
        assert found == pytest.approx(expected, rel=1e-3)
        assert figures.contact_fraction == pytest.approx(float(load > 1), abs=1e-9)


def elliptic(path: Path, a: float, b: float, size: float) -> SimplexMesh:
    """The half x > 0 of a square with an elliptic pore in its middle."""
    with gmsh_model("ellipse"):
        occ = gmsh.model.occ
        plate, hole = occ.addRectangle(0, -size, 0, size, 2 * size), occ.addDisk(0, 0, 0, a, b)
        occ.cut([(2, plate)], [(2, hole)])
        occ.synchronize()
        gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="SE")
        tip = f"Sqrt((x-{a})^2+y^2)"
        fill(2, f"Min(0.012+0.15*{tip},0.06+0.25*Max(Sqrt(x^2+y^2)-{a},0))")
        mesh = from_gmsh(2)
    mesh.orient()
    mesh.write(path)
    return mesh


def test_elliptic_pore(shared_tmp_path: Path) -> None:
    a, b, size, stiffness = 1.0, 0.1, 12.0, 1e6
    tagged = shared_mesh(shared_tmp_path / "ellipse.msh", lambda path: elliptic(path, a, b, size))
    problem = WallProblem(tagged, {"SE": SE}, WallContactLaw(stiffness), 3 * b, degree=2, pressed=["y+"])
    problem.constrain([problem.dofs("x-", 0), problem.dofs("y-", 1)], 1e-9)
    search = problem.search
    middle = search.place[:, 0] < 0.3 * a
    for load in (0.9, 0.97, 1.03, 1.5, 2.0):
        far = load * PLANE_STRAIN * b / (2 * a + b)
        problem.pressure["y+"].value = far
        problem.solve()
        fraction = problem.walls.figures().contact_fraction
        if load < 1.0:
            assert fraction == 0.0
            continue
        # All but the tip, whose curvature of 0.01 um is a single cell.
        assert fraction > 0.88
        expected = (far * (2 * a + b) - b * PLANE_STRAIN) / (2 * a + PLANE_STRAIN / (2 * stiffness))
        area, pressure = search.area[middle], problem.pressures()[middle]
        sums = COMM.allreduce(np.array([area.sum(), area @ pressure]))
        # 1 % of the far pressure: a plate of 12 half axes is softer than the infinite one by (a/12)² = 0.7 %.
        assert sums[1] / sums[0] == pytest.approx(expected, abs=0.01 * far)


@pytest.mark.parametrize("multipliers", [False, True])
@pytest.mark.parametrize("cells", [[[3, 4, 2], [4, 3, 2]], [[60, 2], [56, 2]]], ids=["space", "plane"])
def test_tangent(shared_tmp_path: Path, cells: Any, multipliers: bool) -> None:
    """Against differences of the residual, at a state with open, sticking and sliding walls; the bodies are soft, lest they hide it."""
    soft, dim = IsotropicElasticity(1.0, 0.3), len(cells[0])
    tagged = shared_mesh(
        shared_tmp_path / "slit.msh", lambda path: slit(path, SIZE[: dim - 1], HEIGHTS, GAP, cells)
    )
    friction, tolerance = (0.2, 4e-3) if multipliers else (0.4, None)
    law = WallContactLaw(1e4, friction, 3e3)
    problem = WallProblem(tagged, {"CAM": soft, "SE": soft}, law, 0.1, tolerance=tolerance)
    problem.constrain([problem.dofs(face, dim - 1) for face in ("xyz"[dim - 1] + side for side in "-+")])
    system, unknown = problem.system, problem.setting["displacement"]
    x = unknown.broken.space.tabulate_dof_coordinates()[: unknown.broken.body_of_dof.size]
    phase = x @ np.array([0.51, 0.77, 0.33]) + 2.3 * unknown.broken.body_of_dof

    def rough(amplitude: float, seed: float) -> np.ndarray:
        parts = [np.sin(phase * (k + 1.3) + k + seed) for k in range(dim)]
        return amplitude * np.stack(parts, axis=1).reshape(-1)

    unknown.value.x.array[:] = rough(0.02, 0.3)
    problem.walls.accept()  # slip of an earlier step
    unknown.value.x.array[:] = rough(0.025, 0.5)
    unknown.value.x.array[dim - 1 :: dim] -= 0.02 * unknown.broken.body_of_dof
    if multipliers:  # for some, and of some from the step before
        assert problem.walls.augment()
        carried = COMM.allreduce(
            int((problem.walls._memory.multiplier > 0.0)[problem.walls.pairs.here].sum())
        )
        assert 0.1 < carried / COMM.allreduce(int(problem.walls.pairs.here.sum())) < 0.9
    n = system.numbering
    state, direction, product = (system.state.duplicate() for _ in range(3))
    system.write_state(state)
    direction.array[:] = rough(1.0, 1.1)[: n.count["displacement"]]
    direction.array[n.idle["displacement"]] = 0.0

    def residual(step: float) -> np.ndarray:
        moved = state.copy()
        moved.axpy(step, direction)
        system.read_state(moved)
        return system.evaluate()[0]["displacement"].copy()

    # Smooth in pieces: the step, 1e-5 of the displacement, is so short that no point changes from one to another.
    step = 3e-7
    difference = (residual(step) - residual(-step)) / (2 * step)
    system.read_state(state)
    response = problem.walls.law.respond(*problem.walls.state)
    closed, here = response.pressure > 0, problem.walls.pairs.here
    kinds = [here & ~closed, here & closed & response.slides, here & closed & ~response.slides]
    assert (COMM.allreduce(np.array([kind.sum() for kind in kinds])) > 20).all()
    system.jacobian.renew()
    system.assemble_jacobian()
    system.jacobian.matrix.mult(direction, product)
    exact = product.array_r / system.scale["displacement"]
    sums = COMM.allreduce(np.array([((exact - difference) ** 2).sum(), (exact**2).sum()]))
    assert np.sqrt(sums[0] / sums[1]) < 1e-6


def test_friction(shared_tmp_path: Path) -> None:
    """Pressed and then dragged along: the walls stick, then all of them slip, and the drag is µ times the load."""
    mu = 0.3
    tagged = shared_mesh(
        shared_tmp_path / "slit.msh", lambda path: slit(path, SIZE[:1], HEIGHTS, GAP, [[4, 2], [3, 2]])
    )
    problem = WallProblem(tagged, {"CAM": CAM, "SE": SE}, WallContactLaw(1e5, mu, 1e4), 0.1)
    down, along = problem.dofs("y+", 1), problem.dofs("y+", 0)
    bottom = [problem.dofs("y-", k) for k in range(2)]
    problem.constrain([*bottom, down, along], 1e-12)
    for closing in (GAP, 0.1):
        problem.prescribe(down, -closing)
        problem.solve()
    pressed = problem.spent.get("friction_dissipation", 0.0)  # sideways, as the blocks bulge
    ratios = []
    for shift in np.linspace(0.0, 0.4, 33):
        problem.prescribe(along, shift)
        problem.solve()
        ratios.append(-problem.reaction(along) / problem.reaction(down))
    assert 0.01 < ratios[1] < 0.5 * mu  # sticks at first
    # Coulomb's law holds point by point, and in the plane there is one direction only: exact to the Newton tolerance.
    assert ratios[-1] == pytest.approx(mu, rel=1e-9)
    assert ratios[-1] == pytest.approx(max(ratios), rel=1e-9)
    lost = problem.spent["friction_dissipation"] - pressed
    assert lost > 0.3 * mu * abs(problem.reaction(down)) * 0.4
    # Trapezoidal sums of what is smooth but for the onset of slip.
    balance = sum(problem.stored().values()) + problem.spent["friction_dissipation"]
    assert problem.work == pytest.approx(balance, rel=1e-3)
