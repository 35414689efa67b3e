"""What a training does on a GPU, as far as that can be seen without one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import gantool
from gantool import registry
from gantool.errors import UsageError
from gantool.inference.devices import choose, faster_note, gpu_in_words, kernels, own_gpu
from gantool.model import Progress
from gantool.training.building import random_and_kernels
from gantool.training.image_pool import ImagePool
from gantool.training.request import Request, plan
from gantool.training.run import TrainingRun
from gantool.training.settings import TrainSettings
from gantool.training.statistics import Statistics
from tests.runs import untrained
from tests.training.helpers import SPEC, Around, Toy, parameters, trainer

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FEW = ("pix2pix", "cut", "stargan")


class Heedless(torch.optim.SGD):
    """A fused optimiser as MPS had it: it takes a step whatever `found_inf` says."""

    def __init__(self, parameters):
        super().__init__(parameters, 0.1)
        self.param_groups[0]["fused"] = "as it says"

    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            if p.grad is not None:
                p.data.sub_(p.grad)


def test_on_an_apple_gpu_a_step_that_is_not_finite_is_left_out_by_the_core():
    model = Toy(Toy.Options(), SPEC)
    run = TrainingRun(model, {"G": Heedless(model.parameters())})
    run.device = torch.device("mps")  # where fused optimisers are: tensors stay on the CPU
    before = parameters(model)
    for bad in (float("inf"), 1.0):
        run.begin(Progress(0, 1), 1.0)
        run.backward(bad * model.network[0].weight.sum())
        run.update("G")
        run.end()
        assert all(torch.equal(before[k], v) for k, v in parameters(model).items()) is (bad != 1.0)


LAUNCHES = "import runpy; runpy.run_path('launches.py', run_name='__main__')"


def counted(commands: Path, *words: str) -> dict[str, dict[str, float]]:
    """What `benchmarks/launches.py` counts, in a process of its own; skips where this torch cannot."""
    done = subprocess.run(
        [commands / "python", "-c", LAUNCHES, *words], cwd=BENCHMARKS, capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert not any(count["waits"] for count in counts.values()), done.stderr
    return counts


def test_a_step_neither_waits_for_the_gpu_nor_leaves_a_tensor_on_the_cpu(commands):
    counts = counted(commands, "--preset", "smoke", *FEW)
    assert set(counts) == set(FEW)
    assert all(count["launches"] > 100 for count in counts.values())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_no_model_s_step_does(precision, commands):
    assert set(counted(commands, "--preset", "smoke", "--precision", precision)) == set(registry.plugins())


PROBE = """
import torch
from pretended_gpu import LeakError, PretendedGPU
from gantool.networks.constants import uploaded

def waits(act):
    gpu.report.waits.clear()
    act()
    return list(gpu.report.waits)

with PretendedGPU() as gpu:
    x = torch.ones(3, 4, device=gpu.device)
    assert not waits(lambda: x * 2 + uploaded(torch.ones(4), x.device))
    assert not waits(lambda: x + torch.tensor(2.0))  # a number may come from the CPU
    for act in (
        lambda: x.sum().item(), lambda: x.cpu(), lambda: x[[0, 2]], lambda: x.new_tensor([1.0]),
        lambda: torch.ones(4).to(x.device), lambda: torch.ones(4).to(x.device, non_blocking=True),
    ):
        assert len(waits(act)) == 1, act
    before = gpu.report.operators.total()
    assert (x.view(4, 3) * 2).device == gpu.device
    assert gpu.report.operators.total() == before + 1  # a view is no launch
    for act in (lambda: x + torch.ones(4), lambda: x[x > 0]):
        try:
            act()
        except LeakError as error:
            print(error)
