"""What pix2pix does when it translates, and colorization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from gantool_pix2pix import Pix2Pix, lab
from PIL import Image
from torch import Tensor

import gantool
from gantool.capabilities import abilities
from gantool.errors import UsageError
from gantool.export import session as export
from gantool.inference.engine import Engine
from gantool.model import Progress
from gantool.networks import evaluation_mode
from gantool.runs import checkpoint, folders
from gantool.spec import Direction
from gantool.training.run import TrainingRun
from tests.conftest import draw

A_TO_B = Direction("A", "B")
TINY = {"width": 4, "depth": 6, "d_width": 4, "d_layers": 1}


def model(**options) -> Pix2Pix:
    torch.manual_seed(0)
    o = Pix2Pix.Options(**TINY | {"init_gain": 0.2} | options)
    built = Pix2Pix(o, Pix2Pix.data(o).spec(("A", "B"), 64))
    for _ in range(2):  # running statistics that are not those of the pictures below
        built.train().g(noise(2, seed=9, channels=1 if o.colorization else o.channels_a) * 0.3)
    return built.eval()


def noise(count: int, seed: int = 0, channels: int = 3, size: tuple[int, int] = (64, 64)) -> Tensor:
    return torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def translated(built: Pix2Pix, images: Tensor, *seeds: float) -> Tensor:
    code = torch.tensor(seeds).view(-1, 1) if seeds else None
    with torch.no_grad():
        return built.translate(images, source=0, target=1, code=code)


# -- dropout that a seed decides


def test_half_of_the_values_are_kept_without_a_pattern():
    like = torch.empty(1, 16, 48, 52)
    masks = [
        evaluation_mode.kept(torch.tensor(seed).view(1, 1, 1, 1), layer, like)[0].float() * 2 - 1
        for seed in (0, 1, 2, 2**24 - 1)
        for layer in (0, 1, 5)
    ]
    noise_of = 5 / np.sqrt(like.numel())  # five standard deviations of a mean of fair signs
    for i, mask in enumerate(masks):
        assert abs(mask.mean()) < noise_of
        for other in masks[:i]:
            assert abs((mask * other).mean()) < noise_of
        flat = mask.flatten()
        for lag in (1, 2, 3, 51, 52, 53, 48 * 52):  # neighbours in a row, a column, and the next channel
            assert abs((flat[lag:] * flat[:-lag]).mean()) < noise_of


def test_masks_are_the_same_for_ever():
    """Results of weights that people have must not change: these are the masks of the first release."""
    mask = evaluation_mode.kept(torch.tensor([[[[7]]], [[[123456]]]]), 2, torch.empty(2, 2, 3, 4)).flatten(1)
    rows = ["".join("01"[int(bit)] for bit in row) for row in mask]
    assert rows == ["010010001110100011110001", "110001101000011110011111"]


def test_the_seed_decides_the_result_alone():
    built = model()
    assert built.code_size == 1
    x = noise(3)
    results = translated(built, x, 5, 6, 5)
    assert torch.equal(results, translated(built, x, 5, 6, 5))
    for i, seed in enumerate((5, 6, 5)):
        torch.testing.assert_close(translated(built, x[i : i + 1], seed)[0], results[i], rtol=0, atol=1e-5)
    assert (translated(built, x[:1], 5) - translated(built, x[:1], 6)).abs().max() > 0.01
    seeds = {built.random_code(1, torch.Generator().manual_seed(k)).item() for k in range(20)}
    assert len(seeds) == 20
    assert all(seed == int(seed) and 0 <= seed < evaluation_mode.SEEDS for seed in seeds)


def test_the_mean_code_drops_nothing():
    built, without = model(), model(test_dropout=False)
    assert without.code_size == 0
    x = noise(2)
    code = built.mean_code(1).expand(2, 1)
    assert torch.equal(translated(built, x, *code.flatten().tolist()), translated(without, x))
    assert not torch.equal(translated(built, x, 1, 1), translated(without, x))


@pytest.mark.parametrize("options", [{"dropout": False}, {"depth": 5}])
def test_a_generator_without_dropout_has_no_code(options):
    assert "code" not in abilities(model(**options))


def test_large_pictures_go_in_strips_only_where_nothing_is_dropped():
    settings = {"generator": "resnet", "blocks": 1, "norm": "instance"}
    assert not model(**settings).g.can_run_in_strips()
    assert model(**settings, test_dropout=False).g.can_run_in_strips()


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_half_precision_gives_about_the_same_picture(norm):
    built, pixels = model(norm=norm), np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    code = torch.tensor([[3.0]])
    whole, half = (
        Engine(built, precision=precision).translate([pixels], A_TO_B, codes=code)[0].astype(int)
        for precision in ("fp32", "bf16")
    )
    assert whole.std() > 10
    assert 0 < np.abs(whole - half).mean() < 0.05 * whole.std()


# -- statistics


@pytest.mark.parametrize("network", [{}, {"generator": "resnet", "blocks": 1}])
def test_a_picture_is_translated_with_its_own_statistics_as_the_authors_do(network):
    built = model(dropout=False, **network)
    before = {key: value.clone() for key, value in built.state_dict().items()}
    x = noise(2)
    ours = translated(built, x)
    assert all(torch.equal(value, before[key]) for key, value in built.state_dict().items())
    with torch.no_grad():  # their way: training mode, one picture at a time
        theirs = torch.cat([built.train().g(one[None]) for one in x])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_running_statistics_on_demand():
    own, running = model(test_dropout=False), model(test_dropout=False, test_norm="running")
    x = noise(2)
    assert (translated(own, x) - translated(running, x)).abs().max() > 0.01
    layer = running.g.down[1][2]
    (out,) = _output_of(layer, lambda: translated(running, x))
    mean, var = layer.running_mean.view(-1, 1, 1), layer.running_var.view(-1, 1, 1)
    given = (out - layer.bias.view(-1, 1, 1)) / layer.weight.view(-1, 1, 1) * (var + layer.eps).sqrt() + mean
    conv = running.g.down[1][:2](running.g.down[0](x))
    torch.testing.assert_close(given, conv, rtol=0, atol=1e-4)


def _output_of(layer: torch.nn.Module, call) -> list[Tensor]:
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, output: seen.append(output))
    call()
    handle.remove()
    return seen


# -- training


@pytest.mark.parametrize("gan", ["lsgan", "vanilla", "wgangp", "hinge", "kl"])
@pytest.mark.parametrize(
    "networks",
    [
        {"discriminator": "pixel", "norm": "instance"},
        {"d_layers": 2, "channels_a": 1},
        {"generator": "resnet", "blocks": 1, "norm": "none", "channels_b": 1, "penalty": 1.0},
    ],
)
def test_every_objective_trains_every_pair_of_networks(gan, networks):
    built = model(gan=gan, **networks).train()
    run = TrainingRun(built, built.optimizers())
    before = {key: value.clone() for key, value in built.named_parameters()}
    run.begin(Progress(0, 1), 1.0)
    for _ in run.batches():
        built.training_step({"A": noise(2, 1, built.spec.channels[0]), "B": noise(2, 2, built.spec.channels[1])}, run)
    run.end()
    assert np.isfinite(list(run.losses().values())).all()
    moved = {key.partition(".")[0] for key, value in built.named_parameters() if not torch.equal(value, before[key])}
    assert moved == {"g", "d"}


def test_with_a_hinge_g_goes_on_learning_where_its_pictures_pass():
    built = model(gan="hinge", l1=0.0).train()
    with torch.no_grad():
        list(built.d.parameters())[-1].fill_(5.0)  # far beyond the hinge
    run = TrainingRun(built, built.optimizers())
    before = [p.detach().clone() for p in built.g.parameters()]
    run.begin(Progress(0, 1), 1.0)
    for _ in run.batches():
        built.training_step({"A": noise(2, 1), "B": noise(2, 2)}, run)
    run.end()
    assert run.losses()["gan"] < -3
    assert not any(torch.equal(p, old) for p, old in zip(built.g.parameters(), before, strict=True) if p.dim() > 1)


def test_only_a_to_b(trained):
    translator = gantool.load(trained("pix2pix"), device="cpu")
    assert translator.engine.directions == (("A", "B"),)
    with pytest.raises(UsageError):
        translator.translate(Image.new("RGB", (64, 64)), to="A")


# -- the exported file


@pytest.mark.slow  # tracing takes 10 seconds; test_every_model.py compares an exported file's values
def test_the_exported_file_gives_the_same_8_bit_pictures(tmp_path):
    built = model()
    weights = {key: value for key, value in built.state_dict().items() if not key.startswith("d.")}
    folder = folders.save_folder(tmp_path / "run", 1)
    checkpoint.save(folder, checkpoint.facts_of_model(built, "pix2pix", 1, {}), weights=weights, state={})
    request = export.Request(weights=folder / folders.WEIGHTS, out=tmp_path / "model.onnx", image_io=True)
    export.start(export.plan(request))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for count, height, width in ((1, 64, 64), (3, 64, 128)):
        pixels = np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
        codes = torch.cat([built.random_code(1, torch.Generator().manual_seed(k)) for k in range(count)])
        inputs = zip((i.name for i in session.get_inputs()), (pixels, codes.numpy()), strict=True)
        theirs = session.run(None, dict(inputs))[0]
        ours = np.stack(
            [
                Engine(built).translate([one], A_TO_B, codes=code[None])[0]
                for one, code in zip(pixels, codes, strict=True)
            ]
        )
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        levels = (translated(built, images, *codes.flatten().tolist()).permute(0, 2, 3, 1).numpy() + 1) * 127.5
        # Sums in another order differ by 1e-4 of a level: that shows where a value is half-way between two levels.
        between = np.abs(levels - np.floor(levels) - 0.5) < 2e-3
        assert between.mean() < 0.01
        assert np.array_equal(ours[~between], theirs[~between])
        assert ours.std() > 10


# -- colorization


def test_lab_there_and_back():
    rgb = noise(1, size=(8, 8))
    torch.testing.assert_close(lab.join(*lab.split(rgb)), rgb, rtol=0, atol=2e-4)
    lightness, colour = lab.split(torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3))
    assert lightness.flatten().tolist() == pytest.approx([-1, 0.0678, 1], abs=1e-3)
    assert colour.abs().max() < 1e-3  # greys have no colour


def test_colorization_learns_from_one_folder_and_keeps_the_lightness(tmp_path):
    draw(tmp_path / "photos", 3, seed=1, size=64)
    run = gantool.train(
        "pix2pix",
        [tmp_path / "photos"],
        out=tmp_path / "run",
        preset="smoke",
        steps=2,
        workers=0,
        set={"colorization": "true"},
    )
    translator = gantool.load(run, device="cpu")
    assert translator.facts.spec.domains == ("grey", "colour")
    grey = Image.fromarray(np.random.default_rng(0).integers(90, 160, (40, 50), dtype=np.uint8))
    made = translator.translate(grey)
    assert (made.mode, made.size) == ("RGB", (50, 40))
    light = [lab.split(_unit(picture))[0] for picture in (grey.convert("RGB"), made)]
    assert (light[0] - light[1]).abs().mean() < 0.005  # not everywhere: some colours are none of sRGB's
    assert (lab.split(_unit(made))[1].abs().max()) > 1e-3


def _unit(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].double() / 127.5 - 1


def test_colorization_reads_colour_pictures_alone(tmp_path: Path):
    with pytest.raises(ValueError, match="channels_a"):
        Pix2Pix.Options(colorization=True, channels_a=1)
