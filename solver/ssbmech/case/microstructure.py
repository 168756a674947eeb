"""What generators share, and the spheres that do not touch; structures.py has composites and images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema

from ssbmech.case.base import Block, Fraction, Name, SourcedBlock
from ssbmech.case.units import Density, Length, LengthOrZero, UnitError, as_custom_error, quantity


class LengthUnitText:
    """Reads "um" (or "0.5 um", as a voxel size) into µm."""

    summary = "unit of length, `um`"

    def write(self, value: float) -> str:
        """Text that is read back as ``value``."""
        return "um" if value == 1.0 else quantity("length").write(value)

    def __call__(self, value: Any) -> Any:
        """The unit in µm; what is not text is left for the type check."""
        if not isinstance(value, str):
            return value
        length = quantity("length", "positive")
        try:
            return length.read(value if value[:1].isdigit() else f"1 {value}")
        except UnitError as error:
            raise as_custom_error(
                UnitError(str(error), "a unit of length: um, mm, m, nm", error.suggestion)
            ) from None

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "description": "unit of the coordinates in the file",
            "examples": ["um", "mm"],
        }


LengthUnit = Annotated[
    float, BeforeValidator(LengthUnitText()), PlainSerializer(LengthUnitText().write), LengthUnitText()
]
FilePath = Annotated[
    Path,
    BeforeValidator(lambda name: Path(name) if isinstance(name, str) and name else name),
    PlainSerializer(str),
]


class Composition(SourcedBlock):
    """What the composite was weighed out as."""

    weight_percent: dict[Name, Annotated[float, Field(gt=0.0, le=100.0)]] = Field(
        description="per phase, together 100"
    )
    density: dict[Name, Density] = Field(
        default_factory=dict, description="per phase; default that of the phase"
    )
    porosity: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="volume fraction of pores, which are not meshed"
    )


class Diameter(SourcedBlock):
    """Particle size distribution, by number."""

    distribution: Literal["lognormal", "uniform"] = "lognormal"
    minimum: Length
    maximum: Length
    median: Length | None = Field(
        default=None, description="of the lognormal; default the geometric mean of the limits"
    )
    sigma: float | None = Field(default=None, ge=0.0, description="of ln(diameter) of the lognormal")


class MeshSize(Block):
    """Edge lengths of the elements."""

    interface: Length = Field(description="where bodies meet")
    bulk: Length | None = Field(
        default=None, description="far from interfaces; default twice that at interfaces"
    )
    neck: float | None = Field(default=None, gt=0.0, description="largest edge in a gap, in units of the gap")


class Generated(SourcedBlock):
    """A microstructure that a generator builds."""

    def as_dict(self) -> dict[str, Any]:
        """The block as `ssbmech_mesh.generate` takes it: plain numbers (µm, µm³, kg/m³, degrees), without free text."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def files(self) -> list[Path]:
        """Files and folders that the structure is made from."""
        return list(_files(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Block):
        items = {key: getattr(value, key) for key in type(value).model_fields if key != "source"}
        return {key: _plain(item) for key, item in items.items() if item is not None}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _files(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Block):
        for key in type(value).model_fields:
            yield from _files(getattr(value, key))
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _files(item)


class Spheres(Generated):
    """Random packing of spheres that do not touch, in a matrix."""

    generator: Literal["spheres"] = Field(description="the kind of microstructure")
    box: list[Length] = Field(min_length=3, max_length=3, description="edge lengths along x, y, z")
    particles: Name = Field(description="phase of the spheres")
    matrix: Name = Field(description="phase around them")
    composition: Composition | None = Field(default=None, description="this or volume_fraction")
    volume_fraction: Fraction | None = Field(default=None, description="of the spheres; this or composition")
    diameter: Diameter
    minimum_gap: LengthOrZero = Field(default=0.15, description="between two spheres")
    wall_clearance: Length | None = Field(
        default=None, description="between a sphere and a wall; default minimum_gap"
    )
    face_margin: float | None = Field(
        default=None,
        gt=0.0,
        le=0.4,
        description="how far a sphere cut by a face stays from touching it, in radii",
    )
    seed: int = Field(default=1, ge=0, description="of the random numbers")
    mesh_size: MeshSize
    boundary: Literal["inside", "periodic"] = Field(
        default="periodic", description="spheres stay inside, or are cut by the lateral faces"
    )
