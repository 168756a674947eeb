"""Kinematics of finite strain: deformation gradient, and what it does to gradients, areas and normals.

All integrals are over the reference configuration, in which the mesh is. With F = I + ∂u/∂X, J = det F and C = FᵀF, a flux
j = −k ∇µ of the deformed body is −k J C⁻¹ ∂µ/∂X per reference area, and the area element is n da = J F⁻ᵀ N dA (P. Nanson).
"""

from __future__ import annotations

from typing import Any

import ufl

from ssbmech.physics.setting import Setting


def padded(gradient: Any) -> Any:
    """Gradient of a vector as a 3x3 tensor (plane strain in 2D)."""
    if gradient.ufl_shape[0] == 3:
        return gradient
    return ufl.as_tensor(
        [[gradient[0, 0], gradient[0, 1], 0], [gradient[1, 0], gradient[1, 1], 0], [0, 0, 0]]
    )


def deformation_gradient(displacement: Any) -> Any:
    """F (3x3)."""
    return ufl.Identity(3) + padded(ufl.grad(displacement))


def cofactor(tensor: Any) -> Any:
    """det(A) A⁻ᵀ (3x3), polynomial in A."""
    a = tensor
    return ufl.as_tensor(
        [
            [
                a[(i + 1) % 3, (j + 1) % 3] * a[(i + 2) % 3, (j + 2) % 3]
                - a[(i + 1) % 3, (j + 2) % 3] * a[(i + 2) % 3, (j + 1) % 3]
                for j in range(3)
            ]
            for i in range(3)
        ]
    )


def referred_gradient(setting: Setting, value: Any, per_volume: bool) -> Any:
    """What stands for ∇µ in the referential flux of a body: C⁻¹ ∂µ/∂X, times J for a material whose k does not change with volume.

    At small strain it is the gradient itself.

    Args:
        setting: says whether the strain is finite.
        value: µ, a scalar field.
        per_volume: False where k is a density that the swelling dilutes (the mobility of a host's lithium), so that J cancels.
    """
    gradient = ufl.grad(value)
    if not setting.finite_strain:
        return gradient
    f = deformation_gradient(setting["displacement"].value)
    inverse = ufl.inv(ufl.dot(ufl.transpose(f), f))
    metric = ufl.det(f) * inverse if per_volume else inverse
    dim = gradient.ufl_shape[0]
    return ufl.as_tensor([[metric[i, j] for j in range(dim)] for i in range(dim)]) * gradient


def _area_vector(setting: Setting, f: Any) -> Any:
    """J F⁻ᵀ N (3,) of the '+' side's normal."""
    normal = setting.normal("+")
    three = normal if normal.ufl_shape[0] == 3 else ufl.as_vector([normal[0], normal[1], 0])
    return cofactor(f) * three


def area_stretch(setting: Setting) -> Any:
    """da/dA of the '+' side of an interface; 1 at small strain."""
    if not setting.finite_strain:
        return 1.0
    vector = _area_vector(setting, deformation_gradient(setting["displacement"].value("+")))
    return ufl.sqrt(ufl.dot(vector, vector))


def current_normal(setting: Setting) -> Any:
    """Unit normal from '+' to '−' of an interface, at finite strain that of its mean deformation."""
    if not setting.finite_strain:
        return setting.normal("+")
    u = setting["displacement"].value
    f = 0.5 * (deformation_gradient(u)("+") + deformation_gradient(u)("-"))
    vector = _area_vector(setting, f)
    unit = vector / ufl.sqrt(ufl.dot(vector, vector))
    return unit if u.ufl_shape[0] == 3 else ufl.as_vector([unit[0], unit[1]])
