"""V21: an elastic sphere pressed onto a flat, nearly rigid block, which it touches in one point at first (H. Hertz, 1882).

    a = (3 F R/4 E*)^(1/3),      d = a²/R,      p = p_0 (1 − r²/a²)^½,   p_0 = 3 F/2 π a²

The half sphere is held at its equator, a plane of symmetry of a sphere between two plates. There its own finite size counts, which
shortens the approach to d = a²/R − f F/π E with f = 2 (1 + ν) R²/(a² + 4 R²)^(3/2) + (1 − ν²)/(a² + 4 R²)^(1/2) (Y. Tatara, J. Eng. Mater.
Technol. 113 (1991) 285), by 4 % here. Linear elements that grow away from the contact, quarter of the problem.
"""

from __future__ import annotations

from math import pi
from pathlib import Path

import gmsh
import numpy as np
import pytest
from support_mechanics import COMM, SE, shared_mesh
from support_walls import WallProblem, joined

from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech_mesh.session import fill, gmsh_model
from ssbmech_mesh.simplex import SimplexMesh, from_gmsh

R, A = 5.0, 0.5  # um; radius of the sphere, contact radius aimed at
BASE = IsotropicElasticity(1e3 * SE.youngs_modulus, SE.poisson_ratio)
MODULUS = 1 / (
    (1 - SE.poisson_ratio**2) / SE.youngs_modulus + (1 - BASE.poisson_ratio**2) / BASE.youngs_modulus
)
STIFFNESS = 1e6  # MPa/um; the overlap p/K is 3 % of the approach
CELLS = 10  # across the contact radius


def part(name: str) -> SimplexMesh:
    """A quarter of the lower half of the sphere, or of the block under it."""
    with gmsh_model(name):
        occ = gmsh.model.occ
        if name == "sphere":
            occ.intersect([(3, occ.addSphere(0, 0, R, R))], [(3, occ.addBox(0, 0, 0, R, R, R))])
        else:
            occ.addBox(0, 0, -1.0, 1.6, 1.6, 1.0)
        occ.synchronize()
        gmsh.model.addPhysicalGroup(3, [tag for _, tag in gmsh.model.getEntities(3)], name=name)
        growing = f"{A / CELLS} + 0.4*Max(Sqrt(x^2 + y^2 + z^2) - {1.15 * A}, 0)"
        fill(3, growing)
        return from_gmsh(3)


def approach(force: float) -> tuple[float, float]:
    """Contact radius and approach [um] under a force [uN]."""
    a = (0.75 * force * R / MODULUS) ** (1 / 3)
    nu, far = SE.poisson_ratio, a**2 + 4 * R**2
    f = 2 * (1 + nu) * R**2 / far**1.5 + (1 - nu**2) / far**0.5
    return a, a**2 / R - f * force / (pi * SE.youngs_modulus)


def test_sphere_on_flat(shared_tmp_path: Path) -> None:
    tagged = shared_mesh(
        shared_tmp_path / "hertz.msh", lambda path: joined(path, part("sphere"), part("block"))
    )
    problem = WallProblem(tagged, {"sphere": SE, "block": BASE}, WallContactLaw(STIFFNESS), reach=1.0)
    top = problem.dofs("z+", 2)
    held = [problem.dofs("x-", 0), problem.dofs("y-", 1), problem.dofs("z-", 2), top]
    problem.constrain(held, 1e-9)
    for d in (0.02, 0.04, 0.05):
        problem.prescribe(top, -d)
        assert problem.solve() <= 10
        force, figures = -4 * problem.reaction(top), problem.walls.figures()
        a, expected = approach(force)
        # The half space: the finite sphere is stiffer by 0.6 a/R and more, 3.9 % at the first step, where 5 % is asked.
        ratio = force / (4 / 3 * MODULUS * R**0.5 * d**1.5)
        assert 1.0 < ratio < (1.05 if d == 0.02 else 1 + a / R)
        if d == 0.02:
            continue  # six cells across the contact radius
        # 3 % asked; 1.8 and 1.5 % measured. Twice the stiffness gives -0.8 %: the overlap widens the contact.
        found = np.sqrt(4 / pi * figures.contact_fraction * problem.wall_area / 2)
        assert found == pytest.approx(a, rel=0.03)
        # 2 % of the approach, 3 % of the force: 1.3 and 1.7 % measured, less with more cells
        assert d == pytest.approx(expected, rel=0.02)
        # mean square distance from the axis: 2 a²/5 for Hertz's pressure
        weight, place = problem.search.area * problem.pressures(), problem.search.place
        moments = COMM.allreduce(np.array([weight.sum(), weight @ (place[:, :2] ** 2).sum(axis=1)]))
        assert np.sqrt(2.5 * moments[1] / moments[0]) == pytest.approx(a, rel=0.015)
        assert 0.5 * 4 * moments[0] == pytest.approx(force, rel=1e-3)  # normals lean by up to a/2R
        assert figures.penetration == pytest.approx(1.5 * force / (pi * a**2) / STIFFNESS, rel=0.05)
