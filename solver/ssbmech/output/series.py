"""``series.csv`` and ``particles.csv``: one row a step, and one row per particle and step. Written on rank 0 as the run goes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mpi4py import MPI

from ssbmech.constants import MAH_PER_CM2
from ssbmech.evolution import Evolution
from ssbmech.model import Model
from ssbmech.output.cells import CellProbe, CellState
from ssbmech.output.distribution import current_distribution, weighted_deviation
from ssbmech.output.interface_state import InterfaceState
from ssbmech.output.isolation import Reach
from ssbmech.output.voltage import LEAST_C_RATE, OVERPOTENTIALS, VoltageParts
from ssbmech.solve.stepping import Accepted

ENERGIES = (
    "elastic_energy", "interface_energy", "contact_energy", "multiplier_work", "pairing_work", "fracture_dissipation",
    "viscous_dissipation", "friction_dissipation", "plastic_dissipation", "external_work", "chemical_work", "electrical_work",
    "ohmic_dissipation", "kinetic_dissipation", "film_dissipation", "diffusion_dissipation", "chemical_energy",
    "oxidation_energy",
)  # fmt: skip

SERIES: dict[str, str] = {
    "step": "-", "programme_step": "-", "cycle": "-", "time": "s", "time_step": "s", "voltage": "V", "potential": "V",
    "current_density": "A/m^2", "areal_capacity": "mAh/cm^2", "specific_capacity": "mAh/g", "charge_passed": "C",
    "step_capacity": "mAh/cm^2", "mean_stoichiometry": "-", "minimum_stoichiometry": "-", "maximum_stoichiometry": "-", "pressure": "MPa",
    "pressure_change": "MPa", "side_pressure": "MPa", "platen_displacement": "um", "rest_thickness_change": "um", "interface_area": "um^2",
    "damaged_fraction": "-", "delaminated_fraction": "-", "open_fraction": "-", "closed_debonded_fraction": "-",
    "active_fraction": "-", "crack_volume": "um^3", "largest_penetration": "um", "grain_boundary_area": "um^2",
    "grain_boundary_damaged_fraction": "-", "grain_boundary_delaminated_fraction": "-",
    "grain_boundary_open_fraction": "-", "grain_boundary_crack_volume": "um^3", "isolated_fraction": "-",
    "wall_penetration": "um", "wall_contact_fraction": "-", "oxidation_charge": "C", "oxidation_capacity": "mAh/g",
    "film_resistance": "ohm m^2", "oxidation_opening": "um", "collector_contact_resistance": "ohm m^2",
    "active_material_fraction": "-", "stoichiometry_deviation": "-", "pressure_per_capacity": "MPa/(mAh/cm^2)",
    "open_circuit_potential": "V", **dict.fromkeys(OVERPOTENTIALS, "V"), "counter_electrode_potential": "V",
    "polarisation": "V", "counter_electrode_lithiation": "-", "interface_current_mean": "A/m^2",
    "interface_current_deviation": "A/m^2", "interface_current_gini": "-",
    "mean_volumetric_strain": "-", "maximum_principal_stress": "MPa",
    "maximum_plastic_strain": "-", "mean_plastic_strain": "-", "yielded_fraction": "-",
    **dict.fromkeys(ENERGIES, "pJ"),
    "energy_balance_error": "-", "mechanical_balance_error": "-", "lithium_balance_error": "-",
    "charge_balance_error": "-", "newton_iterations": "-", "krylov_iterations": "-",
}  # fmt: skip

PARTICLES: dict[str, str] = {
    "step": "-", "time": "s", "body": "", "phase": "", "volume": "um^3", "mean_stoichiometry": "-",
    "volumetric_strain": "-", "equivalent_strain": "-", "maximum_principal_stress": "MPa", "hydrostatic_stress": "MPa",
    "interface_area": "um^2", "delaminated_fraction": "-", "active_fraction": "-",
}  # fmt: skip


class Table:
    """A CSV file on rank 0, flushed after every row so that a killed run keeps what it has."""

    def __init__(self, path: Path | None, columns: dict[str, str]) -> None:
        self.columns = columns
        self._file = path.open("w", newline="", encoding="utf-8") if path is not None else None
        self._writer = csv.writer(self._file) if self._file is not None else None
        self._write([f"{name} [{unit}]" if unit else name for name, unit in columns.items()])

    def _write(self, row: Sequence[Any]) -> None:
        if self._writer is not None and self._file is not None:
            self._writer.writerow(row)
            self._file.flush()

    def add(self, row: dict[str, Any]) -> None:
        """Append a row; every column must be there."""
        self._write(
            [f"{row[name]:.12g}" if isinstance(row[name], float) else row[name] for name in self.columns]
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Measurements:
    """Computes the rows of both tables for the current step of an evolution."""

    def __init__(self, evolution: Evolution, probe: CellProbe) -> None:
        self.evolution, self.probe = evolution, probe
        self.model: Model = evolution.model
        bodies = self.model.bodies.bodies
        self.particles = [b for b in bodies if b.phase in self.model.active_phases] or list(bodies)
        self._facets = evolution.probe.active_facets()
        self._boundaries = evolution.probe.grain_boundary_facets()
        self._reach = Reach(self.model)
        self._parts = VoltageParts(self.model)
        self._before: tuple[float, float] | None = None
        """Areal capacity [mAh/cm²] and pressure [MPa] of the row before."""
        self._first_pressure = 0.0
        """Stack pressure when current first flows: changes are counted from there."""

    def series_row(self, accepted: Accepted | None, cells: CellState) -> dict[str, Any]:
        """One row of ``series.csv``; None for the initial equilibrium."""
        evolution, model = self.evolution, self.model
        volts = {"voltage": np.nan, "potential": np.nan, **evolution.monitored()}
        charge = evolution.charge_at_end()
        mass = model.active_mass
        pressure = evolution.stack_pressure()
        if charge == 0.0:
            self._first_pressure = pressure
        areal = charge / model.area
        return {
            "step": accepted.number if accepted else 0,
            "programme_step": accepted.segment.number if accepted else 0,
            "cycle": accepted.segment.cycle if accepted else 0,
            "time": accepted.time if accepted else 0.0,
            "time_step": accepted.time_step if accepted else 0.0,
            "voltage": volts["voltage"],
            "potential": volts["potential"],
            "current_density": model.current() / model.area,
            "areal_capacity": areal / MAH_PER_CM2,
            "specific_capacity": charge / 3.6e12 / mass if mass > 0 else 0.0,
            "charge_passed": charge * 1e-12,
            "step_capacity": evolution.step_charge / model.area / MAH_PER_CM2,
            **self._stoichiometry(cells),
            **self._voltage(volts["voltage"], charge),
            "pressure_per_capacity": self._pressure_slope(areal / MAH_PER_CM2, pressure),
            "pressure": pressure,
            "pressure_change": pressure - self._first_pressure,
            "side_pressure": evolution.side_pressure(),
            "platen_displacement": self._platen(),
            "rest_thickness_change": model.platen.rest_thickness_change if model.platen else 0.0,
            **self._interfaces(evolution.interface_state()),
            **self._walls(),
            **self._oxidation(mass),
            **self._bodies(cells),
            **self._balances(),
            "newton_iterations": accepted.newton if accepted else evolution.system.timings.newton,
            "krylov_iterations": accepted.krylov if accepted else evolution.system.timings.krylov,
        }

    def _voltage(self, voltage: float, charge: float) -> dict[str, float]:
        """Parts of the cell voltage and the state of the counter electrode; nan without electrochemistry."""
        parts, counter = self._parts.evaluate(), self.evolution.counter
        electric = bool(self.model.lithium)
        potential = counter.potential(charge) if electric else float("nan")
        return {
            **parts,
            "counter_electrode_potential": potential,
            "polarisation": voltage - (parts["open_circuit_potential"] - potential),
            "counter_electrode_lithiation": counter.lithiation(charge) if electric else float("nan"),
        }

    def _pressure_slope(self, areal: float, pressure: float) -> float:
        """dP/dQ as the difference quotient of the step [MPa/(mAh/cm²)]; nan where no charge passed."""
        before, self._before = self._before, (areal, pressure)
        if before is None or areal == before[0]:
            return float("nan")
        return (pressure - before[1]) / (areal - before[0])

    def _platen(self) -> float:
        """Outward displacement of the platen [µm]."""
        if self.model.platen is None:
            return 0.0
        return self.model.platen.side * float(self.model.setting["platen_displacement"].value.x.array[0])

    def _extremes(self) -> tuple[float, float]:
        """Smallest and largest stoichiometry of any node; without lithium that moves, 0 and 0. Collective."""
        if "stoichiometry" not in self.model.setting:
            return 0.0, 0.0
        unknown, comm = self.model.setting["stoichiometry"], self.model.setting.mesh.comm
        x = unknown.value.x.array[: unknown.broken.owned]  # without the void dof
        low = comm.allreduce(float(x.min(initial=1.0)), MPI.MIN)
        return low, comm.allreduce(float(x.max(initial=0.0)), MPI.MAX)

    def _stoichiometry(self, cells: CellState) -> dict[str, float]:
        numbers = [b.number for b in self.particles]
        means, volume = self.probe.body_means(cells.stoichiometry)[numbers], self.model.body_volume[numbers]
        low, high = self._extremes()
        return {
            "mean_stoichiometry": float((means * volume).sum() / volume.sum()),
            "minimum_stoichiometry": low,
            "maximum_stoichiometry": high,
            "stoichiometry_deviation": weighted_deviation(means, volume),
        }

    def _interfaces(self, state: InterfaceState) -> dict[str, float]:
        s = self.evolution.probe.statistics(state, self._facets)
        return {
            "interface_area": s.area, "damaged_fraction": s.damaged, "delaminated_fraction": s.delaminated,
            "open_fraction": s.open, "closed_debonded_fraction": s.closed_debonded, "active_fraction": s.active,
            "crack_volume": s.crack_volume, "largest_penetration": float(state.penetration.max(initial=0.0)),
            "film_resistance": s.film_resistance, "oxidation_opening": s.oxidation_opening,
            **self._grain_boundaries(state), **self._current(state, s.area),
        }  # fmt: skip

    def _current(self, state: InterfaceState, area: float) -> dict[str, float]:
        """Share of the active material that takes part, and how the current is spread over its interfaces."""
        isolated = self._reach.isolated_fraction(state)
        least = LEAST_C_RATE * self.model.one_c() / area if area > 0 else 0.0
        return {
            "isolated_fraction": isolated, "active_material_fraction": 1.0 - isolated,
            **current_distribution(state, self._facets, self.model.setting.mesh.comm, least),
        }  # fmt: skip

    def _grain_boundaries(self, state: InterfaceState) -> dict[str, float]:
        """Statistics of the faces between grains; nan where there are none."""
        s = self.evolution.probe.statistics(state, self._boundaries)
        values = {
            "damaged_fraction": s.damaged, "delaminated_fraction": s.delaminated, "open_fraction": s.open,
            "crack_volume": s.crack_volume,
        }  # fmt: skip
        named = {f"grain_boundary_{n}": v if s.area > 0 else float("nan") for n, v in values.items()}
        return {"grain_boundary_area": s.area, **named}

    def _walls(self) -> dict[str, float]:
        """Of the walls of pores; zeros where they are free."""
        walls = self.model.walls
        figures = walls.figures() if walls is not None else None
        return {
            "wall_penetration": figures.penetration if figures else 0.0,
            "wall_contact_fraction": figures.contact_fraction if figures else 0.0,
        }

    def _oxidation(self, mass: float) -> dict[str, float]:
        """Charge of oxidation, per mass of active material too, and 1/g of the contact with the collector; zeros without."""
        charge, contact = self.evolution.ledger.oxidation_charge(), self.model.collector_contact
        return {
            "oxidation_charge": charge * 1e-12,
            "oxidation_capacity": charge / 3.6e12 / mass if mass > 0 else 0.0,
            "collector_contact_resistance": contact.resistance if contact is not None else 0.0,
        }

    def _bodies(self, cells: CellState) -> dict[str, float]:
        numbers = [b.number for b in self.particles]
        strain, volume = (
            self.probe.body_means(cells.volumetric_strain)[numbers],
            self.model.body_volume[numbers],
        )
        principal = self.probe.body_maxima(cells.maximum_principal())[numbers]
        return {
            "mean_volumetric_strain": float((strain * volume).sum() / volume.sum()),
            "maximum_principal_stress": float(principal.max()),
            **self._plastic(cells),
        }

    def _plastic(self, cells: CellState) -> dict[str, float]:
        """Equivalent plastic strain of the phases with a flow law, and the share of their volume that has flowed."""
        numbers = [b.number for b in self.model.bodies.bodies if self.model.case.phases[b.phase].plasticity]
        if not numbers:
            return {"maximum_plastic_strain": 0.0, "mean_plastic_strain": 0.0, "yielded_fraction": 0.0}
        share = self.model.body_volume[numbers] / self.model.body_volume[numbers].sum()
        return {
            "maximum_plastic_strain": float(self.probe.body_maxima(cells.plastic_strain)[numbers].max()),
            "mean_plastic_strain": float(self.probe.body_means(cells.plastic_strain)[numbers] @ share),
            "yielded_fraction": float(self.probe.body_means(cells.yielded)[numbers] @ share),
        }

    def _balances(self) -> dict[str, float]:
        balance = self.evolution.balance()
        return {
            **{name: balance.energy[name] for name in ENERGIES},
            "energy_balance_error": balance.energy_error,
            "mechanical_balance_error": balance.mechanical_error,
            "lithium_balance_error": balance.lithium_error,
            "charge_balance_error": balance.charge_error,
        }

    def particle_rows(self, accepted: Accepted | None, cells: CellState) -> list[dict[str, Any]]:
        """Rows of ``particles.csv``, one per particle."""
        p, bodies = self.probe, self.model.bodies.bodies
        columns = {
            "mean_stoichiometry": p.body_means(cells.stoichiometry),
            "volumetric_strain": p.body_means(cells.volumetric_strain),
            "equivalent_strain": p.body_means(cells.equivalent_strain()),
            "maximum_principal_stress": p.body_maxima(cells.maximum_principal()),
            "hydrostatic_stress": p.body_means(cells.hydrostatic()),
            **self._particle_interfaces(len(bodies)),
        }
        common = {"step": accepted.number if accepted else 0, "time": accepted.time if accepted else 0.0}
        return [
            {
                **common, "body": b.name, "phase": b.phase, "volume": float(self.model.body_volume[b.number]),
                **{name: float(values[b.number]) for name, values in columns.items()},
            }
            for b in self.particles
        ]  # fmt: skip

    def _particle_interfaces(self, bodies: int) -> dict[str, npt.NDArray[np.float64]]:
        state, facets = self.evolution.interface_state(), self.model.facets
        mask = self._facets
        weights = [state.area, state.area * state["broken_fraction"], state.area * state["transmissivity"]]
        sums = np.zeros((3, bodies))
        for k, weight in enumerate(weights):
            per_facet = weight[mask].sum(axis=1)
            sums[k] = np.bincount(facets.plus_body[mask], weights=per_facet, minlength=bodies)
        total = self.model.setting.mesh.comm.allreduce(sums)
        area = np.where(total[0] > 0, total[0], 1.0)
        return {
            "interface_area": total[0],
            "delaminated_fraction": total[1] / area,
            "active_fraction": total[2] / area,
        }
