"""V18: an interdigitated comb of active material and electrolyte against the porous electrode in closed form.

Ions enter the electrolyte at one end (y = 0), electrons leave the active material at the other (y = L), and charge crosses the side that
the fingers share by linear kinetics. Per cross-section, with effective conductivities k (ions) and s (electrons) [S/m] and the
conductance of the interface per volume g = a i_0 F/RT [S/m³], the difference u = φ_i − φ_e of the potentials obeys

    u'' = g (1/k + 1/s) u,   u'(0) = −I/k,   u'(L) = I/s,   and g u is the current that crosses per volume:

    u(y) = I L/(ν sinh ν) [cosh(ν y/L)/s + cosh(ν (1 − y/L))/k],   ν = L sqrt(g (1/k + 1/s))
    R = (φ_i(0) − φ_e(L))/I = L/(k + s) [1 + (2 + (s/k + k/s) cosh ν)/(ν sinh ν)]

(linear kinetics of J. S. Newman and C. W. Tobias, J. Electrochem. Soc. 109 (1962) 1183). A comb has k = σ_SE b/(a + b) and
s = σ_CAM a/(a + b), where a and b are half of the fingers' widths, and one side per a + b. What is left of the fingers is the
conduction across them: in a strip with a uniform flux through one side the potential is a parabola, whose value at the side lies
a/(3 σ) times the flux away from its mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import support_columns as columns
import support_coupled as sc
from scipy.integrate import solve_bvp
from test_planar_cell import THERMAL, planar_case

from ssbmech import compat
from ssbmech.evolution import Evolution
from ssbmech.model import Model
from ssbmech.output.interface_state import InterfaceState

Floats = npt.NDArray[np.float64]

LENGTH = 100.0  # µm
SHARE = 0.6  # of the active material in the comb
NARROW = 1.6  # µm, a + b: fingers of 1.92 and 1.28 µm, less than L/50
OPEN_CIRCUIT = 3.8  # V, whatever the lithium content

TABLE = {
    (0.041, 1.5e-3, 2e7): 0.007830829447398897,
    (0.018, 0.051, 2e7): 0.002672285178342237,
    (0.0027, 0.19, 2e7): 0.004733022703452426,
    (0.018, 0.051, 2e9): 0.001568376496132505,
    (0.02, 1000.0, 2e7): 0.0015868724514164112,
}
"""R [Ω m²] of L = 100 µm by k, s [S/m] and g [S/m³]; a boundary value solver agrees to 1e-12."""


@dataclass(frozen=True)
class Porous:
    """The porous electrode: k, s [S/m], g [S/m³]."""

    k: float
    s: float
    g: float

    @property
    def nu(self) -> float:
        return float(LENGTH * 1e-6 * np.sqrt(self.g * (1 / self.k + 1 / self.s)))

    def resistance(self) -> float:
        """R [Ω m²]."""
        ratio, nu = self.s / self.k + self.k / self.s, self.nu
        return float(LENGTH * 1e-6 / (self.k + self.s) * (1 + (2 + ratio * np.cosh(nu)) / (nu * np.sinh(nu))))

    def difference(self, y: Any) -> Any:
        """u/I [Ω m²] at y/L."""
        nu = self.nu
        return (
            LENGTH * 1e-6 / (nu * np.sinh(nu)) * (np.cosh(nu * y) / self.s + np.cosh(nu * (1 - y)) / self.k)
        )

    def crossed(self, y: Any) -> Any:
        """Share of the current that has crossed between 0 and y/L: the integral of g u/I."""
        nu = self.nu
        turned = np.sinh(nu * y) / self.s + (np.sinh(nu) - np.sinh(nu * (1 - y))) / self.k
        return turned / (np.sinh(nu) * (1 / self.k + 1 / self.s))

    def with_fingers(self, width: float) -> Porous:
        """The interface in series with half a finger on either side, b/(3 σ_SE) + a/(3 σ_CAM); ``width`` = a + b [µm]."""
        across = width * 1e-6 * ((1 - SHARE) ** 2 / (3 * self.k) + SHARE**2 / (3 * self.s))
        return Porous(self.k, self.s, 1 / (1 / self.g + width * 1e-6 * across))


@pytest.mark.parametrize(("k", "s", "g"), TABLE)
def test_closed_form(k: float, s: float, g: float) -> None:
    """The resistance is that of the table, and difference and current are those of a boundary value solver."""
    porous = Porous(k, s, g)
    assert porous.resistance() == pytest.approx(TABLE[k, s, g], rel=1e-12)
    # In units of L and of L/k: u'' = ν² u, u'(0) = -1, u'(1) = k/s.
    solved = solve_bvp(
        lambda y, u: np.array([u[1], porous.nu**2 * u[0]]),
        lambda left, right: np.array([left[1] + 1.0, right[1] - k / s]),
        np.linspace(0.0, 1.0, 201),
        np.zeros((2, 201)),
        tol=1e-8,
        max_nodes=20_000,
    )
    y = np.linspace(0.0, 1.0, 41)
    u, slope = solved.sol(y)
    assert porous.difference(y) == pytest.approx(LENGTH * 1e-6 / k * u, rel=1e-6, abs=1e-6 * u.max())
    assert porous.crossed(y) == pytest.approx((slope + 1.0) / (k / s + 1.0), abs=1e-6)


# -- the comb --------------------------------------------------------------------------------------------------------------


def comb_case(porous: Porous, width: float, current: float) -> dict[str, Any]:
    """The comb whose fingers make up ``porous``, under ``current`` per cross-section [A/m²] for a second."""
    kind = "charge" if current > 0 else "discharge"
    case = planar_case(programme=[{kind: f"{abs(current)!r} A/m^2", "until": {"time": "1 s"}}])
    cam, se = case["phases"]["CAM"], case["phases"]["SE"]
    cam["conduction"]["conductivity"] = f"{porous.s / SHARE!r} S/m"
    se["conduction"]["conductivity"] = f"{porous.k / (1 - SHARE)!r} S/m"
    exchange = porous.g * width * 1e-6 * THERMAL
    case["interfaces"][0]["charge_transfer"]["exchange_current_density"] = f"{exchange!r} A/m^2"
    case["stack"] |= {"axis": "y", "separator": "y-", "collector": "y+"}
    return case


@dataclass(frozen=True)
class Solved:
    """Resistance [Ω m²], and along the interface the ends of the facets (n, 2) [y/L] and the share of the current that each passes."""

    resistance: float
    ends: Floats
    share: Floats


def solve(folder: Path, porous: Porous, width: float = NARROW, sign: int = 1) -> Solved:
    """Carry a comb with a + b = ``width`` [µm] through its programme."""
    # At RT/100F, the largest difference, sinh(η/2V_T) is linear to 4e-6; and the 1e-9 V to which V is known are 4e-6 of it.
    current = sign * 1e-2 * THERMAL / float(porous.difference(np.array([0.0, 1.0])).max())
    side = SHARE * width
    x = np.concatenate([np.linspace(0.0, side, 5), np.linspace(side, width, 5)[1:]])
    # Steps of 0.05 µm at the ends, where the current is largest.
    y = 0.5 * LENGTH * (1 + np.tanh(np.linspace(-2.5, 2.5, 81)) / np.tanh(2.5))
    tagged = columns.plane_grid(x, y, ["cam", "se"], lambda middle: middle[:, 0] > side)
    model = sc.model_of(folder, comb_case(porous, width, current), tagged, ["electrochemistry"])
    states: list[InterfaceState] = []

    def after(evolution: Evolution, accepted: object) -> None:
        states.append(evolution.interface_state())
        assert evolution.balance().charge_error < 1e-8

    evolution = sc.run(model, after)
    overvoltage = evolution.monitored()["potential"] - OPEN_CIRCUIT
    ends, passed = along_interface(model, states[-1])
    return Solved(overvoltage / current, ends, passed / (current * width))


def along_interface(model: Model, state: InterfaceState) -> tuple[Floats, Floats]:
    """Ends [y/L] of all facets of the interface from below, and the current through each [pA per µm]."""
    interface = model.setting.interface_mesh
    assert interface is not None
    nodes = compat.cell_nodes(interface.mesh)[: interface.row_of_cell.size]
    ends = np.empty(nodes.shape)
    ends[interface.row_of_cell] = np.sort(interface.mesh.geometry.x[nodes, 1], axis=1) / LENGTH
    current = (state["current_density"] * state.area).sum(axis=1)
    ends, current = (np.concatenate(sc.COMM.allgather(part)) for part in (ends, current))
    order = np.argsort(ends[:, 0])
    return ends[order], current[order]


@pytest.mark.parametrize(
    ("k", "s", "g", "sign"),
    [(*row, 1 if number % 2 else -1) for number, row in enumerate(list(TABLE)[:4])],
)
def test_v18_comb(shared_tmp_path: Path, k: float, s: float, g: float, sign: int) -> None:
    """Resistance and distribution of the current, on charge and on discharge: 1 %, and far less beside the electrode with fingers."""
    porous = Porous(k, s, g)
    comb = solve(shared_tmp_path, porous, sign=sign)
    fingers = porous.with_fingers(NARROW)
    # Measured 0.11, 0.002, 0.02 and 0.09 %; with the fingers 3.1e-4, 0.9e-4, 2.5e-4 and 1.3e-4, halved by half as large cells.
    assert comb.resistance == pytest.approx(TABLE[k, s, g], rel=1e-2)
    assert comb.resistance == pytest.approx(fingers.resistance(), rel=5e-4)
    lower, upper = comb.ends.T
    assert lower[0] == 0.0 and upper[-1] == pytest.approx(1.0, rel=1e-12)
    assert lower[1:] == pytest.approx(upper[:-1], abs=1e-12)
    assert comb.share.sum() == pytest.approx(1.0, abs=1e-8)
    # What has crossed so far: 0.34 % of the current at most, with the fingers 0.06 % (g = 2e9 S/m³).
    crossed = np.cumsum(comb.share)
    assert np.abs(crossed - porous.crossed(upper)).max() < 1e-2
    assert np.abs(crossed - fingers.crossed(upper)).max() < 1e-3
    # The current density, as a share of the largest: 0.9 % (g = 2e9 S/m³).
    density = comb.share / (upper - lower)
    expected = (porous.crossed(upper) - porous.crossed(lower)) / (upper - lower)
    assert np.abs(density - expected).max() < 1.5e-2 * expected.max()


def test_v18_limit_of_narrow_fingers(shared_tmp_path: Path) -> None:
    """At a given g the conductance of a side and the resistance across a finger grow with the width, their product as its square."""
    porous = Porous(*list(TABLE)[3])
    narrow, wide = (
        solve(shared_tmp_path, porous, width).resistance / porous.resistance() - 1
        for width in (NARROW, 2 * NARROW)
    )
    assert np.log2(wide / narrow) == pytest.approx(2.0, abs=0.2)
