"""Pictures that come with gantool: see `emoji/README.md` for where they are from."""

from __future__ import annotations

from pathlib import Path

EMOJI = Path(__file__).parent / "emoji"
"""Noto (A) and Twemoji (B) emoji: trainA, trainB, testA, testB."""
