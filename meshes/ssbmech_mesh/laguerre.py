"""Power (Laguerre) diagrams whose cells have given volumes, equiaxed or drawn out along the radius. Lengths in µm.

A point x belongs to the seed of least cost(x, seed) - weight. For equiaxed cells the cost is the squared distance, so
boundaries are planes. For rods it is the squared distance in a space stretched along the radius,

    ds² = dr² / a² + r² dΩ²,   scaled by a^(1/3) to keep volumes,

in which cells are equiaxed, so that in ours they are `a` times as long as wide, wherever they lie. That space is a
cone, and its distances have a closed form: the law of cosines with radii r / a and the angle a γ, or the way through the
apex where a γ > π. Boundaries are smooth surfaces, planes for a = 1.

Weights that give any volumes exist (Aurenhammer, Hoffmann, Aronov, Algorithmica 20 (1998) 61). They are found by damped
Newton steps (Kitagawa, Mérigot, Thibert, J. Eur. Math. Soc. 21 (2019) 2603), in turn with moves of the seeds to the
middle of their cells, which makes these compact (Bourne et al., Phil. Mag. 100 (2020) 2677). Integrals are sums over
points that fill the body evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from ssbmech_mesh.simplex import Floats, Ints

_NEAR = 12  # seeds, nearest in cost, among which a point finds its own; more neighbours than a grain has
_INNER = 10  # rods nearest to the centre of the particle, which come into question everywhere
_CHUNK = 50_000  # points at a time, bounds the memory to some 100 MB
_RELAXED = 10  # moves of the seeds; more make the grains more regular than those of a metallograph
_STEPS = 15  # Newton steps at most
_HALVINGS = 6  # of a Newton step that overshoots
_POINTS = 2.0  # by which a volume may miss its goal in any case
_SLAB = 0.3  # share of the points, nearest to boundaries, that measure how volumes change with weights


@dataclass(frozen=True, eq=False)
class Seeds:
    """Seeds of a diagram: places (n, 3) from the centre of the particle, weights (n,) in µm², aspect: 1 for equiaxed."""

    place: Floats
    weight: Floats
    aspect: float = 1.0

    def __len__(self) -> int:
        return len(self.weight)


def cell_of(points: Floats, seeds: Seeds) -> Ints:
    """The cell (m,) of points (m, 3), which are given from the centre of the particle, as the seeds are."""
    candidates = _Candidates(seeds)
    found = np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), _CHUNK):
        which, cost = candidates.of(points[start : start + _CHUNK])
        best = np.argmin(cost - seeds.weight[which], axis=1)
        found[start : start + _CHUNK] = which[np.arange(len(which)), best]
    return found


def fitted(
    coarse: Floats, fine: Floats, first: Floats, aspect: float, share: Floats, accuracy: float = 0.01
) -> Seeds:
    """Seeds, from the first places (n, 3) on, whose cells take the given shares (n,) of a body, which sum to 1.

    coarse, fine: points (m, 3) that fill the body evenly, for the moves of the seeds and for the weights at the end;
    about 60 and 250 per cell. aspect: length over width of the cells. accuracy: of every volume, relative; where the
    points do not allow it, the best that was found is returned.
    """
    seeds = Seeds(first, np.zeros(len(first)), aspect)
    for _ in range(_RELAXED):
        seeds, owner = _weighted(coarse, seeds, share, steps=1, accuracy=accuracy)
        seeds = replace(seeds, place=_middles(coarse, owner, seeds))
    return _weighted(fine, seeds, share, steps=_STEPS, accuracy=accuracy)[0]


def costs(points: Floats, seeds: Seeds, which: Ints) -> Floats:
    """Squared distances (m, k) in µm² of points (m, 3) to the seeds which (m, k), in the space of their aspect."""
    if seeds.aspect == 1.0:
        apart = points[:, None] - seeds.place[which]
        return np.asarray(np.einsum("mki,mki->mk", apart, apart), dtype=np.float64)
    r, u = _polar(points)
    radius, direction = _polar(seeds.place)
    rp = radius[which]
    # the squared sine of half the angle, before and after the angle becomes `aspect` times as large
    half = np.clip(0.5 - 0.5 * np.einsum("mi,mki->mk", u, direction[which]), 0.0, 1.0)
    half = np.sin(np.minimum(seeds.aspect * np.arcsin(np.sqrt(half)), 0.5 * np.pi)) ** 2
    flat = (r[:, None] - rp) ** 2 + 4.0 * r[:, None] * rp * half
    return np.asarray(seeds.aspect ** (-4.0 / 3.0) * flat, dtype=np.float64)


class _Candidates:
    """The seeds that may be the nearest of a point, by a search in a space where Euclidean distances have the same order."""

    def __init__(self, seeds: Seeds) -> None:
        self.seeds = seeds
        self.count = min(_NEAR, len(seeds))
        self.inner: Ints = np.zeros(0, dtype=np.int64)
        if seeds.aspect == 1.0:  # a power is a squared distance in four dimensions
            lift = np.sqrt(np.maximum(seeds.weight.max() - seeds.weight, 0.0))
            self.tree = cKDTree(np.column_stack([seeds.place, lift]))
        else:
            self.tree = cKDTree(self._spread(seeds.place))
            # Through the apex, the nearest seeds are the same from all directions.
            power = costs(np.zeros((1, 3)), seeds, np.arange(len(seeds))[None])[0] - seeds.weight
            self.inner = np.argsort(power, kind="stable")[:_INNER]

    def of(self, points: Floats) -> tuple[Ints, Floats]:
        """Seeds (m, k) that come into question for points (m, 3), and their costs (m, k)."""
        if self.seeds.aspect == 1.0:
            places = np.column_stack([points, np.zeros(len(points))])
        else:
            places = self._spread(points)
        _, which = self.tree.query(places, k=np.arange(1, self.count + 1), workers=-1)
        inner = np.broadcast_to(self.inner, (len(points), len(self.inner)))
        which = np.concatenate([which, inner], axis=1)
        return which, costs(points, self.seeds, which)

    def _spread(self, points: Floats) -> Floats:
        """(direction, ln r / a), where small distances are those of the stretched space over r."""
        r, u = _polar(points)
        return np.column_stack([u, np.log(np.maximum(r, 1e-6 * r.max())) / self.seeds.aspect])


def _polar(points: Floats) -> tuple[Floats, Floats]:
    """Distance (m,) from the origin and direction (m, 3)."""
    r = np.linalg.norm(points, axis=1)
    return r, points / np.maximum(r, 1e-300)[:, None]


def _middles(points: Floats, owner: Ints, seeds: Seeds) -> Floats:
    """Centroids (n, 3) of the cells; of rods the mean radius along the mean direction. A cell without points stays."""
    count = np.bincount(owner, minlength=len(seeds))
    r = np.linalg.norm(points, axis=1)
    total = np.column_stack([np.bincount(owner, x, minlength=len(seeds)) for x in points.T])
    middle = total / np.maximum(count, 1)[:, None]
    if seeds.aspect != 1.0:
        radius = np.bincount(owner, r, minlength=len(seeds)) / np.maximum(count, 1)
        middle = radius[:, None] * _polar(middle)[1]
    return np.asarray(np.where(count[:, None] > 0, middle, seeds.place), dtype=np.float64)


def _weighted(points: Floats, seeds: Seeds, share: Floats, steps: int, accuracy: float) -> tuple[Seeds, Ints]:
    """Weights, from those of the seeds on, that give the shares, and the cells of the points with them."""
    goal = share * len(points)
    problem = _Volumes(points, seeds)
    weight = seeds.weight
    state = problem.at(weight)
    if state.count.min() == 0:  # start from the Voronoi diagram
        weight = np.zeros(len(seeds))
        state = problem.at(weight)
    for _ in range(steps):
        lack = goal - state.count
        if np.all(np.abs(lack) <= np.maximum(accuracy * goal, _POINTS)):
            break
        step = state.newton(lack)
        for _ in range(_HALVINGS):
            tried = problem.at(weight + step)
            if tried.count.min() > 0 and np.sum((goal - tried.count) ** 2) < np.sum(lack**2):
                break
            step = 0.5 * step
        else:
            break  # as good as these points allow
        weight, state = weight + step, tried
    return replace(seeds, weight=weight - weight.mean()), state.owner


@dataclass(frozen=True, eq=False)
class _State:
    """Cells of the points with some weights: the own seed, the second, by how much it loses, points per cell."""

    owner: Ints
    second: Ints
    gap: Floats
    count: Ints

    def newton(self, lack: Floats) -> Floats:
        """The change of the weights (n,) after which the cells would have `lack` more points.

        A boundary between i and j sweeps the points whose gap is under the change of w_i - w_j. How many there are per
        change is counted in a slab along the boundaries.
        """
        n = len(lack)
        width = max(float(np.quantile(self.gap, _SLAB)), 1e-300)
        near = self.gap <= width
        rate = np.full(int(near.sum()), 0.5 / width)
        i, j = self.owner[near], self.second[near]
        links = sparse.coo_matrix(
            (np.tile(rate, 2), (np.append(i, j), np.append(j, i))), shape=(n, n)
        ).tocsr()
        total = np.asarray(links.sum(axis=1)).ravel()
        matrix = sparse.diags(total + 1e-6 * total.mean()) - links
        return np.asarray(spsolve(matrix.tocsc(), lack))


class _Volumes:
    """Cells of points for any weights, of seeds that stay in place."""

    def __init__(self, points: Floats, seeds: Seeds) -> None:
        candidates = _Candidates(seeds)
        parts = [candidates.of(points[s : s + _CHUNK]) for s in range(0, len(points), _CHUNK)]
        self.which = np.concatenate([which for which, _ in parts])
        self.cost = np.concatenate([cost for _, cost in parts])
        self.n = len(seeds)

    def at(self, weight: Floats) -> _State:
        """With these weights (n,)."""
        power: NDArray[np.float64] = self.cost - weight[self.which]
        row = np.arange(len(power))
        first = np.argmin(power, axis=1)
        least = power[row, first]
        owner = self.which[row, first]
        power[self.which == owner[:, None]] = np.inf  # a seed may come into question twice
        second = np.argmin(power, axis=1)
        return _State(
            owner, self.which[row, second], power[row, second] - least, np.bincount(owner, minlength=self.n)
        )
