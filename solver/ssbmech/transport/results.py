"""Numbers of a network: effective conductivity, tortuosity factor, percolation, bounds, and how well they close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech import compat
from ssbmech.domain.measures import cell_volumes
from ssbmech.transport.network import Boundary, Direction, Network
from ssbmech.transport.structure import PERFECT

Floats = npt.NDArray[np.float64]

SIEMENS_PER_METRE = 1e-6
"""S/m per pA/(V µm)."""


@dataclass(frozen=True)
class Percolation:
    """Shares of the volume of a network for one direction; they add up to 1.

    Attributes:
        percolating: in parts joined to both faces.
        one_sided: joined to one face only.
        isolated: joined to none.
    """

    percolating: float
    one_sided: float
    isolated: float


@dataclass(frozen=True)
class PhaseShare:
    """A phase of a network: share of the box, and mean conductivity [S/m]."""

    fraction: float
    conductivity: float


@dataclass(frozen=True)
class NetworkResult:
    """What comes out for one carrier; conductivities in S/m.

    Attributes:
        carrier, phases: whose network.
        shares: by phase.
        conductivity: (dim, dim) effective conductivity by the mean current density; with insulated sides diagonal.
        by_energy: (dim, dim) the same by the power dissipated.
        wiener: (lower, upper) bounds of any structure of these phases without contact resistance: series and parallel.
        hashin_shtrikman: (lower, upper) bounds of isotropic ones.
        percolation: by direction.
        contacts: by pair of phases, what its faces are and do.
        parts: number of connected parts.
        unknowns, iterations: of the linear systems.
    """

    carrier: str
    phases: list[str]
    shares: dict[str, PhaseShare]
    conductivity: Floats
    by_energy: Floats
    wiener: tuple[float, float]
    hashin_shtrikman: tuple[float, float]
    percolation: list[Percolation]
    contacts: dict[str, dict[str, float | None]]
    parts: int
    unknowns: int
    iterations: list[int]
    electrode_balance: float

    @property
    def fraction(self) -> float:
        """Volume fraction φ of the network in the box."""
        return sum(share.fraction for share in self.shares.values())

    @property
    def tortuosity_factor(self) -> list[float | None]:
        """τ² = φ σ_0/σ_eff along each axis, with φ σ_0 summed over the phases; None where nothing gets through."""
        bulk = sum(s.fraction * s.conductivity for s in self.shares.values())
        return [bulk / float(value) if value > 0.0 else None for value in np.diag(self.conductivity)]

    @property
    def closure(self) -> float:
        """Largest difference between the tensors by flux and by energy, relative to the largest entry."""
        largest = float(np.abs(self.by_energy).max())
        return float(np.abs(self.conductivity - self.by_energy).max()) / largest if largest > 0.0 else 0.0


def hashin_shtrikman(fractions: Sequence[float], values: Sequence[float], dim: int) -> tuple[float, float]:
    """Bounds for isotropic mixtures in ``dim`` dimensions (Z. Hashin, S. Shtrikman, J. Appl. Phys. 33 (1962) 3125).

    σ* = [Σ φ_i/(σ_i + (d−1) σ_r)]⁻¹ − (d−1) σ_r with σ_r the least and the largest of the σ_i.
    """
    f, s = np.asarray(fractions), np.asarray(values)
    bounds = []
    for reference in (float(s[f > 0].min()), float(s[f > 0].max())):
        shift = (dim - 1) * reference
        bounds.append(0.0 if reference == 0.0 else float(1.0 / (f / (s + shift)).sum() - shift))
    return bounds[0], bounds[1]


def wiener(fractions: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Series and parallel conductivity (O. Wiener 1912)."""
    f, s = np.asarray(fractions), np.asarray(values)
    low = 0.0 if bool(np.any((s == 0.0) & (f > 0.0))) else float(1.0 / (f[f > 0] / s[f > 0]).sum())
    return low, float((f * s).sum())


