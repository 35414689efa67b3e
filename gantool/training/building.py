"""What a training is made of: the model with its first weights, its pictures, whether they fit, and torch as it wants
it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

import torch

from gantool.byte_sizes import bytes_in_words
from gantool.capabilities import Grows
from gantool.contract import optimizers_of, rate_at
from gantool.data.dataset import Dataset, Recipe
from gantool.errors import OutOfMemoryError, UsageError, argument
from gantool.inference.devices import kernels
from gantool.inference.memory import available
from gantool.model import Model, Progress
from gantool.runs import checkpoint
from gantool.training.request import Plan


def ready(plan: Plan) -> tuple[Model[Any], Dataset]:
    """The model with its first weights, and pictures that it can take. Raises what `built` and `check_sizes` raise."""
    model = built(plan)
    dataset = opened(plan)
    check_sizes(plan, model, dataset)
    return model, dataset


def opened(plan: Plan) -> Dataset:
    """The pictures of the run."""
    return plan.data.layout.open(plan.domains, Recipe(plan.preparation, plan.spec.channels, plan.settings.seed))


def built(plan: Plan) -> Model[Any]:
    """The model with its first weights. Raises UsageError for options that contradict each other, or that need the
    weights of another run where none are named."""
    try:
        model = checkpoint.build_model(plan.kind, plan.options, plan.spec, plan.settings.seed)
        optimizers_of(model)
        rate_at(model, Progress(0, 1))
    except ValueError as error:
        raise UsageError(f"{plan.name}: {error}") from error
    if isinstance(model, Grows) and model.grown_from and plan.start_from is None and not plan.place.saves:
        raise UsageError(f"{plan.name} with these options begins with {model.grown_from}: {argument('from_', 'RUN')}")
    return model


@contextlib.contextmanager
def random_and_kernels(plan: Plan, device: torch.device) -> Iterator[None]:
    """Inside, torch's generators may be seeded and its kernels chosen; afterwards a caller finds both as they were."""
    before, deterministic = torch.are_deterministic_algorithms_enabled(), plan.settings.deterministic
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS wants for it
    # Where every batch has the same shape, the first step's trials pay.
    try_all = not deterministic and (plan.preparation.crops or plan.preparation.common_size is not None)
    try:
        torch.use_deterministic_algorithms(deterministic)
        with (
            kernels(tf32=plan.settings.precision == "tf32", try_all=try_all),
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        ):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def check_sizes(plan: Plan, model: Model[Any], dataset: Dataset) -> None:
    """Raises UsageError for training pictures of sizes that the networks, or a batch, cannot take, and OutOfMemoryError
    for those that the machine cannot.
    """
    p, crops = plan.preparation, model.crops
    smallest = crops.exact or crops.fit(1, 1)[0]  # a side that is accepted, which the minimum itself need not be
    multiples = f"at least {smallest} pixels, in multiples of {crops.multiple}"
    cropping = f"a {argument('preprocess')} that crops"

    def fits(width: int, height: int) -> bool:
        sides = (width, height)
        wrong = min(sides) < crops.minimum or any(side % crops.multiple for side in sides)
        return not wrong and crops.exact in (None, *({width} & {height}))

    if p.common_size is not None or p.crops:
        if not fits(p.crop, p.crop):
            wanted = f"exactly {crops.exact}" if crops.exact else multiples
            crop = argument("crop")
            raise UsageError(f"{plan.name} with these options trains on crops of {wanted}, not {p.crop}: change {crop}")
        _check_memory(plan, p.crop**2)
        return
    sizes = dataset.sizes()
    for file, size in sizes:
        if not fits(*size):
            raise UsageError(
                f"{file} is {size[0]}x{size[1]} after {argument('preprocess', p.preprocess)}, and {plan.name} takes"
                f" {multiples}: choose {cropping}"
            )
    if plan.settings.batch > 1 and len({size for _, size in sizes}) > 1:
        one = f"{argument('batch', 1)}, or " if plan.data.smallest_batch == 1 else ""
        chosen = argument("preprocess", p.preprocess)
        raise UsageError(f"pictures of different sizes ({chosen}) cannot share a batch: {one}{cropping}")
    _check_memory(plan, max(width * height for _, (width, height) in sizes))


def _check_memory(plan: Plan, pixels: int) -> None:
    """Raises OutOfMemoryError where the pictures of a step alone, without any network, are too much: a system that
    promises more memory than it has would end this process, or another, without a word. `pixels` of a picture.
    """
    p, s = plan.preparation, plan.settings
    picture = max(plan.spec.channels) * pixels
    needed = {
        f"a smaller {argument('crop')}" if p.crops else f"a {argument('preprocess')} that crops": 4 * picture,
        f"a smaller {argument('size')}": 3 * math.prod(p.common_size or (0, 0)),
        f"a smaller {argument('batch')}": 4 * picture * s.batch,  # one batch, as floats
        f"a smaller {argument('accumulate')}": picture * s.batch * s.accumulate,  # all of a step, as bytes
    }
    remedy = max(needed, key=lambda one: needed[one])
    free = available("cpu")
    if needed[remedy] > free:
        raise OutOfMemoryError(
            f"the pictures of a step take {bytes_in_words(needed[remedy])}, and {bytes_in_words(free)} are free:"
            f" {remedy}"
        )
