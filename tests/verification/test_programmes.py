"""Programmes against closed forms: constant voltage and power, pulses, limits located in time, and charges that close.

A planar cell with a linear open-circuit potential U = U_0 - k x, per cross-section with the storage q. Without gradients of lithium

    constant voltage   q x' = -i,  V = U(x) + f(i),  f(i) = R i + 2 V_T asinh(i/2 i_0)
    constant power     q x' = -P/V

and where lithium has gradients, the series of one-dimensional diffusion into a layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support_coupled as sc
import support_programmes as sp
from scipy.integrate import quad
from scipy.optimize import brentq

from ssbmech.constants import MAH_PER_CM2
from ssbmech.evolution import Evolution
from ssbmech.solve.stepping import Accepted

EXCHANGE, CONDUCTIVITY = 2.0, 2e-3
LOSSLESS = {"conductivity": 10.0, "exchange": 1e4}
GRADIENT = 4e-6
"""V m²/A: loss by diffusion in the layer at D = 1e-10 m²/s, k L/(3 F c D) = 3.5e-6 V m²/A; the closed forms leave it out."""
LOCATED = 1e-6
"""Share of a time step to which limits are located (issue: ends located in time)."""


def potential(charge: float) -> float:
    """U after a charge [C/m²] has been passed."""
    return sp.INTERCEPT - sp.SLOPE * (sp.START - charge / sp.STORAGE)


def loss(current: float) -> float:
    return float(sp.overpotential(current, CONDUCTIVITY, EXCHANGE))


def decay_time(first: float, last: float) -> float:
    """Time in which the current of a hold falls from ``first`` to ``last``: q/k ∫ f'(i)/i di."""
    resistance = sp.LENGTHS[0] * 1e-6 / CONDUCTIVITY + sp.LENGTHS[1] * 1e-6 / sp.ELECTRONIC
    kinetic = (np.arcsinh(2 * EXCHANGE / last) - np.arcsinh(2 * EXCHANGE / first)) * sp.THERMAL / EXCHANGE
    return sp.STORAGE / sp.SLOPE * (resistance * np.log(first / last) + kinetic)


def test_decay_time_is_the_integral() -> None:
    slope = lambda i: (loss(i * (1 + 1e-6)) - loss(i * (1 - 1e-6))) / (2e-6 * i)  # noqa: E731
    numeric = sp.STORAGE / sp.SLOPE * quad(lambda i: slope(i) / i, 0.3, 2.0, epsrel=1e-10)[0]
    assert decay_time(2.0, 0.3) == pytest.approx(numeric, rel=1e-8)


def test_constant_voltage_decays_as_the_closed_form(shared_tmp_path: Path) -> None:
    """C/2 to 3.9 V, held until C/20: each step solves the implicit equation, and the time converges with the step to the closed form."""
    errors = []
    for step in (8.0, 4.0):
        programme = ["charge at C/2 to 3.9 V", {"hold": "3.9 V", "until": {"current": "C/20"}}]
        programme[1]["maximum_time_step"] = f"{step} s"  # type: ignore[index]
        model = sp.cell(shared_tmp_path, programme, CONDUCTIVITY, EXCHANGE)
        _, seen = sp.states(model)
        charged, held = sp.ends(seen)
        assert (charged.ended, held.ended) == ("voltage", "current")
        for state in (s for s in seen if s.programme_step == 1):
            assert state.voltage == pytest.approx(3.9, abs=1e-12)
            assert potential(state.charge) + loss(state.current_density) == pytest.approx(
                3.9, abs=GRADIENT * 2.4
            )
        assert held.current_density == pytest.approx(sp.ONE_C / 20, rel=1e-6)
        exact = decay_time(sp.ONE_C / 2, sp.ONE_C / 20)
        errors.append((held.time - charged.time) / exact - 1)
    # Backward Euler: the error is that of the first order, so two step lengths tell the rest (a thousandth of it is left by the second).
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.1)
    assert 2 * errors[1] - errors[0] == pytest.approx(0.0, abs=5e-4)


