"""An official network's tensors into ours, by a map of what precedes the last part of their keys."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.networks.norms import InstanceNorm

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def load(
    network: nn.Module, prefixes: Mapping[str, str], tensors: Mapping[str, Tensor], where: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours. Returns the official keys with our names, and the dropped with why.

    `prefixes` gives what precedes `.weight` in our key for what precedes it in the official one. Statistics of instance
    norms (old files have them, nobody used them) are dropped; a missing `num_batches_tracked` (files older than PyTorch
    0.4.1) is 0. Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    expected = network.state_dict()
    names: dict[str, str] = {}
    dropped: dict[str, str] = {}
    wrong: list[str] = []
    for key, value in tensors.items():
        head, _, last = key.rpartition(".")
        name = f"{prefixes.get(head)}.{last}"
        if name in expected and value.shape == expected[name].shape:
            names[key] = name
        elif name in expected:
            wrong.append(f"{key} has shape {tuple(value.shape)} instead of {tuple(expected[name].shape)}")
        elif (
            last in _STATISTICS and head in prefixes and isinstance(network.get_submodule(prefixes[head]), InstanceNorm)
        ):
            dropped[key] = "statistics of an instance norm, which are never used"
        else:
            wrong.append(f"{key} is unknown")
    heads = {ours: official for official, ours in prefixes.items()}
    values = {
        name: tensors[key].float() if tensors[key].is_floating_point() else tensors[key] for key, name in names.items()
    }
    for name in expected.keys() - values.keys():
        head, _, last = name.rpartition(".")
        # A batch norm sets its own count to 0 where the file has none.
        reported = any(text.startswith(f"{heads[head]}.{last} ") for text in wrong)
        if last != "num_batches_tracked" and not reported:
            wrong.append(f"{heads[head]}.{last} is missing")
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(sorted(wrong)[:2])}{more}"
        )
    network.load_state_dict(values, assign=True)
    return names, dropped
