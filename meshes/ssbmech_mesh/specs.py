"""The `microstructure:` blocks of composites and images, checked. Lengths in µm, densities in any one unit.

docs/meshes.md says what every key means.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ssbmech_mesh.errors import MeshError

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Triple = tuple[Positive, Positive, Positive]


class Spec(BaseModel):
    """A mapping whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SizeSpec(Spec):
    """Diameters by volume: D10, D50 and D90; or median and sigma of ln d; or a table; or uniform between the limits."""

    distribution: Literal["lognormal", "uniform", "table"] = "lognormal"
    D10: Positive | None = None
    D50: Positive | None = None
    D90: Positive | None = None
    median: Positive | None = None
    sigma: NotNegative | None = None
    minimum: Positive | None = None
    maximum: Positive | None = None
    table: tuple[tuple[NotNegative, NotNegative], ...] | None = (
        None  # diameter, cumulative share of the volume
    )


class ShapeSpec(Spec):
    """Form of the particles; aspect: two axes in units of the first; roughness: rms of ln of the radius."""

    kind: Literal["sphere", "ellipsoid", "irregular"] = "sphere"
    aspect: tuple[Positive, Positive] | None = None
    roughness: Annotated[float, Field(ge=0.0, le=0.3)] = 0.1
    decay: NotNegative = 2.0
    degree: Annotated[int, Field(ge=2, le=12)] = 6


class GrainSpec(Spec):
    """Primary grains of a particle; diameter of the sphere of the mean volume, or their number per particle.

    spread: standard deviation of ln d. aspect: length over width of radial rods. misorientation: standard deviation of the angle
    (degrees) from the ideal radial texture. core: radius of an equiaxed, randomly oriented core under the rods, in radii.
    """

    texture: Literal["single", "random", "radial"]
    diameter: Positive | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    spread: NotNegative = 0.2
    aspect: Annotated[float, Field(ge=1.0, le=10.0)] = 3.0
    misorientation: Annotated[float, Field(ge=0.0, le=90.0)] = 0.0
    core: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class Population(Spec):
    """Particles of one phase."""

    diameter: SizeSpec | None = None  # not with an arrangement that gives the diameters
    shape: ShapeSpec = ShapeSpec()
    grains: GrainSpec | None = None


class CompositionSpec(Spec):
    """What was weighed out; porosity: share of the volume that is empty."""

    weight_percent: dict[str, Positive]
    density: dict[str, Positive]
    porosity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class ContactSpec(Spec):
    """Contact radii over the smaller radius, and the least gap (µm; default a twentieth of the median diameter)."""

    largest: Annotated[float, Field(gt=0.0, le=0.6)] = 0.35
    smallest: Annotated[float, Field(gt=0.0, lt=0.6)] = 0.1
    smallest_gap: Positive | None = None


class ArrangementSpec(Spec):
    """Where the particles are: random; a cubic lattice of equal spheres; or listed in a file (x, y, z, diameter, all µm)."""

    kind: Literal["random", "simple_cubic", "body_centred", "face_centred", "file"] = "random"
    cells: tuple[Annotated[int, Field(ge=1)], ...] | None = None  # unit cells of the lattice along x, y, z
    file: Path | None = None


class AdditiveSpec(Spec):
    """Carbon, binder or pores as random domains in the matrix.

    size: mean chord length (µm). affinity: 0 anywhere in the matrix, 1 only at the particles' surfaces.
    """

    size: Positive
    affinity: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


class LayerSpec(Spec):
    """A flat layer below or above the composite."""

    phase: str
    thickness: Positive


class LayersSpec(Spec):
    """separator at z-, collector at z+; the box of the composite lies between them."""

    separator: LayerSpec | None = None
    collector: LayerSpec | None = None


