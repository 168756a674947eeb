"""What is said of a nonlinear solve that failed: which field, where, and whether a node is full or empty. All collective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mpi4py import MPI

if TYPE_CHECKING:
    from ssbmech.solve.system import CoupledSystem

_CLOSE = 1e-3
"""Share of the range of a field from a bound within which the bound may be why the solve failed."""


def describe_failure(system: CoupledSystem) -> str:
    """The message of the last solve."""
    norms = system.field_norms
    worst = max(norms, key=lambda name: norms[name])
    return (
        f"the Newton iteration stopped (PETSc reason {system.snes.getConvergedReason()}) after {system.snes.getIterationNumber()} "
        f"iterations; largest imbalance in the field '{worst}'{_worst_place(system, worst)}: {norms[worst]:.2e} of its reference "
        f"(allowed {system.options.tolerance:.0e}){at_bounds(system)}"
    )


def _worst_place(system: CoupledSystem, name: str) -> str:
    """Where the largest imbalance of a field is: coordinates and number of the body."""
    unknown, n = system.unknowns[name], system.numbering
    offset = n.first[name] - n.start
    rows = np.abs(system.snes.getFunction()[0].array_r[offset : offset + n.count[name]])
    mine = float(rows.max()) if rows.size else -1.0
    _, rank = system.comm.allreduce((mine, system.comm.rank), MPI.MAXLOC)
    place = None
    if rank == system.comm.rank and name not in n.scalar_row:
        dof = int(rows.argmax()) // unknown.broken.block_size
        x = unknown.broken.space.tabulate_dof_coordinates()[dof]
        body = int(unknown.broken.body_of_dof[dof])
        place = f" at ({x[0]:.4g}, {x[1]:.4g}, {x[2]:.4g}) um in body {system.body_names.get(body, body)}"
    return system.comm.bcast(place, root=rank) or ""


def at_bounds(system: CoupledSystem) -> str:
    """Which fields have come so close to a bound that they may be why."""
    text = ""
    for name, (low, high) in system.options.bounds.items():
        unknown = system.unknowns[name]
        owned = unknown.broken.owned * unknown.broken.block_size  # without the void dof
        values = unknown.value.x.array[:owned]
        room = min((values - low).min(initial=high), (high - values).min(initial=high))
        room = system.comm.allreduce(float(room), MPI.MIN)
        if room < _CLOSE * (high - low):
            text += f"; {name} comes within {room:.1e} of its bounds {low:g} and {high:g}"
    return text
