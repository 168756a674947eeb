"""Balances of energy, lithium and charge, kept in every run.

Energy, with compression work counted as work done on the electrode:

    electrical work + external work = Δ(chemical + elastic + interface + contact energy)
                                      + fracture + viscous + friction + plastic + ohmic + kinetic + film + diffusion dissipation
                                      + energy taken up by oxidation

The chemical work −∫σ : dε_ch + ∫t_n dg is what lithium, and the opening g of oxidised faces, do on the mechanics; with it the mechanical
part closes for itself:

    external work + chemical work = Δ(elastic + interface + contact energy) + fracture + viscous + friction + plastic dissipation
                                    + work of the multipliers and of the changing pairs of the contacts (numerical)

Powers are integrated by the trapezoidal rule. Both closures are reported, because the electrical work is
so large that it would hide any error of the mechanics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from dolfinx import fem

from ssbmech import compat
from ssbmech.model import Model
from ssbmech.physics.setting import EnergyKind, add_forms

MECHANICAL_SINKS = (
    "elastic_energy",
    "interface_energy",
    "contact_energy",
    "multiplier_work",
    "pairing_work",
    "fracture_dissipation",
    "viscous_dissipation",
    "friction_dissipation",
    "plastic_dissipation",
)
ROUNDING = 1e-9
"""pJ; errors are relative to no less: at the start, without load, all energies are rounding."""

ELECTRICAL_SINKS = (
    "chemical_energy",
    "ohmic_dissipation",
    "kinetic_dissipation",
    "film_dissipation",
    "diffusion_dissipation",
    "oxidation_energy",
)


@dataclass
class Balance:
    """Energies since the start [pJ] and relative closure errors.

    Attributes:
        energy: name -> accumulated or stored energy.
        energy_error: of the whole balance, relative to the energy turned over.
        mechanical_error: of the mechanical part, relative to the mechanical energy turned over.
        lithium_error: lithium that left the active material against charge passed without that of oxidation, relative to the charge
            turned over.
        charge_error: charge through the separator against charge passed, likewise.
    """

    energy: dict[str, float] = field(default_factory=dict)
    energy_error: float = 0.0
    mechanical_error: float = 0.0
    lithium_error: float = 0.0
    charge_error: float = 0.0


class Ledger:
    """Keeps the balances of a model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        maps = model.setting.interface_mesh.entity_maps if model.setting.interface_mesh else []
        forms: dict[EnergyKind, dict[str, Any]] = {"stored": {}, "power": {}, "increment": {}}
        for term in model.terms:
            for energy in term.energies():
                add_forms(forms[energy.kind], {energy.name: energy.form})
        self._forms = {
            kind: {n: compat.form(f, maps) for n, f in group.items()} for kind, group in forms.items()
        }
        self._content = [compat.form(term.content(), maps) for term in model.lithium.values()]
        self._oxidised = [compat.form(term.charge(), maps) for term in model.oxidation.values()]
        self._separator = None
        if model.counter is not None:
            counter = model.counter
            self._separator = compat.form(counter.current() * counter.ds, maps)
        names = [*MECHANICAL_SINKS, *ELECTRICAL_SINKS, "external_work", "chemical_work", "electrical_work"]
        self._total = dict.fromkeys(names, 0.0)
        self._power: dict[str, float] = {}
        self._force: Any = None
        self._potential = 0.0
        self._lithium_start: float | None = None
        self._oxidised_start = 0.0
        self._turnover = self._charge = self._separator_charge = 0.0

    def _sum(self, value: float) -> float:
        return float(self.model.setting.mesh.comm.allreduce(value))

    def _integrate(self, kind: EnergyKind) -> dict[str, float]:
        """Energies of one kind at the current state, by name."""
        values = {name: float(fem.assemble_scalar(form)) for name, form in self._forms[kind].items()}
        for term in self.model.algebraic_terms:
            for share in term.energies():
                if share.kind == kind:
                    values[share.name] = values.get(share.name, 0.0) + share.value
        return {name: self._sum(value) for name, value in values.items()}

    def lithium_content(self) -> float:
        """Lithium in the active material [pC]."""
        return sum(self._sum(fem.assemble_scalar(form)) for form in self._content)

    def oxidation_charge(self) -> float:
        """Charge that has oxidised electrolyte, at the end of the current step [pC]."""
        return sum(self._sum(fem.assemble_scalar(form)) for form in self._oxidised)

    def _separator_current(self) -> float:
        """Current that leaves the electrode through the separator [pA]."""
        if self._separator is not None:
            return -self._sum(fem.assemble_scalar(self._separator))
        system = self.model.system
        at_separator = np.isin(system.numbering.idle["potential"], self.model.separator_dofs)
        return -self._sum(float(system.reactions["potential"][at_separator].sum()))

    def _external_work(self) -> float:
        """Work of the platens and supports in the step [pJ], trapezoidal."""
        system = self.model.system
        unknown = system.unknowns["displacement"]
        idle = system.numbering.idle["displacement"]
        force = system.reactions["displacement"]
        before = self._force if self._force is not None else np.zeros_like(force)
        moved = unknown.value.x.array[idle] - unknown.previous.x.array[idle]
        self._pending_force = force.copy()
        return self._sum(float((0.5 * (force + before) * moved).sum()))

    def measure(self, dt: float) -> Balance:
        """Balances at the end of the current step of ``dt`` seconds; call once per step, before the history is committed."""
        first = self._lithium_start is None
        stored, power = self._integrate("stored"), self._integrate("power")
        total = self._total
        if not first:
            for name, value in self._integrate("increment").items():
                total[name] += value
            for name, value in power.items():
                total[name] += 0.5 * dt * (value + self._power.get(name, value))
        if "displacement" in self.model.setting:
            work = self._external_work()
            total["external_work"] += work
            self._force = self._pending_force
        for name, value in stored.items():
            total[name] = value
        if "potential" in self.model.setting:
            self._electrical(dt, first)
        self._power = power
        if self._lithium_start is None:
            self._lithium_start, self._oxidised_start = self.lithium_content(), self.oxidation_charge()
        return self._close()

    def _electrical(self, dt: float, first: bool) -> None:
        current = self.model.current()
        potential = float(self.model.setting["collector_potential"].value.x.array[0])
        before, self._potential = self._potential, potential
        if first:
            return
        # The current is constant within a step and may jump between steps; the potential is continuous.
        self._total["electrical_work"] += current * dt * 0.5 * (potential + before)
        self._charge += current * dt
        self._turnover += abs(current) * dt
        self._separator_charge += self._separator_current() * dt

    def _close(self) -> Balance:
        t = self._total
        mechanical = t["external_work"] + t["chemical_work"] - sum(t[n] for n in MECHANICAL_SINKS)
        scale = max(
            abs(t["external_work"]), abs(t["chemical_work"]), *(abs(t[n]) for n in MECHANICAL_SINKS), ROUNDING
        )
        whole = (
            t["external_work"] + t["electrical_work"] - sum(t[n] for n in MECHANICAL_SINKS + ELECTRICAL_SINKS)
        )
        largest = max(abs(t["electrical_work"]), abs(t["chemical_energy"]), scale)
        lithium = charge = 0.0
        if self._lithium_start is not None and self._turnover > 0:
            left = self._lithium_start - self.lithium_content()
            oxidised = self.oxidation_charge() - self._oxidised_start
            lithium = abs(left + oxidised - self._charge) / self._turnover
            charge = abs(self._separator_charge - self._charge) / self._turnover
        return Balance(dict(t), abs(whole) / largest, abs(mechanical) / scale, lithium, charge)
