"""What a run writes: series, particles, summary, fields, log and progress."""
