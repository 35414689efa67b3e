"""Files of StyleGAN's authors, and of the port that most files are of, become runs that make the same pictures.

The files are made of the names, shapes and numbers of the parity figures; the programs that wrote them are not needed.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from gantool_stylegan import StyleGAN, official
from torch import Tensor

from gantool.errors import CheckpointError
from gantool.importing.session import Report
from tests.parity import fill, suite
from tests.parity.test_parity import GOLDEN

from .imports import import_files, whole

FIGURES = json.loads((GOLDEN / "stylegan.json").read_text(encoding="utf-8"))


def entry(name: str, section: str = "networks") -> dict[str, Any]:
    return next(one for one in FIGURES[section] if one["name"] == name)


def imported(file: Path) -> tuple[Report, StyleGAN]:
    report = import_files([file], file.parent / "run")
    model = whole(report)
    assert isinstance(model, StyleGAN)
    return report, model


@pytest.fixture
def dnnlib(monkeypatch):
    """The names that the authors' pickles refer to, while they are written."""

    class Network:
        def __init__(self, state: dict[str, Any]) -> None:
            self.state = state

        def __getstate__(self) -> dict[str, Any]:
            return self.state

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
        raise AssertionError("a file was unpickled")

    class EasyDict(dict[str, Any]):
        pass

    class Persistent:
        def __init__(self, state: dict[str, Any]) -> None:
            self.state = state

        def __reduce__(self) -> tuple[Any, ...]:
            meta = EasyDict(
                {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": "X", **self.__dict__}
            )
            return _reconstruct_persistent_obj, (meta,)

    modules = {
        "dnnlib.tflib.network": [Network],
        "torch_utils.persistence": [_reconstruct_persistent_obj],
        "dnnlib.util": [EasyDict],
    }
    for path, members in modules.items():
        module = ModuleType(path)
        for member in members:
            member.__module__, member.__qualname__ = path, member.__name__
            setattr(module, member.__name__, member)
        parts = path.split(".")
        for end in range(1, len(parts)):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        monkeypatch.setitem(sys.modules, path, module)
    return argparse.Namespace(Network=Network, Persistent=Persistent)


def module(dnnlib, tensors: dict[str, Tensor], **init_kwargs: Any):
    """Modules within modules, as the authors' persistent ones are pickled."""
    state: dict[str, Any] = {"_parameters": {}, "_buffers": {}, "_modules": {}, "training": False}
    inner: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        first, dot, rest = key.partition(".")
        if dot:
            inner.setdefault(first, {})[rest] = value
        else:
            buffer = first in ("w_avg", "noise_const", "resample_filter")
            state["_buffers" if buffer else "_parameters"][first] = value if buffer else torch.nn.Parameter(value)
    state["_modules"] = {name: module(dnnlib, part) for name, part in inner.items()}
    return dnnlib.Persistent(state | {"_init_args": (), "_init_kwargs": init_kwargs})


def test_a_pickle_of_stylegan2_ada_makes_the_pictures_of_the_authors(tmp_path, dnnlib):
    told = entry("v2_G_resnet_grey")
    d = StyleGAN.Options(channels=1, channel_base=512, channel_max=24, d_connections="skip", clamp=256, group=8)
    judge = StyleGAN(d, StyleGAN.data(d).spec(("x",), 32)).d
    content = {
        "G": module(dnnlib, fill.filled({**told, "prefix": "other/"})),
        "D": module(dnnlib, judge.state_dict(), conv_clamp=256, epilogue_kwargs={"mbstd_group_size": 8}),
        "G_ema": module(dnnlib, fill.filled(told), synthesis_kwargs={"conv_clamp": 256, "channel_base": 512}),
        "training_set_kwargs": {"path": "ffhq.zip"},
        "augment_pipe": module(dnnlib, {"p": torch.tensor(0.2)}),
    }
    file = tmp_path / "network-snapshot-025000.pkl"
    file.write_bytes(pickle.dumps(content))
    report, model = imported(file)
    figures = told["outputs"]["y"]
    with torch.no_grad():
        made = model.sample(fill.given(told["inputs"]["z"]))
    suite.assert_close(made, figures, suite.NETWORK * max(map(abs, figures["values"])), "a picture")
    o = report.options
    assert (o.clamp, o.group, o.connections, o.d_connections, o.channels) == (256, 8, "resnet", "skip", 1)
    assert all(torch.equal(value, judge.state_dict()[key]) for key, value in model.d.state_dict().items())


def test_classes_of_a_pickle_can_be_asked_for(tmp_path, dnnlib):
    told = entry("v2_G_skip_labels")
    tensors = {key: 0 * value if "noise" in key else value for key, value in fill.filled(told).items()}
    file = tmp_path / "network.pkl"
    file.write_bytes(pickle.dumps({"G_ema": module(dnnlib, tensors)}))
    report, model = imported(file)
    assert report.spec.domains == ("class0", "class1", "class2", "class3")
    labels = torch.eye(4)[fill.given(told["inputs"]["y"])]
    with torch.no_grad():
        made = model.sample(fill.given(told["inputs"]["z"]), labels=labels, truncation=told["call"]["truncation_psi"])
    figures = told["outputs"]["y"]
    suite.assert_close(made, figures, suite.NETWORK * max(map(abs, figures["values"])), "a picture")


def test_a_pickle_of_tensorflow_is_read_without_it(tmp_path, dnnlib):
    told = entry("v1_G_64_lod_1.25")
    # Released networks have layers in the mapping as wide as a style.
    shapes = [
        [key, [20 if n == 24 else n for n in shape] if "mapping" in key else shape] for key, shape in told["parameters"]
    ]
    tensors = fill.filled({**told, "parameters": shapes})

    def network(prefix: str) -> Any:
        variables = [(k.removeprefix(prefix), v.numpy()) for k, v in tensors.items() if k.startswith(prefix)]
        return dnnlib.Network({"version": 3, "variables": [("lod", torch.tensor(0.0).numpy()), *variables]})

    parts = {"mapping": network("mapping/"), "synthesis": network("synthesis/")}
    g = dnnlib.Network({"variables": [("dlatent_avg", tensors["dlatent_avg"].numpy())], "components": parts})
    d_told = entry("v1_D_64_lod_1.25")
    judge = fill.filled(d_told)
    d = dnnlib.Network({"variables": [(key, value.numpy()) for key, value in judge.items()]})
    file = tmp_path / "karras2019stylegan.pkl"
    file.write_bytes(pickle.dumps((g, d, g)))
    report, model = imported(file)
    assert (report.options.version, report.spec.size, report.options.channel_base) == (1, 64, 1024)
    expected = dict(official.of_tensorflow(tensors, 64).values())
    assert all(torch.equal(value, expected[key]) for key, value in model.g.state_dict().items())
    with torch.no_grad():
        scores = model.d(fill.given(d_told["inputs"]["x"]), None, d_told["call"]["lod"])
    suite.assert_close(scores, d_told["outputs"]["scores"], suite.NETWORK, "the scores")


def test_version_2_of_tensorflow_is_read_as_well(tmp_path, dnnlib):
    """Its names and conventions as the fact sheet of the authors' converter has them: no figures are at hand."""
    torch.manual_seed(0)
    o = StyleGAN.Options(latent=6, style=5, mapping_layers=2, channel_base=64, channel_max=8)
    made = StyleGAN(o, StyleGAN.data(o).spec(("x",), 16))
    for layer in made.g.synthesis.layers():
        layer.noise_strength.data += 0.5

    def theirs(key: str, value: Tensor) -> tuple[str, Any]:
        block, _, rest = key.removeprefix("synthesis.").partition(".")
        side = block[1:]
        layer, _, leaf = rest.partition(".")
        generates = key.startswith("synthesis.")
        if leaf == "noise_const":
            log2 = int(side).bit_length() - 1
            number = 0 if side == "4" else 2 * log2 - 5 + int(layer[-1])
            return f"synthesis/noise{number}", value[None, None].numpy()
        if layer == "const":
            return "synthesis/4x4/Const/const", value[None].numpy()
        up = layer == "conv0" and generates
        if value.dim() == 4:
            value = (value.flip(2, 3) if up else value).permute(2, 3, 1, 0)
        elif value.dim() == 2:
            value = value.T
        if leaf == "affine.bias":
            value = value - 1
        name = {"torgb": "ToRGB", "fromrgb": "FromRGB", "skip": "Skip", "fc": "Dense0"}.get(layer)
        if layer == "conv" or (generates and side == "4" and layer == "conv1"):
            name = "Conv"
        conv = {"conv0": "Conv0_up" if up else "Conv0", "conv1": "Conv1" if generates else "Conv1_down"}
        leaf = {"affine.weight": "mod_weight", "affine.bias": "mod_bias"}.get(leaf, leaf)
        if layer == "out":
            return f"Output/{leaf}", value.numpy()
        return f"{'synthesis/' * generates}{side}x{side}/{name or conv[layer]}/{leaf}", value.numpy()

    def mapped(key: str, value: Tensor) -> tuple[str, Any]:
        number, leaf = key.removeprefix("mapping.fc").split(".")
        return f"Dense{number}/{leaf}", (value.T if value.dim() == 2 else value).numpy()

    state = {key: value.detach() for key, value in made.g.state_dict().items()}
    w_avg = state.pop("mapping.w_avg")
    mapping = dnnlib.Network({"variables": [mapped(*item) for item in state.items() if item[0].startswith("mapping")]})
    variables = [theirs(*item) for item in state.items() if item[0].startswith("synthesis")]
    synthesis = dnnlib.Network({"variables": [(key.removeprefix("synthesis/"), value) for key, value in variables]})
    parts = {"mapping": mapping, "synthesis": synthesis}
    g = dnnlib.Network({"variables": [("dlatent_avg", w_avg.numpy())], "components": parts})
    d = dnnlib.Network({"variables": [theirs(key, value.detach()) for key, value in made.d.state_dict().items()]})
    file = tmp_path / "stylegan2-ffhq-config-f.pkl"
    file.write_bytes(pickle.dumps((g, d, g)))
    report, model = imported(file)
    assert (report.options.version, report.options.latent) == (2, 6)
    for key, value in made.state_dict().items():
        if key.startswith(("g.", "d.")):
            assert torch.equal(model.state_dict()[key], value), key


def test_a_file_of_the_port_is_read_with_its_arguments(tmp_path):
    tensors = {}
    for name in ("rosinality_G", "rosinality_D"):
        told = entry(name, "imports")
        small = {512: 8, 513: 9, 8192: 128, 64: 8}
        shapes = [
            [key, [small.get(n, n) if "noises" not in key else n for n in shape]] for key, shape in told["parameters"]
        ]
        tensors[name] = fill.filled({**told, "parameters": shapes})
    content = {
        "g": tensors["rosinality_G"],
        "d": tensors["rosinality_D"],
        "g_ema": {key: value + 1 for key, value in tensors["rosinality_G"].items()},
        "d_optim": {"state": {0: {"exp_avg": torch.ones(3)}}},
        "args": argparse.Namespace(size=32),
        "ada_aug_p": 0.1,
        "latent_avg": torch.ones(8),
    }
    file = tmp_path / "550000.pt"
    torch.save(content, file)
    report, model = imported(file)
    assert (report.spec.size, report.options.mapping_layers, report.options.style) == (32, 3, 8)
    assert torch.equal(model.g.mapping.w_avg, torch.ones(8))
    assert torch.equal(model.g.synthesis.b16.conv0.weight, content["g_ema"]["convs.2.conv.weight"][0])
    assert torch.equal(model.d.b16.skip.weight, content["d"]["convs.2.skip.1.weight"])


def test_a_pickle_that_names_anything_else_is_refused(tmp_path):
    file = tmp_path / "network.pkl"
    file.write_bytes(pickle.dumps({"G_ema": print}))
    with pytest.raises(CheckpointError, match=r"could run code: it names builtins\.print"):
        import_files([file], tmp_path / "run")


@pytest.mark.parametrize("variables", [[1], [("lod", np.array(["none"]))]])
def test_a_damaged_pickle_is_told(tmp_path, dnnlib, variables):
    network = dnnlib.Network({"variables": variables})
    file = tmp_path / "network.pkl"
    file.write_bytes(pickle.dumps((network, network, network)))
    with pytest.raises(CheckpointError, match=r"network\.pkl is damaged"):
        import_files([file], tmp_path / "run")


def test_a_pickle_of_a_network_within_itself_is_told(tmp_path, dnnlib):
    state: dict[str, Any] = {"variables": []}
    network = dnnlib.Network(state)
    state["components"] = {"mapping": network}
    file = tmp_path / "network.pkl"
    file.write_bytes(pickle.dumps((network, network, network), 2))
    with pytest.raises(CheckpointError, match=r"network\.pkl is damaged"):
        import_files([file], tmp_path / "run")


def test_a_mapping_that_no_option_describes_is_refused(tmp_path, dnnlib):
    told = entry("v2_G_orig_clamped")
    file = tmp_path / "network.pkl"
    file.write_bytes(pickle.dumps({"G_ema": module(dnnlib, fill.filled(told), mapping_kwargs={"lr_multiplier": 0.1})}))
    with pytest.raises(CheckpointError, match="is another filter"):
        import_files([file], tmp_path / "run")


def test_the_other_port_of_version_1_is_refused_by_name(tmp_path):
    file = tmp_path / "stylegan-256px-new.model"
    torch.save({"generator": {"generator.progression.0.conv1.weight": torch.ones(2)}}, file)
    with pytest.raises(CheckpointError, match="style-based-gan-pytorch"):
        import_files([file], tmp_path / "run")