"""


def test_the_pretended_gpu_sees_waits_and_leaks(commands):
    words = [commands / "python", "-c", PROBE]
    done = subprocess.run(words, cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    leak, mask = done.stdout.splitlines() or [done.stderr, ""]
    assert leak.startswith("add at"), leak
    assert mask.startswith("a boolean mask at"), mask


def test_single_precision_is_exact_within_a_pass_and_what_it_was_afterwards():
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, products.allow_tf32, cudnn.benchmark
    choose("cpu")
    assert (cudnn.allow_tf32, products.allow_tf32, cudnn.benchmark) == before
    with kernels(tf32=True, try_all=True):
        assert cudnn.allow_tf32
        assert products.allow_tf32
        assert cudnn.benchmark
        with kernels():
            assert (cudnn.allow_tf32, products.allow_tf32, cudnn.benchmark) == (False, False, False)
        assert cudnn.benchmark
    assert (cudnn.allow_tf32, products.allow_tf32, cudnn.benchmark) == before


def test_translating_is_exact_also_in_a_program_that_uses_tf32(tmp_path):
    translator = gantool.load(untrained(tmp_path / "run").parents[2], device="cpu")
    seen = []
    translator.model.g_ab.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    assert torch.backends.cudnn.allow_tf32
    translator.translate(Image.new("RGB", (32, 32), "grey"), to="zebras")
    assert seen
    assert not any(seen)


@pytest.mark.parametrize(
    ("settings", "tf32", "tries"),
    [
        ({}, False, True),
        ({"precision": "tf32"}, True, True),
        ({"deterministic": True}, False, False),
        ({"preprocess": "none"}, False, False),
    ],
)
def test_a_training_chooses_kernels_by_its_settings(pictures_of, settings, tf32, tries, tmp_path):
    kind = registry.plugin("cyclegan").load()
    data = pictures_of(kind.data(kind.Options()))
    made = plan(Request("cyclegan", tuple(data), out=tmp_path / "run", settings=settings))
    with random_and_kernels(made, torch.device("cpu")):
        assert torch.backends.cudnn.allow_tf32 is tf32
        assert torch.backends.cuda.matmul.allow_tf32 is tf32
        assert torch.backends.cudnn.benchmark is tries
    assert not torch.backends.cudnn.benchmark


def test_every_process_has_a_gpu_of_its_own():
    gpu, named = torch.device("cuda"), torch.device("cuda:1")
    assert own_gpu(gpu, 0, 1, 2) == torch.device("cuda:0")
    assert own_gpu(gpu, 1, 2, 2) == torch.device("cuda:1")
    assert own_gpu(named, 0, 1, 2) == named
    with pytest.raises(UsageError, match="2 processes cannot share cuda:1"):
        own_gpu(named, 1, 2, 2)
    with pytest.raises(UsageError, match="3 processes need as many GPUs, and this machine shows 2"):
        own_gpu(gpu, 2, 3, 2)


def test_what_may_be_faster_fits_the_gpu():
    ampere, turing = faster_note((8, 0), "fp32", compiled=False), faster_note((7, 5), "fp32", compiled=True)
    assert "tf32" in ampere
    assert "bf16" in ampere
    assert "compile" in ampere
    assert "fp16" in turing
    assert "tf32" not in turing
    assert faster_note((9, 0), "bf16", compiled=True) is None
    assert gpu_in_words((9, 0), 70_100_000_000, 80_000_000_000) == (
        "compute capability 9.0, bf16, 70.1 of 80.0 GB free"
    )


def test_networks_that_never_train_keep_what_they_noted_and_others_take_it_back():
    model = Toy(Toy.Options(), SPEC)
    model.judge = nn.BatchNorm2d(3)
    trained = {id(p) for p in model.network.parameters()}
    statistics = Statistics(model, trained)
    own, judge = model.network[1], model.judge
    for bad, mean in ((True, 0.0), (False, 5.0)):
        statistics.note()
        for norm in (own, judge):
            norm.running_mean.fill_(5)
            norm.num_batches_tracked.fill_(7)
        own.running_var.fill_(float("nan") if bad else 3)
        statistics.take_back(torch.tensor(bad))
        assert own.running_mean.tolist() == [mean] * 3
        assert own.running_var.tolist() == [1.0 if bad else 3.0] * 3
        assert own.num_batches_tracked == (0 if bad else 7)
        assert judge.running_mean.tolist() == [5.0] * 3


def test_the_pictures_of_a_pool_go_where_its_model_goes():
    pool = ImagePool(2)
    pool.load_state_dict({"0000": torch.ones(1, 3, 4, 4)})
    assert nn.ModuleDict({"pool": pool}).to("meta")["pool"].images[0].is_meta


def test_samples_of_a_compiled_model_are_made_as_they_come(tmp_path):
    run = trainer(tmp_path, steps=1)
    run.settings = TrainSettings(compile=True)
    compiled = []
    sampled = run.averages.averages["network"] = Around(run.model.network)  # what a sample is made with
    sampled.compile(backend=lambda graph, inputs: compiled.append(graph) or graph.forward)
    run.observer.sample = lambda done, model: model.get_submodule("network")(torch.ones(1, 3, 8, 8))
    run.sample()
    assert not compiled
    sampled(torch.ones(1, 3, 8, 8))
    assert compiled
