"""Picture of ``transport.bp``: the lines along which current flows, coloured by how crowded it is.

`draw_transport(bp, png)` draws one view for each carrier: stream lines through its conductors where the mesh is a volume, the
current density itself where it is a section. As view3d.py, the drawing is done by a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from ssbmech_post import style
from ssbmech_post.display import answered, draw_apart
from ssbmech_post.errors import RunFolderError
from ssbmech_post.view3d import SIZE, surface
from ssbmech_post.vtx import FloatArray, VtxFile, VtxStep

CARRIERS = ("ionic", "electronic")
TIME_LIMIT = 300.0  # seconds
LINES = 500  # stream lines of a view, about
_COLOURS = "plasma"


def draw_transport(bp: Path, png: Path) -> Path:
    """Draw the current along the last axis of the mesh."""
    return draw_apart("ssbmech_post.transport_view", [str(bp), str(png)], bp, png, TIME_LIMIT)


def _views(bp: Path) -> tuple[VtxStep, list[str], str]:
    """The step, the carriers it has, and the name of the axis."""
    with VtxFile(bp) as file:
        carriers = [c for c in CARRIERS if f"{c}_current_density_x" in file.fields]
        if not carriers:
            raise RunFolderError(bp, "holds no current density")
        axis = "z" if f"{carriers[0]}_current_density_z" in file.fields else "y"
        step = file.read(-1, tuple(f"{c}_current_density_{axis}" for c in carriers))
    return step, carriers, axis


def draw(bp: Path, png: Path) -> None:
    """Draw in this process; needs a working OpenGL for volumes."""
    step, carriers, axis = _views(bp)
    with style.publication():
        figure = style.new_figure(4.6 * len(carriers), 5.0)
        row = figure.subplots(1, len(carriers), squeeze=False).ravel()
        for axes, carrier in zip(row, carriers, strict=True):
            flow = step.point_data[f"{carrier}_current_density_{axis}"]
            size = np.linalg.norm(flow, axis=1)
            low, high = step.points.min(axis=0), step.points.max(axis=0)
            mean = _mean(step, size, high - low)
            if not mean > 0.0:
                axes.set_title(f"{carrier}: no path along {axis}")
                axes.axis("off")
                continue
            limits = (0.0, float(np.nanquantile(size[size > 0.0], 0.98)) / mean)
            if step.dimension == 3:
                axes.imshow(_photograph(step, np.asarray(flow / mean), limits, np.stack([low, high])))
                axes.axis("off")
            else:
                _section(axes, step, size / mean, limits)
            label = f"{carrier} current along {axis}, times its mean"
            mappable = ScalarMappable(Normalize(*limits), _COLOURS)
            figure.colorbar(mappable, ax=axes, orientation="horizontal", shrink=0.8, pad=0.02, label=label)
        style.save(figure, png)


def _mean(step: VtxStep, size: FloatArray, extent: FloatArray) -> float:
    """Mean size of the current density over the box, pores and insulators included."""
    simplices, _ = step.simplices()
    values = size[simplices].mean(axis=1)
    dim = step.dimension
    corners = step.points[simplices][:, :, :dim]
    edges = corners[:, 1:] - corners[:, :1]
    volume = np.abs(np.linalg.det(edges)) / (6.0 if dim == 3 else 2.0)
    return float(np.nansum(values * volume) / np.prod(extent[:dim]))


def _section(axes: Any, step: VtxStep, size: FloatArray, limits: tuple[float, float]) -> None:
    """Current density on the triangles of a section; what does not conduct stays grey."""
    simplices, _ = step.simplices()
    held = np.isfinite(size[simplices]).all(axis=1)
    x, y = step.points[:, 0], step.points[:, 1]
    axes.tripcolor(
        x, y, simplices[~held], facecolors=np.zeros(int((~held).sum())), cmap="Greys", vmin=-1.0, vmax=4.0
    )
    axes.tripcolor(
        x, y, simplices[held], np.nan_to_num(size), cmap=_COLOURS, shading="gouraud", vmin=0.0, vmax=limits[1]
    )
    axes.set_aspect("equal")
    axes.set_xlabel("x (µm)")
    axes.set_ylabel("y (µm)")


def _photograph(step: VtxStep, flow: FloatArray, limits: tuple[float, float], box: FloatArray) -> Any:
    """Stream lines from seeds all over the conductors, inside the outline of the box, with the rest as faint bodies."""
    import pyvista

    simplices, _ = step.simplices()
    held = np.isfinite(flow[simplices]).all(axis=(1, 2))
    conductor, rest = simplices[held], simplices[~held]
    cells = np.hstack([np.full((len(conductor), 1), 4), conductor]).ravel()
    grid = pyvista.UnstructuredGrid(cells, np.full(len(conductor), 10, dtype=np.uint8), step.points)
    grid.point_data["flow"] = np.nan_to_num(flow)
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(conductor), min(LINES, len(conductor)), replace=False)
    seeds = pyvista.PolyData(step.points[conductor[chosen]].mean(axis=1))
    length = float((box[1] - box[0]).max())
    lines = _stream_lines(grid, seeds, 2.0 * length, 1e-3)
    lines.point_data["size"] = np.linalg.norm(lines.point_data["flow"], axis=1)
    plotter = pyvista.Plotter(off_screen=True, window_size=SIZE)
    plotter.set_background("white")
    if len(rest):
        skin = surface(rest)
        faces = np.hstack([np.full((len(skin), 1), 3), skin]).ravel()
        plotter.add_mesh(pyvista.PolyData(step.points, faces), color="#8899aa", opacity=0.10)
    plotter.add_mesh(
        lines.tube(radius=0.0028 * length, n_sides=6),
        scalars="size",
        cmap=_COLOURS,
        clim=limits,
        show_scalar_bar=False,
    )
    plotter.add_mesh(pyvista.Box(box.T.ravel()), style="wireframe", color="#555555", line_width=2.0)
    plotter.add_axes(color="black", viewport=(0.0, 0.0, 0.2, 0.2))
    plotter.view_vector((1.0, -1.55, 0.75), viewup=(0.0, 0.0, 1.0))
    plotter.camera.zoom(1.02)
    image = plotter.screenshot(None, return_img=True)
    plotter.close()
    return image


def _stream_lines(grid: Any, seeds: Any, longest: float, slowest: float) -> Any:
    """Lines along the point vectors ``flow`` both ways from the seeds, up to a length, and while the flow is not slower."""
    import pyvista
    import vtk

    tracer = vtk.vtkStreamTracer()
    tracer.SetInputData(grid)
    tracer.SetSourceData(seeds)
    tracer.SetInputArrayToProcess(0, 0, 0, vtk.vtkDataObject.FIELD_ASSOCIATION_POINTS, "flow")
    tracer.SetIntegrationDirectionToBoth()
    tracer.SetIntegratorTypeToRungeKutta4()
    tracer.SetIntegrationStepUnit(vtk.vtkStreamTracer.CELL_LENGTH_UNIT)
    tracer.SetInitialIntegrationStep(0.2)
    tracer.SetMaximumNumberOfSteps(5000)
    tracer.SetMaximumPropagation(longest)
    tracer.SetTerminalSpeed(slowest)
    tracer.SetComputeVorticity(False)
    tracer.Update()
    return pyvista.wrap(tracer.GetOutput())


def main(arguments: list[str]) -> int:
    """`BP PNG`: what `draw_transport` starts."""
    return answered(lambda: draw(Path(arguments[0]), Path(arguments[1])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
