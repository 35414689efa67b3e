"""Spectral norm: a weight divided by its largest singular value (Miyato et al. 2018, arXiv 1802.05957)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.networks.precision import single

Evaluation: TypeAlias = Literal["vectors", "kernel", "moves"]
"""Which estimate evaluation uses.

"vectors": the singular vectors `u` and `v` of the last pass in training, and so the weight as it now is.
"kernel": the normalised weight of the last pass in training. It is stored as `weight`, the trained one as `weight_orig`
and the left vector as `weight_u`; a pass finds the right one from it.
"moves": none of the past. Every pass moves `u` and `v`, as in training.
"""

_LEAST = 1e-12
"""By which a vector is divided at least."""


class _Spectral(nn.Module):
    """A layer with a weight (O, ...). Every pass in training moves the estimate by one power iteration.

    A pass keeps the estimate that it used, so a later pass does not change its gradients. Singular values are in single
    precision or better, also under autocast.
    """

    evaluation: Evaluation
    weight: Tensor
    ready: Tensor | None = None
    """The weight of this pass, inside `moving_together`."""

    @property
    def mixes_pictures(self) -> bool:
        """Whether every pass moves the estimate: then two pictures in one pass are not two passes."""
        return self.training or self.evaluation == "moves"

    def begin(self, evaluation: Evaluation) -> None:
        """Draws the vectors."""
        self.evaluation = evaluation
        weight = self.weight
        rows, columns = weight.flatten(1).shape
        if evaluation == "kernel":
            del self.weight
            self.register_parameter("weight_orig", nn.Parameter(weight))
            self.register_buffer("weight", weight.detach().clone())
            self.register_buffer("weight_u", _unit(torch.randn(rows)))
        else:
            self.register_buffer("u", _unit(torch.randn(rows)))
            self.register_buffer("v", _unit(torch.randn(columns)))

    def normalised(self) -> Tensor:
        """The weight of this pass."""
        if self.ready is not None:
            return self.ready
        if self.mixes_pictures:
            return _moved([self])[0]
        if self.evaluation == "kernel":
            return self.weight
        with torch.autocast(self.weight.device.type, enabled=False):
            weight = single(self.weight)
            return weight / torch.dot(self.get_buffer("u"), weight.flatten(1) @ self.get_buffer("v"))

    def estimate(self) -> tuple[Tensor, list[Tensor]]:
        """The weight that is trained, in single precision or better, and the vectors: u, and v where it is kept."""
        if self.evaluation == "kernel":
            return single(self.get_parameter("weight_orig")), [self.get_buffer("weight_u")]
        return single(self.weight), [self.get_buffer("u"), self.get_buffer("v")]


@contextmanager
def moving_together(network: nn.Module) -> Iterator[None]:
    """Inside is one pass of a network, each spectral layer of which is used once: their estimates move together.

    On a GPU that is half the launches of layers that move by themselves. A compiler leaves the way in and out of this
    to Python, and finds whole graphs inside.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, _Spectral) and layer.mixes_pictures]
    for layer, kernel in zip(layers, _moved(layers), strict=True):
        layer.ready = kernel
    try:
        yield
    finally:
        for layer in layers:
            layer.ready = None


def _moved(layers: Sequence[_Spectral]) -> list[Tensor]:
    """The weights of these layers for one pass, which moves their estimates by one power iteration."""
    if not layers:
        return []
    with torch.autocast(layers[0].weight.device.type, enabled=False):
        weights, kept = zip(*(layer.estimate() for layer in layers), strict=True)
        us, vs, values = _iterated(weights, [vectors[0] for vectors in kept])
        with torch.no_grad():
            found = zip(kept, us, vs, strict=True)
            pairs = [pair for vectors, u, v in found for pair in zip(vectors, (u, v), strict=False)]
            torch._foreach_copy_([old for old, _ in pairs], [new for _, new in pairs])
        _end_of_a_graph()
        kernels = [_divided(*one) for one in zip(weights, us, vs, values, strict=True)]
        for layer, kernel in zip(layers, kernels, strict=True):
            if layer.evaluation == "kernel":
                with torch.no_grad():
                    layer.weight.copy_(kernel)
                _end_of_a_graph()
        return kernels


class SpectralConv2d(nn.Conv2d, _Spectral):
    """A convolution under spectral norm, without padding."""

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int,
        stride: int = 1,
        *,
        bias: bool = True,
        evaluation: Evaluation = "vectors",
    ) -> None:
        super().__init__(into, out, kernel, stride, bias=bias)
        self.begin(evaluation)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.normalised(), self.bias, self.stride)


class SpectralLinear(nn.Linear, _Spectral):
    """A linear layer under spectral norm, without a bias."""

    def __init__(self, into: int, out: int, *, evaluation: Evaluation = "vectors") -> None:
        super().__init__(into, out, bias=False)
        self.begin(evaluation)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalised())


@torch.no_grad()
def _iterated(weights: Sequence[Tensor], us: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """For each weight the singular vectors (O,) and (I,) after one more power iteration, and the singular value u W v,
    which is the length of W v."""
    matrices = [weight.flatten(1) for weight in weights]
    vs, _ = _units([matrix.t() @ u for matrix, u in zip(matrices, us, strict=True)])
    new_us, values = _units([matrix @ v for matrix, v in zip(matrices, vs, strict=True)])
    return new_us, vs, values


def _units(vectors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Vectors of length 1 in these directions, and the lengths of these."""
    lengths = torch._foreach_clamp_min(torch._foreach_norm(vectors), _LEAST)
    return [vector / length for vector, length in zip(vectors, lengths, strict=True)], list(lengths)


def _divided(weight: Tensor, u: Tensor, v: Tensor, value: Tensor) -> Tensor:
    """The weight divided by u W v, which is `value`, and through which gradients go."""
    kernel: Tensor = _Divided.apply(weight, u, v, value)  # type: ignore[no-untyped-call]
    return kernel


class _Divided(torch.autograd.Function):
    """W / s with s = u W v: dL/dW = (G - <G, W / s> u v^T) / s (Miyato et al. 2018, equation 10), in four launches.

    Autograd takes nine: a discriminator of seven such layers is passed through three times a step.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, value: Tensor) -> Tensor:
        kernel = weight / value
        ctx.save_for_backward(weight, u, v, value, kernel)
        return kernel

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None, None]:
        weight, u, v, value, kernel = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated itself: s depends on the weight
            value = torch.dot(u, weight.flatten(1) @ v)
            kernel = weight / value
        gradient = outputs[0].flatten(1)
        along = torch.dot(gradient.flatten(), kernel.flatten())
        return (torch.addr(gradient, u * along, v, alpha=-1) / value).view_as(weight), None, None, None


def _end_of_a_graph() -> None:
    """Ends a compiler's graph, which else keeps the buffers themselves for the way back: a later pass moves them."""
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        torch._dynamo.graph_break()


def _unit(vector: Tensor) -> Tensor:
    return F.normalize(vector, dim=0, eps=_LEAST)
