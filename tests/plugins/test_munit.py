"""MUNIT: what its styles do, blank pictures, sizes, options. Its mathematics is compared in tests/parity."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gantool_munit.base import by_name
from gantool_munit.layers import ACTIVATIONS, NORMS
from gantool_munit.munit import MUNIT
from gantool_munit.perceptual import perceptual_loss
from safetensors.torch import save_file
from torch import Tensor

import gantool
from gantool.errors import CheckpointError
from gantool.model import Progress
from gantool.networks.norms import DeviationLayerNorm
from gantool.networks.resnet import PADDINGS
from gantool.networks.spectral import SpectralConv2d
from gantool.networks.vgg import VGG16
from gantool.runs import checkpoint, folders
from gantool.spec import Spec
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {
    "width": 4,
    "blocks": 2,
    "style": 3,
    "mlp_width": 8,
    "d_width": 4,
    "d_layers": 2,
    "scales": 2,
}


def build(kind=MUNIT, **options):
    torch.manual_seed(0)
    known = {key: value for key, value in TINY.items() if hasattr(kind.Options(), key)}
    chosen = kind.Options(**{**known, **options})
    return kind(chosen, Spec(("A", "B"), chosen.kinds, 32))


def picture(seed: int, side: int = 32, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def train(model, batches: list[dict[str, Tensor]]) -> tuple[dict[str, float], TrainingRun]:
    """A step for each batch, none of them skipped: the mean losses and the run."""
    run = TrainingRun(model.train(), model.optimizers())
    for step, batch in enumerate(batches):
        run.begin(Progress(step, len(batches)), 1.0)
        for _ in run.batches():
            model.training_step(batch, run)
        run.end()
    assert run.skipped_in_a_row() == 0
    return run.losses(), run


def largest_second_moment(run: TrainingRun) -> float:
    return max(
        state["exp_avg_sq"].max().item() for optimizer in run.optimizers.values() for state in optimizer.state.values()
    )


def assert_survives_blank_pictures(kind, **options) -> None:
    """Every third pair has blank pictures, from black to white. Adam's second moments have to stay of use: one step of
    gradients that are 1000 times as large would slow training down for more than 10,000 steps."""
    blank = [torch.full((1, 3, 16, 16), value) for value in (-1.0, -0.3, 0.0, 0.7, 1.0)]
    batches = []
    for i in range(21):
        a, b = picture(2 * i, 16), picture(2 * i + 1, 16)
        if i % 3 == 1:
            a, b = blank[i % 5], (blank[(i + 2) % 5] if i % 2 else b)
        batches.append({"A": a, "B": b})
    model = build(kind, **options)
    losses, run = train(model, batches)
    assert all(abs(value) < 1e3 for value in losses.values())
    assert all(torch.isfinite(p).all() for p in model.parameters())
    _, undisturbed = train(build(kind, **options), [batches[i] for i in (0, 2, 3, 5)])
    assert largest_second_moment(run) < 100 * largest_second_moment(undisturbed)


@pytest.mark.parametrize("d_norm", ["none", "instance"])
def test_blank_pictures_leave_training_as_it_was(d_norm: str) -> None:
    assert_survives_blank_pictures(MUNIT, cycle=10.0, d_norm=d_norm)


def test_a_blank_picture_in_a_batch_takes_nothing_from_the_others() -> None:
    x, blank = picture(1), torch.ones(1, 3, 32, 32)
    for batch, expected in ((torch.cat([x, blank]), True), (blank, False)):
        model = build(activation="lrelu")
        content = model.g_a.content(batch)
        (content[0] * torch.linspace(-1, 1, content[0].numel()).view_as(content[0])).sum().backward()
        gradient = model.g_a.content.down[0].conv.weight.grad
        assert (gradient.abs().max() > 1e-4) == expected
        assert torch.isfinite(gradient).all()


def test_styles() -> None:
    model = build().eval()
    x, in_b = picture(1), picture(2)
    with torch.no_grad():
        code = model.encode(in_b, domain=1)
        assert code.shape == (1, 3) == (1, model.code_size)
        assert not torch.equal(code, model.encode(in_b, domain=0))
        generator = torch.Generator().manual_seed(5)
        drawn = [model.random_code(1, generator) for _ in range(2)]
        made = [model.translate(x, source=0, target=1, code=each) for each in (code, *drawn)]
        # Codes of a batch belong to its pictures, one to one.
        both = model.translate(torch.cat([x, in_b]), source=0, target=1, code=torch.cat(drawn))
    assert all((one - other).abs().max() > 1e-3 for one, other in ((made[0], made[1]), (made[1], made[2])))
    assert (both[:1] - made[1]).abs().max() < 1e-5
    assert (both[1:] - made[2]).abs().max() > 1e-3


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("place", range(len(ACTIVATIONS)))
def test_every_choice_trains(padding: str, place: int) -> None:
    model = build(
        padding=padding,
        activation=ACTIVATIONS[place],
        d_padding=PADDINGS[place % 3],
        d_activation=ACTIVATIONS[-place],
        d_norm=NORMS[place % 5],
        gan=("lsgan", "vanilla")[place % 2],
        init=("kaiming", "normal", "xavier", "orthogonal")[place % 4],
        blocks=1,
    )
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    losses, _ = train(model, [{"A": picture(1), "B": picture(2)}])
    assert all(abs(value) < 1e3 for value in losses.values())
    moved = [not torch.equal(p, before[key]) for key, p in model.named_parameters() if key.endswith("weight")]
    assert all(moved)
    with torch.no_grad():
        made = model.translate(picture(1), source=0, target=1, code=model.mean_code(1))
        assert made.shape == (1, 3, 32, 32)


def test_losses_that_have_no_weight_are_not_computed() -> None:
    batch = {"A": picture(1), "B": picture(2)}
    without, _ = train(build(), [batch])
    cycle, _ = train(build(cycle=10.0), [batch])
    assert cycle.keys() - without.keys() == {"cycle_a", "cycle_b"}
    assert cycle["g"] == pytest.approx(without["g"] + 10 * (cycle["cycle_a"] + cycle["cycle_b"]), rel=1e-5)


def test_domains_of_other_channels_and_sizes() -> None:
    model = build(channels_a=1, cycle=10.0)
    losses, _ = train(model, [{"A": picture(1, 32, channels=1), "B": picture(2, 48)}])
    assert "cycle_a" in losses
    with torch.no_grad():
        made = model.translate(picture(2), source=1, target=0, code=model.mean_code(0))
        assert made.shape == (1, 1, 32, 32)


@pytest.mark.parametrize("options", [{}, {"d_norm": "instance"}, {"d_layers": 3, "scales": 3}, {"d_norm": "batch"}])
def test_the_smallest_crop_is_the_smallest(options: dict) -> None:
    model = build(downsample=0, blocks=1, **options)
    least = model.crops.minimum
    assert model.crops.fit(least, least) == model.sizes.fit(least, least) == (least, least)
    train(model, [{"A": picture(1, least), "B": picture(2, least)}])
    if least > 16:  # the style encoder's least
        with pytest.raises((RuntimeError, ValueError)):
            train(model, [{"A": picture(1, least - 1), "B": picture(2, least - 1)}])
    assert MUNIT(MUNIT.Options(width=1, d_width=1), model.spec).crops.minimum == 64  # 61, as a multiple of 4


@pytest.mark.parametrize("downsample", [0, 1, 2, 4])
def test_the_smallest_picture(downsample: int) -> None:
    model = build(downsample=downsample, blocks=1).eval()
    height, width = model.sizes.fit(1, 17)
    x = torch.rand(1, 3, height, width)
    with torch.no_grad():
        code = model.encode(x, domain=1)
        assert model.translate(x, source=0, target=1, code=code).shape == x.shape


def test_the_rate_is_halved_every_so_many_steps() -> None:
    rates = {
        at: [build(lr_at=at).rate_factor(Progress(step, 1)) for step in (0, 99_999, 100_000, 200_000)]
        for at in ("end", "start")
    }
    assert rates == {"end": [1, 1, 0.5, 0.25], "start": [1, 0.5, 0.5, 0.25]}
    assert build(lr_policy="constant").rate_factor(Progress(10**6, 1)) == 1


def test_layer_norm_in_half_precision_and_far_from_zero() -> None:
    norm = DeviationLayerNorm(8).double()
    x = (torch.randn(2, 8, 96, 96, generator=torch.Generator().manual_seed(0)) * 30 + 1000).double()
    exact = norm(x)
    assert (norm.float()(x.float()) - exact).abs().max() < 1e-3  # float32 itself has 1e-4 steps at 1000
    half = norm(x.half())  # the sum of squares is 10^12, half precision ends at 65504
    assert half.dtype == torch.float16
    assert (half - norm(x.half().float())).abs().max() < 5e-3
    blank = torch.full((1, 8, 4, 4), 0.3, requires_grad=True)
    norm(blank).sum().backward()
    assert torch.isfinite(blank.grad).all()


def test_spectral_norm_keeps_the_gradient_of_its_own_pass() -> None:
    """Two passes before a backward pass: the first one's gradient must not use what the second left behind."""
    torch.manual_seed(0)
    layer = SpectralConv2d(3, 5, 4, 2, evaluation="moves")
    u = layer.u.clone()
    one, two = picture(1), picture(2)
    layer(one).sum().backward()
    alone, layer.weight.grad = layer.weight.grad, None
    layer.u.copy_(u)
    first = layer(one)
    layer(two)
    first.sum().backward()
    assert torch.equal(layer.weight.grad, alone)
    for _ in range(100):
        layer(one)
    largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
    assert (layer.weight / largest - layer.weight / (layer.u @ layer.weight.flatten(1) @ layer.v)).abs().max() < 1e-5


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory) -> Path:
    """A file with the authors' names."""
    torch.manual_seed(0)
    network = VGG16()
    for layer in network.children():
        torch.nn.init.kaiming_normal_(layer.weight)
    file = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    save_file(network.state_dict(), file)
    return file


