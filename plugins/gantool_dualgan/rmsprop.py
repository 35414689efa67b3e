"""RMSProp as TensorFlow 1 has it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class RMSprop(torch.optim.Optimizer):
    """Mean squares s begin at 1, and epsilon stands inside the root: s = decay s + (1 - decay) g^2, then
    w = w - lr g / sqrt(s + epsilon).

    So the first steps are about lr g, where those of `torch.optim.RMSprop`, whose s begins at 0, are about 3 lr
    whatever the size of g. A step with `found_inf` above 0 changes nothing, and nobody reads the device for it.
    """

    found_inf: Tensor | None = None

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, decay: float = 0.9, epsilon: float = 1e-10
    ) -> None:
        super().__init__(parameters, {"lr": lr, "decay": decay, "epsilon": epsilon, "fused": True})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # there is no closure
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._step(parameters, group["lr"], group["decay"], group["epsilon"])

    def _step(self, parameters: list[nn.Parameter], lr: float, decay: float, epsilon: float) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p]["square_avg"] = torch.ones_like(p)
        squares = [self.state[p]["square_avg"] for p in parameters]
        gradients = [p.grad for p in parameters if p.grad is not None]
        after = list(torch._foreach_mul(squares, decay))
        torch._foreach_addcmul_(after, gradients, gradients, 1 - decay)
        roots = torch._foreach_sqrt(torch._foreach_add(after, epsilon))
        changes = list(torch._foreach_mul(torch._foreach_div(gradients, roots), -lr))
        if self.found_inf is not None:
            good = self.found_inf == 0
            after = [torch.where(good, new, old) for new, old in zip(after, squares, strict=True)]
            changes = [torch.where(good, change, 0) for change in changes]
        torch._foreach_copy_(squares, after)
        torch._foreach_add_(list[Tensor](parameters), changes)
