"""Lattice parameters of a layered oxide in a case file: curves, or the name of a material of the library."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from ssbmech.case.base import SourcedBlock
from ssbmech.case.curve_types import LatticeChangeOfX, LatticeParameterOfX
from ssbmech.case.curves import Curve, RatioCurve
from ssbmech.case.errors import nearest
from ssbmech.case.units import UnitError, as_custom_error
from ssbmech.materials.lattice import lattice_names, read_lattice


class Lattice(SourcedBlock):
    """Lattice parameters in hexagonal axes, as lengths or as relative changes; or NCM811, NCM622, NCM111, NCA, LCO of the library."""

    a: LatticeParameterOfX | None = Field(default=None, description="in the plane; with c")
    c: LatticeParameterOfX | None = Field(default=None, description="normal to the plane; with a")
    a_change: LatticeChangeOfX | None = Field(
        default=None, description="relative change of a; instead of a, with c_change"
    )
    c_change: LatticeChangeOfX | None = Field(
        default=None, description="relative change of c; instead of c, with a_change"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_library(cls, value: Any) -> Any:
        """The curves of a material that is given by its name."""
        if not isinstance(value, str):
            return value
        names = lattice_names()
        if value not in names:
            allowed = f"{', '.join(names)}, or a mapping with a and c"
            raise as_custom_error(UnitError("is not in the library", allowed, nearest(value, names)))
        entry = read_lattice(value)
        curves = {
            key: {"points": [[x, y] for x, y in zip(entry.x, values, strict=True)], "unit": "angstrom"}
            for key, values in (("a", entry.a), ("c", entry.c))
        }
        return curves | {
            "source": f"{value} of the library, {entry.confidence}: {entry.method} ({entry.source})"
        }

    def lengths(self) -> tuple[Curve, Curve]:
        """a and c as curves of x, up to a factor that strains do not see."""
        if self.a is not None and self.c is not None:
            return self.a, self.c
        if self.a_change is None or self.c_change is None:
            raise ValueError("needs a and c, or a_change and c_change")
        return RatioCurve(change=self.a_change), RatioCurve(change=self.c_change)


def or_name(schema: dict[str, Any]) -> None:
    """Adds the names of the library to the JSON Schema of a key that holds a :class:`Lattice`."""
    schema["anyOf"] = [{"type": "string", "enum": list(lattice_names())}, *schema["anyOf"]]
