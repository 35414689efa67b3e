"""What a plugin's author wrote otherwise than the contract: of a class, of a model, and of what its methods give."""

from __future__ import annotations

import inspect
import math
import sys
from typing import Any

import torch
from torch import nn

from gantool.capabilities import MIXINS, Averaged, Coded, Conditioned, Samples, Translates
from gantool.errors import CheckpointError, UsageError, did_you_mean
from gantool.model import Data, Epochs, Model, Progress, Steps
from gantool.options import flaw
from gantool.spec import Sizes


def class_flaw(kind: type[Model[Any]]) -> str:
    """What is wrong with a class: its options, a method of a mix-in that it lacks, a member that it spells or calls
    otherwise than the contract; empty where nothing is.

    A method of `Model` that it lacks is no mistake by itself: a model that only translates needs no training step.
    """
    contract = [base for base in kind.__mro__ if base in (Model, *MIXINS)]
    known = {name for base in contract for name in vars(base) if not name.startswith("_")}
    plugin = [base for base in kind.__mro__ if base not in (*contract, *nn.Module.__mro__)]
    own = {name for base in plugin for name in vars(base) if not name.startswith("_")}
    if not hasattr(kind, "Options"):
        return f"{kind.__name__} has no Options"
    if problem := flaw(kind.Options):
        return problem
    for name in sorted(known):
        if getattr(getattr(kind, name, None), "__isabstractmethod__", False):
            if hint := did_you_mean(name, own - known):
                return f"{kind.__name__} has no {name}. {hint}"
            if name not in vars(Model):
                asks = next(base.__name__ for base in contract if name in vars(base))
                return f"{kind.__name__} has no {name}, which {asks} asks for"
    for name in sorted(own - known):
        if hint := did_you_mean(name, known - own, cutoff=0.85):
            return f"{kind.__name__} has {name}, which is never called. {hint}"
    return next(filter(None, (_miscalled(kind, name) for name in sorted(own & known))), "")


def _miscalled(kind: type[Model[Any]], name: str) -> str:
    """Whether a method of the contract can be called as the contract says."""
    base = next(base for base in kind.__mro__ if base in (Model, *MIXINS) and name in vars(base))
    theirs, ours = (inspect.getattr_static(one, name) for one in (base, kind))
    if isinstance(theirs, classmethod) and inspect.isfunction(ours):
        return f"{kind.__name__}.{name} is no class method: @classmethod belongs above it"
    if not inspect.isfunction(theirs) or not inspect.isfunction(ours):
        return ""
    wanted = inspect.signature(theirs)
    by_place = [one for one in wanted.parameters.values() if one.kind is not one.KEYWORD_ONLY]
    by_name = [one.name for one in wanted.parameters.values() if one.kind is one.KEYWORD_ONLY]
    try:  # a decorator may give arguments of its own: what stands below it is not what is called
        inspect.signature(ours, follow_wrapped=False).bind(*by_place, **dict.fromkeys(by_name))
    except TypeError as error:
        said = ", ".join([*(one.name for one in by_place), *(f"{word}=" for word in by_name)])
        return f"{kind.__name__}.{name} cannot be called as the contract says, ({said}): {error}"
    return ""


