"""Made the files of this folder with gantool 0.1, at commit f5b26e6. Kept for the record: it ran once, and what later
versions write is not what these files are for.

python -m tests.old.make
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gantool.importing.importer import import_files
from PIL import Image, ImageDraw

import gantool
from gantool.cli.main import main
from gantool.options import assignments
from tests.importing.official_networks import Resnet
from tests.old import records
from tests.old.records import HERE

WORK = Path("/tmp/gantool-0.1")  # its name stands in run.yaml

COMMON = {"size": 36, "crop": 32, "steps": 4, "save_every": 2, "sample_every": 4, "keep": 0, "workers": 0}

RUNS: dict[str, tuple[str, dict[str, int], str]] = {
    "cyclegan": ("a b", {"size": 18, "crop": 16}, "width=2 blocks=1 d_width=2 d_layers=1 pool=2"),
    # Batch norm's statistics, and dropout when translating.
    "pix2pix": ("a b", {}, "width=2 depth=3 d_width=2 d_layers=1"),
    "bicyclegan": (
        "a b",
        {"batch": 2},
        "nz=3 width=2 depth=3 e_width=2 e_layers=2 d_width=2 d_layers=1 d2_layers=1 scales=1 init_gain=1",
    ),
    # Label maps with instance maps, and styles of instances.
    "pix2pixhd": (
        "labels b instances",
        {},
        "label_nc=3 features=instance feature_nc=2 width=2 down=1 blocks=1 e_width=2 e_down=1 d_width=2 d_layers=1",
    ),
    "unit": ("a b", {}, "width=2 downsample=1 blocks=1 d_width=2 d_layers=1 scales=2 d_norm=spectral"),
    "munit": (
        "a b",
        {},
        "width=1 activation=lrelu downsample=1 blocks=1 style=3 mlp_width=4 d_width=2 d_layers=1 scales=2 cycle=10",
    ),
    # Every other step trains the content discriminator alone.
    "drit": ("a b", {}, "width=1 style_size=2 d_width=1 d_scales=2 content_layers=0 d_iter=2"),
    "stargan": ("a b c", {"batch": 2}, "width=2 blocks=1 d_width=1 d_layers=3 n_critic=2"),
    # Attributes of a table: the classifier is a part of the weights.
    "stargan-attributes": (
        "a a.csv",
        {"batch": 2},
        "attributes=Large,Red width=2 blocks=1 d_width=1 d_layers=3 n_critic=2",
    ),
    # Averaged networks.
    "starganv2": ("a b c", {"batch": 2}, "width=2 max_width=4 style_dim=3 latent_dim=2 mapping_width=4 ema=0.9"),
    # The generator of the paper, which takes pictures of one size only.
    "ugatit": ("a b", {"size": 18, "crop": 16}, "width=1 blocks=1 d_width=2 global_layers=3 local_layers=3"),
}
"""Data, settings and options by the run's folder, whose name begins with the model's. A save stands at half time."""

PICTURES: dict[str, dict[str, list[str]]] = {
    "cyclegan": {"plain": ["photo.png", "--to", "all"]},
    "pix2pix": {"plain": ["photo.png", "--seed", "1"]},
    "bicyclegan": {"random": ["photo.png"], "mean": ["photo.png", "--style", "mean"]},
    "pix2pixhd": {"random": ["labels/street.png"], "mean": ["labels/street.png", "--style", "mean"]},
    "unit": {"plain": ["photo.png", "--to", "all"]},
    "munit": {
        "random": ["photo.png", "--to", "all"],
        "two": ["photo.png", "-n", "2"],
        "mean": ["photo.png", "--style", "mean"],
        "picture": ["photo.png", "--style", "other.png"],
    },
    "drit": {"random": ["photo.png", "--to", "all"], "mean": ["photo.png", "--style", "mean"]},
    "stargan": {"plain": ["photo.png", "--to", "all"]},
    "stargan-attributes": {"plain": ["photo.png", "--to", "all"], "both": ["photo.png", "--to", "+Large,+Red"]},
    "starganv2": {
        "random": ["photo.png", "--to", "all"],
        "mean": ["photo.png", "--to", "b", "--style", "mean"],
        "picture": ["photo.png", "--to", "c", "--style", "other.png"],
    },
    "ugatit": {"plain": ["photo.png", "--to", "all", "--size", "16", "--attention", "plain/attention"]},
    "imported": {"plain": ["photo.png"]},
}
"""What `gantool translate` was told, by the folder of its results."""


def draw(file: Path, seed: int, size: tuple[int, int]) -> None:
    """A disc on a slope of colours."""
    rng = np.random.default_rng(seed)
    width, height = size
    slope = np.linspace(0, 1, width)[None, :, None] * rng.integers(0, 120, 3) + np.linspace(0, 1, height)[
        :, None, None
    ] * rng.integers(0, 120, 3)
    picture = Image.fromarray((slope + rng.integers(0, 16, 3)).astype(np.uint8))
    x, y = (int(v) for v in rng.integers(2, min(size) // 2, 2))
    colour = tuple(int(v) for v in rng.integers(80, 256, 3))
    ImageDraw.Draw(picture).ellipse((x, y, x + min(size) // 2, y + min(size) // 3), fill=colour)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, optimize=True)


def draw_ids(label: Path, instance: Path, seed: int, size: tuple[int, int]) -> None:
    """A label map of three classes, and its instance map of 16 bits."""
    rng = np.random.default_rng(seed)
    width, height = size
    labels, instances = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint16)
    for number in range(1, 5):
        x, y = int(rng.integers(0, width // 2)), int(rng.integers(0, height // 2))
        labels[y : y + height // 3, x : x + width // 2] = 1 + number % 2
        instances[y : y + height // 3, x : x + width // 2] = 26_000 + number
    for file, ids in ((label, labels), (instance, instances)):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(ids).save(file, optimize=True)


def make_pictures() -> None:
    """What the runs learn from (data), and what is translated (inputs)."""
    for domain, letter in enumerate("abc"):
        for number in range(6):
            draw(HERE / "data" / letter / f"{number:02d}.png", 10 * domain + number, (40, 40))
    for number in range(6):
        draw_ids(HERE / f"data/labels/{number:02d}.png", HERE / f"data/instances/{number:02d}.png", number, (40, 40))
    rows = [f"{number:02d}.png,{number % 2},{int(number > 2)}" for number in range(6)]
    (HERE / "data/a.csv").write_text("\n".join(["file,Large,Red", *rows, ""]))
    draw(HERE / "inputs/photo.png", 100, (37, 29))
    draw(HERE / "inputs/other.png", 101, (31, 35))
    draw_ids(HERE / "inputs/labels/street.png", HERE / "inputs/instances/street.png", 100, (37, 29))


def train(name: str) -> None:
    """The run `name`: kept are the save of step 2 and the record of that of step 4."""
    folders, settings, options = RUNS[name]
    data = [WORK / "data" / folder for folder in folders.split()]
    run = gantool.train(
        name.partition("-")[0],
        data,
        out=WORK / name,
        set=assignments(options.split()),
        device="cpu",
        **{**COMMON, **settings},
    )
    kept = HERE / name
    middle, end = (run / "checkpoints" / f"{step:08d}" for step in (2, 4))
    shutil.copytree(middle, kept / "checkpoints" / middle.name)
    for file in ("run.yaml", "log.jsonl"):
        shutil.copy(run / file, kept / file)
    others = resumed_otherwise(name, data)
    write(
        kept,
        {
            "data": folders.split(),
            "facts": records.facts(kept),
            "pictures": PICTURES[name],
            "weights": marked(end, others, "weights.safetensors"),
            "state": marked(end, others, "state.safetensors"),
        },
    )


def resumed_otherwise(name: str, data: list[Path]) -> list[Path]:
    """The save of step 4 as older processors make it of that of step 2: their sums are rounded otherwise."""
    saves = []
    old, older = {"ATEN_CPU_CAPABILITY": "default"}, {"DNNL_MAX_CPU_ISA": "SSE41"}
    for kernels in (old, older, {**old, **older}):
        run = WORK / f"{name}-{len(saves)}"
        shutil.copytree(HERE / name, run)
        command = [sys.executable, "-m", "gantool", "train", name.partition("-")[0], *data]
        environment = {**os.environ, **kernels, "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, "--resume", run, "--device", "cpu", "-q"], env=environment, check=True)
        saves.append(run / "checkpoints/00000004")
    return saves


def marked(save: Path, others: list[Path], file: str) -> dict[str, str]:
    """The entries of a file, with a mark where the other saves differ from it by more than 1e-4."""
    found = records.entries(save / file)
    noise = {
        line.partition(":")[0]
        for other in others
        for line in records.differences(records.entries(other / file), found, rtol=1e-4)
    }
    return {tensor: f"{line} {records.NOISE}" if tensor in noise else line for tensor, line in found.items()}


def bring_in() -> None:
    """One direction of a CycleGAN, as if from the authors' file."""
    torch.manual_seed(0)
    file = WORK / "latest_net_G_A.pth"
    torch.save(Resnet(width=2, blocks=1).state_dict(), file)
    import_files([file], WORK / "imported", domains=("horses", "zebras"), licence="CC BY 4.0")
    kept = HERE / "imported"
    shutil.copytree(WORK / "imported/checkpoints", kept / "checkpoints")
    write(kept, {"data": ["a", "b"], "facts": records.facts(kept), "pictures": PICTURES["imported"]})


def translate(name: str) -> None:
    """The pictures that the weights of `name` give."""
    for folder, words in PICTURES[name].items():
        with contextlib.suppress(SystemExit):
            main(["translate", words[0], "-o", folder, "--model", str(HERE / name), *words[1:]])
        for file in Path(folder).rglob("*.png"):
            shutil.copy(file, HERE / "pictures" / ".".join((name, *file.parts)))
        shutil.rmtree(folder)


def write(kept: Path, record: dict[str, Any]) -> None:
    """With a line a tensor: what differs in a later version can be read."""
    (kept / "record.json").write_text(json.dumps(record, indent=0) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for folder in (WORK, *(HERE / name for name in ("data", "inputs", "pictures", *PICTURES))):
        shutil.rmtree(folder, ignore_errors=True)
    make_pictures()
    shutil.copytree(HERE / "data", WORK / "data")
    shutil.copytree(HERE / "inputs", WORK / "inputs")
    for run in RUNS:
        train(run)
    bring_in()
    (HERE / "pictures").mkdir()
    os.chdir(WORK / "inputs")  # what a style is drawn from is the picture's path, too
    for made in PICTURES:
        translate(made)
    (HERE / "machine.json").write_text(json.dumps(records.machine(), indent=0) + "\n")
