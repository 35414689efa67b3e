"""WGAN and WGAN-GP: the references' configurations, names and losses, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from gantool_wgan import WGAN, critic, generator, official
from gantool_wgan.residual import ResidualCritic, ResidualGenerator
from torch import Tensor, nn

from gantool.importing.table import Names, same
from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss, generator_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Progress
from gantool.networks.norms import LayerNorm

from .. import fill, suite
from ..suite import Entry

_UNKNOWN = "the suite does not know"
_SCALED = {"scale": "weight", "offset": "bias"}


def options(config: Entry) -> dict[str, Any]:
    """Our options of the network that the reference's configuration describes."""
    kind = config["class"]
    told: dict[str, Any]
    if kind.startswith("wgan."):
        told = {"channels": config["nc"], "latent": config["nz"], "network": "mlp" if "MLP" in kind else "dcgan"}
        told["width" if "ngf" in config else "d_width"] = config["ngf" if "ngf" in config else "ndf"]
        told["extra"] = config.get("n_extra_layers", 0)
        told |= {"constraint": "clip", "d_norm": "none" if "nobn" in kind else "batch"}
        return told | {"norm": "none" if "nobn" in kind else "batch"}
    if kind.startswith("gp."):
        return {"width": config["dim"], "d_width": config["dim"]}
    assert kind.startswith("cifar."), f"{_UNKNOWN} {kind!r}"
    return {"network": "cifar", "width": config["DIM"], "d_width": config["DIM"]}


def size(config: Entry) -> int:
    return config.get("isize", 32 if config["class"].startswith("cifar.") else 64)


def network(config: Entry) -> nn.Module:
    makes = config["class"].rpartition(".")[2] in ("DCGAN_G", "DCGAN_G_nobn", "MLP_G", "GoodGenerator", "Generator")
    return (generator if makes else critic)(WGAN.Options(**options(config)), size(config))


def names(network: nn.Module) -> Names:
    """The residual networks' keys, beside those that `gantool import` knows."""
    if not isinstance(network, (ResidualGenerator, ResidualCritic)):
        return official.names(network) if hasattr(network, "main") else same(network)
    heads = {"Input": "input", "Output": "output", "OutputN": "norm"}
    parts = {"BN1": "norm1", "BN2": "norm2", "Conv1": "conv1", "Conv2": "conv2", "Shortcut": "shortcut"}
    for number in range(len(network.blocks)):
        heads |= {f"Res{number + 1}.{theirs}": f"blocks.{number}.{ours}" for theirs, ours in parts.items()}
    return Names(heads, {nn.BatchNorm2d: _SCALED, LayerNorm: _SCALED})


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> dict[str, str]:
    """The reference's tensors; batch norms there have no statistics, ours begin with none."""
    found = names(network)
    unseen = {}
    if isinstance(network, ResidualGenerator):
        theirs = {ours: head for head, ours in found.heads.items()}
        for name, layer in network.named_modules():
            if isinstance(layer, nn.BatchNorm2d):
                unseen[f"{theirs[name]}.running_mean"] = torch.zeros(layer.num_features)
                unseen[f"{theirs[name]}.running_var"] = torch.ones(layer.num_features)
    used = load_official(network, found, {**tensors, **unseen}, where)[0]
    return {theirs: ours for theirs, ours in used.items() if theirs not in unseen}


class _Named(nn.Module):
    """A network whose output has the reference's name and shape; the authors' critic gives the mean of a batch."""

    def __init__(self, network: nn.Module, output: str, shape: list[int]) -> None:
        super().__init__()
        self.network, self.output, self.shape = network, output, shape

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.network(x if self.output == "score" else x.flatten(1))
        return {self.output: found.mean().view(1) if self.shape == [1] else found.view(self.shape)}


def _check_network(entry: Entry) -> None:
    ((output, figures),) = entry["outputs"].items()

    def loaded(named: _Named, tensors: Mapping[str, Tensor], where: str) -> dict[str, str]:
        return {theirs: f"network.{ours}" for theirs, ours in load(named.network, tensors, where).items()}

    suite.check_network(entry, lambda config: _Named(network(config), output, figures["shape"]), loaded)


def _check_loss(entry: Entry) -> None:
    name, formula = entry["name"], entry["formula"]
    if name == "penalty_of_a_linear_critic":
        w = torch.tensor([1.0, 2.0, 2.0])
        assert w.norm() == suite.stated(r"\|w\| = ([\d.]+)", formula)
        weight = suite.stated(r"the penalty is ([\d.]+) \*", formula)
        value = weight * gradient_penalty(lambda x: x.flatten(1) @ w, torch.rand(4, 3, 1, 1))
    elif name.endswith("_gradient_penalty"):
        assert "norm over all numbers of a sample" in formula
        weight = suite.stated(r"^([\d.]+) \* mean \(\|grad D\(x \+ a \(g - x\)\)\|_2 - 1\)\^2", formula)
        x, g, a = (fill.given(entry["inputs"][key]) for key in ("x", "g", "a"))
        judge = network(entry["network"]["config"])
        load(judge, fill.filled(entry["network"]), name)
        value = weight * gradient_penalty(judge, interpolated(g, x, a.flatten()))
    else:
        given = {key: fill.given(rule) for key, rule in entry["inputs"].items()}
        if name == "wasserstein_G":
            value = generator_loss(given["fake"], "wgangp")
        else:
            assert name == "wasserstein_critic", f"{_UNKNOWN} the loss {name!r}"
            value = adversarial_loss(given["real"], True, "wgangp") + adversarial_loss(given["fake"], False, "wgangp")
    suite.assert_value(value, entry["value"])


