"""Path lengths of generators whose every step is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gantool.capabilities import Mixes
from gantool.evaluation.networks.lpips import LPIPS, VGG
from gantool.evaluation.path_length import boxed, face, path_length, trimmed_mean, unit_slerp
from gantool.inference.sampler import Sampler
from gantool.model import Model
from gantool.spec import Pictures, Spec

SIDE, NUMBERS = 16, 48


class Linear(Model, Mixes):
    """Pictures are squares of the styles' numbers, times a half; styles are twice the latents."""

    contract = 2
    latent_size = NUMBERS
    style_shape = (1, NUMBERS)

    @dataclass(frozen=True, kw_only=True)
    class Options:
        pass

    def __init__(self) -> None:
        super().__init__(self.Options(), Spec(("pictures",), (Pictures(),), SIDE))
        self.strength = nn.Parameter(torch.tensor(0.5))

    def styles(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        return 2 * latents[:, None]

    def of_styles(self, styles: Tensor) -> Tensor:
        squares = (self.strength * styles[:, 0]).view(-1, 3, 4, 4)
        return squares.repeat_interleave(SIDE // 4, dim=2).repeat_interleave(SIDE // 4, dim=3)

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        return self.of_styles(self.styles(latents))


class Squared(LPIPS):
    """The mean squared difference in place of LPIPS."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x - y).double().square().mean((1, 2, 3))


@pytest.fixture
def sampler() -> Sampler:
    return Sampler(Linear())


def length(sampler: Sampler, **how) -> float:
    return path_length(sampler, Squared(), sampler.latent, lambda pair: None, pairs=5, **how)


@pytest.mark.parametrize("ends", [False, True])
def test_a_step_on_the_arc_is_as_long_as_its_angle_says(sampler: Sampler, ends: bool):
    """On a sphere of radius sqrt(48) a step of share e moves 48 numbers by sqrt(48) * angle * e together."""
    latents = [np.random.RandomState(seed).standard_normal(NUMBERS) for seed in range(10)]
    pairs = zip(latents[::2], latents[1::2], strict=True)
    angles = [np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs]
    # Steps of 1e-4 of numbers in float32 have three digits or four.
    assert length(sampler, ends=ends) == pytest.approx(np.mean(np.square(angles)), rel=1e-2)


@pytest.mark.parametrize("ends", [False, True])
def test_a_step_between_styles_is_on_the_line(sampler: Sampler, ends: bool):
    latents = [np.random.RandomState(seed).standard_normal(NUMBERS) for seed in range(10)]
    pairs = zip(latents[::2], latents[1::2], strict=True)
    expected = np.mean([np.mean((a - b) ** 2) for a, b in pairs])
    assert length(sampler, styles=True, ends=ends) == pytest.approx(expected, rel=1e-2)  # as above


def test_steps_begin_where_the_seed_says(sampler: Sampler):
    assert length(sampler, seed=1) == length(sampler, seed=1) != length(sampler, seed=2)
    assert length(sampler, seed=1, ends=True) == length(sampler, seed=2, ends=True)


def test_what_is_beside_the_face_does_not_count(sampler: Sampler):
    whole, middle = length(sampler, styles=True), length(sampler, styles=True, faces=True)
    latents = torch.cat([sampler.latent(seed) for seed in range(10)]).view(5, 2, 3, 4, 4)
    squares = (latents[:, 0] - latents[:, 1]).square().repeat_interleave(2, 2).repeat_interleave(2, 3)  # (5, 3, 8, 8)
    assert middle == pytest.approx(float(squares[:, :, 3:7, 2:6].mean()), rel=1e-2)  # as above
    assert middle != pytest.approx(whole, rel=0.02)


def test_the_face_and_boxes():
    images = torch.arange(64.0 * 64).view(1, 1, 64, 64)
    assert torch.equal(face(images), images[:, :, 24:56, 16:48])
    assert torch.equal(boxed(images, 32)[0, 0, 0, :2], torch.tensor([32.5, 34.5]))
    assert boxed(images, 64) is images
    assert boxed(images, 33) is images


def test_outliers_are_left_out():
    """Of 0 ... 199 and the percentiles' neighbours, 1 (of 1.99) and 198 (of 197.01), all between count."""
    assert trimmed_mean(np.arange(200.0)) == (99.5, 1, 198)
    assert trimmed_mean(np.array([1.0, 1.0, 1.0, 5000.0] * 1 + [1.0] * 196)) == (1.0, 1.0, 1.0)
    assert trimmed_mean(np.array([7.0])) == (7, 7, 7)


def test_arcs_keep_their_speed():
    one, other = torch.eye(3)[:1] * 5, torch.eye(3)[1:2] * 2
    for share, angle in ((0.0, 0.0), (0.5, np.pi / 4), (1.0, np.pi / 2)):
        expected = torch.tensor([[np.cos(angle), np.sin(angle), 0.0]], dtype=torch.float32)
        torch.testing.assert_close(unit_slerp(one, other, torch.tensor([share])), expected)


def test_lpips_of_vgg_sees_pictures_of_16_pixels(sampler: Sampler):
    network = LPIPS(VGG).requires_grad_(False)
    for head in network.heads:
        nn.init.constant_(head, 0.1)
    assert path_length(sampler, network, sampler.latent, lambda pair: None, pairs=2) > 0
