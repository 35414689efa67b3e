"""A run on disk: its folder, its header, its saves, its lock."""