def evaluate(network: Network, directions: Sequence[Direction], boundary: Boundary) -> NetworkResult:
    """All numbers of a network from its solutions; collective."""
    lengths, dim = network.geometry.lengths, network.structure.tagged.dim
    volume = float(np.prod(lengths))
    percolation = [_percolation(network, axis) for axis in range(dim)]
    flux, energy = np.zeros((dim, dim)), np.zeros((dim, dim))
    balance = 0.0
    for d in directions:
        if not d.conducts:
            continue
        if boundary == "insulated":
            flux[d.axis, d.axis] = d.current[d.axis] * lengths[d.axis]
            energy[d.axis, d.axis] = d.power * lengths[d.axis] ** 2 / volume
        else:
            flux[:, d.axis] = d.current * lengths[d.axis]
            for other in directions:
                power = network.mutual_power(other, d)
                energy[other.axis, d.axis] = power * lengths[other.axis] * lengths[d.axis] / volume
        into, out = d.electrodes
        balance = max(balance, abs(into - out) / max(abs(into), abs(out))) if boundary == "insulated" else 0.0
    shares = _shares(network, volume)
    fractions = [s.fraction for s in shares.values()]
    values = [s.conductivity for s in shares.values()]
    rest = max(0.0, 1.0 - sum(fractions))
    if rest > 1e-9:  # not of rounding
        fractions, values = [*fractions, rest], [*values, 0.0]
    return NetworkResult(
        carrier=network.carrier,
        phases=network.phases,
        shares=shares,
        conductivity=flux * SIEMENS_PER_METRE,
        by_energy=energy * SIEMENS_PER_METRE,
        wiener=wiener(fractions, values),
        hashin_shtrikman=hashin_shtrikman(fractions, values, dim),
        percolation=percolation,
        contacts=_contacts(network),
        parts=network.clusters.volume.size,
        unknowns=int(network.comm.allreduce(network.broken.owned)),
        iterations=[d.iterations for d in directions],
        electrode_balance=balance,
    )


def _percolation(network: Network, axis: int) -> Percolation:
    volume = network.clusters.volume
    faces = [f"{'xyz'[axis]}{sign}" for sign in "-+"]
    low, high = (network.joined(face, passing=True) for face in faces)
    total = float(volume.sum())
    both, one = float(volume[low & high].sum()) / total, float(volume[low ^ high].sum()) / total
    return Percolation(both, one, float(volume[~(low | high)].sum()) / total)


def _shares(network: Network, volume: float) -> dict[str, PhaseShare]:
    """Share of the box and mean conductivity of every phase, in the state of the structure."""
    bodies, comm = network.structure.bodies, network.comm
    cells = network.geometry.volumes
    phase = bodies.cell_phase[: cells.size]
    space = fem.functionspace(network.setting.mesh, ("DG", 0))
    q = ufl.TestFunction(space)
    form: Any = sum(network.conductivity(n) * q * network.setting.dx(n) for n in network.phases)
    integral = fem.assemble_vector(compat.form(form, [])).array[space.dofmap.list[: cells.size, 0]]
    mean = integral / cell_volumes(network.setting.mesh)
    shares = {}
    for name in network.phases:
        here = phase == bodies.phases.index(name)
        size, weighted = comm.allreduce(np.array([cells[here].sum(), (cells * mean)[here].sum()]))
        shares[name] = PhaseShare(float(size) / volume, float(weighted / size) * SIEMENS_PER_METRE)
    return shares


def _contacts(network: Network) -> dict[str, dict[str, float | None]]:
    """Area [µm²], mean conductance [S/m²] and mean transmissivity by pair; perfect contacts have no conductance of their own."""
    out: dict[str, dict[str, float | None]] = {}
    for pair, contact in network.contacts.items():
        here = network.facet_pair == network.setting.pair_number[pair]
        area = network.face_area[here]
        weights = [area, area * network.face_conductance[here], area * network.face_transmissivity[here]]
        size, conductance, through = network.comm.allreduce(np.array([w.sum() for w in weights]))
        if size == 0.0:
            continue
        perfect = contact.conductance == PERFECT
        out[" | ".join(pair)] = {
            "area_um2": float(size),
            "conductance_S_m2": None if perfect else float(conductance / size),
            "transmissivity": float(through / size),
        }
    return out
