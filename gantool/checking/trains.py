"""Checks of a training. Each gives what is wrong in one line, or nothing."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Collection

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gantool import api
from gantool.checking.pictures import as_image
from gantool.checking.practice import begun, trained_steps
from gantool.checking.subject import STEPS, Subject, ways
from gantool.contract import optimizers_of
from gantool.counting import first_few
from gantool.data.dataset import Dataset
from gantool.data.transforms import Preparation
from gantool.errors import argument
from gantool.pictures.file import Array
from gantool.report.text import figure
from gantool.runs import checkpoint, folders
from gantool.runs.checkpoint import part
from gantool.training import request
from gantool.training.building import opened
from gantool.training.run import TrainingRun


def training(subject: Subject) -> str:
    """A short run ends, with its saves."""
    steps = [int(save.name) for save in folders.saves(subject.run)]
    return "" if steps == [STEPS // 2, STEPS] else f"a run of {STEPS} steps has saves at {steps}"


def losses(subject: Subject) -> str:
    """Losses are logged, all that train, and they are finite."""
    seen = subject.practice
    if not seen.losses:
        return "nothing is given to run.log: a training shows no losses"
    if wrong := [name for name, value in seen.losses.items() if not math.isfinite(value)]:
        return f"not finite: {', '.join(wrong)}"
    if seen.unlogged:
        return f"nothing of the loss of run.backward at {' and at '.join(seen.unlogged)} is given to run.log"
    return ""


def optimizers(subject: Subject) -> str:
    """Every parameter that wants gradients has an optimiser, and optimisers have no others."""
    seen = subject.practice
    if seen.not_optimised:
        return f"no optimiser has {_named(seen.not_optimised, seen.parameters)}: it stays as it began"
    if seen.foreign:
        return f"the optimiser {seen.foreign[0]} has parameters that are not the model's: they are never saved"
    return ""


def learning(subject: Subject) -> str:
    """Every parameter that has an optimiser gets a gradient, and moves."""
    seen = subject.practice
    if seen.unasked:
        return (
            f"{_named(seen.unasked, seen.parameters)} has gradients of another backward pass than run.backward's:"
            f" {argument('accumulate')}, {argument('precision', 'fp16')} and the look at what is not finite miss it"
        )
    if seen.unfelt:
        return f"no loss reaches {_named(seen.unfelt, seen.parameters)}"
    if seen.unmoved:
        return f"{_named(seen.unmoved, seen.parameters)} has a gradient and does not move"
    return ""


def blanks(subject: Subject) -> str:
    """Pictures of a single colour leave a training as it was, in half and in single precision.

    What stays of such a step is in the second moments of Adam: 10^6 times as large ones would stop training for good.
    """
    usual = _lasting(subject, "fp32", lambda x: x)
    for precision in ("bf16", "fp32"):
        for what, change in {_BLANK: _blank, _ALMOST: _almost_blank}.items():
            largest = _lasting(subject, precision, change)
            if largest == math.inf:
                return f"in {precision}, {what} make losses or gradients that are not finite"
            if largest > _MOST * usual:
                times = figure(math.sqrt(largest / usual))
                return f"in {precision}, {what} make gradients {times} times as large: gantool.networks.norms do not"
    return ""


_BLANK, _ALMOST = "blank pictures", "pictures that are blank but for one value"
# Patch discriminators pad with zeros: of a blank picture their first bias sees the border alone, and gets 20 times as
# large gradients by the mathematics (CycleGAN's ratio is 460 in double precision, too). A single value in bfloat16 is a
# signal of two digits, and how it is rounded is the processor's choice (162, 269). What a chain of norms makes is 10^11
# and more.
_MOST = 1000
"""How much larger than usual second moments may become."""


def _lasting(subject: Subject, precision: str, change: Callable[[Tensor], Tensor]) -> float:
    """The largest second moment after two steps, of which the second has changed pictures; 0 for optimisers without
    such, infinite after a step that was not finite.
    """
    model = begun(subject.smoke)
    run = TrainingRun(model, optimizers_of(model), precision=precision)
    for _ in trained_steps(subject.smoke, run, 2, lambda step, x: change(x) if step else x):
        pass
    if run.skipped_in_a_row() or not all(bool(torch.isfinite(p).all()) for p in model.parameters()):
        return math.inf
    states = [state for optimizer in run.optimizers.values() for state in optimizer.state.values()]
    return max((float(s[key].max()) for s in states for key in ("exp_avg_sq", "square_avg") if key in s), default=0.0)


def _blank(x: Tensor) -> Tensor:
    return torch.full_like(x, 200)


def _almost_blank(x: Tensor) -> Tensor:
    """Blank but for one value that is one level off: half precision rounds that to a constant, in some layer."""
    pictures = _blank(x)
    pictures.flatten(1)[:, min(500, pictures[0].numel() - 1)] += 1
    return pictures


def resume(subject: Subject) -> str:
    """A run that is continued after two steps ends with the same bytes as one that was not interrupted, and begins with
    those that follow from its seed.
    """
    one, other = (begun(subject.smoke).state_dict() for _ in range(2))
    if differ := [key for key in one if not torch.equal(one[key], other[key])]:
        return (
            f"the same seed gives other first weights ({', '.join(differ[:3])}): torch's own generator is seeded alone"
        )
    again = subject.folder / "resumed"
    (again / folders.CHECKPOINTS).mkdir(parents=True)
    shutil.copy(subject.run / folders.SETTINGS, again)
    shutil.copytree(folders.save_folder(subject.run, STEPS // 2), folders.save_folder(again, STEPS // 2))
    api.train(subject.name, out=again, resume=True)
    for file in (folders.WEIGHTS, folders.STATE):
        whole, broken = (folders.save_folder(run, STEPS) / file for run in (subject.run, again))
        if whole.read_bytes() != broken.read_bytes():
            before, after = checkpoint.read(whole)[1], checkpoint.read(broken)[1]
            differ = [key for key in before if key not in after or not torch.equal(before[key], after[key])]
            return (
                f"a run that is resumed ends with another {file} ({', '.join(differ[:3])}): what a run remembers"
                " belongs into buffers, and every random draw comes from run"
            )
    return ""


def samples(subject: Subject) -> str:
    """Samples and `translate` or `sample` are one code path: a picture of the last grid comes back byte for byte."""
    translator = subject.translator
    config = subject.run / folders.SETTINGS
    plan = request.plan(request.Request(model=None, config=config, out=subject.folder / "planned"))
    if plan.preparation != Preparation(**translator.facts.preparation):
        return "the header of its weights has another preparation than the run"
    if "translate" in translator.facts.can:
        source, target = ways(translator.facts)[0]
        picture, instances = as_image(translator.spec.kind(source), opened(plan).samples(4)[source][0])
        image, verb = translator.translate(picture, to=target, instances=instances), "translate"
    else:
        image, verb = _first_sample(translator, opened(plan)), "sample"
    made = np.asarray(image.convert("RGB"))
    sheets = sorted((subject.run / "samples").glob("*.png"))
    if not sheets:
        return "the run has no samples"
    with Image.open(sheets[-1]) as sheet:
        found = _stands_in(made, np.asarray(sheet.convert("RGB")))
    return "" if found else f"the picture in the last sample is not what {verb} makes"


def _first_sample(of: api.Trained, data: Dataset) -> Image.Image:
    """The picture of seed 0, of the first class or text."""
    text = data.texts(1) if of.facts.told == "text" else []
    to = of.domains[0] if of.facts.told == "class" else None
    return of.sample(1, 0, to=to, text=text[0] if text else None)[0]


def _stands_in(part: Array, whole: Array) -> bool:
    """Whether a picture (H, W, C) is a part of another."""
    height, width = part.shape[:2]
    places = whole[: whole.shape[0] - height + 1, : whole.shape[1] - width + 1]
    corners = np.argwhere((places == part[0, 0]).all(axis=2))
    return any(np.array_equal(whole[y : y + height, x : x + width], part) for y, x in corners)


def _named(some: Collection[str], known: Collection[str]) -> str:
    """Parameters in a few words; a network by its name if all of it but biases is meant."""
    words = []
    for network in dict.fromkeys(part(key) for key in sorted(some)):
        weights = {key for key in known if part(key) == network and not key.endswith("bias")}
        words += [network] if weights <= set(some) else sorted(key for key in some if part(key) == network)
    return first_few(words)
