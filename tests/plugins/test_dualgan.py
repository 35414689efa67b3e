"""DualGAN beyond what every model does: its optimiser, who learns how often, clipping, noise, the innermost norm."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from gantool_dualgan import OBJECTIVES, DualGAN
from gantool_dualgan.networks import DISCRIMINATORS
from gantool_dualgan.norms import InnermostNorm
from gantool_dualgan.rmsprop import RMSprop
from torch import Tensor, nn

import gantool
from gantool.capabilities import abilities
from gantool.errors import UsageError
from gantool.model import Progress
from gantool.networks.norms import AffineInstanceNorm
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"width": 2, "depth": 4, "d_width": 2}


def model(size: int = 64, **options) -> DualGAN:
    torch.manual_seed(0)
    o = DualGAN.Options(**TINY | options)
    return DualGAN(o, DualGAN.data(o).spec(("A", "B"), size))


def pictures(count: int = 1, size: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Counting(TrainingRun):
    """A run that counts the updates of each step."""

    def update(self, *names: str, clip: float | None = None) -> None:
        super().update(*names, clip=clip)
        self.counts.update(names)


def updates(dual: DualGAN, steps: int, size: int = 64) -> list[dict[str, int]]:
    run, found = Counting(dual, dual.optimizers()), []
    for step in range(steps):
        run.counts = Counter()
        run.begin(Progress(step, steps), 1.0)
        for _ in run.batches():
            dual.training_step({"A": pictures(size=size, seed=1), "B": pictures(size=size, seed=2)}, run)
        run.end()
        found.append(dict(run.counts))
    assert np.isfinite(list(run.losses().values())).all()
    return found


def test_rmsprop_begins_with_mean_squares_of_1_and_has_epsilon_inside_the_root():
    w = nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
    optimizer = RMSprop([w], lr=0.5, decay=0.9, epsilon=0.01)
    square, expected = np.ones(2), np.ones(2)
    for gradient in ([2.0, 0.0], [0.1, 3.0]):
        w.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        square = 0.9 * square + 0.1 * np.square(gradient)
        expected = expected - 0.5 * np.array(gradient) / np.sqrt(square + 0.01)
        np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(optimizer.state[w]["square_avg"].numpy(), square, rtol=1e-14)


def test_rmsprop_leaves_a_step_out_that_is_not_finite():
    w = nn.Parameter(torch.ones(2))
    optimizer = RMSprop([w], lr=0.5)
    w.grad = torch.tensor([float("nan"), 1.0])
    optimizer.found_inf = torch.ones(())
    optimizer.step()
    assert w.tolist() == [1, 1]
    assert optimizer.state[w]["square_avg"].tolist() == [1, 1]
    optimizer.found_inf = torch.zeros(())
    w.grad = torch.ones(2)
    optimizer.step()
    assert w.tolist() == [0.5, 0.5]


def test_generators_learn_twice_from_the_same_pictures_under_cross_entropy():
    assert updates(model(gan="vanilla"), 2) == [{"D": 1, "G": 2}] * 2


@pytest.mark.parametrize("gan", ["wgan", "wgangp"])
def test_generators_learn_in_every_nth_step_of_a_wgan(gan):
    """The authors number the first step 2."""
    both, one = {"D": 1, "G": 1}, {"D": 1}
    assert updates(model(gan=gan), 2) == [both, both]
    assert updates(model(gan=gan, n_critic=3), 5) == [one, both, one, one, both]


def largest(network: nn.Module) -> float:
    return max(p.abs().max().item() for p in network.parameters())


def test_a_wgan_clips_its_discriminators_and_others_do_not():
    clipped, penalised = model(gan="wgan", clip=0.005), model(gan="wgangp")
    for dual in (clipped, penalised):
        updates(dual, 1)
    assert largest(clipped.d_a) == pytest.approx(0.005)
    assert min(largest(clipped.g_ab), largest(penalised.d_a)) > 0.5


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
@pytest.mark.parametrize("gan", OBJECTIVES)
def test_every_discriminator_learns_with_every_objective(discriminator, gan):
    dual = model(gan=gan, discriminator=discriminator, kernel=5, cycle="l2")
    shapes = {"whole": (1, 1), "patch": (1, 1, 1, 1), "patch2017": (1, 1, 8, 8)}
    assert dual.d_a(pictures()).shape == shapes[discriminator]
    updates(dual, 1)


@torch.no_grad()
def test_dropout_is_noise_that_a_seed_decides_also_in_translation():
    dual = model(dropout=True).eval()
    assert abilities(dual) == {"translate", "code"}
    x, drawn = pictures(), [torch.tensor([[float(seed)]]) for seed in (1, 2)]
    one, other, none = (dual.translate(x, source=0, target=1, code=code) for code in (*drawn, dual.mean_code(1)))
    assert torch.equal(one, dual.translate(x, source=0, target=1, code=drawn[0]))
    assert not torch.equal(one, other)
    assert torch.equal(none, dual.g_ab(x))
    drops = [name for name, module in dual.g_ab.named_modules() if isinstance(module, nn.Dropout)]
    assert drops == ["up.1.3", "up.2.3", "up.3.3"]
    assert abilities(model()) == {"translate"}


def test_sides_need_not_divide_by_a_whole_discriminators_strides():
    dual = model(size=48)
    assert dual.d_a.head.in_features == 16 * 2 * 2
    updates(dual, 1, size=48)


def test_an_innermost_map_of_one_value_keeps_nothing_of_the_picture():
    """As in the authors' network at 256 pixels: its shift is left, and the layers before it have no gradients."""
    dual = model(size=64, depth=6)
    out: list[Tensor] = []
    dual.g_ab.down[5].register_forward_hook(lambda module, inputs, output: out.append(output))
    dual.g_ab(pictures(2)).sum().backward()
    assert out[0].shape == (2, 16, 1, 1)
    assert torch.equal(out[0][0], dual.g_ab.down[5][2].bias.view(-1, 1, 1))
    assert not dual.g_ab.down[5][1].weight.grad.any()
    assert dual.g_ab.down[4][1].weight.grad.any(), "skips go round it"
    updates(dual, 1)


