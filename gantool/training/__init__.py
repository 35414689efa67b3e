"""A whole training: request, plan, session, and the step that models see."""
