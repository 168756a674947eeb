"""What the tests of bodies that swell to a multiple of their volume share: a sphere of whatever material, alone, in a shell or in a wall,
next to the radial computation (:mod:`support_radial`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import support_coupled as sc
import support_radial as radial
import ufl
from support_inelastic import Specimen, meshed

from ssbmech.case.curves import ExpressionCurve
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.physics.kinematics import deformation_gradient
from ssbmech.physics.setting import Setting
from ssbmech_mesh.primitives import concentric_octant


def swelling(change: float) -> IsotropicChemicalStrain:
    """ΔV/V = change x."""
    return IsotropicChemicalStrain(ExpressionCurve(expression=f"(1 + {change!r}*x)**(1/3) - 1"))


def profile(mean: float, s: Any) -> Any:
    """x at relative radius s: the mean grows evenly to 1, and the surface leads on the way there."""
    return mean + 0.15 * np.sin(np.pi * mean) * (s**2 - 0.6)


def sphere_mesh(folder: Path, size: float, radius: float = 1.0) -> TaggedMesh:
    return meshed(
        folder / f"sphere{size}.msh",
        lambda path: concentric_octant(path, radius, None, [size, size], ["solid"]),
    )


class Probes:
    """Radius, mean von Mises and mean stress per stress-free volume, and mean plastic strain of one phase."""

    def __init__(self, specimen: Specimen, phase: str) -> None:
        solid, u = specimen.solids[phase], specimen.setting["displacement"].value
        s = solid._deviator()
        self.get = [
            specimen.probe(form, phase)
            for form in (
                ufl.det(deformation_gradient(u)),
                ufl.sqrt(1.5 * ufl.inner(s, s) + 1e-6),
                solid._mean_stress(),
                solid.plastic_strain() if solid.points is not None else 0.0 * u[0],
            )
        ]

    def __call__(self) -> np.ndarray:
        volume, q, mean, p = (get() for get in self.get)
        return np.array([volume ** (1 / 3), q, mean, p])


def expected(sphere: radial.RadialSphere, part: int) -> np.ndarray:
    """The same of the reference; the radius is that of the volume."""
    cells, f = sphere.parts[part], sphere.state()
    w = sphere.volume[cells] / sphere.volume[cells].sum()
    r, R = sphere.R + sphere.u, sphere.R
    edges = [cells[0], cells[-1] + 1]
    volume = (r[edges[1]] ** 3 - r[edges[0]] ** 3) / (R[edges[1]] ** 3 - R[edges[0]] ** 3)
    means = [(w * values[cells]).sum() for values in (np.abs(f["T"]), f["tau_h"], sphere.p)]
    return np.array([volume ** (1 / 3), *means])


def run(
    specimen: Specimen,
    sphere: radial.RadialSphere,
    phases: list[str],
    steps: int,
    dt: float = 1.0,
    predict: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """(steps, phases, 4) of both, along the same path; the core is 1 um in radius, a step takes ``dt`` [s].

    With ``predict`` Newton's method starts with the displacement of the step before once more: creep with a large exponent is stiff
    where it is slow, and from rest it would first be taken for nearly elastic.
    """
    probes = [Probes(specimen, phase) for phase in phases]
    ours, theirs, iterations = [], [], []
    u = specimen.setting["displacement"].value.x.array
    before = u.copy()
    for k in range(1, steps + 1):
        mean = k / steps
        specimen.swell(lambda points, mean=mean: profile(mean, np.linalg.norm(points, axis=1)))
        if predict:
            u[:], before = 2 * u - before, u.copy()
        iterations.append(specimen.step(dt, account=True))
        inside = np.arange(sphere.x.size) < sphere.parts[0].size
        sphere.step(dt, given=np.where(inside, profile(mean, sphere.middle), 0.0))
        ours.append([probe() for probe in probes])
        theirs.append([expected(sphere, part) for part in range(len(phases))])
    print("Newton", iterations)
    return np.array(ours), np.array(theirs)


def differences(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(phases, 4) largest differences over the steps, of the largest value of each."""
    return np.abs(ours - theirs).max(axis=0) / np.maximum(np.abs(theirs).max(axis=0), 1e-300)


def wall(radius: float, rough: bool = False, penalty: float = 1e8) -> Callable[[Setting], list[Any]]:
    """A rigid wall, the polyhedron's surface magnified to a radius, by a penalty [MPa/um].

    A ``rough`` wall holds what touches it at its place, also sideways. The facets of a smooth one press along the radius and not along
    their normals; a body that flows at a stress far below the pressure (lithium) would be driven along the wall without end.
    """

    def terms(setting: Setting) -> list[Any]:
        u, start = setting["displacement"], ufl.SpatialCoordinate(setting.mesh)
        place = start + u.value
        r = ufl.sqrt(ufl.dot(place, place))
        overlap = r - radius * ufl.sqrt(ufl.dot(start, start))
        push = place - radius * start if rough else overlap * place / r
        force = ufl.conditional(ufl.gt(overlap, 0.0), penalty, 0.0) * ufl.dot(push, u.test)
        return [sc.Added({"displacement": force * setting.ds("outer")})]

    return terms
