"""How the authors' code trained before: `first=D` as in 2017, `z_step` until June 2020."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gantool.model import Batch, Run

if TYPE_CHECKING:
    from gantool_bicyclegan import BicycleGAN


def training_step(model: BicycleGAN, batch: Batch, run: Run) -> None:
    """`BicycleGAN.training_step` in another order.

    With `first` "D" the discriminators learn before G and E do, from the same pictures. With `z_step` the loss of the
    code found again has a step of G of its own, which sees the weights after the first.
    """
    o = model.options
    (a1, b1), (a2, b2) = model.halves(batch)
    eps, z = run.randn(len(a1), o.nz), run.randn(len(a1), o.nz)

    with run.phase(*model.makers):
        mu, logvar, fake_encoded, fake_random = model.fakes(a1, b1, eps, z)

    of_d, of_d2 = (a1, fake_encoded, a1, b1), (a1, fake_random, a2, b2)
    if o.first == "D":
        model.discriminators_step(of_d, of_d2, run)

    with run.phase(*model.makers):
        losses = model.cvae_losses(a1, b1, fake_encoded, mu, logvar) | model.clr_losses(a1, fake_random)
        if not o.z_step:
            losses |= model.code_losses(fake_random, z, run)
        run.backward(torch.stack(list(losses.values())).sum())
        run.update(*model.makers)
        if o.z_step and o.lambda_z > 0:
            again = model.code_losses(model.g(a1, z), z, run)
            run.backward(again["z_l1"])
            run.update("G")
            losses |= again

    if o.first == "G":
        model.discriminators_step(of_d, of_d2, run)
    run.log(**losses)
