"""The folder in which the pages' commands run: what every page may take for granted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.conftest import draw
from tests.docs.pages import DOCS, blocks
from tests.importing.official_networks import Resnet
from tests.runs import once


@pytest.fixture(scope="session")
def prepared(shared, trained, trained_tiny) -> Path:
    """trainA, trainB, testA, testB, in/, translated/, photo.jpg, latest_net_G_*.pth, runs of CycleGAN, MUNIT,
    DCGAN, StyleGAN and StackGAN, pictures for their styles, and the description of a judge.
    """

    def make(folder: Path) -> None:
        draw(folder / "trainA", 6, seed=1)
        draw(folder / "trainB", 8, seed=2)
        draw(folder / "testA", 4, seed=3)
        draw(folder / "testB", 4, seed=4)
        draw(folder / "in", 2, seed=5)
        draw(folder / "in" / "below", 1, seed=6)
        shutil.copytree(folder / "testA", folder / "translated")
        Image.open(folder / "testA" / "00.png").resize((50, 41)).save(folder / "photo.jpg")
        torch.manual_seed(0)
        for name in ("A", "B"):
            torch.save(Resnet(width=4, blocks=1).state_dict(), folder / f"latest_net_G_{name}.pth")
        shutil.copytree(trained_tiny, folder / "runs" / "h2z")
        for name in ("munit", "dcgan", "stylegan", "stackgan"):
            shutil.copytree(trained(name), folder / "runs" / name / "001")
        shutil.copytree(trained("biggan"), folder / "runs" / "animals")
        draw(folder / "paintings", 2, seed=7)
        Image.open(folder / "paintings" / "00.png").save(folder / "painting.jpg")
        for name, source in (("one.png", "00.png"), ("other.png", "01.png")):
            Image.open(folder / "paintings" / source).save(folder / name)
        for block in (block for block in blocks(DOCS / "eval.md") if block.kind == "file"):
            (folder / block.note).write_text(block.code)

    return once(shared / "prepared", make)
