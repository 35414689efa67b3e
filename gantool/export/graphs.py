"""A model's translation as one graph of torch operators, with free batch, height and width."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as shapes
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gantool.capabilities import Graph
from gantool.export.check import example
from gantool.export.translation import Translation
from gantool.pictures.resize import to_unit
from gantool.spec import Sizes


class ImageIO(nn.Module):
    """uint8 pictures (N, H, W, C) in and out, around a module that maps (N, C, H, W) in [-1, 1]: the same sums, in the
    same order, as those of `gantool translate`, so the same rounding to the nearest level.

    Label maps go in as their ids (N, H, W, C). Style codes, labels and further outputs stay what they are.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: Tensor, code: Tensor | None = None) -> Tensor | tuple[Tensor, ...]:
        x = image.permute(0, 3, 1, 2)
        if x.dtype == torch.uint8:
            x = to_unit(x.float())
        made = self.module(x) if code is None else self.module(x, code)
        translation, *further = made if isinstance(made, tuple) else (made,)
        return (_levels(translation), *further) if further else _levels(translation)


class Pixels(nn.Module):
    """uint8 pictures (N, H, W, C) of a module that makes pictures (N, C, H, W) in [-1, 1] of something else."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, first: Tensor, label: Tensor | None = None) -> Tensor:
        return _levels(self.module(first) if label is None else self.module(first, label))


def _levels(pictures: Tensor) -> Tensor:
    levels = ((pictures + 1) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1)


def capture(translation: Translation, image_io: bool) -> ExportedProgram:
    """The translation as a graph that holds only the weights it uses. The model loses the others."""
    module = translation.module()
    if image_io:
        module = ImageIO(module)
    inputs = example(translation, image_io)
    batch = Dim("batch", min=1)
    dims = ({0: batch, **_sides(translation.sizes, first=1 if image_io else 2)}, {0: batch})[: len(inputs)]
    return captured(module, inputs, dims)


def capture_graph(graph: Graph, image_io: bool = False) -> ExportedProgram:
    """The same where no picture goes in; only the batch is free. With `image_io` pictures of 8 bits come out."""
    inputs = tuple(graph.inputs.values())
    batch = Dim("batch", min=1)
    module = Pixels(graph.module) if image_io else graph.module
    return captured(module, inputs, tuple({0: batch} for _ in inputs))


def captured(module: nn.Module, inputs: tuple[Tensor, ...], dims: tuple[dict[int, Dim], ...]) -> ExportedProgram:
    """A module as a graph, of which these dimensions are free. It loses the tensors that it does not use."""
    _drop_unused(module.eval(), inputs)
    program = _traced(module, inputs, dims)
    _let_move(program)
    program.example_inputs = None  # megabytes for a large multiple, and no use
    return program


@contextmanager
def quiet(verbose: bool) -> Iterator[None]:
    """Keeps the exporter's warnings and log lines back: they are for its developers. `verbose` sends them to stderr."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        if not verbose:
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _sides(sizes: Sizes, first: int) -> dict[int, Dim]:
    if sizes.exact is not None:
        return {}
    low = sizes.fit(1, 1)[0] // sizes.multiple
    sides = [Dim(name, min=low) for name in ("height", "width")]
    return {first + i: sizes.multiple * side if sizes.multiple > 1 else side for i, side in enumerate(sides)}


def _traced(module: nn.Module, inputs: tuple[Tensor, ...], dims: tuple[dict[int, Dim], ...]) -> ExportedProgram:
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        # A picture of one multiple of a U-Net has innermost maps of 1 x 1, and a batch may be 1. Torch takes sizes for
        # larger than 1 otherwise, and the file would refuse such pictures.
        if hasattr(shapes, "backed_size_oblivious"):
            stack.enter_context(shapes.patch(backed_size_oblivious=True))  # type: ignore[attr-defined]
        return torch.export.export(
            module,
            inputs,
            dynamic_shapes=dims,
            strict=False,
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def _let_move(program: ExportedProgram) -> None:
    """Takes out the checks that a tensor is still of the type, and on the device, that it had while it was traced."""
    for node in list(program.graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            program.graph.erase_node(node)
    program.graph_module.recompile()


def _drop_unused(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Takes the tensors that a pass does not touch (discriminators, the way back) out of the module."""
    with torch.no_grad(), Touched() as touched:
        module(*inputs)
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, tensor in list(tensors.items()):
                if tensor is not None and tensor not in touched:
                    delattr(part, name)


class Touched(TorchDispatchMode):
    """Inside `with`, notes all tensors that operations receive: `tensor in touched` then tells."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self._memory: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._memory.update(_memory(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
        return func(*args, **(kwargs or {}))

    def __contains__(self, tensor: Tensor) -> bool:
        return _memory(tensor) in self._memory


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
