"""A network that says what pictures show: one class for each, or one for each of its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.errors import CheckpointError, UsageError, argument
from gantool.evaluation.description import Description, Input, read_description
from gantool.evaluation.networks.onnx import OnnxNetwork, open_network
from gantool.evaluation.pictures import Pictures, Progress, Size, as_rgb, size_text
from gantool.pictures.decoding import Array
from gantool.pictures.file import Picture, as_channels, to_uint8
from gantool.pictures.resize import resize


@dataclass(frozen=True)
class Judge:
    """Raises nothing: `load_judge` has looked at it."""

    description: Description
    network: OnnxNetwork | None = None
    """None: results are label maps, which are compared as they are."""
    expect: str | None = None
    """The name of the class that all pictures shall be of; None: that of their domain or folder."""
    labels: Path | None = None
    """A folder of the true label maps; None: the inputs, or where there is no network the real pictures."""

    @property
    def classifies(self) -> bool:
        """Whether it says one class for each picture."""
        return self.network is not None and _is_of_pictures(self.network)

    def answers(
        self, pictures: Pictures, square: Size | None, stage: str, progress: Progress
    ) -> Iterator[NDArray[Any]]:
        """The network's output for each picture, which is brought to (height, width) `square` first."""
        assert self.network is not None
        network, given = self.network, self.description.input

        def images() -> Iterator[NDArray[np.float32]]:
            for index in range(len(pictures)):
                progress(stage, index, len(pictures))
                yield _seen(pictures[index], square, given, network)

        return network.answers(images())

    def protocol(self) -> dict[str, Any]:
        """What there is to say of it, whatever it judges; hashes stand with those of the other files."""
        found: dict[str, Any] = {"description": self.description.file.name, "classes": len(self.description.classes)}
        if self.network is None:
            return {**found, "network": "none: label maps are compared as they are"}
        return {**found, "network": f"{self.network.file.name}, on the CPU", "input": _said(self)}


def load_judge(file: Path, *, expect: str | None = None, labels: Path | None = None) -> Judge:
    """The judge of a network or a description (see `read_description`). Raises UsageError for words that do not fit
    each other and CheckpointError for a file that holds no such network.
    """
    description = read_description(file)
    network = None if description.network is None else open_network(description.network)
    judge = Judge(description, network, expect, labels)
    if network is not None:
        _check(network, description)
    if judge.classifies and labels is not None:
        raise UsageError(f"{file} says a class for each picture, not for each pixel: leave out {argument('labels')}")
    if not judge.classifies and expect is not None:
        raise UsageError(f"{file} looks at each pixel, not at what a picture shows: leave out {argument('expect')}")
    return judge


def expected(judge: Judge, names: Iterable[str]) -> dict[str, int]:
    """The place of the class that pictures of each of these domains or folders shall be of. Raises UsageError for a
    name that the judge does not know, and for a judge of label maps.
    """
    asked = list(dict.fromkeys(names))
    if not judge.classifies:
        raise UsageError(
            f"{judge.description.file} is about label maps: it judges translations from one domain to another"
        )
    if judge.expect is not None and len(asked) > 1:
        raise UsageError(
            f"the pictures shall be of several classes: leave out {argument('expect')}. Where {', '.join(asked[:3])}"
            f" go by other names in {judge.description.file}, add them there, under also: of each class"
        )
    return {name: judge.description.place(judge.expect or name) for name in asked}


def _is_of_pictures(network: OnnxNetwork) -> bool:
    return len(network.gives) == 2 or (len(network.gives) == 4 and network.gives[2:] == (1, 1))


def _check(network: OnnxNetwork, description: Description) -> None:
    """Raises CheckpointError or UsageError where a network is not the one that is described."""
    if len(network.gives) not in (2, 3, 4):
        raise CheckpointError(
            f"{network.file} has to give (N, classes) for pictures, or (N, classes, H, W) or (N, H, W) for pixels, not"
            f" {len(network.gives) or 'an unknown number of'} dimensions"
        )
    named, known = len(description.classes), network.gives[1]
    of_ids = len(network.gives) == 3 or (known == 1 and not _is_of_pictures(network))
    if not of_ids and known not in (None, named):
        raise CheckpointError(f"{network.file} tells {known} classes apart, and {description.file} names {named}")
    channels = network.takes[1]
    if channels not in (None, 1, 3):
        raise CheckpointError(f"{network.file} takes pictures of {channels} channels, not of 1 or 3")
    how = description.input
    if how.channels is not None and channels not in (None, 1 if how.channels == "grey" else 3):
        raise UsageError(f"{description.file}: input.channels is {how.channels}, and the network takes {channels}")
    if _channels(how, network) == 1 and max(len(how.mean), len(how.std)) > 1:
        raise UsageError(f"{description.file}: input.mean and input.std are one number each for grey pictures")
    if how.size is not None and any(
        fixed not in (None, side) for fixed, side in zip(network.takes[2:], reversed(how.size), strict=True)
    ):
        takes = " x ".join(str(side or "any") for side in reversed(network.takes[2:]))
        raise UsageError(
            f"{description.file}: input.size is {size_text(how.size[::-1])}, and the network takes {takes}"
        )


def _channels(how: Input, network: OnnxNetwork) -> int:
    return 1 if how.channels == "grey" or (how.channels is None and network.takes[1] == 1) else 3


def _size(how: Input, network: OnnxNetwork) -> tuple[int, int] | None:
    """(width, height) of the network's input; None for any."""
    height, width = network.takes[2:]
    if how.size is not None or height is None or width is None:
        return how.size
    return width, height


def _seen(pixels: Array, square: Size | None, how: Input, network: OnnxNetwork) -> NDArray[np.float32]:
    """A picture (H, W, C) as the network's input (1, C', H', W')."""
    levels = to_uint8(as_channels(Picture(pixels, None, "", None), _channels(how, network)))
    if square is not None and levels.shape[:2] != square:
        sized = as_rgb(levels, square)[0, : levels.shape[2]].permute(1, 2, 0).numpy()
        levels = np.rint(sized * 255).astype(np.uint8)
    if (size := _size(how, network)) is not None:
        levels = resize(levels, size, how.resize).astype(np.uint8, copy=False)
    if how.channels == "bgr":
        levels = levels[..., ::-1]
    scale, mean, std = (np.array(given, np.float32) for given in (how.scale / 255, how.mean, how.std))
    values: NDArray[np.float32] = (levels.astype(np.float32) * scale - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _said(judge: Judge) -> str:
    """The rule of the input, in words."""
    network, how = judge.network, judge.description.input
    assert network is not None
    size = _size(how, network)
    sized = "as stored" if size is None else f"{size_text(size[::-1])}, {how.resize} by Pillow on 8-bit values"
    channels = how.channels or ("grey" if _channels(how, network) == 1 else "rgb")
    mean, std = (f"({', '.join(f'{value:g}' for value in values)})" for values in (how.mean, how.std))
    return f"{sized}; {channels}, 0 to {how.scale:g}, minus {mean}, over {std}"