def test_the_innermost_norm_is_an_instance_norm():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64) * 3 + 2
    ours, known = InnermostNorm(3, 1e-6).double(), AffineInstanceNorm(3, 1e-6).double()
    for parameter in (*ours.parameters(), *known.parameters()):
        nn.init.normal_(parameter)
    known.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(x), known(x), rtol=1e-12, atol=1e-12)


def test_a_whole_discriminator_is_bound_to_its_crops(tmp_path):
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    options = {"preset": "smoke", "steps": 1, "workers": 0}
    with pytest.raises(UsageError, match="at least 48 pixels, in multiples of 16, not 40"):
        gantool.train("dualgan", data, out=tmp_path / "odd", size=40, crop=40, **options)
    with pytest.raises(UsageError, match="choose a preprocess that crops"):
        gantool.train("dualgan", data, out=tmp_path / "free", preprocess="none", **options)
    set_ = {"discriminator": "patch2017"}
    assert gantool.train("dualgan", data, out=tmp_path / "run", size=48, crop=32, set=set_, **options)


def test_kernels_are_odd():
    with pytest.raises(ValueError, match="odd sides"):
        DualGAN.Options(kernel=4)


def test_weights_begin_as_the_authors_do():
    dual = model(size=64, width=16, d_width=16)
    conv, transposed, linear = dual.g_ab.down[2][1].weight, dual.g_ab.up[2][1].weight, dual.d_a.head.weight
    assert conv.abs().max() <= 0.04
    assert transposed.abs().max() > 0.04
    # Cut at two deviations, 0.02 becomes 0.0176.
    for weight, deviation in ((conv, 0.0176), (transposed, 0.02), (linear, 0.02)):
        assert weight.std().item() == pytest.approx(deviation, rel=0.08)
    scales = torch.cat([m.weight for m in dual.g_ab.modules() if isinstance(m, AffineInstanceNorm)])
    assert (scales.mean().item(), scales.std().item()) == (pytest.approx(1, abs=0.01), pytest.approx(0.02, rel=0.2))
