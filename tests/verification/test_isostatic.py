"""Isostatic pressing, ramps and locked sides of an elastic block: closed forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc

from ssbmech.evolution import Evolution
from ssbmech.solve.stepping import Accepted, TimeStepper
from ssbmech_mesh.primitives import layered_block

MODULUS, POISSON, HEIGHT, WIDTH = 22_100.0, 0.37, 6.0, 4.0
BULK = MODULUS / (3 * (1 - 2 * POISSON))
LAME = MODULUS * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
OEDOMETRIC = MODULUS * (1 - POISSON) / ((1 + POISSON) * (1 - 2 * POISSON))
PRECISION = 1e-9
"""Relative; linear displacements are exact, what is left is the solver's tolerance."""


def block(folder: Path, programme: list[Any], **numerics: Any) -> Evolution:
    """A block of one material, pressed through ``programme``; not yet run."""
    case = {
        "title": "block",
        "phases": {
            "SE": {
                "regions": ["se"],
                "elasticity": {"youngs_modulus": f"{MODULUS} MPa", "poisson_ratio": POISSON},
            }
        },
        "programme": programme,
        "numerics": {"newton": {"tolerance": 1e-11}, "time_step": {"initial": "20 s"}, **numerics},
    }
    tagged = sc.written_mesh(
        folder, "block", lambda path: layered_block(path, [WIDTH, WIDTH], [HEIGHT], ["se"], [2, 2, [3]])
    )
    return Evolution(sc.model_of(folder, case, tagged))


def plates(evolution: Evolution) -> dict[str, float]:
    """Displacements of all plates [µm], outward, and their pressures [MPa]."""
    names = ("platen_displacement", "side_displacement_x", "side_displacement_y")
    values = {name: float(evolution.model.setting[name].value.x.array[0]) for name in names}
    return {**values, "pressure": evolution.stack_pressure(), "side_pressure": evolution.side_pressure()}


def run(evolution: Evolution) -> list[dict[str, float]]:
    """The plates at the end of every step of the programme."""
    seen = []
    evolution.equilibrate()
    for accepted in TimeStepper(evolution, evolution.control(), lambda line: None).run(evolution.segments()):
        if accepted.ended is not None:
            seen.append(plates(evolution))
    return seen


@pytest.mark.parametrize("solver", ["direct", "field_split"])
def test_isostatic_pressing_and_a_release_between_locked_sides(shared_tmp_path: Path, solver: str) -> None:
    """Under the same pressure on all sides every length shrinks by P/(3K); sides that then stay keep a part of the pressure."""
    pressure = 370.0
    programme = ["press isostatically to 370 MPa in 60 s", "release to 5 MPa in 60 s", "rest 60 s"]
    evolution = block(shared_tmp_path, programme, linear_solver=solver)
    pressed, released, rested = run(evolution)
    strain = -pressure / (3 * BULK)
    assert pressed["platen_displacement"] == pytest.approx(strain * HEIGHT, rel=PRECISION)
    for side in ("side_displacement_x", "side_displacement_y"):
        assert pressed[side] == pytest.approx(strain * WIDTH, rel=PRECISION)
        assert released[side] == pytest.approx(strain * WIDTH, rel=PRECISION)
    assert pressed["side_pressure"] == pytest.approx(pressure, rel=PRECISION)
    opened = (pressure - 5.0) / OEDOMETRIC
    assert released["platen_displacement"] == pytest.approx((strain + opened) * HEIGHT, rel=PRECISION)
    assert released["pressure"] == pytest.approx(5.0, rel=PRECISION)
    assert released["side_pressure"] == pytest.approx(pressure - LAME * opened, rel=PRECISION)
    assert rested == pytest.approx(released, rel=PRECISION)
    # The work of the plates, those of the sides included, is the elastic energy.
    balance = evolution.ledger._close()
    energy = 0.5 * pressure**2 / BULK * HEIGHT * WIDTH**2
    left = 0.5 * OEDOMETRIC * opened**2 * HEIGHT * WIDTH**2 - pressure * opened * HEIGHT * WIDTH**2
    assert balance.energy["elastic_energy"] == pytest.approx(energy + left, rel=1e-8)
    assert balance.mechanical_error < 1e-8


def test_a_ramp_begins_at_the_present_pressure(shared_tmp_path: Path) -> None:
    """Up to 100 MPa, on to 300 MPa, back to 100 MPa from all sides, and held; each plate ramps from its own pressure."""
    programme = [
        "press to 100 MPa in 60 s",
        "press to 300 MPa in 60 s",
        "press isostatically to 100 MPa in 60 s",
        "rest 60 s",
    ]
    evolution = block(shared_tmp_path, programme)
    found = []

    def note(evolution: Evolution, accepted: Accepted) -> None:
        found.append((accepted.time, evolution.stack_pressure(), evolution.side_pressure()))

    sc.run(evolution.model, note)
    lateral = LAME / OEDOMETRIC
    corners = [0.0, 60.0, 120.0, 180.0, 240.0]
    assert len(found) == 12
    for time, pressure, side in found:
        assert pressure == pytest.approx(
            np.interp(time, corners, [0.0, 100.0, 300.0, 100.0, 100.0]), rel=PRECISION
        )
        sides = [0.0, 100.0 * lateral, 300.0 * lateral, 100.0, 100.0]
        assert side == pytest.approx(np.interp(time, corners, sides), rel=PRECISION)
