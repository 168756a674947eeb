"""The ``pore_walls:`` block: walls of pores that meet."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ssbmech.case.base import SourcedBlock
from ssbmech.case.interfaces import LEAST_PRESSURE
from ssbmech.case.units import InterfaceStiffness, Length


def _stiffness(given: dict[str, Any]) -> Any:
    """The default contact stiffness; None where the tolerance that it follows from is wrong itself."""
    tolerance = given.get("penetration_tolerance")
    return None if tolerance is None else LEAST_PRESSURE / tolerance


class WallFriction(SourcedBlock):
    """Coulomb friction of walls that touch: they stick, or slip under mu times the pressure."""

    coefficient: float = Field(gt=0.0, description="mu, the same at rest and in motion")
    stiffness: InterfaceStiffness | None = Field(
        default=None, description="of walls that stick, tangential; default contact_stiffness/10"
    )


class PoreWalls(SourcedBlock):
    """Contact between the walls of pores (absent cells). Without this block walls are free and pass through each other.

    Walls meet wherever they move: they are paired along their normals, in the deformed state, anew where that has changed. Force alone
    crosses them: no charge and no lithium. `pore_walls: {}` takes all defaults.
    """

    penetration_tolerance: Length = Field(
        default=1e-3,
        description="largest overlap of walls at their contact points, where contact_stiffness alone would allow more; default 1 nm",
    )
    contact_stiffness: InterfaceStiffness = Field(
        default_factory=_stiffness, description="of walls in contact; default 1 GPa/penetration_tolerance"
    )
    friction: WallFriction | None = Field(default=None, description="Coulomb friction; default smooth walls")
    quadrature_degree: int = Field(
        default=4, ge=1, le=10, description="of the contact points on the facets of the walls"
    )
