"""U-GAT-IT: the reference's configurations, names and losses, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gantool_ugatit import UGATIT, official
from gantool_ugatit.networks import Discriminator, Generator
from gantool_ugatit.norms import InstanceLayerNorm, clip
from torch import Tensor, nn

from gantool.importing.table import load as load_official
from gantool.inference.heatmaps import coloured
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch, Progress
from gantool.spec import Pictures, Spec

from .. import fill, suite
from ..suite import Entry

LOSSES = {name: name for name in ("d_a", "d_b", "gan_ab", "gan_ba", "cycle_a", "cycle_b", "identity_a", "identity_b")}
LOSSES |= {"cam_ab": "cam_ab", "cam_ba": "cam_ba"}

_TRAINING = {
    *("light", "iteration", "batch_size", "decay_flag", "lr", "weight_decay", "adv_weight", "cycle_weight"),
    *("identity_weight", "cam_weight", "ch", "n_res", "n_dis", "img_size", "img_ch"),
}
_OUTPUTS = {Generator: "out", Discriminator: "logit"}


class _Named(nn.Module):
    """A network whose outputs have the reference's names."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        main, cam, heat = self.network(x)
        return {_OUTPUTS[type(self.network)]: main, "cam_logit": cam, "heatmap": heat}


def network(config: Entry, kind: str) -> nn.Module:
    """The network of a `networks` entry."""
    if kind == "ResnetGenerator":
        assert config.keys() <= {"input_nc", "output_nc", "ngf", "n_blocks", "img_size", "light"}
        assert config["input_nc"] == config["output_nc"] == 3
        sizes = {"width": config["ngf"], "blocks": config["n_blocks"], "size": config["img_size"]}
        return Generator(light=config["light"], **sizes)
    if kind == "Discriminator":
        assert config.keys() <= {"input_nc", "ndf", "n_layers"}
        assert config["input_nc"] == 3
        return Discriminator(width=config["ndf"], layers=config["n_layers"])
    assert kind in ("adaILN", "ILN"), f"the suite does not know {kind!r}"
    return InstanceLayerNorm(config["num_features"], rho=0.5, affine=kind == "ILN")


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    if isinstance(network, InstanceLayerNorm):
        network.load_state_dict(dict(tensors))
        return {key: key for key in tensors}
    return load_official(network, official.names(network), tensors, where)[0]


def _check_network(entry: Entry) -> None:
    one = network(entry["config"], entry["class"])
    parameters = entry["parameters"]
    names = load(one, fill.network(parameters, entry["prefix"]), entry["name"])
    assert sorted(names) == sorted(name for name, _ in parameters)
    assert sum(p.numel() for p in one.parameters()) == entry["parameter_count"]
    inputs = [fill.given(rule) for rule in entry["inputs"].values()]
    # A discriminator's spectral norm moves with each pass: the entry has several, one after the other.
    for told in (entry, *entry.get("then", ())):
        one.train(told["mode"] == "train")
        with torch.no_grad():
            outputs = {"y": one(*inputs)} if isinstance(one, InstanceLayerNorm) else _Named(one)(*inputs)
        for key, figures in told["outputs"].items():
            largest = max(abs(value) for value in figures["values"])
            suite.assert_close(outputs[key], figures, suite.NETWORK * max(largest, 1e-3), key)
    state = one.state_dict()
    for key, figures in entry.get("buffers_after", {}).items():
        suite.assert_close(state[names[key]], figures, suite.NETWORK, key)


def model(config: Entry) -> UGATIT:
    assert config.keys() <= _TRAINING, f"the suite does not know {config.keys() - _TRAINING}"
    assert config["img_ch"] == 3
    options = UGATIT.Options(
        light=config["light"],
        width=config["ch"],
        blocks=config["n_res"],
        d_width=config["ch"],
        adv=config["adv_weight"],
        cycle=config["cycle_weight"],
        identity=config["identity_weight"],
        attention=config["cam_weight"],
        lr=config["lr"],
        decay=config["decay_flag"],
        weight_decay=config["weight_decay"],
    )
    return UGATIT(options, Spec(("A", "B"), (Pictures(), Pictures()), config["img_size"]))


