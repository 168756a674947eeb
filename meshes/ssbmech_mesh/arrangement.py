"""Where the particles of a composite are: packed at random, on a cubic lattice, or as a file lists them. Lengths in µm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq

from ssbmech_mesh.dense import DensePacking, pack_spheres
from ssbmech_mesh.distribution import SizeLaw, size_law
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import ContactLimits, near_pairs
from ssbmech_mesh.irregular import Ellipsoid, IrregularPacking, Shape, ellipsoids, harmonic_shapes
from ssbmech_mesh.reshaped import replace_spheres
from ssbmech_mesh.simplex import Floats, Ints
from ssbmech_mesh.specs import CompositeSpec, Population

_MOST = 20000  # particles
_MOST_CELLS = 50  # unit cells of a lattice along one axis that are found without being asked for
_RIM = 12.0  # median diameters over the widest rim around a contact
_LOOSE = 0.05  # a common factor of the diameters farther from one than this is said


@dataclass(frozen=True)
class Arrangement:
    """Particles of several phases; group (n,) is the place of the phase of each in phases.

    packing holds spheres or irregular particles. laws: by phase, where diameters were drawn, with the factor that these
    were multiplied with.
    """

    phases: tuple[str, ...]
    group: Ints
    packing: DensePacking | IrregularPacking
    laws: dict[str, tuple[SizeLaw, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def arrange(spec: CompositeSpec, asked: Mapping[str, float], voxel: float) -> Arrangement:
    """The particles of a block. asked: volume fraction by phase of the particles; voxel: edge of the voxels (µm)."""
    kind = spec.arrangement.kind
    if (spec.arrangement.file is None) == (kind == "file"):
        raise MeshError(
            "microstructure.arrangement.file is missing"
            if kind == "file"
            else f"microstructure.arrangement.file is given, but the kind is {kind}; leave it out or set kind: file"
        )
    if spec.arrangement.cells is not None and kind in ("random", "file"):
        raise MeshError("microstructure.arrangement.cells is for lattices only; leave it out")
    for phase, population in spec.particles.items():
        if (population.diameter is None) == (kind == "random"):
            raise MeshError(
                f"microstructure.particles.{phase}.diameter is "
                + (
                    "missing"
                    if kind == "random"
                    else f"given, but the arrangement {kind} says it; leave it out"
                )
            )
    if kind == "random":
        made = _random(spec, asked, voxel)
    elif kind == "file":
        made = _listed(spec, voxel)
    else:
        made = _lattice(spec, asked)
    return _shaped(spec, made, asked)


def contact_limits(spec: CompositeSpec, diameters: Floats, voxel: float) -> ContactLimits:
    """Limits of the contacts; the least gap is by default a twentieth of the median diameter and at least two voxels.

    The wedge around a contact is opened as far, but not so far that it takes much of the particles.
    """
    given, median = spec.contact, float(np.median(diameters))
    gap = given.smallest_gap
    if gap is None:
        gap = min(max(median / 20.0, 2.0 * voxel), 0.25 * float(diameters.min()))
    return ContactLimits(given.largest, given.smallest, gap, rim=min(gap, median / _RIM))


def _random(spec: CompositeSpec, asked: Mapping[str, float], voxel: float) -> Arrangement:
    whole = float(np.prod(spec.box))
    diameters, laws, notes, drawn = [], {}, [], []
    for phase, population in spec.particles.items():
        assert population.diameter is not None
        law = size_law(population.diameter)
        count = max(1, round(asked[phase] * whole / law.mean_volume()))
        if count > _MOST:
            raise MeshError(
                f"{asked[phase]:.3g} of the box would be {count} particles of {phase}, and at most {_MOST} are packed; "
                "take a smaller box or larger particles"
            )
        sizes = law.draw(count)
        factor = float(np.cbrt(asked[phase] * whole / np.sum(np.pi / 6.0 * sizes**3)))
        diameters.append(sizes * factor)
        drawn.append(sizes)
        laws[phase] = law
    group = np.repeat(np.arange(len(diameters)), [len(d) for d in diameters])
    every = np.concatenate(diameters)
    packing = _packed(spec, [asked[phase] for phase in laws], every, group, voxel)
    if packing.limits.rim == 0.0:
        notes.append(
            "the spheres do not fit with open rims around their contacts, so these are closed where they are thinner than a voxel"
        )
    scaled = {}
    for k, (phase, law) in enumerate(laws.items()):
        factor = float(2.0 * packing.radii[group == k][0] / drawn[k][0])
        scaled[phase] = (law, factor)
        if abs(factor - 1.0) > _LOOSE:
            notes.append(
                f"the diameters of {phase} are {factor:.3g} times those of the size law, to meet the volume fraction with "
                f"{len(drawn[k])} particle{'s' if len(drawn[k]) > 1 else ''}; a larger box holds more of them"
            )
    return Arrangement(tuple(laws), group, packing, scaled, tuple(notes))


def _packed(
    spec: CompositeSpec, shares: list[float], diameters: Floats, group: Ints, voxel: float
) -> DensePacking:
    """The packing with open rims around the contacts; where it does not fit for their volume, without."""
    limits = contact_limits(spec, diameters, voxel)
    given: dict[str, Any] = {
        "group": group,
        "periodic": spec.boundary == "periodic",
        "seed": stream(spec.seed, 0),
    }
    try:
        return pack_spheres(spec.box, shares, diameters, limits=limits, **given)
    except MeshError:
        return pack_spheres(spec.box, shares, diameters, limits=replace(limits, rim=0.0), **given)


@dataclass(frozen=True)
class _Lattice:
    """Atoms in the cubic cell of edge one; pairs: number of neighbours of an atom and half their distance.

    closed: largest radius before two contact facets of a sphere meet; from there on the matrix falls apart. z = 0 is a plane of
    mirror symmetry, so walls there are what the infinite lattice has.
    """

    atoms: tuple[tuple[float, float, float], ...]
    pairs: tuple[tuple[int, float], ...]
    closed: float

    def fraction(self, radius: float) -> float:
        """Volume fraction of spheres of this radius: balls less the caps beyond their contact facets."""
        lost = sum(n * np.pi / 3.0 * max(radius - h, 0.0) ** 2 * (2.0 * radius + h) for n, h in self.pairs)
        return float(len(self.atoms) * (4.0 / 3.0 * np.pi * radius**3 - lost))


_LATTICES = {
    "simple_cubic": _Lattice(((0.25, 0.25, 0.5),), ((6, 0.5),), 0.5 * np.sqrt(2.0)),
    "body_centred": _Lattice(
        ((0.25, 0.25, 0.0), (0.75, 0.75, 0.5)), ((8, 0.25 * np.sqrt(3.0)), (6, 0.5)), np.sqrt(9.0 / 32.0)
    ),
    "face_centred": _Lattice(
        ((0.25, 0.25, 0.0), (0.75, 0.75, 0.0), (0.75, 0.25, 0.5), (0.25, 0.75, 0.5)),
        ((12, np.sqrt(0.125)),),
        np.sqrt(1.0 / 6.0),
    ),
}


def _lattice(spec: CompositeSpec, asked: Mapping[str, float]) -> Arrangement:
    kind = spec.arrangement.kind
    if len(spec.particles) != 1:
        raise MeshError(
            f"the arrangement {kind} has equal spheres of one phase; {len(spec.particles)} are given"
        )
    lattice = _LATTICES[kind]
    cells, edge = _unit_cells(spec)
    (phase,) = spec.particles
    share, most = asked[phase], lattice.fraction(lattice.closed)
    if share > most:
        raise MeshError(
            f"{100 * share:.4g} vol% of {phase} were asked for; above {100 * most:.4g} vol% the pores of a {kind} lattice "
            "close. Ask for less"
        )
    radius = edge * float(brentq(lambda r: lattice.fraction(r) - share, 1e-6, lattice.closed, xtol=1e-15))
    corner = np.stack(np.meshgrid(*[np.arange(n) for n in cells], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    atoms = (corner + np.array(lattice.atoms)).reshape(-1, 3)
    if lattice.atoms[0][2] == 0.0:  # the layer at the upper end, the image of that at the lower one
        atoms = np.concatenate([atoms, atoms[atoms[:, 2] == 0.0] + [0.0, 0.0, cells[2]]])
    # Faces cut all spheres alike, well inside them, so that no cut needs to be opened there.
    limits = ContactLimits(0.6, spec.contact.smallest, spec.contact.smallest_gap or 1e-3 * radius, 0.0)
    periodic = spec.boundary == "periodic"
    if not periodic and kind != "simple_cubic":
        raise MeshError(
            f"a {kind} lattice needs boundary: periodic; its spheres lie across the lateral faces"
        )
    if not periodic:
        atoms = atoms + np.array([0.25, 0.25, 0.0])  # the walls are mirrors too
    packing = DensePacking(spec.box, periodic, edge * atoms, np.full(len(atoms), radius), limits)
    return Arrangement((phase,), np.zeros(len(atoms), dtype=np.int64), packing)


def _unit_cells(spec: CompositeSpec) -> tuple[Ints, float]:
    """Unit cells along x, y, z, and their edge (µm)."""
    box = np.array(spec.box)
    if spec.arrangement.cells is not None:
        cells = np.array(spec.arrangement.cells)
        if cells.shape != (3,):
            raise MeshError("microstructure.arrangement.cells needs three numbers, along x, y and z")
        edge = float(box[0] / cells[0])
        if not np.allclose(cells * edge, box, rtol=1e-6):
            raise MeshError(
                f"a box of {spec.box} µm in {cells.tolist()} cells does not give cubes; with cells of "
                f"{edge:.6g} µm the box is {(cells * edge).tolist()}"
            )
        return cells, edge
    for n in range(1, _MOST_CELLS + 1):
        edge = float(box.min() / n)
        cells = np.rint(box / edge).astype(np.int64)
        if np.allclose(cells * edge, box, rtol=1e-6):
            return cells, edge
    raise MeshError(f"no cubes fill a box of {spec.box} µm; give sides that are multiples of one length")


def _listed(spec: CompositeSpec, voxel: float) -> Arrangement:
    path = spec.arrangement.file
    assert path is not None
    phases = tuple(spec.particles)
    rows, group = read_particles(path, phases)
    box = np.array(spec.box)
    outside = np.flatnonzero(np.any((rows[:, :3] < 0.0) | (rows[:, :3] > box), axis=1))
    if len(outside):
        raise MeshError(
            f"{path}: {len(outside)} centres lie outside the box [0, 0, 0] to {list(spec.box)} µm, the first at "
            f"{rows[outside[0], :3].tolist()} (row {outside[0] + 1}); enlarge or shift the box or leave these rows out "
            "(positions and diameters are in µm)"
        )
    centers, radii = rows[:, :3], 0.5 * rows[:, 3]
    periodic = spec.boundary == "periodic"
    i, j, vector = near_pairs(centers, radii, box, periodic, 0.0)
    distance = np.linalg.norm(vector, axis=1)
    engulfed = np.flatnonzero(distance <= np.abs(radii[i] - radii[j]))
    if len(engulfed):
        k = engulfed[0]
        raise MeshError(
            f"{path}: of the spheres in rows {i[k] + 1} and {j[k] + 1} one lies inside the other; remove it"
        )
    notes = []
    height = 0.5 * (distance + (radii[i] ** 2 - radii[j] ** 2) / distance)
    share = np.sqrt(np.maximum(radii[i] ** 2 - height**2, 0.0)) / np.minimum(radii[i], radii[j])
    deep = np.count_nonzero(share > spec.contact.largest)
    if deep:
        notes.append(
            f"{deep} contacts of {path.name} are larger than contact.largest (up to {share.max():.3g} of the smaller radius); "
            "positions and diameters are used as given"
        )
    packing = DensePacking(spec.box, periodic, centers, radii, contact_limits(spec, rows[:, 3], voxel))
    return Arrangement(phases, group, packing, notes=tuple(notes))


def read_particles(path: Path, phases: tuple[str, ...]) -> tuple[Floats, Ints]:
    """x, y, z, diameter (n, 4) in µm and the place of the phase (n,) of every row of a table.

    Columns are parted by commas, semicolons or blanks; what follows # is a comment, and a first row of names is skipped. The
    fifth column, the phase, may be missing where there is one phase only.
    """
    if not path.is_file():
        raise MeshError(f"{path}: there is no such file")
    values: list[list[float]] = []
    group: list[int] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        row = line.split("#")[0].replace(",", " ").replace(";", " ").split()
        if not row:
            continue
        try:
            found = [float(entry) for entry in row[:4]]
        except ValueError:
            if not values and number <= 2:
                continue  # names of the columns
            raise MeshError(
                f"{path}:{number}: {' '.join(row[:4])} are not four numbers (x, y, z, diameter)"
            ) from None
        phase = row[4] if len(row) > 4 else phases[0] if len(phases) == 1 else None
        if len(found) < 4 or phase is None:
            lacks = (
                "x, y, z, diameter"
                if len(found) < 4
                else f"a phase ({', '.join(phases)}) in the fifth column"
            )
            raise MeshError(f"{path}:{number}: a row needs {lacks}")
        if phase not in phases:
            raise MeshError(f"{path}:{number}: the phase is {phase!r}; the particles are {', '.join(phases)}")
        if not (np.all(np.isfinite(found)) and found[3] > 0.0):
            raise MeshError(f"{path}:{number}: the numbers must be finite and the diameter positive")
        values.append(found)
        group.append(phases.index(phase))
    if not values:
        raise MeshError(f"{path}: has no rows x, y, z, diameter")
    return np.array(values), np.array(group, dtype=np.int64)


def _shaped(spec: CompositeSpec, made: Arrangement, asked: Mapping[str, float]) -> Arrangement:
    """With the shapes that the populations ask for; their volumes are as asked, else as those of the spheres."""
    if all(population.shape.kind == "sphere" for population in spec.particles.values()):
        return made
    assert isinstance(made.packing, DensePacking)
    whole = float(np.prod(spec.box))
    spheres = np.bincount(made.group, made.packing.measures().volume, minlength=len(made.phases)) / whole
    present = np.unique(made.group)
    shares = [asked.get(made.phases[k], float(spheres[k])) for k in present]
    shapes: list[Shape | None] = [None] * len(made.group)
    for k, phase in enumerate(made.phases):
        own = np.flatnonzero(made.group == k)
        for n, shape in zip(
            own, _shapes(spec.particles[phase], len(own), stream(spec.seed, 10 + k)), strict=True
        ):
            shapes[n] = shape
    group = np.searchsorted(present, made.group)
    known = [shape for shape in shapes if shape is not None]
    packing = replace_spheres(made.packing, known, shares, group=group, seed=stream(spec.seed, 1))
    factor = packing.radii / made.packing.radii
    laws = {
        phase: (law, scale * float(factor[made.group == made.phases.index(phase)][0]))
        for phase, (law, scale) in made.laws.items()
    }
    return replace(made, packing=packing, laws=laws)


def _shapes(population: Population, count: int, seed: int) -> list[Shape]:
    form = population.shape
    if form.aspect is not None and form.kind != "ellipsoid":
        raise MeshError(f"shape.aspect is for ellipsoids; leave it out with kind: {form.kind}")
    if form.kind == "irregular":
        return list(harmonic_shapes(count, form.roughness, form.decay, form.degree, seed))
    if form.kind == "ellipsoid":
        if form.aspect is None:
            raise MeshError(
                "an ellipsoid needs shape.aspect: its second and third axis in units of the first"
            )
        return list(ellipsoids(count, form.aspect, seed))
    shapes: list[Ellipsoid] = ellipsoids(count, (1.0, 1.0), seed)
    return list(shapes)


def stream(seed: int, number: int) -> int:
    """A seed of its own for each random step."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
