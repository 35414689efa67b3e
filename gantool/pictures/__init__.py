"""One picture: finding, reading, resizing, writing."""
