"""Small meshes with exact answers: spheres in shells, stacks of layers, one sphere in a box.

Each function writes a gmsh file and returns the mesh. Lengths in µm.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import pi
from pathlib import Path

import gmsh
import numpy as np

from ssbmech_mesh.adjust import flatten_faces, match_volumes
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.relocate import held_by_spheres
from ssbmech_mesh.session import fill, gmsh_model
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh, from_gmsh


def concentric_octant(
    out: Path,
    a: float,
    b: float | None,
    sizes: Sequence[float],
    names: Sequence[str] = ("core", "shell"),
    exact_volume: bool = True,
) -> SimplexMesh:
    """The octant x, y, z >= 0 of a sphere of radius a inside a shell to radius b (b None: the sphere alone).

    sizes: edge length at the centre, at radius a and at radius b, linear in between. The round outer surface
    is the physical surface "outer"; the flat faces lie at x = 0, y = 0 and z = 0. With exact_volume the nodes
    are moved along the radius, by a relative distance of second order in the edge length, so that the
    polyhedra have the volumes of the spheres; otherwise the nodes lie on the spheres.
    """
    radii = [a] if b is None else [a, b]
    if a <= 0.0 or (b is not None and b <= a):
        raise MeshError(f"radii must satisfy 0 < a < b; got a = {a}, b = {b}")
    if len(sizes) != len(radii) + 1 or min(sizes) <= 0.0:
        raise MeshError(
            f"sizes must be {len(radii) + 1} positive numbers (centre, then each radius); got {list(sizes)}"
        )
    with gmsh_model("octant"):
        occ = gmsh.model.occ
        octants = [(3, occ.addSphere(0, 0, 0, r, -1, 0.0, pi / 2, pi / 2)) for r in radii]
        if b is not None:
            occ.fragment([octants[1]], [octants[0]])
        occ.synchronize()
        volumes = sorted((tag for _, tag in gmsh.model.getEntities(3)), key=lambda v: _centre_distance(3, v))
        for name, volume in zip(names, volumes, strict=False):
            gmsh.model.addPhysicalGroup(3, [volume], name=name)
        outer = max((tag for _, tag in gmsh.model.getEntities(2)), key=lambda s: _centre_distance(2, s))
        gmsh.model.addPhysicalGroup(2, [outer], name="outer")
        fill(3, _radial_size([0.0, *radii], sizes))
        mesh = from_gmsh(3)
    for axis in range(3):
        mesh.nodes[np.abs(mesh.nodes[:, axis]) < 1e-9 * radii[-1], axis] = 0.0
    mesh.orient()
    if exact_volume:
        _match_octant_volumes(mesh, radii)
    mesh.write(out)
    return mesh


def sphere_in_box(
    out: Path,
    a: float,
    box: Sequence[float],
    sizes: Sequence[float],
    names: Sequence[str] = ("sphere", "matrix"),
    exact_volume: bool = True,
) -> SimplexMesh:
    """A sphere of radius a at the middle of the box [0, Lx] x [0, Ly] x [0, Lz].

    sizes: edge length at the interface and far from it (reached one radius away). With exact_volume the
    nodes of the interface are moved outwards a little, so that the polyhedron has the volume of the sphere;
    otherwise they lie on it.
    """
    middle = [0.5 * side for side in box]
    if not 0.0 < a < min(middle):
        raise MeshError(
            f"a sphere of radius {a} does not fit in a box of {list(box)}; it needs a < {min(middle)}"
        )
    with gmsh_model("sphere"):
        occ = gmsh.model.occ
        block, ball = occ.addBox(0, 0, 0, *box), occ.addSphere(*middle, a)
        _, pieces = occ.fragment([(3, block)], [(3, ball)])
        occ.synchronize()
        inside = {tag for _, tag in pieces[1]}
        gmsh.model.addPhysicalGroup(3, sorted(inside), name=names[0])
        gmsh.model.addPhysicalGroup(
            3, [t for _, t in gmsh.model.getEntities(3) if t not in inside], name=names[1]
        )
        x, y, z = middle
        distance = f"Abs(Sqrt((x-{x})^2+(y-{y})^2+(z-{z})^2)-{a})"
        fill(3, f"{sizes[0]}+({sizes[1] - sizes[0]})*Min({distance}/{a},1)")
        mesh = from_gmsh(3)
    mesh.orient()
    flatten_faces(mesh, box)
    if exact_volume:
        volume = 4.0 / 3.0 * pi * a**3
        center = np.array([middle])
        match_volumes(mesh, held_by_spheres(mesh, box, center), center, np.array([a]), np.array([volume]))
    mesh.write(out)
    return mesh


def layered_block(
    out: Path,
    size: Sequence[float],
    heights: Sequence[float],
    names: Sequence[str],
    n: Sequence[int | Sequence[int]],
) -> SimplexMesh:
    """Structured, conforming layers stacked along the last axis: tetrahedra, or triangles in two dimensions.

    size: (Lx, Ly), or (Lx,) for two dimensions. heights, names: one per layer, from the bottom. Layers with
    the same name are one body. n: cells along each lateral axis, then a list with the cells of each layer
    (one number: the same in all). Each brick is cut into 6 tetrahedra (each rectangle into 2 triangles) along
    its main diagonal.
    """
    through = n[-1]
    per_layer = [int(through)] * len(heights) if isinstance(through, int) else [int(k) for k in through]
    lateral = [int(k) for k in n[:-1] if isinstance(k, int)]
    if len(lateral) != len(size) or len(per_layer) != len(heights) or len(names) != len(heights):
        raise MeshError(
            "layered_block needs as many entries in n as axes, and a name, height and count for each layer"
        )
    if min([*size, *heights]) <= 0.0 or min([*lateral, *per_layer]) < 1:
        raise MeshError(
            f"sizes, heights and counts must be positive; got {list(size)}, {list(heights)}, {list(n)}"
        )
    axes = [np.linspace(0.0, side, k + 1, dtype=np.float64) for side, k in zip(size, lateral, strict=True)]
    base = np.concatenate([[0.0], np.cumsum(heights)])
    steps = [np.linspace(base[i], base[i + 1], k + 1, dtype=np.float64)[1:] for i, k in enumerate(per_layer)]
    axes.append(np.concatenate([[0.0], *steps]))
    bodies = list(dict.fromkeys(names))
    body_of_step = np.repeat([bodies.index(name) for name in names], per_layer)
    mesh = _structured(axes, body_of_step, bodies)
    mesh.write(out)
    return mesh


def _structured(axes: list[Floats], body_of_step: Ints, names: list[str]) -> SimplexMesh:
    """Kuhn's cut of a grid; the last axis carries the bodies."""
    dimension = len(axes)
    shape = [len(axis) for axis in axes]
    grid = np.meshgrid(*axes, indexing="ij")
    nodes = np.zeros((int(np.prod(shape)), 3))
    nodes[:, :dimension] = np.stack([g.ravel() for g in grid], axis=1)
    stride = np.array([int(np.prod(shape[i + 1 :])) for i in range(dimension)])
    corner = np.stack(np.meshgrid(*[np.arange(s - 1) for s in shape], indexing="ij"), axis=-1).reshape(
        -1, dimension
    )
    origin = corner @ stride
    paths = [
        np.concatenate([[0], np.cumsum(stride[list(order)])]) for order in permutations(range(dimension))
    ]
    cells = (origin[:, None, None] + np.array(paths)[None]).reshape(-1, dimension + 1)
    body = np.repeat(body_of_step[corner[:, -1]], len(paths))
    mesh = SimplexMesh(nodes, cells, body, names)
    mesh.orient()
    return mesh


