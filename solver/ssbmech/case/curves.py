"""Curves of one variable: numpy values, derivative and integral, and the same curve as a UFL expression.

Arguments and values are in internal units. Every curve can be *clipped*: outside ``clip = (lo, hi)`` it is
evaluated at the nearer end, which keeps sqrt(x (1 - x)) and its derivative finite whatever a Newton step
proposes.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline, PchipInterpolator

from ssbmech.case import expressions
from ssbmech.case.expressions import DUAL, NUMPY, Array, Dual
from ssbmech.constants import GAS_CONSTANT

ROOM_TEMPERATURE = 298.15
"""K; what T means in a formula unless the case says otherwise."""


@dataclass(frozen=True)
class Arrhenius:
    """Factor exp(-E_a/R (1/T - 1/T_ref)) of a thermally activated quantity; 1 at the reference temperature.

    Attributes:
        activation_energy: E_a [J/mol].
        reference_temperature: T_ref [K], at which the quantity was measured.
        temperature: T [K].
    """

    activation_energy: float
    reference_temperature: float = ROOM_TEMPERATURE
    temperature: float = ROOM_TEMPERATURE

    @property
    def factor(self) -> float:
        """The factor at the temperature."""
        inverse = 1.0 / self.temperature - 1.0 / self.reference_temperature
        return math.exp(-self.activation_energy / GAS_CONSTANT * inverse)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_PANELS = 64


@dataclass(frozen=True, kw_only=True)
class Curve(ABC):
    """A function of one variable."""

    clip: tuple[float, float] | None = None
    source: str | None = None
    arrhenius: Arrhenius | None = None
    kind: ClassVar[str] = ""

    def __call__(self, x: ArrayLike) -> Array:
        """Values at ``x``, of the shape of ``x``."""
        x = np.asarray(x, dtype=float)
        return self._factor * np.asarray(np.broadcast_to(self._value(self._clipped(x)), x.shape), dtype=float)

    def derivative(self, x: ArrayLike) -> Array:
        """First derivative at ``x`` (zero where clipped)."""
        x = np.asarray(x, dtype=float)
        slope = self._factor * np.asarray(
            np.broadcast_to(self._slope(self._clipped(x)), x.shape), dtype=float
        )
        if self.clip is None:
            return slope
        return np.where((x < self.clip[0]) | (x > self.clip[1]), 0.0, slope)

    def integral(self, x0: ArrayLike, x: ArrayLike) -> Array:
        """Integral from ``x0`` to ``x`` (broadcast against each other).

        Composite Gauss quadrature of order 15 between the knots: exact for points.
        """
        start, end = np.broadcast_arrays(np.asarray(x0, dtype=float), np.asarray(x, dtype=float))
        if not end.size:
            return np.zeros(end.shape)
        low, high = min(start.min(), end.min()), max(start.max(), end.max())
        if low == high:
            return np.zeros(end.shape)
        knots = [knot for knot in self.knots() if low < knot < high]
        edges = np.unique(np.concatenate([np.linspace(low, high, _PANELS + 1), knots]))
        sums = np.concatenate([[0.0], np.cumsum(self._gauss(edges[:-1], edges[1:]))])

        def antiderivative(at: Array) -> Array:
            panel = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
            return np.asarray(sums[panel] + self._gauss(edges[panel], at))

        return antiderivative(end) - antiderivative(start)

    def ufl(self, x: Any) -> Any:
        """The curve of a UFL expression ``x``, differentiable by ``ufl.derivative``."""
        ufl = importlib.import_module("ufl")
        if self.clip is not None:
            low, high = self.clip
            x = ufl.conditional(ufl.lt(x, low), low, ufl.conditional(ufl.gt(x, high), high, x))
        value = self._ufl(x, ufl)
        return value if self.arrhenius is None else self._factor * value

    def knots(self) -> tuple[float, ...]:
        """Arguments at which the curve is not smooth."""
        return self.clip or ()

    def at(self, temperature: float) -> Curve:
        """The curve at another temperature [K] (formulas may use T, curves may have an activation energy)."""
        if self.arrhenius is None:
            return self
        return replace(self, arrhenius=replace(self.arrhenius, temperature=temperature))

    @property
    def _factor(self) -> float:
        return 1.0 if self.arrhenius is None else self.arrhenius.factor

    def _clipped(self, x: Array) -> Array:
        return x if self.clip is None else np.clip(x, *self.clip)

    def _gauss(self, start: Array, end: Array) -> Array:
        half = 0.5 * (end - start)
        at = (0.5 * (start + end))[..., None] + half[..., None] * _NODES
        return np.asarray(half * (self(at) @ _WEIGHTS))

    @abstractmethod
    def _value(self, x: Array) -> Any: ...

    @abstractmethod
    def _slope(self, x: Array) -> Any: ...

    @abstractmethod
    def _ufl(self, x: Any, ufl: Any) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class ConstantCurve(Curve):
    """The same value everywhere."""

    value: float
    kind: ClassVar[str] = "constant"

    def _value(self, x: Array) -> Any:
        return self.value

    def _slope(self, x: Array) -> Any:
        return 0.0

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return ufl.as_ufl(self.value)


@dataclass(frozen=True, kw_only=True)
class LinearCurve(Curve):
    """``slope * (x - zero)``."""

    slope: float
    zero: float = 0.0
    kind: ClassVar[str] = "linear"

    def _value(self, x: Array) -> Any:
        return self.slope * (x - self.zero)

    def _slope(self, x: Array) -> Any:
        return self.slope

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return self.slope * (x - self.zero)


@dataclass(frozen=True, kw_only=True)
class ExpressionCurve(Curve):
    """A formula times ``scale`` (internal units per ``unit``)."""

    expression: str
    variable: str = "x"
    scale: float = 1.0
    unit: str = ""
    temperature: float = ROOM_TEMPERATURE
    kind: ClassVar[str] = "expression"

    def at(self, temperature: float) -> Curve:
        curve = super().at(temperature)
        assert isinstance(curve, ExpressionCurve)
        return replace(curve, temperature=temperature)

    def _evaluate(self, x: Any, functions: expressions.Functions) -> Any:
        with np.errstate(all="ignore"):  # outside its range a formula may give nan, which the caller notices
            return self.scale * expressions.evaluate(
                self.expression, self.variable, x, self.temperature, functions
            )

    def _value(self, x: Array) -> Any:
        return self._evaluate(x, NUMPY)

    def _slope(self, x: Array) -> Any:
        return Dual.of(self._evaluate(Dual(x, np.ones_like(x)), DUAL)).slope

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return ufl.as_ufl(self._evaluate(x, expressions.ufl_functions()))


@dataclass(frozen=True, kw_only=True)
class PointsCurve(Curve):
    """Points joined by monotone cubics (PCHIP, C1), a smooth spline (C2) or straight lines; straight on or constant beyond.

    Smooth is for what enters through its slope, as strain does into the chemical potential: a kink in the slope is
    a kink in the driving force of diffusion, at which Newton's method goes to and fro.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    method: Literal["monotone", "smooth", "linear"] = "monotone"
    beyond: Literal["linear", "constant"] = "linear"
    kind: ClassVar[str] = "points"

    def knots(self) -> tuple[float, ...]:
        return (*self.x, *(self.clip or ()))

    @cached_property
    def _pieces(self) -> tuple[Array, Array]:
        """Origins (n+1) and coefficients (4, n+1), constant first: below, between and above the n points."""
        x, y = np.array(self.x), np.array(self.y)
        if self.method == "monotone":
            inner = PchipInterpolator(x, y).c[::-1]
        elif self.method == "smooth":
            inner = CubicSpline(x, y, bc_type="natural").c[::-1]
        else:
            inner = np.zeros((4, len(x) - 1))
            inner[0], inner[1] = y[:-1], np.diff(y) / np.diff(x)
        origins = np.concatenate([x[:1], x[:-1], x[-1:]])
        pieces = np.zeros((4, len(x) + 1))
        pieces[:, 1:-1] = inner
        pieces[0, 0], pieces[0, -1] = y[0], y[-1]
        if self.beyond == "linear":
            width = x[-1] - x[-2]
            pieces[1, 0] = inner[1, 0]
            pieces[1, -1] = inner[1, -1] + 2.0 * inner[2, -1] * width + 3.0 * inner[3, -1] * width**2
        return origins, pieces

    def _local(self, x: Array) -> tuple[Array, Array]:
        origins, pieces = self._pieces
        piece = np.searchsorted(np.array(self.x), x, side="right")
        return x - origins[piece], pieces[:, piece]

    def _value(self, x: Array) -> Any:
        z, c = self._local(x)
        return c[0] + z * (c[1] + z * (c[2] + z * c[3]))

    def _slope(self, x: Array) -> Any:
        z, c = self._local(x)
        return c[1] + z * (2.0 * c[2] + z * 3.0 * c[3])

    def _ufl(self, x: Any, ufl: Any) -> Any:
        """The line below the first point plus s<z> + a<z>^2 + b<z>^3, z = x - x_k, at every point."""
        origins, c = self._pieces
        total = float(c[0, 0]) + float(c[1, 0]) * (x - self.x[0])
        for k, knot in enumerate(self.x):
            z = knot - origins[k]
            s = c[1, k + 1] - (c[1, k] + z * (2.0 * c[2, k] + z * 3.0 * c[3, k]))
            a = c[2, k + 1] - (c[2, k] + 3.0 * c[3, k] * z)
            b = c[3, k + 1] - c[3, k]
            if self.method != "linear" and not (self.beyond == "constant" and k in (0, len(self.x) - 1)):
                s = 0.0  # C1 by construction; what is left is rounding
                a = 0.0 if self.method == "smooth" else a
            over = x - knot
            term = over * (float(s) + over * (float(a) + over * float(b)))
            if s or a or b:
                total = total + ufl.conditional(ufl.gt(over, 0.0), term, 0.0)
        return total


