"""Training step and translation against the textbook's networks and step, with the same weights."""

from __future__ import annotations

import torch
from gantool_cyclegan import CycleGAN
from textbook import Textbook, take_weights
from timing import Comparison, compare
from torch import Tensor, nn

from gantool.inference.ready import fast_convolutions, ready
from gantool.model import Progress
from gantool.networks.winograd import Winograd
from gantool.spec import Pictures, Spec
from gantool.training.run import TrainingRun

NETWORKS = ("g_ab", "g_ba", "d_a", "d_b")


def training_step(pixels: int, precision: str, rounds: int) -> tuple[Comparison, float]:
    """CycleGAN's defaults, batch 1. Also the largest relative difference between the first steps' losses."""
    book, model = _textbook_and_model()
    a, b = _picture(pixels, 1), _picture(pixels, 2)
    run = TrainingRun(model, model.optimizers(), precision=precision)
    done = 0

    def step() -> dict[str, float]:  # what the trainer does; it reads the losses after every tenth step only
        nonlocal done
        run.begin(Progress(done, 1000), 1.0)
        for _ in run.batches():
            model.training_step({"A": a, "B": b}, run)
        run.end()
        done += 1
        return run.losses() if done % 10 == 1 else {}

    theirs, ours = book.step(a, b), step()
    difference = max(abs(ours[name] - value) / abs(value) for name, value in theirs.items())
    return compare(lambda: book.step(a, b), step, rounds=rounds), difference


def translation(pixels: int, precision: str, rounds: int) -> tuple[Comparison, float]:
    """One picture through a generator, as `gantool translate` computes it in this precision ("fp32", "exact"). Also the
    largest difference of the results in grey levels, before they are rounded.
    """
    book, model = _textbook_and_model()
    x = _picture(pixels, 1)
    convolutions = fast_convolutions([model.g_ab], x.device, precision)

    def ours() -> Tensor:
        with ready(model, x.device, convolutions=convolutions):
            return model.g_ab(x)

    def theirs() -> Tensor:
        with torch.inference_mode():
            return book.g_ab(x)

    difference = (theirs() - ours()).abs().max().item() * 127.5
    return compare(theirs, ours, rounds=rounds), difference


def wide_convolution(channels: int, pixels: int, padding: int, rounds: int) -> Comparison:
    """A 3x3 convolution to a map of so many pixels, as torch has it and as `gantool translate` computes it, by
    Winograd's F(4, 3). `padding` 1 puts zeros around the map; 0 takes one that was padded before, as residual
    blocks do.
    """
    layer, side = nn.Conv2d(channels, channels, 3, padding=padding), pixels + 2 - 2 * padding
    x, winograd = torch.randn(1, channels, side, side), Winograd([layer])

    def ours() -> Tensor:
        with torch.no_grad(), winograd:
            return layer(x)

    def theirs() -> Tensor:
        with torch.no_grad():
            return layer(x)

    return compare(theirs, ours, rounds=rounds, repeat=5)


def _textbook_and_model() -> tuple[Textbook, CycleGAN]:
    book, model = Textbook(), CycleGAN(CycleGAN.Options(), Spec(("A", "B"), (Pictures(),) * 2, 128))
    for name in NETWORKS:
        take_weights(getattr(book, name), getattr(model, name))
    return book, model


def _picture(pixels: int, seed: int) -> Tensor:
    """(1, 3, pixels, pixels) in [-1, 1], smooth like a photograph's large shapes, with some noise."""
    rng = torch.Generator().manual_seed(seed)
    shapes = torch.nn.functional.interpolate(torch.randn(1, 3, 8, 8, generator=rng), (pixels, pixels), mode="bicubic")
    return (shapes * 0.5 + torch.randn(1, 3, pixels, pixels, generator=rng) * 0.05).clamp_(-1, 1)
