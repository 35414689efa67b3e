"""Many runs that differ in a few values: a run a combination, one after the other, and a table of them at the end."""
