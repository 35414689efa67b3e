"""One model on one device: loading, memory, style codes, results as large as their inputs."""
