"""`gantool sample project`: the latent that gives a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gantool as package
from gantool.sampling.projection import noise_regularisation, normalised, pixel_distance, project


@pytest.fixture(scope="module")
def plain(trained) -> Path:
    return trained("dcgan")


def test_a_picture_of_the_model_is_found_again(plain):
    sampler = package.load(plain).sampler
    target = sampler.images(sampler.latent(5))
    distances: list[float] = []
    found = project(sampler.model, target, steps=60, advance=distances.append)
    assert len(distances) == 60
    assert distances[-1] < 0.2 * distances[0]
    assert pixel_distance(sampler.images(found), target) < 0.2 * pixel_distance(sampler.images(0 * found), target)


def test_it_writes_a_latent_and_what_that_gives(main, plain, tmp_path):
    Image.new("RGB", (50, 40), "red").save(tmp_path / "red.png")
    _, _, err = main("sample", "project", "--model", plain, "red.png", "red.npz", code=2)
    assert "red.png exists already" in err or "gantool did not write it" in err
    main("sample", "project", "--model", plain, "red.png", "new/found.npz", "--steps", 3)
    main("sample", "--model", plain, "--code", "new/found.npz", "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "new/found.png").read_bytes()
    assert np.load(tmp_path / "new/found.npz")["z"].shape == (1, package.load(plain).facts.latent_size)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["red.png", "found.txt"], 2, "goes into a .npz file"),
        (["none.png", "found.npz"], 3, "none.png"),
        (["red.png", "found.npz", "--to", "red"], 2, "makes one kind of picture"),
        (["red.png", "found.npz", "--seed", 10**30], 2, "--seed is 0 to 4294967295, not 1000000000"),
        (["red.png"], 2, "where to?"),
    ],
)
def test_a_wrong_word_is_answered(main, plain, tmp_path, words, code, says):
    Image.new("RGB", (50, 40), "red").save(tmp_path / "red.png")
    _, _, err = main("sample", "project", "--model", plain, *words, code=code)
    assert says in err


def test_a_picture_of_a_class_needs_its_name(main, trained, tmp_path):
    Image.new("RGB", (50, 40), "red").save(tmp_path / "red.png")
    classes = trained("dcgan", set={"classes": True})
    _, _, err = main("sample", "project", "--model", classes, "red.png", "found.npz", code=2)
    assert "say with --to of which" in err
    main("sample", "project", "--model", classes, "red.png", "found.npz", "--to", "red", "--steps", 2)


def test_maps_of_noise_are_kept_noise():
    noise = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(-1, 1, 32).expand(32, 32)
    assert noise_regularisation(normalised(noise)) < 0.1 * noise_regularisation(normalised(ramp))
    assert normalised(5 + 3 * noise).mean().abs() < 1e-5
    assert normalised(5 + 3 * noise).square().mean() == pytest.approx(1, abs=1e-4)
