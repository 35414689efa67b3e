"""ALI: samples, latents of pictures, reconstructions, ways between pictures, and how its training begins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gantool_ali import ALI
from gantool_ali.networks import BatchNorm
from PIL import Image

import gantool as package
from gantool.errors import DataError
from gantool.export.sampling import parts
from gantool.model import Progress
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"latent": 6, "widths": (4, 4, 8, 8, 8), "z_widths": (8,), "joint_widths": (16,)}


def model(size: int = 32, **options) -> ALI:
    torch.manual_seed(0)
    chosen = ALI.Options(**TINY | options)
    return ALI(chosen, ALI.data(chosen).spec(("faces",), size))


def pictures(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def begun(ali: ALI, step: int = 0) -> TrainingRun:
    run = TrainingRun(ali.train(), ali.optimizers())
    run.begin(Progress(step, 10), 1.0)
    return run


@pytest.fixture(scope="module")
def run(trained):
    return trained("ali")


def test_a_folder_is_reconstructed_without_a_word_of_domains(run, main, tmp_path):
    draw(tmp_path / "in", 2, seed=5)  # of 40 x 40
    _, _, said = main("translate", "--model", run, "in", "out", code=1)
    assert "these weights take pictures of 32x32 only" in said
    main("translate", "--model", run, "in", "out", "--size", "32")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["00.png", "01.png"]
    with Image.open(tmp_path / "out" / "00.png") as made:
        assert made.size == (32, 32)


def test_a_reconstruction_is_the_picture_of_the_latent_that_is_found(run):
    of = package.load(run, device="cpu")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    latents = of.sampler.invert(np.asarray(picture))
    assert latents.shape == (1, 6)
    (of_latent,) = of.sampler.pictures(latents)
    assert np.array_equal(np.asarray(of.translate(picture)), of_latent)
    with pytest.raises(DataError, match="32x32 only"):
        of.translate(picture.resize((40, 32)))


def test_a_way_between_pictures_begins_and_ends_with_what_is_made_of_them(run, main, tmp_path):
    draw(tmp_path / "in", 2, seed=5)
    words = ["sample", "interpolate", "in/00.png", "in/01.png", "way", "--steps", "2", "--model", run]
    for given, says in ((["--text", "a bird"], "leave out --text"), (["--truncation", "0.5"], "has no truncation")):
        _, _, err = main(*words, *given, code=2)
        assert says in err
    main(*words)
    made = [np.asarray(Image.open(path)).astype(int) for path in sorted((tmp_path / "way").glob("*.png"))]
    assert len(made) == 3
    main("translate", "--model", run, "in", "out", "--size", "32")
    ends = [np.asarray(Image.open(path)).astype(int) for path in sorted((tmp_path / "out").glob("*.png"))]
    # The two verbs resize the pictures with filters of their own.
    near = max(np.abs(made[0] - ends[0]).mean(), np.abs(made[2] - ends[1]).mean())
    assert near < 0.25 * np.abs(made[0] - made[2]).mean()


def test_samples_of_a_training_show_reconstructions_and_pictures_of_noise(run):
    with Image.open(sorted((run / "samples").glob("*.png"))[-1]) as sheet:
        shown = np.asarray(sheet.convert("RGB"))
    sampler = package.load(run, device="cpu").sampler
    (made,) = sampler.pictures(sampler.latent(0))
    corners = np.argwhere((shown[:-31, :-31] == made[0, 0]).all(axis=2))
    assert any(np.array_equal(shown[y : y + 32, x : x + 32], made) for y, x in corners)


def test_both_ways_can_be_exported_by_themselves():
    ali = model().eval()
    graphs = parts(ali)
    assert graphs.keys() == {"sample", "invert"}
    with torch.no_grad():
        assert torch.equal(graphs["invert"].module(pictures()), ali.invert(pictures()))
        assert torch.equal(graphs["sample"].module(ali.latent(3)), ali.sample(ali.latent(3)))


def test_the_encoder_draws_in_training_and_bigan_s_does_not():
    x = (pictures() + 1) / 2
    for random, ali in ((True, model()), (False, model(random_encoder=False))):
        run = begun(ali.eval())
        ali.eval()
        one, other = ali.drawn(x, run), ali.drawn(x, run)
        assert torch.equal(one, other) != random
        assert torch.equal(ali.invert(pictures()), model(random_encoder=False).eval().drawn(x, run))


def test_a_decoder_begins_with_the_mean_picture_and_goes_on_from_what_it_knows():
    ali, x = model(), pictures()
    run = begun(ali)
    ali.training_step({"image": x}, run)
    mean = ((x + 1) / 2).mean(0).clamp(0.01, 0.99)
    torch.testing.assert_close(ali.decoder.bias.b.sigmoid(), mean, rtol=0, atol=1e-3)  # and one step of Adam
    known = ali.decoder.bias.b.detach().clone()
    run = begun(ali)
    ali.training_step({"image": -x}, run)
    torch.testing.assert_close(ali.decoder.bias.b, known, rtol=0, atol=1e-3)


def test_running_variances_are_those_of_batches_not_of_what_they_estimate():
    norm, x = BatchNorm(2), torch.randn(3, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    norm.train()(x)
    torch.testing.assert_close(norm.running_var, 0.95 + 0.05 * x.var((0, 2, 3), correction=0))


def test_the_discriminator_loses_pictures_and_latents_in_training_alone():
    ali = model(dropout=0.5)
    seen: list[torch.Tensor] = []
    for part in (ali.discriminator.x, ali.discriminator.z, ali.discriminator.joint):
        part[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x, z = torch.ones(2, 3, 32, 32), torch.ones(2, 6)
    for training in (True, False):
        seen.clear()
        ali.discriminator.train(training)(x, z)
        assert [bool((part == 0).any()) for part in seen[:2]] == [training] * 2
    assert float(seen[0].mean()) == 1


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="squares of 64 or 32 pixels, not 48"):
        model(48)
    with pytest.raises(ValueError, match="widths are 5 numbers, not 3"):
        ALI.Options(widths=(1, 2, 3))
