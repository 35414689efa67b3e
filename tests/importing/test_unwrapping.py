"""The wrappers that people's trainers put around networks come off, and what is left out is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.runs import checkpoint

from .imports import import_files
from .official_networks import Patch, Resnet, Unet

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def networks() -> tuple[Resnet, Resnet, Patch, Patch]:
    torch.manual_seed(0)
    return Resnet(), Resnet(), Patch(3, width=4), Patch(3, width=4)


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def imported(content: object, folder: Path, name: str = "latest_net_G_A.pth"):
    torch.save(content, folder / name)
    return import_files([folder / name], folder / "run")


def same(weights: Path, state: State, ours: str) -> bool:
    """Whether the run has the official network's weights, whatever its keys."""
    _, tensors = checkpoint.read(weights)
    found = [value for key, value in tensors.items() if key.startswith(f"{ours}.")]
    return sorted(v.double().sum().item() for v in found) == sorted(v.double().sum().item() for v in state.values())


ONE: dict[str, Callable[[State], object]] = {
    "state_dict": lambda s: {"epoch": 3, "state_dict": s},
    "model_state_dict": lambda s: {"model_state_dict": s, "optimizer_state_dict": {"state": {0: {"m": torch.ones(2)}}}},
    "model": lambda s: {"model": s, "iteration": torch.tensor(5)},
    "net": lambda s: {"net": s, "acc": 0.5},
    "network": lambda s: {"network": s},
    "params": lambda s: {"params": s},
    "params_ema": lambda s: {"params": {k: v + 1 for k, v in s.items()}, "params_ema": s},
    "ema beside state_dict": lambda s: {"state_dict": {k: v + 1 for k, v in s.items()}, "ema_state_dict": s},
    "generator": lambda s: {"generator": s, "generator_optimizer": {"x": torch.ones(3)}},
    "netG": lambda s: {"netG": s},
    "a word of theirs": lambda s: {"my_weights": s},
    "wrapped twice": lambda s: {
        "checkpoint": {"state_dict": prefixed(s, "module."), "scaler": {"scale": torch.ones(1)}}
    },
    "DataParallel in it": lambda s: {"model_state_dict": prefixed(s, "module.")},
    "compiled within DDP": lambda s: prefixed(s, "module._orig_mod."),
    "DDP within compiled": lambda s: prefixed(s, "_orig_mod.module."),
    "compiled block": lambda s: {k.replace("model.10.", "model.10._orig_mod."): v for k, v in s.items()},
    "FSDP": lambda s: prefixed(s, "_fsdp_wrapped_module."),
    "net.": lambda s: prefixed(s, "net."),
    "model.": lambda s: prefixed(s, "model."),
    "netG.": lambda s: prefixed(s, "netG."),
    "Lightning": lambda s: {"state_dict": prefixed(s, "generator."), "pytorch-lightning_version": "2.4", "loops": {}},
    "Lightning, compiled": lambda s: {"state_dict": prefixed(s, "model.netG._orig_mod.")},
    "a list of one": lambda s: [{"state_dict": s}],
    "a list with other things": lambda s: (3, s, {}),
    "in a list in a table": lambda s: {"netG_A": [s]},
    "averaged": lambda s: {"n_averaged": torch.tensor(7), **prefixed(s, "module.")},
    "profiled": lambda s: (
        s | {"total_ops": torch.zeros(1), "model.1.total_params": torch.zeros(1, dtype=torch.float64)}
    ),
    "profiled in a wrapper": lambda s: {"state_dict": s | {"total_ops": torch.zeros(1)}},
    "a number beside it": lambda s: s | {"epoch": torch.tensor(3), "best": torch.tensor([0.5])},
    "an optimiser beside it": lambda s: s | {"optimizer": {"exp_avg": torch.zeros(3)}},
    "parameters": lambda s: {k: nn.Parameter(v) for k, v in s.items()},
    "bfloat16 and back": lambda s: {k: v.bfloat16().double() for k, v in s.items()},
}


