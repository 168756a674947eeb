"""Logarithm, its derivative, and powers of symmetric positive tensors at many points.

By eigenvalues λ_a and eigenvectors n_a, A = Σ λ_a n_a ⊗ n_a, the logarithm and its derivative in a direction X are

    ln A = Σ ln λ_a n_a ⊗ n_a,      D ln(A)[X] = Σ_ab f_ab (n_a · X n_b) n_a ⊗ n_b,
    f_ab = (ln λ_a − ln λ_b)/(λ_a − λ_b),   1/λ_a where both are equal

(N. J. Higham, Functions of Matrices, SIAM 2008, th. 3.11). With z = (λ_a − λ_b)/(λ_a + λ_b), f_ab = 2 artanh(z)/z/(λ_a + λ_b): no
cancellation however near two eigenvalues lie. All of it holds to rounding for stretches of any size. A tensor that is not finite or not
positive (a Newton iterate that turned a cell inside out) has NaN for its functions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SYMMETRIC = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Order of the six components of a symmetric tensor."""
_ROW, _COLUMN = (np.array([pair[side] for pair in SYMMETRIC]) for side in (0, 1))
TWICE: Floats = np.where(np.equal(_ROW, _COLUMN), 1.0, 2.0)
"""How often each of the components stands in the tensor."""


def spectrum(tensors: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (n, 3) and eigenvectors (n, 3, 3), in columns, of symmetric tensors (n, 3, 3)."""
    sound = np.asarray(np.isfinite(tensors).all(axis=(1, 2)))
    values, vectors = np.linalg.eigh(np.where(sound[:, None, None], tensors, np.eye(3)))
    values = np.where(sound[:, None] & (values > 0), values, np.nan)
    return values, vectors


def components(tensors: Floats) -> Floats:
    """(n, 6) components of symmetric tensors (n, 3, 3)."""
    return np.asarray(tensors[:, _ROW, _COLUMN])


def tensors(components: Floats) -> Floats:
    """(n, 3, 3) symmetric tensors of components (n, 6)."""
    out = np.empty((len(components), 3, 3))
    out[:, _ROW, _COLUMN] = out[:, _COLUMN, _ROW] = components
    return out


def _composed(values: Floats, vectors: Floats) -> Floats:
    """(n, 3, 3) tensors of eigenvalues and eigenvectors."""
    return np.asarray((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1))


def logarithm(tensors: Floats) -> tuple[Floats, Floats]:
    """Logarithm (n, 6) of symmetric tensors (n, 3, 3) and its derivative (n, 6, 6), symmetric.

    A change X of the tensor, in components, changes the logarithm by derivative @ (:data:`TWICE` * X).
    """
    values, vectors = spectrum(tensors)
    one, other = values[:, _ROW], values[:, _COLUMN]
    z = (one - other) / (one + other)
    slope = 2 * np.where(z == 0, 1.0, np.arctanh(z) / np.where(z == 0, 1.0, z)) / (one + other)
    left, right = vectors[:, :, _ROW], vectors[:, :, _COLUMN]  # (n, component, pair)
    pairs = 0.5 * (left[:, _ROW] * right[:, _COLUMN] + left[:, _COLUMN] * right[:, _ROW])
    derivative = (pairs * (TWICE * slope)[:, None, :]) @ pairs.transpose(0, 2, 1)
    return components(_composed(np.log(values), vectors)), np.asarray(derivative)


def power(tensors: Floats, exponent: Floats) -> Floats:
    """(n, 3, 3) powers of symmetric tensors (n, 3, 3) to exponents (n,)."""
    values, vectors = spectrum(tensors)
    return _composed(values ** exponent[:, None], vectors)
