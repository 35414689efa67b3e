"""gantool from Python, without the command line: `gantool.load` and `gantool.train`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gantool import direction, registry
from gantool.errors import UsageError
from gantool.inference.codes import seed_of
from gantool.inference.devices import choose
from gantool.inference.engine import Engine
from gantool.pictures.decoding import arrays, orientation, upright
from gantool.pictures.file import Picture
from gantool.pictures.ids import planes_of
from gantool.report.console import Console
from gantool.runs import checkpoint, folders
from gantool.runs.header import Header
from gantool.training import session
from gantool.training.request import Request, plan


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
        self,
        image: Image.Image,
        to: str | None = None,
        *,
        style: str | np.ndarray[Any, Any] | Image.Image | None = None,
        instances: Image.Image | None = None,
        size: tuple[int, int] | None = None,
        seed: int = 0,
    ) -> Image.Image:
        """The picture in domain `to` (a name, or "A", "B"; None: the second of two), as large as the input.

        For models with styles, `style` is "random" (None: the same, drawn from `seed`), "mean", a code (S,), or a
        picture of the target domain whose style is taken. Transparency is kept, and the 16 bits of a grey picture in a
        one-channel domain. `size` (width, height) resizes it before the network. Where the source is label maps,
        `image` is one, and `instances` its instance map, if the model was trained with such. Raises UsageError for an
        unknown domain, or for a style or instance map that the model cannot have, DataError for a size or label it
        cannot take, and OutOfMemoryError.
        """
        facts = self.header.metadata
        (source, target), *more = direction.targets(facts["spec"], to, facts.get("directions"))
        if more:
            raise UsageError("one picture has one result: name one domain")
        result = self.engine.picture(
            self._given(image, instances, source),
            source=source,
            target=target,
            size=size,
            style=self._code(style, target),
            seed=seed_of(seed),
        )
        layers = result.pixels
        if result.alpha is not None:
            layers = np.concatenate([layers, result.alpha[..., None]], axis=2)
        translated = Image.fromarray(layers[..., 0] if layers.shape[2] == 1 else layers)
        if result.icc_profile is not None:
            translated.info["icc_profile"] = result.icc_profile
        return translated

    def _given(self, image: Image.Image, instances: Image.Image | None, source: str) -> Picture:
        planes = self.engine.channels(source) if self.engine.model.spec.holds_labels(source) else 0
        if (instances is not None) != (planes == 2):
            name = self.header.metadata["model"]
            raise UsageError(
                f"this {name} takes a label map and its instance map: give instances=PICTURE"
                if planes == 2
                else f"this {name} takes no instance map: leave out instances"
            )
        if not planes:
            return _picture(image)
        return Picture(planes_of(image, self.engine.model.spec.classes, instances), None, "", None)

    def style(self, image: Image.Image, domain: str | None = None) -> np.ndarray[Any, Any]:
        """The style code (S,) of a picture of this domain (None: the second of two), for `translate(style=...)`."""
        if domain is None and len(self.domains) > 2:
            raise UsageError(f"say in which domain the picture is: {', '.join(self.domains)}")
        _, target = direction.resolve(self.domains, domain)
        code = self.engine.encode_style(_picture(image), target)
        found: np.ndarray[Any, Any] = code[0].float().cpu().numpy()
        return found

    def _code(self, style: str | np.ndarray[Any, Any] | Image.Image | None, target: str) -> Tensor | None:
        length = self.engine.model.style_size
        if style is None:
            return None
        if not length:
            raise UsageError(f"{self.header.metadata['model']} has one result for a picture: leave out style")
        if isinstance(style, Image.Image):
            return self.engine.encode_style(_picture(style), target)
        if isinstance(style, str):
            if style == "mean":
                return self.engine.mean_style(target)
            if style != "random":
                raise UsageError(f'a style is "random", "mean", a code or a picture, not "{style}"')
            return None
        if np.shape(style) != (length,):
            raise UsageError(f"a style code here is ({length},), not {np.shape(style)}")
        return torch.from_numpy(np.asarray(style, np.float32))[None]


def _picture(image: Image.Image) -> Picture:
    pixels, alpha, stretched = arrays(image)
    turn = orientation(image)
    return Picture(
        upright(pixels, turn),
        None if alpha is None else upright(alpha, turn),
        image.format or "",
        image.info.get("icc_profile"),
        image.mode,
        stretched,
    )


def load(run_or_file_or_name: str | Path, device: str = "auto", *, precision: str = "fp32") -> Translator:
    """The model of a run folder, of a weights file, or of the newest run of the model of this name below ./runs.

    Raises CheckpointError for what is none of these or damaged, and UsageError for a device that is not there.
    """
    if precision not in ("fp32", "bf16"):
        raise UsageError(f"precision is fp32 or bf16, not {precision}")
    path = folders.find_weights(str(run_or_file_or_name), tuple(registry.plugins()))
    header, model = checkpoint.load_model(path)
    return Translator(header, Engine(model, choose(device), precision))


def train(
    model: str | None,
    data: str | Path | Sequence[str | Path] = (),
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
    if isinstance(data, (str, Path)):
        data = [data]
    if set is not None and not isinstance(set, Mapping):
        raise UsageError('set is a mapping: set={"blocks": 6}')
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
