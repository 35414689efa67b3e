"""The runs that there are: what each is and how it stands, how two differ, notes, removal."""
