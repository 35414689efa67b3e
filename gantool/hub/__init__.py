"""Runs to and from the hub (huggingface.co): the one room that asks a network, and only what a person asked for."""