def check_model(model: Model[Any]) -> None:
    """Raises CheckpointError for a model that names networks which it has not, or whose sizes and numbers are none."""
    said, kind = "", type(model).__name__
    named = {"roles.training_only": model.roles.training_only, "roles.frozen": model.roles.frozen}
    if isinstance(model, Averaged):
        named["averaged"] = model.averaged
    for member, names in named.items():
        if isinstance(names, str):
            said = said or f'{member} is a tuple of names, such as ("{names}",), not "{names}"'
        lost = [name for name in names if not hasattr(model, name)]  # an option may leave it out: None
        if lost:
            said = said or f'{member} names "{lost[0]}", and it has no such network'
    sizes = ["crops", *(["sizes"] if isinstance(model, Translates) else [])]
    numbers = [
        *(["code_size"] if isinstance(model, Coded) else []),
        *(["latent_size", "label_size"] if isinstance(model, Samples) else []),
    ]
    for members, wanted, words in ((sizes, Sizes, "Sizes(...)"), (numbers, int, "a whole number")):
        for member in members:
            found = getattr(model, member, None)
            if not isinstance(found, wanted):
                said = said or f"{member} is {words}, not {found!r}"
    if isinstance(model, Conditioned) and isinstance(model.condition_names, str):
        said = said or f'condition_names is a tuple of names, not "{model.condition_names}"'
    if isinstance(model, Translates) and not said and not model.spec.attributes:
        known = set(model.spec.domains)  # a hundred domains have ten thousand directions
        lost = [name for way in model.directions() for name in way if name not in known]
        said = f'directions names "{lost[0]}", and the domains are {", ".join(model.spec.domains)}' if lost else ""
    if said:
        raise CheckpointError(f"{kind}: {said}")


def data_of(kind: type[Model[Any]], options: Any) -> Data:
    """The training data of a model with these options. Raises CheckpointError where `data` gives something else."""
    found = kind.data(options)
    if not isinstance(found, Data):
        raise CheckpointError(f"{kind.__name__}.data gives {_type(found)}, not a gantool.model.Data")
    return found


def length_of(kind: type[Model[Any]], options: Any) -> Epochs | Steps:
    """The length of a training with these options. Raises CheckpointError where `length` gives something else, and
    UsageError for options of which no length follows.
    """
    try:
        found = kind.length(options)
    except ValueError as error:
        kind.length(kind.Options())  # raises as well where the options are not to blame
        raise UsageError(f"{kind.__name__} with these options: {error}") from error
    if not isinstance(found, (Epochs, Steps)):
        raise CheckpointError(f"{kind.__name__}.length gives {_type(found)}, not Epochs(...) or Steps(...)")
    return found


def optimizers_of(model: Model[Any]) -> dict[str, torch.optim.Optimizer]:
    """The optimisers of a model. Raises CheckpointError where `optimizers` gives something else."""
    found = model.optimizers()
    if not isinstance(found, dict) or not all(isinstance(one, torch.optim.Optimizer) for one in found.values()):
        wanted = 'a dict of optimisers by name, such as {"G": adam(self.options, self.g)}'
        raise CheckpointError(f"{type(model).__name__}.optimizers gives {_type(found)}, not {wanted}")
    return found


def rate_at(model: Model[Any], now: Progress) -> float:
    """The share of the base learning rate at this point. Raises CheckpointError for one that is no number from 0 on."""
    return _within(model.rate_factor(now), sys.float_info.max, f"{type(model).__name__}.rate_factor", now, "from 0 on")


def decay_at(model: Averaged, now: Progress) -> float:
    """The decay of the averages in this step. Raises CheckpointError for one beyond [0, 1]: averages would run away."""
    return _within(model.average_decay(now), 1, f"{type(model).__name__}.average_decay", now, "from 0 to 1")


def images_of(found: object, count: int, method: str) -> torch.Tensor:
    """What a method made of so many rows. Raises CheckpointError for what is no tensor (N, C, H, W)."""
    if not isinstance(found, torch.Tensor):
        raise CheckpointError(f"the model's {method} gives {_type(found)}, not a tensor of pictures (N, C, H, W)")
    if found.ndim != 4 or len(found) != count:
        raise CheckpointError(f"the model's {method} gives {tuple(found.shape)}, not pictures ({count}, C, H, W)")
    return found


def _within(found: object, highest: float, method: str, now: Progress, words: str) -> float:
    """What a method gave, if it is a number from 0 to the highest. Raises CheckpointError for anything else."""
    if not 0 <= (number := _number(found)) <= highest:
        raise CheckpointError(f"{method} gives {found} at step {now.step} of {now.total_steps}, not a number {words}")
    return number


def _number(found: object) -> float:
    """A number of Python, NumPy or torch as Python's; NaN for what is none."""
    try:
        return float(found)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return math.nan


def _type(found: object) -> str:
    return type(found).__name__
