"""Questions from rank to rank: rows of numbers go where they can be answered, and the answers come back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from mpi4py import MPI

Ints = npt.NDArray[np.int64]


def exchange(comm: MPI.Comm, destination: npt.NDArray[np.int32], rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Send ``rows`` (n, k) to ``destination`` ranks; returns the received rows, the senders' counts and the send order."""
    order = np.argsort(destination, kind="stable")
    counts = np.bincount(destination, minlength=comm.size).astype(np.int64)
    received = np.empty(comm.size, dtype=np.int64)
    comm.Alltoall(counts, received)
    width = rows.shape[1]
    out = np.empty((int(received.sum()), width), dtype=np.int64)
    comm.Alltoallv([np.ascontiguousarray(rows[order]), counts * width], [out, received * width])
    return out, received, order


def answer(comm: MPI.Comm, replies: Ints, received: Ints, order: Ints) -> Ints:
    """Send back one number for every row that :func:`exchange` delivered; returns them in the order of the questions."""
    out = np.empty(order.size, dtype=np.int64)
    sent = np.empty(comm.size, dtype=np.int64)
    comm.Alltoall(received, sent)
    buffer = np.empty(order.size, dtype=np.int64)
    comm.Alltoallv([np.ascontiguousarray(replies), received], [buffer, sent])
    out[order] = buffer
    return out


def look_up(
    comm: MPI.Comm, values: npt.NDArray[np.int32], numbers: Ints, batch: int = 1 << 20
) -> npt.NDArray[np.int32]:
    """Entries ``numbers`` of an array of which every rank holds a part, the ranks' parts one after the other.

    Collective. Asks for ``batch`` entries at a time, so that the messages stay small beside the mesh.
    """
    sizes: Sequence[int] = comm.allgather(values.size)
    first = np.concatenate([[0], np.cumsum(sizes)])
    out = np.empty(numbers.size, dtype=np.int32)
    for begin in range(0, comm.allreduce(numbers.size, MPI.MAX), batch):
        part = numbers[begin : begin + batch]
        holder = (np.searchsorted(first, part, side="right") - 1).astype(np.int32)
        rows, received, order = exchange(comm, holder, part[:, None])
        replies = values[rows[:, 0] - first[comm.rank]].astype(np.int64)
        out[begin : begin + batch] = answer(comm, replies, received, order)
    return out
