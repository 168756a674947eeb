"""Effective transport: conductivity tensors, tortuosity factors and percolation of a structure, as meshed or at a saved state."""
