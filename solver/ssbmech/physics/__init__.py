"""Weak-form terms, one class each, with the equation in its docstring. Terms see a :class:`~ssbmech.physics.setting.Setting`
and material laws; they know nothing of case files, solvers or output."""
