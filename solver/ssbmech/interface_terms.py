"""From the interface laws of a case to terms of the weak form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbmech.case.contact import ContactBlock
from ssbmech.case.interfaces import Cohesion as CohesionBlock
from ssbmech.case.interfaces import Interface
from ssbmech.case.interfaces import Oxidation as OxidationBlock
from ssbmech.constants import MAH_PER_CM2, thermal_voltage
from ssbmech.domain.interfaces import Pair
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.materials.friction import STICKING, CoulombFriction
from ssbmech.materials.oxidation import OxidationLaw
from ssbmech.physics.charge import ChargeTransfer, ContactConductance
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.lithium_transfer import LithiumTransfer
from ssbmech.physics.oxidation import Oxidation, OxidationCharge

if TYPE_CHECKING:
    from ssbmech.model import Model


def add_interfaces(model: Model, pairs: list[Pair]) -> None:
    """Terms of every interface law whose faces the mesh has; faces that are open from the start get their damage."""
    case, setting = model.case, model.setting
    interface_mesh = setting.interface_mesh
    if interface_mesh is None:
        return
    present = set(
        np.unique(np.concatenate(setting.mesh.comm.allgather(np.unique(model.facets.pair)))).tolist()
    )
    for number, (pair, interface) in enumerate(zip(pairs, case.interfaces, strict=True)):
        if number not in present:
            continue
        oxidation = None
        if interface.oxidation is not None and "potential" in setting:
            oxidation = OxidationCharge(setting, pair, _oxidation(interface.oxidation))
        if model.damage is not None:
            c = interface.cohesion
            model.cohesion[pair] = Cohesion(
                setting, pair, _law(c), model.damage, _friction(c), c.penetration_tolerance, oxidation
            )
            if c.initially_open:
                cells = interface_mesh.row_of_cell
                opened = np.flatnonzero(model.facets.pair[cells] == number)
                model.damage.x.array[interface_mesh.space.dofmap.list[opened].reshape(-1)] = 1.0
        if "potential" in setting:
            _add_currents(model, pair, interface, oxidation)


def _add_currents(model: Model, pair: Pair, interface: Interface, oxidation: OxidationCharge | None) -> None:
    """Charge and lithium that pass one interface."""
    setting, temperature = model.setting, model.case.cell.temperature
    cohesion = model.cohesion.get(pair)
    if interface.charge_transfer is not None:
        t = interface.charge_transfer
        model.transfer[pair] = ChargeTransfer(
            setting,
            pair,
            model.lithium[pair[0]].open_circuit,
            t.exchange_current_density.at(temperature),
            t.anodic_transfer_coefficient,
            contact_law(t),
            thermal_voltage(temperature),
            cohesion,
            t.film_resistance,
            oxidation,
        )
        if oxidation is not None:
            model.oxidation[pair] = Oxidation(setting, pair, oxidation, contact_law(t), cohesion)
    if interface.contact_conductance is not None:
        g = interface.contact_conductance
        model.conductance[pair] = ContactConductance(setting, pair, g.conductance, contact_law(g), cohesion)
    if interface.lithium_transfer is not None:
        passage = interface.lithium_transfer
        lithium = (model.lithium[pair[0]], model.lithium[pair[1]])
        model.lithium_transfer[pair] = LithiumTransfer(
            setting, pair, lithium, passage.conductance, contact_law(passage), cohesion
        )


def contact_law(block: ContactBlock) -> ContactLaw:
    """How a block of the case says that its contact conducts."""
    return ContactLaw(block.contact_pressure_scale, block.contact_exponent, block.contact_unloading_exponent)


def _oxidation(block: OxidationBlock) -> OxidationLaw:
    """The law per C/m² instead of mAh/cm²."""
    unit, k = MAH_PER_CM2, block.parabolic_constant
    return OxidationLaw(
        block.onset_potential,
        block.tafel_slope,
        block.current_density,
        block.volume_deficit / unit,
        block.film_resistivity / unit,
        None if k is None else k * unit**2,
    )


def _law(c: CohesionBlock) -> CohesiveLaw:
    return CohesiveLaw(
        c.stiffness,
        c.contact_stiffness,
        c.strength if c.breakable else None,
        c.toughness,
        c.shear_strength,
        c.shear_toughness,
        c.mode_mixity_exponent,
        c.viscosity,
    )


def _friction(c: CohesionBlock) -> CoulombFriction | None:
    if c.friction is None:
        return None
    return CoulombFriction(c.friction.coefficient, c.friction.stiffness or STICKING * c.contact_stiffness)
