"""Mechanics, transport and interface damage in composite cathodes of all-solid-state batteries."""

from __future__ import annotations

__version__ = "0.1.0"
