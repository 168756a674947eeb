"""From a tagged mesh to the discrete setting: broken spaces of the fields, measures of phases, interfaces and faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from dolfinx import fem
from dolfinx import mesh as dmesh

from ssbmech.domain.bodies import Bodies
from ssbmech.domain.broken import broken_space, global_scalar_space
from ssbmech.domain.interfaces import InterfaceFacets, InterfaceMesh, Pair, find_interfaces
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.physics.setting import Setting, Unknown

Ints = npt.NDArray[np.int32]


def make_setting(
    tagged: TaggedMesh,
    bodies: Bodies,
    pairs: Sequence[Pair],
    carriers: Mapping[str, Sequence[str]],
    global_unknowns: Sequence[str] = (),
    displacement_degree: int = 1,
    degree: int = 2,
    interface_degree: int = 2,
    temperature: float = 298.15,
) -> tuple[Setting, InterfaceFacets]:
    """Spaces, unknowns and measures.

    Args:
        tagged: the mesh.
        bodies: its bodies.
        pairs: pairs of phases with an interface law; the first of a pair is the '+' side.
        carriers: field -> phases that carry it, in the order of the unknowns.
        global_unknowns: names of the scalar unknowns.
        displacement_degree: 1 or 2.
        degree, interface_degree: quadrature degrees in the volume and on interfaces.
        temperature: [K].
    """
    mesh = tagged.mesh
    unknowns = {}
    for name, phases in carriers.items():
        element = (
            ("Lagrange", displacement_degree, (tagged.dim,)) if name == "displacement" else ("Lagrange", 1)
        )
        space = broken_space(mesh, element, bodies.cell_body, bodies.of_phases(phases))
        unknowns[name] = Unknown(name, space)
    for name in global_unknowns:
        unknowns[name] = Unknown(name, global_scalar_space(mesh))
    facets = find_interfaces(mesh, bodies, pairs)
    any_facet = mesh.comm.allreduce(facets.facets.size) > 0
    names = bodies.phases
    owned_cells = mesh.topology.index_map(tagged.dim).size_local
    phase = bodies.cell_phase[:owned_cells]
    faces = [(face, name) for face in tagged.faces for name in names]
    setting = Setting(
        mesh=mesh,
        unknowns=unknowns,
        phase_number={name: number for number, name in enumerate(names)},
        pair_number={pair: number for number, pair in enumerate(pairs)},
        face_number={key: number for number, key in enumerate(faces)},
        cells=[(k, np.flatnonzero(phase == k).astype(np.int32)) for k in range(len(names))],
        interfaces=facets.subdomain_data(),
        faces=_face_entities(tagged, bodies),
        interface_mesh=InterfaceMesh(mesh, facets, interface_degree) if any_facet else None,
        time_step=fem.Constant(mesh, 1.0),
        duration=fem.Constant(mesh, 1.0),
        temperature=temperature,
        degree=degree,
        interface_degree=interface_degree,
    )
    return setting, facets


def _face_entities(tagged: TaggedMesh, bodies: Bodies) -> list[tuple[int, Ints]]:
    """Exterior facets numbered by face and, within a face, by phase."""
    out: list[tuple[int, Ints]] = []
    for facets in tagged.faces.values():
        entities = _facet_entities(tagged.mesh, facets)
        phase = bodies.cell_phase[entities[0::2]]
        for k in range(len(bodies.phases)):
            out.append((len(out), entities[np.repeat(phase == k, 2)]))
    return out


def _facet_entities(mesh: dmesh.Mesh, facets: Ints) -> Ints:
    """Pairs (cell, local facet) of exterior facets, as boundary measures want them."""
    dim = mesh.topology.dim
    to_cells = mesh.topology.connectivity(dim - 1, dim)
    cells = to_cells.array[to_cells.offsets[facets]]
    to_facets = mesh.topology.connectivity(dim, dim - 1).array.reshape(-1, dim + 1)
    local = np.argmax(to_facets[cells] == facets[:, None], axis=1)
    return np.stack([cells, local], axis=1).astype(np.int32).reshape(-1)
