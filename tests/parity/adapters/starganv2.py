"""StarGAN v2: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from gantool_starganv2 import StarGANv2, face
from gantool_starganv2.networks import Discriminator, Generator, MappingNetwork, Masks, StyleEncoder
from torch import Tensor, nn

from gantool.evaluation.fid import fid
from gantool.evaluation.networks.lpips import LPIPS, diversity
from gantool.importing.table import load as load_official
from gantool.importing.table import same
from gantool.model import Progress
from gantool.spec import Pictures, Spec
from gantool.training.ema import Averages
from gantool.training.run import TrainingRun

from .. import faces, fill, suite
from ..suite import Entry

LOSSES = {
    **{f"D/{kind}_{term}": f"d_{kind}_{term}" for kind in ("latent", "ref") for term in ("real", "fake")},
    **{f"D/{kind}_reg": f"d_{kind}_r1" for kind in ("latent", "ref")},
    **{
        f"G/{kind}_{theirs}": f"g_{kind}_{ours}"
        for kind in ("latent", "ref")
        for theirs, ours in (("adv", "adv"), ("sty", "style"), ("ds", "diversity"), ("cyc", "cycle"))
    },
}
"""The reference's name of each loss, and ours."""

_TRAINING = {
    *("img_size", "num_domains", "latent_dim", "style_dim", "lambda_reg", "lambda_cyc", "lambda_sty", "lambda_ds"),
    *("ds_iter", "w_hpf", "lr", "f_lr", "beta1", "beta2", "weight_decay", "batch_size", "total_iters"),
    *("max_conv_dim", "ema_beta"),
}
_BATCH = {"image": "x_src", "label": "y_src", "reference": "x_ref", "reference2": "x_ref2", "target": "y_ref"}
_TOTALS = ("D/latent_total", "D/ref_total", "G/latent_total", "G/ref_total")
"""What the four updates of a step follow, in their order."""
_UNKNOWN = "the suite does not know"


_NETWORKS: dict[str, tuple[tuple[str, ...], Callable[..., nn.Module]]] = {
    "Generator": (
        ("img_size", "style_dim", "max_conv_dim", "w_hpf"),
        lambda size, style, widest, w_hpf: Generator(size, style, max_width=widest, w_hpf=w_hpf),
    ),
    "MappingNetwork": (("latent_dim", "style_dim", "num_domains"), MappingNetwork),
    "StyleEncoder": (
        ("img_size", "style_dim", "num_domains", "max_conv_dim"),
        lambda size, style, domains, widest: StyleEncoder(size, style, domains, max_width=widest),
    ),
    "Discriminator": (
        ("img_size", "num_domains", "max_conv_dim"),
        lambda size, domains, widest: Discriminator(size, domains, max_width=widest),
    ),
    "FAN": ((), face.FAN),
}
"""The reference's classes with their constructors' arguments, and ours from these arguments."""


def network(config: Entry) -> nn.Module:
    """The network that a configuration describes."""
    assert config["class"] in _NETWORKS, f"{_UNKNOWN} network {config['class']!r}"
    names, build = _NETWORKS[config["class"]]
    assert config.keys() == {"class", *names}, f"{_UNKNOWN} {config.keys() ^ {'class', *names}}"
    return build(*(config[name] for name in names))


def filled(entry: Entry) -> Any:
    """The network of {"config", "prefix", "parameters", maybe "constants"}, through the checks of `gantool import`."""
    built = network(entry["config"])
    load(built, entry, entry["prefix"])
    for name, value in entry.get("constants", {}).items():
        assert name == "hpf.filter", f"{_UNKNOWN} constant {name}"
        assert torch.equal(built.get_buffer(name), torch.tensor(value))
    return built.eval()


def load(built: nn.Module, entry: Entry, where: str) -> None:
    tensors = fill.network(entry["parameters"], entry["prefix"])
    load_official(built, same(built), tensors, where)


