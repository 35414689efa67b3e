"""A picture's latent, from file to file: `gantool sample project`."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gantool.capabilities import Mixes
from gantool.errors import UsageError, argument, command
from gantool.inference.devices import kernels
from gantool.inference.sampler import as_images
from gantool.pictures.file import encode, to_uint8
from gantool.report.console import Console
from gantool.report.progress import progress
from gantool.runs.header import read_facts
from gantool.sampling.places import check_one, put_file
from gantool.sampling.projection import STEPS, Distance, project
from gantool.sampling.request import Request, check, refuse_translators
from gantool.sampling.seeds import check_seed
from gantool.sampling.session import ready_sampler
from gantool.sampling.told import what_is_told


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks for beside the model and the output, which a `Request` names."""

    picture: Path
    steps: int = STEPS


def project_file(
    request: Request, wanted: Wanted, weights: Path, console: Console, distance: Callable[[], Distance] | None = None
) -> None:
    """Writes the latent of a picture (`z`) or its styles (`w`) into a .npz file, and beside it, as .png, the picture
    that they give. `distance` loads what compares pictures; None compares pixels.

    Raises UsageError, DataError and OutOfMemoryError.
    """
    check(request)
    facts = read_facts(weights)
    refuse_translators(facts, request.model)
    out = Path(request.output)
    if out.suffix.lower() != ".npz":
        raise UsageError(f"a latent goes into a .npz file, not {out}")
    if wanted.steps < 1:
        raise UsageError(f"{argument('steps')} is at least 1, not {wanted.steps}")
    check_seed(request.seed)
    shown = out.with_suffix(".png")
    for path in (out, shown):
        check_one(str(path), request.existing, by_name=request.by_name)
    told = what_is_told(facts, request.to, request.text, request.text_file, request.vectors)
    if facts.told == "class" and (len(told) > 1 or told[0].kind == "classes"):
        raise UsageError(f"a picture is of one class: say with {argument('to')} of which")
    if len(told) > 1 or told[0].kind == "vector":
        raise UsageError(f"a picture is described by one text: {argument('text')} is it")
    sampler = ready_sampler(weights, request.device, request.precision, console)
    label = None
    if facts.told == "class":
        label = sampler.label(told[0].number)
    elif facts.told == "text":
        label = sampler.read([told[0].words])
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
