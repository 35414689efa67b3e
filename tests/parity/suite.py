"""What every model's figures are compared by: networks, training runs, and single tensors.

Tolerances. `float32` figures were made by other kernels on another machine: `NETWORK` and `VALUE` are ten and more
times what was measured between correct programs (5e-6 and 2e-7), room for other processors. `float64` runs of two
correct programs differ by rounding alone, which Adam's first steps cannot amplify (its epsilon, 1e-8, is far above
float64's noise in a gradient): measured were 1e-14, and `EXACT` is still thousands of times below the effect of a
wrong weight or order. A loss that was computed in float64 and is on file in float32 is up to `RECORDED` from itself.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.model import Batch, Model, Progress
from gantool.networks.norms import InstanceNorm
from gantool.training.run import TrainingRun

from . import fill

NETWORK = 5e-5
"""Largest difference of a network's float32 output, as a share of its largest value."""
VALUE = 5e-6
"""Largest relative difference of a float32 loss."""
EXACT = 1e-8
"""Largest difference of a float64 training run: relative for losses, absolute for weights."""
RECORDED = 2.0**-24
"""Largest relative change of a number that is rounded to float32."""

Entry = Mapping[str, Any]


class Adapter(Protocol):
    """What a model's module in `adapters` provides. The reference's names and configurations come as on file."""

    SECTIONS: Mapping[str, Callable[[Entry], None]]
    """The check of each section's entries; subsections as "transforms/sizes"."""


