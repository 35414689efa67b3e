"""Any file of the same form must work: what an entry states is read from it, not written into an adapter."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from . import fill
from .test_parity import GOLDEN, entries


@dataclass(frozen=True)
class Change:
    """A change of an entry, and what it does to the figures."""

    model: str
    section: str
    name: str
    old: str
    new: str
    """A part of the entry as JSON, and what stands there instead."""
    factors: Mapping[str, float] = field(default_factory=dict)
    """By how much the change multiplies the named figures; of a training, the losses of its first step."""


WEIGHTS = [
    Change("pix2pix", "losses", "l1", "lambda_L1 = 100", "lambda_L1 = 12.5", {"value": 0.125}),
    Change("pix2pix", "training", "default_no_dropout", '"lambda_L1": 100.0', '"lambda_L1": 20.0', {"G_L1": 0.2}),
    Change(
        "cyclegan", "losses", "gradient_penalty_mixed_1.0_10.0", '"lambda_gp": 10.0', '"lambda_gp": 4', {"value": 0.4}
    ),
    Change("cyclegan", "training", "identity", '"lambda_A": 10.0', '"lambda_A": 5', {"cycle_A": 0.5, "idt_B": 0.5}),
    Change("cyclegan", "training", "identity", '"lambda_B": 10.0', '"lambda_B": 30', {"cycle_B": 3, "idt_A": 3}),
    Change("bicyclegan", "losses", "kl", "lambda_kl = 0.01", "lambda_kl = 0.5", {"value": 50}),
    Change("bicyclegan", "losses", "z_L1", "lambda_z = 0.5", "lambda_z = 2", {"value": 4}),
    Change("bicyclegan", "losses", "G_L1", "lambda_L1 = 10", "lambda_L1 = 5", {"value": 0.5}),
    Change("bicyclegan", "training", "default", '"lambda_kl": 0.01', '"lambda_kl": 0.02', {"kl": 2}),
    Change("bicyclegan", "training", "default", '"lambda_z": 0.5', '"lambda_z": 1', {"z_L1": 2}),
    Change("pix2pixhd", "losses", "feature_matching", "here lambda_feat 10", "here lambda_feat 2.5", {"value": 0.25}),
    Change("pix2pixhd", "losses", "vgg", "lambda_feat (10)", "lambda_feat (5)", {"value": 0.5}),
    Change(
        *("cut", "training", "FastCUT", '"lambda_NCE": 10.0', '"lambda_NCE": 20'),
        {"NCE": 2, "G": (1.2502819050296234 + 2 * 65.57689394431176) / 66.82717584934139},  # with 1 of the GAN loss
    ),
    Change("dualgan", "losses", "gradient_penalty", "10 * mean", "5 * mean", {"value": 0.5, "float64_value": 0.5}),
    Change("cartoongan", "losses", "content_plain", "10 * mean", "2.5 * mean", {"value": 0.25}),
    Change("cartoongan", "training", "initialisation_then_training", '"lambda": 10.0', '"lambda": 5', {"content": 0.5}),
    Change("wgan", "losses", "gp64_gradient_penalty", "10 * mean", "5 * mean", {"value": 0.5}),
    Change("stylegan", "losses", "v2_r1", '"gamma": 10', '"gamma": 5', {"value": 0.5, "float64_value": 0.5}),
    Change(*("stylegan", "losses", "v2_path_length_penalty", "2 * mean", "4 * mean"), {"value": 2, "float64_value": 2}),
]
DRAWN = [
    Change("aggan", "training", "both_stages", '"batch0/A"', '"another"'),
    Change("ali", "networks", "encoder_small_train", '"input/eps"', '"another"'),
    Change("ali", "training", "celeba_pattern", "noise('train/mask", "noise('another"),
    Change("aggan", "graphs", "forward_stage2", '"input/b"', '"another"'),
    Change("aggan", "networks", "discriminator_masked", '"g_A_ae/"', '"another/"'),
    Change("aggan", "losses", "discriminator_input", '"threshold": 0.45', '"threshold": 0.9'),
    Change("pix2pix", "losses", "l1", "l1/fake", "l1/another"),
    Change("pix2pix", "transforms/colorization", "entry", "photo/col/ab", "another/name"),
    Change("pix2pix", "transforms/colorization", "entry", "(A, 0.5 *", "(A, 0.25 *"),
    Change("pix2pix", "training", "dropout_masks", "noise('dropout/", "noise('another/"),
    Change("pix2pix", "transforms/aligned", "resize_and_crop", '"name": "photo/ab"', '"name": "another"'),
    Change("cyclegan", "losses", "gan_lsgan_target_real", "loss/prediction", "another"),
    Change("cyclegan", "training", "identity", '"batchb0/A"', '"another"'),
    Change("bicyclegan", "training", "default", "train/step{i}/z_random", "another/{i}"),
    Change("bicyclegan", "networks", "interpolate_slerp", "interp/z0", "another"),
    Change("biggan", "functions", "spectral_norm_2_vectors_1_iterations", '"iterations": 1', '"iterations": 2'),
    Change("biggan", "networks", "G_32_no_sn", "1+0.1*v", "1+0.2*v"),
    Change("biggan", "sampling", "standing_statistics", "fn/stand/z2", "another"),
    Change("biggan", "training", "paper_pattern", "fn/train/step0/z_G0", "another"),
    Change("biggan", "training", "paper_pattern", '"split_D": true', '"split_D": false'),
    Change("pix2pixhd", "losses", "vgg", "loss/fake_image", "another"),
    Change("cut", "filters", "Upsample", "filter/x", "another"),
    Change("cut", "losses", "patch_nce_T_0.5", "nce2/q", "another"),
    Change("cut", "losses", "patch_nce_T_0.5", '"nce_T": 0.5', '"nce_T": 0.4'),
    Change("cut", "networks", "F_sample", "noise('netFs/", "noise('another/"),
    Change("cut", "training", "CUT", "noise('patches/", "noise('another/"),
    Change("cut", "training", "FastCUT", '"flips": [0.2', '"flips": [0.8'),
    Change("discogan", "training", "discogan", "discogan/batch0/A", "another"),
    Change("discogan", "losses", "feature_matching", "loss/real2", "another"),
    Change("dualgan", "training", "wgan_gp", "wgan_gp/step0/epsilon_A", "another"),
    Change("dualgan", "networks", "discriminator_patchgan", "1+0.1*v", "1+0.2*v"),
    Change("dualgan", "functions", "same_transposed_conv_5x5", "fn/v5", "another"),
    Change("cartoongan", "losses", "edge_promoting_D_lsgan", "loss/edge", "another"),
    Change("cartoongan", "functions", "edge_smoothing", "(x-90)^2", "(x-80)^2"),
    Change("dcgan", "losses", "bce_D", "loss/real", "another"),
    Change("dcgan", "training", "dcgan", "train/step0/z", "another"),
    Change("dcgan", "training", "cgan", "noise('ctrain/mask", "noise('another/"),
    Change("dcgan", "training", "cgan", "> -0.2533471", "> 0.2533471"),
    Change("dcgan", "training", "cgan", '"y_fake": {"value": [2, 3', '"y_fake": {"value": [2, 1'),
    Change("stylegan", "augment", "color_0.2_3", '"percentile": 0.2', '"percentile": 0.3'),
    Change("stylegan", "networks", "v2_G_skip_labels", '"truncation_psi": 0.5', '"truncation_psi": 0.6'),
    Change("stylegan", "training", "v2_lazy_regularisation", "train/step0/Greg/pl_noise", "another"),
    Change("stylegan", "training", "v1_fixed", "'train1/step<t>/D/noise", "'another/<t>/D/noise"),
    Change("wgan", "training", "wgan_gp_gp64", "gp64/step0/alpha1", "another"),
    Change("wgan", "training", "wgan_rmsprop", '"Diters": 2', '"Diters": 1'),
    Change("stackgan", "training", "stage1", "train1/step0/eps", "another"),
    Change("stackgan", "losses", "discriminator_two_heads", "sigmoid(h[0] - 0.3)", "sigmoid(h[0] - 0.5)"),
]
RENAMED = [
    Change("pix2pix", "losses", "gan_vanilla_target_real", '{"p": {', '{"scores": {'),
    Change("cyclegan", "losses", "gan_wgangp_target_fake", '{"p": {', '{"scores": {'),
    Change("cut", "losses", "gan_nonsaturating_target_fake", '{"p": {', '{"scores": {'),
    Change("cartoongan", "losses", "G_adv_lsgan", '{"fake": {', '{"scores": {'),
]
REFUSED = [
    Change("ali", "training", "celeba_pattern", '"beta2"', '"beta3"'),
    Change("biggan", "networks", "D_deep_64", '"D_depth": 2', '"D_depth": 3'),
    Change("biggan", "training", "paper_pattern", '"G_B1": 0.0', '"G_B1": 0.5'),
    Change("cyclegan", "training", "identity", "Adam, betas", "AdamW, betas"),
    Change("pix2pix", "training", "default_no_dropout", "eps 1e-8", "eps 1e-7"),
    Change("pix2pixhd", "losses", "vgg", "w = 1/32", "w = 1/64"),
    Change("cut", "training", "CUT", "three Adam optimisers", "three AdamW optimisers"),
    Change("cut", "training", "CUT", '"netF": "mlp_sample"', '"netF": "strided_conv"'),
    Change("discogan", "training", "discogan", '"betas": [0.5, 0.999]', '"betas": [0.5, 0.99]'),
    Change("dualgan", "losses", "gradient_penalty", "sqrt(1e-8", "sqrt(1e-6"),
    Change("cartoongan", "losses", "content_plain", "conv4_4 before ReLU", "conv4_4 after ReLU"),
    Change("stackgan", "training", "stage1", '"GENERATOR_LR": 0.0002', '"GENERATOR_LR": 0.0001'),
    Change("cartoongan", "training", "initialisation_then_training", "NO resizing", "resizing to 224x224"),
    Change("dcgan", "training", "cgan", '"b2": 0.999', '"b2": 0.99'),
    Change("stylegan", "networks", "v2_D_skip", '"conv_clamp"', '"conv_clip"'),
    Change("stylegan", "training", "v2_lazy_regularisation", '"pl_decay": 0.01', '"pl_decay": 0.02'),
    Change("wgan", "training", "wgan_rmsprop", '"clamp_lower": -0.01', '"clamp_lower": -0.02'),
]


def changed(change: Change) -> dict[str, Any]:
    """The entry with the change, and of a training only what its first step logs."""
    content = json.loads((GOLDEN / f"{change.model}.json").read_text(encoding="utf-8"))
    found = [entry for section, entry, name in entries(content) if (section, name) == (change.section, change.name)]
    assert len(found) == 1
    text = json.dumps(found[0])
    assert change.old in text
    entry: dict[str, Any] = json.loads(text.replace(change.old, change.new))
    if change.section == "training":
        entry["batches"] = entry["batches"][:1]
        for figures in (entry, entry.get("float64", {})):
            figures |= {"losses": figures["losses"][:1], "after": {}, "first_gradients": {}} if figures else {}
    return entry


def scaled(entry: dict[str, Any], factors: Mapping[str, float]) -> dict[str, Any]:
    """The entry with its figures multiplied."""
    entry = copy.deepcopy(entry)
    for name, factor in factors.items():
        for figures in (entry, *entry.get("losses", ()), *entry.get("float64", {}).get("losses", ())):
            if name in figures:
                figures[name] *= factor
    return entry


def check(change: Change, entry: dict[str, Any]) -> None:
    adapter = importlib.import_module(f".adapters.{change.model}", __package__)
    adapter.SECTIONS[change.section](entry)


def ids(changes: list[Change]) -> list[str]:
    return [f"{c.model}/{c.section}/{c.name}: {c.new}" for c in changes]


@pytest.mark.parametrize("change", WEIGHTS, ids=ids(WEIGHTS))
def test_a_weight_is_that_of_the_entry(change: Change) -> None:
    entry = changed(change)
    check(change, scaled(entry, change.factors))
    with pytest.raises(AssertionError):
        check(change, entry)


@pytest.mark.parametrize("change", DRAWN, ids=ids(DRAWN))
def test_what_is_drawn_follows_from_the_entrys_names(change: Change) -> None:
    """Other names draw other numbers, which the figures on file do not fit."""
    with pytest.raises(AssertionError, match=r"differs by|is .*, not"):
        check(change, changed(change))


@pytest.mark.parametrize("change", RENAMED, ids=ids(RENAMED))
def test_an_input_may_have_any_name(change: Change) -> None:
    check(change, changed(change))


@pytest.mark.parametrize("change", REFUSED, ids=ids(REFUSED))
def test_what_no_model_does_is_refused(change: Change) -> None:
    with pytest.raises(AssertionError):
        check(change, changed(change))


def test_a_loss_of_other_scores_is_computed() -> None:
    change = Change("pix2pix", "losses", "gan_lsgan_target_real", "loss/prediction", "another")
    entry = changed(change)
    (rule,) = entry["inputs"].values()
    check(change, entry | {"value": ((fill.noise("another", rule["shape"]) - 1) ** 2).mean().item()})
