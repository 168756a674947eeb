"""Terms that are no forms: they couple dofs which share no element, and bring their rows and matrix entries themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ssbmech.physics.setting import EnergyKind

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EnergyShare:
    """This rank's share of an energy of the balance [pJ]; ``kind`` as in :class:`ssbmech.physics.setting.Energy`."""

    name: str
    kind: EnergyKind
    value: float


class AlgebraicTerm(Protocol):
    """A contribution to the rows of one field that depends on that field only.

    Dofs are numbered as in ``index_map``, components unrolled: first the dofs that the rank owns, in the order of the field's space,
    then the dofs of other ranks that the term needs, which the space itself need not know as ghosts.

    Attributes:
        field: the field.
        index_map: its dof blocks that the term sees.
        block_size: components of a block.
        version: changes whenever ``index_map`` and the pattern do, on all ranks together.
    """

    field: str
    index_map: Any
    block_size: int
    version: int

    def residual(self) -> Floats:
        """(owned dofs,) residual at the current fields."""

    def pattern(self) -> tuple[Ints, Ints]:
        """(entries,) rows, owned, and columns of the entries of the tangent, each pair once; asked for once for every version."""

    def tangent(self) -> Floats:
        """(entries,) derivative of the residual at the current fields, in the order of :meth:`pattern`."""

    def energies(self) -> list[EnergyShare]:
        """Contributions to the energy balance at the current fields; collective, and of the same names on every rank."""
