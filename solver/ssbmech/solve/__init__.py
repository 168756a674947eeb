"""Numbering, assembly, linear and nonlinear solvers, time stepping."""
