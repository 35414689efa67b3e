"""Pictures through a model. Training's samples, `translate` and the Python interface all come through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gantool.capabilities import Attends, Coded, Conditioned, Encodes, Translates, abilities
from gantool.contract import images_of
from gantool.errors import CheckpointError, DataError, OutOfMemoryError, UsageError, argument, ran_out
from gantool.inference import memory
from gantool.inference.heatmaps import coloured, grey
from gantool.inference.peak import WORKSPACE, Peak
from gantool.inference.pixels import as_input, fitted_back, matched, moved, prepared
from gantool.inference.ready import evaluating, fast_convolutions, networks_of, ready
from gantool.inference.ways import Way, Ways
from gantool.model import Model
from gantool.networks.passes import per_sample
from gantool.networks.strips import InStrips
from gantool.networks.winograd import KEPT_BYTES
from gantool.pictures import ids
from gantool.pictures.file import Array, Picture, read_picture
from gantool.schema import first_line
from gantool.spec import Direction, Pictures, Sizes, Spec

_TRIED = 64  # side of the picture that tells what others take


@dataclass(frozen=True)
class Shared:
    """The memory of several processes that share the work."""

    free: int
    """Bytes that were free before they began."""
    room: Callable[[int], AbstractContextManager[None]]
    """Inside `room(size)` a pass of so many bytes has its room beside those of the others."""


class Engine:
    """A model on a device, ready to translate. The model's own training or evaluation mode is left as it is.

    `precision` is "bf16", "fp32", or "exact": the same arithmetic, with convolutions computed by their definition.

    `memory` is how many bytes a picture may take; None for what is free at that moment. `can` are the abilities that
    its header names; None asks the model. `max_pixels` is how many pixels a file may have; None for as many as Pillow
    allows. `shared` is the memory of several processes, of which this is one.
    Only `read` is for several threads at once. Raises CheckpointError for a model that does not translate.
    """

    def __init__(
        self,
        model: Model[Any],
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        memory: int | None = None,
        can: frozenset[str] | None = None,
        max_pixels: int | None = None,
        shared: Shared | None = None,
    ) -> None:
        if not isinstance(model, Translates):
            raise CheckpointError(f"a {type(model).__name__} does not translate pictures")
        self.model = model.to(device)
        self.spec: Spec = model.spec
        self.sizes: Sizes = model.sizes
        self.directions = model.directions()
        self.can = abilities(model) if can is None else can
        self.device = torch.device(device)
        self.half = precision == "bf16"
        kept = KEPT_BYTES if memory is None else 0
        used = networks_of(model)
        self._convolutions = fast_convolutions(used, self.device, precision, kept)
        with evaluating(model):
            self.batches = per_sample(*used)
        """Whether pictures may share a batch: in evaluation mode no layer mixes them or draws random numbers."""
        self._strippable = [m for network in used for m in network.modules() if isinstance(m, InStrips)]
        of_a_pixel = 0 if memory is None or self._in_strips() else self._measured()
        self._ways = Ways(
            self.sizes,
            self.device,
            memory,
            max_pixels,
            self._in_strips,
            of_a_pixel,
            batches=self.batches,
            free=None if shared is None else shared.free,
        )
        self._room = (lambda size: nullcontext()) if shared is None else shared.room

    def channels(self, domain: str) -> int:
        """Channels of this domain's pictures."""
        return self.spec.kind(domain).channels

    def read(
        self, source: Path | bytes, domain: str, size: tuple[int, int] | None = None, *, for_style: bool = False
    ) -> Picture:
        """A file, or a file's content, as a picture of this domain; a label map as its planes of ids (H, W, C), int32.

        The instance map is looked for beside the file, where there is one. `size` (width, height) is what it will be
        resized to before it is translated, if it is not `for_style` alone. Raises DataError, and OutOfMemoryError from
        the file's header for a picture that would take too much memory to read or to translate.
        """
        kind, admit = self.spec.kind(domain), self.admit(size, for_style=for_style)
        if isinstance(kind, Pictures):
            return read_picture(source, admit)
        instances = None
        if kind.instances:
            if isinstance(source, bytes):
                raise DataError("a label map on stdin has no instance map beside it, which these weights need")
            instances = ids.find_instances(source)
        return Picture(ids.read_planes(source, kind.classes, instances, admit), None, "", None)

    def admit(self, size: tuple[int, int] | None = None, *, for_style: bool = False) -> Callable[[Image.Image], None]:
        """What refuses a file by its header that would take too much memory; the arguments are those of `read`."""

        def ask(image: Image.Image) -> None:
            self._ways.admit(image, size, translated=not for_style)

        return ask

    def fitted(self, pixels: Array) -> tuple[int, int]:
        """(height, width) that a picture (H, W, C) is padded to."""
        return self.sizes.fit(*pixels.shape[:2])

    def way(self, height: int, width: int) -> Way:
        """How pictures of this padded size go through, by the memory at hand.

        Raises OutOfMemoryError where they cannot. Without a limit, a network that cannot run in strips is always tried.
        """
        return self._ways.of(height, width)

    def learnt(self, way: Way, height: int, width: int) -> Way:
        """The way that pictures of this padded size went after all, if the memory did not suffice for this one."""
        return self._ways.learnt(way, height, width)

    def random_code(self, target: str, seed: int) -> Tensor:
        """A style code (1, S) of this domain; the same for the same seed. Raises UsageError without styles."""
        with self._ready(seed):
            return self._coded().random_code(self.spec.index(target), torch.Generator().manual_seed(seed))

    def mean_code(self, target: str) -> Tensor:
        """The style code (1, S) in the middle of those drawn for this domain. Raises UsageError without styles."""
        with self._ready(0):
            return self._coded().mean_code(self.spec.index(target))

    def between(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        """The style code (1, S) this share (0 to 1) of the way from one to another."""
        return self._coded().between(one.cpu(), other.cpu(), share)

    def encode(self, picture: Picture, domain: str) -> Tensor:
        """The style code (1, S) of a picture of this domain. Raises UsageError where the weights have no encoder."""
        if "encode" not in self.can or not isinstance(self.model, Encodes):
            others = f"{argument('style', 'random')}, mean, or a FILE.npy of codes"
            raise UsageError(f"these weights take no style from a picture: {others}")
        pixels, _ = prepared(picture, self.channels(domain))
        # A style encoder ends in a mean over the picture: mirrored borders would be a part of it.
        height, width = (max(side, self.sizes.minimum) for side in pixels.shape[:2])
        with self._explained(f"the style of a picture of {width}x{height}", "a smaller one"), self._ready(0):
            return self.model.encode(as_input([pixels], (height, width), self.device), domain=self.spec.index(domain))

    def _coded(self) -> Coded:
        if "code" not in self.can or not isinstance(self.model, Coded):
            raise UsageError(f"these weights have one result for a picture: leave out {argument('style')}")
        return self.model

    def _measured(self) -> int:
        """Bytes that a pass takes a pixel, by a small one, for networks that do not say."""
        way = next(iter(self.directions), Direction(self.spec.domains[0], self.spec.domains[-1]))
        size = self.sizes.fit(*[self.sizes.exact or _TRIED] * 2)
        kind = np.uint8 if isinstance(self.spec.kind(way.source), Pictures) else np.int32
        pixels = np.zeros((*size, self.channels(way.source)), kind)
        codes = self.random_code(way.target, 0) if "code" in self.can else None
        with Peak() as peak:
            self._pass([pixels], size, way, codes, 0, rows=None)
        return max(1, round(WORKSPACE * float(peak.bytes) / (size[0] * size[1])))

    def _in_strips(self) -> list[InStrips]:
        return [network for network in self._strippable if network.can_run_in_strips()]

    def translate(
        self,
        pixels: Sequence[Array],
        direction: Direction,
        *,
        codes: Tensor | None = None,
        seed: int = 0,
        way: Way | None = None,
    ) -> list[Array]:
        """Pictures (H, W, C) of the source domain, all of one padded size, as pictures (H, W, C') of the target domain.

        Grey results have the depth of their input, colour is 8-bit. `codes` are style codes (N, S), a row a picture;
        None draws one for all of them. `seed` decides what is drawn. Raises DataError for pictures that the model
        cannot translate, and OutOfMemoryError.
        """
        height, width = self.fitted(pixels[0])
        way = way or self.way(height, width)
        if "code" in self.can and codes is None:
            codes = self.random_code(direction.target, seed).expand(len(pixels), -1)
        count, wanted = len(pixels), way
        several = count > 1
        what = f"{count} pictures of {width}x{height}" if several else f"a picture of {width}x{height}"
        remedies = [*([f"a smaller {argument('batch')}"] if several else []), argument("size")]
        remedies += [] if self.half else [argument("precision", "bf16")]
        with self._explained(what, " or ".join(remedies)), self._room(count * wanted.takes):
            images = None
            try:
                images = self._pass(pixels, (height, width), direction, codes, seed, wanted.rows)
            except (MemoryError, RuntimeError) as error:
                if not ran_out(error):
                    raise
                self._ways.ran_out(height, width, count)
                # The estimate may have been too low: a picture alone gets a second chance.
                way = self._ways.learnt(wanted, height, width)
                if several or way.rows == wanted.rows:
                    raise
            if images is None:  # outside the handler, which would keep the failed pass's tensors alive
                memory.release(self.device)
                images = self._pass(pixels, (height, width), direction, codes, seed, way.rows)
            return fitted_back(images, pixels)

    def attention(self, pixels: Array, direction: Direction) -> dict[str, NDArray[np.uint8]]:
        """Where the networks look while they translate this picture (H, W, C): coloured maps (H, W, 3) and grey masks
        (H, W, 1) by name.

        Empty for a model that does not show it. Raises DataError and OutOfMemoryError as `translate`.
        """
        if "attend" not in self.can or not isinstance(self.model, Attends):
            return {}
        height, width = self.fitted(pixels)
        source, target = map(self.spec.index, direction)
        networks, way = self._in_strips(), self.way(height, width)
        with (
            self._explained("its maps of attention", argument("size")),
            self._room(way.takes),
            self._ready(0),
            _striped(networks, way.rows),
        ):
            maps = self.model.attention(as_input([pixels], (height, width), self.device), source=source, target=target)
        h, w = pixels.shape[:2]
        found = {}
        for name, heat in maps.items():
            # The padding is cut off before the range is stretched: it is no part of the picture.
            rows, columns = max(1, round(heat.shape[2] * h / height)), max(1, round(heat.shape[3] * w / width))
            drawn = grey if name in self.model.masks else coloured
            found[name] = drawn(heat[0, 0, :rows, :columns].float().cpu().numpy(), (w, h))
        return found

    def picture(
        self,
        picture: Picture,
        direction: Direction,
        *,
        size: tuple[int, int] | None = None,
        code: Tensor | None = None,
        seed: int = 0,
    ) -> Picture:
        """One picture of any kind, transparency and colour profile kept. `size` (width, height) resizes it first."""
        pixels, alpha = prepared(picture, self.channels(direction.source), size)
        (result,) = self.translate([pixels], direction, codes=code, seed=seed)
        result, alpha = matched(result, alpha)
        return replace(picture, pixels=result, alpha=alpha)

    def _pass(
        self,
        pixels: Sequence[Array],
        size: tuple[int, int],
        direction: Direction,
        codes: Tensor | None,
        seed: int,
        rows: int | None,
    ) -> Tensor:
        model = self.model
        assert isinstance(model, Translates)
        source, target = map(self.spec.index, direction)
        with self._ready(seed), _striped(self._in_strips(), rows):
            x = as_input(pixels, size, self.device)
            code = None if codes is None else moved(codes.float(), self.device)
            condition = model.condition(direction.target, x) if isinstance(model, Conditioned) else None
            made = model.translate(x, source=source, target=target, code=code, condition=condition)
            return images_of(made, len(x), "translate")

    def _ready(self, seed: int) -> AbstractContextManager[None]:
        return ready(self.model, self.device, half=self.half, seed=seed, convolutions=self._convolutions)

    @contextmanager
    def _explained(self, what: str, remedies: str) -> Iterator[None]:
        """Inside, what torch raises becomes OutOfMemoryError or DataError, with words for what it was about."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            memory.let_go(error, self.device)
            if ran_out(error):
                raise OutOfMemoryError(f"the memory does not suffice for {what}: try {remedies}") from error
            raise DataError(f"the model fails on {what}: {first_line(error)}") from error


@contextmanager
def _striped(networks: Sequence[InStrips], rows: int | None) -> Iterator[None]:
    """Inside, the networks go in strips of so many rows, or with None as a whole."""
    for network in networks:
        network.strip_rows = rows
    try:
        yield
    finally:
        for network in networks:
            network.strip_rows = None
