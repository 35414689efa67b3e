"""When the memory does not suffice after all: what failed is let go, less is tried, and that is remembered."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from gantool_cyclegan import CycleGAN
from torch import Tensor

from gantool.capabilities import Samples, Translates
from gantool.errors import DataError, OutOfMemoryError, ran_out
from gantool.inference.codes import Codes
from gantool.inference.engine import Engine
from gantool.inference.memory import let_go, release
from gantool.inference.sampler import Sampler
from gantool.inference.ways import ROWS, Ways
from gantool.model import Model
from gantool.networks.resnet import ResnetGenerator
from gantool.pictures.file import Picture
from gantool.spec import Direction, Pictures, Sizes, Spec
from gantool.translation.inputs import Source
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Decoded, Failed, Recipe, Translated, passes
from gantool.translation.variants import Variant
from tests.conftest import TRAIN_TINY, draw
from tests.translation.small_models import Identity, noise

TO_B = Direction("A", "B")
RECIPE = Recipe((Variant(TO_B),), batch=16)


class Crowded(Identity):
    """Has memory for three pictures, and none for a picture that is white everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []
        self.failed: list[weakref.ref] = []
        self.alive: list[int] = []

    def translate(self, images: Tensor, **_: object) -> Tensor:
        self.given.append(len(images))
        self.alive.append(sum(one() is not None for one in self.failed))
        features = images * 2
        if len(images) > 3 or bool((images == 1).flatten(1).all(1).any()):
            self.failed.append(weakref.ref(features))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return features / 2


def decoded(pixels: np.ndarray, number: int = 0) -> Decoded:
    job = Job(Source(None, f"{number}.png"), None, "PNG", may_change=False)
    return Decoded(job, pixels.shape[1::-1], Picture(pixels, None, "PNG", None), pixels, None, 0.0)


def through(engine: Engine, pictures: list[np.ndarray]) -> list[Translated | Failed]:
    group = [decoded(pixels, number) for number, pixels in enumerate(pictures)]
    return list(passes(engine, group, RECIPE, Codes(engine, 0)))


def test_too_many_pictures_become_fewer_and_stay_fewer():
    model = Crowded()
    engine = Engine(model)
    gc.disable()  # what is let go is free at once, or a GPU would run out again
    try:
        pictures = [noise(16, 16, seed=seed) for seed in range(6)]
        made = through(engine, pictures)
        again = through(engine, pictures)
    finally:
        gc.enable()
    for one, pixels in zip([*made, *again], [*pictures, *pictures], strict=True):
        assert isinstance(one, Translated)
        assert np.array_equal(one.pixels, pixels)
    assert model.given == [6, 3, 3, 3, 3], "the second group begins with what the first has learnt"
    assert model.alive == [0] * 5, "nothing of the pass that failed is held while fewer are tried"
    assert engine.way(24, 16).together > 3, "other sizes are not concerned"


def test_a_picture_that_fits_nowhere_is_the_only_one_lost():
    model = Crowded()
    pictures = [noise(16, 16, seed=seed) for seed in range(3)]
    pictures[1] = np.full((16, 16, 3), 255, np.uint8)
    gc.disable()
    try:
        made = through(Engine(model), pictures)
        held = [one() is not None for one in model.failed]
    finally:
        gc.enable()
    assert [type(one) for one in made] == [Translated, Failed, Translated]
    assert isinstance(made[1].error, OutOfMemoryError)
    assert "a picture of 16x16" in made[1].error.text
    assert not any(held), "nor do failures that wait to be told hold anything"
    with pytest.raises(OutOfMemoryError) as raised:
        Engine(model).translate(pictures[1:2], TO_B)
    assert raised.value.__cause__ is not None
    assert model.failed[-1]() is None, "nor does an error that a caller keeps"


def test_what_is_no_question_of_memory_is_asked_of_each_picture_once():
    class Choosy(Crowded):
        def translate(self, images: Tensor, **_: object) -> Tensor:
            self.given.append(len(images))
            if bool((images == 1).flatten(1).all(1).any()):
                raise RuntimeError("no white pictures")
            return images

    model = Choosy()
    made = through(Engine(model), [noise(16, 16), np.full((16, 16, 3), 255, np.uint8), noise(16, 16)])
    assert model.given == [3, 1, 1, 1]
    assert isinstance(made[1], Failed)
    assert isinstance(made[1].error, DataError)


