"""gantool from Python, without the command line: a face over the sessions of the verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gantool import direction, registry
from gantool.comparison import page as comparison_page
from gantool.comparison import request as comparison
from gantool.comparison import session as comparison_session
from gantool.comparison.found import Comparison
from gantool.errors import UsageError
from gantool.evaluation.validation import validator
from gantool.hub import pulling, pushing
from gantool.inference.codes import seed_of
from gantool.inference.devices import PRECISIONS, PRECISIONS_TEXT, choose
from gantool.inference.engine import Engine
from gantool.inference.sampler import Sampler
from gantool.inference.seeds import check_seed
from gantool.model import Model
from gantool.pictures.file import Picture, picture_of, to_uint8
from gantool.pictures.ids import planes_of
from gantool.report import grids
from gantool.report.console import Console
from gantool.report.notebook import in_notebook, table
from gantool.report.progress import stages
from gantool.runs.checkpoint import load_model
from gantool.runs.find import find_weights
from gantool.sampling import request as sampling
from gantool.sampling import session as sampling_session
from gantool.sampling.making import Inputs, Made
from gantool.spec import Facts, LabelMaps, Spec
from gantool.training import request as training
from gantool.training import session as training_session
from gantool.translation import request as translation
from gantool.translation import session as translation_session
from gantool.translation.standing import Existing
from gantool.translation.writing import Outcome

if TYPE_CHECKING:
    from gantool.pictures.file import Array

_SILENT, _GRAVE_ALONE = -2, -1

Paths = str | Path | Sequence[str | Path]


class Trained:
    """A trained model, ready to translate or to make pictures. Made by `load`; not for several threads at once."""

    def __init__(self, facts: Facts, model: Model[Any], device: torch.device, precision: str = "fp32") -> None:
        self.facts = facts
        """The header of the weights file."""
        self.model = model
        """The networks."""
        self._device, self._precision = device, precision

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        facts = self.facts
        ways = ", ".join(f"{source} to {target}" for source, target in facts.directions[:12])
        rows = {
            "domains": ", ".join(self.domains[:12]),
            "directions": ways,
            "step": str(facts.step),
            "training crops": f"{facts.spec.size} pixels",
            "can": ", ".join(sorted(facts.can)),
            "licence": facts.licence or "",
            "device": str(self._device),
        }
        return table(facts.model, {name: value for name, value in rows.items() if value})

    @cached_property
    def engine(self) -> Engine:
        """What translates pictures. Raises UsageError for a model that translates none."""
        translation.refuse_samplers(self.facts, "MODEL")
        return Engine(self.model, self._device, self._precision, can=self.facts.can)

    @cached_property
    def sampler(self) -> Sampler:
        """What makes pictures of noise. Raises UsageError for a model that makes none."""
        sampling.refuse_translators(self.facts, "MODEL")
        return Sampler(self.model, self._device, self._precision, self.facts.can)

    @property
    def spec(self) -> Spec:
        """The model's domains and training crops."""
        return self.facts.spec

    @property
    def domains(self) -> tuple[str, ...]:
        """The model's domains."""
        return self.facts.spec.domains

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
        unknown domain, a seed that is none, for what is no picture, such as a path, or for a style or instance map that
        the model cannot have, DataError for a size or label it cannot take, and OutOfMemoryError.
        """
        check_seed(seed)
        _check_picture("image", image)
        if instances is not None:
            _check_picture("instances", instances)
        engine = self.engine
        way, *more = direction.targets(self.facts, to)
        if more:
            raise UsageError("one picture has one result: name one domain")
        given = self._given(image, instances, way.source)
        code = self._code(style, way.target)
        result = engine.picture(given, way, size=size, code=code, seed=seed_of(seed))
        layers: Array = result.pixels
        if result.alpha is not None:
            layers = np.concatenate([layers, result.alpha[..., None]], axis=2)
        if layers.shape[2] > 1:
            layers = to_uint8(layers)  # Pillow's pictures have no 16-bit colour
        translated = _opened(layers)
        if result.icc_profile is not None:
            translated.info["icc_profile"] = result.icc_profile
        return translated

    def sample(
        self,
        n: int = 1,
        seed: int = 0,
        *,
        to: str | Sequence[str] | None = None,
        text: str | None = None,
        truncation: float = 1.0,
    ) -> list[Image.Image]:
        """`n` pictures of the seeds from `seed` on; a seed always gives the same picture.

        For a model of classes, `to` is one or several (None: all in turns), each with `n` pictures;
        for one that reads, `text` says what they show. `truncation` from 0 to 1 gives less variety and better pictures.
        Raises UsageError for what the model is not told, and OutOfMemoryError.
        """
        sampler = self.sampler
        words = sampling.Request(
            model="MODEL",
            output="OUT",
            n=n,
            seed=seed,
            to=_joined(to),
            text=() if text is None else (text,),
            truncation=truncation,
        )
        pieces = sampling.pieces_of(words, self.facts)
        inputs = Inputs(words, pieces, self.facts, sampler)
        return [_opened(pixels) for pixels in inputs.pictures(pieces)]

    def read(self, texts: str | Sequence[str]) -> np.ndarray[Any, Any]:
        """The labels (N, L) of texts, as an exported file takes them. Raises UsageError for a model that reads none."""
        labels: np.ndarray[Any, Any] = self.sampler.read([texts] if isinstance(texts, str) else list(texts)).numpy()
        return labels

    def style(self, image: Image.Image, domain: str | None = None) -> np.ndarray[Any, Any]:
        """The style code (S,) of a picture of this domain (None: the second of two), for `translate(style=...)`.

        Raises UsageError for an unknown domain and for weights that take no style from a picture, OutOfMemoryError.
        """
        _check_picture("image", image)
        if domain is None and len(self.domains) > 2:
            raise UsageError(f"say in which domain the picture is: {', '.join(self.domains)}")
        target = self.domains[-1] if domain is None else direction.named(self.domains, domain)
        found: np.ndarray[Any, Any] = self.engine.encode(picture_of(image), target)[0].float().cpu().numpy()
        return found

    def _given(self, image: Image.Image, instances: Image.Image | None, source: str) -> Picture:
        kind = self.facts.spec.kind(source)
        wanted = isinstance(kind, LabelMaps) and kind.instances
        if (instances is not None) != wanted:
            raise UsageError(
                f"this {self.facts.model} takes a label map and its instance map: give instances=PICTURE"
                if wanted
                else f"this {self.facts.model} takes no instance map: leave out instances"
            )
        if isinstance(kind, LabelMaps):
            return Picture(planes_of(image, kind.classes, instances), None, "", None)
        return picture_of(image)

    def _code(self, style: str | np.ndarray[Any, Any] | Image.Image | None, target: str) -> Tensor | None:
        if style is None:
            return None
        if "code" not in self.facts.can:
            raise UsageError(f"{self.facts.model} has one result for a picture: leave out style")
        if isinstance(style, Image.Image):
            return self.engine.encode(picture_of(style), target)
        if isinstance(style, str):
            if style == "mean":
                return self.engine.mean_code(target)
            if style != "random":
                raise UsageError(f'a style is "random", "mean", a code or a picture, not "{style}"')
            return None
        if np.shape(style) != (self.facts.code_size,):
            raise UsageError(f"a style code here is ({self.facts.code_size},), not {np.shape(style)}")
        return torch.from_numpy(np.asarray(style, np.float32))[None]


def load(run_or_file_or_name: str | Path, device: str = "auto", *, precision: str = "fp32") -> Trained:
    """The model of a run folder, of a weights file, of the newest run of the model of this name below ./runs, or of
    hf://USER/NAME, once `pull` has fetched it.

    Raises CheckpointError for what is none of these or damaged, and UsageError for a device that is not there.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"precision is {PRECISIONS_TEXT}, not {precision}")
    path = find_weights(str(run_or_file_or_name), tuple(registry.plugins()))
    facts, model = load_model(path)
    return Trained(facts, model, choose(device), precision)


