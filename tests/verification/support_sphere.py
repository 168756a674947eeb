"""What the verification problems with one spherical particle share (V22, V23, V24): the case, the mesh of an octant, the run, and
the same problem along the radius."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from pathlib import Path
from typing import Any

import gmsh
import numpy as np
import pytest
import support_coupled as sc
import support_radial as radial
import ufl

from ssbmech.domain.mesh import TaggedMesh
from ssbmech.evolution import Evolution
from ssbmech_mesh.session import fill, gmsh_model
from ssbmech_mesh.simplex import from_gmsh

RADIUS = 5.0  # um
MAXIMUM, DENSITY = 50000.0, 4.78  # mol/m^3, g/cm^3
OMEGA, START = 1.6e-6, 0.9  # m^3/mol, -
DIFFUSIVITY = 4e-3  # um^2/s
THERMAL = sc.GAS * 298.15 / sc.FARADAY  # V
CAPACITY = sc.FARADAY * MAXIMUM / 3.6 / (DENSITY * 1e6)  # mAh/g of all sites
ONE_C = sc.FARADAY * MAXIMUM * RADIUS * 1e-6 / 3 / 3600  # A/m^2 of surface


def sphere_case(kind: str, start: float, times: list[float]) -> dict[str, Any]:
    """1 A/m² of the sphere's surface until each of the times [s]."""
    rate = 1.0 / ONE_C
    durations = np.diff([0.0, *times])
    return {
        "title": "one sphere",
        "phases": {
            "CAM": {
                "regions": ["cam"],
                "density": f"{DENSITY} g/cm^3",
                "elasticity": {"youngs_modulus": "140 GPa", "poisson_ratio": 0.3},
                "lithium": {
                    "maximum_concentration": f"{MAXIMUM} mol/m^3",
                    "open_circuit_potential": {"expression": sc.CHEN2020, "unit": "V"},
                    "diffusivity": "4e-15 m^2/s",
                    "initial_stoichiometry": start,
                },
                "conduction": {"carrier": "electronic", "conductivity": "1e3 S/m"},
            },
            "SE": {
                "regions": ["se"],
                "elasticity": {"youngs_modulus": "22.1 GPa", "poisson_ratio": 0.37},
                "conduction": {"carrier": "ionic", "conductivity": "1e3 S/m"},
            },
        },
        "interfaces": [
            {
                "between": ["CAM", "SE"],
                "cohesion": {"stiffness": "1e16 Pa/m"},
                "charge_transfer": {
                    "exchange_current_density": {"expression": "4*sqrt(x*(1-x))", "unit": "A/m^2"}
                },
            }
        ],
        "electrons": {"path": "wired", "conductance": "1e15 S/m^3"},
        "stack": {
            "separator": "outer",
            "load": {"pressure": "0 MPa"},
            "counter_electrode": {"name": "Li", "potential": "0 V"},
        },
        "programme": [{kind: f"{rate!r}C", "until": {"time": f"{duration} s"}} for duration in durations],
        "cell": {"nominal_capacity": f"{CAPACITY!r} mAh/g", "temperature": "298.15 K"},
        "numerics": {"time_step": {"initial": "10 s", "maximum": "60 s", "growth": 1.5}},
    }


# -- with stress ---------------------------------------------------------------------------------------------------------


def strained_case(times: Sequence[float], mobility: str = "dilute_solution") -> dict[str, Any]:
    """The charge from x = 0.9 with the partial molar volume of V23 and V24, in the mesh of :func:`octant_in_box`.

    The flux of the reference, J = −D ∇c + (D c Ω/RT) ∇σ_h, is that of the mobility ``dilute_solution``. Plane plates press the box from all
    sides (isostatic load), so that a filling without shear stiffness passes their pressure, or none, to what it surrounds.
    """
    case = sphere_case("charge", START, list(times))
    cam = case["phases"]["CAM"]
    cam["lithium"]["mobility"] = mobility
    cam["chemical_strain"] = {"partial_molar_volume": f"{OMEGA} m^3/mol"}
    case["stack"] |= {"separator": "z+", "collector": "z-", "platen": "z+"}
    case["stack"]["load"] = {"pressure": "0 MPa", "isostatic": True}
    # Linear displacements have no gradient of the stress inside a cell: their error is of first order (V23).
    case["numerics"] |= {"displacement_degree": 2, "linear_solver": "direct"}
    # The profile settles within some 100 s and then moves slowly.
    case["numerics"]["time_step"] = {"initial": "100 s", "maximum": "1000 s", "growth": 2.5}
    return case


