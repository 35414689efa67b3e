"""pix2pixHD: the reference's configurations, names and inputs, and what they are with us."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import torch
from gantool_pix2pixhd import Pix2PixHD, discriminator, encoder, generator, official
from gantool_pix2pixhd.maps import edges, one_hot, pooled
from torch import Tensor, nn

from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.feature_matching import feature_matching_loss
from gantool.losses.perceptual import WEIGHTS, perceptual_loss
from gantool.model import Batch, Model, Progress
from gantool.networks.vgg import vgg19
from gantool.training.run import TrainingRun

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "G_GAN": "gan",
    "G_GAN_Feat": "matching",
    "G_VGG": "perceptual",
    "D_real": "d_real",
    "D_fake": "d_fake",
    "G": "g",
    "D": "d",
}
"""`g` and `d`, what the networks descend, are sums that `_Sums` adds to what a step logs."""

_GENERATOR = {
    *("netG", "output_nc", "ngf", "n_downsample_global", "n_blocks_global", "norm"),
    *("n_local_enhancers", "n_blocks_local"),
}
_DISCRIMINATOR = {"ndf", "n_layers_D", "norm", "num_D"}
_ENCODER = {"nef", "feat_num", "n_downsample_E", "norm"}
_TRAINING = {
    *("label_nc", "input_nc", "no_instance", "instance_feat", "label_feat", "niter_fix_global", "lambda_feat"),
    *("no_ganFeat_loss", "no_vgg_loss", "no_lsgan", "pool_size", "lr", "beta1", "batchSize", "niter", "niter_decay"),
}
_UNKNOWN = "the suite does not know"


def _generator_options(config: Entry) -> dict[str, Any]:
    assert config["netG"] in ("global", "local"), f"{_UNKNOWN} netG {config['netG']!r}"
    enhancers = config["n_local_enhancers"] if config["netG"] == "local" else 0
    return {
        "width": config["ngf"] * 2**enhancers,
        "down": config["n_downsample_global"],
        "blocks": config["n_blocks_global"],
        "enhancers": enhancers,
        "norm": config["norm"],
        "channels_b": config["output_nc"],
    } | ({"local_blocks": config["n_blocks_local"]} if enhancers else {})


def _discriminator_options(config: Entry) -> dict[str, Any]:
    return {
        "d_width": config["ndf"],
        "d_layers": config["n_layers_D"],
        "scales": config["num_D"],
        "norm": config["norm"],
    }


def _encoder_options(config: Entry) -> dict[str, Any]:
    return {
        "e_width": config["nef"],
        "feature_nc": config["feat_num"],
        "e_down": config["n_downsample_E"],
        "norm": config["norm"],
    }


def _network(config: Entry) -> nn.Module:
    """Without weights: a checkpoint brings them."""
    with torch.device("meta"):
        if "nef" in config:
            assert config.keys() <= _ENCODER | {"channels_in"}, f"{_UNKNOWN} {config.keys() - _ENCODER}"
            return encoder(Pix2PixHD.Options(**_encoder_options(config), channels_b=config["channels_in"]))
        if "ndf" in config:
            more = {"channels_in", "use_sigmoid", "getIntermFeat"}
            assert config.keys() <= _DISCRIMINATOR | more, f"{_UNKNOWN} {config.keys() - _DISCRIMINATOR}"
            return discriminator(Pix2PixHD.Options(**_discriminator_options(config)), config["channels_in"])
        assert config.keys() <= _GENERATOR | {"channels_in"}, f"{_UNKNOWN} {config.keys() - _GENERATOR}"
        return generator(Pix2PixHD.Options(**_generator_options(config)), config["channels_in"])


def _outputs(network: nn.Module, config: Entry, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    given = network(inputs["x"])
    if "nef" in config:
        found = {"features": given}
        return found | ({"pooled": pooled(given, inputs["inst"])} if "inst" in inputs else {})
    if "ndf" not in config:
        return {"y": given}
    if config["getIntermFeat"]:
        return {f"out{i}/layer{j}": stage for i, stages in enumerate(given) for j, stage in enumerate(stages)}
    # Our discriminators give logits; the sigmoid is in the loss.
    return {f"out{i}": stages[-1].sigmoid() if config["use_sigmoid"] else stages[-1] for i, stages in enumerate(given)}


def _check_network(entry: Entry) -> None:
    config, parameters = entry["config"], entry["parameters"]
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if not parameters:
        assert config.keys() <= {"label_nc", "no_instance"}, f"{_UNKNOWN} {config.keys()}"
        found = {"input_label": one_hot(inputs["label"], config["label_nc"])}
        if not config["no_instance"]:
            found["edges"] = edges(inputs["inst"])
            found["input_label"] = torch.cat(list(found.values()), 1)
    else:
        network = _network(config)
        names = load(network, fill.network(parameters, entry["prefix"]), entry["name"])
        assert sorted(names) == sorted(name for name, _ in parameters)
        assert sum(p.numel() for p in network.parameters()) == entry["parameter_count"]
        network.train(entry["mode"] == "train")
        with torch.no_grad():
            found = _outputs(network, config, inputs)
    assert found.keys() == entry["outputs"].keys()
    for key, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(found[key], figures, suite.NETWORK * max(largest, 1e-3), key)


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    names, dropped = load_official(network, official.names(network), tensors, where)
    assert not dropped
    return names


def model(config: Entry) -> Pix2PixHD:
    known = _TRAINING | _GENERATOR | _DISCRIMINATOR | _ENCODER
    assert config.keys() <= known, f"{_UNKNOWN} {config.keys() - known}"
    assert config["no_vgg_loss"], f"{_UNKNOWN} a training with the VGG loss"
    assert not (config["instance_feat"] and config["label_feat"])
    labels = config["label_nc"]
    assert labels or config["no_instance"], f"{_UNKNOWN} instance maps without label maps"
    features = "instance" if config["instance_feat"] else "label" if config["label_feat"] else "none"
    options = Pix2PixHD.Options(
        **{**_encoder_options(config), **_discriminator_options(config), **_generator_options(config)},
        label_nc=labels,
        instances=not config["no_instance"] if labels else None,
        channels_a=3 if labels else config["input_nc"],
        features=features,
        gan="vanilla" if config["no_lsgan"] else "lsgan",
        matching=0 if config["no_ganFeat_loss"] else config["lambda_feat"],
        pool=config["pool_size"],
        lr=config["lr"],
        beta1=config["beta1"],
        n_epochs=config["niter"],
        n_epochs_decay=config["niter_decay"],
        fix_global=config["niter_fix_global"] if config["netG"] == "local" else 0,
    )
    return _Sums(options, Pix2PixHD.data(options).spec(("A", "B"), 32))


class _Sums(Pix2PixHD):
    def training_step(self, batch: Batch, run: Any) -> None:
        super().training_step(batch, run)
        names = ("gan", "matching", "perceptual", "d_fake", "d_real")
        last = {name: torch.tensor(run.last.get(name, 0.0), dtype=torch.float64) for name in names}
        run.log(
            **last, g=last["gan"] + last["matching"] + last["perceptual"], d=0.5 * (last["d_fake"] + last["d_real"])
        )


def networks(model: Model[Any]) -> Mapping[str, nn.Module]:
    found = {"G": model.get_submodule("g"), "D": model.get_submodule("d")}
    return found if model.options.features == "none" else found | {"E": model.get_submodule("e")}


def batch(pictures: Batch, config: Entry) -> Batch:
    if not config["label_nc"]:
        return {"A": pictures["label"], "B": pictures["image"]}
    planes = [pictures["label"]] if config["no_instance"] else [pictures["label"], pictures["inst"]]
    return {"A": torch.cat(planes, 1).to(torch.int32), "B": pictures["image"]}


def scripted(model: Model[Any], entry: Entry) -> Iterator[Any]:
    draws = iter(entry.get("pool_draws", ()))

    def draw(rng: torch.Generator) -> tuple[float, int]:
        number, index = next(draws)
        return number, -1 if index is None else index

    model.get_submodule("pool").draw = draw  # type: ignore[assignment]
    return draws


def _check_training(entry: Entry) -> None:
    """The figures are float32, our run is float64: it may be as far from them as float64 was for the reference."""
    if "float64" not in entry:
        difference = entry["float64_difference"]
        stated = {"losses": max(difference["losses"].values()), "after": difference["after_at_samples"]}
        entry = {**entry, "precision": stated}
    suite.check_training(entry, sys.modules[__name__])
    if "first_gradients" in entry:
        _check_gradients(entry)


class _FirstGradients(TrainingRun):
    """Keeps the gradients that each update receives."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.last: dict[str, float] = {}
        self.gradients: dict[int, Tensor] = {}

    def log(self, **losses: Tensor) -> None:
        self.last |= {name: float(loss.detach()) for name, loss in losses.items()}

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            self.gradients |= {id(p): p.grad.clone() for p in group["params"] if p.grad is not None}


