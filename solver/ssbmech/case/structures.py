"""Microstructures on voxels: composites of touching particles, and images. docs/meshes.md says how they are built."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from ssbmech.case.base import Block, Fraction, Name, SourcedBlock
from ssbmech.case.microstructure import Composition, FilePath, Generated
from ssbmech.case.tables import read_table
from ssbmech.case.units import AngleOrZero, Length, LengthOrZero, Volume, quantity

Number = Annotated[float, Field(allow_inf_nan=False)]


class OneOrThree:
    """Reads one length as that along x, y and z."""

    summary = "length, `0.4 um`, or three: along x, y, z"

    def __call__(self, value: Any) -> Any:
        """A list of three; what is no text is left for the type check."""
        return [value] * 3 if isinstance(value, str) else value

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        one = quantity("length", "positive").json_schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 3, "maxItems": 3}]}


PerAxis = Annotated[
    list[Length], Field(min_length=3, max_length=3), BeforeValidator(OneOrThree()), OneOrThree()
]
Corner = Annotated[list[LengthOrZero], Field(min_length=3, max_length=3)]
Range = Annotated[list[Number], Field(min_length=2, max_length=2)]


class SizeDistribution(SourcedBlock):
    """Diameters by volume, as laser diffraction gives them: three quantiles, or median and sigma, or a table."""

    distribution: Literal["lognormal", "uniform", "table"] = "lognormal"
    D10: Length | None = Field(default=None, description="10 % of the volume is in smaller particles")
    D50: Length | None = Field(default=None, description="the median")
    D90: Length | None = Field(default=None, description="90 % of the volume is in smaller particles")
    median: Length | None = Field(
        default=None, description="of the lognormal, with sigma instead of D10, D50, D90"
    )
    sigma: float | None = Field(default=None, ge=0.0, description="of ln(diameter) of the lognormal")
    minimum: Length | None = Field(default=None, description="smaller ones are cut off; needed for uniform")
    maximum: Length | None = Field(default=None, description="larger ones are cut off; needed for uniform")
    table: FilePath | None = Field(
        default=None, description="text file: diameter (µm) and cumulative share of the volume, 0 to 1 or 100"
    )

    def rows(self) -> list[list[float]]:
        """The table's rows; raises BelowError if it cannot be read."""
        return read_table(self.table)


class Shape(SourcedBlock):
    """Form of the particles."""

    kind: Literal["sphere", "ellipsoid", "irregular"] = "sphere"
    aspect: list[Annotated[float, Field(gt=0.0)]] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="second and third axis of an ellipsoid over the first",
    )
    roughness: float = Field(
        default=0.1, ge=0.0, le=0.3, description="of irregular particles: root mean square of ln(radius)"
    )
    decay: float = Field(
        default=2.0, ge=0.0, description="amplitudes of irregular particles go as degree^-decay"
    )
    degree: int = Field(
        default=6, ge=2, le=12, description="highest spherical harmonic of irregular particles"
    )


class Grains(SourcedBlock):
    """Primary grains of which a particle consists; each is a body with a crystal frame."""

    texture: Literal["single", "random", "radial"] = Field(
        description="one crystal; equiaxed grains at random; radial rods whose c axis is tangential"
    )
    diameter: Length | None = Field(
        default=None, description="of the sphere of a grain's mean volume; this or count"
    )
    count: int | None = Field(default=None, ge=1, description="grains in a particle; this or diameter")
    spread: float = Field(default=0.2, ge=0.0, description="standard deviation of ln(diameter)")
    aspect: float = Field(default=3.0, ge=1.0, le=10.0, description="length over width of radial rods")
    misorientation: AngleOrZero = Field(
        default=0.0, description="standard deviation of the angle from the ideal radial texture"
    )
    core: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="radius of a core of equiaxed grains under the rods, in radii",
    )


class Population(SourcedBlock):
    """Particles of one phase."""

    diameter: SizeDistribution | None = Field(
        default=None, description="left out where a file gives the diameters"
    )
    shape: Shape = Shape()
    grains: Grains | None = Field(default=None, description="left out: each particle is one body")


class Contact(SourcedBlock):
    """How particles touch: in flat facets where they would overlap."""

    largest: float = Field(
        default=0.35, gt=0.0, le=0.6, description="contact radius over the smaller radius, at most"
    )
    smallest: float = Field(
        default=0.1,
        gt=0.0,
        lt=0.6,
        description="smaller contacts are opened to a gap; over the smaller radius",
    )
    smallest_gap: Length | None = Field(
        default=None,
        description="between particles that do not touch; default a twentieth of the median diameter",
    )


class Arrangement(SourcedBlock):
    """Where the particles are."""

    kind: Literal["random", "simple_cubic", "body_centred", "face_centred", "file"] = "random"
    cells: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, min_length=3, max_length=3, description="unit cells of a lattice along x, y, z"
    )
    file: FilePath | None = Field(
        default=None, description="text file with x, y, z, diameter in µm, and a phase"
    )


class Domains(SourcedBlock):
    """Carbon, binder or pores, as random domains in the matrix."""

    size: Length = Field(description="mean chord length of the domains")
    affinity: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="0: anywhere in the matrix, 1: at the surfaces of the particles only",
    )


class Layer(SourcedBlock):
    """A flat layer; of the phase of the matrix it continues that body."""

    phase: Name = Field(description="of the layer")
    thickness: Length


