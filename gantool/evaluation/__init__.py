"""Measuring translations: protocols, metrics, tables."""
