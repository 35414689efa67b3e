"""Models on a GPU that is not there, in a process of its own: python -m tests.inference.on_a_fake_gpu MODEL...

Prints, as JSON, what made the host wait while each made a batch of pictures, and how many copies went up beside that.
Nothing where this torch cannot pretend.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch

from gantool import options, registry
from gantool.capabilities import Samples, Translates
from gantool.inference.engine import Engine
from gantool.inference.sampler import Sampler
from gantool.inference.ways import Way
from gantool.model import Model
from gantool.pictures.file import Picture
from gantool.runs.checkpoint import build_model
from gantool.spec import Pictures
from tests.fake_gpu import FakeGpu, usable

_SIDE = 60


def made(name: str) -> Model:
    """A model of the preset smoke."""
    entry = registry.plugin(name)
    kind, found = entry.load(), options.read_yaml(entry.presets()["smoke"])
    choices = options.restore(kind.Options, found.get("options") or {}, where=name)
    domains = ("A",) if name == "ali" else ("A", "B")
    return build_model(kind, choices, kind.data(choices).spec(domains, found.get("crop", 32)))


def translate(gpu: FakeGpu, engine: Engine) -> None:
    """A batch; before it whatever else the model can do with pictures, for which it may wait."""
    direction, side = engine.directions[0], engine.sizes.exact or _SIDE
    pictures = isinstance(engine.spec.kind(direction.source), Pictures)
    pixels = np.zeros((side, side, engine.channels(direction.source)), np.uint8 if pictures else np.int32)
    engine.attention(pixels, direction)
    code = engine.random_code(direction.target, 0) if "code" in engine.can else None
    if "encode" in engine.can:
        code = engine.encode(Picture(pixels, None, "PNG", None), direction.target)
        code = engine.between(code, code, 0.5)
        assert code.device.type == "cpu", "where double precision is"
    engine.translate([pixels], direction, codes=code, way=Way(rows=16, together=1))  # in strips, if it has such
    gpu.waits.clear()
    gpu.uploads.clear()
    count = 3 if engine.batches else 1
    engine.translate([pixels] * count, direction, codes=None if code is None else code.expand(count, -1))


def sample(gpu: FakeGpu, sampler: Sampler) -> None:
    """A batch."""
    assert isinstance(sampler.model, Samples)
    latents = torch.cat([sampler.latent(seed) for seed in range(3)])
    labels = sampler.label(0).expand(3, -1) if sampler.model.label_size else None
    gpu.waits.clear()
    gpu.uploads.clear()
    sampler.pictures(latents, labels)


def main(names: list[str]) -> None:
    """Without names, all models."""
    if not usable():
        return
    found = {}
    for name in names or sorted(registry.plugins()):
        model = made(name)
        with FakeGpu() as gpu:
            if isinstance(model, Translates):
                translate(gpu, Engine(model, gpu.device))
            else:
                sample(gpu, Sampler(model, gpu.device))
            found[name] = {"waits": gpu.waits, "uploads": gpu.uploads.total()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
