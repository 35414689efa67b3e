"""CUT beyond what every model does: one direction, features by number, blurred sampling in strips, odd choices."""

from __future__ import annotations

import pytest
import torch
from gantool_cut import CUT
from gantool_cut.losses import patch_nce
from gantool_cut.networks import Generator
from PIL import Image
from torch import Tensor

from gantool.errors import UsageError
from gantool.model import Progress
from gantool.networks.initialization import initialize
from gantool.options import restore
from gantool.training.run import TrainingRun
from tests.conftest import draw
from tests.memory import most_held
from tests.runs import untrained

TINY = {"width": 4, "blocks": 1, "d_width": 4, "f_width": 8, "layers": (0, 4, 8, 12), "patches": 16}


def build(**options) -> CUT:
    torch.manual_seed(0)
    chosen = CUT.Options(**{**TINY, **options})
    return CUT(chosen, CUT.data(chosen).spec(("A", "B"), 32))


def pictures(*size: int, seed: int = 1) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def step(model: CUT, a: Tensor, b: Tensor) -> dict[str, float]:
    """The losses of one step, after which every optimiser has moved what it has."""
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    run = TrainingRun(model.train(), model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    for _ in run.batches():
        model.training_step({"A": a, "B": b}, run)
    run.end()
    assert run.skipped_in_a_row() == 0
    moved = {key.split(".")[0] for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    assert moved == {name.lower() for name in run.optimizers}
    return run.losses()


@pytest.mark.parametrize(
    "options",
    [
        {"f_width": 0},
        {"nce": 0.0, "f_width": 0},
        {"identity": False, "flip": True, "nce": 10.0},
        {"antialias": False, "layers": (0, 4, 7, 10)},
        {"antialias_up": False},
        {"discriminator": "pixel"},
        {"batch_negatives": True},
        {"norm": "batch"},
        {"norm": "none", "layers": (1, 2, 3)},
        {"dropout": True},
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()),
)
def test_choices_train(options):
    losses = step(build(**options), pictures(2, 3, 32, 32), pictures(2, 3, 32, 32, seed=2))
    assert ("nce_identity" in losses) == options.get("identity", True)


def test_pictures_of_two_sizes_and_grey_ones_train():
    losses = step(build(channels=1), pictures(1, 1, 32, 40), pictures(1, 1, 36, 32, seed=2))
    assert losses.keys() == {"gan", "nce", "nce_identity", "d_real", "d_fake"}


@pytest.mark.parametrize("layers", [(), (4, 0), (0, 0, 4), (0, 13)])
def test_layers_ascend_and_end_with_the_encoder(layers):
    with pytest.raises(UsageError, match="with blocks=1, layers are ascending numbers from 0 to 12"):
        restore(CUT.Options, {**TINY, "layers": layers}, where="cut")


def test_features_are_the_layers_own_outputs():
    """Of a norm, before the ReLU that works in place; of a convolution, with the bias that its norm takes away."""
    torch.manual_seed(0)
    network = Generator(3, width=4, blocks=1).double()
    initialize(network, "xavier", 1.0)
    for p in network.parameters():
        if p.dim() == 1:
            p.data.uniform_(1, 2)
    x = pictures(1, 3, 16, 16).double()
    conv, norm, relu, after = network.features(x, (1, 2, 3, 4))
    padded = network.stem[0](x)
    exact = torch.nn.functional.conv2d(padded, network.stem[1].weight, network.stem[1].bias)
    assert torch.allclose(conv, exact)
    assert norm.min() < -0.1, "this would be 0 after the ReLU"
    assert torch.equal(relu, norm.clamp(min=0))
    assert torch.allclose(after, network.down[0](relu))
    assert [network.channels_of(number) for number in (0, 1, 4, 8, 12)] == [3, 4, 8, 16, 16]


def test_an_identity_without_change_costs_nothing_and_a_change_does():
    """Patches of a result that is its source are each closest to their own place."""
    model = build(temperature=0.0001, init_gain=1.0).double()
    a = pictures(2, 3, 32, 32).double()
    run = TrainingRun(model, model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    (same,) = model.contrast([a], [a], False, run)
    (other,) = model.contrast([a], [a.flip(2)], False, run)
    assert same < 1e-3
    assert other > 1


def test_negatives_are_places_of_the_picture_or_of_the_batch():
    """Of two equal pictures each place has its double in the other one."""
    a = pictures(1, 3, 32, 32).double().repeat(2, 1, 1, 1)
    losses = []
    for whole in (False, True):
        model = build(batch_negatives=whole, temperature=0.0001, init_gain=1.0).double()
        run = TrainingRun(model, model.optimizers())
        run.begin(Progress(0, 1), 1.0)
        losses.append(model.contrast([a], [a], False, run)[0].item())
    assert losses[0] < 1e-3
    assert losses[1] == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-3)


def test_the_place_itself_counts_with_a_similarity_of_minus_ten():
    """The figures on file do not tell: at their temperatures it is nothing."""
    q, k = (pictures(4, 3, seed=seed).double() for seed in (1, 2))
    similar = q @ k.T
    expected = []
    for i in range(4):
        others = [similar[i, j] for j in range(4) if j != i]
        logits = torch.stack([similar[i, i], *others, torch.tensor(-10.0).double()]) / 5
        expected.append(logits.logsumexp(0) - logits[0])
    assert torch.allclose(patch_nce(q, k, pictures=1, temperature=5), torch.stack(expected))


@pytest.mark.parametrize("rows", [1, 5, 16, 100])
@pytest.mark.parametrize(("antialias", "antialias_up"), [(True, True), (True, False), (False, True)])
def test_strips_give_the_whole_picture(antialias, antialias_up, rows):
    torch.manual_seed(rows)
    network = Generator(3, width=4, blocks=2, antialias=antialias, antialias_up=antialias_up).double().eval()
    initialize(network, "kaiming")
    x = pictures(2, 3, 36, 24).double()
    with torch.no_grad():
        whole = network(x)
        network.strip_rows = rows
        strips = network(x)
    assert whole.std() > 0.1
    assert (strips - whole).abs().max() < 1e-9


@torch.inference_mode()
def test_a_pass_takes_the_memory_that_was_told():
    network = Generator(3, width=16, blocks=1).eval()
    picture = pictures(1, 3, 256, 256)
    for rows in (32, None):
        network.strip_rows = rows
        held = most_held(lambda: network(picture))
        assert 0.1 < held / network.bytes_of_pass(256, 256, rows) < 1


def test_one_direction_needs_no_word_and_the_other_is_refused(main, tmp_path):
    draw(tmp_path / "in", 2, seed=1, size=41)
    run = untrained(tmp_path / "run", "cut", **TINY)
    main("translate", "-m", run, tmp_path / "in", tmp_path / "out")
    assert [Image.open(path).size for path in sorted((tmp_path / "out").iterdir())] == [(41, 41)] * 2
    _, _, err = main("translate", "-m", run, "--to", "horses", tmp_path / "in", tmp_path / "back", code=2)
    assert "horses" in err
    assert not (tmp_path / "back").exists()
