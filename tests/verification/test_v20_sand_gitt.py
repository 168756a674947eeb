"""V20: transition times of Sand and the bias of titration by pulses, in a slab, in a sphere and in a thick body.

Under a constant current density i out of a body with uniform lithium c_0 the concentration at the surface falls by (H. S. Carslaw and
J. C. Jaeger, Conduction of Heat in Solids, 2nd ed. (1959), sections 2.9, 3.8 and 9.8)

    thick body         2 i/F sqrt(t/(π D))
    slab, thickness L  i L/(F D) [τ + 1/3 - 2/π² Σ exp(-n² π² τ)/n²],   τ = D t/L²
    sphere, radius R   i R/(F D) [3 τ + 1/5 - 2 Σ exp(-λ_n² τ)/λ_n²],   τ = D t/R²,  tan λ_n = λ_n

The transition time is when that is c_0: t_S = π D (F c_0/2i)² of H. J. S. Sand (Phil. Mag. 1 (1901) 45) goes as i⁻², and where the body
is nearly emptied before, t_S goes as i⁻¹. W. Weppner and R. A. Huggins (J. Electrochem. Soc. 124 (1977) 1569) take the diffusivity
from the steady and the transient change of the potential in a pulse as if the body were thick, D = 4/(π t) (V/A ΔU_s/ΔU_t)²; in a
sphere that is too small. With U linear in x, potentials are concentrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import support_columns as columns
import support_coupled as sc
import support_programmes as sp
from scipy.optimize import brentq
from test_planar_cell import THERMAL, planar_case
from test_single_sphere import ONE_C, RADIUS, sphere_case

from ssbmech.model import Model

Floats = npt.NDArray[np.float64]

DIFFUSIVITY, START = 1e-14, 2e4  # m²/s, mol/m³
MAXIMUM = 5e4  # mol/m³
SLAB = 5.0  # µm
THICK = 40.0  # µm; at the longest time the far end changes exp(-L²/D t) = 3e-10 of what the surface does
STRIP, WIDE_CONE = 0.1, 0.1  # µm, at the surface
CONE = 0.02  # µm; its corners have unequal shares of the cells, and in a wider one the first is empty before the others
SHELL = 0.1  # µm, electrolyte of the sphere
INTERCEPT, SLOPE = 4.4, 1.0  # V, U(x) = INTERCEPT - SLOPE x
LEFT = 4e-5  # of x at the surface where a body counts as empty: a ten-thousandth of the start
EXCHANGE, CONDUCTIVITY = 10.0, 10.0  # A/m², S/m

SAND = {
    0.5: (116985.6133080515, 18463.733090666672, 6265.688808000006),
    1.0: (29246.403327012875, 8815.199878666668, 3049.511070668338),
    2.0: (7311.600831753219, 3990.933345463373, 1441.4229279755357),
    5.0: (1169.8561330805148, 1102.8857575724378, 478.3032059740623),
    10.0: (292.4640332701287, 292.45260285034766, 175.39961575084695),
}
"""t_S [s] of the thick body, the slab of 5 µm and the sphere of 5 µm by i [A/m²]: series, summed independently."""
BODIES = ("thick", "slab", "sphere")

APPARENT = {
    10.0: 0.8919591842355747,
    60.0: 0.7494695084849966,
    300.0: 0.5029059575407836,
    600.0: 0.36164398463930747,
}
"""Weppner and Huggins' D over D by the length of the pulse [s] in a sphere of 5 µm, of the same series."""

ROOTS = np.array(
    [brentq(lambda z: np.sin(z) - z * np.cos(z), n * np.pi, (n + 0.5) * np.pi) for n in range(1, 200)]
)
WAVES = np.pi * np.arange(1, 200)


def fallen(body: str, current: float, time: float, length: float = SLAB) -> float:
    """Fall of the concentration at the surface [mol/m³]; ``length`` is L or R [µm]."""
    if body == "thick":
        return float(2 * current / sc.FARADAY * np.sqrt(time / (np.pi * DIFFUSIVITY)))
    tau = DIFFUSIVITY * time / (length * 1e-6) ** 2
    scale = current * length * 1e-6 / (sc.FARADAY * DIFFUSIVITY)
    growth, offset, modes = (3.0, 1 / 5, ROOTS) if body == "sphere" else (1.0, 1 / 3, WAVES)
    return float(scale * (growth * tau + offset - 2 * (np.exp(-(modes**2) * tau) / modes**2).sum()))


def transition(body: str, current: float, length: float = SLAB) -> float:
    """t_S [s]."""
    # No longer than in a thick body, and than the lithium of a slab lasts.
    most = 1.01 * np.pi * DIFFUSIVITY * (sc.FARADAY * START / (2 * current)) ** 2
    if body != "thick":
        most = min(most, sc.FARADAY * START * length * 1e-6 / current)
    return float(brentq(lambda t: fallen(body, current, t, length) - START, 1e-6 * most, most, rtol=1e-12))


