"""Mesh, bodies and phases, broken spaces, interface facets and their history."""