def networks(model: UGATIT) -> Mapping[str, nn.Module]:
    return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}


def batch(pictures: Batch, config: Entry) -> Batch:
    return pictures


def scripted(model: UGATIT, entry: Entry) -> Iterator[Any]:
    return iter(())  # nothing is drawn


def rate(model: UGATIT, step: int, config: Entry) -> float:
    return model.rate_factor(Progress(step, config["iteration"]))


def _ours(losses: Entry) -> dict[str, float]:
    """The reference's single terms as the sums that our step logs."""
    found = {"cycle_a": losses["cycle_A"], "cycle_b": losses["cycle_B"]}
    found |= {"identity_a": losses["identity_A"], "identity_b": losses["identity_B"]}
    found |= {"cam_ba": losses["cam_A_fake_B2A_as_1"] + losses["cam_A_fake_A2A_as_0"]}
    found |= {"cam_ab": losses["cam_B_fake_A2B_as_1"] + losses["cam_B_fake_B2B_as_0"]}
    for domain, way in (("A", "gan_ba"), ("B", "gan_ab")):
        terms = [f"{cam}{size}{domain}" for cam in ("", "cam_") for size in "GL"]
        found[way] = sum(losses[f"G_{term}"] for term in terms)
        found[f"d_{domain.lower()}"] = sum(losses[f"D_{term}_{kind}"] for term in terms for kind in ("real", "fake"))
    return found


def _check_training(entry: Entry) -> None:
    told = {**entry, "losses": [_ours(losses) for losses in entry["losses"]]}
    told["float64"] = {**entry["float64"], "losses": [_ours(losses) for losses in entry["float64"]["losses"]]}
    for step, losses in enumerate(entry["float64"]["losses"]):
        assert losses["lr"] == entry["config"]["lr"] * rate(model(entry["config"]), step, entry["config"])
    suite.check_training(told, ADAPTER)


def _check_loss(entry: Entry) -> None:
    given = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    values = {
        "lsgan_D": lambda: adversarial_loss(given["real"], True) + adversarial_loss(given["fake"], False),
        "lsgan_G": lambda: adversarial_loss(given["fake"], True),
        "cam_G": lambda: F.softplus(-given["translated"]).mean() + F.softplus(given["identity"]).mean(),
        "l1": lambda: F.l1_loss(given["u"], given["v"]),
    }
    value = float(values[entry["name"]]())
    assert abs(value - entry["value"]) <= suite.VALUE * max(abs(entry["value"]), 1e-3)


def _check_function(entry: Entry) -> None:
    if entry["name"].startswith("rho_clipper"):
        assert (entry["config"]["min"], entry["config"]["max"]) == (0, 1)
        layer = InstanceLayerNorm(entry["inputs"]["rho"]["shape"][1], rho=0.5, affine=False)
        layer.rho.data.copy_(fill.given(entry["inputs"]["rho"]))
        clip(layer)
        suite.assert_close(layer.rho, entry["output"], suite.VALUE, "rho")
        return
    assert entry["name"] == "heatmap_colours"
    side = entry["config"]["size"]
    colours = coloured(fill.given(entry["inputs"]["heatmap"])[0].numpy(), (side, side))
    bgr = torch.from_numpy(np.ascontiguousarray(colours[..., ::-1]).astype(np.float32) / 255)
    suite.assert_close(bgr, entry["output"], entry["tolerance"], "colours")


class _Adapter:
    LOSSES = LOSSES
    model, load, networks, batch = staticmethod(model), staticmethod(load), staticmethod(networks), staticmethod(batch)
    scripted, rate = staticmethod(scripted), staticmethod(rate)


ADAPTER = _Adapter()

SECTIONS = {
    "networks": _check_network,
    "losses": _check_loss,
    "functions": _check_function,
    "training": _check_training,
}
