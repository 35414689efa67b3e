"""BigGAN: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from gantool_biggan import BigGAN, official
from gantool_biggan.attention import Attention
from gantool_biggan.discriminator import Discriminator
from gantool_biggan.generator import Generator
from gantool_biggan.norms import ClassNorm, OutputNorm, with_standing_statistics
from gantool_biggan.orthogonality import orthogonality
from gantool_biggan.spectral import Conv, SpectralNorm, power_iterations
from torch import Tensor, nn

from gantool.evaluation.fid import fid
from gantool.evaluation.inception_score import inception_score
from gantool.importing.table import load as load_official
from gantool.importing.table import same
from gantool.inference.pixels import as_pictures
from gantool.losses.adversarial import adversarial_loss, generator_loss
from gantool.model import Progress, Run
from gantool.training.ema import Averages

from .. import fill, suite
from ..suite import Entry

_GENERATOR = {
    *("class", "model", "G_ch", "G_depth", "dim_z", "resolution", "G_attn", "n_classes", "G_shared", "shared_dim"),
    *("hier", "G_nl", "BN_eps", "SN_eps", "mybn", "G_param", "num_G_SVs", "num_G_SV_itrs"),
}
_DISCRIMINATOR = {
    *("class", "model", "D_ch", "D_wide", "D_depth", "resolution", "D_attn", "n_classes", "D_nl", "SN_eps"),
}
_TRAINING = {
    *("G_lr", "D_lr", "G_B1", "D_B1", "G_B2", "D_B2", "adam_eps", "G_ortho", "D_ortho", "split_D", "ema_decay"),
    *("ema_start", "G_batch_size", "batch_size", "num_D_steps", "num_D_accumulations", "num_G_accumulations"),
}
_UNKNOWN = "the suite does not know"
_EPS = 1e-12
"""Of spectral norms whose configuration does not say."""


def network(config: Entry) -> Generator | Discriminator:
    """The network that a configuration of the reference's constructors describes."""
    is_generator = config["class"] == "Generator"
    known = _GENERATOR if is_generator else _DISCRIMINATOR
    assert config.keys() <= known, f"{_UNKNOWN} {config.keys() - known}"
    letter = "G" if is_generator else "D"
    assert config.get("model", "BigGAN") in ("BigGAN", "BigGANdeep")
    assert config.get(f"{letter}_depth", 2) == 2, "deep networks have two blocks a size"
    assert config.get(f"{letter}_nl", "inplace_relu") in ("relu", "inplace_relu")
    deep = config.get("model") == "BigGANdeep"
    attention = [int(size) for size in config[f"{letter}_attn"].split("_")]
    norm = SpectralNorm(config.get("SN_eps", _EPS), config.get("num_G_SVs", 1), config.get("num_G_SV_itrs", 1))
    told = (config["resolution"], 3, config["n_classes"])
    if not is_generator:
        return Discriminator(
            *told, width=config["D_ch"], attention=attention, wide=config["D_wide"], deep=deep, norm=norm
        )
    return Generator(
        *told,
        width=config["G_ch"],
        latent=config["dim_z"],
        shared=(config["shared_dim"] or config["dim_z"]) if config["G_shared"] else 0,
        hierarchical=config["hier"],
        attention=attention,
        deep=deep,
        norm=norm if config.get("G_param", "SN") == "SN" else None,
        bn_eps=config.get("BN_eps", 1e-5),
    )


