"""Sections of several runs in one picture, each at the state of the largest charge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ssbmech_post import style
from ssbmech_post.readers import read_series, read_stack_axis
from ssbmech_post.render import COLOURS, FIELDS, draw_section, stress_name
from ssbmech_post.section import Section, colour_range, cut
from ssbmech_post.vtx import VtxFile


def side_by_side(
    runs: Sequence[tuple[Path, str]], columns: int = 3, factor: float = 10.0, name: str | None = None
) -> Figure:
    """A field on the sections of several runs, with one colour scale and one magnification.

    Args:
        runs: run folders and the titles of their panels.
        columns: panels in a row.
        factor: magnification of the displacement.
        name: field to draw; the stress when not given.
    """
    sections = [_section(run, name) for run, _ in runs]
    field = sections[0][1]
    limits = colour_range(np.concatenate([section.point_data[field] for section, _ in sections]))
    title, colours = COLOURS[field]
    norm = Normalize(*limits)
    rows = -(-len(runs) // columns)
    with style.publication():
        figure = style.new_figure(3.0 * columns + 1.2, 3.2 * rows)
        panels = figure.subplots(rows, columns, squeeze=False)
        for axes, (section, shown), (_, text) in zip(panels.ravel(), sections, runs, strict=False):
            draw_section(axes, section, shown, norm, colours, factor)
            axes.set_title(text)
        for axes in panels.ravel():
            axes.set_axis_off()
        bar = figure.colorbar(
            ScalarMappable(norm, colours), ax=list(panels.ravel()), shrink=0.6, extend="max", pad=0.02
        )
        bar.set_label(title)
    return figure


def _section(run: Path, name: str | None) -> tuple[Section, str]:
    """The section at the saved state nearest to the largest charge, and the name of the field it shows."""
    series = read_series(run)
    fullest = series["time"][int(np.argmax(np.abs(series["specific_capacity"])))]
    with VtxFile(run / FIELDS) as file:
        shown = stress_name(file.fields, file.path) if name is None else name
        step = file.read(int(np.abs(file.times - fullest).argmin()), ("displacement", shown, "body"))
    return cut(step.with_point_field(shown), read_stack_axis(run, step.dimension)), shown