class Layers(Block):
    """What lies below and above the composite, inside the mesh."""

    separator: Layer | None = Field(default=None, description="below, at z-")
    collector: Layer | None = Field(default=None, description="above, at z+")


class CellSize(Block):
    """Edge lengths of the elements, or their number."""

    interface: Length | None = Field(default=None, description="where bodies meet; this or cells")
    bulk: Length | None = Field(
        default=None, description="far from interfaces; default twice that at interfaces"
    )
    cells: int | None = Field(
        default=None, ge=100, description="wanted number of elements; this or interface"
    )
    growth: float = Field(
        default=0.4, gt=0.0, description="of the edge length, per distance from the interface"
    )
    neck: float | None = Field(
        default=None, gt=0.0, description="edge in a thin neck between particles, in units of its width"
    )


class Section(Block):
    """A plane section instead of the volume; the stack axis z becomes y of the mesh."""

    normal: Literal["x", "y"] = Field(description="of the plane")
    position: LengthOrZero = Field(description="of the plane along its normal")


class OnVoxels(Generated):
    """What composites and images share."""

    layers: Layers = Layers()
    mesh_size: CellSize
    section: Section | None = Field(default=None, description="triangles of a plane section")
    seed: int = Field(default=1, ge=0, description="of the random numbers")


class Composite(OnVoxels):
    """Particles that touch, in a matrix, with additives and pores."""

    generator: Literal["composite"] = Field(description="the kind of microstructure")
    box: list[Length] = Field(
        min_length=3, max_length=3, description="of the composite along x, y, z, without layers"
    )
    particles: dict[Name, Population] = Field(min_length=1, description="by phase")
    matrix: Name = Field(description="phase around the particles")
    composition: Composition | None = Field(default=None, description="this or volume_fraction")
    volume_fraction: dict[Name, Fraction] | None = Field(
        default=None, description="of particles and additives; the matrix is the rest; this or composition"
    )
    additives: dict[Name, Domains] = Field(default_factory=dict, description="by phase: carbon, binder")
    pores: Domains | None = Field(
        default=None, description="meshed as voids; left out: the matrix stands for matrix and pores"
    )
    contact: Contact = Contact()
    arrangement: Arrangement = Arrangement()
    boundary: Literal["periodic", "walls"] = Field(
        default="periodic", description="particles are cut by the lateral faces, or stay inside"
    )
    voxel_size: Length | None = Field(
        default=None, description="default a quarter of the edge length at interfaces"
    )
    mesher: Literal["lattice", "fitted"] = Field(
        default="lattice",
        description="fitted: exactly to spheres, with fewer cells; nothing but spheres and layers",
    )

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers (µm, kg/m³), with the rows of the size tables."""
        plain = super().as_dict()
        for name, population in self.particles.items():
            if population.diameter is not None and population.diameter.table is not None:
                plain["particles"][name]["diameter"]["table"] = population.diameter.rows()
        return plain


class Split(SourcedBlock):
    """Touching particles taken apart by a watershed of the distance to their surface."""

    least_depth: Length | None = Field(
        default=None, description="how far the distance drops between two particles; default one voxel"
    )
    smoothing: LengthOrZero = Field(default=0.0, description="of the distance, standard deviation")
    least_volume: Volume | None = Field(default=None, description="smaller particles join a neighbour")


class KnownBodies(SourcedBlock):
    """Values of an image that tell the particles of a phase apart already: each value is a particle."""

    first: float = Field(description="smallest value")
    last: float | None = Field(default=None, description="largest value; default the largest of the image")
    least_volume: Volume | None = Field(default=None, description="smaller particles join a neighbour")


class ImageStructure(OnVoxels):
    """A segmented image (tomography, FIB-SEM), or grey values with thresholds."""

    generator: Literal["image"] = Field(description="the kind of microstructure")
    file: FilePath = Field(description="TIFF stack, NPZ, NPY, NRRD, VTK image data, or a folder of slices")
    dataset: str | None = Field(
        default=None, description="entry of an NPZ, array of a VTK file, series of a TIFF"
    )
    axes: str = Field(default="zyx", pattern="^[xyz]{3}$", description="of the stored array, slowest first")
    voxel_size: PerAxis | None = Field(
        default=None, description="one, or along x, y, z; needed where the file has none"
    )
    labels: dict[Name, list[Number]] | None = Field(
        default=None, description="values of each phase in the image; this or thresholds"
    )
    thresholds: dict[Name, Range] | None = Field(
        default=None, description="grey values of each phase, from and to; this or labels"
    )
    crop: Annotated[list[Corner], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="lower and upper corner"
    )
    resample: PerAxis | None = Field(default=None, description="voxel size to go on with")
    fill_closed: list[Name] = Field(
        default_factory=list, description="phases whose closed inclusions are filled"
    )
    least_volume: dict[Name, Volume] = Field(
        default_factory=dict, description="smaller clusters of a phase are removed"
    )
    split: dict[Name, Split] = Field(
        default_factory=dict, description="phases whose touching particles are to be taken apart"
    )
    bodies: dict[Name, KnownBodies] = Field(
        default_factory=dict,
        description="phases whose particles have values of their own, beside those in labels",
    )
    grains: dict[Name, Grains] = Field(default_factory=dict, description="of the particles of a phase")
    void: list[Name] = Field(default_factory=list, description="phases that are pores and are not meshed")
