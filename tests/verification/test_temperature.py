"""A cell at 60 degC with activation energies is the cell whose transport and kinetics were multiplied by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import support_coupled as sc
from support_sphere import sphere_case
from test_separator import columns

WARM, REFERENCE = 333.15, 313.15  # K
# Place, value, unit, activation energy [J/mol]: slow enough that each is worth millivolts.
THERMAL = (
    (("phases", "CAM", "lithium", "diffusivity"), 4e-15, "m^2/s", 25e3),
    (("phases", "SE", "conduction", "conductivity"), 2e-3, "S/m", 34e3),
    (("interfaces", 0, "charge_transfer", "exchange_current_density"), 1.0, "A/m^2", 45e3),
)


def potential(folder: Path, laws: bool, factors: bool) -> float:
    """Potential [V] after 100 s of charge at 60 degC, with activation energies or with values multiplied by hand."""
    case: Any = sphere_case("charge", 0.9, [100.0])
    case["cell"]["temperature"] = f"{WARM} K"
    case["stack"] |= {"separator": "z-", "collector": "z+"}
    for (*above, last), value, unit, energy in THERMAL:
        block = case
        for key in above:
            block = block[key]
        factor = math.exp(-energy / sc.GAS * (1.0 / WARM - 1.0 / REFERENCE)) if factors else 1.0
        block[last] = {"value": f"{value * factor!r} {unit}"}
        if laws:
            law = {"activation_energy": f"{energy} J/mol", "reference_temperature": f"{REFERENCE} K"}
            block[last] |= law
    model = sc.model_of(folder, case, columns(2), ["electrochemistry"])
    return sc.run(model).monitored()["potential"]


def test_activation_energies_reach_the_solver(shared_tmp_path: Path) -> None:
    by_law = potential(shared_tmp_path, laws=True, factors=False)
    by_hand = potential(shared_tmp_path, laws=False, factors=True)
    without = potential(shared_tmp_path, laws=False, factors=False)
    # The same numbers but for rounding of the factor; what Newton's method leaves at its tolerance is the same too.
    assert by_law == pytest.approx(by_hand, abs=1e-9)
    assert without - by_law > 5e-3