def test_the_perceptual_loss_and_whose_weights_they_are(vgg_file: Path, tmp_path: Path) -> None:
    batch = {"A": picture(1), "B": picture(2)}
    without, _ = train(build(), [batch])
    model = build(vgg=str(vgg_file), perceptual=3.0)
    assert model.vgg is None
    model.prepare_training()
    weights = {key: value.clone() for key, value in model.vgg.state_dict().items()}
    losses, _ = train(model, [batch])
    assert losses.keys() - without.keys() == {"vgg_a", "vgg_b"}
    assert losses["g"] == pytest.approx(without["g"] + 3 * (losses["vgg_a"] + losses["vgg_b"]), rel=1e-5)
    x_ba, x_b, x_ab, x_a = (picture(seed) for seed in range(4))
    found = by_name(model.perceptual(x_ba, x_b, x_ab, x_a))  # a translation against what it is a translation of
    assert torch.equal(found["vgg_a"], perceptual_loss(model.vgg, x_ba, x_b))
    assert torch.equal(found["vgg_b"], perceptual_loss(model.vgg, x_ab, x_a))
    assert all(torch.equal(value, weights[key]) for key, value in model.vgg.state_dict().items())
    assert all(p.grad is None for p in model.vgg.parameters())


def test_a_run_with_the_perceptual_loss_translates_without_the_file(vgg_file: Path, tmp_path: Path) -> None:
    data = [draw(tmp_path / name, 3, seed=seed) for seed, name in enumerate(("trainA", "trainB"))]
    moved = tmp_path / "vgg16.safetensors"
    moved.write_bytes(vgg_file.read_bytes())
    run = gantool.train(
        "munit", data, out=tmp_path / "run", preset="smoke", steps=1, workers=0, set={"vgg": str(moved)}
    )
    moved.unlink()
    for file in (folders.WEIGHTS, folders.STATE):
        assert not [key for key in checkpoint.read(folders.saves(run)[-1] / file)[1] if "vgg" in key]
    assert gantool.load(run, device="cpu").domains == ("A", "B")


def test_vgg_files_that_are_something_else(tmp_path: Path) -> None:
    file = tmp_path / "vgg.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, file)
    with pytest.raises(CheckpointError, match=r"conv1_1.weight is missing.*torchvision's expect other colours"):
        build(vgg=str(file)).prepare_training()
    with pytest.raises(CheckpointError, match="cannot read"):
        build(vgg=str(tmp_path / "nothing.pth")).prepare_training()
    with pytest.raises(ValueError, match="RGB"):
        build(vgg=str(file), channels_a=1)


def test_the_commands_give_many_translations_and_a_given_style(main, trained, unpaired_pictures, tmp_path) -> None:
    run, data = trained("munit"), unpaired_pictures
    words = ["translate", "--model", run, "--device", "cpu"]
    main(*words, "-n", "2", data[0] / "00.png", tmp_path / "many")
    assert len(list((tmp_path / "many").glob("*.png"))) == 2
    main(*words, "--style", data[1] / "01.png", data[0] / "00.png", tmp_path / "one")
    assert len(list((tmp_path / "one").glob("*.png"))) == 1
