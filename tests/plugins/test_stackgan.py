"""StackGAN beyond what every model does: words, the two stages, and the authors' surprises."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from gantool_stackgan import StackGAN
from gantool_stackgan.losses import discriminator_losses, divergence
from gantool_stackgan.networks import ConditioningAugmentation, drawn
from gantool_stackgan.text import TextEncoder, matching_loss
from torch import Tensor

import gantool
from gantool.capabilities import abilities
from gantool.checking.pictures import captioned
from gantool.data.texts import as_bytes
from gantool.errors import UsageError
from gantool.model import Progress
from gantool.runs import checkpoint, folders
from gantool.training.run import TrainingRun
from tests.runs import save

TINY = {
    "width": 4,
    "d_width": 2,
    "condition": 6,
    "noise": 5,
    "blocks": 1,
    "text_size": 8,
    "text_width": 8,
    "text_epochs": 2,
    "n_epochs": 40,
}


def build(*, vectors: int = 0, **options) -> StackGAN:
    torch.manual_seed(0)
    chosen = StackGAN.Options(**{**TINY, **options})
    spec = replace(StackGAN.data(chosen).spec(("birds",), 64 if chosen.stage == 1 else 256), vectors=vectors)
    return StackGAN(chosen, spec)


def noise(*size: int, seed: int = 1) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def stepped(model: StackGAN, text: Tensor, schedule: float) -> tuple[set[str], dict[str, float]]:
    """The networks whose parameters a step moved, and its losses."""
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    run = TrainingRun(model.train(), model.optimizers())
    run.begin(Progress(5, 100, schedule=schedule), 1.0)
    for _ in run.batches():
        side = model.crops.exact
        model.training_step({"image": noise(len(text), 3, side, side).tanh(), "text": text}, run)
    run.end()
    assert run.skipped_in_a_row() == 0
    return {key.split(".")[0] for key, p in model.named_parameters() if not torch.equal(p, before[key])}, run.losses()


WORDS = torch.from_numpy(as_bytes(["a red bird", "a blue bird", "two gulls"]))


def test_words_are_learned_first_and_then_stay_as_they_are():
    model = build()
    assert stepped(model, WORDS, schedule=1.9) == ({"text", "pictures"}, {"matching": pytest.approx(1.1, abs=0.5)})
    moved, losses = stepped(model, WORDS, schedule=2.0)
    assert moved == {"g", "d"}
    assert losses.keys() == {"gan", "kl", "d", "d_real", "d_wrong", "d_fake"}
    assert "text" not in {key.partition(".")[0] for key in checkpoint.parted(model, model.state_dict())[1]}, (
        "weights read words by themselves"
    )


def test_without_epochs_for_words_their_encoder_stays_as_it_is():
    model = build(text_epochs=0)
    assert model.optimizers().keys() == {"G", "D"}
    assert not any(p.requires_grad for p in model.text.parameters())
    assert stepped(model, WORDS, schedule=0)[0] == {"g", "d"}


def test_vectors_need_no_encoder_and_read_nothing():
    model = build(vectors=7)
    assert (model.label_size, model.text, model.pictures) == (7, None, None)
    assert "read" not in abilities(model)
    assert "read" in abilities(build())
    assert stepped(model, noise(3, 7), schedule=5)[0] == {"g", "d"}


def test_a_text_is_the_same_whatever_fills_it_up_and_whoever_stands_beside_it():
    encoder = TextEncoder(8, width=8).eval()
    alone = encoder(torch.from_numpy(as_bytes(["a red bird"])))
    padded = encoder(torch.from_numpy(as_bytes(["a red bird", "a very much longer text"], 60)))[:1]
    assert torch.allclose(alone, padded, atol=1e-5)
    assert torch.allclose(alone.square().mean(1), torch.ones(1), atol=1e-5)
    model = build()
    assert torch.equal(model.read(["A  red\nBIRD"]), model.read(["a red bird"]))
    assert not torch.allclose(model.read(["a red bird"]), model.read(["a bird red"]), atol=1e-3), "order counts"


def test_matching_wants_each_picture_at_its_own_text_and_tells_equal_texts_not_apart():
    texts = torch.from_numpy(as_bytes(["one", "two", "one"]))
    vectors = torch.eye(3) * 3**0.5
    vectors[2] = vectors[0]
    assert matching_loss(vectors, vectors, texts) < 1e-3
    assert matching_loss(vectors.roll(1, 0), vectors, texts) > 1
    twins = torch.from_numpy(as_bytes(["one", "two", "three"]))
    assert matching_loss(vectors, vectors, twins) > 0.4, "different texts with the same vector"


def test_wrong_pairs_are_real_pictures_with_the_next_text():
    """A head that counts in which rows picture and text belong together."""
    real, c = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[1.0], [2.0], [4.0]])
    seen = []

    def head(h: Tensor, c: Tensor) -> Tensor:
        seen.append((h.flatten().tolist(), c.flatten().tolist()))
        return h.flatten()

    losses = discriminator_losses(SimpleNamespace(get_cond_logits=head, get_uncond_logits=None), real, -real, c)
    assert seen == [([1, 2, 4], [1, 2, 4]), ([1, 2], [2, 4]), ([-1, -2, -4], [1, 2, 4])]
    assert torch.allclose(losses["d"], losses["d_real"] + (losses["d_wrong"] + losses["d_fake"]) / 2)


def test_conditions():
    zero = torch.zeros(2, 6)
    assert divergence(zero, zero) == 0
    assert divergence(zero + 1, zero) == pytest.approx(0.5)
    for free in (False, True):
        torch.manual_seed(0)
        mu, logvar = ConditioningAugmentation(7, 6, free=free)(3 * noise(64, 7))
        assert mu.min() == 0
        assert (logvar.min() < 0) == free, "the authors' deviation is never below 1"
        eps = noise(64, 6)
        assert torch.allclose(drawn(mu, logvar, eps), mu + (0.5 * logvar).exp() * eps)


def test_a_sample_is_a_function_of_seed_and_text():
    with torch.no_grad():
        model = build().eval()
        assert model.latent_size == 5 + 6
        text, other = model.read(["a red bird"]), model.read(["a blue gull"])
        one = model.sample(model.latent(3), labels=text)
        assert torch.equal(one, model.sample(model.latent(3), labels=text))
        assert not torch.equal(one, model.sample(model.latent(4), labels=text))
        assert not torch.equal(one, model.sample(model.latent(3), labels=other))
        mean = build(sample_eps=False).eval()
        mean.load_state_dict(model.state_dict())
        assert mean.latent_size == 5
        latents = torch.cat([mean.latent(3), torch.zeros(1, 6)], 1)
        assert torch.equal(mean.sample(mean.latent(3), labels=text), model.sample(latents, labels=text))
        assert torch.equal(mean.latent(3), model.latent(3)[:, :5]), "the seed's noise is the same"


@pytest.mark.parametrize("norms", ["fixed", "moving"])
def test_stage_1_inside_learns_nothing_and_its_norms_move_only_where_asked(norms):
    model = build(vectors=7, stage=2, stage1_norms=norms)
    before = {key: value.clone() for key, value in model.g.stage1.state_dict().items()}
    assert stepped(model, noise(2, 7), schedule=0)[0] == {"g", "d"}
    moved = {
        key.rpartition(".")[2] for key, v in model.g.stage1.state_dict().items() if not torch.equal(v, before[key])
    }
    assert moved == ({"running_mean", "running_var", "num_batches_tracked"} if norms == "moving" else set())
    assert not any(p.requires_grad for p in model.g.stage1.parameters())


def test_rates_halve_by_epochs_of_the_gan():
    model = build(text_epochs=10, decay_epochs=20)
    factors = {epoch: model.rate_factor(Progress(0, 1, schedule=epoch)) for epoch in (0, 9, 10, 29.9, 30, 49, 50)}
    assert list(factors.values()) == [1, 1, 1, 1, 0.5, 0.5, 0.25]
    of_vectors = build(vectors=7, text_epochs=10, decay_epochs=20)  # all epochs are the GAN's
    assert [of_vectors.rate_factor(Progress(0, 1, schedule=epoch)) for epoch in (0, 19.9, 20, 40)] == [1, 1, 0.5, 0.25]
    assert build(stage=2, n_epochs=None).length(StackGAN.Options(stage=2)).count == 100
    assert StackGAN.length(StackGAN.Options(text_epochs=30)).count == 150


def test_stage_2_begins_with_a_run_of_stage_1(tmp_path):
    data = captioned(tmp_path)
    first = build()
    with torch.no_grad():
        for p in first.g.parameters():
            p.copy_(noise(*p.shape, seed=p.numel()) / 4)
    save(tmp_path / "one", first, "stackgan")
    settings = {"size": 304, "crop": 256, "batch": 2, "steps": 1, "workers": 0, "device": "cpu"}
    with pytest.raises(UsageError, match="with these options begins with a run of stage 1: from_=RUN"):
        gantool.train("stackgan", data, set={**TINY, "stage": 2}, out=tmp_path / "alone", **settings)
    assert not (tmp_path / "alone").exists()
    run = gantool.train("stackgan", data, set={"stage": 2}, from_=tmp_path / "one", out=tmp_path / "two", **settings)
    _, second = checkpoint.load_model(folders.saves(run)[-1] / folders.WEIGHTS)
    assert (second.options.stage, second.options.width) == (2, 4)
    assert torch.equal(second.read(["a red disc"]), first.read(["a red disc"]))
    latent, text = second.latent(0), second.read(["a red disc"])
    with torch.no_grad():
        small = second.g(text, latent[:, :5], latent[:, 5:11], latent[:, 11:])[3]
        assert torch.equal(small, first.eval().sample(latent[:, :11], labels=text)), (
            "the sketch is stage I's of the seed"
        )
        assert second.sample(latent, labels=text).shape == (1, 3, 256, 256)


def test_a_generator_too_narrow_for_stage_2_is_refused():
    with pytest.raises(ValueError, match="stage 2 has a fourth of width"):
        StackGAN.Options(stage=2, width=3)
