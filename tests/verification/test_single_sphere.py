"""V22, V26: one particle with Butler-Volmer kinetics at a given current; charge counted as lithium.

Reference: finite volumes along the radius with adaptive time steps, extrapolated in the grid; the grids differ by 4e-7 V.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import support_coupled as sc
from support_sphere import ONE_C, RADIUS, sphere_case

from ssbmech.domain.mesh import TaggedMesh
from ssbmech.evolution import Evolution
from ssbmech_mesh.primitives import concentric_octant

SHELL = 5.5  # um

REFERENCE = {
    "discharge": (0.3, {600.0: 4.056646095, 2400.0: 3.759330317, 4500.0: 3.536961965}),
    "charge": (0.9, {600.0: 3.682719734, 2400.0: 3.911968880, 4500.0: 4.238860408}),
}


def octant(folder: Path, surface: float = 0.4) -> TaggedMesh:
    """Sphere with a shell of electrolyte; finer where the concentration is curved."""
    sizes = [0.7, surface, 0.6]
    return sc.written_mesh(
        folder, "octant", lambda path: concentric_octant(path, RADIUS, SHELL, sizes, ["cam", "se"])
    )


def potentials(
    folder: Path,
    kind: str,
    tagged: TaggedMesh,
    numerics: dict[str, Any],
    mobility: str = "from_open_circuit_potential",
    until: float = 4500.0,
    **stack: str,
) -> dict[float, float]:
    """Errors of the potential [V] at the reference's times [s], with the balances checked at every step."""
    start, everything = REFERENCE[kind]
    reference = {time: value for time, value in everything.items() if time <= until}
    case = sphere_case(kind, start, list(reference))
    case["phases"]["CAM"]["lithium"]["mobility"] = mobility
    case["stack"] |= stack
    case["numerics"] |= numerics
    # The early profile changes fast, later it only moves.
    case["programme"][0]["maximum_time_step"] = "10 s"
    model = sc.model_of(folder, case, tagged, ["electrochemistry"])
    found: dict[float, float] = {}
    worst = [0.0, 0.0]

    def after(evolution: Evolution, accepted: Any) -> None:
        balance = evolution.balance()
        worst[:] = [max(worst[0], balance.lithium_error), max(worst[1], balance.charge_error)]
        if accepted.ended:
            found[round(accepted.time, 6)] = evolution.monitored()["potential"]

    evolution = sc.run(model, after)
    assert abs(evolution.charge) == pytest.approx(model.one_c() / ONE_C * until, rel=1e-9)
    assert max(worst) < 1e-10
    return {t: found[t] - value for t, value in reference.items()}


@pytest.mark.parametrize("kind", ["discharge", "charge"])
def test_v22_voltage(shared_tmp_path: Path, kind: str) -> None:
    """Potential to 0.5 mV where the radius is resolved, on a cone out of the sphere."""
    steps = {"time_step": {"initial": "2 s", "maximum": "30 s", "growth": 1.5}}
    cone = sc.narrow_cone(RADIUS, 80, 0.1)
    errors = potentials(shared_tmp_path, kind, cone, steps, separator="z+", collector="z-")
    # Measured 0.19 mV at 600 s (backward Euler), else below 0.11 mV.
    assert max(map(abs, errors.values())) < 0.5e-3


@pytest.mark.parametrize("mobility", ["from_open_circuit_potential", "ideal_solution", "dilute_solution"])
def test_v22_coarse_with_any_mobility(shared_tmp_path: Path, mobility: str) -> None:
    """Ten cells along the radius: without stress all mobilities are the same diffusion, also across the steep part of U(x)."""
    cone = sc.narrow_cone(RADIUS, 10, 0.1)
    steps = {"time_step": {"initial": "10 s", "maximum": "60 s", "growth": 1.5}}
    errors = potentials(shared_tmp_path, "charge", cone, steps, mobility, separator="z+", collector="z-")
    # Measured 0.35, 0.13, 0.15 mV, alike for all.
    assert max(map(abs, errors.values())) < 0.5e-3


@pytest.mark.parametrize("kind", ["discharge", "charge"])
def test_v22_on_an_octant(shared_tmp_path: Path, kind: str) -> None:
    """The same in three dimensions, with cells of a thirteenth of the radius at the surface."""
    steps = {"time_step": {"initial": "10 s", "maximum": "60 s", "growth": 1.5}}
    errors = potentials(shared_tmp_path, kind, octant(shared_tmp_path), steps)
    # Measured 0.36, 0.25, 0.30 mV on charge; on discharge 0.67 mV at 600 s, where the surface is still on the steep part
    # of U(x), then 0.14 mV. It comes from the size of the cells (see below); half the time step changes 0.01 mV.
    early = 0.8e-3 if kind == "discharge" else 0.5e-3
    assert abs(errors.pop(600.0)) < early
    assert max(map(abs, errors.values())) < 0.4e-3


@pytest.mark.slow
def test_v22_on_a_fine_octant(shared_tmp_path: Path) -> None:
    """Twentieths of the radius at the surface bring the first time of the discharge within 0.5 mV, too."""
    steps = {"time_step": {"initial": "10 s", "maximum": "60 s", "growth": 1.5}}
    errors = potentials(shared_tmp_path, "discharge", octant(shared_tmp_path, 0.25), steps, until=600.0)
    # Measured 0.54 mV at 0.32 um, 0.455 mV at 0.25 um.
    assert abs(errors[600.0]) < 0.5e-3


def test_v26_capacity(shared_tmp_path: Path) -> None:
    """Capacity and 1C current of the whole sphere, from all sites where no nominal capacity is given."""
    case = sphere_case("charge", 0.9, [10.0])
    case["programme"] = [{"rest": "1 s"}]
    del case["cell"]["nominal_capacity"]
    model = sc.model_of(shared_tmp_path, case, octant(shared_tmp_path), ["electrochemistry"])
    # The octant's polyhedron has the volume of the octant exactly: 2.52598e-6 C, 2.2335 A/m^2 for the whole sphere.
    assert 8 * model.one_c() == pytest.approx(701.6611355726, rel=1e-9)
    evolution = sc.run(model)
    assert 8 * evolution.ledger.lithium_content() == pytest.approx(0.9 * 2.525980088061361e6, rel=1e-9)
    assert pytest.approx(2.233456762037, rel=1e-9) == ONE_C
