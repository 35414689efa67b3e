"""AGGAN beyond what every model does: its two stages, and masks that are results."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gantool_aggan import AGGAN
from gantool_aggan.networks import Attention
from PIL import Image

import gantool as package
from gantool.inference.engine import Engine
from gantool.model import Progress
from gantool.networks.strips import InStrips
from gantool.spec import Direction, Pictures, Spec
from gantool.training.run import TrainingRun
from tests.conftest import draw
from tests.memory import most_held
from tests.runs import save

TINY = {"width": 4, "blocks": 1, "d_width": 4}
SPEC = Spec(("A", "B"), (Pictures(), Pictures()), 32)


def built(**options) -> AGGAN:
    torch.manual_seed(0)
    return AGGAN(AGGAN.Options(**{**TINY, **options}), SPEC)


def drawn(seed: int, size: int = 32) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def step(model: AGGAN, schedule: float) -> AGGAN:
    """The model after one step at this place of its schedule."""
    run = TrainingRun(model, model.optimizers())
    run.begin(Progress(0, 1, schedule=schedule), 1.0)
    for _ in run.batches():
        model.training_step({"A": drawn(1), "B": drawn(2)}, run)
    run.end()
    assert all(np.isfinite(list(run.losses().values())))
    return model


def moved(model: AGGAN, schedule: float) -> set[str]:
    """The networks that a step at this place changes; of a discriminator, its norms by themselves."""
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    step(model, schedule)
    changed = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    return {key.split(".")[0] + (".norm" if key[:2] == "d_" and "norm" in key else "") for key in changed}


def with_mask(model: AGGAN, value: float) -> AGGAN:
    """The model, whose masks have this value everywhere."""
    for attention in (model.attention_a, model.attention_b):
        torch.nn.init.zeros_(attention.c6.conv.weight)
        torch.nn.init.constant_(attention.c6.conv.bias, torch.tensor(value, dtype=torch.float64).logit().item())
    return model


def test_attention_learns_until_the_switch_and_is_frozen_from_then_on():
    generators, judges = {"g_ab", "g_ba"}, {"d_a", "d_b"}
    first = generators | judges | {"attention_a", "attention_b", "d_a.norm", "d_b.norm"}
    assert moved(built(switch=30), 29.99) == first
    assert moved(built(switch=30, threshold=0), 30) == generators | judges, "the norms rest, too"


def test_a_guided_discriminator_sees_nothing_outside_the_mask():
    model = with_mask(built(threshold=0.1), 0.05)
    pooled = torch.cat([drawn(3), torch.full((1, 1, 32, 32), 0.05)], dim=1)
    guided = [model.discriminator_loss(0, drawn(seed), pooled, True).item() for seed in (1, 2)]
    assert guided[0] == guided[1]
    whole = [model.discriminator_loss(0, drawn(seed), pooled, False).item() for seed in (1, 2)]
    assert whole[0] != whole[1]


def test_a_pooled_picture_is_judged_within_its_own_mask():
    model = built(threshold=0.1)
    ((_, mask),) = model.attended(0, drawn(1))
    step(model, 0)
    (stored,) = model.pool_b.images
    assert stored.shape == (1, 4, 32, 32)
    assert torch.allclose(stored[:, 3:], mask), "a step keeps the mask of the picture that it translates"
    for p in model.d_b.parameters():
        p.data *= 10
    pooled = [torch.cat([stored[:, :3], torch.full((1, 1, 32, 32), value)], dim=1) for value in (0.05, 0.15, 0.9)]
    unseen, seen, also_seen = (model.discriminator_loss(1, drawn(2), one, True).item() for one in pooled)
    assert unseen != seen == also_seen


def test_where_the_mask_is_0_a_picture_stays_what_it_is(tmp_path):
    save(tmp_path / "run", with_mask(built(), 1e-9), "aggan")
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (45, 38, 3), dtype=np.uint8))
    translator = package.load(tmp_path / "run", device="cpu")
    for target in "BA":
        assert translator.translate(picture, to=target).tobytes() == picture.tobytes()


def test_masks_are_written_beside_the_results_as_they_are(main, tmp_path):
    save(tmp_path / "run", with_mask(built(), 0.25), "aggan")
    pictures = draw(tmp_path / "in", 2, seed=3, size=50)
    main("translate", "-m", tmp_path / "run", "--to", "B", pictures, tmp_path / "out", "--attention", tmp_path / "maps")
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {"00.mask.png", "01.mask.png"}
    for path in (tmp_path / "maps").iterdir():
        mask = Image.open(path)
        assert (mask.mode, mask.size) == ("L", (50, 50))
        assert set(np.unique(np.asarray(mask))) == {64}, "nothing is stretched"


@pytest.mark.parametrize(("fine", "block"), [(False, 4), (True, 1)])
def test_masks_are_of_blocks_or_of_single_pixels(fine, block):
    model = built(fine=fine)
    (mask,) = model.attention(drawn(1, 40), source=0, target=1).values()
    assert mask.shape == (1, 1, 40, 40)
    blocks = mask.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    assert bool((blocks == blocks[..., :1]).all()) == (block == 4)
    assert len(mask.unique()) > 50
    assert "attention_a" in moved(model, 0)


def test_each_domain_has_its_own_attention():
    model = built()
    of_a, of_b = (model.attention(drawn(1), source=source, target=1 - source)["mask"] for source in (0, 1))
    assert torch.equal(of_a, model.attention_a(drawn(1)))
    assert torch.equal(of_b, model.attention_b(drawn(1)))


def test_the_export_gives_the_picture_and_its_mask():
    model = built().eval()
    x = drawn(1, 40)
    for direction, source in ((Direction("A", "B"), 0), (Direction("B", "A"), 1)):
        with torch.no_grad():
            picture, mask = model.translation(direction)(x)
            assert torch.equal(picture, model.translate(x, source=source, target=1 - source))
            assert torch.equal(mask, model.attention(x, source=source, target=1 - source)["mask"])


@pytest.mark.parametrize("rows", [4, 12, 100])
@pytest.mark.parametrize("fine", [False, True])
def test_strips_give_the_whole_picture(fine, rows):
    model = built(fine=fine).double().eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    x = drawn(1, 36).double()[..., :24]
    whole = [model.g_ab(x), model.attention_a(x)]
    for network in (model.g_ab, model.attention_a):
        assert isinstance(network, InStrips)
        network.strip_rows = rows
    for one, other in zip(whole, [model.g_ab(x), model.attention_a(x)], strict=True):
        assert one.std() > 0.01, "a picture, not a grey area that would hide everything"
        assert (one - other).abs().max() < 1e-9


def test_a_large_picture_goes_in_strips_with_the_same_result():
    picture = np.random.default_rng(0).integers(0, 256, (256, 300, 3), dtype=np.uint8)
    lean, ample = Engine(built(), memory=16_000_000), Engine(built(), memory=100_000_000)
    assert lean.way(256, 300).strips
    assert not ample.way(256, 300).strips
    one, other = (engine.translate([picture], Direction("A", "B"))[0].astype(int) for engine in (lean, ample))
    assert np.abs(one - other).max() <= 1


def test_the_mask_of_a_large_picture_goes_in_strips_as_well():
    picture = np.random.default_rng(0).integers(0, 256, (256, 300, 3), dtype=np.uint8)
    made = []

    def held(memory: int) -> int:
        engine = Engine(built(width=8, fine=True), memory=memory)
        return most_held(lambda: made.append(engine.attention(picture, Direction("A", "B"))["mask"].astype(int)))

    assert held(16_000_000) < 0.7 * held(100_000_000)
    assert np.abs(made[0] - made[1]).max() <= 1


@pytest.mark.parametrize("rows", [None, 32])
@pytest.mark.parametrize("fine", [False, True])
def test_a_pass_takes_no_more_memory_than_it_says(fine, rows):
    model, x = built(width=8, fine=fine).eval(), drawn(1, 256)
    networks = (model.g_ab, model.attention_a)
    for network in networks:
        network.strip_rows = rows
    with torch.inference_mode():
        held = most_held(lambda: model.translate(x, source=0, target=1))
    said = max(network.bytes_of_pass(256, 256, rows) for network in networks)
    assert 0.1 * said < held <= said


def test_the_rate_falls_in_the_second_half_epoch_by_epoch():
    model = built()
    factors = [model.rate_factor(Progress(0, 1, schedule=epoch)) for epoch in (0, 49.9, 50, 51, 51.9, 99)]
    assert factors == pytest.approx([1, 1, 1, 0.98, 0.98, 0.02])
    assert built(epochs=1).rate_factor(Progress(0, 1, schedule=0.9)) == 1
    assert built(epochs=3).rate_factor(Progress(0, 1, schedule=2)) == 0.5, "no epoch is lost on a rate of 0"


def test_first_weights_are_cut_at_two_deviations():
    torch.manual_seed(0)
    model = built(width=16)
    assert isinstance(model.attention_a, Attention)
    for key, p in model.named_parameters():
        mean = 1 if key.endswith("norm.weight") else 0
        assert (p - mean).abs().max() <= (0.04 if key.endswith("weight") else 0), key
    kernel = model.g_ab.r1.c1.conv.weight
    assert float(kernel.detach().std()) == pytest.approx(0.02 * 0.88, rel=0.02)  # the cut takes 12%