def assert_network(tensor: Tensor, figures: Entry, what: str) -> None:
    largest = max(abs(value) for value in figures["values"])
    suite.assert_close(tensor, figures, suite.NETWORK * max(largest, 1e-3), what)


def given(rules: Mapping[str, Any]) -> dict[str, Any]:
    """All inputs of an entry; a list of them as a tuple (the two masks)."""
    return {
        name: tuple(fill.given(one) for one in rule) if isinstance(rule, list) else fill.given(rule)
        for name, rule in rules.items()
    }


@torch.no_grad()
def _check_network(entry: Entry) -> None:
    built, inputs = filled(entry), given(entry["inputs"])
    assert entry["mode"] == "eval"
    assert sum(p.numel() for p in built.parameters()) == entry["parameter_count"]
    if "mask0" in inputs:
        inputs["masks"] = (inputs.pop("mask0"), inputs.pop("mask1"))
    ((name, figures),) = entry["outputs"].items()
    assert_network(built(**inputs), figures, name)


@torch.no_grad()
def _check_face(entry: Entry) -> None:
    name, outputs = entry["name"], entry["outputs"]
    if name == "fan_heatmaps":
        maps = face.heatmaps(filled(entry["network"]), fill.given(entry["inputs"]["x"]))
        assert_network(maps, outputs["heatmaps"], "heatmaps")
        assert_network(face.enlarged(maps), outputs["heatmaps_256"], "heatmaps_256")
    elif name == "masks_from_heatmaps":
        for key, mask in zip(("mask0", "mask1"), face.masks(_spots(entry["inputs"]["heatmaps"])), strict=True):
            assert_network(mask, outputs[key], key)
    elif name == "landmarks_from_heatmaps":
        found = faces.landmarks(fill.given(entry["inputs"]["heatmaps"]))
        suite.assert_close(found, outputs["landmarks"], 1e-6, "landmarks")
    else:
        assert name == "alignment_matrix", f"{_UNKNOWN} {name!r}"
        inputs = {key: fill.given(rule).numpy() for key, rule in entry["inputs"].items()}
        matrix = faces.alignment_matrix(inputs["landmarks"], inputs["mean_landmarks"])
        np.testing.assert_allclose(matrix, outputs["matrix"], rtol=suite.VALUE, atol=1e-7)


def _spots(rule: Entry) -> Tensor:
    """Heat maps (N, K, 256, 256) that each have one round spot."""
    assert rule["rule"] == "gaussians"
    assert rule["formula"].startswith("h[n,k,r,c] = exp(-((r-R)^2+(c-C)^2)/(2*6^2)), (R,C) = 128 + 96*v[n,k,:]")
    centres = 128 + 96 * fill.given(rule["centres"])
    grid = torch.arange(256.0)
    rows, columns = ((grid - centres[..., i, None]).square() for i in (0, 1))
    return torch.exp(-(rows[..., None] + columns[..., None, :]) / (2 * 6**2))


