"""What pictures of meshes are made of: photographs, plane sections, angles, and the keys of their colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Patch as Swatch

from ssbmech_post import style
from ssbmech_post.mesh_colours import QUALITY_LIMIT, QUALITY_MAP, TEXTURE_MAP, axis_key, phase_colours
from ssbmech_post.mesh_input import TaggedMesh
from ssbmech_post.mesh_render import PIXELS, Photograph, projected
from ssbmech_post.mesh_scene import Facets, Patch, is_box
from ssbmech_post.vtx import FloatArray

Colour = Literal["body", "phase", "orientation", "texture", "quality"]
INK = np.array([0.13, 0.13, 0.15])
_GREY = "#333333"
_GOOD = 70.5  # degrees, the dihedral angle of the regular tetrahedron
_POOR = 10.0  # degrees: cells below are marked
_BAR = 0.62  # length of a colour bar in widths of the key
_FEWEST, _MOST = 20, 400  # cells that are marked at least and at most


@dataclass(frozen=True, eq=False)
class Look:
    """A mesh, what it is coloured by, and the colour of every cell (M, 3)."""

    mesh: TaggedMesh
    found: Facets
    colour: Colour
    cells: FloatArray


def edge_shade(patch: Patch, per_pixel: float) -> float:
    """Brightness of mesh edges relative to their faces: 1 (unseen) where they would lie closer than 3 pixels."""
    corner = patch.points[patch.triangles]
    area = (
        0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum()
    )
    apart = float(np.sqrt(area / len(patch.triangles))) / per_pixel
    return float(1.0 - 0.40 * np.clip((apart - 3.0) / 9.0, 0.0, 1.0))


def show_photograph(axes: Axes, look: Look, photograph: Photograph) -> None:
    """The pixels, the lengths along three edges of the box, and marks on the worst cells where wanted."""
    axes.imshow(photograph.pixels, extent=photograph.extent, interpolation="lanczos", zorder=1)
    axes.set_axis_off()
    low, high = look.mesh.box
    span = float(np.ptp(photograph.extent[2:]))
    ends = np.array([[low[0], low[1], low[2]], [high[0], low[1], low[2]], [high[0], high[1], low[2]], high])
    at = projected(ends)
    for k, name in enumerate("xyz"):
        along = at[k + 1] - at[k]
        outward = np.array([along[1], -along[0]]) / np.linalg.norm(along)  # below and to the right of the box
        place = 0.5 * (at[k] + at[k + 1]) + 0.035 * span * outward
        axes.text(
            place[0],
            place[1],
            f"{name}  {high[k] - low[k]:.3g} µm",
            rotation=float(np.degrees(np.arctan2(along[1], along[0]))),
            rotation_mode="anchor",
            ha="center",
            va="center",
            fontsize=8.5,
            color=_GREY,
        )
    if look.colour == "quality":
        _mark(axes, projected(_worst(look.mesh)))
    left, right, bottom, top = photograph.extent
    axes.set_xlim(left, right + 0.06 * span)
    axes.set_ylim(bottom - 0.04 * span, top)


def show_plane(axes: Axes, look: Look, patch: Patch, shown: tuple[int, int], text: str) -> None:
    """A patch that lies in a plane, seen at a right angle, over a scale bar and a text."""
    points = patch.points[:, shown]
    colours = look.cells[patch.cells]
    axes.add_collection(
        PolyCollection(list(points[patch.triangles]), facecolors=colours, edgecolors=colours, linewidths=0.2)
    )
    low, high = look.mesh.box[:, shown]
    size = float((high - low).max())
    shade = edge_shade(patch, size / PIXELS)
    if shade < 1.0:
        tone = shade * colours[patch.edge_of]
        axes.add_collection(LineCollection(list(points[patch.edges]), colors=tone, linewidths=0.3))
    axes.add_collection(LineCollection(list(points[patch.rims]), colors=[INK], linewidths=0.6))
    if look.colour == "quality":
        _mark(axes, _worst(look.mesh)[:, shown])
    axes.set_aspect("equal")
    axes.set_axis_off()
    margin = 0.01 * size
    axes.set_xlim(low[0] - margin, high[0] + margin)
    narrow = bool(text) and float(high[0] - low[0]) < 0.6 * size  # scale bar and text one above the other
    axes.set_ylim(low[1] - (0.12 if narrow else 0.08) * size, high[1] + margin)
    wanted = 0.35 * float(high[0] - low[0])
    power = 10.0 ** np.floor(np.log10(wanted))
    length = float(max(m * power for m in (1.0, 2.0, 5.0) if m * power <= wanted * (1.0 + 1e-12)))
    height = low[1] - 0.045 * size
    axes.plot(
        [low[0], low[0] + length], [height, height], color="black", linewidth=2.5, solid_capstyle="butt"
    )
    axes.text(low[0] + length + 0.02 * size, height, f"{length:g} µm", va="center", fontsize=9)
    axes.text(
        high[0], height - 0.045 * size * narrow, text, ha="right", va="center", fontsize=8.5, color=_GREY
    )


def _worst(mesh: TaggedMesh) -> FloatArray:
    """(k, 3) where the cells with the smallest angles are: all poor ones, but not fewer or more than are read well."""
    least = mesh.angles().min(axis=1)
    count = int(np.clip(np.sum(least < _POOR), _FEWEST, _MOST))
    return np.asarray(mesh.points[mesh.cells[np.argsort(least, kind="stable")[:count]]].mean(axis=1))


def _mark(axes: Axes, places: FloatArray) -> None:
    axes.scatter(
        places[:, 0], places[:, 1], 16, facecolors="none", edgecolors=[INK], linewidths=0.9, zorder=4
    )


def show_angles(axes: Axes, mesh: TaggedMesh) -> None:
    """How often every angle is in the mesh, and the marks that a good mesh keeps away from."""
    angles = mesh.angles()
    least = angles.min(axis=1)
    ideal = _GOOD if mesh.dimension == 3 else 60.0
    bins = list(range(0, 181, 2))
    axes.hist(angles.ravel(), bins=bins, color=style.SKY, label="all")
    axes.hist(least, bins=bins, color=style.BLUE, label="smallest of each cell")
    axes.axvline(_POOR, color=style.RED, linewidth=1.0)
    axes.axvline(ideal, color=style.GREY, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.set_yscale("log")
    axes.set_ylim(0.7, 40.0 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlim(0.0, 180.0)
    axes.set_xticks(range(0, 181, 30))
    axes.set_xlabel("Dihedral angle (degrees)" if mesh.dimension == 3 else "Angle (degrees)")
    axes.set_ylabel("Number of angles")
    below = int(np.sum(least < _POOR))
    text = f"{below:,} of {len(least):,} cells below {_POOR:g}°\nsmallest {least.min():.1f}°, largest {angles.max():.1f}°"
    axes.legend(title=text, loc="upper right", title_fontsize=8.5, alignment="left")
    axes.text(ideal, 1.0, " regular cell", transform=axes.get_xaxis_transform(), rotation=90, ha="right", va="top",
              fontsize=8, color=style.GREY)  # fmt: skip


def summary(mesh: TaggedMesh) -> str:
    """One line: cells, bodies and the smallest angle."""
    kind, angle = ("tetrahedra", "dihedral angle") if mesh.dimension == 3 else ("triangles", "angle")
    n = len(mesh.bodies.names)
    return (
        f"{len(mesh.cells):,} {kind} · {n:,} {'body' if n == 1 else 'bodies'} · "
        f"smallest {angle} {mesh.angles().min():.1f}°"
    )


def show_key(axes: Axes, look: Look) -> None:
    """What the colours mean, in axes of its own."""
    axes.set_axis_off()
    if look.colour == "texture":
        _bar(axes, TEXTURE_MAP, 90, "neither", "Angle of the c axis to the particle's radius (°)")
    elif look.colour == "quality":
        kind = "dihedral angle" if look.mesh.dimension == 3 else "angle"
        _bar(axes, QUALITY_MAP, round(QUALITY_LIMIT), "max", f"Smallest {kind} (°); circles: the worst")
    elif look.colour == "orientation":
        _axis_triangle(axes, not np.isfinite(look.mesh.bodies.frame[:, 0, 2]).all())
    else:
        _phases(axes, look)


def _bar(axes: Axes, colours: str, high: int, extend: str, title: str) -> None:
    place = axes.inset_axes((0.5 - 0.5 * _BAR, 0.72, _BAR, 0.18))
    mappable = ScalarMappable(Normalize(0.0, float(high)), colours)
    bar = axes.figure.colorbar(mappable, cax=place, orientation="horizontal", extend=extend)
    bar.set_label(title, fontsize=9)
    bar.set_ticks(list(range(0, high + 1, 15 if high > 60 else 10)))
    bar.ax.grid(False)
    bar.ax.spines["outline"].set_visible(False)


def _phases(axes: Axes, look: Look) -> None:
    """A patch for every phase with its share of the mesh; of the box, with the pores, where the mesh leaves some out."""
    mesh = look.mesh
    meshed = float(mesh.volumes().sum() / np.prod(np.ptp(mesh.box, axis=0)[: mesh.dimension]))
    porous = meshed < 0.999 and is_box(mesh, look.found)
    shares = [(phase, share * (meshed if porous else 1.0)) for phase, share in mesh.fractions().items()]
    colours = phase_colours(mesh)
    if porous:
        shares.append(("pores", 1.0 - meshed))
        colours = np.vstack([colours, np.ones(3)])
    measure = "vol%" if mesh.dimension == 3 else "area%"
    swatches = [
        Swatch(facecolor=colour, edgecolor=INK, linewidth=0.5, label=f"{name}  {100.0 * share:.1f} {measure}")
        for (name, share), colour in zip(shares, colours, strict=True)
    ]
    axes.legend(handles=swatches, loc="center", ncols=min(len(swatches), 2), fontsize=9,
                handlelength=1.2, handleheight=1.0, columnspacing=1.6, borderpad=0.0)  # fmt: skip


def _axis_triangle(axes: Axes, rest: bool) -> None:
    """The key of axes, a triangle with c along x, y and z in its corners; `rest`: there are bodies without."""
    inset = axes.inset_axes((0.1, 0.14, 0.2, 0.66))
    image, corners = axis_key()
    inset.imshow(image, extent=(-1.0, 1.0, -1.0, 1.0), interpolation="bilinear")
    for k, name in enumerate("xyz"):
        inset.text(1.28 * corners[k, 0], 1.25 * corners[k, 1], name, ha="center", va="center", fontsize=8.5)
    inset.set_axis_off()
    text = "Direction of the c axis" + ("\ngrey: no crystal axes" if rest else "")
    axes.text(0.36, 0.48, text, va="center", fontsize=9, transform=axes.transAxes)
