"""The results as a table on the screen and as data for a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.table import Table

from ssbmech import __version__
from ssbmech.transport.results import NetworkResult


def heading(result: NetworkResult) -> str:
    """The network and its phases in a line."""
    phases = ", ".join(
        f"{name} {100 * share.fraction:.2f} vol% of {share.conductivity:.4g} S/m"
        for name, share in result.shares.items()
    )
    return f"{result.carrier}: {phases}"


def table(result: NetworkResult) -> Table:
    """One row for each direction."""
    shown = Table(box=None, pad_edge=False, header_style="")
    for title in (
        "direction",
        "sigma_eff (S/m)",
        "tortuosity factor",
        "percolating %",
        "one-sided %",
        "isolated %",
    ):
        shown.add_column(title, justify="left" if title == "direction" else "right")
    for axis, share in enumerate(result.percolation):
        tau = result.tortuosity_factor[axis]
        shown.add_row(
            "xyz"[axis],
            f"{result.conductivity[axis, axis]:.5g}",
            f"{tau:.4f}" if tau is not None else "no path",
            *(f"{100 * value:.2f}" for value in (share.percolating, share.one_sided, share.isolated)),
        )
    return shown


def remarks(result: NetworkResult) -> list[str]:
    """What does not fit into the table, a line each."""
    lines = []
    tensor = result.conductivity
    if np.any(tensor - np.diag(np.diag(tensor))):
        rows = "; ".join(" ".join(f"{value:.4g}" for value in row) for row in tensor)
        lines.append(f"tensor (S/m): {rows}")
    low, high = result.hashin_shtrikman
    lines.append(
        f"bounds without contact resistance (S/m): Wiener {result.wiener[0]:.4g} to {result.wiener[1]:.4g}, "
        f"Hashin-Shtrikman (isotropic) {low:.4g} to {high:.4g}"
    )
    for pair, facts in result.contacts.items():
        g = facts["conductance_S_m2"]
        lines.append(
            f"contacts {pair}: {facts['area_um2']:.4g} um^2, "
            + ("perfect" if g is None else f"mean conductance {g:.4g} S/m^2")
            + f", transmissivity {facts['transmissivity']:.4g}"
        )
    lines.append(
        f"energy against flux {result.closure:.1e}; {result.unknowns:,} unknowns, iterations "
        + " ".join(map(str, result.iterations))
    )
    return lines


def as_dict(results: Mapping[str, NetworkResult], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything as plain data, units at the end of the names."""
    return {"version": __version__, **facts, "networks": {name: _network(r) for name, r in results.items()}}


def _network(r: NetworkResult) -> dict[str, Any]:
    return {
        "phases": {
            name: {"volume_fraction": share.fraction, "conductivity_S_m": share.conductivity}
            for name, share in r.shares.items()
        },
        "volume_fraction": r.fraction,
        "effective_conductivity_S_m": r.conductivity.tolist(),
        "effective_conductivity_by_energy_S_m": r.by_energy.tolist(),
        "closure": r.closure,
        "electrode_balance_error": r.electrode_balance,
        "tortuosity_factor": r.tortuosity_factor,
        "percolating_fraction": [p.percolating for p in r.percolation],
        "one_sided_fraction": [p.one_sided for p in r.percolation],
        "isolated_fraction": [p.isolated for p in r.percolation],
        "connected_parts": r.parts,
        "contacts": r.contacts,
        "wiener_bounds_S_m": list(r.wiener),
        "hashin_shtrikman_bounds_S_m": list(r.hashin_shtrikman),
        "unknowns": r.unknowns,
        "iterations": r.iterations,
    }
