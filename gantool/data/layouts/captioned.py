"""Pictures with texts that describe them, or with vectors in place of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gantool.counting import count_in_words
from gantool.data.collection import Collection
from gantool.data.dataset import Dataset, Domain, Item, Layout, Order, Recipe
from gantool.data.layouts.captions import captions_beside, read_captions
from gantool.data.layouts.embeddings import FILENAMES, SUFFIXES, Embeddings, is_table_of_numbers, read_embeddings
from gantool.data.layouts.folders import both, left_out, listed
from gantool.data.layouts.folders import names as names_of
from gantool.data.layouts.named import not_shared, paths_of
from gantool.data.layouts.parts import only_part, pictures_of, train
from gantool.data.layouts.pictures import FEW
from gantool.data.layouts.tables import lines_of
from gantool.data.source import Box
from gantool.data.texts import as_bytes, encoded
from gantool.errors import DataError, UsageError, argument
from gantool.pictures.find import find_pictures

_RELEASED = "char-CNN-RNN-embeddings.pickle"


def captioned() -> Layout:
    """One collection of pictures, each with one caption or several: items {"image": (C, H, W) uint8, "text"}.

    A text is the bytes of its UTF-8, (L,) int64 from 1 to 255, with 0 behind them; L is that of the longest caption of
    the set. Where vectors come in place of texts it is one of these, (t,) float32. Each picture comes once an epoch, in
    an order shuffled anew, with one of its captions drawn at random.
    """
    return _Captioned()


@dataclass(frozen=True)
class _Captioned:
    name = "captioned"
    pairs = False
    many = False

    def find(self, paths: Sequence[Path], *, aligned: str | None = None) -> tuple[Domain, ...]:
        """The pictures below a folder (or below its folder `train`) that have captions, as one domain.

        Captions are in NAME.txt beside NAME.jpg; or below a second folder, or in a second file, which is a table of
        texts or holds vectors (`captions`, `embeddings`). A folder alone may be the authors' released data.
        """
        if aligned is not None:
            raise UsageError(
                f"{argument('aligned')} is for pictures in pairs: this model takes one folder of pictures with captions"
            )
        folders, files = [path for path in paths if path.is_dir()], [path for path in paths if not path.is_dir()]
        if not folders or len(paths) > 2:
            raise DataError(
                f"{' '.join(map(str, paths))}: expected one folder of pictures with NAME.txt beside NAME.jpg, or a"
                " folder of pictures and then the captions: a file (.csv, .jsonl, .npy, ...) or a folder of NAME.txt"
            )
        if len(paths) == 1 and (released := _released(folders[0])):
            return (_noted(released),)
        root = train(folders[0])
        pictures = pictures_of(names_of([folders[0]])[0], root)
        pictures = replace(pictures, note=both(only_part(folders[0], root), pictures.note))
        if not files:
            return (_noted(_beside(pictures, train(folders[-1]))),)
        (file,) = files
        if file.suffix.lower() in SUFFIXES or is_table_of_numbers(file):
            return (_noted(_with_vectors(pictures, file, read_embeddings(file))),)
        told = read_captions(file)
        found = paths_of(root, pictures.files, tuple(told), file)
        note = not_shared(root, pictures.files, told, found, file)
        return (_noted(replace(_only(pictures, found.values(), note), captions=tuple(told[row] for row in found))),)

    def open(self, domains: Sequence[Domain], recipe: Recipe) -> Dataset:
        """The data set. Raises DataError for pictures that are too small to be cropped."""
        (domain,) = domains
        collection = Collection(domain.sources(recipe.channels[0]), recipe.preparation)
        order = Order(len(domain.files), recipe.seed)
        longest = max((len(encoded(text)) for texts in domain.captions for text in texts), default=1)

        def draw(rng: np.random.Generator, epoch: int, index: int) -> Item:
            number = order.at(epoch, index)
            image = collection.augmented(number, rng)
            if domain.embeddings:
                vectors = domain.embeddings[number]
                return {"image": image, "text": np.array(vectors[rng.integers(len(vectors))], np.float32)}
            texts = domain.captions[number]
            return {"image": image, "text": as_bytes([texts[rng.integers(len(texts))]], longest)[0]}

        return Dataset(
            domains,
            recipe,
            [collection],
            length=len(domain.files),
            draw=draw,
            resized=lambda _, number: collection.resized(number),
        )


def _beside(pictures: Domain, texts: Path) -> Domain:
    """Those of the pictures that have a file of captions in the same place below `texts`."""
    root = pictures.root
    found, alone = captions_beside(root, pictures.files, texts)
    missing = _without(pictures.files, found)
    if len(missing) >= len(found):
        raise DataError(
            f"{len(missing)} of {len(pictures.files)} pictures in {root} have no captions ({listed(missing, 3)}):"
            f" expected {missing[0].stem}.txt{'' if texts == root else f' below {texts}'} with a caption a line, or a"
            " file of captions behind the folder"
        )
    note = both(left_out(missing, root, "without captions"), left_out(alone, texts, "captions without a picture"))
    return replace(_only(pictures, found, note), captions=tuple(found.values()))


def _with_vectors(pictures: Domain, file: Path, told: Embeddings) -> Domain:
    """Those of the pictures that have vectors in a file."""
    if told.names is None:
        if len(told.vectors) != len(pictures.files):
            raise DataError(
                f"{file} holds vectors of {count_in_words(len(told.vectors), 'picture')}, and {pictures.root} has"
                f" {len(pictures.files)}: they must be as many, in the order of the pictures' paths, or have names"
            )
        return replace(pictures, embeddings=tuple(told.vectors))
    vectors = dict(zip(told.names, told.vectors, strict=True))
    if len(vectors) < len(told.names):
        raise DataError(f"{file} names a picture twice")
    found = paths_of(pictures.root, pictures.files, told.names, file)
    note = not_shared(pictures.root, pictures.files, told.names, found, file)
    return replace(_only(pictures, found.values(), note), embeddings=tuple(vectors[row] for row in found))


def _released(root: Path) -> Domain | None:
    """The authors' released data: train/filenames.pickle, the vectors beside it, and pictures anywhere below `root`."""
    folder = train(root)
    if not (folder / FILENAMES).is_file():
        return None
    found = sorted(folder.glob("*embeddings.pickle"))
    usual = [file for file in found if file.name == _RELEASED] or found
    if len(usual) != 1:
        raise DataError(
            f"{folder} holds {FILENAMES} and {len(found)} files of vectors (*embeddings.pickle): name the folder of the"
            " pictures, and then the file"
        )
    told = read_embeddings(usual[0])
    names = told.names or ()
    ending = f"/{names[0]}" if names else "/"
    there = find_pictures(root)
    first = next((file for file in there if f"/{file.with_suffix('').as_posix()}".endswith(ending)), None)
    if first is None:
        raise DataError(f"{root} holds no picture {names[0] if names else ''}, which {folder / FILENAMES} names")
    base = first.parents[names[0].count("/")]
    pictures = Domain(names_of([root])[0], base, tuple(file for file in there if file.is_relative_to(base)))
    known = _with_vectors(pictures, usual[0], told)
    # The others are test pictures: nothing is amiss.
    return replace(known, unmatched=(), note=None)