@pytest.mark.parametrize("kinetics", [None, 5.0])
def test_a_hold_follows_a_counter_electrode_that_moves(shared_tmp_path: Path, kinetics: float | None) -> None:
    """Cell voltage V = U(x) + f(i) - U_a(y) in every step of CC/CV, U_a falling with its own lithiation: n/p = 1.2.

    The hold keeps the difference, so the positive electrode is charged further while the negative one falls.
    """
    capacity, y0 = 1.2 * sp.STORAGE, 0.1  # C/m²
    counter = {
        "potential": {"expression": "0.6 - 0.4*y", "unit": "V"},
        "capacity": f"{capacity / MAH_PER_CM2} mAh/cm^2",
        "initial_lithiation": y0,
    }
    if kinetics is not None:
        counter["exchange_current_density"] = f"{kinetics} A/m^2"
    programme = ["charge at C/2 to 3.4 V", "hold at 3.4 V until C/20"]
    stack = {"counter_electrode": counter}
    model = sp.cell(shared_tmp_path, programme, CONDUCTIVITY, EXCHANGE, stack=stack)
    evolution, seen = sp.states(model)
    charged, held = sp.ends(seen)
    assert (charged.ended, held.ended) == ("voltage", "current")
    for state in seen[1:]:
        current = state.current_density
        negative = 0.6 - 0.4 * (y0 + state.charge / capacity)
        if kinetics is not None:
            negative -= 2 * sp.THERMAL * np.arcsinh(0.5 * current / kinetics)
        assert potential(state.charge) + loss(current) - negative == pytest.approx(
            state.voltage, abs=GRADIENT * 2.4
        )
        if state.programme_step == 1:
            assert state.voltage == pytest.approx(3.4, abs=1e-9)  # solved for, at a Newton tolerance of 1e-8
    # Both slopes work against the charge that passes in the hold.
    assert held.charge - charged.charge > 0.02 * sp.STORAGE
    moved = sp.START * sp.STORAGE - evolution.ledger.lithium_content() / model.area
    assert held.charge == pytest.approx(moved, rel=1e-10)


def test_charge_of_a_hold_is_that_of_the_lithium(shared_tmp_path: Path) -> None:
    """What flows in a hold follows from the solution; the charge counted is the charge moved."""
    model = sp.cell(
        shared_tmp_path, ["charge at C/2 to 3.9 V", "hold at 3.9 V until C/50"], CONDUCTIVITY, EXCHANGE
    )
    evolution, seen = sp.states(model)
    moved = sp.START * sp.STORAGE - evolution.ledger.lithium_content() / model.area
    assert seen[-1].charge == pytest.approx(moved, rel=1e-10)
    held = seen[-1].charge - sp.ends(seen)[0].charge
    assert held > 0.05 * seen[-1].charge


def test_constant_power_discharge(shared_tmp_path: Path) -> None:
    """Without losses q V' = -k P/V: V² = V_0² - 2 k P t/q. From 3.9 V at 10 W/m² to 3.6 V."""
    errors = []
    for step in (60.0, 30.0):
        programme = ["charge at 1C to 3.9 V", "discharge at 10 W/m^2 to 3.6 V"]
        model = sp.cell(shared_tmp_path, programme, maximum_step=step, **LOSSLESS)
        _, seen = sp.states(model)
        for state in (s for s in seen if s.programme_step == 1):
            assert state.voltage * state.current_density == pytest.approx(-10.0, rel=1e-8)
        charged, empty = sp.ends(seen)
        # The losses of LOSSLESS: 2.6 µV m²/A by conduction and kinetics, and the gradient.
        start = potential(charged.charge)
        exact = (start**2 - 3.6**2) * sp.STORAGE / (2 * sp.SLOPE * 10.0)
        errors.append((empty.time - charged.time) / exact - 1)
    assert abs(errors[0]) < 1e-3
    assert 2 * errors[1] - errors[0] == pytest.approx(0.0, abs=1e-4)


def test_power_ends_by_current_and_capacity(shared_tmp_path: Path) -> None:
    """At constant power the current grows as the voltage falls, and the charge follows from the solution."""
    programme = [
        "charge at 1C to 3.9 V",
        "discharge at 10 W/m^2 until 2.65 A/m^2",
        "charge at 10 W/m^2 to 0.005 mAh/cm^2",
        "discharge at 10 W/m^2 to 4 mAh/g",
    ]
    _, seen = sp.states(sp.cell(shared_tmp_path, programme, **LOSSLESS))
    _, current, capacity, specific = sp.ends(seen)
    assert [s.ended for s in (current, capacity, specific)] == ["current", "capacity", "specific_capacity"]
    assert current.current_density == pytest.approx(-2.65, rel=1e-6)
    assert capacity.charge - current.charge == pytest.approx(0.005 * 36_000, rel=1e-9)
    mass = sp.DENSITY * sp.LENGTHS[1]  # g/m²
    assert capacity.charge - specific.charge == pytest.approx(4 * 3.6 * mass, rel=1e-9)


