"""The command line: one file a verb. Flags become a request, outcomes become words and exit codes."""