def _centre_distance(dimension: int, tag: int) -> float:
    return float(np.linalg.norm(gmsh.model.occ.getCenterOfMass(dimension, tag)))


def _radial_size(radii: Sequence[float], sizes: Sequence[float]) -> str:
    """Edge length as a function of the distance from the origin, in gmsh's expression language."""
    expression, distance = f"{sizes[0]}", "Sqrt(x^2+y^2+z^2)"
    for i in range(len(radii) - 1):
        slope, step = (sizes[i + 1] - sizes[i]) / (radii[i + 1] - radii[i]), radii[i + 1] - radii[i]
        expression += f"+({slope})*Min(Max({distance}-{radii[i]},0),{step})"
    return expression


def _match_octant_volumes(mesh: SimplexMesh, radii: Sequence[float]) -> None:
    """Stretch along the radius so that each polyhedron has the volume of its sphere.

    The flat faces pass through the origin, so stretching everything inside radius r by s multiplies its
    volume by s^3: the factors follow in closed form, and between two radii they are interpolated.
    """
    enclosed = np.cumsum(mesh.body_volumes()[: len(radii)])
    factor = [(pi / 6.0 * r**3 / volume) ** (1.0 / 3.0) for r, volume in zip(radii, enclosed, strict=True)]
    distance = np.linalg.norm(mesh.nodes, axis=1)
    mesh.nodes *= np.interp(distance, radii, factor)[:, None]
