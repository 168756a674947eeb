"""Silicon lithiated to ΔV/V = 2.9 with plastic flow, free, in a shell and inside a rigid wall, against a radial computation of our own.

The reference (:mod:`support_radial`) has the same continuum law in principal stretches, with the exact flow rule, on 400 cells.
The profile of lithium is given here; with its own diffusion the sphere is the subject of :func:`test_lithiation`.
Flow stress 500 MPa at full lithiation: V. A. Sethuraman, M. J. Chon, M. Shimshak, V. Srinivasan, P. R. Guduru, J. Power Sources 195
(2010) 5062 (1.7 GPa at first, about 1 GPa later); a round number here. ΔV/V = 2.9 of Li15Si4.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import support_radial as radial
import ufl
from support_inelastic import COMM, ROLLERS, Specimen, octant
from support_mechanics import SE
from support_swelling import differences, run, sphere_mesh, swelling, wall

from ssbmech.case.curves import ConstantCurve, ExpressionCurve, LinearCurve
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.finite_solid import FiniteStrainSolid
from ssbmech.physics.lithium import Lithium
from ssbmech.solve.numbering import Constraints
from ssbmech.stack.boundary import face_dofs

SILICON = IsotropicElasticity(90e3, 0.28)
FLOW = FlowLaw(500.0, 200.0)
REFERENCE = radial.Material(
    90e3, 0.28, yield_strength=500.0, linear_hardening=200.0, swelling=lambda x: 2.9 * x
)
SWELLING = swelling(2.9)
STEPS = 16


def test_free(shared_tmp_path: Path) -> None:
    """Radius to 0.1 %, mean von Mises stress and plastic strain to 1 % of their largest; energy to 1 %.

    What is left is the interpolation of the profile by linear pieces and the polyhedron, both O(h²); of the energy, the trapezoidal rule
    of its terms in time, of second order (measured: 1.0 % with 16 steps, 0.2 % with 32).
    """
    laws = {"solid": {"law": SILICON, "flow": FLOW, "chemical_strain": SWELLING}}
    specimen = Specimen(sphere_mesh(shared_tmp_path, 0.17), laws, finite=True, tolerance=1e-7)
    sphere = radial.RadialSphere([radial.Layer(1.0, 400, REFERENCE)], finite=True)
    ours, theirs = run(specimen, sphere, ["solid"], 24)
    error = differences(ours, theirs)[0]
    print(error, theirs[-1], specimen.energy)
    assert theirs[-1, 0, 3] > 0.03
    assert ours[-1, 0, 0] == pytest.approx(3.9 ** (1 / 3), rel=1e-4)
    assert error[0] < 1e-3 and error[1] < 0.01 and error[3] < 0.01
    spent = specimen.energy["elastic_energy"] + specimen.energy["plastic_dissipation"]
    assert spent == pytest.approx(specimen.energy["chemical_work"], rel=0.01)


def test_in_a_shell(shared_tmp_path: Path) -> None:
    """An elastic-plastic shell b = 1.5a of electrolyte, stretched by half by the core.

    Radius to 0.3 %, mean stress of core and shell to 3 %, plastic strain of both to 1 %, on three cells through the shell.
    """
    laws = {
        "core": {"law": SILICON, "flow": FLOW, "chemical_strain": SWELLING},
        "shell": {"law": SE, "flow": FlowLaw(200.0)},
    }
    tagged = octant(shared_tmp_path, 1.0, 1.5, [0.3, 0.25, 0.3])
    specimen = Specimen(tagged, laws, finite=True, bonds={("core", "shell"): 1e8}, tolerance=1e-6)
    electrolyte = radial.Material(22.1e3, 0.37, yield_strength=200.0)
    layers = [radial.Layer(1.0, 200, REFERENCE), radial.Layer(1.5, 200, electrolyte)]
    sphere = radial.RadialSphere(layers, finite=True)
    ours, theirs = run(specimen, sphere, ["core", "shell"], STEPS)
    error = differences(ours, theirs)
    print(error, ours[-1], theirs[-1])
    assert theirs[-1, 1, 3] > 0.5
    assert error[0, 0] < 3e-3 and error[:, 2].max() < 0.03 and error[:, 3].max() < 0.01


def test_inside_a_wall(shared_tmp_path: Path) -> None:
    """Free until it fills the wall at r = 1.5, then held: radius to 0.3 %, mean stress to 1 %, at ΔV/V = 2.9 some −8.6 GPa."""
    laws = {"solid": {"law": SILICON, "flow": FLOW, "chemical_strain": SWELLING}}
    tagged = sphere_mesh(shared_tmp_path, 0.25)
    specimen = Specimen(tagged, laws, finite=True, extra=wall(1.5), tolerance=1e-5)
    sphere = radial.RadialSphere([radial.Layer(1.0, 100, REFERENCE)], finite=True, wall=0.5)
    ours, theirs = run(specimen, sphere, ["solid"], STEPS)
    error = differences(ours, theirs)[0]
    print(error, ours[-3:, 0], theirs[-3:, 0])
    ratio = 1.5**3 / 3.9
    assert theirs[-1, 0, 2] == pytest.approx(SILICON.bulk_modulus / 2 * (ratio**2 - 1), rel=1e-3)
    assert error[0] < 3e-3 and error[2] < 0.01


# -- with the diffusion of its own ------------------------------------------------------------------------------------------

RADIUS, CHARGE, TIME, SHARE, START = 0.1, 30e3, 60.0, 0.6, 0.02  # um, pC/um³, s, of all sites, x at rest
DIFFUSIVITY, SLOPE = 1e-4, 0.55  # um²/s, V per unit x
LITHIATION_STEPS = 20
TOLERANCE = {
    "radius": 1e-4,
    "x at the surface": 0.01,
    "x inside": 4e-3,
    "plastic strain": 0.06,
    "stress inside": 0.01,
}
"""With five cells along the radius; with seven the errors are a third, also of the plastic strain, which is in the outermost cells."""


class Lithiation:
    """An octant under a constant current through its undeformed surface."""

    def __init__(self, folder: Path) -> None:
        self.tagged = sphere_mesh(folder, 0.02, RADIUS)
        s = self.setting = sc.one_body(
            self.tagged, ["displacement", "stoichiometry", "stress_potential"], displacement_degree=2
        )
        s.finite_strain = True
        s.time_step.value = TIME / LITHIATION_STEPS
        self.x, self.u = s["stoichiometry"], s["displacement"]
        swelling = IsotropicChemicalStrain(ExpressionCurve(expression="(1 + 2.9*(x - 0.02))**(1/3) - 1"))
        self.solid = FiniteStrainSolid(s, "solid", SILICON, swelling, FlowLaw(500.0))
        self.lithium = Lithium(
            s,
            "solid",
            CHARGE,
            LinearCurve(slope=-SLOPE, zero=0.6),
            ConstantCurve(value=DIFFUSIVITY),
            "from_open_circuit_potential",
            0.0257,
            self.solid,
        )
        volume = np.pi * RADIUS**3 / 6
        self.current = CHARGE * volume * SHARE / TIME
        one = 1.0 + 0.0 * s.time_step
        self.area = sc.integral(s, one * s.ds("outer"))
        self.volume = sc.integral(s, one * s.dx("solid"))
        insertion = sc.Added({"stoichiometry": -self.current / self.area * self.x.test * s.ds("outer")})
        rollers = [3 * face_dofs(self.tagged, self.u.broken, face) + axis for face, axis in ROLLERS]
        dofs = np.unique(np.concatenate(rollers)).astype(np.int32)
        references = {
            "displacement": 500.0 * RADIUS**2,
            "stoichiometry": self.current,
            "stress_potential": volume,
        }
        self.system = sc.solver_of(
            s,
            [self.solid, self.lithium, insertion],
            {"displacement": Constraints(dofs, np.zeros(dofs.size))},
            references,
            tolerance=1e-9,
        )
        self.x.value.x.array[:] = START
        self.x.accept()

    def surface(self, value: Any) -> float:
        return sc.integral(self.setting, value * self.setting.ds("outer")) / self.area

    def inside(self, value: Any, radius: float) -> float:
        """Mean over what was within a radius."""
        points = ufl.SpatialCoordinate(self.setting.mesh)
        here = ufl.conditional(ufl.lt(ufl.dot(points, points), radius**2), 1.0, 0.0)
        dx = sc.volume_measure(self.setting, 6)
        return sc.integral(self.setting, here * value * dx) / sc.integral(self.setting, here * dx)


def test_lithiation(shared_tmp_path: Path) -> None:
    """Diffusion, stress and plastic flow together, to ΔV/V = 1.74: radius, lithium at centre and surface, plastic strain, stress.

    Both with the same steps of backward Euler. Lithium to 1e-10.
    """
    body = Lithiation(shared_tmp_path)
    silicon = radial.Material(90e3, 0.28, yield_strength=500.0, swelling=lambda x: 2.9 * (x - START))
    diffusion = radial.Diffusion(CHARGE, lambda x: DIFFUSIVITY + 0 * x, lambda x: DIFFUSIVITY / SLOPE + 0 * x)
    layers = [radial.Layer(RADIUS, 100, silicon)]
    sphere = radial.RadialSphere(layers, finite=True, start=START, diffusion=diffusion)
    iterations = []
    for _ in range(LITHIATION_STEPS):
        iterations.append(body.system.solve())
        body.system.accept()
        sphere.step(TIME / LITHIATION_STEPS, current=8 * body.current)
    points = ufl.SpatialCoordinate(body.setting.mesh)
    place = points + body.u.value
    f, w, core = sphere.state(), sphere.volume, sphere.middle < 0.3 * RADIUS
    pairs = {
        "radius": (body.surface(ufl.sqrt(ufl.dot(place, place))) / RADIUS, 1 + sphere.u[-1] / RADIUS),
        "x at the surface": (body.surface(body.x.value), 1.5 * sphere.x[-1] - 0.5 * sphere.x[-2]),
        "x inside": (body.inside(body.x.value, 0.3 * RADIUS), (w * sphere.x)[core].sum() / w[core].sum()),
        "plastic strain": (
            sc.integral(body.setting, body.solid.plastic_strain() * body.setting.dx("solid")) / body.volume,
            (w * sphere.p).sum() / w.sum(),
        ),
        "stress inside": (
            body.inside(body.solid._mean_stress(), 0.3 * RADIUS),
            (w * f["tau_h"])[core].sum() / w[core].sum(),
        ),
    }
    print(COMM.size, iterations, {name: (*pair, pair[0] / pair[1] - 1) for name, pair in pairs.items()})
    for name, tolerance in TOLERANCE.items():
        ours, theirs = pairs[name]
        assert ours == pytest.approx(theirs, rel=tolerance), name
    assert (sphere.p > 0).any() and (sphere.p == 0).any()
    content = sc.integral(body.setting, body.lithium.content())
    passed = content / CHARGE / body.volume - START
    assert passed == pytest.approx(SHARE * np.pi * RADIUS**3 / 6 / body.volume, rel=1e-10)
