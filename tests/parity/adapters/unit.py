"""UNIT: the reference's configurations, names and draws, and what they are with us. It shares most with MUNIT."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

import pytest
from gantool_munit.base import SharedLatent
from gantool_munit.networks import Decoder, LatentGenerator
from gantool_munit.unit import UNIT, generator, mean_square
from torch import Tensor, nn

from gantool.spec import Spec

from .. import fill, suite
from ..suite import Entry
from . import munit
from .munit import Outputs, batch, generator_settings, load, networks, scripted

__all__ = ["LOSSES", "SECTIONS", "batch", "load", "model", "networks", "scripted"]

LOSSES = {
    **{f"{name}_total": name[0] for name in ("dis", "gen")},
    **{f"dis_{side}": f"d_{side}" for side in "ab"},
    **{
        f"gen_{theirs}_{side}": f"{ours}_{side}"
        for side in "ab"
        for theirs, ours in (
            *(("adv", "gan"), ("recon_x", "recon_x"), ("recon_kl", "kl"), ("cyc_x", "cycle"), ("vgg", "vgg")),
        )
    },
    **{f"gen_recon_kl_cyc_{way}": f"kl_{way}" for way in ("aba", "bab")},
}
"""The reference's name of each loss, and ours."""

_WEIGHTS = {
    "gan_w": "adversarial",
    "recon_x_w": "recon_x",
    "recon_kl_w": "kl",
    "recon_x_cyc_w": "cycle",
    "recon_kl_cyc_w": "kl_cycle",
    "vgg_w": "perceptual",
}


def network(config: Entry, asked: Collection[str]) -> nn.Module:
    """The network of a `networks` entry, with the outputs that are compared: `asked` are their names."""
    kind = config["class"]
    if kind == "pair of VAEGen":
        options = UNIT.Options(**generator_settings(config["gen"]))
        pair = nn.ModuleDict({side: generator(options, config[f"input_dim_{side}"]) for side in "ab"})
        return Outputs(pair, lambda *inputs: _translations(pair["a"], pair["b"], *inputs))
    if kind == "VAEGen":
        whole = generator(UNIT.Options(**generator_settings(config["gen"])), config["input_dim"])
        return Outputs(whole, lambda x, n: _generated(whole, x, n))
    if kind == "Decoder":
        assert config["res_norm"] == "in"
        known = {"class", "n_upsample", "n_res", "dim", "output_dim", "res_norm", "activ", "pad_type"}
        assert config.keys() == known, f"the suite does not know {config.keys() ^ known}"
        up = config["n_upsample"]
        return Decoder(
            config["output_dim"],
            width=config["dim"] // 2**up,
            upsample=up,
            blocks=config["n_res"],
            norm="instance",
            activation=config["activ"],
            padding=config["pad_type"],
        )
    return munit.network(config, asked)


def _generated(whole: LatentGenerator, x: Tensor, n: Tensor) -> dict[str, Tensor]:
    mean = whole.encoder(x)
    return {
        "mean": mean,
        "reconstruction_from_mean": whole.decoder(mean),
        "reconstruction_with_noise": whole.decoder(mean + n),
    }


def _translations(
    g_a: LatentGenerator, g_b: LatentGenerator, x_a: Tensor, x_b: Tensor, n_a: Tensor
) -> dict[str, Tensor]:
    h_a, h_b = g_a.encoder(x_a), g_b.encoder(x_b)
    return {"x_ab": g_b.decoder(h_a), "x_ba": g_a.decoder(h_b), "x_ab_with_noise": g_b.decoder(h_a + n_a)}


def model(config: Entry) -> SharedLatent[Any]:
    options = UNIT.Options(**munit.training_settings(config, _WEIGHTS, {"recon_h_w"}))
    return munit.with_vgg(UNIT(options, Spec(("A", "B"), options.kinds, munit.ANY_SIZE)), config)


def _check_training(entry: Entry) -> None:
    assert entry["trainer"] == "UNIT_Trainer"
    munit.check_training(entry, sys.modules[__name__], {"vgg_w": ("vgg_a", "vgg_b")})


def _check_loss(entry: Entry) -> None:
    if entry["name"] != "kl":
        munit.SECTIONS["losses"](entry)
        return
    inputs: dict[str, Any] = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    assert mean_square(inputs["mu"]).item() == pytest.approx(entry["value"], rel=suite.VALUE)


SECTIONS = {
    "networks": lambda entry: suite.check_network(entry, lambda config: network(config, entry["outputs"]), load),
    "losses": _check_loss,
    "training": _check_training,
}
