"""3D view of the particles, off screen, in a process of its own.

OpenGL without a working display ends the process that asked for it. A report must survive that, so this
module runs itself: `picture(run, png)` starts `python -m ssbmech_post.view3d RUN PNG` and says what failed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from ssbmech_post import style
from ssbmech_post.display import answered, draw_apart
from ssbmech_post.errors import RunFolderError
from ssbmech_post.render import FIELDS, INTERFACE, STRESSES, duration
from ssbmech_post.section import body_of_cells, colour_range
from ssbmech_post.vtx import FloatArray, IntArray, VtxFile, VtxStep

if TYPE_CHECKING:
    import pyvista

SIZE = (1200, 1200)  # pixels of one view, before it is fitted into the page
TIME_LIMIT = 120.0  # seconds
_FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
_DAMAGE = ("damage", "gap")


def picture(run: Path, png: Path) -> Path:
    """Draw the view of the run folder `run` into `png`: damage of interfaces, stress of particles."""
    return draw_apart("ssbmech_post.view3d", [str(run), str(png)], run, png, TIME_LIMIT)


def particle_cells(step: VtxStep) -> IntArray:
    """Indices of the cells of active material: phases that hold lithium, else all but the largest body."""
    phase: FloatArray | None = None
    if "phase" in {*step.point_data, *step.cell_data}:
        phase = np.asarray(np.rint(step.on_cells("phase")), dtype=np.float64)
    if "stoichiometry" in step.point_data:
        held = step.point_data["stoichiometry"][step.cells]
        lithiated: NDArray[np.bool_] = np.isfinite(held) & (np.abs(held) > 1e-9)
        active: NDArray[np.bool_] = np.asarray(np.any(lithiated, axis=1), dtype=np.bool_)
        if phase is not None:
            mostly = [p for p in np.unique(phase) if np.mean(active[np.equal(phase, p)]) > 0.5]
            active = np.asarray(np.isin(phase, mostly), dtype=np.bool_)
        if active.any() and not active.all():
            return np.flatnonzero(active)
    body = body_of_cells(step)
    corners = step.points[step.cells[:, :4]]
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    bodies, number = np.unique(body, return_inverse=True)
    largest = bodies[np.argmax(np.bincount(number.ravel(), volume))]
    return np.flatnonzero(body != largest)


def surface(simplices: IntArray) -> IntArray:
    """Triangles (n, 3) of tetrahedra that belong to one of them only: the skins of the bodies."""
    faces = simplices[:, _FACES].reshape(-1, 3)
    _, first, count = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
    return np.asarray(faces[first[count == 1]])


def _polydata(points: FloatArray, triangles: IntArray) -> pyvista.PolyData:
    import pyvista

    return pyvista.PolyData(points, np.hstack([np.full((len(triangles), 1), 3), triangles]).ravel())


def _particles(run: Path) -> tuple[Any, str, str, tuple[float, float], VtxStep]:
    """Skins of the particles with a stress: mesh, field, title, colour range, and the step they are from."""
    with VtxFile(run / FIELDS) as file:
        names = [n for n in ("maximum_principal_stress", *STRESSES) if n in file.fields]
        step = file.read(-1, (*names[:1], "stoichiometry", "body", "phase"))
    if step.dimension == 2:
        raise RunFolderError(run / FIELDS, "holds a 2D mesh: there is no 3D view")
    if not names:
        raise RunFolderError(run / FIELDS, f"has none of the fields {', '.join(STRESSES)}")
    simplices, owner = step.simplices()
    mesh = _polydata(step.points, surface(simplices[np.isin(owner, particle_cells(step))]))
    if names[0] in step.point_data:
        mesh.point_data[names[0]] = step.point_data[names[0]]
    else:
        raise RunFolderError(
            run / FIELDS, f"field {names[0]!r} lives on cells: the 3D view wants it on points"
        )
    limits = colour_range(mesh.point_data[names[0]][np.unique(mesh.faces.reshape(-1, 4)[:, 1:])])
    return mesh, names[0], STRESSES[names[0]][0], limits, step


def _interfaces(run: Path) -> tuple[Any, str, str, tuple[float, float]]:
    """The interface mesh with its damage (or gap): mesh, field, title, colour range."""
    with VtxFile(run / INTERFACE) as file:
        name = next((n for n in _DAMAGE if n in file.fields), None)
        if name is None:
            raise RunFolderError(file.path, f"has neither of the fields {', '.join(_DAMAGE)}")
        step = file.read(-1, (name,))
    triangles, owner = step.simplices()
    mesh = _polydata(step.points, triangles)
    if name in step.point_data:
        mesh.point_data[name] = step.point_data[name]
    else:
        mesh.cell_data[name] = step.cell_data[name][owner]
    if name == "damage":
        return mesh, name, "Interface damage", (0.0, 1.0)
    values = step.point_data.get(name, step.cell_data.get(name, np.zeros(1)))
    return mesh, name, "Interface gap (µm)", colour_range(values)


def _photograph(mesh: Any, name: str, limits: tuple[float, float], colours: str, box: FloatArray) -> Any:
    """One view as an image (height, width, 3): `box` holds the lowest and the highest corner."""
    import pyvista

    plotter = pyvista.Plotter(off_screen=True, window_size=SIZE)
    plotter.set_background("white")
    plotter.add_mesh(
        mesh,
        scalars=name,
        cmap=colours,
        clim=limits,
        show_scalar_bar=False,
        ambient=0.25,
        diffuse=0.75,
        specular=0.1,
    )
    outline = pyvista.Box(box.T.ravel())
    plotter.add_mesh(outline, style="wireframe", color="#555555", line_width=2.0)
    plotter.add_axes(color="black", viewport=(0.0, 0.0, 0.2, 0.2))
    plotter.view_vector((1.0, -1.55, 0.75), viewup=(0.0, 0.0, 1.0))
    plotter.camera.zoom(0.98)
    image = plotter.screenshot(None, return_img=True)
    plotter.close()
    return image


def draw(run: Path, png: Path) -> None:
    """Draw in this process; needs a working OpenGL."""
    *particles, step = _particles(run)
    views = [(*particles, "viridis")]
    if (run / INTERFACE).exists():
        views.insert(0, (*_interfaces(run), "cividis"))
    box = np.stack([step.points.min(axis=0), step.points.max(axis=0)])
    with style.publication():
        figure = style.new_figure(4.6 * len(views), 5.2)
        figure.suptitle(f"t = {duration(step.time)}", fontsize=10)
        row = figure.subplots(1, len(views), squeeze=False).ravel()
        for axes, (mesh, name, title, limits, colours) in zip(row, views, strict=True):
            axes.imshow(_photograph(mesh, name, limits, colours, box), interpolation="lanczos")
            axes.axis("off")
            mappable = ScalarMappable(Normalize(*limits), colours)
            figure.colorbar(mappable, ax=axes, orientation="horizontal", shrink=0.7, pad=0.01, label=title)
        style.save(figure, png)


def main(arguments: list[str]) -> int:
    """`RUN PNG`: what `picture` starts."""
    return answered(lambda: draw(Path(arguments[0]), Path(arguments[1])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
