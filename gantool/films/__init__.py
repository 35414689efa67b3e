"""Films: frames with their moments, and sound. Reading and writing them takes the extra `gantool[video]` (PyAV)."""
