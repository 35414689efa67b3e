"""Pictures made of noise: what is asked for, what is written."""