END = {
    "voltage": (
        "charge at 1C to 3.9 V",
        lambda: (3.9 - potential(0.0) - loss(sp.ONE_C)) * sp.STORAGE / sp.SLOPE,
    ),
    "potential": (
        "charge at 1C to 3.9 V vs Li",
        lambda: (3.9 - potential(0.0) - loss(sp.ONE_C)) * sp.STORAGE / sp.SLOPE,
    ),
    "stoichiometry": ("charge at 1C to x = 0.6", lambda: 0.3 * sp.STORAGE),
    "state_of_charge": ("charge at 1C to 42 %", lambda: 0.42 * 3600 * sp.ONE_C),
    "capacity": ("charge at 1C to 0.2 mAh/cm^2", lambda: 0.2 * 36_000),
    "specific_capacity": ("charge at 1C to 90 mAh/g", lambda: 0.45 * 3600 * sp.ONE_C),
    "time": ("charge at 1C for 1234.5 s", lambda: 1234.5 * sp.ONE_C),
}


@pytest.mark.parametrize("name", list(END))
def test_ends_are_located(shared_tmp_path: Path, name: str) -> None:
    """At constant current charge is time, whatever the steps: every end has its exact time."""
    sentence, charge = END[name]
    _, seen = sp.states(sp.cell(shared_tmp_path, [sentence], CONDUCTIVITY, EXCHANGE, maximum_step=300.0))
    assert seen[-1].ended == name
    exact = charge() / sp.ONE_C
    # A voltage sees the gradient of lithium too, which the closed form leaves out.
    allowed = LOCATED * 300.0
    if name in ("voltage", "potential"):
        allowed += GRADIENT * sp.ONE_C * sp.STORAGE / sp.SLOPE / sp.ONE_C
    assert seen[-1].time == pytest.approx(exact, abs=allowed)


def test_cut_off_of_a_hold_is_located(shared_tmp_path: Path) -> None:
    """The last step of a hold against the root of the implicit equation from the state before it."""
    programme = ["charge at C/2 to 3.9 V", "hold at 3.9 V until C/20"]
    _, seen = sp.states(sp.cell(shared_tmp_path, programme, CONDUCTIVITY, EXCHANGE, maximum_step=600.0))
    before, last = seen[-2], seen[-1]
    cut = sp.ONE_C / 20
    # The state before tells its own gradient: differences of two states see that of the difference of their currents only.
    shift = 3.9 - potential(before.charge) - loss(before.current_density)
    step = brentq(
        lambda dt: (
            potential(before.charge + cut * dt) + loss(cut) + shift * cut / before.current_density - 3.9
        ),
        1.0,
        6000.0,
    )
    assert last.time_step == pytest.approx(step, abs=2 * LOCATED * 600.0)


def test_a_limit_that_the_jump_of_the_current_passes_ends_the_step_at_once(shared_tmp_path: Path) -> None:
    """2C against 0.5 V of loss: the voltage is beyond its limit as soon as the current flows, and nearly no charge passes."""
    programme = ["charge at C/2 to 3.7 V", "discharge at 2C to 3.6 V", "charge at C/2 for 10 s"]
    _, seen = sp.states(sp.cell(shared_tmp_path, programme, CONDUCTIVITY, EXCHANGE))
    charged, empty, after = sp.ends(seen)
    assert empty.ended == "voltage"
    assert empty.time_step <= 1e-4 * (1 + 1e-9)  # numerics.time_step.minimum
    assert after.charge > charged.charge


def test_gitt_recovers_the_diffusivity(shared_tmp_path: Path) -> None:
    """Pulses short against L²/D: the potential follows the series of diffusion into a layer, rests relax by it, and Weppner and Huggins'
    formula D = 4/(π t) (L ΔU_s/ΔU_t)² gives the diffusivity back (J. Electrochem. Soc. 124 (1977) 1569).
    """
    diffusivity, pulse, rest = 1e-14, 60.0, 100.0
    losses = {"conductivity": 0.1, "exchange": 100.0}
    programme = [
        {"charge": "C/5", "until": {"time": f"{pulse} s"}, "maximum_time_step": "0.5 s"},
        {"rest": f"{rest} s", "maximum_time_step": "1 s"},
        {"rest": "15000 s"},
    ]
    model = sp.cell(
        shared_tmp_path, programme, diffusivity=diffusivity, layers=50, maximum_step=300.0, **losses
    )
    _, seen = sp.states(model)
    pulsed, resting, relaxed = sp.ends(seen)
    current, length = sp.ONE_C / 5, sp.LENGTHS[1] * 1e-6
    lost = float(sp.overpotential(current, **losses))

    def surface(time: float) -> float:
        """U_0 - U at the surface a time after the current has set in."""
        n = np.arange(1, 400)
        decay = np.exp(-((n * np.pi / length) ** 2) * diffusivity * time) / n**2
        flux = current / (sc.FARADAY * sp.MAXIMUM)
        return float(
            sp.SLOPE * flux * (time / length + length / diffusivity * (1 / 3 - 2 / np.pi**2 * decay.sum()))
        )

    transient = pulsed.voltage - potential(0.0) - lost
    assert transient == pytest.approx(surface(pulse), rel=5e-3)
    left = resting.voltage - potential(0.0)
    assert left == pytest.approx(surface(pulse + rest) - surface(rest), rel=5e-3)
    steady = relaxed.voltage - potential(0.0)
    assert relaxed.voltage == pytest.approx(potential(relaxed.charge), abs=1e-3 * transient)
    found = 4 / (np.pi * pulse) * (length * steady / transient) ** 2
    assert found == pytest.approx(diffusivity, rel=0.01)  # 0.4 %


