"""StackGAN: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from gantool_stackgan import StackGAN, official
from gantool_stackgan.losses import discriminator_losses, divergence, generator_loss
from gantool_stackgan.networks import ConditioningAugmentation, Discriminator, Stage1G, Stage2G, drawn
from torch import Tensor, nn

from gantool.importing.table import load as load_official
from gantool.model import Batch, Model

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "D_loss": "d",
    "D_loss_real": "d_real",
    "D_loss_wrong": "d_wrong",
    "D_loss_fake": "d_fake",
    "G_loss": "gan",
    "KL_loss": "kl",
}
"""The reference's name of each loss, and ours."""

_PARTS = {"errD": "d", "errD_real": "d_real", "errD_wrong": "d_wrong", "errD_fake": "d_fake"}
_OPTIONS = {"GF_DIM": "width", "CONDITION_DIM": "condition", "Z_DIM": "noise", "R_NUM": "blocks"}
_UNKNOWN = "the suite does not know"


class _G1(Stage1G):
    """A generator whose outputs have the reference's names."""

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return dict(zip(("image", "mu", "logvar"), super().forward(*inputs), strict=True))


class _G2(Stage2G):
    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return dict(zip(("image", "mu", "logvar", "stage1_image"), super().forward(*inputs), strict=True))


class _D(Discriminator):
    """The reference's outputs are probabilities."""

    def forward(self, x: Tensor, c: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        features = super().forward(x)
        heads = {"conditional": self.get_cond_logits(features, c)}
        if self.get_uncond_logits is not None:
            heads["unconditional"] = self.get_uncond_logits(features)
        return {"features": features, **{name: logits.sigmoid() for name, logits in heads.items()}}


class _CA(ConditioningAugmentation):
    def forward(self, text: Tensor, eps: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        mu, logvar = super().forward(text)
        return {"c": drawn(mu, logvar, eps), "mu": mu, "logvar": logvar}


def _network(config: Entry) -> nn.Module:
    """Stage I inside stage II stays in training mode, as the reference's does."""
    told = dict(config)
    kind, text = told.pop("class"), told.pop("TEXT_DIMENSION", 0)
    if kind.endswith("_D"):
        assert told.keys() == {"DF_DIM", "CONDITION_DIM"}, f"{_UNKNOWN} {told}"
        return _D(_stage(kind), width=told["DF_DIM"], condition=told["CONDITION_DIM"])
    values = {_OPTIONS[name]: value for name, value in told.items()}
    if kind == "CA_NET":
        return _CA(text, values["condition"])
    assert kind in ("STAGE1_G", "STAGE2_G"), f"{_UNKNOWN} {kind!r}"
    return _G1(text, **values) if kind == "STAGE1_G" else _G2(text, **values, moves=True)


def _stage(kind: str) -> int:
    return {"STAGE1": 1, "STAGE2": 2}[kind.partition("_")[0]]


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    return load_official(network, official.names(network), tensors, where)[0]


def _check_network(entry: Entry) -> None:
    suite.check_network(entry, _network, load)


class _Training:
    """How the reference's training is run by ours, on vectors in place of texts."""

    LOSSES = LOSSES

    def __init__(self, entry: Entry) -> None:
        self.told = {name: network["config"] for name, network in entry["networks"].items()}
        self.drawn: deque[Tensor] = deque()

    def model(self, config: Entry) -> StackGAN:
        g, d = dict(self.told["G"]), self.told["D"]
        stage, text = _stage(g.pop("class")), g.pop("TEXT_DIMENSION")
        assert (_stage(d["class"]), d["CONDITION_DIM"]) == (stage, g["CONDITION_DIM"])
        assert config["GENERATOR_LR"] == config["DISCRIMINATOR_LR"], f"{_UNKNOWN} two learning rates"
        options = StackGAN.Options(
            stage=stage,
            d_width=d["DF_DIM"],
            lr=config["GENERATOR_LR"],
            kl=config["KL"],
            stage1_norms="moving",
            text_epochs=0,
            **{_OPTIONS[name]: value for name, value in g.items()},
        )
        return StackGAN(options, replace(StackGAN.data(options).spec(("captioned",), 64), vectors=text))

    def load(self, network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
        return load(network, tensors, where)

    def networks(self, model: Model[Any]) -> Mapping[str, nn.Module]:
        return {"G": model.get_submodule("g"), "D": model.get_submodule("d")}

    def batch(self, pictures: Batch, config: Entry) -> Batch:
        assert len(pictures["x"]) == config["BATCH_SIZE"]
        self.drawn += [pictures[name] for name in ("z", "eps", "eps1", "eps2") if name in pictures]
        return {"image": pictures["x"], "text": pictures["text"]}

    def scripted(self, model: Model[Any], entry: Entry) -> Iterator[Any]:
        assert entry["random"].startswith("z, then eps of the conditioning augmentation (stage II: eps1 of the inner,")
        while self.drawn:
            yield self.drawn.popleft()

    def Run(self, *told: Any) -> suite.Recording:  # noqa: N802
        run = suite.Recording(*told)

        def randn(*shape: int) -> Tensor:
            assert list(shape) == list(self.drawn[0].shape)
            return self.drawn.popleft()

        run.randn = randn  # type: ignore[method-assign]
        return run


def _check_training(entry: Entry) -> None:
    suite.check_training(entry, _Training(entry))


def _check_loss(entry: Entry) -> None:
    given = {name: fill.given(rule).double() for name, rule in entry["inputs"].items()}
    name, formula = entry["name"], entry["formula"]
    if name == "kl":
        found = {"value": divergence(given["mu"], given["logvar"])}
    else:
        # The entry of the generator leaves to that of the discriminator what the head alone is.
        shift = suite.stated(r"sigmoid\(h\[0\] - ([\d.]+)\)", formula) if "h[0]" in formula else 0.3
        alone = (lambda h: h[:, 0] - shift) if "two_heads" in name else None
        d = SimpleNamespace(get_cond_logits=lambda h, c: (h * c).sum(1), get_uncond_logits=alone)
        if name.startswith("discriminator"):
            losses = discriminator_losses(d, given["real"], given["fake"], given["mu"])
            found = {theirs: losses[ours] for theirs, ours in _PARTS.items()}
        else:
            assert name.startswith("generator"), f"{_UNKNOWN} the loss {name!r}"
            found = {"value": generator_loss(d, given["fake"], given["mu"])}
    figures = entry.get("outputs", {"value": entry})
    assert found.keys() == figures.keys()
    for key, value in found.items():
        suite.assert_value(value.float(), figures[key]["value"])
        assert abs(value.item() - figures[key]["float64_value"]) <= suite.EXACT, key


SECTIONS = {"networks": _check_network, "losses": _check_loss, "training": _check_training}
