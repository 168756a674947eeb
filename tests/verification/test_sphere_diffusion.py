"""V01, V02: lithium in a sphere under a constant flux and under a constant surface concentration, against their series.

Series: H. S. Carslaw and J. C. Jaeger, Conduction of Heat in Solids, 2nd ed. (1959), section 9.3 and 9.8; J. Crank, The Mathematics
of Diffusion, 2nd ed. (1975), section 6.3.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import ufl
from scipy.optimize import brentq

from ssbmech.case.curves import ConstantCurve, LinearCurve
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.setting import Setting
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem
from ssbmech.stack.boundary import face_dofs
from ssbmech_mesh.primitives import concentric_octant

RADIUS, DIFFUSIVITY = 5.0, 0.01  # um, um^2/s
MAXIMUM, START, CURRENT = 50000.0, 20000.0, 0.5  # mol/m^3, mol/m^3, A/m^2 into the sphere
CHARGE = sc.FARADAY * 1e-6 * MAXIMUM  # pC/um^3 at x = 1
SCALE = CURRENT * RADIUS / (DIFFUSIVITY * CHARGE)
"""jR/D, in units of x."""

# Roots of tan(l) = l, one in each interval (n pi, (n + 1/2) pi).
ROOTS = [brentq(lambda z: np.sin(z) - z * np.cos(z), n * np.pi, (n + 0.5) * np.pi) for n in range(1, 13)]


def flux_profile(s: Any, tau: float, sin: Any = np.sin) -> Any:
    """V01, (c - c0)/(jR/D) at radius s R > 0 and time tau R^2/D."""
    series = sum(sin(z * s) * float(np.exp(-z * z * tau) / (z * z * np.sin(z))) for z in ROOTS)
    return 3 * tau + s * s / 2 - 3 / 10 - 2 * series / s


def dirichlet_profile(s: Any, tau: float, sin: Any = np.sin) -> Any:
    """V02, (c - c0)/(cs - c0)."""
    terms = (
        sin(n * np.pi * s) * float((-1) ** n / n * np.exp(-((n * np.pi) ** 2) * tau)) for n in range(1, 13)
    )
    return 1 + 2 / np.pi / s * sum(terms)


def uptake(tau: float) -> float:
    """V02, lithium taken up over that at the end."""
    n = np.arange(1, 200)
    return float(1 - 6 / np.pi**2 * (np.exp(-((n * np.pi) ** 2) * tau) / n**2).sum())


def test_series_against_tables() -> None:
    # Independent finite volumes in radius, extrapolated.
    assert flux_profile(np.array([1e-6, 0.5, 1.0]), 0.1) == pytest.approx(
        [0.05987817, 0.14613751, 0.48676169], abs=1e-8
    )
    assert dirichlet_profile(np.array([1e-6, 0.5, 0.9]), 0.1) == pytest.approx(
        [0.29289965, 0.52551254, 0.91449379], abs=1e-8
    )
    assert uptake(0.1) == pytest.approx(0.7704787380, abs=1e-9)


def octant(folder: Path, cells: int) -> TaggedMesh:
    size = RADIUS / cells
    return sc.written_mesh(
        folder, f"octant{cells}", lambda path: concentric_octant(path, RADIUS, None, [size, size], ["solid"])
    )


class Sphere:
    """One octant, stress-free, either with a flux through its surface or with the concentration given there."""

    def __init__(self, tagged: TaggedMesh, dirichlet: bool) -> None:
        self.setting: Setting = sc.one_body(tagged, ["stoichiometry", "stress_potential"])
        self.x = self.setting["stoichiometry"]
        self.lithium = Lithium(
            self.setting,
            "solid",
            CHARGE,
            LinearCurve(slope=-1.0, zero=4.0),
            ConstantCurve(value=DIFFUSIVITY),
            "from_open_circuit_potential",
            0.0257,
        )
        terms: list[Any] = [self.lithium]
        constraints = {}
        # The polyhedron has the volume of the octant, and the flux is given so that the charge is that of the sphere too.
        self.total = CURRENT * np.pi * RADIUS**2 / 2
        if dirichlet:
            dofs = face_dofs(tagged, self.x.broken, "outer")
            constraints["stoichiometry"] = Constraints(dofs, np.full(dofs.size, START / MAXIMUM + SCALE))
        else:
            area = sc.integral(self.setting, 1.0 * self.setting.ds("outer"))
            rows = {"stoichiometry": -self.total / area * self.x.test * self.setting.ds("outer")}
            terms.append(sc.Added(rows))
        volume = np.pi * RADIUS**3 / 6
        references = {"stoichiometry": self.total, "stress_potential": volume}
        self.system: CoupledSystem = sc.solver_of(self.setting, terms, constraints, references)

    def content(self) -> float:
        return sc.integral(self.setting, self.lithium.content())

    def march(self, tau: float, steps: int) -> np.ndarray:
        """Fields of x after ``steps`` equal steps from the uniform start (a copy)."""
        self.x.value.x.array[:] = START / MAXIMUM
        self.x.accept()
        self.setting.time_step.value = tau * RADIUS**2 / DIFFUSIVITY / steps
        for _ in range(steps):
            self.system.solve()
            self.x.accept()
        return self.x.value.x.array.copy()

    def extrapolated(self, tau: float, steps: int) -> None:
        """Put the field without its first- and second-order error in time into x."""
        coarse, middle, fine = (self.march(tau, steps * 2**k) for k in range(3))
        self.x.value.x.array[:] = (coarse - 6 * middle + 8 * fine) / 3

    def error(self, profile: Any, tau: float) -> float:
        """L2 error relative to the L2 norm of the exact change."""
        r = ufl.SpatialCoordinate(self.setting.mesh)
        s = ufl.sqrt(ufl.dot(r, r)) / RADIUS
        exact = profile(s, tau, ufl.sin)
        dx = sc.volume_measure(self.setting, 4)
        ours = (self.x.value - START / MAXIMUM) / SCALE
        return float(
            np.sqrt(
                sc.integral(self.setting, (ours - exact) ** 2 * dx) / sc.integral(self.setting, exact**2 * dx)
            )
        )


def test_v01_space(shared_tmp_path: Path) -> None:
    """P1 converges with order 2 in L2; the flux brings in exactly the lithium that it should."""
    errors = []
    for cells in (3, 6, 12):
        sphere = Sphere(octant(shared_tmp_path, cells), dirichlet=False)
        sphere.extrapolated(0.1, 15)
        errors.append(sphere.error(flux_profile, 0.1))
        before = CHARGE * START / MAXIMUM * np.pi * RADIUS**3 / 6
        passed = sphere.total * 0.1 * RADIUS**2 / DIFFUSIVITY
        assert abs(sphere.content() - before - passed) < 1e-10 * passed
    assert errors[-1] < 3e-3
    # Measured 1.79 and 2.06: three cells along the radius are not yet asymptotic.
    assert min(sc.orders(errors)) > 1.7 and sc.orders(errors)[-1] > 1.9


def test_v01_time(shared_tmp_path: Path) -> None:
    """Backward Euler converges with order 1: differences of successive halvings halve."""
    sphere = Sphere(octant(shared_tmp_path, 4), dirichlet=False)
    fields = [sphere.march(0.2, steps) for steps in (10, 20, 40, 80)]
    owned = sphere.x.broken.owned
    differences = [
        np.sqrt(sc.COMM.allreduce(float(((a - b)[:owned] ** 2).sum()))) for a, b in itertools.pairwise(fields)
    ]
    # Measured 1.06 and 1.04.
    assert sc.orders(differences) == pytest.approx([1.0, 1.0], abs=0.1)


def test_v02_uptake(shared_tmp_path: Path) -> None:
    """Uptake under a constant surface concentration to 0.1 %, profile to order 2."""
    errors, uptakes = [], []
    for cells in (10, 20):
        sphere = Sphere(octant(shared_tmp_path, cells), dirichlet=True)
        sphere.extrapolated(0.1, 6)
        errors.append(sphere.error(dirichlet_profile, 0.1))
        volume = np.pi * RADIUS**3 / 6
        uptakes.append((sphere.content() / CHARGE / volume - START / MAXIMUM) / SCALE / uptake(0.1) - 1)
    assert sc.orders(errors)[0] > 1.9
    assert abs(uptakes[-1]) < 1e-3
