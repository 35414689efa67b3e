"""What a model keeps of pictures for which there is no truth: there and back, and pictures that are right already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from gantool.evaluation.content import content
from gantool.evaluation.how import How
from gantool.evaluation.part import Part, Weights, averages, means
from gantool.evaluation.pictures import Pictures, as_rgb
from gantool.inference.codes import Codes, seed_of
from gantool.inference.engine import Engine
from gantool.inference.pixels import prepared
from gantool.inference.styles import Style
from gantool.pictures.decoding import Array
from gantool.pictures.file import Picture
from gantool.spec import Direction, LabelMaps
from gantool.translation.inputs import Source

_NAME = "consistency"


@dataclass(frozen=True)
class Given:
    """Files as a model gets them: of its channels, on white, resized to (width, height) `size`."""

    engine: Engine
    files: Sequence[Path]
    domain: str
    size: tuple[int, int] | None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int, /) -> Array:
        picture = self.engine.read(self.files[index], self.domain, self.size)
        return prepared(picture, self.engine.channels(self.domain), self.size)[0]


def consistency(
    engine: Engine,
    way: Direction,
    back: bool,
    sources: Sequence[Source],
    reals: Sequence[Path],
    fake: Pictures,
    size: tuple[int, int] | None,
    how: How,
) -> Part:
    """Cycle error, identity error, edge agreement and colour shift of the translations `fake` of `sources`, in their
    order, as many of each in a row; `reals` are pictures of the target domain.

    `back` says whether the pictures are known to be of the source domain and the weights translate to it. What a model
    cannot do is left out, with a note: label maps have neither outlines nor colours. Pictures are resized to (width,
    height) `size` first, as those of `fake` were. Raises what `Engine.translate` raises.
    """
    source, target = (engine.spec.kind(domain) for domain in way)
    files = [source.picture for source in sources if source.picture is not None]
    given = Given(engine, files, way.source, size)
    each = len(fake) // len(files)
    pairs = [(index // each, index) for index in range(len(fake))]
    parts: list[Part] = []
    left_out: list[str] = []
    if isinstance(source, LabelMaps):
        left_out.append(f"{way.source} are label maps, which have no outlines or colours to keep")
    else:
        parts.append(content(given, fake, pairs, how))
        if back:
            parts.append(_cycle(engine, way, given, sources, fake, pairs, how))
        else:
            left_out.append(f"the cycle error, as the weights do not lead back from {way.target} to one source")
        if source == target:
            parts.append(_identity(engine, way, Given(engine, reals, way.source, size), how))
        else:
            left_out.append(f"the identity error, as {way.source} and {way.target} differ in channels")
    return _joined(parts, [f"not measured of consistency: {'; '.join(left_out)}"] if left_out else [])


def _cycle(
    engine: Engine,
    way: Direction,
    given: Given,
    sources: Sequence[Source],
    fake: Pictures,
    pairs: Sequence[tuple[int, int]],
    how: How,
) -> Part:
    """Every fake picture back to the source domain, against what it was made of."""
    back = Direction(way.target, way.source)
    codes = Codes(engine, how.seed)
    errors = []
    for done, (before, after) in enumerate(pairs):
        how.progress("there and back", done, len(pairs))
        relative = sources[before].relative
        code = _code(engine, codes, given, before, way.source, relative)
        (result,) = engine.translate([fake[after]], back, codes=code, seed=seed_of(how.seed, relative))
        errors.append(_l1(given[before], result, how))
    values = {"cycle_l1": np.array(errors)}
    rule = f"there, as a picture of {_bits(fake)} bits, and back{_styled(engine, 'the picture')}; mean |difference|"
    return Part(averages(values), {_NAME: {"cycle": rule}}, recount=means(values))


def _identity(engine: Engine, way: Direction, reals: Given, how: How) -> Part:
    """The way to the target domain for pictures of that domain (Zhu et al. 2017, section 5.2)."""
    codes = Codes(engine, how.seed)
    errors = []
    for index in range(len(reals)):
        how.progress("what is right already", index, len(reals))
        relative = reals.files[index].name
        pixels = reals[index]
        code = _code(engine, codes, reals, index, way.target, relative)
        (result,) = engine.translate([pixels], way, codes=code, seed=seed_of(how.seed, relative))
        errors.append(_l1(pixels, result, how))
    values = {"identity_l1": np.array(errors)}
    rule = f"real pictures of {way.target} translated as if of {way.source}{_styled(engine, 'the picture')}"
    return Part(
        averages(values), {_NAME: {"identity": f"{rule}; mean |difference|"}}, recount=means(values, of_fakes=False)
    )


def _code(engine: Engine, codes: Codes, given: Given, index: int, domain: str, relative: str) -> Tensor | None:
    """The style of a picture itself where the model can tell it, else one that is drawn as `gantool translate` does."""
    if "code" not in engine.can:
        return None
    if "encode" not in engine.can:
        return codes.code(Style("random"), domain, relative)
    return engine.encode(Picture(given[index], None, "", None), domain)


def _l1(one: Array, other: Array, how: How) -> float:
    return float((as_rgb(one, how.square) - as_rgb(other, how.square)).abs().mean())


def _styled(engine: Engine, whose: str) -> str:
    if "code" not in engine.can:
        return ""
    return f", in the style of {whose} itself" if "encode" in engine.can else ", in a drawn style"


def _bits(fake: Pictures) -> int:
    return 8 * fake[0].dtype.itemsize


def _joined(parts: Sequence[Part], notes: list[str]) -> Part:
    """Several parts as one: their protocols stand in one table."""
    protocol: dict[str, str] = {}
    for part in parts:
        protocol |= part.protocol[_NAME]

    def recount(real: Weights, fake: Weights) -> dict[str, float]:
        found: dict[str, float] = {}
        for part in parts:
            if part.recount is not None:
                found |= part.recount(real, fake)
        return found

    metrics = {name: value for part in parts for name, value in part.metrics.items()}
    return Part(metrics, {_NAME: protocol} if parts else {}, notes, recount)