@pytest.mark.parametrize("wrapper", ONE)
def test_one_generator(tmp_path, networks, wrapper):
    state = networks[0].state_dict()
    if wrapper.startswith("bfloat16"):
        state = {key: value.bfloat16().float() for key, value in state.items()}
    report = imported(ONE[wrapper](state), tmp_path)
    assert same(report.weights, state, "g_ab")
    file = str(tmp_path / "latest_net_G_A.pth")
    assert {place[0] for place in report.used} == {file}
    assert all(why for why in report.dropped.values())


@pytest.mark.parametrize("network", [Unet(), Unet(norm="batch"), Resnet(norm="batch"), Resnet(dropout=True)])
@pytest.mark.parametrize("prefix", ["model.", "net.", "netG.module.", "self.model."])
def test_other_networks_lose_a_prefix_as_well(tmp_path, network, prefix):
    state = network.state_dict()
    report = imported(prefixed(state, prefix), tmp_path)
    assert same(report.weights, state, "g_ab" if report.model == "cyclegan" else "g")


def both(networks, content: Callable[[State, State, State, State], object], folder: Path):
    ab, ba, of_b, of_a = (network.state_dict() for network in networks)
    report = imported(content(ab, ba, of_b, of_a), folder, "latest.pth")
    assert same(report.weights, ab, "g_ab")
    assert same(report.weights, ba, "g_ba")
    return report


SEVERAL: dict[str, Callable[[State, State, State, State], object]] = {
    "netG_A": lambda ab, ba, of_b, of_a: {"epoch": 3, "netG_A": ab, "netG_B": ba},
    "G_AB": lambda ab, ba, of_b, of_a: {"G_AB": ab, "G_BA": ba, "D_A": of_a, "D_B": of_b, "optimizer_G": {}},
    "netG_A2B": lambda ab, ba, of_b, of_a: {"netG_A2B": ab, "netG_B2A": ba, "netD_A": of_a, "netD_B": of_b},
    "G_XtoY": lambda ab, ba, of_b, of_a: {"G_XtoY": {"state_dict": ab}, "G_YtoX": {"state_dict": ba}},
    "authors' judges": lambda ab, ba, of_b, of_a: {"netG_A": ab, "netG_B": ba, "netD_A": of_b, "netD_B": of_a},
    "gen_AB": lambda ab, ba, of_b, of_a: {"gen_AB": ab, "gen_BA": ba, "gen_opt": {"m": torch.ones(2)}},
    "state dicts": lambda ab, ba, of_b, of_a: {"G_A_state_dict": ab, "G_B_state_dict": ba},
    "in a wrapper": lambda ab, ba, of_b, of_a: {"models": {"netG_A": ab, "netG_B": ba}, "step": torch.tensor(3)},
    "averages": lambda ab, ba, of_b, of_a: {"G_A": ba, "G_A_ema": ab, "G_B": ab, "G_B_ema": ba},
    "DDP": lambda ab, ba, of_b, of_a: {"netG_A": prefixed(ab, "module."), "netG_B": prefixed(ba, "module.")},
    "Lightning": lambda ab, ba, of_b, of_a: {
        "state_dict": prefixed(ab, "netG_A.") | prefixed(ba, "netG_B.") | {"vgg.features.0.weight": torch.ones(4, 3)},
        "hyper_parameters": {"lr": 1.0},
    },
    "Lightning, two steps down": lambda ab, ba, of_b, of_a: {
        "state_dict": prefixed(ab, "model.G_AB.") | prefixed(ba, "model.G_BA.") | prefixed(of_a, "model.D_A.")
    },
}


@pytest.mark.parametrize("layout", SEVERAL)
def test_several_networks_in_one_file(tmp_path, networks, layout):
    report = both(networks, SEVERAL[layout], tmp_path)
    assert {place[0] for place in report.used} == {str(tmp_path / "latest.pth")}


