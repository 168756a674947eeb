"""Pictures of the fields: a section with magnified gaps, and a 3D view of the particles.

The section is drawn by matplotlib from the cut mesh: that needs no display and no OpenGL, so it works
wherever the run itself does. The 3D view needs OpenGL and is drawn in a process of its own (view3d.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ssbmech_post import style
from ssbmech_post.errors import RunFolderError
from ssbmech_post.readers import read_stack_axis
from ssbmech_post.section import Section, colour_range, cut, magnification
from ssbmech_post.vtx import FloatArray, VtxFile

FIELDS = "fields.bp"
INTERFACE = "interface.bp"
# Stress measure -> (title of the colour bar, colour map); the first that the file has is drawn.
STRESSES = {
    "von_mises_stress": ("von Mises stress (MPa)", "viridis"),
    "maximum_principal_stress": ("Largest principal stress (MPa)", "viridis"),
    "hydrostatic_stress": ("Hydrostatic stress (MPa)", "viridis"),
}
PLASTIC_STRAIN = "equivalent_plastic_strain"
COLOURS = STRESSES | {PLASTIC_STRAIN: ("Equivalent plastic strain", "magma")}
_AXIS_NAMES = "xyz"


def stress_name(fields: Sequence[str], path: Path) -> str:
    """The stress measure to draw; an error when the file holds none, or no displacement."""
    if "displacement" not in fields:
        raise RunFolderError(path, "has no field 'displacement'", "fields: " + ", ".join(fields))
    for name in STRESSES:
        if name in fields:
            return name
    raise RunFolderError(
        path, f"has none of the fields {', '.join(STRESSES)}", "fields: " + ", ".join(fields)
    )


def has_field(run: Path, name: str) -> bool:
    """Whether the fields of a run are there and hold one of this name."""
    try:
        with VtxFile(run / FIELDS) as file:
            return name in file.fields
    except RunFolderError:
        return False


def section_figure(run: Path, factor: float | None = None, name: str | None = None) -> Figure:
    """Stress, or another field, on a section through the middle at the last step, on the deformed shape.

    Args:
        run: run folder with `fields.bp`.
        factor: magnification of the displacement; chosen so that gaps are seen when not given.
        name: field to draw; the stress when not given.
    """
    with VtxFile(run / FIELDS) as file:
        stress = stress_name(file.fields, file.path)
        name = stress if name is None else name
        if name not in file.fields:
            raise RunFolderError(file.path, f"has no field '{name}'", "fields: " + ", ".join(file.fields))
        step = file.read(-1, ("displacement", name, "body"))
    factor = magnification(step) if factor is None else factor
    section = cut(step.with_point_field(name), read_stack_axis(run, step.dimension))
    limits = colour_range(section.point_data[name])
    return _draw(section, name, limits, [(f"t = {duration(step.time)}", factor)])


def history_figure(run: Path, moments: int = 3) -> Figure:
    """The same section at several moments side by side, with one colour scale and one magnification."""
    with VtxFile(run / FIELDS) as file:
        name = stress_name(file.fields, file.path)
        wanted = np.linspace(file.times[0], file.times[-1], moments)
        chosen = np.unique(np.abs(file.times[:, None] - wanted).argmin(axis=0))
        if len(chosen) < 2:
            raise RunFolderError(file.path, "holds one step only: there is no history to draw")
        steps = [file.read(int(i), ("displacement", name, "body")) for i in chosen]
    factor = magnification(steps[-1])
    axis = read_stack_axis(run, steps[0].dimension)
    sections = [cut(step.with_point_field(name), axis) for step in steps]
    limits = colour_range(np.concatenate([s.point_data[name] for s in sections]))
    titles = [(f"t = {duration(step.time)}", factor) for step in steps]
    return _draw(sections, name, limits, titles)


def duration(seconds: float) -> str:
    """Time as people say it: `95 s`, `12.5 min`, `8.37 h`."""
    for limit, divisor, unit in ((120.0, 1.0, "s"), (7200.0, 60.0, "min")):
        if abs(seconds) < limit:
            return f"{seconds / divisor:.3g} {unit}"
    return f"{seconds / 3600.0:.3g} h"


def _draw(
    sections: Section | Sequence[Section],
    name: str,
    limits: tuple[float, float],
    titles: Sequence[tuple[str, float]],
) -> Figure:
    all_sections = [sections] if isinstance(sections, Section) else list(sections)
    title, colours = COLOURS[name]
    norm = Normalize(*limits)
    first = all_sections[0]
    box = first.points[:, [first.horizontal, first.vertical]]
    aspect = float(np.ptp(box[:, 1]) / np.ptp(box[:, 0]))
    width = 5.0 if len(all_sections) == 1 else 3.4
    across = width * len(all_sections) + 1.2
    height = float(np.clip((across - 1.7) / len(all_sections) * aspect, 2.2, 9.0)) + 1.0
    with style.publication():
        figure = style.new_figure(across, height)
        row = figure.subplots(1, len(all_sections), sharey=True, squeeze=False).ravel()
        for i, (axes, section, (text, factor)) in enumerate(zip(row, all_sections, titles, strict=True)):
            draw_section(axes, section, name, norm, colours, factor)
            axes.set_title(f"{text}, displacement × {factor:g}" if i == len(row) - 1 else text)
            axes.set_xlabel(f"{_AXIS_NAMES[section.horizontal]} (µm)")
        row[0].set_ylabel(f"{_AXIS_NAMES[first.vertical]} (µm)")
        bar = figure.colorbar(
            ScalarMappable(norm, colours), ax=list(row), shrink=0.85, extend="max", pad=0.02
        )
        bar.set_label(title)
    return figure


def draw_section(
    axes: Axes, section: Section, name: str, norm: Normalize, colours: str, factor: float
) -> None:
    """A field of a section on its deformed shape, with the outlines of the bodies and of the box before loading."""
    shown: FloatArray = section.warped(factor)
    rest = section.points[:, [section.horizontal, section.vertical]]
    low, high = rest.min(axis=0), rest.max(axis=0)
    axes.add_patch(Rectangle((low[0], low[1]), *(high - low), fill=False, edgecolor=style.GREY, linewidth=0.7,
                             linestyle=(0, (4, 3)), zorder=3))  # fmt: skip
    colour, thin = section.point_data[name], section.thin()
    slivers = section.triangles[thin]
    faces = ScalarMappable(norm, colours).to_rgba(colour[slivers].mean(axis=1))
    axes.add_collection(
        PolyCollection(list(shown[slivers]), facecolors=faces, edgecolors=faces, linewidths=0.5)
    )
    axes.tripcolor(
        *shown.T,
        section.triangles[~thin],
        colour,
        shading="gouraud",
        cmap=colours,
        norm=norm,
        rasterized=True,
    )
    rims = LineCollection(list(shown[section.outline()]), colors="black", linewidths=0.45, zorder=2)
    axes.add_collection(rims)
    axes.set_aspect("equal")
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    together = np.concatenate([shown, rest])
    margin = 0.02 * float(np.ptp(together, axis=0).max())
    axes.set_xlim(together[:, 0].min() - margin, together[:, 0].max() + margin)
    axes.set_ylim(together[:, 1].min() - margin, together[:, 1].max() + margin)
