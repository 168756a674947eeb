"""Particle diameters by volume, as laser diffraction reports them. Lengths in µm.

A size law is known by its cumulative share of the volume Q3(d). Particles are placed by number, so a draw of n
diameters uses the number law dQ0 ~ dQ3 / d^3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, log

import numpy as np
from scipy.stats import norm

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats
from ssbmech_mesh.specs import SizeSpec

LOGNORMAL_TOLERANCE = 0.02  # D10 and D90 of a lognormal may be off by this share to still count as fitted
_TAIL = 0.01  # share of the volume at each end of an unbounded law that is put at the 1 % and 99 % quantiles
_FINE = 20000  # slices of the volume that turn a law by volume into one by number
_Z90 = float(norm.ppf(0.9))


@dataclass(frozen=True)
class SizeLaw:
    """Diameters by volume: quantile(u) is the diameter (µm) that holds the share u of the volume below it.

    description says which law it is, in particular what was made of D10/D50/D90.
    """

    description: str
    minimum: float
    maximum: float
    inverse: Callable[[Floats], Floats]

    def quantile(self, share: Floats) -> Floats:
        """Diameters (µm) at shares of the volume between 0 and 1, inside the limits of the law."""
        return np.clip(self.inverse(np.asarray(share, dtype=np.float64)), self.minimum, self.maximum)

    def mean_volume(self) -> float:
        """Mean volume (µm^3) of one particle, by number: 1 / mean over the volume of 1/v."""
        diameter = self.quantile((np.arange(_FINE) + 0.5) / _FINE)
        return float(1.0 / np.mean(6.0 / (np.pi * diameter**3)))

    def draw(self, count: int, random: np.random.Generator | None = None) -> Floats:
        """Diameters (count,) in µm, largest first, one from each of count slices equal in number.

        Without random each slice gives its volume-mean diameter, and even thirty particles follow D10, D50 and
        D90; with random it gives a diameter drawn inside the slice.
        """
        if count < 1:
            raise MeshError(f"{count} particles were asked for; at least 1 is needed")
        diameter = self.quantile((np.arange(_FINE) + 0.5) / _FINE)
        number = np.concatenate([[0.0], np.cumsum(diameter**-3)])
        number /= number[-1]
        if random is not None:
            at = np.interp(
                (np.arange(count) + random.random(count)) / count, number, np.linspace(0, 1, _FINE + 1)
            )
            return np.sort(self.quantile(at))[::-1]
        # Slices equal in number; the share of the volume in each is the difference of Q3 at its ends.
        ends = np.interp(np.linspace(0.0, 1.0, count + 1), number, np.linspace(0.0, 1.0, _FINE + 1))
        volume = np.diff(ends) * count * self.mean_volume()
        return np.sort(np.cbrt(6.0 / np.pi * volume))[::-1]


def lognormal(
    median: float, sigma: float, minimum: float | None = None, maximum: float | None = None
) -> SizeLaw:
    """Lognormal by volume: median (µm) and standard deviation sigma of ln d."""
    _positive({"median": median})
    if not (isfinite(sigma) and sigma >= 0.0):
        raise MeshError(f"sigma of the diameters is {sigma}; it is the spread of ln d and must be at least 0")
    return _two_halves(f"lognormal by volume, sigma {sigma:.3g}", median, sigma, sigma, minimum, maximum)


def from_quantiles(
    d10: float, d50: float, d90: float, minimum: float | None = None, maximum: float | None = None
) -> SizeLaw:
    """Law with the given D10, D50 and D90 by volume (µm).

    One lognormal if it meets D10 and D90 within LOGNORMAL_TOLERANCE; otherwise two half lognormals joined at D50,
    exact in all three, and the description says so.
    """
    _positive({"D10": d10, "D50": d50, "D90": d90})
    if not d10 < d50 < d90:
        raise MeshError(f"D10, D50, D90 are {d10:g}, {d50:g}, {d90:g} µm; they must increase in this order")
    below, above = log(d50 / d10) / _Z90, log(d90 / d50) / _Z90
    if abs(below - above) / 2.0 * _Z90 <= LOGNORMAL_TOLERANCE:
        sigma = 0.5 * (below + above)
        return _two_halves(f"lognormal by volume, sigma {sigma:.3g}", d50, sigma, sigma, minimum, maximum)
    text = f"two half lognormals by volume joined at D50, sigma {below:.3g} below and {above:.3g} above"
    return _two_halves(text, d50, below, above, minimum, maximum)


def uniform(minimum: float, maximum: float) -> SizeLaw:
    """Volume spread evenly over the diameters (µm) between two limits."""
    _limits(minimum, maximum)
    return SizeLaw("uniform by volume", minimum, maximum, lambda u: minimum + (maximum - minimum) * u)


def from_table(diameters: Sequence[float], cumulative: Sequence[float]) -> SizeLaw:
    """Law from diameters (µm) and the cumulative shares of the volume below them, 0 to 1 or 0 to 100 percent."""
    d, share = np.asarray(diameters, dtype=np.float64), np.asarray(cumulative, dtype=np.float64)
    if d.ndim != 1 or d.shape != share.shape or len(d) < 2:
        raise MeshError("a table of sizes needs two or more diameters and one cumulative share for each")
    if not (np.all(np.isfinite(d)) and d[0] > 0.0 and np.all(np.diff(d) > 0.0)):
        raise MeshError("the diameters of the table must be positive and increase")
    if not (np.all(np.isfinite(share)) and share[0] == 0.0 and np.all(np.diff(share) >= 0.0)):
        raise MeshError("the cumulative shares of the table must start at 0 and never decrease")
    if not (np.isclose(share[-1], 1.0) or np.isclose(share[-1], 100.0)):
        raise MeshError(
            f"the last cumulative share of the table is {share[-1]:g}; it must be 1 (or 100 percent)"
        )
    share = share / share[-1]
    first = int(np.flatnonzero(share == 0.0)[-1])  # no volume lies below the last zero
    d, share = d[first:], share[first:]
    kept = np.concatenate([[True], np.diff(share) > 0.0])  # np.interp needs increasing shares
    d, share = d[kept], share[kept]
    return SizeLaw("table by volume", float(d[0]), float(d[-1]), lambda u: np.interp(u, share, d))


def size_law(spec: SizeSpec) -> SizeLaw:
    """The law that a block asks for; MeshError says which of its keys are missing or too many."""
    given = {key for key, value in spec if value is not None and key != "distribution"}
    limits = {"minimum", "maximum"}
    if spec.distribution == "table":
        _keys(spec, given, {"table"}, set())
        table = spec.table or ()
        return from_table([row[0] for row in table], [row[1] for row in table])
    if spec.distribution == "uniform":
        _keys(spec, given, limits, set())
        return uniform(spec.minimum or 0.0, spec.maximum or 0.0)
    if given & {"D10", "D50", "D90"}:
        _keys(spec, given, {"D10", "D50", "D90"}, limits)
        return from_quantiles(spec.D10 or 0.0, spec.D50 or 0.0, spec.D90 or 0.0, spec.minimum, spec.maximum)
    _keys(spec, given, {"median", "sigma"}, limits)
    return lognormal(spec.median or 0.0, spec.sigma or 0.0, spec.minimum, spec.maximum)


def _keys(spec: SizeSpec, given: set[str], needed: set[str], allowed: set[str]) -> None:
    kind = f"a {spec.distribution} diameter"
    if needed - given:
        lacks = " and ".join(sorted(needed - given))
        either = " (or D10, D50 and D90)" if "median" in needed else ""
        raise MeshError(f"{kind} needs {', '.join(sorted(needed))}{either}; {lacks} is missing")
    if given - needed - allowed:
        raise MeshError(
            f"{kind} of {', '.join(sorted(needed))} cannot take {', '.join(sorted(given - needed - allowed))} too; leave it out"
        )


def volume_quantiles(diameters: Floats, dimension: int = 3) -> dict[str, float]:
    """D10, D50, D90 by volume (µm) of balls, by area of discs (dimension 2); each stands for its own share, counted at its middle."""
    d = np.sort(np.asarray(diameters, dtype=np.float64))
    volume = d**dimension
    share = (np.cumsum(volume) - 0.5 * volume) / volume.sum()
    return {f"D{p}": float(np.interp(p / 100.0, share, d)) for p in (10, 50, 90)}


def _two_halves(
    text: str, median: float, below: float, above: float, minimum: float | None, maximum: float | None
) -> SizeLaw:
    def inverse(u: Floats) -> Floats:
        z = norm.ppf(np.clip(u, _TAIL, 1.0 - _TAIL))
        return np.asarray(median * np.exp(z * np.where(z < 0.0, below, above)), dtype=np.float64)

    ends = inverse(np.array([0.0, 1.0]))
    low, high = (ends[0] if minimum is None else minimum), (ends[1] if maximum is None else maximum)
    _limits(float(low), float(high))
    if not low <= median <= high:
        raise MeshError(f"the median diameter {median:g} µm lies outside the limits {low:g} to {high:g} µm")
    return SizeLaw(text, float(low), float(high), inverse)


def _limits(minimum: float, maximum: float) -> None:
    _positive({"minimum": minimum, "maximum": maximum})
    if minimum > maximum:
        raise MeshError(
            f"the smallest diameter {minimum:g} µm is above the largest {maximum:g} µm; swap them"
        )


def _positive(values: dict[str, float]) -> None:
    for name, value in values.items():
        if not (isfinite(value) and value > 0.0):
            raise MeshError(f"{name} of the diameters is {value}; it must be positive, in µm")
