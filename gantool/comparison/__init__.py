"""Models against each other: one table of figures with intervals, and a page of their pictures."""
