"""A model as its options describe it, without memory for its weights: to be compared with a file before it is filled.

A header of a few bytes can ask for networks of any size, so nothing is allocated before the file's shapes agree.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from gantool.model import Model
from gantool.spec import Spec

_SMALL = 2**18
"""Numbers in a tensor that is made in earnest: tables that networks compute while they are built."""
_DRAWS = (nn.init.normal_, Tensor.normal_)
"""Where there is no memory they fill none, but torch imports its compiler for them, which takes a second."""
_FACTORIES = (torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange, torch.eye, torch.linspace)

Shapes = Mapping[str, tuple[int, ...]]


class TooLargeError(Exception):
    """The options ask for more parts than the file can hold weights for."""


def skeleton(kind: type[Model[Any]], choices: Any, spec: Spec, tensors: int) -> Model[Any]:
    """The model with its parameters on the meta device; buffers and small tables are what they always are.

    Raises TooLargeError if it has many more parts than a file with so many `tensors`, and whatever the plugin raises
    for options that contradict each other.
    """
    with torch.random.fork_rng(devices=[]), _at_most(5000 + 20 * tensors), _Weightless():
        return kind(choices, spec)


def keep_only(model: Model[Any], networks: Collection[str]) -> None:
    """Takes all other sub-modules out of the model."""
    for name, _ in list(model.named_children()):
        if name not in networks:
            setattr(model, name, None)


def difference(model: Model[Any], networks: Collection[str], found: Shapes) -> str | None:
    """The first thing in which a file's tensors and these networks of the model disagree, and how many there are."""
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items() if key.partition(".")[0] in networks}
    absent, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    other = sorted(key for key in wanted.keys() & found.keys() if wanted[key] != tuple(found[key]))
    if other:
        return f"{other[0]} has shape {tuple(found[other[0]])} instead of {wanted[other[0]]}"
    if absent or unknown:
        first = f"{absent[0]} is missing" if absent else f"{unknown[0]} is unknown"
        return f"{first} ({len(absent)} missing, {len(unknown)} unknown)"
    return None


def fill(model: Model[Any], tensors: Mapping[str, Tensor]) -> bool:
    """Gives the model these tensors, which are all it needs. They are copied: the file may change.

    False where it has more that is without memory: buffers that are computed of weights, and not saved.
    """
    expected = model.state_dict()
    own = {key: value.to(expected[key].dtype, copy=True) for key, value in tensors.items()}
    model.load_state_dict(own, assign=True)
    return not any(value.is_meta for value in chain(model.parameters(), model.buffers()))


class Undrawn(TorchFunctionMode):
    """Inside `with`, nothing is drawn for tensors that have no memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWS:
            filled = args[0] if args else kwargs["tensor"]
            if filled.is_meta:
                return filled
        return func(*args, **kwargs)


class _Weightless(Undrawn):
    """Whatever is made to be filled later has no memory; so has what is large."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty:
            return func(*args, **{**kwargs, "device": "meta"})
        if func in _FACTORIES:
            planned = {key: value for key, value in kwargs.items() if key != "generator"}
            bare = func(*args, **{**planned, "device": "meta"})
            if bare.numel() > _SMALL:
                return bare
        return super().__torch_function__(func, types, args, kwargs)


@contextmanager
def _at_most(parts: int) -> Iterator[None]:
    """Inside, a module that gets its weights keeps none of them in memory, and so many can be made at most."""
    made, thread = 0, threading.get_ident()  # hooks are for all threads, and others may be building networks of theirs

    def count(*_: object) -> None:
        nonlocal made
        made += thread == threading.get_ident()
        if made > parts:
            raise TooLargeError(f"more than {parts} layers and weights")

    def without_memory(_: nn.Module, __: str, parameter: nn.Parameter | None) -> Any:
        count()
        if parameter is None or parameter.is_meta or thread != threading.get_ident():
            return parameter
        bare = torch.empty(parameter.shape, dtype=parameter.dtype, device="meta")
        return nn.Parameter(bare, requires_grad=parameter.requires_grad)

    hooks = [
        register_module_parameter_registration_hook(without_memory),
        register_module_module_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
