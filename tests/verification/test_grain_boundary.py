"""Lithium between bodies of one phase, and faces inside a particle told from faces between particles.

Two layers of active material that are each uniform (diffusion across a layer is faster by six orders)
exchange lithium through their common face. With U(x) = U₀ − k x the potential's jump is k (x₁ − x₂), and

    q h₁ dx₁/dt = −g k (x₁ − x₂) = −q h₂ dx₂/dt        Δ = x₁ − x₂ decays with λ = g k/q (1/h₁ + 1/h₂)

A backward-Euler step of dt divides Δ by 1 + λ dt.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc

from ssbmech.case.curves import ConstantCurve, LinearCurve
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import Bodies, assign_bodies
from ssbmech.domain.interfaces import GRAIN_BOUNDARY, find_interfaces
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.lithium_transfer import LithiumTransfer
from ssbmech_mesh.primitives import layered_block

CHARGE, SLOPE, CONDUCTANCE = 4741.0, 0.8, 3.0  # pC/um^3, V, S/m^2
HEIGHTS, STEP = (1.0, 2.5), 400.0  # um, s
CONTACT, BOUNDARY = ("CAM", "CAM"), ("CAM", "CAM", GRAIN_BOUNDARY)


def stack(folder: Path) -> TaggedMesh:
    return sc.written_mesh(
        folder,
        "stack",
        lambda path: layered_block(path, [2.0, 2.0], [*HEIGHTS, 1.0], ["g1", "g2", "p2"], [2, 2, [2, 3, 1]]),
    )


def with_particles(tagged: TaggedMesh) -> Bodies:
    """Layers 1 and 2 are grains of one particle, layer 3 is another particle."""
    bodies = assign_bodies(tagged, {"CAM": ["*"]})
    particle = {"g1": 0, "g2": 0, "p2": 1}
    return replace(bodies, particle=np.array([particle[body.name] for body in bodies.bodies]))


def test_faces_inside_a_particle_have_their_own_law(shared_tmp_path: Path) -> None:
    """One face of 2 x 2 um lies inside a particle, one between particles; without an entry of its own it counts as the latter."""
    tagged = stack(shared_tmp_path)
    bodies = with_particles(tagged)
    setting, _ = make_setting(tagged, bodies, [BOUNDARY, CONTACT], {"stoichiometry": ["CAM"]})
    for pair in (BOUNDARY, CONTACT):
        assert sc.integral(setting, 1.0 * setting.dS(pair)) == pytest.approx(4.0, rel=1e-13)
    alone = find_interfaces(tagged.mesh, bodies, [CONTACT])
    both = find_interfaces(tagged.mesh, bodies, [BOUNDARY, CONTACT])
    assert alone.facets.size == both.facets.size
    assert (
        sc.COMM.allreduce(int(np.sum(both.pair == 0))) == 8 == sc.COMM.allreduce(int(np.sum(both.pair == 1)))
    )


@pytest.mark.parametrize("blocked", [False, True])
def test_lithium_crosses_a_grain_boundary(shared_tmp_path: Path, blocked: bool) -> None:
    tagged = stack(shared_tmp_path)
    bodies = with_particles(tagged)
    fields = {"stoichiometry": ["CAM"], "stress_potential": ["CAM"]}
    setting, _ = make_setting(tagged, bodies, [BOUNDARY, CONTACT], fields)
    x = setting["stoichiometry"]
    # So fast that a layer stays uniform to g k L/(q D) = 1e-6; faster still, rounding would keep Newton's method from converging.
    lithium = Lithium(
        setting, "CAM", CHARGE, LinearCurve(slope=-SLOPE, zero=4.0), ConstantCurve(value=1e3),
        "from_open_circuit_potential", 0.0257,
    )  # fmt: skip
    passage = LithiumTransfer(
        setting, BOUNDARY, (lithium, lithium), 0.0 if blocked else CONDUCTANCE, ContactLaw()
    )
    start = {"g1": 0.3, "g2": 0.7, "p2": 0.5}
    by_body = np.array([start[body.name] for body in bodies.bodies] + [0.5])  # the last serves the void dof
    x.value.x.array[:] = by_body[x.broken.body_of_dof]
    x.accept()
    setting.time_step.value = STEP
    system = sc.solver_of(
        setting, [lithium, passage], {}, {"stoichiometry": CONDUCTANCE * 4.0, "stress_potential": 1.0}, 1e-8
    )
    before = sc.integral(setting, lithium.content())
    for _ in range(5):
        system.solve()
        x.accept()

    def mean(name: str) -> float:
        number = next(body.number for body in bodies.bodies if body.name == name)
        mine = x.value.x.array[: x.broken.owned][x.broken.body_of_dof[: x.broken.owned] == number]
        low, high = (
            sc.COMM.allreduce(v, op)
            for v, op in ((mine.min(initial=9.0), sc.MPI.MIN), (mine.max(initial=-9.0), sc.MPI.MAX))
        )
        assert high - low < 2e-6
        return float(0.5 * (low + high))

    rate = 0.0 if blocked else CONDUCTANCE * SLOPE / CHARGE * sum(1.0 / h for h in HEIGHTS)
    expected = (start["g1"] - start["g2"]) / (1.0 + rate * STEP) ** 5
    # Layers that are uniform to 1e-6.
    assert mean("g1") - mean("g2") == pytest.approx(expected, abs=2e-6)
    assert blocked or abs(expected) < 0.2
    assert mean("p2") == pytest.approx(0.5, abs=1e-9)
    assert sc.integral(setting, lithium.content()) == pytest.approx(before, rel=1e-9)
    power: Any = passage.energies()[0].form
    assert blocked or sc.integral(setting, power) == pytest.approx(
        CONDUCTANCE * (SLOPE * expected) ** 2 * 4.0, rel=1e-6
    )
