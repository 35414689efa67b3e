"""DRIT: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
import torch
from gantool_drit import DRIT, A, B, attribute_encoder, discriminator, generator, losses, official
from gantool_drit.discriminators import ContentDiscriminator
from gantool_drit.networks import ContentEncoder
from torch import Tensor, nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from gantool.importing.table import load as load_official
from gantool.importing.table import official_keys
from gantool.losses.kl import kl
from gantool.model import Batch, Progress
from gantool.option_groups import TwoDomains
from gantool.spec import Spec

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    **{f"dis{theirs}_loss": f"d_{ours}" for theirs, ours in (("A", "a"), ("A2", "a2"), ("B", "b"), ("B2", "b2"))},
    "disContent_loss": "d_content",
    "gan_loss_acontent": "gan_content_a",
    "gan_loss_bcontent": "gan_content_b",
    **{f"gan_loss_{x}": f"gan_{x}" for x in "ab"},
    **{f"kl_loss_za_{x}": f"attribute_{x}" for x in "ab"},
    **{f"kl_loss_zc_{x}": f"content_{x}" for x in "ab"},
    **{f"l1_recon_{x}_loss": f"cycle_{x.lower()}" for x in "AB"},
    **{f"l1_recon_{x}{x}_loss": f"reconstruction_{x.lower()}" for x in "AB"},
    "G_loss": "g",
    **{f"gan2_loss_{x}": f"gan_{x}2" for x in "ab"},
    **{f"l1_recon_z_loss_{x}": f"latent_{x}" for x in "ab"},
    "lz_AB": "diversity_b",
    "lz_BA": "diversity_a",
}
"""The reference's name of each loss, and ours. Its mode seeking is named by direction, ours by the pictures' domain."""

_CONCAT = {0: "featurewise", 1: "concat"}
_CLASSES = {"E_content", "E_attr_concat", "E_attr", "G_concat", "G", "MultiScaleDis", "Dis", "Dis_content"}
_NETWORK = {
    "class",
    *("concat", "nz", "input_dim", "input_dim_a", "input_dim_b", "dis_scale", "dis_norm", "dis_spectral_norm"),
}
_TRAINING = {
    *("concat", "no_ms", "dis_scale", "dis_norm", "dis_spectral_norm", "d_iter", "len_train_loader", "batch_size"),
    *("crop_size", "input_dim_a", "input_dim_b", "lr", "lr_dcontent", "betas", "weight_decay"),
    "clip_grad_norm_disContent",
}
_UNKNOWN = "the suite does not know"
_ANY_SIZE = 216  # of crops: it plays no part in a translation or a schedule


class Run(suite.Recording):
    """As under PyTorch 0.4: a deferred update is made at once, and autograd does not notice. The backward pass after it
    goes through old activations and new weights, as the authors' code did."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.at_once = False

    @contextmanager
    def deferred(self) -> Iterator[None]:
        self.at_once = True
        try:
            yield
        finally:
            self.at_once = False

    def update(self, *names: str, clip: float | None = None) -> None:
        unnoticed = tuple(self.model.parameters()) if self.at_once else ()
        with _unsafe_preserve_version_counter(unnoticed):
            super().update(*names, clip=clip)


class Draws:
    """The part of a `Run` that draws: call number k of `randn` gives noise(prefix + k, shape)."""

    def __init__(self, prefix: str) -> None:
        self.prefix, self.calls = prefix, 0

    def randn(self, *shape: int) -> Tensor:
        self.calls += 1
        return fill.noise(f"{self.prefix}{self.calls - 1}", shape)


class Given(nn.Module):
    """Stands for a discriminator: one pass after the other gives these scores."""

    mixes_pictures = True

    def __init__(self, *passes: Any) -> None:
        super().__init__()
        self.passes = iter(passes)

    def forward(self, x: Tensor) -> Any:
        return next(self.passes)


def _options(config: Entry) -> dict[str, Any]:
    """What the reference's options are with us. `dis_norm` has no effect there: the layers are never built."""
    found: dict[str, Any] = {}
    if "concat" in config:
        found["injection"] = _CONCAT[config["concat"]]
    if "nz" in config:
        found["style_size"] = config["nz"]
    if "dis_scale" in config:
        assert config["dis_norm"] in ("None", "Instance"), f"{_UNKNOWN} dis_norm {config['dis_norm']!r}"
        found |= {"d_scales": config["dis_scale"], "spectral_norm": config["dis_spectral_norm"]}
    return found