@torch.no_grad()
def _check_translate(entry: Entry) -> None:
    """Styles through the model's own methods; pictures through its generator, one through `translate`, which clips."""
    told, inputs, networks = entry["config"], given(entry["inputs"]), entry["networks"]
    assert told.keys() <= {"psi", "w_hpf", "num_domains"}, f"{_UNKNOWN} {told}"
    sizes = {**networks["generator"]["config"], **networks["mapping_network"]["config"]}
    model = _model(
        sizes["img_size"],
        told["num_domains"],
        sizes["max_conv_dim"],
        w_hpf=told["w_hpf"],
        **{key: sizes[key] for key in ("latent_dim", "style_dim")},
    )
    for name, one in networks.items():
        load(model.get_submodule(name), one, name)
    model.eval()
    (target,) = set(inputs["y_trg"].tolist())
    drawn = {"masks_source": inputs.get("masks_source"), "masks_fake": inputs.get("masks_fake")}

    def picture(x: Tensor, style: Tensor, masks: str = "masks_source") -> Tensor:
        y: Tensor = model.generator(x, style, drawn[masks])
        return y

    x = inputs["x"]
    latent, average = model.styles(inputs["z"], target), model.styles(inputs["z_many"], target).mean(0, keepdim=True)
    psi = torch.lerp(average, latent, told["psi"])
    reference = model.encode(inputs["x_ref"], domain=target)
    source = torch.cat([model.encode(x[i : i + 1], domain=y) for i, y in enumerate(inputs["y_src"].tolist())])
    found = {
        "s_latent": latent,
        "y_latent": picture(x, latent),
        "s_average": average,
        "s_psi": psi,
        "y_psi": picture(x, psi),
        "s_reference": reference,
        "y_reference": picture(x, reference),
        "s_source": source,
        "y_interpolated_0.25": picture(x, torch.lerp(latent, reference, 0.25)),
    }
    found["y_cycle"] = picture(found["y_reference"], source, "masks_fake")
    model.masks = lambda images: drawn["masks_source"]  # type: ignore[method-assign]
    clipped = model.translate(x, source=0, target=target, code=latent)
    assert torch.equal(clipped, found["y_latent"].clamp(-1, 1))
    assert found.keys() == entry["outputs"].keys()
    for name, figures in entry["outputs"].items():
        assert_network(found[name], figures, name)


def _check_loss(entry: Entry) -> None:
    inputs = given(entry["inputs"]) if "network" in entry else entry["inputs"]
    if entry["name"] == "lambda_ds_schedule":
        model = _model(32, 2, 1, diversity=inputs["initial"], diversity_steps=inputs["ds_iter"])
        ours = [model.diversity_weight(Progress(step + 1, 1)) for step in range(len(entry["value"]))]
        # The reference subtracts step by step. What rounding leaves of its weight can cost one subtraction too many:
        # then it stays negative, and training asks for sameness. Ours ends at 0.
        assert ours == pytest.approx([max(0.0, value) for value in entry["value"]], rel=1e-12, abs=1e-12)
        return
    told = entry["network"]["config"]
    model = _model(told["img_size"], told["num_domains"], told["max_conv_dim"])
    load(model.discriminator, entry["network"], entry["name"])
    assert network(told).state_dict().keys() == model.discriminator.state_dict().keys()
    losses = model.discriminator_loss(inputs["x"], inputs["y"], inputs["x"], inputs["y"])
    ours = losses[{"r1": "r1", "adversarial_target1": "real", "adversarial_target0": "fake"}[entry["name"]]].item()
    assert ours == pytest.approx(entry["value"], rel=suite.VALUE)


@torch.no_grad()
def _check_metric(entry: Entry) -> None:
    if entry["name"] == "frechet_distance":
        features = [array.numpy() for array in given(entry["inputs"]).values()]
        assert fid(*features) == pytest.approx(entry["value"], rel=suite.VALUE)
        return
    assert entry["name"] == "lpips", f"{_UNKNOWN} metric {entry['name']!r}"
    tensors = fill.network(entry["network"]["parameters"], entry["network"]["prefix"])
    names = {name: name.replace("alexnet.layers.", "features.") for name in tensors}
    names |= {f"lpips_weights.{i}.main.1.weight": f"heads.{i}" for i in range(5)}
    distance = LPIPS()
    distance.load_state_dict({names[name]: value for name, value in tensors.items()})
    group = torch.stack(given(entry["inputs"])["group"])
    assert diversity(group, distance).item() == pytest.approx(entry["value"], rel=suite.VALUE)


def _model(size: int, domains: int, max_width: int, **options: Any) -> StarGANv2:
    names = tuple(f"d{i}" for i in range(domains))
    return StarGANv2(StarGANv2.Options(max_width=max_width, **options), Spec(names, (Pictures(),) * domains, size))