@pytest.mark.parametrize("layout", ["G_AB", "netG_A2B", "authors' judges"])
def test_judges_judge_what_the_names_say(tmp_path, networks, layout):
    report = both(networks, SEVERAL[layout], tmp_path)
    _, state = checkpoint.read(report.weights.with_name("state.safetensors"))
    first = next(value for key, value in state.items() if key.startswith("model.d_b.") and value.dim() == 4)
    assert first.equal(networks[2].state_dict()["model.0.weight"])


def test_a_generator_and_its_judge_in_one_file(tmp_path):
    g, d = Unet(norm="batch"), Patch(6, width=4, norm="batch")
    report = imported({"generator": g.state_dict(), "discriminator": d.state_dict()}, tmp_path, "ckpt.pth")
    assert (report.model, report.training) == ("pix2pix", True)
    report = import_files([tmp_path / "ckpt.pth"], tmp_path / "other", model="pix2pix")
    assert same(report.weights, g.state_dict(), "g")


def test_the_averages_are_taken_and_that_is_said(tmp_path, networks):
    state = networks[0].state_dict()
    other = {key: value + 1 for key, value in state.items()}
    report = imported({"g": other, "d": Patch(6, width=4).state_dict(), "g_ema": state}, tmp_path)
    assert same(report.weights, state, "g_ab" if report.model == "cyclegan" else "g")
    assert report.dropped[str(tmp_path / "latest_net_G_A.pth"), "g"] == "its averaged weights are taken"


def test_files_of_pairs_wrapped_alike(tmp_path, networks):
    files = []
    for name, network in zip(("G_A", "G_B"), networks[:2], strict=True):
        files.append(tmp_path / f"latest_net_{name}.pth")
        torch.save({"netG": prefixed(network.state_dict(), "module."), "epoch": 3}, files[-1])
    report = import_files(files, tmp_path / "run")
    assert same(report.weights, networks[0].state_dict(), "g_ab")
    assert same(report.weights, networks[1].state_dict(), "g_ba")


def test_safetensors_under_another_name(tmp_path, networks):
    save_file(networks[0].state_dict(), tmp_path / "latest_net_G_A.pth")
    report = import_files([tmp_path / "latest_net_G_A.pth"], tmp_path / "run")
    assert same(report.weights, networks[0].state_dict(), "g_ab")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda s: s | {"model.4.bias": torch.tensor([float("nan")] * 16)},
            "model.4.bias holds 16 of 16 values that are not",
        ),
        (
            lambda s: (
                s | {"model.1.weight": s["model.1.weight"].clone().index_fill(0, torch.tensor([0]), float("inf"))}
            ),
            "inf",
        ),
        (
            lambda s: s | {"model.4.bias": torch.zeros(16, dtype=torch.int8)},
            "model.4.bias holds int8 instead of float32",
        ),
        (
            lambda s: s | {"model.1.weight": torch.quantize_per_tensor(s["model.1.weight"], 0.1, 0, torch.qint8)},
            "model.1.weight is quantised",
        ),
        (lambda s: s | {"model.1.weight": s["model.1.weight"].to_sparse()}, "sparse"),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_weights_that_cannot_be_used_are_one_line(tmp_path, networks, change, words):
    with pytest.raises(CheckpointError) as caught:
        imported(change(networks[0].state_dict()), tmp_path)
    said = str(caught.value)
    assert words.replace("inf", "not finite") in said
    assert "\n" not in said
    assert "latest_net_G_A.pth" in said


def test_a_wrapped_network_that_lacks_a_key_says_which(tmp_path, networks):
    state = {key: value for key, value in networks[0].state_dict().items() if key != "model.4.bias"}
    with pytest.raises(CheckpointError, match=r"latest_net_G_A\.pth does not fit .*: model\.4\.bias is missing$"):
        imported({"state_dict": state | {"total_ops": torch.zeros(1)}}, tmp_path)
