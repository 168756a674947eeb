"""How the pictures look: fonts, colours that colour-blind readers tell apart, units as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design" (2008), in the order in which several runs are drawn.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000",
)  # fmt: skip
CYCLE = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
GREY = "#777777"
DPI = 160

_RC: dict[str, object] = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "axes.titlesize": 10, "axes.labelsize": 10,
    "legend.fontsize": 8.5, "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.8, "lines.linewidth": 1.6, "axes.grid": True, "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6, "axes.axisbelow": True, "xtick.direction": "out", "ytick.direction": "out",
    "axes.formatter.useoffset": False, "axes.formatter.limits": (-3, 5), "figure.facecolor": "white",
    "axes.formatter.use_mathtext": True,
}  # fmt: skip


@contextmanager
def publication() -> Iterator[None]:
    """Draw inside this context to get the common look; nothing global is changed."""
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float = 4.8, height: float = 3.5) -> Figure:
    """An empty figure of `width` x `height` inches that needs neither a display nor pyplot's state."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path, dpi: float = DPI) -> Path:
    """Write the figure as PNG of exactly its size, `dpi` pixels per inch, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with publication():
        figure.savefig(path, dpi=dpi)
    return path


def pretty(unit: str) -> str:
    """A unit of a table header as it is printed: `um^2` -> `µm²`."""
    for plain, printed in (("um", "µm"), ("^2", "²"), ("^3", "³"), ("^-1", "⁻¹"), ("_", " ")):
        unit = unit.replace(plain, printed)
    return unit


def label(name: str, unit: str) -> str:
    """Axis label: `Voltage`, `V` -> `Voltage (V)`; no bracket for pure numbers."""
    return name if unit in ("", "-") else f"{name} ({pretty(unit)})"