@dataclass(frozen=True, kw_only=True)
class VolumeStrainCurve(Curve):
    """Linear strain ((1 + v(x)) / (1 + v(reference)))^(1/3) - 1 of an isotropic volume curve v(x)."""

    volume_change: Curve
    reference: float
    kind: ClassVar[str] = "volume_strain"

    @cached_property
    def _reference_volume(self) -> float:
        return 1.0 + float(self.volume_change(self.reference))

    def knots(self) -> tuple[float, ...]:
        return self.volume_change.knots()

    def at(self, temperature: float) -> Curve:
        return replace(self, volume_change=self.volume_change.at(temperature))

    def _value(self, x: Array) -> Any:
        return np.cbrt((1.0 + self.volume_change(x)) / self._reference_volume) - 1.0

    def _slope(self, x: Array) -> Any:
        volume = 1.0 + self.volume_change(x)
        return np.cbrt(volume / self._reference_volume) * self.volume_change.derivative(x) / (3.0 * volume)

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return ((1.0 + self.volume_change.ufl(x)) / self._reference_volume) ** (1.0 / 3.0) - 1.0


@dataclass(frozen=True, kw_only=True)
class RatioCurve(Curve):
    """The length 1 + d(x) of which d(x) is the relative change."""

    change: Curve
    kind: ClassVar[str] = "ratio"

    def knots(self) -> tuple[float, ...]:
        return self.change.knots()

    def at(self, temperature: float) -> Curve:
        return replace(self, change=self.change.at(temperature))

    def _value(self, x: Array) -> Any:
        return 1.0 + self.change(x)

    def _slope(self, x: Array) -> Any:
        return self.change.derivative(x)

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return 1.0 + self.change.ufl(x)


