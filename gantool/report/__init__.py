"""What a person sees of a run: words, progress, the log, sample grids and the gallery page."""