def test_a_repeat_ends_early_and_the_programme_goes_on(shared_tmp_path: Path) -> None:
    """Pulses until 3.56 V: the pulse in which it is reached ends, no rest follows it, and the next step is numbered as planned."""
    programme = [
        "repeat 50 times until 3.56 V: charge at C/2 for 100 s; rest 10 s",
        "discharge at C/2 to 3.52 V",
    ]
    model = sp.cell(shared_tmp_path, programme, **LOSSLESS)
    _, seen = sp.states(model)
    finished = sp.ends(seen)
    charge = (
        (3.56 - potential(0.0) - float(sp.overpotential(sp.ONE_C / 2, **LOSSLESS))) * sp.STORAGE / sp.SLOPE
    )
    assert finished[-2].charge == pytest.approx(charge, rel=1e-3)
    pulses = int(charge / (sp.ONE_C / 2 * 100.0))
    assert [s.programme_step for s in finished] == [*range(2 * pulses + 1), 100]
    assert [s.ended for s in finished[-2:]] == ["voltage of the repeat", "voltage"]


def test_two_cycles_close(shared_tmp_path: Path) -> None:
    """Two CC/CV cycles of a cell that strains in a fixed gap against a lithium anode: lithium, charge and capacities close to 1e-8."""
    stack = {
        "load": {"pressure": "5 MPa"},
        "counter_electrode": {
            "name": "Li",
            "potential": "0 V",
            "exchange_current_density": "10 A/m^2",
            "thickness_change": "4.85 um/(mAh/cm^2)",
            "compliance": "1e-13 m/Pa",
        },
    }
    programme = [
        {"press": "60 s", "load": {"pressure": "5 MPa"}},
        {"rest": "60 s", "load": {"fixed_gap": True}},
        {
            "repeat": {
                "times": 2,
                "steps": [
                    "charge at 1C to 3.9 V",
                    "hold at 3.9 V until C/200",
                    "discharge at 1C to 3.6 V",
                    "hold at 3.6 V until C/200",
                ],
            }
        },
    ]
    model = sp.cell(
        shared_tmp_path, programme, CONDUCTIVITY, EXCHANGE, 1e-13, 3, 600.0, 1e-10, None, stack=stack
    )
    platen = model.platen
    assert platen is not None
    passed, thickness = [], []

    def note(evolution: Evolution, accepted: Accepted) -> None:
        now = evolution.charge_at_end() / model.area
        thickness.append(platen.rest_thickness_change - 4.85 * now / MAH_PER_CM2)
        if accepted.ended is not None and accepted.segment.kind == "hold":
            passed.append(now)

    evolution = sc.run(model, note)
    balance = evolution.ledger._close()
    assert max(balance.lithium_error, balance.charge_error) < 1e-8
    # The rest of the cell thickens with the charge of the same step, in holds too.
    assert max(map(abs, thickness)) < 1e-9
    # Between two holds at the same voltage the same lithium moves, but for the current that is left (C/200).
    up, down, up_again, down_again = np.diff([0.0, *passed])
    assert up_again == pytest.approx(-down, rel=5e-3)
    assert down_again == pytest.approx(down, rel=5e-3)
    moved = sp.START * sp.STORAGE - evolution.ledger.lithium_content() / model.area
    turned = abs(up) + abs(down) + abs(up_again) + abs(down_again)
    assert abs(up + down + up_again + down_again - moved) < 1e-8 * turned


def test_fine_cells_take_long_steps(shared_tmp_path: Path) -> None:
    """D Δt/h² up to 8e6: what rounding leaves of the fluxes is no imbalance. (Compared to the current alone, steps were cut to 0.02 s.)"""
    programme = ["charge at C/5 for 1 h", "rest 2 h"]
    model = sp.cell(shared_tmp_path, programme, CONDUCTIVITY, EXCHANGE, layers=40, maximum_step=1200.0)
    evolution, seen = sp.states(model)
    assert len(seen) < 60  # 37 found: the steps grow as they may
    moved = sp.START * sp.STORAGE - evolution.ledger.lithium_content() / model.area
    assert seen[-1].charge == pytest.approx(moved, rel=1e-8)