def _check_gradients(entry: Entry) -> None:
    """Of the first step, for all networks: the reference lists also those that it then does not use."""
    config = {**entry["config"], "niter_fix_global": 0}
    ours = model(config)
    keys = {
        name: load(networks(ours)[name], fill.network(told["parameters"], told["prefix"]), name)
        for name, told in entry["networks"].items()
    }
    ours.double().train()
    run = _FirstGradients(ours, ours.optimizers())
    pictures = {name: fill.given(rule).double() for name, rule in entry["batches"][0].items()}
    run.begin(Progress(0, 1), 1.0)
    ours.training_step(batch(pictures, config), run)
    for name, figures in entry["first_gradients"].items():
        parameters = dict(networks(ours)[name].named_parameters())
        for key, told in figures.items():
            gradient = run.gradients[id(parameters[keys[name][key]])]
            stated = entry["float64_difference"]["first_gradients_at_samples"][name][key]
            suite.assert_close(gradient, told, max(5 * stated, 1e-6), f"{name}: gradient of {key}")


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if match := re.fullmatch(r"gan/(lsgan|no_lsgan)/(real|fake)", entry["name"]):
        mode = "lsgan" if match[1] == "lsgan" else "vanilla"
        value = torch.stack([adversarial_loss(scores, match[2] == "real", mode) for scores in inputs.values()]).sum()
    elif entry["name"] == "feature_matching":
        stages: dict[str, list[list[Tensor]]] = {"fake": [], "real": []}
        for name, tensor in inputs.items():  # in the order of scales and stages
            found = re.fullmatch(r"(fake|real)(\d+)/layer(\d+)", name)
            assert found, f"{_UNKNOWN} the input {name!r}"
            scales = stages[found[1]]
            scales.extend([] for _ in range(len(scales), int(found[2]) + 1))
            scales[int(found[2])].append(tensor)
        weight = suite.stated(r"here lambda_feat ([\d.]+)", entry["formula"])
        value = weight * feature_matching_loss(stages["fake"], stages["real"])
    else:
        assert entry["name"] == "vgg", f"{_UNKNOWN} the loss {entry['name']!r}"
        filled = fill.network(entry["parameters"], entry["prefix"])
        network = vgg19({re.sub(r"slice\d+", "features", key): value for key, value in filled.items()}, entry["name"])
        weights = re.search(r"w = ([\d/., ]+);", entry["formula"])
        assert weights, f"{_UNKNOWN} the layers' weights in {entry['formula']!r}"
        assert tuple(float(Fraction(one)) for one in weights[1].split(",")) == WEIGHTS
        weight = suite.stated(r"lambda_feat \(([\d.]+)\)", entry["formula"])
        value = weight * perceptual_loss(network, inputs["fake_image"], inputs["real_image"])
        maps = dict(zip(entry["features"], network(inputs["fake_image"]), strict=True))
        for key, figures in entry["features"].items():
            largest = max(abs(v) for v in figures["values"])
            suite.assert_close(maps[key], figures, suite.NETWORK * largest, key)
    suite.assert_value(value, entry["value"])


SECTIONS = {
    "networks": _check_network,
    "losses": _check_loss,
    "training": _check_training,
}
