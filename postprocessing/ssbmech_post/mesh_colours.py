"""Colours of bodies: a family of hues per phase, crystal axes, radial texture; all as RGB in [0, 1].

Lightness and hue are those of OKLab (B. Ottosson, "A perceptual color space for image processing", 2020),
so that equal steps look equal; the families differ in lightness too, for readers who tell hues apart badly.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from ssbmech_post.errors import RunFolderError
from ssbmech_post.mesh_input import Bodies, TaggedMesh
from ssbmech_post.vtx import FloatArray, IntArray

NEUTRAL = np.array([0.93, 0.925, 0.91])  # of what has no crystal axes
TEXTURE_MAP = "viridis"
QUALITY_MAP = "YlOrRd_r"
QUALITY_LIMIT = 40.0  # degrees
_GOLDEN = 0.5 * (5.0**0.5 - 1.0)
# (lightness, chroma, hue in degrees): strong families for particles, pale ones for what lies between them.
_STRONG = ((0.58, 0.125, 252.0), (0.64, 0.15, 48.0), (0.60, 0.11, 163.0), (0.60, 0.13, 335.0))
_PALE = ((0.90, 0.055, 92.0), (0.42, 0.015, 265.0), (0.80, 0.05, 205.0), (0.78, 0.06, 15.0), (0.70, 0.0, 0.0))
_SHADES = np.array([0.0, -0.11, 0.12, -0.055, 0.06, 0.17])  # of lightness, for bodies that touch
# Corners of the key of axes (c along x, y, z): Okabe and Ito's vermilion, bluish green and blue.
AXIS_CORNERS = np.array([[0.835, 0.369, 0.0], [0.0, 0.62, 0.451], [0.0, 0.447, 0.698]])


def oklch(lightness: FloatArray, chroma: FloatArray, hue: FloatArray) -> FloatArray:
    """sRGB (n, 3) in [0, 1] of OKLab colours in polar form, hue in degrees; clipped to what a screen shows."""
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    lms = np.stack([
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    ], axis=-1) ** 3  # fmt: skip
    to_rgb = np.array([
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ])  # fmt: skip
    linear = np.clip(lms @ to_rgb.T, 0.0, 1.0)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(curve, 0.0, 1.0))


def _families(mesh: TaggedMesh) -> FloatArray:
    """(phases, 3) lightness, chroma and hue of every phase in the order of `Bodies.order`."""
    bodies = mesh.bodies
    held = {p for p, k in zip(bodies.phases, bodies.particle, strict=True) if k >= 0}
    share = mesh.fractions()
    strong = [p for p in bodies.order if p in held]
    pale = sorted((p for p in bodies.order if p not in held), key=lambda p: -share[p])
    if not strong:
        strong, pale = pale, []
    family: dict[str, tuple[float, float, float]] = {}
    for group, colours in ((strong, _STRONG), (pale, _PALE)):
        for i, phase in enumerate(group):
            lightness, chroma, hue = colours[i % len(colours)]
            again = i // len(colours)  # more phases than families: turn the hue
            family[phase] = (lightness, chroma, hue + 360.0 * _GOLDEN * again)
    return np.array([family[phase] for phase in bodies.order])


def phase_colours(mesh: TaggedMesh) -> FloatArray:
    """(phases, 3) colour of every phase, in the order of `Bodies.order`."""
    return oklch(*_families(mesh).T)


def body_colours(mesh: TaggedMesh, neighbours: IntArray) -> FloatArray:
    """(bodies, 3): the hues of the phase, turned a little by the particle, lightness by the body.

    Bodies of one phase that touch (`neighbours` (k, 2), pairs of bodies) get different lightness.
    """
    bodies = mesh.bodies
    lightness, chroma, hue = _families(mesh)[bodies.phase_numbers()].T
    particle = np.where(bodies.particle >= 0, bodies.particle, 0)
    turn = np.where(bodies.particle >= 0, 2.0 * (_GOLDEN * particle % 1.0) - 1.0, 0.0)
    shade = _shades(bodies, neighbours)
    # A little more or less, in another rhythm than the hues: tells those apart that share a shade.
    loose = 0.012 * (2.0 * (2.0**0.5 * np.arange(len(shade)) % 1.0) - 1.0)
    single = np.bincount(bodies.phase_numbers())[bodies.phase_numbers()] == 1
    offset = np.where(single, 0.0, _SHADES[shade] + loose)
    return oklch(np.clip(lightness + offset, 0.0, 0.97), chroma, hue + np.where(single, 0.0, 20.0 * turn))


def _shades(bodies: Bodies, neighbours: IntArray) -> IntArray:
    """(bodies,) a shade for each that its neighbours of the same phase have not, as far as there are enough."""
    n = len(bodies.names)
    phase = bodies.phase_numbers()
    near = neighbours[phase[neighbours[:, 0]] == phase[neighbours[:, 1]]]
    both = np.concatenate([near, near[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    start = np.searchsorted(both[:, 0], np.arange(n + 1))
    shade = np.full(n, -1, dtype=np.int64)
    for k in range(n):
        used = shade[both[start[k] : start[k + 1], 1]]
        count = np.bincount(used[used >= 0], minlength=len(_SHADES))
        first = int(len(_SHADES) * (_GOLDEN * k % 1.0))  # where the search begins: no shade is the common one
        turn = np.roll(np.arange(len(_SHADES)), -first)
        shade[k] = turn[np.argmin(count[turn])]
    return shade


def c_axes(mesh: TaggedMesh) -> FloatArray:
    """(bodies, 3) unit vectors of the c axes, nan without a crystal; an error if no body has one."""
    axis = mesh.bodies.frame[:, :, 2]
    if not np.isfinite(axis).all(axis=1).any():
        raise RunFolderError(
            mesh.path,
            "no body has a crystal frame",
            "give the particles `grains`, or colour by body or phase",
        )
    return np.asarray(axis / np.linalg.norm(axis, axis=1, keepdims=True))


def axis_colours(axis: FloatArray) -> FloatArray:
    """(n, 3) colour of c axes: axes and their mirror images at the planes of the box look the same.

    The corners of the key belong to c along x, y and z (as of an inverse pole figure); nan gives NEUTRAL.
    """
    folded = np.abs(axis)
    weight = folded / np.maximum(folded.max(axis=-1, keepdims=True), 1e-12)
    mixed = weight @ (AXIS_CORNERS**2.2)  # in linear light
    colour = np.clip(mixed / np.maximum(mixed.max(axis=-1, keepdims=True), 1.0), 0.0, 1.0) ** (1 / 2.2)
    return np.where(np.isfinite(axis).all(axis=-1, keepdims=True), colour, NEUTRAL)


def axis_key(pixels: int = 240) -> tuple[FloatArray, FloatArray]:
    """A key of `axis_colours`: image (pixels, pixels, 4) over [-1, 1]², clear outside, and its corners for x, y, z.

    The octant of directions is seen along its diagonal, so every point is one direction of c.
    """
    angle = np.radians([210.0, 330.0, 90.0])
    corners = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    line = np.linspace(-1.0, 1.0, pixels)
    place = np.stack(np.meshgrid(line, line[::-1]), -1)
    # Seen along (1, 1, 1) / sqrt(3), the unit vectors x, y, z lie at `corners` times sqrt(2/3).
    flat = np.sqrt(2.0 / 3.0) * place
    height = np.sqrt(np.maximum(1.0 - (flat**2).sum(axis=-1), 0.0))
    direction = np.sqrt(2.0 / 3.0) * flat @ corners.T + height[..., None] / np.sqrt(3.0)
    clear = (direction >= 0.0).all(axis=-1)
    return np.concatenate([axis_colours(direction), clear[..., None]], axis=-1), corners


def texture_angles(mesh: TaggedMesh) -> FloatArray:
    """(M,) angle in degrees between the c axis and the radial direction at every cell; nan without either."""
    axis = c_axes(mesh)[mesh.body]
    radial = mesh.points[mesh.cells].mean(axis=1) - mesh.bodies.center[mesh.body]
    length = np.linalg.norm(radial, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.abs(np.einsum("ij,ij->i", axis, radial)) / length
    if not np.isfinite(cosine).any():
        raise RunFolderError(
            mesh.path, "no body with a crystal frame has the centre of its particle", "colour by orientation"
        )
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))))


def mapped(values: FloatArray, colours: str, low: float, high: float) -> FloatArray:
    """(n, 3) colours of values by a colour map between two limits; nan gives NEUTRAL."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    rgb = np.asarray(mpl.colormaps[colours](np.nan_to_num(share)))[:, :3]
    return np.where(np.isfinite(values)[:, None], rgb, NEUTRAL)
