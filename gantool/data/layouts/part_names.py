"""What the names of folders tell of the part of the data in them: train, val or test. Looks at no disk."""

from __future__ import annotations

import re
from collections.abc import Sequence

TRAIN = ("train", "training", "trainset", "trainingset")
VAL = ("val", "valid", "validation", "valset", "validset", "validationset")
TEST = ("test", "testing", "testset", "testingset", "eval", "evaluation")
HELD_BACK = (*VAL, *TEST)
_ALL = (*TRAIN, *HELD_BACK)

# Stands before a domain's name in the name of its folder: trainA, train_horse. "trains" is a name of its own.
_SPLIT = re.compile(r"^(?:train|test|val)(?:[_-]+|(?=[A-Z0-9])|$)")
# The same where all folders of a set have it: Train A, TESTB. By itself "train station" is a name, and so is "VALLEY".
_SPLIT_OF_ALL = re.compile(r"^(?:train|test|val)(?:[ _-]+|(?=[AB]$))", re.IGNORECASE)
_BEFORE = re.compile(r"(?:train|test|val)(?=[_-]|[A-Z0-9])|(?i:train|test|val)(?=[ _-]|[AB]$)")
_SPLIT_AFTER = re.compile(r"[ _-](?:train|test|val|valid|training|testing|validation)$", re.IGNORECASE)


def plain(name: str) -> str:
    """A folder's name without what people spell otherwise."""
    return re.sub(r"[ _-]", "", name).casefold()


def is_part(name: str) -> bool:
    """Whether a folder is called as a part of the data, and no more: `Testing`, `train_set`."""
    return plain(name) in _ALL


def part_of(name: str) -> str:
    """The part of the data that a folder's name tells of: "test" of `Test`, `testA` and `seg_test`; "" of others."""
    if is_part(name):
        return plain(name)
    found = _SPLIT.match(name) or _SPLIT_OF_ALL.match(name) or _SPLIT_AFTER.search(name)
    return plain(found.group()) if found else ""


def part_before(name: str) -> str:
    """The part that stands before the name of one domain of many: "train" of `train_cat`, `trainDog` and `Train A`; ""
    of others, and of a name that is the part alone.
    """
    found = _BEFORE.match(name)
    return found.group().lower() if found else ""


def without_part(name: str) -> str:
    """A folder's name without the part of the data that it tells of: "" of `Testing`, "seg" of `seg_train`."""
    if is_part(name):
        return ""
    return _SPLIT_AFTER.sub("", _SPLIT_OF_ALL.sub("", _SPLIT.sub("", name)))


def without_leading(names: Sequence[str]) -> list[str]:
    """The names of a set's folders without a leading train, test or val."""
    split = _SPLIT_OF_ALL if len(names) > 1 and all(map(_SPLIT_OF_ALL.match, names)) else _SPLIT
    return [split.sub("", name) for name in names]


def trained_names(names: Sequence[str]) -> list[str]:
    """Those of folders side by side that are training parts, where one has beside it what is held back of the same."""
    trained = [name for name in names if part_of(name) in TRAIN]
    held = {without_part(name) for name in names if part_of(name) in HELD_BACK}
    return trained if any(without_part(name) in held for name in trained) else []