def translate(
    model: str | Path,
    inputs: Paths,
    output: str | Path | None = None,
    *,
    style: str | Path | None = None,
    interpolate: tuple[str | Path, str | Path] | None = None,
    attention: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    existing: Existing | None = None,
    progress: Callable[[Outcome], None] | None = None,
    console: Console | None = None,
    **more: Any,
) -> None:
    """Translates pictures and folders as `gantool translate` does; the arguments are named as its flags.

    `gantool.translate("munit", "in", "out", style="random", n=4)`. `model` is a run folder, a weights file or a model's
    name; `output` a file or a folder. `existing` says what happens to results that are there: "skip" (for folders),
    "overwrite" or "fail" (for one picture). `progress` is called with a `Done`, `Skipped` or `Failed` for each
    picture. `more` are further fields of `gantool.translation.request.Request`. Raises GantoolError at the end if
    pictures failed (the others are written), and otherwise the errors of `gantool.errors`.
    """
    _known(more, translation.Request)
    request = translation.Request(
        model=str(model),
        inputs=tuple(str(path) for path in _several(inputs)),
        output=None if output is None else str(output),
        style=None if style is None else str(style),
        interpolate=None if interpolate is None else (Path(interpolate[0]), Path(interpolate[1])),
        attention=None if attention is None else Path(attention),
        size=(size, size) if isinstance(size, int) else size,
        existing=existing,
        **more,
    )
    decided = translation.plan(request, _no_stream)
    if decided.to_stdout or decided.reads_stdin:
        _no_stream()
    translation_session.start(
        decided,
        _said(console, _SILENT),
        read_stdin=_no_stream,
        write_stdout=_no_stream,
        report=progress,
    )


