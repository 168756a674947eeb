"""V11: cracks that grow along a cohesive interface in two dimensions: a long clamped strip, and a double cantilever beam.

(a) Strip of half height H between grips that move by ±U, with a long crack: G = M U²/H does not depend on the length of the crack, so that
it grows at U_c = (G_c H/M)^½ and stands below. With the bond's stiffness K the layers in series are a little softer,
G = U²/(H/M + 1/2K). The strength must exceed the stress of the whole strip at U_c, here 31 MPa.

(b) Beams of thickness h pulled apart at their ends. Beam theory: P = (G_c E I)^¾ (2/(3 E I δ))^½ while the crack grows; the
reference is a beam on a cohesive foundation, in plane stress. Plane strain with ν' = ν/(1 + ν), E' = E (1 + 2ν)/(1 + ν)² is the
plane stress of (E, ν).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import ufl
from support_mechanics import COMM, SE, Laminate, oedometric, shared_mesh

from ssbmech import compat
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech_mesh.primitives import layered_block

PAIR = ("low", "high")
TOUGHNESS = 0.5  # J/m2


def strips(
    folder: Path,
    elasticity: IsotropicElasticity,
    law: CohesiveLaw,
    length: float,
    heights: Sequence[float],
    n: tuple[int, Sequence[int]],
    crack: float,
) -> Laminate:
    """Two equal bodies of layers ``heights``, given from the interface outwards, with a crack over x < ``crack``; quadratic elements."""
    layers = [*heights[::-1], *heights]
    names = ["low"] * len(heights) + ["high"] * len(heights)
    cells = [n[0], [*n[1][::-1], *n[1]]]
    tagged = shared_mesh(
        folder / "strips.msh", lambda path: layered_block(path, [length], layers, names, cells)
    )
    problem = Laminate(tagged, {"low": elasticity, "high": elasticity}, {PAIR: law}, 2)
    problem.damage.x.array[:] = np.where(along(problem) < crack, 1.0, 0.0)
    return problem


def along(problem: Laminate) -> np.ndarray:
    """x of the interface points [µm]."""
    interface = problem.setting.interface_mesh
    assert interface is not None
    q = ufl.TestFunction(interface.space)("+")
    x = ufl.SpatialCoordinate(problem.tagged.mesh)("+")[0]
    weight = problem._assembled(compat.form((1.0 + 0.0 * x) * q * problem.setting.dS(PAIR), problem._maps))
    moment = problem._assembled(compat.form(x * q * problem.setting.dS(PAIR), problem._maps))
    return moment / np.maximum(weight, 1e-300)


def cohesive_zone(problem: Laminate) -> float:
    """Length over which the bond softens, from the first to 99 % of its energy [µm]."""
    term, damage = problem.cohesion[PAIR], problem.damage("+")
    _, mixity = term.law.effective(term.jump, term.normal)
    softening = ufl.And(ufl.gt(damage, 0.0), ufl.lt(term.law.broken_fraction(damage, mixity), 0.99))
    return problem.integral(ufl.conditional(softening, 1.0, 0.0) * problem.setting.dS(PAIR))


def grip_force(problem: Laminate, dofs: np.ndarray) -> float:
    """Force per depth that moves prescribed dofs [µN/µm = N/m]."""
    idle = problem.system.numbering.idle["displacement"]
    rows = problem.system.reactions["displacement"][np.isin(idle, dofs)]
    return COMM.allreduce(float(rows.sum()))


# -- (a) clamped strip -------------------------------------------------------------------------------------------------

H, LENGTH, CRACK = 20.0, 160.0, 60.0
CELL = 1.0
STRIP = CohesiveLaw(1e6, 1e6, 42.0, TOUGHNESS, 42.0, TOUGHNESS, viscosity=1.0, residual_stiffness=0.0)
RELEASED = 1.0 / (H / oedometric(SE) + 0.5 / STRIP.stiffness)  # G/U² [MPa/um]
CRITICAL = float(np.sqrt(TOUGHNESS / RELEASED))


def clamped(folder: Path, law: CohesiveLaw) -> Laminate:
    """The strip between grips; its ends cannot widen, so that far from the tip the strain is uniaxial up to them."""
    problem = strips(folder, SE, law, LENGTH, [4.0, 16.0], (round(LENGTH / CELL), [4, 4]), CRACK)
    grips = [problem.dofs(face, axis) for face in ("y-", "y+") for axis in (0, 1)]
    problem.constrain([*grips, problem.dofs("x-", 0), problem.dofs("x+", 0)])
    return problem


def pull(problem: Laminate, share: float) -> None:
    """Move the grips to a share of U_c and take one time step."""
    problem.prescribe(problem.dofs("y-", 1), -share * CRITICAL)
    problem.prescribe(problem.dofs("y+", 1), share * CRITICAL)
    problem.solve()


def test_published_numbers_of_the_strip() -> None:
    assert oedometric(SE) * 0.02**2 / H == pytest.approx(0.781752, rel=1e-6)
    assert np.sqrt(TOUGHNESS * H / oedometric(SE)) == pytest.approx(15.99486e-3, rel=1e-6)
    assert pytest.approx(15.99486e-3, rel=1e-3) == CRITICAL


def test_energy_released_does_not_depend_on_the_crack(shared_tmp_path: Path) -> None:
    """Difference of the elastic energies of cracks of different lengths, the grips at rest: G = M U²/H to 0.3 %, as in an endless strip."""
    problem = clamped(shared_tmp_path, CohesiveLaw(STRIP.stiffness, STRIP.stiffness, residual_stiffness=0.0))
    x, stored = along(problem), []
    for crack in (60.0, 80.0, 100.0):
        problem.damage.x.array[:] = np.where(x < crack, 1.0, 0.0)
        pull(problem, 1.0)
        stored.append(problem.energy["stored"])
    released = -np.diff(stored) / 20.0
    print(released / TOUGHNESS - 1)
    assert released == pytest.approx(TOUGHNESS, rel=3e-3)


def test_crack_stands_below_and_grows_above_the_critical_displacement(shared_tmp_path: Path) -> None:
    """3 % below U_c the crack comes to rest, 2 % above it grows steadily; what it releases is M U²/H of its advance to 1 %.

    The viscosity, a thirtieth of the time step, takes what M U²/H exceeds G_c by; with it the speed is finite. The crack passes a
    cell in one to two steps, which repeats every three steps, 2 µm.
    """
    problem = clamped(shared_tmp_path, STRIP)
    problem.setting.time_step.value = 30.0
    crack, energies = [], []

    def step(share: float) -> None:
        pull(problem, share)
        crack.append(CRACK + problem.energy["fracture_dissipation"] / TOUGHNESS)
        energies.append(
            [problem.energy[k] for k in ("stored", "fracture_dissipation", "viscous_dissipation")]
        )

    for share in (0.9, *[0.97] * 7):
        step(share)
    assert crack[-1] < CRACK + 2 * CELL
    assert crack[-1] - crack[-2] < 0.01 * CELL
    for _ in range(12):
        step(1.02)
    speed = np.diff(crack)[-6:].reshape(2, 3).sum(axis=1)
    advance = crack[-1] - crack[-7]
    stored, fracture, viscous = np.array(energies[-1]) - np.array(energies[-7])
    print(
        speed,
        -stored / advance / (RELEASED * (1.02 * CRITICAL) ** 2),
        (fracture + viscous) / -stored,
        cohesive_zone(problem),
    )
    assert cohesive_zone(problem) >= 5 * CELL
    assert speed[1] == pytest.approx(speed[0], rel=0.02)
    assert advance > 3 * CELL
    assert -stored / advance == pytest.approx(RELEASED * (1.02 * CRITICAL) ** 2, rel=0.01)
    assert fracture + viscous == pytest.approx(-stored, rel=0.01)


# -- (b) double cantilever beam ----------------------------------------------------------------------------------------

YOUNG, POISSON = 22.1e3, 0.37  # MPa, -; of the material in plane stress
ARM = IsotropicElasticity(YOUNG * (1 + 2 * POISSON) / (1 + POISSON) ** 2, POISSON / (1 + POISSON))
DEPTH, NOTCH, SPAN = 10.0, 60.0, 150.0  # um; the crack ends 4 h before the far end, which it does not feel
INERTIA = DEPTH**3 / 12
TAIL = {
    2.5: 11.31570389866829,
    3.0: 10.329055950045586,
    4.0: 8.944437939673662,
    5.0: 7.999725013971329,
}  # um -> N/m
BEAM = CohesiveLaw(2e3, 2e3, 20.0, TOUGHNESS, 20.0, TOUGHNESS, residual_stiffness=0.0)


def beam_theory(opening: float) -> float:
    """Force per depth [N/m] of a growing crack at an opening of the ends [µm]."""
    stiffness = YOUNG * INERTIA
    return float((TOUGHNESS * stiffness) ** 0.75 * np.sqrt(2 / (3 * stiffness * opening)))


def test_plane_strain_constants_are_those_of_plane_stress() -> None:
    assert ARM.youngs_modulus / (1 - ARM.poisson_ratio**2) == pytest.approx(YOUNG, rel=1e-12)
    assert ARM.shear_modulus == pytest.approx(YOUNG / (2 * (1 + POISSON)), rel=1e-12)
    assert beam_theory(5.0) == pytest.approx(7.9983, rel=1e-4)
    assert beam_theory(1.2505202537253747) == pytest.approx(15.99334352276087, rel=1e-6)


def notched_beams(folder: Path, cells: int) -> tuple[Laminate, np.ndarray, np.ndarray]:
    """The beams, and the dofs by which the ends of the lower and of the upper one are pulled: free to turn, the far end is not."""
    problem = strips(folder, ARM, BEAM, SPAN, [2.0, DEPTH - 2.0], (cells, [2, 2]), NOTCH)
    ends = problem.dofs("x-", 1)
    upper = problem.setting["displacement"].broken.body_of_dof[ends // 2] == 1
    problem.constrain([ends, problem.dofs("x+", 0)])
    return problem, ends[~upper], ends[upper]


def test_double_cantilever_beam(shared_tmp_path: Path) -> None:
    """Peak and tail of P(δ) against the beam on a cohesive foundation; work against stored and fracture energy to 1 %.

    The solid adds shear of the arms and the turning of their roots, which soften the rise and leave the tail nearly as it is.
    """
    problem, low, high = notched_beams(shared_tmp_path, 225)
    forces, work, before = [], 0.0, 0.0
    openings = np.array([0.0, *np.linspace(0.6, 5.0, 45)])  # linear up to the first
    for step, opening in zip(np.diff(openings), openings[1:], strict=True):
        problem.prescribe(low, -0.5 * opening)
        problem.prescribe(high, 0.5 * opening)
        problem.solve()
        force = grip_force(problem, high)
        assert grip_force(problem, low) == pytest.approx(-force, rel=1e-8)
        work += 0.5 * (force + before) * step
        before = force
        forces.append(force)
    peak = int(np.argmax(forces))
    energy = problem.energy
    balance = (energy["fracture_dissipation"] + energy["stored"]) / work - 1
    tail = {delta: forces[round(10 * delta) - 6] / force - 1 for delta, force in TAIL.items()}
    print(openings[peak + 1], forces[peak] / 13.73298 - 1, tail, balance, cohesive_zone(problem))
    assert openings[peak + 1] == pytest.approx(1.65, abs=0.1)
    assert forces[peak] == pytest.approx(13.73298, rel=0.05)
    assert forces[-1] == pytest.approx(beam_theory(5.0), rel=0.05)
    assert max(map(abs, tail.values())) < 0.05
    assert cohesive_zone(problem) > 5 * SPAN / 225
    assert energy["viscous_dissipation"] == 0.0
    assert abs(balance) < 0.01