class _Run(suite.Recording):
    """A run whose draws are those of an entry. It keeps what a step goes back from, and the critic's mean scores."""

    def __init__(self, model: WGAN, draws: Sequence[Tensor]) -> None:
        super().__init__(model, model.optimizers())
        self.draws = iter(draws)
        self.sums: list[float] = []
        self.scores: list[float] = []
        model.d.register_forward_hook(lambda _, inputs, scores: self.scores.append(scores.mean().item()))

    def begin(self, now: Progress, rate_factor: float) -> None:
        super().begin(now, rate_factor)
        self.sums, self.scores = [], []

    def backward(self, loss: Tensor, **more: Any) -> None:
        super().backward(loss, **more)
        self.sums.append(loss.item())

    def _drawn(self, *shape: int) -> Tensor:
        drawn = next(self.draws)
        assert drawn.shape == shape
        return drawn

    rand = randn = _drawn


def _check_training(entry: Entry) -> None:
    """The model's own steps in float64: every loss of a round, then the weights."""
    config, expected = entry["config"], entry["float64"]
    told = {name: entry["networks"][name]["config"] for name in ("G", "D")}
    clipped = "clamp_upper" in config
    n_critic = config["Diters" if clipped else "CRITIC_ITERS"]
    model = _model(config, {**options(told["G"]), **options(told["D"])}, size(told["G"]), n_critic)
    networks, ours = {"G": model.g, "D": model.d}, {}
    for name, network in networks.items():
        tensors = fill.filled(entry["networks"][name])
        ours[name] = load(network, official.turned(tensors) if clipped and name == "D" else tensors, name)
    model.double().train()
    rounds = [{key: fill.given(rule).double() for key, rule in rules.items()} for rules in entry["batches"]]
    run = _Run(model, list(_draws(rounds, n_critic, clipped=clipped)))
    g_cost = None
    for number, (given, losses) in enumerate(zip(rounds, expected["losses"], strict=True)):
        for k in range(n_critic):
            # With the penalty G learns before the critic from the second round on: with us behind it, in the round
            # before. So behind the last round it does not: step 0 is none behind which it would.
            step = 0 if not clipped and given is rounds[-1] else number * n_critic + k
            run.begin(Progress(step, len(rounds) * n_critic), 1.0)
            for _ in run.batches():
                model.training_step({"image": given[f"x{k}"]}, run)
            run.end()
        if clipped:  # the mirror image: their critic is ours with the other sign
            found = {"errD": run.sums[0], "errD_real": -run.scores[0], "errD_fake": -run.scores[1]}
            found["errG"] = run.sums[1]
        else:
            found = {"D_cost": run.sums[0], "gradient_penalty": config["LAMBDA"] * run.last["d_gp"]}
            found |= {"Wasserstein_D": run.last["wasserstein"]} | ({} if g_cost is None else {"G_cost": g_cost})
            g_cost = run.sums[-1]
        assert found.keys() == losses.keys()
        for name, value in losses.items():
            assert abs(found[name] - value) <= suite.EXACT * max(abs(value), 1e-3), (
                f"round {number}: {name} is {found[name]}, not {value}"
            )
    assert list(run.draws) == [], "draws that nobody asked for"
    for name, figures in expected["after"].items():
        state = {theirs: networks[name].state_dict()[key] for theirs, key in ours[name].items()}
        state = official.turned(state) if clipped and name == "D" else state
        for key, after in figures.items():
            value = state[key].reshape(after["shape"])
            suite.assert_close(value, after, suite.EXACT, f"{name}: {key} after the run")


def _draws(rounds: Sequence[Mapping[str, Tensor]], n_critic: int, *, clipped: bool) -> Iterator[Tensor]:
    """What our steps draw, in their order."""
    for number, given in enumerate(rounds):
        if number and not clipped:
            yield given["z_G"].flatten(1)
        for k in range(n_critic):
            yield given[f"z{k}"].flatten(1)
            if not clipped:
                yield 1 - given[f"alpha{k}"].flatten()  # theirs is the fake's share, ours the picture's
        if clipped:
            yield given["z_G"].flatten(1)


def _model(config: Entry, told: dict[str, Any], side: int, n_critic: int) -> WGAN:
    if "clamp_upper" in config:
        assert config["clamp_lower"] == -config["clamp_upper"]
        assert config["lrD"] == config["lrG"]
        told |= {"clip": config["clamp_upper"], "lr": config["lrD"], "beta1": config["beta1"], "beta2": 0.999}
        told |= {"optimizer": "adam" if config["adam"] else "rmsprop"}
    else:
        beta1, beta2 = config["betas"]
        told |= {"penalty": config["LAMBDA"], "lr": config["lr"], "beta1": beta1, "beta2": beta2}
    o = WGAN.Options(**told, n_critic=n_critic)
    return WGAN(o, WGAN.data(o).spec(("pictures",), side))


SECTIONS = {"networks": _check_network, "losses": _check_loss, "training": _check_training}
