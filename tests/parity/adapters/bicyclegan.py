"""BicycleGAN: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import torch
from gantool_bicyclegan import BicycleGAN, official
from gantool_bicyclegan.losses import gan_loss
from gantool_bicyclegan.networks import Encoder, StyleUnet, discriminator
from torch import Tensor, nn

from gantool.capabilities import Coded
from gantool.importing.table import load as load_official
from gantool.losses.kl import kl
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Model, Run

from .. import fill, suite
from ..suite import Entry

_Model = TypeVar("_Model", bound=BicycleGAN)
_UNKNOWN = "the suite does not know"
_DEPTHS = {"unet_128": 7, "unet_256": 8}
_ENCODERS = {"resnet_128": 4, "resnet_256": 5, "conv_128": 4, "conv_256": 5}
_LAYERS = {"basic_128_multi": 2, "basic_256_multi": 3}

_G = {*("netG", "where_add", "input_nc", "output_nc", "nz", "ngf", "norm", "nl", "upsample", "use_dropout")}
_E = {*("netE", "output_nc", "nz", "nef", "norm")}
_D = {*("netD", "ndf", "num_Ds", "norm", "channels_in", "conditional_D")}
_TRAINING = (_G | _E | _D | {"netD2", "use_same_D", "gan_mode", "batch_size", "lr", "beta1", "direction"}) - {
    "channels_in"
}
_INITIALISATION = {"init_type", "init_gain"}
_WEIGHTS = {
    "lambda_L1": "lambda_l1",
    "lambda_GAN": "lambda_gan",
    "lambda_GAN2": "lambda_gan2",
    "lambda_z": "lambda_z",
    "lambda_kl": "lambda_kl",
}


def network(config: Entry) -> nn.Module:
    """The network of a `networks` entry."""
    known = _G if "netG" in config else _E if "netE" in config else _D
    assert config.keys() <= known | _INITIALISATION, f"{_UNKNOWN} {config.keys() - known}"
    if "netG" in config:
        return StyleUnet(
            *(config["input_nc"], config["output_nc"]),
            nz=config["nz"],
            width=config["ngf"],
            depth=_DEPTHS[config["netG"]],
            where=config["where_add"],
            norm=config["norm"],
            activation=config["nl"],
            upsample=config["upsample"],
            dropout=config["use_dropout"],
        )
    if "netE" in config:
        return Encoder(
            *(config["output_nc"], config["nz"]),
            kind=config["netE"].partition("_")[0],
            width=config["nef"],
            layers=_ENCODERS[config["netE"]],
            norm=config["norm"],
            pool="corner",
        )
    options = {"d_width": config["ndf"], "d_layers": _LAYERS[config["netD"]], "scales": config["num_Ds"]}
    return discriminator(_options(options | {"norm": config["norm"]}), config["channels_in"])


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    names, dropped = load_official(network, official.names(network), tensors, where)
    assert not dropped
    return names


def _check_network(entry: Entry) -> None:
    if entry["name"].startswith("interpolate"):
        _check_interpolation(entry)
        return
    with torch.device("meta"):  # its values are loaded
        found = network(entry["config"])
    names = load(found, fill.network(entry["parameters"], entry["prefix"]), entry["name"])
    assert sorted(names) == sorted(name for name, _ in entry["parameters"])
    assert sum(p.numel() for p in found.parameters()) == entry["parameter_count"]
    found.train(entry["mode"] == "train")
    inputs = [fill.given(rule) for rule in entry["inputs"].values()]
    if isinstance(found, StyleUnet) and len(inputs) == 1:
        inputs.append(torch.zeros(len(inputs[0]), 0))
    with torch.no_grad(), suite.masks(entry):
        made = found(*inputs)
    if isinstance(found, StyleUnet):
        outputs = {"y": made}
    elif isinstance(found, Encoder):
        outputs = dict(zip(("mu", "logvar"), made, strict=True))
    else:
        outputs = {f"scale{i}": scores for i, scores in enumerate(made)}
    state = found.state_dict()
    outputs |= {f"buffer after the call: {key}": state[names[key]] for key in entry.get("buffers_after", ())}
    assert outputs.keys() == entry["outputs"].keys()
    for key, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(outputs[key], figures, suite.NETWORK * max(largest, 1e-3), key)


def _check_interpolation(entry: Entry) -> None:
    config, ends = entry["config"], [fill.given(rule)[None] for rule in entry["inputs"].values()]
    assert config.keys() == {"num_frames", "interp_mode"}
    frames, kind = config["num_frames"], {"slerp": BicycleGAN, "linear": Coded}[config["interp_mode"]]
    model = build(BicycleGAN, _options({"width": 1, "e_width": 1, "d_width": 1}))
    codes = torch.cat([kind.between(model, *ends, n / (frames - 1)) for n in range(frames)])
    suite.assert_close(codes, entry["outputs"]["z"], suite.VALUE, "z")


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if match := re.fullmatch(r"gan/(\w+)/(real|fake)(/single_scale_tensor)?", entry["name"]):
        value = gan_loss(list(inputs.values()), match[2] == "real", match[1])
    else:
        weight = suite.stated(r"lambda_\w+ = ([\d.]+)", entry["formula"])
        values = list(inputs.values())
        value = weight * {"kl": kl, "z_L1": l1, "G_L1": l1}[entry["name"]](*values)
    suite.assert_value(value, entry["value"])


def _options(values: Mapping[str, Any]) -> BicycleGAN.Options:
    return BicycleGAN.Options(**values)


def build(kind: type[_Model], options: BicycleGAN.Options) -> _Model:
    """Its crops are of no concern here."""
    return kind(options, kind.data(options).spec(("A", "B"), 256))


class _Observed(BicycleGAN):
    """Draws what it is told to, and shows what the reference's figures have besides the losses that we log."""

    draws: Iterator[Tensor]
    first_gradients: dict[int, Tensor]

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        self.first_gradients = {}
        found = super().optimizers()
        for optimizer in found.values():
            optimizer.register_step_pre_hook(self._remember)
        return found

    def _remember(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                self.first_gradients.setdefault(id(p), p.grad.clone())

    def training_step(self, batch: Batch, run: Run) -> None:
        means: list[Tensor] = []
        assert self.e is not None
        hook = self.e.register_forward_hook(lambda module, given, codes: means.append(codes[0].detach()))
        dtype = batch["A"].dtype
        run.randn = lambda *shape: _of(next(self.draws), shape).to(dtype)  # type: ignore[method-assign]
        super().training_step(batch, run)
        hook.remove()
        mu, mu2 = (codes.abs().mean() for codes in means)
        last = run.last  # type: ignore[attr-defined]
        sums = {name: torch.tensor(last[f"{name}_fake"] + last[f"{name}_real"], dtype=dtype) for name in ("d", "d2")}
        run.log(mu=mu, mu2=mu2, **sums)


def _of(drawn: Tensor, shape: tuple[int, ...]) -> Tensor:
    assert tuple(drawn.shape) == shape
    return drawn


class _Training:
    """What `suite.check_training` asks for."""

    LOSSES: ClassVar = {
        "G_GAN": "gan",
        "G_GAN2": "gan2",
        "G_L1": "l1",
        "z_L1": "z_l1",
        "kl": "kl",
        "D": "d",
        "D_fake": "d_fake",
        "D_real": "d_real",
        "D2": "d2",
        "D2_fake": "d2_fake",
        "D2_real": "d2_real",
        "mu_mean_abs": "mu",
        "mu2_mean_abs": "mu2",
    }

    def model(self, config: Entry) -> BicycleGAN:
        known = _TRAINING | _WEIGHTS.keys() | _INITIALISATION
        assert config.keys() <= known, f"{_UNKNOWN} {config.keys() - known}"
        options = _options(
            {
                "nz": config["nz"],
                "where": config["where_add"],
                "width": config["ngf"],
                "depth": _DEPTHS[config["netG"]],
                "activation": config["nl"],
                "upsample": config["upsample"],
                "dropout": config["use_dropout"],
                "norm": config["norm"],
                "encoder": config["netE"].partition("_")[0],
                "e_width": config["nef"],
                "e_layers": _ENCODERS[config["netE"]],
                "e_pool": "corner",
                "d_width": config["ndf"],
                "d_layers": _LAYERS[config["netD"]],
                "d2_layers": _LAYERS[config["netD2"]],
                "scales": config["num_Ds"],
                "conditional": config["conditional_D"],
                "same_d": config["use_same_D"],
                "channels_a": config["input_nc"],
                "channels_b": config["output_nc"],
                "gan": config["gan_mode"],
                "lr": config["lr"],
                "beta1": config["beta1"],
                **{ours: config[theirs] for theirs, ours in _WEIGHTS.items()},
            }
        )
        self.built = build(_Observed, options)
        return self.built

    def load(self, network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
        self.names = getattr(self, "names", {}) | {where: load(network, tensors, where)}
        return self.names[where]

    def networks(self, model: Model[Any]) -> Mapping[str, nn.Module]:
        children = dict(model.named_children())
        return {theirs: children[ours] for theirs, ours in official.ROLES.items() if ours in children}

    def batch(self, pictures: Batch, config: Entry) -> Batch:
        assert config["direction"] in ("AtoB", "BtoA")
        return pictures if config["direction"] == "AtoB" else {"A": pictures["B"], "B": pictures["A"]}

    def scripted(self, model: Model[Any], entry: Entry) -> Iterator[Any]:
        told = re.findall(r"noise\('([^']*)\{i\}([^']*)', \((\d+), (\d+)\)\)", entry["random"])
        assert len(told) == 2, f"{_UNKNOWN} these draws: {entry['random']}"
        assert "i counts from 0" in entry["random"], f"{_UNKNOWN} these draws: {entry['random']}"
        steps = range(len(entry["batches"]))
        draws = iter([fill.noise(f"{start}{i}{end}", (int(n), int(nz))) for i in steps for start, end, n, nz in told])
        self.built.draws = draws
        return draws


def _check_training(entry: Entry) -> None:
    training = _Training()
    suite.check_training(entry, training)
    exact = entry["float64"]
    networks = training.networks(training.built)
    for name, figures in exact["first_gradients"].items():
        parameters = dict(networks[name].named_parameters())
        for key, told in figures.items():
            gradient = training.built.first_gradients[id(parameters[training.names[name][key]])]
            suite.assert_close(gradient, told, suite.EXACT, f"{name}: the first gradient of {key}")


SECTIONS = {"networks": _check_network, "losses": _check_loss, "training": _check_training}