class MeshSizeSpec(Spec):
    """Edge lengths: at interfaces and far from them (µm), or a number of cells for the whole.

    growth: µm per µm of distance. neck: edge length in thin necks in units of their width.
    """

    interface: Positive | None = None
    bulk: Positive | None = None  # default twice the interface size
    cells: Annotated[int, Field(ge=100)] | None = None
    growth: Positive = 0.4
    neck: Positive | None = None


class SectionSpec(Spec):
    """A plane section as a mesh of triangles: x or y is the normal; the mesh has (y, z) or (x, z) as its (x, y)."""

    normal: Literal["x", "y"]
    position: NotNegative


class StructureSpec(Spec):
    """What composites and images have in common."""

    layers: LayersSpec = LayersSpec()
    mesh_size: MeshSizeSpec
    section: SectionSpec | None = None
    seed: Annotated[int, Field(ge=0)] = 1


class CompositeSpec(StructureSpec):
    """Particles that touch in a matrix, with additives and pores."""

    generator: Literal["composite"]
    box: Triple
    particles: Annotated[dict[str, Population], Field(min_length=1)]
    matrix: str
    composition: CompositionSpec | None = None
    volume_fraction: dict[str, Share] | None = (
        None  # per phase of particles and additives; the matrix is the rest
    )
    additives: dict[str, AdditiveSpec] = {}
    pores: AdditiveSpec | None = None  # meshed as voids; without it the matrix stands for matrix and pores
    contact: ContactSpec = ContactSpec()
    arrangement: ArrangementSpec = ArrangementSpec()
    boundary: Literal["periodic", "walls"] = "periodic"
    voxel_size: Positive | None = None  # default a quarter of the interface size
    mesher: Literal["lattice", "fitted"] = "lattice"  # fitted: to spheres, exactly, without voxels


class SplitSpec(Spec):
    """Watershed of touching particles into bodies; see segmentation.split_bodies."""

    least_depth: Positive | None = None
    smoothing: NotNegative = 0.0
    least_volume: NotNegative = 0.0


class BodiesSpec(Spec):
    """Values that tell the particles of a phase apart already: each from first to last is a particle.

    last: default the largest value. least_volume (µm^3): what is smaller joins the particle that it touches most.
    """

    first: float
    last: float | None = None
    least_volume: NotNegative = 0.0


class ImageSpec(StructureSpec):
    """A segmented image, or grey values with thresholds."""

    generator: Literal["image"]
    file: Path
    dataset: str | None = None
    axes: str = "zyx"
    voxel_size: Positive | Triple | None = None
    labels: dict[str, tuple[float, ...]] | None = None
    # phases beside those in labels, of an image whose particles are told apart
    bodies: dict[str, BodiesSpec] = {}
    thresholds: dict[str, tuple[float, float]] | None = None
    crop: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    resample: Positive | Triple | None = None
    fill_closed: tuple[str, ...] = ()
    least_volume: dict[str, Positive] = {}
    split: dict[str, SplitSpec] = {}  # phases of particles
    grains: dict[str, GrainSpec] = {}
    void: tuple[str, ...] = ()


AnySpec = TypeVar("AnySpec", bound=Spec)


def read_spec(kind: type[AnySpec], given: Mapping[str, Any]) -> AnySpec:
    """Check a mapping against a spec; MeshError names every key that is wrong."""
    plain = {key: value for key, value in given.items() if key != "source"}
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        lines = [_sentence(kind, problem) for problem in error.errors()]
        raise MeshError("; ".join(lines)) from None


def _sentence(kind: type[Spec], problem: Any) -> str:
    key = ".".join(["microstructure", *map(str, problem["loc"])])
    if problem["type"] == "extra_forbidden":
        known = list(kind.model_fields) if len(problem["loc"]) == 1 else []
        near = get_close_matches(str(problem["loc"][-1]), known, n=1)
        return f"{key} is unknown" + (f"; did you mean {near[0]}?" if near else "")
    if problem["type"] == "missing":
        return f"{key} is missing"
    return f"{key} is {problem['input']!r}: {problem['msg']}"