def octant_in_box(
    folder: Path, radii: Sequence[float], side: float, sizes: Sequence[float], names: Sequence[str]
) -> TaggedMesh:
    """The octant x, y, z >= 0 of concentric spheres in the box [0, side]³, of which the last body fills the rest.

    sizes: edge length at the centre, at every radius and from ``side`` on. The polyhedra have the volumes of the spheres.
    """

    def write(path: Path) -> None:
        places = [0.0, *radii, side]
        with gmsh_model("octant in a box"):
            occ = gmsh.model.occ
            parts = [(3, occ.addSphere(0, 0, 0, r, -1, 0.0, pi / 2, pi / 2)) for r in radii]
            occ.fragment([(3, occ.addBox(0, 0, 0, side, side, side))], parts)
            occ.synchronize()
            volumes = [tag for _, tag in gmsh.model.getEntities(3)]
            volumes.sort(key=lambda tag: float(np.linalg.norm(occ.getCenterOfMass(3, tag))))
            for name, volume in zip(names, volumes, strict=True):
                gmsh.model.addPhysicalGroup(3, [volume], name=name)
            gmsh.model.mesh.setSizeCallback(
                lambda dim, tag, x, y, z, size: float(
                    np.interp((x * x + y * y + z * z) ** 0.5, places, sizes)
                )
            )
            fill(3)
            gmsh.model.mesh.removeSizeCallback()
            mesh = from_gmsh(3)
        for plane in (0.0, side):
            mesh.nodes[np.abs(mesh.nodes - plane) < 1e-9 * side] = plane
        mesh.orient()
        # The flat faces pass through the origin: stretching everything inside a radius multiplies its volume.
        enclosed = np.cumsum(mesh.body_volumes()[: len(radii)])
        factor = [(pi / 6 * r**3 / v) ** (1 / 3) for r, v in zip(radii, enclosed, strict=True)]
        distance = np.linalg.norm(mesh.nodes, axis=1)
        mesh.nodes *= np.interp(distance, [*radii, side], [*factor, 1.0])[:, None]
        mesh.write(path)

    return sc.written_mesh(folder, "octant_in_box", write)


Values = dict[str, float]


def charged(
    folder: Path, case: dict[str, Any], tagged: TaggedMesh, probe: Callable[[Evolution], Values]
) -> list[Values]:
    """Time [s], potential [V] and what ``probe`` sees at the end of every step of the programme; balances kept at all times."""
    model = sc.model_of(folder, case, tagged)
    found: list[Values] = []

    def after(evolution: Evolution, accepted: Any) -> None:
        balance = evolution.balance()
        assert max(balance.lithium_error, balance.charge_error) < 1e-9
        if accepted.ended:
            seen = {"time": accepted.time, "potential": evolution.monitored()["potential"]}
            found.append(seen | probe(evolution))

    evolution = sc.run(model, after)
    assert abs(evolution.charge) == pytest.approx(model.one_c() / ONE_C * found[-1]["time"], rel=1e-9)
    return found


def pressure_on_particle(evolution: Evolution) -> float:
    """p [MPa], compression positive: the mean stress in a body is what acts on its surface, however it varies inside."""
    model = evolution.model
    stress = ufl.tr(model.solids["CAM"].stress()) / 3
    return -sc.integral(model.setting, stress * model.setting.dx("CAM")) / (pi / 6 * RADIUS**3)


# -- along the radius ----------------------------------------------------------------------------------------------------


def open_circuit(x: Any) -> Any:
    """U(x) [V] of V22 to V24."""
    return eval(sc.CHEN2020, {"tanh": np.tanh, "x": x})


def overpotential(x: float, share: float = 1.0) -> float:
    """η [V] of 1 A/m² through a surface of which a share conducts."""
    return 2 * THERMAL * float(np.arcsinh(0.5 / (4 * np.sqrt(x * (1 - x)) * share)))


def _slope(x: Any) -> Any:
    """−U'(x) [V], at least 1 mV as in the solver; for complex x, too."""
    bells = ((0.0428, 18.5138, 0.5542), (17.7326, 15.7890, 0.3117), (-17.5842, 15.9308, 0.3120))
    slope = 0.8090 + sum(a * b * (1 - np.tanh(b * (x - c)) ** 2) for a, b, c in bells)
    return np.where(slope.real > 1e-3, slope, 1e-3)


MOBILITIES: dict[str, Callable[[Any], Any]] = {
    "dilute_solution": lambda x: DIFFUSIVITY * x / THERMAL,
    "ideal_solution": lambda x: DIFFUSIVITY * x * (1 - x) / THERMAL,
    "from_open_circuit_potential": lambda x: DIFFUSIVITY / _slope(x),
}


def radial_charge(
    times: Sequence[float],
    mobility: str = "dilute_solution",
    shell: radial.Layer | None = None,
    pressure: float = 0.0,
    cells: int = 50,
) -> list[Values]:
    """The same problem by :mod:`support_radial`: potential [V] without ohmic losses, p and hoop stress [MPa] at the particle's surface."""
    core = radial.Material(140e3, 0.3, swelling=lambda x: (1 + OMEGA * MAXIMUM / 3 * (x - START)) ** 3 - 1)
    layers = [radial.Layer(RADIUS, cells, core)] + ([shell] if shell is not None else [])
    diffusion = radial.Diffusion(
        sc.FARADAY * 1e-6 * MAXIMUM, lambda x: DIFFUSIVITY + 0 * x, MOBILITIES[mobility]
    )
    sphere = radial.RadialSphere(layers, finite=False, start=START, diffusion=diffusion)
    found = []
    for duration in np.diff([0.0, *times]):
        steps = round(duration / 20.0)
        for _ in range(steps):
            sphere.step(duration / steps, current=-4 * np.pi * RADIUS**2, pressure=(0.0, pressure))
        # From the two outermost cells of the particle to its surface.
        x, mean, hoop = (
            float(1.5 * values[cells - 1] - 0.5 * values[cells - 2])
            for values in (sphere.x, sphere.fields["tau_h"], sphere.state()["tau_t"])
        )
        potential = open_circuit(x) + OMEGA * mean * 1e6 / sc.FARADAY + overpotential(x)
        found.append({"potential": float(potential), "pressure": -sphere.traction(RADIUS), "hoop": hoop})
    return found