class TrainingAdapter(Protocol):
    """What a training run needs of a model's module."""

    LOSSES: Mapping[str, str]
    """The reference's name of each loss, and ours."""

    # `Run`, a kind of `Recording`, where the reference's steps need another; `stored`, a weight with its dimensions in
    # the reference's order; `pace`, `place` and `rate`: see `check_training`.

    def model(self, config: Entry) -> Model[Any]: ...

    def load(self, network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
        """Loads a reference's state dict through the key map of `gantool import`; returns its keys with our names."""

    def networks(self, model: Model[Any]) -> Mapping[str, nn.Module]:
        """The model's networks by the reference's names."""

    def batch(self, pictures: Batch, config: Entry) -> Batch: ...

    def scripted(self, model: Model[Any], entry: Entry) -> Iterator[Any]:
        """Makes the model draw what the entry says; what is left in the iterator at the end was not drawn."""


def differences(tensor: Tensor, figures: Entry) -> float:
    """The largest difference of a tensor to its figures: values at the stored places, mean and standard deviation."""
    assert list(tensor.shape) == figures["shape"]
    flat = tensor.detach().double().flatten()
    stored = torch.tensor(figures["values"], dtype=torch.float64)
    apart = (flat[figures["places"]] - stored).abs().max().item()
    mean, std = flat.mean().item(), flat.std(unbiased=False).item()
    return max(apart, abs(mean - figures["mean"]), abs(std - figures["std"]))


def assert_close(tensor: Tensor, figures: Entry, tolerance: float, what: str) -> None:
    """Fails, naming `what`, where a tensor is further from its figures than this."""
    difference = differences(tensor, figures)
    assert difference <= tolerance, f"{what} differs by {difference:.3g} (allowed {tolerance:.3g})"


def assert_value(value: Tensor, figure: float) -> None:
    """Fails where a float32 loss is not its figure."""
    assert value.item() == pytest.approx(figure, rel=VALUE, abs=1e-7), f"the loss is {value.item()}, not {figure}"


def check_network(entry: Entry, build: Callable[[Entry], nn.Module], load: Callable[..., Mapping[str, str]]) -> None:
    """A network built from the reference's configuration, filled under its names: the outputs and moved statistics."""
    network = build(entry["config"])
    parameters = entry["parameters"]
    names = load(network, fill.filled(entry), entry["name"])
    assert sorted(names) == sorted(name for name, _ in parameters)
    assert sum(p.numel() for p in network.parameters()) == entry["parameter_count"]
    network.train(entry["mode"] == "train")
    with torch.no_grad(), masks(entry):
        y = network(*(fill.given(rule) for rule in entry["inputs"].values()))
    outputs = dict(y) if isinstance(y, Mapping) else {"y": y}  # several outputs come by name
    state = network.state_dict()
    for key in entry.get("buffers_after", ()):
        told = {f"after: {key}", f"buffer after the call: {key}"} & entry["outputs"].keys()
        assert told, f"no figures of {key} after the call"
        outputs |= dict.fromkeys(told, state[names[key]])
    assert outputs.keys() == entry["outputs"].keys()
    for key, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        assert_close(outputs[key], figures, NETWORK * max(largest, 1e-3), key)


def check_training(entry: Entry, adapter: TrainingAdapter) -> None:
    """The model's own training step in float64, step by step: every loss, then the weights."""
    config, exact = entry["config"], "float64" in entry
    model = adapter.model(config)
    networks = adapter.networks(model)
    assert networks.keys() == entry["networks"].keys()
    names = {name: adapter.load(networks[name], fill.filled(told), name) for name, told in entry["networks"].items()}
    model.double().train()
    expected = entry["float64"] if exact else entry
    before = copy.deepcopy({name: networks[name].state_dict() for name in expected.get("change", ())})
    run = getattr(adapter, "Run", Recording)(model, model.optimizers())
    draws = adapter.scripted(model, entry)
    with masks(entry):
        for step, (rules, losses) in enumerate(zip(entry["batches"], expected["losses"], strict=True)):
            batch = adapter.batch({name: fill.given(rule).double() for name, rule in rules.items()}, config)
            number = config.get("first_iteration", 0) + step
            total = config.get("first_iteration", 0) + len(entry["batches"])
            now = Progress(number, total, **(adapter.pace(config) if hasattr(adapter, "pace") else {}))
            if hasattr(adapter, "place"):
                now = replace(now, schedule=adapter.place(step, config))
            run.begin(now, adapter.rate(model, step, config) if hasattr(adapter, "rate") else 1.0)
            for _ in run.batches():
                model.training_step(batch, run)
            run.end()
            rounded = RECORDED if "losses recorded as float32" in expected.get("what", "") else 0
            tolerance = EXACT + rounded if exact else 2 * _stated(entry, "losses")
            for name, value in losses.items():
                ours = run.last[adapter.LOSSES[name]]
                assert abs(ours - value) <= tolerance * max(abs(value), 1e-3), (
                    f"step {step}: {name} is {ours}, not {value}"
                )
    assert list(draws) == [], "draws that nobody asked for"
    stored = getattr(adapter, "stored", lambda tensor: tensor)
    for name, figures in expected["after"].items():
        free = without_gradient(networks[name])
        state = networks[name].state_dict()
        for key, told in figures.items():
            if names[name][key] not in free:
                tolerance = EXACT if exact else 2 * _stated(entry, "after", name, key)
                after = stored(state[names[name][key]])
                assert_close(after, told, tolerance, f"{name}: {key} after the run")
                if exact and "change" in expected:
                    change = after - stored(before[name][names[name][key]])
                    assert_close(change, expected["change"][name][key], tolerance, f"{name}: the change of {key}")


def check_adam(config: Entry) -> None:
    """Fails for an optimiser that is not the one that all our models have."""
    told = config.get("optimiser", "Adam, betas (beta1, 0.999), eps 1e-8, no weight decay")
    assert told == "Adam, betas (beta1, 0.999), eps 1e-8, no weight decay", f"the suite does not know {told!r}"


def stated(pattern: str, text: str) -> float:
    """The number that the pattern's group finds in an entry's words."""
    found = re.search(pattern, text)
    assert found, f"the suite does not find {pattern!r} in {text!r}"
    return float(found[1])


def rule(pattern: str, entry: Entry) -> str:
    """The name in the entry's words for its random draws: the pattern's group."""
    found = re.search(pattern, entry["random"])
    assert found, f"the suite does not find {pattern!r} in {entry['random']!r}"
    return found[1]


def check_schedule(entry: Entry, build: Callable[..., Model[Any]]) -> None:
    """Learning rates by epoch. `build` makes a model of these options, all about its schedule."""
    model = build(
        lr=entry["lr"],
        lr_policy=entry["lr_policy"],
        lr_at="start" if "START" in entry["when"].upper() else "end",
        n_epochs=entry["n_epochs"],
        n_epochs_decay=entry["n_epochs_decay"],
        lr_decay_epochs=entry["lr_decay_iters"],
    )
    # A run that they resume in epoch `epoch_count` begins every schedule but the linear one anew: a new run for us.
    done = 1 if entry["lr_policy"] == "linear" else entry["epoch_count"]
    for epoch, rate in entry["rate_in_epoch"].items():
        ours = entry["lr"] * model.rate_factor(Progress(0, 1, schedule=int(epoch) - done))
        assert ours == pytest.approx(rate, rel=1e-9, abs=1e-12 * entry["lr"]), f"epoch {epoch}"


def without_gradient(network: nn.Module) -> set[str]:
    """Names of the biases that feed a norm: their true gradient is 0, Adam turns its rounding noise into steps."""
    norms = (InstanceNorm, nn.BatchNorm2d)
    free = set()
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            layers = list(module.named_children())
            for (key, layer), (_, following) in pairwise(layers):
                if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(following, norms):
                    free.add(f"{name}.{key}.bias".removeprefix("."))
    return free


@contextmanager
def masks(entry: Entry) -> Iterator[None]:
    """Dropout as the entry defines it: call number i keeps what noise(NAME + i) says, and divides by the share that is
    kept: above 0 a half, unless the entry's words have another place and another share.
    """
    words = entry.get("random", "")
    name = re.search(r"noise\('([^']*)<i>'", words)
    place = re.search(r"shape\) > (-?[\d.]+) and divides by ([\d.]+)", words)
    if entry.get("dropout") is None and not place:
        yield
        return
    if entry.get("dropout", "rule masks") != "rule masks" or name is None:
        raise NotImplementedError(f"dropout: {entry['dropout']}, {words}")
    above, share = (float(place[1]), float(place[2].rstrip("."))) if place else (0.0, 0.5)
    calls = 0

    def masked(x: Tensor, *_: Any, **__: Any) -> Tensor:
        nonlocal calls
        mask = fill.noise(f"{name[1]}{calls}", x.shape) > above
        calls += 1
        return x * mask.to(x.dtype) / share

    real, F.dropout = F.dropout, masked
    try:
        yield
    finally:
        F.dropout = real
    assert calls, "dropout was never called"


class Recording(TrainingRun):
    """The run of a real training, whose losses of the last step can be read in full precision."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.last: dict[str, float] = {}

    def log(self, **losses: Tensor) -> None:
        super().log(**losses)
        self.last |= {name: float(loss.detach()) for name, loss in losses.items()}


def _stated(entry: Entry, section: str, *path: str) -> float:
    """How far float32 figures are from float64, as the entry says."""
    found = next(value for key, value in entry["precision"].items() if key.startswith(section))
    for key in path:
        found = found[key]
    return max(float(found), 1e-7)
