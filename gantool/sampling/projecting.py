"""A picture's latent, from file to file: `gantool sample project`."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from gantool.capabilities import Mixes
from gantool.errors import command
from gantool.inference.devices import kernels
from gantool.inference.sampler import as_images
from gantool.pictures.file import encode, to_uint8
from gantool.report.console import Console
from gantool.report.progress import progress
from gantool.sampling.asked import ProjectionPlan
from gantool.sampling.places import put_file
from gantool.sampling.projection import Distance, project
from gantool.sampling.session import ready_sampler


def project_file(plan: ProjectionPlan, console: Console, distance: Callable[[], Distance] | None = None) -> None:
    """Writes the latent of a picture (`z`) or its styles (`w`) into a .npz file, and beside it, as .png, the picture
    that they give. `distance` loads what compares pictures; None compares pixels.

    Raises UsageError, DataError and OutOfMemoryError.
    """
    request, wanted, out = plan.request, plan.wanted, plan.out
    shown = out.with_suffix(".png")
    sampler = ready_sampler(plan.weights, request.device, request.precision, console)
    label = None
    if plan.facts.told == "class":
        label = sampler.label(plan.told.number)
    elif plan.facts.told == "text":
        label = sampler.read([plan.told.words])
    target = as_images(sampler.own_picture(wanted.picture)).to(sampler.device)
    apart = [0.0]
    with (
        torch.random.fork_rng(devices=[sampler.device] if sampler.device.type == "cuda" else []),
        kernels(),
        progress(console, wanted.steps) as bar,
    ):
        torch.manual_seed(request.seed)
        done = 0

        def advance(loss: float) -> None:
            nonlocal done
            done += 1
            apart[0] = loss
            bar.advance(done, {"distance": loss})

        compare = None if distance is None else distance()
        if isinstance(compare, nn.Module):
            compare.to(sampler.device)
        found = project(sampler.model, target, label=label, distance=compare, steps=wanted.steps, advance=advance).cpu()
    is_style = isinstance(sampler.model, Mixes)
    (made,) = sampler.of_styles(found) if is_style else sampler.pictures(found, label)
    buffer = io.BytesIO()
    if is_style:
        np.savez(buffer, w=found.numpy())
    else:
        np.savez(buffer, z=found.numpy())
    put_file(out, buffer.getvalue())
    put_file(shown, encode(to_uint8(made), "PNG"))
    again = command("sample", {"output": "OUT.png"}, model=request.model, code=out)
    console.note(f"wrote {out} and what it gives, {shown} (distance {apart[0]:.3g}). {again}")
