"""ALI: the rebuild's configurations, names and draws, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from gantool_ali import ALI
from gantool_ali.networks import Decoder, Discriminator, Encoder
from torch import Tensor, nn

from gantool.importing.table import Names
from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Progress

from .. import fill, suite
from ..suite import Entry

_NETWORK = {"class", "channels", "nlat", "widths", "z_widths", "joint_widths"}
_TRAINING = {"batch_size", "lr", "beta1", "beta2", "dropout"}
_UNKNOWN = "the suite does not know"
_SIZE, _SLOPE = 64, 0.02  # CelebA's, as all entries
_NETWORKS = ("encoder", "decoder", "discriminator")


def network(config: Entry, dropout: float = 0.0) -> nn.Module:
    """The network that a configuration describes."""
    assert config.keys() <= _NETWORK, f"{_UNKNOWN} {config.keys() - _NETWORK}"
    told = (_SIZE, config["channels"], config["nlat"])
    if config["class"] == "Discriminator":
        widths = {name: config[name] for name in ("widths", "z_widths", "joint_widths")}
        return Discriminator(*told, **widths, slope=_SLOPE, dropout=dropout)
    kind = {"Encoder": Encoder, "Decoder": Decoder}[config["class"]]
    return kind(*told, widths=config["widths"], slope=_SLOPE)


def names(network: nn.Module) -> Names:
    """Theirs are numbered in lists `mapping.layers`, or `x.layers`, `z.layers` and `joint.layers`."""
    heads = {}
    for name, _ in network.named_modules():
        station, _, rest = name.partition(".")
        if rest:
            heads[f"{'mapping' if station == 'layers' else station}.layers.{rest}"] = name
    if isinstance(network, Decoder):
        heads[f"mapping.layers.{len(network.layers)}"] = "bias"
    return Names(heads)


class Called(nn.Module):
    """A network that takes and gives maps of 1 x 1, and tells what an entry asks for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, second: Tensor | None = None) -> Mapping[str, Tensor]:
        if isinstance(self.network, Encoder):
            mu, log_sigma = self.network(first)
            found = {"mu": mu, "log_sigma": log_sigma, "z": mu + log_sigma.exp() * flat(second)}
            return {name: value[:, :, None, None] for name, value in found.items()}
        if isinstance(self.network, Decoder):
            return {"x": self.network(flat(first))}
        return {"logit": self.network(first, flat(second))[:, :, None, None]}


def flat(x: Tensor | None) -> Tensor:
    assert x is not None
    return x.flatten(1)


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    within = network.network if isinstance(network, Called) else network
    used, dropped = load_official(within, names(within), tensors, where)
    assert not dropped
    return {theirs: f"network.{ours}" for theirs, ours in used.items()} if within is not network else used


def _check_network(entry: Entry) -> None:
    suite.check_network(entry, lambda config: Called(network(config)), load)


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule).double() for name, rule in entry["inputs"].items()}
    encoders, decoders = inputs["data"], inputs["sample"]
    wanted = {"discriminator": (True, False), "generator": (False, True)}[entry["name"]]
    value = sum(adversarial_loss(x, real, "vanilla") for x, real in zip((encoders, decoders), wanted, strict=True))
    assert value.item() == pytest.approx(entry["float64_value"], rel=suite.EXACT)


class Scripted(suite.Recording):
    """A run that draws the entry's numbers."""

    draws: Iterator[Tensor]

    def randn(self, *shape: int) -> Tensor:
        drawn = next(self.draws)
        assert drawn.shape == shape
        return drawn


def _check_training(entry: Entry) -> None:
    """The model's own steps in float64 with given draws and masks: every loss, then weights and statistics."""
    config = entry["config"]
    assert config.keys() == _TRAINING, f"{_UNKNOWN} {config.keys() ^ _TRAINING}"
    told = {name: one["config"] for name, one in entry["networks"].items()}
    assert told.keys() == set(_NETWORKS)
    seen = told["discriminator"]
    options = ALI.Options(
        latent=seen["nlat"],
        widths=tuple(seen["widths"]),
        z_widths=tuple(seen["z_widths"]),
        joint_widths=tuple(seen["joint_widths"]),
        slope=_SLOPE,
        channels=seen["channels"],
        d_lr=config["lr"],
        **{name: config[name] for name in ("lr", "beta1", "beta2", "dropout")},
    )
    model = ALI(options, ALI.data(options).spec(("faces",), _SIZE))
    keys = {}
    for name in _NETWORKS:
        assert {key: seen[key] for key in told[name] if key != "class"}.items() <= told["discriminator"].items()
        keys[name] = load(model.get_submodule(name), fill.filled(entry["networks"][name]), name)
    model.double().train()
    asked = _script_masks(model, entry)
    logits: list[Tensor] = []
    model.discriminator.register_forward_hook(lambda _, __, output: logits.append(output.detach()))
    run = Scripted(model, model.optimizers())
    for step, (rules, losses) in enumerate(zip(entry["batches"], entry["float64"]["losses"], strict=True)):
        given = {name: fill.given(rule).double() for name, rule in rules.items()}
        assert len(given["x"]) == config["batch_size"]
        run.draws = iter([flat(given["eps"]), flat(given["z"])])
        run.begin(Progress(step, len(entry["batches"])), 1.0)
        for _ in run.batches():
            model.training_step({"image": 2 * given["x"] - 1}, run)
        run.end()
        assert list(run.draws) == [], "draws that nobody asked for"
        encoders, decoders = logits[-1].sigmoid().chunk(2)
        ours = {
            "discriminator_loss": run.last["d"],
            "generator_loss": run.last["gan"],
            "data_accuracy": encoders.mean().item(),
            "sample_accuracy": (1 - decoders).mean().item(),
        }
        assert losses.keys() == ours.keys()
        for name, value in ours.items():
            assert value == pytest.approx(losses[name], rel=suite.EXACT), (
                f"step {step}: {name} is {value}, not {losses[name]}"
            )
    assert next(asked) > 0, "no mask was asked for"
    for name, figures in entry["float64"]["after"].items():
        state = model.get_submodule(name).state_dict()
        for key, one in figures.items():
            suite.assert_close(state[keys[name][key]], one, suite.EXACT, f"{name}: {key} after the run")


def _script_masks(model: ALI, entry: Entry) -> Iterator[int]:
    """Makes dropout keep what the entry's rule says. Gives the number of masks so far."""
    name = suite.rule(r"keeps what noise\('([^']*)<i>', shape\)", entry)
    bound = suite.stated(r"shape\) > (-?[\d.]+)", entry["random"])
    kept = suite.stated(r"divides by ([\d.]+\d)", entry["random"])
    calls = 0

    def dropped(x: Tensor) -> Tensor:
        nonlocal calls
        mask = fill.noise(f"{name}{calls}", x.shape) > bound
        calls += 1
        return x * mask / kept

    model.discriminator.dropped = dropped  # type: ignore[method-assign]

    def count() -> Iterator[int]:
        while True:
            yield calls

    return count()


SECTIONS: Mapping[str, Any] = {
    "networks": _check_network,
    "losses": _check_loss,
    "training": _check_training,
}
