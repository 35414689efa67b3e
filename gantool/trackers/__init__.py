"""Programs that are told of a training beside its own log: an adapter each, and nothing here may end a training."""