class Whole(Translates, Model[None]):
    """Has memory for strips alone."""

    contract = 2
    sizes = Sizes(4, 8)

    def __init__(self) -> None:
        super().__init__(None, Spec(("A", "B"), (Pictures(),) * 2, 32))
        self.net = ResnetGenerator(3, 3, width=4, blocks=1)
        self.rows: list[int | None] = []

    def translate(self, images: Tensor, **_: object) -> Tensor:
        self.rows.append(self.net.strip_rows)
        if self.net.strip_rows is None:
            raise RuntimeError("GET was unable to find an engine to execute this computation")
        result: Tensor = self.net(images)
        return result


def test_strips_are_remembered_as_well_and_told():
    model = Whole()
    engine = Engine(model)
    first, *more = through(engine, [noise(40, 40)]) + through(engine, [noise(40, 40)])
    assert model.rows == [None, ROWS, ROWS]
    assert isinstance(first, Translated)
    assert first.way.strips
    assert all(isinstance(one, Translated) and one.way.strips for one in more)


def test_on_a_gpu_strips_take_as_many_rows_as_the_memory_allows():
    network = ResnetGenerator(3, 3, width=4, blocks=1)

    def rows(device: str, memory: int) -> int | None:
        way = Ways(Sizes(4, 8), torch.device(device), memory, None, lambda: [network], 0, batches=True)
        return way.of(1024, 1024).rows

    needed = network.bytes_of_pass(1024, 1024, ROWS)
    whole = network.bytes_of_pass(1024, 1024, None)
    assert rows("cpu", whole - 1) == ROWS
    assert rows("cuda", needed) == ROWS
    many = rows("cuda", whole - 1)
    assert many is not None
    assert many % ROWS == 0
    assert network.bytes_of_pass(1024, 1024, many) <= whole - 1 < network.bytes_of_pass(1024, 1024, many + ROWS)
    assert ROWS < rows("cuda", (needed + whole) // 2) < many
    assert rows("cuda", whole) is None


class Noisy(Samples, Model[None]):
    """Has memory for two pictures of noise."""

    contract = 2
    latent_size = 4

    def __init__(self) -> None:
        super().__init__(None, Spec(("A",), (Pictures(),), 8))
        self.given: list[int] = []

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        self.given.append(len(latents))
        if len(latents) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return latents[:, :1, None, None].tanh().expand(-1, 3, 8, 8)

    fits = 2


def test_pictures_of_noise_become_fewer_in_a_pass():
    model = Noisy()
    sampler = Sampler(model)
    latents = torch.linspace(-1, 1, 10).view(-1, 1).expand(-1, 4)
    alone = sampler.pictures(latents)
    sampler.together = sampler.fitting = 8  # as on a GPU
    model.given.clear()
    assert all(np.array_equal(one, other) for one, other in zip(sampler.pictures(latents), alone, strict=True))
    assert model.given == [8, 4, 2, 2, 2, 2, 2]
    assert sampler.together == 8, "what callers hand in at a time stays"
    model.fits = 0
    with pytest.raises(OutOfMemoryError, match=r"for a picture: try precision=bf16$"):
        sampler.pictures(latents)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_the_memory_that_torch_keeps_goes_back_to_a_gpu(kind, monkeypatch):
    asked = []
    monkeypatch.setattr(getattr(torch, kind), "empty_cache", lambda: asked.append(kind))
    release(torch.device("cpu"))
    assert asked == []
    try:
        raise RuntimeError("out of memory")
    except RuntimeError as error:
        let_go(error, torch.device(kind))
    assert asked == [kind]


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "MPS backend out of memory (MPS allocated: 8.00 GB)",
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "Unable to find an engine to execute this computation",
    ],
)
def test_the_memory_runs_out_under_many_names(words):
    assert ran_out(RuntimeError(words))
    assert not ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


class Scarce(CycleGAN):
    def training_step(self, batch, run) -> None:
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def test_training_that_runs_out_is_one_line_with_advice_that_fits(main, install_plugin, tmp_path):
    install_plugin("scarce", f"{__name__}:{Scarce.__name__}")
    draw(tmp_path / "data" / "trainA", 2, seed=1)
    draw(tmp_path / "data" / "trainB", 2, seed=2)
    _, _, err = main("train", "scarce", "data", "--steps", 1, "-o", "run", "--device", "cpu", *TRAIN_TINY, code=5)
    assert "ALLOC_FAILED" in err
    assert "smaller --crop" in err
    assert "--memory" not in err
