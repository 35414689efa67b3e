"""Two processes with one picture each are one process with two, to rounding."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from gantool_cyclegan import CycleGAN
from safetensors.torch import load_file

from gantool.runs import checkpoint
from gantool.spec import Pictures, Spec
from gantool.training import distributed
from gantool.training.settings import TrainSettings
from gantool.training.trainer import Trainer
from tests.conftest import draw
from tests.training.helpers import Noise, Notes

OPTIONS = CycleGAN.Options(width=4, blocks=1, d_width=4, d_layers=1, pool=3)
SPEC = Spec(("A", "B"), (Pictures(), Pictures()), 32)

ROOT = Path(__file__).parents[2]
SCRIPT = f"""
import sys
from pathlib import Path
import torch
sys.path.insert(0, {str(ROOT)!r})
from tests.training.test_processes import train

torch.set_num_threads(1)
train(Path(sys.argv[1]), batch=1)
threads = {{Path(task, "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")}}
assert not [name for name in threads if "gloo" in name], threads  # they may abort Python while it ends
"""


def train(folder: Path, batch: int) -> None:
    """Six steps in float64, as one of the processes that there are."""
    processes = distributed.join("cpu")
    # Another seed on every process: the first one's weights must win.
    model = checkpoint.build_model(CycleGAN, OPTIONS, SPEC, seed=processes.rank).double()
    Trainer(
        model=model,
        name="cyclegan",
        dataset=Noise(size=32),
        folder=folder,
        total_steps=6,
        notes={},
        observer=Notes(),
        settings=TrainSettings(batch=batch, workers=0),
        processes=processes,
    ).train()
    distributed.leave()


def by_hand(folder: Path, both: Callable[..., list[subprocess.Popen[str]]]) -> None:
    for process in both("-c", SCRIPT, str(folder), program="python"):
        said, _ = process.communicate()
        assert process.returncode == 0, said


def by_torchrun(folder: Path, both: object) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [*torchrun, sys.executable, "-c", SCRIPT, folder]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# With torchrun three processes import torch; what it tells them is what `both` does.
@pytest.mark.parametrize("start", [by_hand, pytest.param(by_torchrun, marks=pytest.mark.slow)])
def test_two_by_one_equals_one_by_two(tmp_path: Path, both, start):
    start(tmp_path / "two", both)
    train(tmp_path / "one", batch=2)
    model = CycleGAN(OPTIONS, SPEC)
    moments_of_biases = {
        f"optimizers.{optimizer}.{number}.{moment}"
        for optimizer, networks in {"G": (model.g_ab, model.g_ba), "D": (model.d_a, model.d_b)}.items()
        for number, name in enumerate(name for network in networks for name, _ in network.named_parameters())
        if name.endswith("bias")
        for moment in ("exp_avg", "exp_avg_sq")
    }
    for file in ("weights", "state"):
        two, one = (load_file(tmp_path / run / f"checkpoints/00000006/{file}.safetensors") for run in ("two", "one"))
        assert two.keys() == one.keys()
        for name, value in two.items():
            if name.endswith("bias") or name in moments_of_biases:
                continue  # a bias before a norm has no gradient but rounding, which Adam blows up
            torch.testing.assert_close(
                value, one[name], rtol=0, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}"
            )


def test_a_picture_that_one_process_cannot_read_ends_them_all(tmp_path: Path, both):
    folder, _ = draw(tmp_path / "trainA", 200, seed=1), draw(tmp_path / "trainB", 12, seed=2)
    small = ["--preset", "smoke", "--steps", "2000", "--workers", "0", "-o", "run", "--json"]
    processes = both("train", "cyclegan", "trainA", "trainB", *small)
    assert any('"event": "step"' in line for line in processes[0].stdout)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:60])
    said = []
    for process in processes:
        # Without an agreement they would wait for each other for ever.
        said.append(process.communicate(timeout=300)[0])
        assert process.returncode == 3, said
    assert "error: cannot read" in said[0] + said[1]
    (save,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert {file.name for file in save.iterdir()} == {"weights.safetensors", "state.safetensors"}


def test_broken_pictures_are_refused_by_all_processes(tmp_path: Path, both):
    folder, _ = draw(tmp_path / "trainA", 4, seed=1), draw(tmp_path / "trainB", 4, seed=2)
    (folder / "03.png").write_bytes(b"")
    for process in both("train", "cyclegan", "trainA", "trainB", "--preset", "smoke", "-o", "run"):
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 3, said
        assert "error: 1 of 8 pictures cannot be used" in said
    assert not (tmp_path / "run").exists()
