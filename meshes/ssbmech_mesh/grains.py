"""Particles split into primary grains, each a body with its crystal frame. Lengths in µm.

The cells are those of `laguerre`, counted on voxels; the frames are those of `texture`. A section (one voxel thick)
gets grains in its plane, and `diameter` is then that of a circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import pi
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.distribution import volume_quantiles
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.grain_cells import BodyVoxels, grain_cells
from ssbmech_mesh.segmentation import crofton_areas, merge_small
from ssbmech_mesh.simplex import Floats, Ints
from ssbmech_mesh.specs import GrainSpec
from ssbmech_mesh.structure import Labels, Structure
from ssbmech_mesh.texture import radial_frames, random_frames

_ACROSS = 3  # voxels across the smallest grain, unless a least volume is given
_MISSED = 0.05  # mean error of the volumes of the grains that is worth a note
_ROOM = 2.0  # mean volume of the grains over the least: fewer then fall below it


@dataclass(frozen=True, eq=False)
class _Piece:
    """A body split: number of the grain at every voxel of its block, 0 outside, and one entry per grain of the rest.

    frame (n, 3, 3); volume (n,) in µm³; cosine (n,): |cos| between c and the radius, nan for a grain in the centre.
    rod (n,); length (n,): spread along the radius over that across it. aspect: what the rods were made with.
    goal, reached: volumes (µm³) of the cells, asked for and before small parts joined others; joined: number of these
    parts. single: a single crystal.
    """

    block: Ints
    frame: Floats
    volume: Floats
    cosine: Floats
    rod: NDArray[np.bool_]
    length: Floats
    aspect: float
    goal: Floats
    reached: Floats
    joined: int
    single: bool


def split_grains(
    structure: Structure, grains: Mapping[str, GrainSpec], seed: int, least_volume: float | None = None
) -> Structure:
    """Split the particles of phases into primary grains; all other bodies stay.

    Pieces of one particle (bodies with its number, cut by faces of the box) are split each by itself, into grains of one
    mean size; a single crystal has one frame in all its pieces. What is under least_volume (µm³; default
    27 voxels) joins the grain that it touches most, and so does a part that its grain does not touch. Crystal frames: see
    `texture`. facts["grains"][phase] says what was asked and reached. Raises MeshError for a phase without particles
    or with grains, and for grains too large for the particles or too small for the voxels.
    """
    structure = structure.compact()
    voxel = float(np.prod(structure.voxel_size))
    flat = structure.labels.shape[2] == 1
    least = _ACROSS ** (2 if flat else 3) * voxel if least_volume is None else max(least_volume, voxel)
    blocks = ndimage.find_objects(structure.labels, max_label=len(structure.bodies))
    pieces: dict[int, _Piece] = {}
    facts: dict[str, Any] = dict(structure.facts.get("grains", {}))
    notes = []
    for phase, spec in grains.items():
        rows = _particles(structure.bodies, phase)
        count, note = _counts(structure, rows, spec, phase, least)
        own = {
            int(row): _split(structure, int(row), blocks[row], int(n), spec, seed, least)
            for row, n in zip(rows, count, strict=True)
        }
        facts[phase] = _facts(structure, own, spec)
        notes += note
        notes += _changes(phase, spec, facts[phase], own, least)
        pieces |= own
    return replace(
        structure,
        labels=_relabelled(structure, pieces, blocks),
        bodies=_table(structure.bodies, pieces),
        facts=structure.facts | {"grains": facts},
        notes=(*structure.notes, *notes),
    )


def _particles(bodies: BodyTable, phase: str) -> Ints:
    """Rows of the pieces of particles of the phase."""
    rows = np.flatnonzero(bodies.of_phase(phase) & (bodies.particle >= 0))
    if len(rows) == 0:
        having = dict.fromkeys(p for p, k in zip(bodies.phases, bodies.particle, strict=True) if k >= 0)
        raise MeshError(
            f"grains.{phase}: there are no particles of {phase}; there are of {', '.join(having) or 'no phase'}"
        )
    if np.any(bodies.grain[rows] >= 0):
        raise MeshError(f"grains.{phase}: the particles are split into grains already; split them once")
    if not np.all(np.isfinite(bodies.center[rows])) or not np.all(np.isfinite(bodies.radius[rows])):
        raise MeshError(
            f"grains.{phase}: a particle has no center or no radius; give both in the table of bodies"
        )
    return rows


def _counts(
    structure: Structure, rows: Ints, spec: GrainSpec, phase: str, least: float
) -> tuple[Ints, list[str]]:
    """Number of grains of every piece, and a note if some particles hold fewer than asked."""
    given = (spec.diameter is not None) + (spec.count is not None)
    if given != (0 if spec.texture == "single" else 1):
        raise MeshError(
            f"grains.{phase}: texture {spec.texture} takes "
            + ("neither diameter nor count" if spec.texture == "single" else "either diameter or count")
        )
    if spec.texture == "single":
        return np.ones(len(rows), dtype=np.int64), []
    volume = structure.volumes()[rows]
    _, index = np.unique(structure.bodies.particle[rows], return_inverse=True)
    whole = np.bincount(index, volume)
    if spec.diameter is not None:
        mean: Floats = np.full(len(whole), _grain_volume(spec.diameter, structure))
    else:
        mean = whole / float(spec.count or 1)
    if mean.max() < _ROOM * least:
        raise MeshError(
            f"grains.{phase}: the mean grain has {mean.max():.3g} µm³, but what is under {least:.3g} µm³ is not kept and "
            f"the mean must be {_ROOM:g} times that; make the grains larger, or the voxels ({structure.voxel_size[0]:g} µm) smaller"
        )
    if spec.count != 1 and np.all(np.rint(whole / mean) <= 1):
        raise MeshError(
            f"grains.{phase}: grains of {mean.max():.3g} µm³ do not fit into particles of at most {whole.max():.3g} µm³; "
            "make the diameter smaller, or take texture single"
        )
    asked: Ints = np.maximum(np.rint(volume / mean[index]), 1).astype(np.int64)
    room: Ints = np.maximum(np.floor(volume / (_ROOM * least)), 1).astype(np.int64)
    fewer = len(np.unique(index[room < asked]))
    alone = 0 if spec.count == 1 else int(np.count_nonzero(np.rint(whole / mean) <= 1))
    notes = [
        f"{phase}: {fewer} particles have fewer grains than asked, as these would be under {least:.3g} µm³",
        f"{phase}: {alone} particles hold no two grains of {mean.max():.3g} µm³ and stay single crystals",
    ]
    return np.minimum(asked, room), [note for note, k in zip(notes, (fewer, alone), strict=True) if k]


def _grain_volume(diameter: float, structure: Structure) -> float:
    """Volume (µm³) of a grain; in a section that of a disc as thick as the voxels."""
    if structure.labels.shape[2] == 1:
        return pi / 4.0 * diameter**2 * structure.voxel_size[2]
    return pi / 6.0 * diameter**3


def _split(
    structure: Structure,
    row: int,
    block: tuple[slice, ...],
    count: int,
    spec: GrainSpec,
    seed: int,
    least: float,
) -> _Piece:
    """Grains of one piece."""
    table, voxel = structure.bodies, float(np.prod(structure.voxel_size))
    entropy = [seed, crc32(table.phases[row].encode()), int(table.particle[row])]
    random = np.random.default_rng([*entropy, row])
    mask = structure.labels[block] == row + 1
    body = _body(structure, row, mask, block, count)
    aspect = 1.0
    if spec.texture == "radial":  # no rod is longer than there is room along the radius
        room = body.radius * (1.0 - spec.core) / body.diameter
        aspect = float(np.clip(room ** (2.0 if body.flat else 1.5), 1.0, spec.aspect))
    cell, goal, rod = grain_cells(body, count, spec, aspect, random)
    final, joined = mask.astype(np.int64), 0
    final[mask] = cell + 1
    if count > 1:
        final, joined = _joined(final, structure.voxel_size, least)
    number = final[mask] - 1
    size = np.bincount(number)
    rods = np.bincount(number, rod[cell]) > 0.5 * size
    middle: Floats = np.column_stack([np.bincount(number, x) for x in body.place.T]) / size[:, None]
    off = np.linalg.norm(middle, axis=1) > 1e-6 * body.radius  # a grain in the centre has no radial direction
    direction = np.where(off[:, None], middle, np.nan)
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    if spec.texture == "single":  # one frame for all pieces
        frame = random_frames(1, np.random.default_rng(entropy))
    else:
        frame = random_frames(len(size), random)
        frame[rods & off] = radial_frames(direction[rods & off], spec.misorientation, random)
    return _Piece(
        block=final,
        frame=frame,
        volume=np.asarray(size * voxel, dtype=np.float64),
        cosine=np.abs(np.einsum("ni,ni->n", frame[:, :, 2], direction)),
        rod=rods,
        length=_lengths(body, number, middle, direction, structure.voxel_size),
        aspect=aspect,
        goal=goal * len(number) * voxel,
        reached=np.asarray(np.bincount(cell, minlength=len(goal)) * voxel, dtype=np.float64),
        joined=joined,
        single=spec.texture == "single",
    )


def _body(
    structure: Structure, row: int, mask: NDArray[np.bool_], block: tuple[slice, ...], count: int
) -> BodyVoxels:
    index = np.argwhere(mask) + np.array([part.start for part in block])
    place = (index + 0.5) * structure.voxel_size - structure.bodies.center[row]
    flat = structure.labels.shape[2] == 1
    if flat:
        place[:, 2] = 0.0
    mean = np.array([len(index) * float(np.prod(structure.voxel_size)) / count])
    diameter = _diameters(mean, structure)[0]
    return BodyVoxels(index, place, float(structure.bodies.radius[row]), diameter, flat)


def _lengths(
    body: BodyVoxels, number: Ints, middle: Floats, direction: Floats, voxel_size: tuple[float, float, float]
) -> Floats:
    """Standard deviation along the radius over that across it (n,), of the voxels of every grain."""
    away = body.place - middle[number]
    own = float(np.mean(np.square(voxel_size[:2]))) / 12.0  # a voxel is no point
    count = np.bincount(number)
    along = np.bincount(number, np.einsum("mi,mi->m", away, direction[number]) ** 2) / count
    whole = np.bincount(number, np.einsum("mi,mi->m", away, away)) / count
    across = (whole - along) / (1.0 if body.flat else 2.0)
    return np.asarray(np.sqrt((along + own) / (across + own)), dtype=np.float64)


def _joined(cells: Ints, voxel_size: tuple[float, float, float], least: float) -> tuple[Ints, int]:
    """Grains from cells, numbered from 1: parts that hang together by faces and are not too small.

    And how many parts joined others.
    """
    from skimage.measure import label

    parts = np.asarray(label(np.pad(cells, 1), connectivity=1), dtype=np.int64)
    before = int(parts.max())
    parts = merge_small(parts, voxel_size, least)[1:-1, 1:-1, 1:-1]
    lone = np.bincount(parts.ravel()) * float(np.prod(voxel_size)) < least * (1.0 - 1e-12)
    lone[0] = False
    if not lone.any():
        return parts, before - int(parts.max())
    if lone[1:].all():  # dust: one grain
        return (parts > 0).astype(np.int64), before - 1
    # An island of the body itself touches no grain: it goes to the nearest.
    nearest = ndimage.distance_transform_edt(
        lone[parts] | (parts == 0), sampling=voxel_size, return_distances=False, return_indices=True
    )
    filled = np.where(parts > 0, parts[tuple(nearest)], 0)
    kept = np.concatenate([[0], np.cumsum(~lone[1:])])
    return np.asarray(kept[filled], dtype=np.int64), before - int(kept[-1])


def _facts(structure: Structure, pieces: dict[int, _Piece], spec: GrainSpec) -> dict[str, Any]:
    """What was asked and reached, for JSON: diameters (µm, by volume), area of grain boundaries (µm²), texture."""
    volume, goal, reached, cosine, length, rod = (
        np.concatenate([getattr(piece, name) for piece in pieces.values()])
        for name in ("volume", "goal", "reached", "cosine", "length", "rod")
    )
    found = np.array([len(piece.volume) for piece in pieces.values()])
    _, index = np.unique(structure.bodies.particle[list(pieces)], return_inverse=True)
    area = sum(
        _boundary(piece.block, structure.voxel_size) for piece in pieces.values() if len(piece.volume) > 1
    )
    facts: dict[str, Any] = {
        "texture": spec.texture,
        "particles": int(index.max()) + 1,
        "grains": len(volume),
    }
    if spec.texture == "single":
        return facts
    error = np.abs(reached / goal - 1.0)
    directed = cosine[np.isfinite(cosine)]
    rods = length[rod & np.isfinite(length)]
    return facts | {
        "grains_per_particle": np.bincount(index, found).astype(int).tolist(),
        "asked": {"diameter": spec.diameter, "count": spec.count, "spread": spec.spread}
        | _sizes(goal, structure),
        "reached": {"diameter": _diameters(np.array([volume.mean()]), structure)[0]}
        | _sizes(volume, structure),
        "volume_error": {"mean": float(error.mean()), "largest": float(error.max())},
        "cells": len(goal),
        "joined": int(sum(piece.joined for piece in pieces.values())),
        "boundary_area": area,
        "rods": {"number": len(rods), "aspect": float(np.median(rods)) if len(rods) else None},
        "mean_cosine_c_radial": float(directed.mean()) if len(directed) else None,
    }


def _changes(
    phase: str, spec: GrainSpec, facts: dict[str, Any], pieces: dict[int, _Piece], least: float
) -> list[str]:
    """Sentences on what did not come as asked."""
    notes = []
    if spec.texture != "single" and facts["joined"]:
        notes.append(
            f"{phase}: {facts['joined']} grains or parts of grains under {least:.3g} µm³, mostly specks of few voxels, "
            f"joined the grain they touch most; {facts['cells']} cells gave {facts['grains']} grains"
        )
    if spec.texture != "single" and facts["volume_error"]["mean"] > _MISSED:
        notes.append(
            f"{phase}: the volumes of the grains miss those asked by {facts['volume_error']['mean']:.0%} on average; fewer or "
            "larger grains, a smaller core or smaller voxels help"
        )
    short = sum(piece.aspect < spec.aspect and len(piece.goal) > 1 for piece in pieces.values())
    if spec.texture == "radial" and short:
        notes.append(
            f"{phase}: in {short} of {len(pieces)} pieces of particles rods of aspect {spec.aspect:g} are longer than the way "
            "to the centre or core; they are shorter and wider there"
        )
    return notes


def _boundary(block: Ints, voxel_size: tuple[float, float, float]) -> float:
    """Area (µm²) of the boundaries between the grains of a piece."""
    areas = crofton_areas((block > 0).astype(np.int64), 2, voxel_size, bodies=block)
    return float(areas[1, 1])


def _diameters(volume: Floats, structure: Structure) -> list[float]:
    """Diameters (µm) of spheres of the volumes (n,); in a section those of discs."""
    unit = _grain_volume(1.0, structure)
    power = 2.0 if structure.labels.shape[2] == 1 else 3.0
    return [float(d) for d in (volume / unit) ** (1.0 / power)]


def _sizes(volume: Floats, structure: Structure) -> dict[str, float]:
    """D10, D50 and D90 by volume (µm)."""
    by_volume = volume_quantiles(np.cbrt(volume))
    return dict(zip(by_volume, _diameters(np.array(list(by_volume.values())) ** 3, structure), strict=True))


def _relabelled(structure: Structure, pieces: dict[int, _Piece], blocks: list[tuple[slice, ...]]) -> Labels:
    """Labels in which the grains of a body take its place, and what follows moves on."""
    many = np.ones(len(structure.bodies), dtype=np.int64)
    many[list(pieces)] = [len(piece.volume) for piece in pieces.values()]
    first = np.concatenate([[0, 1], 1 + np.cumsum(many)[:-1]]).astype(np.int32)
    labels: Labels = first[structure.labels]
    for row, piece in pieces.items():
        labels[blocks[row]] += np.maximum(piece.block - 1, 0).astype(np.int32)
    return labels


def _table(bodies: BodyTable, pieces: dict[int, _Piece]) -> BodyTable:
    """The table of the bodies with the grains in the place of theirs; grains are numbered through each particle."""
    many = np.ones(len(bodies), dtype=np.int64)
    many[list(pieces)] = [len(piece.volume) for piece in pieces.values()]
    table = bodies.take(np.repeat(np.arange(len(bodies)), many))
    start = np.cumsum(many) - many
    names, used = list(table.names), dict[tuple[str, int], int]()
    for row, piece in sorted(pieces.items()):
        mine = slice(start[row], start[row] + many[row])
        table.frame[mine] = piece.frame
        if piece.single:
            table.grain[mine] = 0
            continue
        particle = (bodies.phases[row], int(bodies.particle[row]))
        number = used.get(particle, 0) + np.arange(many[row])
        used[particle] = int(number[-1]) + 1
        table.grain[mine] = number
        names[mine] = [f"{bodies.names[row]}_g{k + 1:02d}" for k in number]
    return table.renamed(tuple(names))
