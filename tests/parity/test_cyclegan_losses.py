"""What the figures on file do not tell apart: weights of the two cycles and identities that differ."""

from __future__ import annotations

import torch
from gantool_cyclegan import CycleGAN

from gantool.model import Progress
from gantool.training.run import TrainingRun

from . import fill


def test_each_loss_has_its_own_weight() -> None:
    torch.manual_seed(0)
    options = CycleGAN.Options(
        width=4, blocks=1, d_width=4, cycle_a=3.0, cycle_b=7.0, identity=2.0, init="xavier", init_gain=1
    )
    model = CycleGAN(options, CycleGAN.data(options).spec(("A", "B"), 32)).double()
    a, b = (fill.image(name, (1, 3, 32, 32)).double() for name in "AB")

    def distance(x: torch.Tensor, y: torch.Tensor) -> float:
        return (x - y).abs().mean().item()

    with torch.no_grad():
        expected = {
            "cycle_a": 3 * distance(model.g_ba(model.g_ab(a)), a),
            "cycle_b": 7 * distance(model.g_ab(model.g_ba(b)), b),
            # The identity of a domain is weighted by the cycle that starts in it.
            "identity_a": 2 * 3 * distance(model.g_ba(a), a),
            "identity_b": 2 * 7 * distance(model.g_ab(b), b),
        }
    run = TrainingRun(model, model.optimizers())
    run.begin(Progress(0, 1), 1.0)
    model.training_step({"A": a, "B": b}, run)
    losses = run.losses()
    for name, value in expected.items():
        assert abs(losses[name] - value) < 1e-5 * value, name
