"""External load and the lumped rest of the cell."""
