"""How evenly the current is spread over the interfaces, and lithium over the particles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ssbmech.output.interface_state import InterfaceState

Floats = npt.NDArray[np.float64]


def gini(values: Floats, weights: Floats) -> float:
    """Gini coefficient G = 1 − Σ_k (p_k − p_{k−1}) (L_k + L_{k−1}) of values ≥ 0 that each hold for a weight.

    p and L are the shares of weight and of value in all up to the k-th, in ascending order: 0 if the values are all the same, near 1
    if a small share of the weight has nearly all. nan without weight or value. Definition: C. Gini, Variabilità e mutabilità, 1912.
    """
    order = np.argsort(values, kind="stable")
    weight, value = weights[order], (values * weights)[order]
    if not weight.sum() > 0 or not value.sum() > 0:
        return float("nan")
    lorenz = np.concatenate([[0.0], np.cumsum(value) / value.sum()])
    return float(1.0 - (weight / weight.sum() * (lorenz[1:] + lorenz[:-1])).sum())


def current_distribution(
    state: InterfaceState, facets: npt.NDArray[np.bool_], comm: Any, least: float
) -> dict[str, float]:
    """Mean and standard deviation by area [A/m²], and Gini coefficient, of |i| over some facets; collective.

    Args:
        state: the interfaces.
        facets: mask of this rank's facets with charge transfer.
        comm: all ranks.
        least: mean [A/m²] below which there is no current whose distribution means anything: the coefficient is nan.
    """
    mine = np.stack([np.abs(state["current_density"][facets]).ravel(), state.area[facets].ravel()])
    gathered = comm.gather(mine[:, mine[1] > 0])
    figures = None
    if gathered is not None:
        size, area = np.concatenate(gathered, axis=1)
        whole = float(area.sum())
        mean = float((size * area).sum() / whole) if whole > 0 else float("nan")
        spread = float(np.sqrt(((size - mean) ** 2 * area).sum() / whole)) if whole > 0 else float("nan")
        coefficient = gini(size, area) if mean > least else float("nan")
        figures = (mean, spread, coefficient)
    mean, spread, coefficient = comm.bcast(figures)
    return {
        "interface_current_mean": mean,
        "interface_current_deviation": spread,
        "interface_current_gini": coefficient,
    }


def weighted_deviation(values: Floats, weights: Floats) -> float:
    """Standard deviation of values that each hold for a weight."""
    mean = (values * weights).sum() / weights.sum()
    return float(np.sqrt(((values - mean) ** 2 * weights).sum() / weights.sum()))