class Scripted(TrainingRun):
    """A run that draws the entry's codes, and keeps every loss in double precision."""

    codes: Iterator[Tensor]
    last: dict[str, float]
    totals: list[float]

    def backward(self, loss: Tensor, **options: Any) -> None:
        super().backward(loss, **options)
        self.totals.append(loss.item())

    def randn(self, *shape: int) -> Tensor:
        drawn = next(self.codes)
        assert drawn.shape == shape
        return drawn

    def log(self, **losses: Tensor) -> None:
        self.last = {name: loss.item() for name, loss in losses.items()}


def _check_training(entry: Entry) -> None:
    """The model's own steps in float64, with given codes and masks, and its averages: every loss, then the weights."""
    told = entry["config"]
    assert told.keys() == _TRAINING, f"{_UNKNOWN} {told.keys() ^ _TRAINING}"
    assert entry["dtype"] == "float64"
    model = _model(
        *(told["img_size"], told["num_domains"], told["max_conv_dim"]),
        **{key: told[key] for key in ("latent_dim", "style_dim", "w_hpf", "lr", "beta1", "beta2", "weight_decay")},
        r1=told["lambda_reg"],
        style=told["lambda_sty"],
        cycle=told["lambda_cyc"],
        diversity=told["lambda_ds"],
        diversity_steps=told["ds_iter"],
        mapping_lr=told["f_lr"],
        ema=told["ema_beta"],
    )
    averages = Averages(model)
    networks: dict[str, nn.Module] = {name: model.get_submodule(name) for name in (*model.averaged, "discriminator")}
    networks |= {f"{name}_ema": average for name, average in averages.averages.items()}
    assert networks.keys() == entry["networks"].keys()
    for name, one in entry["networks"].items():
        load(networks[name], one, name)
        networks[name].double()
    model.double().train()
    run = Scripted(model, model.optimizers())
    for step, (rules, losses) in enumerate(zip(entry["batches"], entry["losses"], strict=True)):
        inputs = {name: _double(value) for name, value in given(rules).items()}
        run.codes, run.totals = iter([inputs["z_trg"], inputs["z_trg2"]]), []
        asked = _script_masks(model, inputs)
        now = Progress(step, told["total_iters"])
        run.begin(now, 1.0)
        for _ in run.batches():
            model.training_step({ours: inputs[theirs] for ours, theirs in _BATCH.items()}, run)
        run.end()
        averages.update(model, now, run.applied())
        assert list(run.codes) == list(asked) == [], "draws or masks that nobody asked for"
        assert model.diversity_weight(now) == pytest.approx(losses["lambda_ds_used"], abs=1e-12)
        ours = {theirs: run.last[name] for theirs, name in LOSSES.items()} | dict(zip(_TOTALS, run.totals, strict=True))
        assert losses.keys() == {*ours, "step", "lambda_ds_used"}
        for name, value in ours.items():
            assert value == pytest.approx(losses[name], rel=suite.EXACT), f"step {step}: {name}"
    assert model.diversity_weight(Progress(len(entry["batches"]), 1)) == pytest.approx(
        max(0.0, entry["lambda_ds_after"])
    )
    for name, figures in entry["after"].items():
        state = networks[name].state_dict()
        for key, one in figures.items():
            suite.assert_close(state[key], one, suite.EXACT, f"{name}: {key} after the run")


def _script_masks(model: StarGANv2, inputs: Mapping[str, Any]) -> Iterator[Masks]:
    """Gives the model the step's masks, in the order in which a step asks for them."""
    if "masks_source" not in inputs:
        return iter(())
    asked = iter([inputs[name] for name in ("masks_source", "masks_fake_latent", "masks_fake_reference")])
    model.masks = lambda images: next(asked)  # type: ignore[method-assign]
    return asked


def _double(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(one.double() for one in value)
    return value.double() if value.is_floating_point() else value


SECTIONS = {
    "networks": _check_network,
    "face": _check_face,
    "translate": _check_translate,
    "losses": _check_loss,
    "metrics": _check_metric,
    "training": _check_training,
}