def network(config: Entry) -> nn.Module:
    """The network that a configuration of the reference's constructors describes."""
    assert config.keys() <= _NETWORK, f"{_UNKNOWN} {config.keys() - _NETWORK}"
    kind = config["class"]
    assert kind in _CLASSES, f"{_UNKNOWN} network {kind!r}"
    options = DRIT.Options(**_options(config))
    if kind == "Dis_content":
        return ContentDiscriminator(4 * options.width, options.content_layers)
    if kind in ("MultiScaleDis", "Dis"):
        assert (kind == "Dis") == (options.d_scales == 1)
        return discriminator(options, config["input_dim"])
    channels = config["input_dim_a"], config["input_dim_b"]
    if kind == "E_content":
        return ContentEncoder(channels, options.width)
    assert (options.injection == "concat") == kind.endswith("_concat")
    return (generator if kind.startswith("G") else attribute_encoder)(options, channels)


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    # When their layers are new, the normalised kernel and the trained one lie in the same memory. So loading, which
    # happens in the order of the keys, leaves the normalised one in both. `gantool import` keeps them apart.
    shared = {key: tensors[key.removesuffix("_orig")] for key in tensors if key.endswith(".weight_orig")}
    return load_official(network, official.names(network), {**tensors, **shared}, where)[0]


def model(config: Entry) -> DRIT:
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    assert config["clip_grad_norm_disContent"] == 5
    assert config["lr_dcontent"] == pytest.approx(config["lr"] / 2.5)
    beta1, beta2 = config["betas"]
    assert beta2 == 0.999
    options = DRIT.Options(
        **_options(config),
        mode_seeking=0.0 if config["no_ms"] else 1.0,
        d_iter=config["d_iter"],
        channels_a=config["input_dim_a"],
        channels_b=config["input_dim_b"],
        lr=config["lr"],
        beta1=beta1,
        weight_decay=config["weight_decay"],
    )
    return DRIT(options, Spec(("A", "B"), options.kinds, config["crop_size"]))


def pace(config: Entry) -> dict[str, float]:
    return {"pass_steps": config["len_train_loader"]}


def networks(model: DRIT) -> Mapping[str, nn.Module]:
    return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}


def batch(pictures: Batch, config: Entry) -> Batch:
    assert all(len(x) == config["batch_size"] for x in pictures.values())
    return pictures


def scripted(model: DRIT, entry: Entry) -> Iterator[Any]:
    shapes = iter(entry["draw_shapes"])
    draws, step = Draws(entry["draws"]), model.training_step

    def randn(*shape: int) -> Tensor:
        assert list(shape) == next(shapes)
        return draws.randn(*shape).double()  # as the float64 figures have it

    def training_step(batch: Batch, run: Any) -> None:
        run.randn = randn
        step(batch, run)

    model.training_step = training_step  # type: ignore[method-assign]
    return shapes


@torch.no_grad()
def _check_network(entry: Entry) -> None:
    config, built = entry["config"], network(entry["config"])
    names = load(built, fill.network(entry["parameters"], entry["prefix"]), entry["name"])
    assert sorted(names) == sorted(name for name, _ in entry["parameters"])
    assert sum(p.numel() for p in built.parameters()) == entry["parameter_count"]
    training = entry["mode"] == "train"
    built.train(training)
    inputs = [fill.given(rule) for rule in entry["inputs"].values()]
    kind = config["class"]
    if kind == "E_content":
        found = [built(x, domain) for domain, x in enumerate(inputs)]
        if training:
            draws = Draws(entry["draws"])
            found = [content + draws.randn(*content.shape) for content in found]
    elif kind == "E_attr_concat":
        found = [y for domain, x in enumerate(inputs) for y in built(x, domain)]
    elif kind == "E_attr":
        found = [built(x, domain) for domain, x in enumerate(inputs)]
    elif kind in ("G_concat", "G"):
        found = [built(*inputs, domain) for domain in (A, B)]
    elif kind == "Dis_content":
        found = [built(*inputs).flatten()]
    else:
        found = [y.flatten() if kind == "Dis" else y for x in inputs for y in built(x)]
    state = built.state_dict()
    found += [state[names[key]] for key in entry.get("buffers_after", ())]
    for y, (key, figures) in zip(found, entry["outputs"].items(), strict=True):
        _assert_close(y, figures, key)


def _assert_close(y: Tensor, figures: Entry, what: str) -> None:
    largest = max(abs(value) for value in figures["values"])
    suite.assert_close(y, figures, suite.NETWORK * max(largest, 1e-3), what)


