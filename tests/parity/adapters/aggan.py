"""AGGAN: the reference's configurations, names and losses, and what they are with us. Layers have the same names."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from gantool_aggan import AGGAN, composed, official
from gantool_aggan.networks import Attention, Discriminator, Generator
from torch import Tensor, nn

from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch, Model, Progress
from gantool.spec import Pictures, Spec

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "G_A.cycle_A": "first.cycle_a",
    "G_A.cycle_B": "first.cycle_b",
    "G_A.adv_B": "first.gan_ab",
    "D_B": "first.d_b",
    "G_B.cycle_A": "second.cycle_a",
    "G_B.cycle_B": "second.cycle_b",
    "G_B.adv_A": "second.gan_ba",
    "D_A": "second.d_a",
}
"""A step logs twice: what it trained A to B with, and what it trained B to A with."""

_TRAINING = {
    *("pool_size", "lambda_a", "lambda_b", "base_lr", "max_step (epochs)", "iterations per epoch", "switch"),
    *("threshold", "ngf", "ndf", "size"),
}
_ADAM = "p -= lr*sqrt(1-0.999^k)/(1-0.5^k) * m/(sqrt(v)+1e-8)"
_UNKNOWN = "the suite does not know"


class SharedAdam(torch.optim.Optimizer):
    """TensorFlow's Adam, one for all networks: every update of any of them counts. We have one for each network.

    What takes no part in an update has a gradient of zero, and moves on by its momentum. The rate, the betas and their
    powers are in single precision, also where weights are in double.
    """

    updates: list[int]
    """How many there were, the one that is being made included: one number for all."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        (k,), (group,) = self.updates, self.param_groups
        beta2 = np.float32(0.999)
        power = np.multiply.reduce(np.full(k, beta2))
        rate = float(np.float32(group["lr"])) * (1 - float(power)) ** 0.5 / (1 - 0.5**k)
        for p in group["params"]:
            state = self.state[p]
            if not state:
                state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
            gradient = torch.zeros_like(p) if p.grad is None else p.grad
            state["m"].lerp_(gradient, 0.5)
            state["v"].lerp_(gradient**2, 1 - float(beta2))
            p -= rate * state["m"] / (state["v"].sqrt() + 1e-8)


class Run(suite.Recording):
    """A run with that Adam, which keeps what both halves of a step log."""

    def __init__(self, model: Model[Any], optimizers: dict[str, torch.optim.Optimizer]) -> None:
        self.updates = [0]
        shared: dict[str, torch.optim.Optimizer] = {}
        for name, ours in optimizers.items():
            (group,) = ours.param_groups
            assert (*group["betas"], group["eps"]) == (0.5, 0.999, 1e-8)
            shared[name] = SharedAdam(group["params"], {"lr": group["lr"]})
            shared[name].updates = self.updates  # type: ignore[attr-defined]
        super().__init__(model, shared)

    def begin(self, now: Progress, rate_factor: float) -> None:
        super().begin(now, rate_factor)
        self.halves = iter(("first", "second"))

    def update(self, *names: str, clip: float | None = None) -> None:
        self.updates[0] += 1
        super().update(*names, clip=clip)

    def log(self, **losses: Tensor) -> None:
        half = next(self.halves)
        super().log(**{f"{half}.{name}": loss for name, loss in losses.items()})


def network(config: Entry, output: str) -> nn.Module:
    """The network that gives this output."""
    assert config.keys() <= {"ngf", "ndf", "skip", "donorm", "threshold"}, f"{_UNKNOWN} {config}"
    assert not config.get("skip"), f"{_UNKNOWN} a skip connection"
    kinds = {
        "y": lambda: Generator(width=config["ngf"]),
        "mask": lambda: Attention(width=config["ngf"]),
        "logit": lambda: Discriminator(width=config["ndf"]),
    }
    return kinds[output]()


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    network.load_state_dict(tensors)
    return {key: key for key in tensors}


@torch.no_grad()
def _check_network(entry: Entry) -> None:
    (output,) = entry["outputs"]
    config, built = entry["config"], _filled(entry)
    assert sum(p.numel() for p in built.parameters()) == entry["parameter_count"]
    for name, variable in entry["tf_variables"].items():
        assert official.ours(variable) == f"{variable.split('/')[1]}.{name}"
    (x,) = (fill.given(rule) for rule in entry["inputs"].values())
    if output == "logit":
        if others := entry.get("others"):
            (attention,) = map(_filled, others.values())
            x = _model(threshold=config["threshold"]).seen(x, attention(x))
        else:
            assert config["threshold"] == 0
        y = built(x, normalised=config["donorm"])
    else:
        y = built(x)
    _assert_outputs({output: y}, entry)


def _filled(entry: Entry) -> nn.Module:
    (output,) = entry["outputs"]
    built = network(entry["config"], output)
    load(built, fill.network(entry["parameters"], entry["prefix"]), entry["name"])
    return built


def _assert_outputs(outputs: Mapping[str, Tensor], entry: Entry) -> None:
    for name, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(outputs[name], figures, suite.NETWORK * max(largest, 1e-3), name)


