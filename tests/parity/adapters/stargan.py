"""StarGAN: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from gantool_stargan import StarGAN, targets
from gantool_stargan.networks import Discriminator, Generator
from torch import Tensor, nn

from gantool.data.layouts.attributes import split
from gantool.importing.table import load as load_official
from gantool.importing.table import same
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Progress
from gantool.networks.norms import AffineInstanceNorm

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    **{f"D/loss_{term}": f"d_{term}" for term in ("real", "fake", "cls", "gp")},
    **{f"G/loss_{term}": f"g_{term}" for term in ("fake", "rec", "cls")},
}
"""The reference's name of each loss, and ours."""

_TRAINING = {
    *("dataset", "c_dim", "c2_dim", "selected_attrs", "image_size", "g_conv_dim", "d_conv_dim", "g_repeat_num"),
    *("d_repeat_num", "lambda_cls", "lambda_rec", "lambda_gp", "batch_size", "num_iters", "num_iters_decay", "g_lr"),
    *("d_lr", "n_critic", "beta1", "beta2", "lr_update_step"),
}
_UNKNOWN = "the suite does not know"
_MOMENTUM = 0.1


def network(config: Entry) -> Generator | Discriminator:
    """The network that a configuration of the reference's constructors describes."""
    told = dict(config)
    kind = told.pop("class")
    known = {
        "Generator": {"g_conv_dim", "c_dim", "g_repeat_num"},
        "Discriminator": {"image_size", "d_conv_dim", "c_dim", "d_repeat_num"},
    }
    assert kind in known, f"{_UNKNOWN} network {kind!r}"
    assert told.keys() == known[kind], f"{_UNKNOWN} {told.keys() ^ known[kind]}"
    if kind == "Generator":
        return Generator(told["c_dim"], width=told["g_conv_dim"], blocks=told["g_repeat_num"])
    return Discriminator(told["image_size"], told["c_dim"], width=told["d_conv_dim"], layers=told["d_repeat_num"])


def load(built: nn.Module, entry: Entry) -> dict[str, Tensor]:
    """Fills a network through the key map of `gantool import`, and returns the statistics that the map drops."""
    tensors = fill.network(entry["parameters"], entry["prefix"])
    used, dropped = load_official(built, same(built), tensors, entry["prefix"])
    assert sorted((*used, *dropped)) == sorted(tensors)
    return {key: tensors[key] for key in dropped}


def model(attributes: tuple[str, ...], classes: int, size: int = 64, **options: Any) -> StarGAN:
    names = (*attributes, *(f"class{number}" for number in range(classes)))
    chosen = StarGAN.Options(attributes=attributes, **options)
    return StarGAN(chosen, StarGAN.data(chosen).spec(names, size))


def tiny(attributes: tuple[str, ...], classes: int, **options: Any) -> StarGAN:
    return model(attributes, classes, **{"d_width": 1, "d_layers": 1, "width": 1, "blocks": 0, **options})


class Statistics:
    """The running statistics that the reference keeps of its instance norms and never uses; we keep none."""

    def __init__(self, network: nn.Module, start: Mapping[str, Tensor]) -> None:
        self.values = dict(start)
        for name, module in network.named_modules():
            if isinstance(module, AffineInstanceNorm):
                module.register_forward_pre_hook(lambda _, inputs, name=name: self._count(name, inputs[0].detach()))

    def _count(self, name: str, x: Tensor) -> None:
        now = {"running_mean": x.mean((2, 3)).mean(0), "running_var": x.var((2, 3)).mean(0)}
        for last, value in now.items():
            key = f"{name}.{last}"
            self.values[key] = (1 - _MOMENTUM) * self.values[key] + _MOMENTUM * value


@torch.no_grad()
def _check_network(entry: Entry) -> None:
    built = network(entry["config"])
    statistics = Statistics(built, load(built, entry))
    assert sum(p.numel() for p in built.parameters()) == entry["parameter_count"]
    assert entry["mode"] == "train"
    inputs = [fill.given(rule) for rule in entry["inputs"].values()]
    found = built(*inputs)
    assert_outputs(dict(zip(("src", "cls"), found, strict=True)) if isinstance(found, tuple) else {"y": found}, entry)
    for key, figures in entry.get("buffers_after_one_call", {}).items():
        if not key.endswith("num_batches_tracked"):
            suite.assert_close(statistics.values[key], figures, suite.NETWORK, key)


@torch.no_grad()
def _check_with_statistics(entry: Entry) -> None:
    """What `.eval()` does to the reference: the same network, normalised by the statistics that we drop."""
    built = network(entry["config"])
    statistics = load(built, entry)
    assert entry["mode"] == "eval"

    def normalised(name: str, norm: AffineInstanceNorm, inputs: tuple[Tensor]) -> Tensor:
        mean, var = statistics[f"{name}.running_mean"], statistics[f"{name}.running_var"]
        return nn.functional.batch_norm(inputs[0], mean, var, norm.weight, norm.bias, eps=norm.eps)

    for name, module in built.named_modules():
        if isinstance(module, AffineInstanceNorm):
            module.register_forward_hook(lambda norm, inputs, _, name=name: normalised(name, norm, inputs))
    assert_outputs({"y": built(*(fill.given(rule) for rule in entry["inputs"].values()))}, entry)


