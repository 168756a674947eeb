"""Active material that reaches the separator face is insulated there: the counter electrode feeds the electrolyte alone.

Two columns side by side, active material and electrolyte, each from the separator face to the collector face.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support_coupled as sc
from support_sphere import sphere_case

from ssbmech.domain.mesh import RawMesh, TaggedMesh, distribute
from ssbmech.evolution import Evolution

SIDE = 20.0  # µm


def columns(n: int) -> TaggedMesh:
    """A cube of two columns, ``cam`` for small x and ``se`` for large x."""
    raw = None
    if sc.COMM.rank == 0:
        nodes, cells = sc.cube_grid(n)
        right = (nodes[cells].mean(axis=1)[:, 0] > 0.5).astype(np.int32)
        none = np.zeros((0, 3), np.int64), np.zeros(0, np.int32)
        raw = RawMesh(SIDE * nodes, cells, right, ["cam", "se"], *none, [])
    return distribute(sc.COMM, raw)


def test_counter_electrode_feeds_the_electrolyte_alone(shared_tmp_path: Path) -> None:
    """The charge that leaves the particle is that of the collector, to the tolerance of Newton's method; the face of the
    electrolyte is half of the separator face."""
    case = sphere_case("charge", 0.9, [100.0])
    case["phases"]["CAM"]["conduction"]["conductivity"] = "4 S/m"
    case["phases"]["SE"]["conduction"]["conductivity"] = "0.19 S/m"
    case["stack"]["counter_electrode"]["exchange_current_density"] = "10 A/m^2"
    case["stack"] |= {"separator": "z-", "collector": "z+"}
    model = sc.model_of(shared_tmp_path, case, columns(4), ["electrochemistry"])

    def area(phases: list[str] | None) -> float:
        return sc.integral(model.setting, 1.0 * model.setting.ds("z-", phases))

    # Sums of a few dozen facets of exact binary sizes.
    assert area(None) == pytest.approx(SIDE**2, rel=1e-13)
    assert area(["SE"]) == pytest.approx(0.5 * SIDE**2, rel=1e-13)
    assert area(["CAM"]) == pytest.approx(0.5 * SIDE**2, rel=1e-13)

    errors: list[tuple[float, float]] = []

    def after(evolution: Evolution, accepted: object) -> None:
        balance = evolution.balance()
        errors.append((balance.charge_error, balance.lithium_error))

    sc.run(model, after)
    # Charge: rounding (2.8e-8 with the whole face fed). Lithium: where Newton's method stops.
    assert len(errors) > 2
    assert max(charge for charge, _ in errors) < 1e-13
    assert max(lithium for _, lithium in errors) < 1e-10
