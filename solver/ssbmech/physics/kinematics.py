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


def _mean_gradient(setting: Setting, previous: bool) -> Any:
    """F (3x3) of an interface, the mean of its two sides."""
    u = setting["displacement"]
    f = deformation_gradient(u.previous if previous else u.value)
    return 0.5 * (f("+") + f("-"))


def _in_space(vector: Any, dim: int) -> Any:
    """The first components of a vector."""
    return ufl.as_vector([vector[i] for i in range(dim)])


def current_normal(setting: Setting, previous: bool = False) -> Any:
    """Unit normal from '+' to '−' of an interface, at finite strain that of its mean deformation, now or at the beginning of the step."""
    normal = setting.normal("+")
    if not setting.finite_strain:
        return normal
    vector = _area_vector(setting, _mean_gradient(setting, previous))
    return _in_space(vector / ufl.sqrt(ufl.dot(vector, vector)), normal.ufl_shape[0])


def carried(setting: Setting, vector: Any) -> Any:
    """A vector in the face at the beginning of the step, moved with the material to where the face now is; itself at small strain."""
    if not setting.finite_strain:
        return vector
    dim = vector.ufl_shape[0]
    padding = ufl.as_vector([*(vector[i] for i in range(dim)), *[0] * (3 - dim)])
    back = ufl.inv(_mean_gradient(setting, previous=True))
    return _in_space(_mean_gradient(setting, previous=False) * (back * padding), dim)


def tilted(setting: Setting, vector: Any) -> Any:
    """m · δn = −n · ∇v F⁻¹ m of a vector m in the face, by which the normal of :func:`current_normal` leans under a test displacement v."""
    v, dim = setting["displacement"].test, vector.ufl_shape[0]
    f, vectors = _mean_gradient(setting, previous=False), (current_normal(setting), vector)
    normal, along = (ufl.as_vector([*(each[i] for i in range(dim)), *[0] * (3 - dim)]) for each in vectors)
    lean = 0.5 * (padded(ufl.grad(v("+"))) + padded(ufl.grad(v("-"))))
    return -ufl.dot(normal, lean * (ufl.inv(f) * along))