def assert_outputs(outputs: Mapping[str, Tensor], entry: Entry) -> None:
    assert outputs.keys() == entry["outputs"].keys()
    for name, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(outputs[name], figures, suite.NETWORK * max(largest, 1e-3), name)


def _asked(attribute: str, own: float) -> str:
    """The reference's target for one attribute, as an expression of ours: hair is switched on, the others flip."""
    return f"+{attribute}" if attribute in targets.HAIR or not own else f"-{attribute}"


def _check_labels(entry: Entry) -> None:
    assert entry["dataset"] in ("CelebA", "RaFD"), f"{_UNKNOWN} the data set {entry['dataset']!r}"
    for number, expected in enumerate(entry["c_trg_list"]):
        if entry["dataset"] == "RaFD":
            stargan = tiny((), entry["c_dim"])
            label = torch.full((len(entry["c_org"]),), stargan.asked(f"class{number}"))
            assert stargan.told(label).tolist() == expected
            continue
        names = entry["selected_attrs"]
        assert len(names) == entry["c_dim"]
        stargan = tiny(tuple(names), 0)
        for own, row in zip(entry["c_org"], expected, strict=True):
            asked = stargan.asked(_asked(names[number], own[number]))
            label = targets.changed(torch.tensor([own], dtype=torch.float32), names, asked)
            assert stargan.told(label).tolist() == [row]


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    name, exact = entry["name"], entry.get("float64_value")
    if exact is not None:
        inputs = {key: value.double() for key, value in inputs.items()}
    judge = Discriminator(1, 1, width=1, layers=0)
    if "network" in entry:
        judge = network(entry["network"]["config"])
        load(judge, entry["network"])
    if exact is not None:
        judge.double()
    if name == "gradient_penalty":
        value = gradient_penalty(judge.source, interpolated(inputs["real"], inputs["fake"], inputs["alpha"]))
    elif name == "classification_celeba":
        attributes = tuple(f"label{number}" for number in range(inputs["logits"].shape[1]))
        value = tiny(attributes, 0).classification(inputs["logits"], inputs["target"])
    elif name == "classification_rafd":
        value = tiny((), inputs["logits"].shape[1]).classification(inputs["logits"], inputs["target"])
    elif name == "adversarial":
        value = adversarial_loss(judge.source(inputs["real"]), True, "wgangp")
    else:
        assert name == "reconstruction", f"{_UNKNOWN} the loss {name!r}"
        value = (inputs["x"] - inputs["y"]).abs().mean()
    if exact is not None:
        assert value.item() == pytest.approx(exact, rel=suite.EXACT)
    else:
        assert value.item() == pytest.approx(entry["value"], rel=suite.VALUE, abs=1e-7)


@torch.no_grad()
def _check_translate(entry: Entry) -> None:
    config, told = entry["config"], entry["network"]["config"]
    assert config.keys() == {"dataset", "selected_attrs", "c_dim"}
    others = told["c_dim"] - config["c_dim"]
    others -= 2 if others else 0  # the mask
    if config["dataset"] == "CelebA":
        attributes, classes = tuple(config["selected_attrs"]), others
        own = torch.tensor(entry["inputs"]["c_org"])
    else:
        assert config["dataset"] == "RaFD", f"{_UNKNOWN} the data set {config['dataset']!r}"
        attributes, classes = tuple(f"label{number}" for number in range(others)), config["c_dim"]
    stargan = tiny(attributes, classes, width=told["g_conv_dim"], blocks=told["g_repeat_num"])
    load(stargan.g, entry["network"])
    x = fill.given(entry["inputs"]["x"])
    assert len(entry["outputs"]) == config["c_dim"]
    for number, figures in enumerate(entry["outputs"]):
        if config["dataset"] == "RaFD":
            told = stargan.condition(f"class{number}", x)
            found = stargan.translate(x, source=0, target=number, condition=told)
        else:
            parts = []
            for picture, labels in zip(x.split(1), own.split(1), strict=True):
                stargan.own = lambda _, labels=labels: labels  # type: ignore[method-assign]
                target = _asked(attributes[number], labels[0, number].item())
                condition = stargan.condition(target, picture)
                parts.append(stargan.translate(picture, source=0, target=number, condition=condition))
            found = torch.cat(parts)
        suite.assert_close(((found + 1) / 2).clamp(0, 1), figures, suite.NETWORK, f"target {number}")


class _Scripted(suite.Recording):
    """A run whose draws are those of an entry: a permutation, as numbers in its order, then the penalty's places."""

    draws: Iterator[Tensor]

    def rand(self, *shape: int) -> Tensor:
        drawn = next(self.draws)
        assert drawn.shape == shape
        return drawn