def slope(times: Sequence[float], currents: Sequence[float]) -> float:
    """d ln t/d ln i between two currents."""
    return float(np.diff(np.log(times))[0] / np.diff(np.log(currents))[0])


def test_series_against_tables() -> None:
    found = {i: tuple(transition(body, i) for body in BODIES) for i in SAND}
    assert np.array(list(found.values())) == pytest.approx(np.array(list(SAND.values())), rel=1e-9)
    ratio = {t: (fallen("thick", 0.2, t) / fallen("sphere", 0.2, t)) ** 2 for t in APPARENT}
    assert ratio == pytest.approx(APPARENT, rel=1e-5)  # 199 terms after 10 s
    assert slope([transition("slab", i) for i in (0.05, 0.1)], (0.05, 0.1)) == pytest.approx(-1.0, abs=0.01)


# -- bodies in the program -------------------------------------------------------------------------------------------------


def layers(length: float, first: float, ratio: float) -> Floats:
    """Distances from the surface [µm] of layers that grow by ``ratio`` from about ``first``."""
    count = int(np.ceil(np.log1p((ratio - 1) * length / first) / np.log(ratio)))
    depth = np.cumsum(ratio ** np.arange(count))
    return length * depth / depth[-1]


def steps(time: float, number: int) -> dict[str, Any]:
    """Time steps of a ``number``-th of ``time``, and short ones to begin with."""
    longest = time / number
    return {
        "time_step": {"initial": f"{0.1 * longest} s", "maximum": f"{longest} s"},
        # A step past the end of the lithium has no solution, and is given up after 8 iterations; others take 3.
        "newton": {"tolerance": 1e-7, "maximum_iterations": 8},
    }


def lithium() -> dict[str, Any]:
    return {
        "open_circuit_potential": {"expression": f"{INTERCEPT} - {SLOPE}*x", "unit": "V"},
        "maximum_concentration": f"{MAXIMUM} mol/m^3",
        "diffusivity": f"{DIFFUSIVITY} m^2/s",
        "mobility": "from_open_circuit_potential",
    }


def lost(current: float, length: float) -> float:
    """Loss of potential by conduction through a micrometre of electrolyte and ``length`` [µm], and by charge transfer [V]."""
    return float(
        current * (1.0 + length) * 1e-6 / CONDUCTIVITY + 2 * THERMAL * np.arcsinh(0.5 * current / EXCHANGE)
    )


def flat(folder: Path, length: float, start: float, programme: list[Any], numerics: dict[str, Any]) -> Model:
    """A layer ``length`` [µm] thick behind a micrometre of electrolyte."""
    case = planar_case(programme=programme)
    cam, se = case["phases"]["CAM"], case["phases"]["SE"]
    cam["lithium"] = {**lithium(), "initial_stoichiometry": start}
    for phase in (cam, se):
        phase["conduction"]["conductivity"] = f"{CONDUCTIVITY} S/m"
    case["interfaces"][0]["charge_transfer"]["exchange_current_density"] = f"{EXCHANGE} A/m^2"
    case["stack"] |= {"axis": "y", "separator": "y-", "collector": "y+"}
    case["numerics"] = numerics
    y = np.concatenate([[-1.0, 0.0], layers(length, 0.03, 1.06)])
    tagged = columns.plane_grid(np.array([0.0, STRIP]), y, ["se", "cam"], lambda middle: middle[:, 1] > 0.0)
    return sc.model_of(folder, case, tagged, ["electrochemistry"])


def ball(
    folder: Path, start: float, programme: list[Any], numerics: dict[str, Any], first: float, width: float
) -> Model:
    """A cone out of the sphere of 5 µm, wired, in a thin shell of electrolyte; its first layer and its width at the surface [µm]."""
    case = sphere_case("charge", start, [1.0]) | {"programme": programme, "numerics": numerics}
    case["phases"]["CAM"]["lithium"] |= lithium()
    case["interfaces"][0]["charge_transfer"]["exchange_current_density"] = f"{EXCHANGE} A/m^2"
    case["phases"]["SE"]["conduction"]["conductivity"] = f"{CONDUCTIVITY} S/m"
    case["stack"] |= {"separator": "z+", "collector": "z-"}
    depth = layers(RADIUS, first, 1.06)
    tagged = sc.narrow_cone(RADIUS, np.append(RADIUS - depth[-2::-1], RADIUS), SHELL, width / RADIUS)
    return sc.model_of(folder, case, tagged, ["electrochemistry"])


