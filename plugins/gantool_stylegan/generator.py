"""The generator of both versions: a mapping, and a synthesis that its styles steer."""

from __future__ import annotations

from torch import nn

from gantool_stylegan import adain, modulation
from gantool_stylegan.mapping import Mapping


class Generator(nn.Module):
    """`mapping` makes styles of latents, `synthesis` pictures of styles."""

    def __init__(self, mapping: Mapping, synthesis: modulation.Synthesis | adain.Synthesis) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
