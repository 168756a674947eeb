"""The one error a user of this package can cause."""

from __future__ import annotations


class MeshError(ValueError):
    """A structure that cannot be built as asked; the message says what to change."""
