"""Pictures that come with gantool, and a model trained on such: see `emoji/README.md` for where they are from."""

from __future__ import annotations

from pathlib import Path

EMOJI = Path(__file__).parent / "emoji"
"""Noto (A) and Twemoji (B) emoji: trainA, trainB, testA, testB."""
DEMO = Path(__file__).parent / "demo.safetensors"
"""A small CycleGAN between Noto and Twemoji emoji, in half precision: the model named demo."""
