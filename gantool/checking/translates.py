"""Checks of what trained weights do with pictures, and some of all weights. Each gives what is wrong in one line."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import torch
from PIL import Image

from gantool import api
from gantool.capabilities import Attends, Coded, Encodes, Inverts, Reads
from gantool.checking.pictures import as_image, noise
from gantool.checking.subject import STEPS, Subject, ways
from gantool.errors import DataError
from gantool.export import check, session
from gantool.export.graphs import Touched
from gantool.export.sampling import parts, picture_graph
from gantool.export.translation import Translation
from gantool.model import Model
from gantool.runs.checkpoint import load_model, part
from gantool.spec import Direction, Facts, Pictures


class NotChecked(Exception):
    """A check that cannot be made here; the message says what it needs."""


def weights(subject: Subject) -> str:
    """The weights file makes its pictures by itself, and says what it is."""
    alone = subject.folder / "alone.safetensors"
    alone.write_bytes(subject.weights.read_bytes())
    translator = api.load(alone, device="cpu")
    one, other = (_made(of) for of in (translator, subject.translator))
    if one != other:
        return "the weights file by itself makes other pictures than beside its run"
    facts = translator.facts
    if (facts.model, facts.step) != (subject.name, STEPS):
        return f"the header names {facts.model} after step {facts.step}, not {subject.name} after step {STEPS}"
    json.dumps(facts.as_json())
    return ""


def sizes(subject: Subject) -> str:
    """Pictures of any size, or of the one that the model takes, have results of that size and of the right channels."""
    translator = subject.translator
    if "translate" not in translator.facts.can:
        return ""
    exact = translator.facts.sizes.exact
    for width, height in _SIZES if exact is None else [(exact, exact)]:
        for way in ways(translator.facts)[:3]:
            try:
                made = _translated(translator, way, width, height)
            except DataError as error:
                return f"{error.text}. sizes = Sizes(multiple=, minimum=) says which sizes translate takes"
            if made.size != (width, height):
                return f"a picture of {width}x{height} becomes one of {made.width}x{made.height}"
            channels, kind = len(made.getbands()), translator.facts.spec.kind(way.target)
            if isinstance(kind, Pictures) and channels != kind.channels:
                return f"a result has {channels} channels, and data says {kind.channels} of {way.target}"
    return ""


_SIZES = ((33, 97), (64, 64), (97, 34), (71, 33), (5, 3), (1, 1), (64, 35))
"""Width and height."""


def repeats(subject: Subject) -> str:
    """One picture done twice with one seed gives one result; the model, and what it is given, are left as they were."""
    translator = subject.translator
    before = {key: value.clone() for key, value in translator.model.state_dict().items()}
    if _made(translator, seed=3) != _made(translator, seed=3):
        return "what has the same seed becomes another picture the second time"
    if misgiven := _misgiven(subject):
        return misgiven
    after = translator.model.state_dict()
    changed = [key for key, value in before.items() if not torch.equal(value, after[key])]
    return f"making pictures changes {', '.join(changed[:3])}" if changed else ""


def _misgiven(subject: Subject) -> str:
    """Whether a translation is of another range, or writes into what it is given, another for later use."""
    facts, model = load_model(subject.weights)
    if "translate" not in facts.can:
        return ""
    translation = Translation(model, facts, ways(facts)[0])
    images, *more = check.example(translation, image_io=False)
    before = [x.clone() for x in (images, *more)]
    made = translation.results(images, more[0] if more else None)[0]
    if beyond := beyond_range(made):
        return beyond
    return "" if all(map(torch.equal, before, (images, *more))) else OVERWRITTEN.format("translate")


def beyond_range(images: torch.Tensor) -> str:
    """Whether pictures are of another range than [-1, 1], such as [0, 255]: networks without a last tanh leave it by
    little.
    """
    low, high = float(images.min()), float(images.max())
    return f"results go from {low:.3g} to {high:.3g}, and pictures are in [-1, 1]" if max(-low, high) > _FAR else ""


_FAR = 50
OVERWRITTEN = "{} writes into the tensors that it is given: x.mul_() and the like change them, x.mul() does not"


def styles(subject: Subject) -> str:
    """A style code decides the result: the same code gives the same picture, whoever shares its batch."""
    facts = subject.translator.facts
    if "code" not in facts.can:
        return ""
    engine = subject.translator.engine
    (way, *_) = ways(facts)
    side = facts.sizes.exact or facts.sizes.fit(40, 40)[0]
    kind = facts.spec.kind(way.source)
    pixels = [noise(kind, side, side, seed) for seed in (0, 1)]
    one, other = (engine.random_code(way.target, seed) for seed in (1, 2))
    if not torch.equal(one, engine.random_code(way.target, 1)):
        return "random_code gives another code for the same generator"
    if torch.equal(one, other):
        return "random_code gives the same code whatever its generator"
    both = engine.translate(pixels, way, codes=torch.cat([one, other]))
    for picture, code, made in zip(pixels, (one, other), both, strict=True):
        (alone,) = engine.translate([picture], way, codes=code)
        if np.abs(alone.astype(int) - made).max() > 1:  # another batch, another order of sums
            return (
                "a picture becomes another one where others share its batch: a layer of it needs mixes_pictures, or"
                " translate draws random numbers, which belong into the code"
            )
    return ""


def roles(subject: Subject) -> str:
    """Translation or sampling uses every network that is saved with the weights."""
    facts, model = load_model(subject.weights)
    with torch.no_grad(), Touched() as touched:
        if "translate" in facts.can:
            for way in facts.directions or ways(facts):
                _use(model, facts, way)
        found = list(parts(model).values())
        if "sample" in facts.can:
            found.append(picture_graph(model))
        if isinstance(model, Reads):
            model.read(["a word"])
        if isinstance(model, Inverts):
            model.invert(torch.zeros(1, model.spec.channels[0], model.spec.size, model.spec.size))
        for graph in found:
            graph.module(*graph.inputs.values())
    used: dict[str, bool] = {}
    for key, value in model.state_dict().items():
        used[part(key)] = used.get(part(key), False) or value in touched
    idle = [network for network, is_used in used.items() if not is_used]
    if not idle:
        return ""
    named = ", ".join(f'"{name}"' for name in (*model.roles.training_only, *idle))
    which = ", ".join(idle)
    use = "translation" if "translate" in facts.can else "picture"
    return f"saved with the weights, and no {use} uses it: {which}. roles = Roles(training_only=({named},))"


def export(subject: Subject) -> str:
    """An ONNX file of the model agrees with the model in onnxruntime, at three sizes."""
    if any(importlib.util.find_spec(name) is None for name in session.ONNX):
        raise NotChecked("needs gantool[onnx]")
    facts = subject.translator.facts
    to = ways(facts)[0].target if "translate" in facts.can else None
    words = session.Request(weights=subject.weights, out=subject.folder / "model.onnx", to=to)
    session.start(session.plan(words))
    return ""


def _made(of: api.Trained, seed: int = 0) -> list[bytes]:
    """What weights make of noise, in up to three ways."""
    if "translate" in of.facts.can:
        exact = of.facts.sizes.exact
        width, height = (exact, exact) if exact else (50, 41)
        return [_translated(of, way, width, height, seed).tobytes() for way in ways(of.facts)[:3]]
    return [image.tobytes() for image in of.sample(3, seed, text="a word" if of.facts.told == "text" else None)]


def _translated(translator: api.Trained, way: Direction, width: int, height: int, seed: int = 0) -> Image.Image:
    """What noise of this size becomes."""
    kind = translator.spec.kind(way.source)
    image, instances = as_image(kind, noise(kind, width, height, seed=width))
    return translator.translate(image, to=way.target, instances=instances, seed=seed)


def _use(model: Model[Any], facts: Facts, way: Direction) -> None:
    """All that weights are for in this direction: translation, its export, attention, style codes."""
    translation = Translation(model, facts, way)
    images, *more = check.example(translation, image_io=False)
    translation.results(images, more[0] if more else None)
    translation.module()(images, *more)
    source, target = map(model.spec.index, way)
    if "attend" in facts.can and isinstance(model, Attends):
        model.attention(images, source=source, target=target)
    if "code" in facts.can and isinstance(model, Coded):
        model.mean_code(target)
    if "encode" in facts.can and isinstance(model, Encodes):
        pictures = torch.rand(len(images), model.spec.channels[target], *images.shape[2:]) * 2 - 1
        model.encode(pictures, domain=target)