def emptied(folder: Path, body: str, current: float, number: int = 100) -> float:
    """Time [s] after which the surface of a body is empty; the program ends the charge at the potential of that."""
    length = {"thick": THICK, "slab": SLAB, "sphere": SHELL - 1.0}[body]
    end = INTERCEPT - SLOPE * LEFT + lost(current, length)
    size = f"{current / ONE_C!r}C" if body == "sphere" else f"{current} A/m^2"
    programme = [{"charge": size, "until": {"potential": f"{end!r} V"}}]
    numerics = steps(transition(body, current), number)
    start = START / MAXIMUM
    if body == "sphere":
        model = ball(folder, start, programme, numerics, 0.03, CONE)
    else:
        model = flat(folder, length, start, programme, numerics)
    evolution, seen = sp.states(model)
    assert seen[-1].ended == "potential"
    assert evolution.ledger._close().lithium_error < 1e-7
    return seen[-1].time


@pytest.mark.parametrize("body", BODIES)
def test_v20_sand(shared_tmp_path: Path, body: str) -> None:
    """Transition times at 2 and 10 A/m² to 0.5 %, and the slope between them, -2 where the body is thick."""
    currents = (2.0, 10.0)
    found = [emptied(shared_tmp_path, body, current) for current in currents]
    table = [SAND[current][BODIES.index(body)] for current in currents]
    # Measured 0.27 and 0.29 % (thick), 0.29 % (slab, 10 A/m²), 0.13 % (sphere, 10 A/m²), else 0.01 %: after n equal steps backward
    # Euler lags behind the square root by t/4n, which is 0.25 %.
    assert found == pytest.approx(table, rel=5e-3)
    assert slope(found, currents) == pytest.approx(slope(table, currents), abs=5e-3)


def test_v20_capacity(shared_tmp_path: Path) -> None:
    """At small currents the slab is emptied as a whole: t_S i/(F c_0 L) is nearly 1, and the slope -1."""
    currents = (0.05, 0.1)
    found = [emptied(shared_tmp_path, "slab", current, 20) for current in currents]
    expected = [transition("slab", current) for current in currents]
    # Measured 1e-4, which is LEFT: backward Euler makes no error where the profile only falls.
    assert found == pytest.approx(expected, rel=1e-3)
    assert slope(found, currents) == pytest.approx(-1.0, abs=0.01)


def test_v20_full(shared_tmp_path: Path) -> None:
    """Of a discharge the transition time is when the surface is full: the same where the room for lithium is START."""
    current = 10.0
    end = INTERCEPT - SLOPE * (1.0 - LEFT) - lost(current, SLAB)
    programme = [{"discharge": f"{current} A/m^2", "until": {"voltage": f"{end!r} V"}}]
    time = SAND[current][1]
    model = flat(shared_tmp_path, SLAB, 1.0 - START / MAXIMUM, programme, steps(time, 100))
    _, seen = sp.states(model)
    assert seen[-1].ended == "voltage"
    assert seen[-1].time == pytest.approx(time, rel=5e-3)


def test_v20_gitt(shared_tmp_path: Path) -> None:
    """Pulses of 0.2 A/m² with rests of three times R²/D: Weppner and Huggins' formula takes the sphere for a thick body."""
    current = 0.2
    programme: list[Any] = []
    for pulse, number in zip(APPARENT, (100, 80, 50, 30), strict=True):
        longest = f"{pulse / number} s"
        charge = {"charge": f"{current / ONE_C!r}C", "until": {"time": f"{pulse} s"}}
        programme += [charge | {"maximum_time_step": longest}, {"rest": "7500 s"}]
    # In long steps at rest, the rounding of what diffuses between layers of 0.01 µm is 1e-7 of what the program takes for no current.
    numerics = {
        "time_step": {"initial": "0.01 s", "maximum": "1500 s", "growth": 2.0},
        "newton": {"tolerance": 1e-5},
    }
    evolution, seen = sp.states(ball(shared_tmp_path, 0.5, programme, numerics, 0.01, WIDE_CONE))
    assert evolution.ledger._close().lithium_error < 1e-6
    voltage = np.array([INTERCEPT - SLOPE * 0.5, *(state.voltage for state in sp.ends(seen))])
    before, pulsed, relaxed = voltage[:-1:2], voltage[1::2], voltage[2::2]
    transient = pulsed - before - lost(current, SHELL - 1.0)
    length = np.array(list(APPARENT))
    apparent = 4 / (np.pi * length) * (RADIUS * 1e-6 / 3 * (relaxed - before) / transient) ** 2
    # Measured 0.32, 0.29, 0.20 and 0.07 %, most of it backward Euler: 1/4n at first, less where the lithium just builds up.
    assert apparent / DIFFUSIVITY == pytest.approx(list(APPARENT.values()), rel=5e-3)
