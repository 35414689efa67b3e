"""Reading the authors' own checkpoints into runs."""