def sample(
    model: str | Path,
    output: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    seeds: str | Sequence[int] | None = None,
    to: str | Sequence[str] | None = None,
    text: str | Sequence[str] = (),
    existing: Existing | None = None,
    progress: Callable[[Made], None] | None = None,
    console: Console | None = None,
    **more: Any,
) -> None:
    """Makes pictures as `gantool sample` does; the arguments are named as its flags.

    `gantool.sample("stylegan", "out", n=64, truncation=0.7)`. `model` is a run folder, a weights file or a model's
    name; `output` a folder, or a file for one picture or a grid. `progress` is called with a `Made` for each picture.
    `more` are further fields of `gantool.sampling.request.Request`. Raises the errors of `gantool.errors`.
    """
    _known(more, sampling.Request)
    for name in ("text_file", "vectors", "code"):
        if more.get(name) is not None:
            more[name] = Path(more[name])
    request = sampling.Request(
        model=str(model),
        output=str(output),
        n=n,
        seed=seed,
        seeds=seeds if seeds is None or isinstance(seeds, str) else ",".join(map(str, seeds)),
        to=_joined(to),
        text=(text,) if isinstance(text, str) else tuple(text),
        existing=existing,
        **more,
    )
    decided = sampling.plan(request)
    if decided.to_stdout:
        raise UsageError("name a file or a folder: Python has no pipe to write to")
    sampling_session.start(decided, _said(console, _SILENT), write_stdout=_no_stream, report=progress)


def compare(
    models: Paths | Mapping[str, str | Path],
    pictures: Paths,
    *,
    metrics: Sequence[str] = (),
    out: str | Path | None = None,
    console: Console | None = None,
    **more: Any,
) -> Comparison:
    """Measures models on the same pictures as `gantool compare` does; the arguments are named as its flags.

    `gantool.compare({"ours": "runs/a", "theirs": "out/b"}, ["testA", "testB"], inception="inception.pth")`. `models`
    are run folders, weights files, models' names and folders of results, by names or without; `pictures` those of the
    source and real ones of the target, or real ones alone. `out` is a page. `more` are further fields of
    `gantool.comparison.request.Request`. Raises the errors of `gantool.errors`.
    """
    _known(more, comparison.Request)
    named = models.items() if isinstance(models, Mapping) else [("", model) for model in _several(models)]
    for name in ("inception", "classifier", "judge", "labels"):
        if more.get(name) is not None:
            more[name] = Path(more[name])
    if more.get("lpips") is not None:
        files = _several(more["lpips"])
        more["lpips"] = Path(files[0]), Path(files[-1])
    request = comparison.Request(
        models=tuple(f"{name}={model}" if name else str(model) for name, model in named),
        pictures=tuple(Path(path) for path in _several(pictures)),
        metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
        out=None if out is None else Path(out),
        **more,
    )
    with stages(_said(console, _SILENT)) as progress:
        result = comparison_session.start(comparison.plan(request), progress)
    if request.out is not None:
        comparison_page.write(request.out, result)
    return result.found