class Told(nn.Module):
    """A network that is given classes by their numbers, as theirs are."""

    def __init__(self, network: Generator | Discriminator, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def forward(self, x: Tensor, classes: Tensor) -> Mapping[str, Tensor]:
        name = "y" if isinstance(self.network, Generator) else "logit"
        return {name: self.network(x, one_hot(classes, self.classes))}


def one_hot(classes: Tensor, count: int) -> Tensor:
    return F.one_hot(classes, count).float()


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    if isinstance(network, Told):
        found = load(network.network, tensors, where)
        return {theirs: f"network.{ours}" for theirs, ours in found.items()}
    several = any(key.endswith(".u1") for key in tensors)
    used, dropped = load_official(network, (same if several else official.names)(network), tensors, where)
    assert all(key.endswith("accumulation_counter") for key in dropped)
    return used | dict.fromkeys(dropped, "")


def loaded(entry: Entry) -> Generator | Discriminator:
    built = network(entry["config"])
    load(built, fill.filled(entry), entry.get("name", ""))
    return built


def _check_network(entry: Entry) -> None:
    classes = entry["config"]["n_classes"]
    suite.check_network(entry, lambda config: Told(network(config), classes), load)


# -- functions


class _Alone(nn.Module):
    """A norm as a generator, for standing statistics."""

    def __init__(self, norm: OutputNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.norm(x)


def _class_norm(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    norm = ClassNorm(inputs["x"].shape[1], inputs["y"].shape[1], entry["eps"], None, embeds=False)
    norm.load_state_dict(
        {
            "stored_mean": inputs["mean"],
            "stored_var": inputs["var"],
            "gain.weight": inputs["gain_weight"],
            "bias.weight": inputs["bias_weight"],
        }
    )
    y = norm.train(entry["mode"] == "train")(inputs["x"], inputs["y"])
    return {"y": y} | ({"stored_mean": norm.stored_mean, "stored_var": norm.stored_var} if norm.training else {})


def _standing(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    norm = OutputNorm(inputs["x"].shape[1])
    norm.load_state_dict({"gain": inputs["gain"], "bias": inputs["bias"]}, strict=False)
    passes = [(inputs[name], inputs[name]) for name in inputs if re.fullmatch(r"x\d+", name)]
    collected = with_standing_statistics(_Alone(norm), passes)
    count = len(passes)  # they keep sums, and divide when they use them
    return {
        "stored_mean": collected.norm.stored_mean * count,
        "stored_var": collected.norm.stored_var * count,
        "accumulation_counter": torch.tensor([float(count)]),
        "y": collected(inputs["x"], inputs["x"]),
    }


def _attention(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    layer = Attention(inputs["x"].shape[1], None)
    weights = {f"{name}.weight": inputs[name] for name in ("theta", "phi", "g", "o")}
    layer.load_state_dict({**weights, "gamma": inputs["gamma"].reshape(())})
    return {"y": layer(inputs["x"])}


def _spectral_norm(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    norm = SpectralNorm(entry["eps"], entry["vectors"], entry["iterations"])
    out, into, kernel, _ = inputs["W"].shape
    layer = Conv(into, out, kernel, norm, bias=False)
    us = {name: value for name, value in inputs.items() if name != "W"}
    layer.load_state_dict({"weight": inputs["W"], **us}, strict=False)
    _, vs = power_iterations(inputs["W"].flatten(1), list(us.values()), norm)
    found = {"weight": layer.train().normalised(), **{f"v{i}": v for i, v in enumerate(vs)}}
    return found | {f"{name}{i}": layer.get_buffer(f"{name}{i}") for i in range(norm.vectors) for name in ("u", "sv")}


def _regularisation(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What our loss adds to gradients. Their default form, which they never use, has the diagonal in it, too."""
    modified = entry["name"].endswith("_modified")
    weights = {name: x.clone().requires_grad_() for name, x in inputs.items() if not (modified and name == "e")}
    loss = orthogonality(weights.values())
    if not modified:
        rows = [w.flatten(1) for w in weights.values() if w.dim() > 1]
        loss = loss + sum(0.5 * (w.square().sum(1) - 1).square().sum() for w in rows)
    (entry["strength"] * loss).backward()
    return {name: w.grad for name, w in weights.items() if w.grad is not None}


class _Kept(nn.Module):
    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)
        self.register_buffer("twice", 2 * w)


def _average(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    model = tiny(ema=entry["decay"], ema_start=entry["ema_start"])
    model.g = _Kept(inputs["w0"])  # type: ignore[assignment]
    averages = Averages(model)
    average = averages.averages["g"]
    found = {"after_construction": average.w.clone()}
    for step in range(len(inputs) - 1):
        model.g = _Kept(inputs[f"w{step + 1}"])  # type: ignore[assignment]
        averages.update(model, Progress(step, len(inputs)), torch.ones(()))
        found[f"after_update_{step + 1}"] = average.w.clone()
    return {**found, "buffer_after": average.twice}


def _interpolated(entry: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    shares = torch.linspace(0, 1, entry["num_midpoints"] + 2).view(1, -1, 1)
    return {"y": torch.lerp(inputs["x0"], inputs["x1"], shares)}


_FUNCTIONS = {
    "conditional_batch_norm": _class_norm,
    "standing_statistics": _standing,
    "self_attention": _attention,
    "spectral_norm": _spectral_norm,
    "orthogonal_regularisation": _regularisation,
    "ema_start": _average,
    "interpolate": _interpolated,
}


def _check_function(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if entry["name"] == "to_uint8":  # they cut off, gantool rounds
        ours = as_pictures(inputs["x"].view(1, 1, 1, -1))[0].flatten().astype(int)
        assert set(ours - np.array(entry["outputs"]["bytes"])) <= {0, 1}
        return
    check = next(check for name, check in _FUNCTIONS.items() if entry["name"].startswith(name))
    found = check(entry, inputs)
    assert found.keys() == entry["outputs"].keys()
    for name, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(found[name], figures, suite.VALUE * max(largest, 1e-3), name)


def _check_loss(entry: Entry) -> None:
    scores = {name: fill.given(rule).double() for name, rule in entry["inputs"].items()}
    objective, _, asked = entry["name"].partition("_")
    mode = {"hinge": "hinge", "softplus": "vanilla"}[objective]
    if asked == "G":
        value = generator_loss(*scores.values(), mode)
    else:
        which = asked.removeprefix("D_")
        value = adversarial_loss(scores[which], which == "real", mode)
    assert value.item() == pytest.approx(entry["float64_value"], rel=suite.EXACT)


@torch.no_grad()
def _check_sampling(entry: Entry) -> None:
    g, classes = loaded(entry), entry["config"]["n_classes"]
    assert isinstance(g, Generator)
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    labels = one_hot(inputs["y"], classes)
    found: dict[str, Tensor] = {}
    if "draws" in entry:
        draws = [{name: fill.given(rule) for name, rule in draw.items()} for draw in entry["draws"]]
        g = with_standing_statistics(g, ((draw["z"], one_hot(draw["y"], classes)) for draw in draws))
        found["y"] = g(inputs["z"], labels)
        for name in entry["outputs"].keys() - found:
            ours = name.replace(".bn.", ".")
            told = torch.tensor([1.0]) if ours.endswith("accumulation_counter") else g.get_buffer(ours)
            found[name] = told if ours.endswith(".u0") else told * len(draws)  # they keep sums, and a count
    else:
        g.eval()
        for name in entry["outputs"]:
            share = float(name.rpartition("_")[2])
            if name.startswith("z_var_"):
                found[name] = g(share * inputs["n"], labels)
            else:
                assert name.startswith("classes_mixed_")
                others = one_hot(torch.tensor([0, 2]), classes)
                assert "[0, 2]" in entry["what"]
                found[name] = g(inputs["n"], torch.lerp(labels, others, share))
    for name, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(found[name], figures, suite.NETWORK * max(largest, 1e-3), name)


def _check_metric(entry: Entry) -> None:
    inputs = {name: fill.given(rule).double().numpy() for name, rule in entry["inputs"].items()}
    if entry["name"] == "frechet_distance":
        assert fid(inputs["a"], inputs["b"]) == pytest.approx(entry["value"], rel=1e-9)
        return
    assert entry["name"] == "inception_score", f"{_UNKNOWN} {entry['name']!r}"
    p = torch.from_numpy(float(suite.stated(r"softmax\((\d+) \*", entry["what"])) * inputs["logits"]).softmax(1)
    each = len(p) // entry["num_splits"]
    scores = [inception_score(part.numpy()).score for part in p[: each * entry["num_splits"]].split(each)]
    assert np.mean(scores) == pytest.approx(entry["outputs"]["mean"], rel=1e-9)
    assert np.std(scores) == pytest.approx(entry["outputs"]["std"], rel=1e-9)


# -- training


def tiny(classes: int = 2, size: int = 32, **options: Any) -> BigGAN:
    chosen = BigGAN.Options(
        **{"width": 4, "d_width": 4, "latent": 8, "shared": 4, "attention": (), "standing": 1, **options}
    )
    return BigGAN(chosen, BigGAN.data(chosen).spec([f"c{i}" for i in range(classes)], size))


def _check_training(entry: Entry) -> None:
    """The model's own steps in float64 with given draws, and its average: every loss, then the weights."""
    config = entry["config"]
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    told = {name: one["config"] for name, one in entry["networks"].items()}
    assert told.keys() == {"G", "D", "G_ema"}
    assert told["G"]["n_classes"] == told["D"]["n_classes"]
    assert config["num_D_accumulations"] == config["num_G_accumulations"]
    assert config["G_ortho"] == config["D_ortho"]
    assert (config["G_B1"], config["G_B2"]) == (config["D_B1"], config["D_B2"])
    model = tiny(
        told["G"]["n_classes"],
        told["G"]["resolution"],
        d_steps=config["num_D_steps"],
        accumulations=config["num_D_accumulations"],
        ortho=config["G_ortho"],
        ema=config["ema_decay"],
        ema_start=config["ema_start"],
        g_lr=config["G_lr"],
        d_lr=config["D_lr"],
        beta1=config["G_B1"],
        beta2=config["G_B2"],
        adam_eps=config["adam_eps"],
    )
    for ours, theirs in {"g": "G", "d": "D"}.items():
        setattr(model, ours, loaded(entry["networks"][theirs]))
    model.double().train()
    averages = Averages(model)
    if config["split_D"]:
        model.scores = lambda fake, y_fake, real, y_real: (  # type: ignore[method-assign]
            model.d(fake, y_fake),
            model.d(real, y_real),
        )
    run = suite.Recording(model, model.optimizers())
    expected = entry["float64"]
    for step, (rules, losses) in enumerate(zip(entry["batches"], expected["losses"], strict=True)):
        draws = _script(model, rules)
        now = Progress(step, len(entry["batches"]))
        run.begin(now, 1.0)
        for _ in run.batches():
            model.training_step({"image": fill.given(rules["x"]).double(), "label": fill.given(rules["y"])}, run)
        run.end()
        averages.update(model, now, run.applied())
        assert list(draws) == [], "draws that nobody asked for"
        ours = {
            "D_loss_real": run.last["d_real"],
            "D_loss_fake": run.last["d_fake"],
            "G_loss": run.last["gan"] / config["num_G_accumulations"],
        }
        assert losses.keys() == ours.keys()
        for name, value in ours.items():
            assert value == pytest.approx(losses[name], rel=suite.EXACT, abs=1e-11), (
                f"step {step}: {name} is {value}, not {losses[name]}"
            )
    networks = {"G": model.g, "D": model.d, "G_ema": averages.averages["g"]}
    for name, figures in expected["after"].items():
        state = networks[name].state_dict()
        for key, one in figures.items():
            suite.assert_close(state[key], one, suite.EXACT, f"{name}: {key} after the run")


def _script(model: BigGAN, rules: Entry) -> Iterator[str]:
    """Gives the model the step's draws, in the order in which a step asks for them: those of D, then those of G."""
    names = iter(sorted(name.removeprefix("z_") for name in rules if name.startswith("z_")))

    def draw(count: int, run: Run) -> tuple[Tensor, Tensor]:
        name = next(names)
        # Of D's draws the first rows are used, of G's all.
        used = slice(count if name.startswith("D") else None)
        return fill.given(rules[f"z_{name}"])[used].double(), one_hot(
            fill.given(rules[f"y_{name}"])[used], model.classes
        ).double()

    model.draw = draw  # type: ignore[method-assign]
    return names


SECTIONS = {
    "networks": _check_network,
    "functions": _check_function,
    "losses": _check_loss,
    "sampling": _check_sampling,
    "metrics": _check_metric,
    "training": _check_training,
}
