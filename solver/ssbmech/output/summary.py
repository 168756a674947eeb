"""``summary.json``: headline figures, balances, counts, timings and where the run was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import resource
import socket
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from ssbmech import __version__
from ssbmech.case import Case
from ssbmech.evolution import Evolution
from ssbmech.output.cycles import without_nan
from ssbmech.solve.system import Timings

CITATIONS = (
    "F. C. Larche, J. W. Cahn, Acta Metall. 21 (1973) 1051: chemical potential of a stressed solid",
    "P. P. Camanho, C. G. Davila, NASA/TM-2002-211737: bilinear cohesive law, onset under mixed mode",
    "M. L. Benzeggagh, M. Kenane, Compos. Sci. Technol. 56 (1996) 439: toughness under mixed mode",
    "G. Alfano, E. Sacco, Int. J. Numer. Meth. Engng 68 (2006) 542: friction of the broken share of an interface",
    "I. A. Baratta et al., DOLFINx, doi:10.5281/zenodo.10447666",
    "S. Balay et al., PETSc/TAO Users Manual, ANL-21/39",
)
INELASTIC = "J. C. Simo, T. J. R. Hughes, Computational Inelasticity, Springer 1998: return mapping, multiplicative plasticity"


@dataclass
class Progression:
    """What the summary needs to know of the course of a run."""

    steps: int = 0
    rejected: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    end_reason: str = ""
    penetration: float = 0.0

    def add(self, row: dict[str, Any]) -> None:
        """Take note of a row of the series."""
        self.last = row
        self.penetration = max(self.penetration, float(row["largest_penetration"]))
        for name in (
            "lithium_balance_error",
            "charge_balance_error",
            "energy_balance_error",
            "mechanical_balance_error",
        ):
            self.largest[name] = max(self.largest.get(name, 0.0), float(row[name]))


def _citations(case: Case) -> list[str]:
    """What a user of the results should cite."""
    flows = any(phase.plasticity is not None for phase in case.phases.values())
    return [*CITATIONS, *([INELASTIC] if flows or case.numerics.kinematics == "finite_strain" else [])]


def headline(row: dict[str, Any]) -> dict[str, float]:
    """Headline figures of the last state; what the model does not have (a voltage without electrochemistry) is left out."""
    names = {
        "capacity_mAh_g": "specific_capacity", "areal_capacity_mAh_cm2": "areal_capacity", "end_voltage_V": "voltage",
        "end_potential_V": "potential", "pressure_MPa": "pressure", "pressure_change_MPa": "pressure_change",
        "delaminated_fraction": "delaminated_fraction", "open_fraction": "open_fraction",
        "active_fraction": "active_fraction", "mean_stoichiometry": "mean_stoichiometry",
        "mean_volumetric_strain": "mean_volumetric_strain", "maximum_principal_stress_MPa": "maximum_principal_stress",
        "platen_displacement_um": "platen_displacement", "crack_volume_um3": "crack_volume",
        "isolated_fraction": "isolated_fraction", "counter_electrode_lithiation": "counter_electrode_lithiation",
        "open_circuit_potential_V": "open_circuit_potential", "polarisation_V": "polarisation",
        "grain_boundary_delaminated_fraction": "grain_boundary_delaminated_fraction",
        "grain_boundary_open_fraction": "grain_boundary_open_fraction",
        "grain_boundary_crack_volume_um3": "grain_boundary_crack_volume",
        "wall_penetration_um": "wall_penetration", "wall_contact_fraction": "wall_contact_fraction",
    }  # fmt: skip
    return {name: float(row[key]) for name, key in names.items() if not isnan(row[key])}


def _headline(progression: Progression) -> dict[str, float]:
    """Headline figures of the last state, and the largest overlap of two bodies in any."""
    if not progression.last:
        return {}
    return {**headline(progression.last), "largest_penetration_um": progression.penetration}


def _of_cycles(cycles: list[dict[str, Any]]) -> dict[str, float]:
    """Capacities of the first and last cycle, where there is a discharge."""
    full = [row for row in cycles if row["discharge_capacity"] > 0]
    if not full:
        return {}
    figures = {
        "first_charge_capacity_mAh_g": full[0]["charge_capacity"],
        "first_discharge_capacity_mAh_g": full[0]["discharge_capacity"],
        "first_coulombic_efficiency": full[0]["coulombic_efficiency"],
        "last_discharge_capacity_mAh_g": full[-1]["discharge_capacity"],
        "last_coulombic_efficiency": full[-1]["coulombic_efficiency"],
        "retention": full[-1]["retention"],
    }
    return {name: value for name, value in figures.items() if not isnan(value)}


def peak_memory_mb(comm: Any) -> float:
    """Peak resident memory of all ranks together [MB]."""
    return float(comm.allreduce(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0))


def write_summary(
    path: Path,
    evolution: Evolution,
    progression: Progression,
    wall_time: float,
    output_time: float,
    unreached: list[str],
    cycles: list[dict[str, Any]],
) -> dict[str, Any]:
    """Collect and, on rank 0, write the summary; collective."""
    model, comm = evolution.model, evolution.model.setting.mesh.comm
    timings: Timings = evolution.system.timings
    case = model.case
    cells = int(model.setting.mesh.topology.index_map(model.tagged.dim).size_global)
    largest = progression.largest
    summary = {
        "title": case.title,
        "case": str(case.origin) if case.origin else None,
        "case_hash": case.hash(),
        "finished": progression.finished,
        "end_reason": progression.end_reason,
        "unknowns": evolution.system.numbering.global_size,
        "cells": cells,
        "bodies": len(model.bodies.bodies),
        "ranks": comm.size,
        "linear_solver": evolution.system.linear.kind,
        "steps": progression.steps,
        "rejected_steps": progression.rejected,
        "newton_iterations": timings.newton,
        "krylov_iterations": timings.krylov,
        "wall_time_s": round(wall_time, 3),
        "peak_memory_MB": round(peak_memory_mb(comm), 1),
        "timings": {
            "assembly_s": round(timings.assembly, 3),
            "preconditioner_s": round(timings.preconditioner, 3),
            "solve_s": round(timings.solve, 3),
            "output_s": round(output_time, 3),
        },
        "balance": {
            "lithium": progression.last.get("lithium_balance_error"),
            "charge": progression.last.get("charge_balance_error"),
            "energy": progression.last.get("energy_balance_error"),
            "mechanical_energy": progression.last.get("mechanical_balance_error"),
        },
        "largest_balance_error_of_any_step": largest,
        "headline": {**_headline(progression), **_of_cycles(cycles)},
        "cycles": without_nan(cycles),
        "mobility": {n: p.lithium.mobility for n, p in case.phases.items() if p.lithium is not None},
        "electrons": {"path": case.electrons.path if case.electrons else None, "unreached": unreached},
        "versions": _versions(),
        "host": socket.gethostname(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "citations": _citations(case),
    }
    if comm.rank == 0:
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _versions() -> dict[str, str]:
    import dolfinx
    from petsc4py import PETSc

    versions = {
        "ssbmech": __version__,
        "dolfinx": dolfinx.__version__,
        "petsc": ".".join(map(str, PETSc.Sys.getVersion())),
        "python": platform.python_version(),
    }
    for package in ("numpy", "mpi4py", "pydantic"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
