"""Augmentation inside a training step, behind the data: what a discriminator sees."""
