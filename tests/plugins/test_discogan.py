"""DiscoGAN beyond what every model does: who learns when, the curriculum, the deep generator, statistics, one way."""

from __future__ import annotations

import pytest
import torch
from gantool_discogan import DiscoGAN
from PIL import Image
from torch import Tensor

import gantool
from gantool.errors import DataError, UsageError
from gantool.model import Progress
from gantool.runs import checkpoint, folders
from gantool.spec import Direction, Sizes
from gantool.training.run import TrainingRun
from tests.conftest import draw

TINY = {"width": 2, "d_width": 2}


def model(size: int = 64, **options) -> DiscoGAN:
    torch.manual_seed(0)
    o = DiscoGAN.Options(**TINY | options)
    return DiscoGAN(o, DiscoGAN.data(o).spec(("A", "B"), size)).train()


def pictures(count: int = 2, size: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def learners(disco: DiscoGAN, steps: int, size: int = 64) -> list[set[str]]:
    """The networks whose weights each step moves."""
    run = TrainingRun(disco, disco.optimizers())
    found = []
    for step in range(steps):
        before = {name: p.detach().clone() for name, p in disco.named_parameters()}
        run.begin(Progress(step, steps), 1.0)
        for _ in run.batches():
            disco.training_step({"A": pictures(size=size, seed=1), "B": pictures(size=size, seed=2)}, run)
        run.end()
        found.append(
            {name.partition(".")[0] for name, p in disco.named_parameters() if not torch.equal(p, before[name])}
        )
    assert all(torch.isfinite(p).all() for p in disco.parameters())
    return found


def test_the_discriminators_learn_in_every_third_step_and_the_generators_in_the_others():
    of_d, of_g = {"d_a", "d_b"}, {"g_ab", "g_ba"}
    assert learners(model(), 5) == [of_d, of_g, of_g, of_d, of_g]
    assert learners(model(update_interval=2), 4) == [of_d, of_g, of_d, of_g]


def test_the_curriculum_keeps_the_ways_there_and_back_small_at_first():
    """Where they are all that counts, the generators stand still until it ends."""
    disco = model(adv=0.0, fm=0.0, starting_rate=0.0, curriculum=4, weight_decay=0.0)
    assert learners(disco, 6) == [{"d_a", "d_b"}, set(), set(), {"d_a", "d_b"}, {"g_ab", "g_ba"}, {"g_ab", "g_ba"}]


def test_features_of_all_maps_are_matched_unless_fewer_are_asked_for():
    def matched(maps: int) -> float:
        disco = model(maps=maps)
        run = TrainingRun(disco, disco.optimizers())
        run.begin(Progress(0, 1), 1.0)
        for _ in run.batches():
            disco.training_step({"A": pictures(seed=1), "B": pictures(seed=2)}, run)
        return run.losses()["fm_a"]

    assert matched(1) < matched(2) < matched(3)


def test_one_way_learns_from_b_alone():
    disco = model(both_ways=False)
    weights, _ = checkpoint.parted(disco, disco.state_dict())
    assert {checkpoint.part(key) for key in weights} == {"g_ab"}, "the way back is for training alone"
    assert disco.directions() == (Direction("A", "B"),)
    assert learners(disco, 3) == [{"d_b"}, {"g_ab", "g_ba"}, {"g_ab", "g_ba"}]


@torch.no_grad()
def test_networks_see_pictures_from_0_to_1():
    disco = model().eval()
    seen: list[Tensor] = []
    disco.g_ab.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = pictures()
    made = disco.translate(x, source=0, target=1)
    assert torch.equal(seen[0], (x + 1) / 2)
    assert torch.equal(made, 2 * disco.g_ab((x + 1) / 2) - 1)


@torch.no_grad()
def test_pictures_can_be_translated_with_statistics_of_their_own():
    running, own = model(test_norm="running"), model(test_norm="picture")
    own.load_state_dict(running.state_dict())
    x = pictures(1)
    theirs = 2 * running.g_ab((x + 1) / 2) - 1  # in training mode, as the authors' test pictures were made
    state = {key: value.clone() for key, value in own.state_dict().items()}
    made = own.eval().translate(x, source=0, target=1)
    assert (made - theirs).abs().max() < 1e-5
    assert all(torch.equal(value, state[key]) for key, value in own.state_dict().items())
    both = own.translate(torch.cat([x, pictures(1, seed=5)]), source=0, target=1)
    assert (both[:1] - made).abs().max() < 1e-6, "whoever shares its batch"
    assert (running.eval().translate(x, source=0, target=1) - theirs).abs().max() > 1e-3


def test_the_deep_generator_takes_64_pixels_and_batches_of_two_and_more(tmp_path):
    data = [draw(tmp_path / "trainA", 4, seed=1), draw(tmp_path / "trainB", 4, seed=2)]
    options = {"preset": "smoke", "steps": 2, "workers": 0, "set": {"bottleneck": 5}}
    with pytest.raises(UsageError, match="batch"):
        gantool.train("discogan", data, out=tmp_path / "one", batch=1, **options)
    with pytest.raises(UsageError, match="crops of exactly 64, not 80"):
        gantool.train("discogan", data, out=tmp_path / "large", size=80, crop=80, **options)
    run = gantool.train("discogan", data, out=tmp_path / "run", **options)
    facts, disco = checkpoint.load_model(folders.saves(run)[-1] / folders.WEIGHTS)
    assert facts.sizes == Sizes(exact=64)
    inside: list[Tensor] = []
    disco.g_ab.main[11].register_forward_hook(lambda module, inputs, output: inside.append(output))
    with torch.no_grad():
        disco.translate(pictures(), source=0, target=1)
    assert inside[0].shape == (2, 5, 1, 1)
    with pytest.raises(DataError, match="size=64 resizes"):
        gantool.load(run).translate(Image.new("RGB", (40, 40)))


def test_a_bottleneck_leaves_a_picture_no_statistics_of_its_own():
    with pytest.raises(ValueError, match="test_norm=running"):
        DiscoGAN.Options(bottleneck=100, test_norm="picture")


def test_larger_crops_train():
    """There the discriminators give a map of scores."""
    disco = model(size=80)
    assert disco.d_a(pictures(size=80))[0].shape == (2, 1, 2, 2)
    assert learners(disco, 2, size=80) == [{"d_a", "d_b"}, {"g_ab", "g_ba"}]