def _check_training(entry: Entry) -> None:
    """The model's own training step in float64: every loss, then the weights."""
    config, expected = entry["config"], entry.get("float64", entry)
    exact = "float64" in entry
    stargan = _trained(config)
    networks = {"G": stargan.g, "D": stargan.d}
    assert networks.keys() == entry["networks"].keys()
    statistics = {}
    for name, told in entry["networks"].items():
        network(told["config"]).load_state_dict(networks[name].state_dict())
        statistics[name] = {key: value.double() for key, value in load(networks[name], told).items()}
    stargan.double().train()
    moved = Statistics(stargan.g, statistics["G"])
    total = config["num_iters"]
    run = _Scripted(stargan, stargan.optimizers())
    losses = iter(expected["losses"])
    for step, sets in enumerate(entry["batches"]):
        batch, draws = {}, []
        for suffix, told in zip(("", "2"), sets.values(), strict=False):
            label = fill.given(told["label_org"])
            batch["image" + suffix] = fill.given(told["x_real"]).double()
            batch["label" + suffix] = label.double() if label.is_floating_point() else label
            draws += [
                torch.tensor(told["perm"]["value"]).argsort().double(),
                fill.given(told["alpha"]).flatten().double(),
            ]
        run.draws = iter(draws)
        run.begin(Progress(step, total), stargan.rate_factor(Progress(step, total)))
        for _ in run.batches():
            stargan.training_step(batch, run)
        run.end()
        assert list(run.draws) == [], "draws that nobody asked for"
        for suffix, dataset in zip(("", "2"), sets, strict=False):
            told = next(losses)
            assert (told["step"], told["dataset"]) == (step, dataset)
            for name in told.keys() - {"step", "dataset", "float64_gap"}:
                ours, tolerance = run.last[LOSSES[name] + suffix], _tolerance(told, exact)
                assert abs(ours - told[name]) <= tolerance * max(abs(told[name]), 1e-3 if exact else 1), (
                    f"step {step}, {dataset}: {name} is {ours}, not {told[name]}"
                )
            logged = {name for name in run.last if name.endswith("2") == (suffix == "2")}
            assert ("G/loss_rec" in told) == ("g_rec" + suffix in logged)
        run.last = {}
    assert next(losses, None) is None
    for name, rate in (("g", config["g_lr"]), ("d", config["d_lr"])):
        after = rate * stargan.rate_factor(Progress(len(entry["batches"]), total))
        assert after == pytest.approx(entry["lr_after"][name], rel=1e-9, abs=1e-15)
    for name, figures in expected["after"].items():
        state = {**networks[name].state_dict(), **(moved.values if name == "G" else {})}
        for key, told in figures.items():
            suite.assert_close(state[key], told, _tolerance(told, exact), f"{name}: {key} after the run")


def _trained(config: Entry) -> StarGAN:
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    dataset = config["dataset"]
    assert dataset in ("CelebA", "RaFD", "Both"), f"{_UNKNOWN} the data set {dataset!r}"
    attributes = () if dataset == "RaFD" else tuple(config["selected_attrs"])[: config["c_dim"]]
    classes = {"CelebA": 0, "RaFD": config["c_dim"], "Both": config["c2_dim"]}[dataset]
    return model(
        attributes,
        classes,
        config["image_size"],
        width=config["g_conv_dim"],
        blocks=config["g_repeat_num"],
        d_width=config["d_conv_dim"],
        d_layers=config["d_repeat_num"],
        cls=config["lambda_cls"],
        rec=config["lambda_rec"],
        penalty=config["lambda_gp"],
        n_critic=config["n_critic"],
        g_lr=config["g_lr"],
        d_lr=config["d_lr"],
        beta1=config["beta1"],
        beta2=config["beta2"],
        n_steps=config["num_iters"],
        n_steps_decay=config["num_iters_decay"],
        lr_update_step=config["lr_update_step"],
    )


def _tolerance(told: Entry, exact: bool) -> float:
    """Float32 figures are as far from float64 as they say, twice that is allowed; 1e-7 is float32's own rounding."""
    return suite.EXACT if exact else 2 * max(told["float64_gap"], 1e-7)


def _check_split(entry: Entry) -> None:
    names = [f"{number:06}.jpg" for number in range(1, entry["n"] + 1)]
    train, test = split(names, entry["test_count"])
    assert (len(train), len(test)) == (entry["train_count"], entry["test_count"])
    for part, listed in (("train", train), ("test", test)):
        first, last = entry[f"{part}_first"], entry[f"{part}_last"]
        assert listed[: len(first)] == first
        assert listed[-len(last) :] == last


SECTIONS = {
    "networks": _check_network,
    "extra_networks": _check_with_statistics,
    "labels": _check_labels,
    "losses": _check_loss,
    "translate": _check_translate,
    "training": _check_training,
    "data": _check_split,
}
