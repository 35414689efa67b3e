"""gantool from Python, without the command line: `gantool.load` and `gantool.train`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gantool import registry, session
from gantool.data.decoding import arrays, orientation, upright
from gantool.data.pictures import Picture
from gantool.report.console import Console
from gantool.training import checkpoint, runs
from gantool.training.devices import choose
from gantool.training.header import Header
from gantool.training.plan import Request, plan
from gantool.translation import direction
from gantool.translation.engine import Engine


class Translator:
    """A trained model, ready to translate pictures. Made by `load`; not for several threads at once."""

    def __init__(self, header: Header, engine: Engine) -> None:
        self.header = header
        """What the weights file says of itself."""
        self.engine = engine

    @property
    def domains(self) -> tuple[str, ...]:
        """The model's domains."""
        return self.engine.model.spec.domains

    def translate(
        self, image: Image.Image, to: str | None = None, *, size: tuple[int, int] | None = None, seed: int = 0
    ) -> Image.Image:
        """The picture in domain `to` (a name, or "A", "B"; None: the second one), as large as the input.

        Transparency is kept, and the 16 bits of a grey picture in a one-channel domain. `size` (width, height) resizes
        it before the network. Raises UsageError for an unknown domain, and OutOfMemoryError.
        """
        source, target = direction.resolve(self.domains, to, self.header.metadata.get("directions"))
        pixels, alpha, stretched = arrays(image)
        turn = orientation(image)
        picture = Picture(
            upright(pixels, turn),
            None if alpha is None else upright(alpha, turn),
            image.format or "",
            image.info.get("icc_profile"),
            image.mode,
            stretched,
        )
        result = self.engine.picture(picture, source=source, target=target, size=size, seed=seed)
        layers = result.pixels
        if result.alpha is not None:
            layers = np.concatenate([layers, result.alpha[..., None]], axis=2)
        translated = Image.fromarray(layers[..., 0] if layers.shape[2] == 1 else layers)
        if result.icc_profile is not None:
            translated.info["icc_profile"] = result.icc_profile
        return translated


def load(run_or_file_or_name: str | Path, device: str = "auto", *, precision: str = "fp32") -> Translator:
    """The model of a run folder, of a weights file, or of the newest run of the model of this name below ./runs.

    Raises CheckpointError for what is none of these or damaged, and UsageError for a device that is not there.
    """
    path = runs.find_weights(str(run_or_file_or_name), tuple(registry.plugins()))
    header, model = checkpoint.load_model(path)
    return Translator(header, Engine(model, choose(device), precision))


def train(
    model: str | None,
    data: Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    preset: str | None = None,
    config: str | Path | None = None,
    resume: str | Path | bool | None = None,
    from_: str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Path:
    """Trains a model as `gantool train` does and returns the run folder; the arguments are named as its flags.

    `gantool.train("cyclegan", ["trainA", "trainB"], steps=2000, set={"blocks": 6})`. `settings` are the fields of
    `gantool.training.settings.TrainSettings`; `set` holds options of the model. `resume` is True, "auto" or a path.
    Raises the errors of `gantool.errors`.
    """
    request = Request(
        model=model,
        data=tuple(Path(path) for path in data),
        out=None if out is None else Path(out),
        preset=preset,
        config=None if config is None else Path(config),
        resume="auto" if resume is True else str(resume) if resume else None,
        start_from=None if from_ is None else str(from_),
        flags={key: value for key, value in settings.items() if value is not None},
        set=set or {},
    )
    return session.start(plan(request), console or Console(verbosity=-1))
