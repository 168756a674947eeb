"""Plastic flow at the integration points of a phase: its history, and the increment of the current step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech.domain.quadrature import CellPoints
from ssbmech.materials.logarithm import SYMMETRIC
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.setting import LocalState, Setting

Floats = npt.NDArray[np.float64]


def symmetric(components: Any) -> Any:
    """Tensor (3x3) of six components in the order of a history variable."""
    position = {pair: k for k, pair in enumerate(SYMMETRIC)}
    return ufl.as_tensor([[components[position[min(i, j), max(i, j)]] for j in range(3)] for i in range(3)])


def von_mises(deviator: Any, stiffness: float) -> Any:
    """(3/2 s:s)^½ [MPa]; a floor, 1e-9 of the stiffness, keeps the root differentiable where there is no stress."""
    return ufl.sqrt(1.5 * ufl.inner(deviator, deviator) + (1e-9 * stiffness) ** 2)


class PlasticPoints(LocalState):
    """Local state of a phase with a flow law.

    Two tensors are kept as history: ``tensor``, the plastic strain or what takes its place at finite strain, zero at first, and the
    equivalent plastic strain ``accumulated``. The solid sets :attr:`trial`, :attr:`stiffness` and :attr:`new_tensor`.

    Attributes:
        trial, stiffness: q_tr and 3 G [MPa], UFL expressions of the fields and the history.
        new_tensor: (3x3) the tensor at the end of the step, UFL; not set at finite strain, see :class:`LogarithmicPoints`.
    """

    def __init__(self, setting: Setting, phase: str, flow: FlowLaw) -> None:
        cells = dict(setting.cells)[setting.phase_number[phase]]
        self._points = CellPoints(setting.mesh, cells, setting.degree)
        self._setting, self._flow = setting, flow
        self._tensor = self._points.function(f"plastic_tensor_{phase}", 6)
        self.accumulated: fem.Function = self._points.function(f"plastic_strain_{phase}")
        self._root = self._points.function(f"plastic_growth_{phase}")
        self.trial: Any = None
        self.stiffness: Any = None
        self.new_tensor: Any = None
        self._expressions: tuple[fem.Expression, fem.Expression] | None = None

    @property
    def tensor(self) -> Any:
        """History (3x3) at the beginning of the step."""
        return symmetric(self._tensor)

    def growth(self) -> Any:
        """Δp of the step."""
        return self._flow.increment(
            self.trial, self.stiffness, self.accumulated, self._root, self._setting.time_step
        )

    def equivalent_strain(self) -> Any:
        """p at the end of the step."""
        return self.accumulated + self.growth()

    def update(self) -> None:
        """Solve the flow law at all points."""
        values = self._points.evaluate(self._compiled()[0])
        p = self._points.read(self.accumulated)[:, 0]
        time_step = float(self._setting.time_step.value)
        growth = self._flow.solve(values[:, 0], values[:, 1], p, time_step)
        self._points.write(self._root, growth[:, None])

    def accept(self) -> None:
        """Make the state at the end of the step the history."""
        self.update()
        values = self._points.evaluate(self._compiled()[1])
        self._points.write(self._tensor, self._new_tensor(values[:, :-1]))
        self._points.write(self.accumulated, values[:, -1:])
        self._root.x.array[:] = 0.0

    def _end(self) -> list[Any]:
        """What :attr:`tensor` at the end of the step follows from, UFL."""
        return [self.new_tensor[i, j] for i, j in SYMMETRIC]

    def _new_tensor(self, values: Floats) -> Floats:
        """(points, 6) :attr:`tensor` at the end of the step; ``values`` are those of :meth:`_end`."""
        return values

    def _compiled(self) -> tuple[fem.Expression, fem.Expression]:
        if self._expressions is None:
            self._expressions = (
                self._points.expression(ufl.as_vector([self.trial, self.stiffness + 0.0 * self.accumulated])),
                self._points.expression(ufl.as_vector([*self._end(), self.equivalent_strain()])),
            )
        return self._expressions
