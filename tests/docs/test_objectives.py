"""The table of objectives has them all, and its formulas are what the code computes."""

from __future__ import annotations

import re
from math import exp, log

import pytest
import torch

from gantool.losses.adversarial import GAN_MODES, adversarial_loss, generator_loss

from .pages import DOCS

ROWS = {
    cells[0].strip("` "): cells[1:4]
    for cells in (
        line.strip("| ").split(" | ")
        for line in (DOCS / "objectives.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and not line.startswith("| `gan`")
    )
}


def value(formula: str, p: float) -> float:
    """A formula of the page at this score."""
    python = formula.replace("²", "**2").replace("exp p", "exp(p)").replace("log 2", "log(2)")
    assert re.fullmatch(r"(exp|log|max|[p\d.,()+\-*/ ])+", python)
    return float(eval(python, {"__builtins__": {}}, {"p": p, "exp": exp, "log": log, "max": max}))


def test_every_objective_has_a_row():
    assert tuple(ROWS) == GAN_MODES


@pytest.mark.parametrize("mode", GAN_MODES)
def test_its_formulas_are_the_losses(mode):
    for p in (-2.5, -0.5, 0.0, 0.7, 3.0):
        score = torch.tensor([p], dtype=torch.float64)
        losses = (
            adversarial_loss(score, True, mode),
            adversarial_loss(score, False, mode),
            generator_loss(score, mode),
        )
        for formula, loss in zip(ROWS[mode], losses, strict=True):
            assert loss.item() == pytest.approx(value(formula, p)), f"{formula} at {p}"
