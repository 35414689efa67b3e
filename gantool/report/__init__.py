"""A run as a person sees it: words, progress, the log, sample grids and the gallery page."""
