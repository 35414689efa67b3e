"""Many pictures through one model: request, plan, session."""