@torch.no_grad()
def _check_graph(entry: Entry) -> None:
    """All six networks as the model puts them together."""
    config = entry["config"]
    assert config.keys() == {"ngf", "ndf", "threshold", "donorm"}
    aggan = _model(width=config["ngf"], d_width=config["ndf"], threshold=config["threshold"])
    for name, told in entry["networks"].items():
        load(networks(aggan)[name], fill.network(told["parameters"], told["prefix"]), name)
    a, b = (fill.given(entry["inputs"][name]) for name in "ab")
    ((fake_b, mask_a),), ((fake_a, mask_b),) = aggan.attended(0, a), aggan.attended(1, b)
    ((cycle_b, mask_acycle),), ((cycle_a, mask_bcycle),) = aggan.attended(0, fake_a), aggan.attended(1, fake_b)
    one, mask, back, other = aggan.there_and_back(0, a, b)
    for ours, theirs in ((one, fake_b), (mask, mask_a), (back, cycle_a), (other, cycle_b)):
        # Other batches, other orders of sums: by how much, the processor decides.
        torch.testing.assert_close(ours, theirs, rtol=0, atol=suite.NETWORK)
    outputs = {"mask_a": mask_a, "mask_b": mask_b, "mask_acycle": mask_acycle, "mask_bcycle": mask_bcycle}
    outputs |= {"fake_a": fake_a, "fake_b": fake_b, "cycle_a": cycle_a, "cycle_b": cycle_b}
    for name, judge, pictures, its in (
        ("real_a", aggan.d_a, a, mask_a),
        ("real_b", aggan.d_b, b, mask_b),
        ("fake_a", aggan.d_a, fake_a, mask_b),
        ("fake_b", aggan.d_b, fake_b, mask_a),
    ):
        outputs[f"prob_{name}"] = judge(aggan.seen(pictures, its), normalised=config["donorm"])
    assert entry["outputs"].keys() <= outputs.keys()
    _assert_outputs(outputs, entry)


def _check_loss(entry: Entry) -> None:
    given = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    name = entry["name"]
    if name == "composition":
        picture = composed(given["mask_logit"].sigmoid(), given["generated"], given["input"])
        suite.assert_close(picture, entry["output"], suite.VALUE, name)
    elif name == "discriminator_input":
        picture = _model(threshold=entry["threshold"]).seen(given["input"], given["mask_logit"].sigmoid())
        suite.assert_close(picture, entry["output"], suite.VALUE, name)
    elif name == "lsgan_D":
        loss = (adversarial_loss(given["real"], True) + adversarial_loss(given["fake"], False)) / 2
        suite.assert_value(loss, entry["value"])
    else:
        assert name == "lsgan_G", f"{_UNKNOWN} the loss {name!r}"
        suite.assert_value(adversarial_loss(given["fake"], True), entry["value"])


def _model(**options: Any) -> AGGAN:
    """Its crops are of no concern here."""
    chosen = AGGAN.Options(**{"width": 1, "d_width": 1, **options})
    return AGGAN(chosen, Spec(("A", "B"), (Pictures(),) * 2, 64))


def model(config: Entry) -> AGGAN:
    assert config.keys() == _TRAINING, f"{_UNKNOWN} {config.keys() ^ _TRAINING}"
    return _model(
        width=config["ngf"],
        d_width=config["ndf"],
        cycle_a=config["lambda_a"],
        cycle_b=config["lambda_b"],
        switch=config["switch"],
        threshold=config["threshold"],
        pool=config["pool_size"],
        lr=config["base_lr"],
        epochs=config["max_step (epochs)"],
    )


def networks(model: AGGAN) -> Mapping[str, nn.Module]:
    return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}


def batch(pictures: Batch, config: Entry) -> Batch:
    return pictures


def scripted(model: AGGAN, entry: Entry) -> Iterator[Any]:
    assert "nothing is drawn" in entry["random"]
    return iter(())


def place(step: int, config: Entry) -> float:
    """In epochs."""
    return step / config["iterations per epoch"]


def rate(model: AGGAN, step: int, config: Entry) -> float:
    return model.rate_factor(Progress(0, 1, schedule=place(step, config)))


def _check_training(entry: Entry) -> None:
    assert _ADAM in entry["adam"], f"{_UNKNOWN} the optimiser {entry['adam']!r}"
    config, ours = entry["config"], model(entry["config"])
    for step, told in enumerate(entry["float64"]["losses"]):
        guided = place(step, config) >= config["switch"]
        assert told["attention_trained"] is told["donorm"] is not guided
        assert told["threshold"] == (config["threshold"] if guided else 0)
        assert abs(config["base_lr"] * rate(ours, step, config) - told["lr"]) < 1e-12
    found = {**entry, "losses": [_ours(losses, config) for losses in entry["losses"]]}
    found["float64"] = {**entry["float64"], "losses": [_ours(told, config) for told in entry["float64"]["losses"]]}
    suite.check_training(found, sys.modules[__name__])


def _ours(losses: Entry, config: Entry) -> dict[str, float]:
    """Our terms come with their weights; the reference's sums are those of its terms."""
    for way, term in (("G_A", "adv_B"), ("G_B", "adv_A")):
        cycles = sum(config[f"lambda_{of.lower()}"] * losses[f"{way}.cycle_{of}"] for of in "AB")
        assert abs(losses[way] - cycles - losses[f"{way}.{term}"]) < 1e-6 * losses[way]
    weights = {name: config[f"lambda_{name[-1].lower()}"] for name in LOSSES if "cycle" in name}
    return {name: weights.get(name, 1) * losses[name] for name in LOSSES}


SECTIONS = {
    "networks": _check_network,
    "graphs": _check_graph,
    "losses": _check_loss,
    "training": _check_training,
}
