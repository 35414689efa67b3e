"""Checks of weights that make pictures of noise. Each gives what is wrong in one line, or nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gantool.capabilities import Mixes, Samples
from gantool.checking.subject import Subject
from gantool.checking.translates import OVERWRITTEN, beyond_range
from gantool.inference.sampler import Sampler
from gantool.pictures.file import Array

_SEEDS = range(3)


def seeds(subject: Subject) -> str:
    """A seed always gives the same picture, whatever is made before or beside it, and another seed another one."""
    sampler = _sampler(subject)
    if sampler is None:
        return ""
    latents = torch.cat([sampler.latent(seed) for seed in _SEEDS])
    model = sampler.model
    assert isinstance(model, Samples)
    if latents.shape != (len(_SEEDS), model.latent_size):
        return f"a latent is {tuple(latents[:1].shape)}, not (1, {model.latent_size}), which latent_size says"
    if not torch.equal(latents[:1], sampler.latent(0)):
        return "latent gives another latent for the same seed"
    told = _labels(model, len(latents))
    forwards = sampler.pictures(latents, told)
    backwards = sampler.pictures(latents.flip(0), None if told is None else told.flip(0))[::-1]
    if any(not np.array_equal(one, other) for one, other in zip(forwards, backwards, strict=True)):
        return "a seed gives another picture after others: what sample draws belongs into the latent"
    exact = sampler.images(latents, told)  # a few steps of training may leave less than a level between them
    if all(torch.equal(exact[0], other) for other in exact[1:]):
        return "every seed gives the same picture"
    channels = model.spec.channels[0]
    if exact.shape[:2] != (len(_SEEDS), channels):
        return (
            f"sample makes {tuple(exact.shape)} of {len(_SEEDS)} latents, and data says pictures of {channels} channels"
        )
    if beyond := beyond_range(exact):
        return beyond
    given = (latents,) if told is None else (latents, told)
    before = [x.clone() for x in given]
    together = model.sample(latents, labels=told)
    if not all(map(torch.equal, before, given)):
        return OVERWRITTEN.format("sample")
    worst = max(_difference(image, one) for image, one in zip(together, forwards, strict=True))
    if not worst <= 0.02:  # another batch, another order of sums; what is no number is not alike
        return (
            "a picture becomes another one where others share its batch: batch norms sample by their running statistics"
        )
    return ""


def labels(subject: Subject) -> str:
    """The label decides what a picture shows."""
    sampler = _sampler(subject)
    if sampler is None or not isinstance(sampler.model, Samples) or not sampler.model.label_size:
        return ""
    told = _labels(sampler.model, 2)
    assert told is not None
    one, other = sampler.images(sampler.latent(0).expand(2, -1), told)
    if torch.equal(one, other) and not torch.equal(told[0], told[1]):
        return "another label gives the same picture"
    return ""


def truncation(subject: Subject) -> str:
    """A truncation changes pictures, where the model says what it does."""
    sampler = _sampler(subject)
    if sampler is None or not isinstance(sampler.model, Samples) or not sampler.model.truncates:
        return ""
    told = _labels(sampler.model, 1)
    for seed in _SEEDS:
        whole, cut = (sampler.images(sampler.latent(seed, psi), told, psi) for psi in (1.0, 0.1))
        if not torch.equal(whole, cut):
            return ""
    return f'truncates says "{sampler.model.truncates}", and a truncation of 0.1 changes nothing'


def mixing(subject: Subject) -> str:
    """Styles have the shape that the model names, and `sample` is `of_styles` of `styles`."""
    sampler = _sampler(subject)
    if sampler is None or "mix" not in sampler.can or not isinstance(sampler.model, Mixes):
        return ""
    latent, told = sampler.latent(0), _labels(sampler.model, 1)
    made = sampler.styles(latent, told)
    if made.shape != (1, *sampler.model.style_shape):
        return f"styles are {tuple(made.shape)}, and style_shape says {sampler.model.style_shape}"
    (one,), (other,) = sampler.pictures(latent, told), sampler.of_styles(made)
    return "" if np.array_equal(one, other) else "sample makes another picture than of_styles of its styles"


def _sampler(subject: Subject) -> Sampler | None:
    """What makes pictures; None for weights that make none."""
    return subject.translator.sampler if "sample" in subject.translator.facts.can else None


def _labels(model: Samples, count: int) -> Tensor | None:
    """Different labels (N, label_size), as far as there are; None for a model that is told nothing."""
    return torch.eye(model.label_size)[torch.arange(count) % model.label_size] if model.label_size else None


def _difference(image: Tensor, made: Array) -> float:
    """The largest, of pictures in [-1, 1]."""
    levels = torch.from_numpy(made.astype(np.float32)).permute(2, 0, 1)
    return float((image.detach().clamp(-1, 1) - (levels / 127.5 - 1)).abs().max())