@dataclass(frozen=True, kw_only=True)
class LengthStrainCurve(Curve):
    """Strain l(x)/l(reference) - 1 of a length l(x)."""

    length: Curve
    reference: float
    kind: ClassVar[str] = "length_strain"

    @cached_property
    def _reference_length(self) -> float:
        return float(self.length(self.reference))

    def knots(self) -> tuple[float, ...]:
        return self.length.knots()

    def at(self, temperature: float) -> Curve:
        return replace(self, length=self.length.at(temperature))

    def _value(self, x: Array) -> Any:
        return self.length(x) / self._reference_length - 1.0

    def _slope(self, x: Array) -> Any:
        return self.length.derivative(x) / self._reference_length

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return self.length.ufl(x) / self._reference_length - 1.0


@dataclass(frozen=True, kw_only=True)
class CellVolumeCurve(Curve):
    """Relative change a(x)^2 c(x) / (a(1)^2 c(1)) - 1 of the volume of a hexagonal cell."""

    a: Curve
    c: Curve
    kind: ClassVar[str] = "cell_volume"

    @cached_property
    def _full(self) -> float:
        return float(self.a(1.0) ** 2 * self.c(1.0))

    def knots(self) -> tuple[float, ...]:
        return (*self.a.knots(), *self.c.knots())

    def at(self, temperature: float) -> Curve:
        return replace(self, a=self.a.at(temperature), c=self.c.at(temperature))

    def _value(self, x: Array) -> Any:
        return self.a(x) ** 2 * self.c(x) / self._full - 1.0

    def _slope(self, x: Array) -> Any:
        a, c = self.a(x), self.c(x)
        return (2.0 * a * c * self.a.derivative(x) + a**2 * self.c.derivative(x)) / self._full

    def _ufl(self, x: Any, ufl: Any) -> Any:
        return self.a.ufl(x) ** 2 * self.c.ufl(x) / self._full - 1.0
