"""A planar cell whose programmes have closed forms: linear open-circuit potential, one layer of active material."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import support_coupled as sc
from test_planar_cell import planar_case

from ssbmech.evolution import Evolution
from ssbmech.model import Model
from ssbmech.solve.stepping import Accepted
from ssbmech_mesh.primitives import layered_block

THERMAL = sc.GAS * 298.15 / sc.FARADAY
SLOPE, INTERCEPT = 1.0, 4.4
"""U(x) = INTERCEPT - SLOPE x [V]."""
START, MAXIMUM, DENSITY = 0.9, 50_000.0, 4.78
LENGTHS = (10.0, 5.0)
"""Electrolyte and active material [µm]."""
STORAGE = sc.FARADAY * MAXIMUM * LENGTHS[1] * 1e-6
"""q: charge of the sites per cross-section [C/m²]."""
ELECTRONIC = 100.0
"""Conductivity of the active material [S/m]."""
NOMINAL = 200.0
ONE_C = NOMINAL * DENSITY * LENGTHS[1] * 1e-3
"""1C per cross-section [A/m²]: mAh/g times g/cm³ times µm is mA h/m²."""


@dataclass(frozen=True)
class State:
    """What a test sees of an accepted step."""

    programme_step: int
    time: float
    time_step: float
    voltage: float
    current_density: float
    charge: float
    ended: str | None


def cell(
    folder: Path,
    programme: Sequence[Any],
    conductivity: float = 1e3,
    exchange: float = 1e5,
    diffusivity: float = 1e-10,
    layers: int = 2,
    maximum_step: float = 60.0,
    tolerance: float = 1e-8,
    physics: Sequence[str] | None = ("electrochemistry",),
    **changes: Any,
) -> Model:
    """Planar cell: [S/m], [A/m²], [m²/s]; by default without losses and with uniform lithium."""
    case = planar_case(programme=list(programme))
    lithium = case["phases"]["CAM"]["lithium"]
    lithium |= {
        "open_circuit_potential": {"expression": f"{INTERCEPT} - {SLOPE}*x", "unit": "V"},
        "diffusivity": f"{diffusivity} m^2/s",
        "initial_stoichiometry": START,
        "maximum_concentration": f"{MAXIMUM} mol/m^3",
    }
    case["phases"]["CAM"]["conduction"]["conductivity"] = f"{ELECTRONIC} S/m"
    case["phases"]["SE"]["conduction"]["conductivity"] = f"{conductivity} S/m"
    case["interfaces"][0]["charge_transfer"] = {"exchange_current_density": f"{exchange} A/m^2"}
    case["cell"]["nominal_capacity"] = f"{NOMINAL} mAh/g"
    case["numerics"] = {
        "newton": {"tolerance": tolerance},
        "time_step": {"initial": f"{min(1.0, maximum_step)} s", "maximum": f"{maximum_step} s"},
    }
    for key, value in changes.items():
        case[key] = {**case[key], **value} if isinstance(case.get(key), dict) else value
    tagged = sc.written_mesh(
        folder,
        "programme",
        lambda path: layered_block(path, [4.0, 4.0], list(LENGTHS), ["se", "cam"], [1, 1, [1, layers]]),
    )
    return sc.model_of(folder, case, tagged, physics)


def states(model: Model) -> tuple[Evolution, list[State]]:
    """Run the programme; every accepted step."""
    seen: list[State] = []

    def note(evolution: Evolution, accepted: Accepted) -> None:
        seen.append(
            State(
                accepted.segment.number,
                accepted.time,
                accepted.time_step,
                evolution.monitored()["voltage"],
                model.current() / model.area,
                evolution.charge_at_end() / model.area,
                accepted.ended,
            )
        )

    return sc.run(model, note), seen


def ends(seen: Sequence[State]) -> list[State]:
    """The last step of every programme step."""
    return [state for state in seen if state.ended is not None]


def overpotential(current: Any, conductivity: float, exchange: float) -> Any:
    """Loss [V] at a current density: conduction in both layers, charge transfer."""
    resistance = LENGTHS[0] * 1e-6 / conductivity + LENGTHS[1] * 1e-6 / ELECTRONIC
    return current * resistance + 2 * THERMAL * np.arcsinh(0.5 * current / exchange)
