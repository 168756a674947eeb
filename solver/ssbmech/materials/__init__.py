"""Constitutive laws as UFL expressions, one file per kind; none of them knows about meshes or spaces."""