def train(
    model: str | None,
    data: Paths = (),
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
    With `validate` the best save is at `run / "best"`. Raises the errors of `gantool.errors`.
    """
    if set is not None and not isinstance(set, Mapping):
        raise UsageError('set is a mapping: set={"blocks": 6}')
    request = training.Request(
        model=model,
        data=tuple(Path(path) for path in _several(data)),
        out=None if out is None else Path(out),
        preset=preset,
        config=None if config is None else Path(config),
        resume="auto" if resume is True else str(resume) if resume else None,
        start_from=None if from_ is None else str(from_),
        settings={key: value for key, value in settings.items() if value is not None},
        set=set or {},
    )
    return training_session.start(training.plan(request), _said(console, _GRAVE_ALONE), validator)


def push(
    run: str | Path,
    name: str,
    *,
    private: bool = False,
    licence: str | None = None,
    with_training_state: bool = False,
    console: Console | None = None,
) -> str:
    """Sends a run to the hub as `gantool push` does, and returns its address there. Raises CheckpointError for what the
    hub refuses, and the other errors of `gantool.errors`.
    """
    request = pushing.Request(
        run=str(run), name=name, private=private, licence=licence, with_training_state=with_training_state
    )
    return pushing.start(pushing.plan(request), _said(console, _SILENT)).url


def pull(name: str, folder: str | Path | None = None, *, console: Console | None = None) -> str | Path:
    """Fetches a run from the hub as `gantool pull` does. Returns what `load` takes: the run folder that was made, or
    "hf://USER/NAME" in the hub's cache. Raises CheckpointError for what is not there or damaged.
    """
    request = pulling.Request(name=name, folder=None if folder is None else Path(folder))
    found = pulling.start(pulling.plan(request), _said(console, _SILENT))
    return found.folder or found.name


def grid(rows: Sequence[Sequence[Image.Image]], header: Sequence[str] | None = None) -> Image.Image:
    """One picture of all these in rows, with words above the columns: to compare results side by side.

    Raises UsageError where there is no picture, for what is none, such as a path, or where not each column has a word.
    """
    for row in rows:
        for image in row:
            _check_picture("rows", image)
    try:
        return grids.grid([[to_uint8(picture_of(image).pixels) for image in row] for row in rows], header)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _said(console: Console | None, quiet: int) -> Console:
    """The console that was given. Without one a notebook shows notes and progress, and a script hears little."""
    return console or (Console() if in_notebook() else Console(verbosity=quiet))


def _check_picture(argument: str, given: object) -> None:
    """Raises UsageError for what is no picture of Pillow's, such as a path."""
    if isinstance(given, Image.Image):
        return
    if isinstance(given, (str, Path)):
        raise UsageError(
            f"{argument} takes pictures that Pillow has opened, not a path: PIL.Image.open({str(given)!r})"
        )
    raise UsageError(f"{argument} takes pictures that Pillow has opened, not {type(given).__name__}")


def _opened(pixels: Array) -> Image.Image:
    """Pixels (H, W, C) as Pillow's picture."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _joined(to: str | Sequence[str] | None) -> str | None:
    """Several classes as the command line has them."""
    return to if to is None or isinstance(to, str) else ",".join(to)


def _several(paths: Paths) -> Sequence[str | Path]:
    return [paths] if isinstance(paths, (str, Path)) else paths


def _known(arguments: Mapping[str, Any], request: type[Any]) -> None:
    """Raises UsageError for an argument that the request does not have."""
    fields = request.__dataclass_fields__
    for name in arguments:
        if name not in fields:
            known = ", ".join(fields)
            raise UsageError(f"there is no argument {name}. The arguments: {known}")


def _no_stream(*_: object) -> NoReturn:
    raise UsageError("name files and folders: Python has no pipe to translate")