def _only(pictures: Domain, found: Iterable[Path], note: str | None) -> Domain:
    """The domain of these of the pictures, in the order of their paths, with a message on the others."""
    files = tuple(found)
    return replace(pictures, files=files, unmatched=_without(pictures.files, files), note=both(pictures.note, note))


def _without(files: Sequence[Path], found: Iterable[Path]) -> tuple[Path, ...]:
    known = set(found)
    return tuple(file for file in files if file not in known)


def _boxed(domain: Domain) -> Domain:
    """CUB's birds cut out: a square around each one's box, half as large again, as the authors take it."""
    for folder in (domain.root, domain.root.parent):
        files = [folder / name for name in ("images.txt", "bounding_boxes.txt")]
        if not all(file.is_file() for file in files):
            continue
        names, boxes = ([line.split() for line in lines_of(file) if line.strip()] for file in files)
        try:
            named = {number: folder / "images" / name for number, name in names}
            found = {named[number]: _around(*map(float, box)) for number, *box in boxes}
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise DataError(
                f"{files[1]} does not fit {files[0]}: expected CUB's tables of pictures and boxes"
            ) from error
        of_files = tuple(found.get(file) for file in domain.files)
        if any(of_files):
            note = f"birds are cut out by {files[1]}"
            return replace(domain, boxes=of_files, note=both(domain.note, note))
    return domain


def _around(x: float, y: float, width: float, height: float) -> Box:
    """The square around the middle of a box, with sides of one and a half times its larger one."""
    reach = int(0.75 * max(width, height))
    middle_x, middle_y = int(x + width / 2), int(y + height / 2)
    return middle_x - reach, middle_y - reach, middle_x + reach, middle_y + reach


def _noted(domain: Domain) -> Domain:
    """With boxes, where there are any, and a message where the pictures are few."""
    domain = _boxed(domain)
    count = len(domain.files)
    if count >= FEW:
        return domain
    pictures = count_in_words(count, "picture is", "pictures are")
    few = f"{pictures} few to learn what words mean: below {FEW:,} a discriminator learns them by heart"
    return replace(domain, note=both(domain.note, few))
