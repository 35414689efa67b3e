"""What a target says about a picture's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from gantool.direction import expression
from gantool.errors import UsageError

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
"""CelebA's attributes of which a head has one: to switch one on switches the others off."""


def asked(attributes: Sequence[str], classes: Sequence[str], target: str) -> int | dict[str, bool]:
    """The number of the class that a target names; or attributes that it wants on or off, the others stay.

    Raises UsageError for unknown names and for classes among attributes.
    """
    if target in classes:
        return classes.index(target)
    wanted, keeps = expression((*attributes, *classes), target)
    if not keeps:
        wanted = {name: on for name, on in wanted.items() if on or name in attributes}
    mixed = [name for name in wanted if name in classes]
    if mixed:
        raise UsageError(f"{mixed[0]} is a class and stands alone as a target: not {target}")
    on = [name for name, is_on in wanted.items() if is_on and name in HAIR]
    return wanted | ({name: False for name in attributes if name in HAIR and name not in wanted} if on else {})


def changed(own: Tensor, attributes: Sequence[str], wanted: Mapping[str, bool]) -> Tensor:
    """Labels (N, A) with these attributes on or off."""
    labels = own.clone()
    for name, on in wanted.items():
        labels[:, attributes.index(name)] = float(on)
    return labels
