"""Picture of a material: its curves, each in a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssbmech_post import style


@dataclass(frozen=True)
class Panel:
    """Curves that share their axes.

    Attributes:
        x_label, y_label: with units.
        curves: name (empty: none), arguments and values of each; a single one is a dot.
        logarithmic: whether the values span orders of magnitude.
        window: arguments between which the material is used, shaded.
        note: where the curves come from, below the panel.
    """

    x_label: str
    y_label: str
    curves: tuple[tuple[str, NDArray[np.float64], NDArray[np.float64]], ...]
    logarithmic: bool = False
    window: tuple[float, float] | None = None
    note: str = ""


def material_figure(title: str, panels: Sequence[Panel]) -> Figure:
    """All panels of a material, two or three in a row."""
    columns = len(panels) if len(panels) <= 3 else 2
    rows = -(-len(panels) // columns)
    with style.publication():
        figure = style.new_figure(4.4 * columns, 3.2 * rows)
        figure.suptitle("\n".join(wrap(title, 52 * columns)))
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, axis in zip(panels, axes, strict=False):
            if panel.window is not None:
                axis.axvspan(*panel.window, color=style.SKY, alpha=0.15, linewidth=0)
            for (name, x, y), colour in zip(panel.curves, style.CYCLE, strict=False):
                axis.plot(x, y, color=colour, label=name, marker="o" if len(x) == 1 else "")
            if panel.logarithmic:
                axis.set_yscale("log")
                low = min(float(y.min()) for _, _, y in panel.curves)
                high = max(float(y.max()) for _, _, y in panel.curves)
                axis.set_ylim(low / 5.0, high * 5.0)  # a curve that hardly changes is not to look steep
            axis.set(xlabel=panel.x_label, ylabel=panel.y_label)
            if any(name for name, _, _ in panel.curves):
                axis.legend()
            axis.set_title(panel.note, fontsize=7.5, color=style.GREY, loc="left")
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
    return figure
