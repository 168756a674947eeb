"""What the cell voltage consists of: parts that add up to it, from the powers of the weak form.

With η = φ_s − φ_e − U(x_s) + s the overpotential of charge transfer (U the open-circuit potential at the surface, s the part of the
potential that is due to stress), the row of the potential tested with the potential itself gives exactly

    V I = ∫ i U(x_s) dS − ∫ i s dS + ∫ i η dS + ∫ i_ox (φ_s − φ_e) dS + (ohmic powers) + (power of the counter electrode's charge transfer)

with the collector potential V against lithium, the current I and the current densities i of the CAM | SE interfaces. Divided by I, and
with the open-circuit potential at the mean stoichiometries taken out of the first term:

    open_circuit_potential           Σ_p w_p U_p(x̄_p), x̄_p mean of a phase, w_p its share of the charge that all active phases can hold
    concentration_overpotential      ∫ i U(x_s) dS / I − open_circuit_potential
    stress_overpotential             −∫ i s dS / I
    kinetic_, film_overpotential     ∫ i η dS / I, and the loss in films on the interface
    electronic_, ionic_overpotential loss in conduction through active material, carbon (wiring included) and electrolyte
    contact_overpotential            loss in contacts between conductors of the same carrier, and with the collector
    oxidation_overpotential          what the share of the current that oxidises electrolyte takes more than the open-circuit potential
    counter_electrode_overpotential  loss in the charge transfer of the counter electrode

Differences between active phases of a blend count to the concentration part. Without current the parts are limits 0/0: they are
nan, and only the open-circuit potential and the polarisation (cell voltage less open-circuit voltage) remain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from dolfinx import fem

from ssbmech import compat
from ssbmech.model import Model
from ssbmech.physics.charge import Conduction, ContactConductance, CounterElectrode, Wiring
from ssbmech.physics.collector_contact import CollectorContact
from ssbmech.physics.setting import Energy, Term, add_forms

OVERPOTENTIALS = (
    "concentration_overpotential", "stress_overpotential", "kinetic_overpotential", "film_overpotential",
    "electronic_overpotential", "contact_overpotential", "ionic_overpotential", "oxidation_overpotential",
    "counter_electrode_overpotential",
)  # fmt: skip
"""Parts that add up, with the open-circuit potential, to the collector potential."""

PART_OF_ENERGY = {
    "kinetic_dissipation": "kinetic_overpotential",
    "film_dissipation": "film_overpotential",
}
"""Name of a power of the energy balance -> the part of the voltage that it is."""

LEAST_C_RATE = 1e-6
"""Below this C-rate there is no current that a power could be divided by."""


def part_of(model: Model, term: Term, energy: Energy) -> str | None:
    """The part of the voltage that a power of a term belongs to; None for what is no electrical loss."""
    if energy.kind != "power":
        return None
    if isinstance(term, CounterElectrode):
        return "counter_electrode_overpotential"
    if isinstance(term, ContactConductance | CollectorContact):
        return "contact_overpotential"
    if isinstance(term, Conduction | Wiring):
        conduction = model.case.phases[term.phase].conduction
        assert conduction is not None
        return f"{conduction.carrier}_overpotential"
    return PART_OF_ENERGY.get(energy.name)


class VoltageParts:
    """Computes the parts for the current state of a model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._forms: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        if "potential" not in model.setting:
            return
        forms: dict[str, Any] = {}
        for term in model.terms:
            for energy in term.energies():
                part = part_of(model, term, energy)
                if part is not None:
                    add_forms(forms, {part: energy.form})
        for pair, transfer in model.transfer.items():
            current, measure = transfer.current(), model.setting.dS(pair)
            x = model.setting["stoichiometry"].value("+")
            s = model.setting["stress_potential"].value("+")
            add_forms(forms, {"surface": current * transfer.open_circuit.ufl(x) * measure})
            add_forms(forms, {"stress_overpotential": -current * s * measure})
        for pair, oxidation in model.oxidation.items():
            current, measure = oxidation.current(), model.setting.dS(pair)
            add_forms(forms, {"oxidation_overpotential": current * oxidation.potential() * measure})
            add_forms(forms, {"side_current": current * measure})
        maps = model.setting.interface_mesh.entity_maps if model.setting.interface_mesh else []
        self._forms = {name: compat.form(form, maps) for name, form in forms.items()}
        self._content = {n: compat.form(term.content(), maps) for n, term in model.lithium.items()}
        self._sites = {
            name: term.charge_density * float(model.body_volume[model.bodies.of_phases([name])].sum())
            for name, term in model.lithium.items()
        }

    def _integrate(self, forms: dict[str, Any]) -> dict[str, float]:
        """Values of scalar forms on all ranks."""
        local = np.array([float(fem.assemble_scalar(form)) for form in forms.values()])
        total = self.model.setting.mesh.comm.allreduce(local)
        return dict(zip(forms, map(float, total), strict=True))

    def open_circuit(self) -> float:
        """Potential against lithium [V] at the mean stoichiometries, weighted by the charge that each phase can hold."""
        content = self._integrate(self._content)
        whole = sum(self._sites.values())
        return sum(
            self._sites[name]
            / whole
            * float(self.model.lithium[name].open_circuit(content[name] / self._sites[name]))
            for name in self._content
        )

    def evaluate(self) -> dict[str, float]:
        """``open_circuit_potential`` and :data:`OVERPOTENTIALS` [V]; nan where they do not exist. Collective."""
        if not self._forms:
            return dict.fromkeys(("open_circuit_potential", *OVERPOTENTIALS), np.nan)
        rest = self.open_circuit()
        # What enters the electrode, rather than what is imposed: the parts add up however far Newton's method went.
        current = self.model.system.tied_sum["collector_potential"]
        power = self._integrate(self._forms)
        if abs(current) <= LEAST_C_RATE * self.model.one_c():
            return {"open_circuit_potential": rest} | dict.fromkeys(OVERPOTENTIALS, np.nan)
        parts = {name: power.get(name, 0.0) / current for name in OVERPOTENTIALS}
        side = (
            power.get("side_current", 0.0) / current
        )  # share of the current that moves no lithium of the active material
        parts["oxidation_overpotential"] -= side * rest
        parts["concentration_overpotential"] = power["surface"] / current - (1.0 - side) * rest
        return {"open_circuit_potential": rest} | parts
