"""Composites: particles that touch in a matrix, with additives and pores, as bodies on voxels. Lengths in µm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from ssbmech_mesh.additives import add_domains, mean_chord
from ssbmech_mesh.arrangement import Arrangement, arrange, stream
from ssbmech_mesh.bodies import BodyTable, joined, plain_table
from ssbmech_mesh.composition import volume_fractions
from ssbmech_mesh.connectivity import clusters
from ssbmech_mesh.dense import DensePacking
from ssbmech_mesh.distribution import volume_quantiles
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import CONTACT
from ssbmech_mesh.facts import described
from ssbmech_mesh.layers import height_of_voxels
from ssbmech_mesh.simplex import Ints
from ssbmech_mesh.specs import CompositeSpec
from ssbmech_mesh.structure import Labels, Structure
from ssbmech_mesh.voxels import irregular_labels, sphere_labels

PORE = "pore"
_VOXELS_PER_EDGE = 4  # of the default voxel in an edge of the mesh at interfaces
_VOXELS_PER_CELL = 6.0  # of a mesh graded by one to two, as measured in docs/meshers.md
_PIXELS_PER_TRIANGLE = 8.0
_MOST_VOXELS = 5e8
_MOST_BY_DEFAULT = 1.5e7
_ACROSS = 4.0  # voxels across the smallest particle, at least
_SPECK = 12  # voxels of a piece of a particle that is left to the matrix, and the other way round
_CONTACT = 0.25  # of a contact area, by which voxels may have more without a note


def build_composite(spec: CompositeSpec) -> Structure:
    """Particles, matrix, additives and pores of a block on voxels, with facts and notes.

    The box of the block exactly; grains, layers and sections are made of the result (`add_layers`, `section`), but
    the height of the voxels is already one that suits the layers.
    """
    asked, notes = asked_fractions(spec)
    number = voxel_numbers(spec)
    voxel = tuple(side / n for side, n in zip(spec.box, number, strict=True))
    size = (voxel[0], voxel[1], voxel[2])
    made = arrange(spec, {phase: asked[phase] for phase in spec.particles if phase in asked}, max(size))
    smallest = 2.0 * float(made.packing.radii.min())
    if smallest < _ACROSS * max(size):
        raise MeshError(
            f"the smallest particle, {smallest:.4g} µm, is less than {_ACROSS:g} voxels of {max(size):.4g} µm wide; take smaller "
            "voxels (microstructure.voxel_size) or larger particles"
        )
    labels, bodies = _bodies(made, spec.matrix, number)
    structure = Structure(labels, size, bodies, periodic=made.packing.periodic).compact()
    structure = replace(structure, notes=(*notes, *made.notes))
    chords = {}
    domains = dict(spec.additives) | ({PORE: spec.pores} if spec.pores is not None else {})
    for k, (phase, domain) in enumerate(domains.items()):
        structure = add_domains(
            structure, spec.matrix, phase, asked[phase], domain, stream(spec.seed, 100 + k)
        )
        inside = structure.bodies.of_phase(phase)[structure.labels - 1]
        chords[phase] = {"asked": domain.size, "achieved": mean_chord(inside, size)}
    if spec.pores is not None:
        structure = replace(structure, void=(PORE,))
    structure = described(structure, asked, scattered=tuple(domains))
    facts = {"generator": "composite", "seed": spec.seed, **_particle_facts(made, spec)}
    if chords:
        facts["mean_chord"] = chords
    structure = replace(structure, facts={**facts, **structure.facts})
    return replace(structure, notes=(*structure.notes, *_contact_notes(structure.facts)))


def asked_fractions(spec: CompositeSpec) -> tuple[dict[str, float], list[str]]:
    """Share of the box that every phase is to take, the matrix among them, and what to say about it.

    With an arrangement from a file the particles may be missing: they are what the file says.
    """
    solids = [*spec.particles, spec.matrix, *spec.additives]
    twice = [phase for phase in solids if solids.count(phase) > 1]
    if twice:
        raise MeshError(
            f"{twice[0]} is named twice among particles, matrix and additives; a phase has one place"
        )
    if PORE in solids:
        raise MeshError(
            f"a phase is called {PORE!r}, the name of the voids; use the block microstructure.pores or rename it"
        )
    if spec.composition is not None and spec.volume_fraction is not None:
        raise MeshError("composition and volume_fraction are both given; give one of them")
    if spec.composition is not None:
        return _from_weights(spec, solids)
    given = dict(spec.volume_fraction or {})
    needed = [*spec.particles, *spec.additives, *([PORE] if spec.pores is not None else [])]
    optional = set(spec.particles) if spec.arrangement.kind == "file" else set()
    if not given and set(needed) - optional:
        raise MeshError(
            "give microstructure.composition (weight_percent and density) or microstructure.volume_fraction"
        )
    _same_names("volume_fraction", given, needed, optional, f"; {spec.matrix} is the rest")
    total = sum(given.values())
    if not total < 1.0:
        raise MeshError(
            f"volume_fraction adds up to {total:.4g}; it must stay below 1, {spec.matrix} is the rest"
        )
    if set(spec.particles) <= set(given):
        given[spec.matrix] = 1.0 - total
    return given, []


def _from_weights(spec: CompositeSpec, solids: list[str]) -> tuple[dict[str, float], list[str]]:
    composition = spec.composition
    assert composition is not None
    for key in ("weight_percent", "density"):
        _same_names(f"composition.{key}", getattr(composition, key), solids, set(), "")
    shares = volume_fractions(composition.weight_percent, composition.density, composition.porosity)
    porosity = composition.porosity
    if spec.pores is not None:
        if porosity == 0.0:
            raise MeshError(
                "there is a block pores, but composition.porosity is 0; give the porosity or leave pores out"
            )
        return {**shares, PORE: porosity}, []
    shares[spec.matrix] += porosity
    if porosity == 0.0:
        return shares, []
    note = (
        f"the {100 * porosity:.4g} vol% of pores are not meshed: {spec.matrix} stands for matrix and pores, "
        f"{100 * shares[spec.matrix]:.4g} vol%; a block microstructure.pores makes voids of them"
    )
    return shares, [note]


def _same_names(key: str, given: Iterable[str], needed: list[str], optional: set[str], tail: str) -> None:
    given = list(given)
    for name in given:
        if name not in needed:
            near = get_close_matches(name, needed, n=1, cutoff=0.5)
            raise MeshError(
                f"microstructure.{key}.{name} is no phase of the composite; it has {', '.join(needed)}{tail}"
                + (f". Did you mean {near[0]}?" if near else "")
            )
    missing = [name for name in needed if name not in given and name not in optional]
    if missing:
        raise MeshError(f"microstructure.{key} of {', '.join(missing)} is missing{tail}")


def voxel_numbers(spec: CompositeSpec) -> tuple[int, int, int]:
    """Voxels along x, y, z of the composite: of the size asked for, else a quarter of the mesh size at interfaces.

    Given a number of cells only, six voxels a cell (eight a triangle of a section).
    """
    wanted = spec.voxel_size or _default_voxel(spec)
    x, y = (max(1, round(side / wanted)) for side in spec.box[:2])
    z = height_of_voxels(spec.box[2], spec.layers, wanted)
    total = float(x) * float(y) * float(z)
    if total > _MOST_VOXELS:
        raise MeshError(
            f"a box of {spec.box} µm has {total:.3g} voxels of {wanted:.3g} µm, and at most {_MOST_VOXELS:.3g} are handled; take a "
            "larger microstructure.voxel_size or a smaller box"
        )
    return x, y, z


def _default_voxel(spec: CompositeSpec) -> float:
    size = spec.mesh_size
    if size.interface is not None:
        return size.interface / _VOXELS_PER_EDGE
    if size.cells is None:
        raise MeshError(
            "give mesh_size.interface or mesh_size.cells (or voxel_size): it decides how fine the voxels are"
        )
    layers = [
        layer.thickness for layer in (spec.layers.separator, spec.layers.collector) if layer is not None
    ]
    height = spec.box[2] + sum(layers)
    finest = float(np.cbrt(np.prod(spec.box) / _MOST_BY_DEFAULT))
    if spec.section is not None:
        width = spec.box[1] if spec.section.normal == "x" else spec.box[0]
        return max(finest, float(np.sqrt(width * height / (_PIXELS_PER_TRIANGLE * size.cells))))
    return max(finest, float(np.cbrt(spec.box[0] * spec.box[1] * height / (_VOXELS_PER_CELL * size.cells))))


def _bodies(made: Arrangement, matrix: str, number: tuple[int, int, int]) -> tuple[Labels, BodyTable]:
    """Labels and table: the pieces of the particles in their order, then the matrix."""
    packing = made.packing
    if isinstance(packing, DensePacking):
        raw = sphere_labels(packing, number)
    else:
        raw = irregular_labels(packing, number)
    particle, center = packing.bodies()
    count = np.bincount(raw.ravel(), minlength=len(particle) + 1)[1:]
    kept = np.flatnonzero(count >= _SPECK)
    new = np.full(len(particle) + 1, len(kept) + 1, dtype=np.int32)
    new[kept + 1] = np.arange(1, len(kept) + 1)
    owner = particle[kept]
    names = _names(made, owner)
    phases = tuple(made.phases[made.group[p]] for p in owner)
    table = BodyTable(
        names,
        phases,
        owner,
        np.full(len(owner), -1, dtype=np.int64),
        center[kept],
        packing.radii[owner],
        np.full((len(owner), 3, 3), np.nan),
    )
    labels = _without_specks(new[raw], len(kept) + 1, packing.periodic)
    return labels, joined(table, plain_table([matrix], [matrix]))


def _names(made: Arrangement, owner: Ints) -> tuple[str, ...]:
    """NCM811_001, and NCM811_002a, b, … for the pieces of a particle that periodic faces cut."""
    own_number = np.zeros(len(made.group), dtype=np.int64)
    for k in range(len(made.phases)):
        mine = made.group == k
        own_number[mine] = np.arange(1, np.count_nonzero(mine) + 1)
    pieces = np.bincount(owner, minlength=len(made.group))
    seen = np.zeros(len(made.group), dtype=np.int64)
    names = []
    for p in owner:
        letter = "abcdefghi"[seen[p]] if pieces[p] > 1 else ""
        names.append(f"{made.phases[made.group[p]]}_{own_number[p]:03d}{letter}")
        seen[p] += 1
    return tuple(names)


def _without_specks(labels: Labels, matrix: int, periodic: bool) -> Labels:
    """Matrix in clusters of a few voxels, in the wedges around contacts, goes to the particles beside it."""
    cluster, number = clusters(labels == matrix, periodic)
    few = np.bincount(cluster.ravel(), minlength=number + 1) < _SPECK
    few[0] = False
    at = np.stack(np.nonzero(few[cluster]), axis=1)
    labels = labels.copy()
    while len(at):
        found: Labels = np.full(len(at), matrix, dtype=np.int32)
        for step in (*np.eye(3, dtype=np.int64), *-np.eye(3, dtype=np.int64)):
            beside = np.clip(at + step, 0, np.array(labels.shape) - 1)
            near = labels[beside[:, 0], beside[:, 1], beside[:, 2]]
            found = np.where(found == matrix, near, found)
        if np.all(found == matrix):
            break
        labels[at[:, 0], at[:, 1], at[:, 2]] = found
        at = at[found == matrix]
    return labels


def _contact_notes(facts: dict[str, Any]) -> list[str]:
    """Where the contacts of spheres are too small for the voxels."""
    notes = []
    for key, exact in facts.get("spheres", {}).get("contact_area", {}).items():
        seen = facts["interface_area"].get(key, 0.0)
        if seen - exact > _CONTACT * exact:
            notes.append(
                f"the contacts {key} have {seen:.3g} µm² on the voxels instead of {exact:.3g} µm² of the spheres: around a contact "
                "the gap is thinner than a voxel. Smaller voxels (microstructure.voxel_size) come closer"
            )
    return notes


def _particle_facts(made: Arrangement, spec: CompositeSpec) -> dict[str, Any]:
    """Sizes by phase and, of spheres, contacts in closed form; µm, µm²."""
    sizes: dict[str, Any] = {}
    for k, phase in enumerate(made.phases):
        diameters = 2.0 * made.packing.radii[made.group == k]
        if len(diameters) == 0:
            continue
        sizes[phase] = {"number": len(diameters), "achieved": volume_quantiles(diameters)}
        if phase in made.laws:
            law, factor = made.laws[phase]
            given = spec.particles[phase].diameter
            quantiles = dict(zip(("D10", "D50", "D90"), law.quantile(np.array([0.1, 0.5, 0.9])), strict=True))
            sizes[phase] |= {
                "asked": {key: float(getattr(given, key) or value) for key, value in quantiles.items()},
                "law": law.description,
                "scale": factor,
            }
    facts: dict[str, Any] = {"diameters": sizes}
    if isinstance(made.packing, DensePacking):
        facts["spheres"] = _contacts(made, made.packing)
    return facts


def _contacts(made: Arrangement, packing: DensePacking) -> dict[str, Any]:
    """Contacts of spheres from their planes, without voxels: closed forms, across periodic faces too."""
    planes, measured = packing.planes(), packing.measures()
    touch = planes.kind == CONTACT
    i, j = planes.owner[touch], planes.other[touch]
    radius = np.sqrt(packing.radii[i] ** 2 - planes.offset[touch] ** 2)
    share = radius / np.minimum(packing.radii[i], packing.radii[j])
    area: dict[str, float] = {}
    for a, b, facet in zip(made.group[i], made.group[j], measured.facet_area[touch], strict=True):
        key = "|".join(made.phases[k] for k in sorted((a, b)))
        area[key] = area.get(key, 0.0) + 0.5 * float(facet)
    free = np.bincount(made.group, measured.free_area, minlength=len(made.phases))
    return {
        "coordination": float(len(i) / len(packing.radii)),
        "contacts": len(i) // 2,
        "contact_area": area,
        "free_area": {phase: float(free[k]) for k, phase in enumerate(made.phases)},
        "largest_contact": float(share.max(initial=0.0)),
        "smallest_contact": float(share.min()) if len(share) else 0.0,
        "smallest_gap": packing.limits.smallest_gap,
        "rim": packing.limits.rim,
    }
