"""From the lithium, conduction, counter electrode and collector of a case to terms of the weak form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dolfinx import fem

from ssbmech.case import Case
from ssbmech.constants import CHARGE_DENSITY_PER_CONCENTRATION, thermal_voltage
from ssbmech.interface_terms import contact_law
from ssbmech.physics.charge import Conduction, CounterElectrode, Wiring
from ssbmech.physics.collector_contact import CollectorContact
from ssbmech.physics.lithium import Lithium

if TYPE_CHECKING:
    from ssbmech.model import Model


def conductors(case: Case, carrier: str) -> list[str]:
    """Phases that conduct by a carrier."""
    return [n for n, p in case.phases.items() if p.conduction is not None and p.conduction.carrier == carrier]


def add_electrochemistry(model: Model) -> None:
    """Lithium and charge in the bodies, and the counter electrode."""
    case, setting = model.case, model.setting
    temperature = case.cell.temperature
    voltage = thermal_voltage(temperature)
    for name, phase in case.phases.items():
        if phase.lithium is not None:
            lithium, along_c = phase.lithium, phase.lithium.diffusivity_along_c
            model.lithium[name] = Lithium(
                setting,
                name,
                lithium.maximum_concentration * CHARGE_DENSITY_PER_CONCENTRATION,
                lithium.open_circuit_potential.at(temperature),
                lithium.diffusivity.at(temperature),
                lithium.mobility,
                voltage,
                model.solids.get(name),
                None if along_c is None else along_c.at(temperature),
                model.crystal_axis,
            )
        if phase.conduction is not None:
            active = phase.lithium is not None
            kappa = phase.conduction.conductivity.at(temperature)
            model.other_terms.append(Conduction(setting, name, kappa, active))
            if active and case.electrons_wired and phase.conduction.carrier == "electronic":
                assert case.electrons is not None and case.electrons.conductance is not None
                model.other_terms.append(Wiring(setting, name, case.electrons.conductance))
    counter = case.stack.counter_electrode
    if counter.exchange_current_density is not None:
        model.counter = CounterElectrode(
            setting,
            case.stack.separator,
            fem.Constant(
                setting.mesh, float(counter.exchange_current_density(counter.initial_lithiation or 0.0))
            ),
            counter.anodic_transfer_coefficient,
            voltage,
            conductors(case, "ionic"),
        )
        model.other_terms.append(model.counter)
    if case.stack.collector_contact is not None:
        model.collector_contact = _collector_contact(model)
        model.other_terms.append(model.collector_contact)


def _collector_contact(model: Model) -> CollectorContact:
    """Through the conductors on the collector, or for the carbon that wires the active material."""
    case, block = model.case, model.case.stack.collector_contact
    assert block is not None
    phases, volume = conductors(case, "electronic"), None
    if case.electrons_wired:
        phases = [name for name in phases if name in model.lithium]
        volume = sum(float(model.body_volume[b.number]) for b in model.bodies.bodies if b.phase in phases)
    face = case.stack.collector
    return CollectorContact(
        model.setting, face, model.area, phases, volume, block.conductance, contact_law(block)
    )
