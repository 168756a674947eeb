"""Photographs of meshes in three dimensions, off screen, in a process of its own (as view3d.py, and why: there).

`photograph(scene, folder)` stores the scene, starts `python -m ssbmech_post.mesh_render SCENE.npz IMAGE.npy` and gives
the pixels with their place in the plane of the picture, so that text and lines can be drawn onto them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbmech_post.display import drawing_environment
from ssbmech_post.errors import RunFolderError
from ssbmech_post.mesh_scene import HalfSpace
from ssbmech_post.vtx import FloatArray, IntArray

TIME_LIMIT = 300.0  # seconds, for a million cells on one core without a graphics card
PIXELS = 1200  # along the longer side of a photograph; drawn at twice that
_VIEW = np.array([1.0, -1.55, 0.75]) / np.linalg.norm([1.0, -1.55, 0.75])  # from the mesh to the viewer
_RIGHT = np.cross([0.0, 0.0, 1.0], _VIEW) / np.linalg.norm(np.cross([0.0, 0.0, 1.0], _VIEW))
_UP = np.cross(_VIEW, _RIGHT)
# One light from above the viewer's left shoulder and a weaker one from the right: the top of a box keeps its colour,
# the front and the right side get 0.83 and 0.73 of it.
_AMBIENT = 0.35
_LIGHTS = ((np.array([-0.30, -0.65, 1.0]), 0.65), (np.array([1.0, -0.35, 0.3]), 0.42))


@dataclass(frozen=True, eq=False)
class Faces:
    """Triangles (t, 3) with colours (t, 3) in [0, 1], drawn once for every list of half-spaces."""

    points: FloatArray
    triangles: IntArray
    colours: FloatArray
    clips: list[list[HalfSpace]] = field(default_factory=lambda: [[]])


@dataclass(frozen=True, eq=False)
class Lines:
    """Segments (s, 2) with colours (s, 3), `width` in pixels of the photograph."""

    points: FloatArray
    segments: IntArray
    colours: FloatArray
    width: float
    clips: list[list[HalfSpace]] = field(default_factory=lambda: [[]])


@dataclass(frozen=True, eq=False)
class Scene:
    """What is photographed, in the order of drawing; `box` (2, 3) is what the picture has to show."""

    box: FloatArray
    faces: list[Faces]
    lines: list[Lines]


@dataclass(frozen=True, eq=False)
class Photograph:
    """Pixels (h, w, 3) and what they cover in the plane of the picture: left, right, bottom, top in µm."""

    pixels: NDArray[np.uint8]
    extent: tuple[float, float, float, float]


def projected(points: FloatArray) -> FloatArray:
    """Points (..., 3) in the plane of the picture (..., 2), µm: the projection is parallel."""
    return np.stack([points @ _RIGHT, points @ _UP], axis=-1)


def shaded(points: FloatArray, triangles: IntArray, colours: FloatArray, depth: float = 1.0) -> FloatArray:
    """Colours (t, 3) of triangles under the lights, each flat; the sides towards the viewer.

    depth: of the shadows, 0 for none. Done here and not by OpenGL, so that the edges of the mesh can have the colours of their faces.
    """
    corner = points[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    normal *= np.where(normal @ _VIEW < 0.0, -1.0, 1.0)[:, None]
    light = np.full(len(triangles), _AMBIENT)
    for direction, strength in _LIGHTS:
        light += strength * np.maximum(normal @ direction / np.linalg.norm(direction), 0.0)
    return np.asarray(np.minimum(colours * (1.0 - depth * (1.0 - light[:, None])), 1.0))


def extent(box: FloatArray) -> tuple[float, float, float, float]:
    """What a photograph of a box covers: left, right, bottom, top."""
    corners = projected(np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3))
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.015 * float((high - low).max())
    return (
        float(low[0] - margin),
        float(high[0] + margin),
        float(low[1] - margin),
        float(high[1] + margin),
    )


def photographs(path: Path, scenes: Sequence[Scene]) -> list[Photograph]:
    """Pictures of the scenes; `path` is what an error names."""
    if not scenes:
        return []
    root = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory(prefix="ssbmech_view_") as folder, drawing_environment() as environment:
        environment["PYTHONPATH"] = root + (
            f":{environment['PYTHONPATH']}" if environment.get("PYTHONPATH") else ""
        )
        environment["PYVISTA_OFF_SCREEN"] = "true"
        jobs = [(Path(folder) / f"{i}.npz", Path(folder) / f"{i}.npy") for i in range(len(scenes))]
        for scene, (stored, _) in zip(scenes, jobs, strict=True):
            _store(scene, stored)
        command = [sys.executable, "-m", "ssbmech_post.mesh_render", *(str(p) for job in jobs for p in job)]
        try:
            result = subprocess.run(
                command, env=environment, capture_output=True, encoding="utf-8", timeout=TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            raise RunFolderError(path, f"the 3D view took longer than {TIME_LIMIT:g} s") from None
        if result.returncode != 0 or not all(image.is_file() for _, image in jobs):
            said = [line for line in result.stderr.splitlines() if line.strip()]
            reason = said[-1] if said else f"the drawing process ended with code {result.returncode}"
            raise RunFolderError(
                path, f"OpenGL could not draw: {reason}", "install Xvfb (Debian package xvfb)"
            )
        return [
            Photograph(np.load(image), extent(scene.box))
            for scene, (_, image) in zip(scenes, jobs, strict=True)
        ]


def _store(scene: Scene, path: Path) -> None:
    arrays: dict[str, Any] = {"box": scene.box}
    parts: list[tuple[str, Faces | Lines, IntArray, float]] = []
    parts += [(f"faces_{i}", part, part.triangles, 0.0) for i, part in enumerate(scene.faces)]
    parts += [(f"lines_{i}", part, part.segments, part.width) for i, part in enumerate(scene.lines)]
    for name, part, corners, width in parts:
        used, local = np.unique(corners, return_inverse=True)
        arrays[f"{name}_points"] = part.points[used]
        arrays[f"{name}_corners"] = local.reshape(corners.shape)
        arrays[f"{name}_colours"] = np.rint(255.0 * part.colours).astype(np.uint8)
        arrays[f"{name}_width"] = width
        for j, clip in enumerate(part.clips):
            arrays[f"{name}_clip_{j}"] = np.array(clip, dtype=np.float64).reshape(-1, 3)
    np.savez(path, **arrays)


def draw(stored: Path, image: Path) -> None:
    """Draw one stored scene in this process; needs a working OpenGL."""
    import pyvista

    with np.load(stored) as data:
        arrays = dict(data)
    left, right, bottom, top = extent(arrays["box"])
    longer = max(right - left, top - bottom)
    size = [round(2 * PIXELS * side / longer) for side in (right - left, top - bottom)]
    plotter = pyvista.Plotter(off_screen=True, window_size=size, lighting="none")
    plotter.set_background("white")
    depth = 1e-3 * longer  # lines are lifted towards the viewer: they stay where they are in the picture
    for name in sorted(key[: -len("_points")] for key in arrays if key.endswith("_points")):
        _add(plotter, arrays, name, depth)
    middle = arrays["box"].mean(axis=0)
    middle = (
        middle
        + (0.5 * (left + right) - middle @ _RIGHT) * _RIGHT
        + (0.5 * (bottom + top) - middle @ _UP) * _UP
    )
    camera = plotter.camera
    camera.parallel_projection = True
    camera.position, camera.focal_point, camera.up = middle + 10.0 * longer * _VIEW, middle, _UP
    camera.parallel_scale = 0.5 * (top - bottom)
    camera.clipping_range = (5.0 * longer, 15.0 * longer)
    plain = _pixels(plotter)
    plotter.enable_ssao(radius=0.06 * longer, bias=0.003 * longer, kernel_size=96, blur=True)
    np.save(image, _darkened(plain, _pixels(plotter)))
    plotter.close()


def _pixels(plotter: Any) -> FloatArray:
    """The view at half the size of the window (h, w, 3), 0 to 255: every pixel the mean of four."""
    pixels = np.asarray(plotter.screenshot(None, return_img=True))[..., :3].astype(np.float64)
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    return np.asarray(pixels[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3)))


def _darkened(plain: FloatArray, occluded: FloatArray) -> NDArray[np.uint8]:
    """The plain view, darker in crevices as the one with ambient occlusion.

    OpenGL darkens open flat faces too, by an amount that depends on the version: these are made bright again.
    """
    share = occluded.sum(axis=-1) / np.maximum(plain.sum(axis=-1), 1.0)
    drawn = plain.min(axis=-1) < 254.0
    open_face = float(np.median(share[drawn])) if drawn.any() else 1.0
    share = np.where(drawn, np.clip(share / open_face, 0.35, 1.0), 1.0)
    return np.asarray(np.rint(plain * share[..., None]), dtype=np.uint8)


def _add(plotter: Any, arrays: dict[str, Any], name: str, depth: float) -> None:
    import pyvista
    import vtk

    points, corners = arrays[f"{name}_points"], arrays[f"{name}_corners"]
    padded = np.hstack([np.full((len(corners), 1), corners.shape[1]), corners]).ravel()
    faces = name.startswith("faces")
    width = float(arrays[f"{name}_width"])
    lift = 0.0 if faces else depth * (1.0 + 0.2 * width)  # lines over faces, wide ones over narrow ones
    points = points + lift * _VIEW
    options = {} if faces else {"line_width": 2.0 * width}
    for key in sorted(k for k in arrays if k.startswith(f"{name}_clip_")):
        shape = {"faces": padded} if faces else {"lines": padded}
        mesh = pyvista.PolyData(points, **shape)
        mesh.cell_data["rgb"] = arrays[f"{name}_colours"]
        actor = plotter.add_mesh(
            mesh, scalars="rgb", rgb=True, lighting=False, show_scalar_bar=False, **options
        )
        for axis, position, side in arrays[key]:
            half_space = vtk.vtkPlane()
            normal, origin = np.zeros(3), np.zeros(3)
            normal[int(axis)], origin[int(axis)] = side, position
            origin += lift * _VIEW
            half_space.SetNormal(*normal)
            half_space.SetOrigin(*origin)
            actor.mapper.AddClippingPlane(half_space)


def main(arguments: list[str]) -> int:
    """`SCENE.npz IMAGE.npy ...`: what `photographs` starts."""
    for stored, image in zip(arguments[::2], arguments[1::2], strict=True):
        draw(Path(stored), Path(image))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
