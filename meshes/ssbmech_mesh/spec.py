"""What to build: the `microstructure:` block of a case file, checked. Lengths in µm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite, log
from typing import Any

from ssbmech_mesh.composition import volume_fractions
from ssbmech_mesh.errors import MeshError

BOUNDARIES = ("periodic", "inside")
DISTRIBUTIONS = ("lognormal", "uniform")


@dataclass(frozen=True)
class Diameters:
    """Size distribution by number between two limits (µm); median and sigma (of ln d): lognormal."""

    distribution: str
    minimum: float
    maximum: float
    median: float
    sigma: float


@dataclass(frozen=True)
class MeshSize:
    """Edge lengths: at interfaces and in the bulk (µm); in a neck at most `neck` times the local gap (-)."""

    interface: float
    bulk: float
    neck: float


@dataclass(frozen=True)
class MicrostructureSpec:
    """Non-touching spheres of one phase in a box of another; see docs/meshes.md for every key."""

    box: tuple[float, float, float]
    particles: str
    matrix: str
    volume_fraction: float
    diameter: Diameters
    minimum_gap: float
    wall_clearance: float
    face_margin: float
    seed: int
    mesh_size: MeshSize
    boundary: str

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> MicrostructureSpec:
        """Check a plain mapping (numbers in µm) and fill in the defaults."""
        known = {"generator", "composition", "source", *cls.__dataclass_fields__}
        _refuse_unknown("microstructure", given, known)
        particles, matrix = _text(given, "particles"), _text(given, "matrix")
        if particles == matrix:
            raise MeshError(f"microstructure.matrix is {matrix!r}, the same as particles; name two phases")
        gap = _number(given, "minimum_gap", positive=True)
        return cls(
            box=_box(given),
            particles=particles,
            matrix=matrix,
            volume_fraction=_fraction(given, particles, matrix),
            diameter=_diameters(_mapping(given, "diameter")),
            minimum_gap=gap,
            wall_clearance=_number(given, "wall_clearance", positive=True, default=gap),
            face_margin=_share(given, "face_margin", default=0.15),
            seed=_seed(given),
            mesh_size=_mesh_size(_mapping(given, "mesh_size")),
            boundary=_choice(given, "boundary", BOUNDARIES, default="periodic"),
        )


def _refuse_unknown(where: str, given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise MeshError(f"{where}.{key} is unknown{hint} Allowed: {', '.join(sorted(known))}")


def _mapping(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    if not isinstance(value, Mapping):
        raise MeshError(f"microstructure.{key} is missing or not a mapping of names to values")
    return value


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise MeshError(f"microstructure.{key} must name a phase; got {value!r}")
    return value


def _number(given: Mapping[str, Any], key: str, positive: bool, default: float | None = None) -> float:
    value = given.get(key)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise MeshError(f"microstructure: {key} must be a number; got {value!r}")
    if value < 0.0 or (positive and value == 0.0):
        raise MeshError(
            f"microstructure: {key} is {value}; it must be {'positive' if positive else 'at least 0'}"
        )
    return float(value)


def _share(given: Mapping[str, Any], key: str, default: float) -> float:
    value = _number(given, key, positive=True, default=default)
    if value > 0.4:
        raise MeshError(
            f"microstructure: {key} is {value}; it is a share of the radius, above 0 and up to 0.4"
        )
    return value


def _seed(given: Mapping[str, Any]) -> int:
    value: object = given.get("seed", 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MeshError(f"microstructure.seed must be a whole number of at least 0; got {value!r}")
    return value


def _choice(given: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(key) or default
    if value not in allowed:
        near = get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MeshError(f"microstructure: {key} is {value!r}{hint} Allowed: {', '.join(allowed)}")
    return str(value)


def _box(given: Mapping[str, Any]) -> tuple[float, float, float]:
    box = given.get("box")
    if not isinstance(box, list | tuple) or len(box) != 3:
        raise MeshError(f"microstructure.box must be three lengths [Lx, Ly, Lz]; got {box!r}")
    x, y, z = (_number({"box": side}, "box", positive=True) for side in box)
    return x, y, z


def _fraction(given: Mapping[str, Any], particles: str, matrix: str) -> float:
    composition, direct = given.get("composition"), given.get("volume_fraction")
    if (composition is None) == (direct is None):
        raise MeshError("microstructure needs exactly one of composition and volume_fraction")
    if composition is None:
        value = _number(given, "volume_fraction", positive=True)
    else:
        _refuse_unknown("microstructure.composition", composition, {"weight_percent", "density", "porosity"})
        weights = _mapping(composition, "weight_percent")
        if set(weights) != {particles, matrix}:
            raise MeshError(
                f"microstructure.composition.weight_percent names {', '.join(weights)}; "
                f"this structure is made of {particles} (particles) and {matrix} (matrix)"
            )
        porosity = _number(composition, "porosity", positive=False, default=0.0)
        value = volume_fractions(weights, _mapping(composition, "density"), porosity)[particles]
    if not 0.0 < value < 1.0:
        raise MeshError(f"microstructure.volume_fraction is {value}; it must lie between 0 and 1")
    # Rounded, so that the unit of the densities does not change the last bits, and with them the packing.
    return round(value, 9)


def _diameters(given: Mapping[str, Any]) -> Diameters:
    _refuse_unknown(
        "microstructure.diameter", given, {"distribution", "minimum", "maximum", "median", "sigma"}
    )
    distribution = _choice(given, "distribution", DISTRIBUTIONS, default="lognormal")
    low, high = _number(given, "minimum", positive=True), _number(given, "maximum", positive=True)
    if low > high:
        raise MeshError(f"microstructure.diameter.minimum is {low}, above the maximum {high}")
    middle = _number(given, "median", positive=True, default=(low * high) ** 0.5)
    if not low <= middle <= high:
        raise MeshError(f"microstructure.diameter.median is {middle}; it must lie between {low} and {high}")
    sigma = _number(given, "sigma", positive=False, default=log(high / low) / 4.0)
    return Diameters(distribution, low, high, middle, sigma)


def _mesh_size(given: Mapping[str, Any]) -> MeshSize:
    _refuse_unknown("microstructure.mesh_size", given, {"interface", "bulk", "neck"})
    interface = _number(given, "interface", positive=True)
    bulk = _number(given, "bulk", positive=True, default=2.0 * interface)
    if bulk < interface:
        raise MeshError(
            f"microstructure.mesh_size.bulk is {bulk}, below the size at the interface {interface}"
        )
    return MeshSize(interface, bulk, _number(given, "neck", positive=True, default=2.0))
