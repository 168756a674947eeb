"""Pictures of meshes: the box with a corner cut away beside a plane section, coloured by what one wants to see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssbmech_post import style
from ssbmech_post.errors import RunFolderError
from ssbmech_post.mesh_colours import (
    QUALITY_LIMIT,
    QUALITY_MAP,
    TEXTURE_MAP,
    axis_colours,
    body_colours,
    c_axes,
    mapped,
    phase_colours,
    texture_angles,
)
from ssbmech_post.mesh_figure import (
    INK,
    Colour,
    Look,
    edge_shade,
    show_angles,
    show_key,
    show_photograph,
    show_plane,
    summary,
)
from ssbmech_post.mesh_input import read_mesh
from ssbmech_post.mesh_render import PIXELS, Faces, Lines, Scene, extent, photographs, shaded
from ssbmech_post.mesh_scene import box_lines, cut_at, cutaway, facets, flat, is_box, plane, skin
from ssbmech_post.vtx import FloatArray, IntArray

DPI = 240
_TITLE, _KEY, _GAP = (
    0.35,
    0.6,
    0.2,
)  # inches: heights of the title and of the key of colours, width of margins
_GONE = np.array([0.62, 0.62, 0.66])  # of edges of the box that are not there


def preview(mesh_path: Path, out: Path, *, colour: Colour = "body") -> Path:
    """Render a mesh file as a PNG and return its path.

    Tetrahedra: on the left the box without its nearest corner, where particles stay; on the right its section
    x-z, or for `quality` the angles. Triangles: the mesh as it is.

    Args:
        mesh_path: `.msh` (with `<stem>.bodies.json` beside it, if there is one) or `.xdmf`.
        out: the PNG.
        colour: `body`; `phase`; `orientation` (of the c axis); `texture` (angle of the c axis to the
            radius of the particle); `quality` (angles between faces and where the worst ones are).

    Raises:
        RunFolderError: the mesh or its table cannot be read, has no crystal frames to colour by, or
            OpenGL cannot draw.
    """
    look = _look(Path(mesh_path), colour)
    mesh = look.mesh
    photograph = photographs(mesh.path, [_scene(look)])[0] if mesh.dimension == 3 else None
    columns = 1 if photograph is None and colour != "quality" else 2
    width = 4.7
    height = width * max(_ratio(look, solid) for solid in (mesh.dimension == 3, False))
    with style.publication():
        figure = _figure(columns * width + _GAP * (columns + 1), height + _TITLE + _KEY)
        left, *right = (_axes(figure, _GAP + k * (width + _GAP), _KEY, width, height) for k in range(columns))
        if photograph is None:
            show_plane(left, look, flat(mesh), (0, 1), "")
        else:
            show_photograph(left, look, photograph)
        if colour == "quality":
            right[0].remove()
            show_angles(_axes(figure, width + 5.0 * _GAP, _KEY + 0.5, width - 4.0 * _GAP, height - 0.6), mesh)
        elif photograph is not None:
            at = float(cut_at(mesh)[1])
            every = np.ones(len(mesh.bodies.names), dtype=bool)
            patch = plane(mesh, 1, at, every, [[]])
            show_plane(right[0], look, patch, (0, 2), f"section at y = {at:.3g} µm")
        figure.text(
            0.5, 1.0 - 0.5 * _TITLE / (height + _TITLE + _KEY), summary(mesh), ha="center", va="center"
        )
        show_key(_axes(figure, 0.5 * columns * width - 2.0 + _GAP, 0.0, 4.0, _KEY), look)
        return style.save(figure, Path(out), DPI)


def panel(meshes: Sequence[tuple[Path, str, Colour]], out: Path) -> Path:
    """Render several meshes, each with a title and its own colours, side by side as a PNG and return its path.

    Up to three in a row, four as two by two; tetrahedra with a corner cut away, triangles as they are.

    Raises:
        RunFolderError: as `preview`; or there is no mesh to draw.
    """
    if not meshes:
        raise RunFolderError(out, "there is no mesh to draw")
    looks = [_look(Path(path), colour) for path, _, colour in meshes]
    solid = [look for look in looks if look.mesh.dimension == 3]
    pictures = iter(photographs(looks[0].mesh.path, [_scene(look) for look in solid]))
    columns = {1: 1, 2: 2, 4: 2}.get(len(looks), 3)
    rows = -(-len(looks) // columns)
    width = 3.3
    height = width * max(_ratio(look, look.mesh.dimension == 3) for look in looks)
    cell = height + _TITLE + _KEY
    with style.publication():
        figure = _figure(columns * width + _GAP * (columns + 1), rows * cell)
        for k, (look, (_, title, _)) in enumerate(zip(looks, meshes, strict=True)):
            left = _GAP + (k % columns) * (width + _GAP)
            bottom = (rows - 1 - k // columns) * cell
            axes = _axes(figure, left, bottom + _KEY, width, height)
            if look.mesh.dimension == 2:
                show_plane(axes, look, flat(look.mesh), (0, 1), "")
            else:
                show_photograph(axes, look, next(pictures))
            middle, top = (
                (left + 0.5 * width) / figure.get_figwidth(),
                (bottom + cell - 0.5 * _TITLE) / (rows * cell),
            )
            figure.text(middle, top, title, fontsize=11, ha="center", va="center")
            show_key(_axes(figure, left, bottom, width, _KEY), look)
        return style.save(figure, Path(out), DPI)


def _figure(width: float, height: float) -> Figure:
    """An empty figure in which everything is placed by `_axes`."""
    figure = style.new_figure(width, height)
    figure.set_layout_engine("none")
    return figure


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def _ratio(look: Look, solid: bool) -> float:
    """Height of a picture in widths: of the photograph (`solid`) or of the plane section, within what fits a page."""
    if solid:
        left, right, bottom, top = extent(look.mesh.box)
        across, up = right - left + 0.06 * (top - bottom), 1.04 * (top - bottom)
    else:
        size = np.ptp(look.mesh.box, axis=0)[[0, 2 if look.mesh.dimension == 3 else 1]]
        across, up = size[0], size[1] + 0.09 * size.max()
    return float(np.clip(up / across, 0.5, 1.6))


def _look(path: Path, colour: Colour) -> Look:
    if colour not in get_args(Colour):
        raise RunFolderError(
            path, f"cannot colour by {colour!r}", "choose one of " + ", ".join(get_args(Colour))
        )
    mesh = read_mesh(path)
    found = facets(mesh.cells)
    if colour == "body":
        cells = body_colours(mesh, found.neighbours(mesh))[mesh.body]
    elif colour == "phase":
        cells = phase_colours(mesh)[mesh.bodies.phase_numbers()][mesh.body]
    elif colour == "orientation":
        cells = axis_colours(c_axes(mesh))[mesh.body]
    elif colour == "texture":
        cells = mapped(texture_angles(mesh), TEXTURE_MAP, 0.0, 90.0)
    else:
        cells = mapped(mesh.angles().min(axis=1), QUALITY_MAP, 0.0, QUALITY_LIMIT)
    return Look(mesh, found, colour, cells)


def _scene(look: Look) -> Scene:
    mesh = look.mesh
    every = np.ones(len(mesh.bodies.names), dtype=bool)
    particles = mesh.bodies.particle >= 0
    grains = bool((mesh.bodies.grain >= 0).any())
    alike = look.colour == "quality" or bool(particles.all() or not particles.any())
    if alike:
        at = cut_at(mesh)
        patches = cutaway(mesh, look.found, every, ~every, at)
    else:  # the matrix goes further than the particles, which are only cut to show grains
        at = cut_at(mesh, 0.72 if grains else 0.55)
        patches = cutaway(mesh, look.found, ~particles, ~every, at)
        if grains:
            patches += cutaway(mesh, look.found, particles, ~particles, cut_at(mesh))
        else:
            patches.append(skin(mesh, look.found, particles, ~particles, [[]]))
    left, right, bottom, top = extent(mesh.box)
    per_pixel = max(right - left, top - bottom) / PIXELS
    faces, thin, rims = [], [], []
    for patch in patches:
        # Shadows that are too deep would pass for other values.
        depth = 1.0 if look.colour in ("body", "phase") else 0.5
        colours = shaded(patch.points, patch.triangles, look.cells[patch.cells], depth)
        faces.append(Faces(patch.points, patch.triangles, colours, patch.clips))
        shade = edge_shade(patch, per_pixel)
        if shade < 1.0:
            thin.append(Lines(patch.points, patch.edges, shade * colours[patch.edge_of], 0.7, patch.clips))
        if len(patch.rims):
            rims.append(Lines(patch.points, patch.rims, _same(INK, patch.rims), 1.2, patch.clips))
    if is_box(mesh, look.found):
        for lines, ink, width in zip(box_lines(mesh, at, alike), (INK, _GONE), (1.4, 0.9), strict=True):
            segments = np.arange(2 * len(lines)).reshape(-1, 2)
            rims.append(Lines(lines.reshape(-1, 3), segments, _same(ink, segments), width))
    return Scene(mesh.box, faces, [*thin, *rims])


def _same(colour: FloatArray, rows: IntArray) -> FloatArray:
    return np.broadcast_to(colour, (len(rows), 3))