@lru_cache(maxsize=2)
def _filled(concat: int, channels: tuple[int, int], prefixes: tuple[tuple[str, str], ...]) -> DRIT:
    options = DRIT.Options(**_options({"concat": concat}), d_width=1, content_layers=0)
    drit = DRIT(options, Spec(("A", "B"), TwoDomains(channels_a=channels[0], channels_b=channels[1]).kinds, _ANY_SIZE))
    for name, prefix in prefixes:
        part = drit.get_submodule(official.ROLES[name])
        load(part, fill.network(_official_parameters(part), prefix), name)
    return drit.eval()


@torch.no_grad()
def _check_translation(entry: Entry) -> None:
    options, a2b, inputs = entry["options"], entry["a2b"], entry["inputs"]
    assert options.keys() == {"concat", "input_dim_a", "input_dim_b"}
    channels = options["input_dim_a"], options["input_dim_b"]
    drit = _filled(options["concat"], channels, tuple((name, told["prefix"]) for name, told in entry["parts"].items()))
    assert entry["mode"] == "eval"
    draws = Draws(entry["draws"])
    if entry["method"] == "test_forward":
        image, code = fill.given(inputs["image"]), draws.randn(1, drit.code_size)
    else:
        assert entry["method"] == "test_forward_transfer", f"{_UNKNOWN} {entry['method']}"
        images = fill.given(inputs["image_a"]), fill.given(inputs["image_b"])
        # They draw around the mean and encode both pictures; `encode` gives the mean.
        codes = [drit.attribute(x, domain, draws)[0] for domain, x in enumerate(images)]  # type: ignore[arg-type]
        image, code = images[A if a2b else B], codes[B if a2b else A]
    source, target = (A, B) if a2b else (B, A)
    _assert_close(drit.translate(image, source=source, target=target, code=code), entry["outputs"]["y"], "y")
    assert draws.calls == len(entry["random"])


def _official_parameters(network: nn.Module) -> Sequence[tuple[str, Sequence[int]]]:
    """The official names and shapes of a network's tensors."""
    keys = official_keys(network, official.names(network))
    return [(keys[name], tensor.shape) for name, tensor in network.state_dict().items()]


def _check_loss(entry: Entry) -> None:
    name, inputs = entry["name"], {key: fill.given(rule) for key, rule in entry["inputs"].items()}
    on_fake, on_real = ([x for key, x in inputs.items() if key.startswith(kind)] for kind in ("fake", "real"))
    nothing = torch.zeros(1)

    def weight() -> float:
        return float(re.findall(r" \* (0\.\d+)", entry["formula"])[-1])

    values = {
        "image_D": lambda: losses.discriminator_loss(Given(on_fake, on_real), nothing, nothing),  # type: ignore[arg-type]
        "image_G": lambda: losses.generator_loss(Given(on_fake), nothing),  # type: ignore[arg-type]
        "content_D": lambda: losses.content_discriminator_loss(Given(inputs["a"], inputs["b"]), nothing, nothing),
        "content_G": lambda: losses.undecided(inputs["a"]),
        "kl_concat": lambda: weight() * kl(inputs["mu"], inputs["logvar"]),
        "l2_reg": lambda: weight() * losses.l2(inputs["x"]),
        "mode_seeking": lambda: losses.mode_seeking(inputs["f1"], inputs["f2"], inputs["z1"], inputs["z2"]),
    }
    assert name in values, f"{_UNKNOWN} the loss {name!r}"
    assert values[name]().item() == pytest.approx(entry["value"], rel=suite.VALUE, abs=1e-7)


def _check_schedule(entry: Entry) -> None:
    total, start, policy = entry["n_ep"], entry["n_ep_decay"], entry["lr_policy"]
    share = 1.0
    if start == -1:  # never a step, but the constructor has applied the first factor
        options, share = DRIT.Options(width=1, d_width=1, content_layers=0, lr_policy="constant"), 1 - 1 / (total + 2)
    elif policy == "lambda":
        options = DRIT.Options(width=1, d_width=1, content_layers=0, n_epochs=start, n_epochs_decay=total - start)
    else:
        assert policy == "step", f"{_UNKNOWN} lr_policy {policy!r}"
        options = DRIT.Options(width=1, d_width=1, content_layers=0, lr_policy="step", lr_decay_epochs=start)
    drit = DRIT(options, Spec(("A", "B"), options.kinds, _ANY_SIZE))
    for told in entry["factors"]:
        ours = share * drit.rate_factor(Progress(0, 1, schedule=told["epoch"]))
        assert ours == pytest.approx(told["factor"], rel=1e-9), f"epoch {told['epoch']}"


SECTIONS = {
    "networks": _check_network,
    "translations": _check_translation,
    "losses": _check_loss,
    "training": lambda entry: suite.check_training(entry, sys.modules[__name__]),
    "schedule": _check_schedule,
}
